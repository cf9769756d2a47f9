"""The available memory, and the reservations of tasks in it."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from emo.errors import BusyError

USABLE_SHARE = 0.85
"""Share of the memory that may be in use or reserved."""

RETRY_S = 30

_MB = 2**20
DECODE_BYTES = 48 * _MB
"""Peak memory of the server while it receives a decoded recording of the greatest length."""

_OWN_GROUPS, _GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
_UNLIMITED = 2**60  # version 1 writes almost 2**63


def find_limit_bytes() -> int:
    """Return the memory of this machine, or of the container around this process, in bytes.

    0 means that it is unknown.
    """
    limits = []
    for path in _limit_files():
        try:
            limits.append(int(path.read_text(encoding="ascii")))
        except (OSError, ValueError):  # "max", or no such file
            continue
    with suppress(OSError, ValueError, AttributeError):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min((size for size in limits if 0 < size < _UNLIMITED), default=0)


def _limit_files() -> Iterator[Path]:
    """Yield the limit files of the control groups around this process, of versions 1 and 2."""
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
    """Return the peak memory of features and classifiers for a clip, in bytes (measured)."""
    return 48 * _MB + 500_000 * duration_s


def draw_bytes(duration_s: float) -> float:
    """Return the peak memory of the player's images and sound for a clip, in bytes (measured)."""
    return 48 * _MB + 220_000 * duration_s


def resident_bytes(pid: int | str = "self") -> int:
    """Return the resident memory of a process in bytes; 0 where there is no ``/proc``."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


class MemoryBudget:
    """Reserves memory for tasks, and rejects those that do not fit.

    Parameters
    ----------
    limit_bytes
        Memory of the server and its decoders; 0 where it is unknown, and no task is rejected.
    processes
        Returns the ids of the other processes whose memory counts.
    free_caches
        Drops values that can be computed again; called before a task is rejected.
    used_bytes
        Returns the memory of a process, given its id or ``"self"``.
    """

    def __init__(
        self,
        limit_bytes: int,
        processes: Callable[[], Iterable[int]],
        free_caches: Callable[[], None],
        used_bytes: Callable[[int | str], int] = resident_bytes,
    ) -> None:
        self.limit_bytes = limit_bytes
        self._processes = processes
        self._free_caches = free_caches
        self._used_bytes = used_bytes
        self._lock = threading.Lock()
        self._reserved = 0

    @contextmanager
    def reserve(self, size: float) -> Iterator[None]:
        """Reserve a number of bytes for the block.

        Raises
        ------
        BusyError
            They are not available, even after the caches were dropped.
        """
        with self._lock:
            if not self._fits(size):
                self._free_caches()
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
