"""Differences of two models on the same clips: paired intervals, and what could be detected."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from emo.evaluation.bootstrap import interval
from emo.evaluation.metrics import (
    resampled_rates,
    resampled_uar_of_folds,
    score_predictions,
    uar_of_folds,
)
from emo.evaluation.predictions import Predictions
from emo.evaluation.stored import Difference

SIGNIFICANCE = 0.05
POWER = 0.8

DETECTABLE_ERRORS = float(ndtri(1 - SIGNIFICANCE / 2) + ndtri(POWER))
"""Standard errors in a smallest detectable difference, 2.80.

A true difference of so many standard errors is found by a two-sided test at the 5 % level in 80 %
of the experiments (Bloom: Minimum Detectable Effects, 1995).
"""

Rates = dict[str, float]
Resampled = dict[str, npt.NDArray[np.float64]]


def paired_differences(
    tables: Mapping[str, Predictions], by_fold: bool = False
) -> list[Difference]:
    """Return the difference in accuracy and UAR of every pair of models.

    Both models of a pair are scored in the same resamples of the speakers (``bootstrap``), so that
    what is hard for both does not widen the interval of their difference.

    Parameters
    ----------
    tables
        Predictions of the same clips by key, with the probabilities of ``LABELS`` alone.
    by_fold
        UAR is the mean of the UAR of each fold, as under ``cross-corpus``.

    Returns
    -------
    list of dict
        For each pair, in the order of the tables: the second model less the first, the 95 %
        intervals of both differences, and the smallest difference that could be detected, which is
        the standard deviation of the resampled differences times ``DETECTABLE_ERRORS``.
    """
    rates = {key: _rates(table, by_fold) for key, table in tables.items()}
    resampled = {key: _resampled(table, by_fold) for key, table in tables.items()}
    return [
        _difference(first, second, rates, resampled) for first, second in combinations(tables, 2)
    ]


def _rates(predictions: Predictions, by_fold: bool) -> Rates:
    scores = score_predictions(predictions)
    uar = uar_of_folds(predictions)[0] if by_fold else scores.uar
    return {"accuracy": scores.accuracy, "uar": uar}


def _resampled(predictions: Predictions, by_fold: bool) -> Resampled:
    accuracy, uar = resampled_rates(predictions)
    uar = resampled_uar_of_folds(predictions) if by_fold else uar
    return {"accuracy": accuracy, "uar": uar}


def _difference(
    first: str, second: str, rates: Mapping[str, Rates], resampled: Mapping[str, Resampled]
) -> Difference:
    names = ("accuracy", "uar")
    draws = {name: resampled[second][name] - resampled[first][name] for name in names}
    return {
        "first": first,
        "second": second,
        "accuracy": rates[second]["accuracy"] - rates[first]["accuracy"],
        "uar": rates[second]["uar"] - rates[first]["uar"],
        "intervals": {name: interval(drawn) for name, drawn in draws.items()},
        "detectable": {
            name: DETECTABLE_ERRORS * float(np.nanstd(drawn, ddof=1))
            for name, drawn in draws.items()
        },
    }
