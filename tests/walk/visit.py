"""A session in Streamlit's test runner: the actions in it, and the checks of its pages."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import unescape
from typing import Any, ClassVar

from emo.app import common
from emo.app.analyse import link as analyse_link
from emo.audio import alteration
from emo.audio.channels import MIX
from emo.inference.loading import MODEL_KEYS
from emo.labels import LABELS
from tests.walk import oracle
from tests.walk.clips import samples
from tests.walk.oracle import SETTINGS, Answers, PageState, Share
from tests.walk.tab import Tab

PAGES = {
    name: f"pages/{name}.py"
    for name in ("analyse", "listen", "compare", "teach", "confusion_matrices", "about")
}
_REGION = re.compile(r'data-emo-region="([^"]*)"')
_HEAD = re.compile(r"<(h2|p) class=.emo-verdict (?!.*?emo-over-time.*?>).*?</\1>", re.DOTALL)
AMONG = "among-"
"""Prefix of the key of the choice of the emotions that can occur, which each page has."""

CHANNEL = "channel-"
"""Prefix of the key of the choice of a channel."""

_DEPENDENT = ("cell-", "corpus-", "difference-", "model-of-", "run-")
"""Prefixes of the keys of controls whose options depend on another control."""


def digest(data: bytes) -> str:
    """Return the identifier of a clip on the page *Compare clips*."""
    return hashlib.sha256(data).hexdigest()


@dataclass
class Visit:
    """One session, and the state that its pages must have.

    Attributes
    ----------
    n_checks
        Number of checks of all sessions.
    page
        Name of the open page.
    clip
        Name, bytes and origin of the clip on the page *Analyse*; None without one.
    settings, channel
        Settings of *What if*, and the chosen channel of the clip.
    among
        Emotions that can occur.
    shares
        Selected part of each clip by its bytes.
    compared
        Names and bytes of the clips on the page *Compare clips*, by digest.
    examples
        Names of the clips on the page *Teach it*.
    is_why
        Whether the tab *Why* is open.
    controls
        Value of each control that must not change.
    past, ahead
        Addresses for a step back and forward.
    """

    n_checks: ClassVar[int] = 0

    tab: Tab
    page: str = "analyse"
    clip: tuple[str, bytes, str] | None = None
    settings: alteration.Alteration = alteration.NEUTRAL
    channel: str = MIX
    among: tuple[str, ...] = LABELS
    shares: dict[bytes, Share | None] = field(default_factory=dict)
    compared: dict[str, tuple[list[str], bytes]] = field(default_factory=dict)
    examples: set[str] = field(default_factory=set)
    is_why: bool = False
    controls: dict[str, Any] = field(default_factory=dict)
    past: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    ahead: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def address(self) -> tuple[str, dict[str, str]]:
        """Name of the page and query parameters of the address."""
        query = self.tab.at.query_params
        plain = {k: v[0] if isinstance(v, list) else v for k, v in query.items()}
        return self.page, {key: str(value) for key, value in plain.items()}

    def set_clip(self, name: str, data: bytes, origin: str) -> None:
        """Set the expected clip, as it was recorded."""
        self.clip = (name, data, origin)
        self.set_channel(MIX)
        self.set_settings(alteration.NEUTRAL)

    def remove_clip(self) -> None:
        """Set that there is no clip."""
        self.clip = None
        self.set_channel(MIX)
        self.set_settings(alteration.NEUTRAL)

    def set_channel(self, channel: str) -> None:
        """Set the expected channel."""
        self.channel = channel
        for key in [key for key in self.controls if key.startswith(CHANNEL)]:
            del self.controls[key]

    def set_settings(self, settings: alteration.Alteration) -> None:
        """Set the expected settings of *What if*."""
        self.settings = settings
        for key in SETTINGS:
            self.controls.pop(key, None)

    def set_among(self, among: tuple[str, ...]) -> None:
        """Set the expected emotions that can occur."""
        self.among = among
        for key in [key for key in self.controls if key.startswith(AMONG)]:
            del self.controls[key]

    def open_link(self, query: dict[str, str]) -> None:
        """Set the expected state of the page *Analyse* after a link was opened."""
        known = samples()
        link = analyse_link.read_link(query, known)
        if link.sample:
            self.set_clip(*known[link.sample], "sample")
            self.set_settings(link.settings)
            self.shares[known[link.sample][1]] = link.share
            self.is_why = link.why
            self.set_among(link.among)


# --- Actions -------------------------------------------------------------------------------------


def run_action(visit: Visit, action: Callable[[], None]) -> None:
    """Run an action, and record a change of the address in the history."""
    before = visit.address
    action()
    if visit.address != before:
        visit.past.append(before)
        visit.ahead.clear()


def open_page(visit: Visit, page: str) -> None:
    """Open a page by the navigation, and check it."""
    visit.past.append(visit.address)
    visit.ahead.clear()
    visit.page = page
    visit.tab.open(PAGES[page])
    check(visit)


def upload_clip(
    visit: Visit, key: str, name: str, data: bytes, origin: str, is_quick: bool
) -> None:
    """Upload or record a clip in place of the present one, and check the page."""
    key = input_key(visit, key)
    sent = name if origin == "upload" else "recording.wav"
    tab, files = visit.tab, [(sent, data)]
    if not tab.file_names(key):
        tab.send(tab.file_change(key, files))
    elif is_quick:
        tab.exchange(key, files)
    else:
        tab.send(tab.file_change(key, ()))
        tab.send(tab.file_change(key, files))
    visit.set_clip(name, data, origin)
    check(visit)


def add_compared(visit: Visit, name: str, data: bytes) -> None:
    held = visit.compared.setdefault(digest(data), ([], data))[0]
    if name not in held:
        held.append(name)


def remove_compared(visit: Visit, name: str) -> None:
    for key, (held, _) in list(visit.compared.items()):
        if name in held:
            held.remove(name)
            if not held:
                del visit.compared[key]


def input_key(visit: Visit, name: str) -> str:
    """Return the key of a file widget, which changes after a clip was removed."""
    return next(key for key in visit.tab.widget_keys() if re.fullmatch(rf"{name}(-\d+)?", key))


def channel_key(visit: Visit) -> str | None:
    """Return the key of the choice of a channel; None for a clip with one channel."""
    return next((key for key in visit.tab.widget_keys() if key.startswith(CHANNEL)), None)


def uploader_of(visit: Visit) -> str:
    return next(key for key in visit.tab.widget_keys() if key.startswith("comparison-up-"))


def player_of(visit: Visit) -> str | None:
    return next((key for key in visit.tab.widget_keys() if key.startswith("player-")), None)


def position(visit: Visit, key: str, step: int) -> tuple[Any, Any]:
    """Return the widget value at a step of a slider, and the setting that it stands for."""
    node = visit.tab.node(key)
    if node.type == "toggle":
        return bool(step % 2), bool(step % 2)
    if node.type == "select_slider":
        place = step % len(node.proto.options)
        number = re.search(r"-?\d+", node.proto.options[place])
        return place, None if number is None else float(number[0])
    proto = node.proto
    n_steps = round((proto.max - proto.min) / proto.step)
    value = round(proto.min + step % (n_steps + 1) * proto.step, 2)
    return value, value


def toggle_emotion(visit: Visit, place: int) -> None:
    """Tick or untick one of the emotions that can occur; of two, none can be unticked."""
    label = LABELS[place % len(LABELS)]
    ticked = set(visit.among) ^ {label}
    chosen = [i for i, one in enumerate(LABELS) if one in ticked]
    run_action(visit, lambda: visit.tab.set(f"{AMONG}{visit.page}", chosen))
    if len(chosen) > 1:
        visit.set_among(tuple(LABELS[i] for i in chosen))
    check(visit)


def ignore_dependent_controls(visit: Visit) -> None:
    """Accept any value of controls whose options depend on another control."""
    for key in [key for key in visit.controls if key.startswith(_DEPENDENT)]:
        del visit.controls[key]


def ignore_controls(visit: Visit, page: str) -> None:
    """Accept any value of the controls of a page that was opened by its address."""
    for key in list(visit.controls):
        if not key.startswith(("what-if", AMONG)):
            del visit.controls[key]


# --- Checks --------------------------------------------------------------------------------------


def check(visit: Visit) -> None:
    """Fail unless the page has the expected content."""
    Visit.n_checks += 1
    tab = visit.tab
    assert not tab.at.exception, tab.at.exception
    controls = tab.controls()
    assert controls == tab.defaults(), "a control would change if the browser lost its value"
    assert controls == tab.server_values(), "browser and server disagree"
    for key, value in controls.items():
        assert visit.controls.get(key, value) == value, f"{key} changed to {value} by itself"
    visit.controls |= controls
    if f"{AMONG}{visit.page}" in controls:
        assert controls[f"{AMONG}{visit.page}"] == list(visit.among)
    if visit.page == "analyse":
        check_analyse(visit)
    elif visit.page == "compare":
        check_compare(visit)
    else:
        assert not tab.at.error, tab.at.error
    if visit.page == "teach":
        keys = [key for key in tab.widget_keys() if key.startswith("example-")]
        assert len(keys) == len(visit.examples), (keys, visit.examples)


def check_analyse(visit: Visit) -> None:
    tab = visit.tab
    if visit.clip is None:
        assert tab.block("ensemble") is None
        assert not tab.at.error
        return
    name, data, _ = visit.clip
    shown = read_page(tab)
    expected = oracle.expected(data, name)
    assert shown.name == name
    if expected.refusal:
        assert [e.value for e in tab.at.error] == [common.escape_markdown(expected.refusal)]
        assert not shown.answers.bars
        return
    share = visit.shares.get(data)
    assert shown.share == share
    assert shown.channel == (visit.channel if shown.answers.bars else MIX)
    assert shown.among == visit.among
    refusal = oracle.refusal_of(data, name, visit.settings, visit.channel)
    assert [e.value for e in tab.at.error] == ([common.escape_markdown(refusal)] if refusal else [])
    assert shown.settings == (alteration.NEUTRAL if refusal else visit.settings)
    is_other = shown.share is not None or shown.settings != alteration.NEUTRAL
    assert is_other or "reset" not in tab.widget_keys()
    if shown.answers.bars:
        assert ("why-shown" in tab.block_keys()) == visit.is_why
    for key, setting in SETTINGS.items():
        assert value_of(tab, key) == getattr(visit.settings, setting)
    oracle.check(shown, data)


def value_of(tab: Tab, key: str) -> Any:
    """Return the setting of a control of *What if*."""
    value = tab.controls()[key]
    if key == "what-if-noise":
        number = re.search(r"-?\d+", value[0])
        return None if number is None else float(number[0])
    return round(value[0], 2) if isinstance(value, list) else value


def read_page(tab: Tab) -> PageState:
    """Return the content of the page *Analyse*."""
    block = tab.block("ensemble")
    described = next(node.value for node in tab.elements() if node.type == "text").split(" · ")
    if block is None:
        return PageState(described[0], Answers({}), alteration.NEUTRAL, None, ())
    bars = oracle.bars_by_row(tab.markup(block))
    for key in MODEL_KEYS:
        card = tab.block(f"model-{key}")
        assert (card is None) == (key not in bars)
        if card is not None:
            assert bars[key] == oracle.bars_in(tab.markup(card))
    altered = tab.block("altered")
    notice = "" if altered is None else tab.texts(altered, "warning")[0]
    region = _REGION.search(tab.markup())
    share = json.loads(unescape(region[1])) if region else None
    head = _HEAD.search(tab.markup(block))
    assert head is not None
    return PageState(
        described[0],
        Answers(bars),
        oracle.settings_in(notice),
        tuple(share) if share else None,
        oracle.labels_in(oracle.text_of(head[0])),
        oracle.channel_in(" · ".join(described)),
        oracle.among_in(" · ".join(described)),
    )


def components(visit: Visit) -> list[tuple[str, dict[str, Any]]]:
    """Return key and data of each custom component."""
    pairs = []
    for node in visit.tab.elements():
        if node.type == "bidi_component" and node.proto.json:
            data = json.loads(node.proto.json)
            if isinstance(data, list) and data:
                pairs.append((str(node.key), data[0]))
    return pairs


def table_of(visit: Visit) -> tuple[str | None, list[dict[str, Any]]]:
    """Return key and rows of the table of clips."""
    for key, data in components(visit):
        if "rows" in data:
            return key, data["rows"]
    return None, []


def ticked_in(visit: Visit) -> list[str]:
    """Return the digests of the ticked clips."""
    for key, data in components(visit):
        if "rows" in data:
            return list(visit.tab.component_state(key).get("ticked", data["ticked"]))
    return []


def check_compare(visit: Visit) -> None:
    assert not visit.tab.at.error
    _, rows = table_of(visit)
    controls = visit.tab.controls()
    is_narrowed = any(
        key in controls and controls[key] != first_of(visit, key)
        for key in ("comparison-name", "comparison-show", "comparison-ensemble")
    )
    if not is_narrowed:
        assert sorted(row["id"] for row in rows) == sorted(visit.compared)
    known: dict[str, Any] = {}
    if controls.get("comparison-one-speaker"):
        files = {key: (held[0], data) for key, (held, data) in visit.compared.items()}
        known = oracle.one_speaker(files, visit.among)
    for row in rows:
        held, data = visit.compared[row["id"]]
        expected = oracle.expected(data, held[0], among=visit.among)
        assert row["name"] == held[0]
        assert ("voice" in row.get("answers", {})) == (row["id"] in known)
        if expected.refusal:
            assert row["notes"][-1] == expected.refusal
            continue
        for key, cell in row["answers"].items():
            top = dict(known[row["id"]] if key == "voice" else expected.bars[key])
            assert top[cell["label"]] == cell["share"], (row["name"], key, cell, top)


def first_of(visit: Visit, key: str) -> Any:
    """Return the default value of a control of the page *Compare clips*."""
    node = visit.tab.node(key)
    if node.type == "text_input":
        return ""
    options = [
        option if isinstance(option, str) else option.content for option in node.proto.options
    ]
    return options[0] if node.type == "selectbox" else options[:1]
