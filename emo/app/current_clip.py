"""The clip that the page *Analyse* shows: uploaded, recorded, a sample, or from another page."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from emo.app.components import component
from emo.app.samples import Sample
from emo.system import paths

SAMPLE, CORPUS = "sample", "corpus"
"""Origins of a clip that is no visitor's own: a sample, and a clip of a training corpus."""

_SOURCE = "current-clip"
_CHANGES = "current-clip-changes"


@dataclass(frozen=True)
class TrainingClip:
    """Metadata of a clip of a training corpus.

    Attributes
    ----------
    corpus, speaker, emotion
        Key of the corpus, its speaker, and the emotion that was acted.
    query
        Query parameters of the page that the clip was opened from.
    """

    corpus: str
    speaker: str
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
    sample
        The sample that the clip is; None for any other.
    training
        Metadata of a clip of a training corpus; None for any other.
    """

    name: str
    data: bytes
    origin: str
    sample: Sample | None = None
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


def read_sample(sample: Sample) -> ClipSource:
    """Return the clip of a sample."""
    path = paths.SAMPLES_DIR / sample.file
    return ClipSource(path.name, path.read_bytes(), SAMPLE, sample)


def ask_before_leaving() -> None:
    """Have the browser ask before the tab is closed or reloaded while the clip is a visitor's own.

    A sample comes back by the address of the page; an own clip is kept nowhere.
    """
    source = get_source()
    with st.container(key="leaving"):  # always there: a widget that moved down would lose its file
        if source is not None and source.is_own:
            component("leaving")(key="ask-before-leaving", data=[])
