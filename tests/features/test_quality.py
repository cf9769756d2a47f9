"""Quality of recordings against known mixtures, tones and bands."""

import math
from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.audio import effects
from emo.audio.activity import loudest_rms, speech_rms
from emo.audio.clip import RATE_HZ, Clip, decode
from emo.evaluation.sounds.music import band_of_noise
from emo.features.frames import analyse
from emo.features.quality import (
    CLIPPED_SHARE,
    HELD_SAMPLES,
    NARROW_HZ,
    NOISY_DB,
    OF_ALTERING,
    SHORT_S,
    Quality,
    compare_altered,
    flat_share,
    measure_quality,
    quality_warnings,
)
from tests.support.signals import encoded, noise, padded, silence, tone, voice

GOOD = Quality(3.0, 48_000, 1, -3.0, -20.0, 0.0, 35.0, 0.9, 8000.0)


def measured(samples, **more):
    return measure_quality(Clip(np.asarray(samples, np.float32), RATE_HZ, 1, "0" * 64, **more))


def spoken(seed=0):
    """Return a voice with little noise and a pause of half a second on each side."""
    return padded(voice((140.0, 190.0), 2.0, breath_db=-60.0, seed=seed), 0.5, 0.5)


def test_frames_that_are_given_are_used():
    clip = Clip(spoken(), RATE_HZ, 1, "0" * 64)
    assert measure_quality(clip, analyse(clip.samples)) == measure_quality(clip)


@given(st.lists(st.sampled_from([-0.5, -0.3, 0.0, 0.2, 0.5]), min_size=1, max_size=60))
def test_flat_share_equals_that_of_a_loop(values):
    runs = [(value, len(list(run))) for value, run in groupby(values)]
    peak = max(abs(value) for value in values)
    heights = {max(values): max(values), min(values): -min(values)}
    if len(heights) == 1:
        heights = {values[0]: peak}
    tops = {value for value, height in heights.items() if height and height >= peak / 2}
    expected = sum(length for value, length in runs if value in tops and length >= HELD_SAMPLES)
    assert flat_share(np.array(values, np.float32)) == pytest.approx(expected / len(values))


def test_levels_of_a_tone():
    result = measured(tone(amplitude=0.5))
    assert result.peak_db == pytest.approx(-6.02, abs=0.01)
    assert result.speech_db == pytest.approx(-9.03, abs=0.02)


def test_silence_around_does_not_lower_the_level_of_the_speech():
    alone, within = measured(voice()), measured(padded(voice(), 1.0, 2.0))
    assert within.speech_db == pytest.approx(alone.speech_db, abs=0.1)


@pytest.mark.parametrize("turned_down_db", [0.0, -12.0])
@pytest.mark.parametrize("over_db", [3.0, 12.0])
def test_clipped_share_of_an_overdriven_sine(over_db, turned_down_db):
    samples = effects.clip_loud(tone(200.0), over_db)
    result = measured(effects.amplify(samples, turned_down_db))
    cut_off = 1 - 2 / math.pi * math.asin(10 ** (-over_db / 20))
    assert result.clipped == pytest.approx(cut_off, abs=0.03)


@pytest.mark.parametrize("samples", [tone(200.0), voice(), voice(level_db=-60.0), noise()])
def test_sound_below_full_scale_is_not_clipped(samples):
    whole = np.round(samples * 32768) / 32768
    assert measured(whole).clipped < 1e-4


def test_one_side_alone_can_be_clipped():
    assert measured(np.minimum(tone(200.0), 0.4)).clipped == pytest.approx(
        math.acos(0.8) / math.pi, abs=0.01
    )


def test_clipping_of_the_source_is_kept_after_resampling():
    overdriven = effects.clip_loud(tone(200.0, rate_hz=48_000), 6.0)
    result = measure_quality(decode(encoded(overdriven, 48_000, subtype="PCM_16")))
    assert result.clipped == pytest.approx(1 - 2 / math.pi * math.asin(10**-0.3), abs=0.03)
    assert result.source_rate_hz == 48_000


@pytest.mark.parametrize("tilt", [0.0, 0.5], ids=["white", "pink"])
@pytest.mark.parametrize("ratio_db", [30.0, 20.0, 10.0, 5.0])
def test_noise_of_a_known_mixture_is_measured_within_three_decibels(ratio_db, tilt):
    for seed in range(3):
        clean = spoken(seed)
        more_db = 20 * math.log10(loudest_rms(clean) / speech_rms(clean))
        rng = np.random.default_rng(seed)
        mixture = effects.add_noise(clean, ratio_db - more_db, rng, tilt)
        assert measured(mixture).noise_below_db == pytest.approx(ratio_db, abs=3.0)


def test_noise_as_loud_as_the_voice_is_below_its_limit():
    mixture = effects.add_noise(spoken(), 0.0, np.random.default_rng(0))
    assert measured(mixture).noise_below_db < NOISY_DB / 2


def test_the_noise_estimate_does_not_depend_on_level_or_digital_silence():
    mixture = effects.add_noise(spoken(), 15.0, np.random.default_rng(0))
    result = measured(mixture).noise_below_db
    assert measured(mixture * 0.03).noise_below_db == pytest.approx(result, abs=0.1)
    assert measured(padded(mixture, 2.0, 1.0)).noise_below_db == pytest.approx(result, abs=1.5)


def test_long_clip_is_measured_as_its_part():
    mixture = effects.add_noise(spoken(), 15.0, np.random.default_rng(0))
    result = measured(np.tile(mixture, 21))
    assert result.duration_s == pytest.approx(63.0)  # enough for frames to be left out
    expected_db = measured(mixture).noise_below_db
    assert result.noise_below_db == pytest.approx(expected_db, abs=0.5)


def test_without_pauses_noise_is_not_estimated():
    assert measured(voice(duration_s=0.6)).noise_below_db is None
    assert measured(padded(voice(duration_s=1.0), 1.0, 1.0)).noise_below_db is None


def test_share_of_speech():
    result = measured(padded(voice(duration_s=2.0), 1.0, 1.0))
    assert 0.5 <= result.speech <= (2.0 + 2 * 0.16) / 4.0
    assert result.speech_s == pytest.approx(result.speech * 4.0)
    assert measured(voice(duration_s=2.0)).speech == 1.0
    assert measured(noise(2.0)).speech < 0.2


@pytest.mark.parametrize("high_hz", [2000.0, 3300.0, 5100.0, 7000.0])
def test_bandwidth_of_band_limited_noise(high_hz):
    samples = 0.1 * band_of_noise(2 * RATE_HZ, 100.0, high_hz, np.random.default_rng(0))
    result = measured(samples).bandwidth_hz
    assert result == pytest.approx(high_hz, abs=250.0)
    assert measured(noise(1.0)).bandwidth_hz == 8000.0


def test_telephone_is_narrow_and_its_source_is_not():
    samples = voice() + noise(2.0, level_db=-45.0)
    assert measured(samples).bandwidth_hz > 6000.0
    assert measured(effects.telephone(samples)).bandwidth_hz <= NARROW_HZ
    eight = decode(encoded(noise(1.0, rate_hz=8000), 8000))
    assert measure_quality(eight).bandwidth_hz <= NARROW_HZ


@pytest.mark.parametrize(
    ("name", "value", "limit", "says"),
    [
        ("duration_s", 0.8, SHORT_S, "0.8 s"),
        ("speech", 0.3, SHORT_S / 3.0, "0.9 s of the 3.0 s"),
        ("noise_below_db", 4.4, NOISY_DB + 0.1, "4 dB"),
        ("noise_below_db", -3.0, NOISY_DB + 0.1, "0 dB"),
        ("bandwidth_hz", 3500.0, NARROW_HZ + 250.0, "3,500 Hz"),
        ("clipped", 0.12, CLIPPED_SHARE - 0.001, "12 %"),
    ],
)
def test_value_beyond_a_limit_is_a_warning_with_the_value(name, value, limit, says):
    (result,) = quality_warnings(replace(GOOD, **{name: value})).items()
    assert result[0] == name
    assert says in result[1]
    assert result[1].endswith(".")
    assert quality_warnings(replace(GOOD, **({"speech": 1.0} | {name: limit}))) == {}


def test_good_recording_has_no_warnings():
    assert quality_warnings(GOOD) == {}
    assert quality_warnings(replace(GOOD, noise_below_db=None)) == {}


def test_the_dictionary_is_plain_and_rounded():
    result = replace(GOOD, clipped=0.123456789, noise_below_db=None, peak_db=-3.14159).to_dict()
    assert result["clipped"] == 0.12346
    assert result["peak_db"] == -3.1
    assert result["noise_below_db"] is None
    assert len(result["quality_warnings"]) == 1


def test_faint_and_empty_sound_has_finite_values():
    result = measured(np.concatenate([silence(1.0), tone(duration_s=0.2, amplitude=1e-4)]))
    assert all(math.isfinite(v) for v in (result.peak_db, result.speech_db, result.bandwidth_hz))
    assert result.noise_below_db is None


def test_warnings_of_an_alteration_do_not_advise_another_recording():
    noisy = replace(GOOD, noise_below_db=4.0)
    result = compare_altered(noisy, GOOD)
    assert result.altered == {"noise_below_db"}
    assert quality_warnings(result)["noise_below_db"] != quality_warnings(noisy)["noise_below_db"]
    assert OF_ALTERING in quality_warnings(result)["noise_below_db"]
    assert "4 dB" in quality_warnings(result)["noise_below_db"]
    # What the recording had before stays its own, with what would work.
    narrow = replace(GOOD, bandwidth_hz=3000.0)
    both = compare_altered(replace(narrow, noise_below_db=4.0), narrow)
    assert both.altered == {"noise_below_db"}
    assert quality_warnings(both)["bandwidth_hz"] == quality_warnings(narrow)["bandwidth_hz"]
    assert "altered" not in both.to_dict()
