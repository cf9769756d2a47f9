"""Check that an input is used or refused by a typed error; anything else is a failure."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from emo.audio.isolated import IsolatedDecoder
from emo.audio.limits import MAX_DURATION_S
from emo.batch import inputs
from emo.batch.journal import Journal
from emo.classifiers import calibration, storage
from emo.errors import DecoderError, EmoError
from emo.evaluation.manifest import read_manifest
from emo.inference.adaptation import read_examples
from emo.inference.loading import MODEL_KEYS
from emo.labels import TRAINED_LABELS
from fuzz import seeds
from fuzz.mutate import Input

USED = "used"


class Failure(Exception):
    """A crash, an untyped error, or an invalid result."""


def check(given: Input, decoder: IsolatedDecoder, directory: Path) -> str:
    """:data:`USED`, or the name of the error that refused the input.

    Raises
    ------
    Failure
        Neither happened.
    """
    use = DOCUMENTS.get(given.seed)
    try:
        if use is None:
            _decode(given, decoder)
        else:
            use(given.data, directory)
    except DecoderError as error:
        raise Failure(f"{given.seed} {given.number}: the decoder: {error}") from error
    except EmoError as error:
        text = str(error)
        if len(text) < 20 or " " not in text:
            raise Failure(f"{given.seed} {given.number}: no sentence: {text!r}") from error
        return type(error).__name__
    except Failure:
        raise
    except Exception as error:
        raise Failure(f"{given.seed} {given.number}: {type(error).__name__}: {error}") from error
    return USED


def _decode(given: Input, decoder: IsolatedDecoder) -> None:
    clip = decoder.decode(given.data, given.seed)
    _hold(clip.samples.dtype == np.float32, "samples of another kind")
    _hold(0.29 <= clip.duration_s <= MAX_DURATION_S + 0.1, "a length out of the limits")
    _hold(bool(np.isfinite(clip.samples).all()), "samples that are not finite")
    _hold(float(np.abs(clip.samples).max()) <= 8, "samples far beyond full scale")


def _hold(holds: bool, what: str) -> None:
    if not holds:
        raise Failure(what)


def _manifest(data: bytes, directory: Path) -> None:
    path = directory / "manifest.csv"
    path.write_bytes(data)
    read_manifest(path)


def _found(data: bytes, directory: Path, name: str) -> None:
    path = directory / name
    path.write_bytes(data)
    for item in islice(inputs.find_sources([str(path)], lambda _: True), 1000):
        _hold(bool(item.name), "a recording without a name")
        _hold(len(item.data or b"") <= 50 * 2**20, "a member beyond the limit")


def _rows(data: bytes, directory: Path) -> None:
    path = directory / "rows.jsonl"
    path.write_bytes(data)
    with Journal(path, "r"):
        pass


def _lessons(data: bytes, directory: Path) -> None:
    for lesson in read_examples(data, seeds.DIGEST, seeds.N_HIDDEN):
        _hold(bool(np.isfinite(lesson.hidden).all()), "a lesson that is not finite")


def _card(data: bytes, directory: Path) -> None:
    _use_model(directory, data, None)


def _weights(data: bytes, directory: Path) -> None:
    """Write weights with a matching card, so that more than their hash is checked."""
    _use_model(directory, (seeds.MODELS / "tree" / storage.MODEL_INFO).read_bytes(), data)


def _use_model(directory: Path, card: bytes, weights: bytes | None) -> None:
    folder = directory / "tree"
    folder.mkdir(exist_ok=True)
    if weights is None:
        shutil.copy(seeds.MODELS / "tree" / storage.WEIGHTS, folder / storage.WEIGHTS)
    else:
        facts = {"sha256": hashlib.sha256(weights).hexdigest(), "bytes": len(weights)}
        card = json.dumps(json.loads(card) | {"files": {storage.WEIGHTS: facts}}).encode()
        (folder / storage.WEIGHTS).write_bytes(weights)
    (folder / storage.MODEL_INFO).write_bytes(card)
    model = storage.load_model(folder)
    features = storage.empty_features(3)
    functionals = np.random.default_rng(0).normal(0, 9, features.functionals.shape)
    shares, _ = model.run(replace(features, functionals=functionals.astype(np.float32)))
    _hold(shares.shape == (3, len(TRAINED_LABELS)), "answers of another shape")
    _hold(bool(np.allclose(shares.sum(axis=1), 1, atol=1e-3)), "shares that do not add up to 1")


def _calibration(data: bytes, directory: Path) -> None:
    (directory / calibration.CALIBRATION).write_bytes(data)
    found = calibration.read_calibration(directory, MODEL_KEYS)
    numbers = [*found.temperatures.values(), *found.weights.values(), *found.thresholds.values()]
    numbers += [limit for limits in found.sets.values() for limit in limits.values()]
    _hold(bool(np.isfinite(numbers).all()), "a calibration that is not finite")


DOCUMENTS: dict[str, Callable[[bytes, Path], None]] = {
    "manifest.csv": _manifest,
    "list.txt": lambda data, directory: _found(data, directory, "list.txt"),
    "clips.tar": lambda data, directory: _found(data, directory, "clips.tar"),
    "clips.tar.gz": lambda data, directory: _found(data, directory, "clips.tar.gz"),
    "rows.jsonl": _rows,
    "lessons.json": _lessons,
    "model.json": _card,
    "weights.npz": _weights,
    "calibration.json": _calibration,
}
