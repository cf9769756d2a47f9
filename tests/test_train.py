"""Training and evaluation from files to figures, on a small made-up corpus."""

import csv
import gzip
import json

import numpy as np
import pytest

from emo import classifiers as c
from emo import evaluate, store, train
from emo.bundle import load_model
from emo.errors import CorpusError
from emo.evaluate import evaluate_manifest, evaluate_protocol, read_manifest
from emo.folds import folds
from emo.labels import LABELS
from emo.metrics import read_predictions, score
from emo.predict import load_models
from tests.tiny import write_savee
from tests.voices import encoded, silence, voice

pytest.importorskip("keras")


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def run(tmp_path_factory, monkeypatch_module):
    """Everything trained and evaluated once: the folder of the models and the dataset."""
    folder = tmp_path_factory.mktemp("run")
    for name, value in {
        "CNN_CHANNELS": (8, 8),
        "CNN_EPOCHS": 2,
        "CNN_BATCH": 8,
        "STRETCH": (1.0, 1.0),  # one shape: each costs a second to trace
        "MLP_WIDTHS": (16,),
        "MLP_EPOCHS": 4,
        "MLP_BATCH": 8,
        "MLP_MEMBERS": 2,
        "TREE_SMALLEST_LEAF": 2,
    }.items():
        monkeypatch_module.setattr(c, name, value)
    monkeypatch_module.setenv(store.CACHE_ENV, str(folder / "cache"))
    dataset = train.load_dataset(write_savee(folder / "savee", takes=3), jobs=1)
    models = folder / "models"
    keys = list(c.CLASSIFIERS)
    train.train_models(keys, dataset, models, "python -m emo train all")
    blocks = evaluate_protocol("voices", keys, dataset, models, "python -m emo evaluate")
    return dataset, models, blocks


def test_trained_models_load_and_say_what_they_are(run):
    dataset, models, _ = run
    card = load_model(models / "cnn").card
    assert card["trained_on"] == {"corpora": ["savee"], "clips": 42, "speakers": 2}
    assert card["command"] == "python -m emo train all"
    assert len(dataset.recordings) == 42


def test_every_clip_is_tested_once_by_a_model_that_did_not_hear_its_speaker(run):
    dataset, models, _ = run
    for key in ("tree", "cnn", "mlp", "vote"):
        found = read_predictions(models / key / "predictions" / "voices.csv.gz")
        assert sorted(found.clips) == sorted(r.stem for r in dataset.recordings)
        by_fold: dict[int, set[str]] = {}
        for fold, speaker in zip(found.folds, found.speakers, strict=True):
            by_fold.setdefault(fold, set()).add(speaker)
        assert by_fold == {1: {"savee-JE"}, 3: {"savee-DC"}}


def test_a_fold_trains_on_its_training_clips_alone(run, monkeypatch):
    dataset, _, _ = run
    heard = []

    def listen(_key, _run, batch, _seed, watch):
        heard.append(batch)
        raise InterruptedError

    monkeypatch.setattr(evaluate, "fit", listen)
    for fold in folds("voices", dataset.recordings):
        with pytest.raises(InterruptedError):
            evaluate._run_fold("tree", fold, dataset, 1)
        np.testing.assert_array_equal(heard[-1].vectors, dataset.features.vectors[fold.train])
        assert len(heard[-1].views) == len(heard[-1].targets) == len(fold.train)


def test_the_stored_figures_are_those_of_the_stored_predictions(run):
    _, models, blocks = run
    for key, block in blocks.items():
        stored = json.loads((models / key / "metrics.json").read_text())["protocols"]["voices"]
        assert stored == json.loads(json.dumps(block))
        found = read_predictions(models / key / "predictions" / "voices.csv.gz")
        counted = score(found.emotions, found.probabilities)
        assert stored["accuracy"] == counted.accuracy
        assert np.array_equal(stored["confusion"], counted.confusion)
        assert stored["seed"] == train.SEED
        assert stored["command"] == "python -m emo evaluate"


def test_the_vote_is_the_mean_of_the_three(run):
    _, models, _ = run
    parts = [
        read_predictions(models / key / "predictions" / "voices.csv.gz").probabilities
        for key in ("tree", "cnn", "mlp")
    ]
    vote = read_predictions(models / "vote" / "predictions" / "voices.csv.gz").probabilities
    np.testing.assert_allclose(vote, np.mean(parts, axis=0), atol=2e-6)


def test_predictions_are_plain_columns(run):
    _, models, _ = run
    with gzip.open(models / "cnn" / "predictions" / "voices.csv.gz", "rt") as file:
        header = next(csv.reader(file))
    assert header == ["clip", "corpus", "speaker", "fold", "emotion", *(f"p_{n}" for n in LABELS)]


def test_learning_curves_are_kept_by_run(run):
    _, models, _ = run
    curves = json.loads((models / "cnn" / "curves.json").read_text())
    assert set(curves) == {"all", "voices-1", "voices-3"}
    assert [row["epoch"] for row in curves["voices-1"]] == [1, 2]
    assert "val_accuracy" in curves["voices-1"][0]
    assert "val_accuracy" not in curves["all"][0]


def test_a_second_run_goes_on_from_the_checkpoint(run, tmp_path, monkeypatch):
    dataset, models, _ = run
    keras = pytest.importorskip("keras")

    def fail(*_args, **_options):
        raise AssertionError("trained again")

    monkeypatch.setattr(keras.Model, "train_on_batch", fail)
    train.train_models(["cnn"], dataset, tmp_path / "models", "again")
    one, other = load_model(models / "cnn"), load_model(tmp_path / "models" / "cnn")
    for name, values in one.arrays.items():
        np.testing.assert_array_equal(other.arrays[name], values)


def test_other_clips_or_settings_do_not_share_a_checkpoint(run, monkeypatch):
    dataset, _, _ = run
    batch = dataset.batch(np.arange(20))
    names = {
        train._fingerprint("mlp", batch, 1),
        train._fingerprint("mlp", dataset.batch(np.arange(1, 21)), 1),
        train._fingerprint("mlp", batch, 2),
        train._fingerprint("cnn", batch, 1),
    }
    monkeypatch.setattr(c, "MLP_DROPOUT", 0.1)
    names.add(train._fingerprint("mlp", batch, 1))
    assert len(names) == 5


def test_a_fold_that_is_not_there_is_refused(run):
    dataset, models, _ = run
    with pytest.raises(CorpusError, match="no fold 9"):
        evaluate_protocol("voices", ["tree"], dataset, models, "", only=[9])


def write_manifest(folder, rows, header="path,emotion"):
    path = folder / "list.csv"
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
    return path


def test_a_manifest_is_scored_by_hand(run, tmp_path):
    _, models, _ = run
    for i in range(3):
        (tmp_path / f"{i}.wav").write_bytes(encoded(voice(100 + 60 * i, duration_s=0.6)))
    (tmp_path / "silent.wav").write_bytes(encoded(silence(1.0)))
    rows = [("0.wav", "sad"), ("1.wav", "angry"), ("2.wav", "sad"), ("silent.wav", "sad")]
    manifest = write_manifest(tmp_path, [*rows, ("gone.wav", "sad")])
    found = evaluate_manifest(read_manifest(manifest), load_models(models))
    assert found["n"] == 3
    assert [row["path"].rsplit("/")[-1] for row in found["errors"]] == ["silent.wav", "gone.wav"]
    for block in found["models"].values():
        confusion = np.array(block["confusion"])
        assert confusion.sum(axis=1).tolist() == [1, 0, 0, 0, 0, 2, 0]
        recalls = [confusion[0, 0] / 1, confusion[5, 5] / 2]
        assert block["accuracy"] == pytest.approx(confusion.trace() / 3)
        assert block["uar"] == pytest.approx(np.mean(recalls))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no rows"),
        ("path,emotion\n", "no rows"),
        ("file,label\na.wav,sad\n", "no rows with the columns path and emotion"),
        ("path,emotion\na.wav,grumpy\n", "Line 2 .* has the emotion 'grumpy'"),
        ("path,emotion\n,sad\n", "Line 2 .* has no path"),
        ("path,emotion\na.wav\n", "Line 2 .* has no emotion"),
        ("path,emotion\n\n\na.wav,grumpy\n", "Line 4 .* has the emotion 'grumpy'"),
        ("path,emotion\n\udce9.wav,sad\n", "Save it as CSV in UTF-8"),
    ],
)
def test_a_manifest_that_is_none_is_refused_in_words(tmp_path, text, words):
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(CorpusError, match=words):
        read_manifest(path)


def test_a_missing_manifest_is_refused_in_words(tmp_path):
    with pytest.raises(CorpusError, match="cannot be read"):
        read_manifest(tmp_path / "gone.csv")


def test_a_manifest_without_one_usable_file_is_refused(run, tmp_path):
    _, models, _ = run
    manifest = write_manifest(tmp_path, [("gone.wav", "sad")])
    with pytest.raises(CorpusError, match="None of the 1 listed files"):
        evaluate_manifest(read_manifest(manifest), load_models(models))
