"""What a page sends: at a rate, merged, and only what it needs; the clock is moved by hand."""

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
    PageMessage,
)

Built = Callable[[BackMsg], None]


def built(build: Built) -> bytes:
    message = BackMsg()
    build(message)
    return bytes(message.SerializeToString())


def run_again(page: str = "p", pressed: str = "", slider: float | None = None) -> bytes:
    """A request to make a page anew, with a button pressed, or a slider at a place."""
    message = BackMsg()
    state = message.rerun_script
    state.page_script_hash = page
    if pressed:
        state.widget_states.widgets.add(id=pressed).trigger_value = True
    if slider is not None:
        state.widget_states.widgets.add(id="slider").double_value = slider
    return bytes(message.SerializeToString())


# --- Which messages pass -------------------------------------------------------------------------


def deferred(message: BackMsg) -> None:
    message.backend_operation_request.request_id = "1"
    message.backend_operation_request.deferred_file.file_id = "f"


def names(count: int) -> Built:
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
def test_what_a_page_needs_passes_as_it_is(build):
    data = built(build)
    assert PageMessageParser().parse(data).data == data


def developers() -> list[str]:
    """Every kind of message but those of a page, also kinds that later versions add."""
    kinds = {field.name for field in BackMsg.DESCRIPTOR.oneofs_by_name["type"].fields}
    own = {"rerun_script", "stop_script", "app_heartbeat", "file_urls_request"}
    return sorted(kinds - own - {"backend_operation_request"})


@pytest.mark.parametrize("kind", developers())
def test_what_developers_send_does_not_pass(kind):
    assert {"clear_cache", "set_run_on_save", "load_git_info"} <= set(developers())
    with pytest.raises(MessageError, match="message_kind"):
        PageMessageParser().parse(built(lambda message: setattr(message, kind, True)))


@pytest.mark.parametrize("operation", ["install_skills", "dismiss_skills_nudge", "dataframe_chunk"])
def test_operations_that_no_page_asks_for_do_not_pass(operation):
    def build(message: BackMsg) -> None:
        getattr(message.backend_operation_request, operation).SetInParent()

    with pytest.raises(MessageError, match="message_kind"):
        PageMessageParser().parse(built(build))


def many_widgets(message: BackMsg) -> None:
    for i in range(MAX_WIDGETS + 1):
        message.rerun_script.widget_states.widgets.add(id=str(i))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "message_kind"),
        (b"\xff\xff\xff", "message_unreadable"),
        (built(names(MAX_NAMES + 1)), "message_bytes"),
        (built(many_widgets), "message_bytes"),
        (built(lambda m: setattr(m.rerun_script, "query_string", "x" * 5000)), "message_bytes"),
    ],
)
def test_what_is_none_or_larger_than_a_pages_does_not_pass(data, reason):
    with pytest.raises(MessageError, match=reason):
        PageMessageParser().parse(data)


# --- Two become one ------------------------------------------------------------------------------


def state_of(data: bytes) -> dict[str, Any]:
    widgets = BackMsg.FromString(data).rerun_script.widget_states.widgets
    return {one.id: getattr(one, str(one.WhichOneof("value"))) for one in widgets}


def test_a_later_request_stands_for_the_earlier_and_keeps_what_was_pressed():
    reader = PageMessageParser()
    merged = reader.merge(run_again(pressed="forget", slider=1.0), run_again(slider=2.0))
    assert state_of(merged) == {"forget": True, "slider": 2.0}
    again = reader.merge(merged, run_again(pressed="sample", slider=3.0))
    assert state_of(again) == {"forget": True, "sample": True, "slider": 3.0}


def test_only_requests_for_the_same_page_are_merged():
    parse = PageMessageParser().parse
    assert parse(run_again("a")).merge_key == parse(run_again("a", slider=1.0)).merge_key
    assert parse(run_again("a")).merge_key != parse(run_again("b")).merge_key
    assert parse(built(lambda m: setattr(m, "stop_script", True))).merge_key is None


# --- At a rate -----------------------------------------------------------------------------------


class Line:
    """A connection that has some messages and then is silent, and the page's inbox on it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *sent: Any, address_wait_s: float = 0.0):
        self.now_s = 0.0
        self.rejected: list[str] = []
        self.n_read = 0
        self._sent = [self._message(one) for one in sent]
        self.inbox = MessageQueue(
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
        found = await self._wait(tasks, timeout=0.01)  # what is there is there at once
        if not found[0]:
            assert timeout is not None, "it waits for ever"
            self.now_s += timeout
        return found

    async def passed(self, until_s: float) -> list[tuple[float, messages.Message]]:
        """What is passed on, and when, until a moment or the end."""
        found = []
        while self.now_s < until_s:
            try:
                message = await self.inbox.receive()
            except AssertionError:
                break
            found.append((self.now_s, message))
            if message["type"] == "websocket.disconnect":
                break
        self.inbox.close()
        return found


def follow(line: Line, until_s: float) -> list[tuple[float, messages.Message]]:
    return asyncio.run(line.passed(until_s))


def test_a_thousand_requests_at_once_become_a_few(monkeypatch):
    sent = [run_again(slider=float(i)) for i in range(1000)]
    line = Line(monkeypatch, *sent)
    passed = follow(line, 10.0)
    assert [message["bytes"] for _, message in passed[:RERUN_BURST]] == sent[:RERUN_BURST]
    assert len(passed) <= RERUN_BURST + 10 * messages.RERUNS_PER_S
    assert line.n_read <= messages.READ_BURST + 11 * messages.READS_PER_S
    assert set(line.rejected) == {"message_merged"}


def test_the_last_of_what_a_person_did_is_always_passed_on(monkeypatch):
    sent = [run_again(slider=float(i)) for i in range(40)]
    passed = follow(Line(monkeypatch, *sent), 60.0)
    assert passed[-1][1]["bytes"] == sent[-1]
    assert passed[-1][0] < 1.0


def test_messages_of_other_kinds_keep_their_order_and_none_is_lost(monkeypatch):
    heartbeat = built(lambda message: setattr(message, "app_heartbeat", True))
    sent = [run_again("a"), heartbeat, run_again("b"), heartbeat] * 10
    passed = follow(Line(monkeypatch, *sent), 60.0)
    assert [message["bytes"] for _, message in passed] == sent


def test_no_more_wait_than_stated_and_the_rest_stays_in_the_network(monkeypatch):
    sent = [run_again(str(i)) for i in range(80)]  # none can be merged
    line = Line(monkeypatch, *sent)
    follow(line, 0.1)
    assert line.n_read <= RERUN_BURST + MAX_WAITING + 2


def test_an_address_that_asks_too_often_waits_too(monkeypatch):
    line = Line(monkeypatch, run_again(), address_wait_s=5.0)
    assert [passed_s for passed_s, _ in follow(line, 9.0)] == [5.0]


def test_refused_messages_are_counted_and_the_page_goes_on(monkeypatch):
    clear = built(lambda message: setattr(message, "clear_cache", True))
    line = Line(monkeypatch, clear, run_again())
    assert [message["bytes"] for _, message in follow(line, 1.0)] == [run_again()]
    assert line.rejected == ["message_kind"]


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ({"type": "websocket.receive", "text": "x"}, 1002, "message_unreadable"),
        (b"x" * (MAX_BYTES + 1), 1009, "message_bytes"),
    ],
)
def test_a_page_that_sends_what_no_page_sends_is_closed(monkeypatch, message, code, reason):
    line = Line(monkeypatch, message, run_again())
    assert [one for _, one in follow(line, 1.0)] == [{"type": "websocket.disconnect", "code": code}]
    assert (line.inbox.close_code, line.rejected) == (code, [reason])


def test_what_waits_is_dropped_when_the_page_is_closed(monkeypatch):
    gone = {"type": "websocket.disconnect", "code": 1001}
    sent = [*(run_again(str(i)) for i in range(RERUN_BURST + 5)), gone]
    passed = follow(Line(monkeypatch, *sent), 60.0)
    assert passed[-1][1] == gone
    assert len(passed) == RERUN_BURST + 1


def test_the_request_to_connect_is_passed_on(monkeypatch):
    connect = {"type": "websocket.connect"}
    assert follow(Line(monkeypatch, connect), 1.0) == [(0.0, connect)]


def test_a_note_of_a_message_is_no_run_unless_it_says_so():
    assert not PageMessage(b"x").is_rerun
    assert PageMessageParser().parse(run_again()).is_rerun
