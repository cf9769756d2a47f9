"""Measure the load that one server can carry: many visitors, idle pages, and memory over time.

    python bench/load.py [--minutes 5] [--people 20] [--live 10] [--clients 8] [--idle 200]
                         [--uploads 2000] [--only NAME …]

The program starts the app, talks to it as browsers do (uploads, and the page over its websocket),
prints a row per threshold, and ends with 1 if a threshold is missed:

- crowd: every visitor uploads a new clip of four seconds every ten seconds.  The time is from the
  first byte of the upload to the complete page; a page that shows that the server is busy counts as
  an error.
- attack: the same, while another address attacks the server with 40 pages that request reruns with
  altered long samples, with very slow uploads, and with a thousand idle connections.
- live: every visitor speaks live with hardly a pause.  The time is from the last piece of the sound
  of an answer to the answer.  Refusals and notices that the server is busy count as errors; a half
  second without an answer, since the one before was not ready, is missed.
- api: every client sends clips of four seconds to the HTTP API, one after the other.  The time is
  from the first byte of the request to the last of the answer; any status but 200 is an error.
- idle: memory per open page without activity.
- uploads: growth of memory after many clips, ten per session and four sessions at a time, when all
  sessions have ended and expired.
"""

import argparse
import asyncio
import contextlib
import http.client
import itertools
import json
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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np

import emo
from emo.server.live import MAX_S, STEP_S
from emo.system.paths import SAMPLES_DIR
from tests.support import signals
from tests.support.clients import live_client, streamlit_client
from tests.support.clients.streamlit_client import Served

RATE_HZ, CLIP_S = 16_000, 4.0
CLIP_PERIOD_S = 10.0
CLIPS_PER_SESSION, N_SESSIONS = 10, 4
TTL_S = 5
P95_TARGET_S, IDLE_TARGET_MB, GROWTH_TARGET_MB = 3.0, 1.0, 50.0
LIVE_P95_TARGET_S = 0.6
API_P95_TARGET_S, API_TARGET_PER_S = 0.5, 25.0
API_CLIPS = 64
MISSED_TARGET_PERCENT = 5.0
SETTLE_S = TTL_S + 10.0

ATTACKER = "127.0.0.2"
ATTACK_PAGES, ATTACK_UPLOADS, ATTACK_IDLE = 40, 24, 1000
RERUN_PERIOD_S = 0.01

# All visitors come from one address; the quotas of a session are the default ones.
ENVIRON = {
    "EMO_ADDRESS_PAGES": "100000",
    "EMO_ADDRESS_FILES_PER_MIN": "100000",
    "STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": str(TTL_S),
}
ATTACK_ENVIRON = ENVIRON | {"EMO_ADDRESS_PAGES": "64"}


@dataclass(frozen=True)
class Row:
    """A measured value, and the threshold that it must not exceed, or must reach."""

    name: str
    value: float
    target: float
    unit: str
    is_least: bool = False

    @property
    def is_met(self) -> bool:
        """True if the value is within the threshold."""
        return self.value >= self.target if self.is_least else self.value <= self.target

    @property
    def condition(self) -> str:
        """The threshold in words."""
        return f"at {'least' if self.is_least else 'most'} {self.target:g}"


def clip(seed: int) -> bytes:
    """Return a synthetic voice as a WAV file, different for every seed."""
    rng = np.random.default_rng(seed)
    pitch_hz = rng.uniform(90, 280)
    voice = signals.voice((pitch_hz, 0.8 * pitch_hz), CLIP_S, RATE_HZ)
    return signals.encoded(voice + 0.001 * rng.standard_normal(len(voice)), RATE_HZ)


async def upload_clips(port: int, seed: int, until_s: float) -> tuple[list[float], list[str]]:
    """Upload clips as one visitor until a time; return the durations in seconds, and the errors."""
    times_s: list[float] = []
    errors: list[str] = []
    n_clips = 0
    async with streamlit_client.visit(port) as visitor:
        await asyncio.sleep(CLIP_PERIOD_S * (seed % 97) / 97)
        while time.monotonic() < until_s:
            data = clip(1000 * seed + n_clips)
            n_clips += 1
            started_s = time.monotonic()
            try:
                verdict = await visitor.give(f"clip {n_clips}.wav", data)
                times_s.append(time.monotonic() - started_s)
                if not verdict:
                    errors.append("no answer")
            except Exception as error:  # every error counts
                errors.append(f"{type(error).__name__}: {error}")
            await asyncio.sleep(max(0.0, CLIP_PERIOD_S - (time.monotonic() - started_s)))
    return times_s, errors


async def measure_crowd(served: Served, n_people: int, minutes: float) -> list[Row]:
    """Measure errors and durations of many visitors."""
    until_s = time.monotonic() + 60 * minutes
    people = (upload_clips(served.port, 37 * i + 1, until_s) for i in range(n_people))
    results = await asyncio.gather(*people)
    times_s = sorted(time_s for times, _ in results for time_s in times)
    errors = [error for _, errors_of_one in results for error in errors_of_one]
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


# --- Live ----------------------------------------------------------------------------------------


def spoken(seed: int, duration_s: float) -> live_client.Pcm:
    """Return the voices of the samples one after another, beginning with another for each seed."""
    paths = sorted(SAMPLES_DIR.glob("*.opus"))
    clips = [emo.load(path).samples for path in [*paths[seed % 7 :], *paths[: seed % 7]]]
    samples = np.resize(np.concatenate(clips), round(duration_s * RATE_HZ))
    return np.round(32767 * np.clip(samples, -1, 1)).astype(np.int16)


@dataclass(frozen=True)
class Talk:
    """Answers to one visitor who spoke live.

    Attributes
    ----------
    times_s
        Time until each answer.
    errors
        Refusals and other errors.
    n_due, n_came
        Number of half seconds, and of those with an answer or with the notice of no speech.
    """

    times_s: list[float]
    errors: list[str]
    n_due: int
    n_came: int


async def speak_live(port: int, seed: int, minutes: float) -> Talk:
    """Speak live as one visitor."""
    duration_s = min(60 * minutes, MAX_S - 1)
    sound = await asyncio.to_thread(spoken, seed, duration_s)
    async with streamlit_client.visit(port) as visitor:
        await asyncio.sleep(STEP_S * (seed % 10) / 10)
        try:
            async with live_client.open_microphone(visitor) as microphone:
                await microphone.wait_for("ready")
                await microphone.speak(sound)
                await asyncio.sleep(2.0)
        except Exception as error:  # every error counts
            return Talk([], [f"{type(error).__name__}: {error}"], 0, 0)
    times_s = [one["at_s"] - microphone.sent_s[one["stop"]] for one in microphone.answers]
    kinds = [message["type"] for message in microphone.messages]
    errors = [kind for kind in kinds if kind not in ("ready", "answer", "none")]
    n_came = kinds.count("answer") + kinds.count("none")
    return Talk(times_s, errors, math.floor(duration_s / STEP_S), n_came)


async def measure_live(served: Served, n_people: int, minutes: float) -> list[Row]:
    """Measure errors and times of many visitors who speak live."""
    async with (  # the models are loaded before
        streamlit_client.visit(served.port) as visitor,
        live_client.open_microphone(visitor) as microphone,
    ):
        await microphone.wait_for("ready")
    people = (speak_live(served.port, i, minutes) for i in range(n_people))
    talks = await asyncio.gather(*people)
    times_s = sorted(time_s for talk in talks for time_s in talk.times_s)
    errors = [error for talk in talks for error in talk.errors]
    for error in sorted(set(errors)):
        print(f"  {errors.count(error)} × {error}")
    if not times_s:
        return [Row(f"{n_people} live: errors", len(errors) + 1, 0, "")]
    n_due = sum(talk.n_due for talk in talks)
    missed_percent = 100 * (1 - sum(talk.n_came for talk in talks) / n_due)
    p95_s = times_s[math.ceil(0.95 * len(times_s)) - 1]
    print(f"  {len(times_s)} answers, median {statistics.median(times_s):.3f} s", end=", ")
    print(f"slowest {times_s[-1]:.3f} s")
    return [
        Row(f"{n_people} live: errors", len(errors), 0, ""),
        Row(f"{n_people} live: missed", missed_percent, MISSED_TARGET_PERCENT, "%"),
        Row(f"{n_people} live: p95", p95_s, LIVE_P95_TARGET_S, "s"),
    ]


# --- HTTP API ------------------------------------------------------------------------------------


def call_api(port: int, clips: Sequence[bytes], until_s: float) -> tuple[list[float], list[str]]:
    """Send clips as one client until a time; return the durations in seconds, and the errors."""
    times_s: list[float] = []
    errors: list[str] = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "audio/wav"}
    for data in itertools.cycle(clips):
        started_s = time.monotonic()
        if started_s >= until_s:
            break
        try:
            connection.request("POST", "/api/v1/predict", data, headers)
            reply = connection.getresponse()
            content = json.loads(reply.read())
            if reply.status == 200:
                times_s.append(time.monotonic() - started_s)
            else:
                errors.append(f"{reply.status} {content['code']}")
        except (OSError, ValueError, http.client.HTTPException) as error:
            errors.append(f"{type(error).__name__}: {error}")
            connection.close()
    connection.close()
    return times_s, errors


async def measure_api(served: Served, n_clients: int, minutes: float) -> list[Row]:
    """Measure errors, durations and rate of clients that send one clip after the other."""
    clips = [clip(seed) for seed in range(API_CLIPS)]
    call_api(served.port, clips[:8], time.monotonic() + 10)  # the models are loaded before
    started_s = time.monotonic()
    until_s = started_s + 60 * minutes
    with ThreadPoolExecutor(n_clients) as pool:
        calls = [
            pool.submit(call_api, served.port, clips[i:] + clips[:i], until_s)
            for i in range(n_clients)
        ]
    took_s = time.monotonic() - started_s
    times_s = sorted(time_s for call in calls for time_s in call.result()[0])
    errors = [error for call in calls for error in call.result()[1]]
    for error in sorted(set(errors)):
        print(f"  {errors.count(error)} × {error}")
    if not times_s:
        return [Row(f"{n_clients} clients: errors", len(errors) + 1, 0, "")]
    p95_s = times_s[math.ceil(0.95 * len(times_s)) - 1]
    print(f"  {len(times_s)} answers, median {statistics.median(times_s):.3f} s", end=", ")
    print(f"slowest {times_s[-1]:.3f} s")
    return [
        Row(f"{n_clients} clients: errors", len(errors), 0, ""),
        Row(f"{n_clients} clients: p95", p95_s, API_P95_TARGET_S, "s"),
        Row(f"{n_clients} clients: clips", len(times_s) / took_s, API_TARGET_PER_S, "/s", True),
    ]


# --- Attack --------------------------------------------------------------------------------------


async def measure_attack(served: Served, n_people: int, minutes: float) -> list[Row]:
    """Measure errors and durations of many visitors during an attack from another address."""
    command = [sys.executable, __file__, "--minutes", str(minutes), "--attack", str(served.port)]
    attacker = subprocess.Popen(
        command
    )  # in a process of its own, so that it does not delay the visitors
    try:
        rows = await measure_crowd(served, n_people, minutes)
    finally:
        attacker.terminate()
        attacker.wait()
    return [Row(f"{row.name}, attacked", row.value, row.target, row.unit) for row in rows]


async def attack(port: int, minutes: float) -> None:
    """Attack a server from one address."""
    until_s = time.monotonic() + 60 * minutes
    attacks = [request_reruns(port, i, until_s) for i in range(ATTACK_PAGES)]
    attacks += [upload_slowly(port, until_s) for _ in range(ATTACK_UPLOADS)]
    attacks.append(connect_idly(port, until_s))
    await asyncio.gather(*attacks, return_exceptions=True)  # the server closes some of them


async def request_reruns(port: int, seed: int, until_s: float) -> None:
    """Request reruns of a page with a long sample that is altered each time."""
    rng = random.Random(seed)
    async with streamlit_client.visit(port, source=ATTACKER) as visitor:
        reading = asyncio.create_task(read_all(visitor))
        while time.monotonic() < until_s and not reading.done():
            settings = f"speed={rng.randint(50, 70) / 100}&pitch={rng.randint(-12, 12)}"
            visitor.query = f"sample=minute&noise={rng.randint(5, 40)}&{settings}"
            await visitor.send(visitor.message())
            await asyncio.sleep(RERUN_PERIOD_S)
        reading.cancel()


async def read_all(visitor: streamlit_client.Visitor) -> None:
    """Read and ignore the messages to a page."""
    with contextlib.suppress(TimeoutError):
        while True:
            await visitor.watch(3600)


async def upload_slowly(port: int, until_s: float) -> None:
    """Announce uploads of 50 MB and send one byte of each per second."""
    async with streamlit_client.visit(port, source=ATTACKER) as visitor:
        while time.monotonic() < until_s:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, local_addr=(ATTACKER, 0)
            )
            writer.write(visitor.upload_head(50 * 2**20))
            with contextlib.suppress(ConnectionError):
                while time.monotonic() < until_s and not reader.at_eof():
                    writer.write(b"x")
                    await writer.drain()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(1000), 1.0)
            writer.close()


async def connect_idly(port: int, until_s: float) -> None:
    """Keep many connections open, each after half a header."""
    streams: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    while time.monotonic() < until_s:
        streams = [pair for pair in streams if not pair[0].at_eof()]
        while len(streams) < ATTACK_IDLE:
            with contextlib.suppress(OSError):
                streams.append(
                    await asyncio.open_connection("127.0.0.1", port, local_addr=(ATTACKER, 0))
                )
                streams[-1][1].write(b"GET / HTTP/1.1\r\nHost: local")
        await asyncio.sleep(0.5)
    for _, writer in streams:
        writer.close()


# --- Memory --------------------------------------------------------------------------------------


async def measure_idle(served: Served, n_pages: int) -> list[Row]:
    """Measure the memory per open page."""
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
    served: Served, n_uploads: int, n_before: int = 8 * CLIPS_PER_SESSION
) -> list[Row]:
    """Measure the growth of memory over many uploads, after some that load modules and models."""
    await upload_all(served, range(n_before))
    before_mb = await settled_mb(served)
    await upload_all(served, range(1_000_000, 1_000_000 + n_uploads))
    growth_mb = await settled_mb(served) - before_mb
    return [Row(f"{n_uploads} uploads: growth", growth_mb, GROWTH_TARGET_MB, "MB")]


async def upload_all(served: Served, seeds: Sequence[int]) -> None:
    """Upload a clip for each seed, in concurrent sessions, and wait for the answers."""
    slots = asyncio.Semaphore(N_SESSIONS)

    async def visit(seeds_of_one: Sequence[int]) -> None:
        async with slots, streamlit_client.visit(served.port) as visitor:
            for seed in seeds_of_one:
                assert await visitor.give("clip.wav", clip(seed)), "no answer"

    parts = [seeds[i : i + CLIPS_PER_SESSION] for i in range(0, len(seeds), CLIPS_PER_SESSION)]
    await asyncio.gather(*(visit(part) for part in parts))


async def settled_mb(served: Served) -> float:
    """Return the server's memory in MB after ended sessions have expired."""
    await asyncio.sleep(SETTLE_S)
    return served.resident_mb


def measure(options: argparse.Namespace) -> list[Row]:
    """Run the chosen measurements, each with a server of its own, and return their rows."""
    measures = {
        "crowd": lambda served: measure_crowd(served, options.people, options.minutes),
        "attack": lambda served: measure_attack(served, options.people, options.minutes),
        "live": lambda served: measure_live(served, options.live, options.minutes),
        "api": lambda served: measure_api(served, options.clients, options.minutes),
        "idle": lambda served: measure_idle(served, options.idle),
        "uploads": lambda served: measure_uploads(served, options.uploads),
    }
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as directory:
        for name in options.only or measures:
            print(f"{name} …")
            # The attacker has the default quota of pages.
            environ = ATTACK_ENVIRON if name == "attack" else ENVIRON
            with streamlit_client.serve(Path(directory) / "log.txt", environ) as served:
                rows += asyncio.run(measures[name](served))
    return rows


def main() -> int:
    """Run the measurements and print them; return 1 if a threshold is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--live", type=int, default=10)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--idle", type=int, default=200)
    parser.add_argument("--uploads", type=int, default=2000)
    choices = ["crowd", "attack", "live", "api", "idle", "uploads"]
    parser.add_argument("--only", nargs="+", choices=choices)
    parser.add_argument("--attack", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.attack:
        asyncio.run(attack(options.attack, options.minutes))
        return 0
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()}")
    rows = measure(options)
    for row in rows:
        mark = "met" if row.is_met else "MISSED"
        print(f"{row.name:<28}{row.value:>8.2f} {row.unit:<3} {row.condition}  {mark}")
    return 0 if all(row.is_met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
