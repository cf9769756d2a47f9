"""Which clips a review draws, and how often."""

import numpy as np
import pytest

from emo.errors import SettingError
from emo.review.choice import draw_clips, read_take
from emo.review.clips import Answered, ReviewClip, disagreement_of
from emo.review.settings import CHOICES, CONFIDENCE, DISAGREEMENT, RANDOM


def clip(i, confidence=0.5, disagreement=0.0):
    answer = Answered("sad", confidence, False)
    return ReviewClip(f"{i}.wav", 0, None, "mix", "", answer, {}, disagreement)


CLIPS = [clip(i, 0.2 + 0.019 * i, (i % 7) / 7) for i in range(40)]


@pytest.mark.parametrize("choice", CHOICES)
def test_draw_depends_on_names_and_seed_alone(choice):
    drawn = draw_clips(CLIPS, choice, 12, 1)
    assert drawn.clips == draw_clips(CLIPS[::-1], choice, 12, 1).clips
    assert drawn.clips == draw_clips(CLIPS, choice, 30, 1).clips[:12]
    assert drawn.clips != draw_clips(CLIPS, choice, 12, 2).clips
    assert len({one.key for one in draw_clips(CLIPS, choice, 99, 1).clips}) == len(CLIPS)
    assert drawn.population == len(CLIPS)


def test_random_draw_takes_all_clips_alike():
    seen = np.zeros(len(CLIPS))
    for seed in range(600):
        for one in draw_clips(CLIPS, RANDOM, 10, seed).clips:
            seen[CLIPS.index(one)] += 1
    expected = 600 * 10 / len(CLIPS)
    assert ((seen - expected) ** 2 / expected).sum() < 75  # 99.9 % of chi-square with 39 degrees


@pytest.mark.parametrize("choice", [CONFIDENCE, DISAGREEMENT])
def test_unsure_clips_are_drawn_more_often(choice):
    def doubt(one):
        return 1 - one.answer.confidence if choice == CONFIDENCE else one.disagreement

    drawn = [doubt(one) for seed in range(50) for one in draw_clips(CLIPS, choice, 8, seed).clips]
    assert np.mean(drawn) > 1.15 * np.mean([doubt(one) for one in CLIPS])
    inclusion = draw_clips(CLIPS, choice, 8, 1).inclusion(8)
    assert ((inclusion > 0) & (inclusion <= 1)).all()
    assert (draw_clips(CLIPS, choice, 40, 1).inclusion(40) == 1).all()


def test_disagreement_is_between_none_and_all():
    sad, angry = [0, 0, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, 0, 0]
    assert disagreement_of([sad, sad]) == pytest.approx(0, abs=1e-9)
    assert disagreement_of([sad, angry]) == pytest.approx(1, abs=1e-9)
    assert 0 < disagreement_of([sad, sad, angry]) < 1
    assert disagreement_of([sad]) == 0


@pytest.mark.parametrize("text", ["0", "-3", "2.5", "101%", "0%", "all", "nan", "inf", "", "%"])
def test_take_names_what_it_cannot_use(text):
    with pytest.raises(SettingError, match="--take"):
        read_take(text, 100)


def test_take_rounds_shares_up():
    assert [read_take(text, 7) for text in ("1%", "50 %", "100%", "3", "900")] == [1, 4, 7, 3, 7]
