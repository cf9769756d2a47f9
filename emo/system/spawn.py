"""Start worker processes that an interrupt of the command does not reach while they start."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Block interrupts in this thread, and in processes that it starts meanwhile.

    Otherwise Ctrl-C, which a terminal sends to all its processes, ends a process that is importing
    its modules with a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # its start would unblock interrupts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class WorkerProcess(SpawnProcess):
    """A process that blocks interrupts until it has installed a handler for them."""

    def start(self) -> None:
        """Start the process."""
        with interrupts_held():
            super().start()


class WorkerContext(SpawnContext):
    """A multiprocessing context with such processes, for pools."""

    Process = WorkerProcess
