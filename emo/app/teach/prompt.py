"""Recording by prompt: cards with a sentence and an emotion, and a button to hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from emo.app import streamlit_internals, theme
from emo.app.components import component
from emo.app.live.routes import WORKLET
from emo.app.teach import session, text
from emo.app.teach.session import PendingClip
from emo.audio.limits import MIN_DURATION_S
from emo.inference.adaptation import Example
from emo.inference.predictor import Answer
from emo.labels import LABELS

KEY = "teach-prompt"
MAX_S = 15.0
"""Length at which a recording stops by itself."""

FIRST_CHOICE = ("angry", "happy", "neutral", "sad")
"""Emotions to act at first."""

_CHOICE = "prompt-emotions"
_CARD = "prompt-card"  # number of the current card, from 0
_LAST = "prompt-last"
_FAULT = "prompt-fault"  # number of faults, and the sentence of the last one


@dataclass(frozen=True, eq=False)
class LastRecording:
    """The example that was recorded last from a card, and what the ensemble answered to it."""

    card: int
    example: Example
    answer: Answer


@dataclass(frozen=True)
class Card:
    """A sentence to say, and the emotion to act it in."""

    emotion: str
    sentence: str


def draw_card(number: int, emotions: Sequence[str]) -> Card:
    """Return a card: each sentence is acted in all emotions, one after the other.

    Parameters
    ----------
    number
        Number of the card, from 0.
    emotions
        Emotions to act, at least one.
    """
    turn, place = divmod(number, len(emotions))
    return Card(emotions[place], text.SENTENCES[turn % len(text.SENTENCES)])


def emotions_to_act() -> tuple[str, ...]:
    """Return the emotions that the visitor chose to act, in the order of ``LABELS``."""
    chosen: tuple[str, ...] = st.session_state.get(_CHOICE, FIRST_CHOICE)
    return chosen


def card_number() -> int:
    """Return the number of the current card, from 0."""
    return int(st.session_state.get(_CARD, 0))


def last_recording() -> LastRecording | None:
    """Return the recording that was made last, if it is still one of the examples."""
    last: LastRecording | None = st.session_state.get(_LAST)
    if last is None or all(one is not last.example for one in session.examples()):
        return None
    return last


def reset() -> None:
    """Start at the first card again."""
    for key in (_CARD, _LAST):
        st.session_state.pop(key, None)


def note_recorded(example: Example, answer: Answer) -> None:
    """Show the answer to a recording that became an example, and go on to the next card."""
    st.session_state[_LAST] = LastRecording(card_number(), example, answer)
    st.session_state[_CARD] = card_number() + 1


def note_fault(sentence: str) -> None:
    """Show on the card why its recording could not be used, or what is doubtful about it."""
    n_faults, _ = st.session_state.get(_FAULT, (0, ""))
    st.session_state[_FAULT] = (n_faults + 1, sentence)


# --- The component -------------------------------------------------------------------------------


def show_cards() -> None:
    """Draw the current card, the button to record it, and the last recording."""
    component("prompt", "recording")(
        key=KEY,
        data=[_data()],
        on_recorded_change=_take_recording,
        on_skip_change=_skip,
        on_emotions_change=_choose,
        on_meant_change=_relabel,
        on_again_change=_record_again,
    )


def _data() -> dict[str, Any]:
    emotions, number = emotions_to_act(), card_number()
    card = draw_card(number, emotions)
    base = streamlit_internals.base_path()
    return {
        "number": number,
        "emotion": card.emotion,
        "sentence": card.sentence,
        "chosen": list(emotions),
        "signs": {
            label: [*theme.EMOTION_COLOURS[label], theme.mask_css(label)] for label in LABELS
        },
        "last": _last_data(),
        "fault": list(st.session_state.get(_FAULT, (0, ""))),
        "worklet": f"{base}{WORKLET}",
        "upload": f"{base}/_stcore/upload_file",
        "cookie": streamlit_internals.xsrf_cookie(),
        "session": streamlit_internals.current_session(),
        "file": text.PROMPT_FILE,
        "min_s": MIN_DURATION_S,
        "limit_s": MAX_S,
        "words": text.PROMPT,
    }


def _last_data() -> dict[str, Any] | None:
    last = last_recording()
    if last is None:
        return None
    return {
        "number": last.card,
        "name": last.example.name,
        "meant": last.example.emotion,
        "answer": text.ensemble_says(last.answer, last.example.emotion),
    }


# --- What the visitor does -----------------------------------------------------------------------


def _take(name: str) -> Any:
    state = st.session_state.get(KEY)
    return state.get(name) if state else None


def _take_recording() -> None:
    """Make the file that the browser uploaded a pending clip, with the emotion of its card."""
    sent = _take("recorded")
    if not isinstance(sent, list | tuple) or [type(value) for value in sent] != [int, str]:
        return
    number, file_id = sent
    page = streamlit_internals.current_session()
    data = streamlit_internals.file_of(page, file_id)
    if data is None:
        return  # its upload was removed, or is that of another session
    if number != card_number():
        streamlit_internals.remove_file(page, file_id)  # of a card that is gone
        return
    emotion = draw_card(number, emotions_to_act()).emotion
    session.add_pending([PendingClip(session.next_name(), data, emotion, is_prompted=True)])


def _skip() -> None:
    if _take("skip") == card_number():
        st.session_state[_CARD] = card_number() + 1


def _choose() -> None:
    """Set the emotions to act; at least one stays."""
    sent = _take("emotions")
    if isinstance(sent, list | tuple):
        chosen = tuple(label for label in LABELS if label in sent)
        if chosen:
            st.session_state[_CHOICE] = chosen


def _relabel() -> None:
    """Set what the visitor meant with the last recording."""
    last, emotion = last_recording(), _take("meant")
    if last is not None and emotion in LABELS:
        example = session.relabel(last.example, emotion)
        st.session_state[_LAST] = LastRecording(last.card, example, last.answer)


def _record_again() -> None:
    """Remove the last recording, and show its card again."""
    last = last_recording()
    if last is not None and _take("again"):
        session.remove(last.example)
        session.forget_removed()
        st.session_state[_CARD] = last.card
        st.session_state.pop(_LAST)
