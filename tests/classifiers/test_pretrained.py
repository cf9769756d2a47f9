"""Tests of the classifiers on embeddings, and of its measure of strangeness."""

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
    return pretrained.fit_pretrained(made_up(800), seed=1).arrays


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


@pytest.mark.parametrize("n_rows", [20, 60])
def test_principal_axes_are_those_of_scikit_learn(n_rows):
    from sklearn.decomposition import TruncatedSVD

    rows = np.random.default_rng(3).normal(0, np.linspace(1, 3, 30), (n_rows, 30))
    axes = pretrained.principal_axes(rows.astype(np.float32), 4)
    oracle = TruncatedSVD(4, algorithm="arpack", random_state=0).fit(rows).components_
    np.testing.assert_allclose(np.abs(oracle @ axes), np.eye(4), atol=1e-4)


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


def test_strangeness_is_the_distance_to_the_nearest_corpus():
    axes = np.zeros((4, 2), np.float32)
    axes[[0, 1], [0, 1]] = 1
    arrays = {
        "mean": np.zeros(4, np.float32),
        "deviation": np.ones(4, np.float32),
        "axes": axes,
        "centres": np.array([[0, 0], [4, 0]], np.float32),
        "whitening": np.diag([1.0, 0.5]).astype(np.float32),
    }
    rows = np.array([[0, 0, 3, 3], [3, 0, 0, 0], [0, 4, 0, 0]], np.float32)
    expected = np.array([0, 1, 2]) / np.sqrt(2)
    np.testing.assert_allclose(pretrained.measure_strangeness(arrays, rows), expected, atol=1e-6)


def test_distance_is_about_one_for_clips_like_those_of_training():
    rng = np.random.default_rng(5)
    corpora = np.repeat(["a", "b"], 2_000)
    rows = rng.normal(0, 1, (4_000, 30)) * np.linspace(1, 3, 30) + (corpora == "b")[:, None] * 4
    blank = {"mean": np.zeros(30), "deviation": np.ones(30)}
    arrays = blank | pretrained.fit_distance((rows / 3).astype(np.float32), corpora.tolist())
    distances = pretrained.measure_strangeness(arrays, rows / 3)
    assert np.sqrt(np.mean(distances**2)) == pytest.approx(1, abs=0.02)
    far = pretrained.measure_strangeness(arrays, np.full((1, 30), 4.0))
    assert far > distances.max()


def test_clips_of_another_kind_are_stranger(arrays):
    known = pretrained.measure_strangeness(arrays, made_up(seed=3).features.embeddings)
    other = made_up(seed=4).features.embeddings + 2 * np.sign(np.arange(EMBEDDING_SIZE) % 2 - 0.5)
    assert np.median(pretrained.measure_strangeness(arrays, other)) > np.median(known)
