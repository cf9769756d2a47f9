"""Behind a cell of a matrix: which clips, what each model said of them, and how they sound."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st
from markupsafe import Markup

from emo import formatting
from emo import labels as emo_labels
from emo.app import common, controls, current_clip, html, url
from emo.app import text as app_text
from emo.app.matrices import grid, selection, text
from emo.audio import clip as audio_clip
from emo.corpora import catalogue
from emo.corpora.catalogue import default_directory
from emo.errors import AudioError, CorpusError
from emo.evaluation import subsets
from emo.inference import predictor

N_ROWS = 8
"""Clips in sight at a time."""

_MODEL, _ACTED, _ANSWER = "cell-model", "cell-acted", "cell-answer"
_PLAYED = "cell-played"
_PAGE = "cell-page"


@dataclass(frozen=True)
class SelectedCell:
    """A cell: key of the model (or ``listeners``), acted emotion, answer."""

    key: str
    acted: str
    answer: str

    def as_text(self) -> str:
        """The cell as it stands in the address."""
        return f"{self.key}.{self.acted}.{self.answer}"


# --- Choosing a cell -----------------------------------------------------------------------------


def selected_cell(keys: Sequence[str], labels: Sequence[str]) -> SelectedCell | None:
    """The cell that was clicked or chosen, or that the address asks for; None if there is none."""
    asked = url.read("cell", _every(keys, labels)) if url.is_opened(_MODEL) else None
    if asked:
        _choose(*asked.split("."))
    usual = emo_labels.VOTE if emo_labels.VOTE in keys else keys[0]
    key = controls.value_of(_MODEL, usual, keys)
    acted, answer = (controls.value_of(name, None, labels) for name in (_ACTED, _ANSWER))
    return SelectedCell(key, acted, answer) if acted and answer else None


def _choose(key: str, acted: str | None, answer: str | None) -> None:
    for name, value in ((_MODEL, key), (_ACTED, acted), (_ANSWER, answer)):
        st.session_state[name] = value


def _every(keys: Sequence[str], labels: Sequence[str]) -> list[str]:
    return [SelectedCell(key, a, b).as_text() for key in keys for a in labels for b in labels]


def toggle_cell(key: str, chart: str) -> None:
    """Nothing; makes the cell that was chosen in a model's matrix the one that is looked behind.

    Chosen a second time, it is let go.
    """
    cell = grid.clicked_cell(chart)
    if cell is None:
        return
    if tuple(controls.value_of(name, None) for name in (_MODEL, _ACTED, _ANSWER)) == (key, *cell):
        _choose(key, None, None)
    else:
        _choose(key, *cell)


def show_cell(
    matrix_filter: selection.MatrixFilter, keys: Sequence[str], cell: SelectedCell | None
) -> None:
    """The choice of a cell by keyboard, and the clips in it."""
    st.header(text.TITLE, anchor=False)
    with st.container(horizontal=True, gap="medium", key="cell"):
        st.selectbox(
            text.MODEL_LABEL,
            list(keys),
            index=keys.index(controls.value_of(_MODEL, keys[0])),
            format_func=text.model_name,
            key=_MODEL,
            persist_state="session",
            width=190,
        )
        for name, label in ((_ACTED, text.ACTED_LABEL), (_ANSWER, text.ANSWER_LABEL)):
            value = controls.value_of(name, None)
            st.selectbox(
                label,
                list(matrix_filter.labels),
                index=None if value is None else matrix_filter.labels.index(value),
                key=name,
                persist_state="session",
                placeholder=text.ANY,
                width=170,
            )
    if cell is None:
        st.caption(text.HINT)
        return
    part = selection.filtered_answers(matrix_filter)
    if part is None:
        return
    named = selection.join_votes(part) if matrix_filter.protocol == "listeners" else None
    if cell.key == subsets.LISTENERS and named is None:
        st.info(text.NO_VOTES_CUT)
        return
    part = part if named is None else named
    _show_cell_clips(part, cell, matrix_filter)


def _show_cell_clips(
    part: subsets.Answers, cell: SelectedCell, matrix_filter: selection.MatrixFilter
) -> None:
    of_listeners = cell.key == subsets.LISTENERS
    column = part.labels.index(cell.answer)
    if of_listeners:
        rows = subsets.clips_voted(part, cell.acted, cell.answer)
        counts = part.shares[subsets.LISTENERS]
        n_row = int(counts[part.emotions == cell.acted].sum())
        n = int(counts[rows, column].sum())
    else:
        rows = subsets.clips_in_cell(
            part, cell.key, cell.acted, cell.answer, matrix_filter.threshold_percent / 100
        )
        n, own = len(rows), part.emotions == cell.acted
        n_row = int(
            (
                own & subsets.above_threshold(part, cell.key, matrix_filter.threshold_percent / 100)
            ).sum()
        )
    st.text(text.cell(cell.acted, cell.answer, n, n_row, of_listeners))
    if len(rows):
        _show_clips(part.take(rows), cell)


# --- The clips -----------------------------------------------------------------------------------


@st.fragment
def _show_clips(clips: subsets.Answers, cell: SelectedCell) -> None:
    """A few clips at a time, in either order, and what is needed to hear them."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="order"):
        order = st.segmented_control(
            text.ORDER_LABEL,
            list(text.ORDER_NAMES),
            default=controls.value_of("cell-order", next(iter(text.ORDER_NAMES))),
            required=True,
            format_func=text.ORDER_NAMES.__getitem__,
            key="cell-order",
            persist_state="session",
        )
    # A change of what is listed, or of its order, begins again at the front.
    listed = (cell, order, len(clips), str(clips.clips[0]))
    seen, first = st.session_state.get(_PAGE, (None, 0))
    first = first if seen == listed else 0
    st.session_state[_PAGE] = (listed, first)
    rows = np.arange(len(clips))[:: 1 if order == "surest" else -1][first : first + N_ROWS]
    data = default_directory()
    with st.container(key="clips", gap="small"):
        for row in rows.tolist():
            _show_clip(clips, row, cell, data)
    if len(clips) > N_ROWS:
        _show_pages(len(clips), first)
    if data is None:
        st.caption(text.HOW_TO_HEAR)


def _show_pages(n: int, first: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="pages"):
        for label, to, is_end in (
            (text.EARLIER, first - N_ROWS, first == 0),
            (text.LATER, first + N_ROWS, first + N_ROWS >= n),
        ):
            st.button(label, key=f"page-{label}", disabled=is_end, on_click=_turn, args=(to,))
        st.text(text.shown_of(first + 1, min(first + N_ROWS, n), n), width="content")


def _turn(to: int) -> None:
    listed, _ = st.session_state[_PAGE]
    st.session_state[_PAGE] = (listed, to)


def _show_clip(clips: subsets.Answers, row: int, cell: SelectedCell, data: Path | None) -> None:
    """One clip: its name, which plays it where it is on disk, whose it is, and all answers."""
    name, corpus = str(clips.clips[row]), str(clips.corpora[row])
    left, right = st.columns([4, 9], gap="small", vertical_alignment="center")
    if data is None:
        left.text(name)
    else:
        left.button(
            common.escape_markdown(name),
            key=f"hear-{corpus}-{name}",
            icon=":material/play_arrow:",
            on_click=_play,
            args=(corpus, name),
            width="stretch",
        )
    right.html(_answers(clips, row, cell))
    if data is not None and st.session_state.get(_PLAYED) == (corpus, name):
        _show_sound(corpus, name, str(clips.emotions[row]), data)


def _answers(clips: subsets.Answers, row: int, cell: SelectedCell) -> Markup:
    """Return the answers of all models to a clip."""
    corpus = app_text.CORPUS_NAMES.get(str(clips.corpora[row]), str(clips.corpora[row]))
    whose = text.speaker(corpus, str(clips.speakers[row]), str(clips.sexes[row]))
    answers = []
    for key in (*predictor.MODEL_KEYS, emo_labels.VOTE):
        shares = clips.shares[key][row]
        label = clips.labels[int(shares.argmax())]
        name = app_text.SHORT_NAMES[key]
        answers.append(html.ClipAnswer(name, label, float(shares.max()), key == cell.key))
    remark = ""
    if subsets.LISTENERS in clips.shares:
        counts = clips.shares[subsets.LISTENERS][row]
        n = int(counts[clips.labels.index(cell.answer)])
        remark = text.votes_for(cell.answer, n, int(counts.sum()))
    return html.clip_answers(whose, answers, remark)


# --- Hearing them --------------------------------------------------------------------------------


def _play(corpus: str, name: str) -> None:
    st.session_state[_PLAYED] = (corpus, name)


@st.cache_resource(max_entries=1, show_spinner=text.LOOKING)
def _clip_index(directory: str) -> catalogue.ClipIndex:
    """Where the clips lie; looked up when the first is played."""
    return catalogue.index_clips(Path(directory))


def _show_sound(corpus: str, name: str, emotion: str, data: Path) -> None:
    """The clip, playing, with its name within the folder, and a way to look at it closely."""
    try:
        inside, path = catalogue.locate_clip(_clip_index(str(data)), corpus, name)
        clip = audio_clip.load(path)
    except (AudioError, CorpusError) as error:
        common.LOG.error("%s", error)  # it may name folders of the server
        st.warning(
            common.escape_markdown(str(error)) if not _names_a_path(error, data) else text.NOT_HEARD
        )
        return
    with st.container(key="sound", gap="small"):
        st.audio(clip.samples, sample_rate=audio_clip.RATE_HZ, autoplay=True, alt=name)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(inside, width="content")
            if st.button(text.OPEN, key="open-in-analyse", type="tertiary"):
                known = current_clip.TrainingClip(corpus, emotion, st.query_params.to_dict())
                content = path.read_bytes()
                current_clip.set_source(
                    current_clip.ClipSource(path.name, content, current_clip.CORPUS, training=known)
                )
                st.switch_page("pages/analyse.py")


def _names_a_path(error: Exception, data: Path) -> bool:
    return str(data) in str(error) or str(data.resolve()) in str(error)


def sentences(counts: np.ndarray, labels: Sequence[str], of_listeners: bool) -> list[list[str]]:
    """What each cell of a matrix says, row by row."""
    return [
        [
            text.cell(acted, answer, int(counts[i, j]), int(counts[i].sum()), of_listeners)
            for j, answer in enumerate(labels)
        ]
        for i, acted in enumerate(labels)
    ]


def coverage_scores(scores: app_text.Scores) -> Mapping[str, tuple[str, str]]:
    """Share of the clips that a model still answers, with how many; empty where all are."""
    if "kept" not in scores or scores["kept"] == 1.0:
        return {}
    share = formatting.tenths(scores["kept"])
    return {text.KEPT: (share, text.kept(scores["n"], scores["of"]))}
