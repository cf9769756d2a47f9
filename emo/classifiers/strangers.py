"""Calibrate answers for clips that are unlike the training clips: other rooms, languages, voices.

A classifier is far too confident about recordings of another corpus than those that it was fitted
to.  A measure of how far a clip lies from the training clips (``pretrained.measure_strangeness``)
switches a second temperature and other thresholds on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from emo.classifiers.numerics import softmax

FAMILIAR_WEIGHT = 0.92
"""Share of new speakers in the loss of the switch; ``docs/experiments.md`` says why."""

MIN_PROBABILITY = 1e-7  # a probability of zero has no logarithm


@dataclass(frozen=True)
class StrangerCalibration:
    """How answers for strange clips are calibrated.

    Attributes
    ----------
    centre, width : float
        Strangeness at which a clip counts as half strange, and the scale of the logistic function.
    temperatures : dict of str to float
        Second temperature of each classifier and ensemble for clips that are wholly strange.
    thresholds : dict of str to float
        Confidence below which it abstains for clips that are more strange than not.
    """

    centre: float
    width: float
    temperatures: dict[str, float]
    thresholds: dict[str, float] = field(default_factory=dict)

    def shares(self, strangeness: np.ndarray) -> np.ndarray:
        """Return how strange clips count, float64 (n,), from 0 (as in training) to 1.

        Parameters
        ----------
        strangeness : float64, (n,)
            Result of ``pretrained.measure_strangeness``.
        """
        steps = np.clip((np.asarray(strangeness) - self.centre) / self.width, -50.0, 50.0)
        return np.asarray(1.0 / (1.0 + np.exp(-steps)))

    def soften(
        self, rows: Mapping[str, np.ndarray], strangeness: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return calibrated probabilities, less confident the stranger a clip is.

        Parameters
        ----------
        rows : mapping of float64 arrays, each (n, labels)
            Probabilities by classifier and ensemble, calibrated for clips as in training.
        strangeness : float64, (n,)

        Returns
        -------
        dict of float64 arrays
            To the power of 1 for a clip as in training and of ``1 / temperature`` for one that is
            wholly strange, adding up to 1.
        """
        result = {}
        for key, probabilities in rows.items():
            logs = np.log(np.maximum(probabilities, MIN_PROBABILITY))
            result[key] = softmax(logs * self.exponents(key, strangeness)[:, None])
        return result

    def exponents(self, key: str, strangeness: np.ndarray) -> np.ndarray:
        """Return the power to which ``soften`` takes the probabilities of each clip, (n,)."""
        weakest = 1.0 / self.temperatures.get(key, 1.0)
        return np.asarray(1.0 - self.shares(strangeness) * (1.0 - weakest))

    def thresholds_of(self, strangeness: np.ndarray) -> dict[str, np.ndarray]:
        """Return by classifier and ensemble the threshold of each clip that is strange, else 0."""
        strange = self.shares(strangeness) > 0.5
        return {key: np.where(strange, limit, 0.0) for key, limit in self.thresholds.items()}


def fit_switch(familiar: np.ndarray, strange: np.ndarray) -> tuple[float, float]:
    """Return centre and width of the logistic function that tells strange clips from familiar ones.

    Of lowest log-loss (Platt 1999), where clips of new speakers weigh ``FAMILIAR_WEIGHT`` together
    and the others the rest.

    Parameters
    ----------
    familiar, strange : float64, (n,) and (m,)
        Strangeness of clips of new speakers of the training corpora, and of other corpora.
    """
    from scipy.optimize import minimize

    values = np.concatenate([familiar, strange])
    targets = np.repeat([0.0, 1.0], [len(familiar), len(strange)])
    rest = 1.0 - FAMILIAR_WEIGHT
    weights = np.where(targets > 0, rest / len(strange), FAMILIAR_WEIGHT / len(familiar))
    middle, spread = float(np.mean(values)), float(np.std(values))

    def loss(parameters: np.ndarray) -> float:
        centre, log_width = parameters
        steps = (values - middle - spread * centre) / (spread * np.exp(log_width))
        return float(np.sum(weights * (np.logaddexp(0.0, steps) - targets * steps)))

    best = minimize(
        loss, np.array([0.0, -1.0]), method="L-BFGS-B", bounds=[(-3.0, 3.0), (-4.0, 2.0)]
    ).x
    return round(middle + spread * float(best[0]), 4), round(spread * float(np.exp(best[1])), 4)
