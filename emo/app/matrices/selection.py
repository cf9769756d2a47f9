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
from emo.app import common, controls, text, url
from emo.app.matrices import text as cell_words
from emo.app.matrices import text as words
from emo.corpora.catalogue import default_directory
from emo.corpora.metadata import ACTORS, LISTENER_LABELS, VOTES, read_sexes_and_ages, read_votes
from emo.errors import CorpusError, ModelError
from emo.evaluation import subsets
from emo.evaluation.benchmark import EMOBOX
from emo.evaluation.predictions import METRICS, predictions_file, read_json
from emo.evaluation.summary import LISTENERS
from emo.inference import predictor
from emo.labels import LABELS
from emo.system import paths

FLOORS = tuple(range(0, 100, 5))
"""Thresholds of confidence, in per cent."""

_HEARD = "cremad"  # the corpus that listeners named


@dataclass(frozen=True)
class MatrixFilter:
    """What a person chose to see.

    Attributes
    ----------
    protocol
        One of ``PROTOCOL_NAMES``.
    normalise
        Shares of rows rather than counts.
    corpus
        Key of a corpus, or ``all``.
    source
        The protocol whose runs made the answers: another one for listeners and a part of EmoBox.
    sex
        ``women``, ``men``, or ``all``.
    floor
        Per cent of confidence below which answers are left out; 0 for none.
    """

    protocol: str
    normalise: bool
    corpus: str
    source: str
    sex: str = subsets.ALL
    floor: int = 0

    @property
    def is_cut(self) -> bool:
        """Whether the figures differ from those stored."""
        return self.sex != subsets.ALL or self.floor > 0

    @property
    def labels(self) -> tuple[str, ...]:
        """The answers that could be given."""
        if self.protocol == "emobox" and self.corpus in EMOBOX:
            return EMOBOX[self.corpus][1]
        return LISTENER_LABELS if self.protocol == "listeners" else LABELS

    @property
    def tested(self) -> str:
        """Key of the corpus whose clips are tested, or ``all``."""
        return _HEARD if self.protocol == "listeners" else self.corpus


# --- Choosing ------------------------------------------------------------------------------------


def choose_view(metrics: common.Metrics) -> MatrixFilter:
    """The choice of protocol, kind of number, corpus, sex and threshold, with what it means."""
    asked = _asked()
    _set_to(asked)
    with st.container(horizontal=True, gap="medium", key="view"):
        protocol = _segments("protocol", words.PROTOCOL_LABEL, words.PROTOCOL_NAMES)
        show = _segments("numbers", words.SHOW_LABEL, words.SHOW_NAMES)
        corpus = _choose_corpus(metrics, protocol, asked)
        sex = _segments("voices", cell_words.VOICES_LABEL, cell_words.VOICES_NAMES)
        floor = st.select_slider(
            cell_words.FLOOR_LABEL,
            FLOORS,
            value=controls.hold("above", FLOORS[0], FLOORS),
            format_func=cell_words.floor_name,
            key="above",
            on_change=controls.note,
            args=("above",),
            help=cell_words.FLOOR_HELP,
            width=230,
        )
    st.header(words.PROTOCOL_NAMES[protocol], anchor=False)
    st.markdown(words.PROTOCOL_MEANINGS[protocol])
    source = _source(metrics, protocol, corpus)
    return MatrixFilter(protocol, show == "shares", corpus, source, sex, int(floor))


def _asked() -> dict[str, str]:
    """What the address asks for, when the page is opened; later the widgets know better."""
    if "protocol" in st.session_state:
        return {}
    allowed = {
        "protocol": words.PROTOCOL_NAMES,
        "numbers": words.SHOW_NAMES,
        "corpus": text.CORPUS_NAMES,
        "voices": cell_words.VOICES_NAMES,
        "above": [str(floor) for floor in FLOORS],
    }
    found = {name: url.asked(name, values) for name, values in allowed.items()}
    return {name: value for name, value in found.items() if value is not None}


def _set_to(asked: Mapping[str, str]) -> None:
    """Nothing; the widgets show what an address asks for, and nothing else that was set before."""
    if not asked:
        return
    for key, usual in (
        ("protocol", next(iter(words.PROTOCOL_NAMES))),
        ("numbers", next(iter(words.SHOW_NAMES))),
        ("voices", next(iter(cell_words.VOICES_NAMES))),
    ):
        controls.put(key, asked.get(key, usual))
    controls.put("above", int(asked.get("above", FLOORS[0])))


def _segments(key: str, label: str, names: Mapping[str, str]) -> str:
    chosen = st.segmented_control(
        label,
        list(names),
        default=controls.hold(key, next(iter(names)), names),
        required=True,
        format_func=names.__getitem__,
        key=key,
        on_change=controls.note,
        args=(key,),
    )
    return str(chosen)


def _choose_corpus(metrics: common.Metrics, protocol: str, asked: Mapping[str, str]) -> str:
    """All corpora or one of those that some model was tested on; EmoBox has no total."""
    tested: dict[str, None] = {}
    for blocks in metrics.values():
        tested |= dict.fromkeys(blocks.get(protocol, {}).get("per_corpus", {}))
    corpora = list(tested) if protocol == "emobox" else [text.ALL_CORPORA, *tested]
    if not tested:
        return text.ALL_CORPORA
    key = f"corpus-{protocol}"
    if asked:
        controls.put(key, asked.get("corpus"))
    corpus = st.selectbox(
        words.CORPUS_LABEL,
        corpora,
        index=corpora.index(controls.hold(key, corpora[0], corpora)),
        format_func=lambda key: text.CORPUS_NAMES.get(key, key),
        key=key,
        on_change=controls.note,
        args=(key,),
        width=190,
    )
    return str(corpus)


def _source(metrics: common.Metrics, protocol: str, corpus: str) -> str:
    if protocol == "listeners":
        return "voices"
    blocks = (metrics[key].get(protocol, {}).get("per_corpus", {}) for key in metrics)
    named = (block.get(corpus, {}).get("protocol") for block in blocks)
    return next((name for name in named if name), protocol)


def in_address(view: MatrixFilter) -> dict[str, str]:
    """The view as it stands in the address; empty where it is as the page opens."""
    return {
        "protocol": "" if view.protocol == next(iter(words.PROTOCOL_NAMES)) else view.protocol,
        "numbers": "" if view.normalise else "counts",
        "corpus": "" if view.corpus == text.ALL_CORPORA else view.corpus,
        "voices": "" if view.sex == subsets.ALL else view.sex,
        "above": str(view.floor) if view.floor else "",
    }


# --- Answers -------------------------------------------------------------------------------------


@st.cache_resource(max_entries=4, show_spinner=cell_words.READING)
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


def answers_of(view: MatrixFilter) -> subsets.Answers | None:
    """The answers behind a view, of all confidences; if there are none, the page says so."""
    models, data = paths.MODELS_DIR, default_directory()
    files = [predictions_file(models, key, view.source) for key in predictor.MODEL_KEYS]
    files += [models / key / METRICS for key in (*predictor.MODEL_KEYS, emo_labels.VOTE)]
    files += [data / ACTORS] if data else []
    try:
        stamps = tuple(_stamp(path) for path in files)
        given = _read(str(models), view.source, str(data or ""), stamps)
    except (CorpusError, ModelError) as error:
        common.LOG.error("%s", error)  # it names folders of the server, which are not for the page
        st.warning(cell_words.NO_ANSWERS)
        return None
    return subsets.filter_clips(given, view.labels, view.tested, view.sex)


def with_votes(given: subsets.Answers) -> subsets.Answers | None:
    """The clips that listeners named, with their votes; None where these are not here."""
    data = default_directory()
    try:
        votes = _read_votes(str(data), _stamp(data / VOTES)) if data else {}
    except CorpusError:
        common.LOG.exception("the votes of the listeners cannot be read")
        votes = {}
    return subsets.votes_of(given, votes) if votes else None


# --- Figures -------------------------------------------------------------------------------------


def stored_scores(metrics: common.Metrics, key: str, view: MatrixFilter) -> text.Scores | None:
    """Stored scores of one model under a protocol and a corpus, None if it was not tested so."""
    block = metrics.get(key, {}).get(view.protocol, {})
    if view.corpus == text.ALL_CORPORA:
        return block if "confusion" in block else None
    scores = block.get("per_corpus", {}).get(view.corpus)
    group = block.get("fairness", {}).get("corpus", {}).get(view.corpus, {})
    if scores and "intervals" in group:
        return {**scores, "intervals": group["intervals"]}
    return dict(scores) if scores else None


def scores_of(metrics: common.Metrics, view: MatrixFilter) -> dict[str, text.Scores]:
    """Scores in a view of every model that was tested so, by key; none if none was."""
    stored = {key: one for key in metrics if (one := stored_scores(metrics, key, view))}
    if not stored or not view.is_cut:
        return stored
    part = answers_of(view)
    if part is None:
        return {}
    if view.protocol == "listeners" and (named := with_votes(part)) is not None:
        part = named
    counted: dict[str, text.Scores] = {}
    for key, block in stored.items():
        found = subsets.scores(part, key, view.floor / 100)
        if view.protocol == "emobox":
            found |= subsets.fold_means(part, key, view.floor / 100)
        if view.protocol == "corpora" and view.corpus == text.ALL_CORPORA:
            mean = subsets.uar_of_folds(part, key, view.floor / 100)
            if mean is not None:
                found["uar"], found["intervals"]["uar"] = mean
        names = {*block, "kept", "intervals", "n", "labels", "confusion"}
        cut_block = {name: value for name, value in found.items() if name in names}
        if "protocol" in block:
            cut_block["protocol"] = view.source
        counted[key] = cut_block | {"of": len(part)}
    return counted


def listeners_of(view: MatrixFilter) -> text.Scores:
    """What is known of the listeners in a view; empty if nothing is."""
    if view.protocol != "listeners":
        return {}
    if view.sex != subsets.ALL:
        part = answers_of(view)
        named = with_votes(part) if part is not None else None
        if named is None:
            st.info(cell_words.NO_VOTES_CUT)
        return subsets.listeners(named) if named is not None and len(named) else {}
    try:
        return read_json(paths.MODELS_DIR / LISTENERS)
    except ModelError:
        common.LOG.exception("the figures of the listeners cannot be read")
        return {}


def unknown_sexes(view: MatrixFilter) -> int:
    """How many clips of a view are by speakers of whom it is not known whether women or men."""
    if view.sex == subsets.ALL:
        return 0
    whole = answers_of(MatrixFilter(view.protocol, view.normalise, view.corpus, view.source))
    return 0 if whole is None else int(np.sum(whole.sexes == ""))


def confusion(scores: text.Scores) -> np.ndarray:
    """Clips by acted emotion (row) and answer (column), int64 (k, k)."""
    return np.array(scores["confusion"], dtype=np.int64)


def labels_of(scores: text.Scores) -> Sequence[str]:
    """Names of the rows and columns of a matrix."""
    labels: Sequence[str] = scores.get("labels", LABELS)
    return labels


def runs_of(metrics: common.Metrics, key: str, view: MatrixFilter) -> list[dict[str, Any]]:
    """The runs behind the scores of a model, one for each fold, in their order."""
    runs: list[dict[str, Any]] = metrics[key].get(view.source, {}).get("runs", [])
    return runs
