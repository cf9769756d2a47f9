"""A cache for the values of all sessions, limited by size in all and for each session.

A dropped value is computed again when it is needed: decoded sound takes a hundred times the memory
of its file.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from emo.errors import EmoError

MB = 2**20
MAX_BYTES = 192 * MB
"""Size of the values of all sessions."""

MAX_OWNER_BYTES = 64 * MB
"""Size of the values of one session."""

LARGE_BYTES = 8 * MB
LARGE_S = 20.0
"""Values above ``LARGE_BYTES`` are dropped this many seconds after their last use."""


@dataclass
class _Entry:
    value: Any
    size: int
    session: str
    used_s: float


class Cache:
    """Values by owner, kind and key; the least recently used are dropped first.

    Parameters
    ----------
    max_bytes, max_owner_bytes
        Size of the values of all owners, and of one owner.
    clock
        Returns the time in seconds.
    """

    def __init__(
        self,
        max_bytes: int = MAX_BYTES,
        max_owner_bytes: int = MAX_OWNER_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_bytes = max_bytes
        self._max_owner_bytes = max_owner_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[int, str, Hashable], _Entry] = OrderedDict()
        self._ended: deque[int] = deque()

    def get(self, owner: int, kind: str, key: Hashable) -> Any:
        """Return a value, or None if it is not in the cache."""
        with self._lock:
            self._drop_expired()
            entry = self._entries.get((owner, kind, key))
            if entry is None:
                return None
            entry.used_s = self._clock()
            self._entries.move_to_end((owner, kind, key))
            return entry.value

    def put(
        self, owner: int, kind: str, key: Hashable, value: Any, size: int, session: str = ""
    ) -> None:
        """Store a value, and drop others to make room; a value above the limits is not stored.

        Parameters
        ----------
        size
            Size of the value in bytes.
        session
            Id of the owner's session, for ``size_of``.

        Raises
        ------
        EmoError
            The value is None, which ``get`` returns for a missing value.
        """
        if value is None:
            raise EmoError("None cannot be cached, because it stands for a missing value.")
        with self._lock:
            self._drop_expired()
            self._entries.pop((owner, kind, key), None)
            if size > min(self._max_bytes, self._max_owner_bytes):
                return
            self._entries[owner, kind, key] = _Entry(value, size, session, self._clock())
            self._shrink(self._max_owner_bytes, owner)
            self._shrink(self._max_bytes)

    def drop(self, owner: int, kind: str | None = None, key: Hashable = None) -> None:
        """Drop the values of an owner, of one kind or of all kinds, with one key or with any."""
        with self._lock:
            for entry in list(self._entries):
                if entry[0] == owner and kind in (None, entry[1]) and key in (None, entry[2]):
                    del self._entries[entry]

    def drop_all(self) -> None:
        """Drop all values, as when memory is short."""
        with self._lock:
            self._entries.clear()

    def end(self, owner: int) -> None:
        """Mark an owner's values to be dropped soon.

        It takes no lock, so that it may be called during garbage collection.
        """
        self._ended.append(owner)

    def tidy(self) -> None:
        """Drop the values of owners that have ended, and large values that were not used lately."""
        with self._lock:
            self._drop_expired()

    def size_of(self, session: str) -> int:
        """Return the size in bytes of the values of a session."""
        with self._lock:
            self._drop_expired()
            return sum(entry.size for entry in self._entries.values() if entry.session == session)

    @property
    def size(self) -> int:
        """Size in bytes of all values."""
        with self._lock:
            return sum(entry.size for entry in self._entries.values())

    def _drop_expired(self) -> None:
        ended = {self._ended.popleft() for _ in range(len(self._ended))}
        min_used_s = self._clock() - LARGE_S
        for key, entry in list(self._entries.items()):
            is_stale = entry.size > LARGE_BYTES and entry.used_s < min_used_s
            if is_stale or key[0] in ended:
                del self._entries[key]

    def _shrink(self, max_bytes: int, owner: int | None = None) -> None:
        keys = [key for key in self._entries if owner in (None, key[0])]
        size = sum(self._entries[key].size for key in keys)
        for key in keys:  # the least recently used first
            if size <= max_bytes:
                return
            size -= self._entries.pop(key).size
