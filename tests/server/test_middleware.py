"""The protection middleware around small applications, called as a server calls it."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from emo.app.serving.messages import PageMessageParser
from emo.server import bodies
from emo.server.hosts import parse_hosts
from emo.server.middleware import Message, ProtectionMiddleware, Receive, Send, route_name
from emo.server.quotas import MB, Limits, QuotaTracker
from emo.server.telemetry import Telemetry

UPLOAD = "/_stcore/upload_file/a-session/a-file"
POLICY = "default-src 'self'"


async def accepting_app(scope: Message, receive: Receive, send: Send) -> None:
    """Read the body and answer with status 204."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        return
    while (await receive()).get("more_body"):
        pass
    fields = [(b"X-Frame-Options", b"ALLOWALL"), (b"x-own", b"1"), (b"set-cookie", b"a=b; Path=/")]
    await send({"type": "http.response.start", "status": 204, "headers": fields})
    await send({"type": "http.response.body", "body": b""})


async def failing_app(scope: Message, receive: Receive, send: Send) -> None:
    raise ValueError("the file my voice.wav is broken")


class Case:
    """The middleware around an application, and the messages of its last response."""

    def __init__(
        self,
        app: Any = accepting_app,
        limits: Limits | None = None,
        is_stopping: Callable[[], bool] = lambda: False,
        **more: Any,
    ) -> None:
        self.telemetry = Telemetry()
        quotas = QuotaTracker(limits or Limits(), lambda session: (0, 0))
        self.quotas = quotas
        self.middleware = ProtectionMiddleware(
            app, quotas, self.telemetry, POLICY, is_stopping, **more
        )
        self.sent: list[Message] = []

    def call(
        self,
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        kind: str = "http",
        sent: Sequence[Message] = (),
        **scope: Any,
    ) -> Message:
        """Send a request and return the first message of the response."""
        self.sent = []
        fields = [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()]
        request = {"type": kind, "path": path, "method": method, "headers": fields}
        request |= {"client": ("9.9.9.9", 1), "scheme": "http"} | scope
        first = {"type": "http.request", "body": body, "more_body": False}
        incoming = iter([first if kind == "http" else {"type": "websocket.connect"}, *sent])

        async def receive() -> Message:
            message = next(incoming, None)
            if message is None:
                await asyncio.sleep(60)
            assert message is not None
            return message

        async def send(message: Message) -> None:
            self.sent.append(message)

        asyncio.run(self.middleware(request, receive, send))
        return self.sent[0]

    def count(self, name: str, **labels: str) -> float:
        """Return the value of a counter; 0 if nothing was counted."""
        return self.telemetry.registry.get_sample_value(name, labels) or 0.0

    def put(self, size: int, **scope: Any) -> Message:
        headers = {"Content-Length": str(size)}
        return self.call(UPLOAD, "PUT", headers, b"x" * size, **scope)


def header(message: Message, name: str) -> str:
    values = [v.decode() for k, v in message["headers"] if k.lower() == name.encode()]
    assert len(values) == 1, (name, values)
    return str(values[0])


@pytest.mark.parametrize("path", ["/", "/static/a.js", "/_stcore/health", "/media/x", UPLOAD])
def test_every_response_has_each_security_header_once(path):
    answer = Case().call(path)
    assert header(answer, "content-security-policy") == POLICY
    assert header(answer, "x-frame-options") == "SAMEORIGIN"
    assert header(answer, "x-content-type-options") == "nosniff"
    assert header(answer, "x-own") == "1"
    assert not [k for k, _ in answer["headers"] if k == b"strict-transport-security"]


def test_https_responses_require_https_and_secure_cookies():
    answer = Case().call("/", scheme="https")
    assert header(answer, "strict-transport-security").startswith("max-age=31536000")
    assert header(answer, "set-cookie") == "a=b; Path=/; Secure"
    assert header(Case().call("/"), "set-cookie") == "a=b; Path=/"


def test_errors_are_answered_without_their_text(caplog):
    case = Case(failing_app)
    answer = case.call("/")
    assert answer["status"] == 500
    assert header(answer, "content-security-policy") == POLICY
    assert b"voice.wav" not in case.sent[1]["body"]
    assert case.count("emo_errors_total", kind="page", type="ValueError") == 1


@pytest.mark.parametrize(
    "path", ["/_stcore/metrics", "/_stcore/agent/interact", "/x/_stcore/agent"]
)
def test_internal_paths_are_not_found(path):
    assert Case().call(path, "POST")["status"] == 404


def test_an_upload_needs_a_content_length():
    assert Case().call(UPLOAD, "PUT", {})["status"] == 411


def test_uploads_beyond_the_quota_are_rejected_with_the_time_to_retry():
    case = Case(limits=Limits(session_files=3))
    answers = [case.put(10) for _ in range(4)]
    assert [answer["status"] for answer in answers] == [204, 204, 204, 429]
    assert int(header(answers[-1], "retry-after")) >= 1
    assert header(answers[-1], "content-security-policy") == POLICY
    assert case.count("emo_rejected_total", reason="session_files_per_min") == 1
    assert case.count("emo_upload_bytes_total") == 30


def test_a_failed_upload_no_longer_counts():
    case = Case(failing_app, Limits(session_mb=10))
    for _ in range(2):
        assert case.put(4_000_000)["status"] == 500
    assert not case.quotas._uploads


def test_a_slow_upload_is_cancelled(monkeypatch):
    monkeypatch.setattr(bodies, "MAX_UPLOAD_S", 0.05)
    case = Case()

    async def waiting_app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await receive()  # no more messages follow

    case.middleware.app = waiting_app
    assert case.put(10)["status"] == 408


def test_a_stopping_server_rejects_uploads_pages_and_health_checks():
    case = Case(is_stopping=lambda: True)
    assert case.put(10)["status"] == 503
    assert case.call("/_stcore/health")["status"] == 503
    assert case.call("/")["status"] == 204  # open pages may still load files
    answer = case.call("/_stcore/stream", kind="websocket", extensions={})
    assert answer["type"] == "websocket.close"


def test_pages_beyond_the_quota_are_rejected_by_status():
    case = Case(limits=Limits(address_pages=0))
    extensions: dict[str, Any] = {"websocket.http.response": {}}
    answer = case.call("/_stcore/stream", kind="websocket", extensions=extensions)
    assert (answer["type"], answer["status"]) == ("websocket.http.response.start", 429)
    assert int(header(answer, "retry-after")) >= 1


LIVE = "/live/stream"


def told(case: Case) -> tuple[int, dict[str, str]]:
    """Return the close code of a refused microphone, and the text that it got before."""
    assert [one["type"] for one in case.sent] == [
        "websocket.accept",
        "websocket.send",
        "websocket.close",
    ]
    return case.sent[2]["code"], json.loads(case.sent[1]["text"])


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(address_live=0), "address_live"),
        (Limits(server_live=0), "server_live"),
        (Limits(address_live=0.5, address_live_per_min=0), "address_live_per_min"),
    ],
)
def test_microphones_beyond_a_quota_are_refused_in_a_sentence(limits, reason):
    case = Case(limits=limits)
    if reason.endswith("per_min"):
        assert case.call(LIVE, kind="websocket")["type"] == "websocket.accept"
        assert len(case.sent) == 1
    case.call(LIVE, kind="websocket")
    code, text = told(case)
    assert (code, text["type"], text["reason"]) == (1013, "end", reason)
    assert "Please try again in" in text["sentence"]
    assert case.count("emo_rejected_total", reason=reason) == 1
    assert case.quotas.n_live == 0


def test_microphones_count_apart_from_pages():
    async def counting_app(scope: Message, receive: Receive, send: Send) -> None:
        counts.append((case.quotas.n_pages, case.quotas.n_live))

    counts: list[tuple[int, int]] = []
    case = Case(counting_app)
    for path in (LIVE, "/base/live/stream", "/_stcore/stream", "/live/stream/x"):
        with contextlib.suppress(IndexError):
            case.call(path, kind="websocket")
    assert counts == [(0, 1), (0, 1), (1, 0), (1, 0)]
    assert (case.quotas.n_pages, case.quotas.n_live) == (0, 0)
    assert case.count("emo_requests_total", route="live", status="101") == 2


def test_a_stopping_server_refuses_microphones():
    case = Case(is_stopping=lambda: True)
    case.call(LIVE, kind="websocket")
    assert told(case)[1]["reason"] == "stopping"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "localhost:8501", "Origin": "https://evil.example"},
        {"Host": "localhost:8501", "Origin": "null"},
    ],
)
def test_microphones_of_other_sites_are_not_accepted(headers):
    case = Case()
    extensions: dict[str, Any] = {"websocket.http.response": {}}
    answer = case.call(LIVE, kind="websocket", headers=headers, extensions=extensions)
    assert (answer["type"], answer["status"]) == ("websocket.http.response.start", 403)
    assert case.quotas.n_live == 0


def test_a_failing_microphone_no_longer_counts(caplog):
    case = Case(failing_app)
    with pytest.raises(IndexError):
        case.call(LIVE, kind="websocket")
    assert case.quotas.n_live == 0
    assert case.count("emo_errors_total", kind="live", type="ValueError") == 1
    assert "voice.wav" not in caplog.messages


def test_closed_and_failed_pages_no_longer_count():
    for app in (accepting_app, failing_app):
        case = Case(app)
        for _ in range(3):
            if app is accepting_app:
                assert case.call("/_stcore/stream", kind="websocket")["type"] == "websocket.accept"
            else:
                with pytest.raises(IndexError):  # nothing was sent
                    case.call("/_stcore/stream", kind="websocket")
        assert case.quotas.n_pages == 0


@pytest.mark.parametrize(
    ("path", "route"),
    [
        (UPLOAD, "upload"),
        ("/_stcore/health", "health"),
        ("/_stcore/stream", "stream"),
        ("/_stcore/host-config", "core"),
        ("/static/js/a.js", "static"),
        ("/media/abc.wav", "media"),
        ("/compare", "page"),
    ],
)
def test_route_name(path, route):
    assert route_name(path) == route


# --- Hosts ---------------------------------------------------------------------------------------


async def unreachable_app(scope: Message, receive: Receive, send: Send) -> None:
    raise AssertionError("the application was called")


FOREIGN = [
    ({"Host": "evil.example"}, "host"),
    ({"Host": ""}, "host"),
    ({"Host": "localhost:8501", "Origin": "http://evil.example"}, "origin"),
    ({"Host": "localhost:8501", "Origin": "null"}, "origin"),
]


@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/media/x", UPLOAD, "/static/a.js"])
@pytest.mark.parametrize(("headers", "reason"), FOREIGN)
def test_foreign_hosts_and_origins_are_rejected_before_the_application(path, headers, reason):
    case = Case(unreachable_app)
    answer = case.call(path, "GET", headers)
    assert answer["status"] == 403
    assert header(answer, "content-security-policy") == POLICY
    assert case.count("emo_rejected_total", reason=reason) == 1


@pytest.mark.parametrize(("headers", "reason"), FOREIGN)
def test_pages_of_foreign_hosts_and_origins_are_not_opened(headers, reason):
    case = Case(unreachable_app)
    extensions: dict[str, Any] = {"websocket.http.response": {}}
    answer = case.call("/_stcore/stream", kind="websocket", headers=headers, extensions=extensions)
    assert (answer["type"], answer["status"]) == ("websocket.http.response.start", 403)
    assert case.count("emo_rejected_total", reason=reason) == 1
    assert case.quotas.n_pages == 0


class RecordingApp:
    """An application that records the headers of its requests."""

    def __init__(self) -> None:
        self.headers: list[dict[bytes, bytes]] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.headers.append(dict(scope["headers"]))
        await accepting_app(scope, receive, send)


def test_the_application_gets_no_foreign_origin():
    app = RecordingApp()
    case = Case(app, hosts=parse_hosts(["emo.example.org"]), parser=PageMessageParser())
    case.call("/", headers={"Host": "localhost", "Origin": "http://localhost"})
    assert b"origin" not in app.headers[-1]
    names = {"Host": "app:8501", "Origin": "https://emo.example.org"}
    case.middleware.hosts = parse_hosts(["emo.example.org", "app"])
    case.call("/_stcore/stream", kind="websocket", headers=names)
    assert app.headers[-1][b"origin"] == b"http://app:8501"


def test_recordings_are_not_cached():
    assert header(Case().call("/media/x"), "cache-control") == "no-store"
    assert not [k for k, _ in Case().call("/static/a.js")["headers"] if k == b"cache-control"]


# --- Uploads -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "POST", "GET"])
def test_two_lengths_of_one_request_are_rejected(method):
    case = Case(unreachable_app)
    headers = {"Content-Length": "5", "Transfer-Encoding": "chunked"}
    assert case.call(UPLOAD, method, headers, b"x" * 10)["status"] == 400
    assert case.count("emo_rejected_total", reason="two_lengths") == 1


def test_a_chunked_upload_needs_a_content_length_too():
    assert Case().call(UPLOAD, "PUT", {"Transfer-Encoding": "chunked"})["status"] == 411


@pytest.mark.parametrize(
    "path",
    [
        f"/_stcore/upload_file/{'s' * 65}/f",
        f"/_stcore/upload_file/s/{'f' * 65}",
        "/_stcore/upload_file/s/a.b",
        "/_stcore/upload_file/s/\u00e9",
    ],
)
def test_invalid_ids_of_an_upload_are_rejected(path):
    case = Case(unreachable_app)
    assert case.call(path, "PUT", {"Content-Length": "1"}, b"x")["status"] == 400
    assert not case.quotas._sessions


def test_bytes_count_when_they_arrive(monkeypatch):
    """The content length is too small here, as a proxy may pass it on."""
    monkeypatch.setattr(bodies, "DISCARD_S", 0.05)
    case = Case(limits=Limits(session_mb=3))
    answer = case.call(UPLOAD, "PUT", {"Content-Length": "5"}, b"x" * 4 * MB)
    assert answer["status"] == 429
    assert case.count("emo_rejected_total", reason="session_mb") == 1
    assert not case.quotas._uploads


@pytest.mark.parametrize(("status", "reason"), [(403, "token"), (400, "session")])
def test_the_token_is_checked_before_the_upload_counts(status, reason):
    checked: list[tuple[str, str, str]] = []

    def check(session: str, token: str, cookies: str) -> int:
        checked.append((session, token, cookies))
        return int(status)

    case = Case(unreachable_app, Limits(address_files=1), check_sender=check)
    headers = {"Content-Length": "4", "X-Xsrftoken": "t", "Cookie": "a=b"}
    for _ in range(3):
        assert case.call(UPLOAD, "PUT", headers, b"xxxx")["status"] == status
    assert checked[0] == ("a-session", "t", "a=b")
    assert not case.quotas._sessions
    assert not case.quotas._buckets
    assert case.count("emo_rejected_total", reason=reason) == 3


def test_the_character_set_of_a_form_is_ignored():
    app = RecordingApp()
    kind = "multipart/form-data; charset=unicode_escape; boundary=x; CharSet=utf-7"
    Case(app).call(UPLOAD, "PUT", {"Content-Length": "1", "Content-Type": kind}, b"x")
    assert app.headers[-1][b"content-type"] == b"multipart/form-data; boundary=x"


# --- Messages ------------------------------------------------------------------------------------


def test_an_invalid_message_closes_the_page_with_a_code():
    async def reads(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] == "websocket.receive":
            pass

    case = Case(reads, parser=PageMessageParser())
    case.call("/_stcore/stream", kind="websocket", sent=[{"type": "websocket.receive", "text": ""}])
    assert case.sent[-1] == {"type": "websocket.close", "code": 1002}
    assert case.count("emo_rejected_total", reason="message_unreadable") == 1
    assert case.quotas.n_pages == 0
