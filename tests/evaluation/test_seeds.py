"""Tests of the fits with several seeds."""

from pathlib import Path

import numpy as np
import pytest

from emo.classifiers import mlp, tree
from emo.corpora import splits
from emo.corpora.catalogue import find_recordings
from emo.evaluation import seeds
from emo.evaluation.predictions import Predictions, make_predictions, read_predictions
from emo.evaluation.predictions import write_predictions as write
from emo.labels import LABELS
from emo.system import paths
from emo.training import dataset
from tests.support.models import write_savee


def said(labels: list[str], answers: list[str], folds: list[int]) -> Predictions:
    """Return predictions of clips, each wholly sure of its answer."""
    columns = [LABELS.index(answer) for answer in answers]
    n = len(labels)
    names = [f"clip{i}" for i in range(n)]
    return make_predictions(names, ["savee"] * n, names, folds, labels, np.eye(8)[columns])


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """Return a folder with predictions of four clips by each seed; each has one more right."""
    labels = [LABELS[0], LABELS[0], LABELS[0], LABELS[1]]
    for protocol in seeds.SEED_PROTOCOLS:
        for key in seeds.SEEDED:
            for i, seed in enumerate(seeds.SEEDS):
                answers = labels[: i + 1] + [LABELS[2]] * (3 - i)
                write(
                    seeds.seed_file(tmp_path, key, protocol, seed), said(labels, answers, [1] * 4)
                )
    return tmp_path


def test_figures_are_those_of_each_seed(stored: Path) -> None:
    found = seeds.seed_figures(stored)
    assert list(found) == ["speakers", "cross-corpus"]
    assert found["speakers"]["mlp"] == pytest.approx([1 / 4, 2 / 4, 3 / 4])
    assert found["cross-corpus"]["tree"] == pytest.approx([1 / 6, 2 / 6, 3 / 6])  # of two labels
    name, *cells = seeds.seed_rows(found)[0]
    assert name == "`speakers`, accuracy, decision tree"
    assert cells == ["25.0", "50.0", "75.0", "50.0"]


def test_a_protocol_without_every_seed_has_no_figures(stored: Path) -> None:
    seeds.seed_file(stored, "mlp", "speakers", 3).unlink()
    assert list(seeds.seed_figures(stored)) == ["cross-corpus"]


@pytest.mark.train
@pytest.mark.slow
def test_seeds_differ_and_an_interrupted_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("MLP_WIDTHS", (8,)), ("MLP_EPOCHS", 1), ("MLP_MEMBERS", 1)):
        monkeypatch.setattr(mlp, name, value)
    monkeypatch.setattr(tree, "TREE_MIN_LEAF", 2)
    monkeypatch.setattr(seeds, "SEED_PROTOCOLS", ("speakers",))
    monkeypatch.setenv(paths.CACHE_ENV, str(tmp_path / "cache"))
    savee = write_savee(tmp_path / "savee", takes=1)
    models = tmp_path / "models"
    ran: list[tuple[int, int]] = []
    first = seeds._run

    def stop_after_two(data: dataset.Dataset, fold: splits.Fold, to: Path, seed: int) -> None:
        if len(ran) == 2:
            raise KeyboardInterrupt
        ran.append((fold.number, seed))
        first(data, fold, to, seed)

    monkeypatch.setattr(seeds, "_run", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        seeds.evaluate_seeds(savee, models)
    before = seeds.seed_file(models, "mlp", "speakers", 2).stat().st_mtime_ns
    monkeypatch.setattr(seeds, "_run", first)
    seeds.evaluate_seeds(savee, models)
    clips = sorted(recording.stem for recording in find_recordings(savee).recordings)
    made = [read_predictions(seeds.seed_file(models, "mlp", "speakers", seed)) for seed in (2, 3)]
    assert all(sorted(one.clips.tolist()) == clips for one in made)
    assert not np.allclose(made[0].probabilities, made[1].probabilities)
    after = [seeds.seed_file(models, "mlp", "speakers", seed).stat().st_mtime_ns for seed in (2, 3)]
    assert after[0] > before  # the other folds came to it
    seeds.evaluate_seeds(savee, models)
    again = [seeds.seed_file(models, "mlp", "speakers", seed).stat().st_mtime_ns for seed in (2, 3)]
    assert again == after
