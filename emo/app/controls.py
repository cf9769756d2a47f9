"""What a person set in the widgets of the pages, kept for the session.

Streamlit and the browser each hold the value of a widget, and each drops it when the widget is not
drawn, but not in the same moment: a file that is exchanged by mouse takes the widgets of a page
away and brings them back before the browser has seen them go.  A value that was dropped begins
again at the default of its widget.  Therefore the default is always what is kept here, which
nothing changes but a person, a link, or a button of the page.
"""

from collections.abc import Collection
from typing import Any

import streamlit as st

_KEPT = "controls"


def kept(key: str, usual: Any) -> Any:
    """Return what is set in a widget, drawn or not; ``usual`` where nobody set anything."""
    return _values().get(key, usual)


def hold(key: str, usual: Any, options: Collection[Any] | None = None) -> Any:
    """Return the default to draw a widget with, which it then shows; call it just before.

    Parameters
    ----------
    key
        Of the widget, whose ``on_change`` must call :func:`note`.
    usual
        What the widget shows before anybody touched it.
    options
        What can be set at present; what is kept and no longer among them becomes ``usual``.
    """
    value = kept(key, usual)
    if options is not None and value not in options:
        value = usual
    _values()[key] = value
    if key in st.session_state and st.session_state[key] != value:
        st.session_state[key] = value
    return value


def note(key: str) -> None:
    """Keep what a person set in a widget; to be its ``on_change``."""
    _values()[key] = st.session_state[key]


def is_new(key: str) -> bool:
    """Return whether a widget holds another value than what is kept.

    Its ``on_change`` is called, too, when the browser repeats a value, as the page was away for a
    moment.
    """
    values = _values()
    return key not in values or bool(values[key] != st.session_state[key])


def forget(prefix: str) -> None:
    """Have all widgets whose keys begin so show what is usual again."""
    for key in [key for key in _values() if key.startswith(prefix)]:
        del _values()[key]


def put(key: str, value: Any) -> None:
    """Set a widget from the page itself, before it is drawn."""
    _values()[key] = value
    st.session_state[key] = value


def _values() -> dict[str, Any]:
    values: dict[str, Any] = st.session_state.setdefault(_KEPT, {})
    return values
