"""A guide through the first minute, for a visitor who has no recording at hand.

Its steps can be done in any order, and each is ticked once it was done.  The guide covers no
control.  It goes once it was hidden or completed, and comes back when the visitor asks for it.
"""

from collections.abc import Collection

import streamlit as st
from markupsafe import Markup

from emo.app import html
from emo.app.analyse import text

_DONE, _HIDDEN, _ASKED_FOR = "guide-done", "guide-hidden", "guide-asked-for"


def complete_step(step: str) -> None:
    """Mark a step as done for the session."""
    st.session_state.setdefault(_DONE, set()).add(step)


def hide_guide() -> None:
    """Hide the guide for the session."""
    st.session_state[_HIDDEN] = True


def start_again() -> None:
    """Show the guide again; the steps that are still to be seen on the page are ticked."""
    st.session_state[_DONE] = set()
    st.session_state[_HIDDEN] = False
    st.session_state[_ASKED_FOR] = True


def hide_for_link() -> None:
    """Hide the guide from a visitor who came by a link, unless the visitor asked for it."""
    if not st.session_state.get(_ASKED_FOR):
        hide_guide()


def is_shown() -> bool:
    """Return True if the guide is neither hidden nor completed."""
    is_left = current_step(st.session_state.get(_DONE, set())) is not None
    return is_left and not st.session_state.get(_HIDDEN)


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
    if step is None or not is_shown():
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


def show_way_back() -> None:
    """Draw the button that shows the guide again, while it is not there."""
    if not is_shown():
        st.button(
            text.SHOW_LABEL,
            key="show-guide",
            on_click=start_again,
            type="tertiary",
            icon=":material/route:",
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
