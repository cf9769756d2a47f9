"""Give it a voice, and see what three classifiers make of its emotion."""

import streamlit as st

from emo import ui, ui_address, ui_analyse, ui_answers, ui_compare, ui_known, ui_words

ui.begin(ui_words.ANALYSE_TITLE, ui_analyse.lead())
ui_address.follow_address()
ui_address.show_guide()
ui_analyse.show_ways_in()
choice = ui_analyse.chosen()
if choice is None:
    ui_analyse.show_invitation()
else:
    analysis = ui_analyse.analysis_of(choice)
    if analysis is not None:
        ui_compare.show_way_back(choice)
        ui_known.show_known(choice)
        ui_answers.show_verdict(choice, analysis)
        ui_answers.show_models(analysis, ui_analyse.is_own(choice))
        # Answers come first, then what takes longer.
        sound, over_time = st.container(), st.container()
        ui_analyse.show_what_if(analysis)
        ui_analyse.show_why(choice, analysis)
        ui_analyse.show_quality(analysis)
        ui_analyse.show_downloads(choice, analysis)
        with sound:
            ui_analyse.show_sound(choice, analysis)
        with over_time:
            ui_analyse.show_over_time(choice, analysis)
