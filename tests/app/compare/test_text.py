"""Sentences of the page *Compare clips*, compared with counts."""

import pytest

from emo.app.compare import text
from emo.app.compare.collection import (
    MAX_CLIPS,
    ORDERS,
    SHOWS,
    Agreement,
    ClipCounts,
)

ALL_THREE, TWO_OF_THREE, UNSURE = (
    Agreement(3, 3, 1, 3),
    Agreement(3, 3, 2, 2),
    Agreement(3, 0, 0, 0),
)


def test_every_option_has_a_name():
    assert list(text.SHOW_NAMES) == list(SHOWS)
    assert list(text.ORDER_NAMES) == list(ORDERS)


@pytest.mark.parametrize(
    ("agreement", "expected"),
    [
        (ALL_THREE, "all three"),
        (TWO_OF_THREE, "two of three"),
        (Agreement(3, 2, 1, 2), "two of three"),
        (Agreement(3, 3, 3, 1), "all three differ"),
        (Agreement(3, 2, 2, 1), "two differ"),
        (Agreement(3, 1, 1, 1), "one sure"),
        (UNSURE, "all three unsure"),
        (Agreement(2, 2, 1, 2), "both"),
        (Agreement(2, 2, 2, 1), "both differ"),
        (Agreement(2, 0, 0, 0), "both unsure"),
        (Agreement(1, 1, 1, 1), "–"),
        (Agreement(4, 4, 1, 4), "all four"),
        (Agreement(4, 4, 2, 2), "two of four"),
        (Agreement(4, 4, 2, 3), "three of four"),
    ],
)
def test_agreement_names_the_number_of_models(agreement, expected):
    assert text.agreement(agreement) == expected


def test_summary_leaves_out_what_does_not_occur():
    agreements = ((ALL_THREE, 5), (TWO_OF_THREE, 4), (Agreement(3, 2, 1, 2), 2), (UNSURE, 1))
    assert text.summary(ClipCounts(12, agreements, 3, 1, 2)) == (
        "12 clips answered. Agreement: all three in 5, two of three in 6, all three unsure in 1. "
        "The ensemble is unsure in 3; 1 may not be speech; 2 could not be read."
    )
    assert text.summary(ClipCounts(1, ((TWO_OF_THREE, 1),), 0, 0, 0)) == (
        "1 clip answered. Agreement: two of three in 1."
    )
    assert text.summary(ClipCounts(0, (), 0, 0, 1)) == "0 clips answered. 1 could not be read."


def test_left_out_clips_are_named():
    assert text.left_out(["a.wav"]).startswith("One clip was left out: a.wav. Up to ")
    many = text.left_out([f"{n}.wav" for n in range(9)])
    assert many.startswith("9 clips were left out: 0.wav, 1.wav, 2.wav and 6 more. ")
    assert str(MAX_CLIPS) in many
