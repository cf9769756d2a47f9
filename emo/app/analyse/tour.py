"""A guide through the first minute, for someone who comes with nothing at hand.

It follows along as each step is done in whatever order, never covers a control for good, and is
gone for the session when it is hidden or done.
"""

from collections.abc import Collection
from html import escape

import streamlit as st

from emo.app.analyse import text as words

_DONE, _HIDDEN = "guide-done", "guide-hidden"


def note_step(step: str) -> None:
    """Nothing; a step was done, for good."""
    st.session_state.setdefault(_DONE, set()).add(step)


def hide_guide() -> None:
    """Nothing; the guide does not come back in this session."""
    st.session_state[_HIDDEN] = True


def current_step(done: Collection[str]) -> str | None:
    """The first step that is not done yet, None if all are."""
    return next((step for step in words.STEPS if step not in done), None)


def show_guide(errors_page: str) -> None:
    """Nothing; the steps with the current one in a sentence, unless the guide is hidden or done.

    Parameters
    ----------
    errors_page
        File of the page that the last step opens.
    """
    done: set[str] = st.session_state.get(_DONE, set())
    step = current_step(done)
    if step is None or st.session_state.get(_HIDDEN):
        return
    with st.container(key="guide", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(steps_html(done, step))
        if step == "errors":
            st.page_link(errors_page, label=words.NEXT_LABEL, icon=":material/arrow_forward:")
        st.button(
            words.HIDE_LABEL,
            key="hide-guide",
            on_click=hide_guide,
            type="tertiary",
            icon=":material/close:",
        )


def steps_html(done: Collection[str], current: str) -> str:
    """All steps as a list, those that are done with a tick, and the sentence of the current one."""
    rows = "".join(_step_html(key, done, current) for key in words.STEPS)
    number = list(words.STEPS).index(current) + 1
    progress = words.progress(number, len(words.STEPS))
    return (
        f'<section class="emo-guide" aria-label="{escape(words.GUIDE_LABEL)}" '
        f'data-emo-guide="{escape(current)}"><ol>{rows}</ol>'
        f'<p role="status"><span class="emo-unseen">{escape(progress)}: </span>'
        f"{escape(words.STEPS[current][1])}</p></section>"
    )


def _step_html(key: str, done: Collection[str], current: str) -> str:
    name = escape(words.STEPS[key][0])
    if key in done:
        unseen = f'<span class="emo-unseen">, {escape(words.DONE)}</span>'
        return f'<li class="emo-step-done"><span>{name}{unseen}</span></li>'
    mark = ' aria-current="step"' if key == current else ""
    return f"<li{mark}><span>{name}</span></li>"
