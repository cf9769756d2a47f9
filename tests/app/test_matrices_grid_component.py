"""The component that draws a matrix, as far as it can be seen without a browser."""

import re
from pathlib import Path

from emo.app.matrices import grid
from emo.labels import LABELS

FILES = Path(grid.__file__).parents[1] / "static"


def test_the_script_says_nothing_of_its_own() -> None:
    script = (FILES / "matrix.js").read_text(encoding="utf-8")
    assert set(re.findall(r"words\.(\w+)", script)) == {"caption", "across", "down"}
    assert "innerHTML" not in script
    assert not [label for label in LABELS if label in script]


def test_the_theme_has_as_many_colours_in_light_and_dark() -> None:
    for kind in ("sequential", "diverging"):
        light, dark = grid.palettes(kind)
        assert len(light) == len(dark) == 10
