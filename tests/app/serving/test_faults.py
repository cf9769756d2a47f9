"""The server with faults of the machine, with too many visitors, and under attack."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.testing.v1 import AppTest
from websockets.exceptions import InvalidStatus

from emo.app import common
from emo.app import text as app_text
from emo.server.concurrency import ConcurrencyLimiter, limiter
from tests.support.clients import streamlit_client
from tests.support.clients.serving import (
    START,
    clip,
    get_answer,
    serve_one_address,
    tone_file,
)
from tests.support.clients.streamlit_client import Served, Visitor

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
]

MB = 2**20
NAME = "my secret voice 4711.wav"


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return streamlit_client.free_port()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, metrics_port: int) -> Iterator[Served]:
    with serve_one_address(tmp_path_factory.mktemp("server") / "log.txt", metrics_port) as served:
        yield served


# --- Disk and clock ------------------------------------------------------------------------------


def test_server_answers_with_a_full_disk(tmp_path):
    """No file may grow by a byte, as on a full disk; an upload of 4 MB is answered."""
    with streamlit_client.serve(tmp_path / "log.txt") as served:
        resource = pytest.importorskip("resource")
        resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (0, 0))
        before = served.log
        assert asyncio.run(get_answer(served.port, NAME, tone_file(130.0)))
        assert asyncio.run(get_answer(served.port, NAME, clip(150.0)))
        assert served.log == before  # the server could indeed write nothing


READ_ONLY = """
for at in $(cut -d' ' -f2 /proc/mounts | sort -ru); do
    case $at in
    /proc* | /sys* | /dev*) ;;
    *) mount -o remount,bind,ro "$at" 2>/dev/null ;;
    esac
done
! touch "$TMPDIR/probe" 2>/dev/null && exec "$@"
"""
"""Runs a command with read-only disks; runs nothing if they cannot be made read-only."""


def test_server_answers_with_a_read_only_disk(tmp_path):
    prefix = ("unshare", "--mount", "--", "sh", "-c", READ_ONLY, "sh")
    environ = {"TMPDIR": str(tmp_path)}
    if (
        shutil.which("unshare") is None
        or subprocess.run(
            [*prefix, "true"], env=os.environ | environ, capture_output=True
        ).returncode
    ):
        pytest.skip("this account may not have a disk of its own that is read-only")
    with streamlit_client.serve(tmp_path / "log.txt", environ, prefix) as served:
        assert asyncio.run(get_answer(served.port, NAME, tone_file(130.0)))


JUMPING_CLOCK = f"""
import itertools, time
real, n = time.time, itertools.count()
time.time = lambda: real() + (0, 10 * 365 * 86400, -86400)[next(n) // 5 % 3]
{START}
"""


def test_server_answers_while_the_clock_jumps(tmp_path):
    """The system's clock goes ten years forward and a day back, again and again."""
    with streamlit_client.serve(tmp_path / "log.txt", command=("-c", JUMPING_CLOCK)) as served:
        first = asyncio.run(get_answer(served.port, NAME, clip(150.0)))
        assert first
        assert asyncio.run(get_answer(served.port, NAME, clip(150.0))) == first


# --- Without a network ---------------------------------------------------------------------------


def small_page() -> None:
    """Run a page as `streamlit_app.py` does, whose task needs a slot."""
    import streamlit as st

    from emo.app import common
    from emo.app.serving import server

    with server.page_run(), common.task_slot("predict"):
        st.text("answered")


def test_busy_page_shows_when_to_try_again(monkeypatch):
    full = ConcurrencyLimiter(1, 0, 0.0)
    full.n_running = 1
    monkeypatch.setattr(common, "limiter", lambda: full)
    app = AppTest.from_function(small_page).run()
    assert [warning.value for warning in app.warning] == [app_text.busy(1)]
    assert not app.exception
    assert not app.text
    full.n_running = 0
    app.button(key="try-again").click().run()
    assert not app.warning
    assert app.text[0].value == "answered"


def test_long_tasks_free_their_slot_between_steps():
    running = [limiter().n_running for _ in common.run_in_slots("timeline", iter([1, 2, 3]))]
    assert running == [0, 0, 0]  # between two steps the slot is free


# --- Queue and shutdown --------------------------------------------------------------------------


def test_a_full_queue_rejects_with_the_time_to_retry(tmp_path):
    limits = {"EMO_MAX_CONCURRENT": "1", "EMO_QUEUE_SIZE": "0"}

    async def crowd(port: int) -> list[Visitor]:
        async with (
            streamlit_client.visit(port) as a,
            streamlit_client.visit(port) as b,
            streamlit_client.visit(port) as c,
        ):
            await asyncio.gather(*(visitor.give(NAME, tone_file(60.0)) for visitor in (a, b, c)))
            for visitor in (a, b, c):
                assert visitor.verdict or "try again in" in visitor.page
            busy = [visitor for visitor in (a, b, c) if not visitor.verdict]
            for visitor in busy:  # after the others it is answered
                await visitor.run()
                assert visitor.verdict
            return busy

    with streamlit_client.serve(tmp_path / "log.txt", limits) as served:
        assert asyncio.run(crowd(served.port))


def test_a_stopping_server_gives_the_running_answers(tmp_path):
    port = streamlit_client.free_port()

    async def stop_midway(served: Served) -> str:
        async with streamlit_client.visit(served.port) as visitor:
            giving = asyncio.create_task(visitor.give(NAME, tone_file(120.0)))
            while not (await asyncio.to_thread(streamlit_client.metrics, port))[
                "emo_running_tasks"
            ]:
                await asyncio.sleep(0.005)
            served.process.send_signal(signal.SIGTERM)
            while (await asyncio.to_thread(served.get, "/_stcore/health"))[0] != 503:
                await asyncio.sleep(0.005)
            with pytest.raises(AssertionError):  # no new page is opened
                async with streamlit_client.visit(served.port):
                    pass
            return await giving

    environ = {"EMO_METRICS_PORT": str(port), "EMO_SHUTDOWN_GRACE_S": "120"}
    with streamlit_client.serve(tmp_path / "log.txt", environ) as served:
        assert asyncio.run(stop_midway(served))
        assert served.process.wait(30) in (0, -signal.SIGTERM)
        assert '"event": "stopping"' in served.log
        assert '"event": "stopped"' in served.log


# --- Attacks -------------------------------------------------------------------------------------

OTHER_ADDRESS = "127.0.0.2"
SOON_S = 6.0
"""Time in which another visitor is answered during an attack."""


@contextlib.contextmanager
def another_server() -> Iterator[tuple[int, list[bytes]]]:
    """Serve as a web proxy; yield its port and the first bytes of all requests."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    requests.append(connection.recv(1000))
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n9.9.9.9")

        threading.Thread(target=answer, daemon=True).start()
        yield listening.getsockname()[1], requests
        listening.shutdown(socket.SHUT_RDWR)


def test_foreign_origins_are_rejected_without_a_lookup(tmp_path):
    async def knock(port: int) -> int:
        with pytest.raises(InvalidStatus) as caught:
            async with streamlit_client.knock(port, {"Origin": "http://evil.example"}):
                pass
        return int(caught.value.response.status_code)

    with another_server() as (port, requests):
        environ = dict.fromkeys(("http_proxy", "https_proxy"), f"http://127.0.0.1:{port}")
        environ |= {"no_proxy": "", "NO_PROXY": ""}
        with streamlit_client.serve(tmp_path / "log.txt", environ) as served:
            assert asyncio.run(knock(served.port)) == 403
            for path in ("/_stcore/health", "/media/x", "/_stcore/host-config"):
                assert served.get(path, Origin="http://evil.example")[0] == 403
                own = f"http://localhost:{served.port}"
                assert served.get(path, Origin=own, Host=own[7:])[0] in (200, 404)
            assert served.get("/", Host="evil.example")[0] == 403
    assert requests == []


def test_many_requests_of_one_page_do_not_delay_others(served, metrics_port):
    async def flood() -> float:
        async with streamlit_client.visit(served.port, source=OTHER_ADDRESS) as attacker:
            message = attacker.message()
            for _ in range(1000):
                await attacker.send(message)
            started_s = time.monotonic()
            async with streamlit_client.visit(served.port) as visitor:
                assert await visitor.give("a.wav", clip(222.0))
            return time.monotonic() - started_s

    assert asyncio.run(flood()) < SOON_S
    assert (
        streamlit_client.metrics(metrics_port)['emo_rejected_total{reason="message_merged"}'] > 20
    )


def test_visitors_cannot_clear_the_caches(served, metrics_port):
    name = 'emo_task_duration_seconds_count{kind="decode"}'

    async def clear() -> float:
        async with (
            streamlit_client.visit(served.port) as visitor,
            streamlit_client.visit(served.port) as stranger,
        ):
            assert await visitor.give("a.wav", clip(223.0))
            before = streamlit_client.metrics(metrics_port)[name]
            message = BackMsg()
            message.clear_cache = True
            await stranger.send(message.SerializeToString())
            await stranger.run()  # its page stays open
            await visitor.run()
            assert visitor.verdict
            return streamlit_client.metrics(metrics_port)[name] - before

    assert asyncio.run(clear()) == 0
    assert streamlit_client.metrics(metrics_port)['emo_rejected_total{reason="message_kind"}'] >= 1


def test_one_busy_address_does_not_delay_another(tmp_path):
    limits = {"EMO_MAX_CONCURRENT": "1", "EMO_QUEUE_SIZE": "2"}

    async def keep_asking(page: Visitor, n_busy: list[int]) -> None:
        for i in range(1000):
            await page.give(NAME, tone_file(40.0 + i))
            n_busy[0] += "try again in" in page.page

    async def crowd(port: int) -> int:
        n_busy = [0]
        async with contextlib.AsyncExitStack() as stack:
            pages = [
                await stack.enter_async_context(streamlit_client.visit(port, source=OTHER_ADDRESS))
                for _ in range(8)
            ]
            visitor = await stack.enter_async_context(streamlit_client.visit(port))
            tasks = [asyncio.create_task(keep_asking(page, n_busy)) for page in pages]
            await asyncio.sleep(1.0)
            for i in range(4):
                assert await visitor.give("a.wav", clip(224.0 + i)), visitor.page
                await asyncio.sleep(0.3)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return n_busy[0]

    with streamlit_client.serve(tmp_path / "log.txt", limits) as served:
        assert asyncio.run(crowd(served.port)) > 0  # others were rejected, and this visitor was not


def test_idle_connections_do_not_block_visitors(tmp_path):
    prefix = ("sh", "-c", 'ulimit -n 512; exec "$@"', "sh")
    with (
        streamlit_client.serve(tmp_path / "log.txt", prefix=prefix) as served,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(600):
            with contextlib.suppress(OSError):
                connection = socket.create_connection(
                    ("127.0.0.1", served.port), 5, source_address=(OTHER_ADDRESS, 0)
                )
                stack.enter_context(connection)
                connection.sendall(b"GET / HTTP/1.1\r\nHost: local")
        started_s = time.monotonic()
        assert served.get("/_stcore/health")[0] == 200
        assert asyncio.run(get_answer(served.port, NAME, clip(225.0)))
        assert time.monotonic() - started_s < 2 * SOON_S
        assert len(served.log) < 20_000
