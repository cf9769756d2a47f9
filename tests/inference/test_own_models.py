"""Own models with labels of another number: every answer, format and command names theirs."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

import emo
from emo.cli.main import main
from emo.errors import EmoError, ModelError, SettingError
from emo.inference.explanation import TreePath
from emo.inference.explanation_text import explanation_blocks
from emo.inference.export import TIMELINE_WRITERS, written
from emo.labels import LABELS, TRAINED_LABELS, in_order
from emo.system.paths import sample_path
from tests.support.own import LABELS as THREE
from tests.support.own import save_own_models, write_clips, write_manifest

TWELVE = (*LABELS, "bored", "calm", "proud", "shy", "tired")
KEYS = ("tree", "mlp", "pretrained")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_own_models(tmp_path_factory.mktemp("own") / "twelve", TWELVE, KEYS)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return save_own_models(tmp_path_factory.mktemp("own") / "three", THREE)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"), ("bored", "sad"), ("ann",), takes=3)


def test_models_answer_with_their_own_labels(folder, clips) -> None:
    models = emo.load_models(folder)
    said = emo.predict(clips / "ann_sad_1.wav", models=models)
    assert models.labels == said.labels == said.among == in_order(TWELVE)
    assert list(said.answers) == [*KEYS, "ensemble"]
    for answer in said.answers.values():
        assert answer.probabilities.shape == (12,)
        assert answer.probabilities.sum() == pytest.approx(1.0)
        assert answer.label == models.labels[int(answer.probabilities.argmax())]
        assert answer.calm == 0.0  # a label like others here
    some = emo.predict(clips / "ann_sad_1.wav", models=models, among="tired,calm")
    assert some.among == ("calm", "tired")
    whole = said.raw["mlp"][[models.labels.index(label) for label in some.among]]
    left = some.answers["mlp"].probabilities
    assert left[left > 0] == pytest.approx(whole / whole.sum(), abs=1e-6)
    with pytest.raises(SettingError, match="'furious' is none of the emotions"):
        emo.predict(clips / "ann_sad_1.wav", models=models, among="furious,calm")


def test_one_classifier_alone_is_its_own_ensemble(three, clips) -> None:
    said = emo.predict(clips / "ann_sad_1.wav", models=emo.load_models(three))
    alone, together = (said.answers[key].probabilities for key in ("pretrained", "ensemble"))
    np.testing.assert_allclose(alone, together, atol=1e-12)


def test_seven_own_labels_keep_calm_as_a_trained_label(tmp_path, clips) -> None:
    models = emo.load_models(save_own_models(tmp_path / "seven", LABELS))
    assert models.model_set.trained_labels == TRAINED_LABELS
    said = emo.predict(clips / "ann_sad_1.wav", models=models)
    assert said.raw["pretrained"].shape == (8,)
    assert said.ensemble.probabilities.shape == (7,)


@pytest.mark.parametrize("form", TIMELINE_WRITERS)
def test_a_timeline_names_own_labels_in_every_format(three, form) -> None:
    timeline = emo.timeline(sample_path("happy"), models=emo.load_models(three))
    text = written(TIMELINE_WRITERS[form], "a.wav", timeline)
    assert timeline.cues()[0].answer.label in text
    if form == "csv":
        (row, *_) = csv.DictReader(io.StringIO(text))
        assert [name for name in row if name.startswith("p_")] == ["p_happy", "p_sad", "p_bored"]
    assert timeline._repr_html_().count("<th>") >= 3


def test_an_explanation_names_own_labels(folder, clips) -> None:
    found = emo.explain(clips / "ann_sad_1.wav", models=emo.load_models(folder))
    assert list(found.why) == list(KEYS)
    path = found.why["tree"]
    assert isinstance(path, TreePath)
    assert list(path.leaf) == list(in_order(TWELVE))
    blocks = explanation_blocks(found)
    assert len(blocks) == 4
    text = " ".join(sentence for _, sentences in blocks for sentence in sentences)
    assert "Calm is no answer" not in text
    assert path.label in text
    json.dumps(found.to_dict())


def test_a_known_voice_is_not_available_in_a_sentence(three, clips, tmp_path, capsys) -> None:
    paths = [str(path) for path in sorted(clips.iterdir())]
    assert main(["predict", "--models", str(three), "--same-speaker", *paths]) == 0
    assert "There is no model for a known voice here" in capsys.readouterr().out
    out = str(tmp_path / "rows.csv")
    given = ["batch", str(clips), "--out", out, "--models", str(three), "--jobs", "1"]
    assert main([*given, "--speaker-from", "folder"]) == 1
    assert "Own models have no classifier that knows a voice" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_batch_has_columns_of_own_labels(three, clips, tmp_path, suffix) -> None:
    out = tmp_path / f"rows{suffix}"
    given = ["batch", str(clips), "--out", str(out), "--models", str(three), "--jobs", "1"]
    assert main(given) == 0
    if suffix == ".csv":
        names = next(csv.reader(io.StringIO(out.read_text())))
    else:
        names = pytest.importorskip("pyarrow.parquet").read_schema(out).names
    own = [f"ensemble_{label}" for label in ("happy", "sad", "bored")]
    assert [name for name in names if name in own] == own
    assert "ensemble_angry" not in names
    assert "tree_label" not in names


def test_a_manifest_is_scored_by_own_labels(three, clips, tmp_path, capsys) -> None:
    rows = [(str(path), path.stem.split("_")[1]) for path in sorted(clips.iterdir())]
    rows.append((rows[0][0], "angry"))
    manifest = write_manifest(tmp_path / "list.csv", rows, "path,emotion")
    out = tmp_path / "figures.json"
    given = ["--models", str(three), "--json", str(out)]
    assert main(["evaluate", "--manifest", str(manifest), *given]) == 1
    figures = json.loads(out.read_text())
    assert figures["n"] == 6
    assert list(figures["models"]) == ["pretrained", "ensemble"]
    assert np.array(figures["models"]["ensemble"]["confusion"]).shape == (3, 3)
    assert "the label 'angry', which is not known" in capsys.readouterr().out


def test_the_layers_of_own_models_are_those_that_they_have(three, clips) -> None:
    models = emo.load_models(three)
    assert list(emo.embed(clips / "ann_sad_1.wav", models=models)) == ["encoder"]
    with pytest.raises(EmoError, match="cnn"):
        emo.embed(clips / "ann_sad_1.wav", models=models, layers="cnn")


def test_a_model_of_other_labels_than_its_folder_states_is_refused(three, tmp_path) -> None:
    folder = save_own_models(tmp_path / "own", THREE)
    other = save_own_models(tmp_path / "other", (*THREE, "shy"))
    for name in ("model.json", "weights.npz"):
        Path(folder / "pretrained" / name).write_bytes((other / "pretrained" / name).read_bytes())
    with pytest.raises(ModelError, match="has the labels happy, sad, bored, shy"):
        emo.load_models(folder)
