"""The examples that a person gave in this session, and the head fitted on them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from emo import labels
from emo.app import common, html
from emo.app.teach import text as words
from emo.app.text import NOT_TO_BE_RELIED_ON, why_unsure
from emo.inference import adaptation, predictor
from emo.inference.adaptation import YOURS, Head, Lesson, Trial

LESSONS = "lessons"
LEARNED = "learned"
WAITING = "lessons-waiting"  # clips that were given and not heard yet
FAULTS = "lessons-faults"  # what could not be used of what was given last


@dataclass(frozen=True)
class GivenClip:
    """A clip that waits to be heard."""

    name: str
    data: bytes
    emotion: str


@dataclass(frozen=True, eq=False)
class Learned:
    """What the lessons taught, and how long learning and testing took."""

    head: Head
    trial: Trial
    duration_s: float


def lessons() -> tuple[Lesson, ...]:
    """The clips that were taught in this session."""
    found: tuple[Lesson, ...] = st.session_state.get(LESSONS, ())
    return found


def learned_head() -> Learned | None:
    """Return what was fitted to the examples of this session; None before there are enough."""
    found: Learned | None = st.session_state.get(LEARNED)
    return found


def keep_lessons(new: Sequence[Lesson]) -> None:
    """Make these the lessons, and learn from them what can be learned."""
    st.session_state[LESSONS] = tuple(new)
    usable = adaptation.usable(new)
    if not usable:
        st.session_state.pop(LEARNED, None)
        return
    start = time.perf_counter()
    head, trial = adaptation.learn(usable), adaptation.cross_validate(usable)
    st.session_state[LEARNED] = Learned(head, trial, time.perf_counter() - start)


@st.cache_resource(show_spinner=False)
def loaded_models() -> tuple[str, int]:
    """Digest of the models that run here, and how many inner values they give."""
    models = common.models()
    return adaptation.models_digest(models), adaptation.count_hidden(models)


# --- The answer ----------------------------------------------------------------------------------


def with_yours(prediction: predictor.Prediction) -> predictor.Prediction:
    """The answers to a clip, and that of the head if one was taught in this session."""
    learned = learned_head()
    if learned is None or not len(prediction.hidden):
        return prediction
    yours = adaptation.answer_taught(learned.head, prediction, _threshold())
    return replace(prediction, answers=prediction.answers | {YOURS: yours})


def lesson_of(prediction: predictor.Prediction | None) -> Lesson | None:
    """Return the taught clip that has these inner values; None if none has."""
    if prediction is None or not len(prediction.hidden):
        return None
    same = (one for one in lessons() if np.array_equal(one.hidden, prediction.hidden))
    return next(same, None)


def _threshold() -> float:
    return common.models().calibration.thresholds.get(labels.VOTE, 0.0)


def show_card(prediction: predictor.Prediction) -> None:
    """The taught answer, drawn as those of the models."""
    learned, answer = learned_head(), prediction.answers[YOURS]
    trust = [NOT_TO_BE_RELIED_ON]
    if learned is not None and not prediction.concerns:
        trust = [why_unsure(answer)] if answer.unsure else []
        trust.append(words.trust(learned.trial))
    st.html(html.card(words.YOURS_NAME, words.YOURS_KIND, answer, html.Trust(trust)))
