"""The address of the page *Analyse*, in Streamlit's test runner."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from emo import formatting
from emo.app.analyse import link, tabs
from emo.app.analyse import text as analyse_text
from tests.support import pages
from tests.support.pages import ANALYSE, APP, MATRICES, check, html, tone, upload


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages.install(tmp_path, monkeypatch)


def open_at(**params: str) -> AppTest:
    """Open the app by an address with these parameters."""
    at = AppTest.from_file(APP, default_timeout=30)
    for name, value in params.items():
        at.query_params[name] = value
    return check(at.run())


def address(at: AppTest) -> dict[str, str]:
    params = at.query_params.items()
    return {name: value if isinstance(value, str) else value[0] for name, value in params}


def selected(at: AppTest) -> str:
    match = re.search(r'data-emo-region="([^"]*)"', html(at))
    assert match
    return match[1]


def test_link_selects_sample_and_part() -> None:
    at = open_at(sample="sad", part="0.25000-0.75000")
    assert at.text[0].value.startswith(
        f"sad.wav · 0.8{formatting.NBSP}s · {analyse_text.selected_part(0.2, 0.6)}"
    )
    assert selected(at) == "[0.25, 0.75]"
    assert address(at) == {"sample": "sad", "part": "0.25000-0.75000"}
    assert "emo-guide" not in html(at)  # it is for those who come with nothing at hand


@pytest.mark.parametrize(
    ("params", "remaining"),
    [
        ({"sample": "no-such"}, {}),
        ({"part": "0.2-0.6", "why": "1"}, {}),
        ({"sample": "sad", "part": "0.9-0.1", "why": "x"}, {"sample": "sad"}),
        ({"sample": "sad", "part": "0.5-7"}, {"sample": "sad"}),
    ],
)
def test_link_ignores_invalid_values(params: dict[str, str], remaining: dict[str, str]) -> None:
    at = open_at(**params)
    assert address(at) == remaining
    assert ("emo-verdict" in html(at)) == ("sample" in remaining)
    assert not at.error
    assert "selected" not in " ".join(text.value for text in at.text)


def test_address_names_the_sample() -> None:
    at = open_at()
    assert address(at) == {}
    check(at.button(key="sample-happy").click().run())
    assert address(at) == {"sample": "happy"}
    check(at.button(key="sample-sad").click().run())
    assert address(at) == {"sample": "sad"}


SET = {"noise": "20", "speed": "0.75", "pitch": "-3", "telephone": "1", "gain": "6"}


def warnings_of(at: AppTest) -> str:
    return " ".join(warning.value for warning in at.warning).replace("\\", "")


def test_link_sets_what_if() -> None:
    at = open_at(sample="sad", **SET)
    assert address(at) == {"sample": "sad", **SET}
    assert at.select_slider(key="what-if-noise").value == 20
    assert at.slider(key="what-if-speed").value == 0.75
    for phrase in ("0.75 times as fast", "3 semitones lower", "6 dB louder", "telephone"):
        assert phrase in warnings_of(at)
    assert at.session_state["stage-open-tab"] == tabs.WHAT_IF
    check(at.button(key="what-if-reset").click().run())
    assert address(at) == {"sample": "sad"}
    assert "as fast" not in warnings_of(at)


@pytest.mark.slow
def test_address_has_the_settings_after_a_visit_to_another_page() -> None:
    at = open_at(sample="sad")
    check(at.slider(key="what-if-pitch").set_value(4).run())
    assert address(at) == {"sample": "sad", "pitch": "4"}
    check(at.switch_page(MATRICES).run())
    at.query_params.clear()  # as the navigation does
    check(at.switch_page(ANALYSE).run())
    assert at.slider(key="what-if-pitch").value == 4
    assert address(at) == {"sample": "sad", "pitch": "4"}


def test_link_ignores_invalid_settings() -> None:
    at = open_at(sample="sad", pitch="99", speed="x", noise="-1", gain="", telephone="no")
    assert address(at) == {"sample": "sad"}
    assert at.slider(key="what-if-speed").value == 1.0


def test_address_never_has_an_own_clip() -> None:
    at = open_at(sample="sad")
    upload(at, "my secret.wav", tone())
    assert address(at) == {}
    assert at.text[0].value.startswith("my secret.wav")


def test_step_back_shows_the_previous_sample() -> None:
    at = open_at(sample="sad")
    check(at.button(key="sample-happy").click().run())
    at.query_params["sample"] = "sad"  # as the browser's own button sets it
    check(at.run())
    assert at.text[0].value.startswith("sad.wav")


@pytest.mark.slow
def test_action_takes_precedence_over_a_stale_address() -> None:
    at = open_at(sample="sad")
    check(at.button(key="sample-happy").click().run())
    at.query_params["sample"] = "sad"
    check(at.button(key="sample-angry").click().run())
    assert at.text[0].value.startswith("angry.wav")
    at.query_params["sample"] = "sad"
    check(at.slider(key="what-if-pitch").set_value(4).run())
    assert address(at) == {"sample": "angry", "pitch": "4"}
    at.query_params["sample"] = "sad"
    upload(at, "clip.wav", tone())
    at.query_params["sample"] = "sad"
    upload(at, "second.wav", tone(1.2))
    assert at.text[0].value.startswith("second.wav")


def test_link_outlasts_a_visit_to_another_page() -> None:
    at = open_at(sample="sad", part="0.25000-0.75000")
    check(at.switch_page(MATRICES).run())
    at.query_params.clear()  # as the navigation does
    check(at.switch_page(ANALYSE).run())
    assert at.text[0].value.startswith("sad.wav")
    assert selected(at) == "[0.25, 0.75]"
    assert address(at) == {"sample": "sad", "part": "0.25000-0.75000"}


def test_address_keeps_unrelated_parameters() -> None:
    at = open_at(theme="x")
    check(at.button(key="sample-sad").click().run())
    assert address(at) == {"theme": "x", "sample": "sad"}


def test_address_is_empty_after_the_clip_was_removed() -> None:
    at = open_at(sample="sad")
    (button,) = [one for one in at.button if one.label == analyse_text.REMOVE_LABEL]
    check(button.click().run())
    assert address(at) == {}
    assert link.read_link(address(at), ["sad"]) == link.EMPTY
