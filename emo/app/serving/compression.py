"""Compressed files of the framework, without a proxy in front of the server.

Only the files under ``/static/`` and the page itself are compressed: they are the same for all
visitors and hold no secret, so that the size of an answer tells nothing (the attack BREACH needs a
secret beside text of the attacker).  Everything else is sent as it is.
"""

import asyncio
import gzip
import hashlib
import posixpath
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from emo.server.middleware import route_name

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

LEVEL = 6
"""Level of compression; 9 makes the files 0.3 % smaller."""

MIN_BYTES = 1024
"""Smallest file that is compressed."""

MAX_CACHE_BYTES = 16 * 2**20
"""Size of all compressed files that are kept; those of the framework have 7 MB."""

TYPES = (
    "text/css",
    "text/javascript",
    "application/javascript",
    "application/json",
    "image/svg+xml",
)
"""Types of files that become smaller."""

_Key = tuple[str, str]
"""Path and entity tag of a file."""

_CONDITIONS = (
    b"accept-encoding",
    b"if-none-match",
    b"if-modified-since",
    b"if-range",
    b"range",
)
"""Headers of a request without which the whole of a file is sent as it is."""

_NOT_MODIFIED = (b"cache-control", b"etag")
_VARY = (b"vary", b"Accept-Encoding")


@dataclass(frozen=True)
class _Answer:
    """A response of the application: status, headers and body."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: bytes) -> str:
        """Return the header of a lower-case name, empty if there is none."""
        return _header(self.headers, name)


@dataclass
class CompressionMiddleware:
    """ASGI middleware that compresses the framework's files, and replaces its page.

    Attributes
    ----------
    app
        The application.
    original_page, page
        The HTML of the framework's page, and what is sent in its place.
    max_cache_bytes
        Size of all compressed files that are kept; others are sent uncompressed.
    """

    app: App
    original_page: bytes
    page: bytes
    max_cache_bytes: int = MAX_CACHE_BYTES
    _files: dict[_Key, bytes] = field(default_factory=dict, init=False)
    _running: dict[_Key, asyncio.Task[bytes | None]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._page_gzip = gzip.compress(self.page, LEVEL, mtime=0)
        self._page_etag = f'W/"{hashlib.sha256(self.page).hexdigest()[:32]}"'

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            route = route_name(scope["path"])
            if route == "page":
                await self._serve_page(scope, receive, send)
                return
            if route == "static" and _accepts_gzip(scope) and scope["method"] == "GET":
                await self._serve_file(scope, receive, send)
                return
        await self._pass_on(scope, receive, send)

    async def _pass_on(self, scope: Message, receive: Receive, send: Send) -> None:
        """Have the application answer, uncompressed: it would compress downloads."""
        is_http = scope["type"] == "http"
        own = _without_headers(scope, b"accept-encoding") if is_http else scope
        await self.app(own, receive, send)

    # --- The page --------------------------------------------------------------------------------

    async def _serve_page(self, scope: Message, receive: Receive, send: Send) -> None:
        """Send the page where the framework would send its own; pass on anything else."""
        plain = _without_headers(scope, *_CONDITIONS)
        head = await self._call({**plain, "method": "HEAD"})
        if head.status != 200 or head.header(b"content-length") != str(len(self.original_page)):
            await self._pass_on(scope, receive, send)
            return
        answer = await self._call({**plain, "method": "GET"})
        if answer.body != self.original_page:
            await self._pass_on(scope, receive, send)
            return
        headers = [(name, value) for name, value in answer.headers if name != b"etag"]
        headers.append((b"etag", self._page_etag.encode()))
        known = _header(scope["headers"], b"if-none-match").split(",")
        if self._page_etag in [tag.strip() for tag in known]:
            kept = [(name, value) for name, value in headers if name in _NOT_MODIFIED]
            await _send(_Answer(304, [*kept, _VARY], b""), send)
            return
        is_gzip = _accepts_gzip(scope)
        body = self._page_gzip if is_gzip else self.page
        headers = _describe(headers, "gzip" if is_gzip else "", len(body))
        await _send(_Answer(200, headers, body if scope["method"] == "GET" else b""), send)

    # --- Files -----------------------------------------------------------------------------------

    async def _serve_file(self, scope: Message, receive: Receive, send: Send) -> None:
        """Send a file compressed, from memory after the first time."""
        plain = _without_headers(scope, b"accept-encoding")
        head = await self._call({**plain, "method": "HEAD"})
        body = await self._read_compressed(scope, head) if _is_compressible(head) else None
        if body is None:  # also where the visitor has the file already
            await self._pass_on(scope, receive, send)
            return
        etag = head.header(b"etag")
        headers = [(name, value) for name, value in head.headers if name != b"etag"]
        # A weak tag stands for the file in any encoding.
        headers += [(b"etag", f"W/{etag}".encode())] if etag.startswith('"') else []
        await _send(_Answer(200, _describe(headers, "gzip", len(body)), body), send)

    async def _read_compressed(self, scope: Message, head: _Answer) -> bytes | None:
        """Return a compressed file; None if it cannot be kept, or has just been changed."""
        # One file has many addresses ("//", "/./"); it is kept once.
        key = (posixpath.normpath(scope["path"]), head.header(b"etag"))
        if key in self._files:
            return self._files[key]
        if sum(map(len, self._files.values())) >= self.max_cache_bytes:
            return None
        task = self._running.get(key)
        if task is None:  # visitors who come at the same time wait for the same task
            task = asyncio.create_task(self._compress(scope, key))
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key))
        return await asyncio.shield(task)

    async def _compress(self, scope: Message, key: _Key) -> bytes | None:
        answer = await self._call(_without_headers(scope, *_CONDITIONS))
        if answer.status != 200 or answer.header(b"etag") != key[1]:
            return None
        body = await asyncio.to_thread(gzip.compress, answer.body, LEVEL, mtime=0)
        self._files[key] = body
        return body

    async def _call(self, scope: Message) -> _Answer:
        """Return the application's response to a request without a body."""
        start: Message = {"status": 500, "headers": []}
        parts: list[bytes] = []

        requests = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> Message:
            request: Message | None = next(requests, None)
            if request is None:
                await asyncio.Event().wait()  # the client stays: it waits for the answer
            return request or {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        await self.app({**scope, "extensions": {}}, receive, send)  # a body, not a path of a file
        headers = [(name.lower(), value) for name, value in start["headers"]]
        return _Answer(start["status"], headers, b"".join(parts))


def _is_compressible(answer: _Answer) -> bool:
    kind = answer.header(b"content-type").partition(";")[0].strip().lower()
    length = answer.header(b"content-length")
    is_encoded = answer.header(b"content-encoding")
    is_file = answer.status == 200 and length.isdigit()
    return is_file and kind in TYPES and int(length) >= MIN_BYTES and not is_encoded


def _accepts_gzip(scope: Message) -> bool:
    """Return whether a request accepts gzip and wants the whole of a file (RFC 9110, 12.5.3)."""
    if _header(scope["headers"], b"range"):
        return False
    choices = _header(scope["headers"], b"accept-encoding").lower().replace(" ", "").split(",")
    return any(re.fullmatch(r"gzip(;q=(1(\.0*)?|0\.0*[1-9]\d*))?", choice) for choice in choices)


def _describe(headers: Headers, encoding: str, length: int) -> Headers:
    """Return headers with those of an encoding and the length of its body."""
    own = (b"content-length", b"content-encoding", b"accept-ranges", b"vary")
    kept = [(name, value) for name, value in headers if name not in own]
    encodings = [(b"content-encoding", encoding.encode())] if encoding else []
    return [*kept, _VARY, *encodings, (b"content-length", str(length).encode())]


async def _send(answer: _Answer, send: Send) -> None:
    start = {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
    await send(start)
    await send({"type": "http.response.body", "body": answer.body})


def _header(headers: Headers, name: bytes) -> str:
    values = (value for key, value in headers if key.lower() == name)
    return next(values, b"").decode("latin-1")


def _without_headers(scope: Message, *names: bytes) -> Message:
    headers = [(key, value) for key, value in scope["headers"] if key.lower() not in names]
    return {**scope, "headers": headers}
