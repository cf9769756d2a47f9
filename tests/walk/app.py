"""A random walk in Streamlit's test runner, with a check of the page after each step.

Hypothesis prints the steps of a walk that fails.
"""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from emo.app.among import PARAM, read_param
from emo.app.analyse import tabs as analyse_tabs
from emo.app.analyse import text as analyse_text
from emo.app.compare import text as compare_words
from emo.app.samples import ALL_EMOTIONS, read_gallery
from emo.app.teach import text as teach_words
from emo.audio import alteration
from emo.audio.channels import MIX, channel_names
from emo.labels import LABELS
from emo.system import paths
from tests.walk.clips import clips, every_file, samples
from tests.walk.oracle import SETTINGS
from tests.walk.tab import Tab
from tests.walk.visit import (
    AMONG,
    PAGES,
    Visit,
    add_compared,
    channel_key,
    check,
    digest,
    ignore_controls,
    ignore_dependent_controls,
    input_key,
    open_page,
    player_of,
    position,
    remove_compared,
    run_action,
    table_of,
    ticked_in,
    toggle_emotion,
    upload_clip,
    uploader_of,
)

tabs = st.integers(0, 1)
names = st.sampled_from(sorted(every_file()))
voices = st.sampled_from(sorted(clips()))
places = st.integers(0, 100).map(lambda n: n / 100)


class Walk(RuleBasedStateMachine):
    """Actions on the pages in two sessions."""

    @initialize()
    def begin(self) -> None:
        self.visits: dict[int, Visit] = {}

    def _visit(self, number: int, page: str | None = None) -> Visit:
        """Return one of two sessions, with a page open."""
        if number not in self.visits:
            self.visits[number] = Visit(Tab())
            check(self.visits[number])
        visit = self.visits[number]
        if page is not None and visit.page != page:
            open_page(visit, page)
        return visit

    def _with_clip(self, number: int) -> Visit:
        """Return one of two sessions, with a valid clip on the page *Analyse*."""
        visit = self._visit(number, "analyse")
        if player_of(visit) is None:
            name = next(iter(clips()))
            upload_clip(visit, "up", name, clips()[name], "upload", False)
        return visit

    # --- Analyse -------------------------------------------------------------------------------

    @rule(number=tabs, name=names, is_quick=st.booleans())
    def upload(self, number: int, name: str, is_quick: bool) -> None:
        visit = self._visit(number, "analyse")
        upload_clip(visit, "up", name, every_file()[name], "upload", is_quick)

    @rule(number=tabs, name=voices, is_quick=st.booleans())
    def upload_under_one_name(self, number: int, name: str, is_quick: bool) -> None:
        visit = self._visit(number, "analyse")
        upload_clip(visit, "up", "same name", clips()[name], "upload", is_quick)

    @rule(number=tabs, name=voices, is_quick=st.booleans())
    def record(self, number: int, name: str, is_quick: bool) -> None:
        visit = self._visit(number, "analyse")
        upload_clip(visit, "mic", analyse_text.RECORDING, clips()[name], "recording", is_quick)

    @rule(number=tabs, key=st.sampled_from(("up", "mic")))
    def take_away(self, number: int, key: str) -> None:
        visit = self._visit(number, "analyse")
        key = input_key(visit, key)
        if not visit.tab.file_names(key):
            return
        visit.tab.send(visit.tab.file_change(key, ()))
        origin = "upload" if key.startswith("up") else "recording"
        if visit.clip is not None and visit.clip[2] == origin:
            visit.remove_clip()
        check(visit)

    @rule(number=tabs, emotion=st.sampled_from((*LABELS, *LABELS, ALL_EMOTIONS)))
    def choose_sample(self, number: int, emotion: str) -> None:
        visit = self._visit(number, "analyse")
        key = f"sample-{emotion}"
        stem = next(
            sample.stem for sample in read_gallery(paths.SAMPLES_DIR) if sample.emotion == emotion
        )
        run_action(visit, lambda: visit.tab.click(key))
        visit.set_clip(*samples()[stem], "sample")
        check(visit)

    @rule(number=tabs, ends=st.tuples(places, places))
    def select(self, number: int, ends: tuple[float, float]) -> None:
        visit = self._with_clip(number)
        key = player_of(visit)
        assert visit.clip is not None
        assert key is not None
        first, last = sorted(ends)
        share = None if last - first < 0.01 else (first, last)
        run_action(
            visit, lambda: visit.tab.set_component(key, region=[] if share is None else list(share))
        )
        visit.shares[visit.clip[1]] = share
        check(visit)

    @rule(number=tabs, key=st.sampled_from(sorted(SETTINGS)), step=st.integers(0, 60))
    def alter(self, number: int, key: str, step: int) -> None:
        visit = self._with_clip(number)
        value, setting = position(visit, key, step)
        run_action(visit, lambda: visit.tab.set(key, value))
        visit.settings = replace(visit.settings, **{SETTINGS[key]: setting})
        visit.controls.pop(key, None)
        check(visit)

    @rule(number=tabs, key=st.sampled_from(("what-if-reset", "reset")))
    def reset(self, number: int, key: str) -> None:
        visit = self._with_clip(number)
        if key not in visit.tab.widget_keys() or visit.tab.node(key).disabled:
            return
        run_action(visit, lambda: visit.tab.click(key))
        visit.set_settings(alteration.NEUTRAL)
        if key == "reset" and visit.clip is not None:
            visit.shares[visit.clip[1]] = None
        check(visit)

    @rule(number=tabs, name=st.sampled_from(("call.wav", "three.wav")), place=st.integers(0, 3))
    def choose_channel(self, number: int, name: str, place: int) -> None:
        visit = self._with_clip(number)
        key = channel_key(visit)
        if key is None:
            upload_clip(visit, "up", name, clips()[name], "upload", False)
            key = channel_key(visit)
        assert key is not None
        node = visit.tab.node(key)
        channels = (MIX, *channel_names(3 if node.type == "selectbox" else 2))
        place %= len(channels)
        run_action(visit, lambda: visit.tab.set(key, place))
        visit.set_channel(channels[place])
        check(visit)

    @rule(
        number=tabs,
        page=st.sampled_from(("analyse", "compare")),
        emotions=st.lists(st.integers(0, 6), min_size=1, max_size=6),
    )
    def toggle_emotions(self, number: int, page: str, emotions: list[int]) -> None:
        visit = self._visit(number, page)
        for place in emotions:
            if f"{AMONG}{page}" in visit.tab.controls():
                toggle_emotion(visit, place)

    @rule(number=tabs)
    def ask_why(self, number: int) -> None:
        visit = self._with_clip(number)
        if visit.tab.block("ensemble") is None:
            return
        key = analyse_tabs.DETAILS if visit.is_why else analyse_tabs.WHY
        run_action(visit, lambda: visit.tab.open_tab(analyse_text.TABS[key]))
        visit.is_why = key == analyse_tabs.WHY
        check(visit)

    @rule(number=tabs)
    def forget(self, number: int) -> None:
        visit = self._visit(number, "analyse")
        if visit.tab.block("downloads") is None or visit.clip is None:
            return
        visit.compared.pop(digest(visit.clip[1]), None)
        visit.tab.press(analyse_text.REMOVE_LABEL)
        visit.remove_clip()
        visit.shares = {}
        check(visit)

    # --- Addresses -----------------------------------------------------------------------------

    @rule(number=tabs, page=st.sampled_from(sorted(PAGES)))
    def open_page(self, number: int, page: str) -> None:
        open_page(self._visit(number), page)

    @rule(number=tabs, page=st.sampled_from(sorted(PAGES)))
    def hurry(self, number: int, page: str) -> None:
        visit = self._visit(number)
        if page != visit.page:
            run_action(visit, lambda: visit.tab.leave_and_return(PAGES[page], PAGES[visit.page]))
            check(visit)

    @rule(
        number=tabs,
        stem=st.sampled_from(LABELS),
        speed=st.sampled_from((None, "0.5", "1.3", "2")),
        pitch=st.sampled_from((None, "-12", "3")),
        part=st.sampled_from((None, "0.10000-0.55000")),
        why=st.sampled_from((None, "1")),
        among=st.sampled_from((None, "angry,sad", "fearful,happy,neutral", "sad", "bored,sad")),
    )
    def open_link(self, number: int, stem: str, **params: str | None) -> None:
        visit = self._visit(number)
        query = {"sample": stem} | {name: value for name, value in params.items() if value}
        before = visit.address
        visit.past.append(before)
        visit.ahead.clear()
        visit.page = "analyse"
        visit.tab.open(PAGES["analyse"], query)
        visit.open_link(query)
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
            visit.open_link(query)
        elif page != "analyse":
            ignore_controls(visit, page)
            if page == "compare":
                visit.set_among(read_param(query.get(PARAM)) or visit.among)
        check(visit)

    @rule(number=tabs)
    def reload(self, number: int) -> None:
        visit = self._visit(number)
        page, query = visit.address
        fresh = Visit(Tab(query if page == "analyse" else None))
        if page == "analyse":
            fresh.open_link(query)
        self.visits[number] = fresh
        check(fresh)

    @rule(number=tabs)
    def wait(self, number: int) -> None:
        visit = self._visit(number)
        visit.tab.send()
        check(visit)

    # --- Compare -------------------------------------------------------------------------------

    @rule(number=tabs, file_names=st.lists(names, min_size=1, max_size=3, unique=True))
    def compare_files(self, number: int, file_names: list[str]) -> None:
        visit = self._visit(number, "compare")
        key = uploader_of(visit)
        held = range(len(visit.tab.file_names(key)))
        files = [(name, every_file()[name]) for name in file_names]
        visit.tab.send(visit.tab.file_change(key, files, held))
        for name, data in files:
            add_compared(visit, name, data)
        check(visit)

    @rule(number=tabs)
    def compare_samples(self, number: int) -> None:
        visit = self._visit(number, "compare")
        visit.tab.press(compare_words.SAMPLES_LABEL)
        for sample in read_gallery(paths.SAMPLES_DIR):
            if sample.emotion in LABELS:
                add_compared(visit, *samples()[sample.stem])
        check(visit)

    @rule(number=tabs, place=st.integers(0, 9))
    def take_out(self, number: int, place: int) -> None:
        visit = self._visit(number, "compare")
        key = uploader_of(visit)
        held = visit.tab.file_names(key)
        if not held:
            return
        place %= len(held)
        visit.tab.send(visit.tab.file_change(key, (), [i for i in range(len(held)) if i != place]))
        if held[place] not in [name for i, name in enumerate(held) if i != place]:
            remove_compared(visit, held[place])
        check(visit)

    @rule(number=tabs, ticks=st.lists(st.integers(0, 9), max_size=3, unique=True))
    def tick(self, number: int, ticks: list[int]) -> None:
        visit = self._visit(number, "compare")
        key, rows = table_of(visit)
        if key is None or not rows:
            return
        chosen = sorted({rows[place % len(rows)]["id"] for place in ticks})
        visit.tab.set_component(key, ticked=chosen)
        check(visit)

    @rule(number=tabs, place=st.integers(0, 9))
    def open_in_full(self, number: int, place: int) -> None:
        visit = self._visit(number, "compare")
        key, rows = table_of(visit)
        readable = [row for row in rows if not row.get("error")]
        if key is None or not readable:
            return
        row = readable[place % len(readable)]
        run_action(visit, lambda: visit.tab.trigger_component(key, "open", row["id"]))
        visit.page = "analyse"
        data = visit.compared[row["id"]][1]
        visit.set_clip(
            row["name"], data, "sample" if (row["name"], data) in samples().values() else ""
        )
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
        keys = [key for key in sorted(visit.tab.controls()) if not key.startswith(AMONG)]
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
            ignore_dependent_controls(visit)
        check(visit)

    # --- Teach ---------------------------------------------------------------------------------

    @rule(
        number=tabs,
        file_names=st.lists(voices, min_size=1, max_size=3, unique=True),
        is_quick=st.booleans(),
    )
    def teach(self, number: int, file_names: list[str], is_quick: bool) -> None:
        visit = self._visit(number, "teach")
        key = next(key for key in visit.tab.widget_keys() if key.startswith("examples-up-"))
        change = visit.tab.file_change(key, [(name, clips()[name]) for name in file_names])
        if is_quick:
            visit.tab.send_twice([change], [])
        else:
            visit.tab.send(change)
        visit.examples |= set(file_names)
        check(visit)

    @rule(number=tabs)
    def remove_examples(self, number: int) -> None:
        visit = self._visit(number, "teach")
        if visit.tab.block("examples-file") is not None:
            visit.examples.clear()
            visit.tab.press(teach_words.REMOVE_ALL_LABEL)
        check(visit)
