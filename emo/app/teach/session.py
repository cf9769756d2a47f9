"""The examples that a visitor gave in this session, and the head fitted to them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from emo import labels
from emo.app import common, html, navigation
from emo.app.serving import uploads
from emo.app.teach import sounds, text
from emo.app.text import NOT_TO_BE_RELIED_ON, why_unsure
from emo.inference import adaptation, predictor
from emo.inference.adaptation import YOURS, AdaptedHead, CrossValidation, Example

EXAMPLES = "examples"
FITTED = "fitted-head"
PENDING = "examples-pending"  # clips that are not yet processed
FAULTS = "examples-faults"  # names and faults of the last clips that could not be used
RECORDED = "examples-recorded"  # number of recordings, for their names
REMOVED = "examples-removed"  # the example that was removed last


@dataclass(frozen=True)
class PendingClip:
    """A clip that waits to become an example; ``is_prompted`` if it was recorded from a card."""

    name: str
    data: bytes
    emotion: str
    is_prompted: bool = False


@dataclass(frozen=True, eq=False)
class RemovedExample:
    """An example that was removed and can be put back.

    Attributes
    ----------
    place
        Its index among the examples.
    visit
        Number of the visit to the page in which it was removed.
    """

    example: Example
    place: int
    visit: int


@dataclass(frozen=True, eq=False)
class FittedHead:
    """A head, its cross-validation, and the time that both took."""

    head: AdaptedHead
    cross_validation: CrossValidation
    duration_s: float


def examples() -> tuple[Example, ...]:
    """Return the examples of this session."""
    kept: tuple[Example, ...] = st.session_state.get(EXAMPLES, ())
    return kept


def fitted_head() -> FittedHead | None:
    """Return the head fitted to the examples of this session; None before there are enough."""
    fitted: FittedHead | None = st.session_state.get(FITTED)
    return fitted


def set_examples(new: Sequence[Example]) -> None:
    """Replace the examples of this session, and fit a head if there are enough."""
    st.session_state[EXAMPLES] = tuple(new)
    usable = adaptation.usable(new)
    if not usable:
        st.session_state.pop(FITTED, None)
        return
    start = time.perf_counter()
    head, cross_validation = adaptation.fit_head(usable), adaptation.cross_validate(usable)
    st.session_state[FITTED] = FittedHead(head, cross_validation, time.perf_counter() - start)


@st.cache_resource(show_spinner=False)
def models_signature() -> tuple[str, int]:
    """Return the digest of the models in use, and the number of their hidden values."""
    models = common.models()
    return adaptation.models_digest(models), adaptation.count_hidden(models)


# --- Changes -------------------------------------------------------------------------------------


def add_pending(clips: Sequence[PendingClip]) -> None:
    """Add clips to those that wait to become examples.

    The server keeps their files while they are pending, and counts them towards its quotas.
    """
    pending = st.session_state.setdefault(PENDING, uploads.PendingClips())
    pending.extend(clips)
    uploads.count_pending(pending)
    st.session_state[FAULTS] = []


def next_name() -> str:
    """Return the name of the next recording."""
    number = st.session_state[RECORDED] = st.session_state.get(RECORDED, 0) + 1
    return f"{text.RECORDING} {number}"


def remove(example: Example) -> None:
    """Remove an example, which can be put back until the next one is removed."""
    forget_removed()
    kept = examples()
    place = next((i for i, one in enumerate(kept) if one is example), None)
    if place is None:
        return
    st.session_state[REMOVED] = RemovedExample(example, place, navigation.visit_number())
    set_examples([*kept[:place], *kept[place + 1 :]])


def removed_example() -> Example | None:
    """Return the example that was removed last in this visit; None if it cannot be put back."""
    removed: RemovedExample | None = st.session_state.get(REMOVED)
    if removed is None:
        return None
    is_back = any(np.array_equal(one.hidden, removed.example.hidden) for one in examples())
    if is_back or removed.visit != navigation.visit_number():
        st.session_state.pop(REMOVED)
        if not is_back:
            sounds.drop_sound(removed.example)
        return None
    return removed.example


def put_back() -> None:
    """Put the example that was removed last back to its place."""
    if removed_example() is None:
        return
    removed: RemovedExample = st.session_state.pop(REMOVED)
    kept = examples()
    set_examples([*kept[: removed.place], removed.example, *kept[removed.place :]])


def forget_removed() -> None:
    """Drop the example that was removed last, with its sound."""
    if removed_example() is not None:
        sounds.drop_sound(st.session_state.pop(REMOVED).example)


def relabel(example: Example, emotion: str) -> Example:
    """Replace the emotion of an example, and return the new one."""
    new = replace(example, emotion=emotion)
    set_examples([new if one is example else one for one in examples()])
    return new


# --- The answer ----------------------------------------------------------------------------------


def with_adapted(prediction: predictor.Prediction) -> predictor.Prediction:
    """Return a prediction with the answer of the fitted head, if there is one."""
    fitted = fitted_head()
    if fitted is None or not len(prediction.hidden):
        return prediction
    answer = adaptation.adapted_answer(fitted.head, prediction, _threshold(prediction.among))
    if answer is None:
        return prediction
    return replace(prediction, answers=prediction.answers | {YOURS: answer})


def example_of(prediction: predictor.Prediction | None) -> Example | None:
    """Return the example with the hidden values of a prediction; None if there is none."""
    if prediction is None or not len(prediction.hidden):
        return None
    return next(
        (example for example in examples() if np.array_equal(example.hidden, prediction.hidden)),
        None,
    )


def _threshold(among: Sequence[str]) -> float:
    return common.models().calibration.thresholds_for(among).get(labels.ENSEMBLE, 0.0)


def show_card(prediction: predictor.Prediction) -> None:
    """Draw the answer of the fitted head like those of the models."""
    fitted, answer = fitted_head(), prediction.answers[YOURS]
    sentences = [NOT_TO_BE_RELIED_ON]
    if fitted is not None and not prediction.speech_warnings:
        sentences = [why_unsure(answer)] if answer.unsure else []
        sentences.append(text.trust(fitted.cross_validation))
    st.html(html.card(text.YOURS_NAME, text.YOURS_KIND, answer, html.Trust(sentences)))
