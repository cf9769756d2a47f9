"""Figures as files: a picture, a drawing and a table, made when they are asked for."""

from collections.abc import Callable

import streamlit as st

from emo import ui_closer_words as words
from emo.plates import as_png, as_svg
from emo.prints import Print, as_csv

_MIME = {"png": "image/png", "svg": "image/svg+xml", "csv": "text/csv"}


def show_save(make: Callable[[], Print], stem: str, key: str) -> None:
    """A button that opens the three kinds of file.

    Parameters
    ----------
    make
        Draws the figure; called when a file is asked for.
    stem
        Name of the files without their ending.
    key
        One for each figure of a page.
    """

    def content(kind: str) -> Callable[[], str | bytes]:
        if kind == "png":
            return lambda: as_png(make().plate)
        return lambda: as_svg(make().plate) if kind == "svg" else as_csv(make())

    with st.popover(words.SAVE, type="tertiary", icon=":material/download:", key=f"save-{key}"):
        for kind, label in words.KINDS.items():
            st.download_button(
                label,
                content(kind),
                f"{stem}.{kind}",
                _MIME[kind],
                key=f"save-{key}-{kind}",
                on_click="ignore",
                width="stretch",
            )
