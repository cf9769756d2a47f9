"""Show the page *Confusion matrices*."""

from emo.app import common, navigation
from emo.app.analyse import guide
from emo.app.matrices import diagnostics, guests, own, page, selection, text
from emo.app.own import served
from emo.app.own import text as own_text

is_own = served.is_own()
common.start_page(text.MATRICES_TITLE, own_text.MATRICES_LEAD if is_own else text.MATRICES_LEAD)
navigation.set_tab_title("confusion_matrices")
guide.complete_step("errors")
metrics = common.metrics_or_notice()
if metrics and is_own:
    own.show_matrices(metrics)
elif metrics:
    matrix_filter = selection.choose_filter(metrics)
    metrics = guests.with_guests(metrics, matrix_filter.protocol, matrix_filter.source_protocol)
    scores = page.show_matrices(metrics, matrix_filter)
    diagnostics.show_diagnostics(matrix_filter, scores)
    page.show_provenance(metrics, matrix_filter, scores)
