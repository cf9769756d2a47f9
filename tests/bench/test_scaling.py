"""Test the simulation of a cluster against closed forms, and the page against sums by hand."""

import pytest

from bench import measure, scaling

COSTS = {
    "scheduler": {"group_ms": 2.0, "clip_ms": 0.02},
    "client": {"group_ms": 1.0, "clip_ms": 0.01},
}
FREE = {desk: {"group_ms": 0.0, "clip_ms": 0.0} for desk in scaling.DESKS}


@pytest.mark.parametrize("workers", [1, 20])
def test_workers_without_costs_add_up(workers):
    run = scaling.simulate(workers, 32, [20.0], FREE, "none")
    assert run["clips_per_s"] == pytest.approx(workers * 50, rel=0.05)
    assert run["took_s"] == pytest.approx(run["groups"] * 32 * 0.02 / workers)
    assert (run["deaths"], run["again"]) == (0, 0)


@pytest.mark.parametrize("size", [8, 64])
@pytest.mark.slow
def test_enough_workers_reach_the_limit_of_the_slower_desk(size):
    slower, limit = scaling.limit_clips_per_s(size, COSTS)
    run = scaling.simulate(600, size, [1.0], COSTS, "none")
    assert slower == "scheduler"
    assert limit == pytest.approx(1000 * size / (2.0 + 0.02 * size))
    assert run["clips_per_s"] == pytest.approx(limit, rel=0.02)
    assert run["scheduler"] == pytest.approx(1.0, rel=0.02)
    assert run["client"] == pytest.approx(0.5, rel=0.02)


def test_deaths_and_slow_workers_cost_time(monkeypatch):
    monkeypatch.setitem(scaling.TROUBLES, "some", (20.0, 5.0, 0.5, 3.0))
    calm, troubled = (
        scaling.simulate(10, 16, [40.0], COSTS, trouble) for trouble in ("none", "some")
    )
    assert troubled["deaths"] > 10
    assert troubled["again"] > 0
    assert troubled["took_s"] > 1.5 * calm["took_s"]


def test_the_seed_decides():
    runs = [scaling.simulate(5, 8, [10.0, 50.0], COSTS, "much", seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


@pytest.fixture(scope="module")
def stored():
    """Results of 50 clips of two seconds per second and core."""
    batch = {
        "clips_per_s_and_core": 50.0,
        "sound_s_per_clip": 2.0,
        "row_bytes": 1500.0,
        "has_corpora": True,
    }
    *_, facts = scaling.simulations([15.0, 20.0, 25.0], COSTS, measure.Options(quick=True))
    assert isinstance(facts, measure.Facts)
    return {
        "parts": {
            "batch": {"facts": batch},
            "predict": {"facts": {"encoder_factor": 4.0}},
            "scaling": {"facts": dict(facts.values)},
        }
    }


@pytest.mark.parametrize(
    "line",
    [
        "1,000,000 h of sound ÷ 100 = **10,000 core-hours**",
        "| Emo, three classifiers and the ensemble | 10,000 | 400 USD | 150 USD | 79 |",
        "| the encoder's forward pass alone | 250,000 |",
        "| WAV, 16 kHz, 16 bits, mono | 115 MB | 115 TB | 2,650 USD |",
        "| the answers, JSON Lines | 2.7 MB | 2.7 TB | 62 USD |",
        "1.8 billion recordings",
        f"| scheduler, groups of 32 | {1000 * 32 / 2.64:,.0f} | {1000 * 32 / 2.64 / 50:,.0f} |",
        "1,000 workers need 5 runs in parallel",
    ],
)
def test_the_page_agrees_with_sums_by_hand(stored, line):
    assert line in scaling.render(stored)


def test_a_page_without_results_names_what_is_missing():
    page = scaling.render({"parts": {"batch": {"facts": {}}}})
    assert "Not measured yet: predict, scaling." in page


def test_the_stored_page_is_that_of_the_stored_results():
    if not measure.RESULTS.exists():
        pytest.skip("make bench has not been run here")
    assert scaling.PAGE.read_text(encoding="utf-8") == scaling.render(measure.read_results())
