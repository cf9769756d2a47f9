"""On the page of one clip: that the models know it, from training or from *Teach it*."""

import streamlit as st

from emo import ui, ui_analyse, ui_teach, ui_words
from emo import ui_teach_words as teach_words

MATRICES, TEACH = "pages/confusion_matrices.py", "pages/teach.py"


def show_known(choice: ui_analyse.Choice) -> None:
    """Nothing; says where the models know the clip from, with the label and the way back."""
    if choice.trained is not None:
        corpus = ui_words.CORPUS_NAMES.get(choice.trained.corpus, choice.trained.corpus)
        st.info(
            ui.plain(ui_words.trained_on(corpus, choice.trained.emotion)),
            icon=":material/school:",
        )
        st.page_link(
            MATRICES,
            label=ui_words.BACK_TO_CELL,
            icon=":material/arrow_back:",
            query_params=dict(choice.trained.address),
        )
    lesson = ui_teach.lesson_of(ui_analyse.recorded_whole(choice))
    if lesson is not None:
        st.info(ui.plain(teach_words.is_lesson(lesson.emotion)), icon=":material/school:")
        st.page_link(TEACH, label=teach_words.BACK_LABEL, icon=":material/arrow_back:")
