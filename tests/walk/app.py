"""A random walk over all pages in Streamlit's own test runner, each step of it checked.

Run `python -m tests.walk` for as many steps as wanted; a walk that fails is printed as its steps.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from emo.app import current_clip
from emo.app.analyse import text as analyse_text
from emo.app.compare import text as compare_words
from emo.app.teach import text as teach_words
from emo.audio import alteration
from emo.audio.channels import MIX, channel_names
from emo.labels import LABELS
from emo.system import paths
from tests.walk.clips import clips, every_file
from tests.walk.tab import Tab
from tests.walk.visit import (
    PAGES,
    SETTINGS,
    Visit,
    act,
    add,
    channel_key,
    check,
    digest,
    forget_controls,
    forget_following,
    give,
    go,
    player_of,
    position,
    round_key,
    samples,
    table_of,
    take_out,
    ticked_in,
    uploader_of,
)

tabs = st.integers(0, 1)
names = st.sampled_from(sorted(every_file()))
voices = st.sampled_from(sorted(clips()))
places = st.integers(0, 100).map(lambda n: n / 100)


class Walk(RuleBasedStateMachine):
    """What people do on the pages; after each deed the pages show what they must."""

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
        give(visit, "mic", analyse_text.RECORDING, clips()[name], "recording", is_quick)

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

    @rule(number=tabs, emotion=st.sampled_from((*LABELS, *LABELS, current_clip.ALL_EMOTIONS)))
    def choose_sample(self, number: int, emotion: str) -> None:
        visit = self._visit(number, "analyse")
        key = f"sample-{emotion}"
        stem = next(
            Path(row["file"]).stem
            for row in current_clip.list_samples(paths.SAMPLES_DIR)
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

    @rule(number=tabs, key=st.sampled_from(sorted(SETTINGS)), step=st.integers(0, 60))
    def alter(self, number: int, key: str, step: int) -> None:
        visit = self._with_clip(number)
        value, setting = position(visit, key, step)
        act(visit, lambda: visit.tab.set(key, value))
        visit.settings = replace(visit.settings, **{SETTINGS[key]: setting})
        visit.controls.pop(key, None)
        check(visit)

    @rule(number=tabs, key=st.sampled_from(("what-if-reset", "altered-reset")))
    def reset(self, number: int, key: str) -> None:
        visit = self._with_clip(number)
        if key not in visit.tab.widget_keys() or visit.tab.node(key).disabled:
            return
        act(visit, lambda: visit.tab.click(key))
        visit.alter(alteration.NEUTRAL)
        check(visit)

    @rule(number=tabs, name=st.sampled_from(("call.wav", "three.wav")), place=st.integers(0, 3))
    def choose_channel(self, number: int, name: str, place: int) -> None:
        visit = self._with_clip(number)
        key = channel_key(visit)
        if key is None:
            give(visit, "up", name, clips()[name], "upload", False)
            key = channel_key(visit)
        assert key is not None
        node = visit.tab.node(key)
        channels = (MIX, *channel_names(3 if node.type == "selectbox" else 2))
        place %= len(channels)
        act(visit, lambda: visit.tab.set(key, place))
        visit.hear(channels[place])
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
        visit.tab.press(analyse_text.REMOVE_LABEL)
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
        rows = current_clip.list_samples(paths.SAMPLES_DIR)
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

    @rule(
        number=tabs,
        label=st.sampled_from(("REMOVE_TICKED_LABEL", "UNTICK_LABEL", "REMOVE_ALL_LABEL")),
    )
    def clear_up(self, number: int, label: str) -> None:
        visit = self._visit(number, "compare")
        text = getattr(compare_words, label)
        if text not in [node.label for node in visit.tab.elements() if node.type == "button"]:
            return
        if label == "REMOVE_ALL_LABEL":
            visit.compared.clear()
        elif label == "REMOVE_TICKED_LABEL":
            for ticked in ticked_in(visit):
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
        key = next(key for key in visit.tab.widget_keys() if key.startswith("examples-up-"))
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
        if visit.tab.block("examples-file") is not None:
            visit.taught.clear()
            visit.tab.press(teach_words.REMOVE_ALL_LABEL)
        check(visit)
