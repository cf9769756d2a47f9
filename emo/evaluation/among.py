"""Figures where the emotions that can occur are known: every subset of two to six labels.

Each answer is chosen among the labels of the subset, and the clips are those that were acted with
one of them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from emo.classifiers.calibration import Calibration, reaches, read_calibration
from emo.classifiers.ensembles import ENSEMBLES
from emo.classifiers.label_subset import proper_subsets, subset_key
from emo.classifiers.registry import CLASSIFIERS
from emo.corpora.protocols import CROSS_CORPUS, SPEAKERS
from emo.evaluation.metrics import calibration_error
from emo.evaluation.predictions import (
    Predictions,
    calibrated_predictions,
    predictions_file,
)
from emo.evaluation.selective import coverage_and_accuracy, selections
from emo.evaluation.stored import Coverage, SubsetFigures, read_subsets, write_subsets
from emo.evaluation.tables import PROTOCOL_TITLES, TITLES, percent, table
from emo.formatting import listed
from emo.labels import LABELS

PROTOCOLS = (SPEAKERS.key, CROSS_CORPUS.key)
"""Protocols with figures of every subset."""

Figures = dict[str, dict[str, SubsetFigures]]
"""By model and by ``subset_key``."""

Thresholds = dict[str, dict[str, float]]
"""As ``Calibration.thresholds_among``."""


def summarise_speakers(tables: Mapping[str, Predictions]) -> tuple[Figures, Thresholds]:
    """Return the figures of every subset for new speakers, and the thresholds that are served.

    Parameters
    ----------
    tables
        Calibrated predictions of ``speakers`` by classifier and ensemble.

    Returns
    -------
    figures
        Coverage and selective accuracy are those of thresholds that were chosen on the other folds.
    thresholds
        Chosen as for all labels (``selective.selections``).
    """
    figures: Figures = {key: {} for key in tables}
    thresholds: Thresholds = {}
    for labels in _present_subsets(tables):
        name, chosen = subset_key(labels), selections(tables, labels)
        thresholds[name] = {key: selection.limit for key, selection in chosen.items()}
        for key, selection in chosen.items():
            coverage = coverage_and_accuracy(selection.hits, selection.accepted_cross_fitted)
            part = tables[key].among(labels)
            figures[key][name] = _figures(part, coverage, is_mean_of_folds=False)
    return figures, thresholds


def summarise_cross_corpus(tables: Mapping[str, Predictions], calibration: Calibration) -> Figures:
    """Return the figures of every subset on other corpora.

    Parameters
    ----------
    tables
        Calibrated predictions of ``cross-corpus`` by classifier and ensemble.
    calibration
        The one that is served, whose thresholds are used.

    Returns
    -------
    dict
        The UAR is the mean over the corpora.
    """
    figures: Figures = {key: {} for key in tables}
    for labels in _present_subsets(tables):
        name, limits = subset_key(labels), calibration.thresholds_for(labels)
        accepted: dict[str, np.ndarray] = {}
        for key in (*CLASSIFIERS, *ENSEMBLES):
            part = tables[key].among(labels)
            accepted[key] = reaches(part.probabilities.max(axis=1), limits.get(key, 0.0))
            if key in ENSEMBLES:
                accepted[key] &= np.any([accepted[own] for own in ENSEMBLES[key].members], axis=0)
            coverage = coverage_and_accuracy(part.predicted() == part.targets(), accepted[key])
            figures[key][name] = _figures(part, coverage, is_mean_of_folds=True)
    return figures


def _present_subsets(tables: Mapping[str, Predictions]) -> list[tuple[str, ...]]:
    """Return the subsets of which every label has a clip."""
    present = set(next(iter(tables.values())).emotions.tolist())
    return [labels for labels in proper_subsets() if present.issuperset(labels)]


def _figures(part: Predictions, coverage: Coverage, is_mean_of_folds: bool) -> SubsetFigures:
    targets, predicted = part.targets(), part.predicted()
    folds = part.folds if is_mean_of_folds else np.zeros_like(part.folds)
    return {
        "n": len(part),
        "accuracy": float((predicted == targets).mean()),
        "uar": float(
            np.mean([recall(targets[folds == f], predicted[folds == f]) for f in np.unique(folds)])
        ),
        "ece": calibration_error(targets, part.probabilities),
        "confidence": float(part.probabilities.max(axis=1).mean()),
        **coverage,
    }


def recall(targets: np.ndarray, predicted: np.ndarray) -> float:
    """Return the unweighted average recall of the labels that are present.

    Parameters
    ----------
    targets, predicted : ndarray of int64, shape (n,)
        True and likeliest label of each clip, as numbers.
    """
    hits = predicted == targets
    return float(np.mean([hits[targets == label].mean() for label in np.unique(targets)]))


def update_subsets(models: Path, figures: Figures) -> None:
    """Write the figures of every subset, those on other corpora if ``cross-corpus`` was run.

    Parameters
    ----------
    models
        Folder of the models, with its ``calibration.json``.
    figures
        Those of ``speakers`` (``summarise_speakers``).
    """
    protocols = read_subsets(models)["protocols"]
    protocols[SPEAKERS.key] = figures
    if all(predictions_file(models, key, CROSS_CORPUS.key).exists() for key in CLASSIFIERS):
        tables = calibrated_predictions(models, CROSS_CORPUS.key)
        calibration = read_calibration(models, tuple(CLASSIFIERS))
        protocols[CROSS_CORPUS.key] = summarise_cross_corpus(tables, calibration)
    write_subsets(models, protocols)


# --- Tables of a document ------------------------------------------------------------------------

SUBSET_SIZES = (3, 4)
"""Numbers of labels of the subsets in ``subset_tables``."""


def subset_tables(models: Path) -> list[tuple[str, str]]:
    """Return the title and a table of each protocol: all subsets of three and of four labels.

    Raises
    ------
    ModelError
        ``subsets.json`` is damaged.
    """
    stored = read_subsets(models)["protocols"]
    header = ["Model"]
    for size in SUBSET_SIZES:
        header += [f"{size} of {len(LABELS)}: accuracy", "UAR", "not unsure", "of these right"]
    names = ("accuracy", "uar", "coverage", "selective_accuracy")
    parts = []
    for protocol in (name for name in PROTOCOL_TITLES if name in stored):
        rows = [
            [title, *(_spread(group, name) for group in groups for name in names)]
            for key, title in TITLES.items()
            if all(groups := [_of_size(stored[protocol].get(key, {}), n) for n in SUBSET_SIZES])
        ]
        if rows:
            parts.append((PROTOCOL_TITLES[protocol], table(header, rows)))
    return parts


def _of_size(subsets: Mapping[str, SubsetFigures], size: int) -> dict[str, SubsetFigures]:
    return {name: row for name, row in subsets.items() if len(name.split()) == size}


def _spread(subsets: Mapping[str, Mapping[str, Any]], name: str) -> str:
    """Return the mean of a share over subsets, with the lowest and the highest."""
    shares = [row[name] for row in subsets.values()]
    return percent(sum(shares) / len(shares), (min(shares), max(shares)))


def subset_extremes(models: Path, key: str) -> str:
    """Return in sentences among which labels a model is right most and least often."""
    stored = read_subsets(models)["protocols"]
    sentences = []
    for protocol in (name for name in PROTOCOL_TITLES if name in stored):
        for size in SUBSET_SIZES:
            group = _of_size(stored[protocol].get(key, {}), size)
            if not group:
                continue
            ordered = sorted(group, key=lambda name: group[name]["accuracy"])
            best, worst = (
                f"{listed(name.split())} ({percent(group[name]['accuracy'])})"
                for name in (ordered[-1], ordered[0])
            )
            title = PROTOCOL_TITLES[protocol].lower()
            sentences.append(
                f"- {title.capitalize()}, {size} labels: most often among {best}, "
                f"least often among {worst}."
            )
    return "\n".join(sentences)
