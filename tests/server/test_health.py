"""The state of the sandbox in health checks, the log and the metrics."""

import asyncio
import logging
from functools import partial
from typing import Any

import pytest

from emo.audio import isolated, sandbox
from emo.audio.isolated import IsolatedDecoder
from emo.server.health import SandboxHeaderMiddleware, describe_sandbox
from emo.server.telemetry import Telemetry
from tests.audio.test_isolated import clip


@pytest.mark.parametrize(
    ("n", "missing", "expected"),
    [
        (0, {"core": 0}, "starting"),
        (2, {"core": 0}, "complete"),
        (2, {"core": 0, "memory": 1, "system calls": 2}, "without memory, system calls"),
    ],
)
def test_describe_sandbox(n: int, missing: dict[str, int], expected: str) -> None:
    assert describe_sandbox(n, missing) == expected


@pytest.mark.parametrize(("path", "expected"), [("/_stcore/health", True), ("/about", False)])
def test_middleware_adds_its_header_to_health_checks_only(path: str, expected: bool) -> None:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    asyncio.run(
        SandboxHeaderMiddleware(app, lambda: "complete")(
            {"type": "http", "path": path}, receive, send
        )
    )
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    fields = sent[0]["headers"]
    assert ((b"x-emo-sandbox", b"complete") in fields) is expected
    assert (b"a", b"b") in fields


def test_missing_restrictions_are_counted_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Missing, as on a kernel without filters of system calls."""
    code = "import emo.audio.seccomp; emo.audio.seccomp.restrict_system_calls = lambda: False; "
    monkeypatch.setattr(isolated, "_CODE", code + isolated._CODE)
    isolated._log_missing.cache_clear()
    unfiltered = IsolatedDecoder(1)
    try:
        with caplog.at_level(logging.WARNING, logger="emo"):
            unfiltered.decode(clip())
        missing = unfiltered.missing_restrictions()
    finally:
        unfiltered.stop()
        isolated._log_missing.cache_clear()
    assert set(missing) == set(sandbox.RESTRICTIONS)
    assert missing["system calls"] == 1
    assert describe_sandbox(1, missing).endswith("system calls")
    assert any("system calls" in record.getMessage() for record in caplog.records)
    assert set(unfiltered.missing_restrictions().values()) == {0}


def test_unrestricted_processes_are_counted_by_restriction() -> None:
    telemetry = Telemetry()
    for name, value in {"core": 0.0, "memory": 2.0}.items():
        telemetry.unrestricted.labels(name).set_function(partial(float, value))
    name = "emo_sandbox_unrestricted_processes"
    values = [
        telemetry.registry.get_sample_value(name, {"restriction": restriction})
        for restriction in ("core", "memory")
    ]
    assert values == [0, 2]
