"""Drawings: the same marks as SVG and as PNG, looked at pixel by pixel."""

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from emo.app.matrices.plates import PNG_SCALE, Box, Line, Mark, Plate, Text, as_png, as_svg

SVG = "{http://www.w3.org/2000/svg}"


def pixels(*marks: Mark, width: float = 60, height: float = 40) -> np.ndarray:
    image = Image.open(io.BytesIO(as_png(Plate(width, height, "t", marks))))
    assert image.format == "PNG"
    return np.asarray(image.convert("RGB")).astype(int)


def test_a_drawing_is_as_large_as_it_says_and_white() -> None:
    seen = pixels()
    assert seen.shape == (40 * PNG_SCALE, 60 * PNG_SCALE, 3)
    assert (seen == 255).all()


def test_a_box_fills_its_place_and_no_more() -> None:
    seen = pixels(Box(10, 5, 20, 10, "#ff0000"))
    red = (seen == (255, 0, 0)).all(axis=2)
    rows, columns = np.nonzero(red)
    assert (rows.min(), rows.max() + 1) == (5 * PNG_SCALE, 15 * PNG_SCALE)
    assert (columns.min(), columns.max() + 1) == (10 * PNG_SCALE, 30 * PNG_SCALE)
    assert red.sum() == 20 * 10 * PNG_SCALE**2


@pytest.mark.parametrize(("anchor", "side"), [("start", 1), ("end", -1), ("middle", 0)])
def test_words_stand_where_they_are_anchored(anchor: str, side: int) -> None:
    dark = pixels(Text(30, 20, "HHH", 10, anchor, "#000000")).sum(axis=2) < 200
    rows, columns = np.nonzero(dark)
    middle = 30 * PNG_SCALE
    assert abs((rows.min() + rows.max()) / 2 - 20 * PNG_SCALE) <= 3
    if side == 0:
        assert abs((columns.min() + columns.max()) / 2 - middle) <= 3
    else:
        assert (side * (columns - middle) >= -2).all()


@pytest.mark.parametrize("character", "–−%·,")
def test_the_font_has_every_sign_that_figures_need(character: str) -> None:
    drawn = pixels(Text(30, 20, character, 20, "middle"))
    unknown = pixels(Text(30, 20, "\uffff", 20, "middle"))
    assert (drawn != 255).any()
    assert (drawn != unknown).any()


def test_a_dashed_line_has_gaps_of_their_length() -> None:
    whole = pixels(Line([(5, 20), (55, 20)], "#000000", 2))
    dashed = pixels(Line([(5, 20), (55, 20)], "#000000", 2, (10, 5)))
    n_whole, n_dashed = ((seen.sum(axis=2) == 0).sum() for seen in (whole, dashed))
    assert n_dashed / n_whole == pytest.approx(35 / 50, abs=0.06)
    gap = dashed[20 * PNG_SCALE, int(17.5 * PNG_SCALE)]
    assert (gap == 255).all()


def test_dashes_go_on_round_a_corner() -> None:
    bent = pixels(Line([(5, 5), (5, 11), (40, 11)], "#000000", 2, (10, 5)))
    assert (bent[11 * PNG_SCALE, 7 * PNG_SCALE] == 0).all()  # 8 of the first 10
    assert (bent[11 * PNG_SCALE, int(11.5 * PNG_SCALE)] == 255).all()  # 12.5: in the gap


def test_an_svg_holds_every_mark_and_escapes_words() -> None:
    marks: list[Mark] = [
        Box(1, 2, 3, 4, "#ff0000"),
        Line([(0, 0), (5.123, 6)], "#00ff00", 2, (3, 4)),
        Text(7, 8, "<b>&", 12, "end"),
    ]
    root = ElementTree.fromstring(as_svg(Plate(60, 40, "a < b", marks)))
    assert (root.get("width"), root.get("viewBox")) == ("60", "0 0 60 40")
    assert root.findtext(f"{SVG}title") == "a < b"
    box = root.findall(f"{SVG}rect")[1]
    assert (box.get("x"), box.get("height"), box.get("fill")) == ("1.00", "4.00", "#ff0000")
    line = root.find(f"{SVG}polyline")
    assert line is not None
    assert line.get("points") == "0.00,0.00 5.12,6.00"
    assert line.get("stroke-dasharray") == "3 4"
    words = root.find(f"{SVG}text")
    assert words is not None
    assert (words.text, words.get("text-anchor")) == ("<b>&", "end")
