"""The page of the HTTP API, by mouse and keyboard."""

import json
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, expect

import emo
from emo.system.paths import sample_path
from tests.browser import steps
from tests.browser.test_axe import violations

DARK = "rgb(20, 23, 26)"


@pytest.mark.parametrize("mode", ["light", "phone"])
def test_the_page_is_in_order_in_both_colours(browser: Browser, address: str, mode: str) -> None:
    with steps.lend_tab(browser, address, mode) as page:
        watch = steps.Watch(page, address)
        page.goto(f"{address}/api/docs")
        expect(page.get_by_role("heading", name="HTTP API", level=1)).to_be_visible()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (paper == DARK) == (scheme == "dark")
            assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        levels = page.evaluate(steps.HEADINGS)
        assert levels[0] == 1
        assert all(b - a <= 1 for a, b in pairwise(levels))
        page.get_by_role("link", name="Describe the models").click()
        expect(page.get_by_role("heading", name="Describe the models")).to_be_in_viewport()
        assert watch.faults == []
        watch.stop()


def test_the_form_answers_a_recording_as_the_command_does(browser: Browser, address: str) -> None:
    sample = sample_path("sad")
    with steps.lend_tab(browser, address) as page:
        page.goto(f"{address}/api/docs")
        with page.expect_file_chooser() as chooser:
            page.get_by_label("Recordings", exact=True).click()
        chooser.value.set_files(sample)
        page.get_by_role("checkbox", name="timeline").focus()
        page.keyboard.press("Space")
        page.get_by_role("textbox", name="among").click()
        page.keyboard.type("angry,sad")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        (entry,) = json.loads(page.locator("pre").inner_text())
    expected = emo.predict(sample, among="angry,sad").ensemble
    assert entry["path"] == "sad.opus"
    assert entry["models"]["ensemble"]["label"] == expected.label
    assert entry["models"]["ensemble"]["confidence"] == pytest.approx(expected.confidence, rel=1e-6)
    assert entry["timeline"]["windows"]
