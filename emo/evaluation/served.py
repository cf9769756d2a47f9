"""Fit the calibration that is served, and add the figures of its thresholds and sets."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from emo.classifiers.calibration import CALIBRATION, Calibration, reaches
from emo.classifiers.ensembles import ENSEMBLES, OTHER_ENSEMBLES
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.strangers import StrangerCalibration
from emo.corpora.protocols import CROSS_CORPUS, SPEAKERS
from emo.corpora.splits import HELD_OUT_SPEAKERS
from emo.evaluation.among import summarise_speakers, update_subsets
from emo.evaluation.figures import prediction_sets
from emo.evaluation.known_voice.figures import count_known, write_voice_metrics
from emo.evaluation.predictions import (
    Predictions,
    calibrated_predictions,
    fold_calibrations,
    predictions_file,
    served_strangers,
)
from emo.evaluation.selective import coverage_and_accuracy, selections, selections_abroad
from emo.evaluation.stored import ModelFigures, SelectiveFigures, write_json
from emo.labels import LABELS


def add_selective(figures: Mapping[str, ModelFigures], tables: Mapping[str, Predictions]) -> None:
    """Add the figures of thresholds and prediction sets on ``speakers``.

    Parameters
    ----------
    figures : mapping by classifier and ensemble
        Changed in place.
    tables : mapping of Predictions, by the same keys
        Calibrated predictions of ``speakers``.
    """
    for key, selection in selections(tables).items():
        block = figures[key]["protocols"][SPEAKERS.key]
        block["selective"] = selection.to_dict()
        block["sets"] = prediction_sets.of_speakers(tables[key].among(LABELS))


def write_served(models: Path) -> None:
    """Write the calibration that is served and the figures with the voice known.

    The calibration is written if ``speakers`` was run.  It is the mean over the folds of
    ``speakers`` that were run, fitted without the clips of ``splits.HELD_OUT_SPEAKERS``, as the
    thresholds are.
    """
    figures, voice = count_known(models)
    write_voice_metrics(models, figures)
    if not all(predictions_file(models, key, SPEAKERS.key).exists() for key in CLASSIFIERS):
        return
    calibrations = fold_calibrations(models, SPEAKERS.key)
    tables = calibrated_predictions(models, SPEAKERS.key, calibrations=calibrations)
    parts = {key: predictions.among(LABELS) for key, predictions in tables.items()}
    subsets, thresholds_among = summarise_speakers(tables)

    def mean(rows: Iterable[Mapping[str, float]]) -> dict[str, float]:
        each = list(rows)
        return {key: float(np.mean([row[key] for row in each])) for key in each[0]}

    shipped = fold_calibrations(models, SPEAKERS.key, HELD_OUT_SPEAKERS) or calibrations
    folds = shipped.values()
    served = Calibration(
        mean(fold.temperatures for fold in folds),
        mean(fold.weights for fold in folds),
        {key: selection.limit for key, selection in selections(tables).items()},
        ensembles={key: mean(fold.ensembles[key] for fold in folds) for key in OTHER_ENSEMBLES},
        thresholds_among=thresholds_among,
        sets={key: prediction_sets.served_limits(part) for key, part in parts.items()},
        strangers=_served_strangers(models, folds),
        voice=voice,
    )
    write_json(models / CALIBRATION, asdict(served))
    update_subsets(models, subsets)


def _served_strangers(
    models: Path, calibrations: Iterable[Calibration]
) -> StrangerCalibration | None:
    """Return the served calibration for strange clips, its thresholds chosen on other corpora."""
    strangers = served_strangers(models, calibrations, HELD_OUT_SPEAKERS)
    if strangers is None:
        return None
    chosen = selections_abroad(calibrated_predictions(models, CROSS_CORPUS.key))
    return replace(strangers, thresholds={key: row.limit for key, row in chosen.items()})


def add_cross_corpus_selection(models: Path, figures: Mapping[str, ModelFigures]) -> None:
    """Add the figures of thresholds and prediction sets on other corpora.

    The thresholds are those for strange clips; without a measure of strangeness, those of
    ``speakers``, as the sets are.  Nothing is added before both protocols were run.

    Parameters
    ----------
    models
        Folder of the models.
    figures : mapping by classifier and ensemble
        Changed in place.
    """
    blocks = {key: content["protocols"] for key, content in figures.items()}
    if not all(
        CROSS_CORPUS.key in protocols and "selective" in protocols.get(SPEAKERS.key, {})
        for protocols in blocks.values()
    ):
        return
    familiar = calibrated_predictions(models, SPEAKERS.key)
    tables = calibrated_predictions(models, CROSS_CORPUS.key)
    limits = {key: block[SPEAKERS.key]["selective"]["threshold"] for key, block in blocks.items()}
    for key, selective in _selective_abroad(tables, limits).items():
        block = blocks[key][CROSS_CORPUS.key]
        block["selective"] = selective
        block["sets"] = prediction_sets.of_corpora(
            tables[key].among(LABELS), familiar[key].among(LABELS)
        )


def _selective_abroad(
    tables: Mapping[str, Predictions], limits: Mapping[str, float]
) -> dict[str, SelectiveFigures]:
    """Return the figures of thresholds on other corpora, by classifier and ensemble."""
    if next(iter(tables.values())).strangeness is not None:
        return {key: row.to_dict() for key, row in selections_abroad(tables).items()}
    accepted: dict[str, np.ndarray] = {}
    blocks: dict[str, SelectiveFigures] = {}
    for key, predictions in tables.items():
        part = predictions.among(LABELS)
        accepted[key] = reaches(part.probabilities.max(axis=1), limits[key])
        if key in ENSEMBLES:
            accepted[key] &= np.any([accepted[own] for own in ENSEMBLES[key].members], axis=0)
        coverage = coverage_and_accuracy(part.predicted() == part.targets(), accepted[key])
        blocks[key] = {
            "threshold": limits[key],
            "coverage": coverage["coverage"],
            "selective_accuracy": coverage["selective_accuracy"],
        }
    return blocks
