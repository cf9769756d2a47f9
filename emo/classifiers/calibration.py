"""Probabilities that can be believed: temperatures, the weights of the vote, and when to be unsure.

Fitted on clips that trained nothing and test nothing (:attr:`emo.corpora.splits.Fold.calibrate`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emo.classifiers.numerics import softmax
from emo.errors import ModelError

CALIBRATION = "calibration.json"  # in the folder of the models
TEMPERATURES = (0.25, 4.0)
DIGITS = 3
"""Of temperatures and weights.

What lies beyond depends on the last bits of a processor's arithmetic, and would move a clip from
one bin of confidence to the next.
"""
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
)
MIN_PROBABILITY = 1e-7  # a probability of zero has no logarithm


def _log(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(np.asarray(probabilities, np.float64), MIN_PROBABILITY))


def renormalise(probabilities: np.ndarray, columns: Sequence[int]) -> np.ndarray:
    """The probabilities of some labels alone, adding up to 1 again, float64 (n, columns).

    What remains if the other answers are not allowed.
    """
    return softmax(_log(probabilities)[..., list(columns)])


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities to the power of ``1 / temperature``, adding up to 1; shape as given.

    Temperature scaling (Guo et al.: On calibration of modern neural networks, 2017).
    """
    return softmax(_log(probabilities) / temperature)


def log_opinion_pool(
    probabilities: Mapping[str, np.ndarray], weights: Mapping[str, float]
) -> np.ndarray:
    """The vote: product of the classifiers' probabilities, each to the power of its weight.

    The logarithmic opinion pool (Genest and Zidek 1986).  All arrays have the same shape, and so
    has the result.
    """
    total = sum(weights[key] * _log(rows) for key, rows in probabilities.items())
    return softmax(np.asarray(total))


def log_loss(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Mean of minus the logarithm of the true label's probability."""
    return float(-_log(probabilities)[np.arange(len(targets)), targets].mean())


def fit_temperature(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """The temperature of lowest log-loss, 0.25 to 4, to three digits, for shares (n, labels)."""
    from scipy.optimize import minimize_scalar

    low, high = np.log(TEMPERATURES)
    found = minimize_scalar(
        lambda t: log_loss(apply_temperature(probabilities, float(np.exp(t))), targets),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-7},
    )
    return round(float(np.exp(found.x)), DIGITS)


def fit_weights(probabilities: Mapping[str, np.ndarray], targets: np.ndarray) -> dict[str, float]:
    """Weights of :func:`log_opinion_pool`, none below zero, of lowest log-loss, to three digits."""
    from scipy.optimize import minimize

    keys = list(probabilities)

    def loss(weights: np.ndarray) -> float:
        return log_loss(
            log_opinion_pool(probabilities, dict(zip(keys, weights, strict=True))), targets
        )

    start = np.full(len(keys), 1.0 / len(keys))
    found = minimize(
        loss,
        start,
        method="L-BFGS-B",
        bounds=[(0.0, 4.0)] * len(keys),
        options={"ftol": 1e-13, "gtol": 1e-7},
    )
    return {key: round(float(weight), DIGITS) for key, weight in zip(keys, found.x, strict=True)}


def threshold(confidence: np.ndarray, right: np.ndarray, accuracy: float) -> float:
    """The lowest confidence from which on answers are right that often, 0 to 1.

    Of all thresholds at which the answers kept are right at least with the share ``accuracy``, the
    one that keeps most; 1 where there is none.
    """
    order = np.argsort(-confidence, kind="stable")
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    last = np.append(confidence[order][1:] < confidence[order][:-1], True)  # ties stay together
    kept = np.flatnonzero((shares >= accuracy) & last)
    return float(confidence[order][kept[-1]]) if len(kept) else 1.0


def reaches(confidence: np.ndarray | float, limit: float) -> np.ndarray:
    """Return whether confidences come up to a limit, bool, shape as given.

    Both count as they are shown, to the whole per cent.  What is shown as 58 % is then never below
    a limit that is shown as 58 %.
    """
    return np.asarray(np.rint(100 * np.asarray(confidence)) >= np.rint(100 * limit))


@dataclass(frozen=True)
class Calibration:
    """How raw probabilities become the answers that are shown.

    Attributes
    ----------
    temperatures : of each classifier (:func:`apply_temperature`)
    weights : of each classifier in the vote (:func:`log_opinion_pool` of the raw probabilities)
    thresholds : confidence below which a classifier or the vote is unsure (:func:`reaches`); empty
        if never
    """

    temperatures: dict[str, float]
    weights: dict[str, float]
    thresholds: dict[str, float]


def reweight(calibration: Calibration, keys: Sequence[str]) -> Calibration:
    """The calibration with the whole weight of the vote given to these classifiers.

    In the proportions that they had; where they had none, in equal parts.
    """
    total = sum(calibration.weights.values())
    left = {key: calibration.weights[key] for key in keys}
    had = sum(left.values())
    weights = {key: total * (left[key] / had if had > 0 else 1 / len(left)) for key in left}
    return Calibration(calibration.temperatures, weights, calibration.thresholds)


def fit_calibration(probabilities: Mapping[str, np.ndarray], targets: np.ndarray) -> Calibration:
    """Temperatures and weights from raw probabilities (n, labels) by classifier."""
    return Calibration(
        {key: fit_temperature(rows, targets) for key, rows in probabilities.items()},
        fit_weights(probabilities, targets),
        {},
    )


def read_calibration(models: Path, keys: Sequence[str]) -> Calibration:
    """What :file:`calibration.json` says; without the file nothing is changed and never unsure.

    Raises
    ------
    ModelError
        The file is damaged or is of other classifiers.
    """
    path = models / CALIBRATION
    if not path.exists():
        return Calibration(dict.fromkeys(keys, 1.0), dict.fromkeys(keys, 1.0 / len(keys)), {})
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        temperatures, weights = (
            {key: float(stored[name][key]) for key in keys} for name in ("temperatures", "weights")
        )
        thresholds = {str(key): float(value) for key, value in stored["thresholds"].items()}
        if min(temperatures.values()) <= 0 or min(weights.values()) < 0:
            raise ValueError("a temperature or weight is below zero")
        numbers = [*temperatures.values(), *weights.values(), *thresholds.values()]
        if not np.isfinite(numbers).all():
            raise ValueError("a number is not finite")
    except _UNREADABLE as error:
        raise ModelError(
            f"{path} cannot be read ({type(error).__name__}: {error}). Fetch the folder models/ "
            "again, or make it with: python -m emo evaluate --protocol speakers."
        ) from error
    return Calibration(temperatures, weights, thresholds)
