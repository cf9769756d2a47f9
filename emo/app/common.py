"""What all pages share: their frame, the loaded models, the measured figures, and errors."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st

from emo import labels
from emo.app import clip_cache, html, navigation, theme
from emo.app import text as app_text
from emo.app.serving import visitors
from emo.audio import isolated
from emo.audio.clip import Clip
from emo.errors import ModelError
from emo.inference import predictor
from emo.server import memory
from emo.server.concurrency import limiter
from emo.server.telemetry import TELEMETRY
from emo.system import paths

Metrics = dict[str, dict[str, Any]]
"""By model (tree, cnn, mlp, vote), then by protocol: the scores that ``metrics.json`` holds."""

CHART = {"displayModeBar": False, "scrollZoom": False}
"""Settings of every plotly chart."""

LOG = logging.getLogger("emo")

T = TypeVar("T")


_STYLE = Path(__file__).parent / "static" / "app.css"
_LOGO = Path(__file__).parent / "static" / "logo.svg"
_SPACES = re.compile(r"[ \t\r\n]+")  # a space that must not break stays
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")


def start_page(title: str, lead: str) -> None:
    """Set the looks of the page, its title and the sentence under it."""
    navigation.ensure_navigation()
    navigation.record_visit(title)
    isolated.shared_decoder().start()  # ready before the first upload is
    st.html(f"<style>{_STYLE.read_text(encoding='utf-8')}{theme.styles()}</style>")
    st.logo(str(_LOGO), size="large")
    st.title(title, anchor=False)
    st.html(html.render("page", "lead", lead))


def escape_markdown(text: str) -> str:
    r"""The text with every character that Markdown would read as a sign escaped by ``\``."""
    return _MARKDOWN.sub(r"\\\1", _SPACES.sub(" ", text))


@st.cache_resource(show_spinner=app_text.LOADING)
def models() -> predictor.Models:
    """The three models, or those of them that can be used, loaded once for all sessions.

    Raises
    ------
    ModelError
        None of them can be used.
    """
    try:
        return predictor.load_models(paths.MODELS_DIR)
    except ModelError:
        found = predictor.load_usable(paths.MODELS_DIR)
    for fault in found.faults.values():
        LOG.error("%s", fault)  # it names folders of the server, which are not for the page
    return found


def missing_models(prediction: predictor.Prediction) -> tuple[str, ...]:
    """Keys of the models that could not be loaded, and so gave no answer."""
    return tuple(key for key in predictor.MODEL_KEYS if key not in prediction.answers)


def load_metrics(directory: Path) -> Metrics:
    """The measured figures of every model that has some, in the order tree, cnn, mlp, vote.

    Raises
    ------
    ModelError
        A file is there but holds no figures.
    """
    found: Metrics = {}
    for key in (*predictor.MODEL_KEYS, labels.VOTE):
        path = directory / key / "metrics.json"
        if not path.is_file():
            continue
        try:
            found[key] = dict(json.loads(path.read_text(encoding="utf-8"))["protocols"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            place = f"{key}/{path.name}"
            raise ModelError(app_text.unreadable_figures(place, type(error).__name__)) from error
    return found


def metrics_or_notice() -> Metrics:
    """The measured figures; if there are none, the page says so and gets an empty dictionary."""
    try:
        metrics = load_metrics(paths.MODELS_DIR)
    except ModelError as error:
        st.error(escape_markdown(str(error)))
        return {}
    if not metrics:
        st.warning(app_text.NO_METRICS)
    return metrics


def available_metrics() -> Metrics:
    """The measured figures, none where there are none or they are damaged.

    The answers stand without them; the page of matrices says what is wrong.
    """
    try:
        return load_metrics(paths.MODELS_DIR)
    except ModelError:
        return {}


def agreement_text(prediction: predictor.Prediction) -> str:
    """Whether the three models agree on a clip, as a sentence."""
    given = {key: None if a.unsure else a.label for key, a in prediction.answers.items()}
    models = {key: given[key] for key in predictor.MODEL_KEYS if key in given}
    return app_text.agreement(models, given[labels.VOTE])


@contextmanager
def task_slot(kind: str, size: float = 0) -> Iterator[None]:
    """A place among the analyses that run at once, for the block, which is timed.

    Parameters
    ----------
    size
        Bytes that the work takes at its peak.

    Raises
    ------
    BusyError
        Too many run and wait already, or there is no memory for it.
    """
    with (
        limiter().slot(visitors.client_address()),
        clip_cache.memory_budget().reserve(size),
        TELEMETRY.task(kind),
    ):
        yield


def predict_in_slot(clip: Clip) -> predictor.Prediction:
    """The answers to a clip that was just decoded, in the turn that it was decoded in.

    Raises
    ------
    BusyError
        There is no memory for it.
    """
    with clip_cache.memory_budget().reserve(memory.predict_bytes(clip.duration_s)):
        prediction = predictor.predict(clip, models())
    report_faults(prediction)
    return prediction


def report_faults(prediction: predictor.Prediction) -> None:
    """Log and count the models that gave no numbers for a clip."""
    for key, fault in prediction.faults.items():
        LOG.error("%s", fault)
        TELEMETRY.errors.labels("model", key).inc()


def run_in_slots(kind: str, steps: Iterator[T]) -> Iterator[T]:
    """The steps, each made in a turn of its own, so that long work lets others in between."""
    while True:
        with task_slot(kind):
            step = next(steps, None)
        if step is None:
            return
        yield step
