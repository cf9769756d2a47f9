"""Use *What if* in a real browser: the answers and the sound follow the sliders."""

import re

from playwright.sync_api import Locator, Page, expect

from docs import screens
from emo.app import text
from emo.app.analyse import text as words
from emo.inference.loading import MODEL_KEYS
from tests.browser.steps import expect_answers, expect_idle, now_s, stage, upload
from tests.support import signals


def open_what_if(page: Page) -> Locator:
    expect_idle(page)
    screens.open_tab(page, "what-if")
    panel = page.locator(".st-key-what-if")
    expect(panel.get_by_text(words.WHAT_IF_NOTE)).to_be_visible()
    return panel


def test_sliders_change_answers_and_sound_while_it_plays(page: Page) -> None:
    upload(page, "voice.wav", signals.encoded(signals.voice((180.0, 120.0), 20.0)))
    expect_answers(page, "voice.wav")
    panel = open_what_if(page)
    stage(page).press(" ")
    expect(page.get_by_role("button", name=text.PLAYER["pause"])).to_be_visible()
    speed = panel.get_by_role("slider", name=words.SPEED_LABEL)
    speed.press("Home")
    expect(page.get_by_text("0.5 times as fast")).to_be_visible()
    expect(stage(page)).to_have_attribute("aria-valuemax", "40.00")  # twice as long
    expect(page.get_by_role("button", name=text.PLAYER["pause"])).to_be_visible()
    expect(stage(page)).not_to_have_attribute("aria-valuenow", f"{now_s(page):.2f}")  # it plays on
    expect(page.locator(".emo-row .emo-was")).to_have_count(len(MODEL_KEYS) + 1)
    expect_idle(page)
    panel.get_by_role("button", name=words.RESET_LABEL).click()
    expect(stage(page)).to_have_attribute("aria-valuemax", "20.00")
    expect(page.get_by_text("times as fast")).to_have_count(0)


def test_noise_pitch_telephone_and_loudness_are_each_told(page: Page) -> None:
    upload(page, "voice.wav", signals.encoded(signals.voice((180.0, 120.0), 2.0)))
    expect_answers(page, "voice.wav")
    panel = open_what_if(page)
    for label, key, told in (
        (words.NOISE_LABEL, "End", "noise at an SNR of 0 dB"),
        (words.PITCH_LABEL, "ArrowRight", "1 semitone higher"),
        (words.GAIN_LABEL, "ArrowLeft", "1 dB softer"),
    ):
        panel.get_by_role("slider", name=label).press(key)
        expect(page.get_by_text(told)).to_be_visible()
        expect_idle(page)
    panel.get_by_text(words.TELEPHONE_LABEL).click()
    expect(page.get_by_text("telephone band")).to_be_visible()
    expect(
        page.get_by_test_id("stAlert").filter(has_text=re.compile("noise", re.I)).first
    ).to_be_visible()


def test_a_link_sets_the_sliders(page: Page, address: str) -> None:
    page.locator(".st-key-sample-sad button").click()
    expect_answers(page, "sad.")
    panel = open_what_if(page)
    panel.get_by_role("slider", name=words.PITCH_LABEL).press("ArrowRight")
    expect(page).to_have_url(re.compile(r"\?sample=sad&pitch=1$"))
    panel.get_by_text(words.TELEPHONE_LABEL).click()
    expect(page).to_have_url(re.compile(r"\?sample=sad&pitch=1&telephone=1$"))
    expect_idle(page)
    said = page.locator(".emo-all .emo-share").all_text_contents()
    page.goto(f"{address}/?sample=sad&pitch=1&telephone=1")  # a new session, which knows nothing
    expect_answers(page, "sad.")
    expect(page.get_by_text("1 semitone higher, telephone band")).to_be_visible()
    expect(page.locator(".emo-all .emo-share")).to_have_text(said)
    panel = page.locator(".st-key-what-if")  # open, as something is set
    expect(panel.get_by_role("slider", name=words.PITCH_LABEL)).to_have_value("1")
    switch = panel.get_by_role("switch", name=words.TELEPHONE_LABEL)
    expect(switch).to_be_checked()
    panel.get_by_role("button", name=words.RESET_LABEL).click()
    expect(page).to_have_url(re.compile(r"\?sample=sad$"))
