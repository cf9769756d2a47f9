"""Each measurement of speech against known sounds."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.evaluation.sounds.generators import DESIGN, sound
from emo.evaluation.sounds.music import coloured, organ
from emo.features.frames import analyse
from emo.features.measures import Measures, measure, part, stretches
from tests.support.signals import at_level, noise, spoken, tone, voice


def test_measures_of_a_steady_tone():
    result = measure(analyse(tone(250.0, 2.0)))
    assert result.steady > 0.98
    assert result.held > 0.95
    assert result.change_db < 0.6
    assert result.pitch_hz == pytest.approx(250.0, abs=0.5)
    assert result.voiced_s == pytest.approx(2.0, abs=0.05)
    assert result.low < 0.01
    assert result.jumps == 0.0
    assert result.tonal > 0.98


@pytest.mark.parametrize(
    ("semitones_per_s", "steady", "held"),
    [(0.7, 1.0, 1.0), (1.3, 0.0, 1.0), (1.7, 0.0, 1.0), (2.5, 0.0, 0.0), (6.0, 0.0, 0.0)],
)
def test_steady_is_a_twentieth_of_a_semitone_in_50_ms_and_held_a_tenth(
    semitones_per_s, steady, held
):
    stop_hz = 150.0 * 2 ** (2.0 * semitones_per_s / 12)
    t = np.arange(32_000) / 16_000
    rate = np.log(stop_hz / 150.0) / 2.0
    phase = 2 * np.pi * 150.0 * np.expm1(rate * t) / rate
    wave = sum(np.sin(k * phase) / k for k in range(1, 9))
    result = measure(analyse(at_level(wave, -20.0)))
    assert (result.steady, result.held) == pytest.approx((steady, held), abs=0.12)


def test_low_is_the_share_of_power_below_200_hz():
    both = tone(100.0, 2.0, amplitude=0.3) + tone(1000.0, 2.0, amplitude=0.1)
    assert measure(analyse(both)).low == pytest.approx(0.9, abs=0.01)


def test_tonal_is_the_share_of_power_in_four_bins():
    # On a bin of 31.25 Hz a Hann window leaves a sixth, two thirds and a sixth of a tone's power.
    three = tone(1000.0, 2.0) + tone(2000.0, 2.0) + tone(3000.0, 2.0)
    assert measure(analyse(three)).tonal == pytest.approx((2 / 3 * 3 + 1 / 6) / 3, abs=0.02)


def test_jumps_are_counted_where_both_frames_are_voiced():
    frames = analyse(tone(200.0, 1.0))
    pitch_hz = np.full(len(frames.pitch_hz), 200.0, np.float32)
    pitch_hz[10::10] = 240.0  # three semitones up, and down again: two steps of every ten
    pitch_hz[5] = np.nan
    steps = len(pitch_hz) - 1
    jumps = 2 * len(pitch_hz[10::10]) - (len(pitch_hz) % 10 == 1)
    result = measure(replace(frames, pitch_hz=pitch_hz))
    assert result.jumps == pytest.approx(jumps / (steps - 2))
    assert result.voiced_s == pytest.approx((len(pitch_hz) - 6) * 0.01)


def test_change_is_relative_to_the_overall_level():
    t = np.arange(32_000) / 16_000
    steady = np.sin(2 * np.pi * 500 * t) + np.sin(2 * np.pi * 1500 * t)
    swelling = steady * (0.6 + 0.4 * np.sin(2 * np.pi * 2 * t))
    notes = [organ(hz, 0.1, np.random.default_rng(1)) for hz in (200.0, 900.0) * 10]
    change = [
        measure(analyse(at_level(wave, -20.0))).change_db
        for wave in (steady, swelling, np.concatenate(notes))
    ]
    assert change[0] < 0.5
    assert change[1] < 2.0
    assert change[2] > 10.0


def test_change_is_that_of_a_tenth_of_a_second():
    frames = analyse(tone(200.0, 1.0))
    slope = np.where(np.arange(64) < 32, 0.4, -0.4)  # dB in 10 ms, up in one half of the bands
    ramps = np.arange(len(frames.mel_db))[:, None] * slope - 60.0
    result = measure(replace(frames, mel_db=ramps.astype(np.float32)))
    assert result.change_db == pytest.approx(4.0, rel=1e-4)


def test_flicker_and_abrupt_compare_changes_over_short_and_long_times():
    frames = analyse(tone(200.0, 1.0))
    bands = np.where(np.arange(64) < 32, 1.0, -1.0)

    def measured(curve: np.ndarray) -> Measures:
        mel = 10 ** ((curve[:, None] * bands - 10.0) / 10)
        return measure(replace(frames, mel=mel.astype(np.float32)))

    steady = measured(np.arange(len(frames.mel)) * 0.05)  # dB a frame: 1, 5, 10 and 20 times
    assert (steady.flicker, steady.abrupt) == pytest.approx((0.1, 0.25), rel=0.02)
    # Each frame by itself: whatever the time between two of them, they differ as much.
    anew = measured(np.random.default_rng(1).normal(0.0, 3.0, len(frames.mel)))
    assert (anew.flicker, anew.abrupt) == pytest.approx((1.0, 1.0), abs=0.15)


@pytest.mark.parametrize("tilt", [-1.0, -0.5, 0.0, 0.5, 1.0])
@pytest.mark.parametrize("level_db", [-50.0, -20.0])
def test_noise_of_any_colour_flickers_alike(tilt, level_db):
    # Windows of 32 ms, 10 ms apart, share most of their samples: less than 1, and nearly the same.
    wave = coloured(48_000, tilt, np.random.default_rng(2))
    assert measure(analyse(at_level(wave, level_db))).flicker == pytest.approx(0.81, abs=0.03)


def test_recording_without_background_changes_no_faster():
    bare = voice((200.0, 150.0), 3.0, syllables_per_s=7.0, breath_db=-90.0)
    rustling = bare + noise(3.0, level_db=-75.0)
    dry, wet = measure(analyse(bare)), measure(analyse(rustling))
    assert dry.flicker == pytest.approx(wet.flicker, rel=0.05)
    assert dry.abrupt == pytest.approx(wet.abrupt, rel=0.05)


def test_a_glide_ends_where_the_pitch_leaps():
    frames = analyse(tone(200.0, 1.0))
    pitch_hz = np.full(len(frames.pitch_hz), 200.0, np.float32)
    pitch_hz[30:] = 215.0  # 1.25 semitones up
    pitch_hz[90:] = np.nan
    assert measure(replace(frames, pitch_hz=pitch_hz)).glide_s == pytest.approx(0.59)


def test_clear_and_unclear_are_shares_of_loud_frames():
    frames = analyse(tone(200.0, 1.0))
    strength = np.linspace(0.0, 1.0, len(frames.strength), dtype=np.float32)
    level_db = np.where(np.arange(len(strength)) < 10, -60.0, -10.0).astype(np.float32)
    result = measure(replace(frames, strength=strength, level_db=level_db))
    assert result.unclear == pytest.approx(np.percentile(strength[10:], 25), abs=1e-4)
    assert result.clear == pytest.approx(np.percentile(strength[10:], 95), abs=1e-4)
    assert result.swing_db == pytest.approx(0.0, abs=1e-4)


def test_noise_is_even_and_a_tone_is_not():
    # Over bands of equal power both means are the same; of one band in many the geometric is low.
    even = measure(analyse(sound(DESIGN["noise"]["pink noise"], 2.0))).even_db
    assert -4.0 < even <= 0.0
    assert measure(analyse(tone(1000.0, 2.0))).even_db < -30.0


def test_a_monotonous_voice_holds_its_pitch_but_not_its_timbre():
    result = measure(analyse(voice(200.0, 3.0, syllables_per_s=8.0)))
    assert result.steady > 0.9
    assert result.held < 0.5


def test_measures_do_not_depend_on_level():
    samples = spoken(2.0)
    loud, soft = (asdict(measure(analyse(samples * gain))) for gain in (1.0, np.float32(0.01)))
    assert soft == pytest.approx(loud, rel=1e-3)


@given(st.lists(st.booleans(), max_size=40))
def test_stretches_equal_those_of_a_loop(flags):
    inside = {i for start, stop in stretches(np.array(flags, bool)) for i in range(start, stop)}
    assert inside == {i for i, flag in enumerate(flags) if flag}
    edges = [edge for pair in stretches(np.array(flags, bool)) for edge in pair]
    assert edges == sorted(set(edges))


def test_part_of_a_clip_measures_as_a_clip_of_its_own():
    frames = analyse(np.concatenate([spoken(2.0), spoken(2.0, -40.0)]))
    soft, alone = part(frames, 210, 390), part(analyse(spoken(2.0)), 5, 185)
    assert asdict(measure(soft)) == pytest.approx(asdict(measure(alone)), rel=0.1, abs=0.03)


def test_a_few_voiced_frames_have_no_measures_of_pitch():
    frames = analyse(tone(200.0, 2.0))
    few = np.full(len(frames.pitch_hz), np.nan, np.float32)
    few[50:70] = 200.0
    result = measure(replace(frames, pitch_hz=few))
    assert np.isnan([result.steady, result.held, result.jumps]).all()
    assert result.voiced_s == pytest.approx(0.2)
