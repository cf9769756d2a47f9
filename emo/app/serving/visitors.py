"""Whose page is being made: the address that the visitor comes from."""

from typing import Any

from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from emo.server.quotas import address_group


def client_address() -> str:
    """Return the address, or network, of whoever has the page open; empty where nobody has it.

    The server's own, as the guard counts it: a proxy's word is taken where it is trusted.
    """
    context = get_script_run_ctx(suppress_warning=True)
    if context is None or not runtime.exists():
        return ""
    client: Any = runtime.get_instance().get_client(context.session_id)
    seen = getattr(getattr(client, "client_context", None), "remote_ip", None)
    return address_group(seen) if isinstance(seen, str) else ""
