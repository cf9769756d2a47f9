"""What is set in a widget outlasts its page, the browser's memory of it, and other widgets."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.walk.tab import Tab


def page() -> None:
    import streamlit as st

    from emo.app import controls

    if st.session_state.get("wanted"):
        controls.put("level", st.session_state.pop("wanted"))
    if st.toggle("shown", True, key="shown"):
        options = ("a", "b", "c") if st.toggle("all", True, key="all") else ("a",)
        st.slider(
            "level",
            0,
            10,
            value=controls.hold("level", 5),
            key="level",
            on_change=controls.note,
            args=("level",),
        )
        st.selectbox(
            "letter",
            options,
            index=options.index(controls.hold("letter", "a", options)),
            key="letter",
            on_change=controls.note,
            args=("letter",),
        )
    st.text(f"{controls.kept('level', 5)} {controls.kept('letter', 'a')}")


@pytest.fixture
def tab() -> Tab:
    return Tab(at=AppTest.from_function(page, default_timeout=30))


def said(tab: Tab) -> str:
    return str(tab.at.text[0].value)


def test_controls_begin_as_usual(tab: Tab) -> None:
    assert said(tab) == "5 a"
    assert tab.controls() == tab.defaults()


def test_what_is_set_is_kept_while_it_is_not_drawn(tab: Tab) -> None:
    tab.set("level", 8)
    tab.set("letter", 2)
    tab.set("shown", False)
    assert said(tab) == "8 c"
    tab.set("shown", True)
    assert said(tab) == "8 c"
    assert (tab.controls()["level"], tab.controls()["letter"]) == ([8.0], "c")


def test_controls_that_were_gone_for_a_moment_show_what_is_kept(tab: Tab) -> None:
    tab.set("level", 8)
    for _ in range(3):
        tab.send_twice([tab.change("shown", False)], [tab.change("shown", True)])
        tab.send()
        assert said(tab) == "8 a"
        assert tab.controls()["level"] == [8.0]
        assert tab.controls() == tab.served()


def test_page_can_set_a_control_whatever_the_browser_holds(tab: Tab) -> None:
    tab.set("level", 8)
    tab.at.session_state["wanted"] = 3
    tab.send()
    assert said(tab) == "3 a"
    assert tab.controls()["level"] == [3.0]
    tab.set("level", 9)
    assert said(tab) == "9 a"


def test_choice_that_is_no_longer_there_becomes_the_usual_one(tab: Tab) -> None:
    tab.set("letter", 1)
    tab.set("all", False)
    assert said(tab) == "5 a"
    tab.set("all", True)
    assert said(tab) == "5 a"
    assert tab.controls()["letter"] == "a"
