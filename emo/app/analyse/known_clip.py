"""On the page of one clip: that the models know it, from training or from *Teach it*."""

import streamlit as st

from emo.app import common, current_clip, text
from emo.app.analyse import analysis
from emo.app.analyse import text as analyse_text
from emo.app.teach import session
from emo.app.teach import text as teach_words

MATRICES, TEACH = "pages/confusion_matrices.py", "pages/teach.py"


def show_known(choice: current_clip.Choice) -> None:
    """Nothing; says where the models know the clip from, with the label and the way back."""
    if choice.trained is not None:
        corpus = text.CORPUS_NAMES.get(choice.trained.corpus, choice.trained.corpus)
        st.info(
            common.escape_markdown(analyse_text.trained_on(corpus, choice.trained.emotion)),
            icon=":material/school:",
        )
        st.page_link(
            MATRICES,
            label=analyse_text.BACK_TO_CELL,
            icon=":material/arrow_back:",
            query_params=dict(choice.trained.address),
        )
    lesson = session.example_of(analysis.recorded_whole(choice))
    if lesson is not None:
        st.info(
            common.escape_markdown(teach_words.is_lesson(lesson.emotion)), icon=":material/school:"
        )
        st.page_link(TEACH, label=teach_words.BACK_LABEL, icon=":material/arrow_back:")
