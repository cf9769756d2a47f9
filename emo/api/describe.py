"""Describe the models: labels, versions, figures, cards and layers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import emo
from emo.classifiers.ensembles import ENSEMBLES
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.voice import VOICE
from emo.errors import ModelError
from emo.evaluation.stored import METRICS, read_json, read_metrics
from emo.inference.embeddings import Layer
from emo.inference.guest.model import GUEST, Guest
from emo.inference.loading import Models
from emo.labels import ENSEMBLE

CARD = "CARD.md"
FIGURES = ("n", "accuracy", "uar", "macro_f1", "ece")


def describe_models(
    models: Models,
    layers: tuple[Layer, ...],
    directory: Path,
    card_path: str,
    guest: Guest | None = None,
) -> dict[str, Any]:
    """Return what programs need to know of the models, as values for JSON.

    Parameters
    ----------
    models, layers
        The models that answer, and their layers.
    directory
        The folder of the models, which has their figures and cards.
    card_path
        Path of a card, with ``{key}`` for the key of its model.
    guest
        The guest of the server; None for none.
    """
    keys = {*models.classifiers, *models.faults}
    rows = [_describe_classifier(key, models) for key in CLASSIFIERS if key in keys]
    rows += [_describe_ensemble(key, models) for key in _ensemble_keys(models)]
    rows += [] if models.model_set.is_own else [_describe_voice(models)]
    rows += [] if guest is None else [_describe_guest(guest)]
    for row in rows:
        row["figures"] = _figures(directory, row["key"])
        has_card = (directory / row["key"] / CARD).is_file()
        row["card"] = card_path.format(key=row["key"]) if has_card else None
    return {
        "version": emo.__version__,
        "labels": list(models.labels),
        "models": rows,
        "embeddings": [
            {
                "name": layer.name,
                "width": layer.width,
                "description": layer.description,
                "sha256": layer.sha256,
            }
            for layer in layers
        ],
    }


def read_card(directory: Path, key: str) -> str | None:
    """Return the card of a model as Markdown; None where there is no such model or card."""
    if key not in (*CLASSIFIERS, *ENSEMBLES, VOICE):
        return None
    try:
        return (directory / key / CARD).read_text(encoding="utf-8")
    except OSError:
        return None


def _describe_classifier(key: str, models: Models) -> dict[str, Any]:
    row = CLASSIFIERS[key]
    described: dict[str, Any] = {
        "key": key,
        "kind": "classifier",
        "title": row.title,
        "description": row.description,
        "available": key in models.classifiers,
    }
    if key in models.classifiers:
        described |= _origin(models.classifiers[key].info)
    return described | ({"pretraining": row.pretraining} if row.pretraining else {})


def _ensemble_keys(models: Models) -> list[str]:
    """Return the ensembles that answer: that of all classifiers, and those that are complete."""
    loaded = models.classifiers.keys()
    return [key for key, row in ENSEMBLES.items() if key == ENSEMBLE or loaded >= {*row.members}]


def _describe_ensemble(key: str, models: Models) -> dict[str, Any]:
    row = ENSEMBLES[key]
    members = [member for member in row.members if member in models.classifiers]
    return {
        "key": key,
        "kind": "ensemble",
        "title": row.title,
        "description": "A log opinion pool: the product of the classifiers' probabilities, each to "
        "the power of its weight.",
        "available": True,
        "members": members,
    }


def _describe_voice(models: Models) -> dict[str, Any]:
    described: dict[str, Any] = {
        "key": VOICE,
        "kind": "voice",
        "title": "Know the voice",
        "description": "A classifier of recordings relative to the others that are stated to be "
        "of the same speaker.",
        "available": models.voice is not None,
    }
    return described | ({} if models.voice is None else _origin(models.voice.info))


def _describe_guest(guest: Guest) -> dict[str, Any]:
    return {
        "key": GUEST,
        "kind": "guest",
        "title": guest.about.name,
        "description": guest.about.about,
        "available": True,
    }


def _origin(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a model comes from, and the digest of the file that is served."""
    trained_on = info["trained_on"]
    return {
        "commit": info["commit"],
        "seed": info["seed"],
        "n_parameters": info["n_parameters"],
        "sha256": info["files"][info["served_file"]]["sha256"],
        "trained_on": {name: trained_on[name] for name in ("corpora", "clips", "speakers")},
    }


def _figures(directory: Path, key: str) -> dict[str, Any]:
    """Return the main figures of a model by protocol; of a known voice by the clips known too."""
    if not (directory / key / METRICS).is_file():
        return {}
    try:
        if key == VOICE:
            protocols = read_json(directory / key / METRICS)["protocols"]
            return {
                protocol: {
                    count: _main_figures({"n": own["n"]} | own["pooled"])
                    for count, own in block["known"].items()
                }
                for protocol, block in protocols.items()
            }
        blocks = read_metrics(directory, key)["protocols"]
    except (ModelError, OSError, LookupError, TypeError):
        return {}
    figures = {protocol: _main_figures(block) for protocol, block in blocks.items()}
    return {protocol: own for protocol, own in figures.items() if own}


def _main_figures(block: Mapping[str, Any]) -> dict[str, Any]:
    figures = {name: block[name] for name in FIGURES if name in block}
    interval = block.get("intervals", {}).get("accuracy")
    return figures | ({"accuracy_interval": list(interval)} if interval else {})
