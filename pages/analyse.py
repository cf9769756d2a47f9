"""Analyse one voice: the classifiers say which emotion it resembles, and why."""

import streamlit as st

from emo.app import common, current_clip
from emo.app.analyse import analysis as analyse_analysis
from emo.app.analyse import answers, downloads, inputs, known_clip, page, text
from emo.app.compare import page as compare_page

common.start_page(text.ANALYSE_TITLE, page.lead())
page.sync_with_address()
page.show_guide()
inputs.show_inputs()
source = current_clip.get_source()
if source is None:
    page.show_invitation()
else:
    analysis = analyse_analysis.analyse(source)
    if analysis is not None:
        compare_page.show_way_back(source)
        known_clip.show_known(source)
        answers.show_ensemble(source, analysis)
        answers.show_models(analysis, source.is_own)
        # The answers are computed first; player and timeline take longer.
        sound, over_time = st.container(), st.container()
        page.show_what_if(analysis)
        page.show_explanation(source, analysis)
        page.show_quality(analysis)
        downloads.show_downloads(source, analysis)
        with sound:
            page.show_sound(source, analysis)
        with over_time:
            page.show_over_time(source, analysis)
