"""Figures to save: the table behind each, and a description that is drawn when it is asked for."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from emo.app.matrices import text
from emo.app.matrices.figures import Caption, Curve, Curves, Matrix
from emo.app.matrices.grid import Counts, confusion_grid, difference_grid, row_shares
from emo.app.theme import CALM_COLOURS, DASHES, EMOTION_COLOURS
from emo.evaluation.metrics import Bin, Roc
from emo.evaluation.selective import RiskCoverage

GREY = "#5a6166"
SERIES_COLOURS = ("#0b5d66", "#a87600")

SEQUENTIAL_COLOURS = ("#f0f2ed", "#3f9aa3")
DIVERGING_COLOURS = ("#dd8a3e", "#f3f3f0", "#5a9ecd")
"""Colours of none and most, and of least, none and most; each leaves the ink at least 4.5:1."""

DASHES_PT: dict[str, tuple[float, ...]] = {
    "solid": (),
    "dash": (5.25, 3.0),
    "dot": (1.5, 2.25),
    "dashdot": (5.25, 2.25, 1.5, 2.25),
    "longdash": (9.0, 3.0),
}
"""Lengths of line and gap of the dashes of ``emo.app.theme.DASHES``, in points."""

MIME_TYPES = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "csv": "text/csv",
}


@dataclass(frozen=True)
class FigureExport:
    """A figure to save: its drawing, and the header and rows of its table."""

    drawing: Matrix | Curves
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def as_file(self, kind: str) -> bytes:
        """Return the content of a file; ``kind`` is a key of ``MIME_TYPES``."""
        if kind == "csv":
            return self._as_csv().encode()
        from emo.app.matrices import drawing  # loads matplotlib

        return drawing.render(self.drawing, kind)

    def _as_csv(self) -> str:
        """Return the table, shares with six decimals; values that are not defined are empty."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(self.header)
        writer.writerows([_format_field(value) for value in row] for row in self.rows)
        return file.getvalue()


def _format_field(value: Any) -> Any:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return f"{value:.6f}" if isinstance(value, float) else value


# --- Matrices ------------------------------------------------------------------------------------


def export_matrix(
    counts: Counts, normalise: bool, labels: Sequence[str], caption: Caption, unit: str = "clips"
) -> FigureExport:
    """Return a confusion matrix to save, as ``grid.confusion_grid`` shows it.

    Parameters
    ----------
    counts : int64, (k, k)
        Row = acted emotion, column = answer.
    normalise
        Show each cell as a share of its row.
    unit
        Name of the column of counts: ``clips`` or ``votes``.
    """
    top = 1.0 if normalise else float(max(counts.max(), 1))
    shares = row_shares(counts)
    rows = [
        (acted, answer, int(counts[i, j]), float(shares[i, j]))
        for i, acted in enumerate(labels)
        for j, answer in enumerate(labels)
    ]
    grid = confusion_grid(counts, normalise, top)
    drawing = Matrix(caption, labels, grid, SEQUENTIAL_COLOURS)
    return FigureExport(drawing, ("acted", "answer", unit, "share_of_row"), rows)


def export_difference(
    first: Counts, second: Counts, labels: Sequence[str], top: float, caption: Caption
) -> FigureExport:
    """Return a matrix of differences to save, as ``grid.difference_grid`` shows it."""
    first_shares, second_shares = row_shares(first), row_shares(second)
    columns = (first_shares, second_shares, first_shares - second_shares)
    rows = [
        (acted, answer, *(float(column[i, j]) for column in columns))
        for i, acted in enumerate(labels)
        for j, answer in enumerate(labels)
    ]
    grid = difference_grid(first, second, top)
    drawing = Matrix(caption, labels, grid, DIVERGING_COLOURS, empty_place=0.5)
    return FigureExport(drawing, ("acted", "answer", "first", "second", "difference"), rows)


# --- Curves --------------------------------------------------------------------------------------

_DIAGONAL = Curve("", (0.0, 1.0), (0.0, 1.0), GREY, 0.75, (2.25, 3.0))


def export_reliability(bins: Sequence[Bin], caption: Caption) -> FigureExport:
    """Return a reliability diagram to save; the number of answers of each bin is in its table."""
    points = [
        (row.confidence, row.accuracy)
        for row in bins
        if row.confidence is not None and row.accuracy is not None
    ]
    curve = Curve(
        "",
        [confidence for confidence, _ in points],
        [accuracy for _, accuracy in points],
        SERIES_COLOURS[0],
        1.9,
        has_markers=True,
    )
    rows = [(row.low, row.high, row.n, row.confidence, row.accuracy) for row in bins]
    header = ("above", "up_to", "clips", "mean_confidence", "share_right")
    return FigureExport(Curves(caption, (_DIAGONAL, curve)), header, rows)


def export_risk_coverage(curve: RiskCoverage, caption: Caption) -> FigureExport:
    """Return a risk-coverage curve to save."""
    x, y = curve.coverages.tolist(), curve.risks.tolist()
    line = Curve("", x, y, SERIES_COLOURS[0], 1.9, has_markers=True)
    header = ("coverage", "risk")
    return FigureExport(Curves(caption, (line,)), header, list(zip(x, y, strict=True)))


def export_roc(curves: Sequence[Roc], caption: Caption) -> FigureExport:
    """Return the ROC of each label to save, with the area under each curve in the legend."""
    lines = [_DIAGONAL]
    rows: list[Sequence[Any]] = []
    for curve in curves:
        x, y = curve.false_positive_rates.tolist(), curve.true_positive_rates.tolist()
        lines.append(
            Curve(
                f"{curve.label}, AUC {curve.area:.3f}",
                x,
                y,
                EMOTION_COLOURS.get(curve.label, CALM_COLOURS)[0],
                dashes_pt=DASHES_PT[DASHES[curve.label]],
            )
        )
        rows += [
            (curve.label, None if np.isinf(threshold) else threshold, false_alarms, found)
            for threshold, false_alarms, found in zip(curve.thresholds.tolist(), x, y, strict=True)
        ]
    header = ("emotion", "threshold", "false_alarms", "found")
    return FigureExport(Curves(caption, lines), header, rows)


def export_learning(
    history: Sequence[Mapping[str, Any]], quantity: str, names: tuple[str, str], caption: Caption
) -> FigureExport:
    """Return a quantity of a training run to save, as ``charts.learning_curves`` shows it."""
    keys = (f"val_{quantity}", quantity)
    lines = []
    for key, name, colour in zip(keys, names[::-1], SERIES_COLOURS, strict=True):
        points = [
            (float(row["epoch"]), float(row[key])) for row in history if row.get(key) is not None
        ]
        if points:
            lines.append(Curve(name, [x for x, _ in points], [y for _, y in points], colour))
    last = max((x for line in lines for x in line.x), default=1.0)
    highest = max((y for line in lines for y in line.y), default=1.0)
    drawing = Curves(caption, lines, (last, 1.05 * highest or 1.0), are_shares=False)
    rows = [(row["epoch"], *(row.get(key) for key in keys)) for row in history]
    return FigureExport(drawing, ("epoch", *keys), rows)


# --- The buttons ---------------------------------------------------------------------------------


def show_save_buttons(make: Callable[[], FigureExport], stem: str, key: str) -> None:
    """Show a button that opens a choice of files.

    Parameters
    ----------
    make
        Returns the figure; called when a file is asked for.
    stem
        Name of the files without their ending.
    key
        Unique for each figure of a page.
    """

    def content(kind: str) -> Callable[[], bytes]:
        return lambda: make().as_file(kind)

    with st.popover(text.SAVE, type="tertiary", icon=":material/download:", key=f"save-{key}"):
        for kind, label in text.FILE_KINDS.items():
            st.download_button(
                label,
                content(kind),
                f"{stem}.{kind}",
                MIME_TYPES[kind],
                key=f"save-{key}-{kind}",
                on_click="ignore",
                width="stretch",
            )
