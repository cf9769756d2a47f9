"""The folder of models that the pages serve, and its labels and classifiers."""

import functools
from pathlib import Path

from emo.classifiers.own.model_set import OWN, ModelSet, read_model_set
from emo.errors import ModelError
from emo.inference.loading import MODEL_KEYS
from emo.labels import INDEX
from emo.system import paths


def directory() -> Path:
    """Return the folder that ``EMO_MODELS`` names, or that of the models that ship."""
    return paths.served_models()


def model_set() -> ModelSet:
    """Return the labels and classifiers of the folder; those that ship where it is damaged.

    Without models there are no answers, which the pages say themselves.
    """
    path = directory()
    stated = path / OWN
    time_ns = stated.stat().st_mtime_ns if stated.is_file() else 0
    return _read(path, time_ns)


@functools.lru_cache(maxsize=4)
def _read(path: Path, time_ns: int) -> ModelSet:
    try:
        return read_model_set(path)
    except ModelError:
        return ModelSet()


def labels() -> tuple[str, ...]:
    """Return the labels of the answers, in the order of their probabilities."""
    return model_set().labels


def other_labels() -> tuple[str, ...]:
    """Return those labels of the answers that are none of the seven."""
    return tuple(label for label in labels() if label not in INDEX)


def classifier_keys() -> tuple[str, ...]:
    """Return the keys of the classifiers of the folder."""
    own = model_set()
    return own.classifiers if own.is_own else MODEL_KEYS


def is_own() -> bool:
    """Return True if somebody trained the models on recordings of their own."""
    return model_set().is_own


def is_alone() -> bool:
    """Return True if the folder has one classifier, whose answer is that of the ensemble too."""
    return len(classifier_keys()) == 1
