"""Standard error as lines of JSON, also for C libraries, which bypass Python's logging."""

import atexit
import contextlib
import faulthandler
import json
import os
import sys
import threading
import time
from typing import IO, TextIO

MAX_CHARACTERS = 500
"""Characters of a line that is not JSON; the rest is cut off."""

DRAIN_S = 1.0
"""Time that the end of the process waits for the last lines."""


def redirect_to_json() -> TextIO:
    """Redirect standard error through a thread that makes every line JSON.

    Lines that are JSON objects pass unchanged.

    Returns
    -------
    TextIO
        A stream to the original standard error, for lines that are JSON already.
    """
    original = os.dup(2)
    read_end, write_end = os.pipe()
    os.dup2(write_end, 2)
    os.close(write_end)
    stream = os.fdopen(original, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    if faulthandler.is_enabled():
        faulthandler.enable(stream)
    thread = threading.Thread(
        target=_copy_lines, args=(os.fdopen(read_end, "rb"), stream), name="stderr", daemon=True
    )
    thread.start()
    atexit.register(_drain, original, thread)
    return stream


def to_json_line(line: str) -> str:
    """Return a line unchanged if it is a JSON object, else an object that contains it."""
    with contextlib.suppress(ValueError):
        if isinstance(json.loads(line), dict):
            return line
    now = time.gmtime()
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", now)
    event = {"time": moment, "level": "info", "logger": "stderr", "event": line[:MAX_CHARACTERS]}
    return json.dumps(event)


def _copy_lines(lines: IO[bytes], stream: TextIO) -> None:
    for raw in lines:
        line = raw.decode("utf-8", "backslashreplace").rstrip()
        if line:
            with contextlib.suppress(OSError, ValueError):
                stream.write(to_json_line(line) + "\n")


def _drain(original: int, thread: threading.Thread) -> None:
    """Wait for the last lines to be written."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    os.dup2(original, 2)  # closes the pipe, so that the thread ends
    thread.join(DRAIN_S)
