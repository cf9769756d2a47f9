"""The page *Compare clips*."""

from emo.app import common
from emo.app.compare import page, text
from emo.app.compare.collection import session_clips

common.start_page(text.TITLE, text.LEAD)
page.show_ways_in()
if session_clips().clips:
    page.show_progress()
    page.show_table(page.choose_filter())
    page.show_pair()
    page.answer_more()
