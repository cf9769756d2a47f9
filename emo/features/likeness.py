"""Score the likeness of a sound to speech from its measurements.

A logistic regression on parabolas of the measurements that never open upwards: a value that is
unusual for speech on either side lowers the score, and no single value can make up for all others.
``bench/models/likeness.py`` fits it and writes ``likeness.json``.
"""

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from emo.features.measures import Measures

TABLE = Path(__file__).with_name("likeness.json")

OFFSETS: dict[str, float | None] = {
    "steady": 0.01,
    "held": 0.01,
    "flicker": None,
    "abrupt": None,
    "glide_s": 0.05,
    "pitch_hz": 0.0,
    "low": 0.01,
    "jumps": 0.01,
    "tonal": None,
    "unclear": None,
    "clear": None,
    "swing_db": None,
    "even_db": None,
}
"""The measurements of the model; those with an offset enter as ``log(value + offset)``."""

MAX_SPREADS = 6.0  # values further from the centre are set to this


@dataclass(frozen=True)
class Term:
    """Points of one measurement: ``slope z + bend z²``, where z is in spreads from the centre."""

    centre: float
    spread: float
    slope: float
    bend: float

    def points(self, value: float) -> float:
        """Return the points of a value; 0 for NaN, which could not be measured."""
        return 0.0 if math.isnan(value) else self._points((value - self.centre) / self.spread)

    def _points(self, z: float) -> float:
        z = min(max(z, -MAX_SPREADS), MAX_SPREADS)
        return self.slope * z + self.bend * z * z


@dataclass(frozen=True)
class Model:
    """The content of ``likeness.json``: an intercept, and a term for each measurement."""

    start: float
    terms: dict[str, Term]

    def score(self, measures: Measures) -> float:
        """Return the log-odds that a sound is speech, for equal prior odds.

        They hold for the sounds that the model was fitted to, and are a mere score for others.
        """
        return self.start + sum(
            term.points(straight(name, measures)) for name, term in self.terms.items()
        )


def straight(name: str, measures: Measures) -> float:
    """Return a measurement as it enters the model, logarithmic where it has an offset."""
    value, offset = float(getattr(measures, name)), OFFSETS[name]
    return value if offset is None else math.log(value + offset)


@lru_cache(maxsize=1)
def stored() -> Model:
    """Return the shipped model."""
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    return Model(table["start"], {name: Term(**row) for name, row in table["terms"].items()})


def likeness(measures: Measures) -> float:
    """Return the score of a window by the shipped model."""
    return stored().score(measures)
