"""Show the page *Teach it*."""

from emo.app import common
from emo.app.teach import page, text

common.start_page(text.TITLE, text.LEAD)
page.show_ways_in()
page.process_pending()
page.show_examples()
page.show_fitted()
page.show_files()
