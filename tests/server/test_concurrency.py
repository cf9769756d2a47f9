"""So many at once, so many waiting, and the rest are told when to come back."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from emo.errors import BusyError
from emo.server.concurrency import ConcurrencyLimiter

SOON_S = 20.0


class Inside:
    """Threads that are inside a limiter until they are let go."""

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


def test_no_more_than_stated_run_at_once_and_all_that_wait_come_in():
    limiter = ConcurrencyLimiter(2, 4, SOON_S)
    inside = Inside(limiter, 6)
    until(limiter, 2, 4)
    assert not limiter.is_idle
    inside.end()
    assert [future.result() for future in inside.futures] == [None] * 6
    assert limiter.is_idle


def test_who_would_wait_behind_too_many_is_told_when_to_come_back():
    limiter = ConcurrencyLimiter(1, 1, SOON_S)
    inside = Inside(limiter, 2)
    until(limiter, 1, 1)
    with pytest.raises(BusyError, match="try again in 1 s") as caught, limiter.slot():
        raise AssertionError("it was let in")
    assert caught.value.wait_s == 1
    inside.end()


def test_the_time_to_wait_is_what_those_ahead_take():
    times = iter([0.0, 9.5])
    limiter = ConcurrencyLimiter(2, 8, SOON_S, clock=lambda: next(times))
    with limiter.slot():
        pass
    # a first guess of 0.5 s, and a fifth of the way to 9.5 s: 2.3 s
    limiter.n_running, limiter.n_waiting = 2, 8
    assert limiter.retry_s() == 12  # ten ahead, two at once


def test_patience_ends():
    limiter = ConcurrencyLimiter(1, 1, 0.05)
    inside = Inside(limiter, 1)
    until(limiter, 1, 0)
    with pytest.raises(BusyError), limiter.slot():
        raise AssertionError("it was let in")
    assert (limiter.n_running, limiter.n_waiting) == (1, 0)
    inside.end()


def test_an_error_inside_gives_the_place_back():
    limiter = ConcurrencyLimiter(1, 0, SOON_S)
    with pytest.raises(ZeroDivisionError), limiter.slot():
        _ = 1 / 0
    with limiter.slot():
        assert limiter.n_running == 1


def test_work_may_call_other_work():
    limiter = ConcurrencyLimiter(1, 0, 0.05)
    with limiter.slot(), limiter.slot():
        assert limiter.n_running == 1
    assert limiter.is_idle


# --- Turns by address ----------------------------------------------------------------------------


class Work:
    """A piece of work of an address, in a thread, that lasts until it is let go."""

    def __init__(self, limiter: ConcurrencyLimiter, address: str) -> None:
        self.entered_s = 0.0
        self.address = address
        self.go = threading.Event()
        self.is_inside = threading.Event()
        self.error: BusyError | None = None
        self.thread = threading.Thread(target=self._run, args=(limiter,), daemon=True)
        self.thread.start()

    def _run(self, limiter: ConcurrencyLimiter) -> None:
        try:
            with limiter.slot(self.address):
                self.entered_s = time.monotonic()
                self.is_inside.set()
                assert self.go.wait(SOON_S)
        except BusyError as error:
            self.error = error

    def end(self) -> None:
        self.go.set()
        self.thread.join(SOON_S)


def begin(limiter: ConcurrencyLimiter, *addresses: str) -> list[Work]:
    """Work of each, one after the other, each inside or in the row before the next comes."""
    found = []
    for address in addresses:
        n_before = len(limiter._queues.get(address, ()))
        found.append(Work(limiter, address))
        for _ in range(2000):
            waits = len(limiter._queues.get(address, ())) > n_before
            if waits or found[-1].is_inside.is_set() or not found[-1].thread.is_alive():
                break
            threading.Event().wait(0.002)
    return found


def end(work: list[Work]) -> None:
    for one in work:
        one.go.set()
    for one in work:
        one.thread.join(SOON_S)


def test_who_has_nothing_inside_is_let_in_beside_an_address_that_has_all_places():
    limiter = ConcurrencyLimiter(2, 32, SOON_S)
    work = begin(limiter, *["a"] * 20)
    assert [one.is_inside.is_set() for one in work[:3]] == [True, True, False]
    (visitor,) = begin(limiter, "b")
    assert visitor.is_inside.wait(1.0)
    end([*work, visitor])
    assert limiter.is_idle
    assert not [one for one in work if one.error]


def test_an_address_leaves_a_place_once_there_are_others():
    limiter = ConcurrencyLimiter(2, 32, SOON_S)
    end(begin(limiter, "b"))
    work = begin(limiter, "a", "a", "a")
    assert [one.is_inside.is_set() for one in work] == [True, False, False]
    (visitor,) = begin(limiter, "b")
    assert visitor.is_inside.wait(1.0)
    end([*work, visitor])
    assert limiter.is_idle


def test_addresses_take_turns_whatever_was_asked_first():
    limiter = ConcurrencyLimiter(1, 32, SOON_S)
    (first,) = begin(limiter, "z")
    (spare,) = begin(limiter, "y")  # both places are taken
    work = begin(limiter, "a", "a", "a", "b", "b", "c")
    end([first])
    spare.end()
    left = list(work)
    while left:
        inside = next(one for _ in range(4000) for one in left if one.is_inside.wait(0.001))
        inside.end()
        left.remove(inside)
    order = [one.address for one in sorted(work, key=lambda one: one.entered_s)]
    assert sorted(order[:3]) == ["a", "b", "c"]
    assert sorted(order[3:5]) == ["a", "b"]


def test_who_fills_the_row_makes_room_for_those_who_wait_less():
    limiter = ConcurrencyLimiter(1, 8, SOON_S)
    inside = begin(limiter, "a", "y")
    crowd = begin(limiter, *["a"] * 8)
    assert [one.error is not None for one in crowd] == [False] * 6 + [True] * 2
    others = begin(limiter, "b", "c", "d", "e")
    crowd[-3].thread.join(SOON_S)
    crowd[-4].thread.join(SOON_S)
    assert [one.error is not None for one in crowd] == [False] * 4 + [True] * 4
    assert not [one for one in others if one.error]
    end([*inside, *crowd, *others])
    assert limiter.is_idle


def test_work_of_nobody_has_no_place_of_its_own():
    limiter = ConcurrencyLimiter(1, 0, SOON_S)
    work = begin(limiter, "")
    with pytest.raises(BusyError), limiter.slot(""):
        raise AssertionError("it was let in")
    end(work)
