"""What all benches share: times, rows with their targets, the machine, and where results are kept.

A bench is a :class:`Part`.  Its file prints it by itself (``python bench/predict.py``), and adds it
to ``docs/bench.json`` and ``docs/bench.md`` with ``--save``; ``python -m bench`` runs them all.
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
PACKAGES = (
    "numpy",
    "scipy",
    "soundfile",
    "soxr",
    "ai-edge-litert",
    "streamlit",
    "librosa",
    "distributed",
)
SINGLE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
DECIMALS = {"ms": 1, "s": 2, "min": 1, "MB": 0, "kB": 0, "×": 1, "%": 1, "1/s": 1}
LOOK_S = 0.1


@dataclass(frozen=True)
class Target:
    """What a figure of a row has to be: at most, or at least, the limit, in the row's unit."""

    sign: str
    limit: float
    of: str = "median"

    def is_met(self, row: "Row") -> bool:
        """Whether the row is within the limit."""
        figure = row.p95 if self.of == "p95" else row.median
        if figure is None:
            return False
        return figure <= self.limit if self.sign == "≤" else figure >= self.limit


@dataclass(frozen=True)
class Row:
    """What was measured: how often, the median and the 95th percentile, in the unit.

    Without figures the note says why there are none.
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
        """Whether the target was met; None where there is none, or nothing was measured."""
        return None if self.target is None or self.median is None else self.target.is_met(self)

    @property
    def result(self) -> str:
        """The same in a word."""
        if self.median is None:
            return "not measured"
        return {None: "", True: "met", False: "missed"}[self.is_met]


@dataclass(frozen=True)
class Facts:
    """Values by name that are kept beside the rows, for what is computed from them."""

    values: Mapping[str, Any]


@dataclass(frozen=True)
class Options:
    """How much is measured: a little, to see that it works; as usual; or what takes long too.

    ``only`` names pieces of a part; all of them if empty.
    """

    quick: bool = False
    long: bool = False
    only: tuple[str, ...] = ()

    def times(self, count: int, quick: int) -> int:
        """How often something is repeated."""
        return quick if self.quick else count


@dataclass(frozen=True)
class Part:
    """A bench: its key, its title, how it measures, and the work that yields rows and facts.

    ``pieces`` are those that can be run by themselves.
    """

    key: str
    title: str
    about: str
    work: Callable[[Options], Iterator[Row | Facts]]
    pieces: tuple[str, ...] = ()


# --- Times ---------------------------------------------------------------------------------------


def timed_s(work: Callable[[], object]) -> float:
    """Seconds that the work took."""
    start_s = time.perf_counter()
    work()
    return time.perf_counter() - start_s


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least this share of them does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def make_row(
    name: str,
    values: Sequence[float],
    unit: str,
    target: Target | None = None,
    note: str = "",
) -> Row:
    """The row of values in the unit; a single one has no percentile."""
    p95 = percentile(values, 0.95) if len(values) > 1 else None
    return Row(name, unit, len(values), statistics.median(values), p95, target, note)


def missing_row(name: str, unit: str, reason: str, target: Target | None = None) -> Row:
    """A row that says why nothing was measured."""
    return Row(name, unit, target=target, note=reason)


def ratio_row(
    name: str,
    larger: Sequence[float],
    smaller: Sequence[float],
    target: Target | None = None,
    note: str = "",
) -> Row:
    """How many times the median of the one is that of the other, of values taken in turns."""
    ratio = statistics.median(larger) / statistics.median(smaller)
    return Row(name, "×", min(len(larger), len(smaller)), ratio, None, target, note)


def take_turns(
    works: Mapping[str, Callable[[], float]], rounds: int, first: int = 0
) -> dict[str, list[float]]:
    """What each work gave in each round; they take turns, so that all meet the same machine.

    Parameters
    ----------
    first
        Rounds before those that count.
    """
    found: dict[str, list[float]] = {name: [] for name in works}
    for i in range(first + rounds):
        for name, work in works.items():
            value = work()
            if i >= first:
                found[name].append(value)
    return found


# --- Processes -----------------------------------------------------------------------------------


class MissingError(Exception):
    """What is to be measured is not installed; the message says how it would be."""


def rivals_python() -> str:
    """The Python that has what Emo is compared with and must not depend on."""
    return os.environ.get(PYTHON_ENV) or str(RIVALS_PYTHON)


class Lane:
    """A work of :mod:`bench.lanes` in a process of its own; each call does it, once or in a row.

    Parameters
    ----------
    arguments
        Name of the work, and what it takes.
    python
        Path of the interpreter.
    one_thread
        Whether its numerical libraries are held to one thread, or left as they come.
    in_a_row
        How often a call does the work, one time after another.

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
        in_a_row: int = 1,
    ):
        self._in_a_row = in_a_row
        free = {name: text for name, text in os.environ.items() if name not in SINGLE_THREAD}
        command = [python, "-m", "bench.lanes", *arguments]
        try:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=free | {"TF_CPP_MIN_LOG_LEVEL": "3"} | (SINGLE_THREAD if one_thread else {}),
            )
        except OSError:
            raise MissingError("its Python is not there: make bench installs it") from None
        said = self._read()
        if "missing" in said:
            self.close()
            raise MissingError(f"{said['missing']} is not installed: make bench installs it")
        self.versions: dict[str, str] = said["versions"]

    def __call__(self) -> float:
        """Seconds that the work took, in the mean."""
        assert self._process.stdin
        print(self._in_a_row, file=self._process.stdin, flush=True)
        return float(self._read()["took_s"])

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self.close()
            raise RuntimeError(f"A work of the bench ended with status {self._process.returncode}.")
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def resident_mb(pid: int, kind: str = "VmRSS") -> float:
    """Memory of a process and all below it, as of ``/proc``; 0 where there is none.

    Parameters
    ----------
    kind
        ``VmRSS`` for all that is resident; ``RssAnon`` without what is shared with files.
    """
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    own = sum(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")) / 1000
    return own + sum(resident_mb(int(child), kind) for child in children)


def watch_memory_mb(running: "subprocess.Popen[Any]") -> float:
    """Once the process has ended: the most that it and all below it held, files left out."""
    highest = 0.0
    while running.poll() is None:
        highest = max(highest, resident_mb(running.pid, "RssAnon"))
        time.sleep(LOOK_S)
    return highest


# --- The machine ---------------------------------------------------------------------------------


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory and versions."""
    model, memory_gb = platform.machine(), 0.0
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
        first = Path("/proc/meminfo").read_text().splitlines()[0]
        memory_gb = int(first.split()[1]) / 1e6
    except (OSError, StopIteration):
        pass  # no Linux
    versions = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "system": platform.platform(terse=True),
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gb": round(memory_gb),
        "versions": versions,
    }


def _ticks() -> tuple[int, int]:
    """Of all processors so far: ticks in all, and those that other machines took."""
    try:
        values = [int(text) for text in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    except (OSError, ValueError):
        return 1, 0
    return sum(values), values[7]


class Watch:
    """Load when it began, and the share of time that other machines took since."""

    def __init__(self) -> None:
        self.load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
        self._since = _ticks()
        self._began_s = time.monotonic()

    def to_dict(self) -> dict[str, Any]:
        """What was seen, as plain values."""
        total, stolen = (now - then for now, then in zip(_ticks(), self._since, strict=True))
        return {
            "taken": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "took_s": round(time.monotonic() - self._began_s),
            "load": self.load,
            "steal_percent": round(100 * stolen / max(total, 1), 1),
        }


# --- Running and keeping -------------------------------------------------------------------------


def figure(value: float | None, unit: str) -> str:
    """A value as it is printed."""
    return "" if value is None else f"{value:,.{DECIMALS.get(unit, 1)}f}"


def target_text(target: Target | None, unit: str) -> str:
    """A target as it is printed."""
    if target is None:
        return ""
    return f"{target.sign} {target.limit:,g} {unit}" + (" (p95)" if target.of == "p95" else "")


def line_of(row: Row) -> str:
    """A row as it is printed on a terminal."""
    shown = f"{row.name:58} {figure(row.median, row.unit):>10} {figure(row.p95, row.unit):>10}"
    return f"{shown} {row.unit:4} {target_text(row.target, row.unit):16} {row.result}".rstrip()


def run(part: Part, options: Options, save: bool) -> bool:
    """Whether no target was missed; prints the rows as they are measured."""
    watch, rows, facts = Watch(), list[Row](), dict[str, Any]()
    print(f"\n{part.title} (load before: {watch.load})\n{'':58} {'median':>10} {'p95':>10}")
    for found in part.work(options):
        if isinstance(found, Facts):
            facts |= found.values
        else:
            rows.append(found)
            print(line_of(found), *([f"({found.note})"] if found.note else []), flush=True)
    seen = watch.to_dict()
    print(f"It took {seen['took_s']} s; other machines took {seen['steal_percent']} % of the time.")
    if save:
        keep(part, rows, facts, seen | {"quick": options.quick})
    return all(row.is_met is not False for row in rows)


def keep(
    part: Part, rows: Sequence[Row], facts: Mapping[str, Any], seen: Mapping[str, Any]
) -> None:
    """Nothing; puts a part into the stored results in the place of an earlier one."""
    stored = read_results()
    stored["machine"] = machine = describe_machine()
    stored["parts"][part.key] = {
        "title": part.title,
        "about": part.about,
        "processor": machine["processor"],
        **seen,
        "rows": [asdict(row) for row in rows],
        "facts": dict(facts),
    }
    RESULTS.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_results() -> dict[str, Any]:
    """What is stored: ``machine``, and ``parts`` by key."""
    if not RESULTS.exists():
        return {"machine": {}, "parts": {}}
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found


def row_from(stored: Mapping[str, Any]) -> Row:
    """A row as it was kept."""
    target = stored["target"]
    return Row(**{**stored, "target": None if target is None else Target(**target)})


def main(part: Part) -> int:
    """Exit status of a bench that is run by itself: 0, or 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=f"{part.title}. {part.about}")
    add_options(parser)
    parser.add_argument("--save", action="store_true", help="add it to docs/bench.md")
    if part.pieces:
        parser.add_argument("only", nargs="*", metavar="PIECE", help=", ".join(part.pieces))
    given = parser.parse_args()
    only = tuple(getattr(given, "only", ()))
    if unknown := set(only) - set(part.pieces):
        parser.error(f"there is no piece {min(unknown)}; there are {', '.join(part.pieces)}")
    if only and given.save:
        parser.error("a part is saved as a whole: leave out either --save or the pieces")
    is_met = run(part, Options(given.quick, given.long, only), given.save)
    if given.save:
        subprocess.run([sys.executable, "-m", "bench", "--pages"], cwd=ROOT, check=True)
    return 0 if is_met else 1


def add_options(parser: argparse.ArgumentParser) -> None:
    """Nothing; adds the options of :class:`Options`."""
    parser.add_argument("--quick", action="store_true", help="few repeats, to see that it works")
    parser.add_argument("--long", action="store_true", help="what takes tens of minutes too")
