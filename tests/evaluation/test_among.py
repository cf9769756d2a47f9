"""Test the figures of subsets of the labels against the figures of all labels, and by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from emo.classifiers.calibration import read_calibration
from emo.classifiers.ensembles import ENSEMBLES
from emo.classifiers.label_subset import subset_key
from emo.classifiers.registry import CLASSIFIERS
from emo.errors import ModelError
from emo.evaluation import among, tables
from emo.evaluation.metrics import score_predictions, uar_of_folds
from emo.evaluation.predictions import calibrated_predictions
from emo.evaluation.selective import coverage_and_accuracy, selections
from emo.evaluation.stored import SCHEMA, SUBSETS, read_subsets
from emo.labels import ENSEMBLE, LABELS
from emo.system.paths import MODELS_DIR
from tests.support.predictions import copy_models

SOME = ("angry", "happy", "neutral", "sad")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_models(tmp_path_factory.mktemp("measured"))


@pytest.mark.parametrize("protocol", among.PROTOCOLS)
def test_figures_of_a_subset_equal_those_of_its_clips(measured: Path, protocol: str) -> None:
    stored = read_subsets(measured)["protocols"][protocol]
    given = calibrated_predictions(measured, protocol)
    assert set(stored) == set(given)
    for key, predictions in given.items():
        part, row = predictions.among(SOME), stored[key][subset_key(SOME)]
        scores = score_predictions(part)
        assert row["n"] == scores.n == int(np.isin(predictions.emotions, SOME).sum())
        for name in ("accuracy", "ece", "confidence"):
            assert row[name] == pytest.approx(getattr(scores, name), abs=1e-6)
        uar = scores.uar if protocol == "speakers" else uar_of_folds(part)[0]
        assert row["uar"] == pytest.approx(uar, abs=1e-6)


def test_every_subset_has_thresholds_that_are_chosen_as_for_all_labels(measured: Path) -> None:
    served = read_calibration(measured, tuple(CLASSIFIERS))
    assert len(served.thresholds_among) == 119
    given = calibrated_predictions(measured, "speakers")
    chosen = selections(given, SOME)
    assert served.thresholds_for(SOME) == {key: one.limit for key, one in chosen.items()}
    assert served.thresholds_for(LABELS) == {
        key: one.limit for key, one in selections(given).items()
    }
    stored = read_subsets(measured)["protocols"]["speakers"]
    for key, one in chosen.items():
        coverage = coverage_and_accuracy(one.hits, one.accepted_cross_fitted)
        row = stored[key][subset_key(SOME)]
        for name, value in coverage.items():
            assert row[name] == pytest.approx(value, abs=1e-6)  # type: ignore[literal-required]


def test_cross_corpus_uses_the_thresholds_of_the_subset(measured: Path) -> None:
    limits = read_calibration(measured, tuple(CLASSIFIERS)).thresholds_for(SOME)
    given = calibrated_predictions(measured, "cross-corpus")
    sure = {}
    for key, predictions in given.items():
        shares = predictions.among(SOME).probabilities.max(axis=1)
        sure[key] = np.rint(100 * shares) >= np.rint(100 * limits[key])
    for ensemble, row in ENSEMBLES.items():
        sure[ensemble] &= np.any([sure[key] for key in row.members], axis=0)
    stored = read_subsets(measured)["protocols"]["cross-corpus"]
    for key, accepted in sure.items():
        assert stored[key][subset_key(SOME)]["coverage"] == pytest.approx(accepted.mean(), abs=1e-6)


def test_recall_by_hand() -> None:
    targets, predicted = np.array([0, 0, 0, 2]), np.array([0, 1, 1, 2])
    assert among.recall(targets, predicted) == pytest.approx((1 / 3 + 1) / 2)


def test_tables_hold_mean_worst_and_best_subset(measured: Path) -> None:
    stored = read_subsets(measured)["protocols"]["speakers"][ENSEMBLE]
    shares = [row["accuracy"] for name, row in stored.items() if len(name.split()) == 3]
    assert len(shares) == 35
    expected = tables.percent(float(np.mean(shares)), (min(shares), max(shares)))
    title, table = among.subset_tables(measured)[0]
    assert title == "Unseen speakers"
    (row,) = (line for line in table.splitlines() if line.startswith("| Ensemble "))
    assert row.split(" | ")[1] == expected
    triples = [name for name in stored if len(name.split()) == 3]
    best = max(triples, key=lambda name: stored[name]["accuracy"])
    assert " and ".join(best.split()[-2:]) in among.subset_extremes(measured, ENSEMBLE)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": SCHEMA + 1}, f"its schema is {SCHEMA + 1}"),
        ({"protocols": {"speakers": {"tree": {"angry sad": {"n": 1}}}}}, "lacks the field"),
        ({"more": 1}, "unknown field 'more'"),
    ],
)
def test_damaged_figures_of_subsets_are_refused(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    content = {"schema": SCHEMA, "protocols": {}} | change
    (tmp_path / SUBSETS).write_text(json.dumps(content))
    with pytest.raises(ModelError, match=words):
        read_subsets(tmp_path)


def test_answers_that_are_not_unsure_keep_their_promise_in_every_subset() -> None:
    """The thresholds are chosen on other folds, so that a subset may miss the 80 % by a little."""
    stored = read_subsets(MODELS_DIR)["protocols"]["speakers"][ENSEMBLE]
    right = np.array([row["selective_accuracy"] for row in stored.values()])
    assert right.min() > 0.79
    assert (right >= 0.80).mean() > 0.95
