"""Limits on connections, tested with a small server."""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from emo.server import connections
from emo.server.connections import ConnectionLimiter, matches_any, max_connections, max_pages


class Cycle:
    """A request that is being answered, as uvicorn's protocol stores it."""

    response_complete = False


class LineServer(asyncio.Protocol):
    """A protocol that answers each line as HTTP answers each request."""

    def __init__(self) -> None:
        self.cycle: Cycle | None = None
        self.text = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.text += data
        if self.text.endswith(b"\n"):
            self.text, self.cycle = b"", Cycle()
            self.transport.write(b"answered\n")
            self.cycle.response_complete = True

    def connection_lost(self, error: Exception | None) -> None:
        pass


class World:
    """A server with its limiter and a clock that the tests set."""

    def __init__(self, max_open: int = 100, proxies: str = "", max_per_address: int = 512) -> None:
        self.now_s = 0.0
        self.rejected: Counter[str] = Counter()
        self.limiter = ConnectionLimiter(
            max_open,
            max_per_address,
            lambda address: matches_any(address, proxies.split(",")),
            lambda reason: self.rejected.update([reason]),
            lambda: self.now_s,
        )
        self.port = 0
        self._open: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator["World"]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self.limiter.wrap(LineServer), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        yield self
        for _, writer in self._open:
            writer.close()
        server.close()

    async def open(self, address: str = "127.0.0.2", sent: bytes = b"half a") -> int:
        """Open a connection from an address and return its index."""
        streams = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))
        streams[1].write(sent)
        self._open.append(streams)
        await asyncio.sleep(0.005)
        return len(self._open) - 1

    async def ask(self, number: int) -> bytes:
        """Return the answer to a request on a connection; empty if it was closed."""
        reader, writer = self._open[number]
        with contextlib.suppress(ConnectionError):
            writer.write(b" request\n")
            return await asyncio.wait_for(reader.readline(), 1.0)
        return b""


def test_idle_connections_are_closed_and_busy_ones_stay():
    async def run() -> None:
        async with World().serve() as world:
            idle, busy = await world.open(), await world.open()
            for _ in range(4):
                world.now_s += 0.4 * connections.IDLE_TIMEOUT_S
                assert await world.ask(busy) == b"answered\n"
                world.limiter.sweep()
            assert await world.ask(idle) == b""
            assert await world.ask(busy) == b"answered\n"
            assert world.rejected == {"connection_idle": 1}
            world.now_s += 3 * connections.IDLE_TIMEOUT_S  # also after an answer
            world.limiter.sweep()
            world.now_s += 3 * connections.IDLE_TIMEOUT_S
            world.limiter.sweep()
            assert await world.ask(busy) == b""
            assert world.limiter.n_open == 0

    asyncio.run(run())


def test_single_bytes_do_not_keep_a_connection_open():
    async def run() -> None:
        async with World().serve() as world:
            slow = await world.open()
            for _ in range(12):
                world._open[slow][1].write(b"x")
                await asyncio.sleep(0.005)
                world.now_s += 0.1 * connections.IDLE_TIMEOUT_S
                world.limiter.sweep()
            assert await world.ask(slow) == b""

    asyncio.run(run())


def test_a_slow_answer_keeps_a_connection_open():
    async def run() -> None:
        async with World().serve() as world:
            slow = await world.open()
            assert await world.ask(slow) == b"answered\n"
            ((connection,),) = (group.values() for group in world.limiter._open.values())
            protocol = connection.transport.get_protocol()
            assert isinstance(protocol, LineServer)
            assert protocol.cycle is not None
            protocol.cycle.response_complete = False
            world.now_s += 10 * connections.IDLE_TIMEOUT_S
            world.limiter.sweep()
            assert await world.ask(slow) == b"answered\n"

    asyncio.run(run())


def test_connections_of_an_address_are_limited():
    async def run() -> None:
        async with World(max_per_address=5).serve() as world:
            numbers = [await world.open() for _ in range(9)]
            assert world.limiter.n_open == 5
            answers = [await world.ask(number) for number in numbers]
            assert answers == [b""] * 4 + [b"answered\n"] * 5  # the longest idle were closed
            assert await world.ask(await world.open("127.0.0.3")) == b"answered\n"
            assert world.rejected == {"connections": 4}

    asyncio.run(run())


def test_the_longest_idle_connection_makes_room_for_a_new_one():
    async def run() -> None:
        async with World(max_open=16, max_per_address=12).serve() as world:
            first = [await world.open("127.0.0.2") for _ in range(12)]
            world.now_s += 1
            others = [await world.open("127.0.0.3") for _ in range(8)]
            assert world.limiter.n_open == 16
            assert [await world.ask(number) for number in first[:4]] == [b""] * 4
            assert await world.ask(others[-1]) == b"answered\n"

    asyncio.run(run())


def test_busy_connections_are_not_closed_for_new_ones():
    async def run() -> None:
        async with World(max_per_address=3).serve() as world:
            numbers = [await world.open() for _ in range(3)]
            for group in world.limiter._open.values():
                for connection in group.values():
                    connection.transport.get_protocol().cycle = Cycle()  # type: ignore[attr-defined]
            late = await world.open()
            assert await world.ask(late) == b""
            assert await world.ask(numbers[0]) == b"answered\n"

    asyncio.run(run())


def test_connections_opened_too_fast_are_rejected_for_a_while(monkeypatch):
    monkeypatch.setattr(connections, "OPEN_BURST", 4)
    monkeypatch.setattr(connections, "OPENS_PER_S", 1.0)

    async def run() -> None:
        async with World().serve() as world:
            numbers = [await world.open() for _ in range(6)]
            answers = [await world.ask(number) for number in numbers]
            assert answers == [b"answered\n"] * 4 + [b""] * 2
            assert await world.ask(await world.open("127.0.0.3")) == b"answered\n"
            assert world.rejected == {"connections_per_s": 2}
            world.now_s += 1.0
            assert await world.ask(await world.open()) == b"answered\n"
            world.now_s += 60.0
            world.limiter.sweep()
            assert not world.limiter._opened

    asyncio.run(run())


def test_a_trusted_proxy_may_have_more_connections():
    async def run() -> None:
        async with World(
            max_open=40, proxies="10.0.0.0/8, 127.0.0.2", max_per_address=3
        ).serve() as world:
            for _ in range(20):
                await world.open()
            assert world.limiter.n_open == 20

    asyncio.run(run())


@pytest.mark.parametrize(
    ("address", "is_proxy"),
    [("10.1.2.3", True), ("127.0.0.1", True), ("11.0.0.1", False), ("", False), ("::1", False)],
)
def test_matches_any_address_or_network(address, is_proxy):
    assert matches_any(address, ["10.0.0.0/8", " 127.0.0.1", "app"]) is is_proxy
    assert matches_any(address, ["*"])


def test_raise_file_limit_stays_within_the_hard_limit():
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
        n_files = connections.raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == n_files
        assert n_files == (
            connections.WANTED_FILES
            if hard == resource.RLIM_INFINITY
            else min(connections.WANTED_FILES, hard)
        )
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("n_files", [256, 1024, 4096, 16_384])
def test_connections_and_pages_fit_into_the_file_limit(n_files):
    connected, pages = max_connections(n_files), max_pages(n_files)
    assert connected + connections.FILES_OF_SESSION * pages + 64 <= n_files
    assert pages >= 20 or n_files < 512


def test_closed_sockets_are_forgotten():
    async def run() -> None:
        async with World().serve() as world:
            for _ in range(30):
                with socket.create_connection(("127.0.0.1", world.port)):
                    await asyncio.sleep(0.002)
            await asyncio.sleep(0.02)
            world.limiter.sweep()
            assert world.limiter.n_open == 0

    asyncio.run(run())


def test_the_body_of_an_answer_is_not_held_back():
    """A socket that was made without naming TCP, as Streamlit's is, has Nagle's algorithm on."""

    async def is_nagle_off(limiter: ConnectionLimiter | None) -> bool:
        made: list[asyncio.BaseTransport] = []

        class Keep(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                made.append(transport)

        bound = socket.socket(socket.AF_INET)
        bound.bind(("127.0.0.1", 0))
        factory = Keep if limiter is None else limiter.wrap(Keep)
        loop = asyncio.get_running_loop()
        async with await loop.create_server(factory, sock=bound) as server:
            _, writer = await asyncio.open_connection(*bound.getsockname())
            while not made:
                await asyncio.sleep(0)
            connected = made[0].get_extra_info("socket")
            is_off = bool(connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()
            made[0].close()
            server.close()
        return is_off

    assert not asyncio.run(is_nagle_off(None))
    assert asyncio.run(is_nagle_off(World().limiter))
