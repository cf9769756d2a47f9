"""Show the page *Confusion matrices*."""

from emo.app import common, navigation
from emo.app.analyse import guide
from emo.app.matrices import diagnostics, guests, page, selection, text

common.start_page(text.MATRICES_TITLE, text.MATRICES_LEAD)
navigation.set_tab_title("confusion_matrices")
guide.complete_step("errors")
metrics = common.metrics_or_notice()
if metrics:
    matrix_filter = selection.choose_filter(metrics)
    metrics = guests.with_guests(metrics, matrix_filter.protocol, matrix_filter.source_protocol)
    scores = page.show_matrices(metrics, matrix_filter)
    diagnostics.show_diagnostics(matrix_filter, scores)
    page.show_provenance(metrics, matrix_filter, scores)
