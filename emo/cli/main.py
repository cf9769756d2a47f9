"""The command ``emo``: parse the arguments, run a command, and map errors to exit statuses."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor

from emo import __version__
from emo.cli import process
from emo.cli.answering import add_answering
from emo.cli.batch import add_batch
from emo.cli.options import FAILED, Commands
from emo.cli.process import INTERRUPTED
from emo.cli.research import add_describing, add_measuring
from emo.errors import EmoError


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 something could not be read or done, 2 wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(given)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file name need not be text
    options.command = f"python -m emo {shlex.join(given)}"
    try:
        _bound_jobs(options)
        status = int(options.run(options))
        sys.stdout.flush()
        return status
    except EmoError as error:
        print(f"emo: {error}", file=sys.stderr)
    except BrokenPipeError:
        process.discard_output()
    except OSError as error:
        if error.filename == process.STANDARD_OUTPUT:
            process.discard_output()
        print(f"emo: {error.filename or 'a file'}: {error.strerror or error}.", file=sys.stderr)
    except ModuleNotFoundError as error:
        print(
            f"emo: this needs the package {error.name}. Install all that training needs with: "
            "pip install -r requirements.txt",
            file=sys.stderr,
        )
    except (BrokenExecutor, MemoryError):
        print(
            "emo: a process was ended, or got no more memory. Close other programs, or give "
            "--jobs a smaller number.",
            file=sys.stderr,
        )
    except KeyboardInterrupt:
        process.end_at_once()
        print(f"emo: stopped.{getattr(options, 'hint', '')}", file=sys.stderr)
        return INTERRUPTED
    return FAILED


def _bound_jobs(options: argparse.Namespace) -> None:
    """Take the number of processes that this machine has use for, and say so where it is less."""
    asked = getattr(options, "jobs", 0)
    if not asked:
        return
    options.jobs = process.limit_jobs(asked)
    if options.jobs < asked:
        print(
            f"emo: --jobs {asked:,} is more than this machine has use for; {options.jobs} "
            "processes work.",
            file=sys.stderr,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="emo", description="Match voices with seven acted emotions."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_answering(commands)
    add_measuring(commands)
    add_describing(commands)
    return parser


def _add_answering(commands: Commands) -> None:
    """Commands that answer for recordings."""
    add_answering(commands)
    add_batch(commands)
