"""Test the shared parts of the benches: figures, targets, turns, processes, the page."""

import importlib
import json
import re
import sys
import time
from pathlib import Path

import pytest

from bench import batch, competitors, measure, table
from bench.measure import Competitor, Facts, MissingError, Options, Part, Row, Target
from tests.support.signals import encoded, voice
from tests.test_requirements import LOCKS, pins


def test_percentile_and_median_are_those_counted_by_hand():
    values = [float(i) for i in range(20, 0, -1)]
    row = measure.make_row("x", values, "ms")
    assert (row.n, row.median, row.p95) == (20, 10.5, 19.0)
    assert measure.percentile([3.0], 0.95) == 3.0
    assert measure.make_row("x", [3.0], "ms").p95 is None


@pytest.mark.parametrize(
    ("sign", "limit", "of", "met"),
    [
        ("≤", 2.0, "median", True),
        ("≤", 1.9, "median", False),
        ("≥", 2.0, "median", True),
        ("≥", 2.1, "median", False),
        ("≤", 2.9, "p95", False),
        ("≤", 3.0, "p95", True),
    ],
)
def test_a_target_is_met_up_to_its_limit(sign, limit, of, met):
    row = measure.make_row("x", [1.0, 2.0, 3.0], "s", Target(sign, limit, of))
    assert row.is_met is met
    assert row.result == ("met" if met else "missed")


def test_what_was_not_measured_neither_meets_nor_misses():
    row = measure.missing_row("x", "s", "nothing is here", Target("≤", 1.0))
    assert row.is_met is None
    assert row.result == "not measured"


def test_a_ratio_is_of_medians():
    row = measure.ratio_row("x", [10.0, 30.0, 20.0], [4.0, 5.0, 100.0], Target("≥", 4.0))
    assert row.median == 4.0
    assert row.is_met


def test_works_take_turns_and_the_first_rounds_do_not_count():
    called = []

    def work(name):
        def once():
            called.append(name)
            return float(len(called))

        return once

    found = measure.take_turns({"a": work("a"), "b": work("b")}, rounds=2, warm_ups=1)
    assert called == ["a", "b"] * 3
    assert found == {"a": [3.0, 5.0], "b": [4.0, 6.0]}


@pytest.mark.slow
def test_a_lane_says_how_long_its_work_took_each_time(tmp_path):
    path = tmp_path / "voice.wav"
    path.write_bytes(encoded(voice(duration_s=0.5)))
    competitor = Competitor("emo-features", str(path))
    took_s = [competitor() for _ in range(3)]
    competitor.close()
    assert all(0.0 < one < 60.0 for one in took_s)
    assert competitor.versions == {}


def test_a_work_in_a_row_is_done_so_often_and_gives_the_mean(monkeypatch, capsys):
    clock_s: list[float] = [0.0]
    done: list[None] = []

    def work() -> None:
        done.append(None)
        clock_s[0] += len(done)

    monkeypatch.setitem(competitors.WORKLOADS, "counted", (lambda: work, ()))
    monkeypatch.setattr(time, "perf_counter", lambda: clock_s[0])
    monkeypatch.setattr(sys, "stdin", ["3\n", "1\n"])
    assert competitors.main("counted") == 0
    _, *took = map(json.loads, capsys.readouterr().out.splitlines())
    first = competitors.WARM_UPS + 1
    assert [one["took_s"] for one in took] == [first + 1, first + 3]


def test_what_is_not_installed_is_named(tmp_path):
    with pytest.raises(MissingError, match="its Python is missing"):
        Competitor("opensmile", "x.wav", python=str(tmp_path / "python"))
    if any(name.startswith("opensmile") for name in sys.modules):
        pytest.skip("openSMILE is here")
    with pytest.raises(MissingError, match="opensmile is not installed"):
        Competitor("opensmile", "x.wav")


def test_memory_of_this_process_is_found_where_the_system_says():
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not say")
    import os

    held = bytearray(50_000_000)
    held[::4096] = b"x" * len(held[::4096])
    assert measure.resident_mb(os.getpid(), "RssAnon") > 50
    assert measure.resident_mb(2**30) == 0.0


# --- What is kept --------------------------------------------------------------------------------


def work(options):
    yield measure.make_row("fast", [1.0, 2.0], "ms", Target("≤", 2.0), note="as it is")
    yield measure.make_row("slow", [5.0], "s", Target("≤", 2.0))
    yield measure.missing_row("absent", "s", "nothing is here", Target("≤", 2.0))
    yield Facts({"repeats": options.times(10, 2)})


PART = Part("features", "Title", "How.", work)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Store the results of a part in a folder of their own."""
    monkeypatch.setattr(measure, "RESULTS", tmp_path / "bench.json")
    assert measure.run(PART, Options(quick=True), save=True) is False
    return measure.read_results()


def test_a_piece_that_is_none_is_told(monkeypatch, capsys):
    part = Part("features", "Title", "How.", work, ("one", "other"))
    monkeypatch.setattr(sys, "argv", ["bench", "third"])
    with pytest.raises(SystemExit, match="2"):
        measure.main(part)
    assert "there is no piece third; there are one, other" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["bench", "one", "--save"])
    with pytest.raises(SystemExit, match="2"):
        measure.main(part)
    assert "stored as a whole" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["bench", "one"])
    assert measure.main(part) == 1  # a target is missed
    assert "Title" in capsys.readouterr().out


def test_what_is_kept_comes_back(kept):
    part = kept["parts"]["features"]
    assert part["facts"] == {"repeats": 2}
    rows = [measure.row_from(one) for one in part["rows"]]
    wanted = Row("fast", "ms", 2, 1.5, 2.0, Target("≤", 2.0), "as it is")
    assert rows[0] == wanted
    assert json.loads(measure.RESULTS.read_text())["machine"]["cores"] >= 1


@pytest.mark.slow
def test_a_part_that_is_run_again_takes_its_own_place(kept):
    measure.run(PART, Options(), save=True)
    again = measure.read_results()
    assert list(again["parts"]) == ["features"]
    assert again["parts"]["features"]["facts"] == {"repeats": 10}


def test_the_page_has_each_row_with_its_result(kept):
    page = table.render(kept)
    assert "**1 of 2 targets are met.**" in page
    assert "| fast (as it is) | 2 | 1.5 ms | 2.0 ms | ≤ 2 ms | met |" in page
    assert "| slow | 1 | 5.00 s | – | ≤ 2 s | **missed** |" in page
    assert "| absent (nothing is here) | – | – | – | ≤ 2 s | not measured |" in page
    assert "no measure of anything" in page


def test_every_part_is_a_module_of_its_key():
    for key in table.ORDER:
        assert importlib.import_module(f"bench.{key}").PART.key == key


def test_the_stored_page_is_that_of_the_stored_results():
    if not measure.RESULTS.exists():
        pytest.skip("make bench has not been run here")
    assert table.PAGE.read_text(encoding="utf-8") == table.render(measure.read_results())


# --- Single benches ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_batch_of_links_has_a_row_each(tmp_path):
    path = tmp_path / "voice.wav"
    path.write_bytes(encoded(voice(duration_s=0.8)))
    ran = batch.run_batch([path], 3, jobs=1)
    assert ran.sound_s == pytest.approx(3 * 0.8, abs=0.01)
    assert ran.row_bytes > 3 * 500
    assert ran.took_s > 0.0


@pytest.mark.slow
def test_without_corpora_the_clips_are_made_up(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "default_directory", lambda: None)
    assert len(batch.find_sources(tmp_path)) == batch.SYNTHETIC


def test_what_is_only_compared_with_is_pinned_and_no_part_of_the_product():
    lines = (measure.ROOT / "bench" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    names = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w-]+==[\w.]+", name) for name in names)
    rivals = {"opensmile", "torch", "audeer"}
    assert rivals <= {name.partition("==")[0] for name in names}
    assert not rivals & {name for lock in LOCKS for name in pins(lock)}
