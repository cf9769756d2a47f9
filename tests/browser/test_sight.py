"""Check the page where it is zoomed, and where the system sets its colours."""

from playwright.sync_api import Page, ViewportSize, expect

from docs import screens

ZOOMED: ViewportSize = {"width": 640, "height": 450}  # 1280 x 900 at 200 %
COLOUR = "element => getComputedStyle(element).backgroundColor"
FIRST_MODEL = ".emo-row-track .emo-bar"


def test_drawer_of_a_zoomed_page_closes_behind_a_link(page: Page) -> None:
    page.set_viewport_size(ZOOMED)
    screens.open_page(page, "Compare clips")
    expect(page.get_by_test_id("stSidebarNavLink").first).not_to_be_in_viewport()
    screens.open_page(page, "About")  # by the drawer again
    expect(page.get_by_test_id("stSidebarNavLink").first).not_to_be_in_viewport()


def test_bars_and_choices_are_seen_where_the_system_sets_the_colours(page: Page) -> None:
    screens.choose_sample(page)
    bar = page.locator(FIRST_MODEL).first
    before = bar.evaluate(COLOUR)
    page.emulate_media(forced_colors="active")
    assert bar.evaluate(COLOUR) == before
    chosen = page.get_by_role("tab", selected=True).locator("p")
    assert "underline" in chosen.evaluate("element => getComputedStyle(element).textDecorationLine")
