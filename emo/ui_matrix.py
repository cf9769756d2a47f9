"""A confusion matrix on the page: one component, whose cells can be pointed at and chosen."""

from collections.abc import Callable, Sequence

import streamlit as st

from emo import ui_cells_words as words
from emo.grids import Grid, colour_at
from emo.ui_component import component

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
    picked: Cell | None = None,
    on_pick: Callable[[], None] | None = None,
    kind: str = "sequential",
) -> None:
    """Nothing; draws a matrix.  What was chosen in it is then found by :func:`picked_cell`.

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
    picked
        The cell that is framed.
    on_pick
        Called when a cell was chosen; without it none can be.
    kind
        Of the theme's colours; see :func:`palettes`.
    """
    is_here = picked is not None and set(picked) <= set(labels)
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
                    "across": words.ANSWER_LABEL,
                    "down": words.ACTED_LABEL,
                },
                "can_pick": on_pick is not None,
                "picked": [labels.index(one) for one in picked] if picked and is_here else None,
            }
        ],
        on_cell_change=on_pick or (lambda: None),
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


def picked_cell(key: str) -> Cell | None:
    """The cell that was chosen in a matrix just now, if any."""
    state = st.session_state.get(key)
    found = state.get("cell") if state else None
    if not isinstance(found, list | tuple) or [type(one) for one in found] != [str, str]:
        return None
    return (found[0], found[1])
