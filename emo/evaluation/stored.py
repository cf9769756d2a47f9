"""The stored figures: the schema of ``metrics.json``, and its only reader and writer."""

import functools
import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from emo.errors import ModelError
from emo.system.files import naming

METRICS = "metrics.json"
LISTENERS = "listeners.json"
SUBSETS = "subsets.json"
NON_SPEECH = "non_speech.json"
SCHEMA = 2
"""Version of the schema; a file of another version is refused."""

DIGITS = 6
"""Decimals of a stored figure."""


# --- Schema --------------------------------------------------------------------------------------

Interval = list[float]
"""Low and high end of a 95 % interval."""


class Run(TypedDict):
    """Command, commit and seed that made the predictions of a fold."""

    fold: int
    commit: str
    command: str
    seed: int


class LeftOut(TypedDict):
    """A test clip that no classifier can use."""

    fold: int
    clip: str
    reason: str


class ClassRates(TypedDict):
    """Rates of one label; None where a rate is not defined."""

    n: int
    precision: float | None
    recall: float | None
    f1: float | None


class CorpusFigures(TypedDict, total=False):
    """Figures of the clips of one corpus; under ``emobox`` with its labels and protocol."""

    protocol: str
    labels: list[str]
    n: int
    accuracy: float
    uar: float
    macro_f1: float
    ece: float
    confusion: list[list[int]]
    intervals: dict[str, Interval]


class FoldFigures(TypedDict):
    """Figures of the clips of one fold."""

    fold: int
    n: int
    accuracy: float
    uar: float
    macro_f1: float
    ece: float


class FoldStrangers(TypedDict):
    """Switch for strange clips, and the second temperature of a model for them."""

    centre: float
    width: float
    temperature: float


class FoldCalibration(TypedDict):
    """Temperature of a classifier, or weights of an ensemble, fitted to the validation clips.

    ``strangers`` is fitted to other corpora; it is absent before ``cross-corpus`` was run.
    """

    fold: int
    temperature: NotRequired[float]
    weights: NotRequired[dict[str, float]]
    strangers: NotRequired[FoldStrangers]


class Coverage(TypedDict):
    """Share of the predictions that are accepted, and the accuracy of these."""

    coverage: float
    selective_accuracy: float


class SelectiveFigures(Coverage):
    """Figures of selective prediction (``selective.Selection``)."""

    threshold: float
    coverage_cross_fitted: NotRequired[float]
    selective_accuracy_cross_fitted: NotRequired[float]


class RiskCoverageFigures(TypedDict):
    """The risk-coverage curve and the area under it (``selective.RiskCoverage``)."""

    aurc: float
    coverages: list[float]
    risks: list[float]


class SetFigures(TypedDict):
    """Figures of prediction sets whose limits were chosen on other clips.

    Attributes
    ----------
    coverage
        Share of the sets that hold the true label.
    coverage_of_speakers
        Mean over the speakers of this share, for which the level is stated.
    mean_size
        Mean number of labels in a set.
    single
        Share of the sets that hold one label alone.
    """

    coverage: float
    coverage_of_speakers: float
    mean_size: float
    single: float
    intervals: dict[str, Interval]


class Difference(TypedDict):
    """Difference of two models on the same clips: the second less the first.

    Attributes
    ----------
    first, second
        Keys of the models.
    accuracy, uar
        The differences.
    intervals
        Their 95 % intervals in resamples of the speakers that both models share.
    detectable
        Smallest difference of each rate that could be detected (``figures.differences``).
    """

    first: str
    second: str
    accuracy: float
    uar: float
    intervals: dict[str, Interval]
    detectable: dict[str, float]


class GroupFigures(TypedDict):
    """Figures of a group of speakers."""

    n: int
    speakers: int
    accuracy: float
    uar: float
    intervals: dict[str, Interval]


class SurrogateFigures(TypedDict):
    """Figures of the surrogate tree; ``agreement`` is the share of clips named as by the tree."""

    n: int
    accuracy: float
    uar: float
    intervals: dict[str, Interval]
    agreement: float


class ProtocolFigures(TypedDict, total=False):
    """Figures of one model under one protocol."""

    runs: list[Run]
    left_out: list[LeftOut]
    labels: list[str]
    n: int
    accuracy: float
    uar: float
    macro_f1: float
    ece: float
    confidence: float
    confusion: list[list[int]]
    per_class: dict[str, ClassRates]
    intervals: dict[str, Interval]
    per_corpus: dict[str, CorpusFigures]
    folds: list[FoldFigures]
    calibration: list[FoldCalibration]
    risk_coverage: RiskCoverageFigures
    selective: SelectiveFigures
    sets: dict[str, SetFigures]
    fairness: dict[str, dict[str, GroupFigures]]
    surrogate: SurrogateFigures
    differences: list[Difference]
    distance_from_votes: float
    agreement_with_plurality: float


class OperatingPoint(TypedDict):
    """Share of clips that a model gets right in one situation, and its 95 % interval."""

    accuracy: float
    interval: NotRequired[Interval]


class ModelFigures(TypedDict):
    """The content of ``metrics.json``: the figures of a classifier or the ensemble by protocol.

    ``operating_points`` are those that README, cards and pages quote (``figures.
    operating_points``).
    """

    schema: int
    key: str
    operating_points: NotRequired[dict[str, OperatingPoint]]
    protocols: dict[str, ProtocolFigures]


class SubsetFigures(Coverage):
    """Figures of one subset of the labels, of the clips that were acted with one of them."""

    n: int
    accuracy: float
    uar: float
    ece: float
    confidence: float


class SubsetTables(TypedDict):
    """The content of ``subsets.json``: by protocol, model and subset (``subset_key``)."""

    schema: int
    protocols: dict[str, dict[str, dict[str, SubsetFigures]]]


Fault = tuple[str, str]
"""Where a value differs from the schema, and how."""

_NAMES = {int: "a whole number", float: "a number", str: "a text", type(None): "null"}


def problem(content: Any, schema: Any = ModelFigures) -> str:
    """Return what is wrong with the content of a JSON file, in words; "" if nothing is.

    Parameters
    ----------
    content
        As ``json.loads`` returns it.
    schema
        A TypedDict, or a type made of dict, list, ``|``, int, float, str and None.
    """
    fault = _checker(schema)(content)
    return "" if fault is None else f"{fault[0].lstrip('.') or 'it'} {fault[1]}"


@functools.cache
def _checker(schema: Any) -> Callable[[Any], Fault | None]:
    """Return the function that finds the first fault of a value."""
    if typing.is_typeddict(schema):
        return _object_checker(schema)
    origin, parts = typing.get_origin(schema), typing.get_args(schema)
    if origin is dict:
        return _dict_checker(_checker(parts[1]))
    if origin is list:
        return _list_checker(parts[0])
    allowed = parts if origin in (types.UnionType, typing.Union) else (schema,)
    return _leaf_checker(allowed)


def _object_checker(schema: Any) -> Callable[[Any], Fault | None]:
    fields = {name: _checker(part) for name, part in typing.get_type_hints(schema).items()}
    required = schema.__required_keys__

    def check(value: Any) -> Fault | None:
        if not isinstance(value, dict):
            return _differs(value, "an object")
        if unknown := sorted(value.keys() - fields):
            return "", f"has the unknown field '{unknown[0]}'"
        if missing := sorted(required - value.keys()):
            return "", f"lacks the field '{missing[0]}'"
        return _first_fault((name, fields[name](item)) for name, item in value.items())

    return check


def _dict_checker(check_item: Callable[[Any], Fault | None]) -> Callable[[Any], Fault | None]:
    def check(value: Any) -> Fault | None:
        if not isinstance(value, dict):
            return _differs(value, "an object")
        return _first_fault((name, check_item(item)) for name, item in value.items())

    return check


def _list_checker(schema: Any) -> Callable[[Any], Fault | None]:
    check_item = _checker(schema)
    exact = {schema} if schema in _NAMES else set()

    def check(value: Any) -> Fault | None:
        if not isinstance(value, list):
            return _differs(value, "a list")
        if set(map(type, value)) <= exact:  # most lists are rows of numbers
            return None
        return _first_fault((i, check_item(item)) for i, item in enumerate(value))

    return check


def _leaf_checker(allowed: Sequence[Any]) -> Callable[[Any], Fault | None]:
    exact = {*allowed, *((int,) if float in allowed else ())}
    names = " or ".join(_NAMES[part] for part in allowed)

    def check(value: Any) -> Fault | None:
        return None if type(value) in exact else _differs(value, names)

    return check


def _first_fault(faults: Iterable[tuple[Any, Fault | None]]) -> Fault | None:
    for name, fault in faults:
        if fault is not None:
            return f".{name}{fault[0]}", fault[1]
    return None


def _differs(value: Any, expected: str) -> Fault:
    return "", f"is {json.dumps(value)[:40]} and not {expected}"


# --- Reading and writing -------------------------------------------------------------------------


def read_metrics(models: Path, key: str) -> ModelFigures:
    """Return the stored figures of a classifier or the ensemble; no protocols if there is no file.

    Raises
    ------
    ModelError
        The file is damaged, of another version, or does not follow the schema.
    """
    path = models / key / METRICS
    content = read_json(path)
    if not content:
        return {"schema": SCHEMA, "key": key, "protocols": {}}
    fault = ""
    if content.get("schema") != SCHEMA:
        fault = f"its schema is {content.get('schema')!r}, and this program reads {SCHEMA}"
    elif fault := problem(content):
        pass
    if fault:
        raise ModelError(f"{path} cannot be read: {fault}. Remove it and evaluate again.")
    return typing.cast(ModelFigures, content)


def read_subsets(models: Path) -> SubsetTables:
    """Return the stored figures of every subset of the labels; no protocols if there is no file.

    Raises
    ------
    ModelError
        The file is damaged, of another version, or does not follow the schema.
    """
    path = models / SUBSETS
    content = read_json(path) or {"schema": SCHEMA, "protocols": {}}
    fault = problem(content, SubsetTables)
    if not fault and content["schema"] != SCHEMA:
        fault = f"its schema is {content['schema']}, and this program reads {SCHEMA}"
    if fault:
        raise ModelError(f"{path} cannot be read: {fault}. Remove it and evaluate again.")
    return typing.cast(SubsetTables, content)


def write_subsets(
    models: Path, protocols: Mapping[str, Mapping[str, Mapping[str, SubsetFigures]]]
) -> None:
    """Write the figures of every subset of the labels, protocols in alphabetical order."""
    content = {"schema": SCHEMA, "protocols": dict(sorted(protocols.items()))}
    write_json(models / SUBSETS, content)


def write_metrics(models: Path, figures: ModelFigures) -> None:
    """Write the figures of a classifier or the ensemble, its protocols in alphabetical order.

    Raises
    ------
    ModelError
        The figures do not follow the schema.
    """
    path = models / figures["key"] / METRICS
    content = figures | {"protocols": dict(sorted(figures["protocols"].items()))}
    if fault := problem(content):
        raise ModelError(f"{path} cannot be written: {fault}.")
    write_json(path, content)


def read_json(path: Path) -> dict[str, Any]:
    """Return an object from a JSON file; an empty one if there is no such file.

    Raises
    ------
    ModelError
        The file is damaged.
    """
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("it is not an object")
    except ValueError as error:
        raise ModelError(
            f"{path} cannot be read: {error}. Remove it and evaluate again."
        ) from error
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write an object as JSON, floats to six decimals; the file is replaced whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with naming(partial):
        partial.write_text(json.dumps(_rounded(content), indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, Mapping):
        return {name: _rounded(item) for name, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value


def compare_values(where: str, counted: Any, stored: Any, tolerance: float) -> list[str]:
    """Return a sentence for each stored value that differs from the one counted anew.

    Parameters
    ----------
    where
        Names the value in the sentences.
    counted, stored
        Values as JSON has them; what is stored beyond what is counted is left alone.
    tolerance
        By how much numbers may differ.
    """
    parts: list[list[str]] = []
    if isinstance(counted, dict) and isinstance(stored, dict):
        for name, value in counted.items():
            if name in stored:
                parts.append(compare_values(f"{where} {name}", value, stored[name], tolerance))
            elif value != {}:
                parts.append([f"{where} has no {name}."])
    elif isinstance(counted, list) and isinstance(stored, list) and len(counted) == len(stored):
        for i, pair in enumerate(zip(counted, stored, strict=True), 1):
            parts.append(compare_values(f"{where} {i}", *pair, tolerance))
    elif isinstance(counted, float) and isinstance(stored, int | float):
        if abs(counted - stored) > tolerance:
            parts.append([f"{where} is {stored}, but the predictions give {counted}."])
    elif counted != stored:
        parts.append([f"{where} is {stored}, but the predictions give {counted}."])
    return [sentence for part in parts for sentence in part]
