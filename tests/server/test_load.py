"""The bench of load in small: its thresholds hold, and it would tell if they did not."""

import asyncio
from collections.abc import Iterator

import pytest

from bench import load
from tests.support import streamlit_client
from tests.support.streamlit_client import Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("load") / "log.txt"
    with streamlit_client.serve(log, load.ENVIRON) as served:
        yield served


def test_a_few_people_at_once_get_their_answers(served):
    errors, _ = asyncio.run(load.measure_crowd(served, 4, 0.2))
    assert errors.is_met


def test_a_few_people_are_answered_beside_an_attacker(tmp_path):
    with streamlit_client.serve(tmp_path / "log.txt", load.ATTACKED) as served:
        errors, _ = asyncio.run(load.measure_attack(served, 2, 0.2))
        log = served.log
    assert errors.is_met
    assert len(log) < 200_000


def test_an_open_page_takes_less_than_a_megabyte(served):
    (each,) = asyncio.run(load.measure_idle(served, 30))
    assert each.is_met, each


def test_memory_does_not_grow_with_the_uploads(served):
    (growth,) = asyncio.run(load.measure_uploads(served, 40, n_before=40))
    assert growth.is_met, growth


def test_a_threshold_that_is_passed_is_missed():
    assert load.Row("p95", 3.0, 3.0, "s").is_met
    assert not load.Row("p95", 3.01, 3.0, "s").is_met
