"""Charts as plotly figures, each small enough to send; colours that follow the theme come from it.

Emotion colours are those of :mod:`emo.app.theme`, and a label stands beside every colour.
A figure that sets no colour of its own takes the ones in ``.streamlit/config.toml``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from emo.app.theme import DASHES
from emo.evaluation.subsets import Bin, Roc

_MIDDLE = {"width": 1.5, "dash": "dot", "color": "rgba(128, 128, 128, 0.9)"}


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


def _frame(figure: go.Figure) -> None:
    """Give a figure the diagonal, and the frame of those that have one."""
    figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line=_MIDDLE)
    figure.update_layout(
        height=440,
        margin={"l": 60, "r": 12, "t": 12, "b": 44},
        dragmode=False,
        hovermode="closest",
        showlegend=False,
    )


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
    _frame(figure)
    shares = {"tickformat": ".0%", "range": [-0.02, 1.02], "fixedrange": True}
    figure.update_xaxes(title={"text": names[0], "standoff": 6}, anchor="y2", **shares)
    figure.update_layout(
        yaxis={"domain": [0.28, 1.0], "title": {"text": names[1], "standoff": 6}, **shares},
        yaxis2={
            "domain": [0.0, 0.2],
            "title": {"text": names[2], "standoff": 6},
            "fixedrange": True,
            "nticks": 3,
            "showgrid": False,
        },
    )
    return figure


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
    shares = {"tickformat": ".0%", "range": [-0.01, 1.01], "fixedrange": True}
    _frame(figure)
    figure.update_xaxes(title={"text": names[0], "standoff": 6}, **shares)
    figure.update_yaxes(title={"text": names[1], "standoff": 6}, **shares)
    return figure
