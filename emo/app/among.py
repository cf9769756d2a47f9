"""The choice of the emotions that can occur, which the pages of clips share."""

from collections.abc import Collection, Sequence

import streamlit as st

from emo.app import common, controls
from emo.app.own import served
from emo.app.text import AMONG_HELP, AMONG_LABEL, too_few
from emo.classifiers.label_subset import MIN_LABELS, read_subset
from emo.errors import SettingError
from emo.inference.predictor import Prediction, choose_among

PARAM = "among"
"""Parameter of the address, such as ``?among=angry,sad``; none where all can occur."""

_CHOSEN = "emotions-among"
_REFUSED = "emotions-refused"  # a choice with too few


def chosen() -> tuple[str, ...]:
    """Return the emotions that can occur, which are kept for the session."""
    labels: tuple[str, ...] = st.session_state.get(_CHOSEN, served.labels())
    return labels


def set_to(labels: Collection[str]) -> None:
    """Set which emotions can occur, before the control is drawn."""
    st.session_state[_CHOSEN] = tuple(label for label in served.labels() if label in labels)
    st.session_state.pop(_REFUSED, None)


def show_choice(page: str) -> None:
    """Draw the emotions, each of which can be unticked while two are left.

    Parameters
    ----------
    page
        Name of the page.  Each has a widget of its own, as Streamlit keeps a value for each page,
        and all show the one choice.
    """
    key, labels = f"among-{page}", list(chosen())
    if controls.value_of(key, labels) != labels:
        st.session_state[key] = labels
    with st.container(key="among"):
        st.pills(
            AMONG_LABEL,
            served.labels(),
            selection_mode="multi",
            default=labels,
            help=AMONG_HELP,
            on_change=_update,
            args=(key,),
            key=key,
            persist_state="session",
        )
        if _REFUSED in st.session_state:
            st.warning(common.escape_markdown(too_few(st.session_state[_REFUSED])))


def _update(key: str) -> None:
    """Take the emotions of a widget, unless they are too few."""
    labels = list(st.session_state[key])
    if len(labels) < MIN_LABELS:
        st.session_state[_REFUSED] = labels
    else:
        set_to(labels)


def choose(prediction: Prediction) -> Prediction:
    """Return a prediction whose answers are chosen among the emotions that can occur."""
    return choose_among(prediction, chosen(), common.models().calibration)


# --- The address ---------------------------------------------------------------------------------


def read_param(text: str | None) -> tuple[str, ...] | None:
    """Return the emotions in a parameter of the address; None if it is missing or wrong."""
    try:
        return read_subset(text, served.labels()) if text else None
    except SettingError:
        return None


def write_param(labels: Sequence[str]) -> str:
    """Return the emotions as a parameter of the address; "" for all."""
    return "" if tuple(labels) == served.labels() else ",".join(labels)
