"""The pages of the app, their order and their names in the navigation."""

from typing import Any

import streamlit as st

from emo.app import text

_LED = "led"
_VISIT = "visit"


def select_page() -> Any:
    """The page that was asked for, with the navigation of all."""
    st.session_state[_LED] = True
    return st.navigation(
        [
            st.Page(f"pages/{name}.py", title=title, default=name == "analyse")
            for name, title in text.PAGES.items()
        ],
        position="top",
    )


def record_visit(title: str) -> None:
    """Note which page is being made, so that it is known when another one is opened."""
    last, number = st.session_state.get(_VISIT, ("", 0))
    if title != last:
        st.session_state[_VISIT] = (title, number + 1)


def visit_number() -> int:
    """Return the number of this visit to a page, another one each time that a page is opened."""
    return int(st.session_state.get(_VISIT, ("", 0))[1])


def ensure_navigation() -> None:
    """Nothing; if a page was run without the navigation, has it run with it.

    Streamlit takes a folder ``pages/`` for an app of its old kind until the first navigation in the
    life of the server; who then opens a page but the first by its address gets the bare page.
    """
    if _LED not in st.session_state:
        select_page()
        st.rerun()
