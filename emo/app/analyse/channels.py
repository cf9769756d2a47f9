"""Which channel of a recording the page *Analyse* answers for: shown where there are several."""

import streamlit as st

from emo.app import controls, url
from emo.app.analyse import text as words
from emo.audio.channels import MIX, SIDES, names_of

_PREFIX = "channel-"  # before the key of the clip


def channel_of(key: str) -> str:
    """Return the channel that was chosen for the clip with this key; the mix for any other."""
    return str(controls.kept(_PREFIX + key, MIX))


def reset() -> None:
    """Answer for the mix again."""
    controls.forget(_PREFIX)


def _note(widget: str) -> None:
    if controls.is_new(widget):
        controls.note(widget)
        url.mark_user_action()


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
    widget = _PREFIX + key
    chosen = controls.hold(widget, MIX, options)
    if count == len(SIDES):
        st.segmented_control(
            words.CHANNEL_LABEL,
            options,
            default=chosen,
            required=True,
            format_func=words.channel_option,
            help=words.CHANNEL_HELP,
            key=widget,
            on_change=_note,
            args=(widget,),
        )
        return
    st.selectbox(
        words.CHANNEL_LABEL,
        options,
        index=options.index(chosen),
        format_func=words.channel_option,
        help=words.CHANNEL_HELP,
        key=widget,
        on_change=_note,
        args=(widget,),
    )
