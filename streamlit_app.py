"""Start the app: page settings and navigation (``streamlit run streamlit_app.py``)."""

from pathlib import Path

import streamlit as st

from emo.app import navigation
from emo.app.serving import server

# A named icon would be fetched from another site; this one comes with the page.
ICON = Path(__file__).parent / "emo" / "app" / "static" / "icon.svg"

if server.is_page_run():
    st.set_page_config(page_title="Emo", page_icon=str(ICON), layout="wide")
    with server.page_run():
        navigation.select_page().run()
else:  # the server reads this file once, to find what it is to serve
    app = st.App(Path(__file__), **server.app_options())
