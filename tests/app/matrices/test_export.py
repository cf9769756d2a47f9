"""Test the saved figures: the values in their tables, and the texts and marks in drawings."""

import csv
import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text
from PIL import Image

from emo.app import theme
from emo.app.matrices import drawing, export
from emo.app.matrices.figures import Caption
from emo.app.matrices.grid import colour_at
from emo.evaluation.metrics import Bin, Roc
from emo.evaluation.selective import RiskCoverage
from emo.labels import LABELS
from tests.support import pages

CAPTION = Caption(
    "$5 less $6: the counts of both, of each",
    "New speakers; 9 clips. " * 8,
    "Answer",
    "Acted",
)
COUNTS = np.array([[3, 1, 0], [0, 0, 0], [1, 1, 3]])
OTHER_COUNTS = np.array([[1, 3, 0], [0, 0, 0], [1, 1, 3]])
NAMES = LABELS[:3]
BINS = [Bin(0.0, 0.5, 0, None, None), Bin(0.5, 0.8, 4, 0.6, 0.5), Bin(0.8, 1.0, 8, 0.9, 1.0)]
ROC = [
    Roc(label, 3, np.array([np.inf, 0.6, 0.0]), np.array([0, 0.2, 1]), np.array([0, 0.9, 1]), 0.85)
    for label in (*LABELS, "calm")
]


RISK = RiskCoverage(np.array([0.25, 0.5, 0.75, 1.0]), np.array([0.0, 0.5, 1 / 3, 0.5]), 0.33)


def history(highest: float) -> list[dict[str, Any]]:
    return [
        {"epoch": 1, "loss": highest, "val_loss": None},
        {"epoch": 2, "loss": highest / 2, "val_loss": highest / 3},
    ]


def learning(highest: float = 1.0) -> export.FigureExport:
    names = ("training clips", "test clips")
    return export.export_learning(history(highest), "loss", names, CAPTION)


FIGURES = {
    "shares": export.export_matrix(COUNTS, True, NAMES, CAPTION, "votes"),
    "counts": export.export_matrix(1000 * np.eye(8, dtype=int), False, [*LABELS, "calm"], CAPTION),
    "difference": export.export_difference(COUNTS, OTHER_COUNTS, NAMES, 0.5, CAPTION),
    "reliability": export.export_reliability(BINS, CAPTION),
    "risk": export.export_risk_coverage(RISK, CAPTION),
    "roc": export.export_roc(ROC, CAPTION),
    "learning": learning(),
    "no learning": export.export_learning([], "loss", ("training clips", "test clips"), CAPTION),
}


def table(figure: export.FigureExport) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(figure.as_file("csv").decode())))


def svg_texts(figure: export.FigureExport) -> list[str]:
    root = ElementTree.fromstring(figure.as_file("svg"))
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


# --- Tables --------------------------------------------------------------------------------------


def test_matrix_has_a_row_for_each_cell() -> None:
    rows = table(FIGURES["shares"])
    assert len(rows) == 9
    assert rows[0] == {
        "acted": "angry", "answer": "angry", "votes": "3", "share_of_row": "0.750000"
    }  # fmt: skip
    assert rows[4]["share_of_row"] == ""  # no clip was disgusted
    assert sum(int(row["votes"]) for row in rows) == COUNTS.sum()


def test_differences_are_those_of_the_rows() -> None:
    rows = table(FIGURES["difference"])
    assert rows[0]["difference"] == "0.500000"
    assert rows[3]["difference"] == ""


def test_reliability_diagram_has_a_row_for_each_bin() -> None:
    rows = table(FIGURES["reliability"])
    assert [row["clips"] for row in rows] == ["0", "4", "8"]
    assert rows[0]["share_right"] == ""
    assert rows[2]["mean_confidence"] == "0.900000"


def test_risk_coverage_curve_has_a_row_for_each_point() -> None:
    rows = table(FIGURES["risk"])
    assert [row["coverage"] for row in rows] == ["0.250000", "0.500000", "0.750000", "1.000000"]
    assert rows[2]["risk"] == "0.333333"


def test_roc_has_a_row_for_each_threshold() -> None:
    rows = table(FIGURES["roc"])
    assert len(rows) == 24
    assert rows[0]["threshold"] == ""
    assert (rows[1]["threshold"], rows[1]["false_alarms"]) == ("0.600000", "0.200000")


@pytest.mark.parametrize("highest", [0.0, 0.004, 17.0])
def test_learning_curve_has_a_row_for_each_epoch(highest: float) -> None:
    figure = learning(highest)
    assert table(figure)[0] == {"epoch": "1", "val_loss": "", "loss": f"{highest:.6f}"}
    assert {"training clips", "test clips"} <= set(svg_texts(figure))


# --- Drawings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FIGURES)
def test_drawing_holds_every_text_within_its_edges(name: str) -> None:
    figure = drawing.draw(FIGURES[name].drawing)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert len(texts) > 3
    for text in texts:
        box = text.get_window_extent(canvas.get_renderer())
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= figure.bbox.x1, text
        assert box.y1 <= figure.bbox.y1, text


@pytest.mark.parametrize("name", ["difference", "roc"])
@pytest.mark.slow
def test_drawing_is_reproducible_in_every_format(name: str) -> None:
    starts = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    for kind, start in starts.items():
        content = FIGURES[name].as_file(kind)
        assert content.startswith(start)
        assert content == FIGURES[name].as_file(kind)


@pytest.mark.slow
def test_drawing_is_the_same_in_every_thread() -> None:
    figure = FIGURES["roc"]
    with ThreadPoolExecutor(4) as pool:
        files = list(pool.map(figure.as_file, ["svg", "png"] * 4))
    assert len(set(files)) == 2


def test_matrix_shows_its_texts_and_a_dollar_sign_as_they_are() -> None:
    texts = svg_texts(FIGURES["shares"])
    assert CAPTION.title in " ".join(texts)
    assert CAPTION.note.strip() in " ".join(texts)
    assert {"75", "–", "Answer", "Acted", *NAMES} <= set(texts)
    assert "1,000" in svg_texts(FIGURES["counts"])
    assert {"+50", "\u221250"} <= set(svg_texts(FIGURES["difference"]))


def test_cells_have_their_colours_on_white() -> None:
    with Image.open(io.BytesIO(FIGURES["shares"].as_file("png"))) as image:
        assert image.size[0] > 500
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 20) or []}
        assert image.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
    shares = (0.0, 0.2, 0.6, 0.75)
    expected = [colour_at(export.SEQUENTIAL_COLOURS, share) for share in shares]
    assert {tuple(bytes.fromhex(colour[1:])) for colour in expected} <= colours
    (axes,) = drawing.draw(FIGURES["difference"].drawing).axes
    cells = [to_hex(patch.get_facecolor()) for patch in axes.patches]
    low, middle, high = export.DIVERGING_COLOURS
    assert cells == [high, low, middle, *[middle] * 6]


def test_curves_have_the_colours_and_dashes_of_their_emotions() -> None:
    (axes,) = drawing.draw(FIGURES["roc"].drawing).axes
    lines = axes.get_lines()
    assert {theme.EMOTION_COLOURS[label][0] for label in LABELS} <= {
        line.get_color() for line in lines
    }
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_texts()[0].get_text() == "angry, AUC 0.850"
    dashes = {str(line.get_linestyle()) for line in legend.get_lines()}
    assert len(dashes) > 1
    assert np.asarray(lines[1].get_xydata()).tolist() == [[0, 0], [0.2, 0.9], [1, 1]]


@pytest.mark.slow
def test_matplotlib_is_loaded_by_the_first_drawing_alone() -> None:
    code = (
        "import sys; from tests.support import pages; at = pages.run(); "
        "pages.check(at.switch_page(pages.MATRICES).run()); assert pages.grids(at); "
        "print('matplotlib' in sys.modules, 'pandas' in sys.modules); "
        "from tests.app.matrices.test_export import FIGURES; FIGURES['roc'].as_file('png'); "
        "print('matplotlib.pyplot' in sys.modules)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=pages.ROOT, check=True
    )
    assert process.stdout.splitlines()[-2:] == ["False False", "False"]
