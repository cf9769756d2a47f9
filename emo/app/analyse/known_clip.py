"""Notices on the page *Analyse* on whether the models were fitted to this clip."""

from pathlib import PurePosixPath

import streamlit as st

from emo.app import common
from emo.app import text as app_text
from emo.app.analyse import analysis, text
from emo.app.current_clip import ClipSource
from emo.app.teach import session
from emo.app.teach import text as teach_text
from emo.corpora.catalogue import read_stem

MATRICES_PAGE, TEACH_PAGE = "pages/confusion_matrices.py", "pages/teach.py"


def show_known(source: ClipSource) -> None:
    """Draw a notice for a clip of a training corpus, and one for an example of *Teach it*.

    An own file with the name of such a clip has a notice too, since it may be that clip.
    """
    training, held_out = source.training, common.held_out_speakers()
    if held_out is None:
        pass  # own models: what they were trained on may have other names
    elif training is not None:
        corpus = app_text.CORPUS_NAMES.get(training.corpus, training.corpus)
        is_held_out = training.speaker in held_out
        notice = (text.held_out if is_held_out else text.trained_on)(corpus, training.emotion)
        st.info(
            common.escape_markdown(notice),
            icon=":material/school:",
        )
        st.page_link(
            MATRICES_PAGE,
            label=text.BACK_TO_CELL,
            icon=":material/arrow_back:",
            query_params=dict(training.query),
        )
    elif source.is_own and (named := read_stem(PurePosixPath(source.name))) is not None:
        named_corpus, name = named
        is_held_out = name.speaker in held_out
        notice = text.named_as(named_corpus.title, name.emotion, is_held_out)
        st.info(common.escape_markdown(notice), icon=":material/school:")
    if not session.examples():
        return  # the answers to the whole clip may have to be computed
    example = session.example_of(analysis.predict_recorded(source))
    if example is not None:
        st.info(
            common.escape_markdown(teach_text.is_example(example.emotion)), icon=":material/school:"
        )
        st.page_link(TEACH_PAGE, label=teach_text.BACK_LABEL, icon=":material/arrow_back:")
