"""Standard error as lines of JSON, whoever writes to it: libraries in C write past every logger."""

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
"""Of a line that is no JSON."""

DRAIN_S = 1.0


def redirect_to_json() -> TextIO:
    """Return a stream to standard error as it was; from now on other lines pass through a frame.

    A line that is JSON passes as it is, and any other as the event of one.
    """
    before = os.dup(2)
    reads, writes = os.pipe()
    os.dup2(writes, 2)
    os.close(writes)
    direct = os.fdopen(before, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    if faulthandler.is_enabled():
        faulthandler.enable(direct)
    passing = threading.Thread(
        target=_pass_on, args=(os.fdopen(reads, "rb"), direct), name="stderr", daemon=True
    )
    passing.start()
    atexit.register(_end, before, passing)
    return direct


def to_json_line(line: str) -> str:
    """Return a line as it is where it is an object of JSON, else an object that holds it."""
    with contextlib.suppress(ValueError):
        if isinstance(json.loads(line), dict):
            return line
    now = time.gmtime()
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", now)
    event = {"time": moment, "level": "info", "logger": "stderr", "event": line[:MAX_CHARACTERS]}
    return json.dumps(event)


def _pass_on(lines: IO[bytes], direct: TextIO) -> None:
    for raw in lines:
        line = raw.decode("utf-8", "backslashreplace").rstrip()
        if line:
            with contextlib.suppress(OSError, ValueError):
                direct.write(to_json_line(line) + "\n")


def _end(before: int, passing: threading.Thread) -> None:
    """Let what was written last come out."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    os.dup2(before, 2)  # closes the pipe
    passing.join(DRAIN_S)
