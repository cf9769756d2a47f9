"""How often the answers are the expected ones: accuracy of each model, and a confusion matrix."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import streamlit as st

from emo.app import html
from emo.app.compare import text
from emo.app.compare.collection import Entry
from emo.app.matrices import grid
from emo.app.own import served
from emo.classifiers.voice import VOICE
from emo.formatting import percent
from emo.inference.loading import MODEL_KEYS
from emo.inference.predictor import Prediction
from emo.labels import ENSEMBLE

_LABELLED = "comparison-score"


@dataclass(frozen=True, eq=False)
class Score:
    """Right answers to the clips that have an expected emotion.

    Attributes
    ----------
    n_clips
        Clips with an expected emotion and with answers.
    right
        Clips with the expected answer, by key; the answers with the voice known come first.
    answered
        Clips with an answer, by the same keys.
    shown
        The key of the answers in `counts`.
    counts : ndarray of int64, shape (labels, labels)
        Clips by expected emotion (row) and answer (column), in the order of ``served.labels``.
    """

    n_clips: int
    right: dict[str, int]
    answered: dict[str, int]
    shown: str
    counts: npt.NDArray[np.int64]


def score(entries: Sequence[Entry]) -> Score:
    """Return how often each model gives the expected answer, unsure or not."""
    rows: list[tuple[str, Prediction]] = [
        (entry.expected, entry.result)
        for entry in entries
        if entry.expected and not isinstance(entry.result, str)
    ]
    keys = [
        key for key in (VOICE, ENSEMBLE, *MODEL_KEYS) if any(key in row.answers for _, row in rows)
    ]
    pairs = {
        key: [(own, row.answers[key].label) for own, row in rows if key in row.answers]
        for key in keys
    }
    shown = VOICE if VOICE in keys else ENSEMBLE
    labels = served.labels()
    counts = np.zeros((len(labels), len(labels)), np.int64)
    for expected, result in rows:
        label = result.served.label if shown == VOICE else result.ensemble.label
        counts[labels.index(expected), labels.index(label)] += 1
    return Score(
        len(rows),
        {key: sum(own == label for own, label in pairs[key]) for key in keys},
        {key: len(pairs[key]) for key in keys},
        shown,
        counts,
    )


def show_score(result: Score) -> None:
    """Draw the accuracy of each model as bars, and the confusion matrix of the served answers."""
    st.header(text.SCORE_TITLE, anchor=False)
    if not result.n_clips:
        st.caption(text.NO_EXPECTED)
        return
    rows = [
        html.RankingRow(
            text.COLUMNS[key],
            right / result.answered[key],
            percent(right / result.answered[key]),
            text.share(right, result.answered[key]),
            key == result.shown,
        )
        for key, right in result.right.items()
    ]
    st.html(html.ranking(rows, text.SCORE_CAPTION))
    st.caption(text.score_note(result.n_clips))
    used = np.flatnonzero(result.counts.any(axis=0) | result.counts.any(axis=1))
    counts = result.counts[np.ix_(used, used)]
    labels = [served.labels()[i] for i in used]
    sentences = [
        [text.cell_sentence(row, column, int(n)) for column, n in zip(labels, line, strict=True)]
        for row, line in zip(labels, counts, strict=True)
    ]
    grid.show_grid(
        grid.confusion_grid(counts, normalise=False, top=float(max(counts.sum(axis=1).max(), 1))),
        labels,
        sentences,
        text.matrix_caption(result.shown),
        _LABELLED,
        down=text.EXPECTED_LABEL,
    )
