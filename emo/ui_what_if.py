"""What if the same voice were noisier, faster, higher: the settings, and what they change."""

from typing import Any

import streamlit as st

from emo import ui, ui_html, ui_links, ui_words
from emo import ui_sound_words as words
from emo.predict import MODEL_KEYS, VOTE, Answer, Prediction
from emo.ui_settings import GAINS_DB, NOISES_DB, SEMITONES, SPEEDS
from emo.whatif import NEUTRAL, Settings

_NOISE, _SPEED, _PITCH, _GAIN, _TELEPHONE = (
    f"what-if-{name}" for name in ("noise", "speed", "pitch", "gain", "telephone")
)


_KEYS = (_NOISE, _SPEED, _PITCH, _GAIN, _TELEPHONE)
_KEPT = "what-if-kept"  # Streamlit forgets the widgets when another page is opened
_OPEN = "what-if-open"


def settings() -> Settings:
    """What is set on the page, as known before its widgets are drawn."""
    state = st.session_state
    for key, value in (state.get(_KEPT) or _values(NEUTRAL)).items():
        state.setdefault(key, value)
    state[_KEPT] = {key: state[key] for key in _KEYS}
    return Settings(
        noise_below_db=state[_NOISE],
        speed=round(state[_SPEED], 2),
        pitch_semitones=state[_PITCH],
        telephone=state[_TELEPHONE],
        gain_db=state[_GAIN],
    )


def _values(settings: Settings) -> dict[str, Any]:
    """What the widgets hold for some settings."""
    noise_db = settings.noise_below_db
    return {
        _NOISE: None if noise_db is None else int(noise_db),
        _SPEED: settings.speed,
        _PITCH: int(settings.pitch_semitones),
        _GAIN: int(settings.gain_db),
        _TELEPHONE: settings.telephone,
    }


def set_to(settings: Settings) -> None:
    """Nothing; from before the widgets are drawn they hold these settings, in sight if any is."""
    st.session_state[_OPEN] = settings != NEUTRAL
    st.session_state[_KEPT] = _values(settings)
    for key, value in _values(settings).items():
        st.session_state[key] = value


def reset() -> None:
    """Nothing; the clip is as it was recorded again."""
    ui_links.note_act()
    for key in (*_KEYS, _KEPT):
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
    with st.expander(
        words.WHAT_IF_TITLE, expanded=st.session_state.get(_OPEN, False), key="what-if"
    ):
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
        on_change=ui_links.note_act,
    )
    one, other = st.columns(2, gap="medium")
    low, high, step = SPEEDS
    one.slider(
        words.SPEED_LABEL,
        low,
        high,
        step=step,
        format="%.2f ×",
        help=words.SPEED_HELP,
        key=_SPEED,
        on_change=ui_links.note_act,
    )
    for place, label, limits, key, text, unit in (
        (other, words.PITCH_LABEL, SEMITONES, _PITCH, words.PITCH_HELP, "%+d st"),
        (one, words.GAIN_LABEL, GAINS_DB, _GAIN, words.GAIN_HELP, "%+d dB"),
    ):
        least, most, by = limits
        place.slider(
            label,
            least,
            most,
            step=by,
            format=unit,
            help=text,
            key=key,
            on_change=ui_links.note_act,
        )
    other.toggle(
        words.TELEPHONE_LABEL,
        help=words.TELEPHONE_HELP,
        key=_TELEPHONE,
        on_change=ui_links.note_act,
    )


def _show_changes(recorded: Prediction | None, changed: Prediction) -> None:
    before = changed if recorded is None else recorded
    rows = [
        (
            ui_words.MODEL_NAMES[key],
            _given(before.answers[key]),
            words.UNCHANGED if recorded is None else _given(changed.answers[key]),
        )
        for key in (VOTE, *MODEL_KEYS)
        if key in changed.answers
    ]
    st.html(ui_html.table(words.CHANGES_HEADER, rows, words.CHANGES_CAPTION))


def _given(answer: Answer) -> str:
    return words.given(answer.label, answer.second, answer.confidence, answer.unsure)
