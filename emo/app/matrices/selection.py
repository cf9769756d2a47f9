"""What a person chose to see of the stored answers, in widgets and in the address, and its figures.

Without a filter the figures are those of ``metrics.json``; with one they are counted anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from emo import labels as emo_labels
from emo.app import common, controls, url
from emo.app import text as app_text
from emo.app.matrices import text
from emo.corpora.catalogue import default_directory
from emo.corpora.metadata import ACTORS, LISTENER_LABELS, VOTES, read_sexes_and_ages, read_votes
from emo.corpora.protocols import SPEAKERS
from emo.errors import CorpusError, ModelError
from emo.evaluation import subsets
from emo.evaluation.benchmark import EMOBOX
from emo.evaluation.predictions import METRICS, predictions_file, read_json
from emo.evaluation.summary import LISTENERS
from emo.inference import predictor
from emo.labels import LABELS
from emo.system import paths

THRESHOLDS_PERCENT = tuple(range(0, 100, 5))
"""Thresholds of confidence, in per cent."""

_HEARD = "cremad"  # the corpus that listeners named


@dataclass(frozen=True)
class MatrixFilter:
    """Which predictions the page shows, and as what kind of number.

    Attributes
    ----------
    protocol
        One of ``PROTOCOL_NAMES``.
    normalise
        Shares of rows rather than counts.
    corpus
        Key of a corpus, or ``all``.
    source_protocol
        The protocol whose runs made the answers: another one for listeners and a part of EmoBox.
    sex
        ``women``, ``men``, or ``all``.
    threshold_percent
        Per cent of confidence below which answers are left out; 0 for none.
    """

    protocol: str
    normalise: bool
    corpus: str
    source_protocol: str
    sex: str = subsets.ALL
    threshold_percent: int = 0

    @property
    def is_filtered(self) -> bool:
        """Whether the figures differ from those stored."""
        return self.sex != subsets.ALL or self.threshold_percent > 0

    @property
    def labels(self) -> tuple[str, ...]:
        """The answers that could be given."""
        if self.protocol == "emobox" and self.corpus in EMOBOX:
            return EMOBOX[self.corpus][1]
        return LISTENER_LABELS if self.protocol == "listeners" else LABELS

    @property
    def tested_corpus(self) -> str:
        """Key of the corpus whose clips are tested, or ``all``."""
        return _HEARD if self.protocol == "listeners" else self.corpus


# --- Choosing ------------------------------------------------------------------------------------


def choose_filter(metrics: common.Metrics) -> MatrixFilter:
    """The choice of protocol, kind of number, corpus, sex and threshold, with what it means."""
    asked = _asked()
    _set_to(asked)
    with st.container(horizontal=True, gap="medium", key="view"):
        protocol = _segments("protocol", text.PROTOCOL_LABEL, text.PROTOCOL_NAMES)
        show = _segments("numbers", text.SHOW_LABEL, text.SHOW_NAMES)
        corpus = _choose_corpus(metrics, protocol, asked)
        sex = _segments("voices", text.VOICES_LABEL, text.VOICES_NAMES)
        floor = st.select_slider(
            text.THRESHOLD_LABEL,
            THRESHOLDS_PERCENT,
            value=controls.value_of("above", THRESHOLDS_PERCENT[0], THRESHOLDS_PERCENT),
            format_func=text.threshold_name,
            key="above",
            persist_state="session",
            help=text.THRESHOLD_HELP,
            width=230,
        )
    st.header(text.PROTOCOL_NAMES[protocol], anchor=False)
    st.markdown(text.PROTOCOL_MEANINGS[protocol])
    source = _source(metrics, protocol, corpus)
    return MatrixFilter(protocol, show == "shares", corpus, source, sex, int(floor))


def _asked() -> dict[str, str]:
    """What the address asks for, when the page is opened; later the widgets know better."""
    if not url.is_opened("protocol"):
        return {}
    allowed = {
        "protocol": text.PROTOCOL_NAMES,
        "numbers": text.SHOW_NAMES,
        "corpus": app_text.CORPUS_NAMES,
        "voices": text.VOICES_NAMES,
        "above": [str(floor) for floor in THRESHOLDS_PERCENT],
    }
    found = {name: url.read(name, values) for name, values in allowed.items()}
    return {name: value for name, value in found.items() if value is not None}


def _set_to(asked: Mapping[str, str]) -> None:
    """Nothing; the widgets show what an address asks for, and nothing else that was set before."""
    if not asked:
        return
    for key, usual in (
        ("protocol", next(iter(text.PROTOCOL_NAMES))),
        ("numbers", next(iter(text.SHOW_NAMES))),
        ("voices", next(iter(text.VOICES_NAMES))),
    ):
        st.session_state[key] = asked.get(key, usual)
    st.session_state["above"] = int(asked.get("above", THRESHOLDS_PERCENT[0]))


def _segments(key: str, label: str, names: Mapping[str, str]) -> str:
    chosen = st.segmented_control(
        label,
        list(names),
        default=controls.value_of(key, next(iter(names)), names),
        required=True,
        format_func=names.__getitem__,
        key=key,
        persist_state="session",
    )
    return str(chosen)


def _choose_corpus(metrics: common.Metrics, protocol: str, asked: Mapping[str, str]) -> str:
    """All corpora or one of those that some model was tested on; EmoBox has no total."""
    tested: dict[str, None] = {}
    for blocks in metrics.values():
        tested |= dict.fromkeys(blocks.get(protocol, {}).get("per_corpus", {}))
    corpora = list(tested) if protocol == "emobox" else [app_text.ALL_CORPORA, *tested]
    if not tested:
        return app_text.ALL_CORPORA
    key = f"corpus-{protocol}"
    if asked:
        st.session_state[key] = asked.get("corpus")
    corpus = st.selectbox(
        text.CORPUS_LABEL,
        corpora,
        index=corpora.index(controls.value_of(key, corpora[0], corpora)),
        format_func=lambda key: app_text.CORPUS_NAMES.get(key, key),
        key=key,
        persist_state="session",
        width=190,
    )
    return str(corpus)


def _source(metrics: common.Metrics, protocol: str, corpus: str) -> str:
    if protocol == "listeners":
        return SPEAKERS.key
    blocks = (metrics[key].get(protocol, {}).get("per_corpus", {}) for key in metrics)
    named = (block.get(corpus, {}).get("protocol") for block in blocks)
    return next((name for name in named if name), protocol)


def in_address(matrix_filter: MatrixFilter) -> dict[str, str]:
    """The matrix_filter as it stands in the address; empty where it is as the page opens."""
    return {
        "protocol": ""
        if matrix_filter.protocol == next(iter(text.PROTOCOL_NAMES))
        else matrix_filter.protocol,
        "numbers": "" if matrix_filter.normalise else "counts",
        "corpus": "" if matrix_filter.corpus == app_text.ALL_CORPORA else matrix_filter.corpus,
        "voices": "" if matrix_filter.sex == subsets.ALL else matrix_filter.sex,
        "above": str(matrix_filter.threshold_percent) if matrix_filter.threshold_percent else "",
    }


# --- Answers -------------------------------------------------------------------------------------


@st.cache_resource(max_entries=4, show_spinner=text.READING)
def _read(models: str, protocol: str, data: str, stamps: tuple[float, ...]) -> subsets.Answers:
    """The answers under a protocol; ``stamps`` are when the files were last written."""
    actors = {}
    try:
        actors = read_sexes_and_ages(Path(data)) if data else {}
    except CorpusError:
        common.LOG.exception("the table of actors cannot be read")
    return subsets.read_answers(Path(models), protocol, actors)


@st.cache_resource(max_entries=2, show_spinner=False)
def _read_votes(data: str, stamp: float) -> dict[str, Any]:
    return read_votes(Path(data))


def _stamp(path: Path) -> float:
    return path.stat().st_mtime if path.is_file() else 0.0


def filtered_answers(matrix_filter: MatrixFilter) -> subsets.Answers | None:
    """Return the filtered predictions of all confidences; show a warning if they cannot be read."""
    models, data = paths.MODELS_DIR, default_directory()
    files = [
        predictions_file(models, key, matrix_filter.source_protocol) for key in predictor.MODEL_KEYS
    ]
    files += [models / key / METRICS for key in (*predictor.MODEL_KEYS, emo_labels.VOTE)]
    files += [data / ACTORS] if data else []
    try:
        stamps = tuple(_stamp(path) for path in files)
        given = _read(str(models), matrix_filter.source_protocol, str(data or ""), stamps)
    except (CorpusError, ModelError) as error:
        common.LOG.error("%s", error)  # it names folders of the server, which are not for the page
        st.warning(text.NO_ANSWERS)
        return None
    return subsets.filter_clips(
        given, matrix_filter.labels, matrix_filter.tested_corpus, matrix_filter.sex
    )


def join_votes(given: subsets.Answers) -> subsets.Answers | None:
    """The clips that listeners named, with their votes; None where these are not here."""
    data = default_directory()
    try:
        votes = _read_votes(str(data), _stamp(data / VOTES)) if data else {}
    except CorpusError:
        common.LOG.exception("the votes of the listeners cannot be read")
        votes = {}
    return subsets.votes_of(given, votes) if votes else None


# --- Figures -------------------------------------------------------------------------------------


def stored_scores(
    metrics: common.Metrics, key: str, matrix_filter: MatrixFilter
) -> app_text.Scores | None:
    """Stored scores of one model under a protocol and a corpus, None if it was not tested so."""
    block = metrics.get(key, {}).get(matrix_filter.protocol, {})
    if matrix_filter.corpus == app_text.ALL_CORPORA:
        return block if "confusion" in block else None
    scores = block.get("per_corpus", {}).get(matrix_filter.corpus)
    group = block.get("fairness", {}).get("corpus", {}).get(matrix_filter.corpus, {})
    if scores and "intervals" in group:
        return {**scores, "intervals": group["intervals"]}
    return dict(scores) if scores else None


def filtered_scores(
    metrics: common.Metrics, matrix_filter: MatrixFilter
) -> dict[str, app_text.Scores]:
    """Scores in a matrix_filter of every model that was tested so, by key; none if none was."""
    stored = {key: one for key in metrics if (one := stored_scores(metrics, key, matrix_filter))}
    if not stored or not matrix_filter.is_filtered:
        return stored
    part = filtered_answers(matrix_filter)
    if part is None:
        return {}
    if matrix_filter.protocol == "listeners" and (named := join_votes(part)) is not None:
        part = named
    counted: dict[str, app_text.Scores] = {}
    for key, block in stored.items():
        found = subsets.scores(part, key, matrix_filter.threshold_percent / 100)
        if matrix_filter.protocol == "emobox":
            found |= subsets.fold_means(part, key, matrix_filter.threshold_percent / 100)
        if (
            matrix_filter.protocol == "cross-corpus"
            and matrix_filter.corpus == app_text.ALL_CORPORA
        ):
            mean = subsets.uar_of_folds(part, key, matrix_filter.threshold_percent / 100)
            if mean is not None:
                found["uar"], found["intervals"]["uar"] = mean
        names = {*block, "kept", "intervals", "n", "labels", "confusion"}
        cut_block = {name: value for name, value in found.items() if name in names}
        if "protocol" in block:
            cut_block["protocol"] = matrix_filter.source_protocol
        counted[key] = cut_block | {"of": len(part)}
    return counted


def listener_scores(matrix_filter: MatrixFilter) -> app_text.Scores:
    """What is known of the listeners in a matrix_filter; empty if nothing is."""
    if matrix_filter.protocol != "listeners":
        return {}
    if matrix_filter.sex != subsets.ALL:
        part = filtered_answers(matrix_filter)
        named = join_votes(part) if part is not None else None
        if named is None:
            st.info(text.NO_VOTES_CUT)
        return subsets.listeners(named) if named is not None and len(named) else {}
    try:
        return read_json(paths.MODELS_DIR / LISTENERS)
    except ModelError:
        common.LOG.exception("the figures of the listeners cannot be read")
        return {}


def unknown_sexes(matrix_filter: MatrixFilter) -> int:
    """Return the number of filtered clips whose speaker's sex is not known."""
    if matrix_filter.sex == subsets.ALL:
        return 0
    whole = filtered_answers(
        MatrixFilter(
            matrix_filter.protocol,
            matrix_filter.normalise,
            matrix_filter.corpus,
            matrix_filter.source_protocol,
        )
    )
    return 0 if whole is None else int(np.sum(whole.sexes == ""))


def confusion(scores: app_text.Scores) -> np.ndarray:
    """Clips by acted emotion (row) and answer (column), int64 (k, k)."""
    return np.array(scores["confusion"], dtype=np.int64)


def score_labels(scores: app_text.Scores) -> Sequence[str]:
    """Names of the rows and columns of a matrix."""
    labels: Sequence[str] = scores.get("labels", LABELS)
    return labels


def list_runs(
    metrics: common.Metrics, key: str, matrix_filter: MatrixFilter
) -> list[dict[str, Any]]:
    """The runs behind the scores of a model, one for each fold, in their order."""
    runs: list[dict[str, Any]] = metrics[key].get(matrix_filter.source_protocol, {}).get("runs", [])
    return runs
