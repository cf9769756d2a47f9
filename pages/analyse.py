"""Show the page *Analyse*."""

import streamlit as st

from emo.app import common, current_clip
from emo.app.analyse import analysis as analyse_analysis
from emo.app.analyse import answers, known_clip, page
from emo.app.analyse import text as analyse_text
from emo.app.compare import page as compare_page

common.begin(analyse_text.ANALYSE_TITLE, analyse_analysis.lead())
page.follow_address()
page.show_guide()
analyse_analysis.show_ways_in()
choice = current_clip.chosen()
if choice is None:
    analyse_analysis.show_invitation()
else:
    analysis = analyse_analysis.analysis_of(choice)
    if analysis is not None:
        compare_page.show_way_back(choice)
        known_clip.show_known(choice)
        answers.show_verdict(choice, analysis)
        answers.show_models(analysis, current_clip.is_own(choice))
        # Answers come first, then what takes longer.
        sound, over_time = st.container(), st.container()
        analyse_analysis.show_what_if(analysis)
        analyse_analysis.show_why(choice, analysis)
        analyse_analysis.show_quality(analysis)
        analyse_analysis.show_downloads(choice, analysis)
        with sound:
            analyse_analysis.show_sound(choice, analysis)
        with over_time:
            analyse_analysis.show_over_time(choice, analysis)
