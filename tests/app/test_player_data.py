"""The block of the player, unpacked as in the browser, for sounds with known properties."""

import io
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
from tests.support.player import unpack_player
from tests.support.signals import noise, silence, tone, voice

FILES = Path(player_data.__file__).parent / "static"
TEXTS = {"play": "Play"}


def unpacked(samples, span=None):
    """Return header and parts of the block of a clip."""
    span = (0, len(samples)) if span is None else span
    return unpack_player(player_data.pack_player(samples, span, TEXTS))


def levels(samples, scale):
    header, parts = unpacked(samples)
    n = header["columns"][scale]
    return header, np.frombuffer(zlib.decompress(parts[scale]), np.uint8).reshape(n, -1)


def test_sound_equals_the_clip_at_full_level():
    samples = voice(duration_s=1.3) * np.float32(0.05)
    header, parts = unpacked(samples)
    sound, rate_hz = soundfile.read(io.BytesIO(parts["sound"]), dtype="float32")
    assert rate_hz == RATE_HZ
    assert header["mime"] == "audio/flac"
    assert header["duration_s"] == len(samples) / RATE_HZ
    np.testing.assert_allclose(sound, samples * (0.9 / np.abs(samples).max()), atol=1e-4)


def test_sound_of_a_long_clip_has_12_bits_and_the_same_length():
    samples = tone(220.0, 20.0)
    header, parts = unpacked(samples)
    sound, _ = soundfile.read(io.BytesIO(parts["sound"]), dtype="float32")
    assert header["mime"] == "audio/flac"
    assert len(parts["sound"]) <= player_data.MAX_FLAC_BYTES_PER_S * header["duration_s"]
    np.testing.assert_allclose(sound, samples * (0.9 / np.abs(samples).max()), atol=0.6 / 2**11)
    assert np.abs(sound * 2**11 - np.round(sound * 2**11)).max() == 0.0


def test_sound_of_a_long_noisy_clip_has_fewer_bits():
    samples = np.tile(voice(duration_s=2.0), 10)
    header, parts = unpacked(samples)
    sound, _ = soundfile.read(io.BytesIO(parts["sound"]), dtype="float32")
    assert header["mime"] == "audio/flac"
    assert len(parts["sound"]) <= player_data.MAX_FLAC_BYTES_PER_S * header["duration_s"]
    np.testing.assert_allclose(sound, samples * (0.9 / np.abs(samples).max()), atol=0.6 / 2**9)


def test_sound_of_long_noise_is_an_mp3():
    header, parts = unpacked(noise(20.0))
    sound, _ = soundfile.read(io.BytesIO(parts["sound"]))
    assert header["mime"] == "audio/mpeg"
    assert len(parts["sound"]) < 9_000 * header["duration_s"]
    assert len(sound) == pytest.approx(20 * RATE_HZ, abs=2500)  # the coder's own silence


@pytest.mark.parametrize("frequency_hz", [250.0, 1000.0, 3000.0])
@pytest.mark.parametrize("scale", ["mel", "linear"])
def test_spectrogram_of_a_tone_is_loudest_in_its_band(scale, frequency_hz):
    header, levels_db = levels(tone(frequency_hz, 1.0), scale)
    centres = np.array(header[f"{scale}_hz"])
    loudest = centres[levels_db.mean(axis=0).argmax()]
    assert abs(loudest - frequency_hz) <= np.abs(np.diff(centres)).max()
    assert levels_db.max() == header["range_db"]


def test_waveform_reaches_the_peaks():
    samples = tone(200.0, 0.5) * np.float32(0.1)
    _, parts = unpacked(samples)
    low, high = np.frombuffer(zlib.decompress(parts["waveform"]), np.int8).reshape(2, -1)
    assert high.max() == -low.min() == 127
    assert len(low) == len(samples)


@given(
    arrays(np.float32, st.integers(1, 3000), elements=st.floats(-1, 1, width=32)),
    st.integers(1, 500),
)
@pytest.mark.slow
def test_envelope_keeps_every_peak(samples, points):
    low, high = player_data.envelope(samples, points)
    assert len(low) == len(high) == min(points, len(samples))
    assert high.max() == samples.max()
    assert low.min() == samples.min()
    assert (low <= high).all()


def test_envelope_of_a_step():
    samples = np.array([0, 0, 0, 0, 1, 1, -1, 1], dtype=np.float32)
    low, high = player_data.envelope(samples, 2)
    assert low.tolist() == [0, -1]
    assert high.tolist() == [0, 1]


def test_spectrogram_of_a_long_clip_is_averaged_over_time():
    frames = np.tile(np.array([[0.0], [-10.0]], np.float32), (5, 1))
    assert player_data._average_rows(frames, 5)[:, 0].tolist() == [-5.0] * 5
    assert player_data._average_rows(frames, 4)[:, 0].tolist() == pytest.approx(
        [-10 / 3, -20 / 3, -10 / 3, -10]
    )
    assert player_data._average_rows(frames, 10) is frames


def test_pitch_is_that_of_the_tone_and_zero_in_silence():
    samples = np.concatenate([silence(0.5), tone(220.0, 1.0), silence(0.5)])
    header, parts = unpacked(samples)
    pitch_hz = np.frombuffer(zlib.decompress(parts["pitch"]), "<u2") / 10
    below = np.frombuffer(zlib.decompress(parts["level"]), np.uint8)
    level_db = header["loudest_db"] - below / 2
    assert pitch_hz[60:140] == pytest.approx(220.0, abs=1.0)
    assert not pitch_hz[:40].any()
    assert level_db[60:140] == pytest.approx(0.0, abs=1.0)
    assert level_db[:40].max() <= -59.0


def test_span_is_in_seconds():
    header, _ = unpacked(voice(duration_s=1.0), (1600, 8000))
    assert header["span_s"] == [0.1, 0.5]


def test_pack_player_accepts_silence_and_one_sample():
    for samples in (silence(0.3), np.ones(1, np.float32)):
        header, parts = unpacked(samples)
        assert header["duration_s"] == len(samples) / RATE_HZ
        assert len(zlib.decompress(parts["mel"])) == 64 * header["columns"]["mel"]


@pytest.mark.parametrize(
    "samples",
    [np.tile(voice(duration_s=3.0), 10), noise(30.0)],
    ids=["voice", "noise"],
)
def test_block_of_half_a_minute_is_below_600_kilobytes(samples):
    assert len(player_data.pack_player(samples, (0, len(samples)), TEXTS)) < 600_000


def test_every_text_and_part_of_the_script_exists():
    html = (FILES / "player.html").read_text()
    js = "".join(path.read_text() for path in FILES.glob("player*.js"))
    used = re.findall(r"words\.(\w+)", js)
    texts = set(re.findall(r'data-word="(\w+)"', html)) | set(used)
    assert texts == set(text.PLAYER)
    parts = set(re.findall(r"(?:find|put)\(\"(\w+)\"", js))
    assert parts == set(re.findall(r'data-part="(\w+)"', html))
