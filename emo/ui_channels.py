"""Which channel of a recording the page *Analyse* answers for: shown where there are several."""

import streamlit as st

from emo import ui_links
from emo import ui_sound_words as words
from emo.channels import MIX, SIDES, names_of

_KEPT = "channel"  # the key of the clip, and the channel that was chosen for it
_ROUND = "channel-round"  # counts the resets; a new key empties the widget


def channel_of(key: str) -> str:
    """Return the channel that was chosen for the clip with this key; the mix for any other.

    What was chosen for the clip before is dropped.
    """
    kept_key, channel = st.session_state.get(_KEPT, ("", MIX))
    if kept_key == key:
        return str(channel)
    reset()
    return MIX


def reset() -> None:
    """Answer for the mix again."""
    if st.session_state.pop(_KEPT, None) is not None:
        st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1


def _keep(key: str, widget: str) -> None:
    chosen = st.session_state.get(widget) or MIX
    st.session_state[_KEPT] = (key, chosen)
    ui_links.note_act()


def show_channels(key: str, count: int) -> None:
    """Show the choice of a channel of a clip that has so many; nothing where it has one.

    Parameters
    ----------
    key
        Another one for every clip, under which what is chosen is kept.
    """
    if count < 2:
        return
    options = (MIX, *names_of(count))
    chosen = channel_of(key)
    widget = f"{_KEPT}-{key}-{st.session_state.get(_ROUND, 0)}"
    if count == len(SIDES):
        st.segmented_control(
            words.CHANNEL_LABEL,
            options,
            default=chosen,
            required=True,
            format_func=words.channel_option,
            help=words.CHANNEL_HELP,
            key=widget,
            on_change=_keep,
            args=(key, widget),
        )
        return
    st.selectbox(
        words.CHANNEL_LABEL,
        options,
        index=options.index(chosen),
        format_func=words.channel_option,
        help=words.CHANNEL_HELP,
        key=widget,
        on_change=_keep,
        args=(key, widget),
    )
