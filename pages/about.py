"""Show the page *About*."""

from emo.app import common, navigation
from emo.app.about import page

common.start_page(*page.introduction())
navigation.set_tab_title("about")
page.show_sections()
