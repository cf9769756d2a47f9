"""A page in Streamlit's own test runner, with what a browser does beside it.

Streamlit's runner sends each widget's value as the server holds it, so that it never sees the two
disagree.  A browser holds values of its own: it begins a widget that is new at its default, drops
the value of a widget that is gone, and sends what it holds with the next message, perhaps before it
has seen what the last one did.
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
    """An open page: what it shows, and what its browser holds."""

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

    # --- What it sends -------------------------------------------------------------------------

    def send(self, *changes: WidgetState) -> None:
        """Have the page made anew, with widgets changed, and see all of it."""
        self._run(self._message(changes))
        self._settle()

    def send_twice(self, first: Sequence[WidgetState], second: Sequence[WidgetState]) -> None:
        """Change widgets twice, the second time before what the first did was seen."""
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
        self.at._page_hash = ""  # the page may have opened another

    def _mounted(self) -> dict[str, Any]:
        return {node.proto.id: node for node in self.elements() if getattr(node.proto, "id", "")}

    def _settle(self) -> None:
        """Do what a browser does with a page that came to its end."""
        held = {}
        for key, node in self._mounted().items():
            state = _told(node) or self._held.get(key) or _begun(node)
            if state is not None:
                held[key] = state
        self._held = held

    # --- What a person does --------------------------------------------------------------------

    def open(self, page: str, query: Mapping[str, str] | None = None) -> None:
        """Go to another page by the navigation, or to an address."""
        self.at.switch_page(page)
        self.at.query_params = dict(query or {})
        self.send()

    def click(self, key: str) -> None:
        """Press a button."""
        self.send(WidgetState(id=self.id_of(key), trigger_value=True))

    def press(self, label: str) -> None:
        """Press a button that has a label and no key."""
        node = next(n for n in self.elements() if n.type == "button" and n.label == label)
        self.send(WidgetState(id=node.proto.id, trigger_value=True))

    def give(self, key: str, files: Files, keep: Collection[int] = ()) -> WidgetState:
        """The change of an uploader or recorder that holds these files, and some that it held."""
        state = WidgetState(id=self.id_of(key))
        held = self._held.get(state.id, WidgetState()).file_uploader_state_value.uploaded_file_info
        for place in keep:
            state.file_uploader_state_value.uploaded_file_info.append(held[place])
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
        """Exchange a file as the uploader does it: it goes, and the other comes at once."""
        self.send_twice([self.give(key, ())], [self.give(key, files)])

    def in_hand(self, key: str) -> list[str]:
        """Names of the files that an uploader shows."""
        held = self._held.get(self.id_of(key), WidgetState())
        return [info.name for info in held.file_uploader_state_value.uploaded_file_info]

    def tell(self, key: str, **state: Any) -> None:
        """Have a component of ours say what it holds now: a region, or what is ticked."""
        self.send(WidgetState(id=self.id_of(key), json_value=json.dumps(state)))

    def told_by(self, key: str) -> dict[str, Any]:
        """What a component of ours holds."""
        held = self._held.get(self.id_of(key), WidgetState())
        return dict(json.loads(held.json_value or "{}"))

    def ask(self, key: str, event: str, value: Any) -> None:
        """Have a component of ours ask for something once."""
        state = WidgetState(id=f"$$STREAMLIT_INTERNAL_KEY_{self.id_of(key)}__events")
        state.json_trigger_value = json.dumps([{"event": event, "value": value}])
        self.send(state)

    def hurry(self, away: str, back: str) -> None:
        """Go to another page and back again before that page was seen."""
        for page in (away, back):
            self.at.switch_page(page)
            self.at.query_params = {}
            self._run(self._message(()))
        self._held = {}
        self._settle()

    def set(self, key: str, value: Any) -> None:
        """Move a slider, or choose by position: a number, a bool, a text, or an index or None."""
        self.send(self.change(key, value))

    def change(self, key: str, value: Any) -> WidgetState:
        """What the browser sends when a widget is set."""
        node = self.node(key)
        return _state(node, value)

    # --- What it shows -------------------------------------------------------------------------

    def elements(self) -> Iterator[Any]:
        """Everything on the page in its order."""
        yield from (node for node in self.at._tree if isinstance(node, Element))

    def node(self, key: str) -> Any:
        """The element with a key."""
        return next(node for node in self.elements() if node.key == key)

    def id_of(self, key: str) -> str:
        """What Streamlit calls the widget with a key."""
        return str(self.node(key).proto.id)

    def widget_keys(self) -> list[str]:
        """Keys of all that has one."""
        return [node.key for node in self.elements() if node.key]

    def block(self, key: str) -> Any:
        """The container with a key; None where there is none."""
        nodes = (node for node in self.at._tree if node is not self.at._tree)
        return next((n for n in nodes if isinstance(n, Block) and n.key == key), None)

    def markup(self, block: Any = None) -> str:
        """HTML of a container, or of the page."""
        nodes = self.elements() if block is None else iter(block)
        return "\n".join(n.value for n in nodes if getattr(n, "type", "") == "html")

    def texts(self, block: Any, *kinds: str) -> list[str]:
        """Texts of some kinds in a container."""
        return [n.value.replace("\\", "") for n in block if getattr(n, "type", "") in kinds]

    def controls(self) -> dict[str, Any]:
        """What each control shows that a person can set, by its key, as its browser holds it."""
        shown = {}
        for node in self.elements():
            if node.key and node.type in _BEGIN:
                shown[node.key] = _value(self._held[node.proto.id])
        return shown

    def defaults(self) -> dict[str, Any]:
        """What each of them would show if its browser had to begin it anew, by its key."""
        nodes = [node for node in self.elements() if node.key and node.type in _BEGIN]
        return {node.key: _value(_told(node) or _begun(node)) for node in nodes}

    def served(self) -> dict[str, Any]:
        """What the server takes each of them to hold, by its key."""
        nodes = [node for node in self.elements() if node.key and node.type in _BEGIN]
        return {node.key: _value(node._widget_state) for node in nodes}


def _value(state: Any) -> Any:
    kind = state.WhichOneof("value") if state is not None else None
    if kind is None:
        return None
    value = getattr(state, kind)
    return list(value.data) if kind.endswith("array_value") else value


def _options(node: Any) -> list[str]:
    options = node.proto.options
    return [one if isinstance(one, str) else one.content for one in options]


def _state(node: Any, value: Any) -> WidgetState:
    """The message of a widget that holds a value; one of several options is meant by its index."""
    state = WidgetState(id=node.proto.id)
    if node.type == "slider":
        state.double_array_value.data[:] = [value]
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
        raise ValueError(f"nobody can set a {node.type}")
    return state


def _first(values: Sequence[Any]) -> Any:
    return values[0] if values else None


_BEGIN = {
    "slider": lambda proto: proto.default[0],
    "select_slider": lambda proto: int(proto.default[0]),
    "button_group": lambda proto: _first(proto.default),
    "selectbox": lambda proto: proto.default if proto.HasField("default") else None,
    "text_input": lambda proto: proto.default,
    "toggle": lambda proto: proto.default,
}
"""What a browser begins each kind of control with."""


def _begun(node: Any) -> WidgetState | None:
    return _state(node, _BEGIN[node.type](node.proto)) if node.type in _BEGIN else None


def _told(node: Any) -> WidgetState | None:
    """What the server tells the browser to set a widget to, if it does."""
    if not getattr(node.proto, "set_value", False) or node.type not in _BEGIN:
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
