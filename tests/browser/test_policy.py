"""Check that the content security policy is at work.

`steps.Watch` fails every test in which the browser refuses something of the app's own.
"""

import pytest
from playwright.sync_api import Browser, ConsoleMessage

from docs import screens
from emo.app import text
from tests.browser import steps


def test_the_policy_refuses_what_comes_from_elsewhere(browser: Browser, address: str) -> None:
    said: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            said.append(message.text)

    with steps.lend_tab(browser, address) as page:
        page.on("console", note)
        page.goto(address)
        screens.play(page, screens.SCENES["about"])
        steps.settle(page)
        assert [text for text in said if steps.POLICY in text] == []
        watch = steps.Watch(page, address)
        page.evaluate("fetch('https://example.org/').catch(() => 0)")
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'),"
            "{textContent: 'window.ran = 1'}))"
        )
        page.wait_for_timeout(200)
        assert page.evaluate("window.ran") is None
        assert any(steps.POLICY in text for text in said)
        assert any(steps.POLICY in fault for fault in watch.faults)
        watch.stop()
        page.remove_listener("console", note)


@pytest.mark.parametrize("name", text.PAGES)
def test_no_request_fails_on_a_page_that_is_opened_by_its_address(
    browser: Browser, address: str, name: str
) -> None:
    with steps.lend_tab(browser, address) as page:
        watch = steps.Watch(page, address)
        page.goto(f"{address}/{name.removeprefix('analyse')}")
        steps.expect_navigation(page)
        steps.settle(page)
        assert watch.faults == []
        watch.stop()
