"""Use the stage of the page Analyse: the bar, the player, and the verdict beside it."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from bench.in_page import SHIFTS
from docs import screens
from emo.app import text as app_text
from emo.app.analyse import text
from emo.app.analyse.verdict import text as verdict_text
from emo.inference.loading import MODEL_KEYS
from tests.browser.steps import (
    clip_line,
    drag,
    expect_answers,
    expect_idle,
    lend_tab,
    now_s,
    open_app,
    settle,
    stage,
    upload,
)
from tests.support import signals

MAX_SHIFT = 0.2  # 0.05 on a quiet machine; a busy one paints more of the states in between
SCROLLED = "() => document.querySelector('[data-testid=stMain]').scrollTop"


def reset_button(page: Page) -> Locator:
    return page.locator(".st-key-reset").get_by_role("button")


def test_the_first_task_is_done_without_scrolling(page: Page) -> None:
    """Pick a sample, play it, select a part, and see whether the answer changed."""
    page.set_viewport_size({"width": 1280, "height": 800})
    screens.pick_sample(page, "sad")
    expect_answers(page, "sad.")
    expect(stage(page)).to_be_in_viewport(ratio=1)
    for place in ("h2.emo-verdict", ".emo-rows", ".emo-points"):
        expect(page.locator(place)).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name=app_text.PLAYER["play"], exact=True).click()
    page.wait_for_function(
        "player => Number(player.getAttribute('aria-valuenow')) > 0.2",
        arg=stage(page).element_handle(),
    )
    before = page.locator("h2.emo-verdict .emo-likely").inner_text()
    drag(page, 0.3, 0.6)
    was = page.locator("h2.emo-verdict .emo-was")
    expect(was).to_be_in_viewport(ratio=1)
    label, share = re.findall(r"[a-z]+|<?\d+", before)[:2]
    expect(was).to_have_text(re.compile(rf"^{label}\s{share}\s% →\s*$"))
    expect(page.locator(".emo-row .emo-was")).to_have_count(len(MODEL_KEYS) + 1)
    assert page.evaluate(SCROLLED) == 0
    reset_button(page).click()
    expect(was).to_have_count(0)
    expect(page.locator("h2.emo-verdict .emo-likely")).to_have_text(
        re.compile(rf"{label}\s*{share}\s%")
    )
    expect(clip_line(page)).not_to_contain_text("selected")


def test_an_opened_row_stays_open_and_shows_all_seven(page: Page) -> None:
    screens.pick_sample(page, "sad")
    expect_answers(page, "sad.")
    row = page.locator("[data-emo-keep=cnn]")
    expect(row.locator(".emo-bars")).to_be_hidden()
    row.locator("summary").click()
    expect(row.locator(".emo-bars")).to_be_visible()
    whole = row.locator(".emo-share").all_text_contents()
    drag(page, 0.3, 0.6)
    expect(clip_line(page)).to_contain_text("selected")
    expect(row.locator(".emo-share")).not_to_have_text(whole)
    expect(row.locator(".emo-bars")).to_be_visible()
    row.locator("summary").click()
    expect(row.locator(".emo-bars")).to_be_hidden()


def test_the_bar_leads_back_to_an_upload_and_removes_the_clip(page: Page) -> None:
    upload(page, "mine.wav", signals.encoded(signals.voice(), subtype="PCM_16"))
    expect_answers(page, "mine.wav")
    mine = page.locator("h2.emo-verdict").inner_text()
    screens.pick_sample(page, "angry")
    expect_answers(page, "angry.")
    expect_idle(page)
    page.get_by_role("button", name=text.back_to("mine.wav")).click()
    expect_answers(page, "mine.wav")
    expect(page.locator("h2.emo-verdict")).to_have_text(mine)
    bar = page.locator(".st-key-ways-in").bounding_box()
    assert bar
    assert bar["height"] <= 60
    page.get_by_role("button", name=text.REMOVE_LABEL).click()
    expect(page.locator("h2.emo-verdict")).to_have_count(0)
    expect(page.locator(".st-key-samples-place")).to_be_visible()


def test_little_moves_while_the_answers_come(browser: Browser, address: str) -> None:
    with open_app(browser, address) as page:
        expect_idle(page)
        before = page.evaluate(SHIFTS)
        upload(page, "mine.wav", signals.encoded(signals.voice(), subtype="PCM_16"))
        expect_answers(page, "mine.wav")
        expect_idle(page)
        assert page.evaluate(SHIFTS) - before <= MAX_SHIFT


@pytest.mark.parametrize("path", ["", "listen", "confusion_matrices"])
@pytest.mark.parametrize("mode", ["light", "phone"])
def test_little_moves_while_a_page_comes(
    browser: Browser, address: str, path: str, mode: str
) -> None:
    with lend_tab(browser, address, mode) as page:
        page.goto(f"{address}/{path}")
        settle(page)
        assert page.locator("h1").is_visible()
        assert page.evaluate(SHIFTS) <= MAX_SHIFT


def test_the_strip_of_a_phone_plays_and_says_the_verdict(browser: Browser, address: str) -> None:
    with open_app(browser, address, "phone") as page:
        screens.pick_sample(page, "sad")
        expect_answers(page, "sad.")
        strip = page.locator(".emo-strip")
        expect(strip).to_be_in_viewport(ratio=1)
        box = strip.bounding_box()
        assert box
        assert box["height"] == 64
        expect(strip.locator("li")).to_have_count(len(MODEL_KEYS))
        verdict = page.locator("h2.emo-verdict .emo-likely").text_content() or "-"
        expect(strip.locator(".emo-likely")).to_have_text(verdict)
        assert now_s(page) == 0
        strip.get_by_role("button").click()
        page.wait_for_function(
            "player => Number(player.getAttribute('aria-valuenow')) > 0.2",
            arg=stage(page).element_handle(),
        )


def test_the_verdict_is_announced(page: Page) -> None:
    screens.pick_sample(page, "sad")
    expect_answers(page, "sad.")
    said = page.locator(".st-key-stage-script").get_by_role("status")
    expect(said).to_contain_text(verdict_text.TOGETHER)
    expect(said).to_contain_text(re.compile(r"[a-z]+ \d+\s%"))
    drag(page, 0.3, 0.6)
    expect(said).to_contain_text("selected part")
    expect(said).to_contain_text(verdict_text.UNCHANGED)
