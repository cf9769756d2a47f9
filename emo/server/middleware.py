"""What stands between the network and the pages: quotas, headers, counts; errors stay inside.

An ASGI application around another (<https://asgi.readthedocs.io/en/stable/specs/www.html>).
"""

import base64
import hashlib
import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from emo.server import bodies
from emo.server.bodies import RejectedError, TooSlowError, UploadBody
from emo.server.hosts import AllowedHosts
from emo.server.messages import MessageParser, MessageQueue
from emo.server.quotas import QuotaTracker, Rejection
from emo.server.telemetry import Telemetry

_INLINE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)

PERMISSIONS_POLICY = (
    "accelerometer=()",
    "autoplay=(self)",
    "camera=()",
    "clipboard-write=(self)",
    "display-capture=()",
    "fullscreen=(self)",
    "geolocation=()",
    "gyroscope=()",
    "magnetometer=()",
    "microphone=(self)",
    "midi=()",
    "payment=()",
    "publickey-credentials-get=()",
    "screen-wake-lock=()",
    "usb=()",
    "xr-spatial-tracking=()",
)
"""The microphone is for this page alone; what it does not use is for nobody."""

Headers = list[tuple[bytes, bytes]]


def content_security_policy(index_html: str) -> str:
    """The content security policy under which the page with this start runs.

    Scripts come from this server.  The few that stand in the start itself are named by their
    digest, and the player's is handed to the browser as a blob.  Styles are set by scripts in the
    page, so they cannot be named one by one.  Nothing is fetched from elsewhere.
    """
    digests = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in _INLINE.findall(index_html)
    )
    rules = {
        "default-src": "'self'",
        "script-src": f"'self' blob: {digests}".strip(),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "media-src": "'self' data: blob:",
        "connect-src": "'self' data: blob:",
        "worker-src": "'self' blob:",
        "frame-src": "'self'",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'self'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


def security_headers(policy: str) -> Headers:
    """Names in lower case, and values, of what stands on every response."""
    return [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"SAMEORIGIN"),
        (b"referrer-policy", b"same-origin"),
        (b"permissions-policy", ", ".join(PERMISSIONS_POLICY).encode()),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
    ]


STRICT_TRANSPORT_SECURITY = (b"strict-transport-security", b"max-age=31536000")
"""On what is sent over https besides."""

NO_STORE = (b"cache-control", b"no-store")
"""On what a person's recording is in."""


REJECTION_MESSAGES = {
    "session_files": "This session has as many files here as it may. Take some away first.",
    "session_mb": "This session has as much here as it may. Take some files away first.",
    "address_files": "Your network has as many files here as it may.",
    "address_mb": "Your network has as much here as it may.",
    "session_files_per_min": "That were too many files at once.",
    "session_mb_per_min": "That was too much at once.",
    "address_files_per_min": "Too many files came from your network at once.",
    "address_mb_per_min": "Too much came from your network at once.",
    "address_sessions": "Your network has as many pages open here as it may.",
    "address_sessions_per_min": "Your network opened too many pages at once.",
    "server_mb": "The server is full.",
    "server_sessions": "The server has as many visitors as it can serve.",
    "stopping": "The server is being stopped; another will follow.",
}
FORBIDDEN_RESPONSES = {
    "host": (403, "This page is not served under this name. EMO_HOST lists the names."),
    "origin": (403, "Another page may not speak to this server."),
    "two_lengths": (400, "A request has one length, not two."),
    "id": (400, "The address of this upload is too long, or holds other signs than it may."),
    "token": (403, "The token of the page is missing. Please load the page again."),
    "session": (400, "This page is open no longer. Please load it again."),
}
"""Status and sentence for a request that is not what a page of this server sends."""

NO_LENGTH = "An upload must say its length."
TOO_SLOW = "The upload took too long."
NOT_FOUND = "Not found."
BROKEN = "Something went wrong here. It was noted."


def rejection_message(reason: str, retry_s: int) -> str:
    """Why a request is refused, and when to come back."""
    return f"{REJECTION_MESSAGES[reason]} Please try again in {retry_s} s."


def upload_rejection_message(reason: str, retry_s: int) -> str:
    """The same of an upload, for the page that it was sent from."""
    return f"A file was not taken. {rejection_message(reason, retry_s)}"


Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

LOG = logging.getLogger("emo.server")

STOPPING_RETRY_S = 30

MAX_ID = 64
"""Characters of the ids of a session and of a file in the address of an upload."""

_UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/([^/]+)$")
_ID = re.compile(rf"[\w-]{{1,{MAX_ID}}}", re.ASCII)
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


@dataclass
class ProtectionMiddleware:
    """The application, guarded.

    Attributes
    ----------
    policy
        The content security policy of every response.
    is_stopping
        Whether new pages and uploads are refused, because the server waits for its end.
    tell
        Takes a session and the sentence for whoever looks at its page: why an upload was refused.
    hosts
        The names under which the page is served; who asks for another is refused.
    check_sender
        Takes a session, the token in the header and that in the cookie of an upload, and returns
        the status with which it is refused, 0 where it is not.
    reader
        Knows which messages a page sends; without one all of them pass.
    """

    app: App
    ledger: QuotaTracker
    counters: Telemetry
    policy: str
    is_stopping: Callable[[], bool] = field(default=lambda: False)
    tell: Callable[[str, str], None] = field(default=lambda _, __: None)
    hosts: AllowedHosts = field(default_factory=AllowedHosts)
    check_sender: Callable[[str, str, str], int] = field(default=lambda *_: 0)
    reader: MessageParser | None = None

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
        route = route_name(scope["path"])
        answer = _Answer(send, self._headers(scope, route))
        started_s = time.perf_counter()
        try:
            await self._pass_on(scope, receive, answer)
        except TooSlowError:
            self.counters.count("emo_refused_total", reason="too_slow")
            await answer.say(408, TOO_SLOW)
        except Exception as error:
            self.counters.count("emo_errors_total", kind=route, type=type(error).__name__)
            LOG.error("request failed", exc_info=error, extra={"route": route})
            await answer.say(500, BROKEN)
        took_s = time.perf_counter() - started_s
        self.counters.count("emo_requests_total", route=route, status=str(answer.status))
        self.counters.observe("emo_request_seconds", took_s, route=route)
        if route == "upload" or answer.status >= 500:
            seen = {"route": route, "method": scope["method"], "status": answer.status}
            LOG.info("request", extra=seen | {"took_ms": round(1000 * took_s)})

    async def _pass_on(self, scope: Message, receive: Receive, answer: "_Answer") -> None:
        path = scope["path"]
        upload = _UPLOAD.search(path)
        if reason := self._foreign(scope):
            await self._turn_away(answer, reason)
        elif _header(scope, b"transfer-encoding") and _header(scope, b"content-length"):
            await self._turn_away(answer, "two_lengths")
        elif _HIDDEN.search(path):
            await answer.say(404, NOT_FOUND)
        elif path.endswith("/_stcore/health") and self.is_stopping():
            await self._refuse(answer, Rejection("stopping", STOPPING_RETRY_S, 503))
        elif upload and scope["method"] == "PUT":
            await self._take(upload, scope, receive, answer)
        else:
            await self.app(_without_origin(scope), receive, answer)

    def _foreign(self, scope: Message) -> str:
        """Return why a request is not for this page: by its host, or by the page that sends it."""
        host, local = _header(scope, b"host"), scope.get("server")
        if not self.hosts.allows(host, str(local[0]) if local else ""):
            return "host"
        return "" if self.hosts.allows_origin(_header(scope, b"origin"), host) else "origin"

    async def _turn_away(self, answer: "_Answer", reason: str) -> None:
        self.counters.count("emo_refused_total", reason=reason)
        await answer.say(*FORBIDDEN_RESPONSES[reason])

    async def _take(
        self, upload: re.Match[str], scope: Message, receive: Receive, answer: "_Answer"
    ) -> None:
        """Pass an upload on if it is a page's and there is room for it."""
        session, size = upload[1], _content_length(scope)
        status = 0
        if not (_ID.fullmatch(session) and _ID.fullmatch(upload[2])):
            await self._turn_away(answer, "id")
        elif status := self.check_sender(session, *_tokens(scope)):
            await bodies.discard_body(receive)
            await self._turn_away(answer, "token" if status == 403 else "session")
        elif size is None:
            await answer.say(411, NO_LENGTH)
        else:
            await self._take_body(session, size, scope, receive, answer)

    async def _take_body(
        self, session: str, size: int, scope: Message, receive: Receive, answer: "_Answer"
    ) -> None:
        """Pass an upload on for as long as there is room for it and it comes fast enough."""
        upload = Rejection("stopping", STOPPING_RETRY_S, 503) if self.is_stopping() else None
        begun = upload or self.ledger.begin(session, _address(scope), size)
        if isinstance(begun, Rejection):
            await bodies.discard_body(receive)
            await self._refuse_upload(session, answer, begun)
            return
        body = UploadBody(
            receive, lambda n: self.ledger.arrive(begun, n), self.ledger.limits.upload_s
        )
        answer.on_start = lambda: self.ledger.end(begun)  # from here on the session has it
        try:
            await self.app(_plain_form(_without_origin(scope)), body, answer)
        except RejectedError as error:
            await bodies.discard_body(receive)
            await self._refuse_upload(session, answer, error.refusal)
            return
        finally:
            self.ledger.end(begun)
        if answer.status < 300:
            self.counters.count("emo_uploaded_bytes_total", begun.arrived)

    async def _refuse_upload(self, session: str, answer: "_Answer", refusal: Rejection) -> None:
        await self._refuse(answer, refusal)
        self.tell(session, upload_rejection_message(refusal.reason, refusal.retry_s))

    async def _refuse(self, answer: "_Answer", refusal: Rejection) -> None:
        self.counters.count("emo_refused_total", reason=refusal.reason)
        text = rejection_message(refusal.reason, refusal.retry_s)
        await answer.say(refusal.status, text, [(b"retry-after", str(refusal.retry_s).encode())])

    def _headers(self, scope: Message, route: str = "") -> Headers:
        found = security_headers(self.policy)
        if route == "media":  # somebody's voice: in no cache, also not after they forgot it
            found.append(NO_STORE)
        return (
            [*found, STRICT_TRANSPORT_SECURITY]
            if scope.get("scheme") in ("https", "wss")
            else found
        )

    # --- Pages -----------------------------------------------------------------------------------

    async def _serve_page(self, scope: Message, receive: Receive, send: Send) -> None:
        """Hold the page's place for as long as it is open; without one, it is not opened."""
        address = _address(scope)
        reason = self._foreign(scope)
        if reason:
            refusal: Rejection | None = Rejection(reason, 0, FORBIDDEN_RESPONSES[reason][0])
        elif self.is_stopping():
            refusal = Rejection("stopping", STOPPING_RETRY_S, 503)
        else:
            refusal = self.ledger.enter(address)
        status = 101 if refusal is None else refusal.status
        self.counters.count("emo_requests_total", route="stream", status=str(status))
        if refusal is not None:
            await self._deny(scope, receive, send, refusal)
            return
        try:
            await self._hold_page(address, scope, receive, send)
        except Exception as error:
            self.counters.count("emo_errors_total", kind="stream", type=type(error).__name__)
            LOG.error("a page's connection failed", exc_info=error)
        finally:
            self.ledger.leave(address)

    async def _hold_page(self, address: str, scope: Message, receive: Receive, send: Send) -> None:
        if self.reader is None:
            await self.app(scope, receive, send)
            return
        inbox = MessageQueue(
            receive,
            self.reader,
            lambda: self.ledger.run_wait_s(address),
            lambda reason: self.counters.count("emo_refused_total", reason=reason),
        )
        try:
            await self.app(_with_own_origin(scope), inbox.receive, send)
        finally:
            inbox.close()
            if inbox.close_code:
                await send({"type": "websocket.close", "code": inbox.close_code})

    async def _deny(self, scope: Message, receive: Receive, send: Send, refusal: Rejection) -> None:
        await receive()  # the request to connect
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            self.counters.count("emo_refused_total", reason=refusal.reason)
            await send({"type": "websocket.close", "code": 1013, "reason": refusal.reason})
            return
        answer = _Answer(send, self._headers(scope), "websocket.http.response")
        if refusal.reason in FORBIDDEN_RESPONSES:
            await self._turn_away(answer, refusal.reason)
        else:
            await self._refuse(answer, refusal)


class _Answer:
    """The way back of one response: it puts the headers on, and knows how far the response is."""

    def __init__(self, send: Send, extra: Headers, kind: str = "http.response") -> None:
        self._send = send
        self._extra = extra
        self._kind = kind
        self.status = 0
        self.on_start: Callable[[], None] = lambda: None

    async def __call__(self, message: Message) -> None:
        if message["type"] == f"{self._kind}.start":
            self.status = message["status"]
            self.on_start()
            names = {name for name, _ in self._extra}
            kept = [(k, v) for k, v in message.get("headers", ()) if k.lower() not in names]
            if STRICT_TRANSPORT_SECURITY in self._extra:
                kept = [(k, _secured(v) if k.lower() == b"set-cookie" else v) for k, v in kept]
            message = {**message, "headers": [*kept, *self._extra]}
        await self._send(message)

    async def say(self, status: int, text: str, extra: Headers | None = None) -> None:
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


def route_name(path: str) -> str:
    """What kind of request a path is, for counts and logs, which hold no path."""
    return next((name for name, pattern in _ROUTES if pattern.search(path)), "page")


def _secured(cookie: bytes) -> bytes:
    """The cookie for https alone: behind a proxy Streamlit does not know that it is used."""
    return cookie if b"; secure" in cookie.lower() else cookie + b"; Secure"


def _address(scope: Message) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _header(scope: Message, name: bytes) -> str | None:
    """Return the first header with a lower-case name; None where there is none."""
    found = (value for key, value in scope["headers"] if key.lower() == name)
    value = next(found, None)
    return None if value is None else value.decode("latin-1")


def _content_length(scope: Message) -> int | None:
    value = _header(scope, b"content-length")
    return int(value) if value is not None and value.isascii() and value.isdigit() else None


def _tokens(scope: Message) -> tuple[str, str]:
    """Return the token in the header of an upload, and all its cookies."""
    return _header(scope, b"x-xsrftoken") or "", _header(scope, b"cookie") or ""


def _replaced(scope: Message, name: bytes, value: bytes | None) -> Message:
    kept = [(key, one) for key, one in scope["headers"] if key.lower() != name]
    return {**scope, "headers": kept if value is None else [*kept, (name, value)]}


def _without_origin(scope: Message) -> Message:
    """Return a request of which the guard alone has judged the page that sends it.

    The framework would compare it with this machine's public address, which it asks another
    server for while everybody waits.
    """
    return _replaced(scope, b"origin", None)


def _with_own_origin(scope: Message) -> Message:
    """Return a page's connection as from this server's page, as which the guard let it in."""
    if _header(scope, b"origin") is None:
        return scope
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    own = f"{scheme}://{_header(scope, b'host') or ''}"
    return _replaced(scope, b"origin", own.encode("latin-1"))


def _plain_form(scope: Message) -> Message:
    """Return an upload whose names are in UTF-8, whatever character set it claims for them."""
    kind = _header(scope, b"content-type") or ""
    parts = [part for part in kind.split(";") if not part.strip().lower().startswith("charset")]
    return _replaced(scope, b"content-type", ";".join(parts).encode("latin-1"))
