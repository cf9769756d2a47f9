"""Measurements of a voice, and explanations, in plain words."""

from dataclasses import replace

import numpy as np
import pytest

from emo.features.functionals import functional_table
from emo.inference import explanation as ex
from emo.inference.reasons import plain_words as words
from emo.inference.regions import Patch, Regions
from emo.labels import LABELS, TRAINED_INDEX, TRAINED_LABELS

PITCH = ex.Measurement("pitch, median", "semitones", 14.0, 9.0, 1.0)
DARK = ex.Measurement("spectral skewness, median", "", 13.5, 5.5, 0.8)
TIMBRE = ex.Measurement("cepstrum 4, mean", "", 1.0, 0.0, 0.9)
NO_SURROGATE = ex.SurrogatePath((), {})


def plain(text):
    return text.replace("\u00a0", " ")


def step(share, *strongest, axis="sad"):
    return ex.Step(TRAINED_INDEX[axis], 1.0, 0.5, True, (), strongest, share)


def path(*steps, **leaf):
    shares = dict.fromkeys(TRAINED_LABELS, 0.0) | {"sad": 1.0} | leaf
    return ex.TreePath("sad", 0.2, steps, shares, NO_SURROGATE)


def test_every_measurement_has_a_word_for_more_and_for_less():
    same = set()
    for name, _ in functional_table():
        text, unit = ex.split_unit(name)
        more, less = (
            words.describe(ex.Measurement(text, unit, value, 0.0, 1.0)) for value in (1.0, -1.0)
        )
        if more == less:
            same.add(text.split(",")[0])
    assert same == {f"cepstrum {i}" for i in range(2, 21)}  # their sign has no plain meaning


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("pitch, median", "higher"),
        ("pitch, range between 5th and 95th percentile", "more varied in pitch"),
        ("pitch, slope", "growing higher"),
        ("spectral centroid, mean", "brighter"),
        ("spectral alpha ratio, mean", "darker"),  # low over high frequencies
        ("spectral Hammarberg index, mean", "darker"),
        ("spectral slope below 500 Hz, mean", "brighter"),
        ("band around 3028 Hz, voiced mean", "brighter"),
        ("band around 125 Hz, voiced mean", "fuller"),
        ("loudness peaks per second", "faster"),
        ("mean voiced stretch", "slower"),
        ("share of pauses", "with more pauses"),
        ("harmonics-to-noise ratio, first third less the mean", "clearer at the start"),
    ],
)
def test_direction_of_a_word(name, more):
    assert words.describe(ex.Measurement(name, "", 1.0, 0.0, 1.0)) == more


def test_word_of_a_question_differs_from_the_one_before_where_it_can():
    steps = [step(0.3, PITCH, DARK), step(0.4, PITCH, DARK), step(0.4, TIMBRE, PITCH), step(0.5)]
    assert words.step_words(steps) == ["higher", "darker", "higher", words.SMALL]
    assert words.step_words([step(0.3, PITCH), step(0.4, PITCH)]) == ["higher", "higher"]


def test_tree_sentence_names_the_largest_rise():
    found = path(step(0.3, PITCH), step(0.7, DARK), step(0.6, PITCH))
    assert plain(words.tree_sentence(found)) == (
        "Sad mainly because the voice is darker, compared with the average training clip: from "
        "30 % to 70 %."
    )
    calm = path(step(0.3, PITCH), step(0.7, DARK, axis="calm"))
    assert "by the measure of calm" in words.tree_sentence(calm)
    for word, clause in (
        (words.SMALL, "because of small differences in many measurements, compared"),
        ("with more pauses", "because the clip has more pauses, compared"),
        ("growing higher", "because the voice gets higher, compared"),
        ("shorter", "because the clip is shorter, compared"),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(words, "step_words", lambda steps, word=word: [word] * len(steps))
            assert clause in words.tree_sentence(found)
    assert plain(words.tree_sentence(path())) == "The tree asks nothing and answers sad, 20 %."


def test_calm_is_named_where_it_is_much_of_the_leaf():
    assert words.calm_sentence(path(sad=0.91, calm=0.09)) == ""
    assert "40\xa0% are calm. It" in words.calm_sentence(path(sad=0.6, calm=0.4))
    most = plain(words.calm_sentence(path(sad=0.4, calm=0.6)))
    assert most.startswith(
        "Of the training clips at the end of this path, 60 % are calm, more than"
    )


def test_shift_sentence_names_the_group_that_adds_most():
    parts = tuple(
        ex.Part(group, x) for group, x in zip(ex.GROUPS, (0.1, 0.3, 0, 0, 0), strict=True)
    )
    shift = ex.Shift("sad", -1.0, 1.0, parts, 0.2, 0.6, parts)
    assert plain(words.shift_sentence(shift)) == (
        "Sad mainly because of the changes of loudness: from 20 % for the average training clip "
        "to 60 %."
    )
    against = tuple(replace(part, amount=-0.1) for part in parts)
    assert words.shift_sentence(replace(shift, points=against)).startswith("No group")


def test_regions_sentence_names_the_strongest_part():
    patches = (
        Patch(-0.1, 0.3, 64.0, 328.0, 1.0, True),
        Patch(0.3, 0.7, 1712.0, 3571.0, 2.0, True),
        Patch(0.7, 1.0, 64.0, 328.0, 3.0, False),
    )
    shown = np.zeros((0, 64), np.float32)
    regions = Regions("sad", 1.0, 0.0, shown, shown > 0, patches, 1.0, 0.0)
    assert plain(words.regions_sentence(regions)) == (
        "Sad mainly because of the sound at 0.3 to 0.7 s between 1,700 and 3,600 Hz."
    )
    nothing = replace(regions, patches=patches[2:])
    assert words.regions_sentence(nothing) == "Sad, because of no single part of the sound."


def test_every_group_has_a_plain_name():
    assert tuple(words.GROUP_NAMES) == ex.GROUPS
    assert not set(words.GROUP_NAMES.values()) & set(LABELS)
