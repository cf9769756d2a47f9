"""Paired differences against resamples drawn one by one, and against known effects."""

from pathlib import Path

import numpy as np
import pytest

from emo.classifiers.ensembles import ENSEMBLES
from emo.classifiers.registry import CLASSIFIERS
from emo.evaluation.bootstrap import draw_speakers
from emo.evaluation.figures.differences import DETECTABLE_ERRORS, paired_differences
from emo.evaluation.predictions import Predictions, make_predictions
from emo.evaluation.stored import read_metrics
from emo.evaluation.tables import differences_table

PROJECT = Path(__file__).parents[3] / "models"
NAMES = ("angry", "sad")


def answered(
    right: np.ndarray, speakers: list[str], emotions: list[str], folds: list[int] | None = None
) -> Predictions:
    """Return predictions that are right or wrong as given."""
    acted = np.array([NAMES.index(emotion) for emotion in emotions])
    said = np.where(right, acted, 1 - acted)
    return make_predictions(
        [f"clip{i}" for i in range(len(right))],
        [name.split("-")[0] for name in speakers],
        speakers,
        folds or [1] * len(right),
        emotions,
        np.where(np.eye(2, dtype=bool)[said], 0.8, 0.2),
        NAMES,
    )


def clips(n_speakers: int, each: int) -> tuple[list[str], list[str]]:
    speakers = [f"cremad-{i:04d}" for i in range(n_speakers) for _ in range(each)]
    return speakers, [NAMES[i % 2] for i in range(len(speakers))]


def test_detectable_difference_is_that_of_a_test_of_80_per_cent_power() -> None:
    # Of normal estimates with this mean and a standard error of 1, 80 % are significant at 5 %.
    rng = np.random.default_rng(1)
    estimates = rng.normal(DETECTABLE_ERRORS, 1.0, 200_000)
    assert (np.abs(estimates) > 1.959964).mean() == pytest.approx(0.8, abs=0.003)


def test_pairs_are_resampled_together() -> None:
    """The oracle sums the clips of each drawn speaker one resample after another."""
    rng = np.random.default_rng(2)
    speakers, emotions = clips(12, 6)
    hard = np.repeat(rng.random(12), 6)
    first, second = rng.random(72) < hard, rng.random(72) < hard + 0.1
    tables = {
        "a": answered(first, speakers, emotions),
        "b": answered(second, speakers, emotions),
    }
    (found,) = paired_differences(tables)
    names, drawn = draw_speakers(speakers)
    owners = np.array([names.index(speaker) for speaker in speakers])
    accuracies, uars = [], []
    for draw in drawn:
        weight = draw[owners]
        gain = second.astype(float) - first
        accuracies.append((weight * gain).sum() / weight.sum())
        acted = np.array(emotions)
        recalls = [
            (weight * gain)[acted == name].sum() / weight[acted == name].sum() for name in NAMES
        ]
        uars.append(np.mean(recalls))
    for name, oracle in (("accuracy", accuracies), ("uar", uars)):
        assert found["intervals"][name] == pytest.approx(list(np.percentile(oracle, (2.5, 97.5))))
        expected = DETECTABLE_ERRORS * np.std(oracle, ddof=1)
        assert found["detectable"][name] == pytest.approx(expected)
    assert (found["first"], found["second"]) == ("a", "b")
    assert found["accuracy"] == pytest.approx(second.mean() - first.mean())


def test_difference_of_equal_models_is_nothing() -> None:
    speakers, emotions = clips(6, 4)
    right = np.random.default_rng(3).random(24) < 0.6
    (found,) = paired_differences(dict.fromkeys("ab", answered(right, speakers, emotions)))
    assert found["accuracy"] == found["uar"] == 0
    assert found["intervals"]["accuracy"] == [0, 0]
    assert found["detectable"]["uar"] == 0


def test_uar_by_fold_counts_each_fold_alike() -> None:
    speakers = ["cremad-1001"] * 8 + ["tess-OAF"] * 2
    emotions, folds = ["angry", "sad"] * 5, [1] * 8 + [2] * 2
    none = answered(np.zeros(10, bool), speakers, emotions, folds)
    some = answered(np.array([True] * 8 + [False] * 2), speakers, emotions, folds)
    (found,) = paired_differences({"a": none, "b": some}, by_fold=True)
    assert found["uar"] == pytest.approx(0.5)
    assert found["accuracy"] == pytest.approx(0.8)
    (whole,) = paired_differences({"a": none, "b": some})
    assert whole["uar"] == pytest.approx(0.8)


@pytest.mark.parametrize("protocol", ["random", "speakers", "cross-corpus"])
def test_stored_differences_are_those_of_the_stored_rates(protocol: str) -> None:
    blocks = {
        key: read_metrics(PROJECT, key)["protocols"][protocol] for key in (*CLASSIFIERS, *ENSEMBLES)
    }
    pairs = blocks["ensemble"]["differences"]
    n = len(blocks)
    assert len(pairs) == len({(p["first"], p["second"]) for p in pairs}) == n * (n - 1) // 2
    for pair in pairs:
        first, second = blocks[pair["first"]], blocks[pair["second"]]
        assert pair["accuracy"] == pytest.approx(second["accuracy"] - first["accuracy"], abs=3e-6)
        assert pair["uar"] == pytest.approx(second["uar"] - first["uar"], abs=3e-6)
        low, high = pair["intervals"]["accuracy"]
        assert low < pair["accuracy"] < high
        # Paired resamples are narrower than those of two separate figures.
        assert high - low < sum(np.diff(b["intervals"]["accuracy"])[0] for b in (first, second))


def test_table_has_a_row_for_each_pair() -> None:
    rows = differences_table(PROJECT, "speakers").splitlines()[2:]
    assert any(row.startswith("| Ensemble − decision tree | +") for row in rows)
    assert differences_table(PROJECT, "emobox") == ""
