"""What Emo is for and not for, its data, its measurements and its limits."""

from emo.app import common
from emo.app.about import page
from emo.app.about import text as words

common.begin(words.TITLE, words.LEAD)
page.show_purpose()
page.show_models()
page.show_data()
page.show_limits()
