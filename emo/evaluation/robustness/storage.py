"""The stored figures of robustness: the schema of ``robustness.json``, its reader and writer."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict, cast

from emo.errors import ModelError
from emo.evaluation.stored import SCHEMA, Interval, problem, read_json, write_json

ROBUSTNESS = "robustness.json"


class RobustnessFigures(TypedDict):
    """Figures of one model for clips under one condition.

    Attributes
    ----------
    n
        Clips that can be used as recorded and under the condition.
    loss
        Accuracy for these clips as recorded, less that under the condition.
    loss_interval
        Its 95 % interval in resamples of the speakers.
    unchanged
        Share of the answers with the same label as for the clip as recorded.
    coverage
        Share of the answers that are not unsure.
    """

    n: int
    accuracy: float
    uar: float
    loss: float
    loss_interval: Interval
    unchanged: float
    coverage: float


class ConditionFigures(TypedDict):
    """Figures under one condition by model, and how many clips cannot be used under it."""

    unusable: int
    models: dict[str, RobustnessFigures]


class RobustnessTables(TypedDict):
    """The content of ``robustness.json``: figures by condition, as recorded first.

    ``clips`` can be used as recorded.
    """

    schema: int
    command: str
    commit: str
    seed: int
    clips: int
    speakers: list[str]
    conditions: dict[str, ConditionFigures]


def read_robustness(models: Path) -> RobustnessTables | None:
    """Return the stored figures of robustness; None if there is no file.

    Raises
    ------
    ModelError
        The file is damaged, of another version, or does not follow the schema.
    """
    path = models / ROBUSTNESS
    if not path.exists():
        return None
    content = read_json(path)
    fault = problem(content, RobustnessTables)
    if not fault and content["schema"] != SCHEMA:
        fault = f"its schema is {content['schema']}, and this program reads {SCHEMA}"
    if fault:
        raise ModelError(f"{path} cannot be read: {fault}. Remove it and evaluate again.")
    return cast(RobustnessTables, content)


def write_robustness(models: Path, tables: RobustnessTables) -> None:
    """Write the figures of robustness.

    Raises
    ------
    ModelError
        They do not follow the schema.
    """
    path = models / ROBUSTNESS
    if fault := problem(tables, RobustnessTables):
        raise ModelError(f"{path} cannot be written: {fault}.")
    write_json(path, tables)


Losses = Mapping[str, RobustnessFigures]
"""Figures of one model by condition."""


def read_losses(models: Path) -> dict[str, Losses]:
    """Return the figures of robustness by model and condition; empty if not measured.

    Raises
    ------
    ModelError
        The file is damaged.
    """
    measured = read_robustness(models)
    losses: dict[str, dict[str, RobustnessFigures]] = {}
    for name, block in measured["conditions"].items() if measured else ():
        for key, row in block["models"].items():
            losses.setdefault(key, {})[name] = row
    return dict(losses)
