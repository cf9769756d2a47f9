"""Untick emotions that cannot occur, by real mouse."""

import re

from playwright.sync_api import Locator, Page, expect

from docs import screens
from emo.app import text
from emo.audio import clip as audio_clip
from emo.formatting import percent
from emo.inference.loading import load_models
from emo.inference.predictor import predict
from emo.labels import LABELS
from emo.system.paths import sample_path
from tests.browser.steps import expect_answers, expect_idle


def pill(page: Page, place: str, label: str) -> Locator:
    """Return the button of an emotion that can occur, on the page with a name."""
    choice = page.locator(f".st-key-among-{place}")
    return choice.get_by_role("button", name=label, exact=True)


def click(page: Page, button: Locator) -> None:
    """Click in the middle of a button by moving the mouse there."""
    expect_idle(page)
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect_idle(page)


def shares(*among: str) -> list[str]:
    """Return what `emo predict --among` says of the sample sad, by emotion."""
    found = predict(audio_clip.load(sample_path("sad")), load_models(), among)
    return [percent(share) for share in found.ensemble.probabilities.tolist()]


def test_unticked_emotions_leave_the_answers_the_address_and_the_other_page(page: Page) -> None:
    page.locator(".st-key-sample-sad button").click()
    expect_answers(page, "sad.")
    bars = page.locator(".emo-all .emo-share")
    expect(bars).to_have_text(shares(*LABELS))
    for label in ("sad", "angry", "surprised", "disgusted"):
        click(page, pill(page, "analyse", label))
        expect(pill(page, "analyse", label)).to_have_attribute("aria-pressed", "false")
    among = ("fearful", "happy", "neutral")
    expect(bars).to_have_text(shares(*among))
    expect(page.get_by_text("among fearful, happy and neutral")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?sample=sad&among=fearful(,|%2C)happy(,|%2C)neutral$"))
    click(page, pill(page, "analyse", "happy"))
    click(page, pill(page, "analyse", "neutral"))
    expect(page.get_by_text(text.too_few(["fearful"]))).to_be_visible()
    expect(pill(page, "analyse", "neutral")).to_have_attribute("aria-pressed", "true")
    expect(bars).to_have_text(shares("fearful", "neutral"))

    screens.open_page(page, text.PAGES["compare"])
    page.get_by_role("button", name="Add the samples").click()
    expect(page.get_by_text(re.compile("7 clips answered"))).to_be_visible()
    expect(pill(page, "compare", "neutral")).to_have_attribute("aria-pressed", "true")
    expect(pill(page, "compare", "happy")).to_have_attribute("aria-pressed", "false")
    expect(page).to_have_url(re.compile(r"compare\?among=fearful(,|%2C)neutral$"))
    click(page, pill(page, "compare", "sad"))
    expect(page).to_have_url(re.compile(r"among=fearful(,|%2C)neutral(,|%2C)sad$"))

    screens.open_page(page, text.PAGES["analyse"])
    expect_answers(page, "sad.")
    expect(bars).to_have_text(shares("fearful", "neutral", "sad"))
    page.reload()
    expect_answers(page, "sad.")
    expect(bars).to_have_text(shares("fearful", "neutral", "sad"))
