"""Restrict a process before it reads uploads: no network, no files, no other processes.

On Linux all restrictions apply; on other systems those that the system supports.  Code that has
taken over the process cannot get around the filter of system calls (``emo.audio.seccomp``); the
other restrictions are a second line of defence, and limit resources.  This module imports only the
standard library, and no module that starts a thread: only a single-threaded process can enter a
user namespace.
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
"""Names of all restrictions."""

_NEW_USER, _NEW_NETWORK, _NEW_IPC = 0x1000_0000, 0x4000_0000, 0x0800_0000  # sched.h
_SET_DUMPABLE, _NO_NEW_PRIVILEGES = 4, 38  # prctl.h
SIGNAL = getattr(signal, "SIGPROF", 0)
"""Signal that ends a process at its limit of computing time."""

_PAGES = "/proc/self/statm"


def enter_network_namespace() -> list[str]:
    """Enter an empty network namespace, before any library is loaded.

    The namespace has no interface but its own loopback, and the process has no privileges in it.
    Where the system forbids namespaces, the filter of ``restrict_process`` still prevents sockets.

    Returns
    -------
    list of str
        Names of the restrictions in force.
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
    """Restrict the process to memory, computing and its open pipes, after all modules are loaded.

    Parameters
    ----------
    memory_bytes
        Memory that may be used on top of the present use.
    highest_descriptor
        Descriptors above this one are closed, and no new one can be opened.  This limit is on
        their numbers: after ``close(0)`` only the filter of system calls prevents a new one.

    Returns
    -------
    list of str
        Names of the restrictions in force.
    """
    try:
        import resource
    except ImportError:  # Windows
        return []
    os.closerange(highest_descriptor + 1, 4096)
    used_bytes = _address_space_bytes()
    limits = {
        "descriptors": (resource.RLIMIT_NOFILE, highest_descriptor + 1),
        "written bytes": (resource.RLIMIT_FSIZE, 0),
        "core": (resource.RLIMIT_CORE, 0),
        "processes": (getattr(resource, "RLIMIT_NPROC", None), 0),
        "memory": (resource.RLIMIT_AS if used_bytes else None, used_bytes + memory_bytes),
    }
    restrictions = []
    for name, (which, limit) in limits.items():
        if which is not None:
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(which, (limit, limit))
                restrictions.append(name)
    if "descriptors" in restrictions:
        with contextlib.suppress(OSError):
            while True:  # occupy the free numbers below the highest
                os.dup(0)
    if sys.platform == "linux":
        if ctypes.CDLL(None, use_errno=True).prctl(_SET_DUMPABLE, 0, 0, 0, 0) == 0:
            restrictions.append("not dumpable")  # other processes cannot read its memory either
        if seccomp.restrict_system_calls():
            restrictions.append("system calls")
    return restrictions


def missing_restrictions(restrictions: Iterable[str]) -> tuple[str, ...]:
    """Return the restrictions that are not in force, in the order of ``RESTRICTIONS``."""
    present = set(restrictions)
    return tuple(name for name in RESTRICTIONS if name not in present)


def limit_computing(seconds: float) -> None:
    """End the process by ``SIGNAL`` after so many seconds of computing; 0 removes the limit."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _address_space_bytes() -> int:
    """Return the size of the address space of the process; 0 if the system does not report it."""
    try:
        with open(_PAGES, encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
