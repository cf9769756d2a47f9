"""What each classifier answered for clips whose acted emotion is known."""

from emo import ui, ui_matrices, ui_words

ui.begin(ui_words.MATRICES_TITLE, ui_words.MATRICES_LEAD)
metrics = ui.metrics_or_sentence()
if metrics:
    view = ui_matrices.choose_view(metrics)
    ui_matrices.show_matrices(metrics, view)
    ui_matrices.show_per_class(metrics, view)
    ui_matrices.show_curves(view)
    ui_matrices.show_old_figures(metrics)
    ui_matrices.show_provenance(metrics, view)
