"""Build the file of the pre-trained encoder from the published weights of Whisper base.

``python -m emo.training.encoder_build WEIGHTS`` takes the checkpoint as published at
huggingface.co/openai/whisper-base (``model.safetensors``), or an ``.npz`` file with the same arrays
under the names of ``array_names``.  It checks that they are the expected ones and writes
``models/encoder.tflite``, the same bytes each time.
"""

import argparse
import hashlib
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emo.errors import ModelError
from emo.features.encoder import ENCODER_FILE, N_BANDS, N_POOLED, WIDTH
from emo.system import paths
from emo.system.files import naming

N_BLOCKS = 3
N_HEADS = 8
MAX_PERIOD = 10_000.0  # of the positions, as in Vaswani et al. 2017
NORM_EPSILON = 1e-5
WEIGHTS_SHA256 = "ac49efc285483c846c57cb2b59a84b9965ebbe443009ef75d0a65077dc0b18d4"
"""Of the arrays as float16, in the order of ``array_names``."""

Weights = dict[str, np.ndarray]

_LINEAR = {"attention_out": "self_attn.out_proj", "mlp_in": "fc1", "mlp_out": "fc2"}
_NORMS = {"attention_norm": "self_attn_layer_norm", "mlp_norm": "final_layer_norm"}


def array_names() -> list[str]:
    """Return the names of the arrays that the encoder is built from."""
    names = [f"conv{i}/{part}" for i in (1, 2) for part in ("weight", "bias")]
    for block in range(N_BLOCKS):
        for layer in ("attention_qkv", *_LINEAR):
            names += [f"block_{block}/{layer}/{part}" for part in ("weight", "bias")]
        for norm in _NORMS:
            names += [f"block_{block}/{norm}/{part}" for part in ("scale", "offset")]
    return names


def read_weights(path: Path) -> Weights:
    """Return the arrays of a checkpoint as float32, by ``array_names``.

    Raises
    ------
    ModelError
        The file is missing, or its arrays are not those of Whisper base.
    """
    if not path.is_file():
        raise ModelError(
            f"There are no weights at {path}. Give the path to model.safetensors of "
            "huggingface.co/openai/whisper-base."
        )
    try:
        stored = _read_safetensors(path) if path.suffix == ".safetensors" else _read_npz(path)
        weights = {name: stored[name].astype(np.float16) for name in array_names()}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} is not a checkpoint of Whisper base ({error!r}).") from error
    digest = hashlib.sha256()
    for array in weights.values():
        digest.update(np.ascontiguousarray(array).tobytes())
    if digest.hexdigest() != WEIGHTS_SHA256:
        raise ModelError(
            f"{path} holds other weights than those of Whisper base: their SHA-256 is "
            f"{digest.hexdigest()}, not {WEIGHTS_SHA256}."
        )
    return {name: array.astype(np.float32) for name, array in weights.items()}


def _read_npz(path: Path) -> Weights:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _read_safetensors(path: Path) -> Weights:
    """Return the encoder's arrays of the published checkpoint, under the names used here."""
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8:end])

    def array(name: str) -> np.ndarray:
        entry = header[f"model.encoder.{name}"]
        dtype = {"F32": "<f4", "F16": "<f2"}[entry["dtype"]]
        start, stop = entry["data_offsets"]
        return np.frombuffer(data[end + start : end + stop], dtype).reshape(entry["shape"])

    weights = {
        f"conv{i}/{part}": array(f"conv{i}.{part}") for i in (1, 2) for part in ("weight", "bias")
    }
    for block in range(N_BLOCKS):
        here, there = f"block_{block}", f"layers.{block}"
        attention = f"{there}.self_attn"
        queries, keys, values = (array(f"{attention}.{name}_proj.weight") for name in "qkv")
        weights[f"{here}/attention_qkv/weight"] = np.concatenate([queries, keys, values])
        no_bias = np.zeros(WIDTH, queries.dtype)  # the keys have none
        biases = (array(f"{attention}.q_proj.bias"), no_bias, array(f"{attention}.v_proj.bias"))
        weights[f"{here}/attention_qkv/bias"] = np.concatenate(biases)
        for name, stored in _LINEAR.items():
            for part in ("weight", "bias"):
                weights[f"{here}/{name}/{part}"] = array(f"{there}.{stored}.{part}")
        for name, stored in _NORMS.items():
            weights[f"{here}/{name}/scale"] = array(f"{there}.{stored}.weight")
            weights[f"{here}/{name}/offset"] = array(f"{there}.{stored}.bias")
    return weights


def build_encoder(weights: Weights) -> bytes:
    """Return the encoder as a LiteRT file with weights of 8 bits.

    It takes a spectrogram, float32 (1, time, 80), and returns mean and mean square over time of
    the outputs of the last two blocks, float32 (1, 4, 512).  Positions are computed, not stored.

    Parameters
    ----------
    weights : dict of float32 arrays
        Of ``read_weights``.
    """
    import tensorflow as tf

    signature = [tf.TensorSpec([1, None, N_BANDS], tf.float32)]
    function = tf.function(lambda x: _moments(x, weights), input_signature=signature)
    concrete = function.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]  # 8 bits for weights, by channel
    return bytes(converter.convert())


def _moments(spectrogram: Any, weights: Weights) -> Any:
    """Return the pooled layers as a TensorFlow tensor, (1, 4, 512)."""
    import tensorflow as tf

    x = _gelu(_convolve(spectrogram, weights, "conv1", 1))
    x = _gelu(_convolve(x, weights, "conv2", 2))
    x += _positions(tf.shape(x)[1])
    moments = []
    for block in range(N_BLOCKS):
        x = _block(x, weights, f"block_{block}")
        if block >= N_BLOCKS - N_POOLED:
            moments += [tf.reduce_mean(x, 1), tf.reduce_mean(tf.square(x), 1)]
    return tf.stack(moments, 1)


def _positions(length: Any) -> Any:
    """Return the sinusoidal positions of `length` frames, (length, 512)."""
    import tensorflow as tf

    step = np.log(MAX_PERIOD) / (WIDTH // 2 - 1)
    rates = np.exp(-step * np.arange(WIDTH // 2)).astype(np.float32)
    angles = tf.cast(tf.range(length), tf.float32)[:, None] * rates
    return tf.concat([tf.sin(angles), tf.cos(angles)], -1)


def _gelu(x: Any) -> Any:
    import tensorflow as tf

    return tf.nn.gelu(x, approximate=False)


def _convolve(x: Any, weights: Weights, name: str, stride: int) -> Any:
    import tensorflow as tf

    kernel = weights[f"{name}/weight"].transpose(2, 1, 0)  # to width, input, output
    padded = tf.pad(x, [[0, 0], [1, 1], [0, 0]])
    convolved = tf.nn.conv1d(padded, kernel, stride=stride, padding="VALID")
    return convolved + weights[f"{name}/bias"]


def _norm(x: Any, weights: Weights, name: str) -> Any:
    import tensorflow as tf

    mean = tf.reduce_mean(x, -1, keepdims=True)
    variance = tf.reduce_mean(tf.math.squared_difference(x, mean), -1, keepdims=True)
    normed = (x - mean) * tf.math.rsqrt(variance + NORM_EPSILON)
    return normed * weights[f"{name}/scale"] + weights[f"{name}/offset"]


def _linear(x: Any, weights: Weights, name: str) -> Any:
    import tensorflow as tf

    return tf.matmul(x, weights[f"{name}/weight"].T) + weights[f"{name}/bias"]


def _block(x: Any, weights: Weights, name: str) -> Any:
    """Return the output of a transformer block with norms before attention and perceptron."""
    import tensorflow as tf

    length = tf.shape(x)[1]
    size = WIDTH // N_HEADS

    def heads(part: Any) -> Any:
        return tf.transpose(tf.reshape(part, [1, length, N_HEADS, size]), [0, 2, 1, 3])

    normed = _norm(x, weights, f"{name}/attention_norm")
    qkv = _linear(normed, weights, f"{name}/attention_qkv")
    queries, keys, values = map(heads, tf.split(qkv, 3, axis=-1))
    shares = tf.nn.softmax(tf.matmul(queries * size**-0.5, keys, transpose_b=True))
    attended = tf.transpose(tf.matmul(shares, values), [0, 2, 1, 3])
    x += _linear(tf.reshape(attended, [1, length, WIDTH]), weights, f"{name}/attention_out")
    inner = _gelu(_linear(_norm(x, weights, f"{name}/mlp_norm"), weights, f"{name}/mlp_in"))
    return x + _linear(inner, weights, f"{name}/mlp_out")


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the file of the encoder, and print its SHA-256."""
    parser = argparse.ArgumentParser(description="Build the pre-trained encoder's file.")
    parser.add_argument("weights", type=Path, help="model.safetensors of Whisper base, or an .npz")
    parser.add_argument("--out", type=Path, default=paths.MODELS_DIR / ENCODER_FILE)
    chosen = parser.parse_args(arguments)
    content = build_encoder(read_weights(chosen.weights))
    with naming(chosen.out):
        chosen.out.write_bytes(content)
    print(f"{chosen.out}: {len(content):,} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
