"""The page on a million hours: its arithmetic against that done by hand, and that it is fresh."""

import pytest

from bench import measure, scaling, simulate
from bench.measure import Facts

COSTS = {
    "scheduler": {"group_ms": 2.0, "clip_ms": 0.02},
    "client": {"group_ms": 1.0, "clip_ms": 0.01},
    "workers": {"group_ms": 1.0, "clip_ms": 0.01},
}


@pytest.fixture(scope="module")
def stored():
    """Results such as the benches keep: 50 clips of two seconds a second and core."""
    batch = {
        "clips_per_s_and_core": 50.0,
        "sound_s_per_clip": 2.0,
        "row_bytes": 1500.0,
        "has_corpora": True,
        "replayed_ms": [15.0, 20.0, 25.0],
    }
    parts = {
        "batch": {"facts": batch},
        "predict": {"facts": {"encoder_factor": 4.0}},
        "scheduler": {"facts": {"costs": COSTS}},
    }
    found = {"parts": parts}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulate, "read_results", lambda: found)
        patch.setattr(simulate, "WORKERS", (1, 300))
        patch.setattr(simulate, "TROUBLED", (50, 32))
        facts = [one for one in simulate.measure(measure.Options()) if isinstance(one, Facts)]
    parts["simulate"] = {"facts": dict(facts[0].values)}
    return found


def test_what_is_measured_leads_to_core_hours_and_money(stored):
    known = scaling.measured(stored)
    assert known.factor == 100.0
    assert known.core_hours == 10_000.0
    assert known.clips == 1_800_000_000
    page = scaling.render(stored)
    assert "1,000,000 h of sound ÷ 100 = **10,000 core-hours**" in page
    emo = next(line for line in page.splitlines() if line.startswith("| Emo, three"))
    assert emo.split("|")[2:-1] == [" 10,000 ", " 400 USD ", " 150 USD ", " 79 "]
    encoder = next(line for line in page.splitlines() if line.startswith("| the encoder's"))
    assert encoder.split("|")[2].strip() == "250,000"


def test_storage_and_network_are_bits_times_time(stored):
    assert scaling.gb(256.0, 1) == pytest.approx(0.1152)
    assert scaling.gb(256.0) == pytest.approx(115_200)
    page = scaling.render(stored)
    assert "| WAV, 16 kHz, 16 bits, mono | 115 MB | 115 TB | 2,650 USD |" in page
    assert "| the answers, JSON Lines | 2.7 MB | 2.7 TB | 62 USD |" in page
    assert "1.8 billion recordings" in page
    assert "cost 720 USD in requests" in page
    assert "| 1,000 | 50,000 | 25.60 Gbit/s | 75.0 MB/s |" in page


def test_the_bottleneck_is_the_scheduler_and_the_runs_are_as_many_as_it_takes(stored):
    page = scaling.render(stored)
    limit = 1000 * 32 / (2.0 + 0.02 * 32)  # 12,121 clips a second, 242 workers
    assert f"| scheduler, groups of 32 | {limit:,.0f} | {limit / 50:,.0f} |" in page
    assert "1,000 workers want 5 runs side by side" in page
    assert scaling.whole_runs(50_000, limit) == 5
    assert scaling.whole_runs(10.0, limit) == 1


def test_rates_are_bold_where_not_the_workers_are_the_limit(stored):
    rates = stored["parts"]["simulate"]["facts"]["rates"]
    assert rates["300"]["32"]["scheduler"] > 0.9
    assert rates["1"]["32"]["workers"] > 0.9
    lines = scaling.simulation_tables(stored).splitlines()
    few, many = (next(one for one in lines if one.startswith(f"| {n} |")) for n in (1, 300))
    assert "**" not in few
    assert f"**{rates['300']['32']['clips_per_s']:,.0f}**" in many


def test_without_results_the_page_says_what_is_missing():
    page = scaling.render({"parts": {"batch": {"facts": {}}}})
    assert "Not measured yet: predict, scheduler, simulate." in page


def test_a_simulation_without_results_says_which_bench_comes_first(monkeypatch):
    monkeypatch.setattr(simulate, "read_results", lambda: {"parts": {}})
    (row,) = simulate.measure(measure.Options())
    assert isinstance(row, measure.Row)
    assert row.is_met is None
    assert "python bench/batch.py --save" in row.note


def test_the_stored_page_is_that_of_the_stored_results():
    if not measure.RESULTS.exists():
        pytest.skip("make bench has not been run here")
    assert scaling.PAGE.read_text(encoding="utf-8") == scaling.render(measure.read_results())
