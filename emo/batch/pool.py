"""Work shared among processes of this machine, any of which may die without stopping the rest.

A decoder may crash on a damaged file, or the system may end a process for want of memory.  What the
process had is then tried again, each recording alone; one that takes a process with it once more is
given up.  ``concurrent.futures`` would drop all that was handed out.
"""

import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from emo.batch.inputs import Source
from emo.batch.rows import Result
from emo.errors import EmoError
from emo.system.spawn import WorkerContext

Work = Callable[[Sequence[Source]], list[Result]]
"""What is to be done with some recordings; of none, whatever has to be done before."""

GiveUp = Callable[[Source, str], Result]
"""The row of a recording that takes its process with it, from the reason."""

LIMIT_S = 120.0
"""For each recording: what takes longer is held to be stuck, and its process is ended."""

_FALSE_STARTS = 3
_LOOK_S, _REST_S = 0.02, 0.5  # between looks, while there is and is not a free process


@dataclass(frozen=True)
class Task:
    """Some recordings for one process; whether they are tried again, each alone."""

    items: Sequence[Source]
    again: bool = False


def run(
    groups: Iterable[Sequence[Source]],
    work: Work,
    jobs: int,
    give_up: GiveUp,
    limit_s: float = LIMIT_S,
) -> Generator[list[Result], None, None]:
    """What the groups gave, in the order in which they are ready; now and then nothing.

    Parameters
    ----------
    groups
        Taken a few ahead, in a thread.
    work
        Must be found by its name in a fresh process.  An ``EmoError`` from it stops the run.
    jobs
        How many processes.
    """
    feeder = _Feeder(groups, jobs)
    crew = _Crew(work, jobs, limit_s)
    again: deque[Task] = deque()
    try:
        while True:
            for worker in crew.free():
                task = again.popleft() if again else feeder.take()
                if task is None:
                    break
                worker.give(task)
            if not again and feeder.ended and not crew.busy():
                return
            found: list[Result] = []
            for task, outcome in crew.outcomes(hurry=not feeder.ended):
                if isinstance(outcome, list):
                    found += outcome
                elif task.again:
                    found.append(give_up(task.items[0], outcome))
                else:
                    again += [Task((item,), again=True) for item in task.items]
            yield found
    finally:
        feeder.stop()
        crew.stop()


class _Feeder:
    """Groups that a thread takes from an iterator, some ahead."""

    def __init__(self, groups: Iterable[Sequence[Source]], ahead: int) -> None:
        self.ended = False
        self._groups = groups
        self._ready: queue.Queue[Task | BaseException | None] = queue.Queue(ahead)
        self._stopped = threading.Event()
        threading.Thread(target=self._fill, daemon=True).start()

    def take(self) -> Task | None:
        """The next task; None where there is none yet, or none any more."""
        try:
            found = None if self.ended else self._ready.get_nowait()
        except queue.Empty:
            return None
        if isinstance(found, BaseException):
            raise found
        self.ended = found is None
        return found

    def stop(self) -> None:
        self._stopped.set()

    def _fill(self) -> None:
        try:
            for group in self._groups:
                self._put(Task(group))
                if self._stopped.is_set():
                    return
            self._put(None)
        except BaseException as error:  # raised again where the groups are asked for
            self._put(error)

    def _put(self, found: Task | BaseException | None) -> None:
        while not self._stopped.is_set():
            with suppress(queue.Full):
                self._ready.put(found, timeout=_REST_S)
                return


class _Worker:
    """A process, the pipe to it, and what it is at; it starts with what comes before all work."""

    def __init__(self, work: Work) -> None:
        context = WorkerContext()
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        self.process.start()
        theirs.close()
        self.task: Task | None = None
        self.ready = False
        self.since_s = time.monotonic()

    def give(self, task: Task) -> None:
        self.task, self.since_s = task, time.monotonic()
        with suppress(OSError):  # it is dead, which is seen when it is asked for the outcome
            self.connection.send(task.items)

    def receive(self) -> Any:
        """What the process sent, or the sentence that says how it ended."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            return _ended(self.process.exitcode or 0)

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def _serve(connection: Connection, work: Work) -> None:
    """Nothing; does what it is sent until the other end is closed, as it is when that dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that handed out the work decides
    items: Sequence[Source] = ()
    while True:
        try:
            outcome: list[Result] | EmoError = work(items)
        except EmoError as error:
            outcome = error
        try:
            connection.send(outcome)
            items = connection.recv()
        except (EOFError, OSError):
            return


def _ended(exit_code: int) -> str:
    how = f"by signal {-exit_code}" if exit_code < 0 else f"with status {exit_code}"
    return f"The process that read this file ended {how}"


class _Crew:
    """The workers; one that ends is replaced."""

    def __init__(self, work: Work, jobs: int, limit_s: float) -> None:
        self._work = work
        self._limit_s = limit_s
        self._false_starts = 0
        self._workers = [_Worker(work) for _ in range(jobs)]

    def free(self) -> list[_Worker]:
        return [w for w in self._workers if w.ready and w.task is None]

    def busy(self) -> bool:
        return any(w.task is not None for w in self._workers)

    def outcomes(self, hurry: bool) -> Iterator[tuple[Task, list[Result] | str]]:
        """What became of tasks, after a short wait: rows, or how the process that had it ended."""
        pause_s = _LOOK_S if hurry and self.free() else _REST_S
        ready = wait([w.connection for w in self._workers], pause_s)
        for worker in list(self._workers):
            task, outcome = worker.task, None
            if worker.connection in ready:
                outcome = worker.receive()
            elif task and time.monotonic() - worker.since_s > self._limit_s * len(task.items):
                outcome = f"No answer came within {self._limit_s * len(task.items):,.0f} s"
            if isinstance(outcome, EmoError):
                raise outcome
            if isinstance(outcome, str):
                self._replace(worker, outcome)
            elif outcome is not None:
                worker.ready, worker.task, self._false_starts = True, None, 0
            if task and outcome is not None:
                yield task, outcome

    def stop(self) -> None:
        for worker in self._workers:
            worker.end()

    def _replace(self, worker: _Worker, how: str) -> None:
        worker.end()
        self._false_starts += not worker.ready
        if self._false_starts >= _FALSE_STARTS:
            raise EmoError(f"{how}, before any was read: the models cannot be loaded here.")
        self._workers[self._workers.index(worker)] = _Worker(self._work)
