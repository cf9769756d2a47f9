"""Prediction sets: the labels that a clip may have, with a stated coverage for new speakers.

Split conformal prediction with the score LAC, one minus the probability of the true label (Sadinle,
Lei, Wasserman: Least Ambiguous Set-Valued Classifiers With Bounded Error Levels, 2019).  The clips
of a speaker are alike, so the speakers are what is exchangeable: a new clip is compared with one
clip of each calibration speaker.  Dunn, Wasserman and Ramdas (Distribution-Free Prediction Sets
for Two-Layer Hierarchical Models, 2022) draw these many times and average the p-values (repeated
subsampling).  Here the mean is taken over all draws at once: each clip then counts as one over the
number of clips of its speaker, and nothing is random.  One draw gives the stated coverage; for
averaged p-values, misses are proven to be at most twice as frequent as stated, and are measured by
``emo.evaluation.figures.prediction_sets``.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

LEVELS = {"80": 0.8, "90": 0.9}
"""Stated coverages by their names in files: the share of sets that hold the true label."""

_DECIMALS = 6
_ROUNDING = 1e-9  # a sum of shares of speakers may end so much below a whole number


def set_limit(
    shares: npt.NDArray[np.floating], speakers: Sequence[str] | npt.NDArray[np.str_], level: float
) -> float:
    """Return the least probability that a label needs to be in a prediction set.

    A label of probability p is in the set where its p-value is at least ``1 - level``: with k
    speakers, one more than the sum over the speakers of the share of their clips whose true label
    has at most p, divided by k + 1.

    Parameters
    ----------
    shares : ndarray of float, shape (n,)
        Probability of the true label of each calibration clip.
    speakers
        Speaker of each of them.
    level
        Stated coverage, 0 to 1.

    Returns
    -------
    float
        Rounded down to six decimals; 0, which every label reaches, where the speakers are too few.
    """
    names, place, counts = np.unique(
        np.asarray(speakers, dtype=np.str_), return_inverse=True, return_counts=True
    )
    needed = (1 - level) * (len(names) + 1) - 1
    if needed <= _ROUNDING:
        return 0.0
    order = np.argsort(shares, kind="stable")
    reached = np.cumsum(1 / counts[place[order]]) >= needed - _ROUNDING
    limit = float(shares[order][int(reached.argmax())])
    return float(np.floor(limit * 10**_DECIMALS) / 10**_DECIMALS)


def in_set(probabilities: npt.NDArray[np.floating], limit: float) -> npt.NDArray[np.bool_]:
    """Return which labels are in the prediction sets of n clips, bool of shape (n, k).

    The likeliest label always is, so that no set is empty.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, k)
    limit
        As ``set_limit`` returns it.
    """
    chosen = probabilities >= limit
    chosen[np.arange(len(chosen)), probabilities.argmax(axis=1)] = True
    return np.asarray(chosen)


def prediction_sets(
    probabilities: npt.NDArray[np.floating], labels: Sequence[str], limits: Mapping[str, float]
) -> dict[str, tuple[str, ...]]:
    """Return the prediction set of one clip at each level, the likeliest label first.

    Parameters
    ----------
    probabilities : ndarray of float, shape (k,)
    labels
        Names of the k columns.
    limits
        By level, as ``LEVELS`` names them.
    """
    order = np.argsort(-probabilities, kind="stable").tolist()
    sets = {}
    for level, limit in limits.items():
        (chosen,) = in_set(probabilities[None], limit)
        sets[level] = tuple(labels[i] for i in order if chosen[i])
    return sets
