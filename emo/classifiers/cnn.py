"""The convolutional network on the log-mel spectrogram: building and fitting.

Keras layers and ``keras.ops`` alone, so that it trains on any Keras backend.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emo.classifiers.augmentation import STRETCH, augment_spectrograms
from emo.classifiers.batches import (
    N_OUTPUTS,
    Batch,
    Fitted,
    choose_copies,
    class_weights,
    soft_targets,
)
from emo.classifiers.fitting import Progress, compile_network, fit_epochs, make_muon
from emo.features.frames import N_MELS

CNN_STEM = 16
CNN_CHANNELS = 32  # of the block over time and frequency
CNN_WIDTH = 192  # of the blocks over time
CNN_BLOCKS = 3
CNN_ATTENTION = 64
CNN_EPOCHS = 24
CNN_BATCH = 32
CNN_RATE = 4e-3
CNN_ADAM_RATE = 2e-3
CNN_DECAY = 0.02
CNN_DROPOUT = 0.2
CNN_SMOOTHING = 0.1
CNN_LISTENERS = 0.0  # share of what is taught that goes to the listeners' votes
CNN_COPIES = 0.3  # share of rows
CNN_LENGTH_GRID = 8  # frames
ANSWER_LAYER = "answer"


def build_cnn(seed: int) -> Any:
    """A Keras network from views (n, time, 64) of any length to logits (n, 8).

    A stem and one residual block over time and frequency; then, the bands laid side by side as
    channels, residual blocks over time alone.  Every block has squeeze-and-excitation (Hu et al.
    2018); attentive statistics pooling over time (Okabe et al. 2018) makes every frame count.
    """
    import keras
    from keras import layers, ops

    keras.utils.set_random_seed(seed)
    inputs = keras.Input((None, N_MELS))
    x = ops.expand_dims(inputs, -1)
    x = _convolve(x, layers.Conv2D, CNN_STEM, 5, 2)
    x = _residual(x, layers.Conv2D, CNN_CHANNELS, 2)
    x = layers.Reshape((-1, x.shape[2] * x.shape[3]))(x)
    x = _convolve(x, layers.Conv1D, CNN_WIDTH, 1, 1)
    for _ in range(CNN_BLOCKS):
        x = _residual(x, layers.Conv1D, CNN_WIDTH, 1)
    score = layers.Dense(CNN_ATTENTION, activation="tanh")(x)
    weight = layers.Softmax(axis=1)(layers.Dense(CNN_WIDTH)(score))
    mean = ops.sum(weight * x, axis=1)
    variance = ops.sum(weight * ops.square(x), axis=1) - ops.square(mean)
    spread = ops.sqrt(ops.maximum(variance, 1e-4))
    pooled = layers.BatchNormalization()(ops.concatenate([mean, spread], axis=-1))
    pooled = layers.Dropout(CNN_DROPOUT)(pooled)
    return keras.Model(inputs, layers.Dense(N_OUTPUTS, name=ANSWER_LAYER)(pooled))


def _convolve(
    x: Any, layer: Any, channels: int, size: int, stride: int, activation: str = "relu"
) -> Any:
    from keras import layers

    x = layer(channels, size, strides=stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation(activation)(x) if activation else x


def _residual(x: Any, layer: Any, channels: int, stride: int) -> Any:
    from keras import layers

    flat = layer is layers.Conv1D
    average = layers.GlobalAveragePooling1D if flat else layers.GlobalAveragePooling2D
    y = _convolve(x, layer, channels, 3, stride)
    y = _convolve(y, layer, channels, 3, 1, activation="")
    gate = average(keepdims=True)(y)
    gate = layers.Dense(max(8, channels // 8), activation="relu")(gate)
    y = y * layers.Dense(channels, activation="sigmoid")(gate)
    if stride > 1:
        x = layers.AveragePooling2D(stride, padding="same")(x)
    if x.shape[-1] != channels:
        x = _convolve(x, layer, channels, 1, 1, activation="")
    return layers.Activation("relu")(x + y)


def fit_cnn(
    train: Batch,
    seed: int,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    epochs: int | None = None,
) -> Fitted:
    """The network, trained on spectrograms that are altered anew in every epoch."""
    epochs = CNN_EPOCHS if epochs is None else epochs
    model = build_cnn(seed)
    n_steps = epochs * -(-len(train.targets) // CNN_BATCH)
    muon = make_muon(CNN_RATE, CNN_ADAM_RATE, CNN_DECAY, n_steps, but=ANSWER_LAYER)
    compile_network(model, muon)

    def batches(epoch: int) -> Iterator[tuple[Any, Any]]:
        return _augmented_views(train, np.random.default_rng([seed, epoch]))

    def note(epoch: int, row: dict[str, float]) -> None:
        if progress:
            progress(epoch, epochs, row)

    model, curve = fit_epochs(
        model, batches, class_weights(train.targets), epochs, checkpoint, note
    )
    arrays = {f"w{i:03d}": np.asarray(w) for i, w in enumerate(model.get_weights())}
    return Fitted(arrays, curve, model)


def _length_batches(
    views: Sequence[np.ndarray], rng: np.random.Generator
) -> list[tuple[np.ndarray, int]]:
    """Rows that are stretched to one common length, in frames, and that length.

    Clips are sorted by their length under a random stretch; the common length of a batch is its
    median on a grid, so that few shapes occur and the stretch stays close to the random one.
    """
    lengths = np.array([len(v) for v in views]) * rng.uniform(*STRETCH, len(views))
    order = np.argsort(lengths)
    parts = [order[i : i + CNN_BATCH] for i in range(0, len(order), CNN_BATCH)]
    grid = CNN_LENGTH_GRID
    return [(p, grid * max(1, round(float(np.median(lengths[p])) / grid))) for p in parts]


def _augmented_views(train: Batch, rng: np.random.Generator) -> Iterator[tuple[Any, Any]]:
    views = train.views(choose_copies(train, CNN_COPIES, rng))
    parts = _length_batches(views, rng)
    targets = soft_targets(train, CNN_SMOOTHING, CNN_LISTENERS)
    for i in rng.permutation(len(parts)):
        rows, length = parts[i]
        batch = augment_spectrograms([views[j] for j in rows], length, rng)
        yield batch, targets[rows]
