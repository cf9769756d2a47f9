"""One headless Chromium and one running app for the tests in this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from docs import screens
from tests import voices

MIC_RATE_HZ = 48_000

expect.set_options(timeout=30_000)  # for a machine with other things to do


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tries a test in a browser twice: on a machine that others use, one alone may run out of time.

    What was tried again is counted at the end of the run as "rerun".
    """
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    with screens.serve() as address:
        yield address


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
        if screens.browser_path() is None and not own.exists():
            pytest.skip("no Chromium is installed here")
        yield playwright


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fake microphone hears: a voice of two seconds between short silences."""
    voice = voices.voice((180.0, 120.0), 2.0, MIC_RATE_HZ)
    path = tmp_path_factory.mktemp("microphone") / "voice.wav"
    path.write_bytes(
        voices.encoded(voices.padded(voice, 0.3, 2.0, MIC_RATE_HZ), MIC_RATE_HZ, subtype="PCM_16")
    )
    return path


@pytest.fixture(scope="session")
def browser(playwright: Playwright, microphone: Path) -> Iterator[Browser]:
    browser = screens.launch(
        playwright,
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}%noloop",
    )
    yield browser
    browser.close()
