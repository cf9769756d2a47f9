"""What each classifier answered for clips whose acted emotion is known."""

from emo.app import common
from emo.app.analyse import tour
from emo.app.matrices import diagnostics, page, selection
from emo.app.matrices import text as matrices_text

common.begin(matrices_text.MATRICES_TITLE, matrices_text.MATRICES_LEAD)
tour.note_step("errors")
metrics = common.metrics_or_sentence()
if metrics:
    view = selection.choose_view(metrics)
    drawn = page.show_matrices(metrics, view)
    diagnostics.show_closer(view, drawn)
    page.show_old_figures(metrics)
    page.show_provenance(metrics, view, drawn)
