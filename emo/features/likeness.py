"""How much a stretch of sound resembles speech, from its measurements together.

A logistic model of one number: each measurement gives points by a parabola that is never open
upwards, so that one which is unusual for speech on either side takes points away and none can make
up for all others.  ``bench/likeness.py`` fits it, and writes ``likeness.json``.
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
"""The measurements that count; with a number it is that of the logarithm of both together."""

MAX_SPREADS = 6.0  # further from the median counts as this far


@dataclass(frozen=True)
class Term:
    """Points of one measurement: ``slope z + bend z²``, with z in spreads from its centre."""

    centre: float
    spread: float
    slope: float
    bend: float

    def points(self, value: float) -> float:
        """Return the points of a value, none of one that could not be measured."""
        return 0.0 if math.isnan(value) else self._points((value - self.centre) / self.spread)

    def _points(self, z: float) -> float:
        z = min(max(z, -MAX_SPREADS), MAX_SPREADS)
        return self.slope * z + self.bend * z * z


@dataclass(frozen=True)
class Model:
    """What is in ``likeness.json``: the points to begin with, and a term for each measurement."""

    start: float
    terms: dict[str, Term]

    def score(self, measures: Measures) -> float:
        """Return the natural logarithm of the odds that a sound is speech, both as likely before.

        That is what it was fitted to; other sounds and other speech move it.
        """
        return self.start + sum(
            term.points(straight(name, measures)) for name, term in self.terms.items()
        )


def straight(name: str, measures: Measures) -> float:
    """Return a measurement as the model takes it, on a logarithmic scale where that is apt."""
    value, offset = float(getattr(measures, name)), OFFSETS[name]
    return value if offset is None else math.log(value + offset)


@lru_cache(maxsize=1)
def stored() -> Model:
    """Return the model that ships."""
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    return Model(table["start"], {name: Term(**row) for name, row in table["terms"].items()})


def likeness(measures: Measures) -> float:
    """Return the score of a window by the model that ships."""
    return stored().score(measures)
