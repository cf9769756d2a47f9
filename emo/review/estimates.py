"""Estimate the accuracy in a whole batch from the clips of it that were labelled.

The batch is a finite population, and chance is in the choice of its clips alone.  The intervals
therefore hold for this batch and these labels, whatever the clips have in common; they say nothing
of other recordings.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A share in a batch, estimated from some of its clips.

    Attributes
    ----------
    share, low, high : float, 0 to 1
        Estimate, and its 95 % interval.
    n : int
        Clips that it was counted on.
    """

    share: float
    low: float
    high: float
    n: int


def estimate_random(right: npt.NDArray[np.bool_], population: int) -> Estimate:
    """Return the share of right answers in a batch of which clips were drawn at random.

    The interval inverts the hypergeometric distribution, so it is exact: it covers the share of the
    batch in 95 % of draws or more, and has no width once all clips are labelled.

    Parameters
    ----------
    right : ndarray of bool, shape (n,)
        Whether the answer to each drawn clip is right, n ≥ 1.
    population
        Clips among which they were drawn, at least n.
    """
    n, k = len(right), int(right.sum())
    low, high = exact_interval(k, n, population)
    return Estimate(k / n, low, high, n)


def exact_interval(k: int, n: int, population: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, of which k of n clips drawn at random have the property.

    Clopper and Pearson's interval for a finite population: the shares under which a count as
    extreme as k has a probability above 2.5 % on either side.

    Examples
    --------
    >>> exact_interval(3, 4, 4)
    (0.75, 0.75)
    """
    tail = (1 - CONFIDENCE) / 2
    first, last = k, population - (n - k)  # totals in the batch with which k is possible
    low, high = first, last
    left, right = first, last
    while left < right:  # the smallest total with which k or more has a probability above the tail
        middle = (left + right) // 2
        if _tail(k, n, n, middle, population) > tail:
            right = middle
        else:
            left = middle + 1
    low = left
    left, right = low, last
    while left < right:  # the largest with which k or fewer has
        middle = (left + right + 1) // 2
        if _tail(0, k, n, middle, population) > tail:
            left = middle
        else:
            right = middle - 1
    high = left
    return low / population, high / population


def _tail(least: int, most: int, n: int, total: int, population: int) -> float:
    """Return the probability that n drawn clips hold ``least`` to ``most`` of a total of them."""
    least, most = max(least, n - (population - total), 0), min(most, n, total)
    if least > most:
        return 0.0
    k = np.arange(least, most + 1)
    logs = (
        _log_choose(total, k)
        + _log_choose(population - total, n - k)
        - _log_choose(population, np.array(n))
    )
    return float(np.exp(logs).sum())


def _log_choose(n: int, k: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.asarray(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))


def estimate_weighted(
    right: npt.NDArray[np.bool_],
    counted: npt.NDArray[np.bool_],
    inclusion: npt.NDArray[np.float64],
) -> Estimate | None:
    """Return the share of right answers in a batch of which some clips were drawn more often.

    Each clip stands for as many as it is drawn seldom (Horvitz and Thompson 1952, as a ratio of two
    such sums).  The variance is linearised, and the interval is Clopper and Pearson's with the
    number of clips drawn at random that would have this variance (Korn and Graubard 1998).

    Parameters
    ----------
    right, counted : ndarray of bool, shape (n,)
        Whether the answer to each drawn clip is right, and whether the clip counts at all.
    inclusion : ndarray of float64, shape (n,)
        Probability of each clip to be drawn, above 0 and up to 1.

    Returns
    -------
    Estimate or None
        None if no clip counts.
    """
    if not counted.any():
        return None
    n, n_counted = len(right), int(counted.sum())
    weights = counted / inclusion
    share = float((weights * right).sum() / weights.sum())
    residuals = weights * (right - share)
    variance = float(((1 - inclusion) * residuals**2).sum() / weights.sum() ** 2)
    variance *= n / max(n - 1, 1)
    missed = float(((1 - inclusion) * weights).sum() / weights.sum())
    if missed == 0.0:
        return Estimate(share, share, share, n_counted)
    most = n_counted / missed  # as many as a draw at random of this share of the batch is worth
    spread = float(weights.sum() ** 2 / (weights**2).sum()) / missed
    effective = min(share * (1 - share) / variance, most) if variance > 0 else min(spread, most)
    low, high = clopper_pearson(effective * share, effective)
    return Estimate(share, low, high, n_counted)


def clopper_pearson(k: float, n: float) -> tuple[float, float]:
    """Return the 95 % interval of a share, from k of n; both may be fractions.

    Examples
    --------
    >>> low, high = clopper_pearson(8, 10)
    >>> f"{low:.3f} to {high:.3f}"
    '0.444 to 0.975'
    """
    tail = (1 - CONFIDENCE) / 2
    low = float(special.betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
    high = float(special.betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    return low, high
