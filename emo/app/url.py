"""The state of a page in its address, so that a link opens what was seen."""

from collections.abc import Collection, Mapping

import streamlit as st

from emo.app import navigation, streamlit_internals

_READ = "address-read-in-visit"


def is_opened(part: str) -> bool:
    """Return True at the first call for a part of a page after the page was opened.

    Only then the address counts, and where Back or Forward chose it; else it follows the widgets.
    """
    visits: dict[str, int] = st.session_state.setdefault(_READ, {})
    is_first = visits.get(part) != navigation.visit_number()
    visits[part] = navigation.visit_number()
    return is_first or is_returned()


def is_returned() -> bool:
    """Return True if Back or Forward of the browser chose the address, which then says all."""
    return streamlit_internals.is_history_navigation()


def read(name: str, allowed: Collection[str]) -> str | None:
    """Return the value of a parameter of the address; None if it is missing or not allowed."""
    value = st.query_params.get(name)
    return value if value in allowed else None


def write(state: Mapping[str, str]) -> None:
    """Set the parameters of the address to a state, without those that are empty."""
    params = {name: value for name, value in state.items() if value}
    if st.query_params.to_dict() != params:
        st.query_params.from_dict(params)
