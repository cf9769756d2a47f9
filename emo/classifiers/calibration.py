"""Calibrate probabilities: temperatures, weights of the ensemble, and thresholds of abstaining.

All are fitted on the calibration clips of a fold (``emo.corpora.splits.Fold.validation``), on
which no classifier is fitted or tested.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from emo.classifiers.ensembles import OTHER_ENSEMBLES
from emo.classifiers.label_subset import read_subset, subset_key
from emo.classifiers.numerics import softmax
from emo.classifiers.strangers import MIN_PROBABILITY, StrangerCalibration
from emo.classifiers.voice import VoiceCalibration, read_voice
from emo.errors import ModelError, SettingError
from emo.labels import ENSEMBLE, LABELS, trained_labels

CALIBRATION = "calibration.json"  # in the folder of the models
TEMPERATURES = (0.25, 4.0)
DIGITS = 3
"""Decimals of temperatures and weights; further ones differ between processors."""
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
    SettingError,
)


def _log(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(np.asarray(probabilities, np.float64), MIN_PROBABILITY))


def renormalise(probabilities: np.ndarray, columns: Sequence[int]) -> np.ndarray:
    """Return the probabilities of some labels given that it is one of them, float64 (n, columns).

    Parameters
    ----------
    probabilities : array, (n, labels)
    columns
        Positions of the labels, in the order of the result.
    """
    return softmax(_log(probabilities)[..., list(columns)])


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities to the power of ``1 / temperature``, adding up to 1; shape as given.

    Temperature scaling (Guo et al.: On calibration of modern neural networks, 2017).

    Parameters
    ----------
    probabilities : array, (n, labels)
    temperature
        Above 0; values above 1 lower the confidence.
    """
    return softmax(_log(probabilities) / temperature)


def log_opinion_pool(
    probabilities: Mapping[str, np.ndarray], weights: Mapping[str, float]
) -> np.ndarray:
    """Return the product of probabilities to the power of their weights, adding up to 1.

    The logarithmic opinion pool (Genest and Zidek 1986), which is the ensemble.

    Parameters
    ----------
    probabilities
        By classifier, all of the same shape, which is that of the result.
    weights
        By classifier, 0 or more.
    """
    total = sum(weights[key] * _log(rows) for key, rows in probabilities.items())
    return softmax(np.asarray(total))


def log_loss(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the mean of minus the natural logarithm of the true label's probability.

    Parameters
    ----------
    probabilities : array, (n, labels)
    targets : int, (n,)
        Position of the true label.
    """
    return float(-_log(probabilities)[np.arange(len(targets)), targets].mean())


def fit_temperature(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the temperature of lowest log-loss, from 0.25 to 4, to three decimals.

    Parameters
    ----------
    probabilities : array, (n, labels)
    targets : int, (n,)
        Position of the true label.
    """
    from scipy.optimize import minimize_scalar

    low, high = np.log(TEMPERATURES)
    result = minimize_scalar(
        lambda t: log_loss(apply_temperature(probabilities, float(np.exp(t))), targets),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-7},
    )
    return round(float(np.exp(result.x)), DIGITS)


def fit_weights(probabilities: Mapping[str, np.ndarray], targets: np.ndarray) -> dict[str, float]:
    """Return the weights of ``log_opinion_pool`` of lowest log-loss, from 0 to 4.

    Parameters
    ----------
    probabilities
        By classifier, (n, labels) each.
    targets : int, (n,)
        Position of the true label.
    """
    from scipy.optimize import minimize

    keys = list(probabilities)

    def loss(weights: np.ndarray) -> float:
        return log_loss(
            log_opinion_pool(probabilities, dict(zip(keys, weights, strict=True))), targets
        )

    start = np.full(len(keys), 1.0 / len(keys))
    result = minimize(
        loss,
        start,
        method="L-BFGS-B",
        bounds=[(0.0, 4.0)] * len(keys),
        options={"ftol": 1e-13, "gtol": 1e-7},
    )
    return {key: round(float(weight), DIGITS) for key, weight in zip(keys, result.x, strict=True)}


def threshold(confidence: np.ndarray, right: np.ndarray, accuracy: float) -> float:
    """Return the threshold of the largest coverage with a selective accuracy, from 0 to 1.

    Parameters
    ----------
    confidence : float, (n,)
    right : bool, (n,)
    accuracy
        Least share of right answers among those whose confidence reaches the threshold.

    Returns
    -------
    float
        One of the confidences, or 1 where no threshold gives that accuracy.
    """
    order = np.argsort(-confidence, kind="stable")
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    last = np.append(confidence[order][1:] < confidence[order][:-1], True)  # ties stay together
    enough = np.flatnonzero((shares >= accuracy) & last)
    return float(confidence[order][enough[-1]]) if len(enough) else 1.0


def reaches(confidence: np.ndarray | float, limit: float) -> np.ndarray:
    """Return whether confidences reach a threshold, bool, shape as given.

    Both are rounded to whole per cent first, as they are shown: an answer shown with 58 % is never
    below a threshold shown as 58 %.
    """
    return np.asarray(np.rint(100 * np.asarray(confidence)) >= np.rint(100 * limit))


@dataclass(frozen=True)
class Calibration:
    """The numbers that turn raw probabilities into answers.

    Attributes
    ----------
    temperatures : dict of str to float
        Of each classifier (``apply_temperature``).
    weights : dict of str to float
        Of each classifier in the ensemble (``log_opinion_pool`` of the raw probabilities).
    thresholds : dict of str to float
        Confidence below which a classifier or an ensemble abstains (``reaches``); none for those
        that never abstain.
    ensembles : dict of dict of str to float
        Weights like ``weights`` of each of ``OTHER_ENSEMBLES``, by its key.
    thresholds_among : dict of str to dict
        The thresholds where an answer is chosen among some of the labels, by ``subset_key``.
    sets : dict of dict of str to float
        Probability that a label needs to be in a prediction set (``conformal.set_limit``), by
        classifier and ensemble, then by level; empty for those without sets.
    strangers : StrangerCalibration or None
        How answers for clips unlike the training clips are changed; None for no change.
    voice : VoiceCalibration or None
        How answers are made where the voice is known; None where they are not.
    """

    temperatures: dict[str, float]
    weights: dict[str, float]
    thresholds: dict[str, float]
    ensembles: dict[str, dict[str, float]] = field(default_factory=dict)
    thresholds_among: dict[str, dict[str, float]] = field(default_factory=dict)
    sets: dict[str, dict[str, float]] = field(default_factory=dict)
    strangers: StrangerCalibration | None = None
    voice: VoiceCalibration | None = None

    def weights_of(self, key: str) -> dict[str, float]:
        """Return the weights of an ensemble, by classifier."""
        return self.weights if key == ENSEMBLE else self.ensembles[key]

    def thresholds_for(self, labels: Sequence[str]) -> dict[str, float]:
        """Return the thresholds where an answer is chosen among some labels.

        Without thresholds of their own, those of all labels hold, which are seldom too low.
        """
        return self.thresholds_among.get(subset_key(labels), self.thresholds)

    def temperature_of(self, key: str, strangeness: float | None) -> float:
        """Return the temperature of a classifier for a clip, with that for strange clips.

        Parameters
        ----------
        key : str
        strangeness : float or None
            Of the clip; None where it is not known.
        """
        temperature = self.temperatures[key]
        if self.strangers is None or strangeness is None:
            return temperature
        return temperature / float(self.strangers.exponents(key, np.array([strangeness]))[0])

    def strange_shares(self, strangeness: np.ndarray | None, n: int) -> np.ndarray:
        """Return how strange n clips count, float64 (n,), from 0 to 1; 0 where it is not known."""
        if self.strangers is None or strangeness is None:
            return np.zeros(n)
        return self.strangers.shares(strangeness)

    def thresholds_of(
        self, labels: Sequence[str], strangeness: np.ndarray | None
    ) -> dict[str, np.ndarray]:
        """Return the thresholds of clips, float64 (n,), by classifier and ensemble.

        Parameters
        ----------
        labels
            Among which the answers are chosen.
        strangeness : float64, (n,), or None
            Of the clips; None where it is not known, for one threshold, of shape ().
        """
        thresholds = {key: np.asarray(x) for key, x in self.thresholds_for(labels).items()}
        if self.strangers is None or strangeness is None:
            return thresholds
        strange = self.strangers.thresholds_of(strangeness)
        zero = np.zeros(len(strangeness))
        keys = {*thresholds, *strange}
        return {key: np.maximum(thresholds.get(key, zero), strange.get(key, zero)) for key in keys}


def reweight(calibration: Calibration, keys: Sequence[str]) -> Calibration:
    """Return a calibration whose ensembles are those of some classifiers alone.

    They share the sum of all weights in proportion to their own; in equal parts where these are 0.
    A further ensemble is left out where it has fewer than two of them, or all of them.
    """
    ensembles = {}
    for ensemble, weights in calibration.ensembles.items():
        own = [key for key in keys if key in weights]
        if 1 < len(own) < len(keys):
            ensembles[ensemble] = _share_among(weights, own)
    return replace(
        calibration, weights=_share_among(calibration.weights, keys), ensembles=ensembles
    )


def _share_among(weights: Mapping[str, float], keys: Sequence[str]) -> dict[str, float]:
    total = sum(weights.values())
    own = {key: weights[key] for key in keys}
    own_total = sum(own.values())
    return {key: total * (own[key] / own_total if own_total > 0 else 1 / len(own)) for key in own}


def calibrate(
    raw: Mapping[str, np.ndarray],
    calibration: Calibration,
    labels: Sequence[str] = LABELS,
    strangeness: np.ndarray | None = None,
    all_labels: Sequence[str] = LABELS,
) -> dict[str, np.ndarray]:
    """Return the calibrated probabilities of some labels, by classifier and ensemble.

    What is served and what is evaluated are both computed here.

    Parameters
    ----------
    raw : mapping of ndarray, each of shape (n, trained labels)
        Probabilities by classifier, in the order of ``trained_labels(all_labels)``.
    calibration : Calibration
    labels : sequence of str
        The k labels that can be predicted; the probabilities of the others are left out first.
    strangeness : float64, (n,), or None
        How far the clips are from the training clips; None where it is not known.
    all_labels : sequence of str
        Labels of the models' answers (``ModelSet.labels``).

    Returns
    -------
    dict of ndarray of float64, each of shape (n, k)
    """
    trained = trained_labels(all_labels)
    columns = [trained.index(label) for label in labels]
    allowed = {key: renormalise(rows, columns) for key, rows in raw.items()}
    rows = {
        key: apply_temperature(probabilities, calibration.temperatures[key])
        for key, probabilities in allowed.items()
    }
    rows[ENSEMBLE] = log_opinion_pool(allowed, calibration.weights)
    for key, weights in calibration.ensembles.items():
        rows[key] = log_opinion_pool({own: allowed[own] for own in weights}, weights)
    if calibration.strangers is None or strangeness is None:
        return rows
    return calibration.strangers.soften(rows, strangeness)


def fit_calibration(probabilities: Mapping[str, np.ndarray], targets: np.ndarray) -> Calibration:
    """Return the temperatures and weights of lowest log-loss, without thresholds.

    Parameters
    ----------
    probabilities
        Raw, by classifier, (n, labels) each.
    targets : int, (n,)
        Position of the true label.
    """
    return Calibration(
        {key: fit_temperature(rows, targets) for key, rows in probabilities.items()},
        fit_weights(probabilities, targets),
        {},
        {
            ensemble: fit_weights({key: probabilities[key] for key in row.members}, targets)
            for ensemble, row in OTHER_ENSEMBLES.items()
            if probabilities.keys() >= set(row.members)
        },
    )


def read_calibration(
    models: Path, keys: Sequence[str], labels: Sequence[str] = LABELS
) -> Calibration:
    """Return the calibration in ``calibration.json``.

    Without the file, temperatures are 1, weights are equal, and nothing abstains.  An ensemble of
    ``OTHER_ENSEMBLES`` that the file lacks gives no answer.

    Parameters
    ----------
    models
        Folder of the models.
    keys
        Of the classifiers.
    labels
        Of the models' answers.

    Raises
    ------
    ModelError
        The file is damaged or lacks a classifier.
    """
    path = models / CALIBRATION
    if not path.exists():
        ensembles = {
            ensemble: dict.fromkeys(row.members, 1.0 / len(row.members))
            for ensemble, row in OTHER_ENSEMBLES.items()
            if set(keys) >= set(row.members)
        }
        weights = dict.fromkeys(keys, 1.0 / len(keys))
        return Calibration(dict.fromkeys(keys, 1.0), weights, {}, ensembles)
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        temperatures, weights = (
            {key: float(stored[name][key]) for key in keys} for name in ("temperatures", "weights")
        )
        thresholds = _read_numbers(stored["thresholds"])
        others = stored.get("ensembles", {})
        ensembles = {
            ensemble: {key: float(others[ensemble][key]) for key in row.members}
            for ensemble, row in OTHER_ENSEMBLES.items()
            if ensemble in others
        }
        thresholds_among = {
            subset_key(read_subset(among, labels)): _read_numbers(values)
            for among, values in stored.get("thresholds_among", {}).items()
        }
        strangers = _read_strangers(stored.get("strangers"))
        voice = read_voice(stored.get("voice"))
        sets = {str(key): _read_numbers(limits) for key, limits in stored.get("sets", {}).items()}
        pooled = [*weights.values(), *(w for own in ensembles.values() for w in own.values())]
        if min(temperatures.values()) <= 0 or min(pooled) < 0:
            raise ValueError("a temperature or weight is below zero")
        numbers = [*temperatures.values(), *pooled]
        for values in (thresholds, *thresholds_among.values()):
            numbers += values.values()
        numbers += [limit for own in sets.values() for limit in own.values()]
        if not np.isfinite(numbers).all():
            raise ValueError("a number is not finite")
    except _UNREADABLE as error:
        raise ModelError(
            f"{path} cannot be read ({type(error).__name__}: {error}). Fetch the folder models/ "
            "again, or make it with: python -m emo evaluate --protocol speakers."
        ) from error
    return Calibration(
        temperatures, weights, thresholds, ensembles, thresholds_among, sets, strangers, voice
    )


def _read_strangers(stored: Mapping[str, Any] | None) -> StrangerCalibration | None:
    if stored is None:
        return None
    strangers = StrangerCalibration(
        float(stored["centre"]),
        float(stored["width"]),
        _read_numbers(stored["temperatures"]),
        _read_numbers(stored["thresholds"]),
    )
    scales = [strangers.width, *strangers.temperatures.values()]
    if min(scales) <= 0:
        raise ValueError("the width or a temperature for strange clips is not above zero")
    if not np.isfinite([strangers.centre, *scales, *strangers.thresholds.values()]).all():
        raise ValueError("a number for strange clips is not finite")
    return strangers


def _read_numbers(stored: Mapping[str, float]) -> dict[str, float]:
    return {str(key): float(value) for key, value in stored.items()}
