"""Show the page *Teach it*."""

import streamlit as st

from emo.app import common, navigation
from emo.app.notice import line
from emo.app.own.refusals import refuse_teach
from emo.app.teach import page, prompt, text

common.start_page(text.TITLE, text.LEAD)
navigation.set_tab_title("teach")
line.show_notice("teach")
if not refuse_teach():
    cards = st.container(border=True, key="teach-cards")
    page.show_ways_in()
    page.process_pending()
    with cards:  # after the last recording was answered
        prompt.show_cards()
    page.show_examples()
    page.show_fitted()
    page.show_files()
