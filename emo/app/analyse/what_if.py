"""*What if*: the settings that alter the clip."""

from typing import Any

import streamlit as st

from emo.app import common, controls
from emo.app.analyse import text
from emo.app.analyse.link import GAINS_DB, NOISES_DB, SEMITONES, SPEEDS
from emo.audio.alteration import NEUTRAL, Alteration

_NOISE, _SPEED, _PITCH, _GAIN, _TELEPHONE = (
    f"what-if-{name}" for name in ("noise", "speed", "pitch", "gain", "telephone")
)


def settings() -> Alteration:
    """Return the settings of the widgets, also before they are drawn."""
    values = {key: controls.value_of(key, value) for key, value in _values(NEUTRAL).items()}
    return Alteration(
        snr_db=values[_NOISE],
        speed=round(values[_SPEED], 2),
        pitch_semitones=values[_PITCH],
        telephone=values[_TELEPHONE],
        gain_db=values[_GAIN],
    )


def _values(settings: Alteration) -> dict[str, Any]:
    """Return the value of each widget by its key."""
    noise_db = settings.snr_db
    return {
        _NOISE: None if noise_db is None else int(noise_db),
        _SPEED: settings.speed,
        _PITCH: int(settings.pitch_semitones),
        _GAIN: int(settings.gain_db),
        _TELEPHONE: settings.telephone,
    }


def set_to(settings: Alteration) -> None:
    """Set the widgets, before they are drawn."""
    for key, value in _values(settings).items():
        st.session_state[key] = value


def reset() -> None:
    """Set the widgets to the clip as it was recorded."""
    set_to(NEUTRAL)


def show_notice(sentence: str) -> None:
    """Draw the notice of an alteration."""
    with st.container(key="altered"):
        st.warning(common.escape_markdown(sentence))


def show_what_if(is_altered: bool) -> None:
    """Draw the settings.

    Parameters
    ----------
    is_altered
        Whether any of them is not neutral.
    """
    with st.container(key="what-if"):
        st.caption(text.WHAT_IF_NOTE)
        _show_settings()
        st.button(
            text.RESET_LABEL,
            on_click=reset,
            disabled=not is_altered,
            icon=":material/restart_alt:",
            key="what-if-reset",
        )


def _show_settings() -> None:
    neutral = _values(NEUTRAL)
    st.select_slider(
        text.NOISE_LABEL,
        NOISES_DB,
        value=controls.value_of(_NOISE, neutral[_NOISE], NOISES_DB),
        format_func=text.noise_option,
        help=text.NOISE_HELP,
        key=_NOISE,
        persist_state="session",
    )
    left, right = st.columns(2, gap="medium")
    for column, label, limits, key, help_text, unit in (
        (left, text.SPEED_LABEL, SPEEDS, _SPEED, text.SPEED_HELP, "%.2f ×"),
        (right, text.PITCH_LABEL, SEMITONES, _PITCH, text.PITCH_HELP, "%+d st"),
        (left, text.GAIN_LABEL, GAINS_DB, _GAIN, text.GAIN_HELP, "%+d dB"),
    ):
        lowest, highest, step = limits
        column.slider(
            label,
            lowest,
            highest,
            value=controls.value_of(key, neutral[key]),
            step=step,
            format=unit,
            help=help_text,
            key=key,
            persist_state="session",
        )
    right.toggle(
        text.TELEPHONE_LABEL,
        value=controls.value_of(_TELEPHONE, neutral[_TELEPHONE]),
        help=text.TELEPHONE_HELP,
        key=_TELEPHONE,
        persist_state="session",
    )
