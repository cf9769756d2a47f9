"""Counts and times, read back by a parser of Prometheus' text format."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from emo.server.telemetry import BOUNDS_S, HELP, Telemetry

ROW = re.compile(r'^([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\.)*",?)*)\})? (\S+)$')


def read(text: str) -> dict[str, float]:
    """Value of each row, by its name and labels; every row must be of the format."""
    assert text.endswith("\n")
    found = {}
    for row in text.splitlines():
        if row.startswith("#"):
            assert re.match(r"# (HELP|TYPE) emo_[a-z_]+ \S", row)
            continue
        match = ROW.match(row)
        assert match, row
        found[row.rsplit(" ", 1)[0]] = float(match[3])
    return found


def test_counts_add_up_by_label_and_from_many_threads():
    counters = Telemetry()
    with ThreadPoolExecutor(8) as pool:
        for _ in range(400):
            pool.submit(counters.count, "emo_refused_total", reason="busy")
    counters.count("emo_refused_total", 2.5, reason="session_mb")
    found = read(counters.text())
    assert found['emo_refused_total{reason="busy"}'] == 400
    assert found['emo_refused_total{reason="session_mb"}'] == 2.5


def test_steps_of_a_histogram_hold_all_that_is_below_them():
    counters = Telemetry()
    for time_s in (0.01, 0.04, 0.3, 99.0):
        counters.observe("emo_work_seconds", time_s, kind="predict")
    found = read(counters.text())
    steps = [found[f'emo_work_seconds_bucket{{kind="predict",le="{b:g}"}}'] for b in BOUNDS_S]
    assert steps == [sum(t <= b for t in (0.01, 0.04, 0.3, 99.0)) for b in BOUNDS_S]
    assert found['emo_work_seconds_bucket{kind="predict",le="+Inf"}'] == 4
    assert found['emo_work_seconds_count{kind="predict"}'] == 4
    assert found['emo_work_seconds_sum{kind="predict"}'] == pytest.approx(99.35)


def test_work_is_timed_and_its_error_counted_by_type():
    times = iter([1.0, 3.0])
    counters = Telemetry(clock=lambda: next(times))
    with pytest.raises(KeyError), counters.work("decode"):
        raise KeyError("a name that must not be seen.wav")
    text = counters.text()
    assert "must not be seen" not in text
    found = read(text)
    assert found['emo_errors_total{kind="decode",type="KeyError"}'] == 1
    assert found['emo_work_seconds_sum{kind="decode"}'] == 2


def test_gauges_are_read_when_asked_and_everything_has_its_meaning():
    counters = Telemetry()
    counters.watch("emo_pages_open", lambda: 7)
    text = counters.text()
    assert read(text)["emo_pages_open"] == 7
    for name, (kind, _) in HELP.items():
        assert f"# TYPE {name} {kind}\n" in text


def test_signs_in_a_label_are_escaped():
    counters = Telemetry()
    counters.count("emo_refused_total", reason='a"b\\c\nd')
    assert 'reason="a\\"b\\\\c\\nd"' in counters.text()
    read(counters.text())
