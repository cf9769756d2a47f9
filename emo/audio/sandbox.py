"""What a process gives up before it reads what strangers sent: the network, files, processes.

On Linux the kernel holds all of it; elsewhere what there is of it.  The filter of system calls
(``audio.seccomp``) is what code that has taken the process over cannot get around; the rest stands
behind it, and limits what the process may use.  Only the standard library is used, and nothing of
it that starts a thread: a namespace can be left by a single thread alone.
"""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterable

from emo.audio import seccomp

RESTRICTIONS = (
    "network namespace",
    "no new privileges",
    "descriptors",
    "written bytes",
    "core",
    "processes",
    "memory",
    "not dumpable",
    "system calls",
)
"""Everything that is given up where the system holds it."""

_NEW_USER, _NEW_NETWORK, _NEW_IPC = 0x1000_0000, 0x4000_0000, 0x0800_0000  # sched.h
_SET_DUMPABLE, _NO_NEW_PRIVILEGES = 4, 38  # prctl.h
SIGNAL = getattr(signal, "SIGPROF", 0)
"""What ends a process that computes too long."""

_PAGES = "/proc/self/statm"


def enter_network_namespace() -> list[str]:
    """What is given up before anything is loaded.

    An empty network namespace has no interface but its own loopback, and as nobody in it there are
    no rights to get more.  Where the system forbids namespaces, the filter of
    :func:`restrict_process` still lets no socket be made.
    """
    restrictions = []
    if sys.platform == "linux":
        c = ctypes.CDLL(None, use_errno=True)
        if c.unshare(_NEW_USER | _NEW_NETWORK | _NEW_IPC) == 0:
            restrictions.append("network namespace")
        if c.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0:
            restrictions.append("no new privileges")
    return restrictions


def restrict_process(memory_bytes: int, highest_descriptor: int) -> list[str]:
    """What is given up once everything is loaded: from here on memory and computing are all.

    Parameters
    ----------
    memory_bytes
        What may be taken on top of what is there.
    highest_descriptor
        What lies above is closed, and no new one is given.  This limit is on numbers: after
        ``close(0)`` there is room again, and the filter of system calls is what refuses to open.
    """
    try:
        import resource
    except ImportError:  # Windows
        return []
    os.closerange(highest_descriptor + 1, 4096)
    taken = _address_space_bytes()
    limits = {
        "descriptors": (resource.RLIMIT_NOFILE, highest_descriptor + 1),
        "written bytes": (resource.RLIMIT_FSIZE, 0),
        "core": (resource.RLIMIT_CORE, 0),
        "processes": (getattr(resource, "RLIMIT_NPROC", None), 0),
        "memory": (resource.RLIMIT_AS if taken else None, taken + memory_bytes),
    }
    restrictions = []
    for name, (which, limit) in limits.items():
        if which is not None:
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(which, (limit, limit))
                restrictions.append(name)
    if "descriptors" in restrictions:
        with contextlib.suppress(OSError):
            while True:  # a gap below the highest would still be given
                os.dup(0)
    if sys.platform == "linux":
        if ctypes.CDLL(None, use_errno=True).prctl(_SET_DUMPABLE, 0, 0, 0, 0) == 0:
            restrictions.append("not dumpable")  # nor may others of the same account look into it
        if seccomp.restrict_system_calls():
            restrictions.append("system calls")
    return restrictions


def missing_restrictions(restrictions: Iterable[str]) -> tuple[str, ...]:
    """Return the restrictions that the system did not hold, in the order of all."""
    present = set(restrictions)
    return tuple(name for name in RESTRICTIONS if name not in present)


def limit_computing(seconds: float) -> None:
    """Nothing; the process is ended by :data:`SIGNAL` after so much computing; never, if 0."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _address_space_bytes() -> int:
    """What the process has of address space; 0 where the system does not tell."""
    try:
        with open(_PAGES, encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
