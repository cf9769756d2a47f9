"""Fit and predict the folds of own clips, and store predictions, figures and the calibration."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from emo.classifiers.calibration import (
    CALIBRATION,
    Calibration,
    calibrate,
    fit_calibration,
    renormalise,
)
from emo.classifiers.ensembles import ENSEMBLES, OTHER_ENSEMBLES
from emo.classifiers.own.model_set import check_target, known_classifiers
from emo.corpora.own.folds import own_folds
from emo.corpora.own.reading import speaker_is_stated
from emo.corpora.protocols import SPEAKERS
from emo.corpora.splits import Fold
from emo.evaluation.cross_validation import serving_predictor, strangeness_of
from emo.evaluation.figures import operating_points, prediction_sets
from emo.evaluation.metrics import protocol_metrics
from emo.evaluation.predictions import (
    DECIMALS,
    Predictions,
    join,
    make_predictions,
    predictions_file,
    write_predictions,
)
from emo.evaluation.selective import Selection, select
from emo.evaluation.stored import (
    ModelFigures,
    ProtocolFigures,
    Run,
    read_metrics,
    write_json,
    write_metrics,
)
from emo.training.fit import commit, fit_all
from emo.training.own import OwnDataset


@dataclass(frozen=True)
class OwnEvaluation:
    """Figures of classifiers and their ensemble on own clips under one protocol.

    Attributes
    ----------
    protocol : str
    folds : tuple of Fold
    figures : dict of ProtocolFigures
        By classifier and ensemble.
    """

    protocol: str
    folds: tuple[Fold, ...]
    figures: dict[str, ProtocolFigures]


def evaluate_own(
    protocol: str,
    keys: Sequence[str],
    own: OwnDataset,
    models: Path,
    command: str,
    seed: int,
) -> OwnEvaluation:
    """Fit classifiers on each fold's training clips, predict its test clips, and store all.

    Written are the raw predictions, ``metrics.json`` of each classifier and of the ensemble, and
    under ``speakers`` the calibration that is served.

    Parameters
    ----------
    protocol
        One of ``own.folds.PROTOCOLS``.
    keys
        Classifiers to run, of which the ensemble is made.
    own
    models
        Folder of the own models; they need not be trained yet.
    command
        Command line, which is stored beside the figures.
    seed

    Raises
    ------
    CorpusError
        The clips cannot be tested by the protocol.
    ModelError
        The folder holds models that ship, or own ones with other labels.
    """
    check_target(models, own.labels)
    keys = known_classifiers(keys)
    folds = own_folds(protocol, own.data.recordings, own.keys)
    parts: dict[str, list[Predictions]] = {key: [] for key in keys}
    for fold in folds:
        train = own.data.training_batch(fold.train)
        name = f"own-{len(own.labels)}-{protocol}-{fold.number}"
        for key, fitted in fit_all(keys, name, train, seed):
            test = own.data.batch(fold.test)
            shares = serving_predictor(key, fitted, train.n_outputs)(test)
            distances = strangeness_of(key, fitted, test)
            parts[key].append(_as_predictions(own, fold, shares, distances))
    raw = {key: join(rows) for key, rows in parts.items()}
    for key, table in raw.items():
        write_predictions(predictions_file(models, key, protocol), table)
    made_by = {"commit": commit(), "command": command, "seed": seed}
    figures = own_figures(protocol, raw, own.labels, made_by)
    _store(models, protocol, figures)
    if protocol == SPEAKERS.key:
        served = served_calibration(raw, own.labels)
        write_json(models / CALIBRATION, asdict(served))
    return OwnEvaluation(protocol, folds, figures)


def _as_predictions(
    own: OwnDataset, fold: Fold, shares: np.ndarray, strangeness: np.ndarray | None
) -> Predictions:
    clips = [own.data.recordings[i] for i in fold.test]
    return make_predictions(
        clips=[clip.stem for clip in clips],
        corpora=[clip.corpus for clip in clips],
        # The interval of clips whose speaker is not known counts each as a speaker of its own.
        speakers=[
            clip.speaker if speaker_is_stated(clip) else f"{clip.speaker}{clip.stem}"
            for clip in clips
        ],
        folds=[fold.number] * len(clips),
        emotions=[clip.emotion for clip in clips],
        probabilities=np.round(shares, DECIMALS),
        labels=own.trained_labels,
        strangeness=None if strangeness is None else np.round(strangeness, DECIMALS),
    )


# --- Calibration ---------------------------------------------------------------------------------


def fit_own_calibration(raw: Mapping[str, Predictions], labels: Sequence[str]) -> Calibration:
    """Return temperatures and weights of lowest log-loss on some predictions, no thresholds.

    The ensemble of one classifier is that classifier.

    Parameters
    ----------
    raw : mapping of Predictions
        Raw, by classifier, of the same clips.
    labels
        Of the answers.
    """
    own = {key: table.among(labels) for key, table in raw.items()}
    targets = next(iter(own.values())).targets()
    fitted = fit_calibration({key: table.probabilities for key, table in own.items()}, targets)
    if len(own) == 1:
        weights = {key: 1.0 / t for key, t in fitted.temperatures.items()}
        return replace(fitted, weights=weights, ensembles={})
    others = {
        key: weights
        for key, weights in fitted.ensembles.items()
        if set(OTHER_ENSEMBLES[key].members) < set(own)
    }
    return replace(fitted, ensembles=others)


def cross_fitted(raw: Mapping[str, Predictions], labels: Sequence[str]) -> dict[str, Predictions]:
    """Return calibrated predictions; those of a fold by a calibration fitted on the other folds.

    Parameters
    ----------
    raw : mapping of Predictions
        Raw, by classifier, of the same clips.
    labels
        Of the answers; clips of others are left out.

    Returns
    -------
    dict of Predictions
        By classifier and ensemble.
    """
    first = next(iter(raw.values()))
    part = first.among(labels)
    kept = np.isin(first.emotions, list(labels))
    raw = {key: table.take(kept) for key, table in raw.items()}
    tables: dict[str, np.ndarray] = {}
    for fold in np.unique(part.folds):
        rows = part.folds == fold
        others = {key: table.take(~rows) for key, table in raw.items()}
        calibration = fit_own_calibration(others, labels)
        tested = {key: table.probabilities[rows] for key, table in raw.items()}
        for key, shares in _calibrate(tested, calibration, labels, first.labels).items():
            tables.setdefault(key, np.zeros_like(part.probabilities))[rows] = shares
    return {key: replace(part, probabilities=shares) for key, shares in tables.items()}


def _calibrate(
    raw: Mapping[str, np.ndarray],
    calibration: Calibration,
    labels: Sequence[str],
    trained: Sequence[str],
) -> dict[str, np.ndarray]:
    columns = [trained.index(label) for label in labels]
    shares = {key: renormalise(rows, columns) for key, rows in raw.items()}
    return calibrate(shares, calibration, tuple(labels), None, tuple(labels))


def served_calibration(raw: Mapping[str, Predictions], labels: Sequence[str]) -> Calibration:
    """Return the calibration that is served: fitted on the tests of all folds.

    Thresholds and prediction sets are chosen on the cross-fitted predictions.
    """
    tables = cross_fitted(raw, labels)
    chosen = own_selections(tables)
    return replace(
        fit_own_calibration(raw, labels),
        thresholds={key: row.limit for key, row in chosen.items()},
        sets={key: prediction_sets.served_limits(part) for key, part in tables.items()},
    )


def own_selections(tables: Mapping[str, Predictions]) -> dict[str, Selection]:
    """Return the selection of each classifier and ensemble; an ensemble is unsure where all are."""
    chosen = {key: select(part) for key, part in tables.items() if key not in ENSEMBLES}
    for key in ENSEMBLES.keys() & tables.keys():
        members = [chosen[own] for own in ENSEMBLES[key].members if own in chosen]
        accepted = np.any([own.accepted for own in members], axis=0)
        cross = np.any([own.accepted_cross_fitted for own in members], axis=0)
        chosen[key] = select(tables[key], Selection(0.0, accepted, accepted, cross))
    return chosen


# --- Figures -------------------------------------------------------------------------------------


def own_figures(
    protocol: str,
    raw: Mapping[str, Predictions],
    labels: Sequence[str],
    made_by: Mapping[str, Any],
) -> dict[str, ProtocolFigures]:
    """Return the figures of each classifier and ensemble, with intervals over speakers.

    Parameters
    ----------
    protocol
    raw : mapping of Predictions
        Raw, by classifier, of the same clips.
    labels
        Of the answers.
    made_by
        ``commit``, ``command`` and ``seed`` of the run.
    """
    tables = cross_fitted(raw, labels)
    chosen = own_selections(tables)
    runs = [
        Run(
            fold=int(fold),
            commit=made_by["commit"],
            command=made_by["command"],
            seed=made_by["seed"],
        )
        for fold in np.unique(next(iter(tables.values())).folds)
    ]
    figures: dict[str, ProtocolFigures] = {}
    for key, table in tables.items():
        block = cast(ProtocolFigures, protocol_metrics(table, labels))
        block["runs"], block["left_out"] = runs, []
        if protocol == SPEAKERS.key:
            block["selective"] = chosen[key].to_dict()
            block["sets"] = prediction_sets.of_speakers(table)
        figures[key] = block
    return figures


def _store(models: Path, protocol: str, figures: Mapping[str, ProtocolFigures]) -> None:
    for key, block in figures.items():
        stored: ModelFigures = read_metrics(models, key)
        stored["protocols"][protocol] = block
        stored["operating_points"] = operating_points.operating_points(stored["protocols"])
        write_metrics(models, stored)
