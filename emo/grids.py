"""Confusion matrices as grids: what stands in each cell, and how strong its colour is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
    texts = [[points(value) for value in row] for row in values.tolist()]
    return Grid(_or_none(values), texts, (-top, top))


def _or_none(values: npt.NDArray[np.float64]) -> list[list[float | None]]:
    return [[None if np.isnan(value) else value for value in row] for row in values.tolist()]


def cell_text(value: float, normalise: bool) -> str:
    """A share in per cent without its sign, or a number of clips; "–" if there is none."""
    if np.isnan(value):
        return "–"
    return f"{100 * value:.0f}" if normalise else f"{value:,.0f}"


def points(difference: float) -> str:
    """A difference of two shares in points, with its sign; "–" if there is none."""
    if np.isnan(difference):
        return "–"
    text = f"{100 * difference:+.0f}"
    return "0" if text in ("+0", "-0") else text.replace("-", "\u2212")


def colour_at(colours: Sequence[str], place: float) -> str:
    """The colour at a place, 0 to 1, between equally spaced ones; all as ``#rrggbb``."""
    place = min(max(place, 0.0), 1.0) * (len(colours) - 1)
    i = min(int(place), len(colours) - 2)
    ends = [[int(colour[k : k + 2], 16) for k in (1, 3, 5)] for colour in colours[i : i + 2]]
    mixed = [round(a + (place - i) * (b - a)) for a, b in zip(*ends, strict=True)]
    return f"#{mixed[0]:02x}{mixed[1]:02x}{mixed[2]:02x}"
