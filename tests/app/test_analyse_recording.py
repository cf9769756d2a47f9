"""The quality of a recording on the page, in Streamlit's own test runner, and in words."""

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from emo.app.analyse import text as words
from emo.audio.clip import Clip
from emo.features.quality import quality_warnings
from emo.formatting import NBSP
from emo.inference import predictor
from tests.support import pages
from tests.support.pages import QUALITY, html, tone, upload

NOISY = replace(QUALITY, noise_below_db=6.4)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    pages.install(tmp_path, monkeypatch)
    return pages.run()


def of_quality(monkeypatch: pytest.MonkeyPatch, unsure: tuple[str, ...]) -> None:
    def predicted(clip: Clip, models: object) -> predictor.Prediction:
        return replace(pages.prediction(clip.duration_s, unsure=unsure), quality=NOISY)

    monkeypatch.setattr(predictor, "predict", predicted)


def told(app: AppTest) -> str:
    return str(app.info[0].value).replace("\\", "")


def test_a_recording_without_fault_has_figures_and_no_doubt(app: AppTest) -> None:
    upload(app, "clip.wav", tone())
    for name, text in words.figures(QUALITY).items():
        assert f"<dt>{name}</dt><dd>{text}</dd>" in html(app)
    assert not app.info


def test_what_may_be_why_is_said_where_a_model_is_unsure(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_quality(monkeypatch, ("tree",))
    upload(app, "clip.wav", tone())
    assert "only 6 dB below the voice" in told(app)
    assert told(app).endswith(words.MAY_BE_WHY)


def test_a_doubt_is_told_where_all_are_sure(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    of_quality(monkeypatch, ())
    upload(app, "clip.wav", tone())
    assert "only 6 dB below the voice" in told(app)
    assert words.MAY_BE_WHY not in told(app)


def test_figures_in_words() -> None:
    found = words.figures(replace(QUALITY, source_channels=2, noise_below_db=None, clipped=0.021))
    assert found["Rate"] == f"16,000{NBSP}Hz, 2 channels"
    assert found["Noise"] == words.NOT_MEASURED
    assert found["Clipped"] == f"2{NBSP}%"
    assert found["Level"] == f"\u221220{NBSP}dB"


def test_nothing_is_said_without_a_doubt() -> None:
    assert quality_warnings(QUALITY) == {}
