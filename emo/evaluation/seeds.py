"""Fit the cheap classifiers with three seeds: how much of a difference between models is chance.

All but the seed of the fit is the same: folds, clips, copies and settings.  The raw predictions
are stored as those of the first seed are, and the figures are counted from them.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from emo.classifiers.registry import CLASSIFIERS
from emo.corpora.protocols import CROSS_CORPUS, SPEAKERS
from emo.corpora.splits import Fold, folds
from emo.evaluation.among import recall
from emo.evaluation.cross_validation import merge_folds, predictions_of, serving_predictor
from emo.evaluation.predictions import predictions_file, read_predictions
from emo.labels import LABELS
from emo.training.dataset import Dataset, load_dataset, takes_of
from emo.training.fit import SEED, fit_all

SEEDS = (SEED, 2, 3)
"""Seeds of the fits; the predictions of the first are those of every other table."""

SEEDED = tuple(key for key, row in CLASSIFIERS.items() if row.takes == "functionals")
"""Classifiers that are fitted in minutes and make random choices: those on functionals."""

SEED_PROTOCOLS = (SPEAKERS.key, CROSS_CORPUS.key)


def seed_file(models: Path, key: str, protocol: str, seed: int) -> Path:
    """Return the file of the predictions of a classifier that was fitted with a seed."""
    return predictions_file(models, key, protocol, "" if seed == SEED else f"seed-{seed}")


def evaluate_seeds(directory: Path, models: Path, jobs: int = 1) -> None:
    """Fit ``SEEDED`` on every fold of ``SEED_PROTOCOLS`` with each further seed, and predict.

    Folds whose predictions are stored are not run again.

    Parameters
    ----------
    directory
        Folder of the corpora.
    models
        Folder of the models.
    jobs
        Worker processes that compute the features that the cache lacks.
    """
    dataset = load_dataset(directory, jobs, takes=takes_of(SEEDED))
    for protocol in SEED_PROTOCOLS:
        for fold in folds(protocol, dataset.recordings, directory=directory):
            for seed in SEEDS[1:]:
                _run(dataset, fold, models, seed)


def _run(dataset: Dataset, fold: Fold, models: Path, seed: int) -> None:
    files = {key: seed_file(models, key, fold.protocol, seed) for key in SEEDED}
    stored = {key: _folds_in(path) for key, path in files.items()}
    lacking = [key for key in SEEDED if fold.number not in stored[key]]
    if not lacking:
        return
    print(f"{fold.protocol}, fold {fold.number}, seed {seed}", file=sys.stderr)
    train, rows = dataset.training_batch(fold.train), dataset.usable(fold.test)
    recordings, test = [dataset.recordings[i] for i in rows], dataset.batch(rows)
    run = f"{fold.protocol}-{fold.number}-seed-{seed}"
    for key, fitted in fit_all(lacking, run, train, seed):
        probabilities = serving_predictor(key, fitted)(test)
        new = predictions_of(recordings, fold.number, probabilities)
        merge_folds(files[key], new, stored[key] - {fold.number})


def _folds_in(path: Path) -> set[int]:
    return set(read_predictions(path).folds.tolist()) if path.exists() else set()


def seed_figures(models: Path) -> dict[str, dict[str, list[float]]]:
    """Return the accuracy of raw answers by protocol, classifier and seed, 0 to 1.

    Under ``cross-corpus`` it is the mean over the corpora of the unweighted average recall.  Empty
    for a protocol that was not run with every seed.

    Raises
    ------
    CorpusError
        A file of predictions is damaged.
    """
    figures: dict[str, dict[str, list[float]]] = {}
    for protocol in SEED_PROTOCOLS:
        files = {key: [seed_file(models, key, protocol, s) for s in SEEDS] for key in SEEDED}
        if all(path.exists() for own in files.values() for path in own):
            figures[protocol] = {
                key: [_figure(path, protocol) for path in own] for key, own in files.items()
            }
    return figures


def _figure(path: Path, protocol: str) -> float:
    part = read_predictions(path).among(LABELS)
    targets, predicted = part.targets(), part.predicted()
    if protocol == SPEAKERS.key:
        return float((predicted == targets).mean())
    tested = [part.folds == fold for fold in np.unique(part.folds)]
    return float(np.mean([recall(targets[own], predicted[own]) for own in tested]))


def seed_rows(figures: Mapping[str, Mapping[str, list[float]]]) -> list[tuple[str, ...]]:
    """Return a row of text for each protocol and classifier: a figure a seed, and their range."""
    rows: list[tuple[str, ...]] = []
    for protocol, by_key in figures.items():
        measure = "accuracy" if protocol == SPEAKERS.key else "UAR"
        for key, values in by_key.items():
            spread = 100 * (max(values) - min(values))
            shown: list[Any] = [f"{100 * value:.1f}" for value in values]
            name = f"`{protocol}`, {measure}, {CLASSIFIERS[key].title.lower()}"
            rows.append((name, *shown, f"{spread:.1f}"))
    return rows
