"""Drawing of the figures that can be saved, with matplotlib, as PNG, SVG and PDF files.

Import this module only when a figure is saved: matplotlib takes half a second to load.
"""

import io
import textwrap
from threading import Lock

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from emo.app.matrices.figures import Caption, Curves, Matrix
from emo.app.matrices.grid import colour_at

PNG_DPI = 192
INK, GREY, FAINT = "#1f2326", "#5a6166", "#d9d9d6"

# This process draws nothing else with matplotlib, so its settings can be set for good.
matplotlib.rc("font", **{"family": "sans-serif", "sans-serif": ["DejaVu Sans", "Arial"]})
matplotlib.rc("lines", scale_dashes=False)
matplotlib.rc("pdf", fonttype=42)  # text stays text, which can be searched and edited
matplotlib.rc("svg", fonttype="none", hashsalt="emo")  # the salt makes identifiers reproducible
matplotlib.rc("text", color=INK, parse_math=False)  # a "$" in a name is a dollar sign

_METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": None},
    "svg": {"Creator": None, "Date": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
}
"""Without versions and dates, so that the same figure gives the same bytes."""

_TITLE_PT, _NOTE_PT, _LABEL_PT, _NUMBER_PT = 12.0, 8.25, 8.75, 9.75
_MARGIN = 0.17  # this and all lengths below in inches
_LINE = 0.17
_CELL_WIDTH, _CELL_HEIGHT = 0.69, 0.42
_ROW_LABELS, _COLUMN_LABELS = 0.95, 0.42
_PLOT_WIDTH, _PLOT_HEIGHT = 4.4, 3.35
_TICK_LABELS, _AXIS_LABEL, _LEGEND = 0.66, 0.55, 2.2

_LOCK = Lock()  # matplotlib is not safe with several threads, and each session has its own


def render(drawing: Matrix | Curves, kind: str) -> bytes:
    """Return a drawing as the bytes of a file.

    Parameters
    ----------
    drawing
        A matrix or curves.
    kind
        ``png`` (at 192 dots per inch), ``svg`` or ``pdf``.
    """
    file = io.BytesIO()
    with _LOCK:
        figure = draw(drawing)
        metadata = {"Title": drawing.caption.title} | _METADATA[kind]
        figure.savefig(file, format=kind, dpi=PNG_DPI, facecolor="white", metadata=metadata)
    return file.getvalue()


def draw(drawing: Matrix | Curves) -> Figure:
    """Return the matplotlib figure of a drawing."""
    return _draw_matrix(drawing) if isinstance(drawing, Matrix) else _draw_curves(drawing)


def _draw_matrix(matrix: Matrix) -> Figure:
    n = len(matrix.labels)
    width = _ROW_LABELS + n * _CELL_WIDTH + _MARGIN
    figure, axes = _figure(
        matrix.caption,
        (n * _CELL_WIDTH, n * _CELL_HEIGHT),
        left=_ROW_LABELS,
        above=_COLUMN_LABELS,
        below=_MARGIN,
        width=width,
    )
    axes.set(xlim=(0, n), ylim=(n, 0))
    for i, row in enumerate(matrix.grid.places()):
        for j, place in enumerate(row):
            colour = colour_at(matrix.colours, matrix.empty_place if place is None else place)
            axes.add_patch(Rectangle((j, i), 1, 1, facecolor=colour, edgecolor="w", linewidth=1.5))
            axes.text(
                j + 0.5,
                i + 0.5,
                matrix.grid.texts[i][j],
                fontsize=_NUMBER_PT,
                horizontalalignment="center",
                verticalalignment="center_baseline",
            )
    centres = [i + 0.5 for i in range(n)]
    axes.set_xticks(centres, matrix.labels)
    axes.set_yticks(centres, matrix.labels)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, pad=4, labelsize=_LABEL_PT, labelcolor=INK)
    axes.annotate(
        matrix.caption.across,
        (0.5, 1.0),
        (0, 21),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=_NOTE_PT,
        color=GREY,
        horizontalalignment="center",
    )
    axes.annotate(
        matrix.caption.down,
        (0.0, 1.0),
        (-4, 21),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=_NOTE_PT,
        color=GREY,
        horizontalalignment="right",
    )
    return figure


def _draw_curves(curves: Curves) -> Figure:
    names = [curve.name for curve in curves.curves if curve.name]
    figure, axes = _figure(
        curves.caption,
        (_PLOT_WIDTH, _PLOT_HEIGHT),
        left=_TICK_LABELS,
        above=0.3,
        below=_AXIS_LABEL,
        width=_TICK_LABELS + _PLOT_WIDTH + (_LEGEND if names else 2 * _MARGIN),
    )
    axes.set(xlim=(0, curves.limits[0]), ylim=(0, curves.limits[1]))
    lines = []
    for curve in curves.curves:
        line = Line2D(
            curve.x,
            curve.y,
            color=curve.colour,
            linewidth=curve.width_pt,
            linestyle=(0, tuple(curve.dashes_pt)) if curve.dashes_pt else "solid",
            marker="o" if curve.has_markers or len(curve.x) == 1 else "",
            markersize=4.5,
            clip_on=False,
            zorder=3,
        )
        axes.add_line(line)
        lines.append(line)
    if curves.are_shares:
        ticks = [i / 5 for i in range(6)]
        texts = [f"{100 * tick:.0f} %" for tick in ticks]
        axes.set_xticks(ticks, texts)
        axes.set_yticks(ticks, texts)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(8, steps=(1, 2, 5, 10), integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(8, steps=(1, 2, 5, 10)))
    axes.tick_params(length=0, pad=6, labelsize=_NOTE_PT, labelcolor=GREY)
    axes.grid(axis="y", color=FAINT, linewidth=0.75)
    axes.set_xlabel(curves.caption.across, fontsize=_NOTE_PT, color=GREY, labelpad=6)
    axes.annotate(
        curves.caption.down,
        (0.0, 1.0),
        (72 * (_MARGIN - _TICK_LABELS), 10),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=_NOTE_PT,
        color=GREY,
    )
    if names:
        named = [line for line, curve in zip(lines, curves.curves, strict=True) if curve.name]
        axes.legend(
            named,
            names,
            loc="upper left",
            bbox_to_anchor=(1.02, 1.0),
            borderaxespad=0,
            frameon=False,
            fontsize=_LABEL_PT,
            handlelength=3.2,
            labelspacing=0.8,
        )
    return figure


def _figure(
    caption: Caption,
    size: tuple[float, float],
    *,
    left: float,
    above: float,
    below: float,
    width: float,
) -> tuple[Figure, Axes]:
    """Return a figure with its title and note, and axes of a given size under them, in inches."""
    titles = textwrap.wrap(caption.title, max(12, int((width - 2 * _MARGIN) / 0.105)))
    notes = textwrap.wrap(caption.note, max(20, int((width - 2 * _MARGIN) / 0.068)))
    heading = _MARGIN + 0.24 * len(titles) + _LINE * len(notes) + 0.1
    height = heading + above + size[1] + below
    figure = Figure(figsize=(width, height))
    y = height - _MARGIN
    for lines, step, font_pt, colour in (
        (titles, 0.24, _TITLE_PT, INK),
        (notes, _LINE, _NOTE_PT, GREY),
    ):
        for line in lines:
            figure.text(
                _MARGIN / width,
                y / height,
                line,
                fontsize=font_pt,
                color=colour,
                verticalalignment="top",
            )
            y -= step
    axes = figure.add_axes(
        (left / width, below / height, size[0] / width, size[1] / height), facecolor="none"
    )
    axes.spines[:].set_visible(False)
    return figure, axes
