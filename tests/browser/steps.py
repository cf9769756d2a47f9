"""Actions and checks of the browser tests, each of which waits as a person would."""

import re
from collections.abc import Iterator
from weakref import WeakKeyDictionary

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    expect,
)

from docs import screens
from emo.app import text
from emo.inference.predictor import MODEL_KEYS
from emo.labels import LABELS

WAIT_MS = 60_000
"""For a machine that has little time for us."""

PERCENT = re.compile(r"^<?\d+\s%$")
AGREEMENT = re.compile(
    r"^(All \w+ (say|differ|are unsure)|\w+ of \w+ say|.* (is|are) unsure\b|The .* say .*; the )"
    r".*\.$"
)

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


_contexts: WeakKeyDictionary[Browser, dict[str, BrowserContext]] = WeakKeyDictionary()


class Watch:
    """Faults of a page: errors on its console, and requests to other hosts."""

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


def new_page(browser: Browser, mode: str = "light") -> Page:
    """Open an empty page that shares the cache of the framework's files with others of its mode.

    The app stores nothing in a browser, so each page starts as the first one did.
    """
    contexts = _contexts.setdefault(browser, {})
    if mode not in contexts:
        contexts[mode] = screens.new_context(browser, mode)
    page = contexts[mode].new_page()
    page.set_default_timeout(WAIT_MS)
    return page


def open_app(browser: Browser, address: str, mode: str = "light") -> tuple[Page, Watch]:
    page = new_page(browser, mode)
    watch = Watch(page, address)
    page.goto(address)
    page.get_by_test_id("stFileUploader").wait_for()
    return page, watch


def upload(page: Page, name: str, data: bytes) -> None:
    field = page.get_by_test_id("stFileUploader").locator("input[type=file]")
    field.set_input_files({"name": name, "mimeType": "audio/wav", "buffer": data})


def stage(page: Page) -> Locator:
    """Return the player's waveform and spectrogram, which take the keyboard and the mouse."""
    return page.get_by_role("slider", name=text.PLAYER["position"])


def expect_idle(page: Page) -> None:
    """Wait until the script has run and all that it drew is on the page."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.wait_for_function("() => !document.querySelector('[data-stale=true]')")


def now_s(page: Page) -> float:
    """Return the position of the playhead in seconds."""
    return float(stage(page).get_attribute("aria-valuenow") or -1)


def expect_now(page: Page, time_s: float, within_s: float = 0.05) -> None:
    """Wait until the playhead reaches a position."""
    page.wait_for_function(
        "([player, time, within]) =>"
        " Math.abs(Number(player.getAttribute('aria-valuenow')) - time) <= within",
        arg=[stage(page).element_handle(), time_s, within_s],
    )


def record(microphone: Locator) -> None:
    """Record with the fake microphone, for as long as its voice lasts."""
    microphone.get_by_role("button", name="Record", exact=True).click()
    clock = microphone.get_by_test_id("stAudioInputWaveformTimeCode")
    expect(clock).to_have_text(re.compile(r"00:0[3-9]"))
    microphone.get_by_role("button", name="Stop recording").click()


def expect_answers(page: Page, clip: str) -> None:
    """Wait for an answer of each model and the ensemble: label, percentage and seven bars."""
    expect(page.get_by_test_id("stText").filter(has_text=clip)).to_be_visible()
    expect(page.locator("h2.emo-verdict")).to_be_visible()
    expect(page.locator("h2.emo-verdict")).to_contain_text(re.compile("|".join(LABELS)))
    cards = page.locator("[class*=st-key-model-]")
    expect(cards).to_have_count(len(MODEL_KEYS))
    for i, name in enumerate(text.MODEL_NAMES[key] for key in MODEL_KEYS):
        card = cards.nth(i)
        expect(card.get_by_role("heading", level=3)).to_have_text(name)
        expect(card.locator(".emo-bars th")).to_have_text(list(LABELS))
        expect(card.locator(".emo-share")).to_have_text([PERCENT] * len(LABELS))
    expect(page.locator("p.emo-agree")).to_have_text(AGREEMENT)
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
    expect(stage(page)).to_have_attribute("aria-valuemax", re.compile(r"\d"))


def drag(page: Page, first: float, last: float) -> None:
    """Drag the mouse over the player, from one share of its width to another."""
    expect_idle(page)  # nothing moves it any more
    stage(page).scroll_into_view_if_needed()
    box = stage(page).bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + first * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + last * box["width"], y, steps=3)
    page.mouse.up()


def each_page(page: Page) -> Iterator[str]:
    """Yield the title of every page after opening it; no page may scroll sideways."""
    for title in screens.PAGES.values():
        if title != "Analyse":
            screens.open_page(page, title)
        screens.settle(page)
        assert page.evaluate(WIDTHS) == [0, 0], f"{title} scrolls sideways"
        yield title
