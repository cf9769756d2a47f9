"""What a page sends over its websocket: read at a bounded rate, merged, and only what it needs.

Each request to make the page anew costs the server some 30 ms, and a message of 36 bytes asks for
it. So they are let through at a rate; those that come sooner wait, and one that waits is replaced
by the next for the same page, which holds everything that the earlier one held.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

from emo.server.quotas import Bucket

Message = MutableMapping[str, Any]

MAX_BYTES = 2**19
"""Of a message: the state of 120 files with long names takes a third of it."""

RERUN_BURST, RERUNS_PER_S = 10, 4.0
"""Messages of one page that are passed on without a pause, and every second in the long run."""

READ_BURST, READS_PER_S = 100, 25.0
"""Messages of one page that are looked at; what comes faster stays in the network."""

MAX_WAITING = 16
"""Messages of one page that wait to be passed on."""

CLOSE_TOO_BIG, CLOSE_PROTOCOL_ERROR = 1009, 1002
"""Codes of RFC 6455, section 7.4.1, with which a page is closed."""


class MessageError(Exception):
    """A message that is not passed on; its text names the reason for the counters."""


@dataclass(frozen=True)
class PageMessage:
    """A message that may pass.

    Attributes
    ----------
    is_run
        Whether it has the page made anew.
    merge_key
        Equal for messages of which the later may stand for the earlier; None for others.
    """

    data: bytes
    is_run: bool = False
    merge_key: Hashable = None


class MessageParser(Protocol):
    """What knows the language of the pages."""

    def read(self, data: bytes) -> PageMessage:
        """Return what a message is, or raise ``MessageError`` where it may not pass."""

    def merge(self, earlier: bytes, later: bytes) -> bytes:
        """Return one message for two with the same merge key."""


class MessageQueue:
    """The messages of one page, in place of the server's own ``receive``.

    Parameters
    ----------
    receive
        Gives the next message of the connection.
    wait_s
        Takes a run from the visitor's address and returns 0.0, or returns the seconds until it can.
    refuse
        Is called with the reason for every message that is not passed on.
    """

    def __init__(
        self,
        receive: Callable[[], Awaitable[Message]],
        reader: MessageParser,
        wait_s: Callable[[], float],
        refuse: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._receive = receive
        self._reader = reader
        self._address_wait_s = wait_s
        self._refuse = refuse
        self._clock = clock
        now_s = clock()
        self._runs = Bucket(RERUN_BURST, RERUNS_PER_S, RERUN_BURST, now_s)
        self._reads = Bucket(READ_BURST, READS_PER_S, READ_BURST, now_s)
        self._waiting: deque[PageMessage] = deque()
        self._reading: asyncio.Future[Message] | None = None
        self.close_code = 0

    async def receive(self) -> Message:
        """Return the next message for the application, once its time has come."""
        while not self.close_code:
            wait_s = self._next_wait_s() if self._waiting else None
            if wait_s is not None and wait_s <= 0:
                return {"type": "websocket.receive", "bytes": self._waiting.popleft().data}
            read_wait_s = self._read_wait_s()
            if read_wait_s > 0:
                await asyncio.sleep(read_wait_s if wait_s is None else min(wait_s, read_wait_s))
                continue
            message = await self._next(wait_s)
            if message is None:
                continue
            if message["type"] != "websocket.receive":
                self._waiting.clear()  # who has left needs no answer
                return message
            self._take(message)
        return {"type": "websocket.disconnect", "code": self.close_code}

    def close(self) -> None:
        """Stop reading; the connection has ended."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _next_wait_s(self) -> float:
        """Return 0.0 with the turn of the first that waits taken, or the seconds until its turn."""
        self._runs.fill(self._clock())
        wait_s = self._runs.wait_s(1)
        if wait_s <= 0 and self._waiting[0].is_run:
            wait_s = self._address_wait_s()
        if wait_s <= 0:
            self._runs.level -= 1
        return wait_s

    def _read_wait_s(self) -> float:
        if len(self._waiting) >= MAX_WAITING:
            return 1.0  # or sooner, when the first of them passes
        self._reads.fill(self._clock())
        return self._reads.wait_s(1)

    async def _next(self, timeout_s: float | None) -> Message | None:
        """Return the next message, None where none came in time; it is not lost then."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._receive())
        done, _ = await asyncio.wait({self._reading}, timeout=timeout_s)
        if not done:
            return None
        reading, self._reading = self._reading, None
        return reading.result()

    def _take(self, message: Message) -> None:
        self._reads.level -= 1
        data = message.get("bytes")
        if data is None:  # a frame of text, which no page sends
            self._stop(CLOSE_PROTOCOL_ERROR, "message_unreadable")
        elif len(data) > MAX_BYTES:
            self._stop(CLOSE_TOO_BIG, "message_bytes")
        else:
            self._keep(data)

    def _keep(self, data: bytes) -> None:
        try:
            note = self._reader.read(data)
        except MessageError as error:
            self._refuse(str(error))
            return
        last = self._waiting[-1] if self._waiting else None
        if last is not None and note.merge_key is not None and last.merge_key == note.merge_key:
            merged = self._reader.merge(last.data, note.data)
            self._waiting[-1] = PageMessage(merged, note.is_run, note.merge_key)
            self._refuse("message_merged")
        else:
            self._waiting.append(note)

    def _stop(self, code: int, reason: str) -> None:
        self.close_code = code
        self._refuse(reason)
