"""Tests of the calibration for strange clips as it is fitted for each fold."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emo.classifiers.registry import CLASSIFIERS
from emo.evaluation.predictions import (
    fold_calibrations,
    predictions_file,
    read_predictions,
    write_predictions,
)
from emo.labels import ENSEMBLE, LABELS
from emo.system.paths import MODELS_DIR

RAVDESS_FOLD = 2


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the stored predictions."""
    folder = tmp_path_factory.mktemp("stored")
    for key in CLASSIFIERS:
        for part in ("predictions", "calibration"):
            for path in (MODELS_DIR / key / part).glob("*.csv.gz"):
                if "." not in path.name.removesuffix(".csv.gz"):  # no surrogate, no other seed
                    copy = folder / key / part / path.name
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, copy)
    return folder


@pytest.mark.slow
def test_no_fold_of_other_corpora_is_calibrated_on_its_own_corpus(models, tmp_path):
    """Shuffled answers for one corpus must change the calibration of the others alone."""
    changed = tmp_path / "changed"
    shutil.copytree(models, changed)
    for key in CLASSIFIERS:
        path = predictions_file(changed, key, "cross-corpus")
        table = read_predictions(path)
        rows = np.flatnonzero(table.folds == RAVDESS_FOLD)
        probabilities = table.probabilities.copy()
        probabilities[rows] = probabilities[np.random.default_rng(0).permutation(rows)]
        write_predictions(path, replace(table, probabilities=probabilities))
    before = fold_calibrations(models, "cross-corpus")
    after = fold_calibrations(changed, "cross-corpus")
    for fold, calibration in before.items():
        assert calibration.strangers is not None
        if fold == RAVDESS_FOLD:
            assert after[fold] == calibration
        else:
            assert after[fold].strangers != calibration.strangers


@pytest.mark.slow
def test_no_fold_of_new_speakers_is_calibrated_on_its_own_speakers(models, tmp_path):
    changed = tmp_path / "changed"
    shutil.copytree(models, changed)
    tested = read_predictions(predictions_file(models, "tree", "speakers"))
    speakers = set(tested.speakers[tested.folds == 1].tolist())
    for key in CLASSIFIERS:
        path = predictions_file(changed, key, "cross-corpus")
        table = read_predictions(path)
        own = np.isin(table.speakers, list(speakers))
        probabilities = np.where(own[:, None], 1 / 8, table.probabilities)
        write_predictions(path, replace(table, probabilities=probabilities))
    before, after = (fold_calibrations(folder, "speakers") for folder in (models, changed))
    assert after[1] == before[1]
    assert after[2].strangers != before[2].strangers


def test_strange_clips_are_served_with_less_confidence_and_higher_thresholds():
    from emo.classifiers.calibration import read_calibration

    served = read_calibration(MODELS_DIR, tuple(CLASSIFIERS))
    strangers = served.strangers
    assert strangers is not None
    assert 1.3 < strangers.temperatures[ENSEMBLE] < 4
    assert strangers.thresholds[ENSEMBLE] > served.thresholds_for(LABELS)[ENSEMBLE]
