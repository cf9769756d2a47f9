"""The choice of a channel on the pages."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from emo.app import current_clip
from emo.app.analyse import analysis as analyse_analysis
from emo.app.analyse import downloads
from emo.audio.clip import Clip, decode
from emo.inference import export, predictor
from tests.support import pages, signals
from tests.support.pages import COMPARE, check, run, upload

SIDES = (signals.voice((140.0, 110.0), 1.4), signals.voice((250.0, 220.0), 1.4, seed=3))


def stereo(*sides: signals.Samples) -> bytes:
    return signals.encoded(np.stack(sides or SIDES, axis=1))


@pytest.fixture
def analysed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Clip]:
    """Return the list of the analysed clips."""
    pages.install(tmp_path, monkeypatch)
    clips: list[Clip] = []

    def record(clip: Clip, models: object) -> predictor.Prediction:
        clips.append(clip)
        return pages.made_up(clip, models)

    monkeypatch.setattr(predictor, "predict", record)
    return clips


@pytest.fixture
def app(analysed: list[Clip]) -> AppTest:
    return run()


def choice_of(at: AppTest) -> Any:
    """Return the widget that chooses a channel; None if there is none."""
    widgets = [w for w in (*at.get("button_group"), *at.selectbox) if w.label == "Channel"]
    assert len(widgets) <= 1
    return widgets[0] if widgets else None


def choose(at: AppTest, channel: str) -> AppTest:
    widget = choice_of(at)
    return check(widget.set_value(channel).run())


def same(clip: Clip, data: bytes, channel: str = "mix") -> bool:
    return clip.samples.tobytes() == decode(data, channel=channel).samples.tobytes()


@pytest.mark.slow
def test_channels_of_a_mono_clip_have_no_choice(app: AppTest) -> None:
    assert choice_of(app) is None
    upload(app, "mono.wav", signals.encoded(SIDES[0]))
    assert choice_of(app) is None
    upload(app, "none.wav", b"no sound")
    assert choice_of(app) is None


@pytest.mark.slow
def test_answers_are_those_of_the_chosen_channel(app: AppTest, analysed: list[Clip]) -> None:
    data = stereo()
    upload(app, "call.wav", data)
    assert choice_of(app).value == "mix"
    assert same(analysed[-1], data)
    for channel in ("left", "right"):
        choose(app, channel)
        assert same(analysed[-1], data, channel)
        assert any(f"{channel} channel only" in text.value for text in app.text)
    choose(app, "mix")
    assert not any("channel only" in text.value for text in app.text)


@pytest.mark.slow
def test_channels_of_four_can_be_chosen(app: AppTest, analysed: list[Clip]) -> None:
    sides = [signals.voice(100.0 + 40 * k, 1.0) for k in range(4)]
    data = stereo(*sides)
    upload(app, "four.wav", data)
    choose(app, "3")
    assert same(analysed[-1], data, "3")


@pytest.mark.slow
def test_new_clip_starts_with_the_mix(app: AppTest, analysed: list[Clip]) -> None:
    first, second = stereo(), stereo(*SIDES[::-1])
    upload(app, "first.wav", first)
    choose(app, "right")
    upload(app, "second.wav", second)
    assert choice_of(app).value == "mix"
    assert same(analysed[-1], second)
    upload(app, "first.wav", first)
    assert choice_of(app).value == "mix"
    choose(app, "left")
    upload(app, "again.wav", first)  # the same bytes once more
    assert choice_of(app).value == "mix"
    assert same(analysed[-1], first)


@pytest.mark.slow
def test_channel_outlasts_a_visit_to_another_page(app: AppTest, analysed: list[Clip]) -> None:
    upload(app, "call.wav", stereo())
    choose(app, "right")
    check(app.switch_page(COMPARE).run())
    check(app.switch_page(pages.ANALYSE).run())
    assert choice_of(app).value == "right"
    assert any("right channel only" in text.value for text in app.text)


def test_silent_channel_gets_a_message(app: AppTest, analysed: list[Clip]) -> None:
    data = stereo(SIDES[0], signals.silence(1.4))
    upload(app, "half.wav", data)
    choose(app, "right")
    assert any("silent" in error.value for error in app.error)
    assert choice_of(app).value == "right"
    choose(app, "left")
    assert not app.error
    assert same(analysed[-1], data, "left")


@pytest.mark.slow
def test_what_if_alters_the_channel(app: AppTest, analysed: list[Clip]) -> None:
    data = stereo()
    upload(app, "call.wav", data)
    choose(app, "left")
    check(app.slider(key="what-if-gain").set_value(-6).run())
    expected = decode(data, channel="left").samples / np.float32(10 ** (6 / 20))
    np.testing.assert_allclose(analysed[-1].samples, expected, atol=1e-4)


def test_downloads_name_the_channel(
    app: AppTest, analysed: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[str] = []

    def write(rows: Any, out: Any) -> None:
        named.extend(name for name, _ in rows)
        out.write("[]")

    monkeypatch.setattr(export, "write_json", write)
    source = current_clip.ClipSource("call.wav", stereo(), "upload")
    clip = decode(source.data, channel="left")
    prediction = pages.prediction()
    for part_s, name in (
        (None, "call.wav#channel=left"),
        ((0.5, 1.25), "call.wav#channel=left&t=0.500,1.250"),
    ):
        analysis = analyse_analysis.Analysis("key", clip, prediction, part_s, channel="left")
        downloads.to_json(downloads.name_of(source, analysis), prediction)
        assert named[-1] == name


def test_comparison_uses_the_mix_and_warns_of_two_speakers(
    app: AppTest, analysed: list[Clip]
) -> None:
    left = np.concatenate([SIDES[0], signals.silence(1.4)])
    right = np.concatenate([signals.silence(1.4), SIDES[1]])
    data = stereo(left, right)
    upload(app, "call.wav", data)
    assert any("Different people" in warning.value for warning in app.warning)
    check(app.switch_page(COMPARE).run())
    files = [("call.wav", data, "audio/wav")]
    check(app.file_uploader(key="comparison-up-0").set_value(files).run())
    assert same(analysed[-1], data)
    sent = [one.proto.json for one in app.get("bidi_component")]
    tables = [json.loads(text) for text in sent if text]  # one has bytes
    assert "Different people" in json.dumps(tables)
