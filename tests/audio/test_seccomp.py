"""The filter of system calls, by an interpreter of its program and by an attacker's code."""

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

KEPT = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in MACHINES,
    reason="the filter is for Linux on two machines",
)
NOBODY = "65534"


def run(program: bytes, number: int, mark: int, third: int = 0) -> int:
    """What a program of classic BPF returns for a system call (linux/filter.h)."""
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
def test_program_allows_the_list_and_nothing_else(machine: Machine) -> None:
    program = build_program(machine)
    listed = {*machine.allowed.values(), *machine.mapping.values()}
    for number in range(1024):
        expected = ALLOW if number in listed else DENY
        assert run(program, number, machine.mark) == expected, number


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_program_refuses_memory_that_executes(machine: Machine) -> None:
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
        [sys.executable, "-m", "tests.support.attacker", account, unshare, filtered, how],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    assert ran.returncode == 0, ran.stderr
    outcome: dict[str, Any] = json.loads(ran.stdout)
    return outcome


@KEPT
@pytest.mark.parametrize("unshare", ["allowed", "refused"])
@pytest.mark.parametrize("account", ["same", NOBODY])
def test_attacker_in_the_decoder_can_do_nothing(account: str, unshare: str) -> None:
    """As root and as an ordinary user, with and without namespaces, after ``close(0)``."""
    outcome = attack(account, unshare, "on")
    assert "system calls" in outcome["restrictions"]
    assert unshare == "allowed" or "network namespace" not in outcome["restrictions"]
    assert len(outcome["deeds"]) > 60
    assert [name for name, done in outcome["deeds"].items() if done] == []
    assert outcome["harm"] == []
    assert outcome["ended"] == 0


@KEPT
@pytest.mark.parametrize("account", ["same", NOBODY])
def test_attacker_succeeds_where_nothing_holds_him(account: str) -> None:
    """Else the test above would prove nothing."""
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


@KEPT
def test_attacker_cannot_execute_another_program() -> None:
    assert attack("same", "refused", "on", "execve")["deeds"] == {"survived": True}
    assert attack("same", "refused", "off", "execve")["deeds"] == {}


@KEPT
@pytest.mark.skipif(platform.machine() != "x86_64", reason="a matter of x86-64")
@pytest.mark.parametrize("how", ["x32", "32-bit"])
def test_calls_in_another_manner_end_the_process(how: str) -> None:
    outcome = attack("same", "refused", "on", how)
    assert outcome["deeds"] == {}
    assert outcome["ended"] == -signal.SIGSYS


def test_filter_is_not_claimed_on_a_machine_without_a_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert not seccomp.restrict_system_calls()
