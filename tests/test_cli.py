"""The command line as people type it: output, exit status and errors in words."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from emo import reports
from emo.__main__ import main
from emo.labels import LABELS
from emo.predict import Answer, Prediction
from emo.presence import Concern
from tests.malformed import malformed
from tests.tiny import save_tiny_models, write_savee
from tests.voices import encoded, silence, voice

pytest.importorskip("keras")
ROOT = Path(__file__).resolve().parent.parent
KEYS = ["tree", "cnn", "mlp", "vote"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return str(save_tiny_models(tmp_path_factory.mktemp("models")))


@pytest.fixture
def spoken(tmp_path):
    path = tmp_path / "spoken.wav"
    path.write_bytes(encoded(voice(duration_s=1.0)))
    return str(path)


@pytest.fixture
def silent(tmp_path):
    path = tmp_path / "silent.wav"
    path.write_bytes(encoded(silence(1.0)))
    return str(path)


def predict(capsys, *arguments):
    status = main(["predict", *arguments])
    captured = capsys.readouterr()
    return status, captured.out


def test_json_has_what_is_promised(capsys, models, spoken):
    status, out = predict(capsys, "--models", models, "--format", "json", spoken)
    (found,) = json.loads(out)
    assert status == 0
    assert list(found) == ["path", "duration_s", "warnings", "concerns", "models"]
    assert found["path"] == spoken
    assert list(found["models"]) == KEYS
    for given in found["models"].values():
        assert list(given) == ["label", "confidence", "second", "unsure", "probabilities"]
        assert list(given["probabilities"]) == list(LABELS)
        assert sum(given["probabilities"].values()) == pytest.approx(1.0)
        assert given["probabilities"][given["label"]] == given["confidence"]


def test_a_bad_file_is_a_row_and_the_others_are_still_printed(capsys, models, spoken, silent):
    status, out = predict(
        capsys, "--models", models, "--format", "json", silent, spoken, "gone.wav"
    )
    rows = json.loads(out)
    assert status == 1
    assert [set(row) == {"path", "error"} for row in rows] == [True, False, True]
    assert "silent" in rows[0]["error"]


def test_csv_has_a_line_a_path_and_model(capsys, models, spoken, silent):
    status, out = predict(capsys, "--models", models, "--format", "csv", spoken, silent)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert status == 1
    assert [row["model"] for row in rows] == [*KEYS, ""]
    assert sum(float(rows[0][f"p_{label}"]) for label in LABELS) == pytest.approx(1.0, abs=1e-5)
    assert "silent" in rows[-1]["error"]


def test_the_table_lines_up(capsys, models, spoken):
    status, out = predict(capsys, "--models", models, spoken)
    header, row = out.splitlines()[:2]
    assert status == 0
    assert header.index("tree") == row.index(row.split()[2])
    assert all(key in header for key in KEYS)


@pytest.fixture
def unsure_models(models, tmp_path):
    """The same models, so calibrated that the tree and the vote are unsure of everything."""
    thresholds = {"tree": 1.1, "cnn": 0.0, "mlp": 0.0, "vote": 1.1}
    ones = {"tree": 1.0, "cnn": 1.0, "mlp": 1.0}
    shutil.copytree(models, tmp_path / "models")
    (tmp_path / "models" / "calibration.json").write_text(
        json.dumps({"temperatures": ones, "weights": ones, "thresholds": thresholds})
    )
    return str(tmp_path / "models")


def test_unsure_is_an_answer_in_every_format(capsys, unsure_models, spoken):
    _, out = predict(capsys, "--models", unsure_models, "--format", "json", spoken)
    found = json.loads(out)[0]["models"]
    assert [found[key]["unsure"] for key in KEYS] == [True, False, False, True]
    _, out = predict(capsys, "--models", unsure_models, "--format", "csv", spoken)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["unsure"] for row in rows] == ["yes", "no", "no", "yes"]
    assert [row["second"] for row in rows] == [found[key]["second"] for key in KEYS]
    _, out = predict(capsys, "--models", unsure_models, spoken)
    cells = re.findall(r"\S+ +\d+%", out.splitlines()[1])
    for key, cell in zip(KEYS, cells, strict=True):
        both = f"{found[key]['label']}/{found[key]['second']}? "
        assert cell.startswith(both if found[key]["unsure"] else f"{found[key]['label']} ")


def test_concerns_are_told_in_every_format():
    def answer(label, confidence, second, unsure):
        return Answer(label, confidence, second, unsure, np.full(7, 1 / 7))

    answers = {
        "tree": answer("disgusted", 0.314, "surprised", True),
        "vote": answer("sad", 0.6, "happy", False),
    }
    concerns = (Concern("music", "Music."), Concern("gap", "A gap."))
    found = Prediction(2.0, ("Quiet.",), answers, concerns)
    rows: list[reports.Row] = [("a.wav", found), ("gone.wav", "It is gone.")]
    table, lines, listed = io.StringIO(), io.StringIO(), io.StringIO()
    reports.write_table(rows, table)
    assert table.getvalue().splitlines() == [
        "path          s  tree                      vote",
        "a.wav      2.00  disgusted/surprised? 31%  sad 60%",
        "         Music.",
        "         A gap.",
        "         Quiet.",
        "gone.wav It is gone.",
    ]
    reports.write_csv(rows, lines)
    read = list(csv.DictReader(io.StringIO(lines.getvalue())))
    assert [row["concerns"] for row in read] == ["Music. A gap.", "Music. A gap.", ""]
    reports.write_json(rows, listed)
    assert json.loads(listed.getvalue())[0]["concerns"] == [
        {"kind": "music", "sentence": "Music."},
        {"kind": "gap", "sentence": "A gap."},
    ]


def test_a_file_name_cannot_steer_the_terminal(capsys, models, tmp_path):
    path = tmp_path / "a\x1b[2Jb.wav"
    path.write_bytes(encoded(voice(duration_s=0.5)))
    _, out = predict(capsys, "--models", models, str(path))
    assert "\x1b" not in out
    assert "a\\x1b[2Jb.wav" in out


def test_every_malformed_input_is_a_sentence(capsys, models, tmp_path):
    paths = []
    for i, case in enumerate(malformed()):
        path = tmp_path / f"{i:02d}-{case.name}"
        path.write_bytes(case.data)
        paths.append(str(path))
    assert len(paths) >= 30
    status, out = predict(capsys, "--models", models, "--format", "json", *paths)
    rows = json.loads(out)
    assert status == 1
    for case, row in zip(malformed(), rows, strict=True):
        if case.expected == "warning":
            assert row["warnings"], case.name
        else:
            assert row["error"].rstrip().endswith("."), case.name
            assert "Traceback" not in row["error"], case.name


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["predict"],
        ["predict", "--format", "xml", "a.wav"],
        ["evaluate"],
        ["evaluate", "--protocol", "speakers"],
        ["evaluate", "--manifest", "a.csv", "--fold", "1"],
        ["train", "forest"],
        ["train", "tree", "--jobs", "0"],
        ["train", "tree", "--seed", "-1"],
        ["nonsense"],
    ],
)
def test_wrong_usage_exits_with_two(capsys, arguments):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_missing_models_are_told_in_words(capsys, tmp_path, spoken):
    assert main(["predict", "--models", str(tmp_path), spoken]) == 1
    assert "There is no model in" in capsys.readouterr().err


def test_missing_recordings_are_told_in_words(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("EMO_DATA", str(tmp_path / "gone"))
    assert main(["train", "tree", "--models", str(tmp_path)]) == 1
    assert "There is no folder" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told_in_words(capsys, models, spoken, tmp_path):
    manifest = tmp_path / "list.csv"
    manifest.write_text("path,emotion\nspoken.wav,happy\n")
    out = str(tmp_path / "gone" / "out.json")
    assert main(["evaluate", "--manifest", str(manifest), "--models", models, "--json", out]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_training_without_its_packages_is_told_in_words(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sklearn.tree", None)
    monkeypatch.setenv("EMO_CACHE", str(tmp_path / "cache"))
    folder = write_savee(tmp_path / "savee", takes=1)
    arguments = ["train", "tree", "--data", str(folder), "--models", str(tmp_path), "--jobs", "1"]
    assert main(arguments) == 1
    assert "requirements.txt" in capsys.readouterr().err


def test_a_manifest_is_written_as_promised(capsys, models, spoken, tmp_path):
    manifest = tmp_path / "list.csv"
    manifest.write_text("path,emotion,speaker,corpus\nspoken.wav,happy,me,mine\n")
    out = tmp_path / "out.json"
    status = main(["evaluate", "--manifest", str(manifest), "--models", models, "--json", str(out)])
    found = json.loads(out.read_text())
    assert status == 0
    assert list(found["models"]) == KEYS
    for block in found["models"].values():
        assert set(block) == {"n", "accuracy", "uar", "macro_f1", "confusion"}
        assert block["n"] == 1
    assert "UAR" in capsys.readouterr().out


def test_an_audit_counts_a_folder(capsys, tmp_path):
    out = tmp_path / "audit.json"
    folder = write_savee(tmp_path / "AudioData", takes=1)
    assert main(["corpora", str(folder), "--json", str(out)]) == 0
    assert "SAVEE" in capsys.readouterr().out
    assert json.loads(out.read_text())


def test_predict_imports_no_training_library(models, spoken):
    code = (
        "import sys; from emo.__main__ import main; "
        f"main(['predict', '--models', {models!r}, {spoken!r}]); "
        "heavy = {'tensorflow', 'keras', 'sklearn', 'librosa', 'numba', 'scipy', 'pandas'}; "
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
