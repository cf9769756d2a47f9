"""The visitor whose page is being run."""

from emo.app import streamlit_internals
from emo.server.quotas import address_group


def client_address() -> str:
    """Return the visitor's address group, see ``address_group``; empty outside of a page.

    It is the address that the quotas use: a proxy's header counts if the proxy is trusted.
    """
    address = streamlit_internals.client_address(streamlit_internals.current_session())
    return address_group(address) if address else ""
