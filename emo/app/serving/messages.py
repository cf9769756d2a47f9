"""Streamlit's messages: which of them a page needs, and how two are merged."""

from google.protobuf.message import DecodeError
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.WidgetStates_pb2 import WidgetState

from emo.server.messages import MAX_BYTES, MessageError, PageMessage

ALLOWED = frozenset({"rerun_script", "stop_script", "app_heartbeat", "file_urls_request"})
"""Kinds of messages of a page; ``clear_cache``, for example, would clear everybody's caches."""

OPERATIONS = frozenset({"deferred_file"})
"""Allowed backend operations: the one that makes a download when it is requested."""

MAX_WIDGETS, MAX_NAMES, MAX_TEXT = 2000, 5000, 4096
"""Widgets of a message, files that it announces, and characters of its query string."""

_TRIGGERS = ("trigger_value", "string_trigger_value", "chat_input_value", "json_trigger_value")


class PageMessageParser:
    """Parses messages of the type ``BackMsg`` as Streamlit does."""

    def parse(self, data: bytes) -> PageMessage:
        """Return a parsed message.

        Raises
        ------
        MessageError
            It cannot be parsed, is larger than a page's can be, or is of a kind that no page sends.
        """
        message = BackMsg()
        try:
            message.ParseFromString(data)
        except DecodeError:
            raise MessageError("message_unreadable") from None
        kind = message.WhichOneof("type")
        operation = message.backend_operation_request.WhichOneof("payload")
        if kind not in ALLOWED and operation not in OPERATIONS:
            raise MessageError("message_kind")
        if len(message.file_urls_request.file_names) > MAX_NAMES:
            raise MessageError("message_bytes")
        if kind != "rerun_script":
            return PageMessage(data)
        state = message.rerun_script
        if len(state.query_string) > MAX_TEXT or len(state.widget_states.widgets) > MAX_WIDGETS:
            raise MessageError("message_bytes")
        key = (state.page_script_hash, state.page_name, state.fragment_id)
        return PageMessage(data, is_rerun=True, merge_key=key)

    def merge(self, earlier: bytes, later: bytes) -> bytes:
        """Return the later request with the button clicks that only the earlier one contains."""
        before, after = BackMsg.FromString(earlier), BackMsg.FromString(later)
        state: ClientState = after.rerun_script
        clicked = {widget.id for widget in state.widget_states.widgets if _is_clicked(widget)}
        missed = [
            widget
            for widget in before.rerun_script.widget_states.widgets
            if _is_clicked(widget) and widget.id not in clicked
        ]
        ids = {widget.id for widget in missed}
        others = [widget for widget in state.widget_states.widgets if widget.id not in ids]
        del state.widget_states.widgets[:]
        state.widget_states.widgets.extend([*others, *missed])
        merged = after.SerializeToString()
        return merged if len(merged) <= MAX_BYTES else later


def _is_clicked(widget: WidgetState) -> bool:
    kind = widget.WhichOneof("value")
    if kind not in _TRIGGERS:
        return False
    value = getattr(widget, kind)
    return bool(value.ListFields()) if hasattr(value, "ListFields") else bool(value)
