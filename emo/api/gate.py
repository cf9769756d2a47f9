"""The gate of the HTTP API: switch, tokens, sizes, types and quotas, before a body is read.

It is an ASGI application around that of the routes, and loads neither them nor FastAPI before the
first request, so that the start of the server does not wait.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from emo.api.problems import ProblemError
from emo.api.settings import SWITCH, ApiSettings
from emo.audio.limits import MAX_BYTES
from emo.server import bodies
from emo.server.bodies import RejectedError, TooSlowError, UploadBody
from emo.server.hosts import is_local
from emo.server.middleware import (
    NO_LENGTH,
    PROBLEM_TYPE,
    STOPPING_RETRY_S,
    TOO_SLOW,
    App,
    Message,
    Receive,
    Send,
    client_address,
    content_length,
    header,
    rejection_message,
    with_utf8_form,
)
from emo.server.quotas import QuotaTracker, Rejection, Upload
from emo.server.telemetry import Telemetry

MAX_BODY = MAX_BYTES + 2**20
"""Bytes of the largest request: a recording, or several that are as large together, and a form."""

ADD_FILES = "emo.add_files"
"""Key in the scope of the function that counts more recordings of a request than one."""

OPEN_PATHS = ("", "/", "/docs", "/openapi.json", "/v1/health")
"""Paths that need no token."""

FORM = "multipart/form-data"
RECORDING_TYPES = ("audio/", "video/", "application/octet-stream", "application/ogg")
"""Starts of the types of a body that is one recording."""

API_OFF = f"The HTTP API is off on this server. {SWITCH}=on turns it on."
UNKNOWN_CALLER = "This server needs a token: Authorization: Bearer emo_… Ask its operator for one."
WRONG_CALLER = "This token is not known here. Ask the operator of the server for one."
TOO_LARGE = (
    f"The request has {{0:,.0f}} MB; at most {MAX_BYTES // 2**20} MB are read. Send fewer "
    "recordings at a time, cut them, or save them as FLAC, MP3 or OGG."
)
ENCODED = "The body is encoded as {0}. Please send it without Content-Encoding."
WRONG_TYPE = (
    f"The Content-Type is {{0}}. Please send recordings as {FORM}, or the bytes of one recording "
    "as audio/… or application/octet-stream."
)


@dataclass
class ApiGate:
    """ASGI application that lets requests through to the API.

    Attributes
    ----------
    load
        Returns the application of the routes; called once, in a thread.
    settings
        Whether the API is on, and the tokens that it needs.
    quotas
        Counts files and bytes of each address.
    telemetry
        Counts rejections and received bytes.
    is_stopping
        Returns whether the server is being stopped.
    """

    load: Callable[[], App]
    settings: ApiSettings
    quotas: QuotaTracker
    telemetry: Telemetry
    is_stopping: Callable[[], bool] = field(default=lambda: False)
    _loading: "asyncio.Task[App] | None" = field(default=None, init=False)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
            return
        try:
            self._check_access(scope)
            if scope["method"] == "POST":
                await self._serve_upload(scope, receive, send)
            else:
                await (await self._app())(scope, receive, send)
        except ProblemError as error:
            self.telemetry.rejected.labels(f"api_{error.code}").inc()
            if scope["method"] == "POST" and not _waits_to_send(scope):
                await bodies.discard_body(receive)
            await send_problem(send, error)

    async def preload(self) -> None:
        """Load the application, so that the first request need not wait."""
        if self.settings.is_on:
            await self._app()

    async def _app(self) -> App:
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(self.load))
        return await asyncio.shield(self._loading)

    def _check_access(self, scope: Message) -> None:
        settings = self.settings
        if not settings.is_on or (settings.is_local and not is_local(client_address(scope))):
            raise ProblemError(404, API_OFF, "api_off")
        tokens = settings.tokens
        if tokens is None or _path(scope) in OPEN_PATHS:
            return
        authorization = header(scope, b"authorization")
        if authorization is None:
            headers = {"www-authenticate": 'Bearer realm="emo"'}
            raise ProblemError(401, UNKNOWN_CALLER, "no_token", headers=headers)
        if not tokens.holder(authorization):
            headers = {"www-authenticate": 'Bearer realm="emo", error="invalid_token"'}
            raise ProblemError(401, WRONG_CALLER, "wrong_token", headers=headers)

    async def _serve_upload(self, scope: Message, receive: Receive, send: Send) -> None:
        """Read a body within the quotas, and pass it on; it counts until it is answered."""
        upload = self._begin(scope)
        try:
            parts = await self._read(upload, receive)
            scope = {**with_utf8_form(scope), ADD_FILES: lambda n: self._add_files(upload, n)}
            await (await self._app())(scope, _Replay(parts, receive), send)
        finally:
            self.quotas.end_upload(upload)

    def _begin(self, scope: Message) -> Upload:
        size = content_length(scope)
        encoding = (header(scope, b"content-encoding") or "identity").strip().lower()
        kind = (header(scope, b"content-type") or "").partition(";")[0].strip().lower()
        if self.is_stopping():
            raise _rejected(Rejection("stopping", STOPPING_RETRY_S, 503))
        if size is None:
            raise ProblemError(411, NO_LENGTH, "no_length")
        if size > MAX_BODY:
            raise ProblemError(413, TOO_LARGE.format(size / 2**20), "too_large")
        if encoding != "identity":
            raise ProblemError(415, ENCODED.format(encoding[:40]), "encoded")
        if kind not in ("", FORM) and not kind.startswith(RECORDING_TYPES):
            text = WRONG_TYPE.format(kind[:80])
            raise ProblemError(415, text, "wrong_type", headers={"accept-post": f"{FORM}, audio/*"})
        upload = self.quotas.begin_request(client_address(scope), size)
        if isinstance(upload, Rejection):
            raise _rejected(upload)
        return upload

    async def _read(self, upload: Upload, receive: Receive) -> deque[bytes]:
        body = UploadBody(receive, lambda n: self.quotas.add_bytes(upload, n), bodies.MAX_UPLOAD_S)
        parts: deque[bytes] = deque()
        try:
            while True:
                message = await body()
                if message["type"] == "http.disconnect":
                    raise ProblemError(400, "The body is incomplete.", "incomplete")
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    break
        except RejectedError as error:
            raise _rejected(error.rejection) from error
        except TooSlowError as error:
            raise ProblemError(408, TOO_SLOW, "too_slow") from error
        self.telemetry.upload_bytes.inc(upload.arrived)
        return parts

    def _add_files(self, upload: Upload, count: int) -> None:
        """Count more recordings of a request, or raise why they are rejected."""
        rejection = self.quotas.add_files(upload, count)
        if rejection is not None:
            self.telemetry.rejected.labels(rejection.reason).inc()
            raise _rejected(rejection)


class _Replay:
    """An ASGI ``receive`` of a body that has arrived; each part is dropped as it is passed on."""

    def __init__(self, parts: deque[bytes], receive: Receive) -> None:
        self._parts = parts
        self._receive = receive
        self._is_complete = False

    async def __call__(self) -> Message:
        if self._is_complete:
            return await self._receive()  # the client leaves
        part = self._parts.popleft() if self._parts else b""
        self._is_complete = not self._parts
        return {"type": "http.request", "body": part, "more_body": not self._is_complete}


async def send_problem(send: Send, error: ProblemError) -> None:
    """Send the response to a request that is not answered."""
    body = json.dumps(error.content(), ensure_ascii=False).encode()
    headers = [
        (name.encode(), value.encode("latin-1")) for name, value in error.all_headers().items()
    ]
    headers += [
        (b"content-type", PROBLEM_TYPE),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # the rest of a body must not be parsed as the next request
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _rejected(rejection: Rejection) -> ProblemError:
    text = rejection_message(rejection)
    return ProblemError(rejection.status, text, rejection.reason, rejection.retry_s)


def _path(scope: Message) -> str:
    """Return the path below that of the API."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def _waits_to_send(scope: Message) -> bool:
    """Return whether the client sends the body only when it is asked to (RFC 9110, 10.1.1)."""
    return (header(scope, b"expect") or "").strip().lower() == "100-continue"
