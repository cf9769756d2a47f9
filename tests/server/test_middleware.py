"""The guard around an application that is made here, called as a server calls it."""

import asyncio
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


async def takes_all(scope: Message, receive: Receive, send: Send) -> None:
    """Reads the body, and answers that all is well."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        return
    while (await receive()).get("more_body"):
        pass
    fields = [(b"X-Frame-Options", b"ALLOWALL"), (b"x-own", b"1"), (b"set-cookie", b"a=b; Path=/")]
    await send({"type": "http.response.start", "status": 204, "headers": fields})
    await send({"type": "http.response.body", "body": b""})


async def fails(scope: Message, receive: Receive, send: Send) -> None:
    raise ValueError("the file my voice.wav is broken")


class Case:
    """A guard, and what it answered."""

    def __init__(
        self,
        app: Any = takes_all,
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
        """The first message of the answer."""
        self.sent = []
        fields = [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()]
        asked = {"type": kind, "path": path, "method": method, "headers": fields}
        asked |= {"client": ("9.9.9.9", 1), "scheme": "http"} | scope
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

        asyncio.run(self.middleware(asked, receive, send))
        return self.sent[0]

    def count(self, name: str, **labels: str) -> float:
        """Return the value of a counter; 0 if nothing was counted."""
        return self.telemetry.registry.get_sample_value(name, labels) or 0.0

    def put(self, size: int, **scope: Any) -> Message:
        headers = {"Content-Length": str(size)}
        return self.call(UPLOAD, "PUT", headers, b"x" * size, **scope)


def header(message: Message, name: str) -> str:
    found = [v.decode() for k, v in message["headers"] if k.lower() == name.encode()]
    assert len(found) == 1, (name, found)
    return str(found[0])


@pytest.mark.parametrize("path", ["/", "/static/a.js", "/_stcore/health", "/media/x", UPLOAD])
def test_security_headers_stand_on_every_response_once(path):
    answer = Case().call(path)
    assert header(answer, "content-security-policy") == POLICY
    assert header(answer, "x-frame-options") == "SAMEORIGIN"
    assert header(answer, "x-content-type-options") == "nosniff"
    assert header(answer, "x-own") == "1"
    assert not [k for k, _ in answer["headers"] if k == b"strict-transport-security"]


def test_over_https_the_browser_is_told_to_stay_there():
    answer = Case().call("/", scheme="https")
    assert header(answer, "strict-transport-security").startswith("max-age=31536000")
    assert header(answer, "set-cookie") == "a=b; Path=/; Secure"
    assert header(Case().call("/"), "set-cookie") == "a=b; Path=/"


def test_an_error_is_answered_by_a_sentence_that_says_nothing_of_it(caplog):
    case = Case(fails)
    answer = case.call("/")
    assert answer["status"] == 500
    assert header(answer, "content-security-policy") == POLICY
    assert b"voice.wav" not in case.sent[1]["body"]
    assert case.count("emo_errors_total", kind="page", type="ValueError") == 1


@pytest.mark.parametrize(
    "path", ["/_stcore/metrics", "/_stcore/agent/interact", "/x/_stcore/agent"]
)
def test_what_is_not_for_visitors_is_not_there(path):
    assert Case().call(path, "POST")["status"] == 404


def test_an_upload_must_say_its_length():
    assert Case().call(UPLOAD, "PUT", {})["status"] == 411


def test_uploads_beyond_the_quota_are_refused_and_told_when_to_come_back():
    case = Case(limits=Limits(session_files=3))
    answers = [case.put(10) for _ in range(4)]
    assert [answer["status"] for answer in answers] == [204, 204, 204, 429]
    assert int(header(answers[-1], "retry-after")) >= 1
    assert header(answers[-1], "content-security-policy") == POLICY
    assert case.count("emo_rejected_total", reason="session_files_per_min") == 1
    assert case.count("emo_upload_bytes_total") == 30


def test_the_room_of_an_upload_that_failed_is_given_back():
    case = Case(fails, Limits(session_mb=10))
    for _ in range(2):
        assert case.put(4_000_000)["status"] == 500
    assert not case.quotas._uploads


def test_an_upload_that_takes_too_long_is_ended(monkeypatch):
    monkeypatch.setattr(bodies, "MAX_UPLOAD_S", 0.05)
    case = Case()

    async def waits(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await receive()  # nothing comes any more

    case.middleware.app = waits
    assert case.put(10)["status"] == 408


def test_a_stopping_server_takes_nothing_new_and_says_so_to_whom_asks_for_its_health():
    case = Case(is_stopping=lambda: True)
    assert case.put(10)["status"] == 503
    assert case.call("/_stcore/health")["status"] == 503
    assert case.call("/")["status"] == 204  # what runs may still fetch what it needs
    answer = case.call("/_stcore/stream", kind="websocket", extensions={})
    assert answer["type"] == "websocket.close"


def test_pages_beyond_the_quota_are_refused_by_status_where_the_server_can():
    case = Case(limits=Limits(address_pages=0))
    extensions: dict[str, Any] = {"websocket.http.response": {}}
    answer = case.call("/_stcore/stream", kind="websocket", extensions=extensions)
    assert (answer["type"], answer["status"]) == ("websocket.http.response.start", 429)
    assert int(header(answer, "retry-after")) >= 1


def test_the_place_of_a_page_is_given_back_when_it_is_closed_or_fails():
    for app in (takes_all, fails):
        case = Case(app)
        for _ in range(3):
            if app is takes_all:
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
def test_a_route_is_named_without_its_path(path, route):
    assert route_name(path) == route


# --- Who may ask ---------------------------------------------------------------------------------


async def must_not_be_asked(scope: Message, receive: Receive, send: Send) -> None:
    raise AssertionError("the framework was asked")


FOREIGN = [
    ({"Host": "evil.example"}, "host"),
    ({"Host": ""}, "host"),
    ({"Host": "localhost:8501", "Origin": "http://evil.example"}, "origin"),
    ({"Host": "localhost:8501", "Origin": "null"}, "origin"),
]


@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/media/x", UPLOAD, "/static/a.js"])
@pytest.mark.parametrize(("headers", "reason"), FOREIGN)
def test_a_foreign_host_is_refused_before_the_framework_is_asked(path, headers, reason):
    case = Case(must_not_be_asked)
    answer = case.call(path, "GET", headers)
    assert answer["status"] == 403
    assert header(answer, "content-security-policy") == POLICY
    assert case.count("emo_rejected_total", reason=reason) == 1


@pytest.mark.parametrize(("headers", "reason"), FOREIGN)
def test_a_page_under_a_foreign_host_is_not_opened(headers, reason):
    case = Case(must_not_be_asked)
    extensions: dict[str, Any] = {"websocket.http.response": {}}
    answer = case.call("/_stcore/stream", kind="websocket", headers=headers, extensions=extensions)
    assert (answer["type"], answer["status"]) == ("websocket.http.response.start", 403)
    assert case.count("emo_rejected_total", reason=reason) == 1
    assert case.quotas.n_pages == 0


class Seen:
    """An application that remembers what it was asked."""

    def __init__(self) -> None:
        self.headers: list[dict[bytes, bytes]] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.headers.append(dict(scope["headers"]))
        await takes_all(scope, receive, send)


def test_the_framework_has_no_foreign_origin_to_look_up():
    app = Seen()
    case = Case(app, hosts=parse_hosts(["emo.example.org"]), parser=PageMessageParser())
    case.call("/", headers={"Host": "localhost", "Origin": "http://localhost"})
    assert b"origin" not in app.headers[-1]
    names = {"Host": "app:8501", "Origin": "https://emo.example.org"}
    case.middleware.hosts = parse_hosts(["emo.example.org", "app"])
    case.call("/_stcore/stream", kind="websocket", headers=names)
    assert app.headers[-1][b"origin"] == b"http://app:8501"


def test_a_recording_is_kept_in_no_cache():
    assert header(Case().call("/media/x"), "cache-control") == "no-store"
    assert not [k for k, _ in Case().call("/static/a.js")["headers"] if k == b"cache-control"]


# --- Uploads -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "POST", "GET"])
def test_two_lengths_of_one_request_are_refused(method):
    case = Case(must_not_be_asked)
    headers = {"Content-Length": "5", "Transfer-Encoding": "chunked"}
    assert case.call(UPLOAD, method, headers, b"x" * 10)["status"] == 400
    assert case.count("emo_rejected_total", reason="two_lengths") == 1


def test_a_length_that_is_not_said_is_refused_however_the_body_comes():
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
def test_ids_of_an_upload_have_a_length(path):
    case = Case(must_not_be_asked)
    assert case.call(path, "PUT", {"Content-Length": "1"}, b"x")["status"] == 400
    assert not case.quotas._sessions


def test_bytes_count_as_they_arrive(monkeypatch):
    """Of a length that is smaller than what comes, as another server before this may pass on."""
    monkeypatch.setattr(bodies, "DISCARD_S", 0.05)
    case = Case(limits=Limits(session_mb=3))
    answer = case.call(UPLOAD, "PUT", {"Content-Length": "5"}, b"x" * 4 * MB)
    assert answer["status"] == 429
    assert case.count("emo_rejected_total", reason="session_mb") == 1
    assert not case.quotas._uploads


@pytest.mark.parametrize(("status", "reason"), [(403, "token"), (400, "session")])
def test_the_token_is_looked_at_before_anything_is_counted(status, reason):
    asked: list[tuple[str, str, str]] = []

    def check(session: str, token: str, cookies: str) -> int:
        asked.append((session, token, cookies))
        return int(status)

    case = Case(must_not_be_asked, Limits(address_files=1), check_sender=check)
    headers = {"Content-Length": "4", "X-Xsrftoken": "t", "Cookie": "a=b"}
    for _ in range(3):
        assert case.call(UPLOAD, "PUT", headers, b"xxxx")["status"] == status
    assert asked[0] == ("a-session", "t", "a=b")
    assert not case.quotas._sessions
    assert not case.quotas._buckets
    assert case.count("emo_rejected_total", reason=reason) == 3


def test_names_in_an_upload_are_in_utf_8_whatever_it_claims():
    app = Seen()
    kind = "multipart/form-data; charset=unicode_escape; boundary=x; CharSet=utf-7"
    Case(app).call(UPLOAD, "PUT", {"Content-Length": "1", "Content-Type": kind}, b"x")
    assert app.headers[-1][b"content-type"] == b"multipart/form-data; boundary=x"


# --- Messages ------------------------------------------------------------------------------------


def test_a_page_that_sends_nonsense_is_closed_with_a_code():
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
