"""Tests of the linear classifier on embeddings, and of its measure of strangeness."""

import numpy as np
import pytest

from emo.classifiers import pretrained
from emo.classifiers.batches import Arrays, Batch, Features
from emo.features.encoder import EMBEDDING_SIZE


def made_up(n: int = 240, seed: int = 0) -> Batch:
    """Return clips of eight labels, each label with a centre of its own."""
    rng = np.random.default_rng(seed)
    targets = np.arange(n) % 8
    centres = np.random.default_rng(99).normal(0, 0.3, (8, EMBEDDING_SIZE))
    embeddings = (rng.normal(0, 1, (n, EMBEDDING_SIZE)) + centres[targets]).astype(np.float32)
    blank = tuple(np.zeros((1, 64), np.float32) for _ in range(n))
    features = Features(np.zeros((n, 0), np.float32), blank, embeddings=embeddings)
    return Batch(features, targets)


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    return pretrained.fit_pretrained(made_up(), seed=1).arrays


def test_fit_logistic_is_that_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(1)
    inputs = rng.normal(0, 1, (300, 6)).astype(np.float32)
    labels = (inputs @ rng.normal(0, 1, (6, 8))).argmax(axis=1)
    labels[:8] = np.arange(8)
    ridge = 0.02
    head = pretrained.fit_logistic(
        inputs, np.eye(8, dtype=np.float32)[labels], np.ones(300, np.float32), ridge, 2_000
    )
    oracle = LogisticRegression(C=1 / (ridge * 300), max_iter=5_000, tol=1e-8)
    oracle.fit(inputs, labels)
    np.testing.assert_allclose(head[:-1].T, oracle.coef_, atol=2e-3)


def test_label_weights_give_each_label_the_same_sum():
    targets = np.array([0, 0, 0, 1, 2, 2])
    weights = pretrained.label_weights(targets)
    np.testing.assert_allclose(np.bincount(targets, weights), [2, 2, 2], rtol=1e-6)


def test_fitted_classifier_names_new_clips_of_the_same_kind(arrays):
    pretrained.check_pretrained(arrays, EMBEDDING_SIZE)
    new = made_up(seed=1)
    probabilities = pretrained.predict_pretrained(arrays, new.features.embeddings)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities.argmax(axis=1) == new.targets).mean() > 0.7  # by chance 0.125


def test_arrays_of_another_width_are_rejected(arrays):
    with pytest.raises(ValueError, match="shape"):
        pretrained.check_pretrained(arrays, EMBEDDING_SIZE + 1)
    with pytest.raises(ValueError, match="missing"):
        pretrained.check_pretrained({k: v for k, v in arrays.items() if k != "axes"}, 2048)


def test_strangeness_is_what_the_axes_leave():
    axes = np.zeros((4, 2), np.float32)
    axes[[0, 1], [0, 1]] = 1
    arrays = {"mean": np.zeros(4, np.float32), "deviation": np.ones(4, np.float32), "axes": axes}
    rows = np.array([[3, 4, 0, 0], [3, 0, 0, 2], [0, 0, 1, 1]], np.float32)
    np.testing.assert_allclose(
        pretrained.measure_strangeness(arrays, rows), [0, 1, np.sqrt(0.5)], atol=1e-6
    )


def test_clips_of_another_kind_are_stranger(arrays):
    known = pretrained.measure_strangeness(arrays, made_up(seed=3).features.embeddings)
    other = np.random.default_rng(4).normal(0, 2, (50, EMBEDDING_SIZE)).astype(np.float32)
    assert pretrained.measure_strangeness(arrays, other).min() > known.max()
