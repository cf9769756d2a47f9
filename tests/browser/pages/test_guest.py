"""Use a server with a guest: a model by others beside the classifiers."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from docs import screens
from emo.formatting import percent
from tests.browser.steps import expect_idle, open_app
from tests.browser.test_axe import violations
from tests.support import guests, signals


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return guests.save_guest(tmp_path_factory.mktemp("guest") / "loud.onnx")


@pytest.fixture(scope="module")
def own_address(guest: Path) -> Iterator[str]:
    with screens.serve(EMO_GUEST=str(guest)) as address:
        yield address


def test_page_shows_what_predict_says_of_the_guest(
    browser: Browser, own_address: str, guest: Path, tmp_path: Path
) -> None:
    sound = tmp_path / "voice.wav"
    sound.write_bytes(signals.encoded(signals.voice(duration_s=1.2)))
    command = [sys.executable, "-m", "emo", "predict", "--format", "json", "--guest", str(guest)]
    printed = subprocess.run([*command, str(sound)], capture_output=True, text=True, check=True)
    (expected,) = json.loads(printed.stdout)
    with open_app(browser, own_address) as page:
        expect_idle(page)
        uploader = page.get_by_test_id("stFileUploader")
        with page.expect_file_chooser() as chooser:
            uploader.get_by_role("button", name=re.compile(r".*Upload$", re.S)).last.click()
        chooser.value.set_files(sound)
        row = page.locator(".emo-row", has_text="guest")
        expect(row.locator(".emo-row-name")).to_have_text(re.compile(r"Loud is angry\s+guest"))
        answer = expected["models"]["guest"]
        expect(row.locator(".emo-row-answer")).to_contain_text(answer["label"])
        expect(row.locator(".emo-confidence").first).to_have_text(percent(answer["confidence"]))
        ensemble = expected["models"]["ensemble"]
        verdict = page.locator("h2.emo-verdict")
        expect(verdict).to_contain_text(ensemble["label"])
        expect(verdict).to_contain_text(percent(ensemble["confidence"]))
        row.locator("summary").focus()
        page.keyboard.press("Enter")
        expect(row.get_by_role("table")).to_be_visible()
        expect_idle(page)
        assert violations(page) == []
