"""Build the classifiers on rows of numbers, and the calibration, as ONNX nodes."""

from collections.abc import Sequence

import numpy as np

from emo.classifiers.batches import MAX_DEVIATIONS, Arrays
from emo.classifiers.calibration import Calibration
from emo.classifiers.mlp import MLP_MAX_EXPONENT
from emo.classifiers.pretrained import HIDDEN_SHARE, MAX_EXPONENT
from emo.classifiers.strangers import MIN_PROBABILITY
from emo.inference.portable.builder import DOUBLE, FLOAT, Builder

MAX_STEPS = 50.0
"""Of the logistic function in ``StrangerCalibration.shares``, which is 0 or 1 beyond."""


def calibrated(
    b: Builder,
    key: str,
    raw: str,
    columns: Sequence[int],
    calibration: Calibration,
    strangeness: str,
) -> str:
    """Return the probabilities of the labels as they are served, float32 (n, k).

    The nodes of ``emo.classifiers.calibration.calibrate``.

    Parameters
    ----------
    b : Builder
    key : str
        Of the classifier.
    raw : str
        Probabilities of the trained labels, float32 (n, m).
    columns : sequence of int
        Places of the k labels among the trained ones.
    calibration : Calibration
    strangeness : str
        Float32 (n,) or (1,): how far the clips are from the training clips.
    """
    rows = b.add("Gather", raw, b.integers(columns), axis=1)
    rows = b.add("Softmax", _log(b, rows), axis=1)
    scaled = b.add("Div", _log(b, rows), b.floats(calibration.temperatures[key]))
    rows = b.add("Softmax", scaled, axis=1)
    strangers = calibration.strangers
    if strangers is None:
        return rows
    steps = b.add("Sub", b.cast(strangeness, DOUBLE), b.constant(strangers.centre, np.float64))
    steps = b.add("Div", steps, b.constant(strangers.width, np.float64))
    limits = (b.constant(sign * MAX_STEPS, np.float64) for sign in (-1, 1))
    share = b.add("Sigmoid", b.cast(b.add("Clip", steps, *limits), FLOAT))
    weakest = 1.0 / strangers.temperatures.get(key, 1.0)
    exponent = b.add("Sub", b.floats(1.0), b.add("Mul", share, b.floats(1.0 - weakest)))
    exponent = b.add("Unsqueeze", exponent, b.integers([1]))
    return b.add("Softmax", b.add("Mul", _log(b, rows), exponent), axis=1)


def _log(b: Builder, probabilities: str) -> str:
    return b.add("Log", b.add("Max", probabilities, b.floats(MIN_PROBABILITY)))


def _scaled(b: Builder, rows: str, arrays: Arrays) -> str:
    """Return rows in standard deviations from the training mean, from -5 to 5."""
    steps = b.add("Sub", rows, b.constant(arrays["mean"]))
    steps = b.add("Div", steps, b.constant(arrays["deviation"]))
    return b.add("Clip", steps, b.floats(-MAX_DEVIATIONS), b.floats(MAX_DEVIATIONS))


def _layer(b: Builder, rows: str, weights: np.ndarray, bias: np.ndarray) -> str:
    return b.add("Add", b.add("MatMul", rows, b.floats(weights)), b.floats(bias))


def _silu(b: Builder, rows: str, limit: float) -> str:
    clipped = b.add("Clip", rows, b.floats(-limit), b.floats(limit))
    return b.add("Mul", rows, b.add("Sigmoid", clipped))


def perceptrons(b: Builder, functionals: str, arrays: Arrays) -> tuple[str, str]:
    """Return raw probabilities, float32 (n, m), and the last hidden layers, float32 (n, h).

    The nodes of ``emo.classifiers.mlp.run_mlp``.
    """
    rows = _scaled(b, functionals, arrays)
    members = len([name for name in arrays if name.endswith("_0")])
    probabilities, hidden = [], []
    for member in range(members):
        layers = _layers_of(arrays, member)
        values = rows
        for weights, bias in layers[:-1]:
            values = _silu(b, _layer(b, values, weights, bias), MLP_MAX_EXPONENT)
        hidden.append(values)
        probabilities.append(b.add("Softmax", _layer(b, values, *layers[-1]), axis=1))
    mean = b.add("Mean", *probabilities)
    return mean, b.add("Concat", *hidden, axis=1)


def _layers_of(arrays: Arrays, member: int) -> Sequence[tuple[np.ndarray, np.ndarray]]:
    count = len([name for name in arrays if name.startswith(f"member{member}_")]) // 2
    return [
        (arrays[f"member{member}_{2 * layer}"], arrays[f"member{member}_{2 * layer + 1}"])
        for layer in range(count)
    ]


def pretrained_head(b: Builder, embeddings: str, arrays: Arrays) -> tuple[str, str]:
    """Return raw probabilities, float32 (n, m), and the strangeness of clips, float32 (n,).

    The nodes of ``emo.classifiers.pretrained.predict_pretrained`` and ``measure_strangeness``.
    """
    rows = _scaled(b, embeddings, arrays)
    linear = _layer(b, rows, arrays["weights"], arrays["bias"])
    hidden = _layer(b, rows, arrays["hidden_weights"], arrays["hidden_bias"])
    hidden = _silu(b, hidden, MAX_EXPONENT)
    deep = _layer(b, hidden, arrays["output_weights"], arrays["output_bias"])
    linear = b.add("Mul", linear, b.floats(1 - HIDDEN_SHARE))
    mixed = b.add("Add", linear, b.add("Mul", deep, b.floats(HIDDEN_SHARE)))
    return b.add("Softmax", mixed, axis=1), _strangeness(b, rows, arrays)


def _strangeness(b: Builder, rows: str, arrays: Arrays) -> str:
    points = b.cast(b.add("MatMul", rows, b.floats(arrays["axes"])), DOUBLE)
    points = b.add("Unsqueeze", points, b.integers([1]))
    steps = b.add("Sub", points, b.constant(arrays["centres"], np.float64))
    steps = b.add("MatMul", steps, b.constant(arrays["whitening"], np.float64))
    distances = b.add("ReduceSum", b.add("Mul", steps, steps), b.integers([2]), keepdims=0)
    nearest = b.add("ReduceMin", distances, axes=[1], keepdims=0)
    n_axes = b.constant(arrays["axes"].shape[1], np.float64)
    return b.cast(b.add("Sqrt", b.add("Div", nearest, n_axes)), FLOAT)
