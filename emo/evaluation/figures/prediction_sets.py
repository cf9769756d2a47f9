"""Figures of prediction sets: how many hold the true label, and how many labels they have."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from emo.classifiers.conformal import LEVELS, in_set, set_limit
from emo.corpora.splits import is_held_out
from emo.evaluation.bootstrap import bootstrap
from emo.evaluation.predictions import Predictions
from emo.evaluation.stored import SetFigures


def true_shares(predictions: Predictions) -> npt.NDArray[np.float64]:
    """Return the probability of each clip's true label, float64 (n,)."""
    rows = np.arange(len(predictions))
    return np.asarray(predictions.probabilities[rows, predictions.targets()])


def served_limits(predictions: Predictions) -> dict[str, float]:
    """Return the limit of each level that is served, chosen on the clips of new speakers.

    Without the clips of ``splits.HELD_OUT_SPEAKERS``.

    Parameters
    ----------
    predictions
        Of ``speakers``, with the probabilities of ``LABELS`` alone.
    """
    part = predictions.take(~is_held_out(predictions.speakers.tolist()))
    shares = true_shares(part)
    return {name: set_limit(shares, part.speakers, level) for name, level in LEVELS.items()}


def of_speakers(predictions: Predictions) -> dict[str, SetFigures]:
    """Return the figures for new speakers by level; the limit of a fold is chosen on the others.

    Parameters
    ----------
    predictions
        Of ``speakers``, with the probabilities of ``LABELS`` alone.

    Returns
    -------
    dict
        Empty where there is one fold alone.
    """
    folds = predictions.folds
    if len(np.unique(folds)) < 2:
        return {}
    return _measure(predictions, predictions, {fold: folds != fold for fold in np.unique(folds)})


def of_corpora(predictions: Predictions, speakers: Predictions) -> dict[str, SetFigures]:
    """Return the figures on other corpora by level; limits are chosen on the corpora not tested.

    Parameters
    ----------
    predictions
        Of ``cross-corpus``, with the probabilities of ``LABELS`` alone.
    speakers
        Of ``speakers``, on which the limits are chosen.
    """
    families = _families(speakers)
    chosen_on = {}
    for fold in np.unique(predictions.folds):
        tested = _families(predictions.take(predictions.folds == fold))
        chosen_on[fold] = ~np.isin(families, tested)
    return _measure(predictions, speakers, chosen_on)


def _families(predictions: Predictions) -> npt.NDArray[np.str_]:
    # Speech and song of RAVDESS are two corpora by the same speakers, whose names begin alike.
    return np.array([name.split("-")[0] for name in predictions.speakers.tolist()], np.str_)


def _measure(
    predictions: Predictions,
    calibration: Predictions,
    chosen_on: Mapping[int, npt.NDArray[np.bool_]],
) -> dict[str, SetFigures]:
    """Return the figures of each level, with limits chosen on some of the calibration clips.

    Parameters
    ----------
    chosen_on
        By fold the mask of the calibration clips.
    """
    shares = true_shares(calibration)
    return {
        name: _level_figures(
            predictions,
            {
                fold: set_limit(shares[mask], calibration.speakers[mask], level)
                for fold, mask in chosen_on.items()
            },
        )
        for name, level in LEVELS.items()
    }


def _level_figures(predictions: Predictions, limits: Mapping[int, float]) -> SetFigures:
    sets = np.zeros(predictions.probabilities.shape, bool)
    for fold, limit in limits.items():
        own = predictions.folds == fold
        sets[own] = in_set(predictions.probabilities[own], limit)
    held = sets[np.arange(len(sets)), predictions.targets()]
    sizes = sets.sum(axis=1)
    speakers = predictions.speakers
    each = [held[speakers == speaker].mean() for speaker in np.unique(speakers)]
    return {
        "coverage": float(held.mean()),
        "coverage_of_speakers": float(np.mean(each)),
        "mean_size": float(sizes.mean()),
        "single": float((sizes == 1).mean()),
        "intervals": {"coverage": bootstrap(speakers, (held, np.ones(len(held))), np.divide)},
    }
