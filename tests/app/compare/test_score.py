"""The share of right answers of a comparison, counted by hand."""

from dataclasses import replace

import numpy as np

from emo.app.compare import score
from emo.app.compare.collection import Entry, UploadedClip
from emo.classifiers.voice import VOICE
from emo.labels import INDEX
from tests.support import pages

SAD = pages.prediction()  # the CNN says angry, all others sad


def entry(expected, result=SAD):
    return Entry(expected, UploadedClip(("a.wav",), b""), result, expected)


def test_right_answers_are_counted_for_each_model():
    entries = [entry("sad"), entry("sad"), entry("angry"), entry(""), entry("sad", "No sound.")]
    counted = score.score(entries)
    assert counted.n_clips == 3
    assert counted.right == {key: 1 if key == "cnn" else 2 for key in counted.right}
    assert set(counted.right) == set(SAD.answers)
    assert set(counted.answered.values()) == {3}
    assert counted.shown == "ensemble"
    assert counted.counts.sum() == 3
    assert counted.counts[INDEX["sad"], INDEX["sad"]] == 2
    assert counted.counts[INDEX["angry"], INDEX["sad"]] == 1


def test_answers_with_the_voice_known_are_shown_first():
    known = replace(SAD, answers=SAD.answers | {VOICE: pages.answer("angry")})
    counted = score.score([entry("angry", known), entry("sad", known), entry("sad")])
    assert next(iter(counted.right)) == counted.shown == VOICE
    assert (counted.right[VOICE], counted.answered[VOICE]) == (1, 2)
    assert counted.counts[INDEX["sad"], INDEX["sad"]] == 1  # the clip without one has the ensemble


def test_nothing_is_counted_without_expected_emotions():
    assert score.score([entry("")]).n_clips == 0
    assert not np.any(score.score([]).counts)
