"""The messages of a page: which are passed on, how they are merged, and at what rate."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg

from emo.app.serving.messages import MAX_NAMES, MAX_WIDGETS, PageMessageParser
from emo.server import messages
from emo.server.messages import (
    MAX_BYTES,
    MAX_WAITING,
    RERUN_BURST,
    MessageError,
    MessageQueue,
)

Build = Callable[[BackMsg], None]


def make_message(build: Build) -> bytes:
    message = BackMsg()
    build(message)
    return bytes(message.SerializeToString())


def rerun_message(page: str = "p", clicked: str = "", slider: float | None = None) -> bytes:
    """Return a request to rerun a page, with a clicked button or the value of a slider."""
    message = BackMsg()
    state = message.rerun_script
    state.page_script_hash = page
    if clicked:
        state.widget_states.widgets.add(id=clicked).trigger_value = True
    if slider is not None:
        state.widget_states.widgets.add(id="slider").double_value = slider
    return bytes(message.SerializeToString())


# --- Parsing --------------------------------------------------------------------------------------


def deferred(message: BackMsg) -> None:
    message.backend_operation_request.request_id = "1"
    message.backend_operation_request.deferred_file.file_id = "f"


def names(count: int) -> Build:
    return lambda message: message.file_urls_request.file_names.extend(["a.wav"] * count)


@pytest.mark.parametrize(
    "build",
    [
        lambda message: setattr(message, "stop_script", True),
        lambda message: setattr(message, "app_heartbeat", True),
        lambda message: setattr(message.rerun_script, "query_string", "sample=angry"),
        deferred,
        names(MAX_NAMES),
    ],
)
def test_messages_of_pages_are_passed_on_unchanged(build):
    data = make_message(build)
    assert PageMessageParser().parse(data).data == data


def developers() -> list[str]:
    """Return every kind of message that no page sends, including those of later versions."""
    kinds = {field.name for field in BackMsg.DESCRIPTOR.oneofs_by_name["type"].fields}
    own = {"rerun_script", "stop_script", "app_heartbeat", "file_urls_request"}
    return sorted(kinds - own - {"backend_operation_request"})


@pytest.mark.parametrize("kind", developers())
def test_messages_of_developers_are_rejected(kind):
    assert {"clear_cache", "set_run_on_save", "load_git_info"} <= set(developers())
    with pytest.raises(MessageError, match="message_kind"):
        PageMessageParser().parse(make_message(lambda message: setattr(message, kind, True)))


@pytest.mark.parametrize("operation", ["install_skills", "dismiss_skills_nudge", "dataframe_chunk"])
def test_other_backend_operations_are_rejected(operation):
    def build(message: BackMsg) -> None:
        getattr(message.backend_operation_request, operation).SetInParent()

    with pytest.raises(MessageError, match="message_kind"):
        PageMessageParser().parse(make_message(build))


def many_widgets(message: BackMsg) -> None:
    for i in range(MAX_WIDGETS + 1):
        message.rerun_script.widget_states.widgets.add(id=str(i))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "message_kind"),
        (b"\xff\xff\xff", "message_unreadable"),
        (make_message(names(MAX_NAMES + 1)), "message_bytes"),
        (make_message(many_widgets), "message_bytes"),
        (
            make_message(lambda m: setattr(m.rerun_script, "query_string", "x" * 5000)),
            "message_bytes",
        ),
    ],
)
def test_invalid_and_large_messages_are_rejected(data, reason):
    with pytest.raises(MessageError, match=reason):
        PageMessageParser().parse(data)


# --- Merging --------------------------------------------------------------------------------------


def state_of(data: bytes) -> dict[str, Any]:
    widgets = BackMsg.FromString(data).rerun_script.widget_states.widgets
    return {w.id: getattr(w, str(w.WhichOneof("value"))) for w in widgets}


def test_merge_keeps_the_clicks_of_the_earlier_request():
    reader = PageMessageParser()
    merged = reader.merge(rerun_message(clicked="forget", slider=1.0), rerun_message(slider=2.0))
    assert state_of(merged) == {"forget": True, "slider": 2.0}
    again = reader.merge(merged, rerun_message(clicked="sample", slider=3.0))
    assert state_of(again) == {"forget": True, "sample": True, "slider": 3.0}


def test_merge_keys_are_equal_for_one_page_only():
    parse = PageMessageParser().parse
    assert parse(rerun_message("a")).merge_key == parse(rerun_message("a", slider=1.0)).merge_key
    assert parse(rerun_message("a")).merge_key != parse(rerun_message("b")).merge_key
    assert parse(make_message(lambda m: setattr(m, "stop_script", True))).merge_key is None


# --- Rates ---------------------------------------------------------------------------------------


class Line:
    """A connection with some messages, and the queue that reads it; the tests set the clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *sent: Any, address_wait_s: float = 0.0):
        self.now_s = 0.0
        self.rejected: list[str] = []
        self.n_read = 0
        self._sent = [self._message(data) for data in sent]
        self.queue = MessageQueue(
            self._receive,
            PageMessageParser(),
            lambda: max(0.0, address_wait_s - self.now_s),
            self.rejected.append,
            self._clock,
        )
        self._wait = asyncio.wait
        monkeypatch.setattr("emo.server.messages.asyncio.sleep", self._sleep)
        monkeypatch.setattr("emo.server.messages.asyncio.wait", self._wait_until)

    @staticmethod
    def _message(sent: Any) -> messages.Message:
        return sent if isinstance(sent, dict) else {"type": "websocket.receive", "bytes": sent}

    def _clock(self) -> float:
        return self.now_s

    async def _receive(self) -> messages.Message:
        if self.n_read == len(self._sent):
            await asyncio.Event().wait()
        self.n_read += 1
        return self._sent[self.n_read - 1]

    async def _sleep(self, duration_s: float) -> None:
        self.now_s += duration_s

    async def _wait_until(self, tasks: Any, timeout: float | None = None) -> Any:
        result = await self._wait(tasks, timeout=0.01)  # messages are there at once or never
        if not result[0]:
            assert timeout is not None, "the queue waits forever"
            self.now_s += timeout
        return result

    async def receive_all(self, until_s: float) -> list[tuple[float, messages.Message]]:
        """Return the messages that are passed on with their times, up to a time or the end."""
        received = []
        while self.now_s < until_s:
            try:
                message = await self.queue.receive()
            except AssertionError:
                break
            received.append((self.now_s, message))
            if message["type"] == "websocket.disconnect":
                break
        self.queue.close()
        return received


def receive(line: Line, until_s: float) -> list[tuple[float, messages.Message]]:
    return asyncio.run(line.receive_all(until_s))


def test_a_thousand_requests_are_merged_into_a_few(monkeypatch):
    sent = [rerun_message(slider=float(i)) for i in range(1000)]
    line = Line(monkeypatch, *sent)
    passed = receive(line, 10.0)
    assert [message["bytes"] for _, message in passed[:RERUN_BURST]] == sent[:RERUN_BURST]
    assert len(passed) <= RERUN_BURST + 10 * messages.RERUNS_PER_S
    assert line.n_read <= messages.READ_BURST + 11 * messages.READS_PER_S
    assert set(line.rejected) == {"message_merged"}


def test_the_last_request_is_always_passed_on(monkeypatch):
    sent = [rerun_message(slider=float(i)) for i in range(40)]
    passed = receive(Line(monkeypatch, *sent), 60.0)
    assert passed[-1][1]["bytes"] == sent[-1]
    assert passed[-1][0] < 1.0


def test_other_messages_keep_their_order(monkeypatch):
    heartbeat = make_message(lambda message: setattr(message, "app_heartbeat", True))
    sent = [rerun_message("a"), heartbeat, rerun_message("b"), heartbeat] * 10
    passed = receive(Line(monkeypatch, *sent), 60.0)
    assert [message["bytes"] for _, message in passed] == sent


def test_a_limited_number_of_messages_is_read_ahead(monkeypatch):
    sent = [
        rerun_message(str(i)) for i in range(80)
    ]  # for different pages, so that none can be merged
    line = Line(monkeypatch, *sent)
    receive(line, 0.1)
    assert line.n_read <= RERUN_BURST + MAX_WAITING + 2


def test_reruns_wait_for_the_quota_of_the_address(monkeypatch):
    line = Line(monkeypatch, rerun_message(), address_wait_s=5.0)
    assert [passed_s for passed_s, _ in receive(line, 9.0)] == [5.0]


def test_rejected_messages_are_counted_and_the_page_stays_open(monkeypatch):
    clear = make_message(lambda message: setattr(message, "clear_cache", True))
    line = Line(monkeypatch, clear, rerun_message())
    assert [message["bytes"] for _, message in receive(line, 1.0)] == [rerun_message()]
    assert line.rejected == ["message_kind"]


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ({"type": "websocket.receive", "text": "x"}, 1002, "message_unreadable"),
        (b"x" * (MAX_BYTES + 1), 1009, "message_bytes"),
    ],
)
def test_text_frames_and_large_messages_close_the_page(monkeypatch, message, code, reason):
    line = Line(monkeypatch, message, rerun_message())
    assert [message for _, message in receive(line, 1.0)] == [
        {"type": "websocket.disconnect", "code": code}
    ]
    assert (line.queue.close_code, line.rejected) == (code, [reason])


def test_waiting_messages_are_dropped_at_a_disconnect(monkeypatch):
    gone = {"type": "websocket.disconnect", "code": 1001}
    sent = [*(rerun_message(str(i)) for i in range(RERUN_BURST + 5)), gone]
    passed = receive(Line(monkeypatch, *sent), 60.0)
    assert passed[-1][1] == gone
    assert len(passed) == RERUN_BURST + 1


def test_the_connect_event_is_passed_on(monkeypatch):
    connect = {"type": "websocket.connect"}
    assert receive(Line(monkeypatch, connect), 1.0) == [(0.0, connect)]
