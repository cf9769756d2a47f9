"""Figures to keep: their tables hold what was counted, their drawings show it."""

import csv
import io
from typing import Any

import numpy as np
import pytest

from emo.app import theme
from emo.app.matrices import export
from emo.app.matrices.plates import Box, Line, Text, as_png, as_svg
from emo.evaluation.subsets import Bin, Roc
from emo.labels import LABELS

CAPTION = export.Caption("CNN: counts", "Unseen voices; 9 test clips. " * 8, "Answer", "Acted")
COUNTS = np.array([[3, 1, 0], [0, 0, 0], [1, 1, 3]])
NAMES = LABELS[:3]


def table(made: export.Print) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(export.as_csv(made))))


def texts(made: export.Print) -> list[str]:
    return [mark.text for mark in made.plate.marks if isinstance(mark, Text)]


def inside(made: export.Print) -> None:
    """Nothing lies beyond the edge, and both files can be made."""
    for mark in made.plate.marks:
        corners = mark.points if isinstance(mark, Line) else [(mark.x, mark.y)]
        if isinstance(mark, Box):
            corners = [(mark.x, mark.y), (mark.x + mark.width, mark.y + mark.height)]
        for x, y in corners:
            assert -0.01 <= x <= made.plate.width + 0.01
            assert -0.01 <= y <= made.plate.height + 0.01
    assert as_png(made.plate).startswith(b"\x89PNG")
    assert as_svg(made.plate).startswith("<svg")


@pytest.mark.parametrize("normalise", [True, False])
def test_a_matrix_and_its_table(normalise: bool) -> None:
    made = export.print_matrix(COUNTS, normalise, NAMES, CAPTION, "votes")
    rows = table(made)
    assert len(rows) == 9
    assert rows[0] == {
        "acted": "angry", "answer": "angry", "votes": "3", "share_of_row": "0.750000"
    }  # fmt: skip
    assert rows[4]["share_of_row"] == ""  # no clip was disgusted
    assert sum(int(row["votes"]) for row in rows) == COUNTS.sum()
    shown = texts(made)
    assert ("75" in shown) == normalise
    assert ("–" in shown) == normalise
    boxes = [mark for mark in made.plate.marks if isinstance(mark, Box)]
    assert len(boxes) == 9
    assert boxes[1].fill != boxes[0].fill
    if not normalise:
        assert boxes[0].fill == boxes[8].fill == export.SEQUENTIAL[1]
    inside(made)


def test_differences_have_colours_on_either_side_of_none() -> None:
    other = np.array([[1, 3, 0], [0, 0, 0], [1, 1, 3]])
    made = export.print_difference(COUNTS, other, NAMES, 0.5, CAPTION)
    boxes = [mark.fill for mark in made.plate.marks if isinstance(mark, Box)]
    assert boxes[:3] == [export.DIVERGING[2], export.DIVERGING[0], export.DIVERGING[1]]
    assert table(made)[0]["difference"] == "0.500000"
    assert table(made)[3]["difference"] == ""
    assert "+50" in texts(made)
    inside(made)


def test_a_reliability_diagram_and_its_table() -> None:
    bins = [Bin(0.0, 0.5, 0, None, None), Bin(0.5, 0.8, 4, 0.6, 0.5), Bin(0.8, 1.0, 8, 0.9, 1.0)]
    made = export.print_reliability(bins, CAPTION)
    rows = table(made)
    assert [row["clips"] for row in rows] == ["0", "4", "8"]
    assert rows[0]["share_right"] == ""
    assert rows[2]["mean_confidence"] == "0.900000"
    curve = [m for m in made.plate.marks if isinstance(m, Line) and m.stroke == export.SERIES[0]]
    (first, last) = next(mark.points for mark in curve if len(mark.points) == 2)
    assert first[0] < last[0]
    assert first[1] > last[1]
    inside(made)


def test_a_roc_and_its_table() -> None:
    limits = np.array([np.inf, 0.6, 0.0])
    curves = [
        Roc(label, 3, limits, np.array([0, 0.2, 1]), np.array([0, 0.9, 1]), 0.85)
        for label in (*LABELS, "calm")
    ]
    made = export.print_roc(curves, CAPTION)
    rows = table(made)
    assert len(rows) == 24
    assert rows[0]["threshold"] == ""
    assert (rows[1]["threshold"], rows[1]["false_alarms"]) == ("0.600000", "0.200000")
    assert "angry, AUC 0.850" in texts(made)
    strokes = {mark.stroke for mark in made.plate.marks if isinstance(mark, Line)}
    assert {theme.EMOTION_COLOURS[label][0] for label in LABELS} <= strokes
    inside(made)


@pytest.mark.parametrize("highest", [0.004, 0.9, 3.2, 17.0])
def test_a_learning_curve_and_its_table(highest: float) -> None:
    history: list[dict[str, Any]] = [
        {"epoch": 1, "loss": highest, "val_loss": None},
        {"epoch": 2, "loss": highest / 2, "val_loss": highest / 3},
    ]
    made = export.print_learning(history, "loss", ("training", "test"), CAPTION)
    assert table(made)[0] == {"epoch": "1", "val_loss": "", "loss": f"{highest:.6f}"}
    assert {"training"} <= set(texts(made))
    inside(made)


@pytest.mark.parametrize("highest", [0.004, 0.9, 1.0, 3.2, 17.0, 80.0, 100.0])
def test_ticks_are_few_and_round(highest: float) -> None:
    ticks = export._ticks(highest)
    assert 3 <= len(ticks) <= 10
    assert ticks[0] == 0.0
    assert highest / 2 < ticks[-1] <= highest * (1 + 1e-9)
    assert export._ticks(0.0) == (0.0,)
