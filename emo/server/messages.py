"""The queue of messages that a page sends over its websocket: limited in rate, size and kind.

Each rerun of a page costs the server some 30 ms, and a message of 36 bytes requests one.  Reruns
are therefore passed on at a limited rate; one that waits is merged with the next for the same page.
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
"""Largest message: the state of 120 files with long names takes a third of it."""

RERUN_BURST, RERUNS_PER_S = 10, 4.0
"""Messages of one page that are passed on without a pause, and per second in the long run."""

READ_BURST, READS_PER_S = 100, 25.0
"""Messages of one page that are read without a pause, and per second in the long run.

The others stay in the network's buffers."""

MAX_WAITING = 16
"""Messages of one page that wait to be passed on."""

CLOSE_TOO_BIG, CLOSE_PROTOCOL_ERROR = 1009, 1002
"""Close codes of RFC 6455, section 7.4.1."""


class MessageError(Exception):
    """A message that is not passed on; its text is the reason, as ``emo_rejected_total`` has it."""


@dataclass(frozen=True)
class PageMessage:
    """A message that may be passed on.

    Attributes
    ----------
    is_rerun
        Whether it requests a rerun of the page.
    merge_key
        Equal for messages that may be merged; None for messages that may not.
    """

    data: bytes
    is_rerun: bool = False
    merge_key: Hashable = None


class MessageParser(Protocol):
    """Parses and merges the messages of pages."""

    def parse(self, data: bytes) -> PageMessage:
        """Return a parsed message, or raise ``MessageError`` if it must not be passed on."""

    def merge(self, earlier: bytes, later: bytes) -> bytes:
        """Return one message that stands for two with the same merge key."""


class MessageQueue:
    """The messages of one page; ``receive`` stands in for the server's own ASGI ``receive``.

    Parameters
    ----------
    receive
        Returns the next message of the connection.
    parser
        Parses the messages.
    rerun_wait_s
        Counts a rerun of the visitor's address and returns 0.0, or returns the seconds until one
        is allowed.
    on_reject
        Called with the reason for every message that is not passed on.
    clock
        Returns the time in seconds.

    Attributes
    ----------
    close_code
        Code with which the connection must be closed; 0 while it may stay open.
    """

    def __init__(
        self,
        receive: Callable[[], Awaitable[Message]],
        parser: MessageParser,
        rerun_wait_s: Callable[[], float],
        on_reject: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._receive = receive
        self._parser = parser
        self._rerun_wait_s = rerun_wait_s
        self._on_reject = on_reject
        self._clock = clock
        now_s = clock()
        self._reruns = Bucket(RERUN_BURST, RERUNS_PER_S, RERUN_BURST, now_s)
        self._reads = Bucket(READ_BURST, READS_PER_S, READ_BURST, now_s)
        self._waiting: deque[PageMessage] = deque()
        self._pending: asyncio.Future[Message] | None = None
        self.close_code = 0

    async def receive(self) -> Message:
        """Return the next message for the application, as soon as its rate allows."""
        while not self.close_code:
            wait_s = self._acquire_next_s() if self._waiting else None
            if wait_s is not None and wait_s <= 0:
                return {"type": "websocket.receive", "bytes": self._waiting.popleft().data}
            read_wait_s = self._read_wait_s()
            if read_wait_s > 0:
                await asyncio.sleep(read_wait_s if wait_s is None else min(wait_s, read_wait_s))
                continue
            message = await self._read(wait_s)
            if message is None:
                continue
            if message["type"] != "websocket.receive":
                self._waiting.clear()  # after a disconnect nobody waits for the answers
                return message
            self._check(message)
        return {"type": "websocket.disconnect", "code": self.close_code}

    def close(self) -> None:
        """Cancel the pending read, after the connection has ended."""
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None

    def _acquire_next_s(self) -> float:
        """Count the first waiting message and return 0.0, or return the seconds until it may pass.

        A rerun also counts for the visitor's address.
        """
        self._reruns.fill(self._clock())
        wait_s = self._reruns.wait_s(1)
        if wait_s <= 0 and self._waiting[0].is_rerun:
            wait_s = self._rerun_wait_s()
        if wait_s <= 0:
            self._reruns.level -= 1
        return wait_s

    def _read_wait_s(self) -> float:
        if len(self._waiting) >= MAX_WAITING:
            return 1.0  # an upper bound: the caller waits less if a message may pass before
        self._reads.fill(self._clock())
        return self._reads.wait_s(1)

    async def _read(self, timeout_s: float | None) -> Message | None:
        """Return the next message, or None after the timeout; the read then goes on."""
        if self._pending is None:
            self._pending = asyncio.ensure_future(self._receive())
        done, _ = await asyncio.wait({self._pending}, timeout=timeout_s)
        if not done:
            return None
        pending, self._pending = self._pending, None
        return pending.result()

    def _check(self, message: Message) -> None:
        self._reads.level -= 1
        data = message.get("bytes")
        if data is None:  # a text frame, which no page sends
            self._stop(CLOSE_PROTOCOL_ERROR, "message_unreadable")
        elif len(data) > MAX_BYTES:
            self._stop(CLOSE_TOO_BIG, "message_bytes")
        else:
            self._enqueue(data)

    def _enqueue(self, data: bytes) -> None:
        try:
            message = self._parser.parse(data)
        except MessageError as error:
            self._on_reject(str(error))
            return
        last = self._waiting[-1] if self._waiting else None
        if last and message.merge_key is not None and last.merge_key == message.merge_key:
            merged = self._parser.merge(last.data, message.data)
            self._waiting[-1] = PageMessage(merged, message.is_rerun, message.merge_key)
            self._on_reject("message_merged")
        else:
            self._waiting.append(message)

    def _stop(self, code: int, reason: str) -> None:
        self.close_code = code
        self._on_reject(reason)
