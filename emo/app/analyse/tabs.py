"""The tabs below the player, and which of them is open."""

from collections.abc import Callable, Mapping

import streamlit as st

from emo.app.analyse.text import TABS

DETAILS, WHY, WHAT_IF, RECORDING, FILES = TABS
"""Keys of the tabs."""

_WIDGET, _OPEN = "stage-tabs", "stage-open-tab"


def current() -> str:
    """Return the key of the open tab."""
    return str(st.session_state.get(_OPEN, DETAILS))


def open_tab(key: str) -> None:
    """Open a tab, before the tabs are drawn."""
    st.session_state[_OPEN] = key


def show_tabs(draw: Mapping[str, Callable[[], None]]) -> None:
    """Draw the tabs.  Streamlit drops their state with the page, which is why it is kept here.

    Parameters
    ----------
    draw
        Function that draws the content of each tab, by key.  Of the tab *Why* it is called only
        while that is open, as its content takes a while.
    """
    label = TABS[current()]
    if st.session_state.get(_WIDGET) != label:
        st.session_state[_WIDGET] = label
    places = st.tabs(list(TABS.values()), key=_WIDGET, on_change=_update)
    for key, place in zip(TABS, places, strict=True):
        if key != WHY or key == current():
            with place:
                draw[key]()


def _update() -> None:
    titles = {title: key for key, title in TABS.items()}
    open_tab(titles.get(st.session_state[_WIDGET], DETAILS))
