"""Run a LiteRT file in any thread, without making an interpreter for each."""

import threading
from collections import deque
from typing import Any

import numpy as np

from emo.audio.activity import Floats

MAX_IDLE = 2
"""Interpreters that are kept for any thread: as many as the threads of a timeline."""


class Runner:
    """Runs a LiteRT file on arrays of any length.

    It can be shared between threads: no two use an interpreter at the same time.  To make one takes
    longer than to run it on a clip, and a page of the app is run in a new thread each time; so the
    last ones that ran on a short array are kept for any thread.  One that ran on a longer array,
    which holds more memory, is kept for its own thread.

    Parameters
    ----------
    content
        Bytes of the file.
    max_shared, max_kept
        Longest arrays after which an interpreter is kept for any thread, and kept at all.
    """

    def __init__(self, content: bytes, max_shared: int, max_kept: int) -> None:
        self._content = content
        self._max_shared, self._max_kept = max_shared, max_kept
        self._shared: deque[Any] = deque(maxlen=MAX_IDLE)  # its methods are safe in threads
        self._local = threading.local()

    def _take(self) -> Any:
        """Return an interpreter that no other thread has."""
        own = vars(self._local).pop("interpreter", None)
        if own is not None:
            return own
        try:
            return self._shared.pop()
        except IndexError:
            from ai_edge_litert.interpreter import Interpreter

            return Interpreter(model_content=self._content, num_threads=1)

    def _give_back(self, interpreter: Any, length: int) -> None:
        if length <= self._max_shared:
            self._shared.append(interpreter)
        elif length <= self._max_kept:
            self._local.interpreter = interpreter

    def details(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return what the runtime says of the input, and of each output."""
        interpreter = self._take()
        of_input, of_outputs = interpreter.get_input_details()[0], interpreter.get_output_details()
        self._give_back(interpreter, 0)
        return of_input, of_outputs

    def run(self, rows: Floats) -> list[np.ndarray]:
        """Return the outputs in the order of the file.

        Parameters
        ----------
        rows : float32, (n, k)
            The input, whose first dimension in the file is that of a batch of one.
        """
        interpreter = self._take()
        of_input = interpreter.get_input_details()[0]
        interpreter.resize_tensor_input(of_input["index"], (1, *rows.shape))
        interpreter.allocate_tensors()  # at no cost where the shape is as before
        interpreter.set_tensor(of_input["index"], rows[None])
        interpreter.invoke()
        of_outputs = interpreter.get_output_details()
        outputs = [np.asarray(interpreter.get_tensor(output["index"])) for output in of_outputs]
        self._give_back(interpreter, len(rows))
        return outputs
