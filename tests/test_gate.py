"""So many at once, so many waiting, and the rest are told when to come back."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from emo.errors import BusyError
from emo.gate import Gate

SOON_S = 20.0


class Inside:
    """Threads that are inside a gate until they are let go."""

    def __init__(self, gate: Gate, n_threads: int) -> None:
        self.go = threading.Event()
        self.entered = threading.Semaphore(0)
        self.pool = ThreadPoolExecutor(n_threads)
        self.futures = [self.pool.submit(self._stay, gate) for _ in range(n_threads)]

    def _stay(self, gate: Gate) -> None:
        with gate.enter():
            self.entered.release()
            assert self.go.wait(SOON_S)

    def end(self) -> None:
        self.go.set()
        self.pool.shutdown()


def until(gate: Gate, running: int, waiting: int) -> None:
    for _ in range(2000):
        if (gate.running, gate.waiting) == (running, waiting):
            return
        threading.Event().wait(0.005)
    raise AssertionError((gate.running, gate.waiting))


def test_no_more_than_stated_run_at_once_and_all_that_wait_come_in():
    gate = Gate(2, 4, SOON_S)
    inside = Inside(gate, 6)
    until(gate, 2, 4)
    assert not gate.is_idle
    inside.end()
    assert [future.result() for future in inside.futures] == [None] * 6
    assert gate.is_idle


def test_who_would_wait_behind_too_many_is_told_when_to_come_back():
    gate = Gate(1, 1, SOON_S)
    inside = Inside(gate, 2)
    until(gate, 1, 1)
    with pytest.raises(BusyError, match="try again in 1 s") as caught, gate.enter():
        raise AssertionError("it was let in")
    assert caught.value.wait_s == 1
    inside.end()


def test_the_time_to_wait_is_what_those_ahead_take():
    times = iter([0.0, 9.5])
    gate = Gate(2, 8, SOON_S, clock=lambda: next(times))
    with gate.enter():
        pass
    # a first guess of 0.5 s, and a fifth of the way to 9.5 s: 2.3 s
    gate.running, gate.waiting = 2, 8
    assert gate.wait_s() == 12  # ten ahead, two at once


def test_patience_ends():
    gate = Gate(1, 1, 0.05)
    inside = Inside(gate, 1)
    until(gate, 1, 0)
    with pytest.raises(BusyError), gate.enter():
        raise AssertionError("it was let in")
    assert (gate.running, gate.waiting) == (1, 0)
    inside.end()


def test_an_error_inside_gives_the_place_back():
    gate = Gate(1, 0, SOON_S)
    with pytest.raises(ZeroDivisionError), gate.enter():
        _ = 1 / 0
    with gate.enter():
        assert gate.running == 1


def test_work_may_call_other_work():
    gate = Gate(1, 0, 0.05)
    with gate.enter(), gate.enter():
        assert gate.running == 1
    assert gate.is_idle
