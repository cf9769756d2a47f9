"""Who may come in: the names of this server, the senders of uploads, and connections at all."""

import asyncio
import logging
import os
from typing import Any

from starlette.requests import cookie_parser
from streamlit import config, runtime
from streamlit.web.server.server_util import is_xsrf_enabled
from streamlit.web.server.starlette.starlette_app_utils import validate_xsrf_token
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME

from emo.server import connections
from emo.server.connections import ConnectionLimiter, matches_any
from emo.server.hosts import AllowedHosts, parse_hosts
from emo.server.messages import MAX_BYTES
from emo.server.telemetry import TELEMETRY

LOG = logging.getLogger("emo.server")

SWEEP_S = 1.0
"""How often connections that ask for nothing are looked for."""


def allowed_hosts() -> AllowedHosts:
    """Return the names that the settings give to this server, besides this machine's own.

    Those of ``EMO_HOST``, with commas between them, and of Streamlit's settings
    ``server.allowedHosts``, ``server.corsAllowedOrigins``, and of its addresses where they are set.
    """
    names = os.environ.get("EMO_HOST", "").split(",")
    for option in ("server.allowedHosts", "server.corsAllowedOrigins"):
        names += [str(name) for name in config.get_option(option) or ()]
    for option in ("server.address", "browser.serverAddress"):
        if config.is_manually_set(option):
            names.append(str(config.get_option(option)))
    return parse_hosts(names)


def check_sender(session: str, token: str, cookies: str) -> int:
    """Return 403 where an upload has not the token of a page, 400 where it has no page, else 0."""
    if is_xsrf_enabled():
        cookie = cookie_parser(cookies).get(XSRF_COOKIE_NAME)
        if not validate_xsrf_token(token, cookie):
            return 403
    if not runtime.exists() or not runtime.get_instance().is_active_session(session):
        return 400
    return 0


def limit_connections(loop: asyncio.AbstractEventLoop) -> ConnectionLimiter:
    """Return the connections of the server that is about to be started in a loop, as it is limited.

    uvicorn makes its protocols in `asyncio.loop.create_server`, which it calls once the application
    has begun.
    """
    proxies = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1").split(",")
    found = ConnectionLimiter(
        connections.max_connections(connections.raise_file_limit()),
        lambda address: matches_any(address, proxies),
        lambda reason: TELEMETRY.count("emo_refused_total", reason=reason),
    )
    create = loop.create_server

    def watched(factory: Any, *args: Any, **named: Any) -> Any:
        return create(found.watch(_with_small_messages(factory)), *args, **named)

    try:
        loop.create_server = watched  # type: ignore[method-assign, assignment]
    except AttributeError:  # a loop that is not written in Python
        LOG.warning("connections are not limited, because the event loop cannot be extended")
    TELEMETRY.watch("emo_connections_open", lambda: found.n_open)
    return found


def _with_small_messages(factory: connections.Factory) -> connections.Factory:
    """Return what makes protocols that keep no more of a page's message than is looked at."""

    def make() -> asyncio.Protocol:
        protocol = factory()
        settings: Any = getattr(protocol, "config", None)
        if settings is not None:
            settings.ws_max_size = min(settings.ws_max_size, 2 * MAX_BYTES)
        return protocol

    return make


async def watch_connections(found: ConnectionLimiter) -> None:
    """End connections that ask for nothing, over and over."""
    while True:
        await asyncio.sleep(SWEEP_S)
        try:
            found.sweep()
        except Exception:
            LOG.exception("connections could not be looked through")
