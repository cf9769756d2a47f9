"""The limiter of concurrent tasks: slots, queue, timeout, and turns by address."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from emo.errors import BusyError
from emo.server.concurrency import ConcurrencyLimiter

SOON_S = 20.0


class SlotHolders:
    """Threads that hold or wait for a slot until ``end`` is called."""

    def __init__(self, limiter: ConcurrencyLimiter, n_threads: int) -> None:
        self.go = threading.Event()
        self.entered = threading.Semaphore(0)
        self.pool = ThreadPoolExecutor(n_threads)
        self.futures = [self.pool.submit(self._stay, limiter) for _ in range(n_threads)]

    def _stay(self, limiter: ConcurrencyLimiter) -> None:
        with limiter.slot():
            self.entered.release()
            assert self.go.wait(SOON_S)

    def end(self) -> None:
        self.go.set()
        self.pool.shutdown()


def until(limiter: ConcurrencyLimiter, running: int, waiting: int) -> None:
    for _ in range(2000):
        if (limiter.n_running, limiter.n_waiting) == (running, waiting):
            return
        threading.Event().wait(0.005)
    raise AssertionError((limiter.n_running, limiter.n_waiting))


def test_slots_are_limited_and_waiting_tasks_follow():
    limiter = ConcurrencyLimiter(2, 4, SOON_S)
    holders = SlotHolders(limiter, 6)
    until(limiter, 2, 4)
    assert not limiter.is_idle
    holders.end()
    assert [future.result() for future in holders.futures] == [None] * 6
    assert limiter.is_idle


def test_a_full_queue_rejects_with_the_time_to_retry():
    limiter = ConcurrencyLimiter(1, 1, SOON_S)
    holders = SlotHolders(limiter, 2)
    until(limiter, 1, 1)
    with pytest.raises(BusyError, match="try again in 1 s") as caught, limiter.slot():
        raise AssertionError("it got a slot")
    assert caught.value.wait_s == 1
    holders.end()


def test_retry_s_follows_from_the_mean_duration():
    times = iter([0.0, 9.5])
    limiter = ConcurrencyLimiter(2, 8, SOON_S, clock=lambda: next(times))
    with limiter.slot():
        pass
    # the mean moves from 0.5 s by a fifth of the way to 9.5 s: 2.3 s
    limiter.n_running, limiter.n_waiting = 2, 8
    assert limiter.retry_s() == 12  # ten tasks ahead, two at the same time


def test_waiting_ends_at_the_timeout():
    limiter = ConcurrencyLimiter(1, 1, 0.05)
    holders = SlotHolders(limiter, 1)
    until(limiter, 1, 0)
    with pytest.raises(BusyError), limiter.slot():
        raise AssertionError("it got a slot")
    assert (limiter.n_running, limiter.n_waiting) == (1, 0)
    holders.end()


def test_an_error_frees_the_slot():
    limiter = ConcurrencyLimiter(1, 0, SOON_S)
    with pytest.raises(ZeroDivisionError), limiter.slot():
        _ = 1 / 0
    with limiter.slot():
        assert limiter.n_running == 1


def test_slots_may_be_nested():
    limiter = ConcurrencyLimiter(1, 0, 0.05)
    with limiter.slot(), limiter.slot():
        assert limiter.n_running == 1
    assert limiter.is_idle


# --- Turns by address ----------------------------------------------------------------------------


class Task:
    """A task of an address, in a thread, that holds its slot until ``end`` is called."""

    def __init__(self, limiter: ConcurrencyLimiter, address: str) -> None:
        self.started_s = 0.0
        self.address = address
        self.go = threading.Event()
        self.has_slot = threading.Event()
        self.error: BusyError | None = None
        self.thread = threading.Thread(target=self._run, args=(limiter,), daemon=True)
        self.thread.start()

    def _run(self, limiter: ConcurrencyLimiter) -> None:
        try:
            with limiter.slot(self.address):
                self.started_s = time.monotonic()
                self.has_slot.set()
                assert self.go.wait(SOON_S)
        except BusyError as error:
            self.error = error

    def end(self) -> None:
        self.go.set()
        self.thread.join(SOON_S)


def begin(limiter: ConcurrencyLimiter, *addresses: str) -> list[Task]:
    """Start a task of each address; each runs or waits before the next starts."""
    tasks: list[Task] = []
    for address in addresses:
        n_before = len(limiter._queues.get(address, ()))
        tasks.append(Task(limiter, address))
        for _ in range(2000):
            waits = len(limiter._queues.get(address, ())) > n_before
            if waits or tasks[-1].has_slot.is_set() or not tasks[-1].thread.is_alive():
                break
            threading.Event().wait(0.002)
    return tasks


def end(tasks: list[Task]) -> None:
    for task in tasks:
        task.go.set()
    for task in tasks:
        task.thread.join(SOON_S)


def test_an_address_without_tasks_gets_the_spare_slot():
    limiter = ConcurrencyLimiter(2, 32, SOON_S)
    tasks = begin(limiter, *["a"] * 20)
    assert [task.has_slot.is_set() for task in tasks[:3]] == [True, True, False]
    (visitor,) = begin(limiter, "b")
    assert visitor.has_slot.wait(1.0)
    end([*tasks, visitor])
    assert limiter.is_idle
    assert not [task for task in tasks if task.error]


def test_an_address_leaves_a_slot_free_for_others():
    limiter = ConcurrencyLimiter(2, 32, SOON_S)
    end(begin(limiter, "b"))
    tasks = begin(limiter, "a", "a", "a")
    assert [task.has_slot.is_set() for task in tasks] == [True, False, False]
    (visitor,) = begin(limiter, "b")
    assert visitor.has_slot.wait(1.0)
    end([*tasks, visitor])
    assert limiter.is_idle


def test_addresses_take_turns():
    limiter = ConcurrencyLimiter(1, 32, SOON_S)
    (first,) = begin(limiter, "z")
    (spare,) = begin(limiter, "y")  # both slots are taken
    tasks = begin(limiter, "a", "a", "a", "b", "b", "c")
    end([first])
    spare.end()
    left = list(tasks)
    while left:
        inside = next(task for _ in range(4000) for task in left if task.has_slot.wait(0.001))
        inside.end()
        left.remove(inside)
    order = [task.address for task in sorted(tasks, key=lambda task: task.started_s)]
    assert sorted(order[:3]) == ["a", "b", "c"]
    assert sorted(order[3:5]) == ["a", "b"]


def test_a_full_queue_drops_tickets_of_the_busiest_address():
    limiter = ConcurrencyLimiter(1, 8, SOON_S)
    inside = begin(limiter, "a", "y")
    crowd = begin(limiter, *["a"] * 8)
    assert [task.error is not None for task in crowd] == [False] * 6 + [True] * 2
    others = begin(limiter, "b", "c", "d", "e")
    crowd[-3].thread.join(SOON_S)
    crowd[-4].thread.join(SOON_S)
    assert [task.error is not None for task in crowd] == [False] * 4 + [True] * 4
    assert not [task for task in others if task.error]
    end([*inside, *crowd, *others])
    assert limiter.is_idle


def test_tasks_without_an_address_get_no_spare_slot():
    limiter = ConcurrencyLimiter(1, 0, SOON_S)
    tasks = begin(limiter, "")
    with pytest.raises(BusyError), limiter.slot(""):
        raise AssertionError("it got a slot")
    end(tasks)
