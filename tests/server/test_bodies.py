"""Upload bodies that arrive at different rates; the tests set the clock."""

import asyncio
from collections.abc import Sequence

import pytest

from emo.server import bodies
from emo.server.bodies import (
    GRACE_S,
    MIN_BYTES_PER_S,
    Message,
    RejectedError,
    TooSlowError,
    UploadBody,
)
from emo.server.quotas import Rejection


def read(parts: Sequence[tuple[float, int]], timeout_s: float = 1e9, room: int = 10**12) -> int:
    """Return the number of accepted bytes of a body, given the delay and size of each part."""
    now_s, n_bytes = 0.0, 0
    incoming = list(parts)

    async def receive() -> Message:
        nonlocal now_s
        time_s, size = incoming.pop(0)
        if time_s > deadline_s:
            await asyncio.Event().wait()
        now_s += time_s
        return {"type": "http.request", "body": bytes(size), "more_body": bool(incoming)}

    def count(size: int) -> Rejection | None:
        nonlocal n_bytes
        n_bytes += size
        return Rejection("session_mb", 60) if n_bytes > room else None

    deadline_s = 0.0

    async def run() -> None:
        nonlocal deadline_s
        body = UploadBody(receive, count, timeout_s, lambda: now_s)
        while incoming:
            allowed_s = min(timeout_s, GRACE_S + n_bytes / MIN_BYTES_PER_S)
            deadline_s = allowed_s - now_s
            await body()

    wait_for = asyncio.wait_for

    async def wait_briefly(coming: object, timeout: float) -> Message:
        return await wait_for(coming, 0.02)  # type: ignore[arg-type] # parts arrive at once or never

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emo.server.bodies.asyncio.wait_for", wait_briefly)
        asyncio.run(run())
    return n_bytes


def test_body_passes_a_fast_upload():
    parts = [(0.9, MIN_BYTES_PER_S)] * 50
    assert read(parts) == 50 * MIN_BYTES_PER_S
    assert read([(GRACE_S - 1, 10)]) == 10


def test_body_rejects_a_slow_upload():
    for parts in ([(GRACE_S + 1, 1)], [(1.0, 1)] * 30, [(1.2, MIN_BYTES_PER_S)] * 100):
        with pytest.raises(TooSlowError):
            read(parts)


def test_body_rejects_an_upload_that_takes_longer_than_its_timeout():
    with pytest.raises(TooSlowError):
        read([(1.0, 10**6)] * 30, timeout_s=20.0)


def test_body_stops_when_the_quotas_reject_it():
    with pytest.raises(RejectedError) as caught:
        read([(0.1, 100)] * 5, room=250)
    assert caught.value.rejection.reason == "session_mb"


def test_discard_body_reads_for_a_limited_time(monkeypatch):
    monkeypatch.setattr(bodies, "DISCARD_S", 0.05)
    n_read = 0

    async def receive() -> Message:
        nonlocal n_read
        n_read += 1
        if n_read > 3:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": b"x", "more_body": True}

    asyncio.run(bodies.discard_body(receive))
    assert n_read == 4
