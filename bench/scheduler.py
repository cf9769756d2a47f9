"""What a Dask scheduler, and the process that hands out and writes, cost for each group of clips.

    python bench/scheduler.py [--quick] [--save]

A scheduler and a worker, each a process of its own, get groups of made-up recordings of which the
worker does nothing but give back a row each.  What counts is processor time, of which a busy
machine changes little: per group a + b × clips, by least squares.  For the simulation.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bench.measure import (
    ROOT,
    SINGLE_THREAD,
    Facts,
    Options,
    Part,
    Row,
    main,
    make_row,
    missing_row,
)
from emo.batch import dask
from emo.batch.journal import Journal
from emo.batch.rows import Result
from emo.batch.sources import Source

SIZES = (1, 32, 128)
CLIPS, LEAST_GROUPS, MOST_GROUPS = 20_000, 300, 1000
WORKERS = 2
ROW_BYTES = 1550  # of JSON a recording, about
RUN = "bench"
PATIENCE_S = 60.0
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def give_rows(row_bytes: int, items: Sequence[Source]) -> list[Result]:
    """A row for each recording, without any work."""
    return [Result(item.name, False, make_line(item.name, row_bytes)) for item in items]


def make_line(name: str, row_bytes: int) -> bytes:
    """A line of JSON as long as an answer's."""
    head = json.dumps({"path": name, "run": RUN, "error": None})[:-1]
    return f'{head}, "filled": "{"x" * max(0, row_bytes - len(head) - 16)}"}}\n'.encode()


def give_up(item: Source, reason: str) -> Result:
    """The row of what took its process with it; here nothing does."""
    raise RuntimeError(f"{item.name}: {reason}")


def cpu_s(pid: int) -> float:
    """Seconds of a processor that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Cluster:
    """A scheduler and workers as processes of their own, on this machine."""

    def __init__(self, folder: Path) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        found = folder / "scheduler.json"
        self._start("scheduler", f"--scheduler-file={found}", "--dashboard-address=127.0.0.1:0")
        until_s = time.monotonic() + PATIENCE_S
        while not found.exists() or not found.read_text().strip():
            if time.monotonic() > until_s:
                self.stop()
                raise RuntimeError("The scheduler did not start.")
            time.sleep(0.05)
        self.address = str(json.loads(found.read_text())["address"])
        for _ in range(WORKERS):
            self._start("worker", self.address, "--nthreads=1", "--no-nanny", "--no-dashboard")

    def _start(self, kind: str, *arguments: str) -> None:
        host = [] if kind == "worker" else ["--host=127.0.0.1", "--port=0"]
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *host, *arguments]
        quiet = subprocess.DEVNULL
        environment = os.environ | SINGLE_THREAD | {"PYTHONPATH": str(ROOT)}
        self._processes.append(
            subprocess.Popen(command, cwd=ROOT, stdout=quiet, stderr=quiet, env=environment)
        )

    def spent_s(self) -> list[float]:
        """Processor seconds so far: of the scheduler, of this process, of the workers together."""
        scheduler, *workers = (cpu_s(one.pid) for one in self._processes)
        return [scheduler, cpu_s(os.getpid()), sum(workers)]

    def stop(self) -> None:
        """End all of its processes."""
        for one in reversed(self._processes):
            one.terminate()
        for one in self._processes:
            try:
                one.wait(20)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()


def measure(options: Options) -> Iterator[Row | Facts]:
    """Milliseconds a group for each size, and the two costs of each process."""
    if not Path("/proc/self/stat").exists():
        yield missing_row("a group of recordings", "ms", "this system does not say")
        return
    try:
        import distributed  # noqa: F401
    except ImportError:
        yield missing_row("a group of recordings", "ms", "distributed is not installed")
        return
    spent: dict[int, list[float]] = {}
    walls: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        here = Cluster(Path(folder))
        try:
            _hand_out(here, Path(folder), 1, 20)  # connections, imports
            for size in SIZES:
                count = min(MOST_GROUPS, max(LEAST_GROUPS, CLIPS // size))
                count = options.times(count, 30)
                before = here.spent_s()
                start_s = time.perf_counter()
                _hand_out(here, Path(folder), size, count)
                walls[size] = 1000 * (time.perf_counter() - start_s) / count
                spent[size] = [
                    1000 * (now - then) / count
                    for now, then in zip(here.spent_s(), before, strict=True)
                ]
        finally:
            here.stop()
    yield from _rows(spent, walls)


def _hand_out(here: Cluster, folder: Path, size: int, count: int) -> None:
    """Run groups through the product's own loop and into its own journal."""
    groups = ([Source(f"{g}/{i}") for i in range(size)] for g in range(count))
    rows = folder / f"{size}-{count}.jsonl"
    work = partial(give_rows, ROW_BYTES)
    written = 0
    with Journal(rows, RUN) as journal:
        for found in dask.run(groups, work, here.address, WORKERS, give_up):
            journal.append(found)
            written += len(found)
    if written != size * count:
        raise RuntimeError(f"{written:,} rows came back, not {size * count:,}.")


def _rows(spent: dict[int, list[float]], walls: dict[int, float]) -> Iterator[Row | Facts]:
    who = ("scheduler", "client", "workers")
    for size in SIZES:
        for name, value in zip(who, spent[size], strict=True):
            yield make_row(f"group of {size}, processor time of the {name}", [value], "ms")
        note = "all on this machine"
        yield make_row(f"group of {size}, from end to end", [walls[size]], "ms", note=note)
    costs = {}
    for i, name in enumerate(who):
        values = [spent[size][i] for size in SIZES]
        group, clip = fit_line(SIZES, values)
        costs[name] = {"group_ms": round(group, 4), "clip_ms": round(clip, 5)}
    yield Facts({"costs": costs, "row_bytes": ROW_BYTES})


def fit_line(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float]:
    """Value at nothing and slope of the line through points, neither below zero.

    The squares are of the errors relative to each value, so that small ones count as much.
    """
    x, y = np.asarray(xs, float), np.asarray(ys, float)
    weights = 1 / np.maximum(y, 1e-6)
    slope, start = np.polyfit(x, y, 1, w=weights)
    if slope < 0:
        return statistics.fmean(y), 0.0
    return (float(start), float(slope)) if start > 0 else (0.0, float(np.mean(y / x)))


PART = Part(
    "scheduler",
    "What a group of clips costs a Dask cluster",
    "A scheduler, two workers that do nothing, and the loop and journal of the command, each a "
    "process of its own. Processor time, so that they do not count each other.",
    measure,
)

if __name__ == "__main__":
    sys.exit(main(PART))
