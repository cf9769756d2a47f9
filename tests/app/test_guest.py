"""Test the guest on the page *Analyse*, in Streamlit's test runner."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from emo.app.analyse import text
from emo.app.serving import guest as serving
from emo.errors import GuestError
from emo.inference.guest import model
from tests.support import pages
from tests.support.guests import save_guest
from tests.support.pages import APP, check, html


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    pages.install(tmp_path, monkeypatch)
    monkeypatch.setenv(serving.GUEST_ENV, str(save_guest(tmp_path / "g.onnx")))
    serving.server_guest.cache_clear()
    yield
    serving.server_guest.cache_clear()


def open_sample() -> AppTest:
    at = AppTest.from_file(APP, default_timeout=30)
    at.query_params["sample"] = "sad"
    return check(at.run())


def test_page_shows_the_guest_beside_the_models_and_marks_it() -> None:
    shown = html(open_sample())
    assert 'class="emo-tag">guest</span>' in shown
    assert shown.count("Loud is angry") >= 3  # its row, its bars, its card
    assert text.GUEST_KIND in shown
    assert "It measures loudness." in shown
    assert text.GUEST_UNMEASURED in shown


def test_page_without_a_guest_shows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(serving.GUEST_ENV)
    assert "emo-tag" not in html(open_sample())


def test_page_answers_without_a_guest_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: model.Guest, clip: object) -> None:
        raise GuestError("It failed in /secret.")

    monkeypatch.setattr(model.Guest, "answer", fail)
    shown = html(open_sample())
    assert "emo-verdict" in shown
    assert "Loud is angry" not in shown
    assert "/secret" not in shown


def test_server_says_at_the_start_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(serving.GUEST_ENV, str(tmp_path / "none.onnx"))
    with caplog.at_level(logging.ERROR, "emo.server"):
        assert serving.server_guest() is None
    (record,) = caplog.records
    assert record.getMessage() == (
        f"EMO_GUEST: There is no ONNX file at {tmp_path / 'none.onnx'}. The pages are served "
        "without a guest."
    )
