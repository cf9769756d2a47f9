"""The card of a review: the clip that waits for a label, and the last answer."""

import os
from typing import Any

import streamlit as st

from emo.app import common
from emo.app.card.sound import Sound, label_signs, make_sound, pack_sounds
from emo.app.review import text
from emo.audio import isolated
from emo.audio.clip import RATE_HZ, cut
from emo.errors import AudioError
from emo.labels import ENSEMBLE
from emo.review.clips import ReviewClip
from emo.review.session import Review
from emo.server import memory

MAX_CACHED = 20


def read_sound(review: Review, place: int) -> Sound:
    """Return the sound of the clip at a place: of a recording, a channel or a window.

    Raises
    ------
    AudioError
        The file is outside the folder, is missing, was changed, or cannot be decoded.
    BusyError
        The server has no capacity for it at present.
    """
    return _read_sound(review.config.key, place, review)


@st.cache_data(show_spinner=False, max_entries=MAX_CACHED)
def _read_sound(key: str, place: int, _review: Review) -> Sound:
    clip = _review.clips[place]
    data, name = _review.read_sound(clip)
    with common.task_slot("decode", memory.DECODE_BYTES):
        decoded = isolated.shared_decoder().decode(data, name, clip.channel)
    if clip.sha256 and decoded.sha256 != clip.sha256:
        raise AudioError(text.CHANGED)
    if clip.span_s is not None:
        start, stop = (round(time_s * RATE_HZ) for time_s in clip.span_s)
        decoded = cut(decoded, start, max(start + 1, min(stop, len(decoded.samples))))
    return make_sound(decoded)


def pack_card(review: Review, rater: str, place: int, state: int) -> bytes:
    """Return what the card shows: nothing of a clip but its sound before it has an answer.

    Parameters
    ----------
    review, rater
    place
        Of the clip that waits for an answer.
    state
        Number that changes with every answer, so that the browser knows what is new.
    """
    labels = review.batch.labels
    header: dict[str, Any] = {
        "state": state,
        "place": place,
        "total": len(review.clips),
        "rater": rater,
        "labels": list(labels),
        "others": [list(other) for other in text.OTHERS],
        "keys": text.keys(labels),
        "signs": label_signs(),
        "words": text.WORDS | {"keys": text.keys_hint(labels)},
        "last": _last(review, rater, place - 1) if place else None,
    }
    return pack_sounds(header, [read_sound(review, place)])


def _last(review: Review, rater: str, place: int) -> dict[str, Any] | None:
    """Return the answer to the clip before, with those of the models unless they are hidden."""
    label = review.label(rater, place)
    if label is None:
        return None
    clip = review.clips[place]
    is_blind = review.config.is_blind
    of_batch = None if is_blind else clip.answer
    return {
        "label": label.label,
        "said": text.said(label.label),
        "name": _file_name(clip),
        "answers": []
        if is_blind
        else [
            {"name": text.NAMES[key], "label": one.label, "text": text.answer(one)}
            for key, one in sorted(clip.answers.items(), key=lambda pair: pair[0] != ENSEMBLE)
        ],
        "status": text.stored(place + 1, label.label, of_batch),
    }


def _file_name(clip: ReviewClip) -> str:
    name = os.path.basename(clip.path)
    return f"{name}, window {clip.window}" if clip.window else name
