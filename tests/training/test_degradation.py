"""Effects and degradations against their physical definitions."""

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from emo.audio import effects
from emo.audio.activity import loudest_rms
from emo.audio.clip import RATE_HZ
from emo.training import degradation as d
from tests.support.signals import silence, tone, voice


def rng(seed=0):
    return np.random.default_rng(seed)


def peak_hz(samples):
    """Return the frequency of the strongest component."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.fft.rfftfreq(len(samples), 1 / RATE_HZ)[spectrum.argmax()]


def band_db(samples, low_hz, high_hz):
    """Return the power between two frequencies."""
    power = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2
    hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    return 10 * np.log10(power[(hz >= low_hz) & (hz < high_hz)].sum() + 1e-12)


def test_transform_length_is_the_shortest_even_one_with_small_prime_factors():
    smooth = {2**i * 3**j * 5**k for i in range(1, 18) for j in range(11) for k in range(8)}
    for n in [*range(1, 400), 64_001, 99_999]:
        assert effects._transform_length(n) == min(size for size in smooth if size >= n), n


@pytest.mark.parametrize("factor", [0.85, 1.15])
def test_change_speed_moves_pitch_and_length(factor):
    result = effects.change_speed(tone(440.0, duration_s=1.0), factor)
    assert len(result) == pytest.approx(RATE_HZ / factor, abs=2)
    assert peak_hz(result) == pytest.approx(440.0 * factor, rel=0.01)


def level_db(samples):
    """Return the mean power."""
    return 10 * np.log10(np.mean(samples.astype(np.float64) ** 2))


@pytest.mark.parametrize("pause_s", [0.0, 0.5, 4.0])
@pytest.mark.parametrize("ratio_db", [20.0, 0.0])
@pytest.mark.parametrize("add", [effects.add_noise, effects.add_babble])
def test_added_noise_has_the_ratio_to_the_speech_without_its_pauses(add, ratio_db, pause_s):
    loud, soft = tone(duration_s=1.0), tone(duration_s=1.0, amplitude=0.25)
    samples = np.concatenate([silence(pause_s), loud, silence(pause_s), soft])
    noise = add(samples, ratio_db, rng()) - samples
    spoken_db = level_db(np.concatenate([loud, soft]))
    assert spoken_db - level_db(noise) == pytest.approx(ratio_db, abs=0.01)


def test_silence_around_does_not_change_the_level_of_the_noise():
    samples = voice(duration_s=2.0)
    around = np.concatenate([silence(3.0), samples, silence(1.0)])
    alone = effects.add_noise(samples, 5.0, rng()) - samples
    within = effects.add_noise(around, 5.0, rng()) - around
    assert level_db(within) == pytest.approx(level_db(alone), abs=0.05)


def test_faint_sound_between_the_speech_does_not_count_as_speech():
    faint = tone(duration_s=1.0, amplitude=0.5 * 10 ** (-40 / 20))  # below the threshold of 30 dB
    samples = np.concatenate([tone(duration_s=1.0), faint])
    noise = effects.add_noise(samples, 10.0, rng()) - samples
    assert level_db(tone(duration_s=1.0)) - level_db(noise) == pytest.approx(10.0, abs=0.01)


def test_pink_noise_falls_by_three_decibels_per_octave():
    noise = effects.mix_at_snr(
        tone(100.0, duration_s=8.0), effects._spectral_noise(8 * RATE_HZ, rng(), 0.5), 0
    )
    noise = noise - tone(100.0, duration_s=8.0)
    per_octave = [band_db(noise, f, 2 * f) - 10 * np.log10(f) for f in (400, 800, 1600, 3200)]
    np.testing.assert_allclose(np.diff(per_octave), -3.01, atol=0.5)


def test_babble_of_silence_is_silence():
    samples = voice(duration_s=1.5)
    added = effects.add_babble(samples, 5.0, rng()) - samples
    assert np.abs(added).max() > 0
    assert not np.abs(effects.add_babble(silence(1.0), 5.0, rng())).max()


def test_reverberation_falls_by_sixty_decibels():
    click = np.zeros(RATE_HZ, np.float32)
    click[0] = 1.0
    wet = effects.reverberate(click, 0.5, 0.0, rng()).astype(np.float64)
    assert np.sum(wet[1:] ** 2) == pytest.approx(1.0, rel=1e-3)  # as strong as the direct sound
    early, late = np.sum(wet[800:1600] ** 2), np.sum(wet[4800:5600] ** 2)
    assert 10 * np.log10(early / late) == pytest.approx(60 * 4000 / (0.5 * RATE_HZ), abs=2.5)


def test_telephone_passes_speech_and_cuts_the_rest():
    low, middle, high = (
        band_db(effects.telephone(tone(f, duration_s=1.0)), f - 50, f + 50)
        - band_db(tone(f, duration_s=1.0), f - 50, f + 50)
        for f in (100.0, 1000.0, 6000.0)
    )
    assert abs(middle) < 1.0
    assert low < -20
    assert high < -20


@pytest.mark.parametrize("n", [40, 3000, 2**15, 100_000])
def test_telephone_band_equals_the_filter_of_scipy(n):
    samples = rng().normal(0.1, 0.3, n)
    band = butter(4, effects.TELEPHONE_HZ, "bandpass", fs=RATE_HZ, output="sos")
    np.testing.assert_allclose(
        effects.limit_band(samples), sosfiltfilt(band, samples), rtol=0, atol=1e-12
    )


def test_equaliser_of_equal_gains_is_a_gain():
    samples = voice(duration_s=0.7)
    result = effects.equalise(samples, np.full(8, 6.0, np.float32))
    np.testing.assert_allclose(result, samples * 10 ** (6 / 20), atol=1e-4)


def test_mp3_keeps_a_tone_and_changes_samples():
    samples = tone(500.0, duration_s=1.0)
    result = effects.recode_mp3(samples)
    assert peak_hz(result) == pytest.approx(500.0, abs=3)
    assert loudest_rms(result) == pytest.approx(loudest_rms(samples), rel=0.1)
    assert not np.array_equal(result[: len(samples)], samples)


def test_clipping_cuts_the_peaks_off():
    result = effects.clip_loud(tone(200.0, duration_s=0.5), 12.0)
    assert np.abs(result).max() <= 1.0
    assert (np.abs(result) > 0.99).mean() > 0.7


def test_excerpt_has_its_length_and_lies_within_the_sound():
    spoken = np.concatenate([silence(1.0), voice(duration_s=1.0), silence(1.0)])
    for seed in range(10):
        result = effects.excerpt(spoken, 0.5, rng(seed))
        assert len(result) == RATE_HZ // 2
        assert np.abs(result).max() > 0
    assert len(effects.excerpt(tone(duration_s=0.3), 0.5, rng())) <= 0.31 * RATE_HZ


def test_random_degradations_differ_and_are_finite():
    samples = voice(duration_s=1.2)
    copies = [d.random_degradation(samples, rng(seed)) for seed in range(40)]
    assert all(np.isfinite(c).all() and c.dtype == np.float32 and len(c) > 4000 for c in copies)
    different = {c.tobytes() for c in copies}
    assert len(different) > 35
