"""Test the texts and colours of matrices against values computed by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emo import formatting
from emo.app.matrices import grid as matrices_grid

COUNTS = np.diag([3, 2, 0, 5, 1, 4, 0]).astype(np.int64)
COUNTS[0, 4] = 1  # one angry clip called neutral


def test_confusion_grid_of_shares() -> None:
    grid = matrices_grid.confusion_grid(COUNTS, normalise=True, top=1.0)
    assert grid.values[0] == [0.75, 0, 0, 0, 0.25, 0, 0]
    assert grid.values[2] == [None] * 7  # no clip is fearful
    assert grid.texts[0] == ["75", "0", "0", "0", "25", "0", "0"]
    assert grid.texts[2] == ["–"] * 7
    assert grid.places()[0] == grid.values[0]
    assert grid.places()[2] == [None] * 7


def test_confusion_grid_of_counts_uses_the_common_scale() -> None:
    grid = matrices_grid.confusion_grid(1000 * COUNTS, normalise=False, top=7000.0)
    assert grid.values[3][3] == 5000
    assert grid.texts[3][3] == "5,000"
    assert grid.places()[3][3] == 5 / 7


def test_difference_grid_is_in_points_around_zero() -> None:
    second = COUNTS.copy()
    second[0] = [1, 0, 0, 0, 3, 0, 0]
    grid = matrices_grid.difference_grid(COUNTS, second, 0.5)
    assert grid.texts[0] == ["+50", "0", "0", "0", "\u221250", "0", "0"]
    assert grid.texts[2] == ["–"] * 7
    assert grid.values[0][0] == 0.5
    assert grid.places()[0] == [1.0, 0.5, 0.5, 0.5, 0.0, 0.5, 0.5]  # zero is in the middle
    assert formatting.signed_points(-0.001) == "0"


@given(arrays(np.int64, (7, 7), elements=st.integers(0, 999)))
def test_row_shares_add_up_to_one(counts: np.ndarray) -> None:
    shares = matrices_grid.row_shares(counts)
    tested = counts.sum(axis=1) > 0
    assert np.allclose(shares[tested].sum(axis=1), 1)
    assert np.isnan(shares[~tested]).all()


@pytest.mark.parametrize(
    ("place", "colour"),
    [
        (-1.0, "#000000"),
        (0.0, "#000000"),
        (0.25, "#800000"),
        (0.5, "#ff0000"),
        (0.75, "#ff8040"),
        (1.0, "#ffff80"),
        (2.0, "#ffff80"),
    ],
)
def test_colour_at_interpolates(place: float, colour: str) -> None:
    assert matrices_grid.colour_at(("#000000", "#ff0000", "#ffff80"), place) == colour


@pytest.mark.parametrize("kind", ["sequential", "diverging"])
def test_palettes_are_as_long_in_light_as_in_dark(kind: str) -> None:
    light, dark = matrices_grid.palettes(kind)
    assert len(light) == len(dark) == 10
