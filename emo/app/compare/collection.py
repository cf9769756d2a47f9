"""Several clips beside each other: those that were given, and which are shown in which order."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
import streamlit as st

from emo.inference.predictor import MODEL_KEYS, Prediction
from emo.labels import INDEX, LABELS, VOTE

MAX_CLIPS = 100
MAX_BYTES = 100 * 2**20
"""Of all clips of a comparison together, as files; their sound is decoded one clip at a time."""

ALL, DISAGREEMENT, UNSURE, DOUBTFUL, UNREAD = "all", "disagreement", "unsure", "doubtful", "unread"
SHOWS = (ALL, DISAGREEMENT, UNSURE, DOUBTFUL, UNREAD)
"""Which clips a table can be narrowed to."""

ANY = "any"
VOTES = (ANY, *LABELS)

ORDERS = (DISAGREEMENT, "given", "name", "length", "vote", "confidence")
"""What a table can be ordered by, the first being the usual one."""

Found = Prediction | str
"""The answers to a clip, or the sentence that says why there are none."""

_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Given:
    """A clip as it was given.

    Attributes
    ----------
    names : the first is shown; the others hold the very same bytes
    text : what a sample says; empty for a person's own clip
    """

    names: tuple[str, ...]
    data: bytes
    is_sample: bool = False
    text: str = ""


@dataclass(frozen=True)
class Entry:
    """A clip and what was found in it, under the digest of its bytes."""

    digest: str
    given: Given
    found: Found

    @property
    def name(self) -> str:
        """Its first name."""
        return self.given.names[0]


@dataclass(frozen=True)
class TableFilter:
    """Which clips a table shows, and in which order; what its address says.

    Attributes
    ----------
    show : one of ``SHOWS``
    vote : one of ``VOTES``
    order : one of ``ORDERS``
    name : part of the name
    """

    show: str = ALL
    vote: str = ANY
    order: str = DISAGREEMENT
    name: str = ""


@dataclass(frozen=True)
class Tally:
    """How many clips there are of each kind; ``named`` by how many emotions the models name."""

    answered: int
    named: tuple[int, int, int]
    unsure: int
    doubtful: int
    unread: int


@dataclass
class Collection:
    """The clips of one comparison, by digest, in the order in which they were given."""

    given: dict[str, Given] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)

    def add(self, clip: Given) -> str | None:
        """The digest of a clip that is now in, None where it would be beyond the limits.

        A clip whose bytes are in already lends them its name.
        """
        digest = sha256(clip.data).hexdigest()
        there = self.given.get(digest)
        if there is not None:
            names = dict.fromkeys((*there.names, *clip.names))
            self.given[digest] = Given(tuple(names), there.data, there.is_sample, there.text)
            return digest
        n_bytes = len(clip.data) + sum(len(one.data) for one in self.given.values())
        if len(self.given) >= MAX_CLIPS or n_bytes > MAX_BYTES:
            return None
        self.given[digest] = clip
        return digest

    def drop(self, digest: str, name: str | None = None) -> None:
        """Nothing; takes a clip out, or only one of its names where it has others."""
        clip = self.given.get(digest)
        if clip is None:
            return
        names = tuple(one for one in clip.names if name is not None and one != name)
        if names:
            self.given[digest] = Given(names, clip.data, clip.is_sample, clip.text)
            return
        del self.given[digest]
        self.found.pop(digest, None)

    def holds(self, data: bytes) -> bool:
        """Whether these bytes are among the clips."""
        return bool(self.given) and sha256(data).hexdigest() in self.given

    def waiting(self) -> list[str]:
        """Digests of the clips that were not answered yet."""
        return [digest for digest in self.given if digest not in self.found]

    def entries(self) -> list[Entry]:
        """The clips that were answered, or could not be."""
        return [
            Entry(digest, clip, self.found[digest])
            for digest, clip in self.given.items()
            if digest in self.found
        ]


def n_named(prediction: Prediction) -> int:
    """How many different emotions the models find likeliest, 1 to 3."""
    return len({one.label for key, one in prediction.answers.items() if key in MODEL_KEYS})


def divergence(prediction: Prediction) -> float:
    """How far the percentages of the models lie apart, in bits: 0 if equal, at most log2(3).

    The Jensen-Shannon divergence, each model counting alike (Lin 1991, doi 10.1109/18.61115).
    """
    rows = np.stack(
        [one.probabilities for key, one in prediction.answers.items() if key in MODEL_KEYS]
    )
    apart = _entropy(rows.mean(axis=0)) - np.mean([_entropy(row) for row in rows])
    return max(0.0, float(apart))


def _entropy(shares: np.ndarray) -> float:
    there = shares[shares > 0]
    return float(-(there * np.log2(there)).sum())


def arrange(entries: Sequence[Entry], view: TableFilter) -> list[Entry]:
    """The entries that a view shows, in its order; those that could not be read come last."""
    shown = [entry for entry in entries if _is_shown(entry, view)]
    if view.order == "given":
        return shown
    key = _ORDERED_BY[view.order]
    return sorted(shown, key=lambda one: (isinstance(one.found, str), key(one), natural(one.name)))


def tally(entries: Sequence[Entry]) -> Tally:
    """How many of the entries are of each kind."""
    read = [entry.found for entry in entries if not isinstance(entry.found, str)]
    named = [n_named(one) for one in read]
    return Tally(
        answered=len(read),
        named=(named.count(1), named.count(2), named.count(3)),
        unsure=sum(one.answers[VOTE].unsure for one in read),
        doubtful=sum(bool(one.speech_warnings) for one in read),
        unread=len(entries) - len(read),
    )


def natural(name: str) -> list[tuple[int, str]]:
    """What names are ordered by: "clip 9" before "clip 10", capitals like small letters."""
    parts = _DIGITS.split(name.casefold())
    return [(int(part), part) if part.isdecimal() else (-1, part) for part in parts]


def _is_shown(entry: Entry, view: TableFilter) -> bool:
    if view.name.casefold() not in "\n".join(entry.given.names).casefold():
        return False
    found = entry.found
    if isinstance(found, str):
        return view.show in (ALL, UNREAD) and view.vote == ANY
    vote = found.answers[VOTE]
    is_kind = {
        ALL: True,
        DISAGREEMENT: n_named(found) > 1,
        UNSURE: vote.unsure,
        DOUBTFUL: bool(found.speech_warnings),
        UNREAD: False,
    }
    return is_kind[view.show] and view.vote in (ANY, vote.label)


def _key(of: Callable[[Prediction], Any]) -> Callable[[Entry], Any]:
    """What entries are ordered by; those without answers are equal."""
    return lambda entry: () if isinstance(entry.found, str) else of(entry.found)


_ORDERED_BY: dict[str, Callable[[Entry], Any]] = {
    DISAGREEMENT: _key(lambda found: (-n_named(found), -divergence(found))),
    "name": lambda entry: natural(entry.name),
    "length": _key(lambda found: -found.duration_s),
    "vote": _key(lambda found: (INDEX[found.answers[VOTE].label], -found.answers[VOTE].confidence)),
    "confidence": _key(lambda found: found.answers[VOTE].confidence),
}


_COLLECTION = "comparison"


def collection() -> Collection:
    """The clips that are compared in this session; none at first."""
    found: Collection = st.session_state.setdefault(_COLLECTION, Collection())
    return found
