"""The first step of the optimizers of the networks, by their definitions."""

import math

import numpy as np
import pytest

from emo.classifiers import fitting
from tests.support.models import needs_keras

pytestmark = needs_keras

SHAPES = {"matrix": (12, 5), "wide matrix": (4, 9), "1-D kernel": (3, 4, 5), "2-D": (3, 3, 2, 16)}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_muon_step_is_orthogonal_for_any_kernel(shape: tuple[int, ...]) -> None:
    import keras

    muon = fitting.make_muon(0.02, 0.002, 0.0, 100, output_layer="answer")
    rate = float(muon.learning_rate)
    gradient = np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)
    kernel = keras.Variable(np.zeros(shape, np.float32), name="kernel")
    muon.apply([gradient], [kernel])
    n_inputs, n_outputs = math.prod(shape[:-1]), shape[-1]
    step = -np.asarray(kernel).reshape(n_inputs, n_outputs)
    u, _, v = np.linalg.svd(gradient.reshape(n_inputs, n_outputs), full_matrices=False)
    size = rate * 0.2 * math.sqrt(max(n_inputs, n_outputs))
    # Five iterations bring every singular value near to one, not to it.
    own = u.T @ step @ v.T / size
    assert np.abs(own - np.diag(np.diag(own))).max() < 0.02
    assert np.diag(own).min() > 0.6
    assert np.diag(own).max() < 1.3


def test_biases_and_output_layer_are_updated_by_adam() -> None:
    import keras

    muon = fitting.make_muon(0.02, 0.002, 0.0, 100, output_layer="answer")
    rate = float(muon.learning_rate) / 10
    keras.utils.set_random_seed(1)
    layer = keras.layers.Dense(3, name="answer")
    layer.build((None, 4))
    before = [np.array(one) for one in layer.trainable_variables]
    gradients = [np.full(one.shape, 0.1, np.float32) for one in before]
    muon.apply(gradients, layer.trainable_variables)
    for one, old in zip(layer.trainable_variables, before, strict=True):
        # Adam's first step is the rate, in the direction of the gradient.
        np.testing.assert_allclose(np.asarray(one), old - rate, rtol=0, atol=1e-3 * rate)
