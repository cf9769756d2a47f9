"""ASGI middleware that protects the pages: host checks, quotas, security headers and metrics.

See <https://asgi.readthedocs.io/en/stable/specs/www.html>.
"""

import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from emo.server import bodies
from emo.server.bodies import RejectedError, TooSlowError, UploadBody
from emo.server.headers import NO_STORE, STRICT_TRANSPORT_SECURITY, Headers, security_headers
from emo.server.hosts import AllowedHosts
from emo.server.live import refuse
from emo.server.messages import MessageParser, MessageQueue
from emo.server.quotas import QuotaTracker, Rejection
from emo.server.telemetry import Telemetry

REJECTION_MESSAGES = {
    "session_files": "You have reached the limit of files here. Please remove some first.",
    "session_mb": "You have reached the limit of data here. Please remove some files first.",
    "address_files": "Your network has reached the limit of files here.",
    "address_mb": "Your network has reached the limit of data here.",
    "session_files_per_min": "Too many files at once.",
    "session_mb_per_min": "Too much data at once.",
    "address_files_per_min": "Too many files at once from your network.",
    "address_mb_per_min": "Too much data at once from your network.",
    "address_pages": "Your network has reached the limit of open pages here.",
    "address_pages_per_min": "Too many pages at once from your network.",
    "address_live": "Your network has reached the limit of live microphones here.",
    "address_live_per_min": "Your network started Live too often.",
    "server_live": "The server has reached its limit of live microphones.",
    "server_mb": "The server is full.",
    "server_pages": "The server has reached its limit of visitors.",
    "stopping": "The server is being restarted.",
}
FORBIDDEN_RESPONSES = {
    "host": (403, "This page is not served under this name. EMO_HOST lists the names."),
    "origin": (403, "Pages of other sites may not send requests to this server."),
    "two_lengths": (400, "A request may not have both Content-Length and Transfer-Encoding."),
    "id": (400, "The address of this upload is too long or contains invalid characters."),
    "token": (403, "This upload does not come from an open page. Please reload the page."),
    "session": (400, "This upload belongs to no open page. Please reload the page."),
}
TOO_SLOW = "The upload was too slow. Please try again."
NO_LENGTH = "An upload needs a Content-Length header."
PROBLEM_TYPE = b"application/problem+json"
NOT_FOUND = "Not found."
INTERNAL_ERROR = "Something went wrong here. The error was logged."


def rejection_message(rejection: Rejection) -> str:
    """Return why a request is rejected, and when to try again."""
    return f"{REJECTION_MESSAGES[rejection.reason]} Please try again in {rejection.retry_s} s."


def upload_rejection_message(rejection: Rejection) -> str:
    """Return why an upload is rejected, for the page that it was sent from."""
    return f"A file was not accepted. {rejection_message(rejection)}"


Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

LOG = logging.getLogger("emo.server")

STOPPING_RETRY_S = 30

CLOSE_TRY_AGAIN = 1013
"""Close code of a websocket above a quota (RFC 6455, section 7.4.1)."""

MAX_ID = 64
"""Characters of the ids of a session and of a file in the address of an upload."""

_UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/([^/]+)$")
_ID = re.compile(rf"[\w-]{{1,{MAX_ID}}}", re.ASCII)
_HIDDEN = re.compile(r"/_stcore/(metrics|agent|script-health-check)(/|$)")
_LIVE = re.compile(r"/live/stream$")
_ROUTES = (
    ("upload", re.compile(r"/_stcore/upload_file/")),
    ("health", re.compile(r"/_stcore/health$")),
    ("stream", re.compile(r"/_stcore/stream$")),
    ("core", re.compile(r"/_stcore/")),
    ("static", re.compile(r"/static/")),
    ("media", re.compile(r"/media/")),
    ("component", re.compile(r"/component/")),
    ("live", re.compile(r"/live/")),
    ("api", re.compile(r"/api/(v1(/|$)|docs/?$|openapi\.json$)")),
)


@dataclass
class ProtectionMiddleware:
    """ASGI middleware around the pages.

    Attributes
    ----------
    app
        The application of the pages.
    quotas
        Counts files and pages, and rejects those beyond the limits.
    telemetry
        Counts requests, rejections and errors.
    policy
        Content security policy of every response.
    is_stopping
        Returns whether new pages and uploads are rejected because the server is being stopped.
    notify
        Takes a session and a sentence to show on its page: why an upload was rejected.
    hosts
        Host names under which the page is served.
    check_sender
        Takes a session, the token in the header and the cookies of an upload; returns the HTTP
        status with which it is rejected, or 0.
    parser
        Parses the messages of pages; without one all messages are passed on.
    """

    app: App
    quotas: QuotaTracker
    telemetry: Telemetry
    policy: str
    is_stopping: Callable[[], bool] = field(default=lambda: False)
    notify: Callable[[str, str], None] = field(default=lambda _, __: None)
    hosts: AllowedHosts = field(default_factory=AllowedHosts)
    check_sender: Callable[[str, str, str], int] = field(default=lambda *_: 0)
    parser: MessageParser | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request, or one websocket, of a page or a microphone, until it is closed."""
        if scope["type"] == "http":
            await self._serve_request(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._serve_websocket(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    # --- Requests --------------------------------------------------------------------------------

    async def _serve_request(self, scope: Message, receive: Receive, send: Send) -> None:
        route = route_name(scope["path"])
        response = _Response(send, self._headers(scope, route), is_api=route == "api")
        started_s = time.perf_counter()
        try:
            await self._dispatch(scope, receive, response)
        except TooSlowError:
            self._count_rejection("too_slow")
            await response.send_text(408, TOO_SLOW, code="too_slow")
        except Exception as error:
            self.telemetry.errors.labels(route, type(error).__name__).inc()
            LOG.error("request failed", exc_info=error, extra={"route": route})
            await response.send_text(500, INTERNAL_ERROR)
        duration_s = time.perf_counter() - started_s
        self.telemetry.requests.labels(route, str(response.status)).inc()
        self.telemetry.request_duration.labels(route).observe(duration_s)
        if route == "upload" or response.status >= 500:
            fields = {"route": route, "method": scope["method"], "status": response.status}
            LOG.info("request", extra=fields | {"duration_ms": round(1000 * duration_s)})

    async def _dispatch(self, scope: Message, receive: Receive, response: "_Response") -> None:
        path = scope["path"]
        upload = _UPLOAD.search(path)
        if reason := self._check_host(scope):
            await self._forbid(response, reason)
        elif header(scope, b"transfer-encoding") and header(scope, b"content-length"):
            await self._forbid(response, "two_lengths")
        elif _HIDDEN.search(path):
            await response.send_text(404, NOT_FOUND)
        elif path.endswith("/_stcore/health") and self.is_stopping():
            await self._reject(response, Rejection("stopping", STOPPING_RETRY_S, 503))
        elif upload and scope["method"] == "PUT":
            await self._check_upload(upload, scope, receive, response)
        else:
            await self.app(_without_origin(scope), receive, response)

    def _check_host(self, scope: Message) -> str:
        """Return why the host or the origin of a request is not allowed; empty if both are."""
        host, server = header(scope, b"host"), scope.get("server")
        if not self.hosts.allows(host, str(server[0]) if server else ""):
            return "host"
        return "" if self.hosts.allows_origin(header(scope, b"origin"), host) else "origin"

    def _count_rejection(self, reason: str) -> None:
        self.telemetry.rejected.labels(reason).inc()

    async def _forbid(self, response: "_Response", reason: str) -> None:
        self._count_rejection(reason)
        await response.send_text(*FORBIDDEN_RESPONSES[reason], code=reason)

    async def _reject(self, response: "_Response", rejection: Rejection) -> None:
        self._count_rejection(rejection.reason)
        text = rejection_message(rejection)
        await response.send_text(rejection.status, text, rejection.retry_s, rejection.reason)

    async def _check_upload(
        self, upload: re.Match[str], scope: Message, receive: Receive, response: "_Response"
    ) -> None:
        """Pass on an upload that belongs to a page and states its length."""
        session, size = upload[1], content_length(scope)
        status = 0
        if not (_ID.fullmatch(session) and _ID.fullmatch(upload[2])):
            await self._forbid(response, "id")
        elif status := self.check_sender(session, *_tokens(scope)):
            await bodies.discard_body(receive)
            await self._forbid(response, "token" if status == 403 else "session")
        elif size is None:
            await response.send_text(411, NO_LENGTH, code="no_length")
        else:
            await self._receive_upload(session, size, scope, receive, response)

    async def _receive_upload(
        self, session: str, size: int, scope: Message, receive: Receive, response: "_Response"
    ) -> None:
        """Pass on an upload as long as the quotas have room for it and it is fast enough."""
        rejection = Rejection("stopping", STOPPING_RETRY_S, 503) if self.is_stopping() else None
        upload = rejection or self.quotas.begin_upload(session, client_address(scope), size)
        if isinstance(upload, Rejection):
            await bodies.discard_body(receive)
            await self._reject_upload(session, response, upload)
            return
        body = UploadBody(receive, lambda n: self.quotas.add_bytes(upload, n), bodies.MAX_UPLOAD_S)
        # Once the application answers, the file counts among the stored ones.
        response.on_start = lambda: self.quotas.end_upload(upload)
        try:
            await self.app(with_utf8_form(_without_origin(scope)), body, response)
        except RejectedError as error:
            await bodies.discard_body(receive)
            await self._reject_upload(session, response, error.rejection)
            return
        finally:
            self.quotas.end_upload(upload)
        if response.status < 300:
            self.telemetry.upload_bytes.inc(upload.arrived)

    async def _reject_upload(
        self, session: str, response: "_Response", rejection: Rejection
    ) -> None:
        await self._reject(response, rejection)
        self.notify(session, upload_rejection_message(rejection))

    def _headers(self, scope: Message, route: str = "") -> Headers:
        headers = security_headers(self.policy)
        if route in ("media", "api"):
            headers.append(NO_STORE)
        is_secure = scope.get("scheme") in ("https", "wss")
        return [*headers, STRICT_TRANSPORT_SECURITY] if is_secure else headers

    # --- Pages and microphones -------------------------------------------------------------------

    async def _serve_websocket(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a websocket until it is closed, if the quotas allow one more of its kind."""
        address = client_address(scope)
        is_live = _LIVE.search(scope["path"]) is not None
        route = "live" if is_live else "stream"
        open_one, close_one = (
            (self.quotas.open_live, self.quotas.close_live)
            if is_live
            else (self.quotas.open_page, self.quotas.close_page)
        )
        reason = self._check_host(scope)
        if reason:
            rejection: Rejection | None = Rejection(reason, 0, FORBIDDEN_RESPONSES[reason][0])
        elif self.is_stopping():
            rejection = Rejection("stopping", STOPPING_RETRY_S, 503)
        else:
            rejection = open_one(address)
        status = 101 if rejection is None else rejection.status
        self.telemetry.requests.labels(route, str(status)).inc()
        if rejection is not None:
            reject = self._reject_live if is_live else self._reject_page
            await reject(scope, receive, send, rejection)
            return
        try:
            if is_live:
                await self.app(scope, receive, send)
            else:
                await self._pass_messages(address, scope, receive, send)
        except Exception as error:
            self.telemetry.errors.labels(route, type(error).__name__).inc()
            LOG.error("a websocket failed", exc_info=error, extra={"route": route})
        finally:
            close_one(address)

    async def _pass_messages(
        self, address: str, scope: Message, receive: Receive, send: Send
    ) -> None:
        if self.parser is None:
            await self.app(scope, receive, send)
            return
        queue = MessageQueue(
            receive,
            self.parser,
            lambda: self.quotas.rerun_wait_s(address),
            self._count_rejection,
        )
        try:
            await self.app(_with_own_origin(scope), queue.receive, send)
        finally:
            queue.close()
            if queue.close_code:
                await send({"type": "websocket.close", "code": queue.close_code})

    async def _reject_live(
        self, scope: Message, receive: Receive, send: Send, rejection: Rejection
    ) -> None:
        """Reject a microphone with a sentence, which a browser shows only of an open connection."""
        if rejection.reason in FORBIDDEN_RESPONSES:
            await self._reject_page(scope, receive, send, rejection)
            return
        self._count_rejection(rejection.reason)
        await receive()  # the request to connect
        await send({"type": "websocket.accept"})
        await refuse(send, rejection.reason, rejection_message(rejection), CLOSE_TRY_AGAIN)

    async def _reject_page(
        self, scope: Message, receive: Receive, send: Send, rejection: Rejection
    ) -> None:
        await receive()  # the request to connect
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            self._count_rejection(rejection.reason)
            await send(
                {
                    "type": "websocket.close",
                    "code": CLOSE_TRY_AGAIN,
                    "reason": rejection.reason,
                }
            )
            return
        response = _Response(send, self._headers(scope), "websocket.http.response")
        if rejection.reason in FORBIDDEN_RESPONSES:
            await self._forbid(response, rejection.reason)
        else:
            await self._reject(response, rejection)


class _Response:
    """An ASGI ``send`` that adds headers and records the status.

    Parameters
    ----------
    send
        The server's own ``send``.
    extra
        Headers that replace the application's headers of the same names.
    kind
        Start of the types of messages.
    is_api
        Whether a program reads the response, which gets errors as problems.

    Attributes
    ----------
    status
        HTTP status; 0 until the response has started.
    on_start
        Called when the response starts.
    """

    def __init__(
        self, send: Send, extra: Headers, kind: str = "http.response", is_api: bool = False
    ) -> None:
        self._send = send
        self._extra = extra
        self._kind = kind
        self._is_api = is_api
        self.status = 0
        self.on_start: Callable[[], None] = lambda: None

    async def __call__(self, message: Message) -> None:
        if message["type"] == f"{self._kind}.start":
            self.status = message["status"]
            self.on_start()
            names = {name for name, _ in self._extra}
            headers = [(k, v) for k, v in message.get("headers", ()) if k.lower() not in names]
            if STRICT_TRANSPORT_SECURITY in self._extra:
                headers = [
                    (k, _secure_cookie(v) if k.lower() == b"set-cookie" else v) for k, v in headers
                ]
            message = {**message, "headers": [*headers, *self._extra]}
        await self._send(message)

    async def send_text(self, status: int, text: str, retry_s: int = 0, code: str = "") -> None:
        """Send a sentence, unless a response has started already.

        Parameters
        ----------
        retry_s
            Seconds after which to try again; 0 where that would not help.
        code
            Name of the error, for programs.
        """
        if self.status:
            return
        content_type, body = b"text/plain; charset=utf-8", text.encode()
        if self._is_api:
            content = problem(status, text, code)
            content_type, body = PROBLEM_TYPE, json.dumps(content, ensure_ascii=False).encode()
        headers = [
            (b"content-type", content_type),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            # The unread rest of a body must not be parsed as the next request.
            *([(b"connection", b"close")] if self._kind == "http.response" else []),
            *([(b"retry-after", str(retry_s).encode())] if retry_s else []),
        ]
        await self({"type": f"{self._kind}.start", "status": status, "headers": headers})
        await self._send({"type": f"{self._kind}.body", "body": body})


def problem(status: int, detail: str, code: str = "") -> dict[str, Any]:
    """Return the content of an error for programs (RFC 9457).

    Parameters
    ----------
    status
        HTTP status, whose phrase becomes the title.
    detail
        Sentence for a person.
    code
        Name of the error, which does not change with the sentence.
    """
    title = HTTPStatus(status).phrase
    fields = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return fields | ({"code": code} if code else {})


def route_name(path: str) -> str:
    """Return the kind of request that a path is, for metrics and logs, which contain no path."""
    return next((name for name, pattern in _ROUTES if pattern.search(path)), "page")


def _secure_cookie(cookie: bytes) -> bytes:
    """Return a cookie with the attribute Secure, which Streamlit omits behind an https proxy."""
    return cookie if b"; secure" in cookie.lower() else cookie + b"; Secure"


def client_address(scope: Message) -> str:
    """Return the address of the client of a request; empty if it is not known."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def header(scope: Message, name: bytes) -> str | None:
    """Return the first header with a lower-case name, or None."""
    values = (value for key, value in scope["headers"] if key.lower() == name)
    value = next(values, None)
    return None if value is None else value.decode("latin-1")


def content_length(scope: Message) -> int | None:
    """Return the length that a request states for its body, in bytes; None if it states none."""
    value = header(scope, b"content-length")
    return int(value) if value is not None and value.isascii() and value.isdigit() else None


def _tokens(scope: Message) -> tuple[str, str]:
    """Return the XSRF token in the header of an upload, and its cookies."""
    return header(scope, b"x-xsrftoken") or "", header(scope, b"cookie") or ""


def _replace_header(scope: Message, name: bytes, value: bytes | None) -> Message:
    headers = [(key, old) for key, old in scope["headers"] if key.lower() != name]
    return {**scope, "headers": headers if value is None else [*headers, (name, value)]}


def _without_origin(scope: Message) -> Message:
    """Return a request without its origin, which this middleware has checked.

    Streamlit would compare it with the public address of this machine, for which it asks another
    server while all visitors wait.
    """
    return _replace_header(scope, b"origin", None)


def _with_own_origin(scope: Message) -> Message:
    """Return the request of a websocket with this server's origin, after the check of its own."""
    if header(scope, b"origin") is None:
        return scope
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    own = f"{scheme}://{header(scope, b'host') or ''}"
    return _replace_header(scope, b"origin", own.encode("latin-1"))


def with_utf8_form(scope: Message) -> Message:
    """Return an upload without the character set that its form claims, so that UTF-8 is used."""
    content_type = header(scope, b"content-type") or ""
    parts = [
        part for part in content_type.split(";") if not part.strip().lower().startswith("charset")
    ]
    return _replace_header(scope, b"content-type", ";".join(parts).encode("latin-1"))
