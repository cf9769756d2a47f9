"""The pages of the app, their order and their names in the navigation."""

from typing import Any

import streamlit as st

from emo import ui_words

_LED = "led"


def lead() -> Any:
    """The page that was asked for, with the navigation of all."""
    st.session_state[_LED] = True
    return st.navigation(
        [
            st.Page(f"pages/{name}.py", title=title, default=name == "analyse")
            for name, title in ui_words.PAGES.items()
        ],
        position="top",
    )


def ensure_led() -> None:
    """Nothing; if a page was run without the navigation, has it run with it.

    Streamlit takes a folder ``pages/`` for an app of its old kind until the first navigation in the
    life of the server; who then opens a page but the first by its address gets the bare page.
    """
    if _LED not in st.session_state:
        lead()
        st.rerun()
