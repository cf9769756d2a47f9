"""The clip that the page *Analyse* shows: uploaded, recorded, a sample, or from another page."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from emo.labels import INDEX, LABELS
from emo.system import paths

ALL_EMOTIONS = "all"
"""Emotion of the sample that contains every emotion."""

SAMPLE, CORPUS = "sample", "corpus"
"""Origins of a clip that is no visitor's own: a sample, and a clip of a training corpus."""

_SOURCE = "current-clip"
_CHANGES = "current-clip-changes"


@dataclass(frozen=True)
class TrainingClip:
    """Metadata of a clip that the models were trained on.

    Attributes
    ----------
    corpus, emotion
        Key of the corpus, and the emotion that was acted.
    query
        Query parameters of the page that the clip was opened from.
    """

    corpus: str
    emotion: str
    query: Mapping[str, str]


@dataclass(frozen=True)
class ClipSource:
    """The file of a clip.

    Attributes
    ----------
    name, data
        Name and bytes of the file.
    origin
        The way it came in, such as ``"upload"`` or ``"sample"``.
    transcript
        The words that are spoken in a sample; otherwise empty.
    training
        Metadata of a clip of a training corpus; None for any other.
    """

    name: str
    data: bytes
    origin: str
    transcript: str = ""
    training: TrainingClip | None = None

    @property
    def is_own(self) -> bool:
        """True for a visitor's own clip: neither a sample nor a clip of a training corpus."""
        return self.origin not in (SAMPLE, CORPUS)


def get_source() -> ClipSource | None:
    """Return the current clip of this session; None if there is none."""
    source: ClipSource | None = st.session_state.get(_SOURCE)
    return source


def set_source(source: ClipSource | None) -> None:
    """Replace the current clip, or remove it."""
    st.session_state[_SOURCE] = source
    st.session_state[_CHANGES] = n_changes() + 1


def n_changes() -> int:
    """Return how often the current clip was replaced or removed in this session."""
    return int(st.session_state.get(_CHANGES, 0))


def read_sample(sample: Mapping[str, Any]) -> ClipSource:
    """Return the clip of a row of the list of samples."""
    path = paths.SAMPLES_DIR / sample["file"]
    return ClipSource(path.name, path.read_bytes(), SAMPLE, str(sample.get("text", "")))


def list_samples(directory: Path) -> list[dict[str, Any]]:
    """Return the samples whose files exist, those of one emotion first; none without a list."""
    order = INDEX | {ALL_EMOTIONS: len(LABELS)}
    try:
        rows = json.loads((directory / "samples.json").read_text(encoding="utf-8"))
        existing = [row for row in rows if (directory / row["file"]).is_file()]
        return sorted(existing, key=lambda row: order[row["emotion"]])
    except (OSError, ValueError, KeyError, TypeError):
        return []
