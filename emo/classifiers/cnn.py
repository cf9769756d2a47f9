"""A convolutional network on the log-mel spectrogram: building and fitting.

Only Keras layers and ``keras.ops`` are used, so that any Keras backend can train it.
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
CNN_LISTENER_SHARE = 0.0  # of the soft targets
CNN_COPY_SHARE = 0.3  # of the rows
CNN_LENGTH_GRID = 8  # frames
OUTPUT_LAYER = "answer"


def build_cnn(seed: int, n_outputs: int = N_OUTPUTS) -> Any:
    """Return a Keras network from spectrograms (n, time, 64) of any length to logits (n, k).

    A stem and one residual block over time and frequency are followed by residual blocks over time
    alone, with the bands side by side as channels.  Every block has squeeze-and-excitation (Hu et
    al. 2018), and attentive statistics pooling (Okabe et al. 2018) summarises all frames.
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
    return keras.Model(inputs, layers.Dense(n_outputs, name=OUTPUT_LAYER)(pooled))


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
    """Fit the network to spectrograms that are augmented anew in every epoch.

    Parameters
    ----------
    train
        Clips with their copies, of which a share replaces the clips in each epoch.
    seed
        Of the initial weights, the batches and the augmentation.
    checkpoint
        Beginning of the names of the files that an interrupted fit goes on from.
    progress
        Called after each epoch.
    epochs
        ``CNN_EPOCHS`` by default.

    Returns
    -------
    Fitted
        With the Keras network; its arrays ``w000``, ``w001``, … are the network's weights in order.
    """
    epochs = CNN_EPOCHS if epochs is None else epochs
    model = build_cnn(seed, train.n_outputs)
    n_steps = epochs * -(-len(train.targets) // CNN_BATCH)
    muon = make_muon(CNN_RATE, CNN_ADAM_RATE, CNN_DECAY, n_steps, output_layer=OUTPUT_LAYER)
    compile_network(model, muon)

    def batches(epoch: int) -> Iterator[tuple[Any, Any]]:
        return _augmented_batches(train, np.random.default_rng([seed, epoch]))

    def report(epoch: int, row: dict[str, float]) -> None:
        if progress:
            progress(epoch, epochs, row)

    weights = class_weights(train.targets, train.n_outputs)
    model, curve = fit_epochs(model, batches, weights, epochs, checkpoint, report)
    arrays = {f"w{i:03d}": np.asarray(w) for i, w in enumerate(model.get_weights())}
    return Fitted(arrays, curve, model)


def _length_batches(
    spectrograms: Sequence[np.ndarray], rng: np.random.Generator
) -> list[tuple[np.ndarray, int]]:
    """Return batches of rows, each with the length in frames that they are stretched to.

    Clips are sorted by their length under a random stretch.  The common length of a batch is its
    median on a grid, so that few shapes occur and the stretch stays close to the random one.
    """
    lengths = np.array([len(s) for s in spectrograms]) * rng.uniform(*STRETCH, len(spectrograms))
    order = np.argsort(lengths)
    batches = [order[i : i + CNN_BATCH] for i in range(0, len(order), CNN_BATCH)]
    grid = CNN_LENGTH_GRID
    return [(b, grid * max(1, round(float(np.median(lengths[b])) / grid))) for b in batches]


def _augmented_batches(train: Batch, rng: np.random.Generator) -> Iterator[tuple[Any, Any]]:
    spectrograms = train.spectrograms(choose_copies(train, CNN_COPY_SHARE, rng))
    batches = _length_batches(spectrograms, rng)
    targets = soft_targets(train, CNN_SMOOTHING, CNN_LISTENER_SHARE)
    for i in rng.permutation(len(batches)):
        rows, length = batches[i]
        yield augment_spectrograms([spectrograms[j] for j in rows], length, rng), targets[rows]
