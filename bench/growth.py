"""Check that rate and memory of a batch do not depend on the count.

    python bench/growth.py [--quick] [--long] [--save]

The clips are those of bench/batch.py.  --long takes 100,000 too.  A run of a few seconds differs
from the next by more than what is looked for, so the smallest count is run several times.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.batch import JOBS, LEAST_S, find_sources, run_batch
from bench.measure import SINGLE_THREAD, Options, Part, Row, Target, main, make_row

COUNTS, LONG_COUNTS = (1000, 10_000), (1000, 10_000, 100_000)
QUICK_COUNTS = (100, 400)
RUNS = 5  # of a start, and of the smallest count
TARGET = Target("≤", 10.0)


def measure(options: Options) -> Iterator[Row]:
    """Rates once the processes have started and memory, by count, and how far they are apart."""
    counts = QUICK_COUNTS if options.quick else LONG_COUNTS if options.long else COUNTS
    runs = options.times(RUNS, 1)
    with tempfile.TemporaryDirectory() as folder:
        sources = find_sources(Path(folder))
        starts_s = [run_batch(sources, 1, JOBS).took_s for _ in range(runs)]
        yield make_row("a batch of one clip: the start", starts_s, "s")
        start_s = statistics.median(starts_s)
        rates, memories = [], []
        for count in counts:
            ran = [
                run_batch(sources, count, JOBS) for _ in range(runs if count == counts[0] else 1)
            ]
            of_runs = [count / max(one.took_s - start_s, LEAST_S) for one in ran]
            in_mb = [one.memory_mb for one in ran]
            yield make_row(f"{count:,} clips, rate", of_runs, "1/s", note="the start left out")
            yield make_row(f"{count:,} clips, memory", in_mb, "MB")
            rates.append(statistics.median(of_runs))
            memories.append(statistics.median(in_mb))
    apart = 100 * (max(rates) / min(rates) - 1)
    first, last = f"{counts[0]:,}", f"{counts[-1]:,}"
    yield Row(f"rates of {first} to {last} clips apart", "%", 1, apart, target=TARGET)
    grown = 100 * (memories[-1] / memories[0] - 1) if memories[0] else 0.0
    yield Row(f"more memory for {last} than for {first}", "%", 1, grown, target=TARGET)


PART = Part(
    "growth",
    "More clips",
    "The same command and clips. The time that a batch of one clip takes is left out of the rates.",
    measure,
)

if __name__ == "__main__":
    os.environ |= SINGLE_THREAD
    sys.exit(main(PART))
