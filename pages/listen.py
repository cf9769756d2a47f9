"""The page *Listen*."""

from emo.app import common, navigation
from emo.app.listen import page, text
from emo.app.own.refusals import refuse_listen

common.start_page(text.TITLE, text.LEAD)
navigation.set_tab_title("listen")
if not refuse_listen():
    page.sync_with_address()
    page.show_game()
