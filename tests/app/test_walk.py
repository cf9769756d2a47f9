"""Sequences of actions on the pages: the answers are those of `emo predict`."""

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from emo.app.analyse.verdict import text as verdict_text
from emo.audio import alteration
from tests.walk import oracle
from tests.walk.__main__ import walk_app
from tests.walk.clips import clips, short_voices
from tests.walk.tab import Tab
from tests.walk.visit import PAGES, Visit, add_compared, check, read_page, uploader_of

pytestmark = [pytest.mark.slow, pytest.mark.no_cover]  # other tests run the same lines

N_STEPS = 200


@pytest.fixture(autouse=True, scope="module")
def _clear_caches() -> None:
    """Clear the models that other tests left in the cache of this process."""
    st.cache_resource.clear()
    st.cache_data.clear()


def test_walk_shows_what_emo_predict_says() -> None:
    assert walk_app(N_STEPS, first_seed=1, shrinks=False) >= 0.9 * N_STEPS


@pytest.mark.parametrize("is_quick", [True, False])
def test_clips_in_a_row_are_answered_as_recorded(is_quick: bool) -> None:
    tab = Tab()
    for i, (name, data) in enumerate(short_voices(6, 1).items()):
        if i and is_quick:
            tab.exchange("up", [(name, data)])
        else:
            tab.send(tab.file_change("up", [(name, data)]))
        shown = read_page(tab)
        assert shown.name == name
        assert shown.settings == alteration.NEUTRAL
        oracle.check(shown, data)


@pytest.mark.parametrize("is_quick", [True, False])
def test_next_clip_starts_as_recorded(is_quick: bool) -> None:
    tab = Tab()
    (first, second), files = sorted(clips())[:2], clips()
    tab.send(tab.file_change("up", [(first, files[first])]))
    tab.set("what-if-speed", 1.5)
    assert read_page(tab).settings == alteration.Alteration(speed=1.5)
    if is_quick:
        tab.exchange("up", [(second, files[second])])
    else:
        tab.send(tab.file_change("up", [(second, files[second])]))
    assert read_page(tab).settings == alteration.NEUTRAL
    assert tab.controls()["what-if-speed"] == [1.0]
    oracle.check(read_page(tab), files[second])


def test_reset_beside_the_verdict_resets_the_settings_and_the_part() -> None:
    tab = Tab()
    name, data = next(iter(clips().items()))
    tab.send(tab.file_change("up", [(name, data)]))
    tab.set("what-if-gain", -6.0)
    player = next(key for key in tab.widget_keys() if key.startswith("player-"))
    tab.set_component(player, region=[0.25, 0.75])
    assert read_page(tab).share == (0.25, 0.75)
    assert tab.node("reset").label == verdict_text.RESET_LABEL
    tab.click("reset")
    assert "reset" not in tab.widget_keys()
    assert read_page(tab).settings == alteration.NEUTRAL
    assert read_page(tab).share is None
    oracle.check(read_page(tab), data)


def test_settings_outlast_a_quick_return_to_the_page() -> None:
    visit = Visit(Tab())
    name, data = next(iter(clips().items()))
    visit.tab.send(visit.tab.file_change("up", [(name, data)]))
    visit.set_clip(name, data, "upload")
    visit.tab.set("what-if-speed", 1.5)
    visit.settings = alteration.Alteration(speed=1.5)
    check(visit)
    visit.tab.leave_and_return(PAGES["about"], PAGES["analyse"])
    check(visit)
    visit.tab.send()
    check(visit)


@pytest.mark.parametrize("page", sorted(PAGES))
def test_controls_keep_their_value_on_another_page(page: str) -> None:
    tab = Tab()
    name, data = next(iter(clips().items()))
    tab.send(tab.file_change("up", [(name, data)]))
    if page != "analyse":
        tab.open(PAGES[page])
    assert tab.controls() == tab.defaults() == tab.server_values()
    for key in sorted(tab.controls()):
        if key not in tab.widget_keys():
            continue  # another control removed it
        tab.set(key, last_value(tab, key))
        assert not tab.at.exception
        assert tab.controls() == tab.defaults() == tab.server_values()
    set_to = tab.controls()
    tab.open(PAGES["about"])
    tab.open(PAGES[page])
    assert tab.controls() == set_to


def last_value(tab: Tab, key: str) -> object:
    """Return the last value of a control."""
    node = tab.node(key)
    if node.type == "slider":
        return node.proto.max
    if node.type == "toggle":
        return True
    return "voice" if node.type == "text_input" else len(node.proto.options) - 1


def test_oracle_reads_the_settings_of_a_notice() -> None:
    for settings in (
        alteration.NEUTRAL,
        alteration.Alteration(speed=0.5, pitch_semitones=-12, gain_db=-30),
        alteration.Alteration(20, 1.35, 1, True, 6),
    ):
        assert oracle.settings_in(alteration.alteration_warning(settings)) == settings


def test_oracle_equals_the_command() -> None:
    name, data = next(iter(clips().items()))
    oracle.check_command(
        data, name, alteration.Alteration(speed=1.25, pitch_semitones=-3, gain_db=5)
    )


def test_oracle_rejects_answers_for_another_clip() -> None:
    (first, second), files = sorted(clips())[:2], clips()
    tab = Tab()
    tab.send(tab.file_change("up", [(first, files[first])]))
    with pytest.raises(AssertionError):
        oracle.check(read_page(tab), files[second])


def test_tab_restarts_a_widget_that_the_page_lost() -> None:
    def page() -> None:
        import streamlit as st

        if st.file_uploader("clip", key="up"):
            st.session_state.setdefault("speed", 1.0)
            st.slider("speed", 0.5, 2.0, step=0.5, key="speed")

    tab = Tab(at=AppTest.from_function(page, default_timeout=30))
    for name in "abc":
        if tab.file_names("up"):
            tab.exchange("up", [(name, b"x")])
        else:
            tab.send(tab.file_change("up", [(name, b"x")]))
    tab.send()
    assert tab.controls() == {"speed": [0.5]}  # the fault that the walk must find


def test_compared_clips_outlast_a_quick_return_to_the_page() -> None:
    visit = Visit(Tab(), "compare")
    visit.tab.open(PAGES["compare"])
    for name, data in list(clips().items())[:3]:
        visit.tab.send(visit.tab.file_change(uploader_of(visit), [(name, data)]))
        add_compared(visit, name, data)
        visit.tab.leave_and_return(PAGES["about"], PAGES["compare"])
        check(visit)
