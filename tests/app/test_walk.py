"""What people do on the pages, one deed after another: the answers are those of `emo predict`."""

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from emo.app.analyse import text
from emo.audio import alteration
from tests.walk import oracle
from tests.walk.__main__ import walk_app
from tests.walk.clips import clips, short_voices
from tests.walk.tab import Tab
from tests.walk.visit import PAGES, Visit, add, check, shown_on, uploader_of

N_STEPS = 280


@pytest.fixture(autouse=True, scope="module")
def _models_are_the_shipped_ones() -> None:
    """What other tests put in their place stays in the cache of this process."""
    st.cache_resource.clear()
    st.cache_data.clear()


def test_walk_shows_what_emo_predict_says() -> None:
    assert walk_app(N_STEPS, first_seed=1, shrinks=False) >= 0.9 * N_STEPS


@pytest.mark.parametrize("is_quick", [True, False])
def test_clips_exchanged_by_hand_are_answered_as_recorded(is_quick: bool) -> None:
    tab = Tab()
    for i, (name, data) in enumerate(short_voices(6, 1).items()):
        if i and is_quick:
            tab.exchange("up", [(name, data)])
        else:
            tab.send(tab.give("up", [(name, data)]))
        shown = shown_on(tab)
        assert shown.name == name
        assert shown.settings == alteration.NEUTRAL
        oracle.check(shown, data)


@pytest.mark.parametrize("is_quick", [True, False])
def test_next_clip_begins_as_recorded(is_quick: bool) -> None:
    tab = Tab()
    (first, second), files = sorted(clips())[:2], clips()
    tab.send(tab.give("up", [(first, files[first])]))
    tab.set("what-if-speed", 1.5)
    assert shown_on(tab).settings == alteration.Alteration(speed=1.5)
    if is_quick:
        tab.exchange("up", [(second, files[second])])
    else:
        tab.send(tab.give("up", [(second, files[second])]))
    assert shown_on(tab).settings == alteration.NEUTRAL
    assert tab.controls()["what-if-speed"] == [1.0]
    oracle.check(shown_on(tab), files[second])


def test_reset_beside_the_notice_takes_the_settings_back() -> None:
    tab = Tab()
    name, data = next(iter(clips().items()))
    tab.send(tab.give("up", [(name, data)]))
    tab.set("what-if-gain", -6.0)
    assert tab.node("altered-reset").label == text.NOTICE_RESET_LABEL
    tab.click("altered-reset")
    assert "altered-reset" not in tab.widget_keys()
    assert shown_on(tab).settings == alteration.NEUTRAL
    oracle.check(shown_on(tab), data)


def test_settings_outlast_a_page_that_is_left_in_a_hurry() -> None:
    visit = Visit(Tab())
    name, data = next(iter(clips().items()))
    visit.tab.send(visit.tab.give("up", [(name, data)]))
    visit.take(name, data, "upload")
    visit.tab.set("what-if-speed", 1.5)
    visit.settings = alteration.Alteration(speed=1.5)
    check(visit)
    visit.tab.hurry(PAGES["about"], PAGES["analyse"])
    check(visit)
    visit.tab.send()
    check(visit)


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_control_falls_back_to_what_is_set(page: str) -> None:
    tab = Tab()
    name, data = next(iter(clips().items()))
    tab.send(tab.give("up", [(name, data)]))
    if page != "analyse":
        tab.open(PAGES[page])
    assert tab.controls() == tab.defaults() == tab.served()
    for key in sorted(tab.controls()):
        if key not in tab.widget_keys():
            continue  # what was set before took it away
        tab.set(key, last_value(tab, key))
        assert not tab.at.exception
        assert tab.controls() == tab.defaults() == tab.served()
    set_to = tab.controls()
    tab.open(PAGES["about"])
    tab.open(PAGES[page])
    assert tab.controls() == set_to


def last_value(tab: Tab, key: str) -> object:
    """The last thing that a control can be set to."""
    node = tab.node(key)
    if node.type == "slider":
        return node.proto.max
    if node.type == "toggle":
        return True
    return "voice" if node.type == "text_input" else len(node.proto.options) - 1


def test_settings_named_in_a_notice_are_read_back() -> None:
    for settings in (
        alteration.NEUTRAL,
        alteration.Alteration(speed=0.5, pitch_semitones=-12, gain_db=-30),
        alteration.Alteration(20, 1.35, 1, True, 6),
    ):
        assert oracle.settings_in(alteration.alteration_warning(settings)) == settings


def test_oracle_says_what_the_command_prints() -> None:
    name, data = next(iter(clips().items()))
    oracle.check_command(
        data, name, alteration.Alteration(speed=1.25, pitch_semitones=-3, gain_db=5)
    )


def test_oracle_refuses_answers_for_another_sound() -> None:
    (first, second), files = sorted(clips())[:2], clips()
    tab = Tab()
    tab.send(tab.give("up", [(first, files[first])]))
    with pytest.raises(AssertionError):
        oracle.check(shown_on(tab), files[second])


def test_tab_begins_a_widget_anew_that_the_page_had_lost() -> None:
    def page() -> None:
        import streamlit as st

        if st.file_uploader("clip", key="up"):
            st.session_state.setdefault("speed", 1.0)
            st.slider("speed", 0.5, 2.0, step=0.5, key="speed")

    tab = Tab(at=AppTest.from_function(page, default_timeout=30))
    for name in "abc":
        if tab.in_hand("up"):
            tab.exchange("up", [(name, b"x")])
        else:
            tab.send(tab.give("up", [(name, b"x")]))
    tab.send()
    assert tab.controls() == {"speed": [0.5]}  # the very fault that the walk is to find


def test_clips_outlast_a_page_of_several_that_is_left_in_a_hurry() -> None:
    visit = Visit(Tab(), "compare")
    visit.tab.open(PAGES["compare"])
    for name, data in list(clips().items())[:3]:
        visit.tab.send(visit.tab.give(uploader_of(visit), [(name, data)]))
        add(visit, name, data)
        visit.tab.hurry(PAGES["about"], PAGES["compare"])
        check(visit)
