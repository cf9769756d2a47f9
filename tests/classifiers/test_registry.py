"""The three classifiers on small problems, and the numpy predictors against their libraries."""

import numpy as np
import pytest

from emo.classifiers import cnn, mlp, tree
from emo.classifiers import fitting as training
from emo.classifiers.batches import Batch, Features, apply_scaling, standardise
from emo.classifiers.numerics import softmax
from emo.classifiers.registry import CLASSIFIERS
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
    vectors = np.zeros((n, width), np.float32)
    vectors[:, :12] = rng.normal(0, 0.5, (n, 12))
    vectors[np.arange(n), targets] += 3.0
    views = []
    for target in targets:
        view = rng.normal(0, 0.3, (length, N_MELS)).astype(np.float32)
        view[:, target * 9 : target * 9 + 4] += 2.0
        views.append(view - view.mean())
    return Batch(Features(vectors, tuple(views)), targets)


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
    monkeypatch.setattr(tree, "TREE_MIN_LEAF", 3)


def test_the_table_has_the_three():
    assert KEYS == ("tree", "cnn", "mlp")
    assert all(row.takes in ("functionals", "spectrograms") for row in CLASSIFIERS.values())


def test_scaling_is_that_of_scikit_learn():
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    vectors = problem().features.functionals
    scaling = standardise([vectors[:50], vectors[50:]])
    expected = preprocessing.StandardScaler().fit_transform(vectors)
    found = apply_scaling(vectors, scaling)
    np.testing.assert_allclose(found, np.clip(expected, -5, 5), atol=1e-5)


def test_the_tree_learns_and_says_probabilities(small):
    train, test = problem(width=WIDTH), problem(seed=1, width=WIDTH)
    fitted = tree.fit_tree(train, seed=0)
    found = tree.predict_tree(fitted.arrays, test.features.functionals)
    assert (found.argmax(axis=1) == test.targets).mean() > 0.9
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_the_stored_tree_answers_as_scikit_learn_does(small, monkeypatch):
    tree_module = pytest.importorskip("sklearn.tree")
    kept, original = [], tree_module.DecisionTreeRegressor

    def keep(**settings):
        kept.append(original(**settings))
        return kept[-1]

    monkeypatch.setattr(tree_module, "DecisionTreeRegressor", keep)
    train, test = problem(width=WIDTH), problem(seed=1, width=WIDTH)
    arrays = tree.fit_tree(train, seed=0).arrays
    points = (apply_scaling(test.features.functionals, arrays) - arrays["centre"]) @ arrays[
        "projection"
    ]
    expected = np.maximum(kept[0].predict(points), tree.TREE_FLOOR)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(tree.predict_tree(arrays, test.features.functionals), expected)


def test_the_tree_learns_from_its_teacher_too(small):
    train, test = problem(width=WIDTH), problem(seed=1, width=WIDTH)
    n_inputs = train.features.functionals.shape[1]
    teacher = {
        "mean": np.zeros(n_inputs, np.float32),
        "deviation": np.ones(n_inputs, np.float32),
        "member0_0": np.zeros((n_inputs, 8), np.float32),
        "member0_1": np.array([0, 0, 0, 0, 0, 0, 0, 50], np.float32),  # it always says calm
    }
    found = tree.predict_tree(
        tree.fit_tree(train, seed=0, teacher=teacher).arrays, test.features.functionals
    )
    np.testing.assert_allclose(found[:, 7], tree.TREE_TEACHER, atol=0.01)
    assert (found[:, :7].argmax(axis=1) == test.targets).mean() > 0.9


def test_an_axis_follows_how_far_its_label_stands_out():
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(4000, 5)).astype(np.float32)
    rows -= rows.mean(axis=0)
    slopes = rng.normal(0, 0.4, (5, 8))
    slopes -= slopes.mean(axis=1, keepdims=True)  # as the centred logarithm has it
    found = tree.fit_axes(rows, softmax(rows @ slopes))
    np.testing.assert_allclose(found, slopes, atol=0.02)


def test_the_ridge_of_the_axes_is_that_of_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(60, 12)) * rng.uniform(0.2, 2.0, 12)
    rows -= rows.mean(axis=0)
    shares = rng.dirichlet(np.ones(8), 60)
    logs = np.log(np.maximum(shares, tree.TREE_MIN_SHARE))
    ridge = tree.TREE_RIDGE * np.sum(rows**2) / 12
    oracle = linear_model.Ridge(ridge).fit(rows, logs - logs.mean(axis=1, keepdims=True))
    np.testing.assert_allclose(tree.fit_axes(rows, shares), oracle.coef_.T, atol=1e-5)


def test_the_readable_tree_asks_about_functionals_that_can_be_read():
    table = functional_table()
    rng = np.random.default_rng(0)
    targets = np.arange(1600) % len(LABELS)
    vectors = rng.normal(0, 1, (len(targets), len(table))).astype(np.float32)
    told = [i for i, (_, group) in enumerate(table) if group != tree.SURROGATE_EXCLUDED_GROUP]
    untold = [i for i, (_, group) in enumerate(table) if group == tree.SURROGATE_EXCLUDED_GROUP]
    for label in range(len(LABELS)):  # the label shows in both, in the cepstrum more
        vectors[targets == label, told[10 * label]] += 3.0
        vectors[targets == label, untold[10 * label]] += 9.0
    arrays = tree.fit_surrogate(vectors, np.eye(8)[targets], seed=0)
    asked = set(arrays["axis"][arrays["left"] >= 0].tolist())
    assert len(asked) >= len(LABELS) - 1
    assert asked <= {told[10 * label] for label in range(len(LABELS))}
    found = tree.predict_surrogate(
        {tree.SURROGATE + name: rows for name, rows in arrays.items()}, vectors
    )
    assert (found.argmax(axis=1) == targets).mean() > 0.6


def depth(arrays, node=0):
    children = [int(arrays[side][node]) for side in ("left", "right")]
    return 0 if children[0] < 0 else 1 + max(depth(arrays, child) for child in children)


def test_the_readable_tree_has_at_most_six_questions_in_a_row():
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(12_800, WIDTH)).astype(np.float32)
    taught = softmax(rng.normal(size=(len(vectors), 8)))
    assert depth(tree.fit_surrogate(vectors, taught, seed=0)) == tree.SURROGATE_DEPTH


def test_the_stored_perceptron_answers_as_keras_does(monkeypatch):
    pytest.importorskip("keras")
    monkeypatch.setattr(mlp, "MLP_MEMBERS", 1)
    model = mlp.build_mlp(12, seed=3)
    arrays = {"mean": np.zeros(12, np.float32), "deviation": np.ones(12, np.float32)}
    arrays |= {f"member0_{i}": w for i, w in enumerate(model.get_weights())}
    vectors = problem().features.functionals
    expected = softmax(model.predict_on_batch(vectors))
    np.testing.assert_allclose(mlp.predict_mlp(arrays, vectors), expected, atol=1e-5)


@pytest.mark.parametrize("key", ["mlp", "cnn"])
def test_a_network_learns_and_keeps_its_curve(key, small):
    pytest.importorskip("keras")
    epochs = 40 if key == "mlp" else 6
    train, test = problem(140), problem(70, seed=1)
    fitted = CLASSIFIERS[key].fit(train, seed=0, epochs=epochs)
    assert [row["epoch"] for row in fitted.curve] == list(range(1, epochs + 1))
    assert fitted.curve[-1]["loss"] < fitted.curve[0]["loss"]
    if key == "mlp":
        found = mlp.predict_mlp(fitted.arrays, test.features.functionals)
    else:
        found = fitted.model.predict_on_batch(np.stack(test.features.spectrograms))
    assert (found.argmax(axis=1) == test.targets).mean() > 0.4


@pytest.mark.parametrize("key", ["mlp", "cnn"])
def test_an_interrupted_training_goes_on_where_it_was(key, small, tmp_path):
    pytest.importorskip("keras")
    fit = CLASSIFIERS[key].fit
    train = problem(70)

    class Interrupted(Exception):
        pass

    def stop(done, total, row):
        if done == 2:
            raise Interrupted

    with without_graphs():
        with pytest.raises(Interrupted):
            fit(train, seed=0, checkpoint=tmp_path / "run", progress=stop, epochs=3)
        seen = []
        resumed = fit(
            train,
            seed=0,
            checkpoint=tmp_path / "run",
            progress=lambda done, total, row: seen.append(done),
            epochs=3,
        )
        whole = fit(train, seed=0, epochs=3)
    assert seen[0] == 3
    assert len(resumed.curve) == 3
    for name, values in whole.arrays.items():
        # TensorFlow adds up in any order, which the optimiser turns into steps of this size.
        np.testing.assert_allclose(resumed.arrays[name], values, atol=3e-3, err_msg=name)


def test_the_network_takes_clips_of_any_length_and_hears_all_of_them():
    pytest.importorskip("keras")
    model = cnn.build_cnn(seed=0)
    rng = np.random.default_rng(0)
    view = rng.normal(size=(1, 300, N_MELS)).astype(np.float32)
    changed = view.copy()
    changed[:, -20:] *= -1.0
    for length in (20, 64, 300):
        assert model.predict_on_batch(view[:, :length]).shape == (1, len(TRAINED_LABELS))
    difference = np.abs(model.predict_on_batch(view) - model.predict_on_batch(changed))
    assert difference.max() > 1e-6


def test_batches_hold_every_clip_once_at_a_length_close_to_its_own():
    rng = np.random.default_rng(0)
    views = tuple(np.zeros((int(n), N_MELS), np.float32) for n in rng.integers(30, 200, 400))
    parts = cnn._length_batches(views, np.random.default_rng(0))
    rows = np.concatenate([part for part, _ in parts])
    assert sorted(rows) == list(range(400))
    for part, length in parts:
        assert length % cnn.CNN_LENGTH_GRID == 0
        ratio = length / np.array([len(views[i]) for i in part])
        assert ratio.min() > 0.55
        assert ratio.max() < 1.9


def test_an_error_while_a_batch_is_made_reaches_the_training():
    def broken():
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(training._prefetch(broken()))
