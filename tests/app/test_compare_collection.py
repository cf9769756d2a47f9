"""What clips a comparison takes, and which of them it shows in which order."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import entropy

from emo.app.compare import collection
from emo.app.compare.collection import (
    Collection,
    Entry,
    Given,
    TableFilter,
    arrange,
    divergence,
    n_named,
    tally,
)
from emo.features.speech import SpeechWarning
from emo.inference import predictor
from emo.labels import INDEX, LABELS
from tests.support.pages import QUALITY

MUSIC = SpeechWarning("music", "This sounds like music.")


def clip(name, data=None):
    return Given((name,), name.encode() if data is None else data)


def one_hot(label):
    return np.eye(len(LABELS))[INDEX[label]]


def prediction(labels="aaaa", duration_s=1.0, share=0.6, unsure=False, concerns=()):
    """Answers of tree, CNN, MLP and vote, each by the first letters of its label."""
    found = {}
    for key, first in zip(predictor.ANSWER_KEYS, labels, strict=True):
        label = next(one for one in LABELS if one.startswith(first))
        shares = np.full(len(LABELS), (1 - share) / (len(LABELS) - 1))
        shares[INDEX[label]] = share
        found[key] = predictor.answer(shares, 1.0 if unsure else 0.0)
    return predictor.Prediction(duration_s, (), found, QUALITY, concerns)


def with_shares(rows):
    shares = dict(zip(predictor.MODEL_KEYS, rows, strict=True))
    found = {key: predictor.answer(row) for key, row in shares.items()}
    return predictor.Prediction(1.0, (), found | {"vote": found["tree"]}, QUALITY)


def entry(name, found):
    return Entry(name, clip(name), found)


def names(entries, **view):
    return [one.name for one in arrange(entries, TableFilter(**view))]


# --- The clips -----------------------------------------------------------------------------------


def test_the_same_bytes_are_one_clip_with_both_names():
    clips = Collection()
    first = clips.add(clip("a.wav", b"same"))
    assert clips.add(clip("b.wav", b"same")) == first
    assert clips.add(clip("a.wav", b"same")) == first
    assert clips.add(clip("a.wav", b"other")) != first
    assert [one.names for one in clips.given.values()] == [("a.wav", "b.wav"), ("a.wav",)]
    assert clips.holds(b"same")
    assert not clips.holds(b"none")


def test_clips_beyond_the_limits_are_refused(monkeypatch):
    monkeypatch.setattr(collection, "MAX_CLIPS", 2)
    monkeypatch.setattr(collection, "MAX_BYTES", 10)
    clips = Collection()
    assert clips.add(clip("a", b"12345"))
    assert clips.add(clip("b", b"123456")) is None  # eleven bytes together
    assert clips.add(clip("c", b"54321"))
    assert clips.add(clip("d", b"")) is None  # a third clip
    assert clips.add(clip("e", b"12345"))  # the first once more takes no room
    assert [one.names for one in clips.given.values()] == [("a", "e"), ("c",)]


def test_a_clip_goes_with_its_last_name():
    clips = Collection()
    digest = clips.add(clip("a", b"same"))
    assert digest == clips.add(clip("b", b"same"))
    assert digest
    clips.found[digest] = "an error"
    clips.drop(digest, "a")
    assert [one.given.names for one in clips.entries()] == [("b",)]
    clips.drop(digest, "b")
    clips.drop(digest, "b")
    assert not clips.given
    assert not clips.found


def test_what_waits_is_in_the_order_in_which_it_was_given():
    clips = Collection()
    digests = [str(clips.add(clip(name))) for name in "cab"]
    assert clips.waiting() == digests
    clips.found[digests[1]] = "an error"
    assert clips.waiting() == [digests[0], digests[2]]
    assert [one.name for one in clips.entries()] == ["a"]


# --- How far the models are apart ----------------------------------------------------------------


def test_divergence_of_models_that_are_certain():
    assert divergence(with_shares([one_hot("sad")] * 3)) == 0
    three = with_shares([one_hot(label) for label in ("sad", "happy", "angry")])
    assert divergence(three) == pytest.approx(np.log2(3))
    two = with_shares([one_hot(label) for label in ("sad", "sad", "angry")])
    assert divergence(two) == pytest.approx(np.log2(3) - 2 / 3)  # H(2/3, 1/3), by hand
    assert [n_named(one) for one in (three, two)] == [3, 2]


@given(arrays(float, (3, len(LABELS)), elements=st.floats(0.001, 1)))
def test_divergence_is_the_mean_distance_from_the_mean(rows):
    rows = rows / rows.sum(axis=1, keepdims=True)
    expected = np.mean([entropy(row, rows.mean(axis=0), base=2) for row in rows])
    assert divergence(with_shares(rows)) == pytest.approx(expected, abs=1e-9)


# --- Order and choice ----------------------------------------------------------------------------


def test_disagreement_comes_first_and_what_was_not_read_last():
    entries = [
        entry("one", prediction("aaaa")),
        entry("bad", "It holds no sound."),
        entry("two, near", prediction("aaha", share=0.4)),
        entry("three", prediction("ahsa")),
        entry("two, far", prediction("aaha", share=0.9)),
    ]
    assert names(entries) == ["three", "two, far", "two, near", "one", "bad"]
    assert names(entries, order="given") == [one.name for one in entries]


def test_other_orders():
    entries = [
        entry("clip 10", prediction("aaaa", duration_s=2.0, share=0.5)),
        entry("clip 9", "It holds no sound."),
        entry("Clip 8", prediction("aaas", duration_s=1.0, share=0.9)),
        entry("clip 7", prediction("aaaa", duration_s=3.0, share=0.7)),
    ]
    assert names(entries, order="name") == ["clip 7", "Clip 8", "clip 10", "clip 9"]
    assert names(entries, order="length") == ["clip 7", "clip 10", "Clip 8", "clip 9"]
    assert names(entries, order="vote") == ["clip 7", "clip 10", "Clip 8", "clip 9"]
    assert names(entries, order="confidence") == ["clip 10", "clip 7", "Clip 8", "clip 9"]


@pytest.mark.parametrize("order", collection.ORDERS)
def test_every_order_shows_every_clip(order):
    entries = [entry(name, prediction()) for name in "cab"]
    entries += [entry("x", "No sound."), entry("y", "No sound.")]
    assert sorted(names(entries, order=order)) == ["a", "b", "c", "x", "y"]
    if order != "given":
        assert names(entries, order=order) == ["a", "b", "c", "x", "y"]


def test_a_view_narrows_the_clips():
    entries = [
        entry("agree.wav", prediction("aaaa")),
        entry("differ.wav", prediction("aahh")),
        entry("unsure.wav", prediction("ssss", unsure=True)),
        entry("music.flac", prediction("ssss", concerns=(MUSIC,))),
        entry("bad.wav", "It holds no sound."),
    ]
    assert names(entries, show="disagreement") == ["differ.wav"]
    assert names(entries, show="unsure") == ["unsure.wav"]
    assert names(entries, show="doubtful") == ["music.flac"]
    assert names(entries, show="unread") == ["bad.wav"]
    assert names(entries, vote="sad") == ["music.flac", "unsure.wav"]
    assert names(entries, vote="sad", show="unsure") == ["unsure.wav"]
    assert names(entries, name="FLAC") == ["music.flac"]
    assert names(entries, name="wav", vote="happy") == ["differ.wav"]


def test_a_clip_is_found_by_its_other_name_too():
    found = replace(entry("a.wav", prediction()), given=Given(("a.wav", "second.wav"), b""))
    assert arrange([found], TableFilter(name="SECOND")) == [found]
    assert arrange([found], TableFilter(name="third")) == []


def test_counts_by_hand():
    entries = [
        entry("a", prediction("aaaa")),
        entry("b", prediction("aaha", unsure=True)),
        entry("c", prediction("aaha", concerns=(MUSIC,))),
        entry("d", prediction("ahsa")),
        entry("e", "It holds no sound."),
    ]
    counts = tally(entries)
    assert counts.named == (1, 2, 1)
    assert (counts.answered, counts.unsure, counts.doubtful, counts.unread) == (4, 1, 1, 1)
