"""From what was measured to a million hours: docs/scaling.md, every figure of it computed here.

python bench/scaling.py            # prints the page
python bench/scaling.py --write    # writes it
"""

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.measure import ROOT, read_results
from bench.simulate import SIZES, TROUBLED, WORKERS, Costs, costs_of, limit_clips_per_s
from emo.batch.run import CLUSTER_GROUP_SIZE

PAGE = ROOT / "docs" / "scaling.md"
NEEDED = ("predict", "batch", "scheduler", "simulate")

HOURS = 1_000_000

# Assumptions, as of cloud providers' lists in 2026, in round figures; nothing here is measured.
CORE_HOUR_USD = 0.04  # a virtual core with 4 GB, on demand
SPOT_USD = 0.015  # the same where it may be taken away
GB_MONTH_USD = 0.023  # object storage
REQUEST_USD = 0.4 / 1e6  # to read an object
MACHINE_CORES = 16
MACHINE_GBIT = 12.5
DISK_MB_S = 250.0  # what one ordinary disk takes
NIGHT_H = 8.0

FORMATS_KBIT_S = {
    "WAV, 48 kHz, 16 bits, mono": 768.0,
    "WAV, 16 kHz, 16 bits, mono": 256.0,
    "FLAC, 16 kHz (about half)": 128.0,
    "MP3, 64 kbit/s": 64.0,
    "Opus, 24 kbit/s": 24.0,
}
READ_AS = "WAV, 16 kHz, 16 bits, mono"


@dataclass(frozen=True)
class Measured:
    """What is taken from the bench.

    Attributes
    ----------
    factor : seconds of sound that a core answers in a second, whole command
    clip_s : seconds of sound in a clip, on average
    row_bytes : of JSON that a clip's row takes
    encoder_factor : as ``factor``, of the forward pass of an encoder alone, one thread
    """

    factor: float
    clip_s: float
    row_bytes: float
    encoder_factor: float | None

    @property
    def clips_per_s(self) -> float:
        """That a core answers."""
        return self.factor / self.clip_s

    @property
    def core_hours(self) -> float:
        """That a million hours of sound take."""
        return HOURS / self.factor

    @property
    def clips(self) -> float:
        """In a million hours, cut as the clips that were measured are."""
        return HOURS * 3600 / self.clip_s


def measured(stored: Mapping[str, Any]) -> Measured:
    """What the stored results say."""
    batch, predict = (stored["parts"][key]["facts"] for key in ("batch", "predict"))
    return Measured(
        factor=batch["clips_per_s_and_core"] * batch["sound_s_per_clip"],
        clip_s=batch["sound_s_per_clip"],
        row_bytes=batch["row_bytes"],
        encoder_factor=predict.get("encoder_factor"),
    )


def gb(kbit_s: float, hours: float = HOURS) -> float:
    """Gigabytes that so many hours take at a rate."""
    return kbit_s * 1000 / 8 * 3600 * hours / 1e9


def whole_runs(clips_per_s: float, limit: float) -> int:
    """How many runs, each with a scheduler of its own, such a rate needs."""
    return max(1, math.ceil(clips_per_s / limit))


# --- The page ------------------------------------------------------------------------------------

HEAD = """<!-- Made by: make bench (python bench/scaling.py --write). Changes by hand are lost. -->

# Scaling

What a million hours of recordings would take, from what [`make bench`](bench.md) measured on one
machine. Every figure is computed in [`bench/scaling.py`](../bench/scaling.py): measured ones from
`docs/bench.json`, prices and sizes of machines from the assumptions that are stated.
"""


def render(stored: Mapping[str, Any]) -> str:
    """The page, in Markdown; without the results that it needs, one that says so."""
    absent = [key for key in NEEDED if key not in stored["parts"]]
    if not absent and "rates" not in stored["parts"]["simulate"]["facts"]:
        absent = ["simulate"]
    if not absent and "costs" not in stored["parts"]["scheduler"]["facts"]:
        absent = ["scheduler"]
    if absent:
        return f"{HEAD}\nNot measured yet: {', '.join(absent)}. `make bench` does.\n"
    known, costs = measured(stored), costs_of(stored)
    parts = (
        [HEAD],
        _measured_lines(known, costs, bool(stored["parts"]["batch"]["facts"]["has_corpora"])),
        _machine_lines(known),
        _storage_lines(known),
        _network_lines(known),
        _bottleneck_lines(known, costs),
        _simulation_lines(stored, costs),
        _advice_lines(known, costs),
    )
    return "\n".join("\n".join(part) for part in parts) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown; all columns but the first to the right."""
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return [f"| {' | '.join(line)} |" for line in lines] + [""]


def _measured_lines(known: Measured, costs: Costs, has_corpora: bool) -> Iterator[str]:
    yield "## Measured\n"
    kind = "four corpora" if has_corpora else "made-up voices"
    rows = [
        ("clips a second and core, the whole command", f"{known.clips_per_s:,.1f}"),
        (f"sound in a clip of the {kind}", f"{known.clip_s:.2f} s"),
        ("so: seconds of sound a second and core", f"{known.factor:,.0f}"),
        ("a clip's row, JSON", f"{known.row_bytes:,.0f} bytes"),
        (
            "the scheduler, for a group of n clips",
            f"{costs.scheduler_group_ms:.2f} + {costs.scheduler_clip_ms:.3f} n ms",
        ),
        (
            "the process that hands out and writes, for the same",
            f"{costs.client_group_ms:.2f} + {costs.client_clip_ms:.3f} n ms",
        ),
    ]
    if known.encoder_factor:
        name = "an encoder as large as wav2vec 2.0 base, forward pass, sound a second and core"
        rows.append((name, f"{known.encoder_factor:,.1f} s"))
    yield from table(("What", "measured"), rows)


def _machine_lines(known: Measured) -> Iterator[str]:
    yield "## Machines and money\n"
    yield (
        f"{HOURS:,} h of sound ÷ {known.factor:,.0f} = **{known.core_hours:,.0f} core-hours**. "
        f"Assumed: {CORE_HOUR_USD} USD for a core-hour on demand, {SPOT_USD} USD where the "
        f"machine may be taken away (which costs a run nothing but time), machines of "
        f"{MACHINE_CORES} cores.\n"
    )
    rows = [_cost_row("Emo, three classifiers and the vote", known.core_hours)]
    if known.encoder_factor:
        name = "the encoder's forward pass alone"
        rows.append(_cost_row(name, HOURS / known.encoder_factor))
    head = ("What", "core-hours", "on demand", "may be taken away", f"machines for {NIGHT_H:.0f} h")
    yield from table(head, rows)


def _cost_row(name: str, core_hours: float) -> tuple[str, ...]:
    machines = math.ceil(core_hours / NIGHT_H / MACHINE_CORES)
    return (
        name,
        f"{core_hours:,.0f}",
        f"{core_hours * CORE_HOUR_USD:,.0f} USD",
        f"{core_hours * SPOT_USD:,.0f} USD",
        f"{machines:,}",
    )


def _storage_lines(known: Measured) -> Iterator[str]:
    yield "## Storage\n"
    yield (
        f"Assumed: {GB_MONTH_USD} USD for a gigabyte and month of object storage, "
        f"{REQUEST_USD * 1e6:.1f} USD for a million objects read.\n"
    )
    rows = [
        (name, f"{gb(rate, 1) * 1000:,.0f} MB", f"{gb(rate) / 1000:,.0f} TB", _month(gb(rate)))
        for name, rate in FORMATS_KBIT_S.items()
    ]
    rows_gb = known.clips * known.row_bytes / 1e9
    per_hour_mb = 1000 * rows_gb / HOURS
    answers = ("the answers, JSON Lines", f"{per_hour_mb:,.1f} MB", f"{rows_gb / 1000:,.1f} TB")
    rows.append((*answers, _month(rows_gb)))
    yield from table(("Kept as", "an hour", f"{HOURS:,} h", "a month"), rows)
    requests_usd = known.clips * REQUEST_USD
    compute_usd = known.core_hours * CORE_HOUR_USD
    yield (
        f"Cut into clips of {known.clip_s:.1f} s, that is {known.clips / 1e9:,.1f} billion "
        f"recordings. Read one by one they cost {requests_usd:,.0f} USD in requests, beside "
        f"{compute_usd:,.0f} USD of computing; in tar archives of a thousand, "
        f"{requests_usd / 1000:,.2f} USD. `batch` reads archives as they stream by.\n"
    )


def _month(size_gb: float) -> str:
    return f"{size_gb * GB_MONTH_USD:,.0f} USD"


def _network_lines(known: Measured) -> Iterator[str]:
    yield "## Network\n"
    rows = []
    for workers in WORKERS:
        clips = workers * known.clips_per_s
        read_gbit = workers * known.factor * FORMATS_KBIT_S[READ_AS] / 1e6
        rows.append(
            (
                f"{workers:,}",
                f"{clips:,.0f}",
                f"{read_gbit:,.2f} Gbit/s",
                f"{clips * known.row_bytes / 1e6:,.1f} MB/s",
            )
        )
    yield f"If nothing else were in the way, with recordings as {READ_AS}:\n"
    yield from table(("Workers", "clips a second", "read by all", "rows to one process"), rows)
    machine_gbit = MACHINE_CORES * known.factor * FORMATS_KBIT_S[READ_AS] / 1e6
    yield (
        f"A machine of {MACHINE_CORES} cores reads {machine_gbit:,.2f} Gbit/s, of the "
        f"{MACHINE_GBIT:g} that it is assumed to have; as Opus, "
        f"{machine_gbit * FORMATS_KBIT_S['Opus, 24 kbit/s'] / FORMATS_KBIT_S[READ_AS]:,.3f}.\n"
    )


def _bottleneck_lines(known: Measured, costs: Costs) -> Iterator[str]:
    yield "## Where the bottleneck moves\n"
    yield (
        "Each of these has a rate that more workers do not raise. Below the smallest one the "
        "workers are the limit; there, each more adds its own rate.\n"
    )
    size = CLUSTER_GROUP_SIZE
    limits = {
        f"scheduler, groups of {size}": 1000 * size / costs.scheduler_ms(size),
        f"process that hands out and writes, groups of {size}": 1000 * size / costs.client_ms(size),
        f"the disk of the answers, {DISK_MB_S:.0f} MB/s assumed": DISK_MB_S * 1e6 / known.row_bytes,
    }
    ordered = sorted(limits.items(), key=lambda item: item[1])
    rows = [(name, f"{rate:,.0f}", f"{rate / known.clips_per_s:,.0f}") for name, rate in ordered]
    yield from table(("What", "clips a second", "workers that it is enough for"), rows)


def _simulation_lines(stored: Mapping[str, Any], costs: Costs) -> Iterator[str]:
    yield "## A thousand workers, simulated\n"
    yield (
        "[`bench/simulate.py`](../bench/simulate.py) plays the events of a run: the measured costs "
        "of the scheduler and of the process that hands out and writes, each doing one thing at a "
        "time; workers that take the measured times of clips; deaths, after a day on average, "
        "after which a group is done anew; and two workers in a hundred that are three times "
        "slower. Clips a second, by the number of clips in a group; in bold where the scheduler "
        "or the writer, not the workers, is busy more than nine tenths of the time:\n"
    )
    yield simulation_tables(stored)
    limits = ", ".join(
        f"{limit_clips_per_s(size, costs)[1]:,.0f} ({limit_clips_per_s(size, costs)[0]})"
        for size in SIZES
    )
    sizes = ", ".join(str(size) for size in SIZES)
    yield f"What one of them alone could do with groups of {sizes}: {limits} clips a second.\n"


def simulation_tables(stored: Mapping[str, Any]) -> str:
    """Rates by workers and size of group, and what trouble costs, as two tables."""
    facts = stored["parts"]["simulate"]["facts"]
    rows = []
    for workers, by_size in facts["rates"].items():
        cells = [_rate(by_size[size]) for size in by_size]
        rows.append((f"{int(workers):,}", *cells))
    sizes = next(iter(facts["rates"].values()))
    lines = table(("Workers", *(f"groups of {size}" for size in sizes)), rows)
    troubled = [
        (
            name,
            f"{found['clips_per_s']:,.0f}",
            f"{found['deaths']:,.0f}",
            f"{found['again_percent']:.2f} %",
        )
        for name, found in facts["troubled"].items()
    ]
    workers, size = TROUBLED
    title = f"Trouble, {workers:,} workers, groups of {size}"
    lines += table((title, "clips a second", "deaths", "groups begun anew"), troubled)
    return "\n".join(lines)


def _rate(found: Mapping[str, float]) -> str:
    text = f"{found['clips_per_s']:,.0f}"
    return f"**{text}**" if max(found["scheduler"], found["client"]) > 0.9 else text


def _advice_lines(known: Measured, costs: Costs) -> Iterator[str]:
    yield "## What follows\n"
    slower, limit = limit_clips_per_s(CLUSTER_GROUP_SIZE, costs)
    enough = limit / known.clips_per_s
    what = {"scheduler": "the scheduler", "client": "the process that hands out and writes"}
    yield (
        f"- One run with groups of {CLUSTER_GROUP_SIZE}, as `batch --dask` makes them, is worth "
        f"about {enough:,.0f} workers; then {what[slower]} is full. A million hours take it "
        f"{known.clips / limit / 3600:,.1f} h, at {limit:,.0f} clips a second."
    )
    longest, most = limit_clips_per_s(SIZES[-1], costs)
    yield (
        f"- Groups of {SIZES[-1]} raise that to {most / known.clips_per_s:,.0f} workers, where "
        f"{what[longest]} is full of rows, no longer of groups. They take a worker "
        f"{SIZES[-1] / known.clips_per_s:,.0f} s each, which is what a death loses and what the "
        "end of a run waits for."
    )
    runs = whole_runs(max(WORKERS) * known.clips_per_s, limit)
    yield (
        f"- {max(WORKERS):,} workers want {runs} runs side by side, each with a scheduler, a part "
        "of the list and a file of its own. Nothing else is shared: rows name their recordings, "
        "and files of rows can be put one behind the other."
    )
    hours = known.core_hours / max(WORKERS)
    yield f"- So a million hours take {max(WORKERS):,} cores {hours:,.1f} h."


def write() -> None:
    """Nothing; writes the page of the stored results."""
    PAGE.write_text(render(read_results()), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        print(render(read_results()), end="")
