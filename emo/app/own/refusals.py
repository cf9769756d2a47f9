"""Why a page is not there for own models."""

import streamlit as st

from emo.app.own import served, text


def refuse_listen() -> bool:
    """Draw why the page Listen is not there for models with other labels; return whether so."""
    if served.model_set().is_seven:
        return False
    st.info(text.NEEDS_SEVEN.format("Listen"))
    return True


def refuse_teach() -> bool:
    """Draw why the page Teach it is not there for own models; return whether so."""
    if not served.is_own():
        return False
    st.info(text.NO_ADAPTATION)
    return True
