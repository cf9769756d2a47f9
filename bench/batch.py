"""Measure the speed of a batch, in the processes of one machine and on Dask.

    python bench/batch.py [--quick] [--save]

The clips are those of the corpora where they are found (EMO_DATA), or else synthetic voices; in an
order drawn once, so that each count has the same mixture, and repeated to it by links.  Memory is
what the command and its processes hold together, files left out (on Linux).
"""

import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.measure import (
    ROOT,
    SINGLE_THREAD,
    Facts,
    Options,
    Part,
    Row,
    Target,
    main,
    make_row,
    missing_row,
    ratio_row,
    take_turns,
    timed_s,
    watch_memory_mb,
)
from emo.batch.labelling import label_sources, make_run_config
from emo.batch.sources import Source
from emo.corpora.catalogue import default_directory, find_recordings
from tests.support.signals import encoded, voice

JOBS = 2
COUNT, RUNS = 1000, 3
DASK_COUNT, DASK_WORKERS = 2000, (1, 2)
WHOLE = 12_798
REPLAYED = 300  # clips that are timed one by one, for the simulation
SYNTHETIC = 20
LEAST_S = 0.1  # what is left of a run without its start, where a machine is uneven
SEED = 1


@dataclass(frozen=True)
class Ran:
    """A batch: its seconds from start to end, memory, seconds of sound, and bytes of rows."""

    took_s: float
    memory_mb: float
    sound_s: float
    row_bytes: int


def find_sources(folder: Path) -> list[Path]:
    """Return recordings to repeat: those of the corpora, or synthetic ones in the folder."""
    if directory := default_directory():
        found = sorted(one.path.resolve() for one in find_recordings(directory).recordings)
        return random.Random(SEED).sample(found, len(found))
    for i in range(SYNTHETIC):
        samples = voice(100.0 + 8 * i, duration_s=2.0 + 0.1 * i, seed=i)
        (folder / f"{i}.wav").write_bytes(encoded(samples))
    return sorted(folder.glob("*.wav"))


def run_batch(sources: Sequence[Path], count: int, jobs: int, dask: str = "") -> Ran:
    """Run the command over a number of clips, and return what it took."""
    with tempfile.TemporaryDirectory() as folder:
        clips = Path(folder) / "clips"
        clips.mkdir()
        for i, source in zip(range(count), itertools.cycle(sources)):
            (clips / f"{i}{source.suffix}").symlink_to(source)
        out = Path(folder) / "out.jsonl"
        command = [sys.executable, "-m", "emo", "batch", str(clips), "--jobs", str(jobs)]
        command += ["--out", str(out), *(["--dask", dask] if dask else [])]
        start_s = time.perf_counter()
        running = subprocess.Popen(
            command, cwd=ROOT, stderr=subprocess.DEVNULL, env=os.environ | SINGLE_THREAD
        )
        memory_mb = watch_memory_mb(running)
        took_s = time.perf_counter() - start_s
        written, sound_s = 0, 0.0
        with out.open("rb") as rows:
            for line in rows:
                written += 1
                sound_s += json.loads(line).get("duration_s") or 0.0
        if written != count:
            raise SystemExit(f"{written:,} rows were written, not {count:,}")
        return Ran(took_s, memory_mb, sound_s, out.stat().st_size)


def measure(options: Options) -> Iterator[Row | Facts]:
    """One go, Dask, the whole set; and the times of single clips for the simulation."""
    with tempfile.TemporaryDirectory() as folder:
        sources = find_sources(Path(folder))
        yield from _one_go(sources, options)
        yield from _dask(sources, options)
        yield from _whole(sources, options)
        yield Facts({"replayed_ms": _time_each(sources, options.times(REPLAYED, 20))})


def _one_go(sources: Sequence[Path], options: Options) -> Iterator[Row | Facts]:
    count = options.times(COUNT, 50)
    ran = [run_batch(sources, count, JOBS) for _ in range(options.times(RUNS, 1))]
    name = f"{count:,} clips, --jobs {JOBS}"
    yield make_row(f"{name}, from start to end", [one.took_s for one in ran], "s")
    yield make_row(f"{name}, rate", [count / one.took_s for one in ran], "1/s")
    yield make_row(f"{name}, memory", [one.memory_mb for one in ran], "MB")
    middle = sorted(ran, key=lambda one: one.took_s)[len(ran) // 2]
    factor = middle.sound_s / middle.took_s / JOBS
    yield Row("seconds of sound in a second of one core", "×", len(ran), factor)
    yield Facts(
        {
            "clips_per_s_and_core": count / middle.took_s / JOBS,
            "sound_s_per_clip": middle.sound_s / count,
            "row_bytes": middle.row_bytes / count,
            "has_corpora": default_directory() is not None,
        }
    )


def _dask(sources: Sequence[Path], options: Options) -> Iterator[Row]:
    """One worker and two, in turns, each also with a single clip: the start of the cluster."""
    try:
        import distributed  # noqa: F401
    except ImportError:
        yield missing_row("--dask local", "1/s", "distributed is not installed")
        return
    count = options.times(DASK_COUNT, 100)
    works = {
        f"{jobs} {one}": lambda jobs=jobs, one=one: run_batch(sources, one, jobs, "local").took_s
        for jobs in DASK_WORKERS
        for one in (1, count)
    }
    took = take_turns(works, options.times(RUNS, 1))
    rates = {}
    for jobs in DASK_WORKERS:
        name = f"{count:,} clips, --dask local, workers: {jobs}"
        starts_s, whole_s = took[f"{jobs} 1"], took[f"{jobs} {count}"]
        yield make_row(f"{name}, from start to end", whole_s, "s")
        yield make_row(f"one clip, --dask local, workers: {jobs}: the start", starts_s, "s")
        start_s = statistics.median(starts_s)
        rates[jobs] = [count / max(one - start_s, LEAST_S) for one in whole_s]
        yield make_row(f"{name}, rate", rates[jobs], "1/s", note="the start left out")
    few, many = DASK_WORKERS
    yield ratio_row(
        f"{many} workers are faster than {few}", rates[many], rates[few], Target("≥", 1.8)
    )


def _whole(sources: Sequence[Path], options: Options) -> Iterator[Row]:
    name, target = f"{WHOLE:,} clips, --jobs {JOBS}", Target("≤", 150.0)
    if len(sources) < WHOLE:
        yield missing_row(name, "s", "the corpora are not here", target)
    elif not options.quick:
        note = "the old project's features alone took 1,034 s"
        yield Row(name, "s", 1, run_batch(sources, WHOLE, JOBS).took_s, None, target, note)


def _time_each(sources: Sequence[Path], count: int) -> list[float]:
    """Milliseconds that clips take one by one, from the file to the row, sorted."""
    recipe = make_run_config()
    label_sources(recipe, [Source(str(sources[0]), location=str(sources[0]))])
    took_s = [
        timed_s(partial(label_sources, recipe, [Source(str(path), location=str(path))]))
        for path in itertools.islice(itertools.cycle(sources), count)
    ]
    return [round(1000 * one, 2) for one in sorted(took_s)]


PART = Part(
    "batch",
    "Many clips",
    "The command `python -m emo batch`, on all of this machine. Its clips are of the four corpora "
    "where they are found, else synthetic.",
    measure,
)

if __name__ == "__main__":
    os.environ |= SINGLE_THREAD
    sys.exit(main(PART))
