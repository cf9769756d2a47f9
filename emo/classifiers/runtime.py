"""Serve a network with LiteRT, and write the file that LiteRT reads."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from emo.classifiers.batches import N_OUTPUTS, Fitted
from emo.errors import ModelError
from emo.features import litert
from emo.features.frames import N_MELS

NETWORK = "network.tflite"
REMEDY = "Fetch the folder models/ again, or train the model with: python -m emo train all."

_MAX_KEPT_FRAMES = 3_000  # of 20 ms; for ten minutes an interpreter holds 220 MB


class Network:
    """A LiteRT network from one spectrogram of any length to logits and its last hidden layer.

    It can be shared between threads.

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
        self._runner = litert.Runner(content, _MAX_KEPT_FRAMES, _MAX_KEPT_FRAMES)
        of_input, of_outputs = self._runner.details()
        widths = [int(output["shape"][-1]) for output in of_outputs]
        if len(set(widths)) != 2 or len(widths) != 2 or n_outputs not in widths:
            raise ModelError(
                f"{NETWORK} has outputs of the widths {', '.join(map(str, widths))}, not the "
                f"{n_outputs} logits and the layer before them. {REMEDY}"
            )
        self._logits = widths.index(n_outputs)  # the file does not keep them in order
        shape = of_input["shape"]
        if len(shape) != 3 or shape[-1] != N_MELS:
            raise ModelError(f"{NETWORK} takes {tuple(shape)}, not (1, time, {N_MELS}). {REMEDY}")
        outputs_of_zeros = self.run(np.zeros((N_MELS, N_MELS), np.float32))
        if not all(np.isfinite(values).all() for values in outputs_of_zeros):
            raise ModelError(f"{NETWORK} returns values that are not finite. {REMEDY}")

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
        outputs = self._runner.run(spectrogram.astype(np.float32))
        return outputs[self._logits][0], outputs[1 - self._logits][0]


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
