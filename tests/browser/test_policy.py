"""Open every page under the content security policy: the browser may refuse nothing."""

import pytest
from playwright.sync_api import Browser, ConsoleMessage

from docs import screens
from docs.screens import SCENES
from tests.browser import steps

VISITED = ("analyse-why", "analyse-timeline", "compare", "matrices", "teach", "about")


@pytest.mark.parametrize("name", VISITED)
def test_every_page_keeps_to_the_policy(browser: Browser, address: str, name: str) -> None:
    page = steps.new_page(browser)
    said: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            said.append(message.text)

    page.on("console", note)
    scene = SCENES[name]
    page.goto(address)
    page.get_by_test_id("stFileUploader").wait_for()
    screens.settle(page)
    if scene.title != "Analyse":
        page.get_by_role("link", name=scene.title).first.click()
        screens.settle(page)
    for step in scene.steps:
        step(page)
    screens.settle(page)
    assert [text for text in said if "Content Security Policy" in text] == []
    if name == "about":  # that the policy is at work: what comes from elsewhere is refused
        page.evaluate("fetch('https://example.org/').catch(() => 0)")
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'),"
            "{textContent: 'window.ran = 1'}))"
        )
        page.wait_for_timeout(200)
        assert page.evaluate("window.ran") is None
        assert any("Content Security Policy" in text for text in said)
    page.close()
