"""Selective prediction: which answers are sure, chosen so that these are right often enough."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from emo.classifiers.calibration import reaches, threshold
from emo.evaluation.predictions import Predictions
from emo.labels import LABELS, VOTE

KEPT_ACCURACY = 0.80  # of the answers that are not unsure
NEVER = 1.01  # a limit that no confidence reaches
KEPT_SPARE = 0.005
"""A limit is chosen to keep answers that are right by so much more often.

One that just reaches the accuracy on the voices that it was chosen on falls short on others about
half of the time.
"""


@dataclass(frozen=True, eq=False)
class Selection:
    """Which answers of a classifier or the vote to n clips of ``LABELS`` are sure.

    Attributes
    ----------
    limit : the confidence that a sure answer needs, a whole per cent (:func:`choose_limit`)
    right : bool (n,), whether the likeliest label is the acted one
    kept : bool (n,), whether the answer is sure by that limit
    kept_across : bool (n,), the same by a limit chosen on all folds but the clip's own
    """

    limit: float
    right: np.ndarray
    kept: np.ndarray
    kept_across: np.ndarray

    def to_dict(self) -> dict[str, float]:
        """Return the block ``selective`` of ``metrics.json``."""
        return {
            "threshold": self.limit,
            **coverage_and_accuracy(self.right, self.kept),
            "coverage_cross_fitted": float(self.kept_across.mean()),
            "selective_accuracy_cross_fitted": _share_right(self.right, self.kept_across),
        }


def choose_limit(confidence: np.ndarray, right: np.ndarray) -> float:
    """The confidence below which answers like these are unsure, a whole per cent.

    ``NEVER`` where no confidence is high enough.
    """
    shown = np.rint(100 * confidence) / 100  # as :func:`emo.classifiers.calibration.reaches` counts
    wanted = KEPT_ACCURACY + KEPT_SPARE
    limit = threshold(shown, right, wanted) if len(shown) else NEVER
    return limit if _share_right(right, reaches(shown, limit)) >= wanted else NEVER


def select(asked: Predictions, allowed: Selection | None = None) -> Selection:
    """Return which answers to clips of ``LABELS`` are sure.

    Parameters
    ----------
    asked
        With the probabilities of ``LABELS`` alone (``Predictions.among``).
    allowed
        Those that may be sure at all, by ``kept`` and ``kept_across``; all if not given.
    """
    confidence = asked.probabilities.max(axis=1)
    right = np.array(asked.emotions) == np.array(LABELS)[asked.probabilities.argmax(axis=1)]
    every = np.ones(len(asked), bool)
    may, may_across = (allowed.kept, allowed.kept_across) if allowed else (every, every)
    folds = np.array(asked.folds)
    kept_across = np.zeros(len(folds), bool)
    for fold in sorted(set(asked.folds)):
        others = (folds != fold) & may_across
        if others.any():
            across = choose_limit(confidence[others], right[others])
            kept_across |= (folds == fold) & may_across & reaches(confidence, across)
    limit = choose_limit(confidence[may], right[may])
    return Selection(limit, right, may & reaches(confidence, limit), kept_across)


def selections(given: Mapping[str, Predictions]) -> dict[str, Selection]:
    """Return which answers are sure, by classifier and vote, as ``predictor.answers`` serves.

    The vote abstains where all classifiers do.
    """
    asked = {key: predictions.among(LABELS) for key, predictions in given.items()}
    chosen = {key: select(one) for key, one in asked.items() if key != VOTE}
    any_kept = np.any([one.kept for one in chosen.values()], axis=0)
    any_across = np.any([one.kept_across for one in chosen.values()], axis=0)
    allowed = Selection(0.0, any_kept, any_kept, any_across)
    return chosen | {VOTE: select(asked[VOTE], allowed)}


def _share_right(right: np.ndarray, kept: np.ndarray) -> float:
    return float(right[kept].mean()) if kept.any() else 0.0


def coverage_and_accuracy(right: np.ndarray, kept: np.ndarray) -> dict[str, float]:
    """Return the share of answers that are kept, and the share of these that are right."""
    return {"coverage": float(kept.mean()), "selective_accuracy": _share_right(right, kept)}
