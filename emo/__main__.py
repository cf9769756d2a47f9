"""Run the command line: the command ``emo``, and ``python -m emo``."""

import signal
import sys
from typing import NoReturn

from emo.cli import process

if "--multiprocessing-fork" in sys.orig_argv:
    # A worker imports the main module before anything else, under a name that depends on whether
    # the command was started as `emo` or as `python -m emo`.
    process.prepare_worker()


def main() -> NoReturn:
    """Run a command, and end this process with its exit status."""
    signal.signal(signal.SIGINT, process.stop)
    process.prepare()
    from emo.cli.main import main

    process.run(main)


if __name__ == "__main__":
    main()
