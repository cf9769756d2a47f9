"""Open a link to each page on a server that nobody has visited before."""

import pytest
from playwright.sync_api import Browser, expect

from docs import screens
from emo.app import text
from tests.browser import steps


@pytest.mark.parametrize("name", ["compare", "confusion_matrices"])
def test_the_first_visit_may_be_to_any_page(browser: Browser, name: str) -> None:
    with screens.serve() as address:
        page = steps.new_page(browser)
        page.goto(f"{address}/{name}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        for title in text.PAGES.values():
            link = page.get_by_test_id("stTopNavLink").get_by_text(title, exact=True)
            expect(link).to_be_visible()
        expect(page).to_have_url(f"{address}/{name}")
        page.close()
