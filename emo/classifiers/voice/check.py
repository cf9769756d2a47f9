"""Check that clips of a voice differ in emotion, and pool the answer with that of the ensemble."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from emo.classifiers.numerics import softmax
from emo.classifiers.strangers import MIN_PROBABILITY
from emo.labels import ENSEMBLE

VOICE = "voice"
"""Key of the answer, beside those of the classifiers and the ensemble."""


def variation(probabilities: np.ndarray) -> float:
    """Return how much the plain answers for clips of a voice differ, in nats.

    The mutual information of clip and label: the entropy of the mean answer minus the mean entropy
    of the answers.  It is 0 where all answers are the same.

    Parameters
    ----------
    probabilities : float64, (n, labels)
        Calibrated answers of the ensemble.
    """

    def entropy(shares: np.ndarray) -> np.ndarray:
        logs = np.log(np.where(shares > 0, shares, 1.0))
        return np.asarray(-(shares * logs).sum(axis=-1))

    return max(0.0, float(entropy(probabilities.mean(axis=0)) - entropy(probabilities).mean()))


def corrected_variation(probabilities: np.ndarray) -> float:
    """Return the variation that is expected of many clips of the voice, in nats.

    ``variation`` grows with the number of clips, as a variance that is divided by it does: for
    answers that differ little it is half of a variance.  It is divided by ``1 - 1 / n``.

    Parameters
    ----------
    probabilities : float64, (n, labels)
        Calibrated answers of the ensemble for two clips or more.
    """
    return variation(probabilities) / (1 - 1 / len(probabilities))


@dataclass(frozen=True)
class VoiceCalibration:
    """How the answer with the voice known is made of the classifier's and the ensemble's.

    Attributes
    ----------
    weights : dict of str to float
        Exponents of ``voice`` and ``ensemble`` in the product of their probabilities, for clips as
        in training.
    weights_strange : dict of str to float
        The same for clips that are wholly strange; between them both are mixed.
    min_variation, min_variation_strange : float
        Variation below which the clips look alike in emotion, so that the plain answer is kept, for
        clips as in training and for strange ones, whose answers differ less (``looks_mixed``).
    threshold, threshold_strange : float
        Confidence below which the answer is unsure, for clips as in training and for strange ones.
    """

    weights: dict[str, float]
    weights_strange: dict[str, float]
    min_variation: float = 0.0
    min_variation_strange: float = 0.0
    threshold: float = 0.0
    threshold_strange: float = 0.0

    def looks_mixed(self, ensemble: np.ndarray, strange: np.ndarray) -> bool:
        """Return whether the plain answers for clips of a voice differ enough to know the voice.

        Parameters
        ----------
        ensemble : float64, (n, labels)
            Calibrated, for all known clips.
        strange : float64, (n,)
            How strange the clips count, 0 to 1.
        """
        return corrected_variation(ensemble) >= self.least_variation(float(np.mean(strange)))

    def least_variation(self, strange: float) -> float:
        """Return the variation that clips need that count so strange on average."""
        return (1 - strange) * self.min_variation + strange * self.min_variation_strange

    def pool(self, raw: np.ndarray, ensemble: np.ndarray, strange: np.ndarray) -> np.ndarray:
        """Return the calibrated answer with the voice known, float64 (n, labels).

        Parameters
        ----------
        raw : float64, (n, labels)
            Of the classifier that knows the voice, adding up to 1.
        ensemble : float64, (n, labels)
            Calibrated.
        strange : float64, (n,)
            How strange the clips count, 0 to 1.
        """
        logs = np.zeros_like(ensemble)
        for key, rows in ((VOICE, raw), (ENSEMBLE, ensemble)):
            near, far = self.weights[key], self.weights_strange[key]
            power = (1 - strange) * near + strange * far
            logs += power[:, None] * np.log(np.maximum(rows, MIN_PROBABILITY))
        return softmax(logs)

    def thresholds(self, strange: np.ndarray) -> np.ndarray:
        """Return the threshold of each clip, float64 (n,).

        Parameters
        ----------
        strange : float64, (n,)
            How strange the clips count, 0 to 1.
        """
        far = max(self.threshold, self.threshold_strange)
        return np.where(np.asarray(strange) > 0.5, far, self.threshold)


def read_voice(stored: Mapping[str, Any] | None) -> VoiceCalibration | None:
    """Return the calibration in the block ``voice`` of ``calibration.json``; None without one.

    Raises
    ------
    LookupError, TypeError, ValueError
        A number is missing, not finite or below zero.
    """
    if stored is None:
        return None
    weights, strange = (
        {key: float(stored[name][key]) for key in (VOICE, ENSEMBLE)}
        for name in ("weights", "weights_strange")
    )
    names = ("min_variation", "min_variation_strange", "threshold", "threshold_strange")
    numbers = {name: float(stored[name]) for name in names}
    every = [*weights.values(), *strange.values(), *numbers.values()]
    if not np.isfinite(every).all() or min(every) < 0:
        raise ValueError("a number for known voices is not finite or below zero")
    return VoiceCalibration(weights, strange, **numbers)
