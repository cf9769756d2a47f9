"""The simulated cluster: what must hold of any, and what it must come to where that is known."""

import numpy as np
import pytest

from bench.simulate import (
    MUCH_TROUBLE,
    NO_TROUBLE,
    Costs,
    Simulation,
    Trouble,
    limit_clips_per_s,
    simulate,
)

FREE = Costs(0.0, 0.0, 0.0, 0.0)
DEAR = Costs(2.0, 0.01, 1.0, 0.02)
DEADLY = Trouble(mean_life_s=20.0, absent_s=5.0, straggler_share=0.2, straggler_factor=4.0)


def test_one_worker_without_costs_takes_the_sum_of_its_times():
    found = Simulation(1, 8, 50, [15.0], FREE, NO_TROUBLE).run()
    assert found.took_s == pytest.approx(50 * 8 * 0.015)
    assert found.busy["workers"] == pytest.approx(1.0)
    assert found.steady_clips_per_s == pytest.approx(1 / 0.015)


def test_one_worker_with_costs_waits_only_for_the_first_group_and_the_last():
    found = Simulation(1, 8, 50, [15.0], DEAR, NO_TROUBLE).run()
    alone_s = (DEAR.scheduler_ms(8) + DEAR.client_ms(8)) / 1000
    work_s = 50 * 8 * 0.015
    assert work_s < found.took_s <= work_s + 2 * alone_s


def test_workers_without_costs_add_up():
    one, many = (simulate(n, 32, [10.0, 20.0], FREE, NO_TROUBLE) for n in (1, 20))
    assert many.steady_clips_per_s == pytest.approx(20 * one.steady_clips_per_s, rel=0.05)


@pytest.mark.parametrize("size", [8, 64])
def test_with_workers_enough_the_slower_desk_is_the_limit(size):
    who, limit = limit_clips_per_s(size, DEAR)
    found = simulate(600, size, [1.0], DEAR, NO_TROUBLE)
    assert found.steady_clips_per_s == pytest.approx(limit, rel=0.02)
    assert found.busy[who] > 0.95
    assert found.busy["workers"] < 0.5


@pytest.mark.parametrize("trouble", [NO_TROUBLE, Trouble(), MUCH_TROUBLE, DEADLY])
@pytest.mark.parametrize("workers", [1, 7, 40])
def test_every_group_is_written_once_whatever_befalls(workers, trouble):
    found = Simulation(workers, 16, 500, [15.0, 80.0], DEAR, trouble).run()
    assert (found.written == 1).all()
    assert found.begun >= 500
    assert max(found.busy.values()) <= 1.0 + 1e-9
    if trouble is NO_TROUBLE:
        assert (found.begun, found.deaths) == (500, 0)


def test_deaths_cost_time():
    calm, deadly = (
        Simulation(10, 16, 500, [40.0], DEAR, one).run() for one in (NO_TROUBLE, DEADLY)
    )
    assert deadly.deaths > 10
    assert deadly.begun > 500
    assert deadly.took_s > 1.2 * calm.took_s


def test_stragglers_do_their_part_and_no_more():
    slow = Trouble(float("inf"), 0.0, straggler_share=0.5, straggler_factor=3.0)
    found = Simulation(40, 8, 4000, [20.0], FREE, slow).run()
    calm = Simulation(40, 8, 4000, [20.0], FREE, NO_TROUBLE).run()
    share = found.steady_clips_per_s / calm.steady_clips_per_s
    assert share == pytest.approx((0.5 + 0.5 / 3), rel=0.05)


def test_the_seed_decides():
    runs = [Simulation(5, 8, 100, [10.0, 50.0], DEAR, DEADLY, seed).run() for seed in (1, 1, 2)]
    assert runs[0].took_s == runs[1].took_s
    np.testing.assert_array_equal(runs[0].written, runs[1].written)
    assert runs[0].took_s != runs[2].took_s


def test_the_limit_is_what_the_slower_of_both_does_by_itself():
    for size, who, seconds in ((100, "scheduler", 0.003), (1000, "client", 0.021)):
        found, rate = limit_clips_per_s(size, DEAR)
        assert found == who
        assert rate == pytest.approx(size / seconds)
