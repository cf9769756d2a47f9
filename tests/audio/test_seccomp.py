"""The filter of system calls: its program in an interpreter, and attacks on a real process."""

import json
import os
import platform
import signal
import struct
import subprocess
import sys
from typing import Any

import pytest

from emo.audio import sandbox, seccomp
from emo.audio.seccomp import ALLOW, DENY, KILL, MACHINES, X32, Machine, build_program

LINUX_ONLY = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in MACHINES,
    reason="the filter is for Linux on two machines",
)
NOBODY = "65534"


def run(program: bytes, number: int, mark: int, third: int = 0) -> int:
    """Return the action of a classic BPF program for a system call (linux/filter.h)."""
    data = struct.pack("<IIQ6Q", number, mark, 0, 0, 0, third, 0, 0, 0)
    steps = list(struct.iter_unpack("=HBBI", program))
    at = accumulator = 0
    while True:
        code, if_true, if_false, operand = steps[at]
        at += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, operand)
        elif code == 0x06:
            return int(operand)
        else:
            is_true = {
                0x15: accumulator == operand,
                0x35: accumulator >= operand,
                0x45: bool(accumulator & operand),
            }[code]
            at += if_true if is_true else if_false


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_program_allows_only_the_listed_calls(machine: Machine) -> None:
    program = build_program(machine)
    listed = {*machine.allowed.values(), *machine.mapping.values()}
    for number in range(1024):
        expected = ALLOW if number in listed else DENY
        assert run(program, number, machine.mark) == expected, number


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_program_denies_executable_memory(machine: Machine) -> None:
    program = build_program(machine)
    for number in machine.mapping.values():
        for protection in range(8):
            expected = DENY if protection & 4 else ALLOW
            assert run(program, number, machine.mark, protection) == expected
            assert run(program, number, machine.mark, protection | 1 << 32) == expected


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_program_kills_calls_of_another_architecture(machine: Machine) -> None:
    program = build_program(machine)
    others = [other.mark for other in MACHINES.values() if other != machine]
    for mark in (*others, 0x4000_0003, 0x4000_0028, 0):  # and 32-bit x86, 32-bit ARM, none
        assert run(program, machine.allowed["read"], mark) == KILL
    for number in (X32, X32 | 1, X32 | 322, 0xFFFF_FFFF):
        assert run(program, number, machine.mark) == KILL


# --- The attacker --------------------------------------------------------------------------------


def attack(account: str, unshare: str, filtered: str, how: str = "deeds") -> dict[str, Any]:
    if account != "same" and os.geteuid() != 0:
        pytest.skip("only root can start it under another account")
    ran = subprocess.run(
        [sys.executable, "-m", "tests.support.clients.attacker", account, unshare, filtered, how],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    assert ran.returncode == 0, ran.stderr
    outcome: dict[str, Any] = json.loads(ran.stdout)
    return outcome


@LINUX_ONLY
@pytest.mark.parametrize("unshare", ["allowed", "refused"])
@pytest.mark.parametrize("account", ["same", NOBODY])
@pytest.mark.slow
def test_attacker_in_the_decoder_fails(account: str, unshare: str) -> None:
    """As root and as an ordinary user, with and without namespaces, after ``close(0)``."""
    outcome = attack(account, unshare, "on")
    assert "system calls" in outcome["restrictions"]
    assert unshare == "allowed" or "network namespace" not in outcome["restrictions"]
    assert len(outcome["deeds"]) > 60
    assert [name for name, done in outcome["deeds"].items() if done] == []
    assert outcome["harm"] == []
    assert outcome["ended"] == 0


@LINUX_ONLY
@pytest.mark.parametrize("account", ["same", NOBODY])
@pytest.mark.slow
def test_attacker_succeeds_without_the_filter(account: str) -> None:
    """Without the filter the attacks work, so that the test above is meaningful."""
    outcome = attack(account, "refused", "off")
    done = {name for name, is_done in outcome["deeds"].items() if is_done}
    assert sandbox.missing_restrictions(outcome["restrictions"]) == (
        "network namespace",
        "system calls",
    )
    assert {"files", "connection", "victim"} <= set(outcome["harm"])
    assert done >= {
        "read the server's file",
        "connect to a Unix socket",
        "kill another process",
        "memfd",
        "new memory that executes",
    }


@LINUX_ONLY
@pytest.mark.slow
def test_attacker_cannot_execute_another_program() -> None:
    assert attack("same", "refused", "on", "execve")["deeds"] == {"survived": True}
    assert attack("same", "refused", "off", "execve")["deeds"] == {}


@LINUX_ONLY
@pytest.mark.skipif(platform.machine() != "x86_64", reason="a matter of x86-64")
@pytest.mark.parametrize("how", ["x32", "32-bit"])
@pytest.mark.slow
def test_calls_of_another_abi_end_the_process(how: str) -> None:
    outcome = attack("same", "refused", "on", how)
    assert outcome["deeds"] == {}
    assert outcome["ended"] == -signal.SIGSYS


def test_restrict_system_calls_fails_on_an_unknown_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert not seccomp.restrict_system_calls()
