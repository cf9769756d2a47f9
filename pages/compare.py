"""Give it several clips, and see where three classifiers agree and where they do not."""

from emo import ui, ui_compare
from emo import ui_compare_words as words

ui.begin(words.TITLE, words.LEAD)
ui_compare.show_ways_in()
if ui.collection().given:
    ui_compare.show_progress()
    ui_compare.show_table(ui_compare.choose_view())
    ui_compare.show_pair()
    ui_compare.answer_more()
