"""Estimate what a million hours of recordings take, and where more workers stop to help.

    python bench/scaling.py [--quick] [--save]

The processor time that a Dask scheduler and the client need for a group of clips is measured with
workers that only return rows. A discrete-event simulation of a cluster uses these costs and the
times of clips from ``bench/batch.py``. ``scaling.md.j2`` computes the rest, with assumed prices.
"""

import heapq
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from jinja2 import Environment, StrictUndefined

from bench import measure as bench
from emo.batch import dask
from emo.batch.journal import Journal
from emo.batch.rows import Result
from emo.batch.run import CLUSTER_GROUP_SIZE
from emo.batch.sources import Source

PAGE = bench.ROOT / "docs" / "scaling.md"
TEMPLATE = Path(__file__).with_name("scaling.md.j2")
WORKERS = (1, 10, 30, 100, 300, 1000)
SIZES = (8, 32, 128, 512)
MEASURED_SIZES = (1, 32, 128)
ROW_BYTES = 1550  # of JSON for a recording, about
DESKS = ("scheduler", "client")
STEPS = ("client", "scheduler", "worker", "scheduler", "client")

# Mean life of a worker, time until another replaces it, share of slow workers, and their factor.
TROUBLES = {
    "none": (math.inf, 0.0, 0.0, 1.0),
    "some": (24 * 3600.0, 60.0, 0.02, 3.0),
    "much": (1800.0, 60.0, 0.1, 3.0),
}

Costs = Mapping[str, Mapping[str, float]]
"""By process: milliseconds for a group (``group_ms``) and for each clip (``clip_ms``)."""


# --- Measuring the costs -------------------------------------------------------------------------


def return_rows(items: Sequence[Source]) -> list[Result]:
    """Return a row for each recording, without any work."""
    return [Result(item.name, False, b'{"row": "%s"}\n' % (b"x" * ROW_BYTES)) for item in items]


def fail(item: Source, reason: str) -> Result:
    """Raise: no worker of a measurement may die."""
    raise RuntimeError(f"{item.name}: {reason}")


def cpu_ms(pid: int) -> float:
    """Return the processor time of a process (``/proc/<pid>/stat``, see proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, int]]:
    """Run a scheduler and a worker; give the scheduler's address and process id."""
    file = folder / "scheduler.json"
    environment = os.environ | bench.SINGLE_THREAD | {"PYTHONPATH": str(bench.ROOT)}
    common = ["--scheduler-file", str(file)]
    with ExitStack() as stack:
        processes = []
        for kind, options in (("scheduler", ["--host=127.0.0.1"]), ("worker", ["--no-nanny"])):
            command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *common, *options]
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
            processes.append(process)
        until_s = time.monotonic() + 60
        while not (file.exists() and file.read_text().strip()) and time.monotonic() < until_s:
            time.sleep(0.05)
        yield str(json.loads(file.read_text())["address"]), processes[0].pid


def measure_costs(options: bench.Options) -> dict[str, dict[str, float]]:
    """Measure the processor time of scheduler and client, and fit a line over sizes of groups."""
    spent: dict[int, list[float]] = {}
    with tempfile.TemporaryDirectory() as name, cluster(Path(name)) as (address, scheduler):
        for size in (1, *MEASURED_SIZES):  # the first run connects and imports
            count = options.times(min(1000, max(300, 20_000 // size)), 30)
            groups = ([Source(f"{g}/{i}") for i in range(size)] for g in range(count))
            before = cpu_ms(scheduler), cpu_ms(os.getpid())
            with Journal(Path(name) / f"{time.monotonic_ns()}.jsonl", "bench") as journal:
                for rows in dask.run(groups, return_rows, address, 1, fail):
                    journal.append(rows)
            after = cpu_ms(scheduler), cpu_ms(os.getpid())
            spent[size] = [(now - then) / count for now, then in zip(after, before, strict=True)]
    costs = {}
    for i, desk in enumerate(DESKS):
        values = np.array([spent[size][i] for size in MEASURED_SIZES])
        slope, start = np.polyfit(MEASURED_SIZES, values, 1, w=1 / np.maximum(values, 1e-6))
        costs[desk] = {"group_ms": max(0.0, float(start)), "clip_ms": max(0.0, float(slope))}
    return costs


# --- Simulation ----------------------------------------------------------------------------------


def desk_s(desk: str, size: int, costs: Costs) -> float:
    """Return the seconds that the scheduler or the client needs for a group."""
    return (costs[desk]["group_ms"] + costs[desk]["clip_ms"] * size) / 1000


def limit_clips_per_s(size: int, costs: Costs) -> tuple[str, float]:
    """Return the slower one of scheduler and client, and its rate for groups of a size."""
    slower = max(DESKS, key=lambda desk: desk_s(desk, size, costs))
    return slower, size / desk_s(slower, size, costs)


def simulate(
    workers: int,
    size: int,
    clip_ms: Sequence[float],
    costs: Costs,
    trouble: str = "some",
    seed: int = 1,
) -> dict[str, float]:
    """Simulate a run that is long enough for a steady rate.

    Each worker has one group at work and another waiting. Client and scheduler serve one message
    at a time, half of their cost when a group goes out and half when it comes back. The successor
    of a worker that dies does its group again.

    Returns
    -------
    dict
        ``clips_per_s``, ``took_s``, ``deaths``, ``again`` (groups done again), and the share of
        time in which ``scheduler`` and ``client`` are busy.
    """
    life_s, absent_s, slow_share, slow_factor = TROUBLES[trouble]
    rng = np.random.default_rng(seed)
    groups = max(400, 40 * workers)
    work_s = rng.choice(np.asarray(clip_ms) / 1000, (groups, size)).sum(axis=1)
    factor = np.where(rng.permutation(workers) < round(slow_share * workers), slow_factor, 1.0)
    death_s = rng.exponential(life_s, workers) if life_s < math.inf else np.full(workers, life_s)
    free_s: dict[str | int, float] = {
        **dict.fromkeys(DESKS, 0.0),
        **dict.fromkeys(range(workers), 0.0),
    }
    cost_s = {desk: desk_s(desk, size, costs) / 2 for desk in DESKS}
    handed_out = min(groups, dask.GROUPS_PER_THREAD * workers)
    # Time, number (first come, first served), step, group and worker of each event.
    events = [(0.0, i, 0, i, i % workers) for i in range(handed_out)]
    number, deaths, again = handed_out, 0, 0
    done_s: list[float] = []
    while events:
        now_s, _, step, group, worker = heapq.heappop(events)
        if step == len(STEPS):
            done_s.append(now_s)
            if handed_out == groups:
                continue
            step, group, handed_out = 0, handed_out, handed_out + 1
        place = worker if STEPS[step] == "worker" else STEPS[step]
        begin_s = max(now_s, free_s[place])
        if place == worker:
            took_s = work_s[group] * factor[worker]
            while begin_s + took_s > death_s[worker]:
                deaths += 1
                again += int(death_s[worker] > begin_s)
                begin_s = max(begin_s, death_s[worker] + absent_s)
                death_s[worker] += absent_s + rng.exponential(life_s)
        else:
            took_s = cost_s[str(place)]
        free_s[place] = begin_s + took_s
        number += 1
        heapq.heappush(events, (free_s[place], number, step + 1, group, worker))
    first, last = groups // 4, 3 * groups // 4
    groups_per_s = (last - first) / (done_s[last] - done_s[first])
    return {
        "clips_per_s": groups_per_s * size,
        "took_s": done_s[-1],
        "deaths": deaths,
        "again": again,
        "groups": groups,
        **{desk: 2 * cost_s[desk] * groups_per_s for desk in DESKS},
    }


def measure(options: bench.Options) -> Iterator[bench.Row | bench.Facts]:
    """Measure the costs, then simulate each number of workers, size of group and trouble."""
    if "batch" not in (parts := bench.read_results()["parts"]):
        yield bench.missing_row("simulation", "1/s", "first: python bench/batch.py --save")
        return
    costs = measure_costs(options)
    for desk in DESKS:
        yield bench.Row(f"{desk}, for a group of 32", "ms", 1, 1000 * desk_s(desk, 32, costs))
    yield from simulations(parts["batch"]["facts"]["replayed_ms"], costs, options)


def simulations(
    clip_ms: Sequence[float], costs: Costs, options: bench.Options
) -> Iterator[bench.Row | bench.Facts]:
    """Simulate, and yield the rates and what the page needs."""
    workers = WORKERS[:2] if options.quick else WORKERS
    rates = {n: {size: simulate(n, size, clip_ms, costs) for size in SIZES} for n in workers}
    for n, by_size in rates.items():
        yield bench.Row(
            f"{n:,} workers, groups of 32, simulated", "1/s", 1, by_size[32]["clips_per_s"]
        )
    troubled = {name: simulate(workers[-1], 32, clip_ms, costs, name) for name in TROUBLES}
    yield bench.Facts({"costs": costs, "rates": rates, "troubled": troubled})


def render(stored: Mapping[str, Any]) -> str:
    """Return the page of the stored results; without them, one that says what is missing."""
    parts = stored["parts"]
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals |= {"ceil": math.ceil, "limit": limit_clips_per_s, "desk_s": desk_s}
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    missing = [key for key in ("predict", "batch", "scaling") if key not in parts]
    facts = {key: part["facts"] for key, part in parts.items()}
    return (
        template.render(missing=missing, facts=facts, sizes=SIZES, group=CLUSTER_GROUP_SIZE) + "\n"
    )


def write() -> None:
    """Write the page of the stored results."""
    PAGE.write_text(render(bench.read_results()), encoding="utf-8")


PART = bench.Part(
    "scaling",
    "A cluster of workers",
    "Processor time of a Dask scheduler and of the client for a group of clips, with a worker that "
    "only returns rows; and a simulation of a cluster with these costs (docs/scaling.md).",
    measure,
)

if __name__ == "__main__":
    sys.exit(bench.main(PART))
