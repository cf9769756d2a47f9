"""Write and read a fitted classifier: arrays without pickles, and ``model.json`` beside them.

``model.json`` has the schema of ``ModelInfo``.  Everything in the folder of a model is treated
as untrusted: sizes and hashes are checked before a file is unpacked.
"""

import hashlib
import io
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict, get_args, get_origin, get_type_hints, is_typeddict

import numpy as np

from emo.classifiers.batches import Arrays, Features, Fitted
from emo.classifiers.numerics import softmax
from emo.classifiers.registry import CLASSIFIERS, Takes
from emo.classifiers.runtime import NETWORK, REMEDY, Network, network_bytes
from emo.errors import ModelError
from emo.features.encoder import EMBEDDING_SIZE, ENCODER_SHA256, load_encoder
from emo.features.frames import FEATURES_VERSION, N_MELS
from emo.features.functionals import functional_names
from emo.labels import TRAINED_LABELS
from emo.system.files import naming

FORMAT = 3
MAX_BYTES = 100 * 2**20
MODEL_INFO = "model.json"
WEIGHTS = "weights.npz"

_MAX_INFO_BYTES = 2**20
_UNREADABLE = (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError)


class FileInfo(TypedDict):
    """Hash and size of a file, with which it is compared before it is read."""

    sha256: str
    bytes: int


class FeaturesInfo(TypedDict):
    """The features that a model was fitted to.

    ``takes`` is that of the registry; ``sha256`` is ``features_digest``.
    """

    version: int
    takes: str
    sha256: str


class HeldOutInfo(TypedDict):
    """The clips that a model was not fitted to, because the sample clips are by their speakers."""

    clips: int
    speakers: list[str]


class TrainingInfo(TypedDict):
    """The clips that a model was fitted to.

    Models that were fitted to every speaker may lack ``held_out``.
    """

    corpora: list[str]
    clips: int
    speakers: int
    held_out: NotRequired[HeldOutInfo]


class ModelInfo(TypedDict):
    """The schema of ``model.json``, version ``FORMAT``.

    ``served_file`` is the only one of ``files`` that ``load_model`` opens.  A network that a
    runtime serves has a second file, its Keras weights in ``weights.npz``.
    """

    format: int
    key: str
    name: str
    description: str
    labels: list[str]
    features: FeaturesInfo
    n_parameters: int
    trained_on: TrainingInfo
    seed: int
    commit: str
    command: str
    served_file: str
    files: dict[str, FileInfo]


@dataclass(frozen=True)
class Origin:
    """The clips that a model is fitted to, those held out, how it is fitted, and its labels."""

    corpora: tuple[str, ...]
    clips: int
    speakers: int
    seed: int
    commit: str
    command: str
    held_out_speakers: tuple[str, ...] = ()
    held_out_clips: int = 0
    labels: tuple[str, ...] = TRAINED_LABELS


@dataclass(frozen=True)
class Model:
    """A loaded classifier.

    Attributes
    ----------
    key : its key in ``CLASSIFIERS``
    info : the content of ``model.json``
    arrays : the weights; empty where a runtime holds them
    network : the runtime, for a network
    """

    key: str
    info: ModelInfo
    arrays: Arrays
    network: Network | None

    def probabilities(self, features: Features) -> np.ndarray:
        """Return raw probabilities of the trained labels, float64 (n, k), of n clips."""
        return self.run(features)[0]

    def run(self, features: Features) -> tuple[np.ndarray, np.ndarray]:
        """Return raw probabilities of n clips and the last hidden layer.

        Parameters
        ----------
        features : Features
            Of n clips; those that the classifier does not take may be left empty.

        Returns
        -------
        probabilities : float64, (n, k)
            In the order of the labels in ``model.json``: ``TRAINED_LABELS``, or own ones.
        hidden : float32, (n, h)
            ``h`` is 0 for a classifier without hidden layers.
        """
        row = CLASSIFIERS[self.key]
        if self.network is not None:
            logits, hidden = zip(*map(self.network.run, features.spectrograms), strict=True)
            return softmax(np.stack(logits)), np.stack(hidden)
        inputs = features.inputs[row.takes]
        if row.run is not None:
            return row.run(self.arrays, inputs)
        assert row.predict is not None
        return row.predict(self.arrays, inputs), np.zeros((len(inputs), 0), np.float32)


def strangeness(models: Iterable[Model], features: Features) -> np.ndarray | None:
    """Return how far n clips are from the training clips, by the first model with a measure.

    Returns
    -------
    float64, (n,), or None
        None where no model has a measure.
    """
    for model in models:
        row = CLASSIFIERS[model.key]
        if row.strangeness is not None:
            return row.strangeness(model.arrays, features.inputs[row.takes])
    return None


def features_digest(*takes: Takes) -> str:
    """Return the SHA-256 of what defines the features that a model depends on.

    Of the names of all functionals in order, or of the encoder's file; of these SHA-256 for a
    model that takes several kinds of features.
    """
    if len(takes) > 1:
        return hashlib.sha256("\n".join(map(features_digest, takes)).encode()).hexdigest()
    if takes == ("embeddings",):
        return ENCODER_SHA256
    return hashlib.sha256("\n".join(functional_names()).encode()).hexdigest()


def empty_features(n: int = 1) -> Features:
    """Return features of n clips that are all zero, of the shapes that classifiers take."""
    return Features(
        np.zeros((n, len(functional_names())), np.float32),
        (np.zeros((N_MELS, N_MELS), np.float32),) * n,
        embeddings=np.zeros((n, EMBEDDING_SIZE), np.float32),
    )


# --- Writing -------------------------------------------------------------------------------------


def save_model(directory: Path, key: str, fitted: Fitted, origin: Origin) -> None:
    """Write ``weights.npz``, the runtime's file for a network, then ``model.json``.

    Parameters
    ----------
    directory
        Folder of the model, made if needed; its name is the key, or ``load_model`` rejects it.

    Raises
    ------
    ModelError
        Keras runs on a backend that cannot write the runtime's file.
    """
    directory.mkdir(parents=True, exist_ok=True)
    row = CLASSIFIERS[key]
    write_arrays(directory, fitted.arrays)
    if row.has_runtime:
        with naming(directory / NETWORK):
            (directory / NETWORK).write_bytes(network_bytes(fitted))
    info = make_info(
        directory,
        key,
        row.title,
        row.description,
        (row.takes,),
        fitted.arrays,
        origin,
        served_file=_served_file(key),
    )
    write_model_info(directory, info)


def write_arrays(directory: Path, arrays: Arrays) -> None:
    """Write ``weights.npz`` into the folder of a model."""
    with naming(directory / WEIGHTS):
        np.savez_compressed(directory / WEIGHTS, allow_pickle=False, **arrays)


def make_info(
    directory: Path,
    key: str,
    title: str,
    description: str,
    takes: Sequence[Takes],
    arrays: Arrays,
    origin: Origin,
    *,
    served_file: str,
) -> ModelInfo:
    """Return the content of ``model.json`` of a model whose other files are written."""
    return ModelInfo(
        format=FORMAT,
        key=key,
        name=title,
        description=description,
        labels=list(origin.labels),
        features=FeaturesInfo(
            version=FEATURES_VERSION, takes=", ".join(takes), sha256=features_digest(*takes)
        ),
        n_parameters=int(sum(a.size for a in arrays.values())),
        trained_on=TrainingInfo(
            corpora=list(origin.corpora),
            clips=origin.clips,
            speakers=origin.speakers,
            held_out=HeldOutInfo(
                clips=origin.held_out_clips, speakers=list(origin.held_out_speakers)
            ),
        ),
        seed=origin.seed,
        commit=origin.commit,
        command=origin.command,
        served_file=served_file,
        files={
            name: _file_info(directory / name) for name in dict.fromkeys((WEIGHTS, served_file))
        },
    )


def write_model_info(directory: Path, info: ModelInfo) -> None:
    """Write ``model.json`` into the folder of a model."""
    with naming(directory / MODEL_INFO):
        (directory / MODEL_INFO).write_text(json.dumps(info, indent=1) + "\n")


def _served_file(key: str) -> str:
    return NETWORK if CLASSIFIERS[key].has_runtime else WEIGHTS


def _file_info(path: Path) -> FileInfo:
    content = path.read_bytes()
    return FileInfo(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


# --- Reading -------------------------------------------------------------------------------------


def read_model_info(directory: Path) -> ModelInfo:
    """Return the content of ``model.json`` in the folder of a model.

    Raises
    ------
    ModelError
        The file is missing or damaged, or has another format or schema.
    """
    path = directory / MODEL_INFO
    if not path.is_file():
        raise ModelError(f"There is no model in {directory}. {REMEDY}")
    try:
        with path.open("rb") as file:
            info = json.loads(file.read(_MAX_INFO_BYTES).decode("utf-8"))
        if isinstance(info, dict) and info.get("format") != FORMAT:
            raise ModelError(
                f"Model '{directory.name}' has format {info.get('format')}, not {FORMAT}. {REMEDY}"
            )
        _check_schema(info, ModelInfo, MODEL_INFO)
    except _UNREADABLE as error:
        raise _unreadable(directory, error) from error
    checked: ModelInfo = info
    return checked


def held_out_speakers(infos: Iterable[ModelInfo]) -> frozenset[str]:
    """Return the speakers held out of the training of every model; none without models."""
    speakers = [
        frozenset(info["trained_on"].get("held_out", {}).get("speakers", ())) for info in infos
    ]
    return frozenset.intersection(*speakers) if speakers else frozenset()


def _check_schema(value: Any, schema: Any, name: str) -> None:
    """Raise a ValueError unless a JSON value has the types of a schema.

    Parameters
    ----------
    schema
        A TypedDict, ``list[...]``, ``dict[str, ...]``, ``int`` or ``str``.
    name
        The value's name in the message.
    """
    kind = dict if is_typeddict(schema) else (get_origin(schema) or schema)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{name} is of the type {type(value).__name__}, not {kind.__name__}")
    if is_typeddict(schema):
        for field, inner in get_type_hints(schema).items():
            if field not in value:
                if field in schema.__optional_keys__:
                    continue
                raise ValueError(f"{name} lacks '{field}'")
            _check_schema(value[field], inner, f"'{field}'")
    elif kind in (list, dict):
        for inner in value.values() if kind is dict else value:
            _check_schema(inner, get_args(schema)[-1], f"a value of {name}")


def _unreadable(directory: Path, error: Exception) -> ModelError:
    return ModelError(
        f"The model in {directory} cannot be read ({type(error).__name__}: {error}). {REMEDY}"
    )


def load_model(directory: Path, labels: Sequence[str] = TRAINED_LABELS) -> Model:
    """Return a classifier that ``save_model`` wrote; only the file that is served is opened.

    Parameters
    ----------
    directory
        Folder of the model; its name is the key.
    labels
        That the raw outputs must have.

    Raises
    ------
    ModelError
        A file is missing, altered or unreadable, or made for other labels or features.
    """
    key = directory.name
    with reading(directory):
        row = CLASSIFIERS[key]
        info, content = read_checked(directory, (row.takes,), _served_file(key), labels)
        if row.has_runtime:
            return Model(key, info, {}, Network(content, len(labels)))
        if row.takes == "embeddings":
            load_encoder()
        model = Model(key, info, read_arrays(content), None)
        _check_model(model)
    return model


@contextmanager
def reading(directory: Path) -> Iterator[None]:
    """Turn errors of reading the folder of a model into a ``ModelError``."""
    try:
        yield
    except _UNREADABLE as error:
        raise _unreadable(directory, error) from error


def read_checked(
    directory: Path,
    takes: Sequence[Takes],
    served_file: str,
    labels: Sequence[str] = TRAINED_LABELS,
) -> tuple[ModelInfo, bytes]:
    """Return ``model.json`` and the bytes of the served file, after checking both.

    Parameters
    ----------
    directory
        Folder of the model; its name is the key.
    takes
        The features that the model takes.
    served_file
        Name of the file that it is served from.
    labels
        That the raw outputs must have.

    Raises
    ------
    ModelError
        A file is missing or altered, or made for other labels or features.
    """
    key, info = directory.name, read_model_info(directory)
    if info["key"] != key:
        raise ModelError(f"The folder '{key}' holds the model '{info['key']}'. {REMEDY}")
    if tuple(info["labels"]) != tuple(labels):
        raise ModelError(
            f"Model '{key}' has the labels {', '.join(info['labels'])}, "
            f"not {', '.join(labels)}. {REMEDY}"
        )
    features = info["features"]
    if features["version"] != FEATURES_VERSION or features["sha256"] != features_digest(*takes):
        raise ModelError(
            f"Model '{key}' was made for version {features['version']} of the features, and this "
            f"is version {FEATURES_VERSION}. {REMEDY}"
        )
    if info["served_file"] != served_file:
        raise ModelError(
            f"Model '{key}' is served from '{info['served_file']}', not {served_file}. {REMEDY}"
        )
    return info, _read_file(directory, served_file, info)


def _check_model(model: Model) -> None:
    """Raise a ValueError unless the arrays are such a classifier and its output is finite."""
    row, features = CLASSIFIERS[model.key], empty_features()
    if row.check is not None:
        n_inputs = features.inputs[row.takes].shape[1]
        row.check(model.arrays, n_inputs, len(model.info["labels"]))
    with np.errstate(all="ignore"):
        probabilities = model.probabilities(features)
    if not np.isfinite(probabilities).all():
        raise ValueError("it returns values that are not finite")


def _read_file(directory: Path, name: str, info: ModelInfo) -> bytes:
    path = directory / name
    expected = info["files"].get(name)
    if expected is None or not path.is_file():
        raise ModelError(f"Model '{directory.name}' lacks its file {name}. {REMEDY}")
    size = path.stat().st_size
    if size != expected["bytes"] or size > MAX_BYTES:
        raise ModelError(f"{path} has {size:,} bytes, not {expected['bytes']:,}. {REMEDY}")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != expected["sha256"]:
        raise ModelError(f"{path} was altered: its SHA-256 is not the stored one. {REMEDY}")
    return content


def read_arrays(content: bytes) -> Arrays:
    """Return the arrays of an archive, none of them unpacked before its size is known."""
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
    """Return the array of a file, which must hold as many numbers as its header says."""
    file = io.BytesIO(content)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("an array is stored in another version of the format")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.kind not in "iuf" or math.prod(shape) * dtype.itemsize != len(content) - file.tell():
        raise ValueError(f"an array is not what its header says: {dtype}, {shape}")
    file.seek(0)
    return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
