"""Sentences of the page *Compare clips*, checked against counts made by hand."""

from emo.app.compare import text as words
from emo.app.compare.collection import MAX_CLIPS, ORDERS, SHOWS, VOTES, Tally


def test_every_choice_has_a_name():
    assert list(words.SHOW_NAMES) == list(SHOWS)
    assert list(words.VOTE_NAMES) == list(VOTES)
    assert list(words.ORDER_NAMES) == list(ORDERS)


def test_the_summary_says_what_there_is_and_no_more():
    assert words.summary(Tally(12, (5, 6, 1), 3, 1, 2)) == (
        "12 clips answered: all three models agree on 5, two of three on 6, and on 1 all differ. "
        "The vote is unsure in 3; 1 is out of place; 2 could not be read."
    )
    assert words.summary(Tally(1, (0, 1, 0), 0, 0, 0)) == (
        "1 clip answered: all three models agree on none, two of three on 1, and on none all "
        "differ."
    )


def test_what_was_left_out_is_named():
    assert words.left_out(["a.wav"]).startswith("One clip was left out: a.wav. Up to ")
    many = words.left_out([f"{n}.wav" for n in range(9)])
    assert many.startswith("9 clips were left out: 0.wav, 1.wav, 2.wav and 6 more. ")
    assert str(MAX_CLIPS) in many
