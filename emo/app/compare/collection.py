"""The clips of a comparison, how far the models agree on each, and which clips a table shows."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import numpy as np
import streamlit as st

from emo.app.own import served
from emo.app.samples import Sample
from emo.corpora.guess import guess_label
from emo.inference.loading import MODEL_KEYS
from emo.inference.predictor import Prediction
from emo.labels import ENSEMBLE

MAX_CLIPS = 100
MAX_BYTES = 100 * 2**20
"""Size of all clips of a comparison as files; their sound is decoded one clip at a time."""

ALL, DISAGREEMENT, UNSURE, WRONG, NON_SPEECH, UNREAD = (
    "all", "disagreement", "unsure", "wrong", "non-speech", "unread"
)  # fmt: skip
SHOWS = (ALL, DISAGREEMENT, UNSURE, WRONG, NON_SPEECH, UNREAD)
"""Kinds of clips to which a table can be filtered."""

ANY = "any"

UPLOADED = "given"
ORDERS = (DISAGREEMENT, UPLOADED, "name", "length", "expected", "ensemble", "confidence")
"""Orders of a table, the default first."""

Result = Prediction | str
"""The answers to a clip, or the sentence that says why there are none."""

_DIGITS = re.compile(r"(\d+)")
_COLLECTION = "comparison"


# --- The clips -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class UploadedClip:
    """A clip as it was uploaded.

    Attributes
    ----------
    names : the first is shown; files of the other names hold the same bytes
    sample : None for a visitor's own clip
    """

    names: tuple[str, ...]
    data: bytes
    sample: Sample | None = None


@dataclass(frozen=True)
class Entry:
    """A clip and its result, under the SHA-256 digest of its bytes.

    Attributes
    ----------
    digest, clip, result
    expected
        The emotion that the visitor expects of it, one of ``served.labels``; "" for none.
    """

    digest: str
    clip: UploadedClip
    result: Result
    expected: str = ""

    @property
    def name(self) -> str:
        """The first name of the clip."""
        return self.clip.names[0]

    @property
    def is_right(self) -> bool | None:
        """True if the served answer is the expected emotion; None without either of them."""
        if not self.expected or isinstance(self.result, str):
            return None
        return self.result.served.label == self.expected


@dataclass
class ClipCollection:
    """The clips of one comparison, in the order of their upload.

    Attributes
    ----------
    clips, results
        By digest.
    expected
        Emotion that is expected of each clip, by digest: at first the acted one of a sample, or
        the one that a file name states; "" for none.
    """

    clips: dict[str, UploadedClip] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)
    expected: dict[str, str] = field(default_factory=dict)

    def add(self, clip: UploadedClip) -> str | None:
        """Add a clip and return its digest; None if it exceeds the limits.

        A clip whose bytes are in the collection already only adds its name.
        """
        digest = sha256(clip.data).hexdigest()
        present = self.clips.get(digest)
        if present is not None:
            names = dict.fromkeys((*present.names, *clip.names))
            self.clips[digest] = replace(present, names=tuple(names))
            self.expected[digest] = self.expected.get(digest) or _stated(clip)
            return digest
        n_bytes = len(clip.data) + sum(len(present.data) for present in self.clips.values())
        if len(self.clips) >= MAX_CLIPS or n_bytes > MAX_BYTES:
            return None
        self.clips[digest] = clip
        self.expected[digest] = _stated(clip)
        return digest

    def expect(self, emotions: Mapping[str, str]) -> None:
        """Set the expected emotions of clips by their digests; others, and unknown ones, stay."""
        self.expected |= {
            digest: emotion
            for digest, emotion in emotions.items()
            if digest in self.clips and emotion in ("", *served.labels())
        }

    def remove(self, digest: str, name: str | None = None) -> None:
        """Remove a clip, or only one of its names where it has others."""
        clip = self.clips.get(digest)
        if clip is None:
            return
        names = tuple(kept for kept in clip.names if name is not None and kept != name)
        if names:
            self.clips[digest] = replace(clip, names=names)
            return
        del self.clips[digest]
        self.results.pop(digest, None)
        self.expected.pop(digest, None)

    def contains(self, data: bytes) -> bool:
        """Return True if these bytes are among the clips."""
        return bool(self.clips) and sha256(data).hexdigest() in self.clips

    def pending(self) -> list[str]:
        """Return the digests of the clips without a result, in their order."""
        return [digest for digest in self.clips if digest not in self.results]

    def entries(self) -> list[Entry]:
        """Return the clips with a result, in their order."""
        return [
            Entry(digest, clip, self.results[digest], self.expected.get(digest, ""))
            for digest, clip in self.clips.items()
            if digest in self.results
        ]


def ensemble_answers() -> tuple[str, ...]:
    """Return the answers of the ensemble by which the table can be filtered."""
    return (ANY, *served.labels())


def _place_of(label: str) -> int:
    labels = served.labels()
    return labels.index(label) if label in labels else len(labels)


def _stated(clip: UploadedClip) -> str:
    """Return the acted emotion of a sample, or the first that a name states; "" without."""
    if clip.sample is not None and clip.sample.emotion in served.labels():
        return clip.sample.emotion
    return next(filter(None, (guess_label(name, served.labels()) for name in clip.names)), "")


def session_clips() -> ClipCollection:
    """Return the clips that this session compares; empty at first."""
    clips: ClipCollection = st.session_state.setdefault(_COLLECTION, ClipCollection())
    return clips


# --- Agreement -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Agreement:
    """Agreement of the models on a clip, counted over those that are sure.

    Attributes
    ----------
    n_models : models that gave an answer
    n_sure : those of them that are sure
    n_emotions : different emotions among the sure answers
    n_agreeing : sure models that give the most frequent of these
    """

    n_models: int
    n_sure: int
    n_emotions: int
    n_agreeing: int


def agreement(prediction: Prediction) -> Agreement:
    """Return how far the models agree on a clip."""
    answers = [answer for key, answer in prediction.answers.items() if key in MODEL_KEYS]
    counts = Counter(answer.label for answer in answers if not answer.unsure)
    return Agreement(len(answers), counts.total(), len(counts), max(counts.values(), default=0))


def divergence(prediction: Prediction) -> float:
    """Return how far the percentages of the n models lie apart, in bits, 0 to log2(n).

    The Jensen-Shannon divergence with equal weights (Lin 1991, doi 10.1109/18.61115).
    """
    rows = np.stack(
        [answer.probabilities for key, answer in prediction.answers.items() if key in MODEL_KEYS]
    )
    difference = _entropy(rows.mean(axis=0)) - np.mean([_entropy(row) for row in rows])
    return max(0.0, float(difference))


def _entropy(shares: np.ndarray) -> float:
    positive = shares[shares > 0]
    return float(-(positive * np.log2(positive)).sum())


@dataclass(frozen=True)
class ClipCounts:
    """Number of clips of each kind; ``agreements`` in falling order of agreement."""

    answered: int
    agreements: tuple[tuple[Agreement, int], ...]
    unsure: int
    non_speech: int
    unread: int


def count_clips(entries: Sequence[Entry]) -> ClipCounts:
    """Return how many of the entries are of each kind."""
    results = [entry.result for entry in entries if not isinstance(entry.result, str)]
    agreements = Counter(agreement(result) for result in results)
    return ClipCounts(
        answered=len(results),
        agreements=tuple(sorted(agreements.items(), key=lambda item: _by_agreement(item[0]))),
        unsure=sum(result.answers[ENSEMBLE].unsure for result in results),
        non_speech=sum(bool(result.speech_warnings) for result in results),
        unread=len(entries) - len(results),
    )


def _by_agreement(agreement: Agreement) -> tuple[int, int, int]:
    return -agreement.n_agreeing, agreement.n_emotions, -agreement.n_models


# --- Order and filter ----------------------------------------------------------------------------


@dataclass(frozen=True)
class TableFilter:
    """Filter and order of a table; the parameters of the page's URL.

    Attributes
    ----------
    show : one of ``SHOWS``
    ensemble : one of ``ensemble_answers``
    order : one of ``ORDERS``
    name : part of the name
    """

    show: str = ALL
    ensemble: str = ANY
    order: str = DISAGREEMENT
    name: str = ""


def filter_entries(entries: Sequence[Entry], table_filter: TableFilter) -> list[Entry]:
    """Return the entries that a filter passes, in its order, those that were not read last."""
    shown = [entry for entry in entries if _passes(entry, table_filter)]
    if table_filter.order == UPLOADED:
        return shown
    key = _SORT_KEYS[table_filter.order]
    return sorted(
        shown, key=lambda entry: (isinstance(entry.result, str), key(entry), natural(entry.name))
    )


def natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts "clip 9" before "clip 10" and ignores case."""
    parts = _DIGITS.split(name.casefold())
    return [(int(part), part) if part.isdecimal() else (-1, part) for part in parts]


def _passes(entry: Entry, table_filter: TableFilter) -> bool:
    if table_filter.name.casefold() not in "\n".join(entry.clip.names).casefold():
        return False
    result = entry.result
    if isinstance(result, str):
        return table_filter.show in (ALL, UNREAD) and table_filter.ensemble == ANY
    ensemble = result.answers[ENSEMBLE]
    is_kind = {
        ALL: True,
        DISAGREEMENT: agreement(result).n_emotions > 1,
        UNSURE: ensemble.unsure,
        WRONG: entry.is_right is False,
        NON_SPEECH: bool(result.speech_warnings),
        UNREAD: False,
    }
    return is_kind[table_filter.show] and table_filter.ensemble in (ANY, ensemble.label)


def _sort_key(key: Callable[[Prediction], Any]) -> Callable[[Entry], Any]:
    """Return a sort key of entries that is equal for all without answers."""
    return lambda entry: () if isinstance(entry.result, str) else key(entry.result)


_SORT_KEYS: dict[str, Callable[[Entry], Any]] = {
    DISAGREEMENT: _sort_key(lambda result: (-agreement(result).n_emotions, -divergence(result))),
    "name": lambda entry: natural(entry.name),
    "expected": lambda entry: _place_of(entry.expected),
    "length": _sort_key(lambda result: -result.duration_s),
    "ensemble": _sort_key(
        lambda result: (
            _place_of(result.answers[ENSEMBLE].label),
            -result.answers[ENSEMBLE].confidence,
        )
    ),
    "confidence": _sort_key(lambda result: result.answers[ENSEMBLE].confidence),
}
