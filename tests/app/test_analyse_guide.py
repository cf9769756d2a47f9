"""The guide: the first step that is not done is the current one, and it can be sent away."""

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
    found = re.search(r'data-emo-guide="(\w+)"', html(app))
    return found[1] if found else None


@given(st.sets(st.sampled_from(STEPS)))
def test_the_current_step_is_the_first_that_is_not_done(done: set[str]) -> None:
    left = [step for step in STEPS if step not in done]
    assert guide.current_step(done) == (left[0] if left else None)


@given(st.sets(st.sampled_from(STEPS), max_size=len(STEPS) - 1))
def test_every_step_is_listed_and_told_as_done_current_or_neither(done: set[str]) -> None:
    step = guide.current_step(done)
    assert step is not None
    page = guide.steps_html(done, step)
    assert page.count("<li") == len(STEPS)
    assert page.count("emo-step-done") == len(done)
    assert page.count('aria-current="step"') == 1
    assert text.STEPS[step][1] in page


def test_it_follows_along_and_is_gone_in_the_end(app: AppTest) -> None:
    assert current(app) == "pick"
    check(app.button(key="sample-sad").click().run())
    assert current(app) == "listen"
    app.session_state[guide._DONE] |= {"listen", "select", "why"}  # the player is not run here
    check(app.run())
    assert current(app) == "errors"
    check(app.switch_page(MATRICES).run())
    check(app.switch_page(ANALYSE).run())
    assert current(app) is None


def test_an_upload_is_a_first_step_too(app: AppTest) -> None:
    upload(app, "clip.wav", tone())
    assert current(app) == "listen"


def test_hidden_it_stays_away(app: AppTest) -> None:
    check(app.button(key="hide-guide").click().run())
    assert current(app) is None
    check(app.switch_page(ABOUT).run())
    check(app.switch_page(ANALYSE).run())
    assert current(app) is None
