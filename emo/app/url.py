"""The state of a page in its address, so that a link opens what was seen."""

from collections.abc import Collection, Mapping

import streamlit as st


def asked(name: str, allowed: Collection[str]) -> str | None:
    """What the address asks for under a name; None if nothing, or nothing that there is."""
    value = st.query_params.get(name)
    return value if value in allowed else None


def show(state: Mapping[str, str]) -> None:
    """Nothing; puts the state into the address, without what is empty."""
    wanted = {name: value for name, value in state.items() if value}
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)


_ACTED = "acted"


def mark_user_action() -> None:
    """Nothing; call it from a callback: a person changed what the page shows."""
    st.session_state[_ACTED] = True


def pop_user_action() -> bool:
    """Return whether a person changed what the page shows since this was asked last."""
    return bool(st.session_state.pop(_ACTED, False))
