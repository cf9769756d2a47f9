"""The page *Listen*."""

from emo.app import common
from emo.app.listen import page, text

common.start_page(text.TITLE, text.LEAD)
page.sync_with_address()
page.show_game()
