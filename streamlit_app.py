"""Start the app: page settings and navigation (``streamlit run streamlit_app.py``)."""

from pathlib import Path

import streamlit as st

from emo.app import navigation
from emo.app.api import routes
from emo.app.serving import server
from emo.system.paths import PACKAGE_DIR

# Streamlit loads a named icon from another site; this one is served with the page.
ICON = PACKAGE_DIR / "app" / "static" / "icon.svg"

if server.is_page_run():
    st.set_page_config(page_title="Emo", page_icon=str(ICON), layout="wide")
    with server.page_run():
        navigation.select_page().run()
else:  # Streamlit reads this file once at the start of the server to find the app
    app = st.App(Path(__file__), **server.app_options(routes.own_routes))
