"""What if the same voice were noisier, faster, higher: the settings, and what they change."""

import streamlit as st

from emo import ui, ui_html, ui_words
from emo import ui_sound_words as words
from emo.predict import MODEL_KEYS, VOTE, Answer, Prediction
from emo.whatif import NEUTRAL, Settings

NOISES_DB = (None, 40, 35, 30, 25, 20, 15, 10, 5, 0)
SPEEDS = (0.5, 2.0, 0.05)  # lowest, highest, step
SEMITONES = (-12, 12, 1)
GAINS_DB = (-30, 30, 1)

_NOISE, _SPEED, _PITCH, _GAIN, _TELEPHONE = (
    f"what-if-{name}" for name in ("noise", "speed", "pitch", "gain", "telephone")
)


def settings() -> Settings:
    """What is set on the page, as known before its widgets are drawn."""
    state = st.session_state
    return Settings(
        noise_below_db=state.get(_NOISE),
        speed=round(state.get(_SPEED, NEUTRAL.speed), 2),
        pitch_semitones=state.get(_PITCH, NEUTRAL.pitch_semitones),
        telephone=state.get(_TELEPHONE, NEUTRAL.telephone),
        gain_db=state.get(_GAIN, NEUTRAL.gain_db),
    )


def reset() -> None:
    """Nothing; the clip is as it was recorded again."""
    for key in (_NOISE, _SPEED, _PITCH, _GAIN, _TELEPHONE):
        st.session_state.pop(key, None)


def show_what_if(recorded: Prediction | None, changed: Prediction, refusal: str) -> None:
    """Nothing; shows the settings, and what they change.

    Parameters
    ----------
    recorded
        The answers to the clip as it was recorded; None where nothing is set.
    changed
        The answers to the clip as it is set.
    refusal
        Why it could not be altered as it is set; empty if it could.
    """
    with st.expander(words.WHAT_IF_TITLE, key="what-if"):
        st.caption(words.WHAT_IF_NOTE)
        if refusal:
            st.error(ui.plain(refusal))
        left, right = st.columns([6, 5], gap="large")
        with left:
            _show_settings()
        with right:
            _show_changes(recorded, changed)
            st.button(
                words.RESET_LABEL,
                on_click=reset,
                disabled=recorded is None and not refusal,
                icon=":material/restart_alt:",
                key="what-if-reset",
            )


def _show_settings() -> None:
    st.select_slider(
        words.NOISE_LABEL,
        NOISES_DB,
        format_func=words.noise_option,
        help=words.NOISE_HELP,
        key=_NOISE,
    )
    one, other = st.columns(2, gap="medium")
    low, high, step = SPEEDS
    one.slider(
        words.SPEED_LABEL,
        low,
        high,
        NEUTRAL.speed,
        step,
        format="%.2f ×",
        help=words.SPEED_HELP,
        key=_SPEED,
    )
    for place, label, limits, key, text, unit in (
        (other, words.PITCH_LABEL, SEMITONES, _PITCH, words.PITCH_HELP, "%+d st"),
        (one, words.GAIN_LABEL, GAINS_DB, _GAIN, words.GAIN_HELP, "%+d dB"),
    ):
        least, most, by = limits
        place.slider(label, least, most, 0, by, format=unit, help=text, key=key)
    other.toggle(words.TELEPHONE_LABEL, help=words.TELEPHONE_HELP, key=_TELEPHONE)


def _show_changes(recorded: Prediction | None, changed: Prediction) -> None:
    before = changed if recorded is None else recorded
    rows = [
        (
            ui_words.MODEL_NAMES[key],
            _given(before.answers[key]),
            words.UNCHANGED if recorded is None else _given(changed.answers[key]),
        )
        for key in (VOTE, *MODEL_KEYS)
    ]
    st.html(ui_html.table(words.CHANGES_HEADER, rows, words.CHANGES_CAPTION))


def _given(answer: Answer) -> str:
    return words.given(answer.label, answer.second, answer.confidence, answer.unsure)
