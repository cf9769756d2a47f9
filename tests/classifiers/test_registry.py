"""The classifiers on small problems, and the numpy predictors against their libraries."""

from typing import get_args

import numpy as np
import pytest

from emo.classifiers import cnn, mlp, tree
from emo.classifiers import fitting as training
from emo.classifiers.batches import Batch, Features, apply_scaling, standardise
from emo.classifiers.numerics import softmax
from emo.classifiers.registry import CLASSIFIERS, Takes
from emo.features.frames import N_MELS
from emo.features.functionals import functional_table
from emo.labels import LABELS, TRAINED_LABELS
from tests.support.models import without_graphs

KEYS = tuple(CLASSIFIERS)
WIDTH = len(functional_table())


def problem(n=140, seed=0, length=24, width=12):
    """Clips whose label shows in the first functionals and in one mel band."""
    rng = np.random.default_rng(seed)
    targets = np.arange(n) % len(LABELS)
    functionals = np.zeros((n, width), np.float32)
    functionals[:, :12] = rng.normal(0, 0.5, (n, 12))
    functionals[np.arange(n), targets] += 3.0
    spectrograms = []
    for target in targets:
        spectrogram = rng.normal(0, 0.3, (length, N_MELS)).astype(np.float32)
        spectrogram[:, target * 9 : target * 9 + 4] += 2.0
        spectrograms.append(spectrogram - spectrogram.mean())
    return Batch(Features(functionals, tuple(spectrograms)), targets)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(cnn, "CNN_STEM", 8)
    monkeypatch.setattr(cnn, "CNN_CHANNELS", 8)
    monkeypatch.setattr(cnn, "CNN_WIDTH", 16)
    monkeypatch.setattr(cnn, "CNN_BLOCKS", 1)
    monkeypatch.setattr(cnn, "STRETCH", (1.0, 1.0))  # one shape: each costs a second to trace
    monkeypatch.setattr(cnn, "CNN_BATCH", 16)
    monkeypatch.setattr(mlp, "MLP_WIDTHS", (16,))
    monkeypatch.setattr(mlp, "MLP_BATCH", 16)
    monkeypatch.setattr(mlp, "MLP_MEMBERS", 2)
    monkeypatch.setattr(tree, "TREE_MIN_LEAF", 3)


@pytest.mark.parametrize("key", KEYS)
def test_rows_are_complete(key):
    row = CLASSIFIERS[key]
    assert row.takes in get_args(Takes)
    assert row.has_runtime == (row.takes == "spectrograms") == (row.check is None)
    assert row.teacher in (None, *KEYS)
    assert (row.teacher is None) == (row.teacher_share == 0)
    assert row.module.__name__ == f"emo.classifiers.{key}"


def test_scaling_equals_that_of_scikit_learn():
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    functionals = problem().features.functionals
    scaling = standardise([functionals[:50], functionals[50:]])
    expected = preprocessing.StandardScaler().fit_transform(functionals)
    scaled = apply_scaling(functionals, scaling)
    np.testing.assert_allclose(scaled, np.clip(expected, -5, 5), atol=1e-5)


def test_tree_fits_and_returns_probabilities(small):
    train, test = problem(width=WIDTH), problem(seed=1, width=WIDTH)
    fitted = tree.fit_tree(train, seed=0)
    probabilities = tree.predict_tree(fitted.arrays, test.features.functionals)
    assert (probabilities.argmax(axis=1) == test.targets).mean() > 0.9
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


def test_stored_tree_predicts_as_scikit_learn_does(small, monkeypatch):
    tree_module = pytest.importorskip("sklearn.tree")
    trees, original = [], tree_module.DecisionTreeRegressor

    def keep(**settings):
        trees.append(original(**settings))
        return trees[-1]

    monkeypatch.setattr(tree_module, "DecisionTreeRegressor", keep)
    train, test = problem(width=WIDTH), problem(seed=1, width=WIDTH)
    arrays = tree.fit_tree(train, seed=0).arrays
    points = (apply_scaling(test.features.functionals, arrays) - arrays["centre"]) @ arrays[
        "projection"
    ]
    expected = np.maximum(trees[0].predict(points), tree.TREE_FLOOR)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(tree.predict_tree(arrays, test.features.functionals), expected)


@pytest.mark.parametrize("key", [key for key in KEYS if CLASSIFIERS[key].teacher])
@pytest.mark.slow
def test_fit_follows_its_teacher_too(key, small, monkeypatch):
    pytest.importorskip("keras")
    monkeypatch.setattr(mlp, "MLP_SMOOTHING", 0.0)
    row = CLASSIFIERS[key]
    train, test = problem(width=WIDTH), problem(seed=1, width=WIDTH)
    always_calm = np.eye(8)[np.full(len(train.targets), 7)]
    options = {"epochs": 60} if key == "mlp" else {}
    fitted = row.fit(train, seed=0, teacher=[always_calm], **options)
    assert row.predict is not None
    probabilities = row.predict(fitted.arrays, test.features.inputs[row.takes])
    least = 0.4 if key == "mlp" else 0.98  # the perceptron is regularised, not fitted to the end
    assert least < probabilities[:, 7].mean() / row.teacher_share < 1.02
    assert (probabilities[:, :7].argmax(axis=1) == test.targets).mean() > 0.8


def test_axes_are_the_slopes_of_the_centred_log_ratios():
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(4000, 5)).astype(np.float32)
    rows -= rows.mean(axis=0)
    slopes = rng.normal(0, 0.4, (5, 8))
    slopes -= slopes.mean(axis=1, keepdims=True)  # as the centred logarithm has it
    weights = tree.fit_axes(rows, softmax(rows @ slopes))
    np.testing.assert_allclose(weights, slopes, atol=0.02)


def test_axes_equal_the_ridge_regression_of_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(60, 12)) * rng.uniform(0.2, 2.0, 12)
    rows -= rows.mean(axis=0)
    shares = rng.dirichlet(np.ones(8), 60)
    logs = np.log(np.maximum(shares, tree.TREE_MIN_SHARE))
    ridge = tree.TREE_RIDGE * np.sum(rows**2) / 12
    oracle = linear_model.Ridge(ridge).fit(rows, logs - logs.mean(axis=1, keepdims=True))
    np.testing.assert_allclose(tree.fit_axes(rows, shares), oracle.coef_.T, atol=1e-5)


def test_surrogate_leaves_out_functionals_without_meaning():
    table = functional_table()
    rng = np.random.default_rng(0)
    targets = np.arange(1600) % len(LABELS)
    functionals = rng.normal(0, 1, (len(targets), len(table))).astype(np.float32)
    readable = [i for i, (_, group) in enumerate(table) if group != tree.SURROGATE_EXCLUDED_GROUP]
    unreadable = [i for i, (_, group) in enumerate(table) if group == tree.SURROGATE_EXCLUDED_GROUP]
    for label in range(len(LABELS)):  # the label shows in both, in the cepstrum more
        functionals[targets == label, readable[10 * label]] += 3.0
        functionals[targets == label, unreadable[10 * label]] += 9.0
    arrays = tree.fit_surrogate(functionals, np.eye(8)[targets], seed=0)
    axes = set(arrays["axis"][arrays["left"] >= 0].tolist())
    assert len(axes) >= len(LABELS) - 1
    assert axes <= {readable[10 * label] for label in range(len(LABELS))}
    probabilities = tree.predict_surrogate(
        {tree.SURROGATE + name: rows for name, rows in arrays.items()}, functionals
    )
    assert (probabilities.argmax(axis=1) == targets).mean() > 0.6


def depth(arrays, node=0):
    children = [int(arrays[side][node]) for side in ("left", "right")]
    return 0 if children[0] < 0 else 1 + max(depth(arrays, child) for child in children)


@pytest.mark.slow
def test_surrogate_has_at_most_six_questions_in_a_row():
    rng = np.random.default_rng(1)
    functionals = rng.normal(size=(12_800, WIDTH)).astype(np.float32)
    targets = softmax(rng.normal(size=(len(functionals), 8)))
    assert depth(tree.fit_surrogate(functionals, targets, seed=0)) == tree.SURROGATE_DEPTH


def test_stored_perceptron_predicts_as_keras_does(monkeypatch):
    pytest.importorskip("keras")
    monkeypatch.setattr(mlp, "MLP_MEMBERS", 1)
    model = mlp.build_mlp(12, seed=3)
    arrays = {"mean": np.zeros(12, np.float32), "deviation": np.ones(12, np.float32)}
    arrays |= {f"member0_{i}": w for i, w in enumerate(model.get_weights())}
    functionals = problem().features.functionals
    expected = softmax(model.predict_on_batch(functionals))
    np.testing.assert_allclose(mlp.predict_mlp(arrays, functionals), expected, atol=1e-5)


@pytest.mark.parametrize("key", ["mlp", "cnn"])
@pytest.mark.slow
def test_network_fits_and_returns_its_curve(key, small):
    pytest.importorskip("keras")
    epochs = 40 if key == "mlp" else 6
    train, test = problem(128), problem(70, seed=1)  # whole batches: each shape is traced anew
    fitted = CLASSIFIERS[key].fit(train, seed=0, epochs=epochs)
    assert [row["epoch"] for row in fitted.curve] == list(range(1, epochs + 1))
    assert fitted.curve[-1]["loss"] < fitted.curve[0]["loss"]
    if key == "mlp":
        probabilities = mlp.predict_mlp(fitted.arrays, test.features.functionals)
    else:
        probabilities = fitted.model.predict_on_batch(np.stack(test.features.spectrograms))
    assert (probabilities.argmax(axis=1) == test.targets).mean() > 0.4


@pytest.mark.parametrize("key", ["mlp", "cnn"])
@pytest.mark.slow
def test_interrupted_fit_goes_on_from_its_checkpoint(key, small, tmp_path):
    pytest.importorskip("keras")
    fit = CLASSIFIERS[key].fit
    train = problem(32)  # two batches

    class Interrupted(Exception):
        pass

    def stop(done, total, row):
        if done == 2:
            raise Interrupted

    with without_graphs():
        with pytest.raises(Interrupted):
            fit(train, seed=0, checkpoint=tmp_path / "run", progress=stop, epochs=3)
        reported = []
        resumed = fit(
            train,
            seed=0,
            checkpoint=tmp_path / "run",
            progress=lambda done, total, row: reported.append(done),
            epochs=3,
        )
        whole = fit(train, seed=0, epochs=3)
    assert reported[0] == 3
    assert len(resumed.curve) == 3
    for name, values in whole.arrays.items():
        # TensorFlow adds up in any order, which the optimiser turns into steps of this size.
        np.testing.assert_allclose(resumed.arrays[name], values, atol=3e-3, err_msg=name)


@pytest.mark.slow
def test_network_takes_clips_of_any_length_and_uses_all_frames():
    pytest.importorskip("keras")
    model = cnn.build_cnn(seed=0)
    rng = np.random.default_rng(0)
    spectrogram = rng.normal(size=(1, 300, N_MELS)).astype(np.float32)
    changed = spectrogram.copy()
    changed[:, -20:] *= -1.0
    for length in (20, 64, 300):
        assert model.predict_on_batch(spectrogram[:, :length]).shape == (1, len(TRAINED_LABELS))
    difference = np.abs(model.predict_on_batch(spectrogram) - model.predict_on_batch(changed))
    assert difference.max() > 1e-6


def test_batches_hold_every_clip_once_at_a_length_close_to_its_own():
    rng = np.random.default_rng(0)
    spectrograms = tuple(np.zeros((int(n), N_MELS), np.float32) for n in rng.integers(30, 200, 400))
    batches = cnn._length_batches(spectrograms, np.random.default_rng(0))
    rows = np.concatenate([batch for batch, _ in batches])
    assert sorted(rows) == list(range(400))
    for batch, length in batches:
        assert length % cnn.CNN_LENGTH_GRID == 0
        ratio = length / np.array([len(spectrograms[i]) for i in batch])
        assert ratio.min() > 0.55
        assert ratio.max() < 1.9


def test_error_in_a_batch_reaches_the_fit():
    def broken():
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(training._prefetch(broken()))
