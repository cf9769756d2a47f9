"""The preparation of training clips, counted by hand."""

import numpy as np
import pytest

from emo.classifiers.batches import (
    Batch,
    Features,
    choose_copies,
    class_weights,
    distil,
    soft_targets,
)
from emo.labels import TRAINED_LABELS

N = len(TRAINED_LABELS)


def features(number, n=6, reasons=()):
    """Return the features of a copy: functionals of 100 times its number, plus the row."""
    rows = np.arange(n, dtype=np.float32)[:, None] + 100 * number
    return Features(rows, tuple(np.full((int(r[0]) + 1, 1), r[0]) for r in rows), reasons)


def batch(n=6, copies=2, **options):
    """Clips with copies; each value of a row says which row and copy it belongs to."""
    copied = tuple(features(1 + number, n) for number in range(copies))
    return Batch(features(0, n), np.arange(n) % 2, copied, **options)


def test_class_weights_counted_by_hand():
    targets = np.array([0] * 4 + [1])
    weights = class_weights(targets)
    assert weights[1] / weights[0] == pytest.approx(2.0)  # the root of four times rarer
    assert weights[targets].mean() == pytest.approx(1.0)


def test_distil_mixes_two_distributions():
    targets, teacher = np.array([[1.0, 0.0, 0.0]]), np.array([[0.2, 0.8, 0.0]])
    np.testing.assert_allclose(distil(targets, teacher, 0.25), [[0.8, 0.2, 0.0]], rtol=1e-6)


def test_take_keeps_rows_in_the_order_given():
    taken = features(0, reasons=("", "silent", "", "", "", "")).take(np.array([5, 1]))
    assert taken.functionals[:, 0].tolist() == [5, 1]
    assert [len(spectrogram) for spectrogram in taken.spectrograms] == [6, 2]
    assert taken.usable.tolist() == [True, False]


def test_take_leaves_out_unusable_clips_and_replaces_unusable_copies():
    reasons = ("silent", "", "", "", "", "")
    copy_reasons = ("", "", "short", "", "", "")
    listeners = np.arange(6 * N, dtype=np.float32).reshape(6, N)
    clips = Batch(
        features(0, reasons=reasons),
        np.arange(6),
        (features(1, reasons=copy_reasons),),
        listeners,
    )
    taken = clips.take(np.array([0, 2, 3]))
    assert taken.targets.tolist() == [2, 3]
    assert taken.features.functionals[:, 0].tolist() == [2, 3]
    assert taken.copies[0].functionals[:, 0].tolist() == [2, 103]
    assert [s[0, 0] for s in taken.copies[0].spectrograms] == [2, 103]
    np.testing.assert_array_equal(taken.listener_labels, listeners[[2, 3]])


def test_functionals_and_spectrograms_follow_the_number_of_the_copy():
    numbers = np.array([0, 1, 2, 0, 2, 1])
    assert batch().functionals(numbers)[:, 0].tolist() == [0, 101, 202, 3, 204, 105]
    assert [s[0, 0] for s in batch().spectrograms(numbers)] == [0, 101, 202, 3, 204, 105]


@pytest.mark.slow
def test_copies_are_chosen_with_their_share():
    numbers = choose_copies(batch(20_000, copies=2), 0.5, np.random.default_rng(0))
    shares = np.bincount(numbers) / len(numbers)
    np.testing.assert_allclose(shares, [0.5, 0.25, 0.25], atol=0.02)
    assert not choose_copies(batch(50, copies=0), 0.5, np.random.default_rng(0)).any()


def test_smoothing_is_spread_over_the_labels_that_occur():
    targets = soft_targets(batch(2), 0.2, 0.0)
    np.testing.assert_allclose(targets[0], [0.9, 0.1, 0, 0, 0, 0, 0, 0], atol=1e-6)


def test_listeners_have_their_share_in_the_clips_that_they_rated():
    listeners = np.zeros((2, N), np.float32)
    listeners[0, 3] = 1.0
    targets = soft_targets(batch(2, listener_labels=listeners), 0.0, 0.25)
    np.testing.assert_allclose(targets[0], [0.75, 0, 0, 0.25, 0, 0, 0, 0])
    np.testing.assert_allclose(targets[1], [0, 1, 0, 0, 0, 0, 0, 0])
