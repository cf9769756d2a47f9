"""From a folder of own clips to trained, evaluated and served models, by the commands."""

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import emo
from emo.classifiers.calibration import read_calibration
from emo.classifiers.own.model_set import read_model_set
from emo.classifiers.storage import read_model_info
from emo.cli.main import main
from emo.corpora.own.reading import OwnCorpora, read_own
from emo.errors import ModelError
from emo.evaluation.predictions import predictions_file, read_predictions
from emo.evaluation.stored import read_metrics
from emo.labels import ENSEMBLE, LABELS
from emo.training.own import add_corpora, answer_labels
from tests.support.models import needs_keras, without_graphs, write_savee
from tests.support.own import write_clips

pytestmark = [pytest.mark.train, needs_keras]

NAMES = "{speaker}_{emotion}_*.wav"
OWN = ("happy", "sad", "bored")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Train and evaluate once: the clips and the folder of the models."""
    folder = tmp_path_factory.mktemp("own")
    clips, models = write_clips(folder / "clips"), folder / "my-models"
    given = ["--corpus", str(clips), "--pattern", NAMES, "--models", str(models), "--jobs", "1"]
    with pytest.MonkeyPatch.context() as patch, without_graphs():
        patch.setenv("EMO_CACHE", str(folder / "cache"))
        assert main(["train", "head", *given]) == 0
        assert not (models / "calibration.json").exists()
        report = folder / "report.json"
        assert main(["evaluate", "--protocol", "speakers", "--json", str(report), *given]) == 0
    return clips, models, json.loads(report.read_text())


def test_the_folder_names_its_labels_classifiers_and_clips(made) -> None:
    _, models, _ = made
    own = read_model_set(models)
    assert (own.labels, own.classifiers, own.is_own) == (OWN, ("pretrained",), True)
    info = read_model_info(models / "pretrained")
    assert info["labels"] == list(OWN)
    assert info["trained_on"]["clips"] == 18
    assert info["trained_on"]["speakers"] == 3
    assert "train head" in info["command"]


def test_each_clip_is_tested_once_by_a_model_without_its_speaker(made) -> None:
    clips, models, report = made
    stored = read_predictions(predictions_file(models, "pretrained", "speakers"), OWN)
    assert sorted(stored.clips) == sorted(path.name for path in clips.iterdir())
    for fold in np.unique(stored.folds):
        tested = set(stored.speakers[stored.folds == fold])
        assert not tested & set(stored.speakers[stored.folds != fold])
    hits = float((stored.predicted() == stored.targets()).mean())
    block = report["protocols"]["speakers"]["pretrained"]
    assert block["accuracy"] == pytest.approx(hits)
    assert hits > 0.6  # pitch and tempo tell these labels apart
    assert block == report["protocols"]["speakers"][ENSEMBLE] | {"selective": block["selective"]}
    assert read_metrics(models, ENSEMBLE)["operating_points"]["guessing"]["accuracy"] == 0.333333
    calibration = read_calibration(models, ("pretrained",), OWN)
    assert calibration.weights["pretrained"] == pytest.approx(
        1 / calibration.temperatures["pretrained"], rel=1e-5
    )


def test_predict_answers_with_own_labels_in_every_format(made, capsys) -> None:
    clips, models, _ = made
    path = str(clips / "ann_sad_1.wav")
    answers = {}
    for form in ("json", "csv", "table"):
        assert main(["predict", "--models", str(models), "--format", form, path]) == 0
        answers[form] = capsys.readouterr().out
    (stored,) = json.loads(answers["json"])
    expected = emo.predict(path, models=emo.load_models(models))
    assert stored["models"] == expected.to_dict()["models"]
    assert stored["among"] == list(OWN)
    assert list(stored["models"]["ensemble"]["probabilities"]) == list(OWN)
    assert expected.ensemble.label == "sad"
    rows = list(csv.DictReader(io.StringIO(answers["csv"])))
    assert [name for name in rows[0] if name.startswith("p_")] == ["p_happy", "p_sad", "p_bored"]
    assert expected.ensemble.label in answers["table"]


def test_labels_of_another_number_than_before_need_another_folder(made, tmp_path, capsys) -> None:
    clips, models, _ = made
    labels = tmp_path / "map.csv"
    labels.write_text("bored,\n")
    given = ["--corpus", str(clips), "--pattern", NAMES, "--labels", str(labels)]
    assert main(["train", "head", *given, "--models", str(models)]) == 1
    assert "holds models with the labels happy, sad, bored" in capsys.readouterr().err
    assert main(["train", "head", *given, "--models", str(emo.system.paths.MODELS_DIR)]) == 1
    assert "were not trained on own clips" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "head"], "name one, such as --models my-models"),
        (["evaluate", "--protocol", "emobox", "--models", "m"], "goes with --protocol random"),
        (["evaluate", "--protocol", "speakers", "--fold", "1", "--models", "m"], "go without"),
    ],
)
def test_options_without_meaning_for_own_clips_are_refused(made, capsys, arguments, sentence):
    with pytest.raises(SystemExit, match="2"):
        main([*arguments, "--corpus", str(made[0]), "--pattern", NAMES])
    assert sentence in capsys.readouterr().err


def test_what_cannot_be_trained_or_tested_is_said_before_the_work(made, tmp_path, capsys) -> None:
    clips, _, _ = made
    alone = tmp_path / "clips"
    alone.mkdir()
    for path in clips.glob("ann_*"):
        shutil.copy(path, alone)
    given = ["--corpus", str(alone), "--pattern", NAMES, "--models", str(tmp_path / "m")]
    assert main(["evaluate", "--protocol", "speakers", *given]) == 1
    assert "all clips are of one speaker" in capsys.readouterr().err
    assert main(["train", "voice", *given]) == 1
    assert "cannot be trained on own clips" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()


def test_the_four_corpora_stand_beside_own_clips(made, tmp_path) -> None:
    own = read_own([made[0]], NAMES)
    beside = add_corpora(own, write_savee(tmp_path / "four"), None)
    assert answer_labels(beside.recordings) == (*LABELS, "bored")
    assert {clip.corpus for clip in beside.recordings} == {"clips", "savee"}
    labels = tmp_path / "map.csv"
    labels.write_text("bored,neutral\nsurprised,\n")
    both = add_corpora(read_own([made[0]], NAMES, labels), tmp_path / "four", labels)
    assert answer_labels(both.recordings) == LABELS[:-1]


def test_calm_is_no_answer_beside_the_seven_labels(made, tmp_path) -> None:
    seven = [clip for clip in read_own([made[0]], NAMES).recordings if clip.emotion != "bored"]
    four = write_savee(tmp_path / "four")
    shutil.copy(made[0] / "ann_sad_1.wav", four / "03-01-02-01-01-01-09.wav")
    beside = add_corpora(OwnCorpora(tuple(seven)), four, None)
    assert "calm" in beside.labels
    assert answer_labels(beside.recordings) == LABELS


@pytest.mark.parametrize(
    "arguments",
    [["docs"], ["results"], ["train", "tree"], ["evaluate", "--protocol", "speakers"]],
)
def test_commands_about_the_models_that_ship_refuse_own_ones(made, arguments, capsys) -> None:
    assert main([*arguments, "--models", str(made[1])]) == 1
    assert "holds own models, so" in capsys.readouterr().err


def test_a_broken_description_of_own_models_is_an_error_in_words(made, tmp_path) -> None:
    models = Path(shutil.copytree(made[1], tmp_path / "models"))
    for content in (
        "{",
        '{"format": 1, "labels": ["a"], "classifiers": ["pretrained"], "corpora": []}',
    ):
        (models / "own.json").write_text(content)
        with pytest.raises(ModelError, match=r"own\.json cannot be read"):
            emo.load_models(models)


@pytest.mark.parametrize("command", ["train head", "evaluate --protocol speakers"])
def test_missing_packages_are_said_before_the_work(made, monkeypatch, capsys, command) -> None:
    monkeypatch.setattr("emo.system.packages.missing", lambda modules: ("keras",))
    given = ["--corpus", str(made[0] / "gone"), "--models", str(made[1])]
    assert main([*command.split(), *given]) == 1
    assert "This needs the package keras." in capsys.readouterr().err
