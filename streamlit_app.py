"""Emo in the browser: page settings and navigation.  Start it with `streamlit run`."""

from pathlib import Path

import streamlit as st

# A named icon would be fetched from another site; this one comes with the page.
ICON = Path(__file__).parent / "emo" / "data" / "icon.svg"

st.set_page_config(page_title="Emo", page_icon=str(ICON), layout="wide")
st.navigation(
    [
        st.Page("pages/analyse.py", title="Analyse", default=True),
        st.Page("pages/compare.py", title="Compare clips"),
        st.Page("pages/teach.py", title="Teach it"),
        st.Page("pages/confusion_matrices.py", title="Confusion matrices"),
        st.Page("pages/about.py", title="About"),
    ],
    position="top",
).run()
