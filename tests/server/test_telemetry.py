"""The metrics: their names, their labels, and the times of tasks."""

import re

import prometheus_client
import pytest
from prometheus_client.parser import text_string_to_metric_families

from emo.server.telemetry import BUCKETS_S, Telemetry


def read(telemetry: Telemetry) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return the values in Prometheus' text format by name and labels."""
    text = prometheus_client.generate_latest(telemetry.registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_task_measures_the_duration_and_counts_errors_by_type(monkeypatch):
    times = iter([1.0, 3.0])
    monkeypatch.setattr("emo.server.telemetry.time.perf_counter", lambda: next(times))
    telemetry = Telemetry()
    with pytest.raises(KeyError), telemetry.task("decode"):
        raise KeyError("a secret name.wav")
    values = read(telemetry)
    assert values["emo_errors_total", (("kind", "decode"), ("type", "KeyError"))] == 1
    assert values["emo_task_duration_seconds_sum", (("kind", "decode"),)] == 2
    assert values["emo_task_duration_seconds_count", (("kind", "decode"),)] == 1
    assert not any("secret" in str(key) for key in values)


def test_task_durations_fall_into_buckets_up_to_half_a_minute():
    telemetry = Telemetry()
    telemetry.task_duration.labels("predict").observe(0.3)
    values = read(telemetry)
    bounds = [dict(key[1])["le"] for key in values if key[0].endswith("duration_seconds_bucket")]
    assert [float(bound) for bound in bounds] == [*BUCKETS_S, float("inf")]
    assert values["emo_task_duration_seconds_bucket", (("kind", "predict"), ("le", "0.25"))] == 0
    assert values["emo_task_duration_seconds_bucket", (("kind", "predict"), ("le", "0.5"))] == 1


def test_gauges_are_read_when_they_are_collected():
    telemetry = Telemetry()
    values = iter([7.0, 8.0])
    telemetry.open_pages.set_function(lambda: next(values))
    assert read(telemetry)["emo_open_pages", ()] == 7
    assert read(telemetry)["emo_open_pages", ()] == 8


def test_each_telemetry_has_its_own_registry():
    first, second = Telemetry(), Telemetry()
    first.upload_bytes.inc(5)
    assert read(first)["emo_upload_bytes_total", ()] == 5
    assert read(second)["emo_upload_bytes_total", ()] == 0


def test_metric_names_follow_the_conventions():
    """Counters end in ``_total``, and units are base units; process metrics have their own names.

    See <https://prometheus.io/docs/practices/naming/>.
    """
    for family in Telemetry().registry.collect():
        assert re.fullmatch(r"(emo|process)(_[a-z]+)+", family.name), family.name
        assert family.documentation.endswith("."), family.name
        if family.type == "histogram":
            assert family.name.endswith("_duration_seconds"), family.name
