"""A random walk in a browser, with a check of the page after each step."""

import contextlib
import json
import random
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Playwright, Response

from docs import screens
from emo.audio import alteration
from tests.browser.steps import Watch
from tests.support import signals
from tests.walk.actions import ACTIONS, upload_file
from tests.walk.clips import clips, wrong_files
from tests.walk.window import KEEP_FILES, READ, Window, check, page_state

WAIT_MS = 60_000
MIC_RATE_HZ = 48_000
KEYS = ("ArrowRight", "ArrowLeft", "Home", "End", "PageUp")


class Walker:
    """A browser in which random actions are run.

    Parameters
    ----------
    address
        Address of the page.
    seed
        Seed of the actions.
    folder
        Folder of the files to upload.
    """

    def __init__(self, browser: Browser, address: str, seed: int, folder: Path) -> None:
        self._rng = random.Random(seed)
        self._address = address
        self._folder = folder
        self._context: BrowserContext = screens.new_context(browser, "light")
        self._context.add_init_script(KEEP_FILES)
        self.windows: list[Window] = []
        self.steps: list[tuple[str, dict[str, Any]]] = []
        self.open_window()

    def close(self) -> None:
        """Close all tabs."""
        self._context.close()

    # --- Steps ---------------------------------------------------------------------------------

    def walk(self, n_steps: int) -> None:
        """Run random actions, and check the page after each."""
        for _ in range(n_steps):
            name, arguments = self.draw()
            self.do(name, arguments)

    def draw(self) -> tuple[str, dict[str, Any]]:
        """Return the name and the arguments of the next action."""
        rng = self._rng
        name = rng.choices(list(ACTIONS), [weight for _, weight in ACTIONS.values()])[0]
        arguments = {
            "window": rng.randrange(2),
            "name": rng.choice(sorted(clips())),
            "wrong": rng.choice(sorted(wrong_files())),
            "place": rng.randrange(1000),
            "ends": [round(rng.uniform(0.02, 0.98), 3), round(rng.uniform(0.02, 0.98), 3)],
            "key": rng.choice(KEYS),
            "times": rng.randrange(1, 4),
        }
        return name, arguments

    def do(self, name: str, arguments: dict[str, Any]) -> None:
        """Run an action in one of two tabs, and check the page."""
        self.steps.append((name, arguments))
        number = arguments["window"]
        while len(self.windows) <= number:
            self.open_window()
        window = self.windows[number]
        window.page.bring_to_front()
        action, _ = ACTIONS[name]
        action(window, arguments)
        check(window)

    def open_window(self) -> Window:
        """Open the page *Analyse* in a new tab."""
        page = self._context.new_page()
        page.set_default_timeout(WAIT_MS)
        window = Window(page, Watch(page, self._address), self._folder)

        def record_refusal(response: Response) -> None:
            # A page that is opened by its address first searches for the server below itself.
            is_search = re.search(r"/[a-z_]+/_stcore/(health|host-config)$", response.url)
            if response.status >= 400 and not is_search:
                window.refused.append(f"{response.status} {response.url}")

        page.on("response", record_refusal)
        page.goto(self._address)
        page.get_by_test_id("stFileUploader").wait_for()
        self.windows.append(window)
        return window


# --- A browser and a server ----------------------------------------------------------------------


@contextlib.contextmanager
def launched(playwright: Playwright) -> Iterator[Browser]:
    """Yield a browser whose microphone plays a voice."""
    with tempfile.TemporaryDirectory() as folder:
        voice = signals.padded(
            signals.voice((180.0, 120.0), 2.0, MIC_RATE_HZ), 0.3, 2.0, MIC_RATE_HZ
        )
        microphone = Path(folder) / "microphone.wav"
        microphone.write_bytes(signals.encoded(voice, MIC_RATE_HZ, subtype="PCM_16"))
        browser = screens.launch(
            playwright,
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone}",
        )
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def walking(browser: Browser, address: str, seed: int) -> Iterator[Walker]:
    """Yield a walker with tabs of its own in a browser."""
    with tempfile.TemporaryDirectory() as folder:
        walker = Walker(browser, address, seed, Path(folder))
        try:
            yield walker
        except BaseException:
            print(f"The walk of seed {seed} failed at step {len(walker.steps)} of:")
            print(json.dumps(walker.steps))
            raise
        finally:
            walker.close()


def upload_in_a_row(walker: Walker, files: dict[str, bytes]) -> int:
    """Upload clips one after another by the file chooser; return their number."""
    window = walker.windows[0]
    for name, data in files.items():
        path = window.folder / name
        path.write_bytes(data)
        upload_file(window, path, data)
        check(window)
        shown = page_state(window.page.evaluate(READ))
        assert shown.settings == alteration.NEUTRAL
    return len(files)
