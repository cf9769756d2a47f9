"""Functionals against curves of known statistics, and against librosa and scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emo.audio.activity import Span
from emo.features import functionals as f
from emo.features.frames import (
    FRAME_S,
    HOP,
    N_MELS,
    Frames,
    analyse,
    mel_centres_hz,
    mel_weights,
    to_db,
)
from tests.features.librosa_oracle import load_librosa
from tests.support.signals import noise, padded, silence, tone, voice


def value(samples, name):
    names = f.functional_names()
    return f.compute_functionals(analyse(samples))[names.index(name)]


def silent_frames(n=100, **changed):
    """Return frames of silence without a pitch, except for the fields given."""
    parts = {
        "power": np.zeros((n, 257), np.float32),
        "mel_db": np.zeros((n, N_MELS), np.float32),
        "level_db": np.full(n, -60.0, np.float32),
        "pitch_hz": np.full(n, np.nan, np.float32),
        "strength": np.zeros(n, np.float32),
    } | {name: np.asarray(curve, np.float32) for name, curve in changed.items()}
    mel = parts["power"] @ mel_weights()
    if "power" in changed:
        parts["mel_db"] = to_db(mel)
    return Frames(span=Span(0, n * HOP, 1.0), mel=mel, **parts)


def lines(power_at_hz):
    """Return the power spectrum of a frame with lines at these frequencies, float32 (257,)."""
    spectrum = np.zeros(257, np.float32)
    for frequency_hz, power in power_at_hz.items():
        spectrum[round(frequency_hz / 31.25)] = power
    return spectrum


def spectral(frames):
    """Return the curves of the spectrum by name."""
    names = [name for name, _ in f.SPECTRUM]
    return dict(zip(names, f.spectral_descriptors(frames).T, strict=True))


def timing(frames):
    """Return the numbers of the timing by name."""
    names = [name for name, _ in f.TIMING]
    return dict(zip(names, f.describe_timing(frames), strict=True))


def test_names_are_unique_and_match_the_vector():
    names = f.functional_names()
    vector = f.compute_functionals(analyse(voice()))
    assert len(names) == len(set(names)) == len(vector) >= 300
    assert vector.dtype == np.float32
    assert {group for _, group in f.functional_table()} == {
        "cepstrum",
        "spectrum",
        "energy",
        "pitch",
        "timing",
    }


def test_names_end_with_the_unit_of_each_statistic():
    assert set(f.functional_names()) >= {
        "level, mean (dB)",
        "level, slope (dB/s)",
        "level, mean absolute step (dB/frame)",
        "level, 95th percentile of steps (dB/frame)",
        "voicing strength, mean",
        "voicing strength, slope (1/s)",
        "spectral slope below 500 Hz, slope (dB/kHz/s)",
        "pitch, median (semitones)",
        "pitch, first third less the mean (semitones)",
        "pitch, jitter",
        "band around 125 Hz, voiced mean (dB)",
    }


@pytest.mark.slow
def test_cepstra_equal_those_of_librosa():
    librosa = load_librosa()
    mel_db = np.random.default_rng(0).normal(-20, 10, (30, N_MELS)).astype(np.float32)
    expected = librosa.feature.mfcc(S=mel_db.T, n_mfcc=f.N_CEPSTRA + 1, norm="ortho")[1:].T
    np.testing.assert_allclose(f.cepstra(mel_db), expected, atol=1e-3)


def test_steps_of_a_line_are_its_slope_as_in_librosa():
    librosa = load_librosa()
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


def test_skewness_of_two_lines_by_hand():
    # a fifth of the power lies in the upper line: (1 - 2 q) / sqrt(q (1 - q)) with q = 0.2
    result = spectral(
        silent_frames(power=[lines({1000: 0.8, 3000: 0.2}), lines({1000: 0.2, 3000: 0.8})])
    )
    np.testing.assert_allclose(result["centroid"], [1.4, 2.6], atol=1e-3)
    np.testing.assert_allclose(result["spread"], 0.8, atol=1e-3)
    np.testing.assert_allclose(result["skewness"], [1.5, -1.5], atol=1e-3)


def test_flux_is_the_root_of_two_where_one_tone_becomes_another_and_zero_elsewhere():
    first, second = lines({1000: 1.0}), lines({3000: 0.1})
    flux = spectral(silent_frames(power=[first] * 5 + [second] * 5))["flux"]
    np.testing.assert_allclose(flux[5], np.sqrt(2.0), atol=1e-3)
    np.testing.assert_allclose(np.delete(flux, 5), 0.0, atol=1e-3)


def test_band_slopes_of_lines_in_khz_are_theirs():
    khz = mel_centres_hz() / 1000
    zones = [khz < 0.5, (khz >= 0.5) & (khz < 1.5), (khz >= 1.5) & (khz < 5.0)]
    curve = np.select(zones, [4 * khz - 30, -8 * khz - 10, -3 * khz - 20], 50 * khz)
    result = spectral(silent_frames(1, mel_db=curve[None]))
    assert result["slope below 500 Hz"] == pytest.approx(4.0, abs=1e-3)
    assert result["slope 500 to 1500 Hz"] == pytest.approx(-8.0, abs=1e-3)
    assert result["slope 1.5 to 5 kHz"] == pytest.approx(-3.0, abs=1e-3)


def test_alpha_ratio_and_hammarberg_index_by_hand():
    power = lines({500: 0.5, 750: 0.5, 1500: 0.06, 2000: 0.02, 4500: 0.02, 6000: 50.0})
    result = spectral(silent_frames(power=power[None]))
    assert result["alpha ratio"] == pytest.approx(10.0, abs=0.01)  # 1.0 to 0.1
    assert result["Hammarberg index"] == pytest.approx(10 * np.log10(25), abs=0.01)  # 0.5 to 0.02


@pytest.mark.parametrize(("strength", "ratio_db"), [(0.5, 0.0), (10 / 11, 10.0), (1.0, 19.956)])
def test_harmonics_to_noise_ratio_by_hand(strength, ratio_db):
    frames = silent_frames(50, strength=np.full(50, strength))
    names = f.functional_names()
    result = f.compute_functionals(frames)[names.index("harmonics-to-noise ratio, mean (dB)")]
    assert result == pytest.approx(ratio_db, abs=0.01)  # the last one is held at 0.99


def test_harmonics_to_noise_ratio_of_a_tone_is_above_that_of_noise():
    name = "harmonics-to-noise ratio, median (dB)"
    assert value(tone(200.0), name) > 15 > 0 > value(noise(), name)


def test_quantiles_equal_those_of_numpy():
    curves = np.random.default_rng(2).normal(size=(37, 4)).astype(np.float32)
    expected = np.quantile(curves, f.QUANTILES, axis=0)
    np.testing.assert_allclose(f.quantiles(curves, f.QUANTILES), expected, atol=1e-5)


def test_trend_of_a_line_is_its_slope_per_second():
    line = (0.5 * np.arange(50))[:, None].astype(np.float32)
    assert f._trend(line)[0] == pytest.approx(0.5 / FRAME_S, rel=1e-4)


def test_pitch_statistics_in_semitones():
    pitch_hz = np.full(100, 55.0, np.float32)
    result = dict(zip(f.PITCH_STATISTICS, f.describe_pitch(pitch_hz), strict=True))
    assert result["mean"] == pytest.approx(12.0, abs=1e-3)  # an octave above 27.5 Hz
    assert result["range between 5th and 95th percentile"] == pytest.approx(0.0, abs=1e-3)
    rising = (55.0 * 2 ** (np.arange(101) / 100)).astype(np.float32)  # an octave in a second
    result = dict(zip(f.PITCH_STATISTICS, f.describe_pitch(rising), strict=True))
    assert result["slope"] == pytest.approx(12.0, abs=0.01)
    assert result["maximum"] - result["minimum"] == pytest.approx(12.0, abs=0.01)


def test_jitter_is_the_median_relative_change_of_the_voiced_frames():
    rising = (100.0 * 1.01 ** np.arange(60)).astype(np.float32)  # each 1 % above the last
    rising[40:] *= 2.0  # one leap, which a median does not see
    result = dict(zip(f.PITCH_STATISTICS, f.describe_pitch(rising), strict=True))
    assert result["jitter"] == pytest.approx(0.01 / 1.01, rel=1e-3)
    gaps = np.insert(rising, [10, 10, 30], np.nan)
    np.testing.assert_array_equal(f.describe_pitch(gaps), f.describe_pitch(rising))


def test_statistics_of_a_curve_in_three_flat_parts():
    curve = np.repeat([0.0, 1.0, 5.0], 30).astype(np.float32)[:, None]  # mean 2
    result = dict(zip(f.STATISTICS, f.describe(curve, curve[:, 0] > 0.5)[0], strict=True))
    assert result["first third less the mean"] == pytest.approx(-2.0)
    assert result["last third less the mean"] == pytest.approx(3.0)
    assert result["voiced mean"] == pytest.approx(3.0)
    assert result["voiced standard deviation"] == pytest.approx(2.0)
    # a leap of h is seen by four steps, which add up to h: by 0.2, 0.3, 0.3 and 0.2
    assert result["mean absolute step"] == pytest.approx(5.0 / 90)
    falling = dict(zip(f.STATISTICS, f.describe(-curve, curve[:, 0] > 0.5)[0], strict=True))
    assert falling["mean absolute step"] == pytest.approx(5.0 / 90)


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


def test_loudness_peaks_per_second_leave_out_quiet_ones():
    t = np.arange(400) * FRAME_S
    level = -10 - 5 * np.cos(2 * np.pi * 4 * t)  # four peaks in each of four seconds
    assert timing(silent_frames(400, level_db=level))["loudness peaks per second"] == pytest.approx(
        4.0
    )
    level[200:] -= 20
    assert timing(silent_frames(400, level_db=level))["loudness peaks per second"] == pytest.approx(
        2.0
    )


def test_rise_and_fall_of_a_sawtooth_are_its_slopes():
    rise, fall = np.linspace(-50, -10, 101), np.linspace(-10, -50, 201)[1:]
    result = timing(silent_frames(301, level_db=np.concatenate([rise, fall])))
    assert result["mean rise of loudness"] == pytest.approx(40.0, rel=0.05)  # smoothed at the ends
    assert result["mean fall of loudness"] == pytest.approx(-20.0, rel=0.05)


def test_places_of_the_loudest_moment_and_the_highest_pitch():
    level, pitch_hz = np.full(200, -20.0), np.full(200, np.nan)
    level[60] = -5.0
    pitch_hz[20:180] = 120.0
    pitch_hz[150] = 250.0
    result = timing(silent_frames(200, level_db=level, pitch_hz=pitch_hz))
    assert result["place of the loudest moment"] == pytest.approx(0.3)
    assert result["place of the highest pitch"] == pytest.approx(0.75)
    unvoiced = timing(silent_frames(200, level_db=level))
    assert unvoiced["place of the highest pitch"] == pytest.approx(0.5)


def test_runs_counted_by_hand():
    flags = np.array([True, True, False, True, False, False, True, True, True])
    assert f._runs(flags).tolist() == [2, 1, 3]


@settings(max_examples=25)
@given(duration_s=st.floats(0.3, 4.0), seed=st.integers(0, 5), hiss=st.booleans())
@pytest.mark.slow
def test_every_functional_is_finite(duration_s, seed, hiss):
    make = noise if hiss else voice
    samples = make(duration_s=duration_s, seed=seed)
    assert np.isfinite(f.compute_functionals(analyse(samples))).all()


def test_silence_around_and_loudness_do_not_change_functionals():
    spoken = voice(duration_s=1.0)
    first = f.compute_functionals(analyse(spoken))
    second = f.compute_functionals(analyse(padded(spoken, 0.333, 0.777) * np.float32(0.01)))
    np.testing.assert_allclose(first, second, rtol=1e-3, atol=0.02)
