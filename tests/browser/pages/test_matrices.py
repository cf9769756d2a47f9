"""Use the page of matrices in a browser: filter, click a cell, play its clips, save, link."""

import contextlib
import csv
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from docs import screens
from emo.app.matrices import cell as matrices_cell
from emo.app.matrices import text
from emo.evaluation import subsets
from emo.evaluation.guests import folders
from emo.evaluation.stored import read_metrics
from emo.labels import ENSEMBLE, LABELS
from tests.browser import steps
from tests.browser.steps import WIDTHS, clip_line, expect_idle
from tests.browser.test_axe import violations
from tests.support import signals

MODELS = screens.ROOT / "models"
CELL = ("cnn", "angry", "fearful")

pytestmark = pytest.mark.xdist_group("matrices")  # one server for all


@pytest.fixture(scope="module")
def behind() -> list[str]:
    """Return the names of the clips in a cell by confidence, counted apart from the page."""
    key, acted, answer = CELL
    given = subsets.filter_clips(subsets.read_tables(MODELS, "speakers"), LABELS)[key]
    return [str(name) for name in given.clips[subsets.clips_in_cell(given, acted, answer)]]


@pytest.fixture(scope="module")
def own_address(behind: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve an app of its own with a made-up corpus of a single clip."""
    folder = tmp_path_factory.mktemp("corpora")
    (folder / "made-up").mkdir()
    clip = signals.encoded(signals.voice(), subtype="PCM_16")
    (folder / "made-up" / f"{behind[0]}.wav").write_bytes(clip)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMO_DATA", str(folder))
        with screens.serve() as address:
            yield address


@contextlib.contextmanager
def open_link(
    browser: Browser, address: str, query: str = "", mode: str = "light"
) -> Iterator[Page]:
    with steps.lend_tab(browser, address, mode) as page:
        page.goto(f"{address}/confusion_matrices{query}")
        expect(matrix(page, ENSEMBLE).locator(".cell").first).to_be_visible()
        yield page
        assert page.get_by_test_id("stException").count() == 0


@pytest.fixture
def page(browser: Browser, own_address: str) -> Iterator[Page]:
    with open_link(browser, own_address) as page:
        yield page


def matrix(page: Page, key: str) -> Locator:
    return page.locator(f".st-key-matrix-{key}")


def shown(page: Page, key: str) -> list[str]:
    """Return the figures in the cells of a matrix."""
    return matrix(page, key).locator(".cell").all_text_contents()


def cell(page: Page, key: str, acted: str, answer: str) -> Locator:
    place = LABELS.index(acted) * len(LABELS) + LABELS.index(answer)
    return matrix(page, key).locator(".cell").nth(place)


def clips(page: Page) -> Locator:
    return page.locator(".st-key-clips [class*=st-key-play-] button")


# --- A link opened first, before anything else in a new app --------------------------------------


def test_a_link_opened_afresh_shows_what_was_seen(browser: Browser, own_address: str) -> None:
    query = "?numbers=counts&corpus=tess&voices=women&above=40&cell=cnn.angry.fearful&look=roc"
    with open_link(browser, own_address, query) as page:
        steps.expect_navigation(page)
        expect(page.get_by_role("radio", name="Women", exact=True)).to_be_checked()
        expect(page.locator(".st-key-roc .js-line").first).to_be_visible()
        expect(clips(page).first).to_be_visible()
        given = subsets.filter_clips(
            subsets.read_tables(MODELS, "speakers"), LABELS, "tess", "women"
        )
        found = subsets.scores(given[ENSEMBLE], 0.4)["confusion"]
        expect(matrix(page, ENSEMBLE).locator(".cell")).to_have_text(
            [f"{n:,}" for row in found for n in row]
        )
        for part in query[1:].split("&"):
            page.wait_for_url(re.compile(re.escape(part)))


# --- Filters, cells, clips -----------------------------------------------------------------------


def test_filters_change_the_matrices_and_say_what_is_kept(page: Page) -> None:
    expect(page.get_by_text(text.COVERAGE, exact=True)).to_have_count(0)
    stored = read_metrics(MODELS, ENSEMBLE)["protocols"]["speakers"]["confusion"]
    cells = matrix(page, ENSEMBLE).locator(".cell")
    expect(cells).to_have_text([f"{100 * n / sum(row):.0f}" for row in stored for n in row])
    page.get_by_role("slider").press("End")
    expect(matrix(page, ENSEMBLE).get_by_text(text.COVERAGE, exact=True)).to_be_visible()
    page.wait_for_url(re.compile("above=95"))
    page.get_by_role("radio", name="Men", exact=True).click()
    page.wait_for_url(re.compile("above=95&.*voices=men|voices=men&.*above=95"))
    given = subsets.filter_clips(subsets.read_tables(MODELS, "speakers"), LABELS, sex="men")
    left = subsets.scores(given[ENSEMBLE], 0.95)["confusion"]
    shares = [f"{100 * n / sum(row):.0f}" if sum(row) else "–" for row in left for n in row]
    expect(cells).to_have_text(shares)


def test_a_cell_that_is_clicked_lists_its_clips_and_plays_them(
    page: Page, behind: list[str]
) -> None:
    chosen = cell(page, *CELL)
    chosen.hover()
    tooltip = matrix(page, CELL[0]).locator(".tooltip")
    expect(tooltip).to_contain_text(f"{len(behind)} (")
    chosen.click()
    expect(chosen).to_have_attribute("aria-pressed", "true")
    expect(clips(page).first).to_be_visible()
    page.wait_for_url(re.compile("cell=cnn.angry.fearful"))
    expect_idle(page)
    names = [name.strip() for name in clips(page).all_inner_texts()]
    assert [name.splitlines()[-1] for name in names] == behind[: matrices_cell.N_ROWS]
    clips(page).nth(1).click()  # it is not in the folder
    expect(page.get_by_text("is not in the folder of the corpora")).to_be_visible()
    clips(page).first.click()
    sound = page.locator(".st-key-sound audio")
    expect(sound).to_be_visible()
    page.wait_for_function("sound => sound.currentTime > 0.2", arg=sound.element_handle())
    expect(page.get_by_text(f"made-up/{behind[0]}.wav", exact=True)).to_be_visible()
    page.get_by_role("button", name=text.OPEN).click()
    expect(page.locator("h2.emo-verdict")).to_be_visible()
    expect(clip_line(page)).to_contain_text(behind[0])


def test_clips_stand_beside_the_matrix_and_the_keys_walk_through_them(
    page: Page, behind: list[str]
) -> None:
    cell(page, *CELL).click()
    expect(clips(page).first).to_contain_text(behind[0])
    expect_idle(page)
    large = matrix(page, CELL[0]).bounding_box()
    drawer = page.locator(".st-key-drawer").bounding_box()
    assert large is not None
    assert drawer is not None
    assert drawer["x"] >= large["x"] + large["width"]
    assert abs(drawer["y"] - large["y"]) < 60
    clips(page).nth(1).focus()
    page.keyboard.press("ArrowUp")
    expect(clips(page).first).to_be_focused()
    expect(page.locator(".st-key-sound audio")).to_be_visible()
    expect_idle(page)
    page.keyboard.press("ArrowDown")
    expect(clips(page).nth(1)).to_be_focused()
    expect(page.get_by_text("is not in the folder of the corpora")).to_be_visible()


def test_back_of_the_browser_returns_to_the_cell(page: Page, behind: list[str]) -> None:
    first, second = CELL, (ENSEMBLE, "sad", "neutral")
    cell(page, *first).click()
    expect(clips(page).first).to_contain_text(behind[0])
    expect_idle(page)
    cell(page, *second).click()
    expect(page).to_have_url(re.compile(re.escape(".".join(second))))
    expect_idle(page)
    page.go_back()
    expect(cell(page, *first)).to_have_attribute("aria-pressed", "true")
    expect(clips(page).first).to_contain_text(behind[0])
    expect_idle(page)
    page.go_forward()
    expect(cell(page, *second)).to_have_attribute("aria-pressed", "true")
    expect_idle(page)


def test_a_second_click_lets_the_cell_go(page: Page) -> None:
    cell(page, *CELL).click()
    expect(clips(page).first).to_be_visible()
    page.wait_for_url(re.compile("cell="))
    expect_idle(page)
    cell(page, *CELL).click()
    expect(page.get_by_text(text.CELL_HINT)).to_be_visible()
    expect(page).not_to_have_url(re.compile("cell="))
    expect(cell(page, *CELL)).to_have_attribute("aria-pressed", "false")


def test_a_cell_is_chosen_in_its_matrix_by_keyboard_alone(page: Page, behind: list[str]) -> None:
    cell(page, CELL[0], LABELS[0], LABELS[0]).focus()
    for _ in range(LABELS.index(CELL[2])):
        page.keyboard.press("ArrowRight")
    for _ in range(LABELS.index(CELL[1])):
        page.keyboard.press("ArrowDown")
    expect(cell(page, *CELL)).to_be_focused()
    expect(matrix(page, CELL[0]).locator(".tooltip")).to_contain_text(f"{len(behind)} (")
    page.keyboard.press("Escape")
    expect(matrix(page, CELL[0]).locator(".tooltip")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(clips(page).first).to_contain_text(behind[0])
    expect(cell(page, *CELL)).to_be_focused()  # the way through the matrix goes on from there
    expect(cell(page, *CELL)).to_have_attribute("aria-pressed", "true")


def choose(page: Page, label: str, value: str) -> None:
    """Choose an option by keyboard alone; each key waits for the effect of the one before."""
    field = page.locator(".st-key-cell").get_by_role("combobox", name=label, exact=True)
    field.focus()
    page.keyboard.type(value)
    option = page.get_by_role("option", name=value, exact=True)
    expect(option).to_be_visible()
    expect(page.get_by_role("option")).to_have_count(1)  # those that do not fit are gone
    page.keyboard.press("Enter")
    expect(option).to_have_count(0)
    expect(field).to_have_value(value)
    steps.settle(page)  # the choice is sent, and its answer drawn


def test_a_cell_is_chosen_below_by_keyboard_alone(page: Page, behind: list[str]) -> None:
    choose(page, text.CELL_MODEL_LABEL, text.model_name(CELL[0]))
    choose(page, text.ACTED_LABEL, CELL[1])
    choose(page, text.ANSWER_LABEL, CELL[2])
    expect(clips(page).first).to_contain_text(behind[0])


# --- Files ---------------------------------------------------------------------------------------


def save(page: Page, figure: str, kind: str, folder: Path) -> Path:
    expect_idle(page)
    button = page.locator(f".st-key-save-{figure}-{kind} button")
    if not button.is_visible():
        page.locator(f".st-key-save-{figure} button").first.click()
    with page.expect_download() as waiting:
        button.click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    assert path.suffix == f".{kind}"
    return path


def test_a_matrix_is_saved_as_a_picture_a_drawing_and_a_table(page: Page, tmp_path: Path) -> None:
    stored = np.array(read_metrics(MODELS, "cnn")["protocols"]["speakers"]["confusion"])
    page.locator(".st-key-larger-cnn button").click()
    expect(page.locator(".st-key-larger-ensemble")).to_be_visible()  # the ensemble is small now
    with save(page, "matrix-cnn", "csv", tmp_path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["clips"]) for row in rows] == stored.ravel().tolist()
    assert [row["acted"] for row in rows[::7]] == list(LABELS)
    root = ElementTree.fromstring(save(page, "matrix-cnn", "svg", tmp_path).read_text())
    texts = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert set(shown(page, "cnn")) <= set(texts)
    with Image.open(save(page, "matrix-cnn", "png", tmp_path)) as image:
        assert image.format == "PNG"
        assert image.size[0] > 800
        assert len(image.convert("RGB").getcolors(1 << 24) or []) > 20


def test_each_closer_look_is_drawn_and_saved(page: Page, tmp_path: Path) -> None:
    for look in ("reliability", "risk", "roc", "difference", "learning"):
        page.get_by_role("radio", name=text.LOOK_NAMES[look], exact=True).click()
        figure = {"learning": "learning-cnn-loss"}.get(look, look)
        expect(page.locator(f".st-key-save-{figure} button").first).to_be_visible()
        page.wait_for_url(re.compile(f"look={look}"))
        with save(page, figure, "csv", tmp_path).open(newline="") as file:
            assert len(list(csv.reader(file))) > 10, look
        with Image.open(save(page, figure, "png", tmp_path)) as image:
            assert image.format == "PNG"
        ElementTree.fromstring(save(page, figure, "svg", tmp_path).read_text())
        page.keyboard.press("Escape")  # closes the menu of files


def test_a_difference_has_the_stored_interval(page: Page) -> None:
    page.get_by_role("radio", name=text.LOOK_NAMES["difference"], exact=True).click()
    table = page.locator(".st-key-paired table")
    expect(table).to_be_visible()
    stored = read_metrics(MODELS, ENSEMBLE)["protocols"]["speakers"]["differences"]
    (pair,) = [row for row in stored if {row["first"], row["second"]} == {"tree", ENSEMBLE}]
    low, high = (f"+{100 * value:.1f}" for value in pair["intervals"]["accuracy"])
    row = table.get_by_role("row", name=text.SCORE_NAMES["accuracy"])
    expect(row).to_contain_text(f"+{100 * pair['accuracy']:.1f}")
    expect(row).to_contain_text(f"{low} to {high}")
    expect(row).to_contain_text(f"{100 * pair['detectable']['accuracy']:.1f}")


def test_a_guest_is_looked_at_like_a_model(page: Page) -> None:
    key, (acted, answer) = folders.list_guests(MODELS)[0], ("sad", "neutral")
    name = folders.read_guest(MODELS, key).name
    stored = read_metrics(MODELS / folders.GUESTS, key)["protocols"]["speakers"]
    page.locator(f".st-key-larger-{key} button").click()
    expect(page.locator(".st-key-larger-ensemble")).to_be_visible()  # the guest is large now
    cells = matrix(page, key).locator(".cell")
    expect(cells).to_have_text(
        [f"{100 * n / sum(row):.0f}" for row in stored["confusion"] for n in row]
    )
    cell(page, key, acted, answer).click()
    row = stored["confusion"][LABELS.index(acted)]
    sentence = text.cell_sentence(acted, answer, row[LABELS.index(answer)], sum(row), False)
    expect(page.locator(".st-key-drawer").get_by_text(sentence)).to_be_visible()
    page.wait_for_url(re.compile(re.escape(f"cell={key}.{acted}.{answer}")))
    page.get_by_role("radio", name=text.LOOK_NAMES["difference"], exact=True).click()
    second = page.locator(".st-key-difference-second").get_by_role("combobox")
    second.focus()
    page.keyboard.type(name)
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    (pair,) = [row for row in stored["differences"] if row["first"] == ENSEMBLE]
    rate = page.locator(".st-key-paired").get_by_role("row", name=text.SCORE_NAMES["uar"])
    expect(rate).to_contain_text(f"+{-100 * pair['uar']:.1f}")
    low, high = (f"+{-100 * value:.1f}" for value in reversed(pair["intervals"]["uar"]))
    expect(rate).to_contain_text(f"{low} to {high}")
    steps.settle(page)
    assert violations(page) == []


def test_differences_have_two_colours(page: Page) -> None:
    page.get_by_role("radio", name=text.LOOK_NAMES["difference"], exact=True).click()
    cells = page.locator(".st-key-difference .cell")
    expect(cells).to_have_count(len(LABELS) ** 2)
    shares = []
    for key in (ENSEMBLE, "tree"):
        counts = np.array(read_metrics(MODELS, key)["protocols"]["speakers"]["confusion"])
        shares.append(counts / counts.sum(axis=1, keepdims=True))
    apart = (shares[0] - shares[1]).ravel()
    colour = "cell => getComputedStyle(cell).backgroundColor"
    end = "rgb(90, 158, 205)" if apart[np.abs(apart).argmax()] > 0 else "rgb(221, 138, 62)"
    assert cells.nth(int(np.abs(apart).argmax())).evaluate(colour) == end
    least, most = (
        cells.nth(int(place)).evaluate(colour) for place in (apart.argmin(), apart.argmax())
    )
    red, blue = (int(one) for one in (least[4:].split(",")[0], most.rstrip(")").split(",")[-1]))
    assert min(red, blue) > 200  # orange on one side of none, blue on the other


# --- Looks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["light", "phone"])
def test_the_page_with_a_cell_fits(browser: Browser, own_address: str, mode: str) -> None:
    with open_link(browser, own_address, "?cell=cnn.angry.fearful&look=roc", mode) as page:
        expect(page.locator(".st-key-roc .js-line").first).to_be_visible()
        expect(clips(page).first).to_be_visible()
        steps.settle(page)
        assert page.evaluate(WIDTHS) == [0, 0]
        steps.turn(page, "dark")
        steps.settle(page)  # charts are drawn again
        assert page.evaluate(WIDTHS) == [0, 0]
