"""What the classifiers are fitted to, counted by hand."""

import numpy as np
import pytest

from emo.classifiers.batches import Batch, Inputs, choose_copies, class_weights, soft_targets
from emo.labels import TRAINED_LABELS

N = len(TRAINED_LABELS)


def batch(n=6, copies=2, listeners=None):
    """Clips whose functional is their number, plus 100 for each copy; the view as long."""

    def inputs(number):
        rows = np.arange(n, dtype=np.float32)[:, None] + 100 * number
        return Inputs(rows, tuple(np.full((int(r[0]) + 1, 1), r[0]) for r in rows))

    rest = tuple(inputs(1 + number) for number in range(copies))
    given = {} if listeners is None else {"listeners": listeners}
    return Batch(inputs(0), np.arange(n) % 2, rest, **given)


def test_class_weights_counted_by_hand():
    targets = np.array([0] * 4 + [1])
    weights = class_weights(targets)
    assert weights[1] / weights[0] == pytest.approx(2.0)  # the root of four times rarer
    assert weights[targets].mean() == pytest.approx(1.0)


def test_the_clip_or_the_copy_that_was_chosen_is_given():
    chosen = np.array([0, 1, 2, 0, 2, 1])
    assert batch().vectors(chosen)[:, 0].tolist() == [0, 101, 202, 3, 204, 105]
    assert [view[0, 0] for view in batch().views(chosen)] == [0, 101, 202, 3, 204, 105]


def test_copies_are_chosen_as_often_as_asked():
    chosen = choose_copies(batch(20_000, copies=2), 0.5, np.random.default_rng(0))
    shares = np.bincount(chosen) / len(chosen)
    np.testing.assert_allclose(shares, [0.5, 0.25, 0.25], atol=0.02)
    assert not choose_copies(batch(50, copies=0), 0.5, np.random.default_rng(0)).any()


def test_smoothing_is_spread_over_the_labels_that_occur():
    rows = soft_targets(batch(2), 0.2, 0.0)
    np.testing.assert_allclose(rows[0], [0.9, 0.1, 0, 0, 0, 0, 0, 0], atol=1e-6)


def test_listeners_have_their_share_where_they_were_asked():
    heard = np.zeros((2, N), np.float32)
    heard[0, 3] = 1.0
    rows = soft_targets(batch(2, listeners=heard), 0.0, 0.25)
    np.testing.assert_allclose(rows[0], [0.75, 0, 0, 0.25, 0, 0, 0, 0])
    np.testing.assert_allclose(rows[1], [0, 1, 0, 0, 0, 0, 0, 0])
