"""A guide through the first minute, for someone who comes with nothing at hand.

It follows along as each step is done in whatever order, never covers a control for good, and is
gone for the session when it is hidden or done.
"""

from collections.abc import Collection

import streamlit as st
from markupsafe import Markup

from emo.app import html
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


def steps_html(done: Collection[str], current: str) -> Markup:
    """Return all steps as a list, a tick at those done, and the sentence of the current one."""
    steps = [
        {"name": name, "is_done": key in done, "is_current": key == current}
        for key, (name, _) in words.STEPS.items()
    ]
    number = list(words.STEPS).index(current) + 1
    return html.render(
        "page",
        "guide",
        label=words.GUIDE_LABEL,
        current=current,
        steps=steps,
        progress=words.progress(number, len(words.STEPS)),
        sentence=words.STEPS[current][1],
        done_text=words.DONE,
    )
