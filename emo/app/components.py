"""Custom components of the pages, from the files in ``static``."""

from pathlib import Path
from typing import Any

import streamlit as st

_FILES = Path(__file__).parent / "static"


@st.cache_resource(show_spinner=False)
def component(name: str, *scripts: str, styles: tuple[str, ...] = ()) -> Any:
    """Return the component of ``name.html``, ``name.css`` and ``name.js``.

    Further ``scripts`` and ``styles`` are named without their ending.  All scripts become one
    module, as the browser gets a script as text, which can import no file.

    Its data should be bytes or a list.  Streamlit searches a dictionary for tables, and imports
    pandas for that, which takes most of a second.
    """
    html = _read(f"{name}.html")
    css = "\n".join(_read(f"{style}.css") for style in (*styles, name))
    js = "\n".join(_read(f"{script}.js") for script in (*scripts, name))
    return st.components.v2.component(f"emo_{name}", html=html, css=css, js=js)


def _read(file: str) -> str:
    return (_FILES / file).read_text(encoding="utf-8")
