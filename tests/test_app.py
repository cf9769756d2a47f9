"""Every page in Streamlit's own test runner, with models and figures made up here."""

import csv
import io
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from emo import audio, predict, ui, ui_analyse, ui_matrices, ui_words
from emo.audio import Clip
from emo.errors import ModelError
from emo.labels import INDEX, LABELS
from tests import voices
from tests.malformed import malformed

APP = str(Path(__file__).parent.parent / "streamlit_app.py")
MATRICES, ABOUT = "pages/confusion_matrices.py", "pages/about.py"
ANSWERS = {"tree": "sad", "cnn": "angry", "mlp": "sad"}


def tone(duration_s: float = 1.0, pitch_hz: float = 220.0) -> bytes:
    return voices.encoded(voices.tone(pitch_hz, duration_s))


def answer(label: str, confidence: float = 0.58) -> predict.Answer:
    shares = np.full(len(LABELS), (1 - confidence) / (len(LABELS) - 1))
    shares[INDEX[label]] = confidence
    return predict.Answer(label, confidence, shares)


def made_up(clip: Clip, models: object) -> predict.Prediction:
    answers = {key: answer(label) for key, label in ANSWERS.items()} | {"vote": answer("sad", 0.4)}
    return predict.Prediction(clip.duration_s, clip.warnings, answers)


def scores(right: int, wrong: int) -> dict[str, Any]:
    counts = np.full((7, 7), wrong) + (right - wrong) * np.eye(7, dtype=int)
    counts[INDEX["surprised"]] = 0  # no surprised clip was tested
    n = int(counts.sum())
    return {
        "n": n,
        "accuracy": float(counts.trace() / n),
        "uar": 0.5,
        "macro_f1": 0.25,
        "confusion": counts.tolist(),
        "per_class": {label: {"precision": 0.75} for label in LABELS},
    }


def write_models(directory: Path) -> None:
    for i, key in enumerate(("tree", "cnn", "mlp", "vote")):
        blocks = {}
        for protocol, right in (("clips", 80), ("voices", 40 + i)):
            block = scores(right, 10)
            block["per_corpus"] = {"cremad": scores(right - 10, 10), "savee": scores(3, 1)}
            block |= {"command": f"evaluate {protocol}", "commit": "abc1234", "seed": 1}
            block["folds"] = [{"fold": 1}, {"fold": 2}]
            blocks[protocol] = block
        (directory / key).mkdir()
        (directory / key / "metrics.json").write_text(json.dumps({"key": key, "protocols": blocks}))
    rows = [
        {
            "epoch": e,
            "loss": 2 / e,
            "accuracy": 0.1 * e,
            "val_loss": 3 / e,
            "val_accuracy": 0.05 * e,
        }
        for e in (1, 2, 3)
    ]
    curves = {"clips-1": rows, "voices-1": rows, "voices-2": rows[:2], "all": rows}
    (directory / "cnn" / "curves.json").write_text(json.dumps(curves))


def write_samples(directory: Path) -> None:
    listed = []
    for i, emotion in enumerate(reversed(LABELS)):
        (directory / f"{emotion}.wav").write_bytes(tone(0.8, 150 + 20 * i))
        row = {"file": f"{emotion}.wav", "emotion": emotion, "text": "It is *eleven* o'clock."}
        listed.append(row | {"synthetic": True})
    (directory / "samples.json").write_text(json.dumps(listed))


@pytest.fixture
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    models = tmp_path / "models"
    samples = tmp_path / "samples"
    models.mkdir()
    samples.mkdir()
    write_models(models)
    write_samples(samples)
    monkeypatch.setattr(predict, "MODELS_DIR", models)
    monkeypatch.setattr(predict, "load_models", lambda directory: {})
    monkeypatch.setattr(predict, "predict", made_up)
    monkeypatch.setattr(ui_analyse, "SAMPLES_DIR", samples)
    st.cache_resource.clear()
    st.cache_data.clear()
    return models


@pytest.fixture
def app(models_dir: Path) -> AppTest:
    return check(AppTest.from_file(APP, default_timeout=30).run())


def check(at: AppTest) -> AppTest:
    """The same test run; fails on a traceback."""
    assert not at.exception, at.exception
    return at


def upload(at: AppTest, name: str, data: bytes) -> AppTest:
    return check(at.file_uploader(key="up").set_value((name, data, "audio/wav")).run())


def html(at: AppTest) -> str:
    """What the pages set as HTML, without their style sheet."""
    return "\n".join(e.value for e in at.html if not e.value.startswith("<style>"))


def charts(at: AppTest) -> int:
    return len(at.get("plotly_chart"))


# --- Analyse -------------------------------------------------------------------------------------


def test_first_page_invites_and_says_what_to_expect(app: AppTest) -> None:
    assert [title.value for title in app.title] == [ui_words.ANALYSE_TITLE]
    assert ui_words.EXPECTATION in html(app)
    assert "emo-verdict" not in html(app)


def test_an_upload_gets_three_answers_and_a_vote(app: AppTest) -> None:
    upload(app, "clip.wav", tone())
    page = html(app)
    assert page.count("emo-verdict-3") == 3
    assert page.count("emo-verdict-2") == 1
    assert page.count('<table class="emo-bars">') == 4
    assert "Two of three say sad; the CNN says angry." in page
    assert charts(app) == 2
    assert "clip.wav · 1.0" in app.text[0].value
    assert not app.error


def test_a_recording_gets_answers(app: AppTest) -> None:
    check(app.audio_input(key="mic").upload("audio.wav", tone(1.5)).run())
    assert html(app).count("emo-verdict-3") == 3
    assert app.text[0].value.startswith("Recording · 1.5")


def test_each_sample_is_one_click_and_marked_as_synthetic(app: AppTest) -> None:
    labels = [b.label for b in app.button if str(b.key).startswith("sample-")]
    assert labels == list(LABELS)
    for label in LABELS:
        check(app.button(key=f"sample-{label}").click().run())
        marked = [b.label for b in app.button if b.proto.type == "primary"]
        assert marked == [label]
        assert app.text[0].value.startswith(f"{label}.wav · 0.8")
        assert ui_words.SYNTHETIC in app.text[0].value
        assert html(app).count("emo-verdict-3") == 3


def test_the_way_in_used_last_counts(app: AppTest) -> None:
    upload(app, "first.wav", tone())
    check(app.button(key="sample-sad").click().run())
    assert app.text[0].value.startswith("sad.wav")
    upload(app, "second.wav", tone(1.2))
    assert app.text[0].value.startswith("second.wav")


def test_the_reliability_of_each_model_stands_near_its_answer(app: AppTest) -> None:
    upload(app, "clip.wav", tone())
    right = [40, 41, 42, 43]  # in each row, beside 60 wrong clips; the last are the vote's
    for count in right:
        assert f"right for {ui_words.percent(count / (count + 60))} of" in html(app)
    assert f"{ui_words.percent(0.75)} of those that it called angry" in html(app)


def test_answers_without_measured_figures(app: AppTest, models_dir: Path) -> None:
    for path in models_dir.glob("*/metrics.json"):
        path.unlink()
    upload(app, "clip.wav", tone())
    assert html(app).count(ui_words.UNMEASURED) == 4


def test_warnings_are_sentences(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def warned(clip: Clip, models: object) -> predict.Prediction:
        given = made_up(clip, models)
        return predict.Prediction(given.duration_s, ("It is *very* quiet.",), given.answers)

    monkeypatch.setattr(predict, "predict", warned)
    upload(app, "clip.wav", tone())
    assert [warning.value for warning in app.warning] == [r"It is \*very\* quiet\."]


def test_bad_files_are_sentences_and_the_page_goes_on(app: AppTest) -> None:
    for bad in malformed():
        upload(app, bad.name, bad.data)
        if bad.expected == "warning":
            assert not app.error, bad.name
            assert app.warning, bad.name
            continue
        assert len(app.error) == 1, bad.name
        assert ui.plain(bad.words) in app.error[0].value, bad.name
        assert app.text[0].value == bad.name
    upload(app, "good.wav", tone())
    assert not app.error
    assert html(app).count("emo-verdict-3") == 3


def test_a_name_is_shown_as_it_is(app: AppTest) -> None:
    name = "[click](http://x) **bold** <b> $x$.wav"
    upload(app, name, b"no sound")
    assert app.text[0].value == name
    upload(app, name, tone())
    assert app.text[0].value.startswith(name)
    assert "bold" not in html(app) + " ".join(element.value for element in app.markdown)


def test_a_fault_inside_is_a_sentence_too(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(clip: Clip, models: object) -> predict.Prediction:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(predict, "predict", broken)
    upload(app, "clip.wav", tone())
    assert [error.value for error in app.error] == [ui.plain(ui_words.UNEXPECTED)]


def test_missing_models_are_a_sentence(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(directory: Path) -> predict.Models:
        raise ModelError("There is no model in /secret/models/cnn.")

    monkeypatch.setattr(predict, "load_models", missing)
    upload(app, "clip.wav", tone())
    assert [warning.value for warning in app.warning] == [ui_words.NO_MODELS]


def test_no_samples_is_a_sentence(models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui_analyse, "SAMPLES_DIR", models_dir)
    at = check(AppTest.from_file(APP, default_timeout=30).run())
    assert ui_words.NO_SAMPLES in [caption.value for caption in at.caption]


@pytest.mark.parametrize("text", ["{", "[1]", '[{"file": "sad.wav", "emotion": "bored"}]'])
def test_a_damaged_list_of_samples_offers_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "sad.wav").write_bytes(tone())
    (tmp_path / "samples.json").write_text(text)
    assert ui_analyse.list_samples(tmp_path) == []


def test_a_clip_is_forgotten_on_demand(app: AppTest) -> None:
    upload(app, "clip.wav", tone())
    forget = next(button for button in app.button if button.label == ui_words.FORGET_LABEL)
    check(forget.click().run())
    assert "emo-verdict" not in html(app)
    assert "choice" not in app.session_state


def test_a_clip_taken_away_takes_its_answers_along(app: AppTest) -> None:
    upload(app, "clip.wav", tone())
    check(app.file_uploader(key="up").set_value(None).run())
    assert "emo-verdict" not in html(app)


def test_the_answers_outlive_a_visit_to_another_page(app: AppTest) -> None:
    upload(app, "clip.wav", tone())
    check(app.switch_page(MATRICES).run())
    check(app.switch_page("pages/analyse.py").run())
    assert app.text[0].value.startswith("clip.wav")


def test_loud_and_silent_clips_never_share_an_answer(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[float] = []

    def listening(clip: Clip, models: object) -> predict.Prediction:
        heard.append(float(np.abs(clip.samples).max()))
        return made_up(clip, models)

    monkeypatch.setattr(predict, "predict", listening)
    long = tone(40.0)
    late = bytearray(long)
    late[-2:] = b"\x00\x10"  # one sample differs
    upload(app, "clip.wav", long)
    upload(app, "clip.wav", bytes(late))
    upload(app, "clip.wav", long)
    assert len(heard) == 2  # the third answer is the first one, kept for this session


# --- Downloads -----------------------------------------------------------------------------------


def prediction() -> predict.Prediction:
    answers = {key: answer(label) for key, label in ANSWERS.items()} | {"vote": answer("sad", 0.4)}
    return predict.Prediction(1.0, ("Quiet.",), answers)


def test_json_is_what_the_command_line_prints() -> None:
    (row,) = json.loads(ui_analyse.as_json('a "b".wav', prediction()))
    assert row["path"] == 'a "b".wav'
    assert list(row["models"]) == ["tree", "cnn", "mlp", "vote"]
    assert list(row["models"]["cnn"]["probabilities"]) == list(LABELS)


def test_csv_has_a_line_for_each_model_and_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(ui_analyse.as_csv("=1+1.wav", prediction()))))
    assert [row["model"] for row in rows] == ["tree", "cnn", "mlp", "vote"]
    assert {row["path"] for row in rows} == {"'=1+1.wav"}
    assert sum(float(rows[0][f"p_{label}"]) for label in LABELS) == pytest.approx(1, abs=1e-5)


# --- Confusion matrices --------------------------------------------------------------------------


@pytest.fixture
def matrices(app: AppTest) -> AppTest:
    return check(app.switch_page(MATRICES).run())


def test_matrices_show_three_models_and_the_vote(matrices: AppTest) -> None:
    assert [s.value for s in matrices.subheader] == ["Decision tree", "CNN", "MLP", "Vote"]
    assert charts(matrices) == 4 + 2  # and two learning curves
    assert html(matrices).count("<dt>Accuracy</dt>") == 4
    assert html(matrices).count('<th scope="row">surprised</th>') == 4


def drawn(at: AppTest, i: int) -> dict[str, Any]:
    spec = json.loads(at.get("plotly_chart")[i].proto.spec)
    trace: dict[str, Any] = spec["data"][0]
    return trace


def test_matrices_share_one_colour_scale(matrices: AppTest) -> None:
    assert {drawn(matrices, i)["zmax"] for i in range(4)} == {1.0}
    check(matrices.segmented_control(key="numbers").set_value("counts").run())
    assert {drawn(matrices, i)["zmax"] for i in range(4)} == {43.0}  # the vote's, the largest
    assert drawn(matrices, 0)["text"][0][0] == "40"


def test_matrices_switch_protocol_and_corpus(matrices: AppTest) -> None:
    assert ui_words.PROTOCOL_MEANINGS["voices"] in matrices.markdown[0].value
    check(matrices.segmented_control(key="protocol").set_value("clips").run())
    assert ui_words.PROTOCOL_MEANINGS["clips"] in matrices.markdown[0].value
    check(matrices.segmented_control(key="numbers").set_value("counts").run())
    assert drawn(matrices, 0)["text"][0][0] == "80"
    corpus = matrices.selectbox(key="corpus")
    assert corpus.options == ["All corpora", "CREMA-D", "SAVEE"]
    check(corpus.set_value("savee").run())
    assert drawn(matrices, 0)["text"][0][0] == "3"
    assert matrices.text[0].value == "54 test clips of SAVEE"


def test_old_figures_stand_beside_ours_with_the_reason(matrices: AppTest) -> None:
    page = html(matrices)
    for old in (0.48, 0.60, 0.91):
        assert ui_words.percent(old) in page
    reasons = " ".join(element.value for element in matrices.markdown)
    assert "fitted and scored on the same clips" in reasons
    assert "405 of the 480" in reasons
    assert "counted as angry" in reasons


def test_a_fold_can_be_picked_where_there_are_several(matrices: AppTest) -> None:
    fold = matrices.selectbox(key="run-voices")
    assert fold.options == ["Fold 1", "Fold 2"]
    check(fold.set_value("voices-2").run())
    assert len(drawn(matrices, 4)["x"]) == 2


def test_provenance_names_command_commit_and_seed(matrices: AppTest) -> None:
    (line,) = [m.value for m in matrices.markdown if "commit" in m.value]
    assert line == (
        "**Decision tree, CNN, MLP, Vote.** "
        "`evaluate voices`, commit `abc1234`, seed 1, folds 1, 2."
    )


def test_matrices_without_figures(app: AppTest, models_dir: Path) -> None:
    for path in models_dir.glob("*/metrics.json"):
        path.unlink()
    check(app.switch_page(MATRICES).run())
    assert [warning.value for warning in app.warning] == [ui_words.NO_METRICS]


@pytest.mark.parametrize("text", ["{", "[]", '{"protocols": 3}'])
def test_damaged_figures_are_a_sentence(app: AppTest, models_dir: Path, text: str) -> None:
    (models_dir / "cnn" / "metrics.json").write_text(text)
    check(app.switch_page(MATRICES).run())
    assert len(app.error) == 1
    assert "cannot be read" in app.error[0].value
    check(app.switch_page("pages/analyse.py").run())


def test_a_model_tested_in_one_way_only(app: AppTest, models_dir: Path) -> None:
    path = models_dir / "cnn" / "metrics.json"
    stored = json.loads(path.read_text())
    del stored["protocols"]["voices"]
    path.write_text(json.dumps(stored))
    (models_dir / "cnn" / "curves.json").unlink()
    check(app.switch_page(MATRICES).run())
    assert [s.value for s in app.subheader] == ["Decision tree", "MLP", "Vote"]


def test_class_rows_are_counted() -> None:
    counts = np.zeros((7, 7), dtype=np.int64)
    counts[0, 0], counts[0, 1], counts[1, 0] = 3, 1, 3
    rows = [
        [text.replace(ui_words.NBSP, " ") for text in row] for row in ui_matrices.class_rows(counts)
    ]
    assert rows[0] == ["angry", "4", "50 %", "75 %", "60 %"]
    assert rows[1] == ["disgusted", "3", "0 %", "0 %", "0 %"]
    assert rows[2] == ["fearful", "0", "–", "–", "–"]


# --- About, and what holds for all ---------------------------------------------------------------


def test_about_says_what_must_be_said(app: AppTest) -> None:
    check(app.switch_page(ABOUT).run())
    page = " ".join(element.value for element in app.markdown)
    for words in ("5(1)(f)", "50(3)", "2024/1689", "not stored", "Acted, not felt"):
        assert words in page
    for corpus in ("CREMA-D", "RAVDESS speech", "TESS", "SAVEE", "ODbL 1.0"):
        assert corpus in html(app)


def test_about_without_figures(app: AppTest, models_dir: Path) -> None:
    for path in models_dir.glob("*/metrics.json"):
        path.unlink()
    check(app.switch_page(ABOUT).run())
    assert ui_words.NO_METRICS in [warning.value for warning in app.warning]


@pytest.mark.parametrize("page", ["pages/analyse.py", MATRICES, ABOUT])
def test_every_widget_has_a_label(app: AppTest, page: str) -> None:
    check(app.switch_page(page).run())
    widgets: list[Any] = [*app.button, *app.selectbox, *app.segmented_control, *app.file_uploader]
    assert all(widget.label.strip() for widget in widgets)


@pytest.mark.parametrize("page", ["analyse", "confusion_matrices", "about"])
def test_no_page_holds_a_number(page: str) -> None:
    source = (Path(APP).parent / "pages" / f"{page}.py").read_text(encoding="utf-8")
    assert not any(character.isdigit() for character in source)


def test_the_server_takes_as_much_as_the_decoder() -> None:
    path = Path(APP).parent / ".streamlit" / "config.toml"
    settings = tomllib.loads(path.read_text(encoding="utf-8"))
    assert settings["server"]["maxUploadSize"] * 2**20 == audio.MAX_BYTES
    assert settings["client"]["showErrorDetails"] == "none"
    assert settings["browser"]["gatherUsageStats"] is False


@pytest.mark.parametrize("text", ["*a* _b_ `c` [d](e) <f> $g$ :red[h] # i", "1. one\n\n- two"])
def test_plain_text_reads_as_itself(text: str) -> None:
    escaped = ui.plain(text)
    assert escaped.replace("\\", "") == " ".join(text.split())
    assert "\n" not in escaped
    for i, character in enumerate(escaped):
        if character in "*_`[]()<>$#:":
            assert escaped[i - 1] == "\\"
