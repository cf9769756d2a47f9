"""A trained classifier on disk: arrays without pickles, hashes and label order, checked at load."""

import hashlib
import io
import json
import math
import struct
import threading
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from emo.classifiers.batches import N_OUTPUTS, Arrays, Fitted
from emo.classifiers.fitting import softmax
from emo.classifiers.registry import CLASSIFIERS
from emo.errors import ModelError
from emo.features.frames import FEATURES_VERSION, N_MELS
from emo.features.functionals import functional_names
from emo.labels import TRAINED_LABELS
from emo.system.files import naming

FORMAT = 2
MAX_BYTES = 100 * 2**20
_MOST_CARD_BYTES = 2**20
_LONG_VIEW = 3_000  # frames of 20 ms: a minute
CARD = "model.json"
WEIGHTS = "weights.npz"
NETWORK = "network.tflite"


@dataclass(frozen=True)
class Origin:
    """What a model was made from, and how."""

    corpora: tuple[str, ...]
    clips: int
    speakers: int
    seed: int
    commit: str
    command: str


class Network:
    """A LiteRT network from one view of any length to logits and to what its last layer reads.

    An interpreter must not be shared between threads, and it is cheap: there is one per thread.

    Raises
    ------
    ModelError
        The file does not give both.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._local = threading.local()
        outputs = {
            int(output["shape"][-1]): int(output["index"])
            for output in self._interpreter().get_output_details()
        }  # the file does not keep them in order
        if len(outputs) != 2 or N_OUTPUTS not in outputs:
            raise ModelError(
                f"{NETWORK} has outputs of the widths {', '.join(map(str, outputs))}, not the "
                f"{N_OUTPUTS} logits and the layer before them. {_REMEDY}"
            )
        self._logits, self._hidden = outputs.pop(N_OUTPUTS), outputs.popitem()[1]
        given = self._interpreter().get_input_details()[0]["shape"]
        if len(given) != 3 or given[-1] != N_MELS:
            raise ModelError(f"{NETWORK} takes {tuple(given)}, not (1, time, {N_MELS}). {_REMEDY}")
        if not all(np.isfinite(found).all() for found in self.run(np.zeros((N_MELS, N_MELS)))):
            raise ModelError(f"{NETWORK} gives values that are not finite. {_REMEDY}")

    def _interpreter(self) -> Any:
        if not hasattr(self._local, "interpreter"):
            from ai_edge_litert.interpreter import Interpreter

            self._local.interpreter = Interpreter(model_content=self._content, num_threads=1)
            self._local.length = -1
        return self._local.interpreter

    def run(self, view: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits, float32 (8,), of a view (time, 64), and what its last layer reads, (h,)."""
        interpreter = self._interpreter()
        place = interpreter.get_input_details()[0]["index"]
        if self._local.length != len(view):
            interpreter.resize_tensor_input(place, (1, len(view), N_MELS))
            interpreter.allocate_tensors()
            self._local.length = len(view)
        interpreter.set_tensor(place, view[None].astype(np.float32))
        interpreter.invoke()
        logits, hidden = (interpreter.get_tensor(at)[0] for at in (self._logits, self._hidden))
        if len(view) > _LONG_VIEW:  # what it holds for ten minutes of sound are 220 MB
            del self._local.interpreter, interpreter
        return logits, hidden


@dataclass(frozen=True)
class Model:
    """A loaded classifier.

    Attributes
    ----------
    key : ``tree``, ``cnn`` or ``mlp``
    card : what ``model.json`` says
    arrays : the weights; empty where a runtime holds them
    network : the runtime where one serves the model
    """

    key: str
    card: dict[str, Any]
    arrays: Arrays
    network: Network | None

    def probabilities(self, vectors: np.ndarray, views: tuple[np.ndarray, ...]) -> np.ndarray:
        """Raw probabilities of ``TRAINED_LABELS``, float64 (n, 8), from features of n clips."""
        return self.run(vectors, views)[0]

    def run(
        self, vectors: np.ndarray, views: tuple[np.ndarray, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The same, and what the last layer reads, float32 (n, h); h is 0 where there is none."""
        row = CLASSIFIERS[self.key]
        if self.network is not None:
            logits, hidden = zip(*(self.network.run(view) for view in views), strict=True)
            return softmax(np.stack(logits)), np.stack(hidden)
        if row.run is not None:
            return row.run(self.arrays, vectors)
        assert row.predict is not None
        return row.predict(self.arrays, vectors), np.zeros((len(vectors), 0), np.float32)


def save_model(directory: Path, key: str, fitted: Fitted, origin: Origin) -> None:
    """Nothing; writes ``weights.npz``, the runtime's file if any, then ``model.json``."""
    directory.mkdir(parents=True, exist_ok=True)
    with naming(directory / WEIGHTS):
        np.savez_compressed(directory / WEIGHTS, allow_pickle=False, **fitted.arrays)
    names = [WEIGHTS]
    if CLASSIFIERS[key].predict is None:
        with naming(directory / NETWORK):
            (directory / NETWORK).write_bytes(network_bytes(fitted))
        names.append(NETWORK)
    card = {
        "format": FORMAT,
        "key": key,
        "name": CLASSIFIERS[key].title,
        "description": CLASSIFIERS[key].description,
        "labels": list(TRAINED_LABELS),
        "features": {
            "version": FEATURES_VERSION,
            "takes": CLASSIFIERS[key].takes,
            "sha256": features_digest(),
        },
        "n_parameters": int(sum(a.size for a in fitted.arrays.values())),
        "trained_on": {
            "corpora": list(origin.corpora),
            "clips": origin.clips,
            "speakers": origin.speakers,
        },
        "seed": origin.seed,
        "commit": origin.commit,
        "command": origin.command,
        "files": {name: _describe(directory / name) for name in names},
    }
    with naming(directory / CARD):
        (directory / CARD).write_text(json.dumps(card, indent=1) + "\n")


def writes_network() -> bool:
    """Whether the Keras backend is TensorFlow, which alone writes files for the runtime."""
    import keras

    return str(keras.backend.backend()) == "tensorflow"


def network_bytes(fitted: Fitted) -> bytes:
    """A fitted Keras network as a LiteRT file with two outputs: logits, and the layer before.

    Raises
    ------
    ModelError
        Keras runs on another backend than TensorFlow, which alone writes such files.
    """
    import keras

    if not writes_network():
        raise ModelError(
            f"The network is trained, on the Keras backend '{keras.backend.backend()}'. TensorFlow "
            "writes the file for the runtime: run the same command again with "
            "KERAS_BACKEND=tensorflow; it goes on from the checkpoint."
        )
    with TemporaryDirectory() as directory:
        path = Path(directory) / NETWORK
        outputs = [fitted.model.output, fitted.model.layers[-1].input]
        both = keras.Model(fitted.model.inputs, outputs)
        both.export(str(path), format="litert", verbose=False)
        return path.read_bytes()


def features_digest() -> str:
    """SHA-256 of the names of all functionals in order: a model fits one list only."""
    return hashlib.sha256("\n".join(functional_names()).encode()).hexdigest()


def _describe(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


_REMEDY = "Fetch the folder models/ again, or train the model with: python -m emo train all."


def load_model(directory: Path) -> Model:
    """A classifier as stored by :func:`save_model`; only what prediction needs is read.

    Raises
    ------
    ModelError
        A file is missing, altered or unreadable, or made for other labels or features.
    """
    key = directory.name
    card_path = directory / CARD
    if not card_path.is_file():
        raise ModelError(f"There is no model in {directory}. {_REMEDY}")
    try:
        with card_path.open("rb") as file:
            card = json.loads(file.read(_MOST_CARD_BYTES).decode("utf-8"))
        _check(card, key)
        if CLASSIFIERS[key].predict is None:
            return Model(key, card, {}, Network(_read_file(directory, NETWORK, card)))
        model = Model(key, card, _read_arrays(_read_file(directory, WEIGHTS, card)), None)
        _check_arrays(model)
    except ModelError:
        raise
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"The model in {directory} cannot be read ({type(error).__name__}: {error}). {_REMEDY}"
        ) from error
    return model


def _check_arrays(model: Model) -> None:
    """Nothing where the arrays are such a classifier, and give an answer that is a number."""
    check, n_inputs = CLASSIFIERS[model.key].check, len(functional_names())
    if check is not None:
        check(model.arrays, n_inputs)
    with np.errstate(all="ignore"):
        found = model.probabilities(np.zeros((1, n_inputs), np.float32), ())
    if not np.isfinite(found).all():
        raise ValueError("it gives values that are not finite")


def _read_arrays(content: bytes) -> Arrays:
    """The arrays of an archive, none of them unpacked before its size is known."""
    arrays: Arrays = {}
    left = MAX_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                left -= member.file_size
                if left < 0:
                    raise ValueError(f"the arrays have more than {MAX_BYTES // 2**20} MB")
                with archive.open(member) as file:
                    name = member.filename.removesuffix(".npy")
                    arrays[name] = _read_array(file.read(member.file_size + 1))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, struct.error) as error:
        raise ValueError(str(error)) from error
    return arrays


def _read_array(content: bytes) -> np.ndarray:
    """The array of a file, which must hold as many numbers as its header says, and only numbers."""
    file = io.BytesIO(content)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("an array is stored in another version of the format")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.kind not in "iuf" or math.prod(shape) * dtype.itemsize != len(content) - file.tell():
        raise ValueError(f"an array is not what its header says: {dtype}, {shape}")
    file.seek(0)
    return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def _read_file(directory: Path, name: str, card: dict[str, Any]) -> bytes:
    path = directory / name
    facts = card["files"].get(name)
    if facts is None or not path.is_file():
        raise ModelError(f"Model '{directory.name}' lacks its file {name}. {_REMEDY}")
    size = path.stat().st_size
    if size != facts["bytes"] or size > MAX_BYTES:
        raise ModelError(f"{path} has {size:,} bytes, not {facts['bytes']:,}. {_REMEDY}")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != facts["sha256"]:
        raise ModelError(f"{path} was altered: its SHA-256 is not the stored one. {_REMEDY}")
    return content


def _check(card: dict[str, Any], key: str) -> None:
    if card["format"] != FORMAT:
        raise ModelError(f"Model '{key}' has format {card['format']}, not {FORMAT}. {_REMEDY}")
    if card["key"] != key:
        raise ModelError(f"The folder '{key}' holds the model '{card['key']}'. {_REMEDY}")
    if tuple(card["labels"]) != TRAINED_LABELS:
        raise ModelError(
            f"Model '{key}' has the labels {', '.join(card['labels'])}, "
            f"not {', '.join(TRAINED_LABELS)}. {_REMEDY}"
        )
    features = card["features"]
    if features["version"] != FEATURES_VERSION or features["sha256"] != features_digest():
        raise ModelError(
            f"Model '{key}' was made for version {features['version']} of the features, and this "
            f"is version {FEATURES_VERSION}. {_REMEDY}"
        )
