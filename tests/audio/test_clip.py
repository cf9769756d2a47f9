"""Decoding of clips: what comes back, channels, levels, and files."""

import hashlib
import io
import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from emo.audio import clip as audio_clip
from emo.audio import decoders
from emo.audio.clip import RATE_HZ
from emo.audio.limits import MAX_BYTES, MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ
from emo.errors import AudioError, LimitError, SilentError, TooShortError
from tests.support import signals
from tests.support.signals import LOSSLESS, LOSSY


@pytest.fixture
def codecpod() -> ModuleType:
    module: ModuleType = pytest.importorskip("codecpod", reason="codecpod has no wheel here")
    return module


def peak_hz(samples: signals.Samples) -> float:
    """Frequency of the strongest line, to a fraction of a bin (parabola through three)."""
    spectrum = np.log(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) + 1e-12)
    k = int(spectrum[1:-1].argmax()) + 1
    below, top, above = spectrum[k - 1 : k + 2]
    shift = 0.5 * (below - above) / (below - 2 * top + above)
    return float((k + shift) * RATE_HZ / len(samples))


def line_db(samples: signals.Samples, frequency_hz: float) -> float:
    """Level of one frequency, that of a sine of amplitude 1 being 0."""
    window = np.hanning(len(samples))
    wave = np.exp(-2j * np.pi * frequency_hz * np.arange(len(samples)) / RATE_HZ)
    return float(20 * np.log10(2 * abs((samples * window * wave).sum()) / window.sum() + 1e-12))


# What comes back


def test_decode_returns_mono_at_16_khz_unchanged() -> None:
    voice = signals.voice()
    voice[-1] -= voice.sum(dtype=np.float64)  # on average zero
    data = signals.encoded(voice, subtype="FLOAT")
    clip = audio_clip.decode(data)
    assert np.array_equal(clip.samples, voice)
    assert clip.samples.dtype == np.float32
    assert not clip.samples.flags.writeable
    assert (clip.source_rate_hz, clip.source_channels) == (16_000, 1)
    assert clip.sha256 == hashlib.sha256(data).hexdigest()
    assert clip.duration_s == 2.0
    assert clip.warnings == ()


@pytest.mark.parametrize(("container", "subtype"), LOSSLESS)
@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_decode_keeps_length_pitch_and_level_of_a_tone(
    container: str, subtype: str, rate_hz: int, channels: int
) -> None:
    wave = signals.tone(440.0, 1.0, rate_hz)
    stacked = np.tile(wave[:, None], channels)
    clip = audio_clip.decode(signals.encoded(stacked, rate_hz, container, subtype))
    assert clip.duration_s == pytest.approx(1.0, abs=1 / RATE_HZ)
    assert peak_hz(clip.samples) == pytest.approx(440.0, abs=0.05)
    assert line_db(clip.samples, 440.0) == pytest.approx(-6.02, abs=0.02)
    assert (clip.source_rate_hz, clip.source_channels) == (rate_hz, channels)
    assert clip.warnings == ()


@pytest.mark.parametrize(("container", "subtype"), LOSSY)
def test_decode_keeps_a_tone_in_lossy_formats(container: str, subtype: str) -> None:
    clip = audio_clip.decode(
        signals.encoded(signals.tone(440.0, 2.0, 48_000), 48_000, container, subtype)
    )
    assert clip.duration_s == pytest.approx(2.0, abs=0.06)  # coders pad to whole packets
    assert peak_hz(clip.samples) == pytest.approx(440.0, abs=1.0)
    assert line_db(clip.samples, 440.0) == pytest.approx(-6.02, abs=1.0)
    assert clip.warnings == ()


@pytest.mark.parametrize("writer", [signals.m4a, signals.adts, signals.webm_opus])
def test_decode_keeps_a_tone_in_formats_of_telephones_and_browsers(
    codecpod: Any, writer: Any
) -> None:
    clip = audio_clip.decode(writer(signals.tone(440.0, 2.0, 48_000), 48_000))
    assert clip.duration_s == pytest.approx(2.0, abs=0.06)
    assert peak_hz(clip.samples) == pytest.approx(440.0, abs=1.0)
    assert line_db(clip.samples, 440.0) == pytest.approx(-6.02, abs=1.0)
    assert clip.source_rate_hz == 48_000
    assert clip.warnings == ()


@pytest.mark.parametrize("rate_hz", [4000, 8000, 11_025, 22_050, 48_000, 192_000, 384_000])
def test_decode_resamples_in_blocks_as_at_once(rate_hz: int) -> None:
    wave = signals.chirp(50.0, 1900.0, 1.5, rate_hz)
    clip = audio_clip.decode(signals.encoded(wave, rate_hz, subtype="FLOAT"))
    whole = soxr.resample(wave, rate_hz, RATE_HZ, quality="HQ")
    assert len(clip.samples) == len(whole)
    assert np.allclose(clip.samples, whole - whole.mean(), atol=1e-6)


def test_decode_removes_frequencies_above_8_khz() -> None:
    low = signals.tone(1000.0, 1.0, 48_000, 0.4)
    high = signals.tone(11_000.0, 1.0, 48_000, 0.4)  # it would fold to 5 kHz
    clip = audio_clip.decode(signals.encoded(low + high, 48_000, subtype="FLOAT"))
    assert line_db(clip.samples, 1000.0) == pytest.approx(-7.96, abs=0.02)
    assert line_db(clip.samples, 5000.0) < -100


@given(
    rate_hz=st.integers(MIN_RATE_HZ, MAX_RATE_HZ),
    channels=st.integers(1, MAX_CHANNELS),
    duration_s=st.floats(0.31, 0.6),
)
@settings(max_examples=40, deadline=None)
def test_decode_reads_every_rate_and_channel_count_within_the_limits(
    rate_hz: int, channels: int, duration_s: float
) -> None:
    wave = signals.tone(300.0, duration_s, rate_hz)
    clip = audio_clip.decode(signals.encoded(np.tile(wave[:, None], channels), rate_hz))
    assert clip.duration_s == pytest.approx(len(wave) / rate_hz, abs=1 / RATE_HZ)
    middle = clip.samples[800:-800]
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("source_rate_hz", [16_000, 24_000, 48_000])
@pytest.mark.slow
def test_decode_opus_in_ogg_equals_libsndfile(source_rate_hz: int) -> None:
    pytest.importorskip("codecpod")
    voice = signals.voice(rate_hz=source_rate_hz)
    data = signals.encoded(voice, source_rate_hz, "OGG", "OPUS")
    samples, rate_hz = soundfile.read(io.BytesIO(data), dtype="float32")
    expected = soxr.resample(samples, rate_hz, RATE_HZ, quality="HQ")
    clip = audio_clip.decode(data)
    assert clip.source_rate_hz == source_rate_hz
    np.testing.assert_allclose(clip.samples, expected - expected.mean(), atol=1e-5)


@pytest.mark.parametrize("encode", [signals.m4a, signals.webm_opus])
@pytest.mark.slow
def test_decode_reads_a_long_recording_at_a_lower_rate(
    encode: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("codecpod")
    data = encode(signals.voice(duration_s=3.0, rate_hz=48_000), 48_000)
    whole = audio_clip.decode(data)
    monkeypatch.setattr(decoders, "_WHOLE_SAMPLES", 48_000)
    long = audio_clip.decode(data)
    assert long.source_rate_hz == whole.source_rate_hz == 48_000
    assert long.warnings == whole.warnings
    n = min(len(long.samples), len(whole.samples))
    assert abs(len(long.samples) - len(whole.samples)) < 0.01 * RATE_HZ
    assert np.corrcoef(long.samples[:n], whole.samples[:n])[0, 1] > 0.9999


# Channels


def test_decode_averages_channels() -> None:
    left, right = signals.tone(500.0), signals.tone(700.0)
    clip = audio_clip.decode(signals.encoded(np.stack([left, right], axis=1), subtype="FLOAT"))
    assert np.allclose(clip.samples, (left + right) / 2, atol=1e-7)
    assert clip.warnings == ()


@pytest.mark.parametrize("channels", [2, MAX_CHANNELS])
def test_decode_does_not_take_silent_channels_for_opposite_phase(channels: int) -> None:
    all_of_them = np.zeros((32_000, channels), dtype=np.float32)
    all_of_them[:, 1] = signals.voice()
    clip = audio_clip.decode(signals.encoded(all_of_them, subtype="FLOAT"))
    alone = signals.voice() / channels
    assert np.allclose(clip.samples, alone - alone.mean(), atol=1e-7)
    assert not [w for w in clip.warnings if "opposite phase" in w]


@pytest.mark.slow
def test_decode_uses_the_louder_of_channels_in_opposite_phase() -> None:
    voice = signals.voice(rate_hz=48_000)
    both = np.stack([0.8 * voice, -voice], axis=1)
    clip = audio_clip.decode(signals.encoded(both, 48_000, subtype="FLOAT"))
    alone = audio_clip.decode(signals.encoded(-voice, 48_000, subtype="FLOAT"))
    assert np.array_equal(clip.samples, alone.samples)
    assert [w for w in clip.warnings if "opposite phase" in w]


# Levels


@given(gain_db=st.floats(-40.0, 10.0))
@settings(max_examples=20, deadline=None)
def test_decode_scales_samples_with_the_level(gain_db: float) -> None:
    voice = signals.voice(duration_s=0.5)
    gain = np.float32(10 ** (gain_db / 20))
    clip = audio_clip.decode(signals.encoded(voice * gain, subtype="FLOAT"))
    assert np.allclose(clip.samples, (voice - voice.mean()) * gain, atol=1e-6 * gain)


def test_decode_warns_of_a_quiet_voice_and_rejects_a_silent_one() -> None:
    voice = signals.voice()
    quiet = audio_clip.decode(signals.encoded(signals.at_level(voice, -60.0)))
    assert np.corrcoef(quiet.samples, voice)[0, 1] > 0.99
    assert any("very quiet (-57 dBFS" in w for w in quiet.warnings)
    with pytest.raises(SilentError, match=r"-77 dBFS where it is loudest"):
        audio_clip.decode(signals.encoded(signals.at_level(voice, -80.0), subtype="FLOAT"))


def test_decode_measures_the_level_of_the_loudest_part() -> None:
    clip = audio_clip.decode(signals.encoded(signals.padded(signals.voice(), 60.0, 60.0)))
    assert clip.warnings == ()
    assert clip.duration_s == 122.0


def test_decode_counts_clipping() -> None:
    tone = signals.tone(100.0, 1.0, amplitude=1.0)
    assert audio_clip.decode(signals.encoded(tone)).warnings == ()
    clipped = np.clip(1.25 * tone, -1, 1)
    (warning,) = audio_clip.decode(signals.encoded(clipped)).warnings
    runs = [len(list(run)) for value, run in itertools.groupby(clipped) if abs(value) == 1]
    assert len(runs) == 200  # two for each of the hundred periods
    inner = sum(runs) - 2 * len(runs)  # the two ends of a run are not counted
    assert f"{100 * inner / len(tone):.1f} % of it is at full scale" in warning


def test_decode_counts_samples_beyond_full_scale_in_lossy_formats_only() -> None:
    loud = signals.voice() * np.float32(3.0 / np.abs(signals.voice()).max())
    assert audio_clip.decode(signals.encoded(loud, subtype="FLOAT")).warnings == ()
    (warning,) = audio_clip.decode(
        signals.encoded(loud, container="OGG", subtype="VORBIS")
    ).warnings
    assert "clipped" in warning


def test_decode_removes_a_constant_offset() -> None:
    voice = signals.voice()
    clip = audio_clip.decode(signals.encoded(voice + np.float32(0.25), subtype="FLOAT"))
    assert abs(clip.samples.mean()) < 1e-6
    assert np.allclose(clip.samples, voice - voice.mean(), atol=1e-6)
    assert clip.warnings == ("A constant offset of 0.25 of full scale was removed.",)


def test_decode_scales_integers_stored_as_floats() -> None:
    voice = signals.voice()
    clip = audio_clip.decode(signals.encoded(voice * 32_768, subtype="FLOAT"))
    assert np.allclose(clip.samples, (voice - voice.mean()) / np.abs(voice).max(), atol=1e-6)


# Files


def test_load_reads_a_path(tmp_path: Path) -> None:
    path = tmp_path / "clip.flac"
    path.write_bytes(signals.encoded(signals.voice(), container="FLAC"))
    assert audio_clip.load(path).warnings == ()
    assert audio_clip.load(str(path)).duration_s == 2.0


def test_load_gives_the_reason_of_a_failure(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no file at this path"):
        audio_clip.load(tmp_path / "absent.wav")
    with pytest.raises(AudioError, match="is a folder"):
        audio_clip.load(tmp_path)
    with pytest.raises(AudioError, match="cannot be opened"):
        audio_clip.load("nul\0.wav")
    with pytest.raises(AudioError, match="cannot be opened"):
        audio_clip.load(tmp_path / ("long" * 100))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes on this system")
def test_load_does_not_wait_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(AudioError, match="not a regular file"):
        audio_clip.load(tmp_path / "pipe.wav")


def test_load_rejects_a_large_file_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "large.wav"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES * 100)
    with pytest.raises(LimitError, match="has 5,000 MB; at most 50 MB"):
        audio_clip.load(path)


def test_load_warns_of_a_wrong_extension(tmp_path: Path) -> None:
    path = tmp_path / "clip.OGG"
    path.write_bytes(signals.encoded(signals.voice()))
    assert audio_clip.load(path).warnings == (
        "The name says OGG, the content is WAV; it was read as WAV.",
    )


def test_clip_imports_no_training_library() -> None:
    code = "import sys, emo.audio.clip; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert not {"scipy", "librosa", "numba", "codecpod", "streamlit"} & set(loaded)


def test_decode_reads_the_shortest_clip() -> None:
    assert audio_clip.decode(signals.encoded(signals.voice(duration_s=0.3))).duration_s == 0.3
    with pytest.raises(TooShortError, match=r"lasts 0\.299 s; at least 0\.3 s"):
        audio_clip.decode(signals.encoded(signals.voice(duration_s=0.299)))
