"""Intervals cover the share of a batch as often as they say, for each way to choose clips."""

import numpy as np
import pytest
from scipy import stats

from emo.review.choice import draw_clips
from emo.review.clips import Answered, ReviewClip
from emo.review.estimates import (
    clopper_pearson,
    estimate_random,
    estimate_weighted,
    exact_interval,
)
from emo.review.settings import CONFIDENCE, DISAGREEMENT, RANDOM


@pytest.mark.parametrize(("population", "n"), [(40, 10), (60, 45), (17, 16)])
def test_exact_interval_covers_every_share(population, n):
    k = np.arange(n + 1)
    low, high = np.array([exact_interval(int(one), n, population) for one in k]).T
    assert ((low >= 0) & (low <= k / n) & (k / n <= high) & (high <= 1)).all()
    for total in range(population + 1):
        share = total / population
        is_covered = (low - 1e-12 <= share) & (share <= high + 1e-12)
        assert stats.hypergeom.pmf(k, population, total, n)[is_covered].sum() >= 0.95 - 1e-9, total


def test_exact_interval_is_that_of_an_endless_batch_if_it_is_long():
    for k, n in ((0, 12), (7, 10), (70, 100), (30, 30)):
        low, high = exact_interval(k, n, 5_000_000)
        expected = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
        assert np.allclose([low, high], [expected.low, expected.high], atol=1e-4)
        assert np.allclose(clopper_pearson(k, n), [expected.low, expected.high], atol=1e-9)


def test_all_clips_labelled_leave_no_interval():
    right = np.array([True] * 7 + [False] * 3)
    found = estimate_random(right, 10)
    assert (found.share, found.low, found.high, found.n) == (0.7, 0.7, 0.7, 10)
    weighted = estimate_weighted(right, np.ones(10, bool), np.ones(10))
    assert weighted == found
    assert estimate_weighted(right, np.zeros(10, bool), np.ones(10)) is None


def clip(name, confidence, disagreement):
    return ReviewClip(
        name, 0, None, "mix", "", Answered("sad", confidence, False), {}, disagreement
    )


@pytest.fixture(scope="module")
def batch():
    """Return clips of which the sure ones are right more often."""
    rng = np.random.default_rng(3)
    confidence = rng.uniform(0.3, 1.0, 250)
    right = rng.random(250) < confidence
    clips = [clip(f"{i}.wav", c, 1 - c) for i, c in enumerate(confidence)]
    return clips, dict(zip((c.path for c in clips), right, strict=True))


@pytest.mark.parametrize("choice", [RANDOM, CONFIDENCE, DISAGREEMENT])
def test_estimates_are_unbiased_and_intervals_cover(batch, choice):
    (clips, is_right), n = batch, 60
    truth = np.mean(list(is_right.values()))
    shares, covered, plain, sizes = [], [], [], []
    for seed in range(120):
        draw = draw_clips(clips, choice, 120, seed)  # a review that ended after n
        right = np.array([is_right[one.path] for one in draw.clips[:n]])
        inclusion = draw.inclusion(n)
        found = (
            estimate_random(right, len(clips))
            if choice == RANDOM
            else estimate_weighted(right, np.ones(n, bool), inclusion)
        )
        assert found is not None
        shares.append(found.share)
        plain.append(right.mean())
        covered.append(found.low <= truth <= found.high)
        sizes.append((1 / inclusion).sum())
    error = np.std(shares) / np.sqrt(len(shares))
    assert abs(np.mean(shares) - truth) < 4 * error
    assert np.mean(covered) >= 0.9  # 0.95 but for the number of draws
    assert abs(np.mean(sizes) / len(clips) - 1) < 0.05
    if choice != RANDOM:  # without weights the accuracy is too low
        assert np.mean(plain) < truth - 4 * error
