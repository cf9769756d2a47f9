"""Access to the server: its host names, the senders of uploads, and the number of connections."""

import asyncio
import logging
import os
from typing import Any

from emo.app import streamlit_internals
from emo.server import connections
from emo.server.connections import ConnectionLimiter, matches_any
from emo.server.hosts import AllowedHosts, is_local, parse_hosts
from emo.server.messages import MAX_BYTES
from emo.server.settings import read_settings
from emo.server.telemetry import TELEMETRY

LOG = logging.getLogger("emo.server")

SWEEP_S = 1.0
"""Time between two searches for idle connections."""


def allowed_hosts() -> AllowedHosts:
    """Return the host names from the settings.

    They are those of ``EMO_HOST``, separated by commas, and of Streamlit's settings
    ``server.allowedHosts``, ``server.corsAllowedOrigins``, and of its addresses if they are set.
    """
    names = os.environ.get("EMO_HOST", "").split(",")
    return parse_hosts([*names, *streamlit_internals.configured_hosts()])


def is_public() -> bool:
    """Return whether other machines can reach the server: by its address, or through a proxy.

    A proxy is assumed where a host name is allowed that is not of this machine alone.
    """
    return not is_local(streamlit_internals.server_address()) or allowed_hosts().has_public_names


def check_sender(session: str, token: str, cookies: str) -> int:
    """Return the HTTP status with which an upload is rejected, or 0.

    403 means that it has no page's token, and 400 that its session has no open page.
    """
    if not streamlit_internals.has_valid_token(token, cookies):
        return 403
    return 0 if streamlit_internals.has_page(session) else 400


def limit_connections(loop: asyncio.AbstractEventLoop) -> ConnectionLimiter:
    """Limit the connections of the server that an event loop is about to start.

    uvicorn makes its protocols in ``asyncio.loop.create_server``, which it calls after the
    application has started.
    """
    proxies = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1").split(",")
    max_pages = max(2, int(read_settings().address_pages))
    limiter = ConnectionLimiter(
        connections.max_connections(connections.raise_file_limit()),
        connections.PER_PAGE * max_pages,
        lambda address: matches_any(address, proxies),
        lambda reason: TELEMETRY.rejected.labels(reason).inc(),
    )
    create_server = loop.create_server

    def create_limited_server(factory: Any, *args: Any, **kwargs: Any) -> Any:
        return create_server(limiter.wrap(_limit_message_size(factory)), *args, **kwargs)

    try:
        loop.create_server = create_limited_server  # type: ignore[method-assign, assignment]
    except AttributeError:  # an event loop that is not written in Python
        LOG.warning("connections are not limited, because the event loop cannot be extended")
    TELEMETRY.open_connections.set_function(lambda: limiter.n_open)
    return limiter


def _limit_message_size(factory: connections.Factory) -> connections.Factory:
    """Return a factory of protocols that buffer no more of a page's message than is read."""

    def make_protocol() -> asyncio.Protocol:
        protocol = factory()
        settings: Any = getattr(protocol, "config", None)
        if settings is not None:
            settings.ws_max_size = min(settings.ws_max_size, 2 * MAX_BYTES)
        return protocol

    return make_protocol


async def close_idle_connections(limiter: ConnectionLimiter) -> None:
    """Close idle connections again and again, until the task is cancelled."""
    while True:
        await asyncio.sleep(SWEEP_S)
        try:
            limiter.sweep()
        except Exception:
            LOG.exception("idle connections could not be closed")
