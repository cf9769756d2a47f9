"""Shared parts of the benches: rows with targets, timing in turns, processes, stored results.

A bench is a :class:`Part`. Its file runs it alone (``python bench/predict.py``) and stores it in
``docs/bench.json`` with ``--save``; ``python -m bench`` runs them all.
"""

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "bench.json"
PYTHON_ENV = "EMO_BENCH_PYTHON"
RIVALS_PYTHON = ROOT / ".venv" / "rivals" / "bin" / "python"
PACKAGES = ("numpy", "scipy", "soundfile", "soxr", "ai-edge-litert", "streamlit", "librosa")
SINGLE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
DECIMALS = {"CLS": 3, "ms": 1, "s": 2, "min": 1, "MB": 0, "kB": 0, "×": 1, "%": 1, "1/s": 1}


@dataclass(frozen=True)
class Target:
    """A limit that the median (or ``p95``) of a row must not exceed, or must reach."""

    sign: str
    limit: float
    of: str = "median"

    def is_met(self, row: "Row") -> bool:
        """Return whether the row keeps the limit."""
        value = row.p95 if self.of == "p95" else row.median
        if value is None:
            return False
        return value <= self.limit if self.sign == "≤" else value >= self.limit


@dataclass(frozen=True)
class Row:
    """A measured figure: number of values, their median and 95th percentile, in a unit.

    A row without figures has a note that gives the reason.
    """

    name: str
    unit: str
    n: int = 0
    median: float | None = None
    p95: float | None = None
    target: Target | None = None
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """Return whether the target was met; None without a target or a figure."""
        return None if self.target is None or self.median is None else self.target.is_met(self)

    @property
    def result(self) -> str:
        """Return the result in a word."""
        if self.median is None:
            return "not measured"
        return {None: "", True: "met", False: "missed"}[self.is_met]


@dataclass(frozen=True)
class Facts:
    """Values by name that are stored beside the rows."""

    values: Mapping[str, Any]


@dataclass(frozen=True)
class Options:
    """Amount of measuring: few repeats (``quick``), also what takes long, or some pieces only."""

    quick: bool = False
    long: bool = False
    only: tuple[str, ...] = ()

    def times(self, count: int, quick: int) -> int:
        """Return the number of repeats."""
        return quick if self.quick else count


@dataclass(frozen=True)
class Part:
    """A bench: key, title, description of the method, and a function that yields its rows.

    ``pieces`` can be run alone.
    """

    key: str
    title: str
    about: str
    work: Callable[[Options], Iterator[Row | Facts]]
    pieces: tuple[str, ...] = ()


# --- Rows ----------------------------------------------------------------------------------------


def timed_s(work: Callable[[], object]) -> float:
    """Return the seconds that a function takes."""
    start_s = time.perf_counter()
    work()
    return time.perf_counter() - start_s


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def make_row(
    name: str,
    values: Sequence[float],
    unit: str,
    target: Target | None = None,
    note: str = "",
) -> Row:
    """Return the row of some values; a single value has no percentile."""
    p95 = percentile(values, 0.95) if len(values) > 1 else None
    return Row(name, unit, len(values), statistics.median(values), p95, target, note)


def missing_row(name: str, unit: str, reason: str, target: Target | None = None) -> Row:
    """Return a row that gives the reason why nothing was measured."""
    return Row(name, unit, target=target, note=reason)


def ratio_row(
    name: str,
    larger: Sequence[float],
    smaller: Sequence[float],
    target: Target | None = None,
    note: str = "",
) -> Row:
    """Return the ratio of the medians of values that were measured in turns."""
    ratio = statistics.median(larger) / statistics.median(smaller)
    return Row(name, "×", min(len(larger), len(smaller)), ratio, None, target, note)


def take_turns(
    workloads: Mapping[str, Callable[[], float]], rounds: int, warm_ups: int = 0
) -> dict[str, list[float]]:
    """Call each workload once per round, so that all meet the same state of the machine.

    Returns
    -------
    dict
        Values of the rounds after the warm-ups, by workload.
    """
    values: dict[str, list[float]] = {name: [] for name in workloads}
    for i in range(warm_ups + rounds):
        for name, workload in workloads.items():
            value = workload()
            if i >= warm_ups:
                values[name].append(value)
    return values


# --- Processes -----------------------------------------------------------------------------------


class MissingError(Exception):
    """A package that is to be measured is not installed; the message says how to install it."""


def rivals_python() -> str:
    """Return the interpreter with the packages that Emo is compared with."""
    return os.environ.get(PYTHON_ENV) or str(RIVALS_PYTHON)


class Competitor:
    """A workload of ``bench.competitors`` in a process of its own; a call runs and times it.

    Parameters
    ----------
    arguments
        Name of the workload and its arguments.
    python
        Interpreter.
    one_thread
        Whether numerical libraries are limited to one thread.
    repeats
        Runs per call.

    Raises
    ------
    MissingError
        The interpreter, or a package in it, is missing.
    """

    def __init__(
        self,
        *arguments: str,
        python: str = sys.executable,
        one_thread: bool = True,
        repeats: int = 1,
    ) -> None:
        self._repeats = repeats
        free = {name: text for name, text in os.environ.items() if name not in SINGLE_THREAD}
        try:
            self._process = subprocess.Popen(
                [python, "-m", "bench.competitors", *arguments],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=free | {"TF_CPP_MIN_LOG_LEVEL": "3"} | (SINGLE_THREAD if one_thread else {}),
            )
        except OSError:
            raise MissingError("its Python is missing: make bench installs it") from None
        hello = self._read()
        if "missing" in hello:
            self.close()
            raise MissingError(f"{hello['missing']} is not installed: make bench installs it")
        self.versions: dict[str, str] = hello["versions"]

    def __call__(self) -> float:
        """Return the mean seconds of a run."""
        assert self._process.stdin
        print(self._repeats, file=self._process.stdin, flush=True)
        return float(self._read()["took_s"])

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self.close()
            raise RuntimeError(f"A workload ended with status {self._process.returncode}.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def resident_mb(pid: int, kind: str = "VmRSS") -> float:
    """Return the memory of a process and its children from ``/proc``; 0 where there is none.

    ``kind`` is ``VmRSS``, or ``RssAnon`` without memory that is shared with files.
    """
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    own = sum(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")) / 1000
    return own + sum(resident_mb(int(child), kind) for child in children)


def watch_memory_mb(process: "subprocess.Popen[Any]") -> float:
    """Wait until a process ends, and return the peak memory of it and its children, in MB."""
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, resident_mb(process.pid, "RssAnon"))
        time.sleep(0.1)
    return peak


# --- Running and storing -------------------------------------------------------------------------


def describe_machine() -> dict[str, Any]:
    """Return processor, cores, memory and versions."""
    model, memory_gb = platform.machine(), 0.0
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
        memory_gb = int(Path("/proc/meminfo").read_text().split()[1]) / 1e6
    except (OSError, StopIteration):
        pass  # not Linux
    installed = {dist.metadata["Name"]: dist.version for dist in metadata.distributions()}
    versions = {name: installed[name] for name in PACKAGES if name in installed}
    return {
        "system": platform.platform(terse=True),
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gb": round(memory_gb),
        "versions": {"Python": platform.python_version()} | versions,
    }


def _ticks() -> tuple[int, int]:
    """Return processor ticks so far, and those that other virtual machines took (``steal``)."""
    try:
        values = [int(text) for text in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    except (OSError, ValueError):
        return 1, 0
    return sum(values), values[7]


def figure(value: float | None, unit: str) -> str:
    """Return a value as it is printed."""
    return "" if value is None else f"{value:,.{DECIMALS.get(unit, 1)}f}"


def target_text(target: Target | None, unit: str) -> str:
    """Return a target as it is printed."""
    if target is None:
        return ""
    return f"{target.sign} {target.limit:,g} {unit}" + (" (p95)" if target.of == "p95" else "")


def line_of(row: Row) -> str:
    """Return a row as it is printed on a terminal."""
    shown = f"{row.name:58} {figure(row.median, row.unit):>10} {figure(row.p95, row.unit):>10}"
    line = f"{shown} {row.unit:4} {target_text(row.target, row.unit):16} {row.result}".rstrip()
    return f"{line} ({row.note})" if row.note else line


def run(part: Part, options: Options, save: bool) -> bool:
    """Run a bench and print its rows; return whether no target was missed."""
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    before, start_s = _ticks(), time.monotonic()
    rows, facts = list[Row](), dict[str, Any]()
    print(f"\n{part.title} (load before: {load})\n{'':58} {'median':>10} {'p95':>10}")
    for result in part.work(options):
        if isinstance(result, Facts):
            facts |= result.values
        else:
            rows.append(result)
            print(line_of(result), flush=True)
    total, stolen = (now - then for now, then in zip(_ticks(), before, strict=True))
    state = {
        "taken": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "took_s": round(time.monotonic() - start_s),
        "load": load,
        "steal_percent": round(100 * stolen / max(total, 1), 1),
        "quick": options.quick,
    }
    print(f"It took {state['took_s']} s, steal {state['steal_percent']} %.")
    if save:
        store(part, rows, facts, state)
    return all(row.is_met is not False for row in rows)


def store(
    part: Part, rows: Sequence[Row], facts: Mapping[str, Any], state: Mapping[str, Any]
) -> None:
    """Write the results of a part to the stored ones, in place of earlier results."""
    stored = read_results()
    stored["machine"] = machine = describe_machine()
    stored["parts"][part.key] = {
        "title": part.title,
        "about": part.about,
        "processor": machine["processor"],
        **state,
        "rows": [asdict(row) for row in rows],
        "facts": dict(facts),
    }
    RESULTS.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_results() -> dict[str, Any]:
    """Return the stored results: ``machine``, and ``parts`` by key."""
    if not RESULTS.exists():
        return {"machine": {}, "parts": {}}
    results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return results


def row_from(stored: Mapping[str, Any]) -> Row:
    """Return a stored row."""
    target = stored["target"]
    return Row(**{**stored, "target": None if target is None else Target(**target)})


def main(part: Part) -> int:
    """Run one bench from the command line; return 0, or 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=f"{part.title}. {part.about}")
    add_options(parser)
    parser.add_argument("--save", action="store_true", help="store it in docs/bench.json")
    if part.pieces:
        parser.add_argument("only", nargs="*", metavar="PIECE", help=", ".join(part.pieces))
    arguments = parser.parse_args()
    only = tuple(getattr(arguments, "only", ()))
    if unknown := set(only) - set(part.pieces):
        parser.error(f"there is no piece {min(unknown)}; there are {', '.join(part.pieces)}")
    if only and arguments.save:
        parser.error("a part is stored as a whole: leave out either --save or the pieces")
    is_met = run(part, Options(arguments.quick, arguments.long, only), arguments.save)
    if arguments.save:
        subprocess.run([sys.executable, "-m", "bench", "--pages"], cwd=ROOT, check=True)
    return 0 if is_met else 1


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of :class:`Options`."""
    parser.add_argument("--quick", action="store_true", help="few repeats, to check that it works")
    parser.add_argument(
        "--long", action="store_true", help="also measure what takes tens of minutes"
    )
