"""Measure the speed of the page in a real browser, and the bytes that it sends.

    python bench/app.py [--quick] [--save] [uploads] [changes] [selections] [switches] [talks]
                        [sent] [slow] [live] [shifts]

Starts the app and a headless Chromium, prints a row for each target of the named pieces or of all,
and ends with 1 if one is missed.  Times are the browser's own
(`performance.now`), and end when what is waited for has been painted:

- upload to answers: from the last byte of the upload (last request) until the ensemble
  and the cards of all models are there, for different clips of four seconds, each a new one;
- what if to answers: from the key that moves a slider (which the framework holds back for 0.2 s)
  until the ensemble, all models and the table of what changes are as it says; and until the page
  is complete, its player drawn anew;
- selection to answers: from the release of the mouse that selects a part in the player until the
  ensemble and all models are of that part;
- page switch: from the click on a link until the page is complete, its charts included; the first
  time in a browser, some seconds after it was opened, and again;
- a recording of two and of ten minutes: from the last byte of the upload until the player can
  play, until the lanes of its timeline are complete, and until the answers to the whole of it are
  there.  It is the long sample, repeated;
- sent for a clip of 30 s: the payload of all websocket frames, and the bodies of all responses but
  the framework's own files (`/static/`), that the browser receives from the choice of the file
  until the page is complete.  The clip is noise, of which the most has to be sent;
- first visit: from the request of the page, over a line of 400 kbit/s with 100 ms of latency and an
  empty cache (Chromium's own emulation), until something is painted and until the heading is there;
  and the bytes of all that comes before the first script runs, with the headers;
- sound to live answer: from the moment when the browser has read the last tenth of a second of the
  sound that an answer is for, from a microphone that speaks without a pause;
- layout shift: how far what is there moves while a page loads that is opened by its address, added
  up (Cumulative Layout Shift), on a desktop and on a phone, with an empty cache and again; and
  from an upload until the answers are there.
"""

import json
import sys
import tempfile
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
from playwright.sync_api import Browser, Error, Page, sync_playwright

from bench.in_page import CHARTS_ARE_FETCHED, LOADED, NOTE, NOTE_LIVE, NOTE_TALK, SHIFTS, UPLOADED
from bench.measure import Facts, Options, Part, Row, Target, main, make_row, missing_row
from docs import screens
from emo.app import text as app_text
from emo.app.analyse import text as analyse_text
from emo.app.live import text as live_text
from emo.audio import alteration
from emo.audio.clip import RATE_HZ as SAMPLE_RATE_HZ
from emo.audio.clip import decode
from emo.inference.loading import MODEL_KEYS
from emo.system import paths
from tests.support.signals import encoded, voice

UPLOADS, CHANGES, SWITCHES = 50, 20, 5
QUICK = ("changes", "sent")
CLIP_S, LONG_S, RATE_HZ = 4.0, 30.0, 48_000
ANSWER_TARGET_S, CHANGE_TARGET_S, SELECTION_TARGET_S, SWITCH_TARGET_S = 0.8, 0.5, 0.4, 0.8
SENT_TARGET_KB = 700.0
SLOW_KBIT_PER_S, SLOW_LATENCY_MS = 400, 100
PAINT_TARGET_S, FIRST_TARGET_KB = 12.0, 600.0
SLOW_MS = 120_000
TALK_TARGETS_S = {
    2: {"player": 3.0, "lanes": 3.0},
    10: {"player": 3.0, "lanes": 6.0},
}
"""By minutes of the recording; the answers to the whole of it come later, and have no target."""

LIVE_ANSWERS, LIVE_TARGET_S = 20, 0.3
SHIFT_LOADS, SHIFT_TARGET = 4, 0.1
WAIT_MS = 60_000

ANSWERED = " && ".join(
    [
        "document.querySelector('h2.emo-verdict')",
        *(f"document.querySelector('.st-key-model-{key} .emo-share')" for key in MODEL_KEYS),
    ]
)
IDLE = "document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"
# What the page says of how the clip was altered, empty where it was not.
WARNED = "(document.querySelector('.st-key-altered')?.textContent.trim() ?? '')"
# The selected part in the line that describes the clip, empty for the whole of it.
SELECTED = (
    "(document.querySelector('.st-key-ways-in')?.textContent"
    ".match(/selected: [\\d.]+ to [\\d.]+/)?.[0] ?? '')"
)
# Cards of the models, and the table of what changes, are those of this run of the script.
RENEWED = (
    "!document.querySelector(':is(.st-key-models, .st-key-doubtful-models, .st-key-ensemble)"
    " [data-stale=true]')"
)


def open_app(browser: Browser, address: str) -> Page:
    """Open the app's first page in a browser context of its own."""
    page = screens.new_page(browser, "light")
    page.set_default_timeout(WAIT_MS)
    page.goto(address)
    page.get_by_test_id("stFileUploader").wait_for()
    screens.settle(page)
    return page


def note(page: Page, wished: str, event: str = "", least: str = "false") -> None:
    """From now on the page notes when the event comes, and when what is wished is painted."""
    page.evaluate(NOTE, [event, wished, least])


def noted(page: Page) -> tuple[float, float]:
    """When the event came (0 where there was none to wait for), and when the wish was painted."""
    page.wait_for_function("() => window.emoNote.to !== null", polling=20)
    found = page.evaluate("window.emoNote")
    return (found["from"] or 0.0) / 1000, found["to"] / 1000


def upload(page: Page, name: str, data: bytes) -> None:
    """Give the app a file."""
    field = page.get_by_test_id("stFileUploader").locator("input[type=file]")
    field.set_input_files({"name": name, "mimeType": "audio/wav", "buffer": data})


# --- What is measured ----------------------------------------------------------------------------


def time_uploads(page: Page, count: int) -> Iterator[float]:
    """Seconds from the end of each upload to its answers; forgets each clip before the next."""
    spoken = voice(duration_s=CLIP_S, rate_hz=RATE_HZ)
    for i in range(count):
        note(page, ANSWERED)
        upload(page, f"clip-{i}.wav", encoded(spoken * np.float32(1 - i / (2 * count)), RATE_HZ))
        _, answered_s = noted(page)
        yield answered_s - page.evaluate(UPLOADED) / 1000
        screens.settle(page)
        page.get_by_role("button", name=analyse_text.REMOVE_LABEL).click()
        page.locator("h2.emo-verdict").wait_for(state="detached")
        screens.settle(page)


def time_changes(page: Page, count: int) -> Iterator[tuple[float, float]]:
    """Seconds from each step of the slider of pitch, on a page with a clip: to answers, to all."""
    screens.open_tab(page, "what-if")
    slider = page.get_by_role("slider", name=analyse_text.PITCH_LABEL)
    slider.press("Home")
    screens.settle(page)
    low = int(alteration.RANGES["pitch_semitones"][0])
    for i in range(count):
        settings = alteration.Alteration(pitch_semitones=low + 1 + i)
        said = json.dumps(alteration.alteration_warning(settings))
        is_neutral = settings == alteration.NEUTRAL
        warned = f"{WARNED} === ''" if is_neutral else f"{WARNED}.includes({said})"
        answered = f"{warned} && {RENEWED}"
        note(page, f"{answered} && {IDLE}", "keydown", answered)
        slider.press("ArrowRight")
        pressed_s, changed_s = noted(page)
        yield page.evaluate("window.emoNote.first") / 1000 - pressed_s, changed_s - pressed_s
        screens.settle(page)


def time_selections(page: Page, count: int) -> Iterator[float]:
    """Seconds from the end of each selection by mouse to its answers, on a page with a clip."""
    stage = page.get_by_role("slider", name=app_text.PLAYER["position"])
    stage.scroll_into_view_if_needed()
    for i in range(count):
        box = stage.bounding_box()
        assert box
        y = box["y"] + box["height"] / 2
        # Left and right in turn, so that a new part is drawn and none is moved.
        first, last = (box["x"] + box["width"] * (share + i % 2 / 2) for share in (0.05, 0.4))
        before = page.evaluate(SELECTED)
        note(page, f"!['', {json.dumps(before)}].includes({SELECTED}) && {RENEWED}", "pointerup")
        page.mouse.move(first, y)
        page.mouse.down()
        page.mouse.move(last + i, y, steps=3)
        page.mouse.up()
        released_s, answered_s = noted(page)
        yield answered_s - released_s
        screens.settle(page)


def time_talk(page: Page, minutes: int) -> dict[str, float]:
    """Seconds from the end of an upload of some minutes to its player, lanes and answers."""
    minute = decode((paths.SAMPLES_DIR / "minute.flac").read_bytes(), "minute.flac").samples
    talk = np.tile(minute, minutes)[: minutes * 60 * SAMPLE_RATE_HZ]
    page.evaluate(NOTE_TALK)
    upload(page, f"talk of {minutes} min.wav", encoded(talk, SAMPLE_RATE_HZ, subtype="PCM_16"))
    done = "() => !Object.values(window.emoTalk).includes(null)"
    page.wait_for_function(done, polling=50, timeout=10 * WAIT_MS)
    uploaded_ms = page.evaluate(UPLOADED)
    noted_ms = page.evaluate("window.emoTalk")
    return {name: (time_ms - uploaded_ms) / 1000 for name, time_ms in noted_ms.items()}


def time_switch(page: Page, title: str) -> float:
    """Seconds from the click on a link to its complete page."""
    before = page.get_by_role("heading", level=1).inner_text()
    others = f"![undefined, {json.dumps(before)}]"
    other = f"{others}.includes(document.querySelector('h1')?.innerText.trim())"
    note(page, f"{other} && {IDLE} && {screens.DRAWN}", "click")
    screens.open_page(page, title)
    clicked_s, shown_s = noted(page)
    screens.settle(page)
    return shown_s - clicked_s


def time_switches(page: Page, rounds: int) -> dict[str, list[float]]:
    """Seconds of each switch to a page, by its title, from the app's first page on."""
    first, *others = screens.PAGES.values()
    took: dict[str, list[float]] = {title: [] for title in screens.PAGES.values()}
    for _ in range(rounds):
        for title in (*others, first):
            took[title].append(time_switch(page, title))
    return took


def count_sent_kb(page: Page, act: Callable[[], None]) -> dict[str, float]:
    """Kilobytes (1000 bytes) that the page receives while something is done, by kind.

    Frames of websockets count with their payload, responses with their headers and body as they
    come over the wire.  The framework's own files do not count.
    """
    sent = {"frames": 0.0, "responses": 0.0}
    own: set[str] = set()
    session = page.context.new_cdp_session(page)

    def frame(event: dict[str, Any]) -> None:
        response = event["response"]
        data = response["payloadData"]
        is_text = response["opcode"] == 1
        sent["frames"] += len(data.encode() if is_text else b64decode(data)) / 1000

    def response(event: dict[str, Any]) -> None:
        url = str(event["response"]["url"])
        if "/static/" in url or not url.startswith("http"):
            own.add(event["requestId"])

    def finished(event: dict[str, Any]) -> None:
        if event["requestId"] not in own:
            sent["responses"] += event["encodedDataLength"] / 1000

    session.on("Network.webSocketFrameReceived", frame)
    session.on("Network.responseReceived", response)
    session.on("Network.loadingFinished", finished)
    session.send("Network.enable")
    act()
    session.detach()
    return sent


def count_sent_for_noise_kb(page: Page) -> dict[str, float]:
    """Kilobytes that the page receives for half a minute of noise, by kind."""
    noise = np.random.default_rng(0).standard_normal(round(LONG_S * RATE_HZ)) * 0.2
    data = encoded(noise.astype(np.float32), RATE_HZ)

    def act() -> None:
        upload(page, "noise.wav", data)
        page.locator("h2.emo-verdict").wait_for()
        screens.settle(page)

    return count_sent_kb(page, act)


@dataclass(frozen=True)
class FirstVisit:
    """A page that was opened with an empty cache.

    Attributes
    ----------
    painted_s, heading_s
        Seconds until something was painted, and until the heading was there.
    received_kb
        Kilobytes (1000 bytes) that came before the scripts ran, with the headers.
    """

    painted_s: float
    heading_s: float
    received_kb: float


def visit_first(
    browser: Browser, address: str, kbit_per_s: float = SLOW_KBIT_PER_S, slow_until: str = "h1"
) -> FirstVisit:
    """Open the first page over a slow line, with an empty cache.

    Parameters
    ----------
    kbit_per_s
        Speed of the line.
    slow_until
        CSS selector of what must be on the page before the line becomes fast.
    """
    page = screens.new_page(browser, "light")
    page.set_default_timeout(SLOW_MS)
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    line = {"offline": False, "latency": SLOW_LATENCY_MS, "uploadThroughput": -1}
    bytes_per_s = 1000 * kbit_per_s / 8
    session.send("Network.emulateNetworkConditions", {**line, "downloadThroughput": bytes_per_s})
    page.goto(address, wait_until="commit")
    page.locator(slow_until).first.wait_for()
    page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length")
    session.send("Network.emulateNetworkConditions", {**line, "downloadThroughput": -1})
    page.get_by_role("heading", level=1).wait_for()
    heading_s = page.evaluate("performance.now()") / 1000
    received_kb = page.evaluate(LOADED) / 1000
    painted = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    painted_s = page.evaluate(painted) / 1000
    page.context.close()
    return FirstVisit(painted_s, heading_s, received_kb)


def time_live(page: Page, count: int) -> list[float]:
    """Seconds from the sound to so many live answers."""
    page.get_by_role("button", name=live_text.LIVE_LABEL, exact=True).click()
    page.locator(".verdict .sign").first.wait_for()
    page.locator(".answer").evaluate(NOTE_LIVE)
    page.wait_for_function(f"() => window.emoDelays.length >= {count}")
    found: list[float] = page.evaluate("window.emoDelays")
    page.get_by_role("button", name=live_text.WORDS["stop"], exact=True).click()
    return [delay_ms / 1000 for delay_ms in found[:count]]


# --- The table -----------------------------------------------------------------------------------


def judge(name: str, values: Sequence[float], limit: float, unit: str) -> Row:
    """Return a row whose 95th percentile, or single value, must not exceed the limit."""
    return make_row(name, values, unit, Target("≤", limit, "median" if len(values) == 1 else "p95"))


def measure_uploads(browser: Browser, address: str) -> Iterator[Row]:
    """Yield the rows of the first upload in a new app, and of all uploads."""
    page = open_app(browser, address)
    times = tuple(time_uploads(page, UPLOADS))
    yield judge("upload to answers, the first", times[:1], ANSWER_TARGET_S, "s")
    yield judge("upload to answers", times, ANSWER_TARGET_S, "s")
    page.context.close()


def measure_changes(browser: Browser, address: str) -> Iterator[Row]:
    """Yield the rows of a slider's steps."""
    page = open_app(browser, address)
    upload(page, "clip.wav", encoded(voice(duration_s=CLIP_S, rate_hz=RATE_HZ), RATE_HZ))
    page.locator("h2.emo-verdict").wait_for()
    screens.settle(page)
    answered, complete = zip(*time_changes(page, CHANGES), strict=True)
    yield judge("what if to answers", answered, CHANGE_TARGET_S, "s")
    yield judge("what if to the complete page", complete, SWITCH_TARGET_S, "s")
    page.context.close()


def measure_selections(browser: Browser, address: str) -> Iterator[Row]:
    """Yield the row of selected parts."""
    page = open_app(browser, address)
    upload(page, "clip.wav", encoded(voice(duration_s=CLIP_S, rate_hz=RATE_HZ), RATE_HZ))
    page.locator("h2.emo-verdict").wait_for()
    screens.settle(page)
    times = tuple(time_selections(page, CHANGES))
    yield judge("selection to answers", times, SELECTION_TARGET_S, "s")
    page.context.close()


def measure_switches(browser: Browser, address: str) -> Iterator[Row]:
    """For each page the first switch to it, and the later ones."""
    page = open_app(browser, address)
    page.wait_for_function(CHARTS_ARE_FETCHED)  # some seconds later
    for title, took in time_switches(page, SWITCHES).items():
        yield judge(f"first switch to {title}", tuple(took[:1]), SWITCH_TARGET_S, "s")
        yield judge(f"switch to {title}", tuple(took[1:]), SWITCH_TARGET_S, "s")
    page.context.close()


def measure_talks(browser: Browser, address: str) -> Iterator[Row]:
    """Yield the rows of long recordings, each in a tab of its own."""
    for minutes, limits_s in TALK_TARGETS_S.items():
        page = open_app(browser, address)
        took = time_talk(page, minutes)
        for name, limit_s in limits_s.items():
            yield judge(f"{minutes} min: upload to {name}", (took[name],), limit_s, "s")
        page.context.close()


def measure_sent(browser: Browser, address: str) -> Iterator[Row]:
    """Yield the rows of sending a long clip."""
    page = open_app(browser, address)
    sent = count_sent_for_noise_kb(page)
    page.context.close()
    yield judge("sent for a clip of 30 s", (sum(sent.values()),), SENT_TARGET_KB, "kB")


def measure_slow(browser: Browser, address: str) -> Iterator[Row]:
    """Yield the rows of a first visit over a slow line."""
    open_app(browser, address).context.close()  # the server is ready
    visit = visit_first(browser, address)
    yield judge(
        "first visit at 400 kbit/s to the first paint", (visit.painted_s,), PAINT_TARGET_S, "s"
    )
    yield make_row("first visit at 400 kbit/s to the heading", (visit.heading_s,), "s")
    yield judge("received before the scripts run", (visit.received_kb,), FIRST_TARGET_KB, "kB")


def measure_live(browser: Browser, address: str) -> Iterator[Row]:
    """Yield the row of the answers to a live microphone."""
    page = open_app(browser, address)
    times = time_live(page, LIVE_ANSWERS)
    yield judge("sound to live answer", times, LIVE_TARGET_S, "s")
    page.context.close()


def measure_shifts(browser: Browser, address: str) -> Iterator[Row]:
    """Yield a row for each page on a desktop and on a phone, and one for an upload."""
    open_app(browser, address).context.close()  # the server is ready
    for mode in ("light", "phone"):
        for name, title in app_text.PAGES.items():
            context = screens.new_context(browser, mode)
            shifts = [
                load_shift(context.new_page(), f"{address}/{name}") for _ in range(SHIFT_LOADS)
            ]
            place = "on a phone" if mode == "phone" else "on a desktop"
            yield judge(f"layout shift of {title}, {place}", shifts, SHIFT_TARGET, "CLS")
            context.close()
    clip = encoded(voice(duration_s=CLIP_S, rate_hz=RATE_HZ), RATE_HZ)
    shifts = [upload_shift(open_app(browser, address), clip) for _ in range(SHIFT_LOADS)]
    yield judge("layout shift after an upload", shifts, SHIFT_TARGET, "CLS")


def upload_shift(page: Page, clip: bytes) -> float:
    """Return the sum of the layout shifts from an upload to the answers, and close the page."""
    before = float(page.evaluate(SHIFTS))
    upload(page, "clip.wav", clip)
    page.locator("h2.emo-verdict").wait_for()
    screens.settle(page)
    shift = float(page.evaluate(SHIFTS)) - before
    page.context.close()
    return shift


def load_shift(page: Page, address: str) -> float:
    """Return the sum of the layout shifts while a page loads, and close it."""
    page.set_default_timeout(WAIT_MS)
    page.goto(address)
    page.locator("h1").wait_for()
    screens.settle(page)
    shift = float(page.evaluate(SHIFTS))
    page.close()
    return shift


PIECES: dict[str, Callable[[Browser, str], Iterator[Row]]] = {
    "uploads": measure_uploads,
    "changes": measure_changes,
    "selections": measure_selections,
    "switches": measure_switches,
    "talks": measure_talks,
    "sent": measure_sent,
    "slow": measure_slow,
    "live": measure_live,
    "shifts": measure_shifts,
}
"""Pieces that can be measured alone."""


def measure(options: Options) -> Iterator[Row | Facts]:
    """Yield the rows of all pieces; a quick run leaves out those that take minutes."""
    with (
        screens.serve() as address,
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as directory,
    ):
        microphone = Path(directory) / "voices.wav"
        screens.write_voices(microphone)
        try:
            browser = screens.launch(playwright, *screens.microphone_flags(microphone))
        except Error:
            yield missing_row("the page in a browser", "s", "there is no Chromium")
            return
        yield Facts({"versions": {"Chromium": browser.version}})
        for name in options.only or (QUICK if options.quick else PIECES):
            yield from PIECES[name](browser, address)
        browser.close()


PART = Part(
    "app",
    "The page in a browser",
    "Times of the browser's own clock, until what is waited for has been painted; what each is "
    "stands in `bench/app.py`.",
    measure,
    tuple(PIECES),
)

if __name__ == "__main__":
    sys.exit(main(PART))
