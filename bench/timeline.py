"""Measure the timeline of ten minutes, from the file to the last answer.

    python bench/timeline.py [--quick] [--save]

The clip is a synthetic voice of ten minutes without pauses, which has the most windows.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in the command line and on the page
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bench.measure import Facts, Options, Part, Row, Target, main, make_row
from emo.audio.clip import load
from emo.inference.loading import load_models
from emo.inference.timeline import iter_timeline
from tests.support.signals import encoded, voice

LONGEST_S, QUICK_S = 600.0, 30.0
RUNS = 3


def measure(options: Options) -> Iterator[Row | Facts]:
    """Yield the time of the first and last answer, and the windows per second."""
    long_s = QUICK_S if options.quick else LONGEST_S
    first_s, last_s, rates = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        spoken = voice((240.0, 120.0), duration_s=2.0)
        path.write_bytes(encoded(np.tile(spoken, round(long_s / 2.0))))
        models = load_models()
        for _ in range(options.times(RUNS, 1)):
            start_s = time.perf_counter()
            grown = [
                (time.perf_counter() - start_s, found)
                for found in iter_timeline(load(path), models)
            ]
            first_s.append(grown[:2][-1][0])
            last_s.append(grown[-1][0])
            rates.append(grown[-1][1].total / last_s[-1])
    name = f"{long_s:.0f} s of speech without a pause"
    yield make_row(f"{name}, first answers", first_s, "s")
    yield make_row(f"{name}, last answer", last_s, "s", Target("≤", 15.0))
    yield make_row("windows of three seconds", rates, "1/s")


PART = Part(
    "timeline",
    "A long recording",
    "From the file to the answers for every window of three seconds, in the threads that the page "
    "and the command line have.",
    measure,
)

if __name__ == "__main__":
    sys.exit(main(PART))
