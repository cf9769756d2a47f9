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
from emo.cli.exchange import add_exchange
from emo.cli.options import FAILED, read_among
from emo.cli.process import INTERRUPTED
from emo.cli.research import add_describing, add_measuring
from emo.cli.review import add_review
from emo.cli.tokens import add_token_command
from emo.errors import EmoError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments
        Arguments of the command; None for those of the process.

    Returns
    -------
    int
        Exit status: 0 for success, 1 if a recording could not be read or an error occurred, 130
        after an interrupt.

    Raises
    ------
    SystemExit
        With status 2 for wrong usage.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(arguments)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may have surrogates
    options.command = f"python -m emo {shlex.join(arguments)}"
    try:
        _limit_jobs(options)
        read_among(options)
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
            f"emo: this command needs the package {error.name}. Install the packages for training "
            "with: pip install -r requirements.txt",
            file=sys.stderr,
        )
    except (BrokenExecutor, MemoryError):
        print(
            "emo: a process was killed or ran out of memory. Close other programs, or give --jobs "
            "a smaller number.",
            file=sys.stderr,
        )
    except KeyboardInterrupt:
        process.end_at_once()
        print(f"emo: stopped.{getattr(options, 'hint', '')}", file=sys.stderr)
        return INTERRUPTED
    return FAILED


def _limit_jobs(options: argparse.Namespace) -> None:
    """Lower ``--jobs`` to the number of processes that suits this machine, with a message."""
    requested = getattr(options, "jobs", 0)
    if not requested:
        return
    options.jobs = process.limit_jobs(requested)
    if options.jobs < requested:
        print(
            f"emo: --jobs {requested:,} is more than this machine can use; {options.jobs} "
            "processes are started.",
            file=sys.stderr,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="emo", description="Classify the acted emotion in recordings of a voice."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_answering(commands)
    add_batch(commands)
    add_exchange(commands)
    add_review(commands)
    add_measuring(commands)
    add_describing(commands)
    add_token_command(commands)
    return parser
