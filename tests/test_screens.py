"""Test the screenshots: every page in every mode, small, and those of the README exist."""

import re

from docs import other_screens, screens
from emo.app import text as app_text

MAX_BYTES = 400_000


def test_every_page_of_the_navigation_has_a_scene() -> None:
    files = {path.stem for path in (screens.ROOT / "pages").glob("*.py")}
    assert set(app_text.PAGES) == files
    assert {scene.title for scene in screens.SCENES.values()} == set(app_text.PAGES.values())


def test_every_scene_is_photographed_in_every_mode_and_nothing_else() -> None:
    names = (*screens.SCENES, *other_screens.SCENES)
    wanted = {f"{name}-{mode}.png" for name in names for mode in screens.MODES}
    files = list(screens.SCREENS.iterdir())
    assert {path.name for path in files} == wanted
    assert {path.name: size for path in files if (size := path.stat().st_size) > MAX_BYTES} == {}


def test_pictures_in_the_readme_exist() -> None:
    text = (screens.ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"docs/screens/[\w-]+\.png", text)
    assert shown
    assert [name for name in shown if not (screens.ROOT / name).is_file()] == []
