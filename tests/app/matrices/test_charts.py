"""Test the charts against values computed by hand, and measure the contrast of all colours."""

import json
import math
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emo.app import theme as app_theme
from emo.app.matrices import charts
from emo.evaluation.metrics import Bin, Roc
from emo.evaluation.selective import RiskCoverage
from emo.labels import LABELS

PAGES = {"light": "#fbfaf7", "dark": "#14171a"}


# --- Curves --------------------------------------------------------------------------------------


def test_learning_curves_omit_epochs_without_a_value() -> None:
    history: list[dict[str, Any]] = [
        {"epoch": 1, "loss": 2.0, "accuracy": 0.2, "val_loss": None, "val_accuracy": None},
        {"epoch": 2, "loss": 1.0, "accuracy": 0.4, "val_loss": 1.5, "val_accuracy": 0.3},
    ]
    figure = charts.learning_curves(history, "loss", "Loss", ("training", "test"))
    lines = {trace.name: list(zip(trace.x, trace.y, strict=True)) for trace in figure.data}
    assert lines == {"training": [(1, 2.0), (2, 1.0)], "test": [(2, 1.5)]}


def test_learning_curves_omit_a_line_without_values() -> None:
    history: list[dict[str, Any]] = [{"epoch": 1, "loss": 2.0, "val_loss": None}]
    figure = charts.learning_curves(history, "loss", "Loss", ("training", "test"))
    assert [trace.name for trace in figure.data] == ["training"]


def test_reliability_diagram_omits_empty_bins() -> None:
    bins = (Bin(0.0, 0.5, 0, None, None), Bin(0.5, 1.0, 8, 0.7, 0.75))
    figure = charts.reliability_diagram(bins, ("a", "b", "c"), ["none", "eight"])
    curve, counts = figure.data
    assert (list(curve.x), list(curve.y), list(curve.text)) == ([0.7], [0.75], ["eight"])
    assert list(counts.y) == [0, 8]
    assert list(counts.x) == [0.25, 0.75]
    assert counts.yaxis == "y2"


def test_risk_coverage_curve_shows_its_points() -> None:
    curve = RiskCoverage(np.array([0.5, 1.0]), np.array([0.25, 0.375]), 0.3)
    figure = charts.risk_coverage_curve(curve, ("a", "b"), ["half", "all"])
    (line,) = figure.data
    assert (list(line.x), list(line.y), list(line.text)) == (
        [0.5, 1.0],
        [0.25, 0.375],
        ["half", "all"],
    )
    assert figure.layout.yaxis.range[1] > 0.375


def test_roc_curves_differ_in_dashes() -> None:
    half = np.array([0.0, 0.5, 1.0])
    curves = [Roc(label, 3, half, half, half, 0.5) for label in LABELS]
    figure = charts.roc_curves(curves, ("a", "b"))
    assert [trace.name for trace in figure.data] == list(LABELS)
    assert len({trace.line.dash for trace in figure.data}) == 5
    assert list(figure.data[0].x) == [0.0, 0.5, 1.0]


def test_charts_cannot_be_dragged() -> None:
    figures = [
        charts.learning_curves([], "loss", "Loss", ("training", "test")),
        charts.reliability_diagram([], ("a", "b", "c"), []),
        charts.roc_curves([], ("a", "b")),
    ]
    for figure in figures:
        assert figure.layout.dragmode is False
        assert json.loads(figure.to_json())["layout"]["xaxis"]["fixedrange"] is True


# --- Colours -------------------------------------------------------------------------------------

# Machado, Oliveira, Fernandes 2009, severity 1, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(first: str, second: str) -> float:
    """Return the ratio of relative luminances as WCAG 2 defines it."""
    levels = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) + 0.05 for c in (first, second))
    return levels[1] / levels[0]


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Return the OKLab coordinates of linear RGB (Ottosson 2020)."""
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    mix = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return np.asarray(mix @ np.cbrt(cones @ np.clip(rgb, 0, 1)))


@pytest.mark.parametrize("page", PAGES)
def test_emotion_colours_contrast_with_the_page(page: str) -> None:
    side = list(PAGES).index(page)
    for label in LABELS:
        assert contrast(app_theme.EMOTION_COLOURS[label][side], PAGES[page]) >= 3.0, label


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("page", PAGES)
def test_emotion_colours_differ_with_colour_blindness(page: str, sight: str) -> None:
    side = list(PAGES).index(page)
    points = [
        oklab(SIGHT[sight] @ linear(app_theme.EMOTION_COLOURS[label][side])) for label in LABELS
    ]
    closest = min(math.dist(a, b) for i, a in enumerate(points) for b in points[:i])
    assert closest >= 0.1  # about five just noticeable differences


INK = {"light": "#1f2326", "dark": "#e8e6e1"}


def theme(page: str, name: str) -> list[str]:
    text = (Path(__file__).parents[3] / ".streamlit" / "config.toml").read_text()
    shades: list[str] = tomllib.loads(text)["theme"][page][name]
    return shades


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", ["chartSequentialColors", "chartDivergingColors"])
def test_numbers_contrast_with_every_colour(page: str, name: str) -> None:
    shades = theme(page, name)
    assert len(shades) == 10
    for colour in shades:
        assert contrast(colour, INK[page]) >= 4.5, colour


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("page", PAGES)
def test_diverging_colours_differ_with_colour_blindness(page: str, sight: str) -> None:
    shades = theme(page, "chartDivergingColors")
    points = [oklab(SIGHT[sight] @ linear(colour)) for colour in shades]
    for less, more in zip(points[:4], points[:5:-1], strict=True):
        assert math.dist(less, more) >= 0.03
    assert math.dist(points[0], points[-1]) >= 0.1
    for side in (points[:5], points[:4:-1]):
        far = [math.dist(point, points[4]) for point in side]
        assert far == sorted(far, reverse=True)
