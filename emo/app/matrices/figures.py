"""Descriptions of figures, which ``emo.app.matrices.drawing`` draws."""

from collections.abc import Sequence
from dataclasses import dataclass

from emo.app.matrices.grid import Grid


@dataclass(frozen=True)
class Caption:
    """The texts of a drawing: a title, a note on what it is of, and the names of both axes."""

    title: str
    note: str
    across: str
    down: str


@dataclass(frozen=True)
class Matrix:
    """A matrix to draw.

    Attributes
    ----------
    colours
        Equally spaced colours from the lowest to the highest value, as ``#rrggbb``.
    empty_place
        Place among the colours, 0 to 1, of cells without a value.
    """

    caption: Caption
    labels: Sequence[str]
    grid: Grid
    colours: Sequence[str]
    empty_place: float = 0.0


@dataclass(frozen=True)
class Curve:
    """A line through points; one without a name is not in the legend."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str
    width_pt: float = 1.5
    dashes_pt: Sequence[float] = ()
    has_markers: bool = False


@dataclass(frozen=True)
class Curves:
    """Curves to draw over axes from 0 to ``limits``, which are shares or plain numbers."""

    caption: Caption
    curves: Sequence[Curve]
    limits: tuple[float, float] = (1.0, 1.0)
    are_shares: bool = True
