"""How fast a batch is, and whether rate and memory stay the same whatever the count.

    python bench/batch.py [--jobs 2] [--dask local] [COUNT ...]

The clips are those in EMO_DATA, or else twenty synthetic voices of two to four seconds, repeated to
each count by links. Prints a line a count: seconds, clips a second, and the most memory that the
command and its processes took together (on Linux). Without a count: 1,000, and all of EMO_DATA.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from emo.inputs import find_items
from tests.voices import encoded, voice

SYNTHETIC = 20
LOOK_S = 0.25


def main() -> None:
    """Time each count and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("counts", nargs="*", type=int, metavar="COUNT")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--dask", default="")
    options = parser.parse_args()
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{os.cpu_count()} cores, load before: {load}; {options.jobs} processes")
    print(f"{'clips':>9} {'s':>9} {'clips/s':>9} {'MB':>7}")
    with tempfile.TemporaryDirectory() as folder:
        sources = find_sources(Path(folder))
        for count in options.counts or sorted({1000, max(1000, len(sources))}):
            took_s, memory_mb = run(sources, count, options.jobs, options.dask)
            print(f"{count:9,} {took_s:9.1f} {count / took_s:9.1f} {memory_mb:7,.0f}", flush=True)


def find_sources(folder: Path) -> list[Path]:
    """Recordings to be repeated: those of EMO_DATA, or synthetic ones made in the folder."""
    if data := os.environ.get("EMO_DATA"):
        return sorted(Path(item.place) for item in find_items([data], lambda name: True))
    for i in range(SYNTHETIC):
        samples = voice(100.0 + 8 * i, duration_s=2.0 + 0.1 * i, seed=i)
        (folder / f"{i}.wav").write_bytes(encoded(samples))
    return sorted(folder.glob("*.wav"))


def run(sources: list[Path], count: int, jobs: int, dask: str) -> tuple[float, float]:
    """Seconds from start to end of the command, and its highest memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        clips = Path(folder) / "clips"
        clips.mkdir()
        for i, source in zip(range(count), itertools.cycle(sources)):
            (clips / f"{i}{source.suffix}").symlink_to(source)
        command = [sys.executable, "-m", "emo", "batch", str(clips), "--jobs", str(jobs)]
        command += ["--out", f"{folder}/out.jsonl", *(["--dask", dask] if dask else [])]
        start_s, highest = time.perf_counter(), 0.0
        running = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        while running.poll() is None:
            highest = max(highest, resident_mb(running.pid))
            time.sleep(LOOK_S)
        took_s = time.perf_counter() - start_s
        with open(f"{folder}/out.jsonl", "rb") as rows:
            written = sum(1 for _ in rows)
        if written != count:
            raise SystemExit(f"{written:,} rows were written, not {count:,}")
    return took_s, highest


def resident_mb(pid: int) -> float:
    """Memory of a process and those below it that no other shares, in MB; 0 where not told."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    own = sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1000
    return own + sum(resident_mb(int(child)) for child in children)


if __name__ == "__main__":
    main()
