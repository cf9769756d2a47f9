"""The block of the player, unpacked as the browser unpacks it, against sounds that are known."""

import io
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emo.app import player_data, text
from emo.audio.clip import RATE_HZ
from tests.support.signals import noise, silence, tone, voice

FILES = Path(player_data.__file__).parent / "static"
WORDS = {"play": "Play"}


def packed(samples, span=None):
    span = (0, len(samples)) if span is None else span
    return player_data.unpack_player(player_data.pack_player(samples, span, WORDS))


def levels(samples, scale):
    header, parts = packed(samples)
    n = header["columns"][scale]
    return header, np.frombuffer(zlib.decompress(parts[scale]), np.uint8).reshape(n, -1)


def test_the_sound_is_what_the_models_hear_brought_to_one_level():
    samples = voice(duration_s=1.3) * np.float32(0.05)
    header, parts = packed(samples)
    found, rate_hz = soundfile.read(io.BytesIO(parts["sound"]), dtype="float32")
    assert rate_hz == RATE_HZ
    assert header["mime"] == "audio/flac"
    assert header["duration_s"] == len(samples) / RATE_HZ
    np.testing.assert_allclose(found, samples * (0.9 / np.abs(samples).max()), atol=1e-4)


def test_a_long_clip_is_sent_smaller_and_as_long():
    samples = np.tile(voice(duration_s=2.0), 35)
    header, parts = packed(samples)
    found, _ = soundfile.read(io.BytesIO(parts["sound"]))
    assert header["mime"] == "audio/mpeg"
    assert len(parts["sound"]) < 10_000 * header["duration_s"]
    assert len(found) == pytest.approx(len(samples), abs=2500)  # the coder's own silence


@pytest.mark.parametrize("frequency_hz", [250.0, 1000.0, 3000.0])
@pytest.mark.parametrize("scale", ["mel", "linear"])
def test_a_tone_is_loudest_in_its_band(scale, frequency_hz):
    header, found = levels(tone(frequency_hz, 1.0), scale)
    centres = np.array(header[f"{scale}_hz"])
    loudest = centres[found.mean(axis=0).argmax()]
    assert abs(loudest - frequency_hz) <= np.abs(np.diff(centres)).max()
    assert found.max() == header["range_db"]


def test_the_waveform_reaches_the_peaks():
    samples = tone(200.0, 0.5) * np.float32(0.1)
    _, parts = packed(samples)
    low, high = np.frombuffer(zlib.decompress(parts["waveform"]), np.int8).reshape(2, -1)
    assert high.max() == -low.min() == 127
    assert len(low) == len(samples)


@given(
    arrays(np.float32, st.integers(1, 3000), elements=st.floats(-1, 1, width=32)),
    st.integers(1, 500),
)
def test_the_envelope_keeps_every_peak(samples, points):
    low, high = player_data.envelope(samples, points)
    assert len(low) == len(high) == min(points, len(samples))
    assert high.max() == samples.max()
    assert low.min() == samples.min()
    assert (low <= high).all()


def test_the_envelope_of_a_step():
    samples = np.array([0, 0, 0, 0, 1, 1, -1, 1], dtype=np.float32)
    low, high = player_data.envelope(samples, 2)
    assert low.tolist() == [0, -1]
    assert high.tolist() == [0, 1]


def test_long_spectrograms_are_averaged_over_time():
    frames = np.tile(np.array([[0.0], [-10.0]], np.float32), (5, 1))
    assert player_data._shorten(frames, 5)[:, 0].tolist() == [-5.0] * 5
    assert player_data._shorten(frames, 4)[:, 0].tolist() == pytest.approx(
        [-10 / 3, -20 / 3, -10 / 3, -10]
    )
    assert player_data._shorten(frames, 10) is frames


def test_the_pitch_of_a_tone_is_drawn_and_silence_has_none():
    samples = np.concatenate([silence(0.5), tone(220.0, 1.0), silence(0.5)])
    header, parts = packed(samples)
    pitch_hz = np.frombuffer(zlib.decompress(parts["pitch"]), "<u2") / 10
    below = np.frombuffer(zlib.decompress(parts["level"]), np.uint8)
    level_db = header["loudest_db"] - below / 2
    assert pitch_hz[60:140] == pytest.approx(220.0, abs=1.0)
    assert not pitch_hz[:40].any()
    assert level_db[60:140] == pytest.approx(0.0, abs=1.0)
    assert level_db[:40].max() <= -59.0


def test_the_part_that_is_used_is_marked():
    header, _ = packed(voice(duration_s=1.0), (1600, 8000))
    assert header["span_s"] == [0.1, 0.5]


def test_silence_and_one_sample_can_be_packed():
    for samples in (silence(0.3), np.ones(1, np.float32)):
        header, parts = packed(samples)
        assert header["duration_s"] == len(samples) / RATE_HZ
        assert len(zlib.decompress(parts["mel"])) == 64 * header["columns"]["mel"]


@pytest.mark.parametrize(
    "samples",
    [np.tile(voice(duration_s=3.0), 10), noise(30.0)],
    ids=["voice", "noise"],
)
def test_half_a_minute_of_anything_is_sent_in_less_than_700_kilobytes(samples):
    assert len(player_data.pack_player(samples, (0, len(samples)), WORDS)) < 600_000


def test_the_player_has_a_word_for_everything():
    html, js = ((FILES / f"player.{kind}").read_text() for kind in ("html", "js"))
    asked = set(re.findall(r'data-word="(\w+)"', html)) | set(re.findall(r"words\.(\w+)", js))
    assert asked == set(text.PLAYER)
    header, _ = packed(voice(duration_s=0.5))
    assert set(json.loads(json.dumps(header))["words"]) == set(WORDS)


def test_every_part_that_the_script_asks_for_is_in_the_page():
    html, js = ((FILES / f"player.{kind}").read_text() for kind in ("html", "js"))
    asked = set(re.findall(r'find\("(\w+)"\)', js))
    assert asked == set(re.findall(r'data-part="(\w+)"', html))
