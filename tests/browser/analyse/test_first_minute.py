"""Test a visitor's first minute: samples, links, the keyboard alone, phone and dark mode."""

import re

from playwright.sync_api import Browser, Locator, Page, expect

from docs import screens
from emo import formatting
from emo.app import common
from emo.app import text as app_text
from emo.app.analyse import text
from emo.app.matrices import text as matrices_text
from emo.labels import LABELS
from emo.system import paths
from tests.browser.steps import (
    WIDTHS,
    clip_line,
    drag,
    each_page,
    expect_answers,
    expect_idle,
    expect_in_order,
    expect_lanes,
    expect_now,
    open_app,
    upload,
)
from tests.support import signals

MOST_TABS = 60


def guide(page: Page) -> Locator:
    return page.get_by_role("region", name=text.GUIDE_LABEL)


def expect_step(page: Page, step: str) -> None:
    name, sentence = text.STEPS[step]
    expect(guide(page).locator("[aria-current=step]")).to_have_text(name)
    expect(guide(page).get_by_role("status")).to_contain_text(sentence)


def pick(page: Page, emotion: str) -> None:
    """Choose a sample, and wait for its answers and its player."""
    screens.pick_sample(page, emotion)
    expect_answers(page, "minute." if emotion == "all" else f"{emotion}.")


def open_reasons(page: Page) -> None:
    screens.open_tab(page, "why")
    expect(page.locator(".st-key-why-mlp p").first).to_be_visible()


# --- The guide -----------------------------------------------------------------------------------


def test_the_guide_follows_along_and_gets_out_of_the_way(page: Page) -> None:
    expect_step(page, "pick")
    pick(page, "sad")
    expect_step(page, "listen")
    page.get_by_role("button", name=app_text.PLAYER["play"], exact=True).click()
    expect_step(page, "select")
    drag(page, 0.3, 0.6)
    expect_step(page, "why")
    expect(guide(page)).to_be_in_viewport()  # also down here
    open_reasons(page)
    expect_step(page, "errors")
    page.get_by_role("link", name=text.NEXT_LABEL).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(matrices_text.MATRICES_TITLE)
    screens.open_page(page, "Analyse")
    expect(page.locator("h2.emo-verdict")).to_be_visible()
    expect(guide(page)).to_have_count(0)


def test_a_hidden_guide_stays_away(page: Page) -> None:
    page.get_by_role("button", name=text.HIDE_LABEL).click()
    expect(guide(page)).to_have_count(0)
    pick(page, "sad")
    expect(guide(page)).to_have_count(0)


# --- The long sample -----------------------------------------------------------------------------


def test_the_long_sample_shows_the_timeline_with_one_click(page: Page) -> None:
    pick(page, "all")
    expect_lanes(page)
    legend = page.locator("ul.emo-legend").first
    expect(legend.locator("li")).to_have_text(list(LABELS))


# --- Links ---------------------------------------------------------------------------------------


def test_a_link_opened_afresh_shows_the_same(browser: Browser, address: str, page: Page) -> None:
    pick(page, "sad")
    drag(page, 0.3, 0.6)
    expect(clip_line(page)).to_contain_text("selected: ")
    open_reasons(page)
    page.wait_for_url(re.compile(r"\?sample=sad&part=0\.\d{5}-0\.\d{5}&why=1$"))
    shown = clip_line(page).inner_text()

    with open_app(browser, address) as fresh:
        fresh.goto(page.url)
        expect_answers(fresh, shown)
        expect(fresh.locator("h2.emo-verdict")).to_have_text(
            page.locator("h2.emo-verdict").inner_text()
        )
        expect(fresh.locator(".st-key-why-mlp p").first).to_be_visible()
        clear = fresh.get_by_role("button", name=app_text.PLAYER["clear"])
        expect(clear).to_be_visible()  # the player knows of the part
        expect_idle(fresh)
        expect(guide(fresh)).to_have_count(0)
        clear.click()
        expect(clip_line(fresh)).not_to_contain_text("selected")
        fresh.wait_for_url(re.compile(r"\?sample=sad&why=1$"))


def test_bad_values_in_an_address_are_ignored(address: str, page: Page) -> None:
    page.goto(f"{address}/?sample=../secret&part=0.1-0.2&why=1")
    expect(page.get_by_test_id("stFileUploader")).to_be_visible()
    page.wait_for_url(re.compile(r"/$"))
    expect(page.locator("h2.emo-verdict")).to_have_count(0)


def test_a_step_back_and_an_upload(page: Page) -> None:
    pick(page, "sad")
    page.wait_for_url(re.compile(r"\?sample=sad$"))
    pick(page, "happy")
    page.wait_for_url(re.compile(r"\?sample=happy$"))
    page.go_back()
    expect_answers(page, "sad.")
    upload(page, "my secret.wav", signals.encoded(signals.voice(), subtype="PCM_16"))
    expect_answers(page, "my secret.wav")
    expect(page).to_have_url(re.compile(r"/$"))


# --- The keyboard alone --------------------------------------------------------------------------

RING = """() => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  if (!at || at === document.body) return null;
  const look = part => getComputedStyle(part);
  const drawn = [at, at.parentElement, at.closest('label')].filter(Boolean).map(look);
  const ring = drawn.some(one => (one.outlineStyle !== 'none' && parseFloat(one.outlineWidth) > 0)
    || one.boxShadow !== 'none');
  const names = 'a, button, summary, [role=tab]';
  const text = at.matches(names) ? at.innerText : at.labels?.[0]?.innerText;
  const name = at.getAttribute('aria-label') || text || '';
  return [`${at.tagName} ${name}`.trim(), ring];
}"""


def tab_to(page: Page, name: str) -> list[str]:
    """Press Tab until an element with this name has the focus; each on the way shows a ring."""
    expect_idle(page)  # what is drawn anew loses the keyboard
    passed: list[str] = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        found = page.evaluate(RING)
        if found is None:
            continue
        passed.append(found[0])
        assert found[1], f"{found[0]} does not show that it has the keyboard"
        if name in found[0]:
            return passed
    raise AssertionError(f"{name} was not reached: {passed}")


def test_from_start_to_result_by_keyboard_alone(page: Page) -> None:
    tab_to(page, "sad")
    page.keyboard.press("Enter")
    expect_answers(page, "sad.")
    tab_to(page, app_text.PLAYER["play"])
    tab_to(page, app_text.PLAYER["position"])
    page.keyboard.press("Shift+ArrowRight")
    expect_now(page, 1.0)
    page.keyboard.press("e")
    expect(clip_line(page)).to_contain_text("selected: 0.00 to 1.00")
    tab_to(page, app_text.PLAYER["keys_title"])  # what the keys do stands on the page
    page.keyboard.press("Enter")
    expect(page.get_by_text(app_text.PLAYER["keys"])).to_be_visible()
    tab_to(page, text.TABS["details"])
    page.keyboard.press("ArrowRight")
    expect(page.locator(".st-key-why-mlp p").first).to_be_visible()
    tab_to(page, text.REMOVE_LABEL)
    page.keyboard.press("Enter")
    expect(page.locator("h2.emo-verdict")).to_have_count(0)


# --- Phone and dark ------------------------------------------------------------------------------


def test_nothing_scrolls_sideways_on_a_phone(browser: Browser, address: str) -> None:
    with open_app(browser, address, "phone") as page:
        assert page.evaluate(WIDTHS) == [0, 0]
        pick(page, "all")
        expect_lanes(page)
        open_reasons(page)
        seen = []
        for title in each_page(page):
            expect_in_order(page)
            seen.append(title)
        assert seen == list(screens.PAGES.values())


# --- The first screen ----------------------------------------------------------------------------


def test_the_first_screen_says_how_often_it_is_right_of_a_visitor(
    browser: Browser, address: str, page: Page
) -> None:
    """On a small laptop nothing has to be scrolled; on a phone the lead says it."""
    metrics = common.load_metrics(paths.MODELS_DIR)["ensemble"]
    elsewhere = formatting.percent(metrics["cross-corpus"]["accuracy"])
    page.set_viewport_size({"width": 1280, "height": 800})
    expect_idle(page)
    strip = page.locator(".emo-points")
    expect(strip).to_be_in_viewport(ratio=1)
    expect(strip.locator("dd")).to_have_count(3)
    expect(strip.locator(".emo-here dd")).to_have_text(elsewhere)
    assert page.evaluate(
        "() => { const main = document.querySelector('[data-testid=stMain]');"
        " return main.scrollHeight <= main.clientHeight }"
    )
    with open_app(browser, address, "phone") as phone:
        expect(phone.locator(".emo-lead")).to_be_in_viewport(ratio=1)
        expect(phone.locator(".emo-lead")).to_contain_text(elsewhere)
