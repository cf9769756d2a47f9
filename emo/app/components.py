"""The components that the pages draw with, of the files beside them."""

from pathlib import Path
from typing import Any

import streamlit as st

_FILES = Path(__file__).parent / "static"


@st.cache_resource(show_spinner=False)
def component(name: str) -> Any:
    """The component of the files ``name.html``, ``.css`` and ``.js``, registered for all sessions.

    Give it its data as bytes or in a list: in a dictionary Streamlit would look for tables, and
    load pandas to do so, for most of a second.
    """
    html, css, js = (
        (_FILES / f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
    )
    return st.components.v2.component(f"emo_{name}", html=html, css=css, js=js)
