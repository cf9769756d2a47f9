"""The language of Streamlit's pages: which messages a page needs, and how two become one."""

from google.protobuf.message import DecodeError
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.WidgetStates_pb2 import WidgetState

from emo.server.messages import MAX_BYTES, MessageError, PageMessage

ALLOWED = frozenset({"rerun_script", "stop_script", "app_heartbeat", "file_urls_request"})
"""What a page sends; ``clear_cache``, for one, is a developer's and would empty everybody's."""

OPERATIONS = frozenset({"deferred_file"})
"""Of the framework's operations: that which writes a download once it is asked for."""

MAX_WIDGETS, MAX_NAMES, MAX_TEXT = 2000, 5000, 4096
"""Widgets in a message, files that are announced in one, and characters of an address."""

_TRIGGERS = ("trigger_value", "string_trigger_value", "chat_input_value", "json_trigger_value")


class PageMessageParser:
    """Reads the messages of a page as the framework does (``BackMsg.proto``)."""

    def read(self, data: bytes) -> PageMessage:
        """Return what a message is.

        Raises
        ------
        MessageError
            It cannot be read, is larger than a page's can be, or is not a page's at all.
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
        return PageMessage(data, is_run=True, merge_key=key)

    def merge(self, earlier: bytes, later: bytes) -> bytes:
        """Return the later request with the presses of buttons that only the earlier one holds."""
        before, after = BackMsg.FromString(earlier), BackMsg.FromString(later)
        state: ClientState = after.rerun_script
        pressed = {one.id for one in state.widget_states.widgets if _is_pressed(one)}
        missed = [
            one
            for one in before.rerun_script.widget_states.widgets
            if _is_pressed(one) and one.id not in pressed
        ]
        ids = {one.id for one in missed}
        kept = [one for one in state.widget_states.widgets if one.id not in ids]
        del state.widget_states.widgets[:]
        state.widget_states.widgets.extend([*kept, *missed])
        merged = after.SerializeToString()
        return merged if len(merged) <= MAX_BYTES else later


def _is_pressed(widget: WidgetState) -> bool:
    kind = widget.WhichOneof("value")
    if kind not in _TRIGGERS:
        return False
    value = getattr(widget, kind)
    return bool(value.ListFields()) if hasattr(value, "ListFields") else bool(value)
