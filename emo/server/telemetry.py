"""Counts and times of what the server did, as text that Prometheus reads.

The text format is version 0.0.4 of Prometheus' exposition formats.  No label tells of a person or
of what was sent.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histograms' steps, in seconds."""

HELP = {
    "emo_requests_total": ("counter", "HTTP requests and pages opened, by route and status."),
    "emo_refused_total": ("counter", "What was refused, by the limit that was reached."),
    "emo_errors_total": ("counter", "Errors by type, and the work in which they arose."),
    "emo_uploaded_bytes_total": ("counter", "Bytes of the uploads that were accepted."),
    "emo_request_seconds": ("histogram", "Time of HTTP requests, by route."),
    "emo_work_seconds": ("histogram", "Time of decoding, prediction and other work, by kind."),
    "emo_pages_open": ("gauge", "Pages that are open."),
    "emo_connections_open": ("gauge", "Connections that are open, of pages and of others."),
    "emo_work_running": ("gauge", "Analyses that run."),
    "emo_work_waiting": ("gauge", "Analyses that wait for their turn."),
    "emo_resident_bytes": ("gauge", "Memory of the process that is in RAM."),
    "emo_cached_bytes": ("gauge", "Decoded sound and players that sessions keep."),
    "emo_sandbox_processes": ("gauge", "Processes that read recordings."),
    "emo_sandbox_missing": ("gauge", "Of these, how many are not held to a restriction."),
}
"""Kind and meaning of everything that is counted."""

Labels = tuple[tuple[str, str], ...]


class Telemetry:
    """Counters, histograms and gauges by name and labels; any thread may count."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, Labels], float] = {}
        self._times: dict[tuple[str, Labels], list[float]] = {}  # steps, then the sum
        self._gauges: dict[tuple[str, Labels], Callable[[], float]] = {}

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Nothing; adds to a counter."""
        key = (name, tuple(sorted(labels.items())))
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + amount

    def observe(self, name: str, time_s: float, **labels: str) -> None:
        """Nothing; adds a time in seconds to a histogram."""
        key = (name, tuple(sorted(labels.items())))
        with self._lock:
            steps = self._times.setdefault(key, [0.0] * (len(BOUNDS_S) + 2))
            for i, bound_s in enumerate(BOUNDS_S):
                steps[i] += time_s <= bound_s
            steps[-2] += 1
            steps[-1] += time_s

    @contextmanager
    def work(self, kind: str) -> Iterator[None]:
        """Times the block, and counts the error that ends it, if one does."""
        started_s = self._clock()
        try:
            yield
        except Exception as error:
            self.count("emo_errors_total", kind=kind, type=type(error).__name__)
            raise
        finally:
            self.observe("emo_work_seconds", self._clock() - started_s, kind=kind)

    def watch(self, name: str, read: Callable[[], float], **labels: str) -> None:
        """Nothing; from now on the gauge is what the function returns."""
        self._gauges[name, tuple(sorted(labels.items()))] = read

    def text(self) -> str:
        """Everything counted, in Prometheus' text format."""
        with self._lock:
            counts = sorted(self._counts.items())
            times = sorted((key, list(steps)) for key, steps in self._times.items())
        lines: list[str] = []
        for name, (kind, meaning) in HELP.items():
            lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
            lines += [
                f"{name}{_braces(labels)} {_number(amount)}"
                for (one, labels), amount in counts
                if one == name
            ]
            for (one, labels), steps in times:
                if one == name:
                    lines += _histogram(name, labels, steps)
            lines += [
                f"{name}{_braces(labels)} {_number(read())}"
                for (gauge, labels), read in list(self._gauges.items())
                if gauge == name
            ]
        return "\n".join(lines) + "\n"


def _histogram(name: str, labels: Labels, steps: list[float]) -> Iterator[str]:
    *counts, total, sum_s = steps
    for bound_s, below in zip(BOUNDS_S, counts, strict=True):
        yield f"{name}_bucket{_braces((*labels, ('le', f'{bound_s:g}')))} {_number(below)}"
    yield f"{name}_bucket{_braces((*labels, ('le', '+Inf')))} {_number(total)}"
    yield f"{name}_sum{_braces(labels)} {_number(sum_s)}"
    yield f"{name}_count{_braces(labels)} {_number(total)}"


def _braces(labels: Labels) -> str:
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{inner}}}" if inner else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


TELEMETRY = Telemetry()
"""Those of this process."""
