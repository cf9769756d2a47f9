"""A decision tree and a readable surrogate of it: fitted with scikit-learn, served with numpy."""

from collections.abc import Sequence
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
    distil,
    standardise,
)
from emo.classifiers.fitting import Progress
from emo.features.functionals import functional_table

TREE_RIDGE = 0.01  # of the mean variance of a functional
TREE_MIN_LEAF = 25  # clips
TREE_PRUNING = 1e-5  # cost of a leaf (minimal cost-complexity pruning, Breiman et al. 1984)
TREE_TEACHER = 0.5  # share of the teacher's probabilities in the soft targets
TREE_MIN_SHARE = 1e-3  # of a label in the soft targets, so that its logarithm is finite
TREE_FLOOR = 1e-4  # least probability of a leaf
SURROGATE_DEPTH = 6
SURROGATE_MIN_LEAF = 100  # clips
SURROGATE_EXCLUDED_GROUP = "cepstrum"  # functionals whose values mean nothing to a reader
SURROGATE = "plain_"  # prefix of the surrogate's arrays in the stored file


def fit_tree(
    train: Batch,
    seed: int,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    teacher: Sequence[np.ndarray] = (),
) -> Fitted:
    """Fit one regression tree from an axis for each label to probabilities.

    An axis is a weighted sum of the functionals (``fit_axes``); each question of the tree
    compares a clip's value on one axis with a threshold.  A surrogate tree (``fit_surrogate``)
    is fitted to the same soft targets and serves explanations alone.

    Parameters
    ----------
    train
        Clips and their copies, which are all fitted at once.
    seed
        Breaks ties between equally good questions.
    checkpoint
        Not used: a fit takes seconds.
    progress
        Called once, at the end.
    teacher : sequence of float64, (n, k)
        Another classifier's probabilities for the clips, then for each of their copies.  They make
        up a share of ``TREE_TEACHER`` of the soft targets; none where it is empty.

    Returns
    -------
    Fitted
        The arrays that ``check_tree`` describes, and no curve.
    """
    from sklearn.tree import DecisionTreeRegressor

    sources = [train.features.functionals, *(copy.functionals for copy in train.copies)]
    scaling = standardise(sources)
    scaled = apply_scaling(np.concatenate(sources), scaling)
    targets = np.eye(train.n_outputs)[np.tile(train.targets, len(sources))]
    if teacher:
        targets = distil(targets, np.concatenate(list(teacher)), TREE_TEACHER)
    centre = scaled.mean(axis=0).astype(np.float32)
    projection = fit_axes(scaled - centre, targets)
    tree = DecisionTreeRegressor(
        min_samples_leaf=TREE_MIN_LEAF, ccp_alpha=TREE_PRUNING, random_state=seed
    )
    tree.fit((scaled - centre) @ projection, targets)
    arrays = {**scaling, "centre": centre, "projection": projection, **_tree_arrays(tree)}
    surrogate = fit_surrogate(np.concatenate(sources), targets, seed)
    arrays |= {SURROGATE + name: values for name, values in surrogate.items()}
    if progress:
        progress(1, 1, {})
    return Fitted(arrays, [])


def fit_axes(centred: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the weights of the functionals on an axis for each label, float32 (f, 8).

    Ridge regression (Hoerl and Kennard 1970) of the centred log-ratio of the soft targets
    (Aitchison 1982).  On the axis of a label, 0.7 more doubles the label's share relative to the
    geometric mean of all labels.

    Parameters
    ----------
    centred : float32, (n, f)
        Scaled functionals of mean 0.
    targets : float64, (n, 8)
        Probabilities.
    """
    rows = centred.astype(np.float64)
    log_ratios = np.log(np.maximum(targets, TREE_MIN_SHARE))
    log_ratios -= log_ratios.mean(axis=1, keepdims=True)
    scatter = rows.T @ rows
    ridge = TREE_RIDGE * np.trace(scatter) / len(scatter)
    weights = np.linalg.solve(
        scatter + ridge * np.eye(len(scatter)), rows.T @ (log_ratios - log_ratios.mean(axis=0))
    )
    return np.asarray(weights, np.float32)


def fit_surrogate(functionals: np.ndarray, targets: np.ndarray, seed: int) -> Arrays:
    """Return a tree of at most six questions, each about one functional in its own unit.

    Cepstra are left out, since their values have no meaning to a reader.

    Parameters
    ----------
    functionals : float32, (n, f)
    targets : float64, (n, 8)
        Probabilities.
    seed
        Breaks ties between equally good questions.
    """
    from sklearn.tree import DecisionTreeRegressor

    groups = [group for _, group in functional_table()]
    columns = np.flatnonzero([group != SURROGATE_EXCLUDED_GROUP for group in groups])
    tree = DecisionTreeRegressor(
        max_depth=SURROGATE_DEPTH, min_samples_leaf=SURROGATE_MIN_LEAF, random_state=seed
    )
    arrays = _tree_arrays(tree.fit(functionals[:, columns], targets))
    inner = arrays["axis"] >= 0
    arrays["axis"][inner] = columns[arrays["axis"][inner]]
    return arrays


def _tree_arrays(tree: Any) -> Arrays:
    """Return a fitted scikit-learn tree as arrays, a row a node; ``axis`` is negative in leaves."""
    shares = np.maximum(tree.tree_.value[:, :, 0], TREE_FLOOR)
    return {
        "left": tree.tree_.children_left.astype(np.int32),
        "right": tree.tree_.children_right.astype(np.int32),
        "axis": tree.tree_.feature.astype(np.int32),
        "threshold": tree.tree_.threshold.astype(np.float64),
        "probabilities": shares / shares.sum(axis=1, keepdims=True),
    }


def surrogate_arrays(arrays: Arrays) -> Arrays:
    """Return the surrogate's arrays, under the names that the arrays of every tree have."""
    return {
        name.removeprefix(SURROGATE): values
        for name, values in arrays.items()
        if name.startswith(SURROGATE)
    }


def check_tree(arrays: Arrays, n_inputs: int, n_outputs: int = N_OUTPUTS) -> None:
    """Raise an error unless the arrays are a tree over `n_inputs` functionals and its surrogate.

    A tree has ``mean``, ``deviation``, ``centre`` (f,) and ``projection`` (f, 8), and a row for
    each of its m nodes in ``left``, ``right``, ``axis``, ``threshold`` (m,) and ``probabilities``
    (m, 8).  The surrogate has the last five, prefixed.

    Raises
    ------
    ValueError
        An array is missing or of another shape, a branch leads back, or the probabilities of a
        leaf do not add up to 1.
    """
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("mean", "deviation", "centre"), (n_inputs,))
    shapes |= {"projection": (n_inputs, n_outputs)}
    integers = []
    for prefix in ("", SURROGATE):
        n_nodes = len(arrays[f"{prefix}left"])
        shapes |= {f"{prefix}{name}": (n_nodes,) for name in ("left", "right", "axis", "threshold")}
        shapes |= {f"{prefix}probabilities": (n_nodes, n_outputs)}
        integers += [f"{prefix}{name}" for name in ("left", "right", "axis")]
    check_arrays(arrays, shapes, integers)
    _check_nodes(arrays, n_outputs)
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


def axis_values(arrays: Arrays, functionals: np.ndarray) -> np.ndarray:
    """Return the place of clips on the axis of each label, float32 (n, 8)."""
    centred = apply_scaling(functionals, arrays) - arrays["centre"]
    return np.asarray((centred @ arrays["projection"]).astype(np.float32))


def predict_tree(arrays: Arrays, functionals: np.ndarray) -> np.ndarray:
    """Return the probabilities of the leaf that each clip reaches, float64 (n, 8)."""
    return _reach_leaves(arrays, axis_values(arrays, functionals))


def predict_surrogate(arrays: Arrays, functionals: np.ndarray) -> np.ndarray:
    """Return the surrogate's probabilities, float64 (n, 8), from the arrays of the whole tree."""
    return _reach_leaves(surrogate_arrays(arrays), np.asarray(functionals, np.float32))


def _reach_leaves(arrays: Arrays, points: np.ndarray) -> np.ndarray:
    nodes = np.zeros(len(points), int)
    while (inner := arrays["left"][nodes] >= 0).any():
        rows = np.flatnonzero(inner)
        at = nodes[rows]
        below = points[rows, arrays["axis"][at]] <= arrays["threshold"][at]
        nodes[rows] = np.where(below, arrays["left"][at], arrays["right"][at])
    return np.asarray(arrays["probabilities"][nodes], dtype=np.float64)
