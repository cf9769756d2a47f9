"""The value of a widget outlasts its page, the browser's copy of it, and other widgets."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.walk.tab import Tab


def page() -> None:
    import streamlit as st

    from emo.app import controls

    if st.session_state.get("wanted"):
        st.session_state["level"] = st.session_state.pop("wanted")
    if st.toggle("shown", True, key="shown"):
        options = ("a", "b", "c") if st.toggle("all", True, key="all") else ("a",)
        st.slider(
            "level",
            0,
            10,
            value=controls.value_of("level", 5),
            key="level",
            persist_state="session",
        )
        st.selectbox(
            "letter",
            options,
            index=options.index(controls.value_of("letter", "a", options)),
            key="letter",
            persist_state="session",
        )
    st.text(f"{controls.value_of('level', 5)} {controls.value_of('letter', 'a')}")


@pytest.fixture
def tab() -> Tab:
    return Tab(at=AppTest.from_function(page, default_timeout=30))


def values(tab: Tab) -> str:
    return str(tab.at.text[0].value)


def test_controls_start_with_their_default(tab: Tab) -> None:
    assert values(tab) == "5 a"
    assert tab.controls() == tab.defaults()


def test_controls_keep_their_value_while_not_drawn(tab: Tab) -> None:
    tab.set("level", 8)
    tab.set("letter", 2)
    tab.set("shown", False)
    assert values(tab) == "8 c"
    tab.set("shown", True)
    assert values(tab) == "8 c"
    assert (tab.controls()["level"], tab.controls()["letter"]) == ([8.0], "c")


def test_controls_keep_their_value_when_the_browser_loses_it(tab: Tab) -> None:
    tab.set("level", 8)
    for _ in range(3):
        tab.send_twice([tab.change("shown", False)], [tab.change("shown", True)])
        tab.send()
        assert values(tab) == "8 a"
        assert tab.controls()["level"] == [8.0]
        assert tab.controls() == tab.server_values()


def test_controls_set_by_the_page_replace_what_the_browser_holds(tab: Tab) -> None:
    tab.set("level", 8)
    tab.at.session_state["wanted"] = 3
    tab.send()
    assert values(tab) == "3 a"
    assert tab.controls()["level"] == [3.0]
    tab.set("level", 9)
    assert values(tab) == "9 a"


def test_controls_replace_a_missing_option_by_the_default(tab: Tab) -> None:
    tab.set("letter", 1)
    tab.set("all", False)
    assert values(tab) == "5 a"
    tab.set("all", True)
    assert values(tab) == "5 a"
    assert tab.controls()["letter"] == "a"
