"""A page in Streamlit's test runner, with a model of the state of the browser.

The test runner sends the value of each widget that the server has, so that the two never differ.  A
browser has values of its own: it starts a new widget at its default, drops the value of a widget
that disappeared, and sends its values with the next message, perhaps before it has received the
result of the previous one.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.runtime.uploaded_file_manager import UploadedFileRec
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Element

APP = Path(__file__).resolve().parent.parent.parent / "streamlit_app.py"

Files = Sequence[tuple[str, bytes]]


class Tab:
    """An open page and the state of its browser."""

    def __init__(self, query: Mapping[str, str] | None = None, at: AppTest | None = None) -> None:
        self.at = AppTest.from_file(str(APP), default_timeout=120) if at is None else at
        self._files: list[UploadedFileRec] = []
        self._held: dict[str, WidgetState] = {}
        register: Any = self._register
        self.at._register_uploaded_files = register  # type: ignore[method-assign]
        self.at.query_params = dict(query or {})
        self.send()

    def _register(self, runner: Any) -> None:
        for file in self._files:
            runner.register_file(file)

    # --- Messages ------------------------------------------------------------------------------

    def send(self, *changes: WidgetState) -> None:
        """Send changes of widgets, and wait for the result."""
        self._run(self._message(changes))
        self._settle()

    def send_twice(self, first: Sequence[WidgetState], second: Sequence[WidgetState]) -> None:
        """Send changes twice, the second time before the result of the first arrives."""
        before, after = self._message(first), self._message([*first, *second])
        self._run(before)
        gone = self._mounted()
        self._run(after)
        self._held = {key: held for key, held in self._held.items() if key in gone}
        self._settle()

    def _message(self, changes: Sequence[WidgetState]) -> WidgetStates:
        for change in changes:
            if change.WhichOneof("value") not in ("trigger_value", "json_trigger_value"):
                self._held[change.id] = change
        sent = self._held | {change.id: change for change in changes}
        return WidgetStates(widgets=list(sent.values()))

    def _run(self, states: WidgetStates) -> None:
        self.at._run(states)
        self.at._page_hash = ""  # the run may have switched the page

    def _mounted(self) -> dict[str, Any]:
        return {node.proto.id: node for node in self.elements() if getattr(node.proto, "id", "")}

    def _settle(self) -> None:
        """Update the state of the browser after a run."""
        held = {}
        for key, node in self._mounted().items():
            state = _state_from_server(node) or self._held.get(key) or _default_state(node)
            if state is not None:
                held[key] = state
        self._held = held

    # --- Actions -------------------------------------------------------------------------------

    def open(self, page: str, query: Mapping[str, str] | None = None) -> None:
        """Open a page by the navigation, or an address."""
        self.at.switch_page(page)
        self.at.query_params = dict(query or {})
        self.send()

    def click(self, key: str) -> None:
        """Press the button with a key."""
        self.send(WidgetState(id=self.id_of(key), trigger_value=True))

    def open_tab(self, title: str) -> None:
        """Open the tab with a title, of the page's only set of tabs."""
        (tabs,) = [
            block.proto.tab_container.id
            for block in self.blocks()
            if getattr(block.proto, "tab_container", None) and block.proto.tab_container.id
        ]
        self.send(WidgetState(id=tabs, string_value=title))

    def press(self, label: str) -> None:
        """Press the button with a label."""
        node = next(n for n in self.elements() if n.type == "button" and n.label == label)
        self.send(WidgetState(id=node.proto.id, trigger_value=True))

    def file_change(self, key: str, files: Files, keep: Collection[int] = ()) -> WidgetState:
        """Return the change of an uploader or recorder to new files and some of the present ones.

        Parameters
        ----------
        files
            Name and bytes of each new file.
        keep
            Indices of the files that stay.
        """
        state = WidgetState(id=self.id_of(key))
        held = self._held.get(state.id, WidgetState()).file_uploader_state_value.uploaded_file_info
        for index in keep:
            state.file_uploader_state_value.uploaded_file_info.append(held[index])
        for name, data in files:
            file_id = str(uuid4())
            self._files.append(UploadedFileRec(file_id, name, "audio/wav", data))
            info = state.file_uploader_state_value.uploaded_file_info.add(
                file_id=file_id, name=name, size=len(data)
            )
            info.file_urls.file_id = file_id
        if not files and not keep:
            state.file_uploader_state_value.SetInParent()
        return state

    def exchange(self, key: str, files: Files) -> None:
        """Exchange a file as the browser does: remove it, and at once add another."""
        self.send_twice([self.file_change(key, ())], [self.file_change(key, files)])

    def file_names(self, key: str) -> list[str]:
        """Return the names of the files in an uploader."""
        held = self._held.get(self.id_of(key), WidgetState())
        return [info.name for info in held.file_uploader_state_value.uploaded_file_info]

    def set_component(self, key: str, **state: Any) -> None:
        """Set the state of a custom component, such as a region."""
        self.send(WidgetState(id=self.id_of(key), json_value=json.dumps(state)))

    def component_state(self, key: str) -> dict[str, Any]:
        """Return the state of a custom component."""
        held = self._held.get(self.id_of(key), WidgetState())
        return dict(json.loads(held.json_value or "{}"))

    def trigger_component(self, key: str, event: str, value: Any) -> None:
        """Send an event of a custom component."""
        state = WidgetState(id=f"$$STREAMLIT_INTERNAL_KEY_{self.id_of(key)}__events")
        state.json_trigger_value = json.dumps([{"event": event, "value": value}])
        self.send(state)

    def leave_and_return(self, away: str, back: str) -> None:
        """Open another page and return before it was received."""
        for page in (away, back):
            self.at.switch_page(page)
            self.at.query_params = {}
            self._run(self._message(()))
        self._held = {}
        self._settle()

    def set(self, key: str, value: Any) -> None:
        """Set a control: a number, a bool, a text, or the index of an option or None.

        Several options are set by a list of their indices.
        """
        self.send(self.change(key, value))

    def change(self, key: str, value: Any) -> WidgetState:
        """Return the message that sets a widget."""
        node = self.node(key)
        return _state(node, value)

    # --- Content -------------------------------------------------------------------------------

    def elements(self) -> Iterator[Any]:
        """Yield all elements of the page."""
        yield from (node for node in self.at._tree if isinstance(node, Element))

    def node(self, key: str) -> Any:
        """Return the element with a key."""
        return next(node for node in self.elements() if node.key == key)

    def id_of(self, key: str) -> str:
        """Return Streamlit's identifier of the widget with a key."""
        return str(self.node(key).proto.id)

    def widget_keys(self) -> list[str]:
        """Return the keys of all elements."""
        return [node.key for node in self.elements() if node.key]

    def block(self, key: str) -> Any:
        """Return the container with a key; None if there is none."""
        return next((block for block in self.blocks() if block.key == key), None)

    def blocks(self) -> Iterator[Any]:
        """Yield all containers of the page."""
        nodes = (node for node in self.at._tree if node is not self.at._tree)
        yield from (node for node in nodes if isinstance(node, Block))

    def block_keys(self) -> list[str]:
        """Return the keys of all containers."""
        return [block.key for block in self.blocks() if block.key]

    def markup(self, block: Any = None) -> str:
        """Return the HTML of a container, or of the page."""
        nodes = self.elements() if block is None else iter(block)
        return "\n".join(n.value for n in nodes if getattr(n, "type", "") == "html")

    def texts(self, block: Any, *kinds: str) -> list[str]:
        """Return the texts of the elements of some types in a container."""
        return [n.value.replace("\\", "") for n in block if getattr(n, "type", "") in kinds]

    def controls(self) -> dict[str, Any]:
        """Return the value of each control in the browser, by key."""
        shown = {}
        for node in self.elements():
            if node.key and node.type in _DEFAULTS:
                shown[node.key] = _value(self._held[node.proto.id])
        return shown

    def defaults(self) -> dict[str, Any]:
        """Return the value of each control after the browser lost it, by key."""
        nodes = [node for node in self.elements() if node.key and node.type in _DEFAULTS]
        return {
            node.key: _value(_state_from_server(node) or _default_state(node)) for node in nodes
        }

    def server_values(self) -> dict[str, Any]:
        """Return the value of each control on the server, by key."""
        nodes = [node for node in self.elements() if node.key and node.type in _DEFAULTS]
        return {node.key: _value(node._widget_state) for node in nodes}


def _value(state: Any) -> Any:
    kind = state.WhichOneof("value") if state is not None else None
    if kind is None:
        return None
    value = getattr(state, kind)
    return list(value.data) if kind.endswith("array_value") else value


def _options(node: Any) -> list[str]:
    options = node.proto.options
    return [option if isinstance(option, str) else option.content for option in options]


def _state(node: Any, value: Any) -> WidgetState:
    """Return the state of a widget; an option is given by its index."""
    state = WidgetState(id=node.proto.id)
    if node.type == "slider":
        state.double_array_value.data[:] = [value]
    elif isinstance(value, list):
        state.string_array_value.data[:] = [_options(node)[i] for i in value]
    elif node.type in ("select_slider", "button_group"):
        state.string_array_value.data[:] = [] if value is None else [_options(node)[value]]
    elif node.type == "selectbox":
        if value is not None:
            state.string_value = _options(node)[value]
    elif node.type == "text_input":
        state.string_value = value
    elif node.type == "toggle":
        state.bool_value = value
    else:
        raise ValueError(f"{node.type} is not a control")
    return state


def _first(values: Sequence[Any]) -> Any:
    return values[0] if values else None


def _default_options(proto: Any) -> Any:
    """Return the index of the default option, or a list of indices where several can be chosen."""
    is_multiple = proto.click_mode == proto.ClickMode.MULTI_SELECT
    return list(proto.default) if is_multiple else _first(proto.default)


_DEFAULTS = {
    "slider": lambda proto: proto.default[0],
    "select_slider": lambda proto: int(proto.default[0]),
    "button_group": _default_options,
    "selectbox": lambda proto: proto.default if proto.HasField("default") else None,
    "text_input": lambda proto: proto.default,
    "toggle": lambda proto: proto.default,
}
"""Default value of each type of control."""


def _default_state(node: Any) -> WidgetState | None:
    return _state(node, _DEFAULTS[node.type](node.proto)) if node.type in _DEFAULTS else None


def _state_from_server(node: Any) -> WidgetState | None:
    """Return the state that the server sets in the browser; None if it sets none."""
    if not getattr(node.proto, "set_value", False) or node.type not in _DEFAULTS:
        return None
    state, proto = WidgetState(id=node.proto.id), node.proto
    if node.type == "slider":
        state.double_array_value.data[:] = proto.value
    elif node.type == "select_slider":
        state.string_array_value.data[:] = proto.raw_value
    elif node.type == "button_group":
        state.string_array_value.data[:] = proto.raw_values
    elif node.type == "selectbox":
        if proto.HasField("raw_value"):
            state.string_value = proto.raw_value
    elif node.type == "text_input":
        state.string_value = proto.value
    else:
        state.bool_value = proto.value
    return state
