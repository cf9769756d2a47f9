"""The clips in a cell of a matrix: all answers to each, and a player where it is on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st
from markupsafe import Markup

from emo.app import common, controls, current_clip, html, url
from emo.app import text as app_text
from emo.app.components import component
from emo.app.matrices import grid, guests, selection, text
from emo.audio import clip as audio_clip
from emo.corpora import catalogue, protocols
from emo.corpora.catalogue import default_directory
from emo.corpora.metadata import sex_of
from emo.errors import AudioError, CorpusError
from emo.evaluation import subsets
from emo.labels import ENSEMBLE

N_ROWS = 8
"""Clips that are listed at a time."""

_MODEL, _ACTED, _ANSWER = "cell-model", "cell-acted", "cell-answer"
_PLAYED = "cell-played"
_PAGE = "cell-page"
_FOCUS = "cell-focus"


@dataclass(frozen=True)
class SelectedCell:
    """A cell: key of the model (or ``listeners``), acted emotion, answer."""

    key: str
    acted: str
    answer: str

    def as_param(self) -> str:
        """Return the value of the parameter ``cell`` of the address."""
        return f"{self.key}.{self.acted}.{self.answer}"


# --- Choosing a cell -----------------------------------------------------------------------------


def selected_cell(keys: Sequence[str], labels: Sequence[str]) -> SelectedCell | None:
    """Return the chosen cell, or that of a link when the page is opened; None if there is none.

    Parameters
    ----------
    keys
        Keys of the matrices on the page.
    labels
        Names of their rows and columns.
    """
    if url.is_opened(_MODEL):
        if param := url.read("cell", _all_params(keys, labels)):
            _select(*param.split("."))
        elif url.is_returned():
            _select(_default_key(keys), None, None)
    key = controls.value_of(_MODEL, _default_key(keys), keys)
    acted, answer = (controls.value_of(name, None, labels) for name in (_ACTED, _ANSWER))
    return SelectedCell(key, acted, answer) if acted and answer else None


def _default_key(keys: Sequence[str]) -> str:
    return ENSEMBLE if ENSEMBLE in keys else keys[0]


def _select(key: str, acted: str | None, answer: str | None) -> None:
    for name, value in ((_MODEL, key), (_ACTED, acted), (_ANSWER, answer)):
        st.session_state[name] = value


def _all_params(keys: Sequence[str], labels: Sequence[str]) -> list[str]:
    return [
        SelectedCell(key, acted, answer).as_param()
        for key in keys
        for acted in labels
        for answer in labels
    ]


def toggle_cell(key: str, chart: str) -> None:
    """Select the cell that was clicked in a matrix, or clear the selection if it was selected.

    Parameters
    ----------
    key
        Key of the model, or ``listeners``.
    chart
        Key of the component that draws the matrix.
    """
    cell = grid.clicked_cell(chart)
    if cell is None:
        return
    st.session_state[_FOCUS] = focus_number() + 1
    if tuple(controls.value_of(name, None) for name in (_MODEL, _ACTED, _ANSWER)) == (key, *cell):
        _select(key, None, None)
    else:
        _select(key, *cell)


def large_matrix(keys: Sequence[str]) -> str:
    """Return the key of the large matrix: that of the chosen cell or model, or the ensemble."""
    return str(controls.value_of(_MODEL, _default_key(keys), keys))


def enlarge(key: str) -> None:
    """Show a matrix large, with no cell chosen in it."""
    _select(key, None, None)


def focus_number() -> int:
    """Return how often a cell was clicked in this session."""
    return int(st.session_state.get(_FOCUS, 0))


def show_cell(
    matrix_filter: selection.MatrixFilter, keys: Sequence[str], cell: SelectedCell | None
) -> None:
    """Show lists to choose a cell from, and the clips in it."""
    st.header(text.CELL_TITLE, anchor=False)
    with st.container(horizontal=True, gap="small", key="cell"):
        names = {key: guests.model_name(key) for key in keys}
        selection.show_select(_MODEL, text.CELL_MODEL_LABEL, names, _default_key(keys), width=150)
        for key, label in ((_ACTED, text.ACTED_LABEL), (_ANSWER, text.ANSWER_LABEL)):
            value = controls.value_of(key, None)
            st.selectbox(
                label,
                list(matrix_filter.labels),
                index=None if value is None else matrix_filter.labels.index(value),
                key=key,
                persist_state="session",
                placeholder=text.CHOOSE,
                width=130,
            )
    if cell is None:
        st.caption(text.CELL_HINT)
        return
    predictions = selection.filtered_predictions(matrix_filter)
    if predictions is None:
        return
    if matrix_filter.protocol == protocols.LISTENERS.key:
        voted = selection.join_votes(predictions)
        if voted is None and cell.key == subsets.LISTENERS:
            st.info(text.NO_VOTES)
            return
        predictions = predictions if voted is None else voted
    _show_cell_clips(predictions, cell, matrix_filter.threshold_percent / 100)


def _show_cell_clips(predictions: subsets.Tables, cell: SelectedCell, threshold: float) -> None:
    table = predictions[cell.key]
    is_acted = table.emotions == cell.acted
    is_of_listeners = cell.key == subsets.LISTENERS
    if is_of_listeners:
        rows = subsets.clips_voted(table, cell.acted, cell.answer)
        votes = table.probabilities
        n = int(votes[rows, table.labels.index(cell.answer)].sum())
        n_row = int(votes[is_acted].sum())
    else:
        rows = subsets.clips_in_cell(table, cell.acted, cell.answer, threshold)
        n = len(rows)
        is_above = subsets.above_threshold(table, threshold)
        n_row = int((is_acted & is_above).sum())
    st.text(text.cell_sentence(cell.acted, cell.answer, n, n_row, is_of_listeners))
    if len(rows):
        _show_clips(subsets.take(predictions, rows), cell)


def cell_sentences(
    counts: np.ndarray, labels: Sequence[str], is_of_listeners: bool
) -> list[list[str]]:
    """Return what each cell of a matrix means, as a sentence, row by row."""
    return [
        [
            text.cell_sentence(
                acted, answer, int(counts[i, j]), int(counts[i].sum()), is_of_listeners
            )
            for j, answer in enumerate(labels)
        ]
        for i, acted in enumerate(labels)
    ]


# --- The clips -----------------------------------------------------------------------------------


@st.fragment
def _show_clips(predictions: subsets.Tables, cell: SelectedCell) -> None:
    """Show a page of the clips, in either order."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="order"):
        order = selection.show_segments("cell-order", text.ORDER_LABEL, text.ORDER_NAMES)
    # Another cell, filter or order starts at the first page again.
    names = predictions[ENSEMBLE].clips
    listed = (cell, order, len(names), str(names[0]))
    previous, first = st.session_state.get(_PAGE, (None, 0))
    first = first if previous == listed else 0
    st.session_state[_PAGE] = (listed, first)
    rows = np.arange(len(names))[:: 1 if order == "surest" else -1][first : first + N_ROWS]
    data = default_directory()
    with st.container(key="clips", gap="small"):
        for row in rows.tolist():
            _show_clip(predictions, row, cell, data)
    if len(names) > N_ROWS:
        _show_pages(len(names), first)
    if data is None:
        st.caption(text.HOW_TO_PLAY)
    else:
        st.caption(text.KEYS_HINT)
        component("walk")(key="walk", data=[])


def _show_pages(n: int, first: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="pages"):
        for label, row, is_end in (
            (text.EARLIER, first - N_ROWS, first == 0),
            (text.LATER, first + N_ROWS, first + N_ROWS >= n),
        ):
            st.button(label, key=f"page-{label}", disabled=is_end, on_click=_turn_to, args=(row,))
        st.text(text.shown_of(first + 1, min(first + N_ROWS, n), n), width="content")


def _turn_to(first: int) -> None:
    listed, _ = st.session_state[_PAGE]
    st.session_state[_PAGE] = (listed, first)


def _show_clip(
    predictions: subsets.Tables, row: int, cell: SelectedCell, data: Path | None
) -> None:
    """Show a clip: its name (a button where it can be played), its speaker and all answers."""
    clips = predictions[ENSEMBLE]
    name, corpus = str(clips.clips[row]), str(clips.corpora[row])
    if data is None:
        st.text(name)
    else:
        st.button(
            common.escape_markdown(name),
            key=f"play-{corpus}-{name}",
            icon=":material/play_arrow:",
            on_click=_play,
            args=(corpus, name),
            width="stretch",
        )
    st.html(_clip_answers(predictions, row, cell))
    if data is not None and st.session_state.get(_PLAYED) == (corpus, name):
        speaker, emotion = str(clips.speakers[row]), str(clips.emotions[row])
        training = current_clip.TrainingClip(corpus, speaker, emotion, st.query_params.to_dict())
        _show_sound(name, training, data)


def _clip_answers(predictions: subsets.Tables, row: int, cell: SelectedCell) -> Markup:
    """Return the answers of all models to a clip, as HTML."""
    clips = predictions[ENSEMBLE]
    sex = sex_of(str(clips.speakers[row]), selection.actors()) or ""
    corpus = app_text.CORPUS_NAMES.get(str(clips.corpora[row]), str(clips.corpora[row]))
    speaker = text.speaker(corpus, str(clips.speakers[row]), sex)
    answers = []
    for key in (*app_text.MODEL_NAMES, *(own for own in guests.guests() if own in predictions)):
        shares = predictions[key].probabilities[row]
        label = clips.labels[int(shares.argmax())]
        name = app_text.SHORT_NAMES.get(key, guests.model_name(key))
        answers.append(html.ClipAnswer(name, label, float(shares.max()), key == cell.key))
    remark = ""
    if subsets.LISTENERS in predictions:
        counts = predictions[subsets.LISTENERS].probabilities[row]
        n = int(counts[clips.labels.index(cell.answer)])
        remark = text.votes_for(cell.answer, n, int(counts.sum()))
    return html.clip_answers(speaker, answers, remark)


# --- Playing a clip ------------------------------------------------------------------------------


def _play(corpus: str, name: str) -> None:
    st.session_state[_PLAYED] = (corpus, name)


@st.cache_resource(max_entries=1, show_spinner=text.LOOKING)
def _clip_index(directory: str) -> catalogue.ClipIndex:
    """Return the index of the clips on disk, which is made when the first one is played."""
    return catalogue.index_clips(Path(directory))


def _show_sound(name: str, training: current_clip.TrainingClip, data: Path) -> None:
    """Play a clip, with its path within the folder and a link to the page Analyse."""
    try:
        relative_path, path = catalogue.locate_clip(_clip_index(str(data)), training.corpus, name)
        clip = audio_clip.load(path)
    except (AudioError, CorpusError) as error:
        common.LOG.error("%s", error)
        names_a_folder = any(str(path) in str(error) for path in (data, data.resolve()))
        st.warning(text.CANNOT_PLAY if names_a_folder else common.escape_markdown(str(error)))
        return
    with st.container(key="sound", gap="small"):
        st.audio(clip.samples, sample_rate=audio_clip.RATE_HZ, autoplay=True, alt=name)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(relative_path, width="content")
            if st.button(text.OPEN, key="open-in-analyse", type="tertiary"):
                source = current_clip.ClipSource(
                    path.name, path.read_bytes(), current_clip.CORPUS, training=training
                )
                current_clip.set_source(source)
                st.switch_page("pages/analyse.py")
