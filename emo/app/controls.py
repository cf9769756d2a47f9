"""Values of widgets that outlast their page.

Streamlit keeps the value of a widget with ``persist_state="session"``.  The browser drops its copy
when the widget disappears, which may be a moment later than on the server: after a quick exchange
of files, or a page that is left and opened again at once, it starts the widget at its default while
the server assumes the old value.  Every widget is therefore drawn with its current value as its
default.

For that reason no widget is bound to the address (``bind="query-params"``), which needs a constant
default.  A bound widget would also put the options' labels into the address, and start with the
value of an address that holds no clip, where every new clip is to be shown as it was recorded.
"""

from collections.abc import Collection
from typing import Any

import streamlit as st


def value_of(key: str, default: Any, options: Collection[Any] | None = None) -> Any:
    """Return the value of a widget, displayed or not; pass it on as the default of the widget.

    Parameters
    ----------
    key
        Key of the widget, which must have ``persist_state="session"``.
    default
        Value of a widget that was never set.
    options
        Values that are possible at present; any other is replaced by ``default``.
    """
    value = st.session_state.get(key, default)
    if options is not None and value != default and value not in options:
        value = st.session_state[key] = default
    return value
