"""Show the page *About*."""

from emo.app import common, navigation
from emo.app.about import page
from emo.app.about.own import show_models

common.start_page(*page.introduction())
navigation.set_tab_title("about")
show_models()
page.show_sections()
