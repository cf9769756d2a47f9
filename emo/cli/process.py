"""The process around a command: its streams, its interrupts and how many workers it may have.

Whatever the streams are connected to, and whenever it is interrupted, a command ends with a
sentence.  This module loads nothing else, so that it can be called before all that takes time.
"""

import errno
import io
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn, TextIO

INTERRUPTED = 130
"""Exit status of a command that Ctrl-C has ended."""

JOBS_PER_CPU = 4
"""More processes than this wait for each other, even where each waits for its storage too."""

WORKER_BYTES = 400 * 2**20
"""Memory that one worker takes at least."""

STANDARD_OUTPUT = "standard output"

_FAILED = 1


class _StandardOutput(io.FileIO):
    """Standard output whose errors say that it was the one."""

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        try:
            return super().write(data)
        except OSError as error:
            error.filename = STANDARD_OUTPUT
            if error.errno == errno.EBADF:
                error.strerror = "it is closed"
            raise


class _StandardError(io.FileIO):
    """Standard error; where it is closed or full, only what is written to it is lost."""

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        with suppress(OSError):
            return super().write(data)
        return len(data)


def run(main: Callable[[], int]) -> NoReturn:
    """Run a command in this process, and end the process with its exit status."""
    try:
        status = main()
    except SystemExit as ended:  # of argparse
        status = ended.code if isinstance(ended.code, int) else _FAILED
    status = _flush() or status
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while Python ends it has no sentence
    sys.exit(status)


def prepare() -> None:
    """Make the streams such that no command ends with a traceback for their sake."""
    _open_closed_streams()
    sys.stderr = _text(_StandardError(2, "w", closefd=False), sys.stderr)
    sys.stdout = _text(_StandardOutput(1, "w", closefd=False), sys.stdout)


def prepare_worker() -> None:
    """Let an interrupt end a worker without a word: the process that started it says what is."""
    signal.signal(signal.SIGINT, lambda number, frame: os._exit(INTERRUPTED))
    if hasattr(signal, "pthread_sigmask"):  # it was held back while the worker started
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def stop(number: int, frame: FrameType | None) -> None:
    """End this process at once with a sentence, as the handler of a signal."""
    with suppress(OSError):
        os.write(2, b"\nemo: stopped.\n")
    os._exit(INTERRUPTED)


def raise_interrupts() -> None:
    """Make ``KeyboardInterrupt`` of interrupts from now on, for work that has to be ended well.

    Until then an interrupt ends the process at once: while modules are imported, the exception may
    be turned into another one, or be printed and ignored.
    """
    _handle(signal.default_int_handler)


def end_at_once() -> None:
    """Let the next interrupt end the process at once, as one does that comes while it ends."""
    _handle(stop)


def limit_jobs(jobs: int) -> int:
    """Return how many worker processes this machine has use for, at most as many as asked for."""
    most = JOBS_PER_CPU * (os.cpu_count() or 1)
    with suppress(AttributeError, ValueError, OSError):  # not on every system
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        most = min(most, memory // WORKER_BYTES)
    return max(1, min(jobs, most))


def discard_output() -> None:
    """Let what is still to be written to standard output go nowhere, since nobody reads it."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _handle(handler: Callable[[int, FrameType | None], object]) -> None:
    import threading  # which takes a moment that is not there when a command starts

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handler)


def _open_closed_streams() -> None:
    """Give each closed stream its number back, which the next file would get otherwise.

    What is opened cannot be written to, so that output which is lost is an error.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # it gets the lowest number that is free
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - as long as the process


def _text(raw: io.FileIO, before: TextIO | None) -> io.TextIOWrapper:
    encoding = getattr(before, "encoding", None) or "utf-8"
    buffered = io.BufferedWriter(raw)
    is_error = raw.fileno() == 2
    return io.TextIOWrapper(
        buffered,
        encoding=encoding,
        errors="backslashreplace",  # a file name need not be text
        line_buffering=is_error or raw.isatty(),
        write_through=is_error,
    )


def _flush() -> int:
    """Return the status that follows from what cannot be written any more, 0 if all is."""
    try:
        sys.stdout.flush()
    except OSError as error:
        discard_output()
        if not isinstance(error, BrokenPipeError):
            print(f"emo: {STANDARD_OUTPUT}: {error.strerror}.", file=sys.stderr)
        return _FAILED
    return 0
