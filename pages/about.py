"""What Emo is for and not for, its data, its measurements and its limits."""

from emo import ui, ui_about, ui_words

ui.begin(ui_words.ABOUT_TITLE, ui_words.ABOUT_LEAD)
ui_about.show_purpose()
ui_about.show_models()
ui_about.show_data()
ui_about.show_limits()
