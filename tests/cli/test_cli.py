"""Commands of the command line: output, exit statuses and error messages."""

import csv
import io
import json
import re
import shutil
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from emo.classifiers.ensembles import OTHER_ENSEMBLES
from emo.cli.main import main
from emo.features.quality import OF_ALTERING, Quality
from emo.features.speech import SpeechWarning
from emo.inference import export, loading
from emo.inference.predictor import Answer, Prediction
from emo.labels import LABELS
from tests.support.imports import needless_imports
from tests.support.malformed import malformed
from tests.support.models import needs_keras, write_savee
from tests.support.signals import encoded, silence, voice

pytestmark = needs_keras
ROOT = Path(__file__).resolve().parents[2]
GOOD = Quality(2.0, 16_000, 1, -3.0, -20.0, 0.0, 40.0, 0.9, 8000.0)
KEYS = list(loading.ANSWER_KEYS)


@pytest.fixture(scope="module")
def models(tiny_models):
    return str(tiny_models)


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


@pytest.mark.parametrize("form", ["json", "csv", "table"])
def test_predict_says_among_which_emotions_it_chose(capsys, models, spoken, form):
    status, out = predict(
        capsys, "--models", models, "--format", form, "--among", "sad,angry", spoken
    )
    assert status == 0
    if form == "json":
        (found,) = json.loads(out)
        assert found["among"] == ["angry", "sad"]
        for answer in found["models"].values():
            assert {label for label, share in answer["probabilities"].items() if share} == {
                "angry",
                "sad",
            }
    elif form == "csv":
        for row in csv.DictReader(io.StringIO(out)):
            assert row["among"] == "angry sad"
            assert float(row["p_happy"]) == 0.0
            assert row["label"] in ("angry", "sad")
    else:
        assert out.splitlines()[-1] == "The answers are chosen among angry and sad."


@pytest.mark.parametrize("command", ["predict", "timeline", "explain"])
def test_among_is_refused_with_a_sentence(capsys, spoken, command):
    with pytest.raises(SystemExit) as ended:
        main([command, "--among", "sad,bored", spoken])
    assert ended.value.code == 2
    assert "'bored' is none of the emotions that can be chosen among." in capsys.readouterr().err


def predict(capsys, *arguments):
    status = main(["predict", *arguments])
    captured = capsys.readouterr()
    return status, captured.out


def test_predict_json_has_the_documented_fields(capsys, models, spoken):
    status, out = predict(capsys, "--models", models, "--format", "json", spoken)
    (found,) = json.loads(out)
    assert status == 0
    names = ["path", "duration_s", "warnings", "speech_warnings", "quality", "among", "models"]
    assert list(found) == [*names, "strange", "ensembles"]
    assert found["path"] == spoken
    assert list(found["quality"]) == [
        *(field.name for field in fields(Quality) if field.name != "altered"),
        "quality_warnings",
    ]
    assert list(found["models"]) == KEYS
    for answer in found["models"].values():
        assert list(answer) == ["label", "confidence", "runner_up", "unsure", "probabilities"]
        assert list(answer["probabilities"]) == list(LABELS)
        assert sum(answer["probabilities"].values()) == pytest.approx(1.0)
        assert answer["probabilities"][answer["label"]] == answer["confidence"]


def test_predict_gives_an_unreadable_file_a_row_and_answers_the_others(
    capsys, models, spoken, silent
):
    status, out = predict(
        capsys, "--models", models, "--format", "json", silent, spoken, "gone.wav"
    )
    rows = json.loads(out)
    assert status == 1
    assert [set(row) == {"path", "error"} for row in rows] == [True, False, True]
    assert "silent" in rows[0]["error"]


def test_predict_csv_has_a_line_for_each_path_and_model(capsys, models, spoken, silent):
    status, out = predict(capsys, "--models", models, "--format", "csv", spoken, silent)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert status == 1
    assert [row["model"] for row in rows] == [*KEYS, ""]
    assert sum(float(rows[0][f"p_{label}"]) for label in LABELS) == pytest.approx(1.0, abs=1e-5)
    assert "silent" in rows[-1]["error"]


def test_predict_table_has_aligned_columns(capsys, models, spoken):
    status, out = predict(capsys, "--models", models, spoken)
    header, row = out.splitlines()[:2]
    assert status == 0
    assert header.index("tree") == row.index(row.split()[2])
    assert all(key in header for key in KEYS)


@pytest.fixture
def unsure_models(models, tmp_path):
    """Return the models, calibrated so that the tree and the ensemble are unsure of every clip."""
    thresholds = {key: 1.1 if key in ("tree", "ensemble") else 0.0 for key in KEYS}
    ones = dict.fromkeys(loading.MODEL_KEYS, 1.0)
    ensembles = {name: dict.fromkeys(row.members, 1.0) for name, row in OTHER_ENSEMBLES.items()}
    shutil.copytree(models, tmp_path / "models")
    (tmp_path / "models" / "calibration.json").write_text(
        json.dumps(
            {
                "temperatures": ones,
                "weights": ones,
                "thresholds": thresholds,
                "ensembles": ensembles,
            }
        )
    )
    return str(tmp_path / "models")


def test_predict_marks_unsure_answers_in_every_format(capsys, unsure_models, spoken):
    _, out = predict(capsys, "--models", unsure_models, "--format", "json", spoken)
    found = json.loads(out)[0]["models"]
    assert [found[key]["unsure"] for key in KEYS] == [key in ("tree", "ensemble") for key in KEYS]
    _, out = predict(capsys, "--models", unsure_models, "--format", "csv", spoken)
    rows = list(csv.DictReader(io.StringIO(out)))
    expected = ["yes" if key in ("tree", "ensemble") else "no" for key in KEYS]
    assert [row["unsure"] for row in rows] == expected
    assert [row["runner_up"] for row in rows] == [found[key]["runner_up"] for key in KEYS]
    _, out = predict(capsys, "--models", unsure_models, spoken)
    cells = re.findall(r"\S+ +\d+%", out.splitlines()[1])
    for key, cell in zip(KEYS, cells, strict=True):
        shares = found[key]["probabilities"]
        is_close = shares[found[key]["runner_up"]] >= found[key]["confidence"] / 2
        named = [found[key]["label"], *([found[key]["runner_up"]] if is_close else [])]
        text = f"{'/'.join(named)}? " if found[key]["unsure"] else f"{found[key]['label']} "
        assert cell.startswith(text)


def test_export_writes_speech_warnings_in_every_format():
    def answer(label, confidence, second, unsure):
        return Answer(label, confidence, second, unsure, np.full(7, 0.2))

    answers = {
        "tree": answer("disgusted", 0.314, "surprised", True),
        "ensemble": answer("sad", 0.6, "happy", False),
    }
    concerns = (SpeechWarning("music", "Music."), SpeechWarning("gap", "A gap."))
    found = Prediction(2.0, ("Quiet.",), answers, GOOD, concerns)
    rows: list[export.Row] = [("a.wav", found), ("gone.wav", "It is gone.")]
    table, lines, listed = io.StringIO(), io.StringIO(), io.StringIO()
    export.write_table(rows, table)
    assert table.getvalue().splitlines() == [
        "path          s  tree                      ensemble",
        "a.wav      2.00  disgusted/surprised? 31%  sad 60%",
        "         Music.",
        "         A gap.",
        "         Quiet.",
        "gone.wav It is gone.",
    ]
    export.write_csv(rows, lines)
    read = list(csv.DictReader(io.StringIO(lines.getvalue())))
    assert [row["speech_warnings"] for row in read] == ["Music. A gap.", "Music. A gap.", ""]
    export.write_json(rows, listed)
    assert json.loads(listed.getvalue())[0]["speech_warnings"] == [
        {"kind": "music", "sentence": "Music."},
        {"kind": "gap", "sentence": "A gap."},
    ]


def test_export_names_a_bad_quality_as_a_reason_for_unsure_answers():
    def table(unsure, quality):
        answers = {"tree": Answer("sad", 0.3, "happy", unsure, np.full(7, 1 / 7))}
        out = io.StringIO()
        export.write_table([("a.wav", Prediction(2.0, (), answers, quality))], out)
        return out.getvalue().splitlines()[2:]

    noisy = replace(GOOD, noise_below_db=6.2)
    assert table(True, GOOD) == table(False, GOOD) == []
    (sentence,) = table(False, noisy)
    assert sentence.strip().startswith("The noise is only 6 dB below the voice.")
    (sentence,) = table(True, noisy)
    assert sentence.strip().startswith("Unsure: tree. This may be why: The noise is only 6 dB")


WHAT_IF = ["--snr", "10", "--speed", "1.1", "--pitch", "2", "--telephone", "--gain", "-20"]
ALTERED = (
    "The answers are for the changed clip: 1.1 times as fast, 2 semitones higher, "
    "noise at an SNR of 10 dB, telephone band, 20 dB softer."
)


def test_predict_names_alterations_in_every_format(capsys, models, spoken):
    status, out = predict(capsys, "--models", models, *WHAT_IF, spoken)
    assert status == 0
    assert ALTERED in [line.strip() for line in out.splitlines()[2:]]
    _, out = predict(capsys, "--models", models, "--format", "csv", *WHAT_IF, spoken)
    assert {row["warnings"] for row in csv.DictReader(io.StringIO(out))} == {ALTERED}
    _, out = predict(capsys, "--models", models, "--format", "json", *WHAT_IF, spoken)
    (found,) = json.loads(out)
    assert found["warnings"] == [ALTERED]
    assert found["duration_s"] == pytest.approx(1.0 / 1.1, abs=1e-3)
    assert found["quality"]["bandwidth_hz"] < 4500


def test_predict_gives_a_clip_that_cannot_be_altered_a_row(capsys, models, tmp_path):
    path = tmp_path / "short.wav"
    path.write_bytes(encoded(voice(duration_s=0.4)))
    status, out = predict(capsys, "--models", models, "--speed", "2", str(path))
    assert status == 1
    assert "lasts 0.20 s" in out


def test_predict_rejects_a_setting_outside_its_range(capsys):
    with pytest.raises(SystemExit):
        main(["predict", "--speed", "9", "a.wav"])
    assert "speed as a factor is 9; it can be from 0.5 to 2." in capsys.readouterr().err


def test_predict_escapes_control_characters_of_file_names(capsys, models, tmp_path):
    path = tmp_path / "a\x1b[2Jb.wav"
    path.write_bytes(encoded(voice(duration_s=0.5)))
    _, out = predict(capsys, "--models", models, str(path))
    assert "\x1b" not in out
    assert "a\\x1b[2Jb.wav" in out


@pytest.mark.slow
def test_predict_gives_every_malformed_file_a_sentence(capsys, models, tmp_path):
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
        ["predict", "--pitch", "nan", "a.wav"],
        ["predict", "--snr", "a.wav"],
        ["evaluate"],
        ["evaluate", "--protocol", "voices"],
        ["evaluate", "--manifest", "a.csv", "--fold", "1"],
        ["train", "forest"],
        ["train", "tree", "--jobs", "0"],
        ["train", "tree", "--seed", "-1"],
        ["nonsense"],
    ],
)
def test_main_exits_with_two_for_wrong_usage(capsys, arguments):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_predict_without_models_is_an_error(capsys, tmp_path, spoken):
    assert main(["predict", "--models", str(tmp_path), spoken]) == 1
    assert "There is no model in" in capsys.readouterr().err


def test_train_without_recordings_is_an_error(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("EMO_DATA", str(tmp_path / "gone"))
    assert main(["train", "tree", "--models", str(tmp_path)]) == 1
    assert "There is no folder" in capsys.readouterr().err


def test_evaluate_names_an_output_that_cannot_be_written(capsys, models, spoken, tmp_path):
    manifest = tmp_path / "list.csv"
    manifest.write_text("path,emotion\nspoken.wav,happy\n")
    out = str(tmp_path / "gone" / "out.json")
    assert main(["evaluate", "--manifest", str(manifest), "--models", models, "--json", out]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_train_names_the_packages_that_it_needs(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "keras", None)
    monkeypatch.setenv("EMO_CACHE", str(tmp_path / "cache"))
    folder = write_savee(tmp_path / "savee", takes=1)
    arguments = ["train", "tree", "--data", str(folder), "--models", str(tmp_path), "--jobs", "1"]
    assert main(arguments) == 1
    assert "requirements.txt" in capsys.readouterr().err


def test_evaluate_manifest_writes_the_documented_fields(capsys, models, spoken, tmp_path):
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


def test_audit_counts_the_clips_of_a_folder(capsys, tmp_path):
    out = tmp_path / "audit.json"
    folder = write_savee(tmp_path / "AudioData", takes=1)
    assert main(["audit", str(folder), "--json", str(out)]) == 0
    assert "SAVEE" in capsys.readouterr().out
    assert json.loads(out.read_text())


@pytest.mark.parametrize("settings", [[], WHAT_IF], ids=["unaltered", "altered"])
@pytest.mark.slow
def test_predict_imports_no_training_library(models, spoken, settings):
    assert needless_imports(["predict", "--models", models, *settings, spoken]) == set()


def test_predict_tells_added_noise_from_that_of_the_recording(capsys, models, spoken):
    for noise, is_named in (((), False), (("--snr", "0"), True)):
        _, out = predict(capsys, "--models", models, *noise, spoken)
        assert (OF_ALTERING in out) == is_named
        assert "closer to the microphone" not in out
