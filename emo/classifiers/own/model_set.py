"""The classifiers and labels of a folder of models: those that ship, or somebody's own.

A folder of own models names both in ``own.json``.  The folder that ships has no such file.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emo.classifiers.registry import CLASSIFIERS
from emo.errors import ModelError
from emo.labels import LABELS, MAX_LABELS, MIN_LABELS, in_order, trained_labels
from emo.system.files import naming

OWN = "own.json"
FORMAT = 1

LABEL = re.compile(r"[^\W_][\w-]{0,29}")
"""A label: letters, digits, - and _, up to 30; it begins with a letter or digit."""

_MAX_BYTES = 2**20


@dataclass(frozen=True)
class ModelSet:
    """The classifiers and labels of a folder of models.

    Attributes
    ----------
    labels : tuple of str
        Labels of the answers, in their order in every vector and table.
    classifiers : tuple of str
        Keys of the classifiers, in the order of the registry.
    is_own : bool
        True for models that somebody trained on recordings of their own.
    corpora : tuple of str
        Names of the own corpora that they were trained on; empty for the models that ship.
    """

    labels: tuple[str, ...] = LABELS
    classifiers: tuple[str, ...] = tuple(CLASSIFIERS)
    is_own: bool = False
    corpora: tuple[str, ...] = ()

    @property
    def trained_labels(self) -> tuple[str, ...]:
        """Labels of the raw outputs (``emo.labels.trained_labels``)."""
        return trained_labels(self.labels)

    @property
    def is_seven(self) -> bool:
        """True if the answers have the seven labels of the models that ship."""
        return self.labels == LABELS


def is_label(text: str) -> bool:
    """Return whether a text can be a label of own models."""
    return bool(LABEL.fullmatch(text)) and text == text.casefold()


def read_model_set(directory: Path) -> ModelSet:
    """Return the labels and classifiers of a folder of models.

    Raises
    ------
    ModelError
        The folder's ``own.json`` cannot be read, or names labels or classifiers that cannot be.
    """
    path = directory / OWN
    try:
        if not path.is_file():
            return ModelSet(classifiers=tuple(CLASSIFIERS))
        with path.open("rb") as file:
            stored = json.loads(file.read(_MAX_BYTES).decode("utf-8"))
        if stored["format"] != FORMAT:
            raise ValueError(f"its format is {stored['format']}, not {FORMAT}")
        own = ModelSet(
            _texts(stored["labels"]),
            _texts(stored["classifiers"]),
            True,
            _texts(stored["corpora"]),
        )
        _check(own)
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise ModelError(
            f"{path} cannot be read ({type(error).__name__}: {error}). Train these models again, "
            f"with: python -m emo train head --corpus … --models {directory}"
        ) from error
    return own


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError("a list of texts is missing")
    return tuple(values)


def _check(own: ModelSet) -> None:
    """Raise a ValueError unless the labels and classifiers can be those of a folder."""
    if not MIN_LABELS <= len(own.labels) <= MAX_LABELS or own.labels != in_order(own.labels):
        raise ValueError(f"there are not {MIN_LABELS} to {MAX_LABELS} different labels in order")
    if not all(map(is_label, own.labels)):
        raise ValueError("a label holds other signs than letters, digits, - and _")
    if not own.classifiers or own.classifiers != known_classifiers(own.classifiers):
        raise ValueError("the classifiers are not those that can be")


def known_classifiers(keys: Iterable[str]) -> tuple[str, ...]:
    """Return those classifiers of the registry that are named, in its order."""
    named = set(keys)
    return tuple(key for key in CLASSIFIERS if key in named)


def add_to_model_set(
    directory: Path, labels: Sequence[str], classifiers: Iterable[str], corpora: Iterable[str]
) -> ModelSet:
    """Write ``own.json``, with the classifiers that were trained before and those of now.

    Raises
    ------
    ModelError
        The folder holds models that ship, or own ones with other labels.
    """
    check_target(directory, labels)
    before = read_model_set(directory) if (directory / OWN).is_file() else None
    own = ModelSet(
        tuple(labels),
        known_classifiers([*(before.classifiers if before else ()), *classifiers]),
        True,
        tuple(sorted({*(before.corpora if before else ()), *corpora})),
    )
    _check(own)
    directory.mkdir(parents=True, exist_ok=True)
    content = {
        "format": FORMAT,
        "labels": list(own.labels),
        "classifiers": list(own.classifiers),
        "corpora": list(own.corpora),
    }
    with naming(directory / OWN):
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        (directory / OWN).write_text(text, encoding="utf-8")
    return own


def check_target(directory: Path, labels: Sequence[str]) -> None:
    """Raise unless own models with some labels may be written into a folder.

    Raises
    ------
    ModelError
        The folder holds models that ship, or own ones with other labels.
    """
    if (directory / OWN).is_file():
        before = read_model_set(directory)
        if before.labels != tuple(labels):
            raise ModelError(
                f"{directory} holds models with the labels {', '.join(before.labels)}, and these "
                f"clips have {', '.join(labels)}. Name another folder with --models."
            )
    elif any((directory / key / "model.json").exists() for key in CLASSIFIERS):
        raise ModelError(
            f"{directory} holds models that were not trained on own clips. Name another folder "
            "with --models, such as --models my-models."
        )
