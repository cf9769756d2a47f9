"""Filter the system calls of a process (seccomp), so that it can only compute and use its pipes.

The filter is a program of classic BPF, built here and installed through ctypes.  It is an
allow-list: any other call fails with ``EPERM``, and a call by the convention of another
architecture ends the process.  See ``seccomp(2)`` and ``linux/seccomp.h``.
"""

import ctypes
import platform
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass

ALLOW = 0x7FFF_0000
DENY = 0x0005_0000 | 1
"""Make the call fail with ``EPERM``."""
KILL = 0x8000_0000
"""End the whole process by ``SIGSYS``."""

X32 = 0x4000_0000
"""Bit in the number of a call of the x32 ABI, which has the architecture mark of x86-64."""

_LOAD, _RETURN = 0x20, 0x06  # linux/bpf_common.h: BPF_LD | BPF_W | BPF_ABS, BPF_RET | BPF_K
_IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT = 0x15, 0x35, 0x45  # BPF_JMP | BPF_JEQ, BPF_JGE, BPF_JSET
_NUMBER, _ARCHITECTURE, _THIRD = 0, 4, 32  # offsets in struct seccomp_data
_EXECUTABLE = 4  # PROT_EXEC
_SET_FILTER, _ALL_THREADS = 1, 1  # SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC
_INSTRUCTION = struct.Struct("HBBI")


@dataclass(frozen=True)
class Machine:
    """Architecture: its mark and its numbers of system calls.

    Attributes
    ----------
    mark : int
        ``AUDIT_ARCH_…`` in ``linux/audit.h``.
    seccomp : int
        Number of the call that installs a filter.
    allowed : dict of str to int
        Calls that are allowed with any arguments.
    mapping : dict of str to int
        Calls that are allowed unless they request executable memory.
    """

    mark: int
    seccomp: int
    allowed: dict[str, int]
    mapping: dict[str, int]


MACHINES = {
    "x86_64": Machine(
        0xC000_003E,
        317,
        {
            "read": 0,
            "write": 1,
            "close": 3,
            "munmap": 11,
            "brk": 12,
            "rt_sigprocmask": 14,
            "rt_sigreturn": 15,
            "sched_yield": 24,
            "mremap": 25,
            "madvise": 28,
            "nanosleep": 35,
            "setitimer": 38,
            "exit": 60,
            "gettimeofday": 96,
            "futex": 202,
            "restart_syscall": 219,
            "clock_gettime": 228,
            "clock_nanosleep": 230,
            "exit_group": 231,
            "getrandom": 318,
        },
        {"mmap": 9, "mprotect": 10},
    ),
    "aarch64": Machine(
        0xC000_00B7,
        277,
        {
            "close": 57,
            "read": 63,
            "write": 64,
            "exit": 93,
            "exit_group": 94,
            "futex": 98,
            "nanosleep": 101,
            "setitimer": 103,
            "clock_gettime": 113,
            "clock_nanosleep": 115,
            "sched_yield": 124,
            "restart_syscall": 128,
            "rt_sigprocmask": 135,
            "rt_sigreturn": 139,
            "gettimeofday": 169,
            "brk": 214,
            "munmap": 215,
            "mremap": 216,
            "madvise": 233,
            "getrandom": 278,
        },
        {"mmap": 222, "mprotect": 226},
    ),
}
"""Supported architectures by name, as ``platform.machine`` returns it."""


def build_program(machine: Machine) -> bytes:
    """Return the filter as instructions of classic BPF."""
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_IF_EQUAL, 1, 0, machine.mark),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_IF_AT_LEAST, 0, 1, X32),
        (_RETURN, 0, 0, KILL),
    ]
    for number in machine.allowed.values():
        steps += [(_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, ALLOW)]
    for number in machine.mapping.values():
        steps += [
            (_IF_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, _THIRD),  # the protection bits are in its lower half
            (_IF_ANY_BIT, 0, 1, _EXECUTABLE),
            (_RETURN, 0, 0, DENY),
            (_RETURN, 0, 0, ALLOW),
        ]
    steps.append((_RETURN, 0, 0, DENY))
    return pack_instructions(steps)


def pack_instructions(steps: Iterable[tuple[int, int, int, int]]) -> bytes:
    """Return instructions (code, jump if true, jump if false, operand) in the kernel's format.

    A load reads the low half of a 64-bit argument, which comes first on little-endian machines.
    """
    return b"".join(_INSTRUCTION.pack(*step) for step in steps)


def restrict_system_calls() -> bool:
    """Install the filter for all threads of this process; return whether the kernel accepted it.

    The filter is permanent.  The process must have set ``PR_SET_NO_NEW_PRIVS`` before.
    """
    machine = MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None or sys.byteorder != "little":
        return False
    return install(build_program(machine), machine.seccomp)


def install(program: bytes, seccomp: int) -> bool:
    """Install a program by the system call ``seccomp``; return whether the kernel accepted it."""
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HP", len(program) // _INSTRUCTION.size, ctypes.addressof(code))
    c = ctypes.CDLL(None, use_errno=True)
    number, how, flags = (ctypes.c_long(value) for value in (seccomp, _SET_FILTER, _ALL_THREADS))
    return bool(c.syscall(number, how, flags, head) == 0)
