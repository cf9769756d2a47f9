"""Connections as they are opened: how many in all and by address, and how long each may be idle.

A connection that asks for nothing costs whoever opens it next to nothing, and the server a file
descriptor. Where there is no room for a new one, that which has waited longest gives way.
"""

import asyncio
import ipaddress
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from emo.server.quotas import Bucket, address_group

Factory = Callable[[], asyncio.Protocol]

REQUEST_S = 10.0
"""How long a connection may take to send a request, or be kept without one."""

MAX_PER_ADDRESS = 512
"""Connections of one address: sixty-four pages that are being loaded have six each, and one."""

OPEN_BURST, OPENS_PER_S = 600, 50.0
"""Connections that an address may open without a pause, and every second in the long run."""

WANTED_FILES = 16_384
"""File descriptors that the process asks the system for, where it may have them."""

FILES_OF_SESSION = 3
"""Descriptors of a page besides its connection: those of the loop that Streamlit gives it."""


def raise_file_limit(wanted: int = WANTED_FILES) -> int:
    """Return how many files this process may have open, raised as far as the system lets it."""
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
    """Return how many connections a process may have that may open so many files."""
    return max(16, n_files // 2)


def max_pages(n_files: int) -> int:
    """Return how many pages may be open in a process that may open so many files."""
    return max(4, (n_files // 2 - 64) // FILES_OF_SESSION)


def matches_any(address: str, proxies: Sequence[str]) -> bool:
    """Return whether an address is one of some, which may be addresses, networks, or ``*``."""
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


MAX_IDLE_CANDIDATES = 16
"""Connections among which that is ended which idles longest; they are in the order they came."""


class _Connection:
    """An open connection, and since when it has waited for a request."""

    def __init__(self, transport: asyncio.Transport, now_s: float) -> None:
        self.transport = transport
        self.since_s = now_s
        self._last: object = None

    def look(self, now_s: float) -> None:
        """Note whether a request came since the last look."""
        last = _request(self.transport)
        if last is not self._last:
            self._last, self.since_s = last, now_s

    @property
    def is_waiting(self) -> bool:
        """Whether it has no request that is being answered, and is no page's."""
        protocol = self.transport.get_protocol()
        if not hasattr(protocol, "cycle"):
            return False
        cycle: Any = protocol.cycle
        return cycle is None or bool(cycle.response_complete)


def _request(transport: asyncio.Transport) -> object:
    """Return what stands for the last request of a connection (of uvicorn's protocol of HTTP)."""
    return getattr(transport.get_protocol(), "cycle", None)


class ConnectionLimiter:
    """All connections of a server.

    Parameters
    ----------
    most
        How many may be open.
    is_proxy
        Whether an address is a proxy's that is trusted; it has the connections of many visitors.
    refuse
        Is called with the reason whenever a connection is ended or not taken.
    """

    def __init__(
        self,
        most: int,
        is_proxy: Callable[[str], bool],
        refuse: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._is_proxy = is_proxy
        self._refuse = refuse
        self._clock = clock
        self._open: dict[str, dict[asyncio.Transport, _Connection]] = {}
        self._opened: dict[str, Bucket] = {}

    @property
    def n_open(self) -> int:
        """Number of open connections."""
        return sum(len(some) for some in self._open.values())

    def watch(self, factory: Factory) -> Factory:
        """Return what makes the protocol of every connection that may be opened."""
        return lambda: _Door(self, factory)

    def take(self, transport: asyncio.Transport) -> bool:
        """Return whether a new connection may stay; for its sake an idle one may be ended."""
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        group = address_group(address)
        share = 3 * self._most // 4
        if not self._is_proxy(address):
            share = min(share, MAX_PER_ADDRESS)
            if self._is_too_fast(group):
                self._refuse("connections_per_s")
                return False
        if not self._make_room([group], share):
            return False
        if self.n_open >= self._most and not self._make_room(self._by_size(), self._most):
            return False
        self._open.setdefault(group, {})[transport] = _Connection(transport, self._clock())
        return True

    def _is_too_fast(self, group: str) -> bool:
        """Return whether a group opens connections too fast; else one more is reckoned."""
        now_s = self._clock()
        new = Bucket(OPEN_BURST, OPENS_PER_S, OPEN_BURST, now_s)
        bucket = self._opened.setdefault(group, new)
        bucket.fill(now_s)
        if bucket.wait_s(1) > 0:
            return True
        bucket.level -= 1
        return False

    def _by_size(self) -> list[str]:
        """Return the groups, the one with the most connections first."""
        return sorted(self._open, key=lambda group: len(self._open[group]), reverse=True)

    def _make_room(self, groups: list[str], most: int) -> bool:
        """Return whether groups have room for one more; for its sake an idle one may be ended."""
        if sum(len(self._open.get(group, ())) for group in groups) < most:
            return True
        for group in groups:
            self._drop_closed(group)
        if sum(len(self._open.get(group, ())) for group in groups) < most:
            return True
        return any(self._end_idle(group) for group in groups) or self._has_none()

    def sweep(self) -> None:
        """End the connections that have waited too long for a request; forget the closed ones."""
        now_s = self._clock()
        for group, bucket in list(self._opened.items()):
            bucket.fill(now_s)
            if bucket.level >= bucket.capacity:
                del self._opened[group]
        for group in list(self._open):
            self._drop_closed(group)
            for one in list(self._open.get(group, {}).values()):
                one.look(now_s)
                if one.is_waiting and now_s - one.since_s > REQUEST_S:
                    self._end(group, one, "connection_idle")

    def _has_none(self) -> bool:
        self._refuse("connections")
        return False

    def _end_idle(self, group: str) -> bool:
        """Return whether one of a group that waits for a request was ended, one of the oldest."""
        waiting = (one for one in self._open.get(group, {}).values() if one.is_waiting)
        oldest = min(
            islice(waiting, MAX_IDLE_CANDIDATES), key=lambda one: one.since_s, default=None
        )
        if oldest is None:
            return False
        self._end(group, oldest, "connections")
        return True

    def _end(self, group: str, one: _Connection, reason: str) -> None:
        self._refuse(reason)
        one.transport.abort()
        self._open[group].pop(one.transport, None)

    def _drop_closed(self, group: str) -> None:
        some = self._open.get(group, {})
        for transport in [one for one in some if one.is_closing()]:
            del some[transport]
        if not some:
            self._open.pop(group, None)


class _Door(asyncio.Protocol):
    """The protocol of a connection until it is let in."""

    def __init__(self, connections: ConnectionLimiter, factory: Factory) -> None:
        self._connections = connections
        self._factory = factory

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection to the server's own protocol, or end it."""
        assert isinstance(transport, asyncio.Transport)
        if not self._connections.take(transport):
            transport.abort()
            return
        protocol = self._factory()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
