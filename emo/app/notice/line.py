"""One line with the notice and a tick, which hides it for the session."""

import streamlit as st

from emo.app import html
from emo.app.notice import text

_READ = "notice-read"


def is_read() -> bool:
    """Return True if the visitor ticked the notice in this session."""
    return bool(st.session_state.get(_READ))


def mark_read() -> None:
    """Hide the notice for the session."""
    st.session_state[_READ] = True


def show_notice(page: str) -> None:
    """Draw the notice, unless it was ticked.

    Its place is kept on the page: an uploader that moved would lose its file.

    Parameters
    ----------
    page
        Name of the page, as each page has a widget of its own.
    """
    key = "notice-read" if is_read() else "notice"  # one that is not read has room of its own
    with st.container(key=key, horizontal=True, vertical_alignment="center", gap="small"):
        if not is_read():
            st.html(html.render("page", "notice", text.LABEL, text.NOTICE))
            st.checkbox(text.TICK, value=False, key=f"notice-{page}", on_change=mark_read)
