"""Measure training: features and altered copies, then each classifier, in time and memory.

    python bench/training.py [--quick] [--save]

Takes a sample of the corpora (EMO_DATA), drawn by a seed, and an empty cache; each step runs in a
process of its own.  A network is fitted for a few epochs, so that an epoch is what is measured.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

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
    missing_row,
    resident_mb,
)
from emo.corpora.catalogue import default_directory, find_recordings

SAMPLE, QUICK_SAMPLE = 2000, 150
JOBS = 2
EPOCHS = {"cnn": 3, "mlp": 11}
"""The first epoch of a network, which Keras compiles in, is not counted."""
SEED = 1
LOOK_S = 0.2


# --- In a process of its own ---------------------------------------------------------------------


def do_features(directory: Path) -> int:
    """Compute the features of clips and two copies of each, and return the number of clips."""
    from emo.training.dataset import load_dataset

    return len(load_dataset(directory, JOBS).recordings)


def do_fit(directory: Path, key: str, epochs: int) -> int:
    """Fit a classifier to cached features, and return the number of clips."""
    import numpy as np

    from emo.classifiers.registry import CLASSIFIERS
    from emo.training.dataset import load_dataset

    dataset = load_dataset(directory, JOBS)
    batch = dataset.training_batch(np.arange(len(dataset.recordings)))
    ends: list[tuple[float, float]] = []

    def note(*_: Any) -> None:
        ends.append((time.perf_counter(), time.process_time()))

    settings: dict[str, Any] = {"progress": note, "epochs": epochs} if epochs else {}
    start_s = time.perf_counter()
    CLASSIFIERS[key].fit(batch, seed=SEED, **settings)
    print(json.dumps({"fit_s": time.perf_counter() - start_s, **_epoch_times(ends, epochs)}))
    return len(batch.targets)


def _epoch_times(ends: Sequence[tuple[float, float]], epochs: int) -> dict[str, float]:
    """Return the wall and processor time of an epoch of all networks, in seconds."""
    if not ends:
        return {}
    steps = [
        (after[0] - before[0], after[1] - before[1])
        for number, (before, after) in enumerate(pairwise(ends), 1)
        if number % epochs  # else the first epoch of the next network
    ]
    networks = len(ends) // epochs
    wall_s, cpu_s = (networks * sum(part) / len(steps) for part in zip(*steps, strict=True))
    return {"epoch_s": wall_s, "epoch_cpu_s": cpu_s}


# --- Around it -----------------------------------------------------------------------------------


def run_step(arguments: Sequence[str], cache: Path) -> dict[str, float]:
    """Wall and processor seconds of a step, the most memory, and what it says of itself."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start_s, most_mb, mapped_mb = time.perf_counter(), 0.0, 0.0
    running = subprocess.Popen(
        [sys.executable, __file__, "--step", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={name: text for name, text in os.environ.items() if name not in SINGLE_THREAD}
        | {"EMO_CACHE": str(cache), "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    while running.poll() is None:
        most_mb = max(most_mb, resident_mb(running.pid, "RssAnon"))
        mapped_mb = max(mapped_mb, resident_mb(running.pid, "RssFile"))
        time.sleep(LOOK_S)
    took_s = time.perf_counter() - start_s
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if running.returncode:
        raise RuntimeError(f"The step {' '.join(arguments)} ended with {running.returncode}.")
    assert running.stdout
    said = [json.loads(line) for line in running.stdout if line.startswith("{")]
    running.stdout.close()
    cpu_s = sum(getattr(after, name) - getattr(before, name) for name in ("ru_utime", "ru_stime"))
    found = {"took_s": took_s, "cpu_s": cpu_s, "memory_mb": most_mb, "mapped_mb": mapped_mb}
    return found | {name: value for one in said for name, value in one.items()}


def link_sample(directory: Path, folder: Path, count: int) -> int:
    """Link clips of the corpora into the folder, and return their number."""
    recordings = list(find_recordings(directory).recordings)
    chosen = random.Random(SEED).sample(recordings, min(count, len(recordings)))
    for one in chosen:
        link = folder / one.path.relative_to(directory)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(one.path.resolve())
    return len(chosen)


def measure(options: Options) -> Iterator[Row | Facts]:
    """Features, then each classifier."""
    directory = default_directory()
    if directory is None:
        yield missing_row("training", "s", "the corpora are not here; EMO_DATA names their folder")
        return
    whole = len(find_recordings(directory).recordings)
    with tempfile.TemporaryDirectory() as folder:
        data, cache = Path(folder) / "data", Path(folder) / "cache"
        data.mkdir()
        count = link_sample(directory, data, options.times(SAMPLE, QUICK_SAMPLE))
        step = run_step(["features", str(data)], cache)
        name = f"features of {count:,} clips and two altered copies of each"
        yield Row(name, "s", 1, step["took_s"])
        yield from _both_cores(name, step)
        whole_min = step["took_s"] * whole / count / 60
        note = "by proportion"
        yield Row(f"the same of all {whole:,} clips", "min", 1, whole_min, note=note)
        for key in ("tree", "mlp", "cnn"):
            yield from _fit_rows(key, data, cache, count, whole)


def _fit_rows(key: str, data: Path, cache: Path, count: int, whole: int) -> Iterator[Row]:
    from emo.classifiers.cnn import CNN_EPOCHS
    from emo.classifiers.mlp import MLP_EPOCHS

    if key not in EPOCHS:
        step = run_step(["fit", str(data), key, "0"], cache)
        yield Row(f"{key} on {count:,} clips and their copies", "s", 1, step["fit_s"])
        yield Row(f"{key}, memory", "MB", 1, step["memory_mb"])
        return
    step = run_step(["fit", str(data), key, str(EPOCHS[key])], cache)
    epoch_s = step["epoch_s"]
    yield Row(f"{key}, an epoch of {count:,} clips", "s", 1, epoch_s)
    planned = {"cnn": CNN_EPOCHS, "mlp": MLP_EPOCHS}[key]
    start_s = step["fit_s"] - EPOCHS[key] * epoch_s
    whole_min = (start_s + planned * epoch_s * whole / count) / 60
    note = f"{planned} epochs, by proportion"
    yield Row(f"{key}, all {whole:,} clips", "min", 1, whole_min, note=note)
    yield from _both_cores(key, step | {"took_s": epoch_s, "cpu_s": step["epoch_cpu_s"]})


def _both_cores(name: str, step: dict[str, float]) -> Iterator[Row]:
    """Of all cores' time the share that was used, and memory: own, and mapped from the cache."""
    share = 100 * step["cpu_s"] / step["took_s"] / (os.cpu_count() or 1)
    yield Row(f"{name}: of the cores' time", "%", 1, share, None, Target("≥", 75.0))
    note = f"and up to {step['mapped_mb']:,.0f} MB mapped from files, which the system may drop"
    yield Row(f"{name}: memory", "MB", 1, step["memory_mb"], note=note)


PART = Part(
    "training",
    "Training",
    "A sample of the corpora drawn by a seed, with an empty cache; each step in a process of its "
    "own, with threads as they come.",
    measure,
)

if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        parser = argparse.ArgumentParser()
        parser.add_argument("step")
        parser.add_argument("directory", type=Path)
        parser.add_argument("key", nargs="?", default="")
        parser.add_argument("epochs", nargs="?", type=int, default=0)
        given = parser.parse_args(sys.argv[2:])
        if given.step == "features":
            do_features(given.directory)
        else:
            do_fit(given.directory, given.key, given.epochs)
    else:
        sys.exit(main(PART))
