"""The decision tree: fitting with scikit-learn, and serving with numpy."""

from pathlib import Path

import numpy as np

from emo.epochs import Progress
from emo.examples import (
    N_OUTPUTS,
    Arrays,
    Batch,
    Fitted,
    apply_scaling,
    check_arrays,
    standardise,
)
from emo.mlp import predict_mlp

TREE_SHRINKAGE = 0.2
TREE_SMALLEST_LEAF = 40
TREE_PRUNING = 1e-5
TREE_TEACHER = 0.5  # share of what is taught that the perceptron says; the rest is the acted label
TREE_FLOOR = 1e-4  # least probability of a leaf


def fit_tree(
    train: Batch,
    seed: int,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    teacher: Arrays | None = None,
) -> Fitted:
    """One scikit-learn regression tree from discriminant axes of functionals to probabilities.

    The axes are Fisher's linear discriminants, the covariance drawn towards a sphere by a fixed
    share; each is a weighted sum of functionals.  A split asks on which side of a threshold a clip
    lies.  The tree is fitted to the clips and all their copies; half of what it is taught is the
    acted label, and half is what a perceptron of the same training clips says (distillation,
    Hinton et al. 2015), where the arrays of one are given as ``teacher``.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.tree import DecisionTreeRegressor

    sources = [train.clips.vectors, *(copy.vectors for copy in train.copies)]
    scaling = standardise(sources)
    scaled = apply_scaling(np.concatenate(sources), scaling)
    targets = np.tile(train.targets, len(sources))
    axes = LinearDiscriminantAnalysis(solver="eigen", shrinkage=TREE_SHRINKAGE)
    axes.fit(scaled.astype(np.float64), targets)
    centre = scaled.mean(axis=0).astype(np.float32)
    projection = axes.scalings_[:, : len(np.unique(targets)) - 1].astype(np.float32)
    taught = np.eye(N_OUTPUTS)[targets]
    if teacher is not None:
        said = np.concatenate([predict_mlp(teacher, vectors) for vectors in sources])
        taught = (1 - TREE_TEACHER) * taught + TREE_TEACHER * said
    tree = DecisionTreeRegressor(
        min_samples_leaf=TREE_SMALLEST_LEAF, ccp_alpha=TREE_PRUNING, random_state=seed
    )
    tree.fit((scaled - centre) @ projection, taught)
    shares = np.maximum(tree.tree_.value[:, :, 0], TREE_FLOOR)
    arrays = {
        **scaling,
        "centre": centre,
        "projection": projection,
        "left": tree.tree_.children_left.astype(np.int32),
        "right": tree.tree_.children_right.astype(np.int32),
        "axis": tree.tree_.feature.astype(np.int32),
        "threshold": tree.tree_.threshold.astype(np.float64),
        "probabilities": shares / shares.sum(axis=1, keepdims=True),
    }
    if progress:
        progress(1, 1, {})
    return Fitted(arrays, [])


def check_tree(arrays: Arrays, n_inputs: int) -> None:
    """Nothing where these are a tree over so many functionals.

    Raises
    ------
    ValueError
        An array is missing or of another shape, a branch leads back, or a leaf gives no shares.
    """
    n_nodes, n_axes = len(arrays["left"]), arrays["projection"].shape[-1]
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("mean", "deviation", "centre"), (n_inputs,))
    shapes |= dict.fromkeys(("left", "right", "axis", "threshold"), (n_nodes,))
    shapes |= {"projection": (n_inputs, n_axes), "probabilities": (n_nodes, N_OUTPUTS)}
    check_arrays(arrays, shapes, whole=("left", "right", "axis"))
    inner = arrays["left"] >= 0
    nodes = np.arange(n_nodes)
    for side in ("left", "right"):
        if (arrays[side][inner] <= nodes[inner]).any() or (arrays[side] >= n_nodes).any():
            raise ValueError(f"in '{side}' a branch leads back or nowhere")
    if (arrays["axis"][inner] < 0).any() or (arrays["axis"] >= n_axes).any():
        raise ValueError("in 'axis' a question is about an axis that is not there")
    shares = arrays["probabilities"]
    if (shares < 0).any() or not np.allclose(shares.sum(axis=1), 1, atol=1e-3):
        raise ValueError("in 'probabilities' a leaf's shares do not add up to 1")


def axis_values(arrays: Arrays, vectors: np.ndarray) -> np.ndarray:
    """Where clips lie on the axes that the tree asks about, float32 (n, axes)."""
    centred = apply_scaling(vectors, arrays) - arrays["centre"]
    return np.asarray((centred @ arrays["projection"]).astype(np.float32))


def predict_tree(arrays: Arrays, vectors: np.ndarray) -> np.ndarray:
    """Probabilities of the leaf that each clip reaches, float64 (n, 8)."""
    points = axis_values(arrays, vectors)
    nodes = np.zeros(len(points), int)
    while (inner := arrays["left"][nodes] >= 0).any():
        rows = np.flatnonzero(inner)
        at = nodes[rows]
        below = points[rows, arrays["axis"][at]] <= arrays["threshold"][at]
        nodes[rows] = np.where(below, arrays["left"][at], arrays["right"][at])
    return np.asarray(arrays["probabilities"][nodes], dtype=np.float64)
