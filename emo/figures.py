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

WAVEFORM_POINTS = 1_200
"""Columns of a waveform, about one for each pixel of a wide page."""

SPECTROGRAM_FRAMES = 1_200
"""Most columns of a spectrogram; neighbours are averaged beyond that."""

RANGE_DB = 60
"""Levels further below the loudest cell than this are drawn as silence."""

FREQUENCY_TICKS_KHZ = (0.1, 0.3, 0.6, 1.0, 2.0, 4.0, 7.0)

_SPECTROGRAM_SCALE = (  # plotly's Magma; its darkest, #000004, stands for another colour in a theme
    "#0a0510",
    "#180f3d",
    "#440f76",
    "#721f81",
    "#9e2f7f",
    "#cd4071",
    "#f1605d",
    "#fd9668",
    "#feca8d",
    "#fcfdbf",
)
CELL_PX = 42
"""Height of a row of a matrix."""

CELL_TEXT_PX = 13

_MATRIX_TOP = 8
_MATRIX_BOTTOM = 86
_MARGIN_LEFT = 56  # the same on waveform and spectrogram, so that their times stand in one line
_MARGIN_RIGHT = 12
_UNUSED_COLOUR = "rgba(128, 128, 128, 0.16)"

Counts = npt.NDArray[np.int64]


def envelope(
    samples: npt.NDArray[np.float32], points: int = WAVEFORM_POINTS
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Lowest and highest sample of each of at most ``points`` equal stretches of a clip.

    Parameters
    ----------
    samples : float32, (n,)
    points
        Most stretches wanted; a clip with fewer samples has one for each sample.

    Returns
    -------
    low, high : float32, (min(n, points),)
        A peak of one sample is never lost, as it would be by keeping every k-th sample.
    """
    starts = np.linspace(0, len(samples), min(points, len(samples)), endpoint=False).astype(int)
    low = np.minimum.reduceat(samples, starts) if len(samples) else samples
    high = np.maximum.reduceat(samples, starts) if len(samples) else samples
    return low.astype(np.float32), high.astype(np.float32)


def waveform(
    samples: npt.NDArray[np.float32], rate_hz: int, span: tuple[int, int] | None = None
) -> go.Figure:
    """The waveform of a clip over time in seconds, scaled to its own peak.

    Parameters
    ----------
    samples : float32, (n,)
    rate_hz
        Samples in a second.
    span
        First and last sample (half-open) that the classifiers use; the rest is shaded.
    """
    duration_s = len(samples) / rate_hz
    low, high = envelope(samples)
    peak = float(max(np.max(np.abs(low), initial=0.0), np.max(np.abs(high), initial=0.0))) or 1.0
    strokes = np.stack([low, high], axis=1).ravel()  # down and up once in every column
    figure = go.Figure(
        go.Scatter(
            x0=0.0,
            dx=duration_s / max(len(strokes), 1),
            y=np.round(strokes / peak * 127).astype(np.int8),  # 127 steps are finer than pixels
            mode="lines",
            line={"width": 1},
            hoverinfo="skip",
        )
    )
    for start_s, stop_s in _outside(span, len(samples), rate_hz):
        figure.add_vrect(x0=start_s, x1=stop_s, fillcolor=_UNUSED_COLOUR, line_width=0)
    _lay_out_over_time(figure, duration_s, height=120, bottom=8)
    figure.update_xaxes(showticklabels=False)
    figure.update_yaxes(range=[-135, 135], showticklabels=False, showgrid=False, zeroline=False)
    return figure


def _outside(
    span: tuple[int, int] | None, n_samples: int, rate_hz: int
) -> list[tuple[float, float]]:
    """Stretches in seconds that lie before and after a span of samples."""
    if span is None:
        return []
    start, stop = span
    stretches = [(0, start), (stop, n_samples)]
    return [(first / rate_hz, last / rate_hz) for first, last in stretches if last > first]


def spectrogram(
    mel_db: npt.NDArray[np.float32], mel_hz: npt.NDArray[np.float64], frame_s: float
) -> go.Figure:
    """A log-mel spectrogram over time in seconds and frequency in kHz.

    Bands have equal height, as on the mel scale that the CNN sees.  Levels are sent as whole
    decibels, one byte each, above a floor that lies ``RANGE_DB`` below the loudest cell.

    Parameters
    ----------
    mel_db : float32, (n_frames, n_bands)
        Level in dB; the reference does not matter.
    mel_hz : float64, (n_bands,)
        Centre frequency of each band.
    frame_s
        Seconds from one frame to the next.
    """
    duration_s = len(mel_db) * frame_s
    columns = _shorten(mel_db, SPECTROGRAM_FRAMES)
    above_db = np.clip(np.round(columns - columns.max()) + RANGE_DB, 0, RANGE_DB).astype(np.uint8)
    figure = go.Figure(
        go.Heatmap(
            z=above_db.T,
            x0=duration_s / len(columns) / 2,
            dx=duration_s / len(columns),
            y=[f"{frequency:.0f}" for frequency in mel_hz],
            zmin=0,
            zmax=RANGE_DB,
            colorscale=list(_SPECTROGRAM_SCALE),
            showscale=False,
            hovertemplate="%{x:.2f} s · %{y} Hz · %{z} dB<extra></extra>",
        )
    )
    _lay_out_over_time(figure, duration_s, height=290, bottom=32)
    ticks = [khz for khz in FREQUENCY_TICKS_KHZ if mel_hz[0] <= khz * 1000 <= mel_hz[-1]]
    figure.update_xaxes(ticksuffix=" s")
    figure.update_yaxes(
        type="category",
        title={"text": "Frequency (kHz)", "standoff": 4},
        tickvals=[float(np.interp(khz * 1000, mel_hz, np.arange(len(mel_hz)))) for khz in ticks],
        ticktext=[f"{khz:g}" for khz in ticks],
        showgrid=False,
    )
    return figure


def _shorten(frames: npt.NDArray[np.float32], most: int) -> npt.NDArray[np.float32]:
    """At most ``most`` rows, each the mean of equally many neighbours; the last may have fewer."""
    width = -(-len(frames) // most)
    if width <= 1:
        return frames
    starts = np.arange(0, len(frames), width)
    sizes = np.diff(np.append(starts, len(frames)))
    return (np.add.reduceat(frames, starts, axis=0) / sizes[:, None]).astype(np.float32)


def _lay_out_over_time(figure: go.Figure, duration_s: float, height: int, bottom: int) -> None:
    """Set margins and time axis so that two charts of one clip stand in one line."""
    figure.update_layout(
        height=height,
        margin={"l": _MARGIN_LEFT, "r": _MARGIN_RIGHT, "t": 8, "b": bottom},
        dragmode=False,  # a finger that scrolls the page must not zoom the chart
        showlegend=False,
    )
    figure.update_xaxes(range=[0, duration_s], fixedrange=True, automargin=False, showgrid=False)
    figure.update_yaxes(fixedrange=True, automargin=False)


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
