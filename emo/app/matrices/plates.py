"""A drawing of boxes, lines and words, as SVG or as PNG: what a page's figures are saved as.

The same marks give both, so that they look alike; nothing but Pillow and its own font is needed.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import dist

Point = tuple[float, float]

PNG_SCALE = 2
"""Pixels of a PNG for each unit of the drawing."""

_PLAIN = str.maketrans({"–": "-", "\u2212": "-"})  # what Pillow's font lacks, by what it has
_FINER = 2  # a PNG is drawn so many times larger, for smooth edges, then made smaller


@dataclass(frozen=True)
class Box:
    """A filled rectangle with its upper left corner at (x, y)."""

    x: float
    y: float
    width: float
    height: float
    fill: str


@dataclass(frozen=True)
class Line:
    """A line through points; ``dash`` is lengths of line and gap in turn, none for an unbroken."""

    points: Sequence[Point]
    stroke: str
    width: float = 1.0
    dash: Sequence[float] = ()


@dataclass(frozen=True)
class Text:
    """Words whose ``anchor`` (start, middle or end) is at x, and whose middle is at y."""

    x: float
    y: float
    text: str
    size: float = 12.0
    anchor: str = "start"
    fill: str = "#1f2326"


Mark = Box | Line | Text


@dataclass(frozen=True)
class Plate:
    """A drawing of so many units; later marks cover earlier ones."""

    width: float
    height: float
    title: str
    marks: Sequence[Mark]


def as_svg(plate: Plate) -> str:
    """The drawing as an SVG file."""
    body = "\n".join(_element(mark) for mark in plate.marks)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{plate.width:g}" '
        f'height="{plate.height:g}" viewBox="0 0 {plate.width:g} {plate.height:g}" '
        f'font-family="Helvetica, Arial, sans-serif" role="img">\n'
        f"<title>{escape(plate.title)}</title>\n"
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _element(mark: Mark) -> str:
    if isinstance(mark, Box):
        return (
            f'<rect x="{mark.x:.2f}" y="{mark.y:.2f}" width="{mark.width:.2f}" '
            f'height="{mark.height:.2f}" fill="{escape(mark.fill)}"/>'
        )
    if isinstance(mark, Line):
        corners = " ".join(f"{x:.2f},{y:.2f}" for x, y in mark.points)
        dash = f' stroke-dasharray="{" ".join(f"{d:g}" for d in mark.dash)}"' if mark.dash else ""
        return (
            f'<polyline points="{corners}" fill="none" stroke="{escape(mark.stroke)}" '
            f'stroke-width="{mark.width:g}" stroke-linejoin="round"{dash}/>'
        )
    return (
        f'<text x="{mark.x:.2f}" y="{mark.y:.2f}" font-size="{mark.size:g}" '
        f'text-anchor="{escape(mark.anchor)}" dominant-baseline="central" '
        f'fill="{escape(mark.fill)}">{escape(mark.text)}</text>'
    )


def as_png(plate: Plate) -> bytes:
    """The drawing as a PNG file, :data:`PNG_SCALE` pixels to a unit."""
    from PIL import Image, ImageDraw, ImageFont

    scale = PNG_SCALE * _FINER
    size = (round(plate.width * scale), round(plate.height * scale))
    image = Image.new("RGB", size, "#ffffff")
    draw = ImageDraw.Draw(image)
    anchors = {"start": "lm", "middle": "mm", "end": "rm"}
    for mark in plate.marks:
        if isinstance(mark, Box):
            corner = (mark.x * scale, mark.y * scale)
            other = ((mark.x + mark.width) * scale - 1, (mark.y + mark.height) * scale - 1)
            if other[0] >= corner[0] and other[1] >= corner[1]:
                draw.rectangle((corner, other), fill=mark.fill)
        elif isinstance(mark, Line):
            for piece in _pieces(mark):
                points = [(x * scale, y * scale) for x, y in piece]
                width = max(1, round(mark.width * scale))
                draw.line(points, fill=mark.stroke, width=width, joint="curve")
        else:
            font = ImageFont.load_default(mark.size * scale)
            place = (mark.x * scale, mark.y * scale)
            draw.text(
                place, mark.text.translate(_PLAIN), mark.fill, font, anchor=anchors[mark.anchor]
            )
    image = image.resize((size[0] // _FINER, size[1] // _FINER), Image.Resampling.BOX)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def _pieces(line: Line) -> list[list[Point]]:
    """The line, or what its dashes leave of it."""
    if not line.dash:
        return [list(line.points)] if len(line.points) > 1 else []
    here, place, left = line.points[0], 0, line.dash[0]
    pieces = [[here]]
    for stop in line.points[1:]:
        while (length := dist(here, stop)) > left:
            part = left / length
            here = (here[0] + part * (stop[0] - here[0]), here[1] + part * (stop[1] - here[1]))
            if place % 2 == 0:
                pieces[-1].append(here)
            place += 1
            left = line.dash[place % len(line.dash)]
            if place % 2 == 0:
                pieces.append([here])
        left -= length
        here = stop
        if place % 2 == 0:
            pieces[-1].append(here)
    return [piece for piece in pieces if len(piece) > 1]
