"""Write the decision tree as text for people, and as JSON for programs."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emo import __version__
from emo.classifiers.batches import MAX_DEVIATIONS, Arrays
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.tree import surrogate_arrays
from emo.errors import ModelError
from emo.features.functionals import functional_names
from emo.formatting import MINUS
from emo.inference.loading import Models
from emo.inference.portable.output import Written, make_folder, write

TREE_FORMAT = 1
"""Version of the JSON; raise it when a field changes its meaning."""

TEXT, JSON = "tree.txt", "tree.json"

HOW = (
    "1. scaled = clip((functionals - mean) / deviation, -limit, limit)",
    "2. point = (scaled - centre) @ projection: a place on the axis of each label",
    "3. from node 0 on: left where point[axis] <= threshold, else right, until a leaf",
    "4. the leaf's probabilities of the labels, to the power of 1 / temperature, adding up to 1",
)
"""How the tree is computed from the functionals."""

MIN_SHARE = 0.05
"""Share from which on a label of a leaf is written in the text."""


def tree_key() -> str:
    """Return the key of the classifier that is a tree."""
    return next(key for key, row in CLASSIFIERS.items() if row.explained_by == "path")


def tree_arrays(models: Models) -> Arrays:
    """Return the arrays of the tree.

    Raises
    ------
    ModelError
        It could not be loaded.
    """
    key = tree_key()
    if key not in models.classifiers:
        raise ModelError(models.faults.get(key, "There is no decision tree among the models."))
    return models.classifiers[key].arrays


def tree_json(models: Models) -> dict[str, Any]:
    """Return the tree and its readable surrogate as values for JSON.

    Parameters
    ----------
    models : Models

    Returns
    -------
    dict
        ``how`` says in words how probabilities follow from the arrays.

    Raises
    ------
    ModelError
        It could not be loaded.
    """
    arrays, names = tree_arrays(models), functional_names()
    return {
        "format": TREE_FORMAT,
        "emo_version": __version__,
        "labels": list(models.labels),
        "trained_labels": list(models.model_set.trained_labels),
        "how": list(HOW),
        "temperature": models.calibration.temperatures[tree_key()],
        "limit": MAX_DEVIATIONS,
        "functionals": list(names),
        **{name: arrays[name].tolist() for name in ("mean", "deviation", "centre", "projection")},
        "nodes": _nodes(arrays, models.model_set.trained_labels),
        "surrogate": {
            "about": "A small tree in the units of the functionals, which describes the tree; it "
            "gives no answer.",
            "nodes": _nodes(surrogate_arrays(arrays), names),
        },
    }


def _nodes(arrays: Arrays, axes: Sequence[str]) -> list[dict[str, Any]]:
    """Return a dictionary for each node: a question, or the probabilities of a leaf."""
    nodes: list[dict[str, Any]] = []
    for i, left in enumerate(arrays["left"].tolist()):
        if left < 0:
            nodes.append({"probabilities": arrays["probabilities"][i].tolist()})
            continue
        question = {"axis": axes[arrays["axis"][i]], "threshold": float(arrays["threshold"][i])}
        nodes.append(question | {"left": left, "right": int(arrays["right"][i])})
    return nodes


def tree_text(models: Models) -> str:
    """Return the tree and its surrogate as indented text.

    Parameters
    ----------
    models : Models

    Raises
    ------
    ModelError
        It could not be loaded.
    """
    arrays, names = tree_arrays(models), functional_names()
    surrogate, labels = surrogate_arrays(arrays), models.model_set.trained_labels
    return "\n".join(
        [
            f"The decision tree of Emo {__version__}",
            "",
            "It asks where a clip lies on axes. An axis is a weighted sum of measurements for one",
            "label; tree.json has the weights.",
            *_never_answered(models),
            "",
            *_lines(arrays, labels, lambda axis: f"axis {labels[axis]}"),
            "",
            "A smaller tree in the units of the measurements, which describes the first one",
            "",
            *_lines(surrogate, labels, lambda axis: names[axis]),
            "",
        ]
    )


def _never_answered(models: Models) -> list[str]:
    """Return a sentence on each label of the training clips that is no answer."""
    others = [label for label in models.model_set.trained_labels if label not in models.labels]
    return [f"{label.capitalize()} is a label of the training clips alone." for label in others]


def _lines(
    arrays: Arrays,
    labels: Sequence[str],
    name: Callable[[int], str],
    node: int = 0,
    depth: int = 0,
) -> Iterator[str]:
    """Yield the lines of a node and of all below it."""
    indent = "|   " * depth
    left, right = int(arrays["left"][node]), int(arrays["right"][node])
    if left < 0:
        yield f"{indent}{_shares(arrays['probabilities'][node], labels)}"
        return
    question, limit = name(int(arrays["axis"][node])), _number(float(arrays["threshold"][node]))
    yield f"{indent}{question} <= {limit}"
    yield from _lines(arrays, labels, name, left, depth + 1)
    yield f"{indent}{question} > {limit}"
    yield from _lines(arrays, labels, name, right, depth + 1)


def _shares(probabilities: np.ndarray, labels: Sequence[str]) -> str:
    order = np.argsort(-probabilities, kind="stable")
    shares = [(labels[i], float(probabilities[i])) for i in order]
    return ", ".join(f"{label} {share:.0%}" for label, share in shares if share >= MIN_SHARE)


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", MINUS)


def export_tree(models: Models, folder: Path) -> list[Written]:
    """Write ``tree.txt`` and ``tree.json`` into a folder.

    Parameters
    ----------
    models : Models
    folder : Path
        Made if needed; files of the same names are replaced.

    Returns
    -------
    list of Written

    Raises
    ------
    ModelError
        The tree could not be loaded.
    OSError
        A file cannot be written.
    """
    texts = {TEXT: tree_text(models), JSON: json.dumps(tree_json(models)) + "\n"}
    make_folder(folder)
    return [write(folder / name, text.encode()) for name, text in texts.items()]
