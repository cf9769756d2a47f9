"""Limits on open TCP connections: in all, by address, and by how long one may be idle.

An idle connection costs its client next to nothing, and the server a file descriptor.  Where there
is no room for a new connection, the one that has been idle longest is closed.
"""

import asyncio
import contextlib
import ipaddress
import socket
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from emo.server.quotas import Bucket, address_group

Factory = Callable[[], asyncio.Protocol]

IDLE_TIMEOUT_S = 10.0
"""Time in which a connection must send a request, and may stay open without one."""

PER_PAGE = 8
"""Connections of an address for each of its pages: a browser loads a page over six, and two more
are the websockets of the page and of its microphone."""

OPEN_BURST, OPENS_PER_S = 600, 50.0
"""Connections that an address may open without a pause, and per second in the long run."""

WANTED_FILES = 16_384
"""File descriptors that the process requests from the system."""

FILES_OF_SESSION = 3
"""Descriptors of a page besides its connection: those of its asyncio event loop."""

MAX_IDLE_CANDIDATES = 16
"""Oldest connections of an address among which the one that is idle longest is searched."""


def raise_file_limit(wanted: int = WANTED_FILES) -> int:
    """Raise the limit of open files as far as the system allows, and return it."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    best = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= best:
        return wanted if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (best, hard))
    except (OSError, ValueError):
        return soft
    return best


def max_connections(n_files: int) -> int:
    """Return the number of connections for which a number of file descriptors suffices."""
    return max(16, n_files // 2)


def max_pages(n_files: int) -> int:
    """Return the number of open pages for which a number of file descriptors suffices."""
    return max(4, (n_files // 2 - 64) // FILES_OF_SESSION)


def matches_any(address: str, proxies: Sequence[str]) -> bool:
    """Return whether an address matches one of a list of addresses, networks, or ``*``."""
    for proxy in proxies:
        text = proxy.strip()
        if text in ("*", address):
            return True
        try:
            if ipaddress.ip_address(address) in ipaddress.ip_network(text):
                return True
        except ValueError:
            continue
    return False


class _Connection:
    """An open connection, and since when it has been idle."""

    def __init__(self, transport: asyncio.Transport, now_s: float) -> None:
        self.transport = transport
        self.idle_since_s = now_s
        self._last_request: object = None

    def update(self, now_s: float) -> None:
        """Reset the idle time if a request arrived since the last call."""
        request = _current_request(self.transport)
        if request is not self._last_request:
            self._last_request, self.idle_since_s = request, now_s

    @property
    def is_idle(self) -> bool:
        """True if no request is being answered; the websocket of a page is never idle."""
        protocol = self.transport.get_protocol()
        if not hasattr(protocol, "cycle"):
            return False
        cycle: Any = protocol.cycle
        return cycle is None or bool(cycle.response_complete)


def _current_request(transport: asyncio.Transport) -> object:
    """Return the object that uvicorn's HTTP protocol keeps for the last request."""
    return getattr(transport.get_protocol(), "cycle", None)


class ConnectionLimiter:
    """Limits the connections of a server.

    Parameters
    ----------
    max_open
        Number of connections that may be open.
    max_per_address
        Number of connections that one address may have open.
    is_proxy
        Returns whether an address is that of a trusted proxy, which has the connections of many
        visitors.
    on_reject
        Called with the reason whenever a connection is closed or not accepted.
    clock
        Returns the time in seconds.
    """

    def __init__(
        self,
        max_open: int,
        max_per_address: int,
        is_proxy: Callable[[str], bool],
        on_reject: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_open = max_open
        self._max_per_address = max_per_address
        self._is_proxy = is_proxy
        self._on_reject = on_reject
        self._clock = clock
        self._open: dict[str, dict[asyncio.Transport, _Connection]] = {}  # by address group
        self._opened: dict[str, Bucket] = {}  # by address group

    @property
    def n_open(self) -> int:
        """Number of open connections."""
        return sum(len(connections) for connections in self._open.values())

    def wrap(self, factory: Factory) -> Factory:
        """Return a factory of protocols that accept a connection only within the limits."""
        return lambda: _AdmissionProtocol(self, factory)

    def admit(self, transport: asyncio.Transport) -> bool:
        """Count a new connection and return whether it may stay.

        An idle connection may be closed to make room for it.
        """
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        group = address_group(address)
        max_of_group = 3 * self._max_open // 4
        if not self._is_proxy(address):
            max_of_group = min(max_of_group, self._max_per_address)
            if not self._count_opening(group):
                self._on_reject("connections_per_s")
                return False
        if not self._make_room([group], max_of_group):
            return False
        if self.n_open >= self._max_open and not self._make_room(
            self._groups_by_size(), self._max_open
        ):
            return False
        self._open.setdefault(group, {})[transport] = _Connection(transport, self._clock())
        return True

    def _count_opening(self, group: str) -> bool:
        """Count one more opened connection of a group; return False if they come too fast."""
        now_s = self._clock()
        new = Bucket(OPEN_BURST, OPENS_PER_S, OPEN_BURST, now_s)
        bucket = self._opened.setdefault(group, new)
        bucket.fill(now_s)
        if bucket.wait_s(1) > 0:
            return False
        bucket.level -= 1
        return True

    def _groups_by_size(self) -> list[str]:
        """Return the groups, the one with the most connections first."""
        return sorted(self._open, key=lambda group: len(self._open[group]), reverse=True)

    def _make_room(self, groups: list[str], max_open: int) -> bool:
        """Return whether groups have room for one more connection, after closing an idle one."""
        if self._count(groups) < max_open:
            return True
        for group in groups:
            self._drop_closed(group)
        if self._count(groups) < max_open or any(self._close_idle(group) for group in groups):
            return True
        self._on_reject("connections")
        return False

    def _count(self, groups: list[str]) -> int:
        return sum(len(self._open.get(group, ())) for group in groups)

    def sweep(self) -> None:
        """Close the connections that have been idle too long, and drop the closed ones."""
        now_s = self._clock()
        for group, bucket in list(self._opened.items()):
            bucket.fill(now_s)
            if bucket.level >= bucket.capacity:
                del self._opened[group]
        for group in list(self._open):
            self._drop_closed(group)
            for connection in list(self._open.get(group, {}).values()):
                connection.update(now_s)
                if connection.is_idle and now_s - connection.idle_since_s > IDLE_TIMEOUT_S:
                    self._close(group, connection, "connection_idle")

    def _close_idle(self, group: str) -> bool:
        """Close the connection of a group that has been idle longest; False if none is idle."""
        idle = (c for c in self._open.get(group, {}).values() if c.is_idle)
        oldest = min(islice(idle, MAX_IDLE_CANDIDATES), key=lambda c: c.idle_since_s, default=None)
        if oldest is None:
            return False
        self._close(group, oldest, "connections")
        return True

    def _close(self, group: str, connection: _Connection, reason: str) -> None:
        self._on_reject(reason)
        connection.transport.abort()
        self._open[group].pop(connection.transport, None)

    def _drop_closed(self, group: str) -> None:
        connections = self._open.get(group, {})
        for transport in [transport for transport in connections if transport.is_closing()]:
            del connections[transport]
        if not connections:
            self._open.pop(group, None)


def send_at_once(transport: asyncio.Transport) -> None:
    """Turn off Nagle's algorithm, which holds the body of an answer back for some 40 ms.

    The body waits until the client acknowledges the head, which clients delay.  asyncio turns it
    off only for sockets that were made with the protocol TCP by name, and Streamlit's was not.
    """
    connected = transport.get_extra_info("socket")
    if connected is not None and connected.family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):  # the client is gone
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class _AdmissionProtocol(asyncio.Protocol):
    """The protocol of a new connection, until the limiter has admitted it."""

    def __init__(self, limiter: ConnectionLimiter, factory: Factory) -> None:
        self._limiter = limiter
        self._factory = factory

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass the connection on to the server's own protocol, or close it."""
        assert isinstance(transport, asyncio.Transport)
        if not self._limiter.admit(transport):
            transport.abort()
            return
        send_at_once(transport)
        protocol = self._factory()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
