"""The decision tree, and a readable one beside it: scikit-learn fits them, numpy serves them."""

from pathlib import Path
from typing import Any

import numpy as np

from emo.classifiers.batches import (
    N_OUTPUTS,
    Arrays,
    Batch,
    Fitted,
    apply_scaling,
    check_arrays,
    standardise,
)
from emo.classifiers.fitting import Progress
from emo.classifiers.mlp import predict_mlp
from emo.features.functionals import functional_table

TREE_RIDGE = 0.01  # of the mean variance of a functional
TREE_MIN_LEAF = 25
TREE_PRUNING = 1e-5
TREE_TEACHER = 0.5  # share of what is taught that the perceptron says; the rest is the acted label
TREE_MIN_SHARE = 1e-3  # taught, for the axes: a share of none has no logarithm
TREE_FLOOR = 1e-4  # least probability of a leaf
SURROGATE_DEPTH = 6
SURROGATE_MIN_LEAF = 100
SURROGATE_EXCLUDED_GROUP = (
    "cepstrum"  # the group of functionals whose values say nothing to a reader
)
SURROGATE = "plain_"  # begins the names of the readable tree's arrays


def fit_tree(
    train: Batch,
    seed: int,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    teacher: Arrays | None = None,
) -> Fitted:
    """One scikit-learn regression tree from an axis for each label to probabilities.

    An axis is a weighted sum of the functionals that follows how far a label stands out
    (:func:`fit_axes`).  A question asks on which side of a limit a clip lies.  The tree is fitted
    to the clips and all their copies; half of what it is taught is the acted label, and half is
    what a perceptron of the same training clips says (distillation, Hinton et al. 2015), where the
    arrays of one are given as ``teacher``.

    A surrogate tree (:func:`fit_surrogate`) is fitted to the same and serves explanations alone.
    """
    from sklearn.tree import DecisionTreeRegressor

    sources = [train.clips.vectors, *(copy.vectors for copy in train.copies)]
    scaling = standardise(sources)
    scaled = apply_scaling(np.concatenate(sources), scaling)
    taught = np.eye(N_OUTPUTS)[np.tile(train.targets, len(sources))]
    if teacher is not None:
        said = np.concatenate([predict_mlp(teacher, vectors) for vectors in sources])
        taught = (1 - TREE_TEACHER) * taught + TREE_TEACHER * said
    centre = scaled.mean(axis=0).astype(np.float32)
    projection = fit_axes(scaled - centre, taught)
    tree = DecisionTreeRegressor(
        min_samples_leaf=TREE_MIN_LEAF, ccp_alpha=TREE_PRUNING, random_state=seed
    )
    tree.fit((scaled - centre) @ projection, taught)
    arrays = {**scaling, "centre": centre, "projection": projection, **_tree_arrays(tree)}
    plain = fit_surrogate(np.concatenate(sources), taught, seed)
    arrays |= {SURROGATE + name: values for name, values in plain.items()}
    if progress:
        progress(1, 1, {})
    return Fitted(arrays, [])


def fit_axes(centred: np.ndarray, taught: np.ndarray) -> np.ndarray:
    """Weights of the functionals on an axis for each label, float32 (f, 8).

    Ridge regression (Hoerl and Kennard 1970) of the centred logarithm of what is taught, so that a
    clip lies at how far the label should stand out from all: 0.7 more doubles its share beside
    another label that stays where it is.

    Parameters
    ----------
    centred : float32 (n, f), scaled functionals of mean 0
    taught : float64 (n, 8), probabilities
    """
    rows = centred.astype(np.float64)
    stands_out = np.log(np.maximum(taught, TREE_MIN_SHARE))
    stands_out -= stands_out.mean(axis=1, keepdims=True)
    scatter = rows.T @ rows
    ridge = TREE_RIDGE * np.trace(scatter) / len(scatter)
    weights = np.linalg.solve(
        scatter + ridge * np.eye(len(scatter)), rows.T @ (stands_out - stands_out.mean(axis=0))
    )
    return np.asarray(weights, np.float32)


def fit_surrogate(vectors: np.ndarray, taught: np.ndarray, seed: int) -> Arrays:
    """A readable tree: at most six questions, each about one functional in its own unit.

    Cepstra are left out, since nobody can say what a value of one means.

    Parameters
    ----------
    vectors : float32 (n, f), functionals
    taught : float64 (n, 8), probabilities
    """
    from sklearn.tree import DecisionTreeRegressor

    told = np.flatnonzero([group != SURROGATE_EXCLUDED_GROUP for _, group in functional_table()])
    tree = DecisionTreeRegressor(
        max_depth=SURROGATE_DEPTH, min_samples_leaf=SURROGATE_MIN_LEAF, random_state=seed
    )
    arrays = _tree_arrays(tree.fit(vectors[:, told], taught))
    asked = arrays["axis"] >= 0
    arrays["axis"][asked] = told[arrays["axis"][asked]]
    return arrays


def _tree_arrays(tree: Any) -> Arrays:
    """A fitted scikit-learn tree as arrays, a row a node; ``axis`` is below zero in a leaf."""
    shares = np.maximum(tree.tree_.value[:, :, 0], TREE_FLOOR)
    return {
        "left": tree.tree_.children_left.astype(np.int32),
        "right": tree.tree_.children_right.astype(np.int32),
        "axis": tree.tree_.feature.astype(np.int32),
        "threshold": tree.tree_.threshold.astype(np.float64),
        "probabilities": shares / shares.sum(axis=1, keepdims=True),
    }


def surrogate_arrays(arrays: Arrays) -> Arrays:
    """The readable tree among the arrays of a tree, under the names that every tree has."""
    return {
        name.removeprefix(SURROGATE): values
        for name, values in arrays.items()
        if name.startswith(SURROGATE)
    }


def check_tree(arrays: Arrays, n_inputs: int) -> None:
    """Nothing where these are a tree over so many functionals, and a readable one.

    Raises
    ------
    ValueError
        An array is missing or of another shape, a branch leads back, or a leaf gives no shares.
    """
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("mean", "deviation", "centre"), (n_inputs,))
    shapes |= {"projection": (n_inputs, N_OUTPUTS)}
    whole = []
    for start in ("", SURROGATE):
        n_nodes = len(arrays[f"{start}left"])
        shapes |= {f"{start}{name}": (n_nodes,) for name in ("left", "right", "axis", "threshold")}
        shapes |= {f"{start}probabilities": (n_nodes, N_OUTPUTS)}
        whole += [f"{start}{name}" for name in ("left", "right", "axis")]
    check_arrays(arrays, shapes, whole)
    _check_nodes(arrays, N_OUTPUTS)
    _check_nodes(surrogate_arrays(arrays), n_inputs)


def _check_nodes(arrays: Arrays, n_axes: int) -> None:
    inner = arrays["left"] >= 0
    nodes = np.arange(len(inner))
    for side in ("left", "right"):
        if (arrays[side][inner] <= nodes[inner]).any() or (arrays[side] >= len(nodes)).any():
            raise ValueError(f"in '{side}' a branch leads back or nowhere")
    if (arrays["axis"][inner] < 0).any() or (arrays["axis"] >= n_axes).any():
        raise ValueError("in 'axis' a question is about an axis that is not there")
    shares = arrays["probabilities"]
    if (shares < 0).any() or not np.allclose(shares.sum(axis=1), 1, atol=1e-3):
        raise ValueError("in 'probabilities' a leaf's shares do not add up to 1")


def axis_values(arrays: Arrays, vectors: np.ndarray) -> np.ndarray:
    """Where clips lie on the axis of each label, float32 (n, 8)."""
    centred = apply_scaling(vectors, arrays) - arrays["centre"]
    return np.asarray((centred @ arrays["projection"]).astype(np.float32))


def predict_tree(arrays: Arrays, vectors: np.ndarray) -> np.ndarray:
    """Probabilities of the leaf that each clip reaches, float64 (n, 8)."""
    return _reach_leaves(arrays, axis_values(arrays, vectors))


def predict_surrogate(arrays: Arrays, vectors: np.ndarray) -> np.ndarray:
    """The same by the readable tree, whose axes are the functionals themselves."""
    return _reach_leaves(surrogate_arrays(arrays), np.asarray(vectors, np.float32))


def _reach_leaves(arrays: Arrays, points: np.ndarray) -> np.ndarray:
    nodes = np.zeros(len(points), int)
    while (inner := arrays["left"][nodes] >= 0).any():
        rows = np.flatnonzero(inner)
        at = nodes[rows]
        below = points[rows, arrays["axis"][at]] <= arrays["threshold"][at]
        nodes[rows] = np.where(below, arrays["left"][at], arrays["right"][at])
    return np.asarray(arrays["probabilities"][nodes], dtype=np.float64)
