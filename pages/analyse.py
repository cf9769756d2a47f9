"""Analyse one voice: the classifiers say which emotion it resembles, and why."""

from emo.app import common, current_clip, navigation
from emo.app.analyse import downloads, inputs, page, text
from emo.app.notice import line

common.start_page(text.ANALYSE_TITLE, page.lead())
page.sync_with_address()
source = current_clip.get_source()
navigation.set_tab_title("analyse", "" if source is None else source.name)
page.show_guide()
line.show_notice("analyse")
described = inputs.show_inputs(downloads.delete_clip)
if source is None:
    page.show_invitation()
else:
    page.show_stage(source, described)
page.show_foot(source is not None)
