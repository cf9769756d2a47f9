"""*What if* on the page *Analyse*, in Streamlit's test runner."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from emo import formatting
from emo.app.analyse import link, text
from emo.audio.alteration import NEUTRAL, RANGES, Alteration
from emo.audio.clip import Clip
from emo.features.quality import OF_ALTERING, measure_quality
from emo.inference import predictor
from emo.inference.loading import ANSWER_KEYS
from tests.support import pages
from tests.support.pages import check, html, tone, upload
from tests.support.signals import encoded, padded, voice
from tests.walk.oracle import text_of


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    pages.install(tmp_path, monkeypatch)
    monkeypatch.setattr(predictor, "predict", longer_is_surer)
    return pages.run()


def longer_is_surer(clip: Clip, models: object) -> predictor.Prediction:
    """Return answers with a share of *happy* that grows with the duration of the clip."""
    prediction = pages.prediction(clip.duration_s, clip.warnings)
    prediction.answers["ensemble"] = pages.answer("happy", 0.3 + clip.duration_s / 10, "sad")
    return prediction


def headline(app: AppTest) -> str:
    """Return the large letters of the verdict."""
    (found,) = re.findall(r"<h2 class=.emo-verdict.*?</h2>", html(app))
    return text_of(found).replace(formatting.NBSP, " ")


def test_neutral_settings_change_no_answer(app: AppTest) -> None:
    upload(app, "clip.wav", tone(2.0))
    assert app.button(key="what-if-reset").disabled
    assert "reset" not in [button.key for button in app.button]
    assert headline(app) == "happy 50 %"
    assert "→" not in html(app)


@pytest.mark.slow
def test_settings_change_the_answers_beside_those_as_recorded(app: AppTest) -> None:
    upload(app, "clip.wav", tone(2.0))
    check(app.slider(key="what-if-speed").set_value(2.0).run())
    assert headline(app) == "happy 50 % → happy 40 %"
    assert html(app).count("→") == 1 + len(ANSWER_KEYS) - 1
    assert "2 times as fast" in " ".join(w.value for w in app.warning)
    check(app.slider(key="what-if-pitch").set_value(-2).run())
    check(app.slider(key="what-if-gain").set_value(-6).run())
    check(app.select_slider(key="what-if-noise").set_value(20).run())
    check(app.toggle(key="what-if-telephone").set_value(True).run())
    notices = " ".join(w.value for w in app.warning)
    for phrase in (
        "2 semitones lower",
        "6 dB softer",
        "noise at an SNR of 20 dB",
        "telephone band",
    ):
        assert phrase in notices.replace("\\", "")


@pytest.mark.slow
def test_reset_restores_the_recording(app: AppTest) -> None:
    upload(app, "clip.wav", tone(2.0))
    check(app.slider(key="what-if-speed").set_value(2.0).run())
    check(app.button(key="what-if-reset").click().run())
    assert app.slider(key="what-if-speed").value == NEUTRAL.speed
    assert not app.warning
    assert "happy 40" not in html(app)


def test_impossible_settings_get_a_message_and_stay(app: AppTest) -> None:
    upload(app, "clip.wav", tone(0.3))
    check(app.slider(key="what-if-speed").set_value(2.0).run())
    assert [e.value for e in app.error if "times as fast" in e.value]
    assert app.slider(key="what-if-speed").value == 2.0
    assert not app.button(key="what-if-reset").disabled
    assert html(app).count("emo-verdict-3") == len(pages.ANSWERS)
    assert "→" not in html(app)


def test_ranges_of_the_page_are_valid_alterations() -> None:
    for noise_db in link.NOISES_DB:
        Alteration(snr_db=noise_db)
    for name, (low, high, _) in {
        "speed": link.SPEEDS,
        "pitch_semitones": link.SEMITONES,
        "gain_db": link.GAINS_DB,
    }.items():
        least, most = RANGES[name]
        assert least <= low < getattr(NEUTRAL, name) < high <= most


def test_speed_steps_include_one() -> None:
    low, high, step = link.SPEEDS
    assert np.isclose((1 - low) / step % 1, 0, atol=1e-6)
    assert np.isclose((high - 1) / step % 1, 0, atol=1e-6)


@pytest.mark.slow
def test_added_noise_is_not_attributed_to_the_microphone(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(clip: Clip, models: object) -> predictor.Prediction:
        prediction = longer_is_surer(clip, models)
        return replace(prediction, quality=measure_quality(clip))

    monkeypatch.setattr(predictor, "predict", measured)
    upload(app, "clip.wav", encoded(padded(voice(duration_s=2.0, breath_db=-60.0), 0.5, 0.5)))
    assert OF_ALTERING not in " ".join(one.value for one in app.info)
    assert text.quality_title(False, False) in [one.value for one in app.subheader]
    check(app.select_slider(key="what-if-noise").set_value(0).run())
    (note,) = [element.value.replace("\\", "") for element in app.info]
    assert OF_ALTERING in note
    assert "closer to the microphone" not in note
    assert text.quality_title(False, True) in [one.value for one in app.subheader]
