"""The running server, used by visitors over the network."""

import asyncio
import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from emo.app.analyse import text as analyse_text
from emo.app.compare import text as compare_text
from emo.audio import sandbox
from emo.evaluation.guests import folders
from emo.server.middleware import REJECTION_MESSAGES
from emo.system import paths
from tests.support.clients import streamlit_client
from tests.support.clients.serving import (
    TTL_S,
    clip,
    serve_one_address,
    tone_file,
    with_quotas,
)
from tests.support.clients.streamlit_client import Served, Visitor

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
    pytest.mark.usefixtures("unmeasured_processes"),
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


def test_no_program_is_answered_where_the_api_is_off(served):
    for path in ("/api/v1/health", "/api/docs", "/api/nothing"):
        status, _, text = served.get(path)
        assert status == 404
        assert json.loads(text)["code"] == "api_off"


# --- Quotas --------------------------------------------------------------------------------------


def test_uploads_beyond_the_quota_of_a_session_are_rejected(served):
    async def send() -> list[streamlit_client.Reply]:
        async with streamlit_client.visit(served.port) as visitor:
            return [await visitor.upload("a.wav", bytes(4 * MB)) for _ in range(60)]

    replies = asyncio.run(send())
    statuses = [status for status, _, _ in replies]
    assert statuses.index(429) == 49  # 200 MB, less the forms around the files
    assert set(statuses[49:]) == {429}
    _, fields, text = replies[-1]
    assert int(fields["retry-after"]) > 0
    assert "try again in" in text


def test_removed_clips_leave_the_server(tmp_path):
    """A session with a quota of one file sends five, each after the last was removed."""

    async def send(port: int) -> None:
        async with streamlit_client.visit(port) as visitor:
            assert await visitor.give("a.wav", clip(150.0))
            assert (await visitor.upload("b.wav", clip(160.0)))[0] == 429
            await visitor.press(analyse_text.REMOVE_LABEL)
            assert not visitor.verdict
            assert await visitor.give("b.wav", clip(160.0))
            await visitor.press(analyse_text.REMOVE_LABEL)
            await visitor.open("teach")
            await visitor.give("c.wav", clip(170.0))  # an example stores no sound
            await visitor.open("compare")
            await visitor.give("d.wav", clip(180.0))
            assert (await visitor.upload("e.wav", clip(190.0)))[0] == 429
            await visitor.press(compare_text.REMOVE_ALL_LABEL)
            assert (await visitor.upload("e.wav", clip(190.0)))[0] == 204

    command = with_quotas(SESSION_FILES=1, SESSION_RATE_SHARE=1000)
    with streamlit_client.serve(tmp_path / "log.txt", command=command) as served:
        asyncio.run(send(served.port))


def test_page_shows_why_an_upload_was_rejected(tmp_path):
    async def send(port: int) -> None:
        async with streamlit_client.visit(port) as visitor:
            assert await visitor.give("a.wav", clip(150.0))
            assert (await visitor.upload("b.wav", clip(160.0)))[0] == 429
            await visitor.watch()
            assert f"A file was not accepted. {REJECTION_MESSAGES['session_files']}" in visitor.page
            assert visitor.verdict  # the answer to the first file is still shown
            await visitor.run()
            assert "A file was not accepted." in visitor.page  # another file may have been accepted

    command = with_quotas(SESSION_FILES=1)
    with streamlit_client.serve(tmp_path / "log.txt", command=command) as served:
        asyncio.run(send(served.port))


def test_concurrent_uploads_stay_within_the_quota(served):
    async def send() -> list[int]:
        async with streamlit_client.visit(served.port) as visitor:
            replies = await asyncio.gather(
                *(visitor.upload("a.wav", bytes(40 * MB)) for _ in range(8))
            )
            return [status for status, _, _ in replies]

    assert sorted(asyncio.run(send())) == [204] * 4 + [429] * 4


def test_uploads_need_the_token_and_session_of_a_page(served):
    async def send() -> list[int]:
        async with streamlit_client.visit(served.port) as visitor:
            no_token = visitor.put("x", "a.wav", b"1", **{"X-Xsrftoken": "", "Cookie": ""})
            other_token = visitor.put("x", "a.wav", b"1", **{"X-Xsrftoken": "2|a|b|3"})
            visitor.session = "00000000-0000-0000-0000-000000000000"
            return [no_token[0], other_token[0], visitor.put("x", "a.wav", b"1")[0]]

    assert asyncio.run(send()) == [403, 403, 400]


# --- Separate sessions ---------------------------------------------------------------------------


def test_sessions_with_similar_clips_see_their_own_results(served):
    first, second = clip(110.0), clip(290.0)
    assert len(first) == len(second)

    async def alone(data: bytes) -> str:
        async with streamlit_client.visit(served.port) as visitor:
            return await visitor.give(NAME, data)

    async def together() -> list[list[str]]:
        async with (
            streamlit_client.visit(served.port) as visitor,
            streamlit_client.visit(served.port) as other,
        ):
            assert visitor.session != other.session
            rounds = [await asyncio.gather(visitor.give(NAME, first), other.give(NAME, second))]
            rounds.append(await asyncio.gather(visitor.give(NAME, second), other.give(NAME, first)))
            return [list(pair) for pair in rounds]

    expected = [asyncio.run(alone(data)) for data in (first, second)]
    assert expected[0] != expected[1]
    assert all(expected)
    assert asyncio.run(together()) == [expected, expected[::-1]]


def test_a_session_cannot_use_the_file_of_another(served):
    async def take() -> str:
        async with (
            streamlit_client.visit(served.port) as owner,
            streamlit_client.visit(served.port) as thief,
        ):
            await owner.give(NAME, clip(110.0))
            thief._widgets = {thief.uploader: owner._widgets[owner.uploader]}
            await thief.run()
            return thief.verdict

    assert asyncio.run(take()) == ""


def open_files(pid: int) -> list[str]:
    """Return the names of the regular files that a process has open for writing."""
    names = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            mode = os.stat(link).st_mode
            flags = Path(f"/proc/{pid}/fdinfo/{link.name}").read_text(encoding="ascii")
            is_written = int(flags.split("flags:")[1].split()[0], 8) & os.O_ACCMODE
            if stat.S_ISREG(mode) and is_written:
                names.append(os.readlink(link))
        except OSError:
            continue
    return names


def test_no_recording_is_on_disk_or_in_the_log(served, tmp_path):
    async def give() -> list[str]:
        async with streamlit_client.visit(served.port) as visitor:
            assert await visitor.give(NAME, tone_file(60.0))
            assert await visitor.give("broken 4711.wav", b"RIFF4711" * 200_000) == ""
            return open_files(served.process.pid)

    opened = asyncio.run(give())
    assert [name for name in opened if "log.txt" not in name] == []
    log = served.log
    assert "4711" not in log
    assert "127.0.0.1:" not in log.split("URL:")[1].split("\n", 1)[1]
    lines = [json.loads(row) for row in log.splitlines() if row.startswith("{")]
    assert {line["event"] for line in lines} >= {"started", "request"}


# --- Responses -----------------------------------------------------------------------------------


PATHS = ["/", "/compare", "/_stcore/health", "/_stcore/host-config", "/no/such/file.js", "/media/x"]


@pytest.mark.parametrize("path", [*PATHS, "/_stcore/metrics", "/static/none.js", "/..%2f..%2fx"])
def test_security_headers_are_on_every_response(served, path):
    _, fields, _ = served.get(path)
    assert "script-src 'self' blob: 'sha256-" in fields["content-security-policy"]
    assert fields["x-content-type-options"] == "nosniff"
    assert fields["referrer-policy"] == "same-origin"
    assert "microphone=(self)" in fields["permissions-policy"]
    assert fields["x-frame-options"] == "SAMEORIGIN"


def test_metrics_and_agent_interface_of_streamlit_are_not_public(served):
    assert served.get("/_stcore/metrics")[0] == 404
    assert served.get("/_stcore/agent/openapi.json")[0] == 404
    reply = streamlit_client.request(served.port, "POST", "/_stcore/agent/interact", b"{}")
    assert reply[0] == 404


def test_metrics_are_served_on_the_local_address_only(served, metrics_port):
    async def give() -> None:
        async with streamlit_client.visit(served.port) as visitor:
            await visitor.give(NAME, clip(200.0))
            await visitor.give("b.wav", b"no sound at all")

    before = streamlit_client.metrics(metrics_port)
    asyncio.run(give())
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


def test_health_reports_missing_restrictions(served, metrics_port):
    """The header, the metrics and the processes agree."""
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
def test_address_comes_from_a_trusted_proxy_only(tmp_path, trusted, statuses):
    async def come(port: int) -> list[int]:
        """Return the statuses of three visitors of two addresses, all of whom stay."""
        async with contextlib.AsyncExitStack() as stack:
            statuses = []
            for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
                try:
                    knock = streamlit_client.knock(port, {"X-Forwarded-For": address})
                    await stack.enter_async_context(knock)
                    statuses.append(0)
                except InvalidStatus as refused:
                    has_time = "retry-after" in refused.response.headers
                    statuses.append(refused.response.status_code if has_time else -1)
            return statuses

    limits = {"EMO_ADDRESS_PAGES": "1", "FORWARDED_ALLOW_IPS": trusted}
    with streamlit_client.serve(tmp_path / "log.txt", limits) as served:
        assert asyncio.run(come(served.port)) == statuses


# --- Memory --------------------------------------------------------------------------------------


def settle(served: Served, below_mb: float, patience_s: float = 60.0) -> float:
    """Wait until memory is below a number of megabytes, or for a while; return it."""
    until_s = time.monotonic() + patience_s
    while served.resident_mb > below_mb and time.monotonic() < until_s:
        time.sleep(0.5)
    return served.resident_mb


def test_memory_is_released_after_a_session(served):
    async def fill() -> float:
        async with streamlit_client.visit(served.port) as visitor:
            await visitor.give(NAME, clip(200.0))
            for _ in range(30):
                assert (await visitor.upload("a.wav", os.urandom(5 * MB)))[0] == 204
            return float(served.resident_mb)

    async def warm() -> None:
        async with streamlit_client.visit(served.port) as visitor:
            await visitor.give(NAME, clip(210.0))

    asyncio.run(warm())
    settle(served, 0.0, TTL_S + 8.0)
    before_mb = served.resident_mb
    full_mb = asyncio.run(fill())
    assert full_mb > before_mb + 140
    assert settle(served, before_mb + 15) < before_mb + 15


def test_loaded_modules_are_excluded_from_garbage_collection() -> None:
    code = (
        "import gc; from emo.app.serving import server; server._load_pages(); "
        "print(gc.get_freeze_count(), len(gc.get_objects()))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    frozen, others = map(int, process.stdout.split())
    assert frozen > 50 * others


def test_first_visitor_of_the_matrices_reads_no_predictions_of_guests() -> None:
    code = (
        "import asyncio; from emo.app.matrices import guests; from emo.app.serving import server; "
        "asyncio.run(server._load(server._load_nothing)); "
        "guests.read_guest_predictions = None; print(*guests.predictions('speakers'))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert process.stdout.split() == list(folders.list_guests(paths.MODELS_DIR)) != []


def test_memory_does_not_grow_with_the_visitors(served, metrics_port):
    async def come_and_go(n_times: int) -> None:
        for i in range(n_times):
            async with streamlit_client.knock(served.port) as visitor:
                if i % 10 == 0:
                    await visitor.run()

    asyncio.run(come_and_go(200))
    settle(served, 0.0, TTL_S + 8.0)
    before_mb = served.resident_mb
    asyncio.run(come_and_go(1000))
    assert settle(served, before_mb + 20) < before_mb + 20
    assert streamlit_client.metrics(metrics_port)["emo_open_pages"] == 0

    async def works() -> str:
        async with streamlit_client.visit(served.port) as visitor:
            return await visitor.give(NAME, clip(200.0))

    assert asyncio.run(works())


# --- Names and ids -------------------------------------------------------------------------------


def test_a_file_name_of_lone_surrogates_breaks_no_page(served, metrics_port):
    def put(visitor: Visitor, data: bytes) -> dict[str, Any]:
        """Upload a file whose name becomes a surrogate in the claimed character set."""
        file_id = str(uuid.uuid4())
        body = (
            b'--m\r\nContent-Disposition: form-data; name="file"; filename="\\ud800x.wav"\r\n'
            b"Content-Type: audio/wav\r\n\r\n" + data + b"\r\n--m--\r\n"
        )
        path = f"/_stcore/upload_file/{visitor.session}/{file_id}"
        headers = {
            "Content-Type": "multipart/form-data; charset=unicode_escape; boundary=m",
            "Cookie": f"{streamlit_client.XSRF}={visitor.token}",
            "X-Xsrftoken": visitor.token,
        }
        assert streamlit_client.request(served.port, "PUT", path, body, headers)[0] == 204
        return {"id": file_id, "name": "x.wav", "size": len(data), "path": path}

    async def go() -> None:
        async with streamlit_client.visit(served.port) as visitor:
            for path in ("", "compare", "teach"):
                if path:
                    await visitor.open(path)
                visitor._widgets[visitor.uploader] = {"files": [put(visitor, clip(226.0))]}
                await visitor.run()
                await visitor.run()
                assert path or visitor.verdict

    def n_errors() -> float:
        values = streamlit_client.metrics(metrics_port).items()
        return sum(value for name, value in values if name.startswith("emo_errors_total"))

    before = n_errors()
    asyncio.run(go())
    assert n_errors() == before


def test_log_has_no_session_ids_and_only_json(served):
    async def come_back() -> str:
        async with streamlit_client.visit(served.port) as visitor:
            headers = {"Cookie": f"{streamlit_client.XSRF}={visitor.token}"}
            async with connect(
                f"ws://127.0.0.1:{served.port}/_stcore/stream",
                subprotocols=["streamlit", visitor.token, visitor.session],  # type: ignore[list-item]
                additional_headers=headers,
            ):
                pass
            visitor.put("f", "a.wav", b"1")
            return visitor.session

    session = asyncio.run(come_back())
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
