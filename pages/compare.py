"""The page *Compare clips*."""

from emo.app import common, navigation
from emo.app.compare import inputs, page, sound, text
from emo.app.compare.collection import session_clips
from emo.app.notice import line

common.start_page(text.TITLE, text.LEAD)
navigation.set_tab_title("compare")
line.show_notice("compare")
page.read_url()
inputs.show_ways_in()
if session_clips().clips:
    sound.show_sound()
    entries = page.read_entries()
    page.show_progress(entries)
    table_filter = page.choose_filter()
    page.show_voice(entries)
    page.show_table(entries, table_filter)
    if not session_clips().pending():
        page.show_overview(entries)
    page.show_pair(entries)
    page.answer_more()
