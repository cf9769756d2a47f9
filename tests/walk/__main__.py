"""Run a random walk over the pages (`python -m tests.walk --help`)."""

import argparse
import json
import os
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from playwright.sync_api import sync_playwright

from docs import screens
from emo.audio.alteration import Alteration
from tests.walk import app, browser
from tests.walk.clips import clips, short_voices
from tests.walk.oracle import check_command
from tests.walk.visit import Visit

STEPS_PER_SESSION = 50
"""Steps in the test runner before all sessions start anew."""

STEPS_PER_BROWSER = 100
"""Steps in a browser before it is restarted."""

SHARE_IN_BROWSER = 0.1
"""Share of the steps in a browser, where each takes about twenty times as long."""


def walk_app(n_steps: int, first_seed: int, *, shrinks: bool = True) -> int:
    """Walk in Streamlit's test runner; return the number of steps."""
    phases = [Phase.generate, *([Phase.shrink] if shrinks else [])]
    how = settings(
        max_examples=max(1, n_steps // STEPS_PER_SESSION),
        stateful_step_count=STEPS_PER_SESSION,
        deadline=None,
        database=None,
        derandomize=False,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    before = Visit.n_checks
    machine = seed(first_seed)(app.Walk)
    run_state_machine_as_test(machine, settings=how, _min_steps=STEPS_PER_SESSION)
    return Visit.n_checks - before


def walk_browser(n_steps: int, first_seed: int) -> int:
    """Walk in a browser; return the number of steps."""
    done = 0
    with screens.serve() as address, sync_playwright() as playwright:
        while done < n_steps:
            number = first_seed + done // STEPS_PER_BROWSER
            with (
                browser.launched(playwright) as chromium,
                browser.walking(chromium, address, number) as walker,
            ):
                walker.walk(min(STEPS_PER_BROWSER, n_steps - done))
                done += len(walker.steps)
            print(f"browser, seed {number}: {done} steps without a fault", flush=True)
    return done


def replay(path: Path) -> int:
    """Repeat the steps of a file; return their number."""
    steps = json.loads(path.read_text(encoding="utf-8"))
    with (
        screens.serve() as address,
        sync_playwright() as playwright,
        browser.launched(playwright) as chromium,
        browser.walking(chromium, address, 0) as walker,
    ):
        for name, arguments in steps:
            walker.do(name, arguments)
    return len(steps)


def upload_in_a_row(n_clips: int, first_seed: int) -> int:
    """Upload clips one after another, and compare each with `emo predict`; return their number."""
    with (
        screens.serve() as address,
        sync_playwright() as playwright,
        browser.launched(playwright) as chromium,
        browser.walking(chromium, address, first_seed) as walker,
    ):
        n_done = browser.upload_in_a_row(walker, dict(short_voices(n_clips, first_seed)))
    print(f"seed {first_seed}: {n_done} uploads, all with the answers of emo predict", flush=True)
    return n_done


def main() -> None:
    """Walk, upload, or repeat the steps of a file."""
    parser = argparse.ArgumentParser(prog="python -m tests.walk", description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=("app", "browser"), help="walk only there")
    parser.add_argument(
        "--uploads", type=int, metavar="N", help="only upload N clips one after another"
    )
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="number of seeds for uploads"
    )
    parser.add_argument(
        "--replay", type=Path, metavar="FILE", help="repeat the steps that a failed walk printed"
    )
    options = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    start = time.monotonic()
    if options.replay:
        n_done = replay(options.replay)
    elif options.uploads:
        seeds = range(options.seed, options.seed + options.seeds)
        n_done = sum(upload_in_a_row(options.uploads, number) for number in seeds)
    else:
        name = sorted(clips())[options.seed % len(clips())]
        settings = Alteration(speed=1.25, pitch_semitones=-3)
        check_command(clips()[name], name, settings, ("angry", "happy", "neutral", "sad"))
        share = {"app": 0.0, "browser": 1.0}.get(options.only, SHARE_IN_BROWSER)
        n_browser = round(share * options.steps)
        n_done = walk_app(options.steps - n_browser, options.seed) if share < 1 else 0
        n_done += walk_browser(n_browser, options.seed) if n_browser else 0
    print(f"{n_done} steps without a fault in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
