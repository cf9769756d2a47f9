"""Check the layout of every page, and with axe that it meets WCAG 2.1, levels A and AA.

The app's content security policy is at work: the browser may refuse nothing.
"""

from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page

from docs import screens
from tests.browser import steps

WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}


def violations(page: Page) -> list[str]:
    """Return rule, place and reason of every violation."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(AXE_SCRIPT)
    found: dict[str, Any] = page.evaluate(
        "options => axe.run(document, options)", {"runOnly": WCAG, "resultTypes": ["violations"]}
    )
    return [
        f"{rule['id']}: {node['target']}: {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def visits() -> dict[str, list[str]]:
    """Return the names of scenes that begin with the same step, by the first of them."""
    by_step: dict[object, list[str]] = {}
    for name, scene in screens.SCENES.items():
        by_step.setdefault(scene.steps[:1], []).append(name)
    return {names[0]: names for names in by_step.values()}


@pytest.mark.parametrize("first", visits())
@pytest.mark.parametrize("mode", ["light", "phone"])
def test_scenes_are_in_order_in_both_colours(
    browser: Browser, address: str, mode: str, first: str
) -> None:
    before = screens.START
    schemes: list[steps.Scheme] = ["light", "dark"]
    with steps.open_app(browser, address, mode) as page:
        for name in visits()[first]:
            screens.play(page, screens.SCENES[name], before)
            steps.settle(page)
            for scheme in schemes:
                if scheme != schemes[0]:
                    steps.turn(page, scheme)
                steps.expect_in_order(page)
                assert violations(page) == [], name
            before = screens.SCENES[name]
            schemes.reverse()  # the next one starts in these colours


def test_a_button_without_a_name_is_found(browser: Browser, address: str) -> None:
    with steps.lend_tab(browser, address) as page:
        page.set_content('<html lang="en"><title>Emo</title><main><button></button></main></html>')
        assert [text.split(":")[0] for text in violations(page)] == ["button-name"]
