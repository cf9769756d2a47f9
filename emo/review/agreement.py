"""Agreement of raters: Krippendorff's alpha for nominal values, with missing ones."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

N_RESAMPLES = 2000
MIN_CLIPS = 10
"""Clips from which on alpha has an interval: a bootstrap of fewer is too narrow."""

INTERVAL = (2.5, 97.5)
"""Percentiles between which an interval lies."""

_SEED = 20

Units = Sequence[Sequence[str]]
"""For each clip the values that it got, one from each rater who gave one."""


def count_values(units: Units) -> npt.NDArray[np.float64]:
    """Return how often each clip got each value; clips with fewer than two values are left out.

    Returns
    -------
    ndarray of float64, shape (clips, values)
        The values are in alphabetical order.
    """
    paired = [unit for unit in units if len(unit) > 1]
    place = {value: i for i, value in enumerate(sorted({v for unit in paired for v in unit}))}
    counts = np.zeros((len(paired), len(place)))
    for row, unit in enumerate(paired):
        for value in unit:
            counts[row, place[value]] += 1
    return counts


def alpha(units: Units) -> float:
    r"""Return Krippendorff's alpha for nominal values.

    With :math:`n_{uc}` raters who gave unit *u* the value *c*, :math:`m_u` values of a unit, and
    *n* values in units that have two or more, it is :math:`1 - D_o / D_e` with the observed
    disagreement :math:`D_o = \frac1n \sum_u \frac{1}{m_u - 1} \sum_c n_{uc} (m_u - n_{uc})` and
    the expected :math:`D_e = \frac{1}{n (n - 1)} \sum_c n_c (n - n_c)` (Krippendorff 2011,
    "Computing Krippendorff's Alpha-Reliability").

    Parameters
    ----------
    units
        For each clip the values that it got; a rater who gave none is left out there.

    Returns
    -------
    float
        1 for perfect agreement, 0 for that of chance, below 0 for less; NaN where all values are
        equal, or no clip has two.

    Examples
    --------
    >>> round(alpha([["a", "a"], ["a", "b"], ["b", "b"], ["b", "b"]]), 3)
    0.533
    """
    counts = count_values(units)
    return float(_alphas(counts, np.ones((1, len(counts))))[0])


def alpha_interval(units: Units) -> tuple[float, float] | None:
    """Return the 95 % interval of alpha by a percentile bootstrap over the clips (Efron 1979).

    None where fewer than ``MIN_CLIPS`` clips have two values, or their values do not differ.
    """
    counts = count_values(units)
    if len(counts) < MIN_CLIPS:
        return None
    rng = np.random.default_rng(_SEED)
    drawn = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), N_RESAMPLES)
    values = _alphas(counts, drawn.astype(np.float64))
    if np.isnan(values).all():
        return None
    low, high = np.nanpercentile(values, INTERVAL)
    return float(low), float(high)


def _alphas(
    counts: npt.NDArray[np.float64], drawn: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return alpha for each way to draw the clips, (r, clips): how often each is taken."""
    sizes = counts.sum(axis=1, keepdims=True)
    disagreement = (counts * (sizes - counts) / np.maximum(sizes - 1, 1)).sum(axis=1)
    by_value = drawn @ counts
    total = by_value.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = drawn @ disagreement / total
        expected = (by_value * (total[:, None] - by_value)).sum(axis=1) / (total * (total - 1))
        return np.asarray(np.where(expected > 0, 1 - observed / expected, np.nan))


def units_of(by_rater: Sequence[Mapping[str, str]]) -> list[list[str]]:
    """Return the values of each clip, from the values of each rater by clip."""
    clips = dict.fromkeys(clip for values in by_rater for clip in values)
    return [[values[clip] for values in by_rater if clip in values] for clip in clips]
