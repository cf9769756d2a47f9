"""Use the page *Teach it* in a real browser: upload, record, fit, save, load, answer."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Locator, Page, expect

from docs import screens
from emo.app.analyse import text as analyse_text
from emo.app.teach import text as words
from emo.audio import clip as audio_clip
from emo.inference import loading
from emo.inference.loading import load_models
from emo.inference.predictor import predict
from tests.browser.steps import (
    expect_idle,
    expect_in_order,
    open_app,
    record,
    settle,
    turn,
)
from tests.browser.test_axe import violations
from tests.support import signals

PITCHES_HZ = {"happy": (210.0, 225.0, 240.0), "sad": (110.0, 115.0, 120.0)}


def clip(pitch_hz: float) -> bytes:
    return signals.encoded(signals.voice(pitch_hz, duration_s=1.2), subtype="PCM_16")


def payload(name: str, data: bytes) -> FilePayload:
    return {"name": name, "mimeType": "audio/wav", "buffer": data}


def open_teach(page: Page) -> None:
    screens.open_page(page, words.PAGE_NAME)
    expect(page.get_by_role("heading", level=1)).to_have_text(words.TITLE)
    expect(page.get_by_text(words.EMOTION_LABEL)).to_be_visible()


def choose(page: Page, emotion: str) -> None:
    """Choose the emotion of the next clips."""
    pill = page.locator(".st-key-examples-emotion").get_by_text(emotion, exact=True)
    pill.click()
    expect(
        page.locator(".st-key-examples-emotion").get_by_role("radio", name=emotion)
    ).to_be_checked()
    screens.teaching_field(page, emotion).wait_for(state="attached")
    expect(microphone_of(page, emotion)).to_be_visible()
    expect_idle(page)


def microphone_of(page: Page, emotion: str) -> Locator:
    return page.locator(f"[class*=st-key-examples-mic-{emotion}-]").get_by_test_id("stAudioInput")


def give(page: Page, emotion: str, *pitches_hz: float) -> None:
    """Upload voices for an emotion, all at once."""
    choose(page, emotion)
    files = [payload(f"{emotion} {hz:.0f}.wav", clip(hz)) for hz in pitches_hz]
    screens.teaching_field(page, emotion).set_input_files(files)
    expect(taught(page, emotion)).to_have_count(len(pitches_hz))


def taught(page: Page, emotion: str) -> Locator:
    """Return the clips of an emotion."""
    place = page.locator(f".st-key-examples-{emotion}")
    return place.locator("[class*=st-key-example-]").get_by_role("button")


def expect_learned(page: Page, n: int) -> None:
    panel = page.locator(".st-key-fitted")
    expect(panel.locator(".emo-top th")).to_contain_text(words.YOURS_NAME)
    expect(panel.locator(".emo-top .emo-interval")).to_have_text(re.compile(rf"^\d+ of {n}$"))
    expect(panel.get_by_text(words.ENSEMBLE_NAME)).to_be_visible()
    expect(panel.locator(".emo-note")).to_contain_text(words.count(n))


def test_a_voice_is_taught_kept_and_loaded_again(page: Page, tmp_path: Path) -> None:
    open_teach(page)
    for emotion, pitches_hz in PITCHES_HZ.items():
        give(page, emotion, *pitches_hz)
    expect_learned(page, 6)
    with page.expect_download() as waiting:
        page.get_by_role("button", name=words.SAVE_LABEL).click()
    waiting.value.save_as(tmp_path / "examples.json")
    stored = json.loads((tmp_path / "examples.json").read_text())
    assert [row["emotion"] for row in stored["clips"]] == ["happy"] * 3 + ["sad"] * 3
    before = page.locator(".st-key-fitted .emo-bars").text_content() or ""

    page.reload()  # a new session, which knows nothing
    expect(page.get_by_text(words.NO_EXAMPLES)).to_be_visible()
    field = page.get_by_test_id("stFileUploader").last.locator("input[type=file]")
    field.set_input_files(tmp_path / "examples.json")
    expect_learned(page, 6)
    expect(page.locator(".st-key-fitted .emo-bars")).to_have_text(before)

    page.get_by_text(words.TRY_LABEL).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(analyse_text.ANALYSE_TITLE)
    expect(page.get_by_test_id("stFileUploader")).to_have_count(1)
    field = page.get_by_test_id("stFileUploader").locator("input[type=file]")
    field.set_input_files(payload("new.wav", clip(230.0)))
    yours = page.locator(".st-key-model-yours")
    expect(yours.locator("h3")).to_have_text(words.YOURS_NAME)
    expect(yours.locator(".emo-verdict")).to_contain_text(re.compile("happy|sad"))
    expect(yours.locator(".emo-share")).to_have_count(7)
    screens.open_tab(page, "files")
    with page.expect_download() as waiting:
        page.get_by_role("button", name=analyse_text.JSON_LABEL).click()
    waiting.value.save_as(tmp_path / "emo.json")
    (row,) = json.loads((tmp_path / "emo.json").read_text())
    assert list(row["models"]) == [*loading.ANSWER_KEYS, "yours"]


def test_recordings_are_taught_and_removed_by_keyboard(page: Page) -> None:
    open_teach(page)
    choose(page, "surprised")
    record(microphone_of(page, "surprised"))
    chip = taught(page, "surprised")
    expect(chip).to_have_count(1)
    expect(chip).to_contain_text(f"{words.RECORDING} 1")
    ready = microphone_of(page, "surprised").get_by_role("button", name="Record", exact=True)
    expect(ready).to_be_visible()
    chip.focus()
    chip.press("Enter")
    expect(page.get_by_text(words.NO_EXAMPLES)).to_be_visible()


def card(page: Page) -> Locator:
    """Return the button of the cards, which is held while recording."""
    return page.locator("[data-part=record]")


def expect_state(page: Page, state: str) -> None:
    expect(page.locator(".prompt")).to_have_attribute("data-state", state)


KEEP_UPLOAD = """() => {
  const send = window.fetch;
  window.fetch = async (address, options) => {
    const file = options?.body instanceof FormData && options.body.get("file");
    if (file) window.uploaded = [...new Uint8Array(await file.arrayBuffer())];
    return send(address, options);
  };
}"""
"""Keeps the file that a component uploads, which the browser does not tell otherwise."""

REFUSE_MICROPHONE = """() => {
  const devices = navigator.mediaDevices;
  const open = devices.getUserMedia.bind(devices);
  devices.getUserMedia = () => {
    devices.getUserMedia = open; // the next time
    return Promise.reject(new DOMException("", "NotAllowedError"));
  };
}"""


def test_a_card_is_recorded_by_holding_the_mouse_and_its_clip_heard_and_put_back(
    page: Page,
) -> None:
    open_teach(page)
    expect(page.locator("[data-part=act]")).to_have_text(words.PROMPT["act"].format("angry"))
    page.evaluate(KEEP_UPLOAD)
    card(page).hover()
    page.mouse.down()
    expect_state(page, "recording")
    expect(page.locator("[data-part=time]")).to_have_text(re.compile(r"^[2-9]\.\d s$"))
    page.mouse.up()
    expect(page.locator("[data-part=number]")).to_have_text(words.PROMPT["card"].format(2))
    expect(page.locator("[data-part=act]")).to_have_text(words.PROMPT["act"].format("happy"))
    expect(taught(page, "angry")).to_have_text([re.compile("Recording 1")])
    sent = audio_clip.decode(bytes(page.evaluate("window.uploaded")), "recording.wav")
    answer = predict(sent, load_models())
    said = page.locator("[data-part=answer]")
    expect(said).to_have_text(words.ensemble_says(answer.ensemble, "angry"))

    page.locator("[data-part=meant]").select_option("sad")
    expect(taught(page, "sad")).to_have_count(1)
    page.get_by_role("button", name=words.HEAR_LABEL.format("Recording 1")).click()
    pause = page.get_by_role("button", name=f"{words.HEARD['pause']}: Recording 1")
    expect(pause).to_be_visible()
    for scheme in ("dark", "light"):
        turn(page, scheme)
        expect_in_order(page)
        assert violations(page) == []
    taught(page, "sad").click()
    expect(page.get_by_text(words.NO_EXAMPLES)).to_be_visible()
    expect(page.locator(".prompt [data-part=last]")).to_be_hidden()
    page.get_by_role("button", name=words.UNDO_LABEL).click()
    expect(taught(page, "sad")).to_have_text([re.compile("Recording 1")])
    expect(said).to_be_visible()


def test_a_card_is_recorded_by_keyboard_held_or_pressed_twice(page: Page) -> None:
    open_teach(page)
    page.evaluate(REFUSE_MICROPHONE)
    card(page).press("Enter")
    expect(page.locator(".prompt [data-part=note]")).to_have_text(words.PROMPT["denied"])
    for emotion, key, is_held in (("angry", "Space", True), ("happy", "Enter", False)):
        card(page).focus()
        page.keyboard.down(key)
        if not is_held:
            page.keyboard.up(key)
        expect_state(page, "recording")
        label = words.PROMPT["release" if is_held else "stop"]
        expect(page.locator("[data-part=label]")).to_have_text(label)
        expect(page.locator("[data-part=time]")).to_have_text(re.compile(r"^[2-9]\.\d s$"))
        if not is_held:
            page.keyboard.down(key)
        page.keyboard.up(key)
        expect(taught(page, emotion)).to_have_count(1)
        screens.open_page(page, "About")  # which turns the microphone off
        open_teach(page)
        expect_state(page, "off")


def test_what_cannot_be_used_is_said(page: Page) -> None:
    open_teach(page)
    field = page.get_by_test_id("stFileUploader").last.locator("input[type=file]")
    field.set_input_files(
        {"name": "**x**.json", "mimeType": "application/json", "buffer": b'{"format": "other"}'}
    )
    warning = page.get_by_test_id("stAlertContentWarning")
    expect(warning).to_contain_text("not a file of examples")
    expect(page.get_by_test_id("stText")).to_have_text("**x**.json")
    field = page.get_by_test_id("stFileUploader").first.locator("input[type=file]")
    field.set_input_files([payload("noise.wav", b"no sound"), payload("good.wav", clip(150.0))])
    expect(taught(page, "angry")).to_have_count(1)
    expect(page.get_by_test_id("stText").filter(has_text="noise.wav")).to_be_visible()
    page.get_by_role("button", name=words.REMOVE_ALL_LABEL).click()
    expect(page.get_by_text(words.NO_EXAMPLES)).to_be_visible()
    expect(page.get_by_test_id("stText")).to_have_count(0)


@pytest.mark.parametrize("mode", ["light", "phone"])
def test_a_taught_page_fits_and_reads(browser: Browser, address: str, mode: str) -> None:
    with open_app(browser, address, mode) as page:
        open_teach(page)
        for emotion, pitches_hz in PITCHES_HZ.items():
            give(page, emotion, *pitches_hz)
        expect_learned(page, 6)
        page.get_by_text(words.CONFUSION_LABEL).click()
        settle(page)
        expect_in_order(page)
        turn(page, "dark")
        expect_in_order(page)
        turn(page, "light")
        screens.open_page(page, "Analyse")
        expect(page.get_by_test_id("stFileUploader")).to_have_count(1)
        page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(
            payload("new.wav", clip(230.0))
        )
        page.locator(".st-key-model-yours").wait_for()
        settle(page)
        expect_in_order(page)
        turn(page, "dark")
        expect_in_order(page)
