"""Test the notice where a voice comes in, titles and names that carry the clip, and the guide."""

import re

from playwright.sync_api import Locator, Page, expect

from docs import screens
from emo.app import navigation
from emo.app.analyse import text
from emo.app.live import text as live_text
from emo.app.notice import text as notice_text
from tests.browser.steps import expect_answers, expect_idle, upload
from tests.support import signals

FILE = signals.encoded(signals.voice((180.0, 120.0), 2.0), subtype="PCM_16")
COVERED = """part => {
  const box = part.getBoundingClientRect();
  return [...document.querySelectorAll('button, input, a, summary, [role=slider], [role=tab]')]
    .filter(one => !part.contains(one) && one.checkVisibility() && one.getClientRects().length)
    .filter(one => {
      const own = one.getBoundingClientRect();
      return own.left < box.right && own.right > box.left
        && own.top < box.bottom && own.bottom > box.top;
    }).map(one => one.outerHTML.slice(0, 80));
}"""
"""Controls that lie under a part of the page."""


def notice(page: Page) -> Locator:
    return page.locator(".st-key-notice").get_by_role("note", name=notice_text.LABEL)


def tick(page: Page) -> None:
    page.locator(".st-key-notice").get_by_text(notice_text.TICK, exact=True).click()


def expect_title(page: Page, key: str, clip: str = "") -> None:
    expect(page).to_have_title(navigation.tab_title(key, clip))


def expect_covers_nothing(page: Page) -> None:
    """Check that no control lies under the guide, on a low window that is scrolled."""
    expect_idle(page)
    page.set_viewport_size({"width": 1280, "height": 480})
    for place in (0, 150, 300):
        page.get_by_test_id("stMain").evaluate("(part, y) => part.scrollTo(0, y)", place)
        assert page.locator(".st-key-guide").evaluate(COVERED) == []
    page.set_viewport_size(screens.DESKTOP)


def test_the_notice_is_shown_where_a_voice_comes_in_until_it_is_ticked(page: Page) -> None:
    for title in ("Analyse", "Compare clips", "Teach it"):
        if title != "Analyse":
            screens.open_page(page, title)
        expect(notice(page)).to_have_text(notice_text.NOTICE)
        expect(notice(page)).to_be_in_viewport(ratio=1)
    screens.open_page(page, "Analyse")
    page.get_by_role("button", name=live_text.LIVE_LABEL, exact=True).click()
    in_live = page.get_by_role("dialog").get_by_role("note")
    expect(in_live).to_contain_text(notice_text.NOTICE)
    page.get_by_role("dialog").get_by_role("checkbox", name=notice_text.TICK).check()
    expect(in_live).to_be_hidden()
    page.get_by_role("dialog").get_by_role("button", name=live_text.WORDS["close"]).click()
    expect(notice(page)).to_have_count(0)
    for title in ("Compare clips", "Teach it", "Analyse"):
        screens.open_page(page, title)
        expect_idle(page)
        expect(notice(page)).to_have_count(0)


def test_a_tick_on_one_page_keeps_an_upload_and_holds_on_all(page: Page) -> None:
    upload(page, "my clip.wav", FILE)
    expect_answers(page, "my clip.wav")
    expect(notice(page)).to_be_visible()
    tick(page)
    expect(notice(page)).to_have_count(0)
    expect_idle(page)
    expect_answers(page, "my clip.wav")
    screens.open_page(page, "Compare clips")
    expect_idle(page)
    expect(notice(page)).to_have_count(0)


def test_titles_and_downloads_carry_the_page_and_the_clip(page: Page) -> None:
    expect_title(page, "analyse")
    screens.pick_sample(page, "angry")
    expect_answers(page, "angry.")
    expect_title(page, "analyse", "angry.opus")
    screens.open_tab(page, "files")
    for label, ending in ((text.CSV_LABEL, "csv"), (text.JSON_LABEL, "json")):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=label).click()
        assert waiting.value.suggested_filename == f"analyse-angry.{ending}"
    upload(page, "../talk: take 2.wav", FILE)
    expect_answers(page, "take 2.wav")
    expect(page).to_have_title(re.compile(r"take 2\.wav · Analyse · Emo$"))
    with page.expect_download() as waiting:
        page.get_by_role("button", name=text.CSV_LABEL).click()
    assert waiting.value.suggested_filename == "analyse-talk-take-2.csv"
    screens.open_page(page, "About")
    expect_title(page, "about")


def test_the_guide_covers_no_control_ticks_what_happened_and_comes_back(page: Page) -> None:
    guide = page.get_by_role("region", name=text.GUIDE_LABEL)
    done = guide.locator(".emo-step-done")
    expect(done).to_have_count(0)
    expect_covers_nothing(page)
    page.get_by_role("button", name=text.HIDE_LABEL).click()
    expect(guide).to_have_count(0)
    screens.pick_sample(page, "sad")
    expect_answers(page, "sad.")
    page.get_by_role("button", name=text.SHOW_LABEL).click()
    expect(done).to_have_count(1)  # a clip is there; nothing else was done
    expect(guide.locator("[aria-current=step]")).to_have_text(text.STEPS["listen"][0])
    expect_covers_nothing(page)
