"""What if the same voice were noisier, faster, higher: the settings, and what they change."""

from typing import Any

import streamlit as st

from emo.app import common, controls, html, url
from emo.app import text as app_text
from emo.app.analyse import text as words
from emo.app.analyse.link import GAINS_DB, NOISES_DB, SEMITONES, SPEEDS
from emo.audio.alteration import NEUTRAL, Alteration
from emo.inference.predictor import MODEL_KEYS, Prediction
from emo.labels import VOTE

_NOISE, _SPEED, _PITCH, _GAIN, _TELEPHONE = (
    f"what-if-{name}" for name in ("noise", "speed", "pitch", "gain", "telephone")
)


_OPEN = "what-if-open"


def settings() -> Alteration:
    """What is set on the page, as known before its widgets are drawn."""
    kept = {key: controls.kept(key, value) for key, value in _values(NEUTRAL).items()}
    return Alteration(
        noise_below_db=kept[_NOISE],
        speed=round(kept[_SPEED], 2),
        pitch_semitones=kept[_PITCH],
        telephone=kept[_TELEPHONE],
        gain_db=kept[_GAIN],
    )


def _values(settings: Alteration) -> dict[str, Any]:
    """What the widgets hold for some settings."""
    noise_db = settings.noise_below_db
    return {
        _NOISE: None if noise_db is None else int(noise_db),
        _SPEED: settings.speed,
        _PITCH: int(settings.pitch_semitones),
        _GAIN: int(settings.gain_db),
        _TELEPHONE: settings.telephone,
    }


def set_to(settings: Alteration) -> None:
    """Nothing; from before the widgets are drawn they hold these settings, in sight if any is."""
    st.session_state[_OPEN] = settings != NEUTRAL
    begin_with(settings)


def begin_with(settings: Alteration) -> None:
    """Set the widgets to these settings, before they are drawn."""
    for key, value in _values(settings).items():
        controls.put(key, value)


def reset() -> None:
    """Nothing; the clip is as it was recorded again."""
    url.mark_user_action()
    begin_with(NEUTRAL)


def _note_change(key: str) -> None:
    if controls.is_new(key):
        url.mark_user_action()
    controls.note(key)


def show_notice(sentence: str) -> None:
    """Show how the clip was altered, with a way back beside it."""
    with st.container(key="altered", horizontal=True, vertical_alignment="center"):
        st.warning(common.escape_markdown(sentence))
        st.button(
            words.NOTICE_RESET_LABEL,
            on_click=reset,
            icon=":material/restart_alt:",
            key="altered-reset",
        )


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
    is_open = bool(refusal) or st.session_state.get(_OPEN, False)
    with st.expander(words.WHAT_IF_TITLE, expanded=is_open, key="what-if"):
        st.caption(words.WHAT_IF_NOTE)
        if refusal:
            st.error(common.escape_markdown(refusal))
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
    usual = _values(NEUTRAL)
    st.select_slider(
        words.NOISE_LABEL,
        NOISES_DB,
        value=controls.hold(_NOISE, usual[_NOISE], NOISES_DB),
        format_func=words.noise_option,
        help=words.NOISE_HELP,
        key=_NOISE,
        on_change=_note_change,
        args=(_NOISE,),
    )
    one, other = st.columns(2, gap="medium")
    for place, label, limits, key, text, unit in (
        (one, words.SPEED_LABEL, SPEEDS, _SPEED, words.SPEED_HELP, "%.2f ×"),
        (other, words.PITCH_LABEL, SEMITONES, _PITCH, words.PITCH_HELP, "%+d st"),
        (one, words.GAIN_LABEL, GAINS_DB, _GAIN, words.GAIN_HELP, "%+d dB"),
    ):
        least, most, by = limits
        place.slider(
            label,
            least,
            most,
            value=controls.hold(key, usual[key]),
            step=by,
            format=unit,
            help=text,
            key=key,
            on_change=_note_change,
            args=(key,),
        )
    other.toggle(
        words.TELEPHONE_LABEL,
        value=controls.hold(_TELEPHONE, usual[_TELEPHONE]),
        help=words.TELEPHONE_HELP,
        key=_TELEPHONE,
        on_change=_note_change,
        args=(_TELEPHONE,),
    )


def _show_changes(recorded: Prediction | None, changed: Prediction) -> None:
    before = changed if recorded is None else recorded
    rows = [
        (
            app_text.MODEL_NAMES[key],
            words.given(before.answers[key]),
            words.UNCHANGED if recorded is None else words.given(changed.answers[key]),
        )
        for key in (VOTE, *MODEL_KEYS)
        if key in changed.answers
    ]
    st.html(html.table(words.CHANGES_HEADER, rows, words.CHANGES_CAPTION))
