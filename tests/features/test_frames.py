"""Frames and spectrograms against sounds of known properties, and against librosa."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emo.audio import activity
from emo.audio.clip import RATE_HZ
from emo.features import frames as features_frames
from tests.features.librosa_oracle import load_librosa
from tests.support.signals import chirp, noise, padded, silence, tone, voice


def test_mel_scale_is_htk_and_inverts():
    librosa = load_librosa()
    hz = np.array([50.0, 440.0, 1000.0, 7999.0])
    np.testing.assert_allclose(
        features_frames.hz_to_mel(hz), librosa.hz_to_mel(hz, htk=True), rtol=1e-6
    )
    np.testing.assert_allclose(
        features_frames.mel_to_hz(features_frames.hz_to_mel(hz)), hz, rtol=1e-9
    )


@pytest.mark.slow
def test_mel_filters_equal_those_of_librosa():
    librosa = load_librosa()
    low, high = features_frames.MEL_RANGE_HZ
    expected = librosa.filters.mel(
        sr=RATE_HZ,
        n_fft=features_frames.WINDOW,
        n_mels=features_frames.N_MELS,
        fmin=low,
        fmax=high,
        htk=True,
        norm=None,
    )
    np.testing.assert_allclose(features_frames.mel_weights().T, expected, atol=1e-6)


@pytest.mark.slow
def test_log_mel_equals_that_of_librosa():
    librosa = load_librosa()
    samples = voice(duration_s=1.0)
    scaled = samples / activity.loudest_rms(samples)
    power = librosa.feature.melspectrogram(
        y=scaled,
        sr=RATE_HZ,
        n_fft=features_frames.WINDOW,
        hop_length=features_frames.HOP,
        window="hann",
        center=True,
        pad_mode="constant",
        n_mels=features_frames.N_MELS,
        fmin=features_frames.MEL_RANGE_HZ[0],
        fmax=features_frames.MEL_RANGE_HZ[1],
        htk=True,
        norm=None,
    )
    window = features_frames._hann(features_frames.WINDOW)
    # librosa's power is two-sided and not divided by the window's energy.
    expected = features_frames.to_db(2 * power.T / (features_frames.WINDOW * np.sum(window**2)))
    np.testing.assert_allclose(
        features_frames.measure_pictures(samples).mel_db, expected, atol=0.01
    )


def test_frame_of_a_steady_tone_has_power_one():
    frames = features_frames.analyse(tone(1000.0, duration_s=1.0))
    inside = slice(20, -20)
    np.testing.assert_allclose(frames.power[inside].sum(axis=1), 1.0, rtol=5e-3)
    np.testing.assert_allclose(frames.level_db[inside], 0.0, atol=0.03)


@pytest.mark.parametrize("frequency_hz", [150.0, 440.0, 1000.0, 3000.0, 7000.0])
def test_tone_is_strongest_in_its_mel_band(frequency_hz):
    loudest = features_frames.measure_pictures(tone(frequency_hz)).mel_db.mean(axis=0).argmax()
    centres = features_frames.mel_centres_hz()
    assert loudest == np.abs(centres - frequency_hz).argmin()


@pytest.mark.parametrize("pitch_hz", [80.0, 120.0, 200.0, 331.0, 500.0])
def test_pitch_of_a_voice(pitch_hz):
    frames = features_frames.analyse(voice(pitch_hz, duration_s=1.0))
    result = frames.pitch_hz[~np.isnan(frames.pitch_hz)]
    assert len(result) > 40
    cents = 1200 * np.log2(np.median(result) / pitch_hz)
    assert abs(cents) < 20


def test_pitch_follows_a_chirp():
    frames = features_frames.analyse(chirp(100.0, 400.0, duration_s=3.0))
    t = np.arange(len(frames.pitch_hz)) * features_frames.FRAME_S - 0.05  # the margin comes first
    inside = (t > 0.2) & (t < 2.8)
    expected = 100 + 300 * t[inside] / 3.0
    assert np.nanmedian(np.abs(frames.pitch_hz[inside] / expected - 1)) < 0.01


def test_noise_has_no_pitch():
    frames = features_frames.analyse(noise(duration_s=2.0))
    assert np.isnan(frames.pitch_hz).mean() > 0.95


def test_active_span_of_a_tone_in_silence():
    samples = padded(tone(duration_s=1.0), 0.5, 0.7)
    start, stop = activity.active_span(samples)
    half_window = RATE_HZ // 80
    assert start == pytest.approx(0.5 * RATE_HZ, abs=half_window)
    assert stop == pytest.approx(1.5 * RATE_HZ, abs=half_window)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 9000))
@pytest.mark.slow
def test_span_equals_that_of_a_loop_over_windows(seed, n):
    rng = np.random.default_rng(seed)
    loudness = 10.0 ** -rng.uniform(0, 3, 1 + n // 300).repeat(300)[:n]
    samples = (loudness * rng.uniform(-1, 1, n)).astype(np.float32)
    power = samples.astype(np.float64) ** 2
    long, short = min(n, RATE_HZ // 5), RATE_HZ // 40
    rms = max(np.sqrt(power[i : i + long].mean()) for i in range(n - long + 1))
    floor = rms * 10 ** (activity.SPAN_THRESHOLD_DB / 20)
    ends = [
        i for i in range(n + short) if power[max(0, i - short + 1) : i + 1].sum() / short > floor**2
    ]
    span = activity.find_span(samples)
    assert span.rms == pytest.approx(rms, rel=1e-9)
    if n < short:
        assert (span.start, span.stop) == (0, n)
        return
    around = np.arange(max(0, ends[0] - short), min(n, ends[-1] + 1))
    reached = around[np.abs(samples[around]) > floor]
    assert (span.start, span.stop) == (reached[0], reached[-1] + 1)


@pytest.mark.parametrize(
    ("at", "start", "stop"),
    [(3599, 4000, 4001), (3600, 3600, 4001), (4399, 4000, 4400), (4400, 4000, 4001)],
)
def test_faint_sound_is_active_within_a_window_of_loud_sound(at, start, stop):
    samples = np.zeros(8000, np.float32)
    samples[at], samples[4000] = 1e-3, 1.0
    assert activity.active_span(samples) == (start, stop)


def test_frames_do_not_depend_on_the_size_of_blocks(monkeypatch):
    samples = voice((90.0, 240.0), duration_s=1.3)
    expected = features_frames.analyse(samples)
    monkeypatch.setattr(features_frames, "BLOCK_FRAMES", 7)
    result = features_frames.analyse(samples)
    for name in ("power", "mel", "pitch_hz", "strength"):
        np.testing.assert_allclose(getattr(result, name), getattr(expected, name), rtol=1e-6)


def test_strength_is_the_autocorrelation_over_that_of_the_window():
    samples = voice(160.0, duration_s=0.5)
    pitch, strength = features_frames.track_pitch(samples)
    at, width = 25, features_frames.PITCH_WINDOW
    window = np.hanning(width + 1)[:-1]
    frame = samples[at * features_frames.HOP - width // 2 :][:width] * window
    frame = frame - frame.mean()
    lags = np.arange(90, 111)
    own = np.array(
        [[wave[: width - lag] @ wave[lag:] for lag in (0, *lags)] for wave in (frame, window)]
    )
    ratio = own[0, 1:] / (own[0, 0] + 1e-5) / (own[1, 1:] / own[1, 0])
    assert strength[at] == pytest.approx(ratio.max(), abs=1e-5)
    assert RATE_HZ / pitch[at] == pytest.approx(lags[ratio.argmax()], abs=0.5)


@settings(max_examples=25)
@given(
    before=st.integers(0, 2 * RATE_HZ),
    after=st.integers(0, 2 * RATE_HZ),
    gain_db=st.floats(-50, 12),
)
@pytest.mark.slow
def test_silence_around_and_loudness_do_not_change_frames(before, after, gain_db):
    spoken = voice(duration_s=0.8)
    changed = np.concatenate([np.zeros(before), spoken, np.zeros(after)]) * 10 ** (gain_db / 20)
    first, second = (
        features_frames.analyse(spoken),
        features_frames.analyse(changed.astype(np.float32)),
    )
    np.testing.assert_allclose(first.mel_db, second.mel_db, atol=2e-3)
    np.testing.assert_array_equal(np.isnan(first.pitch_hz), np.isnan(second.pitch_hz))
    np.testing.assert_allclose(
        features_frames.log_mel_spectrogram(first),
        features_frames.log_mel_spectrogram(second),
        atol=2e-4,
    )


@given(duration_s=st.floats(0.01, 3.0))
def test_clip_of_any_length_has_finite_frames(duration_s):
    frames = features_frames.analyse(noise(duration_s=duration_s))
    view = features_frames.log_mel_spectrogram(frames)
    assert np.isfinite(frames.mel_db).all()
    assert view.shape[1] == features_frames.N_MELS
    assert len(view) >= 1
    assert view.mean() == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize(("before_s", "duration_s"), [(0.0, 1.0), (0.7, 1.0), (0.3, 0.05)])
def test_span_lies_where_the_sound_is(before_s, duration_s):
    samples = padded(np.ones(round(duration_s * RATE_HZ), np.float32), before_s, 0.4)
    span = activity.find_span(samples)
    start, stop = span.with_margins()
    active = activity.prepare(samples, span)
    assert len(active) == stop - start >= activity.SPAN_MIN
    assert start + np.flatnonzero(active)[0] == round(before_s * RATE_HZ)


def test_silence_has_finite_frames():
    assert np.isfinite(
        features_frames.log_mel_spectrogram(features_frames.analyse(silence(1.0)))
    ).all()


def test_log_mel_spectrogram_is_in_scaled_decibels():
    view = features_frames.log_mel_spectrogram(features_frames.analyse(voice(duration_s=1.0)))
    spread_db = (view.max() - view.min()) * features_frames.SPECTROGRAM_SCALE_DB
    assert 40 < spread_db < 80
