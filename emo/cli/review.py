"""The command review: start a page on this computer that plays the clips of a batch."""

import argparse
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from emo.cli.options import DONE, Commands, positive_number, whole_number, write_text
from emo.cli.process import raise_interrupts
from emo.errors import EmoError
from emo.review.settings import CHOICES, DEFAULT_TAKE, RANDOM

HOST = "127.0.0.1"
"""The page is served to this computer alone."""

START_S = 120.0
STOP_S = 10.0
_PUBLIC = ("EMO_HOST", "EMO_API", "EMO_METRICS_PORT", "FORWARDED_ALLOW_IPS")  # of a public server


def add_review(commands: Commands) -> None:
    """Add the command review."""
    review = commands.add_parser(
        "review",
        help="label clips of a batch on a page of this computer, and count the agreement",
        epilog="Only for recordings of people who agreed to it, or who act.",
    )
    review.add_argument(
        "rows", type=Path, metavar="ROWS", help="file of emo batch: .parquet, .csv or .jsonl"
    )
    review.add_argument(
        "--clips",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="folder in which the batch was run; no file outside it is opened (default: this one)",
    )
    review.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="CSV of the labels, written after each answer; the same command continues it "
        "(default: ROWS with the ending .labels.csv)",
    )
    review.add_argument("--rater", default="", metavar="NAME", help="your name or initials")
    review.add_argument(
        "--choose",
        choices=CHOICES,
        default=RANDOM,
        help="draw all clips with the same chance, or those of low confidence, or on which the "
        "models differ, more often (default: random)",
    )
    review.add_argument(
        "--take",
        default=DEFAULT_TAKE,
        metavar="N",
        help=f"how many clips, such as 200 or 10%% (default: {DEFAULT_TAKE})",
    )
    review.add_argument(
        "--seed",
        type=whole_number,
        default=1,
        metavar="N",
        help="number of the draw; raters with the same number label the same clips (default: 1)",
    )
    review.add_argument(
        "--run", default="", metavar="RUN", dest="of_run", help="where ROWS holds several runs"
    )
    review.add_argument(
        "--blind", action="store_true", help="show the models' answers at the end only"
    )
    review.add_argument(
        "--with",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        dest="others",
        help="labels of other raters, for the agreement",
    )
    review.add_argument(
        "--results", action="store_true", help="print the results so far, and start no page"
    )
    review.add_argument("--json", type=Path, metavar="FILE", help="write the results here too")
    review.add_argument(
        "--port", type=positive_number, metavar="N", help="port of the page (default: a free one)"
    )
    review.add_argument("--no-browser", action="store_true", help="open no browser")
    review.set_defaults(run=review_command, parser=review)


def review_command(options: argparse.Namespace) -> int:
    """Serve the page of a review until an interrupt, and print the results."""
    from emo.review.clips import describe_left_out
    from emo.review.labels import check_rater
    from emo.review.report import result_lines
    from emo.review.session import Review, ReviewConfig

    out = options.out or options.rows.with_suffix(".labels.csv")
    if out.suffix.lower() != ".csv":
        options.parser.error(f"--out must end in .csv: {out}")
    if options.rater and (reason := check_rater(options.rater)):
        options.parser.error(f"--rater: {reason}")
    config = ReviewConfig(
        str(options.rows.absolute()),
        str(options.clips.absolute()),
        str(out.absolute()),
        tuple(str(path.absolute()) for path in options.others),
        options.choose,
        options.take,
        options.seed,
        options.of_run,
        options.rater,
        options.blind,
        secrets.token_urlsafe(16),
    )
    raise_interrupts()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    review = Review(config)
    if left_out := describe_left_out(review.batch.left_out, options.clips):
        print(f"emo: not for review: {left_out}", file=sys.stderr)
    if not options.results:
        n, total = len(review.clips), len(review.batch.clips)
        print(f"emo: {n:,} of {total:,} clips are for review; labels go to {out}.", file=sys.stderr)
        _serve(config.to_json(), config.key, options)
        review = Review(config)  # with the labels that were given
    results = review.results()
    for line in result_lines(results):
        print(line)
    if options.json:
        write_text(options.json, json.dumps(results.to_dict(), indent=1) + "\n")
    return DONE


def _serve(config: str, key: str, options: argparse.Namespace) -> None:
    """Run the page's server until it ends or this command is interrupted.

    Raises
    ------
    EmoError
        It does not start, or ended by itself.
    """
    port = options.port or _free_port()
    address = f"http://{HOST}:{port}"
    with tempfile.TemporaryFile() as log, _server(config, port, log) as server:
        try:
            _await_start(f"{address}/_stcore/health", server)
            page = f"{address}/?key={key}"
            print(f"emo: open {page} (Ctrl-C ends the review)", file=sys.stderr, flush=True)
            if not options.no_browser:
                webbrowser.open(page)
            status = server.wait()
        except KeyboardInterrupt:
            print("\nemo: the review is stopped; the same command continues it.", file=sys.stderr)
            return
        log.seek(0)
        lines = log.read().decode(errors="replace").strip().splitlines()
        raise EmoError(
            f"The page could not be served (status {status}): {lines[-1] if lines else 'no reason'}"
        )


@contextlib.contextmanager
def _server(config: str, port: int, log: IO[bytes]) -> Iterator["subprocess.Popen[bytes]"]:
    from emo.review.session import CONFIG_ENV
    from emo.system.paths import shipped

    script = shipped("review_app.py")
    environ = {name: value for name, value in os.environ.items() if name not in _PUBLIC}
    server = subprocess.Popen(  # noqa: S603
        [
            *(sys.executable, "-m", "streamlit", "run", str(script)),
            *("--server.address", HOST, "--server.port", str(port)),
            *("--server.headless", "true", "--server.fileWatcherType", "none"),
        ],
        cwd=script.parent,  # where Streamlit finds its settings
        env=environ | {CONFIG_ENV: config, "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,  # so that Ctrl-C reaches this process alone
    )
    try:
        yield server
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _await_start(address: str, server: "subprocess.Popen[bytes]") -> None:
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=2):  # noqa: S310
            return
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])
