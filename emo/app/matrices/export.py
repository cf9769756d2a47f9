"""Figures to keep: each as a drawing on white, and as the table that it was drawn from."""

import csv
import io
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from emo.app.matrices import text
from emo.app.matrices.grid import Counts, cell_text, colour_at, row_shares
from emo.app.matrices.plates import Box, Line, Mark, Plate, Point, Text, as_png, as_svg
from emo.app.theme import CALM_COLOURS, DASHES, EMOTION_COLOURS
from emo.evaluation.subsets import Bin, Roc
from emo.formatting import signed_points

CELL = (66.0, 40.0)  # width and height of a cell of a matrix
INK, GREY, FAINT = "#1f2326", "#5a6166", "#d9d9d6"
SERIES = ("#0b5d66", "#a87600")

SEQUENTIAL = ("#f0f2ed", "#3f9aa3")
DIVERGING = ("#dd8a3e", "#f3f3f0", "#5a9ecd")
"""Colours of none and most, and of least, none and most; each leaves the ink at least 4.5:1."""

DASH_LENGTHS: dict[str, tuple[float, ...]] = {
    "solid": (),
    "dash": (7.0, 4.0),
    "dot": (2.0, 3.0),
    "dashdot": (7.0, 3.0, 2.0, 3.0),
    "longdash": (12.0, 4.0),
}
"""Lengths of line and gap of the dashes of :data:`emo.app.theme.DASHES`."""


@dataclass(frozen=True)
class Print:
    """A figure to keep: its drawing, and the header and rows of its table."""

    plate: Plate
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Caption:
    """What stands over and beside a drawing: a title, what it is of, words at the two axes."""

    title: str
    note: str
    across: str
    down: str


def as_csv(made: Print) -> str:
    """The table of a figure, shares with six decimals, nothing where nothing is defined."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(made.header)
    writer.writerows([_field(value) for value in row] for row in made.rows)
    return file.getvalue()


def _field(value: Any) -> Any:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return f"{value:.6f}" if isinstance(value, float) else value


# --- Matrices ------------------------------------------------------------------------------------


def print_matrix(
    counts: Counts, normalise: bool, labels: Sequence[str], caption: Caption, unit: str = "clips"
) -> Print:
    """A confusion matrix, as :func:`emo.app.matrices.grid.confusion_grid` shows it."""
    shares = row_shares(counts)
    top = 1.0 if normalise else float(max(counts.max(), 1))
    values = shares if normalise else counts.astype(np.float64)

    def colour(value: float) -> str:
        return colour_at(SEQUENTIAL, 0.0 if np.isnan(value) else value / top)

    def text(value: float) -> str:
        return cell_text(value, normalise)

    rows = [
        (acted, answer, int(counts[i, j]), float(shares[i, j]))
        for i, acted in enumerate(labels)
        for j, answer in enumerate(labels)
    ]
    plate = _matrix(values, labels, colour, text, caption)
    return Print(plate, ("acted", "answer", unit, "share_of_row"), rows)


def print_difference(
    first: Counts, second: Counts, labels: Sequence[str], top: float, caption: Caption
) -> Print:
    """A matrix of differences, as :func:`emo.app.matrices.grid.difference_grid` shows it."""
    one, other = row_shares(first), row_shares(second)

    def colour(value: float) -> str:
        return colour_at(DIVERGING, 0.5 if np.isnan(value) else 0.5 + value / top / 2)

    rows = [
        (acted, answer, *(float(m[i, j]) for m in (one, other, one - other)))
        for i, acted in enumerate(labels)
        for j, answer in enumerate(labels)
    ]
    plate = _matrix(one - other, labels, colour, signed_points, caption)
    return Print(plate, ("acted", "answer", "first", "second", "difference"), rows)


def _matrix(
    values: npt.NDArray[np.float64],
    labels: Sequence[str],
    colour: Callable[[float], str],
    text: Callable[[float], str],
    caption: Caption,
) -> Plate:
    wide, high = CELL
    left, width = 96.0, 96.0 + wide * len(labels) + 16
    marks, top = _heading(caption, width)
    marks.append(Text(left - 8, top + 8, caption.down, 11, "end", GREY))
    marks.append(Text(left + wide * len(labels) / 2, top + 8, caption.across, 11, "middle", GREY))
    top += 36
    for j, label in enumerate(labels):
        marks.append(Text(left + wide * (j + 0.5), top - 12, label, 11.5, "middle"))
    for i, label in enumerate(labels):
        y = top + high * i
        marks.append(Text(left - 8, y + high / 2, label, 11.5, "end"))
        for j, value in enumerate(values[i].tolist()):
            x = left + wide * j
            marks.append(Box(x + 1, y + 1, wide - 2, high - 2, colour(value)))
            marks.append(Text(x + wide / 2, y + high / 2, text(value), 13, "middle"))
    return Plate(width, top + high * len(labels) + 16, caption.title, marks)


def _heading(caption: Caption, width: float) -> tuple[list[Mark], float]:
    """Title and note, and where what follows may begin."""
    marks: list[Mark] = [Text(16, 24, caption.title, 16)]
    y = 46.0
    for line in textwrap.wrap(caption.note, max(20, int((width - 32) / 5.6))):
        marks.append(Text(16, y, line, 11, fill=GREY))
        y += 16
    return marks, y + 4


# --- Curves --------------------------------------------------------------------------------------

_LEFT, _WIDE, _HIGH = 64.0, 420.0, 320.0


@dataclass(frozen=True)
class _Axes:
    """Where a value lies on a drawing: the plot's upper edge, and the ends of both axes."""

    top: float
    across: tuple[float, float]
    down: tuple[float, float]

    def point(self, x: float, y: float) -> Point:
        (a, b), (c, d) = self.across, self.down
        return (
            _LEFT + _WIDE * (x - a) / ((b - a) or 1.0),
            self.top + _HIGH * (1 - (y - c) / ((d - c) or 1.0)),
        )


def _frame(
    axes: _Axes, ticks: tuple[Sequence[float], Sequence[float]], percent: bool
) -> list[Mark]:
    """Grid lines with their values."""

    def show(value: float) -> str:
        return f"{100 * value:.0f} %" if percent else f"{value:g}"

    marks: list[Mark] = []
    for y in ticks[1]:
        ends = (axes.point(axes.across[0], y), axes.point(axes.across[1], y))
        marks += [Line(ends, FAINT), Text(_LEFT - 8, ends[0][1], show(y), 11, "end", GREY)]
    for x in ticks[0]:
        place, bottom = axes.point(x, axes.down[0])
        marks.append(Text(place, bottom + 14, show(x), 11, "middle", GREY))
    return marks


def _plot(
    caption: Caption,
    lines: Mapping[str, Line],
    axes: _Axes,
    ticks: tuple[Sequence[float], Sequence[float]],
    percent: bool,
) -> Plate:
    """Lines in a frame, with a key to the right; points of the lines are values, not units."""
    width = _LEFT + _WIDE + 190
    marks, top = _heading(caption, width)
    axes = _Axes(top + 24, axes.across, axes.down)
    marks.append(Text(_LEFT - 48, top + 6, caption.down, 11, "start", GREY))
    marks += _frame(axes, ticks, percent)
    for row, (name, line) in enumerate(lines.items()):
        drawn = [axes.point(x, y) for x, y in line.points]
        marks.append(Line(drawn, line.stroke, line.width, line.dash))
        x, y = _LEFT + _WIDE + 18, axes.top + 10 + 22 * row
        if name:
            marks.append(Line(((x, y), (x + 26, y)), line.stroke, line.width, line.dash))
            marks.append(Text(x + 34, y, name, 12))
    bottom = axes.top + _HIGH + 36
    marks.append(Text(_LEFT + _WIDE / 2, bottom, caption.across, 11, "middle", GREY))
    return Plate(width, bottom + 20, caption.title, marks)


_SHARES = tuple(i / 5 for i in range(6))
_UNIT = _Axes(0.0, (0.0, 1.0), (0.0, 1.0))
_DIAGONAL = Line(((0.0, 0.0), (1.0, 1.0)), GREY, 1.0, (3.0, 4.0))


def print_reliability(bins: Sequence[Bin], caption: Caption) -> Print:
    """A reliability diagram, its counts in the table."""
    curve = [
        (one.confidence, one.accuracy)
        for one in bins
        if one.confidence is not None and one.accuracy is not None
    ]
    lines = {"": _DIAGONAL, caption.title: Line(curve, SERIES[0], 2.5)}
    plate = _plot(caption, {"": lines[""], " ": lines[caption.title]}, _UNIT, (_SHARES,) * 2, True)
    rows = [(one.low, one.high, one.n, one.confidence, one.accuracy) for one in bins]
    return Print(plate, ("above", "up_to", "clips", "mean_confidence", "share_right"), rows)


def print_roc(curves: Sequence[Roc], caption: Caption) -> Print:
    """The ROC of each label, with the area under it in the key."""
    lines = {"": _DIAGONAL}
    rows: list[Sequence[Any]] = []
    for one in curves:
        colour = EMOTION_COLOURS.get(one.label, CALM_COLOURS)[0]
        shown = list(zip(one.false_alarms.tolist(), one.found.tolist(), strict=True))
        lines[f"{one.label}, AUC {one.area:.3f}"] = Line(
            shown, colour, 2.0, DASH_LENGTHS[DASHES[one.label]]
        )
        rows += [
            (one.label, None if np.isinf(limit) else limit, x, y)
            for limit, (x, y) in zip(one.thresholds.tolist(), shown, strict=True)
        ]
    plate = _plot(caption, lines, _UNIT, (_SHARES,) * 2, True)
    return Print(plate, ("emotion", "threshold", "false_alarms", "found"), rows)


def print_learning(
    history: Sequence[Mapping[str, Any]], quantity: str, names: tuple[str, str], caption: Caption
) -> Print:
    """One quantity of a training run, as ``charts.learning_curves`` shows it."""
    keys = (f"val_{quantity}", quantity)
    lines = {}
    for key, name, colour in zip(keys, names[::-1], SERIES, strict=True):
        shown = [(float(r["epoch"]), float(r[key])) for r in history if r.get(key) is not None]
        if shown:
            lines[name] = Line(shown, colour, 2.0)
    highest = max((y for line in lines.values() for _, y in line.points), default=1.0)
    last = max((x for line in lines.values() for x, _ in line.points), default=1.0)
    axes = _Axes(0.0, (0.0, last), (0.0, highest * 1.05))
    plate = _plot(caption, lines, axes, (_ticks(last), _ticks(highest)), False)
    rows = [(row["epoch"], *(row.get(key) for key in keys)) for row in history]
    return Print(plate, ("epoch", *keys), rows)


def _ticks(highest: float) -> tuple[float, ...]:
    """Round values from 0 to about the highest, three to nine of them."""
    if highest <= 0:
        return (0.0,)
    power = 10.0 ** np.floor(np.log10(highest))
    step = next(f * power for f in (0.2, 0.5, 1.0, 2.0) if highest / (f * power) <= 8)
    return tuple(float(round(i * step, 10)) for i in range(int(highest / step) + 1))


_MIME = {"png": "image/png", "svg": "image/svg+xml", "csv": "text/csv"}


def show_save(make: Callable[[], Print], stem: str, key: str) -> None:
    """A button that opens the three kinds of file.

    Parameters
    ----------
    make
        Draws the figure; called when a file is asked for.
    stem
        Name of the files without their ending.
    key
        One for each figure of a page.
    """

    def content(kind: str) -> Callable[[], str | bytes]:
        if kind == "png":
            return lambda: as_png(make().plate)
        return lambda: as_svg(make().plate) if kind == "svg" else as_csv(make())

    with st.popover(text.SAVE, type="tertiary", icon=":material/download:", key=f"save-{key}"):
        for kind, label in text.KINDS.items():
            st.download_button(
                label,
                content(kind),
                f"{stem}.{kind}",
                _MIME[kind],
                key=f"save-{key}-{kind}",
                on_click="ignore",
                width="stretch",
            )
