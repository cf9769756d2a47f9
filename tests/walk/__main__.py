"""Walk over the pages at random, for as many steps as wanted: `python -m tests.walk --help`."""

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

PER_SESSION = 50
"""Steps in the test runner after which everything begins anew."""

PER_BROWSER = 100
"""Steps in a browser after which it is opened anew."""

SHARE_IN_BROWSER = 0.1
"""Of all steps; each takes there some twenty times as long."""


def walk_app(n_steps: int, first_seed: int, *, shrinks: bool = True) -> int:
    """Return how many steps were walked in the test runner, all of them without a fault."""
    phases = [Phase.generate, *([Phase.shrink] if shrinks else [])]
    how = settings(
        max_examples=max(1, n_steps // PER_SESSION),
        stateful_step_count=PER_SESSION,
        deadline=None,
        database=None,
        derandomize=False,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    before = Visit.n_checks
    machine = seed(first_seed)(app.Walk)
    run_state_machine_as_test(machine, settings=how, _min_steps=PER_SESSION)
    return Visit.n_checks - before


def walk_browser(n_steps: int, first_seed: int) -> int:
    """Return how many steps were walked in a real browser, all of them without a fault."""
    done = 0
    with screens.serve() as address, sync_playwright() as playwright:
        while done < n_steps:
            number = first_seed + done // PER_BROWSER
            with browser.walking(playwright, address, number) as walker:
                walker.walk(min(PER_BROWSER, n_steps - done))
                done += len(walker.steps)
            print(f"browser, seed {number}: {done} steps without a fault", flush=True)
    return done


def replay(path: Path) -> int:
    """Return how many steps of a file were done again, without a fault."""
    steps = json.loads(path.read_text(encoding="utf-8"))
    with (
        screens.serve() as address,
        sync_playwright() as playwright,
        browser.walking(playwright, address, 0) as walker,
    ):
        for name, arguments in steps:
            walker.do(name, arguments)
    return len(steps)


def upload_in_a_row(n_clips: int, first_seed: int) -> int:
    """Return how many clips were uploaded one after another and answered as `emo predict` does."""
    with (
        screens.serve() as address,
        sync_playwright() as playwright,
        browser.walking(playwright, address, first_seed) as walker,
    ):
        n_done = browser.upload_in_a_row(walker, dict(short_voices(n_clips, first_seed)))
    print(
        f"seed {first_seed}: {n_done} uploads, none altered, each as emo predict says", flush=True
    )
    return n_done


def main() -> None:
    """Walk, upload, or do the steps of a file again."""
    parser = argparse.ArgumentParser(prog="python -m tests.walk", description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=("app", "browser"), help="walk nowhere else")
    parser.add_argument(
        "--uploads", type=int, metavar="N", help="upload N clips one after another instead"
    )
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="of uploads, one by one")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="steps that a walk printed")
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
        check_command(clips()[name], name, Alteration(speed=1.25, pitch_semitones=-3))
        share = {"app": 0.0, "browser": 1.0}.get(options.only, SHARE_IN_BROWSER)
        n_browser = round(share * options.steps)
        n_done = walk_app(options.steps - n_browser, options.seed) if share < 1 else 0
        n_done += walk_browser(n_browser, options.seed) if n_browser else 0
    print(f"{n_done} steps without a fault in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
