"""Measure the longest uploads: time until they are read or refused, and peak memory.

    python bench/uploads.py [--quick] [--save]

Every file has up to 10 MB: ten minutes of a voice in each format, and files that unpack to an hour.
They are read as the page reads them, in a process of its own; memory is what that process and this
one, which stands for the server, take together on top of what they had before.
"""

import io
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import soundfile

from bench.measure import Facts, Options, Part, Row, Target, main, make_row, timed_s
from emo.audio import clip
from emo.audio.isolated import IsolatedDecoder
from emo.errors import AudioError
from tests.support import signals
from tests.support.malformed import malformed

LONGEST_S, QUICK_S = 596.0, 20.0  # a codec adds a little, and ten minutes are the most
RATE_HZ, WAV_RATE_HZ = 44_100, 8_000  # ten minutes of a WAV of 10 MB have no higher one
RUNS, SMALL_RUNS = 3, 40
BOMBS = ("hour.flac", "hour.opus", "hour.webm")
MOST_MB = 10.0
TIME, MEMORY = Target("≤", 2.0), Target("≤", 150.0)
OVERHEAD = Target("≤", 10.0)


@dataclass(frozen=True)
class Upload:
    """A file to upload."""

    name: str
    data: bytes


def recordings(duration_s: float) -> Iterator[Upload]:
    """Yield the voice in each format."""

    def spoken(rate_hz: int) -> signals.Samples:
        phrase = signals.voice((240.0, 120.0), 4.0, rate_hz)
        return np.tile(phrase, round(duration_s / 4.0))

    made: dict[str, Callable[[], bytes]] = {
        "WAV": lambda: _written(spoken(WAV_RATE_HZ), WAV_RATE_HZ, "WAV", "PCM_16"),
        "FLAC": lambda: _written(spoken(WAV_RATE_HZ), WAV_RATE_HZ, "FLAC", "PCM_16"),
        "MP3": lambda: _written(spoken(RATE_HZ), RATE_HZ, "MP3", "MPEG_LAYER_III"),
        "Vorbis": lambda: _written(spoken(RATE_HZ), RATE_HZ, "OGG", "VORBIS"),
        "Opus": lambda: _written(spoken(48_000), 48_000, "OGG", "OPUS"),
        "M4A": lambda: signals.m4a(spoken(RATE_HZ), RATE_HZ),
        "AAC": lambda: signals.adts(spoken(RATE_HZ), RATE_HZ),
        "WebM": lambda: signals.webm_opus(spoken(48_000), 48_000),
    }
    for name, make in made.items():
        yield Upload(f"{duration_s:.0f} s of {name}", make())


def _written(samples: signals.Samples, rate_hz: int, container: str, subtype: str) -> bytes:
    """Return the bytes of a file, written in pieces since libsndfile crashes on long Vorbis."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", rate_hz, 1, subtype, format=container) as out:
        for start in range(0, len(samples), rate_hz):
            out.write(samples[start : start + rate_hz])
    return file.getvalue()


def bombs() -> Iterator[Upload]:
    """Small files that unpack to an hour."""
    for one in malformed():
        if one.name in BOMBS:
            yield Upload(one.name, one.data)


def measure(options: Options) -> Iterator[Row | Facts]:
    """Each upload's time and memory, then what the process of its own costs a short clip."""
    for upload in (*recordings(QUICK_S if options.quick else LONGEST_S), *bombs()):
        yield from _rows(upload, options.times(RUNS, 1))
    yield _overhead_row(options.times(SMALL_RUNS, 3))


def _rows(upload: Upload, runs: int) -> Iterator[Row]:
    size_mb = len(upload.data) / 1e6
    note = f"{size_mb:.1f} MB" + ("" if size_mb <= MOST_MB else ", more than the targets are for")
    took_s, held_mb = [], []
    for _ in range(runs):
        seconds, mb, answer = _read_once(upload.data)
        took_s.append(seconds)
        held_mb.append(mb)
    is_judged = size_mb <= MOST_MB
    yield make_row(
        f"{upload.name}, time", took_s, "s", TIME if is_judged else None, f"{note}; {answer}"
    )
    yield make_row(f"{upload.name}, memory", held_mb, "MB", MEMORY if is_judged else None)


def _read_once(data: bytes) -> tuple[float, float, str]:
    """Seconds until the answer, memory on top in MB, and whether it was read or refused."""
    decoder, answer = IsolatedDecoder(1), "read"
    try:
        decoder.decode(signals.encoded(signals.voice(duration_s=1.0)))  # it has started
        pids = [os.getpid(), *decoder.restrictions()]
        before_mb = {pid: _forget_peak(pid) for pid in pids}

        def work() -> None:
            nonlocal answer
            try:
                decoder.decode(data)
            except AudioError as error:
                answer = f"refused: {type(error).__name__}"

        seconds = timed_s(work)
        held_mb = sum(_memory_mb(pid, "VmHWM") - before_mb[pid] for pid in pids)
    finally:
        decoder.stop()
    return seconds, held_mb, answer


def _forget_peak(pid: int) -> float:
    """Reset the peak memory of a process, and return its memory in MB."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _memory_mb(pid, "VmRSS")


def _memory_mb(pid: int, kind: str) -> float:
    """Memory of a process without those below it; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith(kind)), 0.0)


def _overhead_row(runs: int) -> Row:
    data = signals.encoded(signals.voice(duration_s=4.0, rate_hz=48_000), 48_000)
    decoder = IsolatedDecoder(1)
    try:
        decoder.decode(data)
        more_ms = []
        for _ in range(runs):
            there_s = timed_s(lambda: decoder.decode(data))
            more_ms.append(1000 * (there_s - timed_s(lambda: clip.decode(data))))
    finally:
        decoder.stop()
    return make_row("what the process of its own adds to a clip of 4 s", more_ms, "ms", OVERHEAD)


PART = Part(
    "uploads",
    "The longest uploads",
    "From the bytes to the samples or the refusal, in a process of its own. Memory is its peak and "
    "the server's together, on top of what both had.",
    measure,
)

if __name__ == "__main__":
    sys.exit(main(PART))
