"""Multilayer perceptrons on the functionals: building, fitting, and serving with numpy."""

from collections.abc import Iterator, Sequence
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
    distil,
    soft_targets,
    standardise,
)
from emo.classifiers.fitting import Curve, Progress, compile_network, fit_epochs, make_adamw
from emo.classifiers.numerics import softmax

MLP_MEMBERS = 3
MLP_WIDTHS = (512, 256)
MLP_EPOCHS = 30
MLP_BATCH = 128
MLP_RATE = 1e-3
MLP_DECAY = 0.02
MLP_DROPOUT = 0.3
MLP_NOISE = 0.1
MLP_SMOOTHING = 0.1
MLP_LISTENER_SHARE = 0.0  # of the soft targets
MLP_TEACHER = 0.5  # share of the teacher's probabilities in the soft targets
MLP_MIXUP_SHARE = 0.1  # of the rows
MLP_COPY_SHARE = 0.4  # of the rows
MLP_MAX_EXPONENT = 80.0  # of the logistic function, which is 0 or 1 beyond in float32


def build_mlp(n_inputs: int, seed: int, n_outputs: int = N_OUTPUTS) -> Any:
    """Return a Keras perceptron from standardised functionals (n, n_inputs) to logits (n, k)."""
    import keras

    keras.utils.set_random_seed(seed)
    inputs = keras.Input((n_inputs,))
    x = keras.layers.GaussianNoise(MLP_NOISE)(inputs)
    for width in MLP_WIDTHS:
        x = keras.layers.Dense(width, activation="silu")(x)
        x = keras.layers.Dropout(MLP_DROPOUT)(x)
    return keras.Model(inputs, keras.layers.Dense(n_outputs)(x))


def fit_mlp(
    train: Batch,
    seed: int,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    epochs: int | None = None,
    teacher: Sequence[np.ndarray] = (),
) -> Fitted:
    """Fit perceptrons of different seeds, whose probabilities are averaged (deep ensembles).

    Parameters
    ----------
    train
        Clips with their copies, of which a share replaces the clips in each epoch.
    seed
        Of the first member; the others add 1000 each.
    checkpoint
        Beginning of the names of the files that an interrupted fit goes on from.
    progress
        Called after each epoch.
    epochs
        Of each member; ``MLP_EPOCHS`` by default.
    teacher : sequence of float64, (n, k)
        Another classifier's probabilities for the clips, then for each of their copies.  They make
        up a share of ``MLP_TEACHER`` of the soft targets; none where it is empty.

    Returns
    -------
    Fitted
        Arrays ``mean`` and ``deviation``, and ``member0_0``, ``member0_1``, … with the weights and
        biases of each layer in turn.
    """
    epochs = MLP_EPOCHS if epochs is None else epochs
    sources = [train.features.functionals, *(copy.functionals for copy in train.copies)]
    scaling = standardise(sources)
    arrays, curves = dict(scaling), []
    for member in range(MLP_MEMBERS):
        member_seed = seed + 1000 * member
        model = build_mlp(train.features.functionals.shape[1], member_seed, train.n_outputs)
        n_steps = epochs * -(-len(train.targets) // MLP_BATCH)
        compile_network(model, make_adamw(MLP_RATE, MLP_DECAY, n_steps))
        path = None if checkpoint is None else checkpoint.with_name(f"{checkpoint.name}-{member}")

        def batches(epoch: int, member_seed: int = member_seed) -> Iterator[tuple[Any, Any]]:
            rng = np.random.default_rng([member_seed, epoch])
            return _mixed_functionals(train, scaling, teacher, rng)

        def report(epoch: int, row: dict[str, float], member: int = member) -> None:
            if progress:
                progress(member * epochs + epoch, MLP_MEMBERS * epochs, row)

        weights = class_weights(train.targets, train.n_outputs)
        model, curve = fit_epochs(model, batches, weights, epochs, path, report)
        curves.append(curve)
        for i, weight in enumerate(model.get_weights()):
            arrays[f"member{member}_{i}"] = np.asarray(weight, np.float32)
    return Fitted(arrays, _mean_curve(curves))


def _mean_curve(curves: list[Curve]) -> Curve:
    return [
        {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        for rows in zip(*curves, strict=True)
    ]


def _mixed_functionals(
    train: Batch, scaling: Arrays, teacher: Sequence[np.ndarray], rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    numbers = choose_copies(train, MLP_COPY_SHARE, rng)
    inputs = apply_scaling(train.functionals(numbers), scaling)
    targets = soft_targets(train, MLP_SMOOTHING, MLP_LISTENER_SHARE)
    if teacher:
        targets = distil(targets, np.stack(teacher)[numbers, np.arange(len(numbers))], MLP_TEACHER)
    order = rng.permutation(len(inputs))
    for i in range(0, len(order), MLP_BATCH):
        rows = order[i : i + MLP_BATCH]
        yield mix(inputs[rows], targets[rows], MLP_MIXUP_SHARE, rng)


def _count_members(arrays: Arrays) -> int:
    return len([name for name in arrays if name.endswith("_0")])


def _count_layers(arrays: Arrays, member: int) -> int:
    return len([name for name in arrays if name.startswith(f"member{member}_")]) // 2


def check_mlp(arrays: Arrays, n_inputs: int, n_outputs: int = N_OUTPUTS) -> None:
    """Raise an error unless the arrays are perceptrons from `n_inputs` functionals to the labels.

    Raises
    ------
    ValueError
        An array is missing or of another shape.
    """
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("mean", "deviation"), (n_inputs,))
    n_members = _count_members(arrays)
    if n_members == 0:
        raise ValueError("there is no layer")
    for member in range(n_members):
        width = n_inputs
        n_layers = _count_layers(arrays, member)
        for layer in range(n_layers):
            weights = arrays[f"member{member}_{2 * layer}"]
            n_units = n_outputs if layer == n_layers - 1 else weights.shape[-1]
            shapes[f"member{member}_{2 * layer}"] = (width, n_units)
            shapes[f"member{member}_{2 * layer + 1}"] = (n_units,)
            width = n_units
    check_arrays(arrays, shapes)


def predict_mlp(arrays: Arrays, functionals: np.ndarray) -> np.ndarray:
    """Return the mean probabilities of the members, float64 (n, k), with numpy alone."""
    return run_mlp(arrays, functionals)[0]


def run_mlp(arrays: Arrays, functionals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean probabilities of the members and their last hidden layers.

    Parameters
    ----------
    functionals : float32, (n, f)

    Returns
    -------
    probabilities : float64, (n, 8)
    hidden : float32, (n, h)
        The last hidden layer of each member, side by side.
    """
    scaled = apply_scaling(functionals, arrays)
    n_members = _count_members(arrays)
    total, hidden = np.zeros((len(functionals), 1)), []
    for member in range(n_members):
        x = scaled
        n_layers = _count_layers(arrays, member)
        for layer in range(n_layers):
            if layer == n_layers - 1:
                hidden.append(np.asarray(x, np.float32))
            weights, bias = (arrays[f"member{member}_{2 * layer + i}"] for i in (0, 1))
            x = x @ weights + bias
            if layer < n_layers - 1:
                x = x / (1.0 + np.exp(-np.clip(x, -MLP_MAX_EXPONENT, MLP_MAX_EXPONENT)))
        total = total + softmax(x)
    return total / n_members, np.concatenate(hidden, axis=1)
