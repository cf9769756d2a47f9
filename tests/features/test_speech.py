"""Warnings of sounds that are speech or not, and the limits of the measurements."""

import re
from copy import deepcopy
from dataclasses import fields, replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.evaluation.robustness.conditions import CONDITIONS
from emo.evaluation.sounds.generators import DESIGN, HELD_OUT, sound, white
from emo.features.frames import Frames, analyse
from emo.features.likeness import stored
from emo.features.measures import Measures, measure
from emo.features.speech import (
    LIMITS,
    SpeechWarning,
    find_speech,
    speech_warnings,
    unusual_measures,
)
from tests.support.signals import (
    Samples,
    at_level,
    falling,
    noise,
    padded,
    silence,
    spoken,
    tone,
    voice,
)

SPOKEN = Measures(
    duration_s=2.0,
    steady=0.05,
    held=0.05,
    change_db=6.0,
    voiced_s=0.4,
    pitch_hz=190.0,
    low=0.1,
    jumps=0.05,
    tonal=0.6,
    flicker=0.3,
    abrupt=0.68,
    glide_s=0.45,
    unclear=0.6,
    clear=0.98,
    swing_db=7.0,
    even_db=-8.0,
)


def warnings_of(samples: Samples) -> tuple[SpeechWarning, ...]:
    return speech_warnings(analyse(samples))


def spoken_but(name: str, value: float) -> Measures:
    """Return measures of speech with one value changed; for likeness, it is ``abrupt``."""
    return replace(SPOKEN, **{"abrupt" if name == "likeness" else name: value})


def beyond(name: str) -> float:
    """Return a value outside a limit."""
    limit = LIMITS[name]
    if name == "likeness":
        return 1.3
    return limit.lowest * 0.5 if limit.lowest > 0 else limit.highest * 1.04


OFTEN_MISSED = ("drum loop", "dance music", "duo", "trio", "crackle", "clicks", "siren")


def kinds(table):
    return [
        pytest.param(kind, id=name)
        for row in table.values()
        for name, kind in row.items()
        if name not in OFTEN_MISSED
    ]


@pytest.mark.parametrize("kind", kinds(DESIGN))
def test_music_noise_and_signals_have_a_warning(kind):
    assert warnings_of(sound(kind, 3.0, 1))


@pytest.mark.slow
def test_most_sounds_not_used_to_choose_the_limits_have_a_warning():
    flagged = [bool(warnings_of(sound(p.values[0], 3.0, 1))) for p in kinds(HELD_OUT)]
    assert np.mean(flagged) >= 0.7


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (DESIGN["music"]["organ chords"], "music"),
        (DESIGN["music"]["guitar chords"], "music"),
        (DESIGN["noise"]["white noise"], "noise"),
        (DESIGN["noise"]["hum at 50 Hz"], "noise"),
        (DESIGN["tone"]["sine"], "tone"),
        (DESIGN["tone"]["dial tone"], "tone"),
    ],
)
def test_the_likeliest_cause_is_named(kind, expected):
    (warning,) = warnings_of(sound(kind, 3.0, 3))
    assert warning.kind == expected


def test_voice_has_no_warning():
    assert warnings_of(spoken()) == ()


MASKED = ("white-0", "pink-0", "babble-0")
"""Conditions in which a voice may be taken for something else."""


@pytest.mark.parametrize("condition", [k for k in CONDITIONS if k not in MASKED])
def test_degraded_voice_has_no_warning(condition):
    altered = CONDITIONS[condition].apply(falling(320.0, 180.0), np.random.default_rng(1))
    assert warnings_of(altered) == ()


def test_less_than_half_a_second_has_no_warning():
    assert warnings_of(noise(0.3)) == ()
    assert warnings_of(tone(440.0, 0.4)) == ()


def test_half_a_second_is_measured_by_its_timbre_alone():
    for samples in (tone(440.0, 0.6), noise(0.6, seed=2)):
        (warning,) = warnings_of(samples)
        assert "timbre" in warning.sentence
    assert warnings_of(spoken(0.6)) == ()


@pytest.mark.parametrize("level_db", [-50.0, -65.0])
def test_faint_voice_has_no_warning(level_db):
    assert warnings_of(spoken(2.0, level_db)) == ()


def test_faint_noise_is_silence_and_loud_noise_is_not():
    (faint,), (loud,) = (
        warnings_of(noise(2.0, level_db=-65.0)),
        warnings_of(noise(2.0, level_db=-30.0)),
    )
    assert (faint.kind, loud.kind) == ("silence", "noise")
    assert re.search(r"-6[45] dB", faint.sentence)


def test_zeros_are_silence():
    (warning,) = warnings_of(silence(2.0))
    assert warning.kind == "silence"


def stated_gaps_s(warning: SpeechWarning) -> list[tuple[float, float]]:
    pairs = re.findall(r"from ([\d.]+) s to ([\d.]+) s", warning.sentence)
    return [(float(start), float(stop)) for start, stop in pairs]


@pytest.mark.parametrize("filling", ["silence", "noise", "hum"])
def test_gap_has_a_warning_with_its_place(filling):
    inside = {
        "silence": silence(4.0),
        "noise": noise(4.0, level_db=-40.0),
        "hum": at_level(sound(DESIGN["noise"]["hum at 50 Hz"], 4.0), -45.0),
    }[filling]
    clip = np.concatenate([silence(1.5), spoken(2.0), inside, spoken(2.0)])
    (warning,) = warnings_of(clip)
    assert warning.kind == "gap"
    np.testing.assert_allclose(stated_gaps_s(warning), [(3.5, 7.5)], atol=0.2)


def test_music_inside_speech_has_a_warning_with_its_place():
    organist = sound(DESIGN["music"]["organ chords"], 10.0)
    (warning,) = warnings_of(np.concatenate([spoken(6.0), organist, spoken(6.0)]))
    assert warning.kind == "gap"
    np.testing.assert_allclose(stated_gaps_s(warning), [(6.0, 16.0)], atol=2.0)


def test_only_three_gaps_are_listed():
    (warning,) = warnings_of(np.concatenate([spoken(2.0), silence(4.0)] * 5 + [spoken(2.0)]))
    assert len(stated_gaps_s(warning)) == 3
    assert "and 2 more" in warning.sentence


def test_pause_of_two_seconds_is_no_gap():
    assert warnings_of(np.concatenate([spoken(2.0), silence(2.0), spoken(2.0)])) == ()


def test_silence_before_and_after_does_not_count():
    assert warnings_of(padded(spoken(2.0), 8.0, 8.0)) == ()


def test_long_voice_has_no_warning_and_long_music_has_one():
    assert warnings_of(spoken(20.0)) == ()
    (warning,) = warnings_of(sound(DESIGN["music"]["piano melody"], 20.0))
    assert warning.kind != "gap"


def test_soft_part_of_a_long_clip_is_measured_at_its_own_level():
    assert warnings_of(np.concatenate([spoken(6.0), spoken(8.0, -45.0)])) == ()


def test_every_sentence_has_value_limit_and_advice():
    for name in LIMITS:
        odd = unusual_measures(spoken_but(name, beyond(name)))
        assert list(odd) == [name]
        value, _, limit = odd[name].removesuffix(")").partition(" (in speech ")
        sign = re.escape(LIMITS[name].unit.sign)
        assert re.search(rf"\d{sign}( |$)", value)
        assert re.fullmatch(rf"at (least|most) -?[\d.]+{sign}", limit)
    for kind in (white, DESIGN["tone"]["sine"], DESIGN["music"]["organ chords"]):
        (warning,) = warnings_of(sound(kind, 2.0))
        assert warning.sentence.endswith("Use a recording of one person speaking.")


def test_speech_is_within_the_limits_of_all_measurements():
    assert set(LIMITS) <= {field.name for field in fields(Measures)} | {"likeness"}
    assert unusual_measures(SPOKEN) == {}


@pytest.mark.parametrize("name", list(LIMITS))
def test_nan_is_within_every_limit(name):
    assert unusual_measures(spoken_but(name, float("nan"))) == {}


@pytest.mark.parametrize("name", list(LIMITS))
def test_a_limit_holds_from_its_shortest_duration_on(name):
    odd = spoken_but(name, beyond(name))
    shortest_s = LIMITS[name].shortest_s
    assert name in unusual_measures(replace(odd, duration_s=shortest_s))
    assert name not in unusual_measures(replace(odd, duration_s=shortest_s - 0.01))


def test_pitch_that_jumps_to_and_fro_is_unusual():
    frames = analyse(falling(240.0, 120.0))
    two_sources = np.where(np.arange(len(frames.pitch_hz)) % 4 < 2, 150.0, 260.0)
    assert "jumps" in unusual_measures(
        measure(replace(frames, pitch_hz=two_sources.astype(np.float32)))
    )
    assert "jumps" not in unusual_measures(measure(frames))


def test_pitch_above_that_of_a_voice_is_unusual():
    assert "pitch_hz" in unusual_measures(measure(analyse(tone(715.0, 2.0))))
    assert "pitch_hz" not in unusual_measures(measure(analyse(tone(685.0, 2.0))))


def test_no_single_measurement_makes_up_for_all_others():
    terms = stored().terms
    for name, term in terms.items():
        assert term.bend <= 0.0, name
        best = max(term.points(term.centre + z * term.spread) for z in np.linspace(-6, 6, 241))
        assert best < stored().start, name
        assert term.points(float("nan")) == 0.0


@given(st.sampled_from(list(LIMITS)), st.floats(1e-13, 1e3), st.booleans())
def test_sentence_shows_a_value_beyond_its_limit(name, excess, tiny):
    limit = LIMITS[name]
    below = np.isfinite(limit.lowest)
    bound = limit.lowest if below else limit.highest
    off = float(np.nextafter(bound, -np.inf if below else np.inf))
    value = off if tiny else bound - excess if below else bound + excess
    stated, _, rest = limit.sentence(value).partition(" (in speech at ")
    side, number = rest.removesuffix(")").split(" ", 1)
    stated = stated.replace("hundredth", "")
    got, held = (Decimal(re.findall(r"-?\d+(?:\.\d+)?", text)[0]) for text in (stated, number))
    assert not limit.holds(value)
    assert (got < held) if side == "least" else (got > held)
    assert side == ("least" if below else "most")
    assert held == Decimal(repr(bound)) * limit.unit.scale  # what is stated is what holds
    # The value stated is the value, to the decimals that it is stated with.
    true = Decimal(repr(value)) * limit.unit.scale
    assert abs(got - true) <= Decimal(1).scaleb(int(got.as_tuple().exponent)) / 2


@pytest.mark.parametrize("name", list(LIMITS))
def test_value_on_a_limit_is_within(name):
    limit = LIMITS[name]
    assert limit.holds(limit.lowest if np.isfinite(limit.lowest) else limit.highest)
    assert np.isfinite([limit.lowest, limit.highest]).sum() == 1


@pytest.mark.parametrize("kind", ["white noise", "pink noise", "brown noise", "blue noise"])
@pytest.mark.parametrize("duration_s", [0.6, 1.0, 4.0, 20.0])
@pytest.mark.parametrize("level_db", [-45.0, -20.0, -3.0])
def test_noise_of_any_colour_duration_and_level_has_a_warning(kind, duration_s, level_db):
    for seed in range(3 if duration_s < 10.0 else 1):
        (warning,) = warnings_of(sound(DESIGN["noise"][kind], duration_s, seed, level_db))
        assert warning.kind == "noise"


def test_quick_voice_without_background_has_no_warning():
    # Bands that fall into silence between syllables change by far more than in any room.
    for rate in (3.0, 5.0, 7.0):
        quick = voice((210.0, 130.0), 3.0, syllables_per_s=rate, breath_db=-90.0)
        assert warnings_of(quick) == ()


@pytest.mark.parametrize(("length", "flagged"), [(2, True), (3, False)])
def test_voicing_by_chance_does_not_end_a_gap(length, flagged):
    samples = spoken(8.0)
    frames = analyse(samples)
    pitch_hz = frames.pitch_hz.copy()
    pitch_hz[200:520] = np.nan
    pitch_hz[360 : 360 + length] = 150.0
    assert bool(speech_warnings(replace(frames, pitch_hz=pitch_hz))) == flagged


def test_find_speech_returns_its_frames():
    samples = np.concatenate([spoken(2.0), noise(2.0, level_db=-60.0), spoken(2.0)])
    speech, result = find_speech(analyse(samples))
    assert (speech[:200].mean() > 0.8, speech[405:].mean() > 0.8) == (True, True)
    assert not speech[210:400].any()
    assert result == ()


def test_short_music_is_no_speech():
    samples = tone(duration_s=2.0)
    speech, result = find_speech(analyse(samples))
    assert not speech.any()
    assert result == warnings_of(samples) != ()


def test_speech_warnings_do_not_change_the_frames():
    frames = analyse(np.concatenate([spoken(4.0), silence(4.0), spoken(4.0)]))
    before = deepcopy(frames)
    speech_warnings(frames)
    for field in fields(Frames):
        np.testing.assert_equal(getattr(frames, field.name), getattr(before, field.name))
