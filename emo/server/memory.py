"""How much memory there is, and whether the next piece of work fits into it."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from emo.errors import BusyError

USABLE_SHARE = 0.85
"""Part of the memory that may be used before work is refused."""

RETRY_S = 30

_MB = 2**20
DECODE_BYTES = 48 * _MB
"""What the server takes while it receives a recording of the greatest length."""

_OWN_GROUPS, _GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
_UNLIMITED = 2**60  # version 1 writes almost 2**63


def find_limit_bytes() -> int:
    """Return the bytes that this machine, or the container around the server, has; 0 if unknown."""
    found = []
    for path in _limit_files():
        try:
            found.append(int(path.read_text(encoding="ascii")))
        except (OSError, ValueError):  # "max", or no such file
            continue
    with suppress(OSError, ValueError, AttributeError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min((size for size in found if 0 < size < _UNLIMITED), default=0)


def _limit_files() -> Iterator[Path]:
    """Where the limits of the control groups around this process stand, in both versions."""
    try:
        lines = _OWN_GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if controllers in ("", "memory"):
            top, name = (
                (_GROUPS / "memory", "memory.limit_in_bytes")
                if controllers
                else (_GROUPS, "memory.max")
            )
            inner = top / place.lstrip("/")
            yield from (
                group / name for group in (inner, *inner.parents) if top in (group, *group.parents)
            )


def predict_bytes(duration_s: float) -> float:
    """Return what features and networks take at their peak for a clip, as measured."""
    return 32 * _MB + 500_000 * duration_s


def draw_bytes(duration_s: float) -> float:
    """Return what the player's pictures and sound take at their peak for a clip, as measured."""
    return 48 * _MB + 220_000 * duration_s


def resident_bytes(pid: int | str = "self") -> int:
    """Return the memory of a process that is in RAM; 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


class MemoryBudget:
    """The memory that work takes for a while.

    Parameters
    ----------
    limit_bytes
        What there is; 0 where it is not known, and nothing is ever refused.
    processes
        Returns the ids of the processes beside this one that count too.
    relieve
        Drops what can be made anew; called before anything is refused.
    used_bytes
        Returns what a process has.
    """

    def __init__(
        self,
        limit_bytes: int,
        processes: Callable[[], Iterable[int]],
        relieve: Callable[[], None],
        used_bytes: Callable[[int | str], int] = resident_bytes,
    ) -> None:
        self.limit_bytes = limit_bytes
        self._processes = processes
        self._relieve = relieve
        self._used_bytes = used_bytes
        self._lock = threading.Lock()
        self._reserved = 0

    @contextmanager
    def take(self, size: float) -> Iterator[None]:
        """Hold so many bytes for the block.

        Raises
        ------
        BusyError
            They are not there, even without what can be made anew.
        """
        with self._lock:
            if not self._fits(size):
                self._relieve()
                if not self._fits(size):
                    raise BusyError(RETRY_S)
            self._reserved += int(size)
        try:
            yield
        finally:
            with self._lock:
                self._reserved -= int(size)

    def _fits(self, size: float) -> bool:
        if not self.limit_bytes:
            return True
        used = self._used_bytes("self") + sum(map(self._used_bytes, self._processes()))
        return used + self._reserved + size <= USABLE_SHARE * self.limit_bytes
