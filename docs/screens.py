"""Screenshots of every page, light, dark and on a phone, into docs/screens.

Run `python docs/screens.py` in the top folder of the repository; it starts the app itself.  With
names of scenes (`python docs/screens.py analyse about`) it takes those alone.
"""

import contextlib
import io
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
import soxr
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    FilePayload,
    Locator,
    Page,
    Playwright,
    ViewportSize,
    sync_playwright,
)

import emo
from emo.app import text
from emo.app.analyse import text as analyse_text
from emo.app.compare import text as compare_text
from emo.app.live import text as live_text
from emo.app.samples import ALL_EMOTIONS
from emo.audio.clip import RATE_HZ
from emo.labels import LABELS
from emo.system.paths import sample_path
from tests.support import signals
from tests.support.clients import streamlit_client

SCREENS = ROOT / "docs" / "screens"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ("--no-sandbox", "--disable-dev-shm-usage")
START_S = 180  # with a busy machine
PATIENCE_MS = 120_000  # with a busy machine

DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
PHONE_AGENT = (  # the app closes the drawer behind a link where this says Mobile
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/143.0.0.0 Mobile Safari/537.36"
)
MODES = ("light", "dark", "phone")
PAGES = {name.removeprefix("confusion_"): title for name, title in text.PAGES.items()}
"""Title in the navigation of every page, in its order."""

DRAWN = (  # no chart is missing, nor is the framework's code for one still on its way
    "!document.querySelector('[data-testid=stSkeleton]') && "
    "[...document.querySelectorAll('[data-testid=stPlotlyChart]')]"
    ".every(chart => chart.querySelector('.main-svg'))"
)
_HEADING = "() => document.querySelector('h1')?.innerText.trim() ?? null"
SAMPLE = "angry"
SPOKEN = ("sad", "happy", "fearful", "angry", "neutral", "disgusted", "surprised")
"""Samples that the fake microphone has, one after another."""
LIVE_MS = 5_000
MIC_RATE_HZ = 48_000
ROUND = 48210  # of the page Listen
N_EXACT = 48  # colours of a picture that are kept as they are


@dataclass(frozen=True)
class Scene:
    """A page by its title, and what is done on it before it is looked at."""

    title: str
    steps: tuple[Callable[[Page], None], ...] = ()


START = Scene(next(iter(PAGES.values())))
"""The first page as it opens."""


def hide_guide(page: Page) -> None:
    """Put the guide through the first minute away."""
    page.get_by_role("button", name=analyse_text.HIDE_LABEL).click()


def pick_sample(page: Page, emotion: str) -> None:
    """Press the button of a sample, which is in a menu while there is a clip."""
    button = page.locator(f".st-key-sample-{emotion} button")
    menu = page.locator(".st-key-samples-menu button").first
    button.or_(menu).first.wait_for()
    if menu.is_visible() and not button.is_visible():  # neither is there while both are drawn
        menu.click()
    button.click()


def open_tab(page: Page, key: str) -> None:
    """Open a tab below the player."""
    tab = page.get_by_role("tab", name=analyse_text.TABS[key], exact=True)
    tab.click()
    page.locator("[role=tab][aria-selected=true]", has_text=analyse_text.TABS[key]).wait_for()


def choose_sample(page: Page) -> None:
    """Have a sample answered."""
    hide_guide(page)
    pick_sample(page, SAMPLE)
    page.locator("h2.emo-verdict").wait_for()


def ask_why(page: Page) -> None:
    """Have the reasons shown."""
    open_tab(page, "why")
    page.locator(".st-key-why-mlp .emo-shift").first.wait_for()


def change_pitch(page: Page) -> None:
    """Have the models answer for the clip with its voice three semitones higher."""
    open_tab(page, "what-if")
    pitch = page.get_by_role("slider", name=analyse_text.PITCH_LABEL)
    for _ in range(3):
        pitch.press("ArrowRight")
    page.locator(".st-key-reset").wait_for()


def follow_minute(page: Page) -> None:
    """Have the long sample answered over all of its time."""
    hide_guide(page)
    pick_sample(page, ALL_EMOTIONS)
    page.locator("[data-part=stage][data-lanes=done]").wait_for()


def compare_samples(page: Page) -> None:
    """Fill the page of several clips, and put the first two side by side."""
    page.get_by_role("button", name=compare_text.SAMPLES_LABEL).click()
    rows = page.locator("tbody tr[data-id]")
    rows.nth(6).wait_for()
    for i in range(2):
        rows.nth(i).get_by_role("checkbox").check()
    page.get_by_role("heading", name=compare_text.PAIR_TITLE).wait_for()


def teach_voice(page: Page) -> None:
    """Have two emotions learned, of three synthetic voices each."""
    for emotion, pitches_hz in {"happy": (230, 245, 260), "sad": (172, 180, 188)}.items():
        choices = page.locator(".st-key-examples-emotion")
        choices.get_by_text(emotion, exact=True).click()
        choices.get_by_role("radio", name=emotion, checked=True).wait_for()
        settle(page)
        files: list[FilePayload] = [
            {
                "name": f"{emotion} {hz}.wav",
                "mimeType": "audio/wav",
                "buffer": signals.encoded(signals.voice((hz, 0.65 * hz), 2.0), subtype="PCM_16"),
            }
            for hz in pitches_hz
        ]
        teaching_field(page, emotion).set_input_files(files)
        place = page.locator(f".st-key-examples-{emotion} [class*=st-key-example-]")
        place.get_by_role("button").nth(2).wait_for()
    page.locator(".st-key-fitted .emo-top th").first.wait_for()


def teaching_field(page: Page, emotion: str) -> Locator:
    """Return the field for clips of an emotion, which appears after the emotion was chosen."""
    return page.locator(f"[class*=st-key-examples-up-{emotion}-] input[type=file]")


def open_round(page: Page) -> None:
    """Start a round of the page Listen whose clips are always the same."""
    page.goto(f"{page.url.partition('?')[0]}?round={ROUND}")
    page.locator(".choice").last.wait_for()


def name_clip(page: Page, label: str = "angry") -> None:
    """Play a clip of a round, and name its emotion."""
    page.locator(".hear .play").click()
    page.locator(".card[data-heard=true]").wait_for()
    page.locator(f".choice[data-label={label}]").click()
    page.locator(".card[data-phase=answer]").wait_for()


def finish_round(page: Page) -> None:
    """Name the emotions of all clips of a round, each emotion in its turn."""
    for place in range(10):
        if not page.locator(".card[data-phase=answer]").count():  # the first may be named already
            name_clip(page, LABELS[place % len(LABELS)])
        page.locator(".answer .main").click()
        page.locator(f".card[data-phase={'guess' if place < 9 else 'summary'}]").wait_for()


def speak_live(page: Page) -> None:
    """Have a voice answered live, and go on speaking for a while."""
    page.get_by_role("button", name=live_text.LIVE_LABEL, exact=True).click()
    page.locator(".verdict .sign").first.wait_for()
    page.wait_for_timeout(LIVE_MS)


def stop_live(page: Page) -> None:
    """Have the microphone stopped."""
    page.get_by_role("button", name=live_text.WORDS["stop"], exact=True).click()


SCENES = {name: Scene(title) for name, title in PAGES.items()} | {
    "listen": Scene("Listen", (open_round,)),
    "listen-answer": Scene("Listen", (open_round, name_clip)),
    "listen-result": Scene("Listen", (open_round, finish_round)),
    "analyse-start": START,
    "compare": Scene("Compare clips", (compare_samples,)),
    "teach-learned": Scene("Teach it", (teach_voice,)),
    "analyse": Scene("Analyse", (choose_sample,)),
    "analyse-why": Scene("Analyse", (choose_sample, ask_why)),
    "analyse-what-if": Scene("Analyse", (choose_sample, change_pitch)),
    "analyse-timeline": Scene("Analyse", (follow_minute,)),
    "analyse-live": Scene("Analyse", (speak_live,)),
    "analyse-live-stopped": Scene("Analyse", (speak_live, stop_live)),
}
"""Views that are photographed and checked for accessibility, by the name of their files."""


@contextlib.contextmanager
def serve(**environment: str) -> Iterator[str]:
    """Address of the app, started on a free port and stopped at the end."""
    port = streamlit_client.free_port()
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py"]
    settings = {
        "server.address": "127.0.0.1",
        "server.port": port,
        "server.headless": "true",
        "server.fileWatcherType": "none",
    }
    options = [f"--{name}={value}" for name, value in settings.items()]
    process = subprocess.Popen(
        command + options,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"} | environment,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/_stcore/health", process)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:  # the machine is busy
            process.kill()
            process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    """Return once the address answers."""
    give_up = time.monotonic() + START_S
    while time.monotonic() < give_up and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=2):
            return
        time.sleep(0.2)
    raise RuntimeError(f"The app did not start within {START_S} s.")


def browser_path() -> str | None:
    """Return the path of an installed Chromium, or None."""
    return next((path for name in CHROMIUM if (path := shutil.which(name))), None)


def launch(playwright: Playwright, *flags: str) -> Browser:
    """Launch a headless Chromium."""
    return playwright.chromium.launch(
        executable_path=browser_path(), headless=True, args=[*FLAGS, *flags]
    )


def microphone_flags(path: Path) -> tuple[str, ...]:
    """Return the flags with which a file is what every microphone of a browser records.

    Parameters
    ----------
    path
        Mono at 48 kHz, as 16-bit WAV; it begins with every recording, and silence follows it.
    """
    return (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={path}%noloop",
    )


def write_voices(path: Path) -> None:
    """Write the voices of the samples, one after another, for a fake microphone."""
    voices = np.concatenate([emo.load(sample_path(name)).samples for name in SPOKEN])
    resampled = soxr.resample(voices, RATE_HZ, MIC_RATE_HZ)
    path.write_bytes(signals.encoded(resampled, MIC_RATE_HZ, subtype="PCM_16"))


def new_context(browser: Browser, mode: str) -> BrowserContext:
    """Return a new context: a light or dark desktop, or a light phone."""
    on_phone = mode == "phone"
    return browser.new_context(
        viewport=PHONE if on_phone else DESKTOP,
        user_agent=PHONE_AGENT if on_phone else None,
        is_mobile=on_phone,
        has_touch=on_phone,
        color_scheme="dark" if mode == "dark" else "light",
        permissions=["microphone"],
    )


def new_page(browser: Browser, mode: str) -> Page:
    """Open an empty page in a context of its own."""
    return new_context(browser, mode).new_page()


def open_page(page: Page, name: str) -> None:
    """Go to a page by the navigation, on a phone by its drawer."""
    link = page.get_by_test_id("stTopNavLink").get_by_text(name, exact=True)
    drawer = page.get_by_test_id("stExpandSidebarButton")
    link.or_(drawer).first.wait_for()
    if not link.is_visible():
        drawer.click()
        link = page.get_by_test_id("stSidebarNavLink").get_by_text(name, exact=True)
    before = page.evaluate(_HEADING)
    link.click()
    # The heading of the page before stays until the first of the new one comes.
    page.wait_for_function(f"before => ![null, before].includes(({_HEADING})())", arg=before)


def play(page: Page, scene: Scene, before: Scene = START) -> None:
    """Open the page of a scene in an app that shows another scene, and do its steps.

    The steps with which both begin are not done again.
    """
    page.get_by_role("heading", level=1).wait_for()
    if scene.title != before.title:
        open_page(page, scene.title)
    pairs = itertools.zip_longest(scene.steps, before.steps)
    for step, _ in itertools.dropwhile(lambda pair: pair[0] is pair[1], pairs):
        if step is not None:
            step(page)


def settle(page: Page) -> None:
    """Return once the script has run and the charts are drawn."""
    page.wait_for_timeout(500)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    for player in page.locator(".player").all():
        player.wait_for()  # it is hidden until it is drawn
    page.wait_for_function(f"() => {DRAWN}")
    page.wait_for_timeout(700)


def _reduce(image: Image.Image) -> Image.Image:
    """Return the image in 256 colours, with those of large surfaces unchanged."""
    colours, counts = np.unique(np.asarray(image).reshape(-1, 3), axis=0, return_counts=True)
    exact = colours[np.argsort(-counts)[:N_EXACT]]
    others = image.quantize(256 - len(exact), Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette(exact.ravel().tolist() + others)
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


def photograph(page: Page, path: Path) -> None:
    """Write the whole page, as far as it scrolls, as a small PNG of 256 colours."""
    page.mouse.move(0, 0)  # nothing should look as if it were pointed at
    settle(page)
    size = page.viewport_size or DESKTOP
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": max(height, size["height"])})
    settle(page)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path.parent.mkdir(exist_ok=True)
    _reduce(image).save(path, optimize=True)
    page.set_viewport_size(size)


def main(names: Sequence[str]) -> None:
    """Take the screenshots of the named scenes, or of all."""
    with (
        serve() as address,
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as directory,
    ):
        microphone = Path(directory) / "voices.wav"
        write_voices(microphone)
        browser = launch(playwright, *microphone_flags(microphone))
        for name in names or SCENES:
            for mode in MODES:
                page = new_page(browser, mode)
                page.set_default_timeout(PATIENCE_MS)
                page.goto(address)
                play(page, SCENES[name])
                photograph(page, SCREENS / f"{name}-{mode}.png")
                page.context.close()
        browser.close()
    print(f"{len(list(SCREENS.glob('*.png')))} screenshots are in {SCREENS.relative_to(ROOT)}.")


if __name__ == "__main__":
    main(sys.argv[1:])
