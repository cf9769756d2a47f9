"""Speak live to a served app without a browser, as its component does."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.clients.streamlit_client import HERE, XSRF, Visitor

RATE_HZ = 16_000
PIECE = RATE_HZ // 10
"""Samples of a piece of sound."""

Pcm = npt.NDArray[np.int16]


class Microphone:
    """A live microphone of a page.

    Attributes
    ----------
    messages
        What the server said, each with the time at which it came as ``at_s``.
    sent_s
        By the number of samples that were sent: when the last of them was.
    close_code
        Code with which the server closed the connection; 0 while it is open.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.messages: list[dict[str, Any]] = []
        self.sent_s: dict[int, float] = {}
        self.n_sent = 0
        self.close_code = 0

    async def read(self) -> None:
        """Record the messages of the server until it closes the connection."""
        try:
            async for message in self._socket:
                self.messages.append(json.loads(message) | {"at_s": time.monotonic()})
        except ConnectionClosed:
            pass
        self.close_code = self._socket.close_code or 0

    async def send(self, message: Mapping[str, Any] | str | bytes) -> None:
        """Send a message as it is, a mapping as JSON."""
        is_raw = isinstance(message, str | bytes)
        await self._socket.send(message if is_raw else json.dumps(message))

    async def speak(self, sound: Pcm, speed: float = 1.0) -> None:
        """Send a sound in pieces of a tenth of a second, so many times as fast as it is spoken."""
        started_s, before = time.monotonic(), self.n_sent
        for start in range(0, len(sound), PIECE):
            piece = sound[start : start + PIECE]
            due_s = started_s + (self.n_sent - before + len(piece)) / RATE_HZ / speed
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            await self._socket.send(piece.astype("<i2").tobytes())
            self.n_sent += len(piece)
            self.sent_s[self.n_sent] = time.monotonic()

    async def wait_for(self, kind: str, patience_s: float = 60.0) -> dict[str, Any]:
        """Return the last message of a kind, as soon as there is one."""
        async with asyncio.timeout(patience_s):
            while not (found := [one for one in self.messages if one["type"] == kind]):
                await asyncio.sleep(0.01)
        return found[-1]

    @property
    def answers(self) -> list[dict[str, Any]]:
        """Answers with a window of speech."""
        return [message for message in self.messages if message["type"] == "answer"]


@contextlib.asynccontextmanager
async def open_microphone(
    visitor: Visitor, start: Mapping[str, Any] | None = None, source: str = HERE, **headers: str
) -> AsyncIterator[Microphone]:
    """Connect the microphone of a page, which sends a start, and close it with the block.

    Parameters
    ----------
    start
        Fields that replace those of the start.
    source
        Address of this machine that the connection comes from.
    headers
        Headers that replace the usual ones.
    """
    async with connect(
        f"ws://127.0.0.1:{visitor.port}/live/stream",
        additional_headers={"Cookie": f"{XSRF}={visitor.token}", **headers},
        open_timeout=60,
        close_timeout=10,
        local_addr=(source, 0),
    ) as socket:
        microphone = Microphone(socket)
        reading = asyncio.create_task(microphone.read())
        fields = {"type": "start", "session": visitor.session, "token": visitor.token}
        with contextlib.suppress(ConnectionClosed):  # refused already
            await microphone.send(fields | {"rate_hz": RATE_HZ, "among": ""} | dict(start or {}))
        try:
            yield microphone
        finally:
            await socket.close()
            await reading
