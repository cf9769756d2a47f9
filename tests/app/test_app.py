"""The pages *Analyse* and *About*, and common behaviour, in Streamlit's test runner."""

import csv
import io
import json
import os
import re
import signal
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from emo import formatting
from emo.app import accuracy_text, common, samples
from emo.app import text as app_text
from emo.app.analyse import downloads, timeline
from emo.app.analyse import text as analyse_text
from emo.app.analyse.verdict import text as verdict_text
from emo.audio import isolated
from emo.audio.clip import Clip
from emo.audio.limits import MAX_BYTES
from emo.errors import ModelError
from emo.features.speech import SpeechWarning
from emo.inference import loading, predictor
from emo.labels import LABELS
from emo.system import paths
from tests.support import pages
from tests.support.malformed import malformed
from tests.support.pages import ABOUT, ANALYSE, APP, COMPARE, MATRICES, check, html, tone, upload

MUSIC = SpeechWarning("music", "This sounds like *music*, not like speech.")

CRASHES = (
    "import os, struct, sys; hello = b'{\"restrictions\": []}'; "
    "os.write(1, struct.pack('<IQ', len(hello), 0) + hello); sys.stdin.buffer.read(12); os.abort()"
)
"""Program of a decoder that crashes on every file."""


@pytest.fixture
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return pages.install(tmp_path, monkeypatch)


@pytest.fixture
def app(models_dir: Path) -> AppTest:
    return pages.run()


def answering(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Replace the answers to every clip (``tests.support.pages.prediction``)."""
    monkeypatch.setattr(
        predictor, "predict", lambda clip, models: pages.prediction(clip.duration_s, **changes)
    )


# --- Analyse -------------------------------------------------------------------------------------


def test_analyse_without_clip_shows_the_expected_accuracy(app: AppTest) -> None:
    assert [title.value for title in app.title] == [analyse_text.ANALYSE_TITLE]
    assert accuracy_text.EXPECTATION in html(app)
    assert "emo-verdict" not in html(app)


def test_upload_gets_an_answer_of_each_model_and_the_ensemble(app: AppTest) -> None:
    upload(app, "clip.wav", tone())
    page = html(app)
    assert page.count("emo-verdict-3") == len(pages.ANSWERS)
    assert page.count("emo-verdict-2") == 1
    assert page.count('<table class="emo-bars">') == len(loading.ANSWER_KEYS) + len(pages.ANSWERS)
    assert pages.AGREEMENT in page
    keys = [str(component.key).split("-")[0] for component in app.get("bidi_component")]
    assert sorted(keys) == ["ask", "live", "player", "stage"]
    assert "clip.wav · 1.0" in app.text[0].value
    assert not app.error


@pytest.mark.parametrize(
    ("name", "corpus", "emotion"),
    [
        ("1001_DFA_ANG_XX.wav", "CREMA-D", "angry"),
        ("1009_ITH_SAD_XX.wav", "CREMA-D", "sad"),
        ("03-02-05-01-02-01-10.wav", "RAVDESS song", "angry"),
        ("OAF_back_ps.wav", "TESS", "surprised"),
        ("DC_su01.wav", "SAVEE", "surprised"),
    ],
)
def test_file_named_like_a_training_clip_says_so(
    models_dir: Path, name: str, corpus: str, emotion: str
) -> None:
    pages.hold_out(models_dir, "cremad-1009")
    app = upload(pages.run(), name, tone())
    notice = analyse_text.named_as(corpus, emotion, name.startswith("1009"))
    assert notice in [info.value.replace("\\", "") for info in app.info]
    upload(app, "clip.wav", tone())
    assert not app.info


def test_recording_gets_answers(app: AppTest) -> None:
    check(app.audio_input(key="mic").upload("audio.wav", tone(1.5)).run())
    assert html(app).count("emo-verdict-3") == len(pages.ANSWERS)
    assert app.text[0].value.startswith("Recording · 1.5")


@pytest.mark.slow
def test_samples_open_with_one_click_and_name_the_actor(app: AppTest) -> None:
    labels = [b.label for b in app.button if str(b.key).startswith("sample-")]
    assert labels == [*LABELS, analyse_text.SAMPLE_OF_ALL]
    for label in LABELS:
        check(app.button(key=f"sample-{label}").click().run())
        marked = [b.label for b in app.button if b.proto.type == "primary"]
        assert marked == [label]
        actor = "actor 02 of RAVDESS" if label == "surprised" else "of 24, actor 1009 of CREMA-D"
        assert app.text[0].value.startswith(f"{label}.wav · 0.8")
        assert actor in app.text[0].value
        assert html(app).count("emo-verdict-3") == len(pages.ANSWERS)


def notes_on_samples() -> tuple[str, str]:
    """Return the note over the gallery, and the caption of the sad sample."""
    at = pages.run()
    (note,) = [e.value for e in at.html if analyse_text.SAMPLES_LABEL in e.value]
    check(at.button(key="sample-sad").click().run())
    captions = [caption.value.replace("\\", "") for caption in at.caption]
    (caption,) = [caption for caption in captions if caption.startswith("Acted: sad.")]
    return note, caption


def test_samples_say_whether_the_models_were_trained_on_their_actors(models_dir: Path) -> None:
    note, caption = notes_on_samples()
    assert analyse_text.HELD_OUT_NOTE not in note
    assert caption == f"Acted: sad. 7 of 10 listeners chose sad, 3 neutral. {samples.TRAINED_ON}"
    pages.hold_out(models_dir, "cremad-1009")
    note, caption = notes_on_samples()
    assert analyse_text.HELD_OUT_NOTE not in note  # the other actor trained the models
    assert caption.endswith(samples.HELD_OUT)
    pages.hold_out(models_dir, "ravdess-02", "cremad-1009")
    note, _ = notes_on_samples()
    assert analyse_text.HELD_OUT_NOTE in note


def test_the_gallery_credits_the_corpora_of_the_samples_that_are_there(
    models_dir: Path, tmp_path: Path
) -> None:
    note, _ = notes_on_samples()
    assert "CREMA-D: Cao *et al.* 2014, ODbL; RAVDESS: Livingstone, CC BY-NC-SA." in note
    (tmp_path / "samples" / "surprised.wav").unlink()  # whoever may not pass on RAVDESS
    at = pages.run()
    (note,) = [e.value for e in at.html if analyse_text.SAMPLES_LABEL in e.value]
    assert "RAVDESS" not in note
    labels = [b.label for b in at.button if str(b.key).startswith("sample-")]
    assert labels == [*LABELS[:-1], analyse_text.SAMPLE_OF_ALL]


def test_long_sample_opens_with_one_click(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "MIN_DURATION_S", 60.0)  # no models are here to follow it
    check(app.button(key="sample-all").click().run())
    assert app.text[0].value.startswith("minute.wav")
    assert analyse_text.quoted("It is *eleven* o'clock. " * 20) in app.text[0].value


def test_last_input_gives_the_clip(app: AppTest) -> None:
    upload(app, "first.wav", tone())
    check(app.button(key="sample-sad").click().run())
    assert app.text[0].value.startswith("sad.wav")
    upload(app, "second.wav", tone(1.2))
    assert app.text[0].value.startswith("second.wav")


def test_each_answer_has_its_measured_accuracy(app: AppTest, models_dir: Path) -> None:
    upload(app, "clip.wav", tone())
    tables = pages.rates(app)
    for key, label in {**pages.ANSWERS, "ensemble": "sad"}.items():
        blocks = pages.protocols(models_dir, key)
        assert tables.pop(key) == [
            *(
                [formatting.percent(blocks[name]["accuracy"]), formatting.percent(precision)]
                for name in ("cross-corpus", "speakers")
                if (precision := blocks[name]["per_class"][label]["precision"]) is not None
            ),
            [formatting.percent(1 / 7)] * 2,
        ]
    assert not tables


def test_calibration_error_is_displayed(app: AppTest, models_dir: Path) -> None:
    upload(app, "clip.wav", tone())
    (caption,) = [c.value for c in app.caption if "7 times in 10" in c.value]
    for key in loading.ANSWER_KEYS:
        for protocol in ("cross-corpus", "speakers"):
            ece = pages.protocols(models_dir, key)[protocol]["ece"]
            assert f" {100 * ece:.1f}" in caption


def test_unsure_answers_are_marked(
    app: AppTest, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, unsure=("tree", "ensemble"))
    upload(app, "clip.wav", tone())
    page = html(app)
    headlines = re.findall(r"<(?:h2|p) class=.emo-verdict[^>]*>(.*?)</(?:h2|p)>", page)
    assert len([one for one in headlines if "<span>Unsure:</span>" in one]) == 2
    assert app_text.agreement({**pages.ANSWERS, "tree": None}, None) in page
    assert page.count(app_text.UNSURE_UNMEASURED) == 2  # these answers name no limit
    for key in ("tree", "ensemble"):
        for row, name in zip(pages.rates(app)[key], ("cross-corpus", "speakers"), strict=False):
            block = pages.protocols(models_dir, key)[name]
            right = accuracy_text.right_when_unsure(block)
            assert right is not None
            assert row == [formatting.percent(block["accuracy"]), formatting.percent(right)]


def test_unsure_answers_without_scores(
    app: AppTest, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, unsure=("tree",))
    pages.change(models_dir, "tree", lambda protocols: protocols["speakers"].pop("selective"))
    upload(app, "clip.wav", tone())
    assert app_text.UNSURE_UNMEASURED in html(app)
    assert pages.rates(app)["tree"][1][1] == accuracy_text.NOT_MEASURED


def test_clip_without_speech_is_answered_with_a_warning(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, concerns=(MUSIC, SpeechWarning("gap", "No speech was found.")))
    upload(app, "clip.wav", tone())
    assert [w.value for w in app.warning] == [
        common.escape_markdown(MUSIC.sentence),
        r"No speech was found\.",
    ]
    page = html(app)
    assert page.count("emo-verdict-3") == len(pages.ANSWERS)
    assert page.count(app_text.NOT_TO_BE_RELIED_ON) == len(loading.ANSWER_KEYS)
    assert verdict_text.NOT_TO_BE_RELIED_ON in page
    assert not pages.rates(app)
    assert not [c for c in app.caption if "7 times in 10" in c.value]


def test_answers_without_scores(app: AppTest, models_dir: Path) -> None:
    for path in models_dir.glob("*/metrics.json"):
        path.unlink()
    upload(app, "clip.wav", tone())
    assert html(app).count(analyse_text.UNMEASURED) == len(loading.ANSWER_KEYS)


def test_answers_with_damaged_scores(app: AppTest, models_dir: Path) -> None:
    (models_dir / "cnn" / "metrics.json").write_text("{")
    upload(app, "clip.wav", tone())
    assert html(app).count(analyse_text.UNMEASURED) == len(loading.ANSWER_KEYS)
    assert app_text.UNCALIBRATED in [caption.value for caption in app.caption]


def test_warnings_are_escaped(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, warnings=("It is *very* quiet.",))
    upload(app, "clip.wav", tone())
    assert [warning.value for warning in app.warning] == [r"It is \*very\* quiet\."]


@pytest.mark.slow
def test_invalid_files_get_a_message(app: AppTest) -> None:
    for bad in malformed():
        upload(app, bad.name, bad.data)
        if bad.expected == "warning":
            assert not app.error, bad.name
            assert app.warning, bad.name
            continue
        assert len(app.error) == 1, bad.name
        assert common.escape_markdown(bad.words) in app.error[0].value, bad.name
        assert app.text[0].value == bad.name
    upload(app, "good.wav", tone())
    assert not app.error
    assert html(app).count("emo-verdict-3") == len(pages.ANSWERS)


@pytest.mark.slow
def test_page_survives_the_end_of_the_decoder_processes(app: AppTest) -> None:
    upload(app, "first.wav", tone())
    for pid in isolated.shared_decoder().restrictions():
        os.kill(pid, signal.SIGKILL)
    upload(app, "second.wav", tone(1.2))
    assert app.text[0].value.startswith("second.wav")
    assert not app.error


def test_crash_of_the_decoder_gets_a_message(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = isolated.IsolatedDecoder(1)
    monkeypatch.setattr(isolated, "_CODE", CRASHES)
    monkeypatch.setattr(isolated, "shared_decoder", lambda: broken)
    upload(app, "clip.wav", tone())
    assert "The decoder crashed on this file" in common.escape_markdown(app.error[0].value).replace(
        "\\", ""
    )
    monkeypatch.undo()
    broken.stop()


def test_file_name_is_displayed_unchanged(app: AppTest) -> None:
    name = "[click](http://x) **bold** <b> $x$.wav"
    upload(app, name, b"no sound")
    assert app.text[0].value == name
    upload(app, name, tone())
    assert app.text[0].value.startswith(name)
    assert "bold" not in html(app) + " ".join(element.value for element in app.markdown)


def test_unexpected_error_gets_a_message_without_details(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(clip: Clip, models: object) -> predictor.Prediction:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(predictor, "predict", fail)
    upload(app, "clip.wav", tone())
    assert [error.value for error in app.error] == [common.escape_markdown(app_text.UNEXPECTED)]


def test_missing_models_get_a_message(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(directory: Path) -> loading.Models:
        raise ModelError("There is no model in /secret/models/cnn.")

    monkeypatch.setattr(loading, "load_models", missing)
    upload(app, "clip.wav", tone())
    assert [warning.value for warning in app.warning] == [app_text.NO_MODELS]


def test_missing_samples_get_a_message(models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "SAMPLES_DIR", models_dir)
    at = pages.run()
    assert analyse_text.NO_SAMPLES in [caption.value for caption in at.caption]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{", "["),
        ('"format": 1', '"format": 2'),
        ('"sad"', '"bored"'),
        ('"corpus": "cremad"', '"corpus": "other"'),
        ('"votes": {', '"votes": 3, "_": {'),
        ('"gallery": [', '"gallery": [[], '),
    ],
)
def test_damaged_list_of_samples_is_ignored(tmp_path: Path, old: str, new: str) -> None:
    pages.write_samples(tmp_path / "samples")
    path = tmp_path / "samples" / "samples.json"
    assert len(samples.read_gallery(path.parent)) == 8
    path.write_text(path.read_text().replace(old, new))
    assert samples.read_gallery(path.parent) == []


def test_clip_is_removed_on_demand(app: AppTest) -> None:
    upload(app, "clip.wav", tone())
    forget = next(button for button in app.button if button.label == analyse_text.REMOVE_LABEL)
    check(forget.click().run())
    assert "emo-verdict" not in html(app)
    assert app.session_state["current-clip"] is None


def test_removed_upload_removes_its_answers(app: AppTest) -> None:
    upload(app, "clip.wav", tone())
    check(app.file_uploader(key="up").set_value(None).run())
    assert "emo-verdict" not in html(app)


def test_answers_outlast_a_visit_to_another_page(app: AppTest) -> None:
    upload(app, "clip.wav", tone())
    check(app.switch_page(MATRICES).run())
    check(app.switch_page(ANALYSE).run())
    assert app.text[0].value.startswith("clip.wav")


@pytest.mark.slow
def test_clips_that_differ_in_one_sample_share_no_answer(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    peaks: list[float] = []

    def record_peak(clip: Clip, models: object) -> predictor.Prediction:
        peaks.append(float(np.abs(clip.samples).max()))
        return pages.made_up(clip, models)

    monkeypatch.setattr(predictor, "predict", record_peak)
    monkeypatch.setattr(timeline, "MIN_DURATION_S", 60.0)
    long = tone(40.0)
    late = bytearray(long)
    late[-2:] = b"\x00\x10"  # one sample differs
    upload(app, "clip.wav", long)
    upload(app, "clip.wav", bytes(late))
    upload(app, "clip.wav", long)
    assert len(peaks) == 2  # the third answer is the first one, kept for this session


# --- Downloads -----------------------------------------------------------------------------------


def test_to_json_equals_the_command() -> None:
    prediction = pages.prediction(unsure=("cnn",))
    (row,) = json.loads(downloads.to_json('a "b".wav', prediction))
    assert row["path"] == 'a "b".wav'
    assert list(row["models"]) == list(loading.ANSWER_KEYS)
    assert list(row["models"]["cnn"]["probabilities"]) == list(LABELS)
    assert row["models"]["cnn"]["unsure"] is True
    assert row["models"]["ensemble"]["runner_up"] == "fearful"


def test_to_csv_has_a_row_for_each_model_and_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(downloads.to_csv("=1+1.wav", pages.prediction()))))
    assert [row["model"] for row in rows] == list(loading.ANSWER_KEYS)
    assert {row["path"] for row in rows} == {"'=1+1.wav"}
    assert sum(float(rows[0][f"p_{label}"]) for label in LABELS) == pytest.approx(1, abs=1e-5)


# --- About, and all pages ------------------------------------------------------------------------


def test_about_has_the_required_statements(app: AppTest) -> None:
    check(app.switch_page(ABOUT).run())
    page = " ".join(element.value for element in app.markdown)
    for words in ("5(1)(f)", "50(3)", "2024/1689", "not stored", "Acted, not felt"):
        assert words in page
    for corpus in ("CREMA-D", "RAVDESS speech", "TESS", "SAVEE", "ODbL 1.0"):
        assert corpus in html(app)


def test_about_has_scores_with_intervals(app: AppTest, models_dir: Path) -> None:
    check(app.switch_page(ABOUT).run())
    for key in loading.ANSWER_KEYS:
        stored = pages.protocols(models_dir, key)
        low, high = stored["speakers"]["intervals"]["accuracy"]
        shown = f"{formatting.tenths(stored['speakers']['accuracy'])} ({100 * low:.1f} to"
        assert f"{shown} {100 * high:.1f})" in html(app)
        assert formatting.points(stored["speakers"]["ece"]) in html(app)
        assert formatting.tenths(stored["cross-corpus"]["uar"]) in html(app)


def test_about_without_scores_has_dashes(app: AppTest, models_dir: Path) -> None:
    def only_clips(stored: dict[str, Any]) -> None:
        del stored["speakers"], stored["cross-corpus"]

    pages.change(models_dir, "tree", only_clips)
    check(app.switch_page(ABOUT).run())
    rows = [
        part.split("</tr>")[0] for part in html(app).split('<th scope="row">Decision tree</th>')
    ]
    assert [row.count(">–<") for row in rows[1:]] == [3, 3, 0]  # the random clips are measured


def test_about_with_damaged_scores(app: AppTest, models_dir: Path) -> None:
    for path in models_dir.glob("*/metrics.json"):
        path.unlink()
    check(app.switch_page(ABOUT).run())
    assert app_text.NO_METRICS in [warning.value for warning in app.warning]


@pytest.mark.parametrize("page", [ANALYSE, COMPARE, MATRICES, ABOUT])
def test_every_widget_has_a_label(app: AppTest, page: str) -> None:
    check(app.switch_page(page).run())
    widgets: list[Any] = [*app.button, *app.selectbox, *app.segmented_control, *app.file_uploader]
    assert all(widget.label.strip() for widget in widgets)


@pytest.mark.parametrize("page", ["analyse", "compare", "confusion_matrices", "about"])
def test_no_page_holds_a_number(page: str) -> None:
    source = (Path(APP).parent / "pages" / f"{page}.py").read_text(encoding="utf-8")
    assert not any(character.isdigit() for character in source)


def test_upload_limit_equals_that_of_the_decoder() -> None:
    path = Path(APP).parent / ".streamlit" / "config.toml"
    settings = tomllib.loads(path.read_text(encoding="utf-8"))
    assert settings["server"]["maxUploadSize"] * 2**20 == MAX_BYTES
    assert settings["client"]["showErrorDetails"] == "none"
    assert settings["browser"]["gatherUsageStats"] is False


@pytest.mark.parametrize("text", ["*a* _b_ `c` [d](e) <f> $g$ :red[h] # i", "1. one\n\n- two"])
def test_escape_markdown_keeps_the_text(text: str) -> None:
    escaped = common.escape_markdown(text)
    assert escaped.replace("\\", "") == " ".join(text.split())
    assert "\n" not in escaped
    for i, character in enumerate(escaped):
        if character in "*_`[]()<>$#:":
            assert escaped[i - 1] == "\\"
