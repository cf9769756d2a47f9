"""Tests that run with a further classifier in the registry, by ``test_extra_classifier.py``."""

import csv
import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from emo.app import text as app_text
from emo.app.about import page as about_page
from emo.app.compare import table, text
from emo.app.compare.collection import Entry, UploadedClip, agreement
from emo.audio import clip as audio_clip
from emo.batch.rows import COLUMNS
from emo.classifiers.calibration import Calibration, log_opinion_pool
from emo.classifiers.ensembles import ENSEMBLES, FROM_SCRATCH
from emo.classifiers.registry import CLASSIFIERS
from emo.cli.main import main
from emo.errors import ModelFaultError
from emo.evaluation.model_cards import documents
from emo.evaluation.predictions import predictions_file, read_predictions, write_predictions
from emo.evaluation.stored import read_metrics, write_metrics
from emo.evaluation.summary import summarise_all
from emo.evaluation.targets import disagreements, report
from emo.formatting import in_words
from emo.inference import loading, predictor
from emo.labels import ENSEMBLE, LABELS
from emo.system.paths import sample_path
from tests.support import pages, predictions, signals
from tests.support.extra_classifier import KEY, write_extra_models

NAME, SHORT_NAME, TITLE = "Constant guess", "Guess", "Constant guess"
KEYS = [*CLASSIFIERS, ENSEMBLE]
SAMPLE = str(sample_path("angry"))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the project's models with a further one."""
    return write_extra_models(tmp_path_factory.mktemp("extra"))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of made-up results of all classifiers."""
    return predictions.copy_models(tmp_path_factory.mktemp("measured"))


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a recording that is long enough for a timeline of several windows."""
    path = tmp_path_factory.mktemp("long") / "voice.wav"
    samples = audio_clip.load(SAMPLE).samples
    path.write_bytes(signals.encoded(np.resize(samples, 12 * audio_clip.RATE_HZ)))
    return path


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    pages.install(tmp_path, monkeypatch)
    return pages.run()


@pytest.fixture
def real_app(models: Path, app: AppTest, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """Return the app with models that answer."""
    monkeypatch.undo()
    loaded = loading.load_models(models)
    st.cache_resource.clear()
    monkeypatch.setattr("emo.system.paths.MODELS_DIR", models)
    monkeypatch.setattr(loading, "load_models", lambda directory: loaded)
    return pages.run()


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command and return its output."""
    assert main(arguments) == 0, capsys.readouterr().err
    return capsys.readouterr().out


# --- Answers and exports -------------------------------------------------------------------------


def test_models_answer_and_ensemble(models: Path) -> None:
    prediction = predictor.predict(audio_clip.load(SAMPLE), loading.load_models(models))
    assert list(prediction.answers) == KEYS
    assert prediction.answers[KEY].label == "happy"


def test_from_scratch_answers_without_the_pretrained(models: Path) -> None:
    """Its answer is that of the models of the project, whose weights it has here."""
    clip = audio_clip.load(SAMPLE)
    loaded = loading.load_models(models)
    # Strange clips are told by the pre-trained classifier.
    loaded = replace(loaded, calibration=replace(loaded.calibration, strangers=None))
    found = predictor.predict(clip, loaded).ensembles[FROM_SCRATCH]
    keys = ENSEMBLES[FROM_SCRATCH].members
    weights = {key: loaded.calibration.weights[key] for key in keys}
    alone = loading.Models(
        {key: loaded.classifiers[key] for key in keys},
        Calibration(loaded.calibration.temperatures, weights, {ENSEMBLE: 0.5}),
    )
    expected = predictor.predict(clip, alone).ensemble
    assert found.probabilities == pytest.approx(expected.probabilities)
    assert found.unsure == expected.unsure


@pytest.mark.parametrize("missing", [KEY, *ENSEMBLES[FROM_SCRATCH].members])
def test_from_scratch_without_a_classifier(models: Path, missing: str) -> None:
    loaded = loading.load_models(models)
    left = loaded.without(ModelFaultError(missing, "a fault"))
    prediction = predictor.predict(audio_clip.load(SAMPLE), left)
    assert FROM_SCRATCH in prediction.ensembles  # another pre-trained one is left
    if missing != KEY:
        assert missing not in left.calibration.ensembles[FROM_SCRATCH]


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_predict(models: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    output = run(capsys, "predict", "--models", str(models), "--format", form, SAMPLE)
    if form == "json":
        (row,) = json.loads(output)
        assert list(row["models"]) == KEYS
        assert list(row["ensembles"]) == [FROM_SCRATCH]
        assert row["ensembles"][FROM_SCRATCH]["label"] == "angry"
    elif form == "csv":
        assert [row["model"] for row in csv.DictReader(io.StringIO(output))] == KEYS
    else:
        assert KEY in output.lower() or SHORT_NAME in output


@pytest.mark.parametrize("form", ["text", "json"])
def test_explain(models: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    output = run(capsys, "explain", "--models", str(models), "--format", form, SAMPLE)
    assert TITLE in output if form == "text" else KEY in json.loads(output)[0]["models"]


@pytest.mark.parametrize("form", ["text", "csv", "json", "srt"])
def test_timeline(
    models: Path, long_clip: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = run(capsys, "timeline", "--models", str(models), "--format", form, str(long_clip))
    assert output
    if form in ("csv", "json"):
        assert KEY in output


def test_columns_of_a_batch() -> None:
    """No batch is run, because the processes of its workers would lack the further classifier."""
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
    scratch = ENSEMBLES[FROM_SCRATCH]
    card = written[measured / FROM_SCRATCH / "CARD.md"]
    assert f"# {scratch.title}" in card
    assert "Weight: multilayer perceptron" in card
    assert f"Weight: {TITLE.lower()}" not in card
    assert scratch.title in written[measured / "README.md"]
    block = read_metrics(measured, FROM_SCRATCH)["protocols"]["cross-corpus"]
    said = f"{scratch.name_in_text} are right for"
    sentence = written[measured / ENSEMBLE / "CARD.md"].partition(said)[2]
    assert f"{100 * block['accuracy']:.1f} %" in sentence.partition(".\n\n")[0].replace("\n", " ")
    assert report(measured)  # it has no target, so no row


# --- Figures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["speakers", "cross-corpus"])
def test_predictions_of_ensembles_are_stored(measured: Path, protocol: str) -> None:
    raw = {key: read_predictions(predictions_file(measured, key, protocol)) for key in CLASSIFIERS}
    for ensemble, row in ENSEMBLES.items():
        stored = read_predictions(predictions_file(measured, ensemble, protocol))
        block = read_metrics(measured, ensemble)["protocols"][protocol]
        for fold in block["calibration"]:
            own = stored.folds == fold["fold"]
            assert list(fold["weights"]) == list(row.members)
            expected = log_opinion_pool(
                {key: raw[key].probabilities[own] for key in row.members}, fold["weights"]
            )
            assert stored.probabilities[own] == pytest.approx(expected, abs=1e-5)
        asked = stored.among(LABELS)
        hits = asked.predicted() == asked.targets()
        assert block["accuracy"] == pytest.approx(hits.mean(), abs=1e-5)


def test_stale_predictions_of_an_ensemble_are_found(measured: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(measured, models)
    assert disagreements(models) == ()
    path = predictions_file(models, FROM_SCRATCH, "random")
    stored = read_predictions(path)
    changed = stored.probabilities.copy()
    changed[0] = changed[0][::-1]
    write_predictions(path, replace(stored, probabilities=changed))
    predictions_file(models, ENSEMBLE, "emobox").unlink()
    assert disagreements(models) == (
        "ensemble/predictions/emobox.csv.gz is missing.",
        "from-scratch/predictions/random.csv.gz differs from what the predictions of the "
        "classifiers give.",
    )


def test_provenance_of_the_second_is_of_its_members(measured: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(measured, models)
    figures = read_metrics(models, KEY)
    for run in figures["protocols"]["random"]["runs"]:
        run["commit"] = "other"
    write_metrics(models, figures)
    summarise_all(models, None)
    commits = {
        key: {run["commit"] for run in read_metrics(models, key)["protocols"]["random"]["runs"]}
        for key in ENSEMBLES
    }
    assert commits == {ENSEMBLE: {"abc123", "other"}, FROM_SCRATCH: {"abc123"}}


# --- Pages ---------------------------------------------------------------------------------------


def html(app: AppTest) -> str:
    return pages.html(pages.check(app))


def test_analyse(real_app: AppTest, models: Path) -> None:
    pages.upload(real_app, "a.opus", Path(SAMPLE).read_bytes())
    shown = html(real_app)
    assert f'<h3 class="emo-model">{NAME}</h3>' in shown
    answers = predictor.predict(audio_clip.load(SAMPLE), loading.load_models(models)).answers
    sure = {key: None if said.unsure else said.label for key, said in answers.items()}
    ensemble = sure.pop(ENSEMBLE)
    assert app_text.agreement(sure, ensemble) in shown
    rows = re.findall(r'data-emo-keep="([^"]*)"', shown)
    assert rows == [ENSEMBLE, *(key for key in KEYS if key != ENSEMBLE), FROM_SCRATCH]
    real_app.session_state["stage-open-tab"] = "why"
    pages.check(real_app.run())
    assert html(real_app).count(f'<h3 class="emo-model">{NAME}</h3>') == 2


def test_timeline_on_the_page(real_app: AppTest, long_clip: Path) -> None:
    pages.upload(real_app, "m.wav", long_clip.read_bytes())
    assert f"&#34;{SHORT_NAME}&#34;" in html(real_app)


def test_compare(models: Path) -> None:
    prediction = predictor.predict(audio_clip.load(SAMPLE), loading.load_models(models))
    row = table.row(Entry("0", UploadedClip(("a",), b""), prediction))
    assert list(row["answers"]) == KEYS
    assert text.COLUMNS[KEY] == SHORT_NAME
    assert row["agreement"] == text.agreement(agreement(prediction))
    assert f"{in_words(len(CLASSIFIERS))} models" in text.LEAD


@pytest.mark.parametrize("name", ["compare", "teach", "confusion_matrices", "about"])
def test_page_is_drawn(app: AppTest, name: str) -> None:
    pages.check(app.switch_page(f"pages/{name}.py").run())


def test_confusion_matrices(app: AppTest) -> None:
    pages.check(app.switch_page(pages.MATRICES).run())
    assert len(pages.grids(app)) == len(CLASSIFIERS) + len(ENSEMBLES)
    drawn = str([element.value for element in app.main if hasattr(element, "value")])
    assert NAME in drawn


def test_about(app: AppTest) -> None:
    pages.check(app.switch_page(pages.ABOUT).run())
    assert html(app).count(f'<th scope="row">{NAME}</th>') == 3
    assert html(app).count(f'<th scope="row">{ENSEMBLES[FROM_SCRATCH].title}</th>') == 3
    prose: dict[str, Any] = about_page.prose()
    assert f"**{NAME}**" in prose["The models"]
    assert f"{in_words(len(CLASSIFIERS))} models" in about_page.introduction()[1]


def test_agreement_of_all() -> None:
    labels = dict.fromkeys(loading.MODEL_KEYS, "sad")
    n = in_words(len(labels))
    assert app_text.agreement(labels, "sad") == f"All {n} say sad."
    labels[KEY] = "happy"
    most = in_words(len(labels) - 1).capitalize()
    assert app_text.agreement(labels, "sad") == (
        f"{most} of {n} say sad; the constant guess says happy."
    )
    labels["cnn"] = "happy"
    most = in_words(len(labels) - 2).capitalize()
    assert app_text.agreement(labels, "sad") == (
        f"{most} of {n} say sad; the CNN and the constant guess say happy."
    )
