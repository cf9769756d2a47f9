"""Training and evaluation from files to figures, on a small synthetic corpus."""

import csv
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from emo.classifiers import cnn, mlp, pretrained, tree
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.storage import load_model
from emo.corpora.splits import folds
from emo.errors import CorpusError
from emo.evaluation import cross_validation
from emo.evaluation.cross_validation import compare, evaluate_protocols
from emo.evaluation.metrics import score
from emo.evaluation.predictions import (
    calibrated_predictions,
    fold_calibrations,
    predictions_file,
    read_predictions,
    surrogate_file,
)
from emo.evaluation.stored import read_metrics
from emo.labels import ENSEMBLE, LABELS, TRAINED_LABELS
from emo.system import paths
from emo.training import dataset as training_dataset
from emo.training import fit as training_fit
from tests.support.models import needs_keras, without_graphs, write_savee

pytestmark = [pytest.mark.train, needs_keras]

KEYS = tuple(CLASSIFIERS)


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module", autouse=True)
def step_by_step():
    with without_graphs():
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory, monkeypatch_module):
    """Train and evaluate all classifiers once: the dataset, and the folder of the models."""
    folder = tmp_path_factory.mktemp("run")
    for module, name, value in (
        (cnn, "CNN_STEM", 8),
        (cnn, "CNN_CHANNELS", 8),
        (cnn, "CNN_WIDTH", 16),
        (cnn, "CNN_BLOCKS", 1),
        (cnn, "CNN_EPOCHS", 2),
        (cnn, "CNN_BATCH", 32),  # few steps: each takes a third of a second
        (cnn, "STRETCH", (1.0, 1.0)),  # one shape: each costs a second to trace
        (mlp, "MLP_WIDTHS", (16,)),
        (mlp, "MLP_EPOCHS", 2),
        (mlp, "MLP_BATCH", 32),
        (mlp, "MLP_MEMBERS", 2),
        (pretrained, "HIDDEN_EPOCHS", 1),
        (tree, "TREE_MIN_LEAF", 2),
    ):
        monkeypatch_module.setattr(module, name, value)
    monkeypatch_module.setenv(paths.CACHE_ENV, str(folder / "cache"))
    savee = write_savee(folder / "savee", takes=3)
    models = folder / "models"
    dataset = training_dataset.load_dataset(savee, jobs=1)
    training_fit.train_models(KEYS, dataset, models, "python -m emo train all")
    evaluate_protocols(["speakers"], savee, models, "python -m emo evaluate")
    return dataset, models


def test_trained_models_load_with_their_origin(run):
    dataset, models = run
    info = load_model(models / "cnn").info
    assert info["trained_on"] == {
        "corpora": ["savee"],
        "clips": 42,
        "speakers": 2,
        "held_out": {"clips": 0, "speakers": []},
    }
    assert info["command"] == "python -m emo train all"
    assert len(dataset.recordings) == 42


def test_every_clip_is_tested_once_by_a_model_not_fitted_to_its_speaker(run):
    dataset, models = run
    for key in KEYS:
        predictions = read_predictions(models / key / "predictions" / "speakers.csv.gz")
        tested = set(predictions.clips.tolist())
        assert len(tested) == len(predictions.clips)
        assert tested == {r.stem for r in dataset.recordings}
        by_fold: dict[int, set[str]] = {}
        for fold, speaker in zip(
            predictions.folds.tolist(), predictions.speakers.tolist(), strict=True
        ):
            by_fold.setdefault(fold, set()).add(speaker)
        assert by_fold == {1: {"savee-JE"}, 3: {"savee-DC"}}


def test_a_fold_trains_on_its_training_clips_alone(run, monkeypatch):
    dataset, _ = run
    batches = []

    def record(_keys, _run, batch, _seed, _place):
        batches.append(batch)
        raise InterruptedError

    monkeypatch.setattr(cross_validation, "fit_all", record)
    for fold in folds("speakers", dataset.recordings):
        job = cross_validation.Job(dataset.directory, "speakers", fold.number, 1)
        with pytest.raises(InterruptedError):
            cross_validation.run_fold(job, dataset, fold)
        batch = batches[-1]
        np.testing.assert_array_equal(
            batch.features.functionals, dataset.clips.features.functionals[fold.train]
        )
        for copy, features in zip(batch.copies, dataset.clips.copies, strict=True):
            np.testing.assert_array_equal(copy.functionals, features.functionals[fold.train])
            assert len(copy.spectrograms) == len(batch.targets) == len(fold.train)
        assert not set(fold.train) & {*fold.test, *fold.validation}


def test_copies_differ_from_the_clip_and_from_each_other(run):
    dataset, _ = run
    sources = [
        dataset.clips.features.functionals,
        *(copy.functionals for copy in dataset.clips.copies),
    ]
    assert len(sources) == 3
    for i in range(3):
        for j in range(i):
            assert (sources[i] != sources[j]).any(axis=1).mean() > 0.9


def test_the_stored_figures_are_those_of_the_stored_predictions(run):
    _, models = run
    for key, predictions in calibrated_predictions(models, "speakers").items():
        stored = read_metrics(models, key)["protocols"]["speakers"]
        predictions = predictions.among(LABELS)
        scores = score(predictions.emotions, predictions.probabilities)
        assert stored["accuracy"] == pytest.approx(scores.accuracy, abs=1e-6)
        assert np.array_equal(stored["confusion"], scores.confusion)
        assert [run["fold"] for run in stored["runs"]] == [1, 3]
        assert all(run["command"] == "python -m emo evaluate" for run in stored["runs"])


def test_calibration_is_fitted_to_clips_that_are_not_tested(run):
    _, models = run
    calibrations = fold_calibrations(models, "speakers")
    assert sorted(calibrations) == [1, 3]
    for key in KEYS:
        calibration = read_predictions(models / key / "calibration" / "speakers.csv.gz")
        tested = read_predictions(models / key / "predictions" / "speakers.csv.gz")
        pairs = set(zip(calibration.clips.tolist(), calibration.folds.tolist(), strict=True))
        assert pairs
        assert not pairs & set(zip(tested.clips.tolist(), tested.folds.tolist(), strict=True))


def test_predictions_are_plain_columns(run):
    _, models = run
    with gzip.open(models / "cnn" / "predictions" / "speakers.csv.gz", "rt") as file:
        header = next(csv.reader(file))
    columns = [f"p_{name}" for name in TRAINED_LABELS]
    assert header == ["clip", "corpus", "speaker", "fold", "emotion", *columns]


def test_learning_curves_are_kept_by_run(run):
    _, models = run
    curves = json.loads((models / "cnn" / "curves.json").read_text())
    assert set(curves) == {"all", "speakers-1", "speakers-3"}
    assert [row["epoch"] for row in curves["speakers-1"]] == [1, 2]


def test_a_second_run_goes_on_from_the_checkpoint(run, tmp_path, monkeypatch):
    dataset, models = run
    keras = pytest.importorskip("keras")

    def fail(*_args, **_options):
        raise AssertionError("trained again")

    monkeypatch.setattr(keras.Model, "train_on_batch", fail)
    training_fit.train_models(["cnn", "tree", "mlp"], dataset, tmp_path / "models", "again")
    for key in ("cnn", "tree", "mlp"):
        first, second = (load_model(folder / key) for folder in (models, tmp_path / "models"))
        for name, values in first.arrays.items():
            np.testing.assert_array_equal(second.arrays[name], values)


def test_other_clips_or_settings_do_not_share_a_checkpoint(run, monkeypatch):
    dataset, _ = run
    batch = dataset.training_batch(np.arange(20))
    names = {
        training_fit._fingerprint("mlp", batch, 1),
        training_fit._fingerprint("mlp", dataset.batch(np.arange(20)), 1),
        training_fit._fingerprint("mlp", dataset.training_batch(np.arange(1, 21)), 1),
        training_fit._fingerprint("mlp", batch, 2),
        training_fit._fingerprint("cnn", batch, 1),
    }
    monkeypatch.setattr(mlp, "MLP_DROPOUT", 0.1)
    names.add(training_fit._fingerprint("mlp", batch, 1))
    assert len(names) == 6


def test_a_fold_that_is_not_there_is_refused(run):
    dataset, models = run
    with pytest.raises(CorpusError, match="no fold 9 here, only 1, 3"):
        evaluate_protocols(["speakers"], dataset.directory, models, "", only=[9])


def test_one_fold_run_again_stands_beside_the_others_and_can_be_compared(run, tmp_path):
    dataset, models = run
    evaluate_protocols(["speakers"], dataset.directory, tmp_path, "again", only=[3])
    rows = compare(tmp_path, models, "speakers")
    assert {key: row["n"] for key, row in rows.items()} == dict.fromkeys(CLASSIFIERS, 21)
    assert all(row["largest_difference"] == 0.0 for row in rows.values())  # from the checkpoints
    evaluate_protocols(["speakers"], dataset.directory, tmp_path, "and the other", only=[1])
    runs = read_metrics(tmp_path, "tree")["protocols"]["speakers"]["runs"]
    assert [run["command"] for run in runs] == ["and the other", "again"]
    predictions = read_predictions(tmp_path / "tree" / "predictions" / "speakers.csv.gz")
    assert sorted(predictions.clips) == sorted(r.stem for r in dataset.recordings)


def test_a_classifier_run_by_itself_leaves_the_answers_of_the_others(run, tmp_path, monkeypatch):
    dataset, models = run
    again = Path(shutil.copytree(models, tmp_path / "models"))
    fitted_keys = []
    fit_all = training_fit.fit_all

    def record(keys, *rest):
        fitted_keys.append(keys)
        return fit_all(keys, *rest)

    monkeypatch.setattr(cross_validation, "fit_all", record)
    evaluate_protocols(["speakers"], dataset.directory, again, "alone", only=[1], keys=["tree"])
    assert [list(keys) for keys in fitted_keys] == [["tree"]]
    commands = {
        key: [row["command"] for row in read_metrics(again, key)["protocols"]["speakers"]["runs"]]
        for key in (*KEYS, ENSEMBLE)
    }
    before = "python -m emo evaluate"
    assert commands == {
        "tree": ["alone", before],
        "cnn": [before, before],
        "mlp": [before, before],
        "pretrained": [before, before],
        "ensemble": ["alone", before, before],
    }
    for key in KEYS:  # the same seed, and the others were not touched
        name = predictions_file(models, key, "speakers").relative_to(models)
        old, new = (read_predictions(folder / name) for folder in (models, again))
        assert old.clips.tolist() == new.clips.tolist()
        np.testing.assert_array_equal(old.probabilities, new.probabilities)


def test_a_classifier_is_not_run_by_itself_where_the_others_lack_the_fold(run, tmp_path):
    dataset, _ = run
    with pytest.raises(CorpusError, match=r"Fold 1 of protocol 'speakers' was not run .* Run all:"):
        evaluate_protocols(["speakers"], dataset.directory, tmp_path, "", keys=["cnn", "mlp"])


def test_the_surrogate_tree_is_tested_beside_the_tree(run):
    _, models = run
    block = read_metrics(models, "tree")["protocols"]["speakers"]["surrogate"]
    predictions = read_predictions(surrogate_file(models, "speakers")).among(LABELS)
    tree = calibrated_predictions(models, "speakers")["tree"].among(LABELS)
    scores = score(predictions.emotions, predictions.probabilities)
    assert block["accuracy"] == pytest.approx(scores.accuracy, abs=1e-6)
    same = predictions.probabilities.argmax(axis=1) == tree.probabilities.argmax(axis=1)
    assert block["agreement"] == pytest.approx(same.mean(), abs=1e-6)
    assert "surrogate" not in read_metrics(models, "mlp")["protocols"]["speakers"]


KILLED = """
import os, signal, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from threading import Thread

from emo.evaluation import cross_validation

def start():
    Thread(target=cross_validation._end_with_parent, daemon=True).start()

if __name__ == "__main__":
    with ProcessPoolExecutor(1, get_context("spawn"), start) as workers:
        print(workers.submit(os.getpid).result(), flush=True)
        workers.submit(time.sleep, 120)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for the worker in /proc")
def test_a_worker_ends_with_the_command_that_was_killed(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    root = Path(cross_validation.__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=120,  # for as long as the worker lives it holds the pipe
    )
    assert done.returncode == -signal.SIGKILL
    assert not is_running(int(done.stdout))


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except FileNotFoundError:
        return False
