"""Check every page with axe: no violation of WCAG 2.1, levels A and AA, in any mode."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page

from docs import screens
from tests.browser import steps

WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}


TURNING_MS = 500  # colours fade
BACKGROUND = "() => getComputedStyle(document.querySelector('.stApp')).backgroundColor"


@pytest.fixture(params=["light", "phone"])
def page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    page = steps.new_page(browser, request.param)
    page.goto(address)
    yield page
    page.close()


def violations(page: Page) -> list[str]:
    """Return rule, place and reason of every violation."""
    page.evaluate(AXE_SCRIPT)
    found: dict[str, Any] = page.evaluate(
        "options => axe.run(document, options)", {"runOnly": WCAG, "resultTypes": ["violations"]}
    )
    return [
        f"{rule['id']}: {node['target']}: {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("name", screens.SCENES)
def test_no_violation(page: Page, name: str) -> None:
    screens.play(page, screens.SCENES[name])
    assert violations(page) == []
    go_dark(page)
    assert violations(page) == []


def go_dark(page: Page) -> None:
    """Switch the page to dark mode, on a desktop or a phone."""
    light = page.evaluate(BACKGROUND)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"light => ({BACKGROUND})() !== light", arg=light)
    page.wait_for_timeout(TURNING_MS)


def test_what_is_wrong_is_found(page: Page) -> None:
    page.set_content('<html lang="en"><title>Emo</title><main><button></button></main></html>')
    assert [text.split(":")[0] for text in violations(page)] == ["button-name"]
