"""Emo in the browser: page settings and navigation.  Start it with `streamlit run`."""

from pathlib import Path

import streamlit as st

from emo import ui_pages

# A named icon would be fetched from another site; this one comes with the page.
ICON = Path(__file__).parent / "emo" / "data" / "icon.svg"

st.set_page_config(page_title="Emo", page_icon=str(ICON), layout="wide")
ui_pages.lead().run()
