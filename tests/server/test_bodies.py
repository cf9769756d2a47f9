"""Bodies of uploads that come at their own pace; the clock is moved by hand."""

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


def read(parts: Sequence[tuple[float, int]], limit_s: float = 1e9, room: int = 10**12) -> int:
    """The bytes of a body that were let in; each part takes so many seconds to come."""
    now_s, n_bytes = 0.0, 0
    coming = list(parts)

    async def receive() -> Message:
        nonlocal now_s
        time_s, size = coming.pop(0)
        if time_s > deadline_s:
            await asyncio.Event().wait()
        now_s += time_s
        return {"type": "http.request", "body": bytes(size), "more_body": bool(coming)}

    def arrive(size: int) -> Rejection | None:
        nonlocal n_bytes
        n_bytes += size
        return Rejection("session_mb", 60) if n_bytes > room else None

    deadline_s = 0.0

    async def run() -> None:
        nonlocal deadline_s
        body = UploadBody(receive, arrive, limit_s, lambda: now_s)
        while coming:
            allowed_s = min(limit_s, GRACE_S + n_bytes / MIN_BYTES_PER_S)
            deadline_s = allowed_s - now_s
            await body()

    wait_for = asyncio.wait_for

    async def soon(coming: object, timeout: float) -> Message:
        return await wait_for(coming, 0.02)  # type: ignore[arg-type] # what comes, comes at once

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emo.server.bodies.asyncio.wait_for", soon)
        asyncio.run(run())
    return n_bytes


def test_a_body_that_comes_fast_enough_is_let_in():
    parts = [(0.9, MIN_BYTES_PER_S)] * 50
    assert read(parts) == 50 * MIN_BYTES_PER_S
    assert read([(GRACE_S - 1, 10)]) == 10


def test_a_body_that_comes_too_slowly_is_ended():
    for parts in ([(GRACE_S + 1, 1)], [(1.0, 1)] * 30, [(1.2, MIN_BYTES_PER_S)] * 100):
        with pytest.raises(TooSlowError):
            read(parts)


def test_a_body_may_take_so_long_however_much_of_it_comes():
    with pytest.raises(TooSlowError):
        read([(1.0, 10**6)] * 30, limit_s=20.0)


def test_a_body_is_refused_once_there_is_no_room_for_it():
    with pytest.raises(RejectedError) as caught:
        read([(0.1, 100)] * 5, room=250)
    assert caught.value.rejection.reason == "session_mb"


def test_what_is_refused_is_read_for_a_moment(monkeypatch):
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
