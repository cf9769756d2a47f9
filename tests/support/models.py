"""Small models and a small corpus for tests, made in a moment."""

import contextlib
import importlib.util
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from emo.classifiers.batches import Fitted
from emo.classifiers.calibration import CALIBRATION
from emo.classifiers.cnn import build_cnn
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.storage import Origin, save_model
from emo.classifiers.tree import SURROGATE
from emo.features.encoder import EMBEDDING_SIZE
from emo.features.frames import N_MELS
from emo.features.functionals import functional_names
from emo.labels import TRAINED_LABELS
from emo.system.paths import MODELS_DIR
from tests.support.signals import encoded, voice

ORIGIN = Origin(
    corpora=("savee",),
    clips=7,
    speakers=4,
    seed=1,
    commit="none",
    command="python -m emo train all",
)
SAVEE_LETTERS = {
    "angry": "a",
    "disgusted": "d",
    "fearful": "f",
    "happy": "h",
    "neutral": "n",
    "sad": "sa",
    "surprised": "su",
}

needs_keras = pytest.mark.skipif(
    importlib.util.find_spec("keras") is None, reason="Keras is not installed"
)
"""Skips tests where Keras is missing, without an import, which takes five seconds."""


@contextlib.contextmanager
def without_graphs() -> Iterator[None]:
    """Run TensorFlow eagerly: tracing a graph takes longer than a few steps."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def fitted(key: str, seed: int = 0, n_labels: int = len(TRAINED_LABELS)) -> Fitted:
    """Fit a classifier of the real shapes to noise, with so many labels."""
    rng = np.random.default_rng(seed)
    n = EMBEDDING_SIZE if CLASSIFIERS[key].takes == "embeddings" else len(functional_names())
    scaling = {
        "mean": np.zeros(n, np.float32),
        "deviation": np.full(n, 50.0, np.float32),
    }
    if key == "tree":
        one_question = {
            "left": np.array([1, -1, -1], np.int32),
            "right": np.array([2, -1, -1], np.int32),
            "axis": np.array([0, -2, -2], np.int32),
            "threshold": np.array([0.0, -2.0, -2.0]),
            "probabilities": rng.dirichlet(np.ones(n_labels), 3),
        }
        return Fitted(
            {
                **scaling,
                "centre": np.zeros(n, np.float32),
                "projection": rng.normal(size=(n, n_labels)).astype(np.float32),
                **one_question,
                **{SURROGATE + name: values for name, values in one_question.items()},
            },
            [],
        )
    if key == "mlp":
        sizes = (n, 8, n_labels)
        layers = [
            part
            for a, b in pairwise(sizes)
            for part in (rng.normal(0, a**-0.5, (a, b)), rng.normal(0, 0.1, b))
        ]
        arrays = {f"member0_{i}": layer.astype(np.float32) for i, layer in enumerate(layers)}
        return Fitted({**scaling, **arrays}, [])
    if key == "pretrained":
        weights = rng.normal(0, n**-0.5, (n, n_labels)).astype(np.float32)
        bias = rng.normal(0, 0.1, n_labels).astype(np.float32)
        scaling["deviation"] = np.ones(n, np.float32)
        strangeness = {
            "axes": np.eye(n, 4, dtype=np.float32),
            "centres": np.zeros((1, 4), np.float32),
            "whitening": np.eye(4, dtype=np.float32),
        }
        hidden = rng.normal(0, n**-0.5, (n, 6)).astype(np.float32)
        perceptron = {"hidden_weights": hidden, "hidden_bias": np.zeros(6, np.float32)}
        output = rng.normal(0, 0.5, (6, n_labels)).astype(np.float32)
        perceptron |= {"output_weights": output, "output_bias": np.zeros_like(bias)}
        linear = {"weights": weights, "bias": bias}
        return Fitted({**scaling, **linear, **perceptron, **strangeness}, [])
    model = build_cnn(seed, n_labels)
    arrays = {f"w{i:03d}": np.asarray(w) for i, w in enumerate(model.get_weights())}
    return Fitted(arrays, [], model)


def save_tiny_models(directory: Path) -> Path:
    """Save all classifiers as training does; needs Keras for the network."""
    for key in CLASSIFIERS:
        save_model(directory / key, key, fitted(key), ORIGIN)
    return directory


def write_savee(directory: Path, takes: int = 2) -> Path:
    """Write a made-up SAVEE: two speakers and all emotions, which differ in pitch and tempo."""
    for s, speaker in enumerate(("DC", "JE")):
        for e, letters in enumerate(SAVEE_LETTERS.values()):
            for take in range(1, takes + 1):
                samples = voice(
                    90.0 + 25 * e + 7 * s,
                    duration_s=0.7,
                    syllables_per_s=2.0 + e,
                    seed=100 * s + 10 * e + take,
                )
                path = directory / speaker / f"{letters}{take:02d}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(encoded(samples))
    return directory


def random_spectrogram(length: int = 60, seed: int = 0) -> np.ndarray:
    """Return a random spectrogram of the CNN's shape."""
    return np.random.default_rng(seed).normal(0, 0.5, (length, N_MELS)).astype(np.float32)


def save_with_voice(directory: Path, min_variation: float = 0.05) -> Path:
    """Save the shipped models with a made-up calibration of the classifier that knows a voice."""
    directory.mkdir(parents=True, exist_ok=True)
    for path in MODELS_DIR.iterdir():
        if path.name != CALIBRATION:
            (directory / path.name).symlink_to(path)
    stored = json.loads((MODELS_DIR / CALIBRATION).read_text())
    stored["voice"] = {
        "weights": {"voice": 0.9, "ensemble": 0.4},
        "weights_strange": {"voice": 0.7, "ensemble": 0.2},
        "min_variation": min_variation,
        "min_variation_strange": min_variation / 2,
        "threshold": 0.35,
        "threshold_strange": 0.6,
    }
    (directory / CALIBRATION).write_text(json.dumps(stored))
    return directory
