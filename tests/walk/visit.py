"""A session in Streamlit's own test runner: what its person did, and what the pages must show."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import unescape
from typing import Any, ClassVar

from emo.app import common, current_clip
from emo.app.analyse import link as analyse_link
from emo.audio import alteration
from emo.audio.channels import MIX
from emo.inference.predictor import MODEL_KEYS
from emo.labels import VOTE
from emo.system import paths
from tests.walk import oracle
from tests.walk.oracle import Answers, Share, Shown
from tests.walk.tab import Tab

PAGES = {
    name: f"pages/{name}.py"
    for name in ("analyse", "compare", "teach", "confusion_matrices", "about")
}
_REGION = re.compile(r'data-emo-region="([^"]*)"')
SETTINGS = {
    "what-if-speed": "speed",
    "what-if-pitch": "pitch_semitones",
    "what-if-gain": "gain_db",
    "what-if-noise": "snr_db",
    "what-if-telephone": "telephone",
}
CHANNEL = "channel-"
"""Beginning of the key of the choice of a channel."""

_FOLLOW = ("cell-", "corpus-", "difference-", "model-of-", "run-")
"""Beginnings of the keys of controls whose options follow from another control."""


def samples() -> dict[str, tuple[str, bytes]]:
    """Name and bytes of every sample clip by the stem of its file."""
    rows = current_clip.list_samples(paths.SAMPLES_DIR)
    files = [paths.SAMPLES_DIR / row["file"] for row in rows]
    return {path.stem: (path.name, path.read_bytes()) for path in files}


def digest(data: bytes) -> str:
    """What the page of several clips calls a clip."""
    return hashlib.sha256(data).hexdigest()


@dataclass
class Visit:
    """One session, and what its person did so far.

    Attributes
    ----------
    clip
        Name, bytes and origin of the clip on the first page.
    channel
        Which channel of the clip was chosen.
    shares
        What is selected of each clip, by its bytes.
    compared
        Names and bytes of the clips on the page of several, by digest.
    taught
        Names of the clips that were taught.
    controls
        What every control that was seen showed, by its key.
    past, ahead
        Addresses for a step back and forward.
    n_checks
        How often any session was checked.
    """

    n_checks: ClassVar[int] = 0

    tab: Tab
    page: str = "analyse"
    clip: tuple[str, bytes, str] | None = None
    settings: alteration.Alteration = alteration.NEUTRAL
    channel: str = MIX
    shares: dict[bytes, Share | None] = field(default_factory=dict)
    compared: dict[str, tuple[list[str], bytes]] = field(default_factory=dict)
    taught: set[str] = field(default_factory=set)
    controls: dict[str, Any] = field(default_factory=dict)
    past: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    ahead: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def address(self) -> tuple[str, dict[str, str]]:
        """The page and what stands behind it in the address."""
        query = self.tab.at.query_params
        plain = {k: v[0] if isinstance(v, list) else v for k, v in query.items()}
        return self.page, {key: str(value) for key, value in plain.items()}

    def take(self, name: str, data: bytes, origin: str) -> None:
        """Note the clip; what was set was for the one before."""
        self.clip = (name, data, origin)
        self.hear(MIX)
        self.alter(alteration.NEUTRAL)

    def drop(self) -> None:
        """Note that there is no clip any more."""
        self.clip = None
        self.hear(MIX)
        self.alter(alteration.NEUTRAL)

    def hear(self, channel: str) -> None:
        """Note the channel that a person chose, or that a new clip begins with."""
        self.channel = channel
        for key in [key for key in self.controls if key.startswith(CHANNEL)]:
            del self.controls[key]

    def alter(self, settings: alteration.Alteration) -> None:
        """Note what a person set, or a link, or a button."""
        self.settings = settings
        for key in SETTINGS:
            self.controls.pop(key, None)

    def follow(self, query: dict[str, str]) -> None:
        """Note what an address asks for of the first page."""
        known = samples()
        link = analyse_link.read_link(query, known)
        if link.sample:
            self.take(*known[link.sample], "sample")
            self.alter(link.settings)
            self.shares[known[link.sample][1]] = link.share
            self.controls["why"] = link.why


# --- Deeds ---------------------------------------------------------------------------------------


def act(visit: Visit, deed: Callable[[], None]) -> None:
    """Do something that may change the address, which a step back then undoes."""
    before = visit.address
    deed()
    if visit.address != before:
        visit.past.append(before)
        visit.ahead.clear()


def go(visit: Visit, page: str) -> None:
    """Open a page by the navigation."""
    visit.past.append(visit.address)
    visit.ahead.clear()
    visit.page = page
    visit.tab.open(PAGES[page])
    check(visit)


def give(visit: Visit, key: str, name: str, data: bytes, origin: str, is_quick: bool) -> None:
    """Give a file in place of the one that is there, if one is."""
    key = round_key(visit, key)
    sent = name if origin == "upload" else "recording.wav"
    tab, files = visit.tab, [(sent, data)]
    if not tab.in_hand(key):
        tab.send(tab.give(key, files))
    elif is_quick:
        tab.exchange(key, files)
    else:
        tab.send(tab.give(key, ()))
        tab.send(tab.give(key, files))
    visit.take(name, data, origin)
    check(visit)


def add(visit: Visit, name: str, data: bytes) -> None:
    held = visit.compared.setdefault(digest(data), ([], data))[0]
    if name not in held:
        held.append(name)


def take_out(visit: Visit, name: str) -> None:
    for key, (held, _) in list(visit.compared.items()):
        if name in held:
            held.remove(name)
            if not held:
                del visit.compared[key]


def round_key(visit: Visit, name: str) -> str:
    """The key of a way in, which is a new one after everything was forgotten."""
    return next(key for key in visit.tab.widget_keys() if re.fullmatch(rf"{name}(-\d+)?", key))


def channel_key(visit: Visit) -> str | None:
    """The key of the choice of a channel, where the clip has several."""
    return next((key for key in visit.tab.widget_keys() if key.startswith(CHANNEL)), None)


def uploader_of(visit: Visit) -> str:
    return next(key for key in visit.tab.widget_keys() if key.startswith("comparison-up-"))


def player_of(visit: Visit) -> str | None:
    return next((key for key in visit.tab.widget_keys() if key.startswith("player-")), None)


def position(visit: Visit, key: str, step: int) -> tuple[Any, Any]:
    """What a slider is set to at one of its steps, and the setting that this is."""
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


def forget_following(visit: Visit) -> None:
    """Let controls move whose options depend on another."""
    for key in [key for key in visit.controls if key.startswith(_FOLLOW)]:
        del visit.controls[key]


def forget_controls(visit: Visit, page: str) -> None:
    """Let the controls of a page move that an address was opened of."""
    for key in list(visit.controls):
        if not key.startswith(("what-if", "why")):
            del visit.controls[key]


# --- What must be so -----------------------------------------------------------------------------


def check(visit: Visit) -> None:
    """Fail where the page shows anything but what it must."""
    Visit.n_checks += 1
    tab = visit.tab
    assert not tab.at.exception, tab.at.exception
    controls = tab.controls()
    assert controls == tab.defaults(), "a control would move if the browser lost it"
    assert controls == tab.served(), "browser and server disagree"
    for key, value in controls.items():
        assert visit.controls.get(key, value) == value, f"{key} moved to {value} by itself"
    visit.controls |= controls
    if visit.page == "analyse":
        check_analyse(visit)
    elif visit.page == "compare":
        check_compare(visit)
    else:
        assert not tab.at.error, tab.at.error
    if visit.page == "teach":
        lessons = [key for key in tab.widget_keys() if key.startswith("example-")]
        assert len(lessons) == len(visit.taught), (lessons, visit.taught)


def check_analyse(visit: Visit) -> None:
    tab = visit.tab
    if visit.clip is None:
        assert tab.block("vote") is None
        assert not tab.at.error
        return
    name, data, _ = visit.clip
    shown = shown_on(tab)
    right = oracle.expected(data, name)
    assert shown.name == name
    if right.refusal:
        assert [e.value for e in tab.at.error] == [common.escape_markdown(right.refusal)]
        assert not shown.answers.bars
        return
    share = visit.shares.get(data)
    assert shown.share == share
    assert shown.channel == (visit.channel if shown.answers.bars else MIX)
    refusal = oracle.refused(data, name, visit.settings, visit.channel)
    assert [e.value for e in tab.at.error] == ([common.escape_markdown(refusal)] if refusal else [])
    assert shown.settings == (alteration.NEUTRAL if refusal else visit.settings)
    assert ("altered-reset" in tab.widget_keys()) == (shown.settings != alteration.NEUTRAL)
    for key, setting in SETTINGS.items():
        assert value_of(tab, key) == getattr(visit.settings, setting)
    oracle.check(shown, data)


def value_of(tab: Tab, key: str) -> Any:
    """The setting that a control of *What if* shows."""
    value = tab.controls()[key]
    if key == "what-if-noise":
        number = re.search(r"-?\d+", value[0])
        return None if number is None else float(number[0])
    return round(value[0], 2) if isinstance(value, list) else value


def shown_on(tab: Tab) -> Shown:
    """Read the first page."""
    block = tab.block("vote")
    if block is None:
        failure = next(node for node in tab.elements() if node.type == "text")
        return Shown(failure.value, Answers({}), alteration.NEUTRAL, None, ())
    described = tab.texts(block, "text")[0].split(" · ")
    bars = {VOTE: oracle.bars_in(tab.markup(block))}
    for key in MODEL_KEYS:
        card = tab.block(f"model-{key}")
        if card is not None:
            bars[key] = oracle.bars_in(tab.markup(card))
    altered = tab.block("altered")
    notice = "" if altered is None else tab.texts(altered, "warning")[0]
    region = _REGION.search(tab.markup())
    share = json.loads(unescape(region[1])) if region else None
    head = re.search(r"<h2.*?</h2>", tab.markup(block), re.DOTALL)
    assert head is not None
    return Shown(
        described[0],
        Answers(bars),
        oracle.settings_in(notice),
        tuple(share) if share else None,
        oracle.labels_in(oracle.text_of(head[0])),
        oracle.channel_in(" · ".join(described)),
    )


def components(visit: Visit) -> list[tuple[str, dict[str, Any]]]:
    """Key and data of each component of ours."""
    found = []
    for node in visit.tab.elements():
        if node.type == "bidi_component" and node.proto.json:
            data = json.loads(node.proto.json)
            if isinstance(data, list) and data:
                found.append((str(node.key), data[0]))
    return found


def table_of(visit: Visit) -> tuple[str | None, list[dict[str, Any]]]:
    """Key and rows of the table of clips."""
    for key, data in components(visit):
        if "rows" in data:
            return key, data["rows"]
    return None, []


def ticked_in(visit: Visit) -> list[str]:
    """Digests of the clips that are ticked: in the browser, or as it was told to begin."""
    for key, data in components(visit):
        if "rows" in data:
            return list(visit.tab.told_by(key).get("ticked", data["ticked"]))
    return []


def check_compare(visit: Visit) -> None:
    assert not visit.tab.at.error
    _, rows = table_of(visit)
    controls = visit.tab.controls()
    is_narrowed = any(
        key in controls and controls[key] != first_of(visit, key)
        for key in ("comparison-name", "comparison-show", "comparison-vote")
    )
    if not is_narrowed:
        assert sorted(row["id"] for row in rows) == sorted(visit.compared)
    for row in rows:
        held, data = visit.compared[row["id"]]
        right = oracle.expected(data, held[0])
        assert row["name"] == held[0]
        if right.refusal:
            assert row["notes"][-1] == right.refusal
            continue
        for key, cell in row["answers"].items():
            top = dict(right.bars[key])
            assert top[cell["label"]] == cell["share"], (row["name"], key, cell, top)


def first_of(visit: Visit, key: str) -> Any:
    """What a control of the page of several clips shows before anybody touched it."""
    node = visit.tab.node(key)
    if node.type == "text_input":
        return ""
    options = [one if isinstance(one, str) else one.content for one in node.proto.options]
    return options[0] if node.type == "selectbox" else options[:1]
