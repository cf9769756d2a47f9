"""Fresh worker processes that an interrupt of the command cannot catch while they start."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold back interrupts in this thread; a process that starts meanwhile holds them too.

    Otherwise Ctrl-C, which goes to all processes of a terminal, ends one that is just importing
    its modules with a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # it would let interrupts through when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class WorkerProcess(SpawnProcess):
    """A process that holds interrupts back until it has said what it does on one."""

    def start(self) -> None:
        """Start the process."""
        with interrupts_held():
            super().start()


class WorkerContext(SpawnContext):
    """Makes such processes, as for a pool."""

    Process = WorkerProcess
