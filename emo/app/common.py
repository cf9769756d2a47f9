"""Functions of all pages: title and style, models, measured accuracy, and task slots."""

import functools
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar, cast

import streamlit as st

from emo import labels
from emo.app import clip_cache, current_clip, html, navigation, theme
from emo.app import text as app_text
from emo.app.own import served
from emo.app.own import text as own_text
from emo.app.serving import visitors
from emo.audio import isolated
from emo.audio.clip import Clip
from emo.classifiers import storage
from emo.classifiers.label_subset import subset_key
from emo.errors import ModelError
from emo.evaluation.stored import (
    METRICS,
    ProtocolFigures,
    SubsetFigures,
    read_metrics,
    read_subsets,
)
from emo.inference import loading, predictor
from emo.server import memory
from emo.server.concurrency import limiter
from emo.server.telemetry import TELEMETRY

_Protocols = dict[str, ProtocolFigures]

Metrics = dict[str, _Protocols]
"""Scores of ``metrics.json`` by model and by protocol."""

CHART = {"displayModeBar": False, "scrollZoom": False}
"""Settings of every Plotly chart."""

LOG = logging.getLogger("emo")

T = TypeVar("T")


_FILES = Path(__file__).parent / "static"
_LOGO = _FILES / "logo.svg"
_SPACES = re.compile(r"[ \t\r\n]+")  # a space that must not break stays
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")


def start_page(title: str, lead: str) -> None:
    """Draw the colours of a page, its title and the sentence below it."""
    navigation.ensure_navigation()
    navigation.record_visit(title)
    isolated.shared_decoder().start()  # so that it is ready for the first upload
    st.html(f"<style>{theme.styles()}{theme.upload_hints(app_text.UPLOAD_HINTS)}</style>")
    st.logo(str(_LOGO), size="large")
    st.title(title, anchor=False)
    st.html(html.render("page", "lead", lead))
    current_clip.ask_before_leaving()


def escape_markdown(text: str) -> str:
    r"""Return a text with each special character of Markdown escaped by ``\``."""
    return _MARKDOWN.sub(r"\\\1", _SPACES.sub(" ", text))


@st.cache_resource(show_spinner=app_text.LOADING)
def models() -> loading.Models:
    """Return the models that can be loaded; they are cached for all sessions.

    Raises
    ------
    ModelError
        None of them can be loaded.
    """
    try:
        return loading.load_models(served.directory())
    except ModelError:
        usable = loading.load_usable(served.directory())
    for fault in usable.faults.values():
        LOG.error("%s", fault)  # names folders of the server, which visitors must not see
    return usable


def held_out_speakers() -> frozenset[str] | None:
    """Return the speakers on whom no model here was trained, as their ``model.json`` say.

    None for own models: their clips may be those of a corpus under other names.
    """
    if served.is_own():
        return None
    infos = []
    for key in served.classifier_keys():
        try:
            infos.append(storage.read_model_info(served.directory() / key))
        except ModelError:
            continue  # it gives no answers either
    return storage.held_out_speakers(infos)


def missing_models(prediction: predictor.Prediction) -> tuple[str, ...]:
    """Return the keys of the models without an answer."""
    return tuple(key for key in served.classifier_keys() if key not in prediction.answers)


def load_metrics(directory: Path) -> Metrics:
    """Return the scores of every model that has some, the ensembles last.

    Raises
    ------
    ModelError
        A file cannot be read.
    """
    metrics: Metrics = {}
    for key in app_text.MODEL_NAMES:
        if not (directory / key / METRICS).is_file():
            continue
        try:
            stat = (directory / key / METRICS).stat()
            metrics[key] = _read_protocols(directory, key, stat.st_mtime_ns, stat.st_size)
        except (OSError, ModelError) as error:
            LOG.error("%s", error)  # it names folders of the server, which are not for the page
            place = f"{key}/{METRICS}"
            raise ModelError(app_text.unreadable_figures(place, type(error).__name__)) from error
    return metrics


@functools.lru_cache(maxsize=64)
def _read_protocols(directory: Path, key: str, time_ns: int, n_bytes: int) -> _Protocols:
    """Return the scores of a model; checking the file takes longer than all else of a page."""
    return read_metrics(directory, key)["protocols"]


def metrics_or_notice() -> Metrics:
    """Return the scores; if there are none, draw a notice and return an empty dictionary."""
    try:
        metrics = load_metrics(served.directory())
    except ModelError as error:
        st.error(escape_markdown(str(error)))
        return {}
    if not metrics:
        st.warning(own_text.UNMEASURED if served.is_own() else app_text.NO_METRICS)
    return metrics


def available_metrics() -> Metrics:
    """Return the scores, empty if there are none or a file is damaged.

    Answers are shown without them; the page of matrices reports the damage.
    """
    try:
        return load_metrics(served.directory())
    except ModelError:
        return {}


def metrics_among(labels_among: Sequence[str]) -> Metrics:
    """Return the scores where an answer is chosen among some labels, empty if there are none.

    Without a subset these are those of all labels.
    """
    if tuple(labels_among) == served.labels():
        return available_metrics()
    name = subset_key(labels_among)
    metrics: Metrics = {}
    for protocol, by_model in _subsets(served.directory()).items():
        for key, subsets in by_model.items():
            if name in subsets:
                metrics.setdefault(key, {})[protocol] = cast(ProtocolFigures, subsets[name])
    return metrics


@st.cache_data(show_spinner=False)
def _subsets(directory: Path) -> dict[str, dict[str, dict[str, SubsetFigures]]]:
    try:
        return read_subsets(directory)["protocols"]
    except ModelError as error:
        LOG.error("%s", error)
        return {}


def agreement_text(prediction: predictor.Prediction) -> str:
    """Return a sentence on how far the models agree on a clip."""
    answers = {key: None if a.unsure else a.label for key, a in prediction.answers.items()}
    models = {key: answers[key] for key in served.classifier_keys() if key in answers}
    return app_text.agreement(models, answers[labels.ENSEMBLE])


@contextmanager
def task_slot(kind: str, size: float = 0) -> Iterator[None]:
    """Occupy a slot of the concurrency limiter for the block, and record its duration.

    Parameters
    ----------
    kind
        Kind of task in the metrics of the server, such as ``"predict"``.
    size
        Peak memory of the task in bytes.

    Raises
    ------
    BusyError
        The queue is full, or there is not enough memory.
    """
    with (
        limiter().slot(visitors.client_address()),
        clip_cache.memory_budget().reserve(size),
        TELEMETRY.task(kind),
    ):
        yield


def predict_in_slot(clip: Clip) -> predictor.Prediction:
    """Return the answers to a clip, within the slot in which it was decoded.

    Raises
    ------
    BusyError
        There is not enough memory.
    """
    with clip_cache.memory_budget().reserve(memory.predict_bytes(clip.duration_s)):
        prediction = predictor.predict(clip, models())
    report_faults(prediction)
    return prediction


def report_faults(prediction: predictor.Prediction) -> None:
    """Log and count the models that failed on a clip."""
    for key, fault in prediction.faults.items():
        LOG.error("%s", fault)
        TELEMETRY.errors.labels("model", key).inc()


def run_in_slots(kind: str, steps: Iterator[T]) -> Iterator[T]:
    """Yield the steps of a long task, each computed in a slot of its own."""
    while True:
        with task_slot(kind):
            step = next(steps, None)
        if step is None:
            return
        yield step
