"""A guide through the first minute, for a visitor who has no recording at hand.

Its steps can be done in any order.  It never covers a control, and does not come back in a session
once it was hidden or completed.
"""

from collections.abc import Collection

import streamlit as st
from markupsafe import Markup

from emo.app import html
from emo.app.analyse import text

_DONE, _HIDDEN = "guide-done", "guide-hidden"


def complete_step(step: str) -> None:
    """Mark a step as done for the session."""
    st.session_state.setdefault(_DONE, set()).add(step)


def hide_guide() -> None:
    """Hide the guide for the session."""
    st.session_state[_HIDDEN] = True


def current_step(done: Collection[str]) -> str | None:
    """Return the first step that is not done; None if all are."""
    return next((step for step in text.STEPS if step not in done), None)


def show_guide(errors_page: str) -> None:
    """Draw the steps and the sentence of the current one, unless hidden or completed.

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
            st.page_link(errors_page, label=text.NEXT_LABEL, icon=":material/arrow_forward:")
        st.button(
            text.HIDE_LABEL,
            key="hide-guide",
            on_click=hide_guide,
            type="tertiary",
            icon=":material/close:",
        )


def steps_html(done: Collection[str], current: str) -> Markup:
    """Return all steps as a list in HTML, and the sentence of the current one."""
    steps = [
        {"name": name, "is_done": key in done, "is_current": key == current}
        for key, (name, _) in text.STEPS.items()
    ]
    number = list(text.STEPS).index(current) + 1
    return html.render(
        "page",
        "guide",
        label=text.GUIDE_LABEL,
        current=current,
        steps=steps,
        progress=text.progress(number, len(text.STEPS)),
        sentence=text.STEPS[current][1],
        done_text=text.DONE,
    )
