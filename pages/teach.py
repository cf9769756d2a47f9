"""Teach the models a voice: a few clips of one's own for each emotion, for this session."""

from emo import ui, ui_teach, ui_teach_words

ui.begin(ui_teach_words.TITLE, ui_teach_words.LEAD)
ui_teach.show_ways_in()
ui_teach.hear_what_was_given()
ui_teach.show_lessons()
ui_teach.show_learned()
ui_teach.show_files()
