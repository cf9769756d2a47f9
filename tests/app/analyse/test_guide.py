"""The guide of the page *Analyse*."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from emo.app.analyse import guide, text
from tests.support import pages
from tests.support.pages import ABOUT, ANALYSE, MATRICES, check, html, tone, upload

STEPS = list(text.STEPS)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    pages.install(tmp_path, monkeypatch)
    return pages.run()


def current(app: AppTest) -> str | None:
    match = re.search(r'data-emo-guide="(\w+)"', html(app))
    return match[1] if match else None


@given(st.sets(st.sampled_from(STEPS)))
def test_current_step_is_the_first_that_is_not_done(done: set[str]) -> None:
    left = [step for step in STEPS if step not in done]
    assert guide.current_step(done) == (left[0] if left else None)


@given(st.sets(st.sampled_from(STEPS), max_size=len(STEPS) - 1))
def test_steps_html_marks_done_and_current_steps(done: set[str]) -> None:
    step = guide.current_step(done)
    assert step is not None
    page = guide.steps_html(done, step)
    assert page.count("<li") == len(STEPS)
    assert page.count("emo-step-done") == len(done)
    assert page.count('aria-current="step"') == 1
    assert text.STEPS[step][1] in page


def test_guide_follows_the_steps_and_disappears(app: AppTest) -> None:
    assert current(app) == "pick"
    check(app.button(key="sample-sad").click().run())
    assert current(app) == "listen"
    app.session_state[guide._DONE] |= {"listen", "select", "why"}  # the player is not run here
    check(app.run())
    assert current(app) == "errors"
    check(app.switch_page(MATRICES).run())
    check(app.switch_page(ANALYSE).run())
    assert current(app) is None


def test_guide_accepts_an_upload_as_first_step(app: AppTest) -> None:
    upload(app, "clip.wav", tone())
    assert current(app) == "listen"


def test_guide_stays_hidden_until_it_is_asked_for(app: AppTest) -> None:
    check(app.button(key="hide-guide").click().run())
    assert current(app) is None
    check(app.switch_page(ABOUT).run())
    check(app.switch_page(ANALYSE).run())
    assert current(app) is None
    check(app.button(key="show-guide").click().run())
    assert current(app) == "pick"
    assert "show-guide" not in {button.key for button in app.button}


def test_guide_that_was_completed_starts_again_with_what_is_there(app: AppTest) -> None:
    check(app.button(key="sample-sad").click().run())
    app.session_state[guide._DONE] = set(STEPS)
    check(app.run())
    check(app.button(key="show-guide").click().run())
    assert current(app) == "listen"  # a clip is there; it was not played since
