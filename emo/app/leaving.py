"""A question before a tab is closed or reloaded, by which a visitor's own clip would be lost."""

import streamlit as st

from emo.app import current_clip
from emo.app.components import component


def ask_before_leaving() -> None:
    """Have the browser ask while the current clip is an upload or a recording, and only then.

    A sample comes back by the address of the page; an own clip is kept nowhere.
    """
    source = current_clip.get_source()
    with st.container(key="leaving"):
        component("leaving")(key="ask-before-leaving", data=[source is not None and source.is_own])
