"""Measure decoding and features of a clip, compared with other tools.

python bench/features.py [--quick] [--save]
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.measure import (
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
)
from tests.support.signals import encoded, voice

ROUNDS, WARM_UPS, REPEATS = 30, 2, 5
CLIP_S, RATE_HZ = 4.0, 48_000
OWN = "Emo"
OWN_TARGET = Target("≤", 10.0)

RIVALS = {
    "openSMILE, eGeMAPS": (("opensmile",), Target("≥", 5.0), "88 functionals"),
    "librosa, mel + MFCC + YIN at Emo's frames": (
        ("librosa-alike",),
        Target("≥", 3.0),
        "16 kHz, a frame each 10 ms",
    ),
    "librosa, mel + MFCC + YIN as it comes": (
        ("librosa",),
        Target("≥", 3.0),
        "22 kHz, a frame each 23 ms",
    ),
    "old recipe: librosa, 60 MFCC, Keras predict": (
        ("old",),
        None,
        "the whole answer of one model, random weights",
    ),
}
"""Competitors: workload, factor by which Emo is to be faster, and a note."""


def write_clip(folder: Path) -> Path:
    """Write a synthetic voice of four seconds, 48 kHz and 16 bits, into the folder."""
    path = folder / "voice.wav"
    path.write_bytes(encoded(voice(duration_s=CLIP_S, rate_hz=RATE_HZ), RATE_HZ))
    return path


def measure(options: Options) -> Iterator[Row | Facts]:
    """Yield Emo's row, then the row and the ratio of each competitor."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(write_clip(Path(folder)))
        competitors, missing = {OWN: Competitor("emo-features", path, repeats=REPEATS)}, {}
        for name, (work, _, _) in RIVALS.items():
            python = rivals_python() if work == ("opensmile",) else sys.executable
            try:
                competitors[name] = Competitor(*work, path, python=python, repeats=REPEATS)
            except MissingError as error:
                missing[name] = str(error)
        try:
            took = take_turns(competitors, options.times(ROUNDS, 5), options.times(WARM_UPS, 2))
            versions = {
                key: one
                for competitor in competitors.values()
                for key, one in competitor.versions.items()
            }
        finally:
            for competitor in competitors.values():
                competitor.close()
    took_ms = {name: [1000 * one for one in values] for name, values in took.items()}
    yield make_row(
        f"{OWN}, all that the classifiers from scratch take", took_ms[OWN], "ms", OWN_TARGET
    )
    for name, (_, target, note) in RIVALS.items():
        if name in missing:
            yield missing_row(name, "ms", missing[name])
            continue
        yield make_row(name, took_ms[name], "ms", note=note)
        yield ratio_row(f"{OWN} is faster than {name}", took_ms[name], took_ms[OWN], target)
    yield Facts({"versions": versions})


PART = Part(
    "features",
    "Decode and features of one clip",
    "A synthetic voice of 4 s in a WAV of 48 kHz and 16 bits, from the file. Each in a process of "
    "its own with one thread; they take turns, five clips each, so that a ratio is of one run. A "
    "figure is the mean of the five.",
    measure,
)

if __name__ == "__main__":
    sys.exit(main(PART))
