"""Values that sessions may ask for again, within a number of bytes for all of them together.

What is dropped is made anew when it is asked for: decoded sound takes a hundred times the memory of
the file it came from.
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
"""Of all sessions together."""

MAX_OWNER_BYTES = 64 * MB
"""Of one session."""

LARGE_BYTES = 8 * MB
LARGE_S = 20.0
"""A value above ``LARGE_BYTES`` is dropped so many seconds after its last use."""


@dataclass
class _Entry:
    value: Any
    size: int
    session: str
    used_s: float


class Cache:
    """Values by owner, kind and key; the least recently used go first.

    Parameters
    ----------
    max_bytes, max_owner_bytes
        What all owners together and one owner may keep.
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
        """Return a value, or None where it is not kept."""
        with self._lock:
            self._tidy()
            entry = self._entries.get((owner, kind, key))
            if entry is None:
                return None
            entry.used_s = self._clock()
            self._entries.move_to_end((owner, kind, key))
            return entry.value

    def put(
        self, owner: int, kind: str, key: Hashable, value: Any, size: int, session: str = ""
    ) -> None:
        """Keep a value of so many bytes, and drop others for it; one too large is not kept.

        Parameters
        ----------
        session
            What :meth:`size_of` knows the owner by.
        """
        if value is None:
            raise EmoError("None cannot be kept: it says that nothing is.")
        with self._lock:
            self._tidy()
            self._entries.pop((owner, kind, key), None)
            if size > min(self._max_bytes, self._max_owner_bytes):
                return
            self._entries[owner, kind, key] = _Entry(value, size, session, self._clock())
            self._shrink(self._max_owner_bytes, owner)
            self._shrink(self._max_bytes)

    def drop(self, owner: int, kind: str | None = None) -> None:
        """Drop what an owner has, of one kind or of all."""
        with self._lock:
            for place in [p for p in self._entries if p[0] == owner and kind in (None, p[1])]:
                del self._entries[place]

    def drop_all(self) -> None:
        """Drop everything, as where memory is short."""
        with self._lock:
            self._entries.clear()

    def end(self, owner: int) -> None:
        """Have an owner's values dropped soon; safe where garbage is being collected."""
        self._ended.append(owner)

    def tidy(self) -> None:
        """Drop what is of owners that have ended, and what is large and was not used lately."""
        with self._lock:
            self._tidy()

    def size_of(self, session: str) -> int:
        """Return the bytes that are kept for a session."""
        with self._lock:
            self._tidy()
            return sum(one.size for one in self._entries.values() if one.session == session)

    @property
    def size(self) -> int:
        """Bytes that are kept for all."""
        with self._lock:
            return sum(entry.size for entry in self._entries.values())

    def _tidy(self) -> None:
        ended = {self._ended.popleft() for _ in range(len(self._ended))}
        before_s = self._clock() - LARGE_S
        for place, entry in list(self._entries.items()):
            is_stale = entry.size > LARGE_BYTES and entry.used_s < before_s
            if is_stale or place[0] in ended:
                del self._entries[place]

    def _shrink(self, max_bytes: int, owner: int | None = None) -> None:
        own = [place for place in self._entries if owner in (None, place[0])]
        size = sum(self._entries[place].size for place in own)
        for place in own:  # the least recently used first
            if size <= max_bytes:
                return
            size -= self._entries.pop(place).size
