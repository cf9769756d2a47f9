"""What one server bears: many people at once, open pages that idle, and memory after much use.

    python bench/load.py [--minutes 5] [--people 20] [--idle 200] [--uploads 2000] [--only NAME …]

Starts the app, speaks to it as browsers do (uploads, then the page over its websocket), prints a
row for each threshold, and ends with 1 if one is missed:

- crowd: everyone gives a clip of four seconds, none heard before, every ten seconds; timed from the
  first byte of the upload until the page is complete.  A page that says it is busy is an error.
- attack: the same people while one other address does what it can to the server: 40 pages that ask
  for themselves to be made anew and for long samples that are altered each time, uploads of which a
  byte comes now and then, and a thousand connections that ask for nothing.
- idle: what an open page takes of the server's memory while nobody does anything on it.
- uploads: what the server's memory grows by after so many clips were given and answered, ten to a
  session, four at once, when all have left and the minute has passed in which they might return.
"""

import argparse
import asyncio
import contextlib
import math
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np

from tests.support import signals, streamlit_client
from tests.support.streamlit_client import Served

RATE_HZ, CLIP_S = 16_000, 4.0
EVERY_S = 10.0
PER_SESSION, AT_ONCE = 10, 4
TTL_S = 5
P95_TARGET_S, IDLE_TARGET_MB, GROWTH_TARGET_MB = 3.0, 1.0, 50.0
SETTLE_S = TTL_S + 10.0

ATTACKER = "127.0.0.2"
ATTACK_PAGES, ATTACK_UPLOADS, ATTACK_IDLE = 40, 24, 1000
AGAIN_S = 0.01

# All visitors come from one address; the quotas of a session are the default ones.
ENVIRON = {
    "EMO_ADDRESS_PAGES": "100000",
    "EMO_ADDRESS_FILES_PER_MIN": "100000",
    "STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": str(TTL_S),
}
ATTACKED = ENVIRON | {"EMO_ADDRESS_PAGES": "64"}


@dataclass(frozen=True)
class Row:
    """What was measured against one threshold, which it may not exceed."""

    name: str
    value: float
    target: float
    unit: str

    @property
    def is_met(self) -> bool:
        """Whether the threshold holds."""
        return self.value <= self.target


def clip(seed: int) -> bytes:
    """A voice of its own for every seed: noise makes each file different."""
    rng = np.random.default_rng(seed)
    pitch_hz = rng.uniform(90, 280)
    voice = signals.voice((pitch_hz, 0.8 * pitch_hz), CLIP_S, RATE_HZ)
    return signals.encoded(voice + 0.001 * rng.standard_normal(len(voice)), RATE_HZ)


async def give_clips(port: int, seed: int, until_s: float) -> tuple[list[float], list[str]]:
    """Seconds that each answer took, and what went wrong, of one person who stays until then."""
    times_s: list[float] = []
    errors: list[str] = []
    n_given = 0
    async with streamlit_client.visit(port) as one:
        await asyncio.sleep(EVERY_S * (seed % 97) / 97)
        while time.monotonic() < until_s:
            data = clip(1000 * seed + n_given)
            n_given += 1
            started_s = time.monotonic()
            try:
                verdict = await one.give(f"clip {n_given}.wav", data)
                times_s.append(time.monotonic() - started_s)
                if not verdict:
                    errors.append("no answer")
            except Exception as error:  # whatever it is, it is counted
                errors.append(f"{type(error).__name__}: {error}")
            await asyncio.sleep(max(0.0, EVERY_S - (time.monotonic() - started_s)))
    return times_s, errors


async def measure_crowd(served: Served, n_people: int, minutes: float) -> list[Row]:
    """Errors and times of many people at once."""
    until_s = time.monotonic() + 60 * minutes
    people = (give_clips(served.port, 37 * i + 1, until_s) for i in range(n_people))
    found = await asyncio.gather(*people)
    times_s = sorted(time_s for times, _ in found for time_s in times)
    errors = [error for _, these in found for error in these]
    for error in sorted(set(errors)):
        print(f"  {errors.count(error)} × {error}")
    p95_s = times_s[math.ceil(0.95 * len(times_s)) - 1]
    print(f"  {len(times_s)} answers, median {statistics.median(times_s):.2f} s", end=", ")
    print(f"slowest {times_s[-1]:.2f} s")
    name = f"{n_people} people"
    return [
        Row(f"{name}: errors", len(errors), 0, ""),
        Row(f"{name}: p95", p95_s, P95_TARGET_S, "s"),
    ]


# --- Beside an attacker --------------------------------------------------------------------------


async def measure_attack(served: Served, n_people: int, minutes: float) -> list[Row]:
    """Errors and times of many people at once, beside an attacker at another address."""
    command = [sys.executable, __file__, "--minutes", str(minutes), "--attack", str(served.port)]
    attacker = subprocess.Popen(command)  # it takes nothing of the time of those who are measured
    try:
        rows = await measure_crowd(served, n_people, minutes)
    finally:
        attacker.terminate()
        attacker.wait()
    return [Row(f"{row.name}, attacked", row.value, row.target, row.unit) for row in rows]


async def attack(port: int, minutes: float) -> None:
    """Do what one address can to a server."""
    until_s = time.monotonic() + 60 * minutes
    attacks = [ask_again(port, i, until_s) for i in range(ATTACK_PAGES)]
    attacks += [upload_slowly(port, until_s) for _ in range(ATTACK_UPLOADS)]
    attacks.append(connect_idly(port, until_s))
    await asyncio.gather(*attacks, return_exceptions=True)  # the server ends some of them


async def ask_again(port: int, seed: int, until_s: float) -> None:
    """Have a page made anew over and over, with a long sample that is altered each time."""
    rng = random.Random(seed)
    async with streamlit_client.visit(port, source=ATTACKER) as one:
        reading = asyncio.create_task(read_all(one))
        while time.monotonic() < until_s and not reading.done():
            settings = f"speed={rng.randint(50, 70) / 100}&pitch={rng.randint(-12, 12)}"
            one.query = f"sample=minute&noise={rng.randint(5, 40)}&{settings}"
            await one.send(one.message())
            await asyncio.sleep(AGAIN_S)
        reading.cancel()


async def read_all(one: streamlit_client.Visitor) -> None:
    """Read what a page is sent, and look at nothing of it."""
    with contextlib.suppress(TimeoutError):
        while True:
            await one.watch(3600)


async def upload_slowly(port: int, until_s: float) -> None:
    """Announce an upload of 50 MB and send a byte of it now and then, over and over."""
    async with streamlit_client.visit(port, source=ATTACKER) as one:
        while time.monotonic() < until_s:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, local_addr=(ATTACKER, 0)
            )
            writer.write(one.upload_head(50 * 2**20))
            with contextlib.suppress(ConnectionError):
                while time.monotonic() < until_s and not reader.at_eof():
                    writer.write(b"x")
                    await writer.drain()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(1000), 1.0)
            writer.close()


async def connect_idly(port: int, until_s: float) -> None:
    """Hold as many connections as there may be, each with half a header sent."""
    held: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    while time.monotonic() < until_s:
        held = [one for one in held if not one[0].at_eof()]
        while len(held) < ATTACK_IDLE:
            with contextlib.suppress(OSError):
                held.append(
                    await asyncio.open_connection("127.0.0.1", port, local_addr=(ATTACKER, 0))
                )
                held[-1][1].write(b"GET / HTTP/1.1\r\nHost: local")
        await asyncio.sleep(0.5)
    for _, writer in held:
        writer.close()


# --- Memory --------------------------------------------------------------------------------------


async def measure_idle(served: Served, n_pages: int) -> list[Row]:
    """Memory of an open page."""
    async with streamlit_client.visit(served.port):
        pass
    before_mb = await settled_mb(served)
    pages = [streamlit_client.visit(served.port) for _ in range(n_pages)]
    for page in pages:
        await page.__aenter__()
    await asyncio.sleep(5)
    each_mb = (served.resident_mb - before_mb) / n_pages
    for page in pages:
        await page.__aexit__(None, None, None)
    return [Row(f"{n_pages} idle pages: each", each_mb, IDLE_TARGET_MB, "MB")]


async def measure_uploads(
    served: Served, n_uploads: int, n_before: int = 8 * PER_SESSION
) -> list[Row]:
    """Growth of memory over many uploads, after some that load what the first use loads."""
    await upload_all(served, range(n_before))
    before_mb = await settled_mb(served)
    await upload_all(served, range(1_000_000, 1_000_000 + n_uploads))
    growth_mb = await settled_mb(served) - before_mb
    return [Row(f"{n_uploads} uploads: growth", growth_mb, GROWTH_TARGET_MB, "MB")]


async def upload_all(served: Served, seeds: Sequence[int]) -> None:
    """Have a clip of each seed answered, some at a session, some sessions at once."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def stay(some: Sequence[int]) -> None:
        async with turns, streamlit_client.visit(served.port) as one:
            for seed in some:
                assert await one.give("clip.wav", clip(seed)), "no answer"

    parts = [seeds[i : i + PER_SESSION] for i in range(0, len(seeds), PER_SESSION)]
    await asyncio.gather(*(stay(part) for part in parts))


async def settled_mb(served: Served) -> float:
    """The server's memory once those who left are forgotten."""
    await asyncio.sleep(SETTLE_S)
    return served.resident_mb


def measure(options: argparse.Namespace) -> list[Row]:
    """The rows of all that was asked for, each on a server of its own."""
    measures = {
        "crowd": lambda served: measure_crowd(served, options.people, options.minutes),
        "attack": lambda served: measure_attack(served, options.people, options.minutes),
        "idle": lambda served: measure_idle(served, options.idle),
        "uploads": lambda served: measure_uploads(served, options.uploads),
    }
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as directory:
        for name in options.only or measures:
            print(f"{name} …")
            # The attacker has the usual limits, except of pages that are opened in a minute.
            environ = ATTACKED if name == "attack" else ENVIRON
            with streamlit_client.serve(Path(directory) / "log.txt", environ) as served:
                rows += asyncio.run(measures[name](served))
    return rows


def main() -> int:
    """Measure, print, and return 1 if a threshold is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--idle", type=int, default=200)
    parser.add_argument("--uploads", type=int, default=2000)
    parser.add_argument("--only", nargs="+", choices=["crowd", "attack", "idle", "uploads"])
    parser.add_argument("--attack", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.attack:
        asyncio.run(attack(options.attack, options.minutes))
        return 0
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()}")
    rows = measure(options)
    for row in rows:
        mark = "met" if row.is_met else "MISSED"
        print(f"{row.name:<28}{row.value:>8.2f} {row.unit:<3} at most {row.target:g}  {mark}")
    return 0 if all(row.is_met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
