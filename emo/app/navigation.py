"""The pages of the app in the navigation, and the count of visits to them."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from emo.app import text

_SELECTED = "navigation-selected"
_VISIT = "visit"

APP = "Emo"
"""Name of the app, at the end of the title of each tab of a browser."""


def select_page() -> Any:
    """Draw the navigation, and return the page of the address."""
    st.session_state[_SELECTED] = True
    return st.navigation(
        [
            st.Page(f"pages/{name}.py", title=title, default=name == "analyse")
            for name, title in text.PAGES.items()
        ],
        position="top",
    )


def tab_title(page: str, clip: str = "") -> str:
    """Return the title of the tab of a browser: the clip, the page and the app.

    >>> tab_title("analyse", "angry.opus"), tab_title("about")
    ('angry.opus · Analyse · Emo', 'About · Emo')
    """
    return " · ".join(part for part in (clip, text.PAGES[page], APP) if part)


def set_tab_title(page: str, clip: str = "") -> None:
    """Set the title of the tab of the browser.

    Parameters
    ----------
    page
        File of the page, without its ending.
    clip
        Name of the clip that the page shows; empty for none.
    """
    st.set_page_config(page_title=tab_title(page, clip))


def select_only(draw: Callable[[], None], title: str) -> Any:
    """Return the page of a server that has no other, and no navigation."""
    st.session_state[_SELECTED] = True
    return st.navigation([st.Page(draw, title=title, default=True)], position="hidden")


def record_visit(title: str) -> None:
    """Count a visit if this page is not the one that was drawn last."""
    last, number = st.session_state.get(_VISIT, ("", 0))
    if title != last:
        st.session_state[_VISIT] = (title, number + 1)


def visit_number() -> int:
    """Return the number of page visits in this session, this one included."""
    return int(st.session_state.get(_VISIT, ("", 0))[1])


def ensure_navigation() -> None:
    """Rerun a page that was run without the navigation.

    Until the first call of ``st.navigation`` after the start of the server, Streamlit runs a file
    in ``pages/`` on its own when a visitor opens it by its address.
    """
    if _SELECTED not in st.session_state:
        select_page()
        st.rerun()
