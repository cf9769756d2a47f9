"""Sentences of the pages: what they say of a result is checked against a count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo import ui_words
from emo.labels import LABELS

label = st.sampled_from(LABELS)


@given(label, label, label, label)
def test_agreement_counts_the_three(tree: str, cnn: str, mlp: str, vote: str) -> None:
    sentence = ui_words.agreement({"tree": tree, "cnn": cnn, "mlp": mlp}, vote)
    start = {1: "All three say", 2: "Two of three say", 3: "All three differ:"}
    assert sentence.startswith(start[len({tree, cnn, mlp})])
    assert sentence.endswith(".")
    assert all(name in sentence for name in {tree, cnn, mlp})


def test_agreement_in_words() -> None:
    two = {"tree": "sad", "cnn": "angry", "mlp": "sad"}
    assert ui_words.agreement(two, "sad") == "Two of three say sad; the CNN says angry."
    assert ui_words.agreement(two, "angry") == (
        "Two of three say sad; the CNN says angry. "
        "Averaged over their percentages, angry comes out ahead."
    )
    three = {"tree": "sad", "cnn": "angry", "mlp": "happy"}
    assert ui_words.agreement(three, "sad") == (
        "All three differ: the decision tree says sad, the CNN says angry and the MLP says happy."
    )


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (1e-9, "<1 %"),
        (0.0049, "<1 %"),
        (0.0051, "1 %"),
        (0.716, "72 %"),
        (1, "100 %"),
    ],
)
def test_percent(share: float, text: str) -> None:
    assert ui_words.percent(share).replace(ui_words.NBSP, " ") == text


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [(2.43, "2.4 s"), (59.94, "59.9 s"), (61, "1 min 01 s"), (600, "10 min 00 s")],
)
def test_seconds(duration_s: float, text: str) -> None:
    assert ui_words.seconds(duration_s).replace(ui_words.NBSP, " ") == text


def test_reliability_names_what_was_measured() -> None:
    scores = {"n": 3500, "accuracy": 0.62, "per_class": {"sad": {"precision": 0.5}}}
    assert ui_words.reliability(scores, "sad").replace(ui_words.NBSP, " ") == (
        "On voices that it had never heard, it was right for 62 % of 3,500 clips, "
        "and for 50 % of those that it called sad."
    )
    assert ui_words.reliability(scores, "happy").endswith("3,500 clips.")
