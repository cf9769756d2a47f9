"""What was measured of a recording, and what in it may be why a model is unsure."""

import streamlit as st

from emo.app import common, html
from emo.app.analyse import text as words
from emo.features.quality import quality_warnings
from emo.inference.predictor import Prediction


def show_doubts(prediction: Prediction) -> None:
    """Nothing; says what in the recording speaks against its answers, if anything does."""
    quality = prediction.quality
    told = words.concern_of(quality_warnings(quality), bool(prediction.unsure))
    if told:
        st.info(common.escape_markdown(told), icon=":material/hearing:")


def show_quality(prediction: Prediction, is_part: bool, is_altered: bool) -> None:
    """Nothing; shows the figures of what was answered in a row.

    Parameters
    ----------
    is_part, is_altered
        Whether that is a selected part, and whether it was altered.
    """
    with st.container(border=True, key="quality"):
        st.subheader(words.quality_title(is_part, is_altered), anchor=False)
        st.html(html.scores(words.figures(prediction.quality)))
        st.caption(words.QUALITY_NOTE)
