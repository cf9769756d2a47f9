"""A limit on the tasks that run at the same time, with a bounded queue that is fair to addresses.

Free slots go to addresses in turn, so that an address with many tasks delays only itself.
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
from emo.server.settings import read_settings

INITIAL_MEAN_S = 0.5
"""Assumed duration of a task before one was measured."""

MEAN_WEIGHT = 0.2
"""Weight of the latest duration in the running mean."""

MAX_DEFAULT_SLOTS = 4
"""Slots where the operator sets none: one fewer than there are processes that decode."""

SPARE_SLOTS = 1
"""Additional slots for addresses that have no running task."""

RECENT_S = 60.0
"""An address that asked for a slot in this time is one for which others leave a slot free."""

MAX_QUEUE_SHARE = 0.75
"""Share of the queue that one address may take."""


@dataclass(eq=False)
class _Ticket:
    """A task in the queue."""

    address: str
    may_run: bool = False
    is_rejected: bool = False


class ConcurrencyLimiter:
    """Limits the tasks that run at the same time, see ``slot``.

    Parameters
    ----------
    n_slots
        Number of tasks that run at the same time, at least 1.
    queue_size
        Number of tasks that may wait for a slot.
    timeout_s
        Longest wait, in seconds.
    clock
        Returns the time in seconds, for the durations.

    Attributes
    ----------
    n_slots
        Number of tasks that run at the same time.
    n_running, n_waiting
        Number of tasks that hold a slot, and that wait for one.
    """

    def __init__(
        self,
        n_slots: int,
        queue_size: int,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.n_slots = max(1, n_slots)
        self._queue_size = queue_size
        self._timeout_s = timeout_s
        self._clock = clock
        self._changed = threading.Condition()
        self._thread = threading.local()
        self._mean_s = INITIAL_MEAN_S
        self._running: dict[str, int] = {}  # by address
        self._asked_s: dict[str, float] = {}  # by address: when it last asked for a slot
        self._queues: dict[str, deque[_Ticket]] = {}  # by address, the next in turn first
        self.n_running = 0
        self.n_waiting = 0

    @contextmanager
    def slot(self, address: str = "") -> Iterator[None]:
        """Hold a slot for the block.

        A thread that holds a slot keeps it when it asks again, so that tasks may be nested.

        Parameters
        ----------
        address
            Address of the visitor; empty for the server's own tasks, which leave no slot free.

        Raises
        ------
        BusyError
            The queue is full, or the wait took longer than the timeout.
        """
        if getattr(self._thread, "holds_slot", False):
            yield
            return
        self._acquire(address)
        self._thread.holds_slot = True
        started_s = self._clock()
        try:
            yield
        finally:
            self._thread.holds_slot = False
            duration_s = max(0.0, self._clock() - started_s)
            with self._changed:
                self._add_running(address, -1)
                self._mean_s += MEAN_WEIGHT * (duration_s - self._mean_s)
                self._start_next()

    def _acquire(self, address: str) -> None:
        with self._changed:
            self._record_address(address)
            if self._has_slot(address) and address not in self._queues:
                self._add_running(address, 1)
                return
            self._make_queue_room(address)
            ticket = _Ticket(address)
            self._queues.setdefault(address, deque()).append(ticket)
            self.n_waiting += 1
            self._changed.wait_for(lambda: ticket.may_run or ticket.is_rejected, self._timeout_s)
            if not ticket.may_run:
                if not ticket.is_rejected:
                    self._remove(ticket)
                raise BusyError(self.retry_s())

    def _record_address(self, address: str) -> None:
        """Store that an address asks now, and drop those that have not asked recently."""
        now_s = time.monotonic()
        if address:
            self._asked_s[address] = now_s
        for old in [key for key, asked_s in self._asked_s.items() if now_s - asked_s > RECENT_S]:
            del self._asked_s[old]

    def _has_slot(self, address: str) -> bool:
        """Return whether a task of an address may start now."""
        if not address:
            return self.n_running < self.n_slots
        if not self._running.get(address, 0):
            return self.n_running < self.n_slots + SPARE_SLOTS
        is_shared = any(key != address for key in self._asked_s)
        return self.n_running < self.n_slots - is_shared

    def _add_running(self, address: str, count: int) -> None:
        self.n_running += count
        self._running[address] = self._running.get(address, 0) + count
        if self._running[address] <= 0:
            del self._running[address]

    def _make_queue_room(self, address: str) -> None:
        """Make room for one ticket, if need be at the cost of the address with the most tickets."""
        n_own = len(self._queues.get(address, ()))
        others = [queue for key, queue in self._queues.items() if key != address]
        longest = max(others, key=len, default=deque[_Ticket]())
        max_own = math.ceil(MAX_QUEUE_SHARE * self._queue_size) if address else self._queue_size
        if n_own >= max_own:
            raise BusyError(self.retry_s())
        if self.n_waiting >= self._queue_size:
            if len(longest) <= n_own + 1:
                raise BusyError(self.retry_s())
            last = longest[-1]
            last.is_rejected = True
            self._remove(last)
            self._changed.notify_all()

    def _remove(self, ticket: _Ticket) -> None:
        queue = self._queues[ticket.address]
        queue.remove(ticket)
        if not queue:
            del self._queues[ticket.address]
        self.n_waiting -= 1

    def _start_next(self) -> None:
        """Give each free slot to the address that runs the fewest tasks and is next in turn."""
        while True:
            ready = [address for address in self._queues if self._has_slot(address)]
            if not ready:
                break
            address = min(ready, key=lambda key: self._running.get(key, 0))
            ticket = self._queues[address][0]
            self._remove(ticket)
            if address in self._queues:  # move it to the end: its next turn comes after the others
                self._queues[address] = self._queues.pop(address)
            ticket.may_run = True
            self._add_running(address, 1)
        self._changed.notify_all()

    def retry_s(self) -> int:
        """Return the expected time until the present tasks are done: whole seconds, at least 1."""
        n_ahead = self.n_running + self.n_waiting
        return max(1, math.ceil(n_ahead * self._mean_s / self.n_slots))

    @property
    def is_idle(self) -> bool:
        """True if no task runs or waits."""
        with self._changed:
            return self.n_running == 0 and self.n_waiting == 0


@functools.cache
def limiter() -> ConcurrencyLimiter:
    """Return the limiter of this process, made from the settings at the first call."""
    settings = read_settings()
    default = min(os.cpu_count() or 1, MAX_DEFAULT_SLOTS)
    n_slots = int(settings.max_concurrent) or default
    return ConcurrencyLimiter(n_slots, int(settings.queue_size), settings.queue_timeout_s)
