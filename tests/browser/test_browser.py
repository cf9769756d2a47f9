"""Use the app in a real browser: give a clip in three ways, and read the pages."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from docs import screens
from emo.app import text
from emo.app.analyse import text as analyse_text
from emo.app.analyse.why import text as why_text
from emo.app.matrices import text as words
from emo.app.samples import acted_by, read_gallery
from emo.audio import clip
from emo.inference import loading, predictor
from emo.labels import LABELS
from emo.system import paths
from tests.browser.steps import (
    clip_line,
    drag,
    each_page,
    expect_answers,
    expect_idle,
    expect_in_order,
    expect_now,
    open_app,
    record,
    stage,
    turn,
    upload,
)
from tests.support import signals

# --- The player ----------------------------------------------------------------------------------


def test_a_click_seeks_and_space_plays(page: Page) -> None:
    upload(page, "clip.wav", signals.encoded(signals.voice(), subtype="PCM_16"))
    expect_answers(page, "clip.wav")
    drag(page, 0.5, 0.5)
    expect_now(page, 0.95)
    stage(page).press("Home")
    expect_now(page, 0.0, 0.0)
    stage(page).press("Space")
    page.wait_for_function(
        "player => Number(player.ariaValueNow ?? player.getAttribute('aria-valuenow')) > 0.3",
        arg=stage(page).element_handle(),
    )
    stage(page).press("Space")
    stage(page).press("End")
    expect_now(page, 2.0)
    stage(page).press("ArrowLeft")
    expect_now(page, 1.9)


def test_a_selected_part_gets_its_own_answers(page: Page) -> None:
    upload(page, "clip.wav", signals.encoded(signals.voice(), subtype="PCM_16"))
    expect_answers(page, "clip.wav")
    shares = page.locator(".emo-all .emo-share")
    whole = shares.all_text_contents()
    drag(page, 0.3, 0.6)
    expect(clip_line(page)).to_contain_text(re.compile(r"selected: 0\.(4[5-9]|5)"))
    expect(page.locator("p.emo-overline")).to_contain_text("selected part")
    expect(shares).not_to_have_text(whole)
    expect_idle(page)
    page.get_by_role("button", name=text.PLAYER["clear"]).click()
    expect(clip_line(page)).not_to_contain_text("selected")
    expect(shares).to_have_text(whole)


def test_a_part_is_selected_and_zoomed_by_keyboard_alone(page: Page) -> None:
    upload(page, "clip.wav", signals.encoded(signals.voice(), subtype="PCM_16"))
    expect_answers(page, "clip.wav")
    fit = page.get_by_role("button", name=text.PLAYER["fit"])
    expect(fit).to_be_disabled()
    stage(page).focus()
    stage(page).press("+")
    expect(fit).to_be_enabled()
    stage(page).press("0")
    expect(fit).to_be_disabled()
    for _ in range(5):
        stage(page).press("ArrowRight")
    stage(page).press("BracketLeft")
    expect(clip_line(page)).to_contain_text("selected: 0.50 to 2.00")
    stage(page).press("Escape")
    expect(clip_line(page)).not_to_contain_text("selected")


def test_reasons_are_given_when_asked_for(page: Page) -> None:
    upload(page, "clip.wav", signals.encoded(signals.voice(), subtype="PCM_16"))
    expect_answers(page, "clip.wav")
    screens.open_tab(page, "why")
    for key in loading.MODEL_KEYS:
        expect(page.locator(f".st-key-why-{key} p").first).to_be_visible()
    expect_idle(page)
    expect(page.locator(".st-key-why-mlp .emo-shift")).to_have_count(5)
    expect(page.locator(".st-key-why-tree .emo-chips li").first).to_have_text(re.compile(r"\d\s%$"))
    network = page.locator(".st-key-why-cnn")
    without = network.get_by_role("button", name=why_text.PICTURE["without"])
    without.click()
    expect(without).to_have_attribute("aria-pressed", "true")
    expect(network.get_by_text("Without the framed parts it answers")).to_be_visible()
    network.get_by_role("button", name=why_text.PICTURE["hear"], exact=True).click()
    expect(without).to_have_attribute("aria-pressed", "false")  # one sound at a time


# --- Three ways in -------------------------------------------------------------------------------


def test_an_uploaded_clip(page: Page) -> None:
    upload(page, "clip.wav", signals.encoded(signals.voice(), subtype="PCM_16"))
    expect_answers(page, "clip.wav · 2.0")
    expect(stage(page)).to_have_attribute("aria-valuemax", "2.00")


def test_a_recorded_clip(page: Page) -> None:
    record(page.get_by_test_id("stAudioInput"))
    expect_answers(page, "Recording · ")
    expect(page.locator("h2.emo-verdict")).to_be_visible()


def test_a_sample(page: Page) -> None:
    gallery = {sample.emotion: sample for sample in read_gallery(paths.SAMPLES_DIR)}
    for label in (LABELS[0], LABELS[-1]):
        screens.pick_sample(page, label)
        expect_answers(page, f"{label}.")
        expect(clip_line(page)).to_contain_text(acted_by(gallery[label]))


def test_a_file_without_sound_is_a_sentence_and_the_page_goes_on(page: Page) -> None:
    upload(page, "**notes**.wav", b"Dear diary, today I had no sound.")
    error = page.get_by_test_id("stAlertContentError")
    expect(error).to_contain_text(".")
    expect(error).not_to_contain_text("Traceback")
    expect(clip_line(page)).to_have_text("**notes**.wav")
    page.get_by_role("button", name="Remove").first.click()
    expect(error).to_have_count(0)
    upload(page, "clip.wav", signals.encoded(signals.voice(), subtype="PCM_16"))
    expect_answers(page, "clip.wav")


def test_downloads_and_forgetting(page: Page, tmp_path: Path) -> None:
    data = signals.encoded(signals.voice(), subtype="PCM_16")
    upload(page, "clip.wav", data)
    expect_answers(page, "clip.wav")
    screens.open_tab(page, "files")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Answers as JSON").click()
    waiting.value.save_as(tmp_path / "emo.json")
    (row,) = json.loads((tmp_path / "emo.json").read_text())
    assert row["path"] == "clip.wav"
    assert list(row["models"]) == list(loading.ANSWER_KEYS)
    elsewhere = predictor.predict(clip.decode(data), loading.load_models())
    for key, answer in elsewhere.answers.items():
        given = row["models"][key]["probabilities"]
        assert given == pytest.approx(answer.to_dict()["probabilities"], abs=1e-6)
    shown = page.locator("h2.emo-verdict").inner_text()
    assert row["models"]["ensemble"]["label"] in shown
    page.get_by_role("button", name=analyse_text.REMOVE_LABEL).click()
    expect(page.locator("h2.emo-verdict")).to_have_count(0)


# --- The other pages -----------------------------------------------------------------------------


def test_the_matrices_open_and_switch(page: Page) -> None:
    screens.open_page(page, "Confusion matrices")
    for key in loading.ANSWER_KEYS:
        matrix = page.locator(f".st-key-matrix-{key}")
        expect(matrix.locator(".cell")).to_have_count(len(LABELS) ** 2)
        expect(matrix.get_by_text("Accuracy")).to_be_visible()
    for name, title in words.PROTOCOL_NAMES.items():
        page.get_by_role("radio", name=title, exact=True).click()
        expect(page.get_by_text(words.PROTOCOL_MEANINGS[name])).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
    page.get_by_role("radio", name=words.PROTOCOL_NAMES["random"], exact=True).click()
    expect(page.get_by_text(words.PROTOCOL_MEANINGS["random"])).to_be_visible()
    first = page.locator(".st-key-matrix-tree .cell").first
    share = first.inner_text()
    page.get_by_role("radio", name=words.SHOW_NAMES["counts"], exact=True).click()
    expect(first).not_to_have_text(share)


def test_about_opens(page: Page) -> None:
    screens.open_page(page, "About")
    expect(page.get_by_text("5(1)(f)")).to_be_visible()
    expect(page.get_by_text("not stored")).to_be_visible()


# --- Looks ---------------------------------------------------------------------------------------


def test_every_page_fits_and_reads(page: Page) -> None:
    upload(page, "clip.wav", signals.encoded(signals.voice(), subtype="PCM_16"))
    expect_answers(page, "clip.wav")
    for _ in each_page(page):
        expect_in_order(page)
        turn(page, "dark")
        expect_in_order(page)
        turn(page, "light")


def test_light_and_dark_differ(browser: Browser, address: str) -> None:
    guide, colours = {}, {}
    for mode in ("light", "dark"):
        with open_app(browser, address, mode) as page:
            expect(page.get_by_role("region", name=analyse_text.GUIDE_LABEL)).to_be_visible()
            guide[mode] = page.evaluate(
                "() => [getComputedStyle(document.querySelector('.st-key-guide')).backgroundColor, "
                "getComputedStyle(document.querySelector('.st-key-sample-happy button'),"
                " '::before').backgroundColor]"
            )
            page.locator(".st-key-sample-happy button").click()  # speech, in colour
            expect_answers(page, "happy.")
            colours[mode] = page.evaluate(
                "() => [document.querySelector('[data-testid=stApp]'), "
                "document.querySelector('.emo-bar.emo-happy')]"
                ".map(part => getComputedStyle(part).backgroundColor)"
            )
    assert guide["light"] == ["rgb(255, 255, 255)", "rgb(168, 118, 0)"]
    assert guide["dark"] == ["rgb(30, 35, 39)", "rgb(250, 213, 53)"]
    assert colours["light"] == ["rgb(251, 250, 247)", "rgb(168, 118, 0)"]
    assert colours["dark"] == ["rgb(20, 23, 26)", "rgb(250, 213, 53)"]
