"""Show the page *Confusion matrices*."""

from emo.app import common
from emo.app.analyse import guide
from emo.app.matrices import diagnostics, page, selection
from emo.app.matrices import text as matrices_text

common.start_page(matrices_text.MATRICES_TITLE, matrices_text.MATRICES_LEAD)
guide.complete_step("errors")
metrics = common.metrics_or_notice()
if metrics:
    matrix_filter = selection.choose_filter(metrics)
    drawn = page.show_matrices(metrics, matrix_filter)
    diagnostics.show_diagnostics(matrix_filter, drawn)
    page.show_provenance(metrics, matrix_filter, drawn)
