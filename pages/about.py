"""What Emo is for and not for, its data, its measurements and its limits."""

from emo import ui, ui_about
from emo import ui_about_words as words

ui.begin(words.TITLE, words.LEAD)
ui_about.show_purpose()
ui_about.show_models()
ui_about.show_data()
ui_about.show_limits()
