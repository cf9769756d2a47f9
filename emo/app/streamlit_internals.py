"""The parts of Streamlit that are not its public API: all uses of them are here.

They may change with every version of Streamlit.  ``find_missing`` names those that are not there,
and a test runs it whenever the pinned version is not ``VERSION``.
"""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.requests import cookie_parser
from streamlit import config, runtime
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.caching.ttl_cache import TTLCache
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils import script_run_context
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager
from streamlit.web.server.server_util import is_xsrf_enabled
from streamlit.web.server.starlette.starlette_app_utils import validate_xsrf_token
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME

VERSION = "1.67.0"
"""Version of Streamlit with which this module was checked."""

ATTRIBUTES: dict[type, tuple[str, ...]] = {
    Runtime: ("_session_mgr", "uploaded_file_mgr", "get_client", "is_active_session"),
    WebsocketSessionManager: ("_session_storage", "get_active_session_info"),
    MemorySessionStorage: ("_cache",),
    TTLCache: ("expire",),
    AppSession: ("_state", "_client_state", "request_rerun", "shutdown", "session_state"),
    MemoryUploadedFileManager: ("file_storage", "remove_file"),
}
"""Attributes of Streamlit's classes that this module uses, private and public."""


_SCRIPT = re.compile(r"\./static/js/([\w.-]+\.js)")
_IMPORT = re.compile(r'(?:from|import)"\./([\w.-]+\.js)"')
_IMPORTS_CHARS = 20_000
"""Imports stand at the start of a script; the one for charts has 4.7 MB."""


def find_missing() -> list[str]:
    """Return the attributes in ``ATTRIBUTES`` that the installed Streamlit does not have.

    An attribute of instances counts if the class's ``__init__`` names it.
    """
    missing = []
    for owner, names in ATTRIBUTES.items():
        set_by_init = vars(owner)["__init__"].__code__.co_names
        missing += [
            f"{owner.__module__}.{owner.__qualname__}.{name}"
            for name in names
            if not hasattr(owner, name) and name not in set_by_init
        ]
    return missing


def index_html() -> str:
    """Return the HTML of Streamlit's page."""
    return (_static() / "index.html").read_text(encoding="utf-8")


def element_scripts(elements: Sequence[str]) -> list[str]:
    """Return the addresses of Streamlit's scripts for elements, relative to its page.

    Each is followed by the scripts that it imports, without those that the page itself names.

    Parameters
    ----------
    elements
        Names of elements as Streamlit's browser code has them, such as "PlotlyChart"; one without
        a script is left out.
    """
    folder = _static() / "static" / "js"
    own = set(_SCRIPT.findall(index_html()))
    found: list[str] = []

    def add(name: str) -> None:
        if name in own or name in found or not (folder / name).is_file():
            return
        found.append(name)
        with (folder / name).open(encoding="utf-8") as file:
            imported = _IMPORT.findall(file.read(_IMPORTS_CHARS))
        for other in imported:
            add(other)

    for element in elements:
        for path in sorted(folder.glob(f"{element}.*.js")):
            add(path.name)
    return [f"./static/js/{name}" for name in found]


def _static() -> Path:
    return Path(st.__file__).parent / "static"


def base_path() -> str:
    """Return the path under which the server has its pages, such as "/emo"; empty for "/"."""
    path = str(config.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


def server_address() -> str:
    """Return the address on which the server listens; empty for all of this machine."""
    return str(config.get_option("server.address") or "")


def xsrf_cookie() -> str:
    """Return the name of the cookie with the XSRF token of a page."""
    return XSRF_COOKIE_NAME


# --- Sessions ------------------------------------------------------------------------------------


def current_session() -> str:
    """Return the id of the session whose script this thread runs; empty if it runs none."""
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context is not None else ""


def allow_no_session() -> None:
    """Do not log that a thread runs no session: those that answer live microphones run none."""
    logging.getLogger(script_run_context.__name__).setLevel(logging.ERROR)


def is_history_navigation() -> bool:
    """Return whether this run shows an address that Back or Forward of the browser chose."""
    context = get_script_run_ctx(suppress_warning=True)
    return bool(getattr(context, "is_history_navigation", False))


def client_address(session: str) -> str:
    """Return the address of a session's client, as the server knows it; empty if unknown."""
    if not session or not runtime.exists():
        return ""
    client: Any = runtime.get_instance().get_client(session)
    address = getattr(getattr(client, "client_context", None), "remote_ip", None)
    return address if isinstance(address, str) else ""


def has_page(session: str) -> bool:
    """Return whether a session has an open page."""
    return runtime.exists() and runtime.get_instance().is_active_session(session)


def rerun_if_idle(session: str) -> bool:
    """Request a rerun of a session's page with the last state of its widgets.

    Returns
    -------
    bool
        False if the page is being run now, and no rerun was requested: that would stop the run and
        lose the click or file that it began with.  True also for a session without a page.
    """
    manager: Any = runtime.get_instance()._session_mgr
    info = manager.get_active_session_info(session)
    page: Any = info.session if info is not None else None
    if page is None:
        return True
    if page._state is not AppSessionState.APP_NOT_RUNNING:
        return False
    page.request_rerun(page._client_state)
    return True


def drop_expired_sessions() -> int:
    """Drop the sessions whose pages were closed long ago, with their files; return their number.

    Streamlit itself drops them only when the next page is closed.
    """
    manager: Any = runtime.get_instance()._session_mgr
    expired = [info.session for _, info in manager._session_storage._cache.expire()]
    for session in expired:
        # Streamlit's event loop still refers to the last session, so its state is cleared too.
        session.shutdown()
        session.session_state.clear()
    return len(expired)


# --- Uploads -------------------------------------------------------------------------------------


def uploaded_files(session: str) -> dict[str, Any]:
    """Return the uploaded files of a session by their ids; each has its bytes as ``data``."""
    if not runtime.exists():
        return {}
    manager: Any = runtime.get_instance().uploaded_file_mgr
    return dict(manager.file_storage.get(session, {}))


def file_of(session: str, file_id: str) -> bytes | None:
    """Return the bytes of an uploaded file of a session; None if there is no such file."""
    file = uploaded_files(session).get(file_id)
    return None if file is None else bytes(file.data)


def remove_file(session: str, file_id: str) -> None:
    """Remove an uploaded file of a session."""
    manager: Any = runtime.get_instance().uploaded_file_mgr
    manager.remove_file(session, file_id)


def has_valid_token(token: str, cookies: str) -> bool:
    """Return whether an upload has the XSRF token of its page, or Streamlit's check is off.

    Parameters
    ----------
    token, cookies
        The headers ``X-Xsrftoken`` and ``Cookie``.
    """
    if not is_xsrf_enabled():
        return True
    return validate_xsrf_token(token, cookie_parser(cookies).get(XSRF_COOKIE_NAME))


def configured_hosts() -> list[str]:
    """Return the host names that Streamlit's settings name."""
    names = [
        str(name)
        for option in ("server.allowedHosts", "server.corsAllowedOrigins")
        for name in config.get_option(option) or ()
    ]
    for option in ("server.address", "browser.serverAddress"):
        if config.is_manually_set(option):
            names.append(str(config.get_option(option)))
    return names
