"""The server as it is started, and visitors who speak to it over the network."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.testing.v1 import AppTest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from emo.app import common
from emo.app import text as app_text
from emo.app.analyse import text as analyse_text
from emo.app.compare import text as compare_text
from emo.audio import sandbox
from emo.server.concurrency import ConcurrencyLimiter, limiter
from tests.support import signals, streamlit_client
from tests.support.streamlit_client import Served, Visitor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")

RATE_HZ = 16_000
MB = 2**20
NAME = "my secret voice 4711.wav"
TTL_S = 3


def clip(pitch_hz: float, duration_s: float = 2.0) -> bytes:
    """A voice at a pitch; two of them have as many bytes."""
    return signals.encoded(signals.voice((pitch_hz, 0.8 * pitch_hz), duration_s, RATE_HZ), RATE_HZ)


def loud(duration_s: float) -> bytes:
    return signals.encoded(signals.tone(220.0, duration_s, RATE_HZ), RATE_HZ, subtype="PCM_16")


def follow(work: Coroutine[Any, Any, Any]) -> Any:
    """What the visitors' coroutine returns."""
    return asyncio.run(work)


START = """
import sys
from streamlit.web.cli import main
sys.argv = ["streamlit", "run", *sys.argv[1:]]
main()
"""


def with_quotas(**constants: float) -> tuple[str, str]:
    """Return a command that runs Streamlit with other constants in ``emo.server.quotas``."""
    return "-c", f"from emo.server import quotas\nvars(quotas).update({constants!r})\n{START}"


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return streamlit_client.free_port()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, metrics_port: int) -> Iterator[Served]:
    """Serve the app with the default quotas of a session; all visitors share one address."""
    environ = {
        "EMO_METRICS_PORT": str(metrics_port),
        "EMO_ADDRESS_PAGES": "100000",
        "STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": str(TTL_S),
    }
    log = tmp_path_factory.mktemp("server") / "log.txt"
    command = with_quotas(SESSIONS_PER_ADDRESS=25, ADDRESS_FILES=5000)
    with streamlit_client.serve(log, environ, command=command) as served:
        yield served


# --- Quotas --------------------------------------------------------------------------------------


def test_of_sixty_raw_uploads_to_one_session_those_beyond_the_quota_are_refused(served):
    async def send() -> list[streamlit_client.Reply]:
        async with streamlit_client.visit(served.port) as one:
            return [await one.upload("a.wav", bytes(4 * MB)) for _ in range(60)]

    replies = follow(send())
    statuses = [status for status, _, _ in replies]
    assert statuses.index(429) == 49  # 200 MB, less what the form around each file takes
    assert set(statuses[49:]) == {429}
    _, fields, text = replies[-1]
    assert int(fields["retry-after"]) > 0
    assert "try again in" in text


def test_what_was_forgotten_is_on_the_server_no_longer(tmp_path):
    """A session that may have one file there sends five, and none while another is there."""

    async def send(port: int) -> None:
        async with streamlit_client.visit(port) as one:
            assert await one.give("a.wav", clip(150.0))
            assert (await one.upload("b.wav", clip(160.0)))[0] == 429
            await one.press(analyse_text.REMOVE_LABEL)
            assert not one.verdict
            assert await one.give("b.wav", clip(160.0))
            await one.press(analyse_text.REMOVE_LABEL)
            await one.open("teach")
            await one.give("c.wav", clip(170.0))  # a lesson keeps no sound
            await one.open("compare")
            await one.give("d.wav", clip(180.0))
            assert (await one.upload("e.wav", clip(190.0)))[0] == 429
            await one.press(compare_text.REMOVE_ALL_LABEL)
            assert (await one.upload("e.wav", clip(190.0)))[0] == 204

    command = with_quotas(SESSION_FILES=1, SESSION_RATE_SHARE=1000)
    with streamlit_client.serve(tmp_path / "log.txt", command=command) as served:
        follow(send(served.port))


def test_the_page_says_why_an_upload_was_refused(tmp_path):
    async def send(port: int) -> None:
        async with streamlit_client.visit(port) as one:
            assert await one.give("a.wav", clip(150.0))
            assert (await one.upload("b.wav", clip(160.0)))[0] == 429
            await one.watch()
            assert "A file was not accepted. You have as many files here as" in one.page
            assert one.verdict  # the answer to the first is still there
            await one.run()
            assert "A file was not accepted." in one.page  # another file may have come through

    command = with_quotas(SESSION_FILES=1)
    with streamlit_client.serve(tmp_path / "log.txt", command=command) as served:
        follow(send(served.port))


def test_uploads_at_the_same_time_do_not_slip_past_the_quota(served):
    async def send() -> list[int]:
        async with streamlit_client.visit(served.port) as one:
            replies = await asyncio.gather(*(one.upload("a.wav", bytes(40 * MB)) for _ in range(8)))
            return [status for status, _, _ in replies]

    assert sorted(follow(send())) == [204] * 4 + [429] * 4


def test_uploads_without_the_pages_token_or_session_are_refused(served):
    async def send() -> list[int]:
        async with streamlit_client.visit(served.port) as one:
            no_token = one.put("x", "a.wav", b"1", **{"X-Xsrftoken": "", "Cookie": ""})
            other_token = one.put("x", "a.wav", b"1", **{"X-Xsrftoken": "2|a|b|3"})
            one.session = "00000000-0000-0000-0000-000000000000"
            return [no_token[0], other_token[0], one.put("x", "a.wav", b"1")[0]]

    assert follow(send()) == [403, 403, 400]


# --- Whose is what -------------------------------------------------------------------------------


def test_two_sessions_with_clips_of_the_same_length_and_name_see_their_own_results(served):
    first, second = clip(110.0), clip(290.0)
    assert len(first) == len(second)

    async def alone(data: bytes) -> str:
        async with streamlit_client.visit(served.port) as one:
            return await one.give(NAME, data)

    async def together() -> list[list[str]]:
        async with (
            streamlit_client.visit(served.port) as one,
            streamlit_client.visit(served.port) as other,
        ):
            assert one.session != other.session
            rounds = [await asyncio.gather(one.give(NAME, first), other.give(NAME, second))]
            rounds.append(await asyncio.gather(one.give(NAME, second), other.give(NAME, first)))
            return [list(pair) for pair in rounds]

    expected = [follow(alone(data)) for data in (first, second)]
    assert expected[0] != expected[1]
    assert all(expected)
    assert follow(together()) == [expected, expected[::-1]]


def test_a_file_of_one_session_is_not_to_be_had_by_another(served):
    async def take() -> str:
        async with (
            streamlit_client.visit(served.port) as owner,
            streamlit_client.visit(served.port) as thief,
        ):
            await owner.give(NAME, clip(110.0))
            thief._widgets = {thief.uploader: owner._widgets[owner.uploader]}
            await thief.run()
            return thief.verdict

    assert follow(take()) == ""


def open_files(pid: int) -> list[str]:
    """Names of the plain files that a process may write to."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            mode = os.stat(link).st_mode
            flags = Path(f"/proc/{pid}/fdinfo/{link.name}").read_text(encoding="ascii")
            is_written = int(flags.split("flags:")[1].split()[0], 8) & os.O_ACCMODE
            if stat.S_ISREG(mode) and is_written:
                found.append(os.readlink(link))
        except OSError:
            continue
    return found


def test_no_sound_is_on_disk_and_neither_it_nor_its_name_in_the_log(served, tmp_path):
    async def give() -> list[str]:
        async with streamlit_client.visit(served.port) as one:
            assert await one.give(NAME, loud(60.0))
            assert await one.give("broken 4711.wav", b"RIFF4711" * 200_000) == ""
            return open_files(served.process.pid)

    opened = follow(give())
    assert [name for name in opened if "log.txt" not in name] == []
    log = served.log
    assert "4711" not in log
    assert "127.0.0.1:" not in log.split("URL:")[1].split("\n", 1)[1]
    lines = [json.loads(row) for row in log.splitlines() if row.startswith("{")]
    assert {line["event"] for line in lines} >= {"started", "request"}


# --- What is sent --------------------------------------------------------------------------------


PATHS = ["/", "/compare", "/_stcore/health", "/_stcore/host-config", "/no/such/file.js", "/media/x"]


@pytest.mark.parametrize("path", [*PATHS, "/_stcore/metrics", "/static/none.js", "/..%2f..%2fx"])
def test_security_headers_are_on_every_response(served, path):
    _, fields, _ = served.get(path)
    assert "script-src 'self' blob: 'sha256-" in fields["content-security-policy"]
    assert fields["x-content-type-options"] == "nosniff"
    assert fields["referrer-policy"] == "same-origin"
    assert "microphone=(self)" in fields["permissions-policy"]
    assert fields["x-frame-options"] == "SAMEORIGIN"


def test_counters_of_the_framework_and_its_interface_for_programs_are_not_public(served):
    assert served.get("/_stcore/metrics")[0] == 404
    assert served.get("/_stcore/agent/openapi.json")[0] == 404
    reply = streamlit_client.request(served.port, "POST", "/_stcore/agent/interact", b"{}")
    assert reply[0] == 404


def test_counters_are_at_their_own_address_on_this_machine_alone(served, metrics_port):
    async def give() -> None:
        async with streamlit_client.visit(served.port) as one:
            await one.give(NAME, clip(200.0))
            await one.give("b.wav", b"no sound at all")

    before = streamlit_client.metrics(metrics_port)
    follow(give())
    after = streamlit_client.metrics(metrics_port)
    for name in (
        'emo_task_duration_seconds_count{kind="decode"}',
        'emo_task_duration_seconds_count{kind="predict"}',
        'emo_errors_total{kind="decode",type="NotAudioError"}',
        'emo_requests_total{route="upload",status="204"}',
        'emo_requests_total{route="stream",status="101"}',
    ):
        assert after.get(name, 0) > before.get(name, 0), name
    assert after["process_resident_memory_bytes"] > 10 * MB
    listening = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    bound = [row.split()[1] for row in listening if row.split()[3] == "0A"]
    assert f"0100007F:{metrics_port:04X}" in bound
    assert f"00000000:{metrics_port:04X}" not in bound


def test_health_says_what_the_processes_that_read_are_not_held_to(served, metrics_port):
    """The header, the counters and the processes themselves say the same."""
    for _ in range(100):
        said = served.get("/_stcore/health")[1]["x-emo-sandbox"]
        if said != "starting":
            break
        time.sleep(0.1)
    counted = streamlit_client.metrics(metrics_port)
    assert counted["emo_sandbox_processes"] >= 1
    names = [
        name
        for name in sandbox.RESTRICTIONS
        if counted[f'emo_sandbox_unrestricted_processes{{restriction="{name}"}}']
    ]
    assert said == (f"without {', '.join(names)}" if names else "complete")


@pytest.mark.parametrize(
    ("trusted", "statuses"), [("127.0.0.1", [0, 0, 429]), ("192.0.2.9", [0, 429, 429])]
)
def test_the_visitors_address_counts_where_a_proxy_that_is_trusted_names_it(
    tmp_path, trusted, statuses
):
    async def come(port: int) -> list[int]:
        """What three visitors of two addresses are told, all of whom stay."""
        async with contextlib.AsyncExitStack() as stack:
            found = []
            for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
                try:
                    knock = streamlit_client.knock(port, {"X-Forwarded-For": address})
                    await stack.enter_async_context(knock)
                    found.append(0)
                except InvalidStatus as refused:
                    has_time = "retry-after" in refused.response.headers
                    found.append(refused.response.status_code if has_time else -1)
            return found

    limits = {"EMO_ADDRESS_PAGES": "1", "FORWARDED_ALLOW_IPS": trusted}
    with streamlit_client.serve(tmp_path / "log.txt", limits) as served:
        assert follow(come(served.port)) == statuses


# --- Coming and going ----------------------------------------------------------------------------


def settle(served: Served, below_mb: float, patience_s: float = 60.0) -> float:
    """Memory once it is below so many megabytes, or where it is after some time."""
    until_s = time.monotonic() + patience_s
    while served.resident_mb > below_mb and time.monotonic() < until_s:
        time.sleep(0.5)
    return served.resident_mb


def test_memory_comes_back_when_a_session_ends_though_nobody_else_comes(served):
    async def fill() -> float:
        async with streamlit_client.visit(served.port) as one:
            await one.give(NAME, clip(200.0))
            for _ in range(30):
                assert (await one.upload("a.wav", os.urandom(5 * MB)))[0] == 204
            return float(served.resident_mb)

    async def warm() -> None:
        async with streamlit_client.visit(served.port) as one:
            await one.give(NAME, clip(210.0))

    follow(warm())
    settle(served, 0.0, TTL_S + 8.0)
    before_mb = served.resident_mb
    full_mb = follow(fill())
    assert full_mb > before_mb + 140
    assert settle(served, before_mb + 15) < before_mb + 15


def test_what_is_loaded_at_the_start_is_not_looked_through_after_every_run() -> None:
    code = (
        "import gc; from emo.app.serving import server; server._load_pages(); "
        "print(gc.get_freeze_count(), len(gc.get_objects()))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    frozen, others = map(int, ran.stdout.split())
    assert frozen > 50 * others


def test_a_thousand_connects_and_disconnects_leave_nothing_behind(served, metrics_port):
    async def come_and_go(n_times: int) -> None:
        for i in range(n_times):
            async with streamlit_client.knock(served.port) as one:
                if i % 10 == 0:
                    await one.run()

    follow(come_and_go(200))
    settle(served, 0.0, TTL_S + 8.0)
    before_mb = served.resident_mb
    follow(come_and_go(1000))
    assert settle(served, before_mb + 20) < before_mb + 20
    assert streamlit_client.metrics(metrics_port)["emo_open_pages"] == 0

    async def works() -> str:
        async with streamlit_client.visit(served.port) as one:
            return await one.give(NAME, clip(200.0))

    assert follow(works())


# --- Faults --------------------------------------------------------------------------------------


async def one_answer(port: int, data: bytes) -> str:
    async with streamlit_client.visit(port) as one:
        return await one.give(NAME, data)


def test_a_full_disk_stops_nothing(tmp_path):
    """No file may grow by a byte, as on a full disk; an upload of 4 MB is answered all the same."""
    with streamlit_client.serve(tmp_path / "log.txt") as served:
        resource = pytest.importorskip("resource")
        resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (0, 0))
        before = served.log
        assert follow(one_answer(served.port, loud(130.0)))
        assert follow(one_answer(served.port, clip(150.0)))
        assert served.log == before  # that it could write nothing is true


READ_ONLY = """
for at in $(cut -d' ' -f2 /proc/mounts | sort -ru); do
    case $at in
    /proc* | /sys* | /dev*) ;;
    *) mount -o remount,bind,ro "$at" 2>/dev/null ;;
    esac
done
! touch "$TMPDIR/probe" 2>/dev/null && exec "$@"
"""
"""Runs a command where nothing can be written, or nothing where that cannot be had."""


def test_a_read_only_disk_stops_nothing(tmp_path):
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
        assert follow(one_answer(served.port, loud(130.0)))


JUMPING_CLOCK = f"""
import itertools, time
real, n = time.time, itertools.count()
time.time = lambda: real() + (0, 10 * 365 * 86400, -86400)[next(n) // 5 % 3]
{START}
"""


def test_a_clock_that_jumps_stops_nothing(tmp_path):
    """The system's clock goes ten years on and a day back, over and over."""
    with streamlit_client.serve(tmp_path / "log.txt", command=("-c", JUMPING_CLOCK)) as served:
        first = follow(one_answer(served.port, clip(150.0)))
        assert first
        assert follow(one_answer(served.port, clip(150.0))) == first


# --- The page's side, without a network ----------------------------------------------------------


def small_page() -> None:
    """A page as `streamlit_app.py` runs it, whose work needs a turn."""
    import streamlit as st

    from emo.app import common
    from emo.app.serving import server

    with server.page_run(), common.task_slot("predict"):
        st.text("answered")


def test_a_page_that_may_not_be_answered_says_when_to_come_back_and_then_is(monkeypatch):
    full = ConcurrencyLimiter(1, 0, 0.0)
    full.n_running = 1
    monkeypatch.setattr(common, "limiter", lambda: full)
    app = AppTest.from_function(small_page).run()
    assert [one.value for one in app.warning] == [app_text.busy(1)]
    assert not app.exception
    assert not app.text
    full.n_running = 0
    app.button(key="try-again").click().run()
    assert not app.warning
    assert app.text[0].value == "answered"


def test_long_work_lets_others_in_between_its_steps():
    running = [limiter().n_running for _ in common.run_in_slots("timeline", iter([1, 2, 3]))]
    assert running == [0, 0, 0]  # between two steps its place is free


# --- Too much, and the end -----------------------------------------------------------------------


def test_who_comes_when_too_many_wait_is_told_when_to_come_back(tmp_path):
    limits = {"EMO_MAX_CONCURRENT": "1", "EMO_QUEUE_SIZE": "0"}

    async def crowd(port: int) -> list[Visitor]:
        async with (
            streamlit_client.visit(port) as a,
            streamlit_client.visit(port) as b,
            streamlit_client.visit(port) as c,
        ):
            await asyncio.gather(*(one.give(NAME, loud(60.0)) for one in (a, b, c)))
            for one in (a, b, c):
                assert one.verdict or "try again in" in one.page
            busy = [one for one in (a, b, c) if not one.verdict]
            for one in busy:  # once the others are done, it is answered
                await one.run()
                assert one.verdict
            return busy

    with streamlit_client.serve(tmp_path / "log.txt", limits) as served:
        assert follow(crowd(served.port))


def test_an_answer_that_is_being_made_is_given_before_the_server_stops(tmp_path):
    port = streamlit_client.free_port()

    async def stop_midway(served: Served) -> str:
        async with streamlit_client.visit(served.port) as one:
            giving = asyncio.create_task(one.give(NAME, loud(120.0)))
            while not (await asyncio.to_thread(streamlit_client.metrics, port))[
                "emo_running_tasks"
            ]:
                await asyncio.sleep(0.005)
            served.process.send_signal(signal.SIGTERM)
            while (await asyncio.to_thread(served.get, "/_stcore/health"))[0] != 503:
                await asyncio.sleep(0.005)
            with pytest.raises(AssertionError):  # no health, so nobody is let in
                async with streamlit_client.visit(served.port):
                    pass
            return await giving

    with streamlit_client.serve(tmp_path / "log.txt", {"EMO_METRICS_PORT": str(port)}) as served:
        assert follow(stop_midway(served))
        assert served.process.wait(30) in (0, -signal.SIGTERM)
        assert '"event": "stopping"' in served.log
        assert '"event": "stopped"' in served.log


# --- Attacks -------------------------------------------------------------------------------------

ELSEWHERE = "127.0.0.2"
SOON_S = 3.0
"""In which a visitor elsewhere is answered, beside whatever is done to the server."""


@contextlib.contextmanager
def another_server() -> Iterator[tuple[int, list[bytes]]]:
    """The port of a proxy to the web, and the first bytes of all that it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(1000))
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n9.9.9.9")

        threading.Thread(target=answer, daemon=True).start()
        yield listening.getsockname()[1], asked
        listening.shutdown(socket.SHUT_RDWR)


def test_a_foreign_origin_is_refused_and_no_other_server_is_asked(tmp_path):
    async def knock(port: int) -> int:
        with pytest.raises(InvalidStatus) as caught:
            async with streamlit_client.knock(port, {"Origin": "http://evil.example"}):
                pass
        return int(caught.value.response.status_code)

    with another_server() as (port, asked):
        environ = dict.fromkeys(("http_proxy", "https_proxy"), f"http://127.0.0.1:{port}")
        environ |= {"no_proxy": "", "NO_PROXY": ""}
        with streamlit_client.serve(tmp_path / "log.txt", environ) as served:
            assert follow(knock(served.port)) == 403
            for path in ("/_stcore/health", "/media/x", "/_stcore/host-config"):
                assert served.get(path, Origin="http://evil.example")[0] == 403
                own = f"http://localhost:{served.port}"
                assert served.get(path, Origin=own, Host=own[7:])[0] in (200, 404)
            assert served.get("/", Host="evil.example")[0] == 403
    assert asked == []


def test_a_thousand_requests_of_one_page_stop_nobody(served, metrics_port):
    async def flood() -> float:
        async with streamlit_client.visit(served.port, source=ELSEWHERE) as attacker:
            message = attacker.message()
            for _ in range(1000):
                await attacker.send(message)
            started_s = time.monotonic()
            async with streamlit_client.visit(served.port) as one:
                assert await one.give("a.wav", clip(222.0))
            return time.monotonic() - started_s

    assert follow(flood()) < SOON_S
    assert (
        streamlit_client.metrics(metrics_port)['emo_rejected_total{reason="message_merged"}'] > 20
    )


def test_a_stranger_can_not_empty_the_caches(served, metrics_port):
    name = 'emo_task_duration_seconds_count{kind="decode"}'

    async def clear() -> float:
        async with (
            streamlit_client.visit(served.port) as one,
            streamlit_client.visit(served.port) as stranger,
        ):
            assert await one.give("a.wav", clip(223.0))
            before = streamlit_client.metrics(metrics_port)[name]
            message = BackMsg()
            message.clear_cache = True
            await stranger.send(message.SerializeToString())
            await stranger.run()  # it goes on
            await one.run()
            assert one.verdict
            return streamlit_client.metrics(metrics_port)[name] - before

    assert follow(clear()) == 0
    assert streamlit_client.metrics(metrics_port)['emo_rejected_total{reason="message_kind"}'] >= 1


def test_a_visitor_elsewhere_is_answered_beside_an_address_that_asks_for_everything(tmp_path):
    limits = {"EMO_MAX_CONCURRENT": "1", "EMO_QUEUE_SIZE": "2"}

    async def keep_asking(page: Visitor, n_busy: list[int]) -> None:
        for i in range(1000):
            await page.give(NAME, loud(40.0 + i))
            n_busy[0] += "try again in" in page.page

    async def crowd(port: int) -> int:
        n_busy = [0]
        async with contextlib.AsyncExitStack() as stack:
            pages = [
                await stack.enter_async_context(streamlit_client.visit(port, source=ELSEWHERE))
                for _ in range(8)
            ]
            one = await stack.enter_async_context(streamlit_client.visit(port))
            tasks = [asyncio.create_task(keep_asking(page, n_busy)) for page in pages]
            await asyncio.sleep(1.0)
            for i in range(4):
                assert await one.give("a.wav", clip(224.0 + i)), one.page
                await asyncio.sleep(0.3)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return n_busy[0]

    with streamlit_client.serve(tmp_path / "log.txt", limits) as served:
        assert follow(crowd(served.port)) > 0  # others were sent away, and not this one


def test_idle_connections_lock_nobody_out(tmp_path):
    prefix = ("sh", "-c", 'ulimit -n 512; exec "$@"', "sh")
    with (
        streamlit_client.serve(tmp_path / "log.txt", prefix=prefix) as served,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(600):
            with contextlib.suppress(OSError):
                one = socket.create_connection(
                    ("127.0.0.1", served.port), 5, source_address=(ELSEWHERE, 0)
                )
                stack.enter_context(one)
                one.sendall(b"GET / HTTP/1.1\r\nHost: local")
        started_s = time.monotonic()
        assert served.get("/_stcore/health")[0] == 200
        assert follow(one_answer(served.port, clip(225.0)))
        assert time.monotonic() - started_s < 2 * SOON_S
        assert len(served.log) < 20_000


def test_a_name_of_lone_surrogates_breaks_no_page(served, metrics_port):
    def put(one: Visitor, data: bytes) -> dict[str, Any]:
        """A file whose name is an escape that only the claimed character set turns into one."""
        file_id = str(uuid.uuid4())
        body = (
            b'--m\r\nContent-Disposition: form-data; name="file"; filename="\\ud800x.wav"\r\n'
            b"Content-Type: audio/wav\r\n\r\n" + data + b"\r\n--m--\r\n"
        )
        path = f"/_stcore/upload_file/{one.session}/{file_id}"
        headers = {
            "Content-Type": "multipart/form-data; charset=unicode_escape; boundary=m",
            "Cookie": f"{streamlit_client.XSRF}={one._token}",
            "X-Xsrftoken": one._token,
        }
        assert streamlit_client.request(served.port, "PUT", path, body, headers)[0] == 204
        return {"id": file_id, "name": "x.wav", "size": len(data), "path": path}

    async def go() -> None:
        async with streamlit_client.visit(served.port) as one:
            for path in ("", "compare", "teach"):
                if path:
                    await one.open(path)
                one._widgets[one.uploader] = {"files": [put(one, clip(226.0))]}
                await one.run()
                await one.run()
                assert path or one.verdict

    def n_errors() -> float:
        found = streamlit_client.metrics(metrics_port).items()
        return sum(value for name, value in found if name.startswith("emo_errors_total"))

    before = n_errors()
    follow(go())
    assert n_errors() == before


def test_no_id_of_a_session_is_in_the_log_and_every_line_is_json(served):
    async def come_back() -> str:
        async with streamlit_client.visit(served.port) as one:
            headers = {"Cookie": f"{streamlit_client.XSRF}={one._token}"}
            async with connect(
                f"ws://127.0.0.1:{served.port}/_stcore/stream",
                subprotocols=["streamlit", one._token, one.session],  # type: ignore[list-item]
                additional_headers=headers,
            ):
                pass
            one.put("f", "a.wav", b"1")
            return one.session

    session = follow(come_back())
    with socket.create_connection(("127.0.0.1", served.port)) as broken:
        broken.sendall(b"no request at all\r\n\r\n")
        broken.recv(100)
    log = served.log
    assert "already connected" in log
    assert session not in log
    assert session[:8] not in log
    lines = log.split("URL:")[1].splitlines()[1:]
    assert all(isinstance(json.loads(line), dict) for line in lines if line)
    assert "Invalid HTTP request received." in log
