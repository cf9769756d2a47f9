"""Work for the processes of the tests: quick, slow, or deadly to its process."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from emo.batch.rows import Result, error_result
from emo.batch.sources import Source
from emo.errors import EmoError


def spell(items: Sequence[Source]) -> list[Result]:
    """Return a row for each name; some names sleep, raise or end the process instead."""
    for item in items:
        if "poison" in item.name:
            os.kill(os.getpid(), signal.SIGKILL)
        if "fails once" in item.name and not Path(item.location).exists():
            Path(item.location).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if "stuck" in item.name:
            time.sleep(60)
        if "stop" in item.name:
            raise EmoError("Nothing of this kind is read.")
    return [Result(item.name, False, f"{item.name}\n".encode()) for item in items]


def never_starts(items: Sequence[Source]) -> list[Result]:
    """End the process before there is any work."""
    raise SystemExit(3)


def crash_result(source: Source, reason: str) -> Result:
    """Return the row of a recording whose process ended."""
    return error_result(source.name, "run", reason)


def result_names(results: Sequence[Sequence[Result]]) -> list[str]:
    """Return the names that have rows, sorted, each as often as it has one."""
    return sorted(result.name for group in results for result in group)


def groups(count: int, size: int, *others: Source) -> list[list[Source]]:
    """Return made-up recordings in groups; the remaining ones are in the first."""
    items = [*others, *(Source(f"clip {i}") for i in range(count))]
    return [items[i : i + size] for i in range(0, len(items), size)]
