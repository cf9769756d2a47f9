"""A random walk over all pages in Streamlit's own test runner, each step of it checked.

Run `python -m tests.walk` for as many steps as wanted; a walk that fails is printed as its steps.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from html import unescape
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from emo import ui, ui_analyse, ui_links, ui_words, whatif
from emo import ui_compare_words as compare_words
from emo import ui_teach_words as teach_words
from emo.labels import LABELS
from emo.predict import MODEL_KEYS, VOTE
from tests.walk import oracle
from tests.walk.clips import clips, every_file
from tests.walk.oracle import Answers, Share, Shown
from tests.walk.tab import Tab

PAGES = {
    name: f"pages/{name}.py"
    for name in ("analyse", "compare", "teach", "confusion_matrices", "about")
}
_REGION = re.compile(r'data-emo-region="([^"]*)"')
_NAMES = {
    "what-if-speed": "speed",
    "what-if-pitch": "pitch_semitones",
    "what-if-gain": "gain_db",
    "what-if-noise": "noise_below_db",
    "what-if-telephone": "telephone",
}
_FOLLOW = ("cell-", "corpus-", "difference-", "model-of-", "run-")
"""Beginnings of the keys of controls whose options follow from another control."""

tabs = st.integers(0, 1)
names = st.sampled_from(sorted(every_file()))
voices = st.sampled_from(sorted(clips()))
places = st.integers(0, 100).map(lambda n: n / 100)


def samples() -> dict[str, tuple[str, bytes]]:
    """Name and bytes of every sample clip by the stem of its file."""
    rows = ui_analyse.list_samples(ui_analyse.SAMPLES_DIR)
    paths = [ui_analyse.SAMPLES_DIR / row["file"] for row in rows]
    return {path.stem: (path.name, path.read_bytes()) for path in paths}


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
    """

    tab: Tab
    page: str = "analyse"
    clip: tuple[str, bytes, str] | None = None
    settings: whatif.Settings = whatif.NEUTRAL
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
        self.alter(whatif.NEUTRAL)

    def drop(self) -> None:
        """Note that there is no clip any more."""
        self.clip = None
        self.alter(whatif.NEUTRAL)

    def alter(self, settings: whatif.Settings) -> None:
        """Note what a person set, or a link, or a button."""
        self.settings = settings
        for key in _NAMES:
            self.controls.pop(key, None)

    def follow(self, query: dict[str, str]) -> None:
        """Note what an address asks for of the first page."""
        known = samples()
        link = ui_links.read_link(query, known)
        if link.sample:
            self.take(*known[link.sample], "sample")
            self.alter(link.settings)
            self.shares[known[link.sample][1]] = link.share
            self.controls["why"] = link.why


class Walk(RuleBasedStateMachine):
    """What people do on the pages; after each deed the pages show what they must."""

    n_steps = 0

    @initialize()
    def begin(self) -> None:
        self.visits: dict[int, Visit] = {}

    def _visit(self, number: int, page: str | None = None) -> Visit:
        """The session in one of two tabs, on a page."""
        if number not in self.visits:
            self.visits[number] = Visit(Tab())
            check(self.visits[number])
        visit = self.visits[number]
        if page is not None and visit.page != page:
            go(visit, page)
        return visit

    def _with_clip(self, number: int) -> Visit:
        """The session in one of two tabs, on the first page, with a clip that can be answered."""
        visit = self._visit(number, "analyse")
        if player_of(visit) is None:
            name = next(iter(clips()))
            give(visit, "up", name, clips()[name], "upload", False)
        return visit

    # --- Analyse -------------------------------------------------------------------------------

    @rule(number=tabs, name=names, is_quick=st.booleans())
    def upload(self, number: int, name: str, is_quick: bool) -> None:
        visit = self._visit(number, "analyse")
        give(visit, "up", name, every_file()[name], "upload", is_quick)

    @rule(number=tabs, name=voices, is_quick=st.booleans())
    def upload_under_one_name(self, number: int, name: str, is_quick: bool) -> None:
        visit = self._visit(number, "analyse")
        give(visit, "up", "same name", clips()[name], "upload", is_quick)

    @rule(number=tabs, name=voices, is_quick=st.booleans())
    def record(self, number: int, name: str, is_quick: bool) -> None:
        visit = self._visit(number, "analyse")
        give(visit, "mic", ui_words.RECORDING, clips()[name], "recording", is_quick)

    @rule(number=tabs, key=st.sampled_from(("up", "mic")))
    def take_away(self, number: int, key: str) -> None:
        visit = self._visit(number, "analyse")
        key = round_key(visit, key)
        if not visit.tab.in_hand(key):
            return
        visit.tab.send(visit.tab.give(key, ()))
        origin = "upload" if key.startswith("up") else "recording"
        if visit.clip is not None and visit.clip[2] == origin:
            visit.drop()
        check(visit)

    @rule(number=tabs, emotion=st.sampled_from((*LABELS, *LABELS, ui_analyse.ALL)))
    def choose_sample(self, number: int, emotion: str) -> None:
        visit = self._visit(number, "analyse")
        key = f"sample-{emotion}"
        stem = next(
            Path(row["file"]).stem
            for row in ui_analyse.list_samples(ui_analyse.SAMPLES_DIR)
            if row["emotion"] == emotion
        )
        act(visit, lambda: visit.tab.click(key))
        visit.take(*samples()[stem], "sample")
        check(visit)

    @rule(number=tabs, ends=st.tuples(places, places))
    def select(self, number: int, ends: tuple[float, float]) -> None:
        visit = self._with_clip(number)
        key = player_of(visit)
        assert visit.clip is not None
        assert key is not None
        first, last = sorted(ends)
        share = None if last - first < 0.01 else (first, last)
        act(visit, lambda: visit.tab.tell(key, region=[] if share is None else list(share)))
        visit.shares[visit.clip[1]] = share
        check(visit)

    @rule(number=tabs, key=st.sampled_from(sorted(_NAMES)), step=st.integers(0, 60))
    def alter(self, number: int, key: str, step: int) -> None:
        visit = self._with_clip(number)
        value, setting = position(visit, key, step)
        act(visit, lambda: visit.tab.set(key, value))
        visit.settings = replace(visit.settings, **{_NAMES[key]: setting})
        visit.controls.pop(key, None)
        check(visit)

    @rule(number=tabs, key=st.sampled_from(("what-if-reset", "altered-reset")))
    def reset(self, number: int, key: str) -> None:
        visit = self._with_clip(number)
        if key not in visit.tab.widget_keys() or visit.tab.node(key).disabled:
            return
        act(visit, lambda: visit.tab.click(key))
        visit.alter(whatif.NEUTRAL)
        check(visit)

    @rule(number=tabs)
    def ask_why(self, number: int) -> None:
        visit = self._with_clip(number)
        shown = not visit.tab.controls()["why"]
        act(visit, lambda: visit.tab.set("why", shown))
        visit.controls["why"] = shown
        check(visit)

    @rule(number=tabs)
    def forget(self, number: int) -> None:
        visit = self._visit(number, "analyse")
        if visit.tab.block("downloads") is None or visit.clip is None:
            return
        visit.compared.pop(digest(visit.clip[1]), None)
        visit.tab.press(ui_words.FORGET_LABEL)
        visit.drop()
        visit.shares = {}
        check(visit)

    # --- Addresses -----------------------------------------------------------------------------

    @rule(number=tabs, page=st.sampled_from(sorted(PAGES)))
    def open_page(self, number: int, page: str) -> None:
        go(self._visit(number), page)

    @rule(number=tabs, page=st.sampled_from(sorted(PAGES)))
    def hurry(self, number: int, page: str) -> None:
        visit = self._visit(number)
        if page != visit.page:
            act(visit, lambda: visit.tab.hurry(PAGES[page], PAGES[visit.page]))
            check(visit)

    @rule(
        number=tabs,
        stem=st.sampled_from(LABELS),
        speed=st.sampled_from((None, "0.5", "1.3", "2")),
        pitch=st.sampled_from((None, "-12", "3")),
        part=st.sampled_from((None, "0.10000-0.55000")),
        why=st.sampled_from((None, "1")),
    )
    def open_link(self, number: int, stem: str, **asked: str | None) -> None:
        visit = self._visit(number)
        query = {"sample": stem} | {name: value for name, value in asked.items() if value}
        before = visit.address
        visit.past.append(before)
        visit.ahead.clear()
        visit.page = "analyse"
        visit.tab.open(PAGES["analyse"], query)
        visit.follow(query)
        check(visit)

    @rule(number=tabs, is_back=st.booleans())
    def step(self, number: int, is_back: bool) -> None:
        visit = self._visit(number)
        here, there = (visit.past, visit.ahead) if is_back else (visit.ahead, visit.past)
        if not here:
            return
        there.append(visit.address)
        page, query = here.pop()
        written = visit.address[1] if visit.page == "analyse" else None
        visit.page = page
        visit.tab.open(PAGES[page], query)
        if page == "analyse" and query != written:
            visit.follow(query)
        elif page != "analyse":
            forget_controls(visit, page)
        check(visit)

    @rule(number=tabs)
    def reload(self, number: int) -> None:
        visit = self._visit(number)
        page, query = visit.address
        fresh = Visit(Tab(query if page == "analyse" else None))
        if page == "analyse":
            fresh.follow(query)
        self.visits[number] = fresh
        check(fresh)

    @rule(number=tabs)
    def wait(self, number: int) -> None:
        visit = self._visit(number)
        visit.tab.send()
        check(visit)

    # --- Compare -------------------------------------------------------------------------------

    @rule(number=tabs, given=st.lists(names, min_size=1, max_size=3, unique=True))
    def compare_files(self, number: int, given: list[str]) -> None:
        visit = self._visit(number, "compare")
        key = uploader_of(visit)
        held = range(len(visit.tab.in_hand(key)))
        files = [(name, every_file()[name]) for name in given]
        visit.tab.send(visit.tab.give(key, files, held))
        for name, data in files:
            add(visit, name, data)
        check(visit)

    @rule(number=tabs)
    def compare_samples(self, number: int) -> None:
        visit = self._visit(number, "compare")
        visit.tab.press(compare_words.SAMPLES_LABEL)
        rows = ui_analyse.list_samples(ui_analyse.SAMPLES_DIR)
        for row in rows:
            if row["emotion"] in LABELS:
                add(visit, *samples()[Path(row["file"]).stem])
        check(visit)

    @rule(number=tabs, place=st.integers(0, 9))
    def take_out(self, number: int, place: int) -> None:
        visit = self._visit(number, "compare")
        key = uploader_of(visit)
        held = visit.tab.in_hand(key)
        if not held:
            return
        place %= len(held)
        visit.tab.send(visit.tab.give(key, (), [i for i in range(len(held)) if i != place]))
        if held[place] not in [name for i, name in enumerate(held) if i != place]:
            take_out(visit, held[place])
        check(visit)

    @rule(number=tabs, ticks=st.lists(st.integers(0, 9), max_size=3, unique=True))
    def tick(self, number: int, ticks: list[int]) -> None:
        visit = self._visit(number, "compare")
        key, rows = table_of(visit)
        if key is None or not rows:
            return
        chosen = sorted({rows[place % len(rows)]["id"] for place in ticks})
        visit.tab.tell(key, ticked=chosen)
        check(visit)

    @rule(number=tabs, place=st.integers(0, 9))
    def open_in_full(self, number: int, place: int) -> None:
        visit = self._visit(number, "compare")
        key, rows = table_of(visit)
        readable = [row for row in rows if not row.get("error")]
        if key is None or not readable:
            return
        row = readable[place % len(readable)]
        act(visit, lambda: visit.tab.ask(key, "open", row["id"]))
        visit.page = "analyse"
        data = visit.compared[row["id"]][1]
        visit.take(row["name"], data, "sample" if (row["name"], data) in samples().values() else "")
        check(visit)

    @rule(number=tabs, label=st.sampled_from(("REMOVE_LABEL", "UNTICK_LABEL", "FORGET_LABEL")))
    def clear_up(self, number: int, label: str) -> None:
        visit = self._visit(number, "compare")
        text = getattr(compare_words, label)
        if text not in [node.label for node in visit.tab.elements() if node.type == "button"]:
            return
        if label == "FORGET_LABEL":
            visit.compared.clear()
        elif label == "REMOVE_LABEL":
            for ticked in json_of(visit, "ticked"):
                visit.compared.pop(ticked, None)
        visit.tab.press(text)
        check(visit)

    # --- Any control of a page -----------------------------------------------------------------

    @rule(
        number=tabs,
        page=st.sampled_from(("compare", "teach", "confusion_matrices")),
        place=st.integers(0, 20),
        step=st.integers(0, 20),
    )
    def set_control(self, number: int, page: str, place: int, step: int) -> None:
        visit = self._visit(number, page)
        keys = sorted(visit.tab.controls())
        if not keys:
            return
        key = keys[place % len(keys)]
        node = visit.tab.node(key)
        if node.type == "text_input":
            value: Any = ("", "voice", "nobody")[step % 3]
        elif node.type == "toggle":
            value = bool(step % 2)
        else:
            value = step % len(node.proto.options)
        visit.tab.set(key, value)
        visit.controls.pop(key, None)
        if page == "confusion_matrices":
            forget_following(visit)
        check(visit)

    # --- Teach ---------------------------------------------------------------------------------

    @rule(
        number=tabs,
        given=st.lists(voices, min_size=1, max_size=3, unique=True),
        is_quick=st.booleans(),
    )
    def teach(self, number: int, given: list[str], is_quick: bool) -> None:
        visit = self._visit(number, "teach")
        key = next(key for key in visit.tab.widget_keys() if key.startswith("lessons-up-"))
        change = visit.tab.give(key, [(name, clips()[name]) for name in given])
        if is_quick:
            visit.tab.send_twice([change], [])
        else:
            visit.tab.send(change)
        visit.taught |= set(given)
        check(visit)

    @rule(number=tabs)
    def forget_lessons(self, number: int) -> None:
        visit = self._visit(number, "teach")
        if visit.tab.block("lessons-file") is not None:
            visit.taught.clear()
            visit.tab.press(teach_words.FORGET_LABEL)
        check(visit)


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
    Walk.n_steps += 1
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
        lessons = [key for key in tab.widget_keys() if key.startswith("lesson-")]
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
        assert [e.value for e in tab.at.error] == [ui.plain(right.refusal)]
        assert not shown.answers.bars
        return
    share = visit.shares.get(data)
    assert shown.share == share
    refusal = oracle.refused(data, name, visit.settings)
    assert [e.value for e in tab.at.error] == ([ui.plain(refusal)] if refusal else [])
    assert shown.settings == (whatif.NEUTRAL if refusal else visit.settings)
    assert ("altered-reset" in tab.widget_keys()) == (shown.settings != whatif.NEUTRAL)
    for key, setting in _NAMES.items():
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
        return Shown(failure.value, Answers({}), whatif.NEUTRAL, None, ())
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
    )


def components(visit: Visit) -> list[tuple[str, dict[str, Any]]]:
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


def json_of(visit: Visit, name: str) -> list[str]:
    key, _ = table_of(visit)
    held = visit.tab._held.get(visit.tab.id_of(key)) if key else None
    return list(json.loads(held.json_value).get(name, [])) if held else []


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
