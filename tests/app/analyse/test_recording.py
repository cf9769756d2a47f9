"""The quality of a recording on the page *Analyse*, in Streamlit's test runner."""

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


def notes_of(app: AppTest) -> str:
    return str(app.info[0].value).replace("\\", "")


def test_good_recording_has_figures_and_no_warning(app: AppTest) -> None:
    upload(app, "clip.wav", tone())
    for name, text in words.figures(QUALITY).items():
        assert f"<dt>{name}</dt><dd>{text}</dd>" in html(app)
    assert not app.info


def test_warning_is_linked_to_unsure_answers(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    of_quality(monkeypatch, ("tree",))
    upload(app, "clip.wav", tone())
    assert "only 6 dB below the voice" in notes_of(app)
    assert notes_of(app).endswith(words.MAY_BE_WHY)


def test_warning_is_shown_with_sure_answers(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    of_quality(monkeypatch, ())
    upload(app, "clip.wav", tone())
    assert "only 6 dB below the voice" in notes_of(app)
    assert words.MAY_BE_WHY not in notes_of(app)


def test_figures_are_formatted() -> None:
    figures = words.figures(replace(QUALITY, source_channels=2, noise_below_db=None, clipped=0.021))
    assert figures["Rate"] == f"16,000{NBSP}Hz, 2 channels"
    assert figures["Noise"] == words.NOT_MEASURED
    assert figures["Clipped"] == f"2{NBSP}%"
    assert figures["Level"] == f"\u221220{NBSP}dB"


def test_quality_warnings_of_a_good_recording_are_empty() -> None:
    assert quality_warnings(QUALITY) == {}
