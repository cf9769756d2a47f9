"""The gate of the HTTP API, without a server."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from emo.api.gate import MAX_BODY, ApiGate
from emo.api.settings import ApiSettings, read_api_settings
from emo.server import bodies
from emo.server.quotas import Limits, QuotaTracker
from emo.server.telemetry import Telemetry

ON = ApiSettings(is_on=True)
WAV = (b"content-type", b"audio/wav")


class Routes:
    """An application that reads the body and answers with its length."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


def make_gate(
    settings: ApiSettings = ON, limits: Limits | None = None, **kwargs: Any
) -> tuple[ApiGate, Routes]:
    routes = Routes()
    quotas = QuotaTracker(limits or Limits(), lambda _: (0, 0))
    return ApiGate(lambda: routes, settings, quotas, Telemetry(), **kwargs), routes


def post(
    gate: ApiGate,
    parts: Sequence[bytes] = (b"abc",),
    headers: Sequence[tuple[bytes, bytes]] = (WAV,),
    path: str = "/api/v1/predict",
    method: str = "POST",
    length: int | None = -1,
    delay_s: float = 0.0,
    client: str = "10.0.0.1",
) -> tuple[int, dict[str, str], dict[str, Any]]:
    size = sum(map(len, parts)) if length == -1 else length
    fields = [*headers] + ([(b"content-length", str(size).encode())] if size is not None else [])
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "root_path": "/api"}
    scope |= {"headers": fields, "client": (client, 1) if client else None}
    messages = [
        {"type": "http.request", "body": part, "more_body": i + 1 < len(parts)}
        for i, part in enumerate(parts)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(delay_s)
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(gate(scope, receive, send))
    start, body = sent
    headers_ = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], headers_, json.loads(body["body"])


def test_a_body_is_passed_on_whole():
    gate, routes = make_gate()
    assert post(gate, [b"ab", b"", b"c"])[0] == 200
    assert routes.bodies == [b"abc"]
    assert gate.telemetry.upload_bytes._value.get() == 3


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"length": None}, 411, "no_length"),
        ({"length": MAX_BODY + 1}, 413, "too_large"),
        ({"headers": [WAV, (b"content-encoding", b"gzip")]}, 415, "encoded"),
        ({"headers": [(b"content-type", b"text/plain")]}, 415, "wrong_type"),
        ({"headers": [(b"content-type", b"application/x-www-form-urlencoded")]}, 415, "wrong_type"),
    ],
)
def test_a_request_is_rejected_by_its_head(change, status, code):
    gate, routes = make_gate()
    got, headers, problem = post(gate, **change)
    assert (got, problem["status"], problem["code"]) == (status, status, code)
    assert headers["content-type"] == "application/problem+json"
    assert routes.bodies == []


def test_a_body_that_waits_to_be_sent_is_not_read_when_it_is_rejected(monkeypatch):
    read: list[int] = []

    async def discard(_: Any) -> None:
        read.append(1)

    monkeypatch.setattr(bodies, "discard_body", discard)
    gate, _ = make_gate()
    assert post(gate, length=MAX_BODY + 1)[0] == 413
    assert read == [1]
    expect = (b"expect", b"100-continue")
    assert post(gate, headers=[WAV, expect], length=MAX_BODY + 1)[0] == 413
    assert read == [1]


def test_nothing_is_served_while_the_api_is_off():
    gate, routes = make_gate(ApiSettings(is_on=False))
    for path in ("/api/v1/predict", "/api/v1/health", "/api/docs"):
        status, _, problem = post(gate, path=path)
        assert (status, problem["code"]) == (404, "api_off")
    assert routes.bodies == []
    asyncio.run(gate.preload())
    assert gate._loading is None


@pytest.mark.parametrize(
    ("client", "status"), [("127.0.0.1", 200), ("::1", 200), ("203.0.113.5", 404), ("", 404)]
)
def test_without_a_switch_only_this_computer_is_served(client, status):
    """A proxy on this computer passes the address of its visitor on."""
    settings = read_api_settings(False, {})
    assert post(make_gate(settings)[0], client=client)[0] == status
    assert post(make_gate(read_api_settings(False, {"EMO_API": "on"}))[0], client=client)[0] == 200


def test_a_slow_body_is_cancelled(monkeypatch):
    monkeypatch.setattr(bodies, "MAX_UPLOAD_S", 0.01)
    status, _, problem = post(make_gate()[0], delay_s=0.2)
    assert (status, problem["code"]) == (408, "too_slow")


def test_a_body_that_breaks_off_is_not_passed_on():
    gate, routes = make_gate()
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/predict",
        "root_path": "/api",
    }
    scope |= {"headers": [WAV, (b"content-length", b"9")], "client": ("10.0.0.1", 1)}
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(gate(scope, receive, send))
    assert sent[0]["status"] == 400
    assert routes.bodies == []


def test_a_stopping_server_takes_no_more_recordings():
    gate, routes = make_gate(is_stopping=lambda: True)
    status, headers, problem = post(gate)
    assert (status, headers["retry-after"], problem["code"]) == (503, "30", "stopping")
    assert routes.bodies == []


def test_requests_count_for_their_address_until_they_are_answered():
    limits = Limits(session_mb=0.00001, address_mb=1.0, address_files=2, address_files_per_min=1)
    gate, _ = make_gate(limits=limits)
    assert post(gate)[0] == 200  # no limit of a page's session holds
    assert post(gate)[0] == 200
    status, headers, problem = post(gate)
    assert (status, problem["code"]) == (429, "address_files_per_min")
    assert int(headers["retry-after"]) > 0
    status, _, problem = post(make_gate(limits=Limits(address_mb=1.0))[0], [bytes(2 * 2**20)])
    assert (status, problem["code"]) == (429, "address_mb")
    assert gate.quotas._uploads == {}


def test_a_websocket_is_closed():
    gate, _ = make_gate()
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(gate({"type": "websocket", "path": "/api/v1/predict"}, receive, send))
    assert [message["type"] for message in sent] == ["websocket.close"]
