"""Run a batch on the machines of a Dask cluster.

Dask gives the group of a dead worker to another one, and reports a group that ended several
workers; then each recording of the group is tried again alone.  Only this process writes rows.
"""

import logging
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import Any, TypeVar

from emo.batch.pool import Task
from emo.batch.sources import Source
from emo.errors import EmoError

LOCAL = "local"
"""Address that stands for a cluster on this machine."""

GROUPS_PER_THREAD = 2
"""Groups for each thread of the cluster: one that it answers, and one that waits."""

MAX_RETRIES = 256
"""Recordings that wait for their second attempt, after which no new group is started."""

T = TypeVar("T")
"""What a recording gives: its rows, or its embeddings."""

WORKER_TIMEOUT_S = 60.0
_POLL_S = 5.0  # between counts of the workers


def run(
    groups: Iterable[Sequence[Source]],
    work: Callable[[Sequence[Source]], list[T]],
    address: str,
    jobs: int,
    crash_result: Callable[[Source, str], T],
) -> Generator[list[T], None, None]:
    """Yield what the recordings of groups give, in the order in which it is ready.

    Parameters
    ----------
    groups
        Recordings, read as the cluster needs them.
    work
        Function that every worker can import by its name.
    address
        Address of the scheduler, such as ``tcp://10.0.0.1:8786``; ``local`` for a cluster on this
        machine.
    jobs
        Number of workers of a local cluster.
    crash_result
        Function of a recording that ended workers when it was tried alone, and of the reason, which
        returns what it gives.

    Raises
    ------
    EmoError
        Dask is not installed, or the cluster cannot be reached, is lost, or has no copy of Emo.
    """
    distributed = _distributed()
    with ExitStack() as stack:
        client = stack.enter_context(_connect(distributed, address, jobs, stack))
        yield from _gather(distributed, client, groups, work, crash_result)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise EmoError(
            "A Dask cluster needs the package distributed: run 'pip install distributed', or "
            "leave out --dask."
        ) from None
    return distributed


def _connect(distributed: Any, address: str, jobs: int, stack: ExitStack) -> Any:
    """Return a client of a cluster that has at least one worker."""
    where: Any = address
    if address == LOCAL:
        where = stack.enter_context(
            distributed.LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.ERROR,
            )
        )
    try:
        client = distributed.Client(where, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise EmoError(
            f"No Dask scheduler answers at {address} ({error}). Give an address such as "
            "tcp://10.0.0.1:8786, or 'local'."
        ) from error
    try:
        client.wait_for_workers(1, timeout=WORKER_TIMEOUT_S)
    except TimeoutError:
        client.close()
        raise EmoError(
            f"The cluster at {address} has had no worker for {WORKER_TIMEOUT_S:.0f} s."
        ) from None
    return client


def _gather(
    distributed: Any,
    client: Any,
    groups: Iterable[Sequence[Source]],
    work: Callable[[Sequence[Source]], list[T]],
    crash_result: Callable[[Source, str], T],
) -> Generator[list[T], None, None]:
    tasks = (Task(group) for group in groups)
    retries: list[Task] = []
    submitted: dict[str, Task] = {}
    completed = distributed.as_completed(loop=client.loop)
    max_tasks, polled_s, ended = 0, -_POLL_S, False
    while True:
        if time.monotonic() - polled_s > _POLL_S:  # workers come and go
            n_threads = max(1, sum(client.nthreads().values()))
            max_tasks, polled_s = GROUPS_PER_THREAD * n_threads, time.monotonic()
        next_tasks: list[Task] = []
        if not ended and len(retries) < MAX_RETRIES:
            n_free = max(0, max_tasks - len(submitted))
            next_tasks = list(islice(tasks, n_free))
            ended = len(next_tasks) < n_free
        if retries and not next_tasks and not submitted:  # alone: no other group dies with it
            next_tasks = [retries.pop()]
        for task in next_tasks:
            future = client.submit(work, task.sources, pure=False)
            submitted[future.key] = task
            completed.add(future)
        if not submitted:
            return
        future = next(completed)
        task = submitted.pop(future.key)
        results, reason = _outcome(distributed, future)
        if results is not None:
            yield results
        elif task.is_retry:
            yield [crash_result(task.sources[0], reason)]
        else:
            retries += task.split()


def _outcome(distributed: Any, future: Any) -> tuple[list[Any] | None, str]:
    """Return what a group gives; or None, and how the workers ended that had it."""
    try:
        return future.result(), ""  # computed again if its worker dies before this
    except distributed.KilledWorker:
        return None, "The workers that read this file died, one after the other"
    except EmoError:
        raise
    except ImportError as error:
        raise EmoError(
            f"A worker of the cluster cannot import Emo ({error}). Put this checkout and the "
            "packages of requirements-app.txt on every worker, and the checkout on its PYTHONPATH."
        ) from error
    except Exception as error:  # cancelled, as all are when the scheduler stops
        raise EmoError(
            f"The cluster was lost ({type(error).__name__}: {error}). Run the same command again "
            "to continue."
        ) from error
