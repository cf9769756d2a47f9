"""Check that the page is about as fast and small as `bench/app.py` measured.

The limits on time are ten times the targets: a busy machine passes, a page that became much
slower does not.  The number of bytes depends on no machine, and has the target itself.
"""

import statistics

from playwright.sync_api import Browser, Page

from bench import app, in_page
from docs import screens
from emo.app.serving import shell
from tests.browser import steps

MARGIN = 10.0
FETCHED_SCRIPTS = (
    "performance.getEntriesByType('resource').map(file => file.name)"
    ".filter(name => name.includes('/static/js/'))"
)


def test_answers_come_soon_after_an_upload_and_after_a_slider_moves(page: Page) -> None:
    steps.settle(page)
    uploads_s = list(app.time_uploads(page, 4))[1:]  # the first may be the server's first
    assert min(uploads_s) > 0.0
    assert statistics.median(uploads_s) <= MARGIN * app.ANSWER_TARGET_S
    screens.choose_sample(page)
    changes_s = [answered_s for answered_s, _ in app.time_changes(page, 3)]
    assert min(changes_s) > 0.0
    assert statistics.median(changes_s) <= MARGIN * app.CHANGE_TARGET_S


def test_pages_are_switched_fast(page: Page) -> None:
    steps.settle(page)
    page.wait_for_function(in_page.CHARTS_ARE_FETCHED)  # before the first page that has one
    for title, took_s in app.time_switches(page, 1).items():
        assert 0.0 < took_s[0] <= MARGIN * app.SWITCH_TARGET_S, title


def test_other_pages_wait_for_no_script_of_the_framework(page: Page) -> None:
    steps.settle(page)
    page.wait_for_function(in_page.CHARTS_ARE_FETCHED)
    page.wait_for_load_state("networkidle")
    page.evaluate("performance.clearResourceTimings()")
    for title in [*screens.PAGES.values()][1:]:
        screens.open_page(page, title)
        screens.settle(page)
        fetched = page.evaluate(FETCHED_SCRIPTS)
        assert fetched == [], title


def test_little_is_sent_for_half_a_minute_of_noise(page: Page) -> None:
    steps.settle(page)
    sent = app.count_sent_for_noise_kb(page)
    assert sent["frames"] > 200.0  # its sound alone is more
    assert sum(sent.values()) <= app.SENT_TARGET_KB


def test_a_first_visit_over_a_slow_line_shows_something_soon(
    browser: Browser, address: str
) -> None:
    visit = app.visit_first(browser, address, slow_until=f"text={shell.LOADING}")
    assert 0.0 < visit.painted_s <= app.PAINT_TARGET_S
    assert visit.painted_s < visit.heading_s
    assert 200.0 < visit.received_kb <= app.FIRST_TARGET_KB
