"""Bootstrap intervals over speakers.

The clips of a speaker are not independent, so whole speakers are drawn with replacement, as many of
each corpus as it has (percentile bootstrap, Efron 1979; clustered and stratified).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

N_RESAMPLES = 2000
INTERVAL = (2.5, 97.5)
"""Percentiles between which the intervals lie."""

_SEED = 20


def draw_speakers(
    speakers: Sequence[str] | npt.NDArray[np.str_],
) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Return the names of the speakers, and how often each is drawn in each resample.

    Speakers are drawn with replacement, as many of each corpus as it has, from a fixed seed.

    Returns
    -------
    names : list of str
        Sorted.
    drawn : ndarray of float64, shape (2000, speakers)
    """
    names = sorted({str(speaker) for speaker in speakers})
    rng = np.random.default_rng(_SEED)
    drawn = np.zeros((N_RESAMPLES, len(names)))
    families = np.array([name.split("-")[0] for name in names])
    for family in sorted(set(families)):
        own = np.flatnonzero(families == family)
        drawn[:, own] = rng.multinomial(len(own), np.full(len(own), 1 / len(own)), N_RESAMPLES)
    return names, drawn


def resampled_sums(
    speakers: Sequence[str] | npt.NDArray[np.str_], rows: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """Return the sum of the rows of the clips in each resample of the speakers.

    Parameters
    ----------
    speakers
        Speaker of each of n clips.
    rows
        Numbers of shape (n, ...).

    Returns
    -------
    ndarray of float64, shape (2000, ...)
    """
    names, drawn = draw_speakers(speakers)
    place = {name: i for i, name in enumerate(names)}
    sums = np.zeros((len(names), *rows.shape[1:]))
    np.add.at(sums, [place[str(speaker)] for speaker in speakers], rows.astype(float))
    return np.asarray(np.tensordot(drawn, sums, axes=1))


def bootstrap(
    speakers: Sequence[str] | npt.NDArray[np.str_],
    columns: Sequence[npt.NDArray[Any]],
    statistic: Callable[..., npt.NDArray[Any]],
) -> list[float]:
    """Return the 95 % interval [low, high] of a statistic of sums, by resampling speakers.

    The percentile bootstrap (Efron 1979), clustered by speaker and stratified by corpus.

    Parameters
    ----------
    speakers
        Speaker of each of n clips.
    columns
        Arrays (n, ...) that are summed over the clips of each resample.
    statistic
        Takes the sums of each column, (r, ...) for r resamples, and returns (r,) values; NaN where
        a resample has none.
    """
    with np.errstate(invalid="ignore"):
        values = statistic(*(resampled_sums(speakers, column) for column in columns))
    return interval(values)


def interval(resampled: npt.NDArray[Any]) -> list[float]:
    """Return the 95 % interval [low, high] of resampled figures; NaN are left out."""
    return [float(value) for value in np.nanpercentile(resampled, INTERVAL)]
