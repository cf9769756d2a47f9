"""Custom components of the pages, from the files in ``static``."""

from pathlib import Path
from typing import Any

import streamlit as st

_FILES = Path(__file__).parent / "static"


@st.cache_resource(show_spinner=False)
def component(name: str) -> Any:
    """Return the component of ``name.html``, ``name.css`` and ``name.js``.

    Its data should be bytes or a list.  Streamlit searches a dictionary for tables, and imports
    pandas for that, which takes most of a second.
    """
    html, css, js = (
        (_FILES / f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
    )
    return st.components.v2.component(f"emo_{name}", html=html, css=css, js=js)
