"""The command ``emo evaluate --predictions``: table, JSON, saved folder and messages."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from emo.cli.main import main
from emo.evaluation.guests import folders
from emo.evaluation.predictions import predictions_file
from emo.labels import ENSEMBLE, TRAINED_LABELS
from tests.support import predictions as made

TEXTS = ["--citation", "Nobody, 2026", "--licence", "CC0-1.0", "--description", "It guesses."]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("models")
    made.write_protocol(models, "speakers")
    return models


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    tested = made.rows("speakers")
    shares = made.guesses(tested, 1.1, 5)
    path = tmp_path / "mine.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "fold", *(f"p_{label}" for label in TRAINED_LABELS)])
        writer.writerows([row[0], row[3], *own] for row, own in zip(tested, shares, strict=True))
    return path


def evaluate(models: Path, *arguments: str) -> int:
    return main(["evaluate", "--models", str(models), *arguments])


def test_predictions_are_scored_beside_the_models(
    capsys: pytest.CaptureFixture[str], measured: Path, mine: Path, tmp_path: Path
) -> None:
    out = tmp_path / "figures.json"
    status = evaluate(measured, "--predictions", str(mine), "--name", "Mine", "--json", str(out))
    lines = capsys.readouterr().out.splitlines()
    assert status == 0
    assert lines[0].startswith("Mine, protocol speakers: ")
    assert "--trained-on" in lines[1]
    content = json.loads(out.read_text())
    scores = {row["name"]: row for row in content["scores"][""]}
    (line,) = [line for line in lines if line.startswith("Mine  ")]
    low, high = scores["Mine"]["intervals"]["uar"]
    assert f"{scores['Mine']['accuracy']:.3f}" in line
    assert f"{scores['Mine']['uar']:.3f}  ({low:.3f}–{high:.3f})" in line
    assert {"Ensemble", "Decision tree"} <= scores.keys()
    assert not (measured / folders.GUESTS).exists()


def test_predictions_are_saved_as_a_guest(
    capsys: pytest.CaptureFixture[str], measured: Path, mine: Path, tmp_path: Path
) -> None:
    training = tmp_path / "list.csv"
    training.write_text("clip,fold\n1001_DFA_ANG_XX.wav,2\n1001_DFA_SAD_XX.wav,2\n")
    models = tmp_path / "models"
    shutil.copytree(measured, models)
    options = ["--predictions", str(mine), "--name", "My model", "--trained-on", str(training)]
    status = evaluate(models, *options, "--save", *TEXTS, "--training-data", "nothing")
    assert status == 0
    assert "Nothing tested is in the 2 rows" in capsys.readouterr().out
    assert folders.guest_faults(models) == ()
    guest = folders.read_guest(models, "my-model")
    assert (guest.name, guest.licence, guest.protocols) == ("My model", "CC0-1.0", ("speakers",))
    listed = folders.training_list(models, "my-model", "speakers")
    assert listed.read_text() == "fold,speaker\n2,cremad-1001\n"
    training.write_text("speaker\nsavee-DC\n")
    assert evaluate(models, *options) == 1
    assert "Fold 3 tests the speaker savee-DC of line 2." in capsys.readouterr().err


def test_faulty_predictions_end_with_a_sentence(
    capsys: pytest.CaptureFixture[str], measured: Path, tmp_path: Path
) -> None:
    stored = predictions_file(measured, ENSEMBLE, "speakers")
    assert evaluate(measured, "--predictions", str(tmp_path), "--name", "Mine") == 1
    assert "cannot be read" in capsys.readouterr().err
    status = evaluate(
        measured, "--predictions", str(stored), "--name", "x", "--protocol", "cross-corpus"
    )
    assert status == 1
    assert "no stored predictions of protocol cross-corpus" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "one of --protocol, --seeds, --manifest and --predictions is required"),
        (["--predictions", "x.csv"], "--predictions needs --name"),
        (["--protocol", "speakers", "--name", "x"], "--name goes with --predictions"),
        (["--seeds", "--trained-on", "x"], "--trained-on goes with --predictions"),
        (["--seeds", "--protocol", "speakers"], "not allowed with argument --seeds"),
        (["--manifest", "x", "--protocol", "random"], "not allowed with argument --manifest"),
        (["--predictions", "x", "--manifest", "x"], "not allowed with argument"),
        (["--predictions", "x", "--name", "x", "--fold", "1"], "go without --predictions"),
        (["--predictions", "x", "--name", "x", "--protocol", "all"], "one of the protocols random"),
        (["--predictions", "x", "--name", "x", "--save"], "--save needs --citation, --licence"),
    ],
)
def test_wrong_usage_is_explained(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        evaluate(tmp_path, *arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
