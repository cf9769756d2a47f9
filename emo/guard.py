"""What stands between the network and the pages: quotas, headers, counts; errors stay inside.

An ASGI application around another (<https://asgi.readthedocs.io/en/stable/specs/www.html>).
"""

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from emo import guard_words, headers
from emo.counters import Counters
from emo.quota import Ledger, Refusal

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

LOG = logging.getLogger("emo.server")

STOPPING_RETRY_S = 30
DISCARD_S = 10.0
"""How long the body of a refused upload is read: who still sends misses the answer."""

_UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+$")
_HIDDEN = re.compile(r"/_stcore/(metrics|agent|script-health-check)(/|$)")
_ROUTES = (
    ("upload", re.compile(r"/_stcore/upload_file/")),
    ("health", re.compile(r"/_stcore/health$")),
    ("stream", re.compile(r"/_stcore/stream$")),
    ("core", re.compile(r"/_stcore/")),
    ("static", re.compile(r"/static/")),
    ("media", re.compile(r"/media/")),
    ("component", re.compile(r"/component/")),
)


class _TooSlowError(Exception):
    """The body of an upload did not come in time."""


@dataclass
class Guard:
    """The application, guarded.

    Attributes
    ----------
    policy
        The content security policy of every response.
    is_stopping
        Whether new pages and uploads are refused, because the server waits for its end.
    tell
        Takes a session and the sentence for whoever looks at its page: why an upload was refused.
    """

    app: App
    ledger: Ledger
    counters: Counters
    policy: str
    is_stopping: Callable[[], bool] = field(default=lambda: False)
    tell: Callable[[str, str], None] = field(default=lambda _, __: None)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request, or one page for as long as it is open."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._serve_page(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    # --- Requests --------------------------------------------------------------------------------

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        answer = _Answer(send, self._headers(scope))
        started_s = time.perf_counter()
        route = route_of(scope["path"])
        try:
            await self._pass_on(scope, receive, answer)
        except _TooSlowError:
            await answer.say(408, guard_words.TOO_SLOW)
        except Exception as error:
            self.counters.count("emo_errors_total", kind=route, type=type(error).__name__)
            LOG.error("request failed", exc_info=error, extra={"route": route})
            await answer.say(500, guard_words.BROKEN)
        took_s = time.perf_counter() - started_s
        self.counters.count("emo_requests_total", route=route, status=str(answer.status))
        self.counters.observe("emo_request_seconds", took_s, route=route)
        if route == "upload" or answer.status >= 500:
            seen = {"route": route, "method": scope["method"], "status": answer.status}
            LOG.info("request", extra=seen | {"took_ms": round(1000 * took_s)})

    async def _pass_on(self, scope: Message, receive: Receive, answer: "_Answer") -> None:
        path = scope["path"]
        upload = _UPLOAD.search(path)
        if _HIDDEN.search(path):
            await answer.say(404, guard_words.NOT_FOUND)
        elif path.endswith("/_stcore/health") and self.is_stopping():
            await self._refuse(answer, Refusal("stopping", STOPPING_RETRY_S, 503))
        elif upload and scope["method"] == "PUT":
            await self._take(upload[1], scope, receive, answer)
        else:
            await self.app(scope, receive, answer)

    async def _take(
        self, session: str, scope: Message, receive: Receive, answer: "_Answer"
    ) -> None:
        """Pass an upload on if there is room for it, and no longer than it may take."""
        size = _content_length(scope)
        if size is None:
            await answer.say(411, guard_words.NO_LENGTH)
            return
        stopping = Refusal("stopping", STOPPING_RETRY_S, 503) if self.is_stopping() else None
        refusal = stopping or self.ledger.reserve(session, _address(scope), size)
        if refusal is not None:
            await _discard(receive)
            await self._refuse(answer, refusal)
            self.tell(session, guard_words.upload_refused(refusal.reason, refusal.retry_s))
            return
        until_s = time.monotonic() + self.ledger.limits.upload_s
        try:
            await self.app(scope, lambda: _receive_until(receive, until_s), answer)
        finally:
            self.ledger.release(session, size)
        if answer.status < 300:
            self.counters.count("emo_uploaded_bytes_total", size)

    async def _refuse(self, answer: "_Answer", refusal: Refusal) -> None:
        self.counters.count("emo_refused_total", reason=refusal.reason)
        text = guard_words.refusal(refusal.reason, refusal.retry_s)
        await answer.say(refusal.status, text, [(b"retry-after", str(refusal.retry_s).encode())])

    def _headers(self, scope: Message) -> headers.Headers:
        found = headers.security_headers(self.policy)
        return [*found, headers.SECURE] if scope.get("scheme") in ("https", "wss") else found

    # --- Pages -----------------------------------------------------------------------------------

    async def _serve_page(self, scope: Message, receive: Receive, send: Send) -> None:
        """Hold the page's place for as long as it is open; without one, it is not opened."""
        address = _address(scope)
        if self.is_stopping():
            refusal: Refusal | None = Refusal("stopping", STOPPING_RETRY_S, 503)
        else:
            refusal = self.ledger.enter(address)
        status = 101 if refusal is None else refusal.status
        self.counters.count("emo_requests_total", route="stream", status=str(status))
        if refusal is not None:
            await self._deny(scope, receive, send, refusal)
            return
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            self.counters.count("emo_errors_total", kind="stream", type=type(error).__name__)
            LOG.error("a page's connection failed", exc_info=error)
        finally:
            self.ledger.leave(address)

    async def _deny(self, scope: Message, receive: Receive, send: Send, refusal: Refusal) -> None:
        await receive()  # the request to connect
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            self.counters.count("emo_refused_total", reason=refusal.reason)
            await send({"type": "websocket.close", "code": 1013, "reason": refusal.reason})
            return
        await self._refuse(_Answer(send, self._headers(scope), "websocket.http.response"), refusal)


class _Answer:
    """The way back of one response: it puts the headers on, and knows how far the response is."""

    def __init__(self, send: Send, extra: headers.Headers, kind: str = "http.response") -> None:
        self._send = send
        self._extra = extra
        self._kind = kind
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == f"{self._kind}.start":
            self.status = message["status"]
            names = {name for name, _ in self._extra}
            kept = [(k, v) for k, v in message.get("headers", ()) if k.lower() not in names]
            if headers.SECURE in self._extra:
                kept = [(k, _secured(v) if k.lower() == b"set-cookie" else v) for k, v in kept]
            message = {**message, "headers": [*kept, *self._extra]}
        await self._send(message)

    async def say(self, status: int, text: str, extra: headers.Headers | None = None) -> None:
        """Send a sentence; nothing where a response has begun already."""
        if self.status:
            return
        body = text.encode()
        fields = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            # What was not read of a body must not be taken for the next request.
            *([(b"connection", b"close")] if self._kind == "http.response" else []),
            *(extra or []),
        ]
        await self({"type": f"{self._kind}.start", "status": status, "headers": fields})
        await self._send({"type": f"{self._kind}.body", "body": body})


def route_of(path: str) -> str:
    """What kind of request a path is, for counts and logs, which hold no path."""
    return next((name for name, pattern in _ROUTES if pattern.search(path)), "page")


def _secured(cookie: bytes) -> bytes:
    """The cookie for https alone: behind a proxy Streamlit does not know that it is used."""
    return cookie if b"; secure" in cookie.lower() else cookie + b"; Secure"


def _address(scope: Message) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _content_length(scope: Message) -> int | None:
    for name, value in scope["headers"]:
        if name.lower() == b"content-length" and value.isdigit():
            return int(value)
    return None


async def _receive_until(receive: Receive, until_s: float) -> Message:
    try:
        return await asyncio.wait_for(receive(), max(0.001, until_s - time.monotonic()))
    except TimeoutError as error:
        raise _TooSlowError from error


async def _discard(receive: Receive) -> None:
    """Read what is still sent, and keep nothing of it."""
    until_s = time.monotonic() + DISCARD_S
    with contextlib.suppress(_TooSlowError):
        while True:
            message = await _receive_until(receive, until_s)
            if message["type"] != "http.request" or not message.get("more_body"):
                return
