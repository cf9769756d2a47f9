"""Start the page of ``emo review``, which the command serves to its own computer."""

from pathlib import Path

import streamlit as st

from emo.app.review import page
from emo.app.serving import server
from emo.system.paths import PACKAGE_DIR

ICON = PACKAGE_DIR / "app" / "static" / "icon.svg"

if server.is_page_run():
    st.set_page_config(page_title="Review – Emo", page_icon=str(ICON), layout="wide")
    with server.page_run():
        page.select_page().run()
else:  # Streamlit reads this file once at the start of the server to find the app
    page.end_with_command()
    app = st.App(Path(__file__), **server.app_options(server.no_routes))
