"""The headline of a timeline, counted by hand."""

import numpy as np
import pytest

from emo.inference.headline import Headline, headline
from emo.inference.timeline import Timeline
from emo.labels import ENSEMBLE, INDEX

Stretch = tuple[float, str, bool]
"""Seconds of a stretch, its label, and whether it is unsure."""


def timeline(stretches: list[Stretch], total: int | None = None) -> Timeline:
    """Return a timeline of windows that follow each other, each with one answer."""
    n = len(stretches)
    edges = np.cumsum([0.0, *(s for s, _, _ in stretches)])
    spans = np.stack([edges[:-1], edges[1:]], axis=1)
    rows = np.full((n, 7), 0.05)
    for i, (_, label, _) in enumerate(stretches):
        rows[i, INDEX[label]] = 0.7
    limits = np.array([0.9 if unsure else 0.5 for _, _, unsure in stretches])
    total = n if total is None else total
    return Timeline(100.0, total, spans, spans, {ENSEMBLE: rows}, {ENSEMBLE: limits})


def said(*stretches: Stretch) -> str:
    return headline(timeline(list(stretches))).text.replace("\u00a0", " ")


def test_longest_comes_first_and_says_mostly() -> None:
    text = said((5, "happy", False), (21, "sad", False), (7, "happy", False))
    assert text == "Mostly sad (21 s), then happy (12 s)"


def test_unsure_stretches_are_told() -> None:
    text = said((21, "sad", False), (4, "angry", True), (12, "happy", False))
    assert text == "Mostly sad (21 s), then happy (12 s); unsure for 4 s"
    assert said((20, "sad", False), (0.9, "sad", True)) == "Mostly sad (20 s)"


def test_unsure_time_is_no_time_of_the_label() -> None:
    assert said((30, "sad", True), (5, "happy", False)) == "Mostly unsure (30 s), else happy (5 s)"
    assert said((30, "sad", True), (5, "happy", True)) == "Unsure throughout (35 s)"


def test_mostly_is_more_than_half_of_the_speech() -> None:
    text = said((10, "sad", False), (9, "happy", False), (5, "angry", True))
    assert text == "Sad (10 s), then happy (9 s); unsure for 5 s"


def test_one_label_is_throughout_and_minutes_are_a_clock() -> None:
    assert said((125, "neutral", False)) == "Neutral throughout (2:05 min)"


def test_at_most_three_of_a_tenth_are_named() -> None:
    text = said(
        (40, "sad", False),
        (20, "happy", False),
        (15, "angry", False),
        (14, "neutral", False),
        (2, "fearful", False),
    )
    assert text == "Sad (40 s), then happy (20 s), then angry (15 s)"
    assert said((40, "sad", False), (2, "fearful", False)) == "Mostly sad (40 s)"


def test_no_speech_and_incomplete() -> None:
    assert headline(timeline([])) == Headline("No speech was found", (), 0.0, 0.0, True)
    assert headline(timeline([], total=5)).text == "No answer yet"
    part = headline(timeline([(2, "sad", False), (1, "sad", True)], total=5))
    assert not part.is_complete
    assert part.named == (("sad", 2.0),)
    assert (part.unsure_s, part.speech_s) == pytest.approx((1.0, 3.0))
