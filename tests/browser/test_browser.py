"""What a person does, in a real browser: give it a voice in three ways, and read the pages."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect

from docs import screens
from emo import ui_analyse, ui_words
from emo import ui_matrices_words as words
from emo.labels import LABELS
from tests import voices

ANSWER_MS = 30_000
PERCENT = re.compile(r"^<?\d+\s%$")
AGREEMENT = re.compile(
    r"^(All three (say|differ|are unsure)|Two of three say|.* (is|are) unsure\b).*\.$"
)

pytestmark = pytest.mark.timeout(180)


class Watch:
    """Whatever a page should not do: errors on its console, and requests to other hosts."""

    def __init__(self, page: Page, address: str) -> None:
        self.faults: list[str] = []
        self._address = address
        page.on("pageerror", lambda error: self.faults.append(f"page error: {error}"))
        page.on("console", self._hear)
        page.on("request", self._follow)

    def _hear(self, message: ConsoleMessage) -> None:
        # A page that is opened by its address first looks for the server beside itself.
        looks = "_stcore/" in str(message.location.get("url", ""))
        if message.type == "error" and not looks:
            self.faults.append(f"console: {message.text} ({message.location.get('url')})")

    def _follow(self, request: Request) -> None:
        if not request.url.startswith((self._address, "data:", "blob:")):
            self.faults.append(f"request to {request.url}")


def open_app(browser: Browser, address: str, mode: str = "light") -> tuple[Page, Watch]:
    page = screens.new_page(browser, mode)
    page.set_default_timeout(ANSWER_MS)
    watch = Watch(page, address)
    page.goto(address)
    page.get_by_test_id("stFileUploader").wait_for()
    return page, watch


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The first page; at the end nothing must have gone wrong on any page that was opened."""
    page, watch = open_app(browser, address)
    yield page
    assert page.get_by_test_id("stException").count() == 0
    assert watch.faults == []
    page.context.close()


def upload(page: Page, name: str, data: bytes) -> None:
    field = page.get_by_test_id("stFileUploader").locator("input[type=file]")
    field.set_input_files({"name": name, "mimeType": "audio/wav", "buffer": data})


def stage(page: Page) -> Locator:
    """Waveform and spectrogram of the player, which take the keyboard and the mouse."""
    return page.get_by_role("slider", name=ui_words.PLAYER["position"])


def now_s(page: Page) -> float:
    """Where the playhead is."""
    return float(stage(page).get_attribute("aria-valuenow") or -1)


def expect_answers(page: Page, clip: str) -> None:
    """Three answers and a vote for the clip: each a label, a percentage and seven bars."""
    expect(page.get_by_test_id("stText").filter(has_text=clip)).to_be_visible(timeout=ANSWER_MS)
    expect(page.locator("h2.emo-verdict")).to_be_visible()
    expect(page.locator("h2.emo-verdict")).to_contain_text(re.compile("|".join(LABELS)))
    cards = page.locator("[class*=st-key-model-]")
    expect(cards).to_have_count(3)
    for i, name in enumerate(ui_words.MODEL_NAMES[key] for key in ("tree", "cnn", "mlp")):
        card = cards.nth(i)
        expect(card.get_by_role("heading", level=3)).to_have_text(name)
        expect(card.locator(".emo-bars th")).to_have_text(list(LABELS))
        expect(card.locator(".emo-share")).to_have_text([PERCENT] * len(LABELS))
    expect(page.locator("p.emo-agree")).to_have_text(AGREEMENT)
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
    expect(stage(page)).to_have_attribute("aria-valuemax", re.compile(r"\d"))


# --- The player ----------------------------------------------------------------------------------


def drag(page: Page, first: float, last: float) -> None:
    """Draw the mouse over the player, from one share of its width to another."""
    stage(page).scroll_into_view_if_needed()
    box = stage(page).bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + first * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + last * box["width"], y, steps=3)
    page.mouse.up()


def test_a_click_seeks_and_space_plays(page: Page) -> None:
    upload(page, "clip.wav", voices.encoded(voices.voice(), subtype="PCM_16"))
    expect_answers(page, "clip.wav")
    drag(page, 0.5, 0.5)
    assert now_s(page) == pytest.approx(0.95, abs=0.05)
    stage(page).press("Home")
    assert now_s(page) == 0.0
    stage(page).press("Space")
    page.wait_for_function(
        "player => Number(player.ariaValueNow ?? player.getAttribute('aria-valuenow')) > 0.3",
        arg=stage(page).element_handle(),
    )
    stage(page).press("Space")
    stage(page).press("End")
    stage(page).press("ArrowLeft")
    assert now_s(page) == pytest.approx(1.9, abs=0.05)


def test_a_selected_part_gets_its_own_answers(page: Page) -> None:
    upload(page, "clip.wav", voices.encoded(voices.voice(), subtype="PCM_16"))
    expect_answers(page, "clip.wav")
    whole = page.locator("table.emo-bars").first.inner_text()
    drag(page, 0.3, 0.6)
    expect(page.get_by_test_id("stText")).to_contain_text("selected: 0.5", timeout=ANSWER_MS)
    expect(page.locator("p.emo-overline")).to_have_text(ui_words.REGION_OVERLINE)
    assert page.locator("table.emo-bars").first.inner_text() != whole
    page.get_by_role("button", name=ui_words.PLAYER["clear"]).click()
    expect(page.get_by_test_id("stText")).not_to_contain_text("selected", timeout=ANSWER_MS)
    expect(page.locator("table.emo-bars").first).to_have_text(re.compile(".+"))


def test_a_part_is_selected_and_zoomed_by_keyboard_alone(page: Page) -> None:
    upload(page, "clip.wav", voices.encoded(voices.voice(), subtype="PCM_16"))
    expect_answers(page, "clip.wav")
    fit = page.get_by_role("button", name=ui_words.PLAYER["fit"])
    expect(fit).to_be_disabled()
    stage(page).focus()
    stage(page).press("+")
    expect(fit).to_be_enabled()
    stage(page).press("0")
    expect(fit).to_be_disabled()
    for _ in range(5):
        stage(page).press("ArrowRight")
    stage(page).press("BracketLeft")
    expect(page.get_by_test_id("stText")).to_contain_text(
        "selected: 0.50 to 2.00", timeout=ANSWER_MS
    )
    stage(page).press("Escape")
    expect(page.get_by_test_id("stText")).not_to_contain_text("selected", timeout=ANSWER_MS)


def test_reasons_are_given_when_asked_for(page: Page) -> None:
    upload(page, "clip.wav", voices.encoded(voices.voice(), subtype="PCM_16"))
    expect_answers(page, "clip.wav")
    page.get_by_text(ui_words.WHY_LABEL, exact=True).click()
    for key in ("tree", "cnn", "mlp"):
        expect(page.locator(f".st-key-why-{key} p").first).to_be_visible(timeout=ANSWER_MS)
    patches = page.locator("[data-emo-patches]").get_attribute("data-emo-patches") or "[]"
    assert len(json.loads(patches)) >= 16
    expect(page.locator(".st-key-why-mlp .emo-shift")).to_have_count(5)


def test_two_minutes_get_a_timeline_that_is_sought_by_clicks(page: Page) -> None:
    part = np.concatenate([voices.voice((180.0, 120.0), 3.0), voices.silence(2.0)])
    upload(page, "talk.wav", voices.encoded(np.tile(part, 24), subtype="PCM_16"))
    expect_answers(page, "talk.wav")
    timeline = page.get_by_role("img", name=re.compile("^The vote over time: "))
    expect(page.get_by_role("button", name=ui_words.TIMELINE_FILES["srt"])).to_be_visible(
        timeout=ANSWER_MS
    )
    expect(timeline.locator(".emo-lane")).to_have_count(4)
    band, lane = (timeline.locator(part).first.bounding_box() for part in (".emo-sad", ".emo-lane"))
    assert band
    assert lane
    assert band["width"] == lane["width"] > 500  # the shares over time stand above their lanes
    place = timeline.locator("[data-emo-seek]")
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    assert box
    place.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    assert now_s(page) == pytest.approx(60.0, abs=0.5)
    left = timeline.locator("[data-emo-head]").evaluate("line => parseFloat(line.style.left)")
    assert left == pytest.approx(50.0, abs=0.5)


# --- Three ways in -------------------------------------------------------------------------------


def test_an_uploaded_clip(page: Page) -> None:
    upload(page, "clip.wav", voices.encoded(voices.voice(), subtype="PCM_16"))
    expect_answers(page, "clip.wav · 2.0")
    assert float(stage(page).get_attribute("aria-valuemax") or 0) == pytest.approx(2.0, abs=0.05)


def test_a_recorded_clip(page: Page) -> None:
    microphone = page.get_by_test_id("stAudioInput")
    microphone.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_timeout(3_000)
    microphone.get_by_role("button", name="Stop recording").click()
    expect_answers(page, "Recording · ")


def test_a_sample(page: Page) -> None:
    if not ui_analyse.list_samples(ui_analyse.SAMPLES_DIR):
        pytest.skip("no samples were made yet")
    for label in (LABELS[0], LABELS[-1]):
        page.get_by_role("button", name=label, exact=True).click()
        expect_answers(page, f"{label}.")
        expect(page.get_by_test_id("stText")).to_contain_text(ui_words.SYNTHETIC)


def test_a_file_without_sound_is_a_sentence_and_the_page_goes_on(page: Page) -> None:
    upload(page, "**notes**.wav", b"Dear diary, today I had no sound.")
    error = page.get_by_test_id("stAlertContentError")
    expect(error).to_contain_text(".")
    expect(error).not_to_contain_text("Traceback")
    expect(page.get_by_test_id("stText")).to_have_text("**notes**.wav")
    page.get_by_role("button", name="Remove").first.click()
    expect(error).to_have_count(0)
    upload(page, "clip.wav", voices.encoded(voices.voice(), subtype="PCM_16"))
    expect_answers(page, "clip.wav")


def test_downloads_and_forgetting(page: Page, tmp_path: Path) -> None:
    upload(page, "clip.wav", voices.encoded(voices.voice(), subtype="PCM_16"))
    expect_answers(page, "clip.wav")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Answers as JSON").click()
    waiting.value.save_as(tmp_path / "emo.json")
    (row,) = json.loads((tmp_path / "emo.json").read_text())
    assert row["path"] == "clip.wav"
    assert list(row["models"]) == ["tree", "cnn", "mlp", "vote"]
    shown = page.locator("h2.emo-verdict").inner_text()
    assert row["models"]["vote"]["label"] in shown
    page.get_by_role("button", name=ui_words.FORGET_LABEL).click()
    expect(page.locator("h2.emo-verdict")).to_have_count(0)


# --- The other pages -----------------------------------------------------------------------------


def test_the_matrices_open_and_switch(page: Page) -> None:
    screens.open_page(page, "Confusion matrices")
    for key in ("tree", "cnn", "mlp", "vote"):
        matrix = page.locator(f".st-key-matrix-{key}")
        expect(matrix.locator(".cell")).to_have_count(len(LABELS) ** 2)
        expect(matrix.get_by_text("Accuracy")).to_be_visible()
    for name, title in words.PROTOCOL_NAMES.items():
        page.get_by_role("radio", name=title, exact=True).click()
        expect(page.get_by_text(words.PROTOCOL_MEANINGS[name])).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
    page.get_by_role("radio", name=words.PROTOCOL_NAMES["clips"], exact=True).click()
    expect(page.get_by_text(words.PROTOCOL_MEANINGS["clips"])).to_be_visible()
    first = page.locator(".st-key-matrix-tree .cell").first
    share = first.inner_text()
    page.get_by_role("radio", name=words.SHOW_NAMES["counts"], exact=True).click()
    expect(first).not_to_have_text(share)


def test_about_opens(page: Page) -> None:
    screens.open_page(page, "About")
    expect(page.get_by_text("5(1)(f)")).to_be_visible()
    expect(page.get_by_text("not stored")).to_be_visible()


# --- Looks ---------------------------------------------------------------------------------------

WIDTHS = (
    "() => [...document.querySelectorAll('[data-testid=stMain], html')]"
    ".map(part => part.scrollWidth - part.clientWidth)"
)
HEADINGS = "() => [...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))"
UNNAMED = """() => [...document.querySelectorAll(
    '[data-testid=stMain] :is(button, input, select, audio[controls])')]
  .filter(e => e.offsetParent && !(e.ariaLabel || e.textContent.trim() || e.title
    || e.labels?.length || e.getAttribute('aria-labelledby')))
  .map(e => e.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("mode", screens.MODES)
def test_every_page_fits_and_reads(browser: Browser, address: str, mode: str) -> None:
    page, watch = open_app(browser, address, mode)
    upload(page, "clip.wav", voices.encoded(voices.voice(), subtype="PCM_16"))
    expect_answers(page, "clip.wav")
    for title in screens.PAGES.values():
        if title != "Analyse":
            screens.open_page(page, title)
        screens.settle(page)
        assert page.evaluate(WIDTHS) == [0, 0], f"{title} scrolls sideways"
        levels = page.evaluate(HEADINGS)
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(b <= a + 1 for a, b in itertools.pairwise(levels)), levels
        assert page.evaluate(UNNAMED) == []
    assert watch.faults == []
    page.context.close()


def test_light_and_dark_differ(browser: Browser, address: str) -> None:
    colours = {}
    for mode in ("light", "dark"):
        page, _ = open_app(browser, address, mode)
        page.get_by_role("button", name="happy", exact=True).click()  # a sample: speech, in colour
        expect_answers(page, "happy.")
        colours[mode] = page.evaluate(
            "() => [document.querySelector('[data-testid=stApp]'), "
            "document.querySelector('.emo-bar.emo-happy')]"
            ".map(part => getComputedStyle(part).backgroundColor)"
        )
        page.context.close()
    assert colours["light"] == ["rgb(251, 250, 247)", "rgb(168, 118, 0)"]
    assert colours["dark"] == ["rgb(20, 23, 26)", "rgb(250, 213, 53)"]
