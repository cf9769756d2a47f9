"""The choice of the channel of a recording that the page *Analyse* shows."""

import streamlit as st

from emo.app import controls
from emo.app.analyse import text
from emo.audio.channels import MIX, SIDES, channel_names

_PREFIX = "channel-"  # before the key of the clip


def channel_of(key: str) -> str:
    """Return the channel that was chosen for the clip with a key; the mix for any other clip."""
    return str(controls.value_of(_PREFIX + key, MIX))


def reset() -> None:
    """Select the mix again, for every clip."""
    for key in list(st.session_state):
        if str(key).startswith(_PREFIX) and st.session_state[key] != MIX:
            st.session_state[key] = MIX


def show_channels(key: str, count: int) -> None:
    """Draw the choice of a channel; none for a clip with one channel.

    Parameters
    ----------
    key
        Key of the clip, under which the choice is kept.
    count
        Number of channels.
    """
    if count < 2:
        return
    options, widget = (MIX, *channel_names(count)), _PREFIX + key
    value = controls.value_of(widget, MIX, options)
    if count == len(SIDES):
        st.segmented_control(
            text.CHANNEL_LABEL,
            options,
            default=value,
            required=True,
            format_func=text.channel_option,
            help=text.CHANNEL_HELP,
            key=widget,
            persist_state="session",
        )
        return
    st.selectbox(
        text.CHANNEL_LABEL,
        options,
        index=options.index(value),
        format_func=text.channel_option,
        help=text.CHANNEL_HELP,
        key=widget,
        persist_state="session",
    )
