"""The load benchmark with few visitors and uploads."""

import asyncio
from collections.abc import Iterator

import pytest

from bench import load
from tests.support.clients import streamlit_client
from tests.support.clients.streamlit_client import Served

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("unmeasured_processes")]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("load") / "log.txt"
    with streamlit_client.serve(log, load.ENVIRON) as served:
        yield served


def test_crowd_has_no_errors(served):
    errors, _ = asyncio.run(load.measure_crowd(served, 4, 0.2))
    assert errors.is_met


def test_crowd_has_no_errors_during_an_attack(tmp_path):
    with streamlit_client.serve(tmp_path / "log.txt", load.ATTACK_ENVIRON) as served:
        errors, _ = asyncio.run(load.measure_attack(served, 2, 0.2))
        log = served.log
    assert errors.is_met
    assert len(log) < 200_000


def test_live_has_no_errors(served):
    errors, missed, _ = asyncio.run(load.measure_live(served, 2, 0.1))
    assert errors.is_met
    assert missed.value < 100


def test_programs_get_their_answers_without_errors(served):
    errors, p95, rate = asyncio.run(load.measure_api(served, 2, 0.02))
    assert errors.is_met
    assert p95.value > 0
    assert rate.value > 0


def test_an_open_page_takes_less_than_a_megabyte(served):
    (each,) = asyncio.run(load.measure_idle(served, 30))
    assert each.is_met, each


def test_memory_does_not_grow_with_the_uploads(served):
    (growth,) = asyncio.run(load.measure_uploads(served, 40, n_before=40))
    assert growth.is_met, growth


def test_row_is_met_up_to_its_target():
    assert load.Row("rate", 25.0, 25.0, "/s", is_least=True).is_met
    assert not load.Row("rate", 24.9, 25.0, "/s", is_least=True).is_met
    assert load.Row("p95", 3.0, 3.0, "s").is_met
    assert not load.Row("p95", 3.01, 3.0, "s").is_met
