"""Alterations of sines of known frequency and of mixtures with known noise."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emo.audio import effects
from emo.audio.activity import loudest_rms
from emo.audio.alteration import (
    NEUTRAL,
    RANGES,
    Alteration,
    alter_clip,
    apply,
    shift_pitch,
    stretch,
)
from emo.audio.clip import RATE_HZ, Clip
from emo.errors import SettingError, SilentError, TooLongError, TooShortError
from emo.features.frames import analyse
from tests.support.signals import noise, silence, tone, voice


def clip(samples, **more):
    return Clip(np.asarray(samples, np.float32), 44_100, 2, "0" * 64, **more)


def peak_hz(samples):
    """Frequency of the strongest component, to a fraction of a hertz."""
    inside = samples[2000:-2000]
    size = 1 << 18
    spectrum = np.abs(np.fft.rfft(inside * np.hanning(len(inside)), size))
    return spectrum.argmax() * RATE_HZ / size


def pitch_hz(samples):
    return float(np.nanmedian(analyse(samples).pitch_hz))


def bands_db(samples):
    """Mean level in eight wide bands from 700 to 4000 Hz; below, single harmonics count."""
    return analyse(samples).mel_db.mean(axis=0)[16:48].reshape(-1, 4).mean(axis=1)


def test_alter_clip_returns_the_clip_itself_for_neutral_settings():
    samples = voice()
    given_clip = clip(samples)
    assert apply(samples, NEUTRAL) is samples
    assert alter_clip(given_clip, Alteration()) is given_clip
    assert NEUTRAL.phrases() == ()


@pytest.mark.parametrize("frequency_hz", [130.0, 440.0, 1500.0])
@pytest.mark.parametrize("semitones", [-12.0, -3.0, 0.5, 4.0, 12.0])
def test_shift_pitch_moves_a_sine_by_the_ratio_and_keeps_its_length(frequency_hz, semitones):
    samples = tone(frequency_hz, duration_s=1.5)
    found = shift_pitch(samples, semitones)
    assert len(found) == len(samples)
    assert peak_hz(found) == pytest.approx(frequency_hz * 2 ** (semitones / 12), rel=2e-3)


@pytest.mark.parametrize("frequency_hz", [130.0, 440.0, 1500.0])
@pytest.mark.parametrize("factor", [0.5, 0.8, 1.3, 2.0])
def test_stretch_keeps_the_frequency_and_level_of_a_sine(frequency_hz, factor):
    samples = tone(frequency_hz, duration_s=1.5)
    found = stretch(samples, factor)
    assert len(found) == round(len(samples) * factor)
    assert peak_hz(found) == pytest.approx(frequency_hz, rel=2e-3)
    assert np.std(found[2000:-2000]) == pytest.approx(np.std(samples), rel=0.03)


def test_stretch_keeps_the_course_of_a_glide():
    found = analyse(stretch(voice((100.0, 200.0), 2.0), 1.5)).pitch_hz
    place = np.linspace(0, 1, len(found))
    heard = ~np.isnan(found) & (place > 0.05) & (place < 0.95)
    np.testing.assert_allclose(found[heard], (100 + 100 * place)[heard], rtol=0.04)


@pytest.mark.parametrize("semitones", [-4.0, 3.0, 7.0])
def test_shift_pitch_keeps_the_formants_of_a_voice(semitones):
    samples = voice(130.0, 2.0, breath_db=-60.0)
    factor = 2 ** (semitones / 12)
    found = shift_pitch(samples, semitones)
    assert pitch_hz(found) == pytest.approx(130.0 * factor, rel=0.01)
    plain = effects.change_speed(stretch(samples, factor), factor)
    moved, kept = (np.abs(bands_db(x) - bands_db(samples)).mean() for x in (plain, found))
    assert kept < 0.5 * moved
    assert loudest_rms(found) == pytest.approx(loudest_rms(samples), rel=0.06)


def test_apply_changes_length_by_speed_and_pitch_by_semitones():
    samples = voice(150.0, 2.0)
    found = apply(samples, Alteration(speed=1.25, pitch_semitones=3.0))
    assert len(found) == round(len(samples) / 1.25)
    assert pitch_hz(found) == pytest.approx(150.0 * 2**0.25, rel=0.01)
    assert pitch_hz(apply(samples, Alteration(speed=0.7))) == pytest.approx(150.0, rel=0.01)


def test_apply_adds_the_same_noise_at_each_snr():
    samples = voice()
    strong, weak = (
        apply(samples, Alteration(snr_db=db)).astype(np.float64) - samples for db in (5, 25)
    )
    np.testing.assert_allclose(strong, 10 * weak, atol=1e-6)


def test_apply_adds_noise_at_the_snr_of_a_steady_tone():
    samples = tone(440.0, duration_s=2.0)
    added = apply(samples, Alteration(snr_db=5.0)).astype(np.float64) - samples
    ratio_db = 10 * np.log10(np.mean(samples.astype(np.float64) ** 2) / np.mean(added**2))
    assert ratio_db == pytest.approx(5.0, abs=0.01)


def test_telephone_equals_the_butterworth_filter_of_scipy():
    samples = voice() + noise(2.0, level_db=-30.0)
    np.testing.assert_array_equal(
        apply(samples, Alteration(telephone=True)), effects.telephone(samples)
    )


def test_apply_clips_the_gain_at_full_scale():
    samples = tone(amplitude=0.1)
    np.testing.assert_allclose(apply(samples, Alteration(gain_db=6.0)), samples * 1.9953, atol=1e-4)
    assert np.abs(apply(samples, Alteration(gain_db=40.0))).max() == 1.0


@pytest.mark.parametrize("name", RANGES)
def test_alteration_rejects_numbers_outside_their_range(name):
    low, high = RANGES[name]
    change: Any = replace
    for value in (low, high):
        change(NEUTRAL, **{name: value})
    for value in (low - 0.1, high + 0.1, float("nan"), float("inf")):
        with pytest.raises(
            SettingError, match=rf"is {value:g}; it can be from {low:g} to {high:g}"
        ):
            change(NEUTRAL, **{name: value})


def test_alter_clip_adds_a_warning_and_keeps_the_other_fields():
    before = clip(voice(), warnings=("Quiet.",), clipped=0.25)
    found = alter_clip(before, Alteration(10.0, 1.1, -1.0, True, 6.0))
    assert found.warnings == (
        "The answers are for the changed clip: 1.1 times as fast, 1 semitone lower, "
        "noise at an SNR of 10 dB, telephone band, 6 dB louder.",
        "Quiet.",
    )
    assert (found.source_rate_hz, found.sha256, found.clipped) == (44_100, before.sha256, 0.25)
    assert found.duration_s == pytest.approx(2.0 / 1.1, abs=1e-3)
    assert not found.samples.flags.writeable


def test_alter_clip_rejects_a_result_outside_the_limits():
    with pytest.raises(TooShortError, match=r"2 times as fast, the clip lasts 0\.25 s"):
        alter_clip(clip(tone(duration_s=0.5)), Alteration(speed=2.0))
    with pytest.raises(TooLongError, match=r"0\.5 times as fast, the clip lasts 16\.7 minutes"):
        alter_clip(clip(silence(500.0)), Alteration(speed=0.5))
    with pytest.raises(SilentError, match="40 dB softer"):
        alter_clip(clip(tone(amplitude=0.01)), Alteration(gain_db=-40.0))


@settings(max_examples=25)
@given(
    st.builds(
        Alteration,
        snr_db=st.none() | st.floats(*RANGES["snr_db"]),
        speed=st.floats(*RANGES["speed"]),
        pitch_semitones=st.floats(*RANGES["pitch_semitones"]),
        telephone=st.booleans(),
        gain_db=st.floats(*RANGES["gain_db"]),
    ),
    st.integers(int(0.3 * RATE_HZ), RATE_HZ),
)
@pytest.mark.slow
def test_apply_is_deterministic_and_finite_for_any_settings(chosen, n):
    samples = voice(duration_s=1.0)[:n]
    found = apply(samples, chosen)
    assert found.dtype == np.float32
    assert len(found) == round(n / chosen.speed)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, apply(samples, chosen))
