"""The measured quality of a recording, and the faults that may make a model unsure."""

import streamlit as st

from emo.app import common, html
from emo.app.analyse import text
from emo.features.quality import quality_warnings
from emo.inference.predictor import Prediction


def show_warnings(prediction: Prediction) -> None:
    """Draw the warnings about the quality of the recording, if there are any."""
    warnings = quality_warnings(prediction.quality)
    if warnings:
        paragraph = text.quality_paragraph(warnings, bool(prediction.unsure))
        st.info(common.escape_markdown(paragraph), icon=":material/hearing:")


def show_quality(prediction: Prediction, is_part: bool, is_altered: bool) -> None:
    """Draw the measured figures.

    Parameters
    ----------
    is_part, is_altered
        Whether a part of the clip was analysed, and whether it was altered.
    """
    with st.container(border=True, key="quality"):
        st.subheader(text.quality_title(is_part, is_altered), anchor=False)
        st.html(html.scores(text.figures(prediction.quality)))
        st.caption(text.QUALITY_NOTE)
