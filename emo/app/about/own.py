"""Texts of the page *About* on own models."""

import streamlit as st

from emo.app import common, html
from emo.app.own import served, text
from emo.classifiers import storage
from emo.errors import ModelError
from emo.formatting import listed

HEADS = ("Model", "Clips", "Speakers", "Recordings", "Made by")


def show_models() -> None:
    """Draw what own models were trained on; nothing for those that come with Emo."""
    if not served.is_own():
        return
    rows = []
    for key in served.classifier_keys():
        try:
            info = storage.read_model_info(served.directory() / key)
        except ModelError:
            continue  # the page Analyse says which model is missing
        trained = info["trained_on"]
        rows.append(
            [
                info["name"],
                f"{trained['clips']:,}",
                f"{trained['speakers']:,}",
                listed(trained["corpora"]) if trained["corpora"] else "–",
                f"Emo {info['commit'][:12]}",
            ]
        )
    st.header(text.ABOUT_TITLE, anchor=False)
    st.markdown(common.escape_markdown(text.about(served.labels())))
    st.html(html.table(HEADS, rows, text.ABOUT_TITLE))
