"""Read the description of a guest: a JSON file beside its ONNX file, with the same name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emo.errors import GuestError
from emo.labels import LABELS

MAX_NAME = 24
"""Characters of a name, which stands in a narrow row."""

SAMPLES, LOG_MEL = "samples", "log-mel"
_MAX_BYTES = 2**20
_CHOICES = {
    "input": (SAMPLES, LOG_MEL),
    "output": ("logits", "probabilities"),
    "normalise": ("none", "peak", "variance"),
    "scale": ("slaney", "htk"),
    "norm": ("area", "none"),
    "log": ("ln", "log10", "db"),
    "pad": ("zeros", "reflect", "none"),
    "layout": ("time-bands", "bands-time"),
}
_KNOWN = ("name", "rate_hz", "input", "labels", "meaning", "output", "normalise", "frames", "about")


@dataclass(frozen=True)
class FrameSettings:
    """How a log-mel spectrogram is computed.

    Attributes
    ----------
    window, hop : int
        Samples of a Hann window, and between two.
    bands : int
        Mel bands.
    low_hz, high_hz : float
        Edges of the lowest and the highest band.
    scale : str
        Of mel: ``slaney`` or ``htk``.
    norm : str
        ``area`` for triangles of equal area, ``none`` for those of height 1.
    log : str
        ``ln``, ``log10``, or ``db`` for 10 times that.
    floor : float
        Power to which lower values are raised first.
    pad : str
        What surrounds the samples by half a window: ``zeros``, ``reflect`` or ``none``.
    layout : str
        ``time-bands`` or ``bands-time``, the order of the axes.
    """

    window: int
    hop: int
    bands: int
    low_hz: float = 0.0
    high_hz: float = 8000.0
    scale: str = "slaney"
    norm: str = "area"
    log: str = "ln"
    floor: float = 1e-10
    pad: str = "reflect"
    layout: str = "time-bands"


@dataclass(frozen=True)
class Description:
    """Contents of the JSON file beside a guest.

    Attributes
    ----------
    name : str
        Shown on the page.
    rate_hz : int
        Sample rate that it takes.
    input : str
        ``samples`` or ``log-mel``.
    labels : tuple of str
        Names of its outputs, in their order.
    meaning : mapping of str or None
        For each of them the one of ``LABELS`` that it is; None for one that is none of them.
    output : str
        ``logits`` or ``probabilities``.
    normalise : str
        ``none``, ``peak`` (highest sample 1) or ``variance`` (mean 0, variance 1).
    frames : FrameSettings or None
        For the input ``log-mel``.
    about : str
        A sentence on it, such as by whom it is; may be empty.
    """

    name: str
    rate_hz: int
    input: str
    labels: tuple[str, ...]
    meaning: Mapping[str, str | None]
    output: str = "logits"
    normalise: str = "none"
    frames: FrameSettings | None = None
    about: str = ""
    path: Path = field(default=Path(), compare=False)

    @property
    def answered(self) -> tuple[str, ...]:
        """Those of ``LABELS`` that it can answer with."""
        return tuple(label for label in LABELS if label in self.meaning.values())


def description_path(model: Path) -> Path:
    """Return the path of the description of an ONNX file."""
    return model.with_suffix(".json")


def read_description(model: Path) -> Description:
    """Return the description of an ONNX file.

    Parameters
    ----------
    model : Path
        Of the ONNX file; the description is beside it, as ``.json``.

    Raises
    ------
    GuestError
        The description is missing, or a field of it is missing, unknown or wrong.
    """
    path = description_path(model)
    try:
        with path.open("rb") as file:
            stored = json.loads(file.read(_MAX_BYTES).decode("utf-8"))
    except FileNotFoundError:
        raise GuestError(f"There is no description of {model.name} at {path}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise GuestError(f"{path} is no JSON that can be read ({error}).") from error
    try:
        return _parse(stored, path)
    except _WrongFieldError as error:
        raise GuestError(f"{path}: {error}") from None


class _WrongFieldError(Exception):
    """A field is missing, unknown or wrong."""


def _parse(stored: Any, path: Path) -> Description:
    if not isinstance(stored, dict):
        raise _WrongFieldError("it must hold an object, in braces.")
    for name in stored:
        if name not in _KNOWN:
            raise _WrongFieldError(f"{name!r} is unknown; known are {', '.join(_KNOWN)}.")
    name = _text(stored, "name")
    if not 1 <= len(name.strip()) <= MAX_NAME or not name.isprintable():
        raise _WrongFieldError(f"'name' must have 1 to {MAX_NAME} characters, not {len(name)}.")
    kind = _choice(stored, "input")
    frames = None
    if kind == LOG_MEL:
        frames = _parse_frames(stored.get("frames"), _number(stored, "rate_hz", int, 4000, 48_000))
    elif "frames" in stored:
        raise _WrongFieldError(f"'frames' goes with the input '{LOG_MEL}' alone.")
    labels = _parse_labels(stored.get("labels"))
    return Description(
        name=name.strip(),
        rate_hz=int(_number(stored, "rate_hz", int, 4000, 48_000)),
        input=kind,
        labels=labels,
        meaning=_parse_meaning(labels, stored.get("meaning", {})),
        output=_choice(stored, "output", "logits"),
        normalise=_choice(stored, "normalise", "none"),
        frames=frames,
        about=_text(stored, "about", ""),
        path=path,
    )


def _parse_frames(stored: Any, rate_hz: float) -> FrameSettings:
    if not isinstance(stored, dict):
        raise _WrongFieldError(
            f"the input '{LOG_MEL}' needs 'frames', such as "
            '{"window": 400, "hop": 160, "bands": 80}.'
        )
    known = list(FrameSettings.__dataclass_fields__)
    for name in stored:
        if name not in known:
            raise _WrongFieldError(
                f"'frames' has an unknown {name!r}; known are {', '.join(known)}."
            )
    window = int(_number(stored, "window", int, 16, 16_384))
    high_hz = float(_number(stored, "high_hz", float, 1, rate_hz / 2, min(8000.0, rate_hz / 2)))
    return FrameSettings(
        window=window,
        hop=int(_number(stored, "hop", int, 1, window)),
        bands=int(_number(stored, "bands", int, 1, 512)),
        low_hz=float(_number(stored, "low_hz", float, 0, high_hz - 1, 0.0)),
        high_hz=high_hz,
        floor=float(_number(stored, "floor", float, 1e-30, 1, 1e-10)),
        **{
            field: _choice(stored, field, default)
            for field, default in {
                "scale": "slaney",
                "norm": "area",
                "log": "ln",
                "pad": "reflect",
                "layout": "time-bands",
            }.items()
        },
    )


def _parse_labels(stored: Any) -> tuple[str, ...]:
    if not isinstance(stored, list) or not all(isinstance(label, str) for label in stored):
        raise _WrongFieldError("'labels' must be the names of the outputs in order, in brackets.")
    if not 2 <= len(stored) <= 100 or len(set(stored)) != len(stored):
        raise _WrongFieldError(
            f"'labels' must be 2 to 100 different names; there are {len(stored)}, of which "
            f"{len(set(stored))} are different."
        )
    return tuple(stored)


def _parse_meaning(labels: tuple[str, ...], stored: Any) -> dict[str, str | None]:
    if not isinstance(stored, dict):
        raise _WrongFieldError(
            '\'meaning\' must say which emotion each label is, such as {"joy": "happy"}.'
        )
    for label, emotion in stored.items():
        if label not in labels:
            raise _WrongFieldError(f"'meaning' has {label!r}, which is not among 'labels'.")
        if emotion is not None and emotion not in LABELS:
            raise _WrongFieldError(
                f"'meaning' says that {label!r} is {emotion!r}; it must be null or one of "
                f"{', '.join(LABELS)}."
            )
    unknown = [label for label in labels if label not in stored and label not in LABELS]
    if unknown:
        raise _WrongFieldError(
            f"'meaning' must say which emotion {unknown[0]!r} is: one of {', '.join(LABELS)}, or "
            "null for none of them."
        )
    meaning = {label: stored.get(label, label) for label in labels}
    if len(set(meaning.values()) - {None}) < 2:
        raise _WrongFieldError("fewer than two of 'labels' are emotions that Emo answers with.")
    return meaning


_REQUIRED: Any = object()


def _text(stored: Mapping[str, Any], name: str, default: Any = _REQUIRED) -> str:
    value = stored.get(name, default)
    if value is _REQUIRED:
        raise _WrongFieldError(f"'{name}' is missing.")
    if not isinstance(value, str):
        raise _WrongFieldError(f"'{name}' must be a text, not {value!r}.")
    return value


def _choice(stored: Mapping[str, Any], name: str, default: Any = _REQUIRED) -> str:
    value = _text(stored, name, default)
    if value not in _CHOICES[name]:
        raise _WrongFieldError(f"'{name}' is {value!r}; it must be {' or '.join(_CHOICES[name])}.")
    return value


def _number(
    stored: Mapping[str, Any],
    name: str,
    kind: type[int] | type[float],
    low: float,
    high: float,
    default: Any = _REQUIRED,
) -> float:
    value = stored.get(name, default)
    if value is _REQUIRED:
        raise _WrongFieldError(f"'{name}' is missing.")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_kind = is_number and (kind is float or value == int(value))
    if not is_kind or not low <= value <= high:
        word = "a whole number" if kind is int else "a number"
        raise _WrongFieldError(
            f"'{name}' is {value!r}; it must be {word} from {low:g} to {high:g}."
        )
    return float(value)
