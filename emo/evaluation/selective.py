"""Selective prediction: the thresholds below which a model abstains, and what they give.

How well confidence separates right from wrong answers is measured without a threshold, by the
risk-coverage curve.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emo.classifiers.calibration import reaches, threshold
from emo.classifiers.ensembles import ENSEMBLES
from emo.corpora.splits import is_held_out
from emo.evaluation.predictions import Predictions
from emo.evaluation.stored import Coverage, RiskCoverageFigures, SelectiveFigures
from emo.labels import LABELS

TARGET_ACCURACY = 0.80
"""Selective accuracy that the thresholds are chosen for."""

STRANGER_ACCURACY = 0.75
"""Selective accuracy that the thresholds for strange clips are meant to give."""

STRANGER_MARGIN = 0.02
"""Thresholds for strange clips are chosen for so much more, since corpora differ more."""

MARGIN = 0.005
"""Thresholds are chosen for so much more than the target.

One that just reaches the target on the speakers that it was chosen on falls short on others about
half of the time.
"""

N_CURVE_POINTS = 20
"""Coverages at which the risk-coverage curve is kept; its area is computed from all clips."""

NEVER = 1.01
"""A threshold that no confidence reaches."""


@dataclass(frozen=True, eq=False)
class Selection:
    """Selection of the accepted predictions among n, of clips of ``LABELS``.

    Attributes
    ----------
    limit : float
        Confidence that an accepted prediction needs, a whole per cent (``choose_limit``).  It is
        chosen without the clips of ``splits.HELD_OUT_SPEAKERS``, because it is served.
    hits : ndarray of bool, shape (n,)
        Whether the likeliest label is the true one.
    accepted : ndarray of bool, shape (n,)
        Whether the prediction reaches the limit.
    accepted_cross_fitted : ndarray of bool, shape (n,)
        Whether it reaches a limit that was chosen on all folds but the clip's own.
    """

    limit: float
    hits: np.ndarray
    accepted: np.ndarray
    accepted_cross_fitted: np.ndarray

    def to_dict(self) -> SelectiveFigures:
        """Return the block ``selective`` of ``metrics.json``."""
        figures = coverage_and_accuracy(self.hits, self.accepted)
        cross_fitted = coverage_and_accuracy(self.hits, self.accepted_cross_fitted)
        return {
            "threshold": self.limit,
            "coverage": figures["coverage"],
            "selective_accuracy": figures["selective_accuracy"],
            "coverage_cross_fitted": cross_fitted["coverage"],
            "selective_accuracy_cross_fitted": cross_fitted["selective_accuracy"],
        }


def choose_limit(
    confidence: np.ndarray, hits: np.ndarray, accuracy: float = TARGET_ACCURACY
) -> float:
    """Return the lowest threshold that gives the target accuracy, a whole per cent.

    Parameters
    ----------
    confidence : ndarray of float64, shape (n,)
    hits : ndarray of bool, shape (n,)
    accuracy : float
        Selective accuracy to reach, by ``MARGIN`` more.

    Returns
    -------
    float
        0 to 1, or ``NEVER`` where no threshold gives the target.
    """
    # Confidences count as they are shown, to the whole per cent (calibration.reaches).
    shown = np.rint(100 * confidence) / 100
    target = accuracy + MARGIN
    limit = threshold(shown, hits, target) if len(shown) else NEVER
    return limit if _accuracy(hits, reaches(shown, limit)) >= target else NEVER


def select(predictions: Predictions, allowed: Selection | None = None) -> Selection:
    """Return which predictions of clips of ``LABELS`` are accepted.

    Parameters
    ----------
    predictions
        With the probabilities of ``LABELS`` alone (``Predictions.among``).
    allowed
        Those that may be accepted at all; every one if not given.
    """
    confidence = predictions.probabilities.max(axis=1)
    hits = predictions.predicted() == predictions.targets()
    every = np.ones(len(predictions), bool)
    may = allowed.accepted if allowed else every
    may_cross_fitted = allowed.accepted_cross_fitted if allowed else every
    cross_fitted = np.zeros(len(predictions), bool)
    for fold in np.unique(predictions.folds):
        own = predictions.folds == fold
        others = ~own & may_cross_fitted
        if others.any():
            limit = choose_limit(confidence[others], hits[others])
            cross_fitted |= own & may_cross_fitted & reaches(confidence, limit)
    chosen_on = may & ~is_held_out(predictions.speakers.tolist())
    limit = choose_limit(confidence[chosen_on], hits[chosen_on])
    return Selection(limit, hits, may & reaches(confidence, limit), cross_fitted)


def selections_abroad(tables: Mapping[str, Predictions]) -> dict[str, Selection]:
    """Return the selection of every classifier and ensemble for strange clips, as served.

    Parameters
    ----------
    tables : mapping of Predictions
        Calibrated predictions of ``cross-corpus``, by classifier and ensemble.
    """
    return {key: select_abroad(part.among(LABELS)) for key, part in tables.items()}


def select_abroad(predictions: Predictions) -> Selection:
    """Return which predictions on other corpora are accepted.

    The limit is the highest of those that single corpora need, so that it does not rest on the
    easiest one; that for a corpus is chosen on the others.

    Parameters
    ----------
    predictions
        Of ``cross-corpus``, with the probabilities of ``LABELS`` alone.
    """
    confidence = predictions.probabilities.max(axis=1)
    hits = predictions.predicted() == predictions.targets()
    is_shipped = ~is_held_out(predictions.speakers.tolist())
    folds = np.unique(predictions.folds).tolist()
    needed, shipped = {}, {}
    for fold in folds:
        own = predictions.folds == fold
        target = STRANGER_ACCURACY + STRANGER_MARGIN - MARGIN
        needed[fold] = choose_limit(confidence[own], hits[own], target)
        own &= is_shipped
        shipped[fold] = choose_limit(confidence[own], hits[own], target)
    cross_fitted = np.zeros(len(predictions), bool)
    for fold in folds:
        limit = max((needed[other] for other in folds if other != fold), default=NEVER)
        cross_fitted |= (predictions.folds == fold) & reaches(confidence, limit)
    limit = max(shipped.values(), default=NEVER)
    return Selection(limit, hits, reaches(confidence, limit), cross_fitted)


def selections(
    tables: Mapping[str, Predictions], labels: Sequence[str] = LABELS
) -> dict[str, Selection]:
    """Return the selection of every classifier and ensemble, as ``predictor`` serves them.

    An ensemble abstains where all of its classifiers do.

    Parameters
    ----------
    tables
        Calibrated predictions of the same clips by classifier and ensemble.
    labels
        The labels among which an answer is chosen; clips of others are left out.
    """
    parts = {key: predictions.among(labels) for key, predictions in tables.items()}
    chosen = {key: select(part) for key, part in parts.items() if key not in ENSEMBLES}
    for key, ensemble in ENSEMBLES.items():
        members = [chosen[own] for own in ensemble.members]
        any_accepted = np.any([own.accepted for own in members], axis=0)
        any_cross_fitted = np.any([own.accepted_cross_fitted for own in members], axis=0)
        allowed = Selection(0.0, any_accepted, any_accepted, any_cross_fitted)
        chosen[key] = select(parts[key], allowed)
    return chosen


# --- Risk and coverage ---------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Risk-coverage curve of the likeliest labels, as the threshold falls.

    Attributes
    ----------
    coverages : ndarray of float64, shape (points,)
        Share of the clips whose confidence reaches the threshold, rising to 1.
    risks : ndarray of float64, shape (points,)
        Selective risk: the share of wrong answers among these.
    area : float
        AURC, the area under the risk-coverage curve: the mean of the selective risks whose
        thresholds are the confidences of the n clips (Geifman, Uziel, El-Yaniv: Bias-Reduced
        Uncertainty Estimation for Deep Neural Classifiers, 2019).  0 where no answer is wrong.
        Where confidence says nothing, it is near the share of wrong answers.
    """

    coverages: npt.NDArray[np.float64]
    risks: npt.NDArray[np.float64]
    area: float

    def to_dict(self) -> RiskCoverageFigures:
        """Return the block ``risk_coverage`` of ``metrics.json``."""
        return {
            "aurc": self.area,
            "coverages": self.coverages.tolist(),
            "risks": self.risks.tolist(),
        }


def risk_coverage(predictions: Predictions, points: int = N_CURVE_POINTS) -> RiskCoverage:
    """Return the risk-coverage curve of one or more predictions.

    Clips of equal confidence are accepted together, so a kept point may lie above its coverage.

    Parameters
    ----------
    predictions
        At least one.
    points
        Number of coverages, equally spaced up to 1.
    """
    confidence = predictions.probabilities.max(axis=1)
    wrong = predictions.predicted() != predictions.targets()
    order = np.argsort(-confidence, kind="stable")
    n = len(order)
    falling = confidence[order]
    # For each clip the number of those whose confidence is at least its own.
    accepted = np.searchsorted(-falling, -falling, side="right")
    risks = np.cumsum(wrong[order])[accepted - 1] / accepted
    wanted = np.arange(1, points + 1) / points
    rows = np.maximum(np.ceil(np.round(wanted * n, 9)).astype(np.int64), 1) - 1
    return RiskCoverage(accepted[rows] / n, risks[rows], float(risks.mean()))


def coverage_and_accuracy(hits: np.ndarray, accepted: np.ndarray) -> Coverage:
    """Return the share of predictions that are accepted, and the accuracy of these.

    The accuracy is 0 where none is accepted.
    """
    return {"coverage": float(accepted.mean()), "selective_accuracy": _accuracy(hits, accepted)}


def _accuracy(hits: np.ndarray, accepted: np.ndarray) -> float:
    return float(hits[accepted].mean()) if accepted.any() else 0.0
