"""Choice of the predictions that the matrices show, and their scores.

Without a filter the scores are those of ``metrics.json``; with one they are computed from the
stored predictions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import streamlit as st

from emo.app import common, controls, url
from emo.app import text as app_text
from emo.app.matrices import guests, text
from emo.corpora import protocols
from emo.corpora.catalogue import default_directory
from emo.corpora.metadata import ACTORS, LISTENER_LABELS, VOTES, read_sexes_and_ages, read_votes
from emo.errors import CorpusError, ModelError
from emo.evaluation import subsets
from emo.evaluation.figures.benchmark import EMOBOX
from emo.evaluation.predictions import Predictions, predictions_file
from emo.evaluation.stored import LISTENERS, METRICS, Run, read_json
from emo.inference import loading
from emo.labels import ENSEMBLE, LABELS
from emo.system import paths

THRESHOLDS_PERCENT = tuple(range(0, 100, 5))
"""Thresholds of confidence that can be chosen, in per cent."""

ScoresByKey = Mapping[str, app_text.Scores]
"""Scores by key of a classifier, of the ensemble, or of the listeners."""

_LISTENERS_CORPUS = "cremad"
_DEFAULT_PROTOCOL, _DEFAULT_NUMBERS, _DEFAULT_SEX = (
    next(iter(names)) for names in (text.PROTOCOL_NAMES, text.SHOW_NAMES, text.VOICES_NAMES)
)


@dataclass(frozen=True)
class MatrixFilter:
    """Choice of the predictions that the page shows, and of the kind of number.

    Attributes
    ----------
    protocol
        Key of a protocol.
    normalise
        Show shares of rows instead of counts.
    corpus
        Key of a corpus, or ``all``.
    source_protocol
        Key of the protocol whose runs made the predictions; it differs from ``protocol`` for the
        listeners and for part of EmoBox.
    sex
        ``women``, ``men``, or ``all``.
    threshold_percent
        Predictions below this confidence are left out; 0 for none.
    """

    protocol: str
    normalise: bool
    corpus: str
    source_protocol: str
    sex: str = subsets.ALL
    threshold_percent: int = 0

    @property
    def is_filtered(self) -> bool:
        """True if the scores differ from the stored ones."""
        return self.sex != subsets.ALL or self.threshold_percent > 0

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that could be predicted."""
        if self.protocol == protocols.EMOBOX.key and self.corpus in EMOBOX:
            return EMOBOX[self.corpus][1]
        return LISTENER_LABELS if self.protocol == protocols.LISTENERS.key else LABELS

    @property
    def tested_corpus(self) -> str:
        """The key of the corpus whose clips are tested, or ``all``."""
        return _LISTENERS_CORPUS if self.protocol == protocols.LISTENERS.key else self.corpus


# --- Choosing ------------------------------------------------------------------------------------


def choose_filter(metrics: common.Metrics) -> MatrixFilter:
    """Show the controls of the filter and what the chosen protocol means; return the filter."""
    if url.is_opened("protocol"):
        _read_address()
    with st.container(horizontal=True, gap="small", key="filter"):
        protocol = show_segments("protocol", text.PROTOCOL_LABEL, text.PROTOCOL_NAMES)
        numbers = show_segments("numbers", text.SHOW_LABEL, text.SHOW_NAMES)
        corpus = _choose_corpus(metrics, protocol)
        sex = show_segments("voices", text.VOICES_LABEL, text.VOICES_NAMES)
        threshold_percent = st.select_slider(
            text.THRESHOLD_LABEL,
            THRESHOLDS_PERCENT,
            value=controls.value_of("above", THRESHOLDS_PERCENT[0], THRESHOLDS_PERCENT),
            format_func=text.threshold_name,
            key="above",
            persist_state="session",
            help=text.THRESHOLD_HELP,
            width=150,
        )
    st.header(text.PROTOCOL_NAMES[protocol], anchor=False)
    st.markdown(text.PROTOCOL_MEANINGS[protocol])
    source = _source_protocol(metrics, protocol, corpus)
    return MatrixFilter(protocol, numbers == "shares", corpus, source, sex, int(threshold_percent))


def _read_address() -> None:
    """Set the controls to the parameters of a link; leave them unchanged if it has none."""
    allowed = {
        "protocol": text.PROTOCOL_NAMES,
        "numbers": text.SHOW_NAMES,
        "voices": text.VOICES_NAMES,
        "corpus": app_text.CORPUS_NAMES,
        "above": [str(percent) for percent in THRESHOLDS_PERCENT],
    }
    params = {name: url.read(name, values) for name, values in allowed.items()}
    if not any(params.values()) and not url.is_returned():
        return
    protocol = params["protocol"] or _DEFAULT_PROTOCOL
    st.session_state["protocol"] = protocol
    st.session_state["numbers"] = params["numbers"] or _DEFAULT_NUMBERS
    st.session_state["voices"] = params["voices"] or _DEFAULT_SEX
    st.session_state[f"corpus-{protocol}"] = params["corpus"]
    st.session_state["above"] = int(params["above"] or THRESHOLDS_PERCENT[0])


def show_segments(
    key: str,
    label: str,
    names: Mapping[str, str],
    default: str | None = None,
    label_visibility: Literal["visible", "collapsed"] = "visible",
) -> str:
    """Show options side by side, whose choice lasts for the session, and return that choice.

    Parameters
    ----------
    key
        Key of the widget.
    names
        Title of each option.
    default
        The option before the first choice; the first of all if it is None.
    """
    options = list(names)
    chosen = st.segmented_control(
        label,
        options,
        default=controls.value_of(key, default or options[0], options),
        required=True,
        format_func=names.__getitem__,
        key=key,
        persist_state="session",
        label_visibility=label_visibility,
    )
    return str(chosen)


def show_select(
    key: str, label: str, names: Mapping[str, str], default: str | None = None, width: int = 190
) -> str:
    """Show options in a list to open, whose choice lasts for the session, and return that choice.

    The parameters are those of ``show_segments``; the width is in pixels.
    """
    options = list(names)
    chosen = st.selectbox(
        label,
        options,
        index=options.index(controls.value_of(key, default or options[0], options)),
        format_func=names.__getitem__,
        key=key,
        persist_state="session",
        width=width,
    )
    return str(chosen)


def _choose_corpus(metrics: common.Metrics, protocol: str) -> str:
    """Return ``all`` or the key of a tested corpus; EmoBox has no total over its corpora."""
    tested: dict[str, None] = {}
    for blocks in metrics.values():
        tested |= dict.fromkeys(blocks.get(protocol, {}).get("per_corpus", {}))
    if not tested:
        return app_text.ALL_CORPORA
    has_total = protocol != protocols.EMOBOX.key
    keys = [app_text.ALL_CORPORA, *tested] if has_total else list(tested)
    names = {key: app_text.CORPUS_NAMES.get(key, key) for key in keys}
    return show_select(f"corpus-{protocol}", text.CORPUS_LABEL, names, width=150)


def _source_protocol(metrics: common.Metrics, protocol: str, corpus: str) -> str:
    if protocol == protocols.LISTENERS.key:
        return protocols.SPEAKERS.key
    blocks = (metrics[key].get(protocol, {}).get("per_corpus", {}) for key in metrics)
    sources = (block.get(corpus, {}).get("protocol") for block in blocks)
    return next((source for source in sources if source), protocol)


def address_params(matrix_filter: MatrixFilter) -> dict[str, str]:
    """Return the parameters of the address for a filter; defaults are empty."""
    protocol, corpus, sex = matrix_filter.protocol, matrix_filter.corpus, matrix_filter.sex
    return {
        "protocol": "" if protocol == _DEFAULT_PROTOCOL else protocol,
        "numbers": "" if matrix_filter.normalise else "counts",
        "corpus": "" if corpus == app_text.ALL_CORPORA else corpus,
        "voices": "" if sex == subsets.ALL else sex,
        "above": str(matrix_filter.threshold_percent or ""),
    }


# --- Predictions ---------------------------------------------------------------------------------


@st.cache_resource(max_entries=4, show_spinner=text.READING)
def _read(models: str, protocol: str, stamps: tuple[float, ...]) -> subsets.Tables:
    """Return the predictions under a protocol; `stamps` are when the files were last written."""
    return subsets.read_tables(Path(models), protocol)


@st.cache_resource(max_entries=2, show_spinner=False)
def _read_actors(data: str, stamp: float) -> dict[str, tuple[str, int]]:
    return read_sexes_and_ages(Path(data))


def actors() -> dict[str, tuple[str, int]]:
    """Return sex and age of the actors of CREMA-D; empty where the table is missing."""
    data = default_directory()
    try:
        return _read_actors(str(data), _stamp(data / ACTORS)) if data else {}
    except CorpusError:
        common.LOG.exception("the table of actors cannot be read")
        return {}


@st.cache_resource(max_entries=2, show_spinner=False)
def _read_votes(data: str, stamp: float) -> dict[str, Any]:
    return read_votes(Path(data))


def _stamp(path: Path) -> float:
    return path.stat().st_mtime if path.is_file() else 0.0


def filtered_predictions(matrix_filter: MatrixFilter) -> subsets.Tables | None:
    """Return the filtered predictions of all confidences; show a warning if they cannot be read."""
    models, source = paths.MODELS_DIR, matrix_filter.source_protocol
    files = [predictions_file(models, key, source) for key in loading.MODEL_KEYS]
    files += [models / key / METRICS for key in app_text.MODEL_NAMES]
    try:
        stamps = tuple(_stamp(path) for path in files)
        predictions = _read(str(models), source, stamps)
    except (CorpusError, ModelError) as error:
        common.LOG.error("%s", error)  # it names folders of the server, which are not for the page
        st.warning(text.NO_PREDICTIONS)
        return None
    tables = _filter(predictions, matrix_filter)
    of_guests = _filter(guests.predictions(source), matrix_filter)
    clips = next(iter(tables.values())).clips
    # A guest may lack the clips acted calm, which EmoBox counts.
    return tables | {
        key: table for key, table in of_guests.items() if np.array_equal(table.clips, clips)
    }


def _filter(tables: subsets.Tables, matrix_filter: MatrixFilter) -> subsets.Tables:
    """Return the clips of the filter; each table may be of clips of its own."""
    filtered: subsets.Tables = {}
    for key, table in tables.items():
        filtered |= subsets.filter_clips(
            {key: table},
            matrix_filter.labels,
            matrix_filter.tested_corpus,
            matrix_filter.sex,
            actors(),
        )
    return filtered


def join_votes(predictions: subsets.Tables) -> subsets.Tables | None:
    """Return the clips that listeners labelled, with their votes; None if those are missing."""
    data = default_directory()
    try:
        votes = _read_votes(str(data), _stamp(data / VOTES)) if data else {}
    except CorpusError:
        common.LOG.exception("the votes of the listeners cannot be read")
        votes = {}
    return subsets.add_votes(predictions, votes) if votes else None


# --- Scores --------------------------------------------------------------------------------------


def stored_scores(
    metrics: common.Metrics, key: str, matrix_filter: MatrixFilter
) -> app_text.Scores | None:
    """Return the stored scores of a model under a protocol and corpus; None if it was not tested.

    Filters of sex and confidence are not applied.
    """
    block = metrics.get(key, {}).get(matrix_filter.protocol, {})
    if matrix_filter.corpus == app_text.ALL_CORPORA:
        return block if "confusion" in block else None
    scores = block.get("per_corpus", {}).get(matrix_filter.corpus)
    group = block.get("fairness", {}).get("corpus", {}).get(matrix_filter.corpus)
    if scores and group is not None and "intervals" in group:
        return {**scores, "intervals": group["intervals"]}
    return dict(scores) if scores else None


def filtered_scores(
    metrics: common.Metrics, matrix_filter: MatrixFilter
) -> dict[str, app_text.Scores]:
    """Return the filtered scores of every model that was tested in this way, by key."""
    stored = {
        key: scores
        for key in metrics
        if (scores := stored_scores(metrics, key, matrix_filter)) is not None
    }
    if not stored or not matrix_filter.is_filtered:
        return stored
    predictions = filtered_predictions(matrix_filter)
    if predictions is None:
        return {}
    if matrix_filter.protocol == protocols.LISTENERS.key:
        voted = join_votes(predictions)
        predictions = predictions if voted is None else voted
    return {
        key: _compute_scores(predictions[key], matrix_filter, block)
        for key, block in stored.items()
        if key in predictions
    }


def _compute_scores(
    predictions: Predictions, matrix_filter: MatrixFilter, stored: app_text.Scores
) -> app_text.Scores:
    """Return the scores of filtered predictions that are also among the stored ones."""
    threshold = matrix_filter.threshold_percent / 100
    scores = subsets.scores(predictions, threshold)
    if matrix_filter.protocol == protocols.EMOBOX.key:
        scores |= subsets.fold_means(predictions, threshold)
    if is_cross_corpus_mean(matrix_filter):
        mean = subsets.uar_of_folds(predictions, threshold)
        if mean is not None:
            scores["uar"], scores["intervals"]["uar"] = mean
    names = {*stored, "coverage", "intervals", "n", "labels", "confusion"}
    block = {name: value for name, value in scores.items() if name in names}
    if "protocol" in stored:
        block["protocol"] = matrix_filter.source_protocol
    return block | {"of": len(predictions)}


def is_cross_corpus_mean(matrix_filter: MatrixFilter) -> bool:
    """Return True if UAR is the mean over the corpora that are tested in turn."""
    is_cross_corpus = matrix_filter.protocol == protocols.CROSS_CORPUS.key
    return is_cross_corpus and matrix_filter.corpus == app_text.ALL_CORPORA


def listener_scores(matrix_filter: MatrixFilter) -> app_text.Scores:
    """Return the scores of the listeners, filtered by sex; empty if there are none."""
    if matrix_filter.protocol != protocols.LISTENERS.key:
        return {}
    if matrix_filter.sex != subsets.ALL:
        predictions = filtered_predictions(matrix_filter)
        voted = join_votes(predictions) if predictions is not None else None
        if voted is None:
            st.info(text.NO_VOTES)
        return subsets.listeners(voted) if voted and len(voted[subsets.LISTENERS]) else {}
    try:
        return read_json(paths.MODELS_DIR / LISTENERS)
    except ModelError:
        common.LOG.exception("the figures of the listeners cannot be read")
        return {}


def count_unknown_sexes(matrix_filter: MatrixFilter) -> int:
    """Return the number of clips that a filter of sex omits because the sex is not known."""
    if matrix_filter.sex == subsets.ALL:
        return 0
    predictions = filtered_predictions(replace(matrix_filter, sex=subsets.ALL))
    if predictions is None:
        return 0
    return int(np.sum(subsets.sexes_of(predictions[ENSEMBLE], actors()) == ""))


def confusion(scores: app_text.Scores) -> np.ndarray:
    """Return the clips by acted emotion (row) and answer (column), int64 (k, k)."""
    return np.array(scores["confusion"], dtype=np.int64)


def score_labels(scores: app_text.Scores) -> Sequence[str]:
    """Return the names of the rows and columns of a confusion matrix."""
    labels: Sequence[str] = scores.get("labels", LABELS)
    return labels


def list_runs(metrics: common.Metrics, key: str, matrix_filter: MatrixFilter) -> list[Run]:
    """Return the runs behind the scores of a model, one for each fold, in their order."""
    return metrics[key].get(matrix_filter.source_protocol, {}).get("runs", [])
