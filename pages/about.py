"""Show the page *About*."""

from emo.app import common
from emo.app.about import page

common.start_page(*page.introduction())
page.show_sections()
