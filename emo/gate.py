"""A gate: so many analyses run at once, so many wait, and the rest are told when to come back."""

import functools
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from emo import quota
from emo.errors import BusyError

FIRST_GUESS_S = 0.5
"""How long an analysis is taken to run before one has been timed."""

WEIGHT = 0.2
"""Of the latest time in the running mean."""


class Gate:
    """A bounded place for what takes a core: `enter` it for the time of the work.

    Who is inside already may enter again; so work may call other work.

    Parameters
    ----------
    at_once, waiting
        How many may be inside, and how many may wait for that.
    patience_s
        How long one waits at the most, in seconds.
    """

    def __init__(
        self,
        at_once: int,
        waiting: int,
        patience_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._at_once = max(1, at_once)
        self._most_waiting = waiting
        self._patience_s = patience_s
        self._clock = clock
        self._changed = threading.Condition()
        self._inside = threading.local()
        self._mean_s = FIRST_GUESS_S
        self.running = 0
        self.waiting = 0

    @contextmanager
    def enter(self) -> Iterator[None]:
        """A turn, held until the block ends.

        Raises
        ------
        BusyError
            Too many wait, or it took too long.
        """
        if getattr(self._inside, "depth", 0):
            yield
            return
        self._wait()
        self._inside.depth = 1
        started_s = self._clock()
        try:
            yield
        finally:
            self._inside.depth = 0
            took_s = max(0.0, self._clock() - started_s)
            with self._changed:
                self.running -= 1
                self._mean_s += WEIGHT * (took_s - self._mean_s)
                self._changed.notify_all()

    def _wait(self) -> None:
        with self._changed:
            if self.running >= self._at_once and self.waiting >= self._most_waiting:
                raise BusyError(self.wait_s())
            self.waiting += 1
            try:
                is_free = self._changed.wait_for(
                    lambda: self.running < self._at_once, self._patience_s
                )
                if not is_free:
                    raise BusyError(self.wait_s())
                self.running += 1
            finally:
                self.waiting -= 1

    def wait_s(self) -> int:
        """Whole seconds after which those who are here now will probably be done; at least 1."""
        ahead = self.running + self.waiting
        return max(1, math.ceil(ahead * self._mean_s / self._at_once))

    @property
    def is_idle(self) -> bool:
        """Whether nobody runs or waits."""
        with self._changed:
            return self.running == 0 and self.waiting == 0


@functools.cache
def gate() -> Gate:
    """The one gate of this process, as the environment sets it."""
    limits = quota.read_limits()
    at_once = int(limits.at_once) or os.cpu_count() or 1
    return Gate(at_once, int(limits.waiting), limits.patience_s)
