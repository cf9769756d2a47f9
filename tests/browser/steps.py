"""Actions and checks of the browser tests, each of which waits as a person would."""

import contextlib
import itertools
import re
from collections.abc import Iterator
from typing import Literal
from weakref import WeakKeyDictionary

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Request,
    Response,
    expect,
)

from docs import screens
from emo.app import text
from emo.inference.loading import MODEL_KEYS
from emo.labels import LABELS

Scheme = Literal["light", "dark"]

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


BUSY = "[data-stale=true], [data-testid=stApp]:not([data-test-script-state=notRunning])"
POLICY = "Content Security Policy"
"""In each message of the browser about something that the policy forbids."""

STILL_MS = 150
"""Time in which nothing may change; twice it is more than a slider waits before it sends."""

MAX_STILL_MS = 1_200
"""For a page that never is at rest, such as one that plays."""

STILL = """async ([waits, stillMs, maxMs]) => {
  const isReady = () => READY;
  const roots = root => [root, ...[...root.querySelectorAll('*')]
    .filter(part => part.shadowRoot).flatMap(part => roots(part.shadowRoot))];
  const isFading = () => roots(document).flatMap(root => root.getAnimations())
    .some(one => one.playState === 'running' && one.effect.getComputedTiming().endTime < Infinity);
  let nChanges = 0;
  const observer = new MutationObserver(() => nChanges++);
  observer.observe(document,
    { attributes: true, characterData: true, childList: true, subtree: true });
  const latest = performance.now() + maxMs;
  let left = waits;
  while (left > 0 && isReady() && performance.now() < latest) {
    const before = nChanges;
    await new Promise(done => setTimeout(done, stillMs));
    await fetch('/_stcore/health', { cache: 'no-store' });  // what the server has to do comes first
    left = nChanges > before || isFading() ? waits : left - 1;
  }
  observer.disconnect();
  return isReady();
}"""
"""Wait until nothing has changed on a page for some time; return whether it is ready."""

BACKGROUND = "() => getComputedStyle(document.querySelector('.stApp')).backgroundColor"

_contexts: WeakKeyDictionary[Browser, dict[str, BrowserContext]] = WeakKeyDictionary()
_idle: WeakKeyDictionary[BrowserContext, list[Page]] = WeakKeyDictionary()


class Watch:
    """Faults of a page: errors, failed requests, other hosts, and what the browser refused."""

    def __init__(self, page: Page, address: str) -> None:
        self.faults: list[str] = []
        self._page, self._address = page, address
        page.on("pageerror", self._record_error)
        page.on("console", self._record_message)
        page.on("request", self._record_request)
        page.on("response", self._record_response)

    def stop(self) -> None:
        """Record no more of what happens on the page."""
        self._page.remove_listener("pageerror", self._record_error)
        self._page.remove_listener("console", self._record_message)
        self._page.remove_listener("request", self._record_request)
        self._page.remove_listener("response", self._record_response)

    def _record_error(self, error: Error) -> None:
        self.faults.append(f"page error: {error}")

    def _record_message(self, message: ConsoleMessage) -> None:
        is_refusal = POLICY in message.text and message.type in ("error", "warning")
        if is_refusal or message.type == "error":
            self.faults.append(f"console: {message.text} ({message.location.get('url')})")

    def _record_request(self, request: Request) -> None:
        if not request.url.startswith((self._address, "data:", "blob:")):
            self.faults.append(f"request to {request.url}")

    def _record_response(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"status {response.status}: {response.url}")


@contextlib.contextmanager
def lend_tab(browser: Browser, address: str, mode: str = "light") -> Iterator[Page]:
    """Yield a tab of a mode in which no app is open; another test may use it afterwards.

    All tabs on a desktop share the cache of the framework's files, and so do those on a phone. The
    app stores nothing in a browser, so each page starts as the first one did. A tab that was used
    before has compiled the scripts; opening the app in it takes half the time of the processor. A
    tab in which a test fails is closed.
    """
    device = "phone" if mode == "phone" else "light"
    contexts = _contexts.setdefault(browser, {})
    if device not in contexts:
        contexts[device] = screens.new_context(browser, device)
    idle = _idle.setdefault(contexts[device], [])
    page = idle.pop() if idle else contexts[device].new_page()
    page.set_default_timeout(WAIT_MS)
    page.set_viewport_size(screens.PHONE if mode == "phone" else screens.DESKTOP)
    scheme: Scheme = "dark" if mode == "dark" else "light"
    page.emulate_media(media="screen", color_scheme=scheme, forced_colors="none")
    try:
        yield page
        page.mouse.move(0, 0)
        page.goto(f"{address}/_stcore/health")  # on the same host, so the process stays
        page.evaluate("sessionStorage.clear()")
    except BaseException:
        page.close()
        raise
    idle.append(page)


@contextlib.contextmanager
def open_app(browser: Browser, address: str, mode: str = "light") -> Iterator[Page]:
    """Yield the app's first page, and check at the end that it reported no error."""
    with lend_tab(browser, address, mode) as page:
        watch = Watch(page, address)
        try:
            page.goto(address)
            page.get_by_test_id("stFileUploader").wait_for()
            yield page
            assert page.get_by_test_id("stException").count() == 0
            assert watch.faults == []
        finally:
            watch.stop()


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


def settle(page: Page, waits: int = 2) -> None:
    """Wait until the script has run, the charts are drawn, and nothing moves any more."""
    ready = f"!document.querySelector('{BUSY}') && {screens.DRAWN}"
    while True:
        page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
        for player in page.locator(".player").all():
            player.wait_for()  # it is hidden until it is drawn
        page.wait_for_function(f"() => {ready}")
        if page.evaluate(STILL.replace("READY", ready), [waits, STILL_MS, MAX_STILL_MS]):
            return


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


def expect_lanes(page: Page) -> None:
    """Wait until the player of a longer clip has the answers of all of its windows."""
    expect(page.locator("[data-part=stage][data-lanes=done]")).to_be_visible()


def record(microphone: Locator) -> None:
    """Record with the fake microphone, for as long as its voice lasts."""
    microphone.get_by_role("button", name="Record", exact=True).click()
    clock = microphone.get_by_test_id("stAudioInputWaveformTimeCode")
    expect(clock).to_have_text(re.compile(r"00:0[3-9]"))
    microphone.get_by_role("button", name="Stop recording").click()


def clip_line(page: Page) -> Locator:
    """Return the line that names and describes the clip."""
    return page.locator(".st-key-ways-in").get_by_test_id("stText")


def expect_answers(page: Page, clip: str) -> None:
    """Wait for an answer of each model and the ensemble: label, percentage and seven bars."""
    expect(clip_line(page).filter(has_text=clip)).to_be_visible()
    expect(page.locator("h2.emo-verdict")).to_be_visible()
    verdict = page.locator(".st-key-ensemble .emo-verdict:not(.emo-over-time)")
    expect(verdict).to_contain_text(re.compile("|".join(LABELS)))
    cards = page.locator("[class*=st-key-model-]")
    expect(cards).to_have_count(len(MODEL_KEYS))
    for i, name in enumerate(text.MODEL_NAMES[key] for key in MODEL_KEYS):
        card = cards.nth(i)
        expect(card.locator("h3")).to_have_text(name)  # perhaps in a tab that is not open
        expect(card.locator(".emo-bars th")).to_have_text(list(LABELS))
        expect(card.locator(".emo-share")).to_have_text([PERCENT] * len(LABELS))
    expect(page.locator("p.emo-agree")).to_have_text(AGREEMENT)
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
    expect(stage(page)).to_have_attribute("aria-valuemax", re.compile(r"\d"))


def expect_navigation(page: Page) -> None:
    """Wait for a title and a link to each page: the app runs as a whole, not a page by itself."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    for title in text.PAGES.values():
        expect(page.get_by_test_id("stTopNavLink").get_by_text(title, exact=True)).to_be_visible()


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
        settle(page)
        assert page.evaluate(WIDTHS) == [0, 0], f"{title} scrolls sideways"
        yield title


def turn(page: Page, scheme: Scheme) -> None:
    """Switch an open page to its dark or its light colours."""
    before = page.evaluate(BACKGROUND)
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function(f"before => ({BACKGROUND})() !== before", arg=before)
    settle(page, 1)  # colours fade


def expect_in_order(page: Page) -> None:
    """Check that a page fits, that its headings nest, and that each control has a name."""
    assert page.evaluate(WIDTHS) == [0, 0], "the page scrolls sideways"
    levels = page.evaluate(HEADINGS)
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels)), levels
    assert page.evaluate(UNNAMED) == []
