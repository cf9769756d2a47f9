"""Charts as plotly figures, each small enough to send; colours that follow the theme come from it.

Emotion colours and the order of the emotions are fixed, and a label stands beside every colour.
A figure that sets no colour of its own takes the ones in ``.streamlit/config.toml``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from emo.labels import LABELS, TRAINED_LABELS
from emo.slices import Bin, Roc

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

CALM_COLOURS = EMOTION_COLOURS["neutral"]
"""Of calm, which is measured and never answered: its curve is told apart by its dashes."""

CELL_PX = 42
"""Height of a row of a matrix."""

CELL_TEXT_PX = 13

CELLS = "cells"
"""Name of the trace that takes the clicks on the cells of a matrix, row by row."""

# Streamlit puts the ten diverging colours of the theme in the place of these.
_DIVERGING = [(i / 9, f"#0000{21 + i}") for i in range(10)]
_MIDDLE = {"width": 1.5, "dash": "dot", "color": "rgba(128, 128, 128, 0.9)"}
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
    sentences: Sequence[Sequence[str]] = (),
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
    sentences
        What each cell says when it is pointed at, row by row; without them none can be clicked.
    """
    values = row_shares(counts) if normalise else counts.astype(np.float64)
    texts = [[_cell_text(value, normalise) for value in row] for row in values]
    return _matrix(values, texts, (0.0, top), labels, sentences)


def difference_matrix(
    first: Counts,
    second: Counts,
    top: float,
    labels: Sequence[str] = LABELS,
    sentences: Sequence[Sequence[str]] = (),
) -> go.Figure:
    """How much oftener the first answered so than the second, in points; see confusion_matrix.

    ``top`` is the distance, as a share, that has the strongest colour on either side of none.
    """
    values = row_shares(first) - row_shares(second)
    texts = [[points(value) for value in row] for row in values]
    figure = _matrix(values, texts, (-top, top), labels, sentences)
    return figure.update_traces(colorscale=_DIVERGING, selector={"type": "heatmap"})


def points(difference: float) -> str:
    """A difference of two shares in points, with its sign; "–" if there is none."""
    if np.isnan(difference):
        return "–"
    text = f"{100 * difference:+.0f}"
    return "0" if text in ("+0", "-0") else text.replace("-", "\u2212")


def _matrix(
    values: npt.NDArray[np.float64],
    texts: Sequence[Sequence[str]],
    limits: tuple[float, float],
    labels: Sequence[str],
    sentences: Sequence[Sequence[str]],
) -> go.Figure:
    figure = go.Figure(
        go.Heatmap(
            z=[[None if np.isnan(value) else value for value in row] for row in values.tolist()],
            x=list(labels),
            y=list(labels),
            text=texts,
            texttemplate="%{text}",
            textfont={"size": CELL_TEXT_PX},
            zmin=limits[0],
            zmax=limits[1],
            xgap=2,
            ygap=2,
            showscale=False,
            hoverinfo="skip",
        )
    )
    if sentences:
        figure.add_trace(_touch(labels, sentences))
    figure.update_layout(
        height=_MATRIX_TOP + _MATRIX_BOTTOM + CELL_PX * len(labels),
        margin={"l": 88, "r": 4, "t": _MATRIX_TOP, "b": _MATRIX_BOTTOM},
        dragmode=False,
        hovermode="closest",
        showlegend=False,
    )
    axis = {"showgrid": False, "fixedrange": True, "automargin": False, "ticks": ""}
    ends = (-0.5, len(labels) - 0.5)
    figure.update_xaxes(title={"text": "Answer", "standoff": 10}, tickangle=-45, range=ends, **axis)
    figure.update_yaxes(title={"text": "Acted", "standoff": 4}, range=ends[::-1], **axis)
    return figure


def _touch(labels: Sequence[str], sentences: Sequence[Sequence[str]]) -> go.Scatter:
    """Markers that nobody sees, one on each cell: a heatmap takes no selection (plotly.js)."""
    k = len(labels)
    unseen = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=[labels[i % k] for i in range(k * k)],
        y=[labels[i // k] for i in range(k * k)],
        text=[sentence for row in sentences for sentence in row],
        name=CELLS,
        mode="markers",
        marker={"symbol": "square", "size": CELL_PX - 4, "opacity": 0},
        selected=unseen,
        unselected=unseen,
        hovertemplate="%{text}<extra></extra>",
    )


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


# --- Reliability and ROC -------------------------------------------------------------------------


def reliability_diagram(
    bins: Sequence[Bin], names: tuple[str, str, str], sentences: Sequence[str]
) -> go.Figure:
    """How often answers of about one confidence are right, and below how many there are.

    Parameters
    ----------
    bins
        Of confidence; those without answers are left out of the curve.
    names
        Words at the axes: confidence, share that is right, answers.
    sentences
        What each bin says when it is pointed at.
    """
    filled = [(one, text) for one, text in zip(bins, sentences, strict=True) if one.n]
    figure = go.Figure()
    figure.add_scatter(
        x=[one.confidence for one, _ in filled],
        y=[one.accuracy for one, _ in filled],
        text=[text for _, text in filled],
        mode="lines+markers",
        marker={"size": 8},
        line={"width": 2.5},
        hovertemplate="%{text}<extra></extra>",
    )
    figure.add_bar(
        x=[(one.low + one.high) / 2 for one in bins],
        y=[one.n for one in bins],
        width=[0.86 * (one.high - one.low) for one in bins],
        text=[f"{one.n:,}" if one.n else "" for one in bins],
        textposition="none",
        hovertext=list(sentences),
        hovertemplate="%{hovertext}<extra></extra>",
        yaxis="y2",
    )
    figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line=_MIDDLE)
    figure.update_layout(
        height=440,
        margin={"l": 60, "r": 12, "t": 12, "b": 44},
        dragmode=False,
        hovermode="closest",
        showlegend=False,
        yaxis2={"domain": [0.0, 0.2], "title": {"text": names[2], "standoff": 6}},
    )
    shares = {"tickformat": ".0%", "range": [-0.02, 1.02], "fixedrange": True}
    figure.update_xaxes(title={"text": names[0], "standoff": 6}, anchor="y2", **shares)
    figure.update_layout(
        yaxis={"domain": [0.28, 1.0], "title": {"text": names[1], "standoff": 6}, **shares},
        yaxis2={"fixedrange": True, "nticks": 3, "showgrid": False},
    )
    return figure


DASHES = dict(
    zip(
        TRAINED_LABELS,
        ("solid", "dash", "dot", "dashdot", "longdash", "solid", "dash", "dot"),
        strict=True,
    )
)
"""Of the ROC of each emotion: colour alone does not tell them apart."""


def roc_curves(curves: Sequence[Roc], names: tuple[str, str]) -> go.Figure:
    """The ROC of each label; the page gives each curve the colour of its emotion.

    Parameters
    ----------
    curves
        In any order; named by their labels.
    names
        Words at the axes: false alarms, found.
    """
    figure = go.Figure()
    for curve in curves:
        figure.add_scatter(
            x=[round(float(value), 4) for value in curve.false_alarms],
            y=[round(float(value), 4) for value in curve.found],
            name=curve.label,
            mode="lines",
            line={"width": 2.5, "dash": DASHES[curve.label]},
            hovertemplate="%{fullData.name}: %{y:.0%} found at %{x:.0%} false alarms"
            "<extra></extra>",
        )
    figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line=_MIDDLE)
    shares = {"tickformat": ".0%", "range": [-0.01, 1.01], "fixedrange": True}
    figure.update_layout(
        height=440,
        margin={"l": 60, "r": 12, "t": 12, "b": 44},
        dragmode=False,
        hovermode="closest",
        showlegend=False,
    )
    figure.update_xaxes(title={"text": names[0], "standoff": 6}, **shares)
    figure.update_yaxes(title={"text": names[1], "standoff": 6}, **shares)
    return figure
