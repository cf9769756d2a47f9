"""Check what a printed page shows, what a finger can press, and that a reload asks first."""

from playwright.sync_api import Browser, Dialog, Page, expect

from emo.app.analyse import text as analyse_text
from emo.labels import LABELS
from tests.browser import steps
from tests.support import signals

TOUCH_PX = 44
ON_PAPER = """() => [...document.querySelectorAll(
    'header, [data-testid=stSidebar], button:not(.cell), input, [role=slider], .st-key-guide')]
  .filter(part => part.checkVisibility({ visibilityProperty: true }))
  .map(part => part.outerHTML.slice(0, 120))"""
COLOUR = "part => getComputedStyle(part).color"
SMALL = f"""() => [...document.querySelectorAll(
    '[data-testid=stMain] :is(button, [role=radio], summary, a[role=button])')]
  .filter(part => part.checkVisibility() && !part.closest('[data-testid=stTooltipIcon]'))
  .map(part => [part.getBoundingClientRect().height, part.ariaLabel || part.textContent])
  .filter(([height]) => height < {TOUCH_PX} - 0.5)"""
TOO_WIDE = """() => [...document.querySelectorAll('.emo-scroll')]
  .filter(part => part.scrollWidth > part.clientWidth)
  .map(part => part.querySelector('caption').textContent)"""


def test_paper_has_the_matrices_on_white_and_no_control(browser: Browser, address: str) -> None:
    with steps.lend_tab(browser, address, "dark") as page:
        page.goto(f"{address}/confusion_matrices")
        cells = page.locator(".st-key-matrix-ensemble .cell")
        expect(cells).to_have_count(len(LABELS) ** 2)
        steps.settle(page)
        assert page.evaluate(ON_PAPER) != []
        page.emulate_media(media="print", color_scheme="dark")
        expect(cells.first).to_be_visible()
        assert page.evaluate(ON_PAPER) == []
        assert cells.first.evaluate(COLOUR) == "rgb(31, 35, 38)"
        assert page.evaluate(steps.BACKGROUND) == "rgb(255, 255, 255)"
        page.emulate_media(media="screen")


def test_a_phone_has_controls_for_a_finger(browser: Browser, address: str) -> None:
    with steps.open_app(browser, address, "phone") as page:
        steps.settle(page)
        record = page.get_by_test_id("stAudioInput").get_by_role("button", name="Record")
        box = record.first.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= TOUCH_PX
        assert page.evaluate(SMALL) == []


def test_tables_of_about_fit_a_phone(browser: Browser, address: str) -> None:
    with steps.lend_tab(browser, address, "phone") as page:
        page.goto(f"{address}/about")
        expect(page.locator(".emo-scroll")).to_have_count(4)
        steps.settle(page)
        assert page.evaluate(steps.WIDTHS) == [0, 0]
        assert page.evaluate(TOO_WIDE) == []


def test_a_reload_asks_only_while_a_clip_of_one_s_own_is_there(page: Page) -> None:
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    page.locator(".st-key-sample-angry button").click()
    page.locator("h2.emo-verdict").wait_for()
    steps.settle(page)
    page.reload()
    page.locator("h2.emo-verdict").wait_for()  # the address brings a sample back
    assert asked == []
    steps.upload(page, "mine.wav", signals.encoded(signals.voice(), subtype="PCM_16"))
    expect(steps.clip_line(page)).to_contain_text("mine.wav")
    steps.settle(page)
    page.locator("h2.emo-verdict").click()  # browsers ask only who has used the page
    page.reload()
    page.get_by_test_id("stFileUploader").wait_for()
    assert asked == ["beforeunload"]
    steps.upload(page, "mine.wav", signals.encoded(signals.voice(), subtype="PCM_16"))
    expect(steps.clip_line(page)).to_contain_text("mine.wav")
    page.get_by_role("button", name=analyse_text.REMOVE_LABEL).click()
    page.locator("h2.emo-verdict").wait_for(state="detached")
    steps.settle(page)
    page.reload()
    page.get_by_test_id("stFileUploader").wait_for()
    assert asked == ["beforeunload"]
    page.remove_listener("dialog", answer)
