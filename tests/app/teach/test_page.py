"""The page *Teach it* and the answer *Yours* in Streamlit's own test runner."""

import csv
import io
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from emo.app import common
from emo.app import text as app_text
from emo.app.analyse import downloads
from emo.app.teach import text as words
from emo.audio.clip import Clip
from emo.classifiers.calibration import Calibration
from emo.errors import ModelError
from emo.features.speech import SpeechWarning
from emo.inference import adaptation, loading, predictor
from emo.inference.adaptation import CrossValidation
from emo.labels import LABELS
from tests.support import pages, signals
from tests.support.pages import ANALYSE, check, html, tone, upload

TEACH = "pages/teach.py"
WIDTH = 16
DIGEST = "d" * 64


def predict_frequency(clip: Clip, models: object) -> predictor.Prediction:
    """Return fixed answers, with the strongest frequency as hidden values to learn from."""
    strongest = np.abs(np.fft.rfft(clip.samples[:8000])).argmax()
    hidden = np.full(WIDTH, strongest, np.float32)
    given = pages.prediction(clip.duration_s, clip.warnings)
    return predictor.Prediction(
        given.duration_s, given.warnings, given.answers, given.quality, (), hidden
    )


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    pages.install(tmp_path, monkeypatch)
    calibration = Calibration({}, {}, {"ensemble": 0.4})
    models = SimpleNamespace(classifiers={}, calibration=calibration)
    monkeypatch.setattr(loading, "load_models", lambda directory: models)
    monkeypatch.setattr(predictor, "predict", predict_frequency)
    monkeypatch.setattr(adaptation, "models_digest", lambda models: DIGEST)
    monkeypatch.setattr(adaptation, "count_hidden", lambda models: WIDTH)
    at = pages.run()
    return check(at.switch_page(TEACH).run())


def widget(at: AppTest, name: str) -> str:
    """Key of a widget, which is a new one after every use."""
    keys = [str(one.key) for one in (*at.file_uploader, *at.get("audio_input"))]
    return next(key for key in keys if key.startswith(f"examples-{name}-"))


def give(at: AppTest, emotion: str, *pitches_hz: float) -> AppTest:
    """Upload tones for an emotion."""
    files = [(f"{emotion} {hz:.0f}.wav", tone(0.8, hz), "audio/wav") for hz in pitches_hz]
    check(at.pills(key="examples-emotion").set_value(emotion).run())
    return check(at.file_uploader(key=widget(at, "up")).set_value(files).run())


def with_examples(at: AppTest) -> AppTest:
    """Three clips each of two emotions, high and low."""
    give(at, "happy", 600, 620, 640)
    return give(at, "sad", 120, 130, 140)


def chips(at: AppTest) -> list[str]:
    return [b.label for b in at.button if str(b.key).startswith("example-")]


def test_empty_page_says_how_many_clips_are_needed(app: AppTest) -> None:
    assert [title.value for title in app.title] == [words.TITLE]
    assert words.NO_EXAMPLES in [caption.value for caption in app.caption]
    assert not app.get("download_button")


def test_head_is_fitted_to_two_emotions(app: AppTest) -> None:
    give(app, "happy", 600, 620, 640)
    assert chips(app) == [f"happy {hz}\\.wav" for hz in (600, 620, 640)]
    assert words.still_needed({"happy": 3}) in [caption.value for caption in app.caption]
    assert words.FITTED_TITLE not in [header.value for header in app.header]
    give(app, "sad", 120, 130, 140)
    assert words.FITTED_TITLE in [header.value for header in app.header]
    page = html(app)
    assert page.count("3 of 6") == 1  # the ensemble says sad to all
    assert page.count("6 of 6") == 1
    assert "Its only answers are happy and sad." in page


def test_session_keeps_no_sound(app: AppTest) -> None:
    with_examples(app)
    kept = app.session_state["examples"]
    assert [one.hidden.shape for one in kept] == [(WIDTH,)] * 6
    assert app.session_state["examples-pending"] == []
    assert all(not uploader.value for uploader in app.file_uploader)


def test_recordings_are_numbered(app: AppTest) -> None:
    for hz in (200.0, 300.0):
        data = tone(0.8, hz)
        check(app.audio_input(key=widget(app, "mic")).upload("audio.wav", data).run())
    assert chips(app) == [f"{words.RECORDING} 1", f"{words.RECORDING} 2"]
    assert {one.emotion for one in app.session_state["examples"]} == {LABELS[0]}


def test_a_clip_is_removed_by_its_button(app: AppTest) -> None:
    with_examples(app)
    for left in (5, 4):
        check(next(b for b in app.button if str(b.key).startswith("example-")).click().run())
        assert len(chips(app)) == left
    assert words.FITTED_TITLE not in [header.value for header in app.header]
    assert words.still_needed({"happy": 1, "sad": 3}) in [c.value for c in app.caption]


def test_bad_files_show_a_fault_and_the_others_are_used(app: AppTest) -> None:
    files = [
        ("**no** sound.wav", b"hello", "audio/wav"),
        ("a.wav", tone(0.8, 200), "audio/wav"),
        ("b.wav", signals.encoded(signals.silence(1.0)), "audio/wav"),
    ]
    check(app.file_uploader(key=widget(app, "up")).set_value(files).run())
    assert chips(app) == [r"a\.wav"]
    assert [text.value for text in app.text] == ["**no** sound.wav", "b.wav"]
    assert len(app.warning) == 2
    give(app, "sad", 120)
    assert not app.warning


def test_speech_warnings_of_a_clip_are_shown(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def doubting(clip: Clip, models: object) -> predictor.Prediction:
        given = predict_frequency(clip, models)
        concern = SpeechWarning("music", "This sounds like *music*.")
        return predictor.Prediction(1.0, (), given.answers, given.quality, (concern,), given.hidden)

    monkeypatch.setattr(predictor, "predict", doubting)
    give(app, "sad", 120)
    assert [warning.value for warning in app.warning] == [
        common.escape_markdown(words.used_anyway("This sounds like *music*."))
    ]
    assert len(chips(app)) == 1


@pytest.mark.parametrize(
    ("fault", "told"),
    [(ZeroDivisionError("x"), words.UNEXPECTED), (ModelError("/secret"), app_text.NO_MODELS)],
)
def test_internal_errors_are_sentences(
    app: AppTest, monkeypatch: pytest.MonkeyPatch, fault: Exception, told: str
) -> None:
    def broken(clip: Clip, models: object) -> predictor.Prediction:
        raise fault

    monkeypatch.setattr(predictor, "predict", broken)
    give(app, "sad", 120)
    assert [warning.value for warning in app.warning] == [common.escape_markdown(told)]
    assert chips(app) == []


def saved(at: AppTest) -> bytes:
    """Return the file that a press on the button would give."""
    return adaptation.write_examples(at.session_state["examples"], DIGEST).encode()


def load(at: AppTest, name: str, data: bytes) -> AppTest:
    uploader = at.file_uploader(key=widget(at, "file"))
    return check(uploader.set_value((name, data, "application/json")).run())


def test_saved_examples_are_loaded_after_removal(app: AppTest) -> None:
    data, before = saved(with_examples(app)), chips(app)
    forget = next(button for button in app.button if button.label == words.REMOVE_ALL_LABEL)
    check(forget.click().run())
    assert chips(app) == []
    load(app, "emo-examples.json", data)
    assert chips(app) == before
    assert html(app).count("6 of 6") == 1
    load(app, "emo-examples.json", data)  # the same clips again
    assert chips(app) == before


def test_a_bad_file_is_a_sentence_and_changes_nothing(app: AppTest) -> None:
    before = chips(with_examples(app))
    other = adaptation.write_examples(app.session_state["examples"], "e" * 64).encode()
    for data, told in ((b"{", "not valid JSON"), (other, "made with other models")):
        load(app, "*x*.json", data)
        assert told in app.warning[0].value
        assert app.text[0].value == "*x*.json"
        assert chips(app) == before


def test_yours_answers_beside_the_models(app: AppTest) -> None:
    with_examples(app)
    check(app.switch_page(ANALYSE).run())
    upload(app, "clip.wav", tone(0.8, 630))
    page = html(app)
    assert page.count("emo-verdict-3") == len(loading.ANSWER_KEYS)
    card = page.split(f">{words.YOURS_NAME}</h3>")[1]
    assert "emo-happy" in card.split("</p>")[1]
    assert "right for 6 of 6, the ensemble for 3" in card
    assert pages.AGREEMENT in page  # yours is none of them


def test_exports_contain_yours() -> None:
    given = pages.prediction()
    given = predictor.Prediction(
        1.0, (), given.answers | {"yours": given.answers["tree"]}, given.quality
    )
    (row,) = json.loads(downloads.to_json("a.wav", given))
    assert list(row["models"]) == [*loading.ANSWER_KEYS, "yours"]
    lines = list(csv.DictReader(io.StringIO(downloads.to_csv("a.wav", given))))
    assert [line["model"] for line in lines] == [*loading.ANSWER_KEYS, "yours"]


def test_without_examples_there_is_no_further_answer(app: AppTest) -> None:
    check(app.switch_page(ANALYSE).run())
    upload(app, "clip.wav", tone())
    assert html(app).count("emo-verdict-3") == len(pages.ANSWERS)


@pytest.mark.slow
def test_yours_warns_about_music(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    with_examples(app)

    def doubting(clip: Clip, models: object) -> predictor.Prediction:
        given = predict_frequency(clip, models)
        concern = SpeechWarning("music", "This sounds like music.")
        return predictor.Prediction(1.0, (), given.answers, given.quality, (concern,), given.hidden)

    monkeypatch.setattr(predictor, "predict", doubting)
    check(app.switch_page(ANALYSE).run())
    upload(app, "clip.wav", tone())
    assert html(app).count(app_text.NOT_TO_BE_RELIED_ON) == len(loading.ANSWER_KEYS) + 1


@pytest.mark.slow
def test_notice_on_the_page_of_an_example(app: AppTest) -> None:
    with_examples(app)
    check(app.switch_page(ANALYSE).run())
    upload(app, "other.wav", tone(1.0, 1234.0))
    assert not app.info
    upload(app, "renamed.wav", tone(0.8, 130))
    (told,) = [one.value for one in app.info]
    assert "sad" in told
    assert words.BACK_LABEL in [link.proto.label for link in app.get("page_link")]


# --- Texts ---------------------------------------------------------------------------------------


def trial(folds: int = 4, restricted: int = 3) -> CrossValidation:
    return CrossValidation(("happy", "sad"), folds, 1, restricted, np.array([[2, 0], [1, 1]]))


def test_ranking_shows_the_restricted_ensemble_where_it_differs() -> None:
    names = [name for name, _ in words.ranking_rows(trial())]
    assert names == [words.ENSEMBLE_NAME, words.RESTRICTED_NAME, words.YOURS_NAME]
    assert len(words.ranking_rows(trial(restricted=1))) == 2


def test_how_tested_states_the_uncertainty() -> None:
    told = words.how_tested(trial(), 0.123)
    assert "one more or less right is 25" in told
    assert "all other clips only" in told
    assert "the other 3 of 4 parts" in words.how_tested(
        CrossValidation(("happy", "sad"), 4, 1, 1, np.array([[9, 0], [0, 9]])), 0.1
    )


def test_still_needed_names_the_emotions_left_out() -> None:
    assert words.still_needed({"happy": 2, "sad": 2}) == ""
    assert "angry, which needs" in words.still_needed({"happy": 2, "sad": 2, "angry": 1})
    assert "angry and fearful, which need at" in words.still_needed(
        {"happy": 2, "sad": 2, "angry": 1, "fearful": 1}
    )


def test_chip_keeps_the_end_of_a_long_name() -> None:
    assert words.chip("a" * 99 + "last.wav").endswith("last.wav")
    assert len(words.chip("a" * 99)) == words.MAX_CHIP
    assert words.chip("short.wav") == "short.wav"
