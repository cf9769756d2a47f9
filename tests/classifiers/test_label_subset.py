"""Test subsets of the labels: what can be named, and what is refused with a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.classifiers.label_subset import in_words, proper_subsets, read_subset, subset_key
from emo.errors import SettingError
from emo.labels import LABELS

subsets = st.lists(st.sampled_from(LABELS), min_size=2, unique=True)


@given(subsets, st.sampled_from((",", ", ", " ", ";", " ,\t")))
def test_read_subset_takes_any_order_and_separator(labels: list[str], between: str) -> None:
    expected = tuple(label for label in LABELS if label in labels)
    assert read_subset(between.join(labels).upper()) == expected
    assert read_subset(labels) == expected
    assert read_subset(subset_key(expected)) == expected


def test_read_subset_without_a_subset_is_all_labels() -> None:
    assert read_subset(None) == LABELS


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ("", "At least 2 emotions must remain to choose among, and none was named. Name some of"),
        ("sad", r"and 1 was named \(sad\). Name another of angry, disgusted"),
        (["sad", "bored"], "'bored' is none of the emotions that can be chosen among. They are"),
        (["sad", "calm"], "'calm' is none of the emotions"),
        ("sad,angry,Sad", r"'sad' is named twice .* \(sad, angry, sad\). Name each once."),
    ],
)
def test_read_subset_refuses_with_a_sentence(labels: str | list[str], sentence: str) -> None:
    with pytest.raises(SettingError, match=sentence):
        read_subset(labels)


def test_proper_subsets_are_each_of_two_to_six_labels_once() -> None:
    found = list(proper_subsets())
    assert len(found) == len(set(found)) == 2 ** len(LABELS) - 1 - 7 - 1
    assert all(read_subset(subset_key(labels)) == labels for labels in found)


def test_in_words_names_the_labels() -> None:
    assert in_words(("angry", "sad")) == "among angry and sad"
    assert in_words(LABELS) == "among all seven"
