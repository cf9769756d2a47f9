"""The clip that the page Analyse shows: uploaded, recorded, or a sample."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from emo.app import url
from emo.labels import INDEX, LABELS
from emo.system import paths

ALL = "all"
"""What a sample that has every emotion in it has in place of one."""

CORPUS = "corpus"
"""Where a clip comes from that was opened from a cell of a matrix."""

_CHOICE = "choice"
_NEW = "choice-is-new"


@dataclass(frozen=True)
class Trained:
    """What is known of a clip of a corpus, which the models were trained on.

    Attributes
    ----------
    corpus, emotion : key of its corpus, and the emotion that was acted
    address : of the page that it was opened from, as query parameters
    """

    corpus: str
    emotion: str
    address: Mapping[str, str]


@dataclass(frozen=True)
class Choice:
    """A clip that a person gave: its name, its bytes, and the way it came in.

    ``trained`` says what is known of it where the models were trained on it.
    """

    name: str
    data: bytes
    origin: str
    text: str = ""
    trained: Trained | None = None


def is_own(choice: Choice) -> bool:
    """Whether the clip is a visitor's own: no sample, and none that the models trained on."""
    return choice.origin not in ("sample", CORPUS)


def choose(choice: Choice) -> None:
    """Nothing; what a person did makes this clip the one that the page shows."""
    url.mark_user_action()
    take_clip(choice)


def take_clip(choice: Choice) -> None:
    """Make this the clip that the page shows, which resets what was set for the one before."""
    st.session_state[_CHOICE] = choice
    st.session_state[_NEW] = True


def take_new() -> bool:
    """Return whether a clip was chosen since this was asked last."""
    return bool(st.session_state.pop(_NEW, False))


def drop_choice() -> None:
    """Forget the clip."""
    st.session_state.pop(_CHOICE, None)


def sample_clip(sample: Mapping[str, Any]) -> Choice:
    """The clip of a sample of the list."""
    path = paths.SAMPLES_DIR / sample["file"]
    return Choice(path.name, path.read_bytes(), "sample", str(sample.get("text", "")))


def list_samples(directory: Path) -> list[dict[str, Any]]:
    """The samples whose file is there, those of one emotion first; none if no list is there."""
    order = INDEX | {ALL: len(LABELS)}
    try:
        listed = json.loads((directory / "samples.json").read_text(encoding="utf-8"))
        there = [row for row in listed if (directory / row["file"]).is_file()]
        return sorted(there, key=lambda row: order[row["emotion"]])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def chosen() -> Choice | None:
    """The clip that was given last in this session, if any."""
    choice: Choice | None = st.session_state.get(_CHOICE)
    return choice
