"""A gate: so many analyses run at once, so many wait, and the rest are told when to come back.

Addresses take turns, so that whoever asks for much waits behind themselves, and not others behind
them.
"""

import functools
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from emo.errors import BusyError
from emo.server import quotas

FIRST_GUESS_S = 0.5
"""How long an analysis is taken to run before one has been timed."""

WEIGHT = 0.2
"""Of the latest time in the running mean."""

USUAL_MAX = 4
"""Analyses at once where nothing else is set: one fewer than there are processes that decode."""

SPARE = 1
"""Analyses that run on top of the others, of addresses that have none running."""

SHARED_S = 60.0
"""How long after its last turn an address counts as one that others leave a place for."""

SHARE = 0.75
"""Part of the places to wait that one address may take."""


@dataclass(eq=False)
class _Ticket:
    """Somebody who waits."""

    address: str
    may_run: bool = False
    is_refused: bool = False


class ConcurrencyLimiter:
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
        self._running: dict[str, int] = {}  # by address
        self._seen_s: dict[str, float] = {}  # by address: its last turn
        self._queues: dict[str, deque[_Ticket]] = {}  # by address, whose turn is next comes first
        self.running = 0
        self.waiting = 0

    @contextmanager
    def enter(self, address: str = "") -> Iterator[None]:
        """Hold a turn for the block.

        Parameters
        ----------
        address
            Who asks; addresses take turns.

        Raises
        ------
        BusyError
            Too many wait, or it took too long.
        """
        if getattr(self._inside, "depth", 0):
            yield
            return
        self._wait(address)
        self._inside.depth = 1
        started_s = self._clock()
        try:
            yield
        finally:
            self._inside.depth = 0
            took_s = max(0.0, self._clock() - started_s)
            with self._changed:
                self._count(address, -1)
                self._mean_s += WEIGHT * (took_s - self._mean_s)
                self._call_next()

    def _wait(self, address: str) -> None:
        with self._changed:
            self._note(address)
            if self._has_place(address) and address not in self._queues:
                self._count(address, 1)
                return
            self._make_place(address)
            ticket = _Ticket(address)
            self._queues.setdefault(address, deque()).append(ticket)
            self.waiting += 1
            self._changed.wait_for(lambda: ticket.may_run or ticket.is_refused, self._patience_s)
            if not ticket.may_run:
                if not ticket.is_refused:
                    self._leave(ticket)
                raise BusyError(self.wait_s())

    def _note(self, address: str) -> None:
        """Note that an address asks; those that have not for a while are forgotten."""
        now_s = time.monotonic()
        if address:
            self._seen_s[address] = now_s
        for one in [one for one, seen_s in self._seen_s.items() if now_s - seen_s > SHARED_S]:
            del self._seen_s[one]

    def _has_place(self, address: str) -> bool:
        """Return whether an address may run one more: it leaves a place where there are others."""
        own = self._running.get(address, 0)
        if not address:  # nobody's
            return self.running < self._at_once
        if not own:
            return self.running < self._at_once + SPARE
        is_shared = any(one != address for one in self._seen_s)
        return self.running < self._at_once - is_shared

    def _count(self, address: str, by: int) -> None:
        self.running += by
        self._running[address] = self._running.get(address, 0) + by
        if self._running[address] <= 0:
            del self._running[address]

    def _make_place(self, address: str) -> None:
        """Make a place to wait; the last of whoever has most of them may lose theirs for it."""
        own = len(self._queues.get(address, ()))
        others = [queue for key, queue in self._queues.items() if key != address]
        longest = max(others, key=len, default=deque[_Ticket]())
        most_own = self._most_waiting if not address else math.ceil(SHARE * self._most_waiting)
        if own >= most_own:
            raise BusyError(self.wait_s())
        if self.waiting >= self._most_waiting:
            if len(longest) <= own + 1:
                raise BusyError(self.wait_s())
            last = longest[-1]
            last.is_refused = True
            self._leave(last)
            self._changed.notify_all()

    def _leave(self, ticket: _Ticket) -> None:
        queue = self._queues[ticket.address]
        queue.remove(ticket)
        if not queue:
            del self._queues[ticket.address]
        self.waiting -= 1

    def _call_next(self) -> None:
        """Give every free place to the address with the fewest inside that has waited longest."""
        while True:
            able = [address for address in self._queues if self._has_place(address)]
            if not able:
                break
            address = min(able, key=lambda one: self._running.get(one, 0))
            ticket = self._queues[address][0]
            self._leave(ticket)
            if address in self._queues:  # its next turn comes after those of the others
                self._queues[address] = self._queues.pop(address)
            ticket.may_run = True
            self._count(address, 1)
        self._changed.notify_all()

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
def limiter() -> ConcurrencyLimiter:
    """The one gate of this process, as the environment sets it."""
    limits = quotas.read_limits()
    usual = min(os.cpu_count() or 1, USUAL_MAX)
    at_once = int(limits.at_once) or usual
    return ConcurrencyLimiter(at_once, int(limits.waiting), limits.patience_s)
