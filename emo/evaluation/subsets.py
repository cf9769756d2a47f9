"""Calibrated predictions of every model, filtered by corpus, sex, confidence or cell.

The predictions are read from ``models/<key>/predictions/`` and calibrated with the temperatures
and weights that ``metrics.json`` holds, so that nothing is fitted here, and the figures of the
whole equal the stored ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emo.classifiers.calibration import Calibration
from emo.classifiers.ensembles import ENSEMBLES, OTHER_ENSEMBLES
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.strangers import StrangerCalibration
from emo.corpora.metadata import sex_of
from emo.errors import ModelError
from emo.evaluation import metrics
from emo.evaluation.metrics import score_predictions, speaker_intervals
from emo.evaluation.predictions import Predictions, calibrated_predictions
from emo.evaluation.stored import FoldCalibration, read_metrics
from emo.evaluation.summary import listener_figures
from emo.labels import ENSEMBLE

ALL = "all"
SEXES = ("women", "men")
LISTENERS = "listeners"

Tables = dict[str, Predictions]
"""Predictions of the same clips by key of the model, or ``LISTENERS``."""

Actors = Mapping[str, tuple[str, int]]
"""Sex and age of actors, as ``metadata.read_sexes_and_ages`` returns them."""


def stored_calibrations(models: Path, protocol: str) -> dict[int, Calibration]:
    """Return the calibration that ``metrics.json`` holds, by fold, without thresholds.

    Raises
    ------
    ModelError
        They are missing or damaged.
    """
    rows = {
        key: read_metrics(models, key)["protocols"].get(protocol, {}).get("calibration", [])
        for key in (*CLASSIFIERS, *ENSEMBLES)
    }
    try:
        temperatures = {
            key: {row["fold"]: row["temperature"] for row in rows[key]} for key in CLASSIFIERS
        }
        if not rows[ENSEMBLE]:
            raise LookupError("calibration")
        weights = {
            ensemble: {row["fold"]: row["weights"] for row in rows[ensemble]}
            for ensemble in ENSEMBLES
        }
        return {
            fold: Calibration(
                {key: temperatures[key][fold] for key in CLASSIFIERS},
                {key: own[key] for key in CLASSIFIERS},
                {},
                {ensemble: weights[ensemble][fold] for ensemble in OTHER_ENSEMBLES},
                strangers=_stored_strangers(rows, fold),
            )
            for fold, own in weights[ENSEMBLE].items()
        }
    except LookupError as error:
        raise ModelError(
            f"The figures of protocol '{protocol}' do not hold how the answers were calibrated "
            f"({type(error).__name__}: {error}). Run: python -m emo evaluate --protocol {protocol}"
        ) from error


def _stored_strangers(
    rows: Mapping[str, Sequence[FoldCalibration]], fold: int
) -> StrangerCalibration | None:
    """Return the stored calibration of a fold for strange clips; None where there is none."""
    own = {key: row.get("strangers") for key in rows for row in rows[key] if row["fold"] == fold}
    found = {key: stored for key, stored in own.items() if stored is not None}
    if not found:
        return None
    first = found[ENSEMBLE]
    temperatures = {key: stored["temperature"] for key, stored in found.items()}
    return StrangerCalibration(first["centre"], first["width"], temperatures)


def read_tables(models: Path, protocol: str) -> Tables:
    """Return the calibrated predictions of every classifier and the ensemble under a protocol.

    Parameters
    ----------
    models
        Folder of the models.
    protocol
        One that was run.

    Raises
    ------
    CorpusError
        Predictions are missing, damaged, or of other clips than those of the other models.
    ModelError
        A ``metrics.json`` is damaged.
    """
    calibrations = stored_calibrations(models, protocol)
    return calibrated_predictions(models, protocol, calibrations=calibrations)


# --- Filters -------------------------------------------------------------------------------------


def sexes_of(predictions: Predictions, actors: Actors) -> npt.NDArray[np.str_]:
    """Return the sex of each clip's speaker, one of ``SEXES`` or "" where it is not known, (n,)."""
    known = dict(actors)
    by_speaker = {
        speaker: sex_of(speaker, known) or "" for speaker in set(predictions.speakers.tolist())
    }
    return np.array([by_speaker[speaker] for speaker in predictions.speakers.tolist()], np.str_)


def filter_clips(
    tables: Tables,
    labels: Sequence[str],
    corpus: str = ALL,
    sex: str = ALL,
    actors: Actors | None = None,
) -> Tables:
    """Return the clips of some labels, of a corpus and of a sex.

    Parameters
    ----------
    tables
    labels
        Clips of other labels are left out; the probabilities of these add up to 1.
    corpus
        Key of a corpus, or ``ALL``.
    sex
        One of ``SEXES``, or ``ALL``.
    actors
        Without it the sex of the actors of CREMA-D is not known.
    """
    first = next(iter(tables.values()))
    rows = np.ones(len(first), bool)
    if corpus != ALL:
        rows &= first.corpora == corpus
    if sex != ALL:
        rows &= sexes_of(first, actors or {}) == sex
    return {key: table.take(rows).among(labels) for key, table in tables.items()}


def take(tables: Tables, rows: Any) -> Tables:
    """Return some rows of every table, by their numbers or by a mask."""
    return {key: table.take(rows) for key, table in tables.items()}


def above_threshold(predictions: Predictions, threshold: float) -> npt.NDArray[np.bool_]:
    """Return which clips have a confidence of at least ``threshold``, 0 to 1; bool (n,)."""
    return np.asarray(predictions.probabilities.max(axis=1) >= threshold)


def clips_in_cell(
    predictions: Predictions, acted: str, answer: str, threshold: float = 0.0
) -> npt.NDArray[np.int64]:
    """Return the rows of the clips in one cell of the confusion matrix, int64.

    The clip of the highest confidence comes first.

    Parameters
    ----------
    predictions
    acted, answer
        True and likeliest label.
    threshold
        Clips of a lower confidence are left out; 0 to 1.
    """
    mask = predictions.predicted() == predictions.labels.index(answer)
    mask &= predictions.emotions == acted
    rows = np.flatnonzero(mask & above_threshold(predictions, threshold))
    confidence = predictions.probabilities.max(axis=1)
    return np.asarray(rows[np.argsort(-confidence[rows], kind="stable")])


# --- Figures -------------------------------------------------------------------------------------


def scores(predictions: Predictions, threshold: float = 0.0) -> dict[str, Any]:
    """Return the figures of the clips whose confidence reaches a threshold.

    Returns
    -------
    dict
        Under the names of ``metrics.json``: ``n``, ``coverage`` (share of the clips), ``labels``
        and ``confusion``; and if a clip is left ``accuracy``, ``uar``, ``macro_f1``, ``ece`` and
        ``intervals``.
    """
    part = predictions.take(above_threshold(predictions, threshold))
    coverage = len(part) / len(predictions) if len(predictions) else 0.0
    block = {"n": len(part), "coverage": coverage, "labels": list(predictions.labels)}
    if not len(part):
        k = len(predictions.labels)
        return block | {"confusion": [[0] * k for _ in range(k)]}
    figures = score_predictions(part).to_dict()
    names = ("accuracy", "uar", "macro_f1", "ece", "confusion")
    block |= {name: figures[name] for name in names}
    return block | {"intervals": speaker_intervals(part)}


def fold_means(predictions: Predictions, threshold: float = 0.0) -> dict[str, float]:
    """Return the means over the folds of accuracy, UAR and macro-F1, as EmoBox reports them.

    Empty if no clip reaches the threshold.
    """
    part = predictions.take(above_threshold(predictions, threshold))
    by_fold = [score_predictions(part.take(part.folds == fold)) for fold in np.unique(part.folds)]
    names = ("accuracy", "uar", "macro_f1") if by_fold else ()
    return {name: float(np.mean([getattr(fold, name) for fold in by_fold])) for name in names}


def uar_of_folds(
    predictions: Predictions, threshold: float = 0.0
) -> tuple[float, list[float]] | None:
    """Return the mean of the UAR of each fold and its interval; None if no clip is left."""
    part = predictions.take(above_threshold(predictions, threshold))
    return metrics.uar_of_folds(part) if len(part) else None


# --- Listeners -----------------------------------------------------------------------------------


def add_votes(tables: Tables, votes: Mapping[str, npt.NDArray[np.float64]]) -> Tables:
    """Return the clips that listeners voted on, with a table of their votes, ``LISTENERS``.

    Parameters
    ----------
    tables
        Clips of CREMA-D, filtered to the labels that listeners could give.
    votes
        Counts by clip, each of shape (6,), as ``metadata.read_votes`` returns them.
    """
    first = next(iter(tables.values()))
    voted = [clip in votes and votes[clip].sum() > 0 for clip in first.clips.tolist()]
    part = take(tables, np.array(voted, dtype=bool))
    first = next(iter(part.values()))
    counts = np.array([votes[clip] for clip in first.clips.tolist()])
    counts = counts.reshape(len(first), len(first.labels))
    return part | {LISTENERS: replace(first, probabilities=counts)}


def listeners(tables: Tables) -> dict[str, Any]:
    """Return the figures of the listeners under the names of ``listeners.json``."""
    return listener_figures(tables[LISTENERS].emotions.tolist(), tables[LISTENERS].probabilities)


def clips_voted(votes: Predictions, acted: str, answer: str) -> npt.NDArray[np.int64]:
    """Return the rows of the clips of one acted emotion that a listener gave a label, int64.

    The clip of the greatest share of votes comes first.
    """
    counts = votes.probabilities
    shares = counts[:, votes.labels.index(answer)] / counts.sum(axis=1)
    rows = np.flatnonzero((votes.emotions == acted) & (shares > 0))
    return np.asarray(rows[np.argsort(-shares[rows], kind="stable")])
