"""Work shared among the machines of a Dask cluster.

Dask itself hands what a dead worker had to another one, and gives up a group that has taken several
workers with it; then each recording of the group is tried again alone.  Rows come back to this one
process, which alone writes.
"""

import logging
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import Any

from emo.batch.inputs import Source
from emo.batch.pool import GiveUp, Task, Work
from emo.batch.rows import Result
from emo.errors import EmoError

LOCAL = "local"
AHEAD = 2  # groups for each thread of the cluster: one in work, one waiting
MAX_RETRIES = 256  # recordings that wait to be tried again, which is done when all else is
JOIN_S = 60.0
_LOOK_S = 5.0  # between looks at how many workers there are


def run(
    groups: Iterable[Sequence[Source]], work: Work, address: str, jobs: int, give_up: GiveUp
) -> Generator[list[Result], None, None]:
    """What the groups gave, in the order in which they are ready.

    Parameters
    ----------
    groups
        Taken as the cluster needs them.
    work
        Must be found by its name on every worker.
    address
        Of the scheduler, as in ``tcp://10.0.0.1:8786``; ``local`` for a cluster on this machine.
    jobs
        Workers of a local cluster.

    Raises
    ------
    EmoError
        Dask is not installed, or the cluster cannot be reached, is lost, or has no copy of Emo.
    """
    distributed = _distributed()
    with ExitStack() as stack:
        client = stack.enter_context(_connect(distributed, address, jobs, stack))
        yield from _gather(distributed, client, groups, work, give_up)


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
    """A client of a cluster that has a worker."""
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
        client.wait_for_workers(1, timeout=JOIN_S)
    except TimeoutError:
        client.close()
        raise EmoError(f"The cluster at {address} has had no worker for {JOIN_S:.0f} s.") from None
    return client


def _gather(
    distributed: Any,
    client: Any,
    groups: Iterable[Sequence[Source]],
    work: Work,
    give_up: GiveUp,
) -> Generator[list[Result], None, None]:
    tasks = (Task(group) for group in groups)
    again: list[Task] = []
    handed_out: dict[str, Task] = {}
    finished = distributed.as_completed(loop=client.loop)
    room, looked_s, ended = 0, -_LOOK_S, False
    while True:
        if time.monotonic() - looked_s > _LOOK_S:  # workers come and go
            room, looked_s = AHEAD * max(1, sum(client.nthreads().values())), time.monotonic()
        given: list[Task] = []
        if not ended and len(again) < MAX_RETRIES:
            free = max(0, room - len(handed_out))
            given = list(islice(tasks, free))
            ended = len(given) < free
        if again and not given and not handed_out:  # alone, or it would pay for another's death
            given = [again.pop()]
        for task in given:
            future = client.submit(work, task.items, pure=False)
            handed_out[future.key] = task
            finished.add(future)
        if not handed_out:
            return
        future = next(finished)
        task = handed_out.pop(future.key)
        found, reason = _outcome(distributed, future)
        if found is not None:
            yield found
        elif task.again:
            yield [give_up(task.items[0], reason)]
        else:
            again += [Task((item,), again=True) for item in task.items]


def _outcome(distributed: Any, future: Any) -> tuple[list[Result] | None, str]:
    """The rows; or none, and how the workers ended that had the group."""
    try:
        return future.result(), ""  # a worker that dies before it was fetched does it once more
    except distributed.KilledWorker:
        return None, "The workers that read this file died, one after the other"
    except EmoError:
        raise
    except ImportError as error:
        raise EmoError(
            f"A worker of the cluster cannot import Emo ({error}). Put this checkout and the "
            "packages of requirements-app.txt on every worker, and the checkout on its PYTHONPATH."
        ) from error
    except Exception as error:  # cancelled, as all are when the scheduler goes
        raise EmoError(
            f"The cluster was lost ({type(error).__name__}: {error}). Run the same command again "
            "to go on."
        ) from error
