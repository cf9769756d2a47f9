"""What each classifier answered for clips whose acted emotion is known."""

from emo import ui, ui_closer, ui_guide, ui_matrices, ui_view, ui_words

ui.begin(ui_words.MATRICES_TITLE, ui_words.MATRICES_LEAD)
ui_guide.note_step("errors")
metrics = ui.metrics_or_sentence()
if metrics:
    view = ui_view.choose_view(metrics)
    drawn = ui_matrices.show_matrices(metrics, view)
    ui_closer.show_closer(view, drawn)
    ui_matrices.show_old_figures(metrics)
    ui_matrices.show_provenance(metrics, view, drawn)
