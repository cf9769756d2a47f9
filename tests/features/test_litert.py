"""Test when an interpreter is kept, and for which threads."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from emo.features.litert import MAX_IDLE, Runner
from emo.inference.timeline import THREADS

MAX_SHARED, MAX_KEPT = 10, 100


class FakeInterpreter:
    """Doubles its input, and counts itself."""

    made: list["FakeInterpreter"]
    wait: Any = staticmethod(lambda: None)

    def __init__(self, model_content: bytes, num_threads: int) -> None:
        assert (model_content, num_threads) == (b"file", 1)
        self.made.append(self)
        self.is_running = False

    def get_input_details(self) -> list[dict[str, Any]]:
        return [{"index": 3, "shape": [1, 1, 2]}]

    def get_output_details(self) -> list[dict[str, Any]]:
        return [{"index": 7, "shape": [1, 2]}]

    def resize_tensor_input(self, index: int, shape: tuple[int, ...]) -> None:
        assert index == 3
        self.shape = shape

    def allocate_tensors(self) -> None: ...

    def set_tensor(self, index: int, values: np.ndarray) -> None:
        assert index == 3
        assert values.shape == self.shape
        self.values = values

    def invoke(self) -> None:
        assert not self.is_running
        self.is_running = True
        self.wait()
        if np.isnan(self.values).any():
            raise RuntimeError("no numbers")
        self.is_running = False

    def get_tensor(self, index: int) -> np.ndarray:
        assert index == 7
        return 2 * self.values


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.setattr(FakeInterpreter, "made", [], raising=False)
    monkeypatch.setattr("ai_edge_litert.interpreter.Interpreter", FakeInterpreter)
    return Runner(b"file", MAX_SHARED, MAX_KEPT)


def run_in_a_new_thread(runner: Runner, length: int) -> None:
    rows = np.full((length, 2), length, np.float32)
    with ThreadPoolExecutor(1) as pool:
        (output,) = pool.submit(runner.run, rows).result()
    np.testing.assert_array_equal(output, 2 * rows[None])


def test_one_interpreter_serves_threads_that_come_one_after_another(runner: Runner) -> None:
    runner.details()
    for length in (1, MAX_SHARED, 3):
        run_in_a_new_thread(runner, length)
    assert len(FakeInterpreter.made) == 1


def test_threads_at_the_same_time_have_an_interpreter_each(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeInterpreter, "wait", staticmethod(threading.Barrier(3).wait))
    with ThreadPoolExecutor(3) as pool:
        arrays = [np.full((5, 2), i, np.float32) for i in range(3)]
        outputs = list(pool.map(runner.run, arrays))
    assert [float(output[0, 0, 0]) for (output,) in outputs] == [0.0, 2.0, 4.0]
    assert len(FakeInterpreter.made) == 3


def test_two_threads_at_once_use_the_same_two_interpreters_again(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert THREADS <= MAX_IDLE
    monkeypatch.setattr(FakeInterpreter, "wait", staticmethod(threading.Barrier(2).wait))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(runner.run, [np.zeros((5, 2), np.float32)] * 20))
    assert len(FakeInterpreter.made) == 2


def test_interpreter_of_a_long_array_is_kept_for_its_thread_alone(runner: Runner) -> None:
    for _ in range(3):
        runner.run(np.zeros((MAX_SHARED + 1, 2), np.float32))
    assert len(FakeInterpreter.made) == 1
    run_in_a_new_thread(runner, MAX_SHARED + 1)
    assert len(FakeInterpreter.made) == 2


def test_interpreter_of_a_very_long_array_is_not_kept(runner: Runner) -> None:
    for _ in range(3):
        runner.run(np.zeros((MAX_KEPT + 1, 2), np.float32))
    assert len(FakeInterpreter.made) == 3


def test_interpreter_that_failed_is_not_used_again(runner: Runner) -> None:
    with pytest.raises(RuntimeError, match="no numbers"):
        runner.run(np.full((2, 2), np.nan, np.float32))
    run_in_a_new_thread(runner, 2)
    assert len(FakeInterpreter.made) == 2
