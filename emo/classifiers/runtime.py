"""Serve a network with LiteRT, and write the file that LiteRT reads."""

import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from emo.classifiers.batches import N_OUTPUTS, Fitted
from emo.errors import ModelError
from emo.features.frames import N_MELS

NETWORK = "network.tflite"
REMEDY = "Fetch the folder models/ again, or train the model with: python -m emo train all."

_MAX_KEPT_FRAMES = 3_000  # of 20 ms; for ten minutes an interpreter holds 220 MB


class Network:
    """A LiteRT network from one spectrogram of any length to logits and its last hidden layer.

    It can be shared between threads: each has an interpreter of its own, which is cheap.

    Parameters
    ----------
    content
        Bytes of the file that ``network_bytes`` writes.
    n_outputs
        Number of labels, k.

    Attributes
    ----------
    content : bytes
        As given.

    Raises
    ------
    ModelError
        The file has other inputs or outputs, or returns values that are not finite.
    """

    def __init__(self, content: bytes, n_outputs: int = N_OUTPUTS) -> None:
        self.content = content
        self._local = threading.local()
        outputs = {
            int(output["shape"][-1]): int(output["index"])
            for output in self._interpreter().get_output_details()
        }  # the file does not keep them in order
        if len(outputs) != 2 or n_outputs not in outputs:
            raise ModelError(
                f"{NETWORK} has outputs of the widths {', '.join(map(str, outputs))}, not the "
                f"{n_outputs} logits and the layer before them. {REMEDY}"
            )
        self._logits, self._hidden = outputs.pop(n_outputs), outputs.popitem()[1]
        shape = self._interpreter().get_input_details()[0]["shape"]
        if len(shape) != 3 or shape[-1] != N_MELS:
            raise ModelError(f"{NETWORK} takes {tuple(shape)}, not (1, time, {N_MELS}). {REMEDY}")
        outputs_of_zeros = self.run(np.zeros((N_MELS, N_MELS), np.float32))
        if not all(np.isfinite(values).all() for values in outputs_of_zeros):
            raise ModelError(f"{NETWORK} returns values that are not finite. {REMEDY}")

    def _interpreter(self) -> Any:
        if not hasattr(self._local, "interpreter"):
            from ai_edge_litert.interpreter import Interpreter

            self._local.interpreter = Interpreter(model_content=self.content, num_threads=1)
            self._local.length = -1
        return self._local.interpreter

    def run(self, spectrogram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the logits of a clip and the last hidden layer.

        Parameters
        ----------
        spectrogram : float32, (time, 64)

        Returns
        -------
        logits : float32, (k,)
        hidden : float32, (h,)
        """
        interpreter = self._interpreter()
        place = interpreter.get_input_details()[0]["index"]
        if self._local.length != len(spectrogram):
            interpreter.resize_tensor_input(place, (1, len(spectrogram), N_MELS))
            interpreter.allocate_tensors()
            self._local.length = len(spectrogram)
        interpreter.set_tensor(place, spectrogram[None].astype(np.float32))
        interpreter.invoke()
        logits, hidden = (interpreter.get_tensor(i)[0] for i in (self._logits, self._hidden))
        if len(spectrogram) > _MAX_KEPT_FRAMES:
            del self._local.interpreter, interpreter
        return logits, hidden


def can_write_network() -> bool:
    """Return whether the Keras backend is TensorFlow, the only one that writes LiteRT files."""
    import keras

    return str(keras.backend.backend()) == "tensorflow"


def network_bytes(fitted: Fitted) -> bytes:
    """Return a fitted Keras network as a LiteRT file with its logits and last hidden layer.

    Raises
    ------
    ModelError
        Keras runs on another backend than TensorFlow.
    """
    import keras

    if not can_write_network():
        raise ModelError(
            f"The network is trained, on the Keras backend '{keras.backend.backend()}'. TensorFlow "
            "writes the file for the runtime: run the same command again with "
            "KERAS_BACKEND=tensorflow; it goes on from the checkpoint."
        )
    with TemporaryDirectory() as directory:
        path = Path(directory) / NETWORK
        outputs = [fitted.model.output, fitted.model.layers[-1].input]
        model = keras.Model(fitted.model.inputs, outputs)
        model.export(str(path), format="litert", verbose=False)
        return path.read_bytes()
