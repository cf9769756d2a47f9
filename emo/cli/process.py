"""Set up the process of a command: its streams, its interrupts and the number of workers.

A command ends with a sentence and no traceback, whatever its streams are connected to and whenever
it is interrupted.  This module imports only the standard library, so that it is ready at once.
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
"""Exit status of a command that was ended by Ctrl-C."""

JOBS_PER_CPU = 4
"""Processes for each core, more of which would wait for each other."""

WORKER_BYTES = 400 * 2**20
"""Memory that a worker needs at least."""

STANDARD_OUTPUT = "standard output"

_FAILED = 1


class _StandardOutput(io.FileIO):
    """Standard output whose errors name it."""

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        try:
            return super().write(data)
        except OSError as error:
            error.filename = STANDARD_OUTPUT
            if error.errno == errno.EBADF:
                error.strerror = "it is closed"
            raise


class _StandardError(io.FileIO):
    """Standard error that ignores its own errors, where it is closed or full."""

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        with suppress(OSError):
            return super().write(data)
        return len(data)


def run(main: Callable[[], int]) -> NoReturn:
    """Run a command in this process, and end the process with its exit status."""
    try:
        status = main()
    except SystemExit as exit_request:  # of argparse
        status = exit_request.code if isinstance(exit_request.code, int) else _FAILED
    status = _flush() or status
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback while Python shuts down
    sys.exit(status)


def prepare() -> None:
    """Replace the standard streams by ones that cause no traceback if they are closed or full."""
    _open_closed_streams()
    sys.stderr = _text(_StandardError(2, "w", closefd=False), sys.stderr)
    sys.stdout = _text(_StandardOutput(1, "w", closefd=False), sys.stdout)


def prepare_worker() -> None:
    """Make an interrupt end a worker without output: its parent process prints the message."""
    signal.signal(signal.SIGINT, lambda number, frame: os._exit(INTERRUPTED))
    if hasattr(signal, "pthread_sigmask"):  # the signal was blocked while the worker started
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def stop(number: int, frame: FrameType | None) -> None:
    """End this process at once with a message, as the handler of a signal."""
    with suppress(OSError):
        os.write(2, b"\nemo: stopped.\n")
    os._exit(INTERRUPTED)


def raise_interrupts() -> None:
    """Raise ``KeyboardInterrupt`` on interrupts from now on, for work that must clean up.

    Before, an interrupt ends the process at once: while modules are imported, the exception could
    be replaced by another one, or printed and ignored.
    """
    _handle(signal.default_int_handler)


def end_at_once() -> None:
    """Make the next interrupt end the process at once, for use while it shuts down."""
    _handle(stop)


def limit_jobs(jobs: int) -> int:
    """Return the number of workers that this machine has cores and memory for, at most ``jobs``."""
    max_jobs = JOBS_PER_CPU * (os.cpu_count() or 1)
    with suppress(AttributeError, ValueError, OSError):  # not on every system
        memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        max_jobs = min(max_jobs, memory_bytes // WORKER_BYTES)
    return max(1, min(jobs, max_jobs))


def discard_output() -> None:
    """Discard all further output, after the reader of standard output has gone."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _handle(handler: Callable[[int, FrameType | None], object]) -> None:
    import threading  # takes time to import, which an early interrupt would not leave

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handler)


def _open_closed_streams() -> None:
    """Open the null device for each closed standard stream, so that no file gets its descriptor.

    It is opened for reading only, so that lost output is an error.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # gets the lowest free descriptor
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - open until the process ends


def _text(raw: io.FileIO, before: TextIO | None) -> io.TextIOWrapper:
    encoding = getattr(before, "encoding", None) or "utf-8"
    buffered = io.BufferedWriter(raw)
    is_error = raw.fileno() == 2
    return io.TextIOWrapper(
        buffered,
        encoding=encoding,
        errors="backslashreplace",  # names of files may have surrogates
        line_buffering=is_error or raw.isatty(),
        write_through=is_error,
    )


def _flush() -> int:
    """Write the remaining output; return 0, or the exit status if that fails."""
    try:
        sys.stdout.flush()
    except OSError as error:
        discard_output()
        if not isinstance(error, BrokenPipeError):
            print(f"emo: {STANDARD_OUTPUT}: {error.strerror}.", file=sys.stderr)
        return _FAILED
    return 0
