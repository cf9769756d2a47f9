"""A matrix on the page: its values, texts and colours, and the component that draws it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import streamlit as st

from emo.app.components import component
from emo.app.matrices import text
from emo.formatting import signed_points

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """The cells of a matrix: a row for each acted emotion, a column for each answer.

    Attributes
    ----------
    values
        Shares, clips or differences of shares; None where a row has no clips.
    texts
        The values as text.
    limits
        The values of the first and the last colour.
    """

    values: Sequence[Sequence[float | None]]
    texts: Sequence[Sequence[str]]
    limits: tuple[float, float]

    def places(self) -> list[list[float | None]]:
        """Return the place of each value among the colours, 0 to 1; None where there is none."""
        low, high = self.limits
        return [
            [None if value is None else (value - low) / (high - low) for value in row]
            for row in self.values
        ]


def row_shares(counts: Counts) -> npt.NDArray[np.float64]:
    """Return each row divided by its sum, float64 (k, k); a row without clips is NaN."""
    totals = counts.sum(axis=1, keepdims=True).astype(np.float64)
    shares = np.full(counts.shape, np.nan)
    np.divide(counts, totals, out=shares, where=totals > 0)
    return shares


def confusion_grid(counts: Counts, normalise: bool, top: float) -> Grid:
    """Return the cells of a confusion matrix.

    Parameters
    ----------
    counts : int64, (k, k)
        Row = acted emotion, column = answer.
    normalise
        Show each cell as a share of its row; a row without clips stays empty.
    top
        Value of the strongest colour, the same for all matrices to be compared.
    """
    values = row_shares(counts) if normalise else counts.astype(np.float64)
    texts = [[cell_text(value, normalise) for value in row] for row in values.tolist()]
    return Grid(_or_none(values), texts, (0.0, top))


def difference_grid(first: Counts, second: Counts, top: float) -> Grid:
    """Return the cells of the difference of two confusion matrices, in points.

    Parameters
    ----------
    first, second : int64, (k, k)
        Row = acted emotion, column = answer; the second is subtracted from the first.
    top
        Difference of shares that has the strongest colour, on either side of none.
    """
    values = row_shares(first) - row_shares(second)
    texts = [[signed_points(value) for value in row] for row in values.tolist()]
    return Grid(_or_none(values), texts, (-top, top))


def _or_none(values: npt.NDArray[np.float64]) -> list[list[float | None]]:
    return [[None if np.isnan(value) else value for value in row] for row in values.tolist()]


def cell_text(value: float, normalise: bool) -> str:
    """Return a share in per cent without the sign, or a number of clips; "–" if it is NaN."""
    if np.isnan(value):
        return "–"
    return f"{100 * value:.0f}" if normalise else f"{value:,.0f}"


def colour_at(colours: Sequence[str], place: float) -> str:
    """Return the colour at a place, 0 to 1, among equally spaced colours (``#rrggbb``)."""
    place = min(max(place, 0.0), 1.0) * (len(colours) - 1)
    i = min(int(place), len(colours) - 2)
    ends = [[int(colour[k : k + 2], 16) for k in (1, 3, 5)] for colour in colours[i : i + 2]]
    mixed = [round(a + (place - i) * (b - a)) for a, b in zip(*ends, strict=True)]
    return f"#{mixed[0]:02x}{mixed[1]:02x}{mixed[2]:02x}"


Cell = tuple[str, str]
"""Acted emotion and answer."""


def palettes(kind: str) -> list[list[str]]:
    """Return the theme's colours for the light and for the dark page.

    The kind is ``sequential`` or ``diverging``.
    """
    name = f"chart{kind.capitalize()}Colors"
    return [
        [str(colour) for colour in st.get_option(f"theme.{mode}.{name}") or []]
        for mode in ("light", "dark")
    ]


def show_grid(
    grid: Grid,
    labels: Sequence[str],
    sentences: Sequence[Sequence[str]],
    caption: str,
    key: str,
    selected: Cell | None = None,
    on_select: Callable[[], None] | None = None,
    kind: str = "sequential",
    down: str = text.ACTED_LABEL,
    is_small: bool = False,
    focus: int = 0,
) -> None:
    """Draw a matrix; ``clicked_cell`` then returns the cell that was clicked in it.

    Parameters
    ----------
    labels
        Names of the rows and columns.
    sentences
        Meaning of each cell, row by row, shown while it is pointed at or has the focus.
    caption
        Description of the matrix for screen readers.
    key
        Unique for each matrix of a page.
    selected
        The cell that has a frame.
    on_select
        Called when a cell was clicked; if it is None, cells cannot be clicked.
    kind
        Kind of the theme's colours; see ``palettes``.
    down
        Name of the rows.
    is_small
        Draw it small, without the names of rows and columns.
    focus
        A number above 0 gives the selected cell the keyboard, once for each number.
    """
    place = None
    if selected is not None and set(selected) <= set(labels):
        place = [labels.index(label) for label in selected]
    component("matrix")(
        key=key,
        data=[
            {
                "labels": list(labels),
                "texts": grid.texts,
                "colours": _colours(grid, palettes(kind)),
                "sentences": sentences,
                "words": {
                    "caption": caption,
                    "across": text.ANSWER_LABEL,
                    "down": down,
                },
                "selectable": on_select is not None,
                "selected": place,
                "small": is_small,
                "focus": focus,
            }
        ],
        on_cell_change=on_select or (lambda: None),
    )


def _colours(grid: Grid, palettes: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the colours of each cell on the light and the dark page, as CSS; empty for none."""
    if not all(palettes):
        return [["" for _ in row] for row in grid.texts]
    return [
        [
            "" if place is None else ",".join(colour_at(colours, place) for colours in palettes)
            for place in row
        ]
        for row in grid.places()
    ]


def clicked_cell(key: str) -> Cell | None:
    """Return the cell that was clicked in a matrix just now, if any."""
    state = st.session_state.get(key)
    cell = state.get("cell") if state else None
    if not isinstance(cell, list | tuple) or [type(label) for label in cell] != [str, str]:
        return None
    return (cell[0], cell[1])
