"""The websocket of a live microphone, called as a server calls it."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from emo.server import live
from emo.server.live import LiveEndpoint, LiveStream, Message, RefusedError, Start
from emo.server.telemetry import Telemetry

START = {"type": "start", "session": "a-session", "token": "t", "rate_hz": 16_000, "among": ""}
PIECE = bytes(2 * 1600)  # a tenth of a second
STEP = [PIECE] * 5


class Clock:
    """A clock that the test sets."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Recorder(LiveStream):
    """A stream whose answers are the seconds of sound that it has, each when it is let go."""

    def __init__(self, is_slow: bool = False, error: Exception | None = None) -> None:
        self.size = 0
        self.n_running = 0
        self.max_running = 0
        self.error = error
        self.gate = asyncio.Event()
        if not is_slow:
            self.gate.set()

    def add(self, data: bytes) -> None:
        self.size += len(data)

    async def answer(self) -> Mapping[str, Any]:
        if self.error:
            raise self.error
        seconds = self.size / 32_000
        self.n_running += 1
        self.max_running = max(self.max_running, self.n_running)
        await self.gate.wait()
        self.n_running -= 1
        return {"type": "answer", "seconds": seconds}


class Client:
    """A client of an endpoint: what it sent, and what it got."""

    def __init__(self, endpoint: LiveEndpoint) -> None:
        self.sent: list[Message] = []
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._incoming.put_nowait({"type": "websocket.connect"})
        scope = {"type": "websocket", "headers": [(b"cookie", b"a=b")], "client": ("9.9.9.9", 1)}
        self.task = asyncio.ensure_future(endpoint(scope, self._incoming.get, self._send))

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    async def say(self, *messages: Mapping[str, Any] | str | bytes) -> None:
        """Send a start, texts or pieces of sound, and let the endpoint take each."""
        for one in messages:
            if isinstance(one, bytes):
                message: Message = {"type": "websocket.receive", "bytes": one, "text": None}
            else:
                text = one if isinstance(one, str) else json.dumps(one)
                message = {"type": "websocket.receive", "text": text, "bytes": None}
            self._incoming.put_nowait(message)
            await settle()

    async def leave(self) -> None:
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(self.task, 5)

    @property
    def texts(self) -> list[dict[str, Any]]:
        return [json.loads(one["text"]) for one in self.sent if one["type"] == "websocket.send"]

    @property
    def seconds(self) -> list[float]:
        return [text["seconds"] for text in self.texts if text["type"] == "answer"]

    @property
    def end(self) -> tuple[int, str, str]:
        """Return close code, reason and sentence."""
        closing, told = self.sent[-1], self.texts[-1]
        assert closing["type"] == "websocket.close"
        assert told["type"] == "end"
        assert told["reason"] == closing["reason"]
        return closing["code"], told["reason"], told["sentence"]


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def make_endpoint(stream: Callable[[], LiveStream] = Recorder, **more: Any) -> LiveEndpoint:
    async def open_stream(_: Start) -> LiveStream:
        return stream()

    clock = more.pop("clock", Clock())
    return LiveEndpoint(open_stream, Telemetry(), clock=clock, **more)


def run(*messages: Mapping[str, Any] | str | bytes, **more: Any) -> Client:
    """Return a client after it sent messages to a new endpoint."""

    async def talk() -> Client:
        client = Client(make_endpoint(**more))
        await client.say(*messages)
        if not client.task.done():
            await client.leave()
        return client

    return asyncio.run(talk())


# --- Answers -------------------------------------------------------------------------------------


def test_endpoint_answers_each_half_second_of_sound():
    client = run(START, *STEP, PIECE, PIECE, *STEP)
    assert client.sent[0] == {"type": "websocket.accept"}
    assert client.texts[0] == {"type": "ready", "limit_s": live.MAX_S, "step_s": 0.5}
    assert client.seconds == pytest.approx([0.5, 1.0])


def test_endpoint_gives_the_stream_who_asks():
    starts: list[Start] = []

    async def open_stream(start: Start) -> LiveStream:
        starts.append(start)
        return Recorder()

    async def talk() -> None:
        client = Client(LiveEndpoint(open_stream, Telemetry(), clock=Clock()))
        await client.say(START | {"among": "happy,sad"})
        await client.leave()

    asyncio.run(talk())
    assert starts == [Start("a-session", "t", "happy,sad", "a=b", "9.9.9.9")]


def test_a_slow_answer_is_followed_by_that_for_the_latest_sound():
    async def talk() -> tuple[Recorder, Client]:
        stream = Recorder(is_slow=True)
        clock = Clock()
        client = Client(make_endpoint(lambda: stream, clock=clock))
        await client.say(START)
        for i in range(6):
            clock.now_s = i / 2
            await client.say(*STEP)
        assert client.seconds == []
        stream.gate.set()
        await settle()
        await client.leave()
        return stream, client

    stream, client = asyncio.run(talk())
    assert client.seconds == pytest.approx([0.5, 3.0])
    assert stream.max_running == 1


def test_nothing_is_open_after_a_client_left():
    async def talk() -> int:
        endpoint = make_endpoint()
        client = Client(endpoint)
        await client.say(START, PIECE)
        assert endpoint.n_open == 1
        await client.leave()
        return endpoint.n_open

    assert asyncio.run(talk()) == 0


# --- Refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("messages", "code", "reason", "part"),
    [
        (["hello"], 1002, "start", "not a start"),
        (["[1]"], 1002, "start", "not a start"),
        (["[" * 2000], 1002, "start", "not a start"),
        ([b"ab"], 1002, "start", "not a start"),
        ([START | {"session": "../x"}], 1002, "start", "not a start"),
        ([START | {"session": 7}], 1002, "start", "not a start"),
        ([START | {"token": None}], 1002, "start", "not a start"),
        ([START | {"rate_hz": "16000"}], 1002, "start", "not a start"),
        ([START | {"rate_hz": True}], 1002, "start", "not a start"),
        ([START | {"token": "x" * 3000}], 1002, "start", "not a start"),
        ([START | {"rate_hz": 48_000}], 1003, "rate", "48,000 samples a second; Live takes 16,000"),
        ([START, "pause"], 1003, "text", "16-bit samples"),
        ([START, b""], 1007, "odd", "0 bytes"),
        ([START, b"abc"], 1007, "odd", "3 bytes"),
        ([START, bytes(16_002)], 1009, "big", "16,002 bytes; at most 16,000"),
        ([START, *[bytes(16_000)] * 5], 1008, "fast", "faster"),
        ([START, *[b"ab"] * 60], 1008, "pieces", "pieces of sound"),
    ],
)
def test_endpoint_refuses_in_a_sentence(messages, code, reason, part):
    client = run(*messages)
    assert client.end[:2] == (code, reason)
    assert part in client.end[2]
    assert client.end[2].endswith(".")


def test_sound_up_to_the_limits_is_accepted():
    client = run(START, *[bytes(16_000)] * 4)
    assert client.seconds == pytest.approx([0.5, 1.0, 1.5, 2.0])


def test_refusals_are_counted():
    async def talk() -> LiveEndpoint:
        endpoint = make_endpoint()
        client = Client(endpoint)
        await client.say(START, b"abc")
        await client.task
        return endpoint

    registry = asyncio.run(talk()).telemetry.registry
    assert registry.get_sample_value("emo_rejected_total", {"reason": "live_odd"}) == 1


@pytest.mark.parametrize("reason", ["token", "session"])
def test_a_start_that_the_app_refuses_is_closed(reason):
    async def open_stream(_: Start) -> LiveStream:
        raise RefusedError(reason)

    async def talk() -> Client:
        client = Client(LiveEndpoint(open_stream, Telemetry()))
        await client.say(START)
        await client.task
        return client

    client = asyncio.run(talk())
    assert client.end[:2] == (1008, reason)
    assert [text["type"] for text in client.texts] == ["end"]


def test_a_second_start_of_a_session_replaces_the_first():
    async def talk() -> tuple[Client, Client, int]:
        endpoint = make_endpoint()
        first, second, other = (Client(endpoint) for _ in range(3))
        await first.say(START)
        await other.say(START | {"session": "another"})
        await second.say(START)
        await asyncio.wait_for(first.task, 5)
        assert not other.task.done()
        await second.say(*STEP)
        n_open = endpoint.n_open
        await second.leave()
        await other.leave()
        return first, second, n_open

    first, second, n_open = asyncio.run(talk())
    assert first.end[:2] == (4000, "replaced")
    assert second.seconds == pytest.approx([0.5])
    assert n_open == 2


def test_a_start_that_does_not_come_is_not_awaited(monkeypatch):
    monkeypatch.setattr(live, "START_S", 0.05)

    async def talk() -> Client:
        client = Client(make_endpoint())
        await asyncio.wait_for(client.task, 5)
        return client

    assert asyncio.run(talk()).end[:2] == (1008, "start_late")


def test_a_client_without_sound_is_not_kept(monkeypatch):
    monkeypatch.setattr(live, "IDLE_S", 0.05)

    async def talk() -> Client:
        client = Client(make_endpoint())
        await client.say(START, PIECE)
        await asyncio.wait_for(client.task, 5)
        return client

    code, reason, sentence = asyncio.run(talk()).end
    assert (code, reason) == (1000, "idle")
    assert "so Live stopped" in sentence


def test_live_ends_after_its_limit(monkeypatch):
    monkeypatch.setattr(live, "MAX_S", 1.0)
    client = run(START, *STEP, *STEP, PIECE)
    assert client.end[:2] == (1000, "limit")
    assert "stops by itself" in client.end[2]


def test_live_ends_when_the_server_stops():
    stopping: list[bool] = []
    client = run(START, *STEP, is_stopping=lambda: bool(stopping))
    assert client.seconds == pytest.approx([0.5])
    stopping.append(True)
    client = run(START, *STEP, is_stopping=lambda: bool(stopping))
    assert client.end[:2] == (1012, "stopping")


def test_a_failure_is_reported_without_its_text(caplog):
    client = run(START, *STEP, stream=lambda: Recorder(error=ValueError("my secret voice")))
    assert client.end[:2] == (1011, "error")
    assert "secret" not in client.end[2]
    assert "a live microphone failed" in caplog.text


def test_a_start_that_fails_is_reported_too(caplog):
    async def open_stream(_: Start) -> LiveStream:
        raise ValueError("my secret voice")

    async def talk() -> LiveEndpoint:
        endpoint = LiveEndpoint(open_stream, Telemetry())
        client = Client(endpoint)
        await client.say(START)
        await client.task
        assert client.end[:2] == (1011, "error")
        return endpoint

    registry = asyncio.run(talk()).telemetry.registry
    labels = {"kind": "live", "type": "ValueError"}
    assert registry.get_sample_value("emo_errors_total", labels) == 1


@pytest.mark.parametrize("n_before", [0, 1, 3])
def test_a_client_that_is_gone_is_no_error(n_before):
    """A closed connection takes no more messages, whatever was sent before."""

    async def talk() -> LiveEndpoint:
        endpoint = make_endpoint()
        incoming: asyncio.Queue[Message] = asyncio.Queue()
        start = {"type": "websocket.receive", "text": json.dumps(START)}
        pieces: Sequence[Message] = [{"type": "websocket.receive", "bytes": p} for p in STEP]
        for message in ({"type": "websocket.connect"}, start, *pieces):
            incoming.put_nowait(message)
        sent: list[Message] = []

        async def send(message: Message) -> None:
            if len(sent) >= n_before and message["type"] != "websocket.accept":
                raise OSError("closed")
            sent.append(message)

        scope: Message = {"type": "websocket", "headers": [], "client": None}
        task = asyncio.ensure_future(endpoint(scope, incoming.get, send))
        await settle()
        incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})
        await asyncio.wait_for(task, 5)
        return endpoint

    endpoint = asyncio.run(talk())
    assert endpoint.n_open == 0
    assert endpoint.telemetry.registry.get_sample_value("emo_errors_total") is None
