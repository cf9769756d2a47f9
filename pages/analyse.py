"""Analyse one voice: the classifiers say which emotion it resembles, and why."""

from emo.app import common, current_clip
from emo.app.analyse import downloads, inputs, page, text

common.start_page(text.ANALYSE_TITLE, page.lead())
page.sync_with_address()
page.show_guide()
described = inputs.show_inputs(downloads.delete_clip)
source = current_clip.get_source()
if source is None:
    page.show_invitation()
else:
    page.show_stage(source, described)
