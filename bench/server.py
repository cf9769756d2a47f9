"""Measure the start of the app, its first answer, and its memory.

    python bench/server.py [--quick] [--save]

Starts the app several times, and a headless Chromium for the uploads.  Memory is what is resident
of the server and of all processes that it started (on Linux).
"""

import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bench.measure import (
    ROOT,
    Facts,
    Options,
    Part,
    Row,
    Target,
    main,
    make_row,
    missing_row,
    resident_mb,
)
from emo.app.analyse import text as analyse_text
from tests.support.clients.streamlit_client import free_port
from tests.support.signals import encoded, voice

STARTS, SESSIONS, CLIPS = 5, 8, 200
CLIP_S, RATE_HZ = 4.0, 48_000
LOOK_S, PATIENCE_S, WAIT_MS = 0.02, 120.0, 120_000
UNLIMITED = {  # one session that sends clip after clip is what the quotas are against
    f"EMO_{whose}_{what}_PER_MIN": "1000000"
    for whose in ("SESSION", "ADDRESS")
    for what in ("MB", "FILES", "SESSIONS", "RUNS")
}
VERDICT = "h2.emo-verdict"
FIELD = "[data-testid=stFileUploader] input[type=file]"


@dataclass(frozen=True)
class Server:
    """The app as it runs: its address, its process, and the seconds until it was healthy."""

    address: str
    pid: int
    healthy_s: float


@contextlib.contextmanager
def start() -> Iterator[Server]:
    """Serve the app on a free port, once its health check answers."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py"]
    command += ["--server.address=127.0.0.1", f"--server.port={port}", "--server.headless=true"]
    start_s = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--server.fileWatcherType=none"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"} | UNLIMITED,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        while not _is_healthy(address):
            if process.poll() is not None or time.perf_counter() - start_s > PATIENCE_S:
                raise RuntimeError("The app did not start.")
            time.sleep(LOOK_S)
        yield Server(address, process.pid, time.perf_counter() - start_s)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5) as said:
            return bool(said.status == 200)
    except OSError:
        return False


def measure(options: Options) -> Iterator[Row | Facts]:
    """Start-up by itself; then, in a browser, the first answer and memory."""
    healthy_s = []
    for _ in range(options.times(STARTS, 2)):
        with start() as server:
            healthy_s.append(server.healthy_s)
    yield make_row(
        "from the start of the app until it is healthy", healthy_s, "s", Target("≤", 3.0)
    )
    try:
        from playwright.sync_api import Error, sync_playwright

        from docs import screens
    except ImportError:
        yield missing_row("the app in a browser", "s", "playwright is not installed")
        return
    with sync_playwright() as playwright:
        try:
            browser = screens.launch(playwright)
        except Error:
            yield missing_row("the app in a browser", "s", "there is no Chromium")
            return
        yield from _first_answers(browser, options.times(STARTS, 1))
        yield from _memory(browser, options)
        browser.close()


def _first_answers(browser: Any, rounds: int) -> Iterator[Row]:
    """Yield the time of the first upload of several fresh apps in a browser."""
    from bench import app

    took_s: list[float] = []
    for _ in range(rounds):
        with start() as server:
            page = app.open_app(browser, server.address)
            took_s += app.time_uploads(page, 1)
            page.context.close()
    name = "from the end of the upload to the first answers of a fresh app"
    yield make_row(name, took_s, "s", Target("≤", 1.5))


def _memory(browser: Any, options: Options) -> Iterator[Row | Facts]:
    """Resident memory when nobody has come, with people in it, and after many clips."""
    from bench import app

    with start() as server:
        time.sleep(1.0)  # what it does in the background after it is healthy
        yield _memory_row("memory before the first visit", server)
        page = app.open_app(browser, server.address)
        yield _memory_row("memory with a page open, idle", server, Target("≤", 300.0))
        send_clips(page, 1)
        before_mb = resident_mb(server.pid)
        sessions = options.times(SESSIONS, 2)
        others = [app.open_app(browser, server.address) for _ in range(sessions)]
        for other in others:
            send_clips(other, 1)
        each_mb = (resident_mb(server.pid) - before_mb) / sessions
        note = f"each with a clip answered; the mean of {sessions}"
        yield Row("memory for one more session", "MB", sessions, each_mb, note=note)
        yield Facts({"session_mb": each_mb})
        for other in others:
            other.context.close()
        count = options.times(CLIPS, 5)
        send_clips(page, count)
        yield _memory_row(f"memory after {count} more clips", server, Target("≤", 350.0))
        page.context.close()


def _memory_row(name: str, server: Server, target: Target | None = None) -> Row:
    if not (found := resident_mb(server.pid)):
        return missing_row(name, "MB", "this system does not say", target)
    return Row(name, "MB", 1, found, None, target)


def send_clips(page: Any, count: int) -> None:
    """Have the app answer different clips, each after the one before was deleted."""
    from bench import app

    spoken = voice(duration_s=CLIP_S, rate_hz=RATE_HZ)
    ready = f"() => {app.IDLE} && document.querySelectorAll('{FIELD}').length === 1"
    for i in range(count):
        forget = page.get_by_role("button", name=analyse_text.REMOVE_LABEL)
        if forget.is_visible():
            forget.click()
            page.locator(VERDICT).wait_for(state="detached", timeout=WAIT_MS)
        page.wait_for_function(ready, timeout=WAIT_MS)
        data = encoded(spoken * np.float32(1 - i / (2 * count)), RATE_HZ)
        app.upload(page, f"clip-{i}.wav", data)
        page.locator(VERDICT).wait_for(timeout=WAIT_MS)


PART = Part(
    "server",
    "The app",
    "Started with the command of `make run`, a browser beside it on the same machine. Memory is "
    "what is resident of the server and all that it started.",
    measure,
)

if __name__ == "__main__":
    sys.exit(main(PART))
