"""Figures of prediction sets: cross-fitted, and counted by hand on few clips."""

from pathlib import Path

import numpy as np
import pytest

from emo.classifiers.conformal import LEVELS, set_limit
from emo.evaluation.figures import prediction_sets
from emo.evaluation.predictions import (
    Predictions,
    calibrated_predictions,
    make_predictions,
    read_predictions,
)
from emo.evaluation.stored import read_json, read_metrics
from emo.labels import LABELS
from tests.support.predictions import copy_models

PROJECT = Path(__file__).parents[3] / "models"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of models that no test changes."""
    return copy_models(tmp_path_factory.mktemp("measured"))


def made(shares: list[float], speakers: list[str], folds: list[int]) -> Predictions:
    """Return predictions of two labels with known probabilities of the true one."""
    return make_predictions(
        [f"clip{i}" for i in range(len(shares))],
        [name.split("-")[0] for name in speakers],
        speakers,
        folds,
        ["angry"] * len(shares),
        np.array([[share, 1 - share] for share in shares]),
        ("angry", "sad"),
    )


def test_limits_of_a_fold_come_from_the_others() -> None:
    # Ten speakers in each fold: needed are 0.2 * 11 - 1 = 1.2 speakers at the level of 80 %, so
    # the second lowest share of the other fold is the limit.
    low = [0.02, 0.1, *[0.9] * 8]
    high = [0.3, 0.4, *[0.95] * 8]
    speakers = [f"cremad-{i:04d}" for i in range(20)]
    found = prediction_sets.of_speakers(made(low + high, speakers, [1] * 10 + [2] * 10))
    # Fold 1 has the limit 0.4 and misses its two lowest; fold 2 has 0.1 and misses none.
    assert found["80"]["coverage"] == found["80"]["coverage_of_speakers"] == 18 / 20
    # In fold 1 each set is one label; in fold 2 those of 0.3 and 0.4 hold both, 0.95 one.
    assert found["80"]["mean_size"] == (10 + 2 * 2 + 8) / 20
    assert found["80"]["single"] == 18 / 20
    low_end, high_end = found["80"]["intervals"]["coverage"]
    assert low_end < 18 / 20 < high_end


def test_speakers_count_alike() -> None:
    shares = [0.9] * 10 + [0.1] * 10 + [0.9, 0.1]
    speakers = [f"cremad-{i:04d}" for i in range(10)] + ["cremad-2000"] * 10
    speakers += ["cremad-3000", "cremad-3001"]
    found = prediction_sets.of_speakers(made(shares, speakers, [1] * 10 + [2] * 12))["80"]
    held = [1.0] * 10 + [0.0, 1.0, 0.0]
    assert found["coverage_of_speakers"] == pytest.approx(np.mean(held))
    assert found["coverage"] == pytest.approx(11 / 22)


def test_one_fold_has_no_figures() -> None:
    assert prediction_sets.of_speakers(made([0.9], ["cremad-1001"], [1])) == {}


def test_limits_on_another_corpus_leave_out_its_own_speakers() -> None:
    familiar = made(
        [0.2] * 9 + [0.8] * 9,
        [f"ravdess-{i:02d}" for i in range(9)] + [f"cremad-{i:04d}" for i in range(9)],
        [1] * 18,
    )
    strange = made([0.5] * 2, ["ravdess-01", "cremad-0001"], [2, 1])
    found = prediction_sets.of_corpora(strange, familiar)
    # RAVDESS is tested with the limit of CREMA-D, 0.8, and CREMA-D with that of RAVDESS, 0.2: at
    # 0.5 each, the first set is the first label, and the second holds both.
    assert found["80"]["mean_size"] == 1.5


def test_served_limits_leave_out_the_held_out_speakers() -> None:
    shares = [0.5] * 9 + [0.01] * 6
    held_out = ["cremad-1009", "cremad-1020", "cremad-1038", "ravdess-02", "ravdess-03"]
    speakers = [f"cremad-{i:04d}" for i in range(9)] + [*held_out, "cremad-1039"]
    limits = prediction_sets.served_limits(made(shares, speakers, [1] * 15))
    assert limits == {"80": 0.5, "90": 0.0}  # for 90 % nine speakers are too few


@pytest.mark.parametrize("key", ["tree", "ensemble"])
def test_stored_figures_are_cross_fitted(measured: Path, key: str) -> None:
    part = calibrated_predictions(measured, "speakers")[key].among(LABELS)
    shares = prediction_sets.true_shares(part)
    for name, level in LEVELS.items():
        held, sizes = [], []
        for i in range(len(part)):
            others = part.folds != part.folds[i]
            limit = set_limit(shares[others], part.speakers[others], level)
            row = part.probabilities[i]
            chosen = {int(row.argmax()), *np.flatnonzero(row >= limit).tolist()}
            held.append(part.targets()[i] in chosen)
            sizes.append(len(chosen))
        block = read_metrics(measured, key)["protocols"]["speakers"]["sets"][name]
        assert block["coverage"] == pytest.approx(np.mean(held), abs=1e-5)
        assert block["mean_size"] == pytest.approx(np.mean(sizes), abs=1e-5)
    assert set(read_metrics(measured, key)["protocols"]["cross-corpus"]["sets"]) == set(LEVELS)


def test_served_limits_are_stored(measured: Path) -> None:
    part = calibrated_predictions(measured, "speakers")["ensemble"].among(LABELS)
    stored = read_json(measured / "calibration.json")["sets"]["ensemble"]
    assert stored == prediction_sets.served_limits(part)


def test_shipped_sets_cover_new_speakers_as_stated() -> None:
    """The ensemble's stored predictions are its own file, from which the sets are counted here."""
    part = read_predictions(PROJECT / "ensemble/predictions/speakers.csv.gz").among(LABELS)
    for name, level in LEVELS.items():
        block = read_metrics(PROJECT, "ensemble")["protocols"]["speakers"]["sets"][name]
        assert block["coverage_of_speakers"] == pytest.approx(level, abs=0.02)
        found = prediction_sets.of_speakers(part)[name]
        assert found["coverage"] == pytest.approx(block["coverage"], abs=1e-4)
