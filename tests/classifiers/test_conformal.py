"""Prediction sets against limits counted by hand, drawn subsamples, and simulated speakers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from emo.classifiers.conformal import LEVELS, in_set, prediction_sets, set_limit
from emo.labels import LABELS

probability_rows = hnp.arrays(
    np.float64, (6, 7), elements=st.floats(0.001, 1.0), fill=st.nothing()
).map(lambda rows: rows / rows.sum(axis=1, keepdims=True))


def simulated(rng: np.random.Generator, n_speakers: int) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities of the true label, and speakers that differ in number and in level."""
    counts = rng.integers(1, 40, n_speakers)
    level = rng.normal(0.5, 1.0, n_speakers)
    speakers = np.repeat([f"s{i:03d}" for i in range(n_speakers)], counts)
    logits = np.repeat(level, counts) + rng.normal(0.0, 1.0, counts.sum())
    return 1 / (1 + np.exp(-logits)), speakers


# --- The limit -----------------------------------------------------------------------------------


def test_limit_of_nine_speakers_by_hand() -> None:
    # (1 + 1) / 10 is the p-value of the lowest, and 0.2 is needed at a level of 0.8.
    shares = np.array([0.5, 0.1, 0.9, 0.3, 0.7, 0.2, 0.8, 0.4, 0.6])
    speakers = [f"s{i}" for i in range(9)]
    assert set_limit(shares, speakers, 0.8) == 0.1
    assert set_limit(shares, speakers, 0.7) == 0.2


def test_clips_count_by_their_speaker() -> None:
    # Of five speakers one has four clips, a quarter each: 0.5 * 6 - 1 = 2 speakers are needed.
    shares = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    speakers = ["a", "b", "b", "b", "b", "c", "d", "e"]
    assert set_limit(shares, speakers, 0.5) == 0.5  # 1 + 4/4; clips that count alike give 0.4


@pytest.mark.parametrize("n", [0, 1, 3, 4])
def test_few_speakers_exclude_no_label(n: int) -> None:
    assert set_limit(np.full(n, 0.9), [f"s{i}" for i in range(n)], 0.8) == 0.0


def test_limit_is_rounded_down() -> None:
    speakers = [f"s{i}" for i in range(9)]
    assert set_limit(np.full(9, 0.1234567), speakers, 0.8) == 0.123456


@given(st.integers(0, 1000), st.sampled_from([0.6, 0.8, 0.9]))
def test_limit_does_not_depend_on_order_or_copies(seed: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    shares, speakers = simulated(rng, 25)
    limit = set_limit(shares, speakers, level)
    order = rng.permutation(len(shares))
    assert set_limit(shares[order], speakers[order], level) == limit
    copies = np.tile(np.arange(len(shares)), 2)
    assert set_limit(shares[copies], speakers[copies], level) == limit


def test_limit_is_that_of_the_mean_p_value_of_many_subsamples() -> None:
    """The p-value of Dunn et al. by their definition: one clip of each speaker, many times."""
    rng = np.random.default_rng(5)
    shares, speakers = simulated(rng, 30)
    by_speaker = [shares[speakers == name] for name in np.unique(speakers)]
    draws = np.array([[rng.choice(own) for own in by_speaker] for _ in range(4000)])

    def p_value(share: float) -> float:
        return float(np.mean((1 + (draws <= share).sum(axis=1)) / (len(by_speaker) + 1)))

    for level in LEVELS.values():
        limit = set_limit(shares, speakers, level)
        assert p_value(limit + 1e-6) >= 1 - level - 0.004
        below = shares[shares < limit].max()
        assert p_value(below) < 1 - level + 0.004


@pytest.mark.parametrize("level", LEVELS.values())
def test_new_speakers_are_covered_as_stated(level: float) -> None:
    rng = np.random.default_rng(11)
    covered = []
    for _ in range(400):
        shares, speakers = simulated(rng, 41)
        new = speakers == "s040"
        limit = set_limit(shares[~new], speakers[~new], level)
        covered.append((shares[new] >= limit).mean())
    # One new speaker a time, so the mean varies with a standard error of about 0.015.
    assert np.mean(covered) == pytest.approx(level, abs=0.04)


# --- The sets ------------------------------------------------------------------------------------


@given(probability_rows, st.floats(0.0, 1.0))
def test_sets_hold_the_likeliest_and_all_that_reach_the_limit(
    rows: np.ndarray, limit: float
) -> None:
    chosen = in_set(rows, limit)
    best = rows.argmax(axis=1)
    for i, row in enumerate(rows):
        assert set(np.flatnonzero(chosen[i])) == {best[i], *np.flatnonzero(row >= limit)}


def test_sets_are_ordered_by_probability_and_grow_with_the_level() -> None:
    row = np.array([0.05, 0.1, 0.4, 0.0, 0.25, 0.2, 0.0])
    sets = prediction_sets(row, LABELS, {"80": 0.22, "90": 0.08})
    assert sets == {
        "80": ("fearful", "neutral"),
        "90": ("fearful", "neutral", "sad", "disgusted"),
    }
    assert prediction_sets(row, LABELS, {"80": 0.9}) == {"80": ("fearful",)}
    assert prediction_sets(row, LABELS, {}) == {}
