"""The websocket of a live microphone: sound comes in, answers go out, and no sound is stored.

A client sends one text, which says who it is and how its sound is made, and then pieces of sound as
16-bit samples.  It gets ``ready``, then an answer about every half second, and at the end a
sentence that says why the connection is closed, before the close code (RFC 6455, section 7.4.1).
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from emo.server.telemetry import Telemetry

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LOG = logging.getLogger("emo.server")

RATE_HZ = 16_000
"""Sample rate of the sound, the only one that is accepted."""

BYTES_PER_SAMPLE = 2

STEP_S = 0.5
"""Sound from one answer to the next."""

MAX_S = 300.0
"""Length of the sound after which the server ends the connection."""

START_S = 5.0
"""Time within which the first message must arrive."""

IDLE_S = 10.0
"""Time without sound after which the server ends the connection."""

MAX_START_BYTES = 2048
MAX_PIECE_S = 0.5
MAX_PIECE_BYTES = round(MAX_PIECE_S * RATE_HZ) * BYTES_PER_SAMPLE

MAX_AHEAD_S = 2.0
"""Sound that may be ahead of the clock, which a microphone never is for long."""

MAX_PIECES_PER_S = 25.0

_SESSION = re.compile(r"[\w-]{1,64}", re.ASCII)

REFUSALS: dict[str, tuple[int, str]] = {
    "start": (1002, "The first message is not a start of Live. Please reload the page."),
    "start_late": (1008, f"No start of Live came within {START_S:g} s. Please reload the page."),
    "rate": (1003, f"The sound has {{0}} samples a second; Live takes {RATE_HZ:,}."),
    "token": (1008, "This start of Live comes from no open page. Please reload the page."),
    "session": (1008, "This start of Live belongs to no open page. Please reload the page."),
    "setting": (1008, "{0}"),
    "text": (1003, "A text came where sound is expected: 16-bit samples. Please start again."),
    "odd": (1007, "A piece of sound has {0} bytes; 16-bit samples need an even number above 0."),
    "big": (1009, f"A piece of sound has {{0}} bytes; at most {MAX_PIECE_BYTES:,} are accepted."),
    "fast": (1008, "Sound came faster than it can be recorded. Please start again."),
    "pieces": (1008, f"More than {MAX_PIECES_PER_S:g} pieces of sound came in a second."),
    "idle": (1000, f"No sound came for {IDLE_S:g} s, so Live stopped."),
    "limit": (1000, f"Live stops by itself after {MAX_S / 60:g} minutes. Start it again to go on."),
    "replaced": (4000, "Live was started again for this page, which ended this one."),
    "stopping": (1012, "The server is being restarted. Please start again in 30 s."),
    "models": (1011, "{0}"),
    "error": (1011, "Something went wrong here. The error was logged. Please start again."),
}
"""Close code and sentence for each reason to end a connection; braces hold the value."""


class RefusedError(Exception):
    """A connection ends; ``reason`` is a key of ``REFUSALS``, whose sentence has the value."""

    def __init__(self, reason: str, value: object = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code, words = REFUSALS[reason]
        self.sentence = words.format(f"{value:,}" if isinstance(value, int) else value)


@dataclass(frozen=True)
class Start:
    """The first message of a connection, and where it comes from.

    Attributes
    ----------
    session, token
        Id of the page's session, and its XSRF token.
    among
        Emotions that can occur, separated by commas; empty for all.
    cookies, address
        The ``Cookie`` header and the address of the client.
    """

    session: str
    token: str
    among: str
    cookies: str
    address: str


class LiveStream(Protocol):
    """The stream of one connection: takes its sound and returns its answers."""

    def add(self, data: bytes) -> None:
        """Append a piece of sound: samples of 16 bits, the lower byte first."""

    async def answer(self) -> Mapping[str, Any]:
        """Return the answer for the latest sound as values for JSON."""


@dataclass
class LiveEndpoint:
    """ASGI application of the websocket.

    Attributes
    ----------
    open_stream
        Checks a start and returns the stream of the connection, or raises ``RefusedError``.
    telemetry
        Counts connections and refusals.
    is_stopping
        Returns whether the server is being stopped.
    clock
        Returns the time in seconds.
    """

    open_stream: Callable[[Start], Awaitable[LiveStream]]
    telemetry: Telemetry
    is_stopping: Callable[[], bool] = field(default=lambda: False)
    clock: Callable[[], float] = time.monotonic
    _open: dict[str, "_Connection"] = field(default_factory=dict)  # by session

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection until it ends."""
        await receive()  # the request to connect
        await send({"type": "websocket.accept"})
        connection = _Connection(self, receive, send)
        session = ""
        try:
            start = await connection.read_start(scope)
            stream = await self.open_stream(start)
            session = start.session
            if session in self._open:
                self._open[session].end(RefusedError("replaced"))
            self._open[session] = connection
            await connection.run(stream)
        except RefusedError as refused:
            self.telemetry.rejected.labels(f"live_{refused.reason}").inc()
            await refuse(send, refused.reason, refused.sentence, refused.code)
        except OSError:  # the client is gone
            pass
        except Exception as error:
            self.telemetry.errors.labels("live", type(error).__name__).inc()
            LOG.error("a live microphone failed", exc_info=error)
            await refuse(send, "error", REFUSALS["error"][1], REFUSALS["error"][0])
        finally:
            if self._open.get(session) is connection:
                del self._open[session]

    @property
    def n_open(self) -> int:
        """Number of connections that have started."""
        return len(self._open)


async def refuse(send: Send, reason: str, sentence: str, code: int) -> None:
    """Send the sentence that says why a connection ends, and close it."""
    text = json.dumps({"type": "end", "reason": reason, "sentence": sentence})
    try:
        await send({"type": "websocket.send", "text": text})
        await send({"type": "websocket.close", "code": code, "reason": reason})
    except OSError:  # the client is gone
        return


class _Connection:
    """One connection: it reads sound, and answers once for each step of it."""

    def __init__(self, endpoint: LiveEndpoint, receive: Receive, send: Send) -> None:
        self._endpoint = endpoint
        self._receive = receive
        self._send = send
        self._due = asyncio.Event()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._started_s = 0.0
        self._n_samples = 0
        self._n_pieces = 0

    async def read_start(self, scope: Message) -> Start:
        """Return the first message, checked."""
        try:
            message = await asyncio.wait_for(self._receive(), START_S)
        except TimeoutError:
            raise RefusedError("start_late") from None
        if message["type"] == "websocket.disconnect":
            raise OSError("closed before it started")
        fields = _read_json(message.get("text"))
        rate_hz = fields.get("rate_hz")
        session, token, among = (fields.get(name, "") for name in ("session", "token", "among"))
        if not all(isinstance(text, str) for text in (session, token, among)):
            raise RefusedError("start")
        if not _SESSION.fullmatch(session):
            raise RefusedError("start")
        if isinstance(rate_hz, bool) or not isinstance(rate_hz, int | float):
            raise RefusedError("start")
        if rate_hz != RATE_HZ:
            raise RefusedError("rate", rate_hz)
        cookies = [value.decode("latin-1") for key, value in scope["headers"] if key == b"cookie"]
        client = scope.get("client")
        address = str(client[0]) if client else ""
        return Start(session, token, among, "; ".join(cookies), address)

    async def run(self, stream: LiveStream) -> None:
        """Read sound and send answers until the client leaves; raise why the server ends it."""
        self._started_s = self._endpoint.clock()
        await self._send_json({"type": "ready", "limit_s": MAX_S, "step_s": STEP_S})
        tasks = [
            asyncio.create_task(self._read_sound(stream)),
            asyncio.create_task(self._send_answers(stream)),
        ]
        try:
            await asyncio.wait([*tasks, self._ended], return_when=asyncio.FIRST_COMPLETED)
            for done in (self._ended, *tasks):
                if done.done():
                    done.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def end(self, reason: RefusedError) -> None:
        """End the connection from outside."""
        if not self._ended.done():
            self._ended.set_exception(reason)

    async def _read_sound(self, stream: LiveStream) -> None:
        """Pass the sound on until the client closes the connection."""
        per_step = round(STEP_S * RATE_HZ)
        while True:
            try:
                message = await asyncio.wait_for(self._receive(), IDLE_S)
            except TimeoutError:
                raise RefusedError("idle") from None
            if message["type"] == "websocket.disconnect":
                return
            data = self._check(message)
            steps = self._n_samples // per_step
            self._n_samples += len(data) // BYTES_PER_SAMPLE
            stream.add(data)
            if self._n_samples // per_step > steps:
                self._due.set()
            if self._n_samples >= MAX_S * RATE_HZ:
                raise RefusedError("limit")

    def _check(self, message: Message) -> bytes:
        """Return a piece of sound, or raise why it is refused."""
        data: bytes | None = message.get("bytes")
        if data is None:
            raise RefusedError("text")
        if len(data) > MAX_PIECE_BYTES:
            raise RefusedError("big", len(data))
        if not data or len(data) % BYTES_PER_SAMPLE:
            raise RefusedError("odd", len(data))
        allowed_s = self._endpoint.clock() - self._started_s + MAX_AHEAD_S
        self._n_pieces += 1
        if self._n_pieces > MAX_PIECES_PER_S * allowed_s:
            raise RefusedError("pieces")
        if self._n_samples + len(data) // BYTES_PER_SAMPLE > RATE_HZ * allowed_s:
            raise RefusedError("fast")
        return data

    async def _send_answers(self, stream: LiveStream) -> None:
        """Send an answer for each step of sound; of several that are due, only for the latest."""
        while True:
            await self._due.wait()
            self._due.clear()
            if self._endpoint.is_stopping():
                raise RefusedError("stopping")
            await self._send_json(await stream.answer())

    async def _send_json(self, content: Mapping[str, Any]) -> None:
        await self._send({"type": "websocket.send", "text": json.dumps(content)})


def _read_json(text: str | None) -> dict[str, Any]:
    """Return the fields of a start, or raise that it is none."""
    if not text or len(text) > MAX_START_BYTES:
        raise RefusedError("start")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise RefusedError("start") from None
    if not isinstance(fields, dict) or fields.get("type") != "start":
        raise RefusedError("start")
    return fields
