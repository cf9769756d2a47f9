"""Compare several clips in a real browser: the table, its filters, pairs, and the files."""

import csv
import re
from pathlib import Path

from playwright.sync_api import Browser, FilePayload, Locator, Page, expect

from docs import screens
from emo.app import text
from emo.app.compare import text as words
from emo.app.teach import text as teach_words
from emo.inference.loading import ANSWER_KEYS
from emo.server.middleware import REJECTION_MESSAGES
from tests.browser.steps import (
    expect_answers,
    expect_idle,
    expect_in_order,
    expect_navigation,
    lend_tab,
    open_app,
    settle,
)
from tests.support import signals
from tests.support.clients import streamlit_client

SHORT = signals.encoded(signals.voice(), subtype="PCM_16")
LONG = signals.encoded(signals.voice((220.0, 160.0), 3.0), subtype="PCM_16")
ODD_NAME = "<b>one</b> *two* $&.wav"


def payload(name: str, data: bytes) -> FilePayload:
    return {"name": name, "mimeType": "audio/wav", "buffer": data}


FILES = [
    payload(ODD_NAME, SHORT),
    payload("copy.wav", SHORT),
    payload("long.wav", LONG),
    payload("notes.wav", b"Dear diary, today I had no sound."),
]


def open_compare(page: Page) -> None:
    screens.open_page(page, words.TITLE)
    expect(page.get_by_role("heading", level=1, name=words.TITLE)).to_be_visible()
    settle(page)  # a folder that is given to an uploader before it is drawn anew is lost


def give(page: Page, files: list[FilePayload] = FILES) -> None:
    field = page.get_by_test_id("stFileUploader").locator("input[type=file]")
    field.first.set_input_files(files)


def rows(page: Page) -> Locator:
    return page.locator("tbody tr[data-id]")


def ticks(page: Page, name: str) -> Locator:
    return page.get_by_role("checkbox", name=words.TABLE["tick"].replace("{0}", name))


def players(page: Page) -> Locator:
    return page.get_by_role("slider", name=text.PLAYER["position"])


def test_several_files_get_rows_that_open_in_full(page: Page, tmp_path: Path) -> None:
    open_compare(page)
    give(page)
    expect(rows(page)).to_have_count(3)
    expect(page.locator("tr.unread")).to_contain_text("notes.wav")
    expect(page.locator("tr.unread small")).to_have_text(re.compile(r"\.$"))
    first = rows(page).filter(has_text=ODD_NAME)
    expect(first).to_contain_text(words.copies(["copy.wav"]))
    expect(first.locator(".share")).to_have_text([re.compile(r"^\d+\s%$")] * len(ANSWER_KEYS))
    with page.expect_download() as waiting:
        page.get_by_role("button", name=words.CSV_LABEL).click()
    waiting.value.save_as(tmp_path / "emo.csv")
    with (tmp_path / "emo.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    assert len([row for row in listed if row["model"] == "ensemble"]) == 3  # one of them a copy
    assert [row["path"] for row in listed if row["error"]] == ["notes.wav"]
    first.get_by_role("button", name=ODD_NAME, exact=True).click()
    expect_answers(page, f"{ODD_NAME} · 2.0")
    page.get_by_role("link", name=words.BACK_LABEL).click()
    expect(rows(page)).to_have_count(3)
    rows(page).filter(has_text="long.wav").locator(".agreement").click()  # anywhere in the row
    expect_answers(page, "long.wav · 3.0")


def test_a_view_is_chosen_and_stands_in_the_address(page: Page, address: str) -> None:
    open_compare(page)
    give(page)
    expect(rows(page)).to_have_count(3)
    page.get_by_role("button", name="Length").click()
    expect(page).to_have_url(re.compile(r"/compare\?order=length$"))
    expect(page.locator("th[aria-sort=descending]")).to_have_text("Length")
    expect(rows(page).first).to_contain_text("long.wav")
    page.get_by_role("radio", name=words.SHOW_NAMES["unread"], exact=True).click()
    expect(rows(page)).to_have_count(1)
    expect(page).to_have_url(re.compile(r"order=length&show=unread|show=unread&order=length"))
    page.goto(f"{address}/compare?show=unread")
    page.get_by_test_id("stFileUploader").first.wait_for()
    give(page)
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("notes.wav")
    page.get_by_role("radio", name=words.SHOW_NAMES["all"], exact=True).click()
    expect(rows(page)).to_have_count(3)
    expect(page).to_have_url(f"{address}/compare")
    expect_idle(page)
    page.get_by_label(words.NAME_LABEL).fill("LONG")
    page.get_by_label(words.NAME_LABEL).press("Enter")
    expect(rows(page)).to_have_count(1)


def test_two_clips_stand_side_by_side_on_one_scale(page: Page) -> None:
    open_compare(page)
    give(page, [FILES[0], FILES[2]])
    expect(rows(page)).to_have_count(2)
    for name in ("long.wav", ODD_NAME):
        ticks(page, name).focus()
        ticks(page, name).press("Space")  # by keyboard alone
        expect(ticks(page, name)).to_be_checked()
        expect_idle(page)
    expect(players(page)).to_have_count(2)
    expect(players(page).nth(0)).to_have_attribute("aria-valuemax", re.compile(r"^3\.0"))
    expect(players(page).nth(1)).to_have_attribute("aria-valuemax", re.compile(r"^2\.0"))
    expect(page.locator("h2.emo-verdict")).to_have_count(2)
    expect(page.locator(".emo-paired")).to_have_count(len(ANSWER_KEYS))
    zoomed_out = page.get_by_role("button", name=text.PLAYER["fit"])
    expect(zoomed_out.nth(1)).to_be_disabled()
    players(page).nth(0).press("+")
    expect(zoomed_out.nth(1)).to_be_enabled()  # the other follows
    players(page).nth(0).press("Space")
    pause = page.get_by_role("button", name=text.PLAYER["pause"])
    expect(pause).to_have_count(1)
    players(page).nth(1).press("Space")
    expect(page.locator(".st-key-pair-sound-B").get_by_role("button", name="Pause")).to_be_visible()
    expect(pause).to_have_count(1)  # the first has stopped
    page.get_by_role("button", name=words.REMOVE_TICKED_LABEL).click()
    expect(rows(page)).to_have_count(0)
    expect(players(page)).to_have_count(0)


def test_clips_are_played_labelled_counted_and_taught(page: Page) -> None:
    named = {"sad 1.wav": (170, 120), "sad 2.wav": (160, 110), "happy 1.wav": (260, 330)}
    named |= {"happy 2.wav": (280, 340), "clip.wav": (200, 150)}
    voices = [
        payload(name, signals.encoded(signals.voice(hz, 1.5), subtype="PCM_16"))
        for name, hz in named.items()
    ]
    open_compare(page)
    give(page, voices)
    expect(rows(page)).to_have_count(5)
    expect_idle(page)
    play = page.get_by_role("button", name=words.TABLE["play"].replace("{0}", "sad 1.wav"))
    pause = page.get_by_role("button", name=words.TABLE["pause"].replace("{0}", "sad 1.wav"))
    play.first.click()
    expect(pause).to_be_visible()
    expect(play.first).to_be_visible()  # it has ended
    expect(expected(page, "sad 1.wav")).to_have_value("sad")
    expect(expected(page, "clip.wav")).to_have_value("")
    expected(page, "clip.wav").focus()
    expected(page, "clip.wav").press("h")  # by keyboard: happy
    expect(expected(page, "clip.wav")).to_have_value("happy")
    expect(page.locator(".emo-agree")).to_contain_text(" of 5 right")
    expect(expected(page, "clip.wav")).to_be_focused()
    marks = rows(page).filter(has_text="clip.wav").locator(".mark")
    expect(marks).to_have_attribute("aria-label", re.compile("as expected"))
    sign = page.locator(".st-key-comparison-map-shown").get_by_role("button", name="Play clip.wav")
    sign.click()
    expect(sign).to_have_class(re.compile("playing"))
    sign.press("ArrowRight")
    page.get_by_text(words.ONE_SPEAKER_LABEL).click()
    expect(page.get_by_text(re.compile(r"stated to be of (this|one) speaker"))).to_be_visible()
    expect(page).to_have_url(re.compile("speaker=same"))
    page.get_by_role("button", name=words.send_label(5)).click()
    expect(page.get_by_role("heading", level=1, name=teach_words.TITLE)).to_be_visible()
    for emotion, n_clips in {"happy": 3, "sad": 2}.items():
        chips = page.locator(f".st-key-examples-{emotion} [class*=st-key-example-]")
        expect(chips).to_have_count(n_clips)


def expected(page: Page, name: str) -> Locator:
    """Return the choice of the expected emotion of a clip."""
    return page.get_by_role("combobox", name=words.TABLE["expect"].replace("{0}", name))


def test_the_folders_of_a_folder_say_what_is_expected(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "voices" / "angry"
    folder.mkdir(parents=True)
    (folder.parent / "long.wav").write_bytes(LONG)
    (folder / "short.wav").write_bytes(SHORT)
    open_compare(page)
    field = page.locator("[class*=st-key-comparison-folder-] input[type=file]")
    field.set_input_files(folder.parent)
    expect(rows(page)).to_have_count(2)
    expect(expected(page, "voices/angry/short.wav")).to_have_value("angry")
    expect(expected(page, "voices/long.wav")).to_have_value("")


def test_a_folder_is_dropped(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "voices" / "inner"
    folder.mkdir(parents=True)
    (folder.parent / "long.wav").write_bytes(LONG)
    (folder / "short.wav").write_bytes(SHORT)
    open_compare(page)
    place = page.get_by_test_id("stFileUploaderDropzone").first
    box = place.bounding_box()
    assert box
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send(
            "Input.dispatchDragEvent",
            {
                "type": kind,
                "x": box["x"] + box["width"] / 2,
                "y": box["y"] + box["height"] / 2,
                "data": {"items": [], "files": [str(folder.parent)], "dragOperationsMask": 1},
            },
        )
    expect(rows(page)).to_have_count(2)
    expect(rows(page).filter(has_text="short.wav")).to_have_count(1)


def test_the_samples_are_one_click_and_fit_on_a_phone(browser: Browser, address: str) -> None:
    with open_app(browser, address, "phone") as page:  # `test_axe` opens them in the other modes
        open_compare(page)
        page.get_by_role("button", name=words.SAMPLES_LABEL).click()
        expect(rows(page)).to_have_count(7)
        expect_idle(page)
        for i in range(2):
            rows(page).nth(i).get_by_role("checkbox").check()
        expect(players(page)).to_have_count(2)
        settle(page)
        expect_in_order(page)
        page.get_by_role("button", name=words.REMOVE_ALL_LABEL).click()
        expect(rows(page)).to_have_count(0)


def test_files_beyond_the_quota_are_rejected_and_the_others_kept(
    browser: Browser, tmp_path: Path
) -> None:
    limits = {"EMO_SESSION_MB": "0.25"}  # two of the files
    with streamlit_client.serve(tmp_path / "log.txt", limits) as served:
        address = f"http://127.0.0.1:{served.port}"
        # The browser reports each rejected file as a fault.
        with lend_tab(browser, address) as page:
            page.goto(f"{address}/compare")
            expect_navigation(page)  # also where nobody visited the server before
            expect(page).to_have_url(f"{address}/compare")
            give(page, [payload(f"{n}.wav", LONG + bytes(n)) for n in range(4)])
            expect(page.get_by_test_id("stAlert")).to_contain_text(REJECTION_MESSAGES["session_mb"])
            expect(rows(page)).to_have_count(2)
            chips = page.get_by_label(re.compile(r"^\d\.wav, "))
            expect(chips).to_have_count(4)  # two of them marked as rejected
