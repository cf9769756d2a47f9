"""The operating points that README, cards and pages quote are one block."""

from pathlib import Path

import pytest

from emo.app import accuracy_text
from emo.classifiers.ensembles import ENSEMBLES
from emo.classifiers.registry import CLASSIFIERS
from emo.evaluation.figures.operating_points import (
    ELSEWHERE,
    GUESSING,
    STUDIOS,
    operating_points,
)
from emo.evaluation.stored import read_metrics
from emo.evaluation.tables import expectation
from emo.formatting import percent

PROJECT = Path(__file__).parents[3] / "models"


@pytest.mark.parametrize("key", [*CLASSIFIERS, *ENSEMBLES])
def test_stored_block_is_that_of_the_protocols(key: str) -> None:
    figures = read_metrics(PROJECT, key)
    stored, protocols = figures["operating_points"], figures["protocols"]
    assert list(stored) == [ELSEWHERE, STUDIOS, GUESSING]
    for name in (ELSEWHERE, STUDIOS):
        assert stored[name]["accuracy"] == protocols[name]["accuracy"]
        assert stored[name]["interval"] == protocols[name]["intervals"]["accuracy"]
    assert stored[GUESSING]["accuracy"] == pytest.approx(1 / 7, abs=1e-6)


def test_readme_and_page_quote_the_same_points() -> None:
    figures = read_metrics(PROJECT, "ensemble")
    stored, protocols = figures["operating_points"], figures["protocols"]
    document = expectation("it", protocols)
    page = accuracy_text.in_short(protocols)
    for name in (ELSEWHERE, GUESSING):
        assert percent(stored[name]["accuracy"], 1).replace("\u00a0", " ") in document
        assert percent(stored[name]["accuracy"]) in page


def test_points_that_were_not_measured_are_left_out() -> None:
    assert operating_points({}) == {}
    points = operating_points({STUDIOS: {"accuracy": 0.7}, "random": {"accuracy": 0.8}})
    assert points == {STUDIOS: {"accuracy": 0.7}, GUESSING: {"accuracy": 1 / 7}}
    assert "elsewhere" not in expectation("it", {STUDIOS: {"accuracy": 0.7}})
