"""The multilayer perceptrons on the functionals: building, fitting, and serving with numpy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from emo.classifiers.augmentation import mix
from emo.classifiers.batches import (
    N_OUTPUTS,
    Arrays,
    Batch,
    Fitted,
    apply_scaling,
    check_arrays,
    choose_copies,
    class_weights,
    soft_targets,
    standardise,
)
from emo.classifiers.fitting import (
    Curve,
    Progress,
    compile_network,
    fit_epochs,
    make_adamw,
    softmax,
)

MLP_MEMBERS = 3
MLP_WIDTHS = (512, 256)
MLP_EPOCHS = 30
MLP_BATCH = 128
MLP_RATE = 1e-3
MLP_DECAY = 0.02
MLP_DROPOUT = 0.3
MLP_NOISE = 0.1
MLP_SMOOTHING = 0.1
MLP_LISTENERS = 0.0  # share of what is taught that goes to the listeners' votes
MLP_MIXUP = 0.1  # share of rows
MLP_COPIES = 0.4  # share of rows


def build_mlp(n_inputs: int, seed: int) -> Any:
    """A Keras perceptron from standardised functionals (n, f) to logits (n, 8)."""
    import keras

    keras.utils.set_random_seed(seed)
    inputs = keras.Input((n_inputs,))
    x = keras.layers.GaussianNoise(MLP_NOISE)(inputs)
    for width in MLP_WIDTHS:
        x = keras.layers.Dense(width, activation="silu")(x)
        x = keras.layers.Dropout(MLP_DROPOUT)(x)
    return keras.Model(inputs, keras.layers.Dense(N_OUTPUTS)(x))


def fit_mlp(
    train: Batch,
    seed: int,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    epochs: int | None = None,
) -> Fitted:
    """Three perceptrons of different seeds, whose probabilities are averaged as one."""
    epochs = MLP_EPOCHS if epochs is None else epochs
    scaling = standardise([train.clips.vectors, *(copy.vectors for copy in train.copies)])
    arrays, curves = dict(scaling), []
    for member in range(MLP_MEMBERS):
        member_seed = seed + 1000 * member
        model = build_mlp(train.clips.vectors.shape[1], member_seed)
        n_steps = epochs * -(-len(train.targets) // MLP_BATCH)
        compile_network(model, make_adamw(MLP_RATE, MLP_DECAY, n_steps))
        path = None if checkpoint is None else checkpoint.with_name(f"{checkpoint.name}-{member}")

        def batches(epoch: int, member_seed: int = member_seed) -> Iterator[tuple[Any, Any]]:
            return _mixed_vectors(train, scaling, np.random.default_rng([member_seed, epoch]))

        def note(epoch: int, row: dict[str, float], member: int = member) -> None:
            if progress:
                progress(member * epochs + epoch, MLP_MEMBERS * epochs, row)

        model, curve = fit_epochs(model, batches, class_weights(train.targets), epochs, path, note)
        curves.append(curve)
        for i, weight in enumerate(model.get_weights()):
            arrays[f"member{member}_{i}"] = np.asarray(weight, np.float32)
    return Fitted(arrays, _mean_curve(curves))


def _mean_curve(curves: list[Curve]) -> Curve:
    return [
        {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        for rows in zip(*curves, strict=True)
    ]


def _mixed_vectors(
    train: Batch, scaling: Arrays, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    chosen = choose_copies(train, MLP_COPIES, rng)
    inputs = apply_scaling(train.vectors(chosen), scaling)
    rows = soft_targets(train, MLP_SMOOTHING, MLP_LISTENERS)
    order = rng.permutation(len(inputs))
    for i in range(0, len(order), MLP_BATCH):
        part = order[i : i + MLP_BATCH]
        yield mix(inputs[part], rows[part], MLP_MIXUP, rng)


def check_mlp(arrays: Arrays, n_inputs: int) -> None:
    """Nothing where these are perceptrons from so many functionals to the trained labels.

    Raises
    ------
    ValueError
        An array is missing or of another shape.
    """
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("mean", "deviation"), (n_inputs,))
    members = len([name for name in arrays if name.endswith("_0")])
    if members == 0:
        raise ValueError("there is no layer")
    for member in range(members):
        width = n_inputs
        n_layers = len([name for name in arrays if name.startswith(f"member{member}_")]) // 2
        for layer in range(n_layers):
            weights = arrays[f"member{member}_{2 * layer}"]
            following = N_OUTPUTS if layer == n_layers - 1 else weights.shape[-1]
            shapes[f"member{member}_{2 * layer}"] = (width, following)
            shapes[f"member{member}_{2 * layer + 1}"] = (following,)
            width = following
    check_arrays(arrays, shapes)


def predict_mlp(arrays: Arrays, vectors: np.ndarray) -> np.ndarray:
    """Mean probabilities of the members, float64 (n, 8), with numpy alone."""
    return run_mlp(arrays, vectors)[0]


def run_mlp(arrays: Arrays, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean probabilities of the members, float64 (n, 8), and what their last layers read.

    The second, float32 (n, h), holds the last hidden layer of each member side by side.
    """
    scaled = apply_scaling(vectors, arrays)
    members = len([name for name in arrays if name.endswith("_0")])
    total, hidden = np.zeros((len(vectors), N_OUTPUTS)), []
    for member in range(members):
        x = scaled
        n_layers = len([name for name in arrays if name.startswith(f"member{member}_")]) // 2
        for layer in range(n_layers):
            if layer == n_layers - 1:
                hidden.append(np.asarray(x, np.float32))
            x = (
                x @ arrays[f"member{member}_{2 * layer}"]
                + arrays[f"member{member}_{2 * layer + 1}"]
            )
            if layer < n_layers - 1:
                x = x / (1.0 + np.exp(-np.clip(x, -80, 80)))
        total += softmax(x)
    return total / members, np.concatenate(hidden, axis=1)
