"""One headless Chromium and one running app for the tests in this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from docs import screens
from tests.browser import steps
from tests.support import signals

MOST_S = 600  # of a test, on a machine that has little time for us

expect.set_options(timeout=steps.WAIT_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, and give each a long time limit and a second try.

    On a busy machine a test may run out of time; tests that were tried again are counted at
    the end of the run as "rerun".
    """
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(MOST_S))
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    with screens.serve() as address:
        yield address


@pytest.fixture(scope="package")  # while it lives, its event loop is that of the whole process
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
        if screens.browser_path() is None and not own.exists():
            pytest.skip("no Chromium is installed here")
        yield playwright


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of the fake microphone: two seconds of a voice between short silences."""
    rate_hz = screens.MIC_RATE_HZ
    voice = signals.voice((180.0, 120.0), 2.0, rate_hz)
    path = tmp_path_factory.mktemp("microphone") / "voice.wav"
    padded = signals.padded(voice, 0.3, 2.0, rate_hz)
    path.write_bytes(signals.encoded(padded, rate_hz, subtype="PCM_16"))
    return path


@pytest.fixture(scope="package")
def browser(playwright: Playwright, microphone: Path) -> Iterator[Browser]:
    browser = screens.launch(playwright, *screens.microphone_flags(microphone))
    yield browser
    browser.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """Open the first page, and check at the end that no opened page reported an error."""
    with steps.open_app(browser, address) as page:
        yield page
