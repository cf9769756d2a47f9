"""Charts as plotly figures, each small enough to send; colours that follow the theme come from it.

Emotion colours and the order of the emotions are fixed, and a label stands beside every colour.
A figure that sets no colour of its own takes the ones in ``.streamlit/config.toml``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from emo.labels import LABELS

EMOTION_COLOURS: dict[str, tuple[str, str]] = {
    "angry": ("#b30405", "#e04127"),
    "disgusted": ("#009a78", "#3acd87"),
    "fearful": ("#3a1c6d", "#8e51b6"),
    "happy": ("#a87600", "#fad535"),
    "neutral": ("#545655", "#8f8f8f"),
    "sad": ("#195aca", "#1a87ff"),
    "surprised": ("#e05ec7", "#fe8ee5"),
}
"""Colour of each emotion on the light and on the dark page.

Found by a search over the hues that people expect: at least 3:1 against the page, and at least
0.1 apart in OKLab as seen with normal sight, protanopia, deuteranopia and tritanopia.
"""

CELL_PX = 42
"""Height of a row of a matrix."""

CELL_TEXT_PX = 13

_MATRIX_TOP = 8
_MATRIX_BOTTOM = 86

Counts = npt.NDArray[np.int64]


def row_shares(counts: Counts) -> npt.NDArray[np.float64]:
    """Each row divided by its sum, float64 (k, k); a row without clips is NaN."""
    totals = counts.sum(axis=1, keepdims=True).astype(np.float64)
    shares = np.full(counts.shape, np.nan)
    np.divide(counts, totals, out=shares, where=totals > 0)
    return shares


def confusion_matrix(
    counts: Counts,
    normalise: bool,
    top: float,
    labels: Sequence[str] = LABELS,
    unit: str = "clips",
) -> go.Figure:
    """A confusion matrix: acted emotion down, answer across.

    Parameters
    ----------
    counts : int64, (k, k)
        Row = acted emotion, column = answer, in the order of ``labels``.
    normalise
        Show each cell as a share of its row; a row without clips stays empty.
    top
        Value of the strongest colour: give every matrix of a page the same.
    labels
        Names of the rows and columns.
    unit
        What is counted.
    """
    values = row_shares(counts) if normalise else counts.astype(np.float64)
    cells = [[_cell_text(value, normalise) for value in row] for row in values]
    shown = f"%{{text}} % of the {unit}" if normalise else f"%{{text}} {unit}"
    figure = go.Figure(
        go.Heatmap(
            z=[[None if np.isnan(value) else value for value in row] for row in values.tolist()],
            x=list(labels),
            y=list(labels),
            text=cells,
            texttemplate="%{text}",
            textfont={"size": CELL_TEXT_PX},
            zmin=0.0,
            zmax=top,
            xgap=2,
            ygap=2,
            showscale=False,
            hovertemplate=f"acted %{{y}}, answered %{{x}}<br>{shown}<extra></extra>",
            hoverongaps=False,
        )
    )
    figure.update_layout(
        height=_MATRIX_TOP + _MATRIX_BOTTOM + CELL_PX * len(labels),
        margin={"l": 88, "r": 4, "t": _MATRIX_TOP, "b": _MATRIX_BOTTOM},
        dragmode=False,
    )
    axis = {"showgrid": False, "fixedrange": True, "automargin": False, "ticks": ""}
    figure.update_xaxes(title={"text": "Answer", "standoff": 10}, tickangle=-45, **axis)
    figure.update_yaxes(title={"text": "Acted", "standoff": 4}, autorange="reversed", **axis)
    return figure


def _cell_text(value: float, normalise: bool) -> str:
    if np.isnan(value):
        return "–"
    return f"{100 * value:.0f}" if normalise else f"{value:,.0f}"


def learning_curves(
    history: Sequence[Mapping[str, Any]], quantity: str, title: str, names: tuple[str, str]
) -> go.Figure:
    """How one quantity of a training run moved from epoch to epoch.

    Parameters
    ----------
    history
        One row for each epoch with ``epoch``, ``quantity`` and ``val_<quantity>``, None where it
        was not measured.
    quantity
        ``loss`` or ``accuracy``.
    title
        Words on the vertical axis.
    names
        What the training line and the held-out line are called.
    """
    figure = go.Figure()
    keys = (f"val_{quantity}", quantity)  # the held-out line gets the theme's first, strong colour
    for key, name in zip(keys, names[::-1], strict=True):
        points = [(row["epoch"], row[key]) for row in history if row.get(key) is not None]
        if not points:
            continue
        figure.add_scatter(
            x=[epoch for epoch, _ in points],
            y=[round(float(value), 4) for _, value in points],
            name=name,
            mode="lines" if len(points) > 1 else "markers",
            line={"width": 2.5 if key.startswith("val_") else 2},
            hovertemplate="epoch %{x}: %{y:.3f}",
        )
    figure.update_layout(
        height=280,
        margin={"l": 52, "r": 12, "t": 36, "b": 44},
        dragmode=False,
        hovermode="x unified",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"},
    )
    figure.update_xaxes(title={"text": "Epoch", "standoff": 6}, fixedrange=True, showgrid=False)
    figure.update_yaxes(title={"text": title, "standoff": 6}, fixedrange=True, rangemode="tozero")
    return figure
