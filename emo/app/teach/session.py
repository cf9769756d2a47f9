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
from emo.inference.adaptation import YOURS, AdaptedHead, CrossValidation, Example

EXAMPLES = "lessons"
FITTED = "learned"
WAITING = "lessons-waiting"  # clips that were given and not heard yet
FAULTS = "lessons-faults"  # what could not be used of what was given last


@dataclass(frozen=True)
class GivenClip:
    """A clip that waits to be heard."""

    name: str
    data: bytes
    emotion: str


@dataclass(frozen=True, eq=False)
class Fitted:
    """What the lessons taught, and how long learning and testing took."""

    head: AdaptedHead
    trial: CrossValidation
    duration_s: float


def examples() -> tuple[Example, ...]:
    """The clips that were taught in this session."""
    found: tuple[Example, ...] = st.session_state.get(EXAMPLES, ())
    return found


def fitted_head() -> Fitted | None:
    """Return what was fitted to the examples of this session; None before there are enough."""
    found: Fitted | None = st.session_state.get(FITTED)
    return found


def keep_examples(new: Sequence[Example]) -> None:
    """Make these the lessons, and learn from them what can be learned."""
    st.session_state[EXAMPLES] = tuple(new)
    usable = adaptation.usable(new)
    if not usable:
        st.session_state.pop(FITTED, None)
        return
    start = time.perf_counter()
    head, trial = adaptation.fit_head(usable), adaptation.cross_validate(usable)
    st.session_state[FITTED] = Fitted(head, trial, time.perf_counter() - start)


@st.cache_resource(show_spinner=False)
def loaded_models() -> tuple[str, int]:
    """Digest of the models that run here, and how many inner values they give."""
    models = common.models()
    return adaptation.models_digest(models), adaptation.count_hidden(models)


# --- The answer ----------------------------------------------------------------------------------


def with_adapted(prediction: predictor.Prediction) -> predictor.Prediction:
    """The answers to a clip, and that of the head if one was taught in this session."""
    learned = fitted_head()
    if learned is None or not len(prediction.hidden):
        return prediction
    yours = adaptation.adapted_answer(learned.head, prediction, _threshold())
    return replace(prediction, answers=prediction.answers | {YOURS: yours})


def example_of(prediction: predictor.Prediction | None) -> Example | None:
    """Return the taught clip that has these inner values; None if none has."""
    if prediction is None or not len(prediction.hidden):
        return None
    same = (one for one in examples() if np.array_equal(one.hidden, prediction.hidden))
    return next(same, None)


def _threshold() -> float:
    return common.models().calibration.thresholds.get(labels.VOTE, 0.0)


def show_card(prediction: predictor.Prediction) -> None:
    """The taught answer, drawn as those of the models."""
    learned, answer = fitted_head(), prediction.answers[YOURS]
    trust = [NOT_TO_BE_RELIED_ON]
    if learned is not None and not prediction.speech_warnings:
        trust = [why_unsure(answer)] if answer.unsure else []
        trust.append(words.trust(learned.trial))
    st.html(html.card(words.YOURS_NAME, words.YOURS_KIND, answer, html.Trust(trust)))
