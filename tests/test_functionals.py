"""Functionals against curves whose statistics are known, and against librosa and scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emo import functionals as f
from emo.features import FRAME_S, N_MELS, analyse
from tests.voices import noise, padded, silence, tone, voice


def value(samples, name):
    names = f.functional_names()
    return f.functionals(analyse(samples))[names.index(name)]


def test_names_are_unique_and_match_the_vector():
    names = f.functional_names()
    vector = f.functionals(analyse(voice()))
    assert len(names) == len(set(names)) == len(vector) >= 300
    assert vector.dtype == np.float32
    assert {group for _, group in f.functional_table()} == {
        "cepstrum",
        "spectrum",
        "energy",
        "pitch",
        "timing",
    }


def test_cepstra_are_those_of_librosa():
    librosa = pytest.importorskip("librosa")
    mel_db = np.random.default_rng(0).normal(-20, 10, (30, N_MELS)).astype(np.float32)
    expected = librosa.feature.mfcc(S=mel_db.T, n_mfcc=f.N_CEPSTRA + 1, norm="ortho")[1:].T
    np.testing.assert_allclose(f.cepstra(mel_db), expected, atol=1e-3)


def test_steps_of_a_line_are_its_slope_and_those_of_librosa():
    librosa = pytest.importorskip("librosa")
    line = (3.0 * np.arange(20) + 1.0).astype(np.float32)[:, None]
    np.testing.assert_allclose(f.steps(line)[2:-2], 3.0, rtol=1e-5)
    curve = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32)
    expected = librosa.feature.delta(curve.T, width=5, order=1, mode="nearest").T
    np.testing.assert_allclose(f.steps(curve), expected, atol=1e-5)


@pytest.mark.parametrize("frequency_hz", [500.0, 1000.0, 3000.0])
def test_centroid_and_roll_offs_of_a_tone_are_its_frequency(frequency_hz):
    samples = tone(frequency_hz)
    khz = frequency_hz / 1000
    assert value(samples, "spectral centroid, median (kHz)") == pytest.approx(khz, abs=0.02)
    assert value(samples, "spectral 50 % roll-off, median (kHz)") == pytest.approx(khz, abs=0.035)
    assert value(samples, "spectral spread, median (kHz)") < 0.1


def test_centroid_of_white_noise_is_the_middle():
    assert value(noise(duration_s=3.0), "spectral centroid, mean (kHz)") == pytest.approx(
        4, abs=0.1
    )
    flatness = value(noise(duration_s=3.0), "spectral flatness, mean (dB)")
    assert flatness > value(tone(), "spectral flatness, mean (dB)") + 10


def test_quantiles_are_those_of_numpy():
    curves = np.random.default_rng(2).normal(size=(37, 4)).astype(np.float32)
    expected = np.quantile(curves, f.QUANTILES, axis=0)
    np.testing.assert_allclose(f._quantiles(curves, f.QUANTILES), expected, atol=1e-5)


def test_trend_of_a_line_is_its_slope_per_second():
    line = (0.5 * np.arange(50))[:, None].astype(np.float32)
    assert f._trend(line)[0] == pytest.approx(0.5 / FRAME_S, rel=1e-4)


def test_pitch_statistics_in_semitones():
    pitch_hz = np.full(100, 55.0, np.float32)
    found = dict(zip(f.PITCH_STATISTICS, f.describe_pitch(pitch_hz), strict=True))
    assert found["mean"] == pytest.approx(12.0, abs=1e-3)  # an octave above 27.5 Hz
    assert found["range between 5th and 95th percentile"] == pytest.approx(0.0, abs=1e-3)
    rising = (55.0 * 2 ** (np.arange(101) / 100)).astype(np.float32)  # an octave in a second
    found = dict(zip(f.PITCH_STATISTICS, f.describe_pitch(rising), strict=True))
    assert found["slope per second"] == pytest.approx(12.0, abs=0.01)
    assert found["maximum"] - found["minimum"] == pytest.approx(12.0, abs=0.01)


def test_pitch_of_an_unvoiced_clip_is_zeros():
    assert not f.describe_pitch(np.full(50, np.nan, np.float32)).any()


def test_modulation_peaks_at_the_rate_of_the_rhythm():
    t = np.arange(400) * FRAME_S
    for rate_hz, band in [(1.4, 0), (3.0, 1), (6.0, 2), (11.0, 3), (20.0, 4)]:
        curve = 5 * np.sin(2 * np.pi * rate_hz * t)
        mel_db = np.repeat(curve[:, None], N_MELS, axis=1).astype(np.float32)
        strength = f.describe_modulation(mel_db).reshape(f.MODULATION_BANDS, -1)
        assert (strength.argmax(axis=1) == band).all()


def test_timing_of_two_tones_with_a_pause():
    beep = tone(200.0, duration_s=0.5)
    samples = np.concatenate([beep, silence(0.4), beep])
    assert value(samples, "duration (s)") == pytest.approx(1.5, abs=0.03)  # with both margins
    assert value(samples, "longest pause (s)") == pytest.approx(0.38, abs=0.05)
    assert value(samples, "share of voiced frames") == pytest.approx(2 / 3, abs=0.08)
    per_second = value(samples, "voiced stretches per second (1/s)")
    assert per_second == pytest.approx(2 / 1.5, abs=0.05)


def test_runs_counted_by_hand():
    flags = np.array([True, True, False, True, False, False, True, True, True])
    assert f._runs(flags).tolist() == [2, 1, 3]


@settings(max_examples=25)
@given(duration_s=st.floats(0.3, 4.0), seed=st.integers(0, 5), hiss=st.booleans())
def test_every_functional_is_finite(duration_s, seed, hiss):
    make = noise if hiss else voice
    samples = make(duration_s=duration_s, seed=seed)
    assert np.isfinite(f.functionals(analyse(samples))).all()


def test_silence_around_and_loudness_change_nothing():
    spoken = voice(duration_s=1.0)
    one = f.functionals(analyse(spoken))
    other = f.functionals(analyse(padded(spoken, 0.333, 0.777) * np.float32(0.01)))
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=0.02)
