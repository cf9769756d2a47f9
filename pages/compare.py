"""Show the page *Compare clips*."""

from emo.app import common
from emo.app.compare import collection, page
from emo.app.compare import text as words

common.start_page(words.TITLE, words.LEAD)
page.show_ways_in()
if collection.collection().given:
    page.show_progress()
    page.show_table(page.choose_view())
    page.show_pair()
    page.answer_more()
