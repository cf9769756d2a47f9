"""Metrics of the server for Prometheus: names, labels and units.

No label holds anything about a person or about what was sent.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histograms' buckets, in seconds: from a small file to a ten-minute clip."""

# Prometheus does not need the creation time of each counter.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Telemetry:
    """The metrics of one server, in a registry of their own.

    The registry also holds prometheus-client's process metrics, such as
    ``process_resident_memory_bytes`` and ``process_open_fds``, where the system has ``/proc``.

    Attributes
    ----------
    registry : prometheus_client.CollectorRegistry
        What ``prometheus_client.start_http_server`` serves.
    requests : Counter
        Labels: route, status.
    rejected : Counter
        Label: reason, which is the name of a limit or of a check.
    errors : Counter
        Labels: kind of task or route, type of the exception.
    task_duration, request_duration : Histogram
        In seconds; labels: kind, route.
    open_pages, open_live, open_connections : Gauge
    running_tasks, waiting_tasks, cache, sandbox_processes : Gauge
        Read when they are collected, from a function set by ``set_function``.
    unrestricted : Gauge
        Label: restriction.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "emo_requests_total",
            "HTTP requests and opened pages.",
            ["route", "status"],
            registry=registry,
        )
        self.rejected = Counter(
            "emo_rejected_total",
            "Requests, uploads, messages, connections and tasks that were rejected.",
            ["reason"],
            registry=registry,
        )
        self.errors = Counter(
            "emo_errors_total",
            "Unexpected errors, and recordings that could not be read.",
            ["kind", "type"],
            registry=registry,
        )
        self.upload_bytes = Counter(
            "emo_upload_bytes_total", "Size of the accepted uploads.", registry=registry
        )
        self.request_duration = Histogram(
            "emo_request_duration_seconds",
            "Duration of HTTP requests.",
            ["route"],
            registry=registry,
            buckets=BUCKETS_S,
        )
        self.task_duration = Histogram(
            "emo_task_duration_seconds",
            "Duration of decoding, prediction and other tasks.",
            ["kind"],
            registry=registry,
            buckets=BUCKETS_S,
        )
        self.open_pages = Gauge("emo_open_pages", "Open pages.", registry=registry)
        self.open_live = Gauge("emo_open_live", "Live microphones.", registry=registry)
        self.open_connections = Gauge(
            "emo_open_connections", "Open connections, of pages and of requests.", registry=registry
        )
        self.running_tasks = Gauge("emo_running_tasks", "Running tasks.", registry=registry)
        self.waiting_tasks = Gauge(
            "emo_waiting_tasks", "Tasks that wait for a free slot.", registry=registry
        )
        self.cache = Gauge(
            "emo_cache_bytes", "Size of the decoded clips and players in memory.", registry=registry
        )
        self.sandbox_processes = Gauge(
            "emo_sandbox_processes", "Processes that decode recordings.", registry=registry
        )
        self.unrestricted = Gauge(
            "emo_sandbox_unrestricted_processes",
            "Processes that decode recordings without a restriction.",
            ["restriction"],
            registry=registry,
        )

    @contextmanager
    def task(self, kind: str) -> Iterator[None]:
        """Measure the duration of the block, and count the exception that leaves it."""
        started_s = time.perf_counter()
        try:
            yield
        except Exception as error:
            self.errors.labels(kind, type(error).__name__).inc()
            raise
        finally:
            self.task_duration.labels(kind).observe(time.perf_counter() - started_s)


TELEMETRY = Telemetry()
"""The metrics of this process."""
