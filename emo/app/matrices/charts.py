"""Charts of the page as plotly figures.

They take their colours from ``.streamlit/config.toml``, for the light and for the dark page.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from emo.app.theme import DASHES
from emo.evaluation.metrics import Bin, Roc
from emo.evaluation.selective import RiskCoverage

_MIDDLE = {"width": 1.5, "dash": "dot", "color": "rgba(128, 128, 128, 0.9)"}


def learning_curves(
    history: Sequence[Mapping[str, Any]], quantity: str, title: str, names: tuple[str, str]
) -> go.Figure:
    """Return the chart of a quantity of a training run over the epochs.

    Parameters
    ----------
    history
        One row for each epoch with ``epoch``, ``quantity`` and ``val_<quantity>``, None where it
        was not measured.
    quantity
        ``loss`` or ``accuracy``.
    title
        Title of the vertical axis.
    names
        Names of the lines of the training clips and of the test clips.
    """
    figure = go.Figure()
    keys = (f"val_{quantity}", quantity)  # the test line gets the theme's first, strong colour
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


# --- Reliability, risk and ROC -------------------------------------------------------------------


def _frame(figure: go.Figure) -> None:
    """Add the diagonal, and set the size and margins of a figure of shares."""
    figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line=_MIDDLE)
    _set_size(figure)


def _set_size(figure: go.Figure) -> None:
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
    """Return the reliability diagram: accuracy by confidence, and below it the number of answers.

    Parameters
    ----------
    bins
        Bins of confidence; those without answers are left out of the curve.
    names
        Titles of the axes: confidence, accuracy, number of answers.
    sentences
        Meaning of each bin, shown while it is pointed at.
    """
    filled = [(row, text) for row, text in zip(bins, sentences, strict=True) if row.n]
    figure = go.Figure()
    figure.add_scatter(
        x=[row.confidence for row, _ in filled],
        y=[row.accuracy for row, _ in filled],
        text=[text for _, text in filled],
        mode="lines+markers",
        marker={"size": 8},
        line={"width": 2.5},
        hovertemplate="%{text}<extra></extra>",
    )
    figure.add_bar(
        x=[(row.low + row.high) / 2 for row in bins],
        y=[row.n for row in bins],
        width=[0.86 * (row.high - row.low) for row in bins],
        text=[f"{row.n:,}" if row.n else "" for row in bins],
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


def risk_coverage_curve(
    curve: RiskCoverage, names: tuple[str, str], sentences: Sequence[str]
) -> go.Figure:
    """Return the chart of the share of wrong answers by the share of clips that are answered.

    Parameters
    ----------
    curve
    names
        Titles of the axes: coverage, risk.
    sentences
        Meaning of each point, shown while it is pointed at.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[round(float(value), 4) for value in curve.coverages],
        y=[round(float(value), 4) for value in curve.risks],
        text=list(sentences),
        mode="lines+markers",
        marker={"size": 8},
        line={"width": 2.5},
        hovertemplate="%{text}<extra></extra>",
    )
    _set_size(figure)
    shares = {"tickformat": ".0%", "fixedrange": True}
    top = max(0.1, 1.1 * float(max(curve.risks, default=0.0)))
    figure.update_xaxes(title={"text": names[0], "standoff": 6}, range=[-0.02, 1.02], **shares)
    figure.update_yaxes(title={"text": names[1], "standoff": 6}, range=[0, top], **shares)
    return figure


def roc_curves(curves: Sequence[Roc], names: tuple[str, str]) -> go.Figure:
    """Return the ROC of each label; the page sets the colours of the curves by CSS.

    Parameters
    ----------
    curves
        The curve of each label.
    names
        Titles of the axes: false alarms, found.
    """
    figure = go.Figure()
    for curve in curves:
        figure.add_scatter(
            x=[round(float(value), 4) for value in curve.false_positive_rates],
            y=[round(float(value), 4) for value in curve.true_positive_rates],
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
