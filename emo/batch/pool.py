"""Run a batch in worker processes of this machine; a worker that dies does not stop the others.

A decoder may crash on a damaged file, or the system may kill a process that needs too much memory.
The recordings of that process are then tried again, each alone; one that ends a process a second
time gets a row that says so.  ``concurrent.futures`` would lose all work handed out.
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

from emo.batch.rows import Result
from emo.batch.sources import Source
from emo.errors import EmoError
from emo.system.spawn import WorkerContext

Work = Callable[[Sequence[Source]], list[Result]]
"""Function that answers recordings; called with none, it loads what it needs."""

CrashResult = Callable[[Source, str], Result]
"""Function of a recording that ends its process, and of the reason, which returns its row."""

TIMEOUT_S = 120.0
"""Seconds for each recording of a group; after them its process is ended as stuck."""

_MAX_FAILED_STARTS = 3
_BUSY_POLL_S, _POLL_S = 0.02, 0.5  # with a free process, and without one


@dataclass(frozen=True)
class Task:
    """Recordings for one process.

    Attributes
    ----------
    sources : sequence of Source
        Recordings, in the order of their rows.
    is_retry : bool
        Whether this is the second attempt, at one recording alone.
    """

    sources: Sequence[Source]
    is_retry: bool = False

    def split(self) -> "list[Task]":
        """Return a second attempt for each recording."""
        return [Task((source,), is_retry=True) for source in self.sources]


def run(
    groups: Iterable[Sequence[Source]],
    work: Work,
    jobs: int,
    crash_result: CrashResult,
    timeout_s: float = TIMEOUT_S,
) -> Generator[list[Result], None, None]:
    """Yield the rows of groups in the order in which they are ready; sometimes an empty list.

    Parameters
    ----------
    groups
        Recordings; a thread reads a few groups ahead.
    work
        Function that a new process can import by its name.  An ``EmoError`` from it stops the run.
    jobs
        Number of processes.
    crash_result
        Row of a recording that ended two processes.
    timeout_s
        Seconds for each recording of a group.
    """
    feeder = _Feeder(groups, jobs)
    pool = _Pool(work, jobs, timeout_s)
    retries: deque[Task] = deque()
    try:
        while True:
            for worker in pool.free():
                task = retries.popleft() if retries else feeder.take()
                if task is None:
                    break
                worker.start(task)
            if not retries and feeder.ended and not pool.busy():
                return
            results: list[Result] = []
            for task, outcome in pool.outcomes(has_more=not feeder.ended):
                if isinstance(outcome, list):
                    results += outcome
                elif task.is_retry:
                    results.append(crash_result(task.sources[0], outcome))
                else:
                    retries += task.split()
            yield results
    finally:
        feeder.stop()
        pool.stop()


class _Feeder:
    """Thread that reads groups ahead from an iterator."""

    def __init__(self, groups: Iterable[Sequence[Source]], ahead: int) -> None:
        self.ended = False
        self._groups = groups
        self._ready: queue.Queue[Task | BaseException | None] = queue.Queue(ahead)
        self._stopped = threading.Event()
        threading.Thread(target=self._fill, daemon=True).start()

    def take(self) -> Task | None:
        """Return the next task; None where none is ready, or none is left."""
        try:
            task = None if self.ended else self._ready.get_nowait()
        except queue.Empty:
            return None
        if isinstance(task, BaseException):
            raise task
        self.ended = task is None
        return task

    def stop(self) -> None:
        self._stopped.set()

    def _fill(self) -> None:
        try:
            for group in self._groups:
                self._put(Task(group))
                if self._stopped.is_set():
                    return
            self._put(None)
        except BaseException as error:  # raised by ``take``
            self._put(error)

    def _put(self, task: Task | BaseException | None) -> None:
        while not self._stopped.is_set():
            with suppress(queue.Full):
                self._ready.put(task, timeout=_POLL_S)
                return


class _Worker:
    """A process, the pipe to it, and its task; it loads what it needs before the first one."""

    def __init__(self, work: Work) -> None:
        context = WorkerContext()
        self.connection, remote = context.Pipe()
        self.process = context.Process(target=_serve, args=(remote, work), daemon=True)
        self.process.start()
        remote.close()
        self.task: Task | None = None
        self.ready = False
        self.started_s = time.monotonic()

    def start(self, task: Task) -> None:
        """Send a task to the process."""
        self.task, self.started_s = task, time.monotonic()
        with suppress(OSError):  # the process is dead: ``receive`` finds that out
            self.connection.send(task.sources)

    def receive(self) -> Any:
        """Return what the process sent, or the sentence that says how it ended."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            return _describe_exit(self.process.exitcode or 0)

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def _serve(connection: Connection, work: Work) -> None:
    """Answer the recordings that come through a pipe, until its other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process ends its workers
    sources: Sequence[Source] = ()
    while True:
        try:
            outcome: list[Result] | EmoError = work(sources)
        except EmoError as error:
            outcome = error
        try:
            connection.send(outcome)
            sources = connection.recv()
        except (EOFError, OSError):
            return


def _describe_exit(exit_code: int) -> str:
    how = f"by signal {-exit_code}" if exit_code < 0 else f"with status {exit_code}"
    return f"The process that read this file ended {how}"


class _Pool:
    """The workers; one that ends is replaced."""

    def __init__(self, work: Work, jobs: int, timeout_s: float) -> None:
        self._work = work
        self._timeout_s = timeout_s
        self._failed_starts = 0
        self._workers = [_Worker(work) for _ in range(jobs)]

    def free(self) -> list[_Worker]:
        return [w for w in self._workers if w.ready and w.task is None]

    def busy(self) -> bool:
        return any(w.task is not None for w in self._workers)

    def outcomes(self, has_more: bool) -> Iterator[tuple[Task, list[Result] | str]]:
        """Yield tasks that ended, after a short wait, each with its rows or why its process ended.

        Parameters
        ----------
        has_more
            Whether more groups may come, so that a free worker must not wait long.
        """
        timeout_s = _BUSY_POLL_S if has_more and self.free() else _POLL_S
        ready = wait([w.connection for w in self._workers], timeout_s)
        for worker in list(self._workers):
            task, outcome = worker.task, None
            timeout_s = self._timeout_s * len(task.sources) if task else 0.0
            if worker.connection in ready:
                outcome = worker.receive()
            elif task and time.monotonic() - worker.started_s > timeout_s:
                outcome = f"No answer came within {timeout_s:,.0f} s"
            if isinstance(outcome, EmoError):
                raise outcome
            if isinstance(outcome, str):
                self._replace(worker, outcome)
            elif outcome is not None:
                worker.ready, worker.task, self._failed_starts = True, None, 0
            if task and outcome is not None:
                yield task, outcome

    def stop(self) -> None:
        for worker in self._workers:
            worker.end()

    def _replace(self, worker: _Worker, how: str) -> None:
        worker.end()
        self._failed_starts += not worker.ready
        if self._failed_starts >= _MAX_FAILED_STARTS:
            raise EmoError(
                f"{how}, before any recording was read: the models cannot be loaded here."
            )
        self._workers[self._workers.index(worker)] = _Worker(self._work)
