"""A confusion matrix on the page: one component, whose cells can be pointed at and chosen."""

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
    """Cells of a matrix, row by row: acted emotion down, answer across.

    Attributes
    ----------
    values
        Shares, clips or differences; None where a row has no clips.
    texts
        The values as they are read.
    limits
        Values that have the first and the last colour.
    """

    values: Sequence[Sequence[float | None]]
    texts: Sequence[Sequence[str]]
    limits: tuple[float, float]

    def places(self) -> list[list[float | None]]:
        """Where each value lies among the colours, 0 to 1; None where there is no value."""
        low, high = self.limits
        return [
            [None if value is None else (value - low) / (high - low) for value in row]
            for row in self.values
        ]


def row_shares(counts: Counts) -> npt.NDArray[np.float64]:
    """Each row divided by its sum, float64 (k, k); a row without clips is NaN."""
    totals = counts.sum(axis=1, keepdims=True).astype(np.float64)
    shares = np.full(counts.shape, np.nan)
    np.divide(counts, totals, out=shares, where=totals > 0)
    return shares


def confusion_grid(counts: Counts, normalise: bool, top: float) -> Grid:
    """A confusion matrix.

    Parameters
    ----------
    counts : int64, (k, k)
        Row = acted emotion, column = answer.
    normalise
        Show each cell as a share of its row; a row without clips stays empty.
    top
        Value of the strongest colour: give every matrix of a page the same.
    """
    values = row_shares(counts) if normalise else counts.astype(np.float64)
    texts = [[cell_text(value, normalise) for value in row] for row in values.tolist()]
    return Grid(_or_none(values), texts, (0.0, top))


def difference_grid(first: Counts, second: Counts, top: float) -> Grid:
    """How much oftener the first answered so than the second, in points; see confusion_grid.

    ``top`` is the distance, as a share, that has the strongest colour on either side of none.
    """
    values = row_shares(first) - row_shares(second)
    texts = [[signed_points(value) for value in row] for row in values.tolist()]
    return Grid(_or_none(values), texts, (-top, top))


def _or_none(values: npt.NDArray[np.float64]) -> list[list[float | None]]:
    return [[None if np.isnan(value) else value for value in row] for row in values.tolist()]


def cell_text(value: float, normalise: bool) -> str:
    """A share in per cent without its sign, or a number of clips; "–" if there is none."""
    if np.isnan(value):
        return "–"
    return f"{100 * value:.0f}" if normalise else f"{value:,.0f}"


def colour_at(colours: Sequence[str], place: float) -> str:
    """The colour at a place, 0 to 1, between equally spaced ones; all as ``#rrggbb``."""
    place = min(max(place, 0.0), 1.0) * (len(colours) - 1)
    i = min(int(place), len(colours) - 2)
    ends = [[int(colour[k : k + 2], 16) for k in (1, 3, 5)] for colour in colours[i : i + 2]]
    mixed = [round(a + (place - i) * (b - a)) for a, b in zip(*ends, strict=True)]
    return f"#{mixed[0]:02x}{mixed[1]:02x}{mixed[2]:02x}"


Cell = tuple[str, str]
"""Acted emotion and answer."""


def palettes(kind: str) -> list[list[str]]:
    """Colours of the theme, on the light and on the dark page; ``sequential`` or ``diverging``."""
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
) -> None:
    """Nothing; draws a matrix.  What was chosen in it is then found by :func:`clicked_cell`.

    Parameters
    ----------
    labels
        Names of the rows and columns.
    sentences
        What each cell says when it is pointed at or has the keyboard, row by row.
    caption
        What a screen reader calls the matrix.
    key
        One for each matrix of a page.
    selected
        The cell that is framed.
    on_select
        Called when a cell was chosen; without it none can be.
    kind
        Of the theme's colours; see :func:`palettes`.
    """
    is_here = selected is not None and set(selected) <= set(labels)
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
                    "down": text.ACTED_LABEL,
                },
                "selectable": on_select is not None,
                "selected": [labels.index(one) for one in selected]
                if selected and is_here
                else None,
            }
        ],
        on_cell_change=on_select or (lambda: None),
    )


def _colours(grid: Grid, palettes: Sequence[Sequence[str]]) -> list[list[str]]:
    """The colours of each cell on the light and on the dark page, as CSS; empty for none."""
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
    """The cell that was chosen in a matrix just now, if any."""
    state = st.session_state.get(key)
    found = state.get("cell") if state else None
    if not isinstance(found, list | tuple) or [type(one) for one in found] != [str, str]:
        return None
    return (found[0], found[1])
