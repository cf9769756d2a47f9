"""Count how much altered clips change the answers of a model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emo.evaluation.bootstrap import bootstrap
from emo.evaluation.metrics import score
from emo.evaluation.robustness.storage import RobustnessFigures
from emo.labels import LABELS

Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers of one model for n clips under one condition.

    Attributes
    ----------
    labels : ndarray of str, shape (n,)
        The likeliest label; empty where the clip cannot be used.
    unsure : ndarray of bool, shape (n,)
    """

    labels: npt.NDArray[np.str_]
    unsure: Rows

    @property
    def usable(self) -> Rows:
        """Return which clips have an answer, bool (n,)."""
        return np.asarray(self.labels != "", np.bool_)


def figures(
    emotions: Sequence[str], speakers: Sequence[str], clean: Answers, altered: Answers
) -> RobustnessFigures | None:
    """Return the figures of altered clips beside those of the same clips as recorded.

    Parameters
    ----------
    emotions, speakers
        Acted emotion and speaker of each of n clips.
    clean, altered
        Answers for the clips as recorded and under a condition.

    Returns
    -------
    RobustnessFigures or None
        Of the clips that can be used in both cases; None if there is no such clip.
    """
    rows = clean.usable & altered.usable
    if not rows.any():
        return None
    true, names = np.asarray(emotions)[rows], np.asarray(speakers)[rows]
    before, after = clean.labels[rows], altered.labels[rows]
    lost = (before == true).astype(float) - (after == true)
    chosen = (after[:, None] == np.array(LABELS)).astype(float)
    scores = score(true, chosen)
    return {
        "n": int(rows.sum()),
        "accuracy": scores.accuracy,
        "uar": scores.uar,
        "loss": float(lost.mean()),
        "loss_interval": bootstrap(names, (lost, np.ones(len(lost))), np.divide),
        "unchanged": float((before == after).mean()),
        "coverage": float((~altered.unsure[rows]).mean()),
    }
