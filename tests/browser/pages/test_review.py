"""Review a batch on the page of ``emo review``: by keyboard, by mouse, and after a kill."""

import contextlib
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from emo.app.review import text
from emo.audio import clip as audio_clip
from emo.formatting import percent
from emo.inference.loading import load_models
from emo.inference.predictor import predict
from emo.labels import LABELS
from emo.review import report
from emo.review.labels import read_labels
from tests.browser import steps
from tests.browser.pages.test_listen import ALL_HTML
from tests.browser.test_axe import violations
from tests.support.clients import streamlit_client
from tests.support.reviews import ENDS_S, N_CLIPS, Command, reviewing, write_rows

CLICK_MS = 1_000  # in which a click shows whether the clip plays


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("review"))


@contextlib.contextmanager
def opened(browser: Browser, command: Command, mode: str = "light") -> Iterator[Page]:
    """Yield the open page, and check at the end that it reported no error."""
    with steps.lend_tab(browser, command.host, mode) as page:
        watch = steps.Watch(page, command.host)
        try:
            page.goto(command.address)
            page.get_by_role("button", name=text.START_LABEL, exact=True).wait_for()
            yield page
            assert watch.faults == []
        finally:
            watch.stop()


def start(page: Page, rater: str) -> None:
    page.get_by_role("textbox", name=text.RATER_LABEL).fill(rater)
    page.keyboard.press("Enter")


def at_place(page: Page, place: int) -> None:
    """Wait for the card of the clip at a place."""
    page.locator(f".card[data-place='{place}']").wait_for()


def hear(page: Page) -> None:
    """Wait until enough of the clip was heard, which plays by itself."""
    expect(page.locator(".card[data-heard=true]")).to_be_visible()


def hear_by_click(page: Page) -> None:
    """Play the clip by mouse; where the browser has let it begin already, a click stops it."""
    heard, play = page.locator(".card[data-heard=true]"), page.locator(".play")
    for _ in range(steps.WAIT_MS // CLICK_MS):
        if heard.is_visible():
            return
        if play.get_attribute("data-playing") == "false":
            play.click()
        page.wait_for_timeout(CLICK_MS)
    expect(heard).to_be_visible()


def is_gone(address: str) -> bool:
    """Return whether nothing answers at an address within a while."""
    until_s = time.monotonic() + ENDS_S
    while time.monotonic() < until_s:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
        except OSError:
            return True
        time.sleep(0.2)
    return False


def expect_last(page: Page, path: Path, label: str) -> None:
    """Check that the last answer is shown beside what `emo predict` says of the clip."""
    answers = predict(audio_clip.load(path), load_models()).answers
    shown = page.locator("[data-part=said] li").all_inner_texts()
    assert shown[0].split() == ["Ensemble", *_said(answers["ensemble"]).split()]
    assert len(shown) == len(answers)
    for key, answer in answers.items():
        assert f"{text.NAMES[key]} {_said(answer)}" in [one.replace("\n", " ") for one in shown]
    expect(page.locator("[data-part=last-line]")).to_contain_text(path.name)
    expect(page.locator("[data-part=last-line] b")).to_have_text(label)


def _said(answer) -> str:
    return f"{answer.label}{'?' * answer.unsure} {percent(answer.confidence)}"


def review_on_a_phone(browser: Browser, command: Command) -> None:
    """Label a clip by touch, and find the page closed without its key and for other hosts."""
    with opened(browser, command, "phone") as page:
        assert violations(page) == []
        start(page, "Ben")
        at_place(page, 0)
        sizes = [button.bounding_box() for button in page.locator(".choice, .play").all()]
        assert all(size and min(size["width"], size["height"]) >= 44 for size in sizes)
        hear(page)
        page.locator(".choice[data-label=happy]").tap()
        at_place(page, 1)
        steps.expect_in_order(page)
        assert violations(page) == []
        page.goto(command.host)
        expect(page.get_by_text("belongs to the command")).to_be_visible()
    request = urllib.request.Request(command.host, headers={"Host": "evil.example.org"})
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(request, timeout=10)


def test_review_by_keyboard_survives_a_kill_and_ends_by_mouse(
    browser: Browser, rows: Path, tmp_path: Path
) -> None:
    out, port = tmp_path / "labels.csv", streamlit_client.free_port()
    with reviewing(rows, out, port) as command:
        with opened(browser, command) as page:
            assert violations(page) == []
            start(page, "Anna")
            at_place(page, 0)
            names = [path.stem for path in rows.parent.glob("*.opus")]
            shown = page.evaluate(ALL_HTML)
            assert [name for name in names if name in shown] == []
            page.keyboard.press("u")  # nothing to undo
            for place in range(2):
                at_place(page, place)
                hear(page)
                page.keyboard.press(str(place + 1))
            at_place(page, 2)
            labels = read_labels(out)
            assert [one.label for one in labels] == list(LABELS[:2])
            assert {one.rater for one in labels} == {"Anna"}
            expect_last(page, rows.parent / labels[1].path, LABELS[1])
            page.keyboard.press("u")
            at_place(page, 1)
            hear(page)
            page.keyboard.press("7")
            at_place(page, 2)
            page.get_by_role("checkbox", name=text.WORDS["auto"]).uncheck()
            page.keyboard.press("8")  # needs no hearing
            at_place(page, 3)
            page.keyboard.press("4")
            expect(page.locator("[data-part=note]")).to_have_text(text.WORDS["listen_first"])
            assert violations(page) == []
            steps.turn(page, "dark")
            steps.expect_in_order(page)
            assert violations(page) == []
        before = out.read_bytes()
        command.process.kill()
        command.process.communicate(timeout=ENDS_S)
        assert is_gone(command.host)  # the server ends with the command
    assert out.read_bytes() == before
    first = [(one.label, one.first_label) for one in read_labels(out)]
    assert first == [("angry", ""), ("surprised", "disgusted"), ("(several)", "")]

    with reviewing(rows, out, port) as command:
        review_on_a_phone(browser, command)
        with opened(browser, command) as page:
            start(page, "Anna")
            at_place(page, 3)
            expect(page.get_by_text(text.resumed("Anna", 3, N_CLIPS))).to_be_visible()
            hear_by_click(page)
            page.locator(".choice[data-label=sad]").click()
            at_place(page, 4)
            page.get_by_role("button", name=text.WORDS["undo"]).click()
            at_place(page, 3)
            page.get_by_role("button", name="none of them").click()
            at_place(page, 4)
            page.get_by_role("button", name=text.WORDS["finish"]).click()
            expect(page.get_by_role("heading", name=text.RESULTS_TITLE)).to_be_visible()
            page.get_by_role("button", name=text.CONTINUE_LABEL).click()
            at_place(page, 4)
            for place in (5, N_CLIPS):
                page.get_by_role("button", name="skip", exact=False).click()
                if place < N_CLIPS:
                    at_place(page, place)
            expect(page.get_by_role("heading", name=text.RESULTS_TITLE)).to_be_visible()
            steps.expect_in_order(page)
            assert violations(page) == []
            cells = page.locator(".emo-table").first.locator("tbody tr").first.locator("td")
            estimate = cells.first.inner_text()
        printed = command.stop()
    assert f"{report.NAMES['answer']:<26}{estimate}".replace("\xa0", " ") in printed
    assert "Anna: 2 clips with one emotion, 1 with several, 1 with none of them and 2" in printed
    assert "Ben: 1 clip with one emotion; the batch has 6 clips." in printed
    assert "Agreement of the 2 raters on 1 clip: alpha" in printed
