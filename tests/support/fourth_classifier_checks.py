"""Tests that run with a fourth classifier in the registry, by ``test_fourth_classifier.py``."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from emo.app import text as app_text
from emo.app.about import page as about_page
from emo.app.compare import table, text
from emo.app.compare.collection import Entry, UploadedClip, agreement
from emo.audio import clip as audio_clip
from emo.batch.rows import COLUMNS
from emo.cli.main import main
from emo.evaluation.model_cards import documents
from emo.evaluation.targets import report
from emo.inference import predictor
from emo.labels import ENSEMBLE
from emo.system.paths import sample_path
from tests.support import pages, predictions
from tests.support.fourth_classifier import KEY, write_four_models

NAME, SHORT_NAME, TITLE = "Constant guess", "Guess", "Constant guess"
KEYS = ["tree", "cnn", "mlp", KEY, ENSEMBLE]
SAMPLE = str(sample_path("angry"))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the project's models with a fourth."""
    return write_four_models(tmp_path_factory.mktemp("four"))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of made-up results of four classifiers."""
    return predictions.copy_models(tmp_path_factory.mktemp("measured"))


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    pages.install(tmp_path, monkeypatch)
    return pages.run()


@pytest.fixture
def real_app(models: Path, app: AppTest, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """Return the app with models that answer."""
    monkeypatch.undo()
    loaded = predictor.load_models(models)
    st.cache_resource.clear()
    monkeypatch.setattr("emo.system.paths.MODELS_DIR", models)
    monkeypatch.setattr(predictor, "load_models", lambda directory: loaded)
    return pages.run()


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command and return its output."""
    assert main(arguments) == 0, capsys.readouterr().err
    return capsys.readouterr().out


# --- Answers and exports -------------------------------------------------------------------------


def test_models_answer_and_ensemble(models: Path) -> None:
    prediction = predictor.predict(audio_clip.load(SAMPLE), predictor.load_models(models))
    assert list(prediction.answers) == KEYS
    assert prediction.answers[KEY].label == "happy"


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_predict(models: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    output = run(capsys, "predict", "--models", str(models), "--format", form, SAMPLE)
    if form == "json":
        assert list(json.loads(output)[0]["models"]) == KEYS
    elif form == "csv":
        assert [row["model"] for row in csv.DictReader(io.StringIO(output))] == KEYS
    else:
        assert KEY in output.lower() or SHORT_NAME in output


@pytest.mark.parametrize("form", ["text", "json"])
def test_explain(models: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    output = run(capsys, "explain", "--models", str(models), "--format", form, SAMPLE)
    assert TITLE in output if form == "text" else KEY in json.loads(output)[0]["models"]


@pytest.mark.parametrize("form", ["text", "csv", "json", "srt"])
def test_timeline(models: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    minute = str(sample_path("minute"))
    output = run(capsys, "timeline", "--models", str(models), "--format", form, minute)
    assert output
    if form in ("csv", "json"):
        assert KEY in output


def test_columns_of_a_batch() -> None:
    """No batch is run, because the processes of its workers would lack the fourth classifier."""
    assert {f"{KEY}_label", f"{KEY}_happy"} <= set(COLUMNS)


def test_evaluate_a_manifest(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / "clips.csv"
    manifest.write_text(f"path,emotion\n{SAMPLE},angry\n")
    output = run(capsys, "evaluate", "--manifest", str(manifest), "--models", str(models))
    assert KEY in output or TITLE in output


# --- Documents -----------------------------------------------------------------------------------


def test_documents(measured: Path) -> None:
    written = documents(measured)
    assert TITLE in written[measured / KEY / "CARD.md"]
    assert TITLE in written[measured / "README.md"]
    assert TITLE.lower() in written[measured / ENSEMBLE / "CARD.md"].lower()
    assert report(measured)  # it has no target, so no row


# --- Pages ---------------------------------------------------------------------------------------


def html(app: AppTest) -> str:
    return pages.html(pages.check(app))


def test_analyse(real_app: AppTest) -> None:
    pages.upload(real_app, "a.flac", Path(SAMPLE).read_bytes())
    shown = html(real_app)
    assert f'<h3 class="emo-model">{NAME}</h3>' in shown
    assert "the constant guess says happy" in shown
    assert "All four" in shown or " of four " in shown or "; " in shown
    real_app.toggle(key="why").set_value(True)
    pages.check(real_app.run())
    assert html(real_app).count(f'<h3 class="emo-model">{NAME}</h3>') == 2


def test_timeline_on_the_page(real_app: AppTest) -> None:
    pages.upload(real_app, "m.flac", Path(sample_path("minute")).read_bytes())
    assert f"<span>{SHORT_NAME}</span>" in html(real_app)


def test_compare(models: Path) -> None:
    prediction = predictor.predict(audio_clip.load(SAMPLE), predictor.load_models(models))
    row = table.row(Entry("0", UploadedClip(("a",), b""), prediction))
    assert list(row["answers"]) == KEYS
    assert text.COLUMNS[KEY] == SHORT_NAME
    assert row["agreement"] == text.agreement(agreement(prediction))
    assert "four models" in text.LEAD


@pytest.mark.parametrize("name", ["compare", "teach", "confusion_matrices", "about"])
def test_page_is_drawn(app: AppTest, name: str) -> None:
    pages.check(app.switch_page(f"pages/{name}.py").run())


def test_confusion_matrices(app: AppTest) -> None:
    pages.check(app.switch_page(pages.MATRICES).run())
    assert len(pages.grids(app)) == 5
    drawn = str([element.value for element in app.main if hasattr(element, "value")])
    assert NAME in drawn


def test_about(app: AppTest) -> None:
    pages.check(app.switch_page(pages.ABOUT).run())
    assert html(app).count(f'<th scope="row">{NAME}</th>') == 3
    prose: dict[str, Any] = about_page.prose()
    assert f"**{NAME}**" in prose["The models"]
    assert "four classifiers" in about_page.introduction()[1]


def test_agreement_of_four() -> None:
    labels = dict.fromkeys(predictor.MODEL_KEYS, "sad")
    assert app_text.agreement(labels, "sad") == "All four say sad."
    labels[KEY] = "happy"
    assert (
        app_text.agreement(labels, "sad") == "Three of four say sad; the constant guess says happy."
    )
    labels["cnn"] = "happy"
    assert app_text.agreement(labels, "sad") == (
        "The decision tree and the MLP say sad; the CNN and the constant guess say happy."
    )
