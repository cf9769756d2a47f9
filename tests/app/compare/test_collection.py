"""The clips of a comparison: limits, agreement, filter and order."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import entropy

from emo.app.compare import collection as compare_collection
from emo.app.compare.collection import (
    Agreement,
    ClipCollection,
    Entry,
    TableFilter,
    UploadedClip,
    agreement,
    count_clips,
    divergence,
    filter_entries,
)
from emo.app.samples import Sample
from emo.features.speech import SpeechWarning
from emo.inference import predictor
from emo.labels import INDEX, LABELS
from tests.support.pages import QUALITY

THREE = ("tree", "cnn", "mlp")
MUSIC = SpeechWarning("music", "This sounds like music.")


def clip(name, data=None):
    return UploadedClip((name,), name.encode() if data is None else data)


def one_hot(label):
    return np.eye(len(LABELS))[INDEX[label]]


def prediction(labels="aaaa", duration_s=1.0, share=0.6, unsure="", warnings=()):
    """Return answers of tree, CNN, MLP and ensemble, each by the first letter of its label.

    ``unsure`` holds a ``?`` at the place of each unsure answer.
    """
    answers = {}
    marks = unsure.ljust(len(labels))
    for key, first, mark in zip((*THREE, "ensemble"), labels, marks, strict=True):
        label = next(label for label in LABELS if label.startswith(first))
        shares = np.full(len(LABELS), (1 - share) / (len(LABELS) - 1))
        shares[INDEX[label]] = share
        answers[key] = predictor.answer(shares, 1.0 if mark == "?" else 0.0)
    return predictor.Prediction(duration_s, (), answers, QUALITY, warnings)


def with_shares(rows):
    shares = dict(zip(THREE, rows, strict=True))
    answers = {key: predictor.answer(row) for key, row in shares.items()}
    return predictor.Prediction(1.0, (), answers | {"ensemble": answers["tree"]}, QUALITY)


def entry(name, result):
    return Entry(name, clip(name), result)


def names(entries, **fields):
    return [shown.name for shown in filter_entries(entries, TableFilter(**fields))]


# --- The clips -----------------------------------------------------------------------------------


def test_same_bytes_are_one_clip_with_both_names():
    collection = ClipCollection()
    first = collection.add(clip("a.wav", b"same"))
    assert collection.add(clip("b.wav", b"same")) == first
    assert collection.add(clip("a.wav", b"same")) == first
    assert collection.add(clip("a.wav", b"other")) != first
    assert [added.names for added in collection.clips.values()] == [("a.wav", "b.wav"), ("a.wav",)]
    assert collection.contains(b"same")
    assert not collection.contains(b"none")


def test_add_rejects_clips_beyond_the_limits(monkeypatch):
    monkeypatch.setattr(compare_collection, "MAX_CLIPS", 2)
    monkeypatch.setattr(compare_collection, "MAX_BYTES", 10)
    collection = ClipCollection()
    assert collection.add(clip("a", b"12345"))
    assert collection.add(clip("b", b"123456")) is None  # eleven bytes together
    assert collection.add(clip("c", b"54321"))
    assert collection.add(clip("d", b"")) is None  # a third clip
    assert collection.add(clip("e", b"12345"))  # a copy of the first needs no room
    assert [added.names for added in collection.clips.values()] == [("a", "e"), ("c",)]


def test_a_clip_is_removed_with_its_last_name():
    collection = ClipCollection()
    digest = collection.add(clip("a", b"same"))
    assert digest == collection.add(clip("b", b"same"))
    assert digest
    collection.results[digest] = "an error"
    collection.remove(digest, "a")
    assert [kept.clip.names for kept in collection.entries()] == [("b",)]
    collection.remove(digest, "b")
    collection.remove(digest, "b")
    assert not collection.clips
    assert not collection.results


def test_pending_clips_keep_the_order_of_their_upload():
    collection = ClipCollection()
    digests = [str(collection.add(clip(name))) for name in "cab"]
    assert collection.pending() == digests
    collection.results[digests[1]] = "an error"
    assert collection.pending() == [digests[0], digests[2]]
    assert [answered.name for answered in collection.entries()] == ["a"]


def test_expected_emotion_is_that_of_a_sample_or_of_a_name():
    collection = ClipCollection()
    samples = UploadedClip(("x.wav",), b"1", Sample("x.wav", "fearful"))
    clips = (samples, clip("sad/a.wav"), clip("a.wav", b"2"), clip("b.wav"))
    sample, named, copied, none = (str(collection.add(given)) for given in clips)
    collection.add(clip("happy.wav", b"2"))
    emotions = {sample: "fearful", named: "sad", copied: "happy", none: ""}
    assert collection.expected == emotions
    collection.expect({named: "", none: "angry", copied: "calm", "unknown": "sad"})
    assert collection.expected == emotions | {named: "", none: "angry"}
    collection.results[none] = prediction("haah")
    (answered,) = collection.entries()
    assert (answered.expected, answered.is_right) == ("angry", False)
    collection.remove(none)
    assert none not in collection.expected


def test_wrong_clips_are_shown_and_ordered_by_what_is_expected():
    entries = [
        replace(entry("right", prediction("aaaa")), expected="angry"),
        replace(entry("wrong", prediction("aaaa")), expected="sad"),
        entry("none", prediction("aaaa")),
        replace(entry("bad", "It holds no sound."), expected="angry"),
    ]
    assert [one.is_right for one in entries] == [True, False, None, None]
    assert names(entries, show="wrong") == ["wrong"]
    assert names(entries, order="expected") == ["right", "wrong", "none", "bad"]


# --- Agreement -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "unsure", "expected"),
    [
        ("aaaa", "", Agreement(3, 3, 1, 3)),
        ("aaha", "", Agreement(3, 3, 2, 2)),
        ("ahsa", "", Agreement(3, 3, 3, 1)),
        ("aaha", "  ?", Agreement(3, 2, 1, 2)),
        ("aaha", "?  ", Agreement(3, 2, 2, 1)),
        ("aaha", "?? ", Agreement(3, 1, 1, 1)),
        ("aaaa", "????", Agreement(3, 0, 0, 0)),
    ],
)
def test_agreement_counts_the_sure_models(labels, unsure, expected):
    assert agreement(prediction(labels, unsure=unsure)) == expected


def test_divergence_of_certain_models():
    assert divergence(with_shares([one_hot("sad")] * 3)) == 0
    three = with_shares([one_hot(label) for label in ("sad", "happy", "angry")])
    assert divergence(three) == pytest.approx(np.log2(3))
    two = with_shares([one_hot(label) for label in ("sad", "sad", "angry")])
    assert divergence(two) == pytest.approx(np.log2(3) - 2 / 3)  # H(2/3, 1/3), by hand


@given(arrays(float, (3, len(LABELS)), elements=st.floats(0.001, 1)))
@pytest.mark.slow
def test_divergence_is_the_mean_distance_from_the_mean(rows):
    rows = rows / rows.sum(axis=1, keepdims=True)
    expected = np.mean([entropy(row, rows.mean(axis=0), base=2) for row in rows])
    assert divergence(with_shares(rows)) == pytest.approx(expected, abs=1e-9)


# --- Order and choice ----------------------------------------------------------------------------


def test_disagreement_comes_first_and_unread_clips_last():
    entries = [
        entry("one", prediction("aaaa")),
        entry("bad", "It holds no sound."),
        entry("two, near", prediction("aaha", share=0.4)),
        entry("three", prediction("ahsa")),
        entry("two, far", prediction("aaha", share=0.9)),
    ]
    assert names(entries) == ["three", "two, far", "two, near", "one", "bad"]
    assert names(entries, order="given") == [shown.name for shown in entries]


def test_orders():
    entries = [
        entry("clip 10", prediction("aaaa", duration_s=2.0, share=0.5)),
        entry("clip 9", "It holds no sound."),
        entry("Clip 8", prediction("aaas", duration_s=1.0, share=0.9)),
        entry("clip 7", prediction("aaaa", duration_s=3.0, share=0.7)),
    ]
    assert names(entries, order="name") == ["clip 7", "Clip 8", "clip 10", "clip 9"]
    assert names(entries, order="length") == ["clip 7", "clip 10", "Clip 8", "clip 9"]
    assert names(entries, order="ensemble") == ["clip 7", "clip 10", "Clip 8", "clip 9"]
    assert names(entries, order="confidence") == ["clip 10", "clip 7", "Clip 8", "clip 9"]


@pytest.mark.parametrize("order", compare_collection.ORDERS)
def test_every_order_shows_every_clip(order):
    entries = [entry(name, prediction()) for name in "cab"]
    entries += [entry("x", "No sound."), entry("y", "No sound.")]
    assert sorted(names(entries, order=order)) == ["a", "b", "c", "x", "y"]
    if order != "given":
        assert names(entries, order=order) == ["a", "b", "c", "x", "y"]


def test_filter_by_kind_ensemble_and_name():
    entries = [
        entry("agree.wav", prediction("aaaa")),
        entry("differ.wav", prediction("aahh")),
        entry("unsure.wav", prediction("ssas", unsure="????")),
        entry("music.flac", prediction("ssss", warnings=(MUSIC,))),
        entry("bad.wav", "It holds no sound."),
    ]
    assert names(entries, show="disagreement") == ["differ.wav"]
    assert names(entries, show="unsure") == ["unsure.wav"]
    assert names(entries, show="non-speech") == ["music.flac"]
    assert names(entries, show="unread") == ["bad.wav"]
    assert names(entries, ensemble="sad") == ["music.flac", "unsure.wav"]
    assert names(entries, ensemble="sad", show="unsure") == ["unsure.wav"]
    assert names(entries, name="FLAC") == ["music.flac"]
    assert names(entries, name="wav", ensemble="happy") == ["differ.wav"]


def test_filter_by_the_second_name_of_a_clip():
    two_names = replace(
        entry("a.wav", prediction()), clip=UploadedClip(("a.wav", "second.wav"), b"")
    )
    assert filter_entries([two_names], TableFilter(name="SECOND")) == [two_names]
    assert filter_entries([two_names], TableFilter(name="third")) == []


def test_count_clips():
    entries = [
        entry("a", prediction("aaaa")),
        entry("b", prediction("aaha", unsure="????")),
        entry("c", prediction("aaha", warnings=(MUSIC,))),
        entry("d", prediction("aaha")),
        entry("e", "It holds no sound."),
    ]
    counts = count_clips(entries)
    assert counts.agreements == (
        (Agreement(3, 3, 1, 3), 1),
        (Agreement(3, 3, 2, 2), 2),
        (Agreement(3, 0, 0, 0), 1),
    )
    assert (counts.answered, counts.unsure, counts.non_speech, counts.unread) == (4, 1, 1, 1)
