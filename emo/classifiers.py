"""The three classifiers: how each is built, fitted and turned into arrays that can be shipped.

TensorFlow, Keras and scikit-learn are imported inside the functions that need them, so that the
table can be read without them.  The networks use Keras layers and ``keras.ops`` alone and so train
on any Keras backend.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emo.augment import STRETCH, augment_views, mix
from emo.epochs import (
    Curve,
    Progress,
    compile_network,
    fit_epochs,
    softmax,
    watch_arrays,
    watched_scores,
)
from emo.features import N_MELS
from emo.labels import LABELS

N_LABELS = len(LABELS)
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Batch:
    """Clips to fit on or to score: functionals (n, f), n views (time, 64), label indices (n,)."""

    vectors: np.ndarray
    views: tuple[np.ndarray, ...]
    targets: np.ndarray


@dataclass(frozen=True)
class Fitted:
    """What fitting gives: arrays by name, the file for the runtime if any, the learning curve."""

    arrays: Arrays
    curve: Curve
    model: Any = None


def class_weights(targets: np.ndarray) -> np.ndarray:
    """Weight of each label, float64 (7,): the root of how rare it is, one on average over clips."""
    counts = np.bincount(targets, minlength=N_LABELS)
    weights = 1.0 / np.sqrt(np.maximum(counts, 1))
    return np.asarray(weights * counts.sum() / np.sum(weights * counts))


def smooth_targets(targets: np.ndarray, share: float) -> np.ndarray:
    """One-hot rows with ``share`` spread over all labels, float32 (n, 7)."""
    rows = np.full((len(targets), N_LABELS), share / N_LABELS, np.float32)
    rows[np.arange(len(targets)), targets] += 1.0 - share
    return rows


def standardise(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each functional, float32 (f,) each; constants get 1."""
    mean, deviation = vectors.mean(axis=0), vectors.std(axis=0)
    return mean.astype(np.float32), np.where(deviation > 1e-6, deviation, 1).astype(np.float32)


def apply_scaling(vectors: np.ndarray, arrays: Arrays) -> np.ndarray:
    """Functionals in standard deviations from the training mean, held within ±5."""
    return np.clip((vectors - arrays["mean"]) / arrays["deviation"], -5.0, 5.0)


# --- Decision tree -------------------------------------------------------------------------------

TREE_SHRINKAGE = 0.2
TREE_SMALLEST_LEAF = 25
TREE_PRUNING = 3e-4
TREE_TEMPERATURE = 1.4  # lowest log-loss on development speakers (docs/experiments.md)


def fit_tree(
    train: Batch,
    seed: int,
    watch: Batch | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> Fitted:
    """One scikit-learn decision tree on six discriminant axes of the functionals.

    The axes are Fisher's linear discriminants, the covariance drawn towards a sphere by a fixed
    share; each is a weighted sum of functionals.  A split asks on which side of a threshold a clip
    lies.  The shares of the leaves are flattened, since on new voices they promise too much.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.tree import DecisionTreeClassifier

    mean, deviation = standardise(train.vectors)
    scaled = apply_scaling(train.vectors, {"mean": mean, "deviation": deviation})
    axes = LinearDiscriminantAnalysis(solver="eigen", shrinkage=TREE_SHRINKAGE)
    axes.fit(scaled.astype(np.float64), train.targets)
    centre = scaled.mean(axis=0).astype(np.float32)
    projection = axes.scalings_[:, : N_LABELS - 1].astype(np.float32)
    tree = DecisionTreeClassifier(
        min_samples_leaf=TREE_SMALLEST_LEAF, ccp_alpha=TREE_PRUNING, random_state=seed
    )
    tree.fit((scaled - centre) @ projection, train.targets)
    counts = np.zeros((tree.tree_.node_count, N_LABELS))
    counts[:, tree.classes_] = tree.tree_.value[:, 0] * tree.tree_.weighted_n_node_samples[:, None]
    arrays = {
        "mean": mean,
        "deviation": deviation,
        "centre": centre,
        "projection": projection,
        "left": tree.tree_.children_left.astype(np.int32),
        "right": tree.tree_.children_right.astype(np.int32),
        "axis": tree.tree_.feature.astype(np.int32),
        "threshold": tree.tree_.threshold.astype(np.float64),
        "probabilities": softmax(np.log(counts + 1) / TREE_TEMPERATURE),
    }
    if progress:
        progress(1, 1, {})
    return Fitted(arrays, [])


def predict_tree(arrays: Arrays, vectors: np.ndarray) -> np.ndarray:
    """Probabilities of the leaf that each clip reaches, float64 (n, 7)."""
    scaled = apply_scaling(vectors, arrays)
    points = ((scaled - arrays["centre"]) @ arrays["projection"]).astype(np.float32)
    nodes = np.zeros(len(points), int)
    while (inner := arrays["left"][nodes] >= 0).any():
        rows = np.flatnonzero(inner)
        at = nodes[rows]
        below = points[rows, arrays["axis"][at]] <= arrays["threshold"][at]
        nodes[rows] = np.where(below, arrays["left"][at], arrays["right"][at])
    return np.asarray(arrays["probabilities"][nodes], dtype=np.float64)


# --- Multilayer perceptron -----------------------------------------------------------------------

MLP_MEMBERS = 3
MLP_WIDTHS = (512, 256)
MLP_EPOCHS = 30
MLP_BATCH = 128
MLP_RATE = 1e-3
MLP_DECAY = 0.02
MLP_DROPOUT = 0.5
MLP_NOISE = 0.2
MLP_SMOOTHING = 0.1
MLP_MIXUP = 0.4  # share of rows


def build_mlp(n_inputs: int, seed: int) -> Any:
    """A Keras perceptron from standardised functionals (n, f) to logits (n, 7)."""
    import keras

    keras.utils.set_random_seed(seed)
    inputs = keras.Input((n_inputs,))
    x = keras.layers.GaussianNoise(MLP_NOISE)(inputs)
    for width in MLP_WIDTHS:
        x = keras.layers.Dense(width, activation="silu")(x)
        x = keras.layers.Dropout(MLP_DROPOUT)(x)
    return keras.Model(inputs, keras.layers.Dense(N_LABELS)(x))


def fit_mlp(
    train: Batch,
    seed: int,
    watch: Batch | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    epochs: int | None = None,
) -> Fitted:
    """Three perceptrons of different seeds, whose probabilities are averaged as one."""
    epochs = MLP_EPOCHS if epochs is None else epochs
    mean, deviation = standardise(train.vectors)
    scaling = {"mean": mean, "deviation": deviation}
    inputs = apply_scaling(train.vectors, scaling)
    watched = None
    if watch is not None:
        watched = (apply_scaling(watch.vectors, scaling), watch.targets)
    arrays, curves = dict(scaling), []
    for member in range(MLP_MEMBERS):
        member_seed = seed + 1000 * member
        model = build_mlp(inputs.shape[1], member_seed)
        compile_network(model, MLP_RATE, MLP_DECAY, epochs * -(-len(inputs) // MLP_BATCH))
        path = None if checkpoint is None else checkpoint.with_name(f"{checkpoint.name}-{member}")

        def batches(epoch: int, member_seed: int = member_seed) -> Iterator[tuple[Any, Any]]:
            return _mixed_vectors(
                inputs, train.targets, np.random.default_rng([member_seed, epoch])
            )

        def note(epoch: int, row: dict[str, float], member: int = member) -> None:
            if progress:
                progress(member * epochs + epoch, MLP_MEMBERS * epochs, row)

        model, curve = fit_epochs(
            model, batches, class_weights(train.targets), epochs, watch_arrays(watched), path, note
        )
        curves.append(curve)
        for i, weight in enumerate(model.get_weights()):
            arrays[f"member{member}_{i}"] = np.asarray(weight, np.float32)
    mean_curve = [
        {k: float(np.mean([r[k] for r in rows])) for k in rows[0]}
        for rows in zip(*curves, strict=True)
    ]
    return Fitted(arrays, mean_curve)


def _mixed_vectors(
    inputs: np.ndarray, targets: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    rows = smooth_targets(targets, MLP_SMOOTHING)
    order = rng.permutation(len(inputs))
    for i in range(0, len(order), MLP_BATCH):
        chosen = order[i : i + MLP_BATCH]
        yield mix(inputs[chosen], rows[chosen], MLP_MIXUP, rng)


def predict_mlp(arrays: Arrays, vectors: np.ndarray) -> np.ndarray:
    """Mean probabilities of the members, float64 (n, 7), with numpy alone."""
    scaled = apply_scaling(vectors, arrays)
    members = len([name for name in arrays if name.endswith("_0")])
    total = np.zeros((len(vectors), N_LABELS))
    for member in range(members):
        x = scaled
        n_layers = len([name for name in arrays if name.startswith(f"member{member}_")]) // 2
        for layer in range(n_layers):
            x = (
                x @ arrays[f"member{member}_{2 * layer}"]
                + arrays[f"member{member}_{2 * layer + 1}"]
            )
            if layer < n_layers - 1:
                x = x / (1.0 + np.exp(-np.clip(x, -80, 80)))
        total += softmax(x)
    return total / members


# --- Convolutional network -----------------------------------------------------------------------

CNN_CHANNELS = (16, 40, 80, 160)
CNN_EPOCHS = 20
CNN_BATCH = 32
CNN_RATE = 2e-3
CNN_DECAY = 0.02
CNN_DROPOUT = 0.2
CNN_SMOOTHING = 0.1
CNN_MIXUP = 0.25  # share of rows
CNN_ATTENTION = 64
CNN_LENGTH_GRID = 8  # frames


def build_cnn(seed: int) -> Any:
    """A Keras network from views (n, time, 64) of any length to logits (n, 7).

    Four residual blocks with squeeze-and-excitation (Hu et al. 2018), then attentive statistics
    pooling over time (Okabe et al. 2018), so that every frame of a clip counts.
    """
    import keras
    from keras import layers, ops

    keras.utils.set_random_seed(seed)
    inputs = keras.Input((None, N_MELS))
    x = ops.expand_dims(inputs, -1)
    x = _convolve(x, CNN_CHANNELS[0], 5, 2)
    for i, channels in enumerate(CNN_CHANNELS):
        x = _residual(x, channels, 1 if i == 0 else 2)
    x = layers.Reshape((-1, x.shape[2] * x.shape[3]))(x)
    score = layers.Dense(CNN_ATTENTION, activation="tanh")(x)
    weight = layers.Softmax(axis=1)(layers.Dense(x.shape[-1])(score))
    mean = ops.sum(weight * x, axis=1)
    variance = ops.sum(weight * ops.square(x), axis=1) - ops.square(mean)
    spread = ops.sqrt(ops.maximum(variance, 1e-4))
    pooled = layers.BatchNormalization()(ops.concatenate([mean, spread], axis=-1))
    pooled = layers.Dropout(CNN_DROPOUT)(pooled)
    return keras.Model(inputs, layers.Dense(N_LABELS)(pooled))


def _convolve(x: Any, channels: int, size: int, stride: int, activation: str = "relu") -> Any:
    from keras import layers

    x = layers.Conv2D(channels, size, strides=stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation(activation)(x) if activation else x


def _residual(x: Any, channels: int, stride: int) -> Any:
    from keras import layers

    y = _convolve(x, channels, 3, stride)
    y = _convolve(y, channels, 3, 1, activation="")
    gate = layers.GlobalAveragePooling2D(keepdims=True)(y)
    gate = layers.Dense(max(8, channels // 8), activation="relu")(gate)
    y = y * layers.Dense(channels, activation="sigmoid")(gate)
    if stride > 1:
        x = layers.AveragePooling2D(stride, padding="same")(x)
    if x.shape[-1] != channels:
        x = _convolve(x, channels, 1, 1, activation="")
    return layers.Activation("relu")(x + y)


def fit_cnn(
    train: Batch,
    seed: int,
    watch: Batch | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    epochs: int | None = None,
) -> Fitted:
    """The network, trained on spectrograms that are altered anew in every epoch."""
    epochs = CNN_EPOCHS if epochs is None else epochs
    model = build_cnn(seed)
    n_batches = -(-len(train.views) // CNN_BATCH)
    compile_network(model, CNN_RATE, CNN_DECAY, epochs * n_batches)

    def batches(epoch: int) -> Iterator[tuple[Any, Any]]:
        return _augmented_views(train, np.random.default_rng([seed, epoch]))

    def score(current: Any) -> dict[str, float]:
        if watch is None:
            return {}
        probabilities = softmax(_predict_keras(current, watch.views))
        return watched_scores(probabilities, watch.targets)

    def note(epoch: int, row: dict[str, float]) -> None:
        if progress:
            progress(epoch, epochs, row)

    weights = class_weights(train.targets)
    model, curve = fit_epochs(model, batches, weights, epochs, score, checkpoint, note)
    arrays = {f"w{i:03d}": np.asarray(w) for i, w in enumerate(model.get_weights())}
    return Fitted(arrays, curve, model)


def _length_batches(train: Batch, rng: np.random.Generator) -> list[tuple[np.ndarray, int]]:
    """Rows that are stretched to one common length, in frames, and that length.

    Clips are sorted by their length under a random stretch; the common length of a batch is its
    median on a grid, so that few shapes occur and the stretch stays close to the random one.
    """
    lengths = np.array([len(v) for v in train.views]) * rng.uniform(*STRETCH, len(train.views))
    order = np.argsort(lengths)
    parts = [order[i : i + CNN_BATCH] for i in range(0, len(order), CNN_BATCH)]
    grid = CNN_LENGTH_GRID
    return [(p, grid * max(1, round(float(np.median(lengths[p])) / grid))) for p in parts]


def _augmented_views(train: Batch, rng: np.random.Generator) -> Iterator[tuple[Any, Any]]:
    parts = _length_batches(train, rng)
    targets = smooth_targets(train.targets, CNN_SMOOTHING)
    for i in rng.permutation(len(parts)):
        rows, length = parts[i]
        batch = augment_views([train.views[j] for j in rows], length, rng)
        yield mix(batch, targets[rows], CNN_MIXUP, rng)


def _predict_keras(model: Any, views: Sequence[np.ndarray]) -> np.ndarray:
    """Logits of views of any lengths, float32 (n, 7): equal lengths go together."""
    logits = np.empty((len(views), N_LABELS), np.float32)
    lengths = np.array([len(v) for v in views])
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        for i in range(0, len(rows), CNN_BATCH):
            part = rows[i : i + CNN_BATCH]
            logits[part] = model.predict_on_batch(np.stack([views[j] for j in part]))
    return logits


# --- The table -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Classifier:
    """A row of :data:`CLASSIFIERS`.

    Attributes
    ----------
    title, description
        For people.
    takes
        ``vectors`` for functionals, ``views`` for spectrograms.
    fit
        ``fit(train, seed, watch, checkpoint, progress) -> Fitted``.
    predict
        ``predict(arrays, vectors) -> probabilities (n, 7)`` with numpy alone, or None where a
        runtime serves the network.
    """

    title: str
    description: str
    takes: str
    fit: Callable[..., Fitted]
    predict: Callable[[Arrays, np.ndarray], np.ndarray] | None


CLASSIFIERS: dict[str, Classifier] = {
    "tree": Classifier(
        "Decision tree",
        "One decision tree that asks a few yes-or-no questions about discriminant axes, each a "
        "weighted sum of functionals.",
        "vectors",
        fit_tree,
        predict_tree,
    ),
    "cnn": Classifier(
        "Convolutional network",
        "A residual convolutional network on the log-mel spectrogram, pooled over all of its time.",
        "views",
        fit_cnn,
        None,
    ),
    "mlp": Classifier(
        "Multilayer perceptron",
        "Three small perceptrons on the functionals, averaged.",
        "vectors",
        fit_mlp,
        predict_mlp,
    ),
}
"""The three classifiers, in the order in which they are shown."""
