"""Measure the cost of an answer, in a warm process and from a cold start.

    python bench/predict.py [--quick] [--save]

For comparison: a forward pass, with random weights, through an encoder as large as wav2vec 2.0
base on the same clip: the least that a model of that kind costs.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.features import CLIP_S, write_clip
from bench.measure import (
    ROOT,
    SINGLE_THREAD,
    Competitor,
    Facts,
    MissingError,
    Options,
    Part,
    Row,
    Target,
    main,
    make_row,
    missing_row,
    ratio_row,
    rivals_python,
    take_turns,
    timed_s,
)

WARM_RUNS, COLD_RUNS, ROUNDS = 300, 9, 30
OWN = "file to the answers of those trained from scratch, warm"
ALL = "file to the answers of all classifiers and the ensembles, warm"
ENCODERS = {"encoder as large as wav2vec 2.0 base, one thread": "1"}
ENCODERS["encoder as large as wav2vec 2.0 base, threads as they come"] = "0"
RATIO_TARGET = Target("≥", 20.0)
PRETRAINED_TARGET = Target("≤", 2.2)


def measure(options: Options) -> Iterator[Row | Facts]:
    """Yield warm and cold times, the real-time factor, and the comparison with an encoder."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(write_clip(Path(folder)))
        own = Competitor("emo-from-scratch", path)
        every = Competitor("emo-answers", path)
        try:
            warm_s = [own() for _ in range(options.times(WARM_RUNS, 20))]
            yield from _warm_rows(warm_s)
            took = take_turns({OWN: own, ALL: every}, options.times(WARM_RUNS, 20))
            yield make_row(f"{ALL}, p50", [1000 * one for one in took[ALL]], "ms")
            name = "all classifiers cost more than those trained from scratch"
            yield ratio_row(name, took[ALL], took[OWN], PRETRAINED_TARGET)
            yield _cold_row(path, options.times(COLD_RUNS, 2))
            yield from _beside({OWN: own, ALL: every}, path, options.times(ROUNDS, 3))
        finally:
            own.close()
            every.close()


def _warm_rows(warm_s: list[float]) -> Iterator[Row]:
    warm_ms = [1000 * one for one in warm_s]
    yield make_row(f"{OWN}, p50", warm_ms, "ms", Target("≤", 20.0))
    yield make_row(f"{OWN}, p95", warm_ms, "ms", Target("≤", 30.0, of="p95"))
    factor = CLIP_S / statistics.median(warm_s)
    note = "seconds of sound in a second of one core"
    yield Row("real-time factor", "×", len(warm_s), factor, None, Target("≥", 200.0), note)


def _cold_row(path: str, runs: int) -> Row:
    command = [sys.executable, "-m", "emo", "predict", path]
    environment = os.environ | SINGLE_THREAD

    def work() -> None:
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=environment)

    work()
    took_s = [timed_s(work) for _ in range(runs)]
    return make_row("python -m emo predict, from start to end", took_s, "s", Target("≤", 1.5))


def _beside(own: dict[str, Competitor], path: str, rounds: int) -> Iterator[Row | Facts]:
    """Yield each encoder's time and its ratios to Emo's, measured in turns."""
    for name, threads in ENCODERS.items():
        try:
            encoder = Competitor(
                "wav2vec2", path, threads, python=rivals_python(), one_thread=threads == "1"
            )
        except MissingError as error:
            yield missing_row(name, "ms", str(error))
            continue
        try:
            took = take_turns({**own, name: encoder}, rounds)
        finally:
            encoder.close()
        yield make_row(name, [1000 * one for one in took[name]], "ms", note="forward pass alone")
        yield ratio_row(f"Emo costs less than the {name}", took[name], took[OWN], RATIO_TARGET)
        title = f"all of Emo's classifiers cost less than the {name}"
        yield ratio_row(title, took[name], took[ALL], RATIO_TARGET)
        median_s = statistics.median(took[name])
        factor = "encoder_factor" if threads == "1" else "encoder_factor_as_it_comes"
        yield Facts({factor: CLIP_S / median_s, "versions": encoder.versions})


PART = Part(
    "predict",
    "One clip to all answers",
    "The same clip. Emo in one process with one thread; the encoder has random weights and is run "
    "by PyTorch on the processor, decoding and resampling left out; the two take turns.",
    measure,
)

if __name__ == "__main__":
    sys.exit(main(PART))
