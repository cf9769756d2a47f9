"""Attack from inside a process that reads recordings.

``python -m tests.support.clients.attacker ACCOUNT UNSHARE FILTER`` acts as the server under an
account (a number, or ``same``), starts such a process exactly as ``audio.isolated`` does, and has
the actions below done in place of reading a recording.  UNSHARE is ``allowed``, or ``refused``
as in containers; FILTER is ``on``, or ``off`` to see that the actions succeed where nothing
prevents them.  It prints a JSON object:
for each action whether it succeeded, and its effect on the server.
"""

import codecs
import ctypes
import json
import mmap
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emo.audio import clip, isolated, sandbox, seccomp
from tests.support import signals

C = ctypes.CDLL(None, use_errno=True)
BUFFER = ctypes.create_string_buffer(4096)
X86 = os.uname().machine == "x86_64"


def call(x86_64: int, aarch64: int, *values: Any) -> bool:
    """Return whether a raw system call succeeds, by its number on either architecture."""
    given = [value if isinstance(value, bytes) else ctypes.c_long(value) for value in values]
    given += [ctypes.c_long(0)] * (6 - len(given))
    return int(C.syscall(ctypes.c_long(x86_64 if X86 else aarch64), *given)) != -1


def place(buffer: Any) -> int:
    return ctypes.addressof(buffer)


def does(act: Callable[..., object], *values: Any) -> bool:
    act(*values)
    return True


def forked(child: int) -> bool:
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return True


def run_thread() -> bool:
    done: list[bool] = []
    thread = threading.Thread(target=done.append, args=(True,))
    thread.start()
    thread.join()
    return bool(done)


def connect(kind: socket.AddressFamily, where: Any) -> bool:
    made = socket.socket(kind)
    try:
        made.connect(where)
    finally:
        made.close()
    return True


def written(path: str) -> bool:
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    return True


def read_memory(pid: int, address: int, write: bool = False) -> bool:
    """Read or write memory of the server by process_vm_readv or process_vm_writev."""
    here = (ctypes.c_size_t * 2)(place(BUFFER), 16)
    there = (ctypes.c_size_t * 2)(address, 16)
    numbers = (311, 271) if write else (310, 270)
    return call(*numbers, pid, place(here), 1, place(there), 1, 0)


def trace(pid: int) -> bool:
    """Attach to the server by ptrace, and detach again."""
    if int(C.ptrace(16, pid, 0, 0)) != 0:
        return False
    time.sleep(0.2)
    C.ptrace(17, pid, 0, 0)
    os.kill(pid, signal.SIGCONT)
    return True


def executable(given: int) -> bool:
    """Map executable memory, new or by changing a mapping."""
    if given:
        mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)
        return True
    page = mmap.mmap(-1, 4096)
    at = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return int(C.mprotect(ctypes.c_void_p(at), 4096, 5)) == 0


def deeds(facts: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    """Return the actions by name; an action succeeds where it returns True."""
    server, victim, secret = facts["server"], facts["victim"], facts["secret"]
    heap, new = facts["heap"], secret + "-new"
    none = ctypes.create_string_buffer(256)
    return {
        "read the server's file": lambda: open(secret).read() == "SECRET",
        "read /etc/passwd": lambda: bool(open("/etc/passwd").read()),
        "openat": lambda: call(257, 56, -100, b"/etc/passwd", 0),
        "openat2": lambda: call(437, 437, -100, b"/etc/passwd", place(none), 24),
        "creat a file": lambda: written(new),
        "list a folder": lambda: bool(os.listdir("/")),
        "look whether a file is there": lambda: bool(os.stat("/etc/passwd")),
        "read a link": lambda: bool(os.readlink("/proc/self/exe")),
        "delete the server's file": lambda: does(os.unlink, facts["doomed"]),
        "rename": lambda: does(os.rename, facts["doomed"], new),
        "mkdir": lambda: does(os.mkdir, new + "-folder"),
        "symlink": lambda: does(os.symlink, "/", new + "-link"),
        "chmod": lambda: does(os.chmod, secret, 0o777),
        "read the server's command line": lambda: bool(open(f"/proc/{server}/cmdline").read()),
        "read the server's /proc/mem": lambda: bool(open(f"/proc/{server}/mem", "rb")),
        "connect by TCP": lambda: connect(socket.AF_INET, ("127.0.0.1", facts["port"])),
        "make a socket": lambda: call(41, 198, 2, 1, 0),
        "make a datagram socket": lambda: call(41, 198, 10, 2, 0),
        "connect to a Unix socket": lambda: connect(socket.AF_UNIX, facts["unix"]),
        "socketpair": lambda: bool(socket.socketpair()),
        "netlink": lambda: call(41, 198, 16, 3, 0),
        "pipe": lambda: bool(os.pipe()),
        "duplicate": lambda: os.dup(3) >= 0,
        "fcntl": lambda: call(72, 25, 3, 0, 0),
        "ioctl": lambda: C.ioctl(3, 0x541B, BUFFER) == 0,
        "memfd": lambda: call(319, 279, b"x", 0),
        "secret memory": lambda: call(447, 447, 0),
        "eventfd": lambda: call(290, 19, 0, 0),
        "timerfd": lambda: call(283, 85, 1, 0),
        "epoll": lambda: call(291, 20, 0),
        "inotify": lambda: call(294, 26, 0),
        "fork": lambda: forked(os.fork()),
        "thread": run_thread,
        "clone3": lambda: call(435, 435, place(none), 64),
        "send the server signal 0": lambda: does(os.kill, server, 0),
        "kill another process": lambda: does(os.kill, victim, signal.SIGKILL),
        "tgkill": lambda: call(234, 131, victim, victim, signal.SIGCONT),
        "queue a signal": lambda: C.sigqueue(victim, signal.SIGCONT, 0) == 0,
        "pidfd": lambda: call(434, 434, server, 0),
        "ptrace the server": lambda: trace(server),
        "be traced": lambda: C.ptrace(0, 0, 0, 0) == 0,
        "read the server's memory": lambda: read_memory(server, heap),
        "write the server's memory": lambda: read_memory(server, heap, write=True),
        "compare kernel objects": lambda: call(312, 272, server, os.getpid(), 1, 0, 0),
        "limit the server": lambda: bool(resource.prlimit(server, resource.RLIMIT_NOFILE)),
        "renice the server": lambda: does(os.setpriority, os.PRIO_PROCESS, server, 19),
        "pin the server": lambda: does(os.sched_setaffinity, server, {0}),
        "raise a limit": lambda: does(resource.setrlimit, resource.RLIMIT_FSIZE, (9, 9)),
        "be dumpable": lambda: C.prctl(4, 1, 0, 0, 0) == 0,
        "change the program's mode": lambda: call(135, 92, 0xFFFFFFFF),
        "io_uring": lambda: call(425, 425, 1, place(none)),
        "bpf": lambda: call(321, 280, 0, place(none), 48),
        "perf": lambda: call(298, 241, place(none), 0, -1, -1, 0),
        "userfaultfd": lambda: call(323, 282, 1),
        "keyctl": lambda: call(250, 219, 0, -3, 1),
        "add a key": lambda: call(248, 217, b"user", b"x", b"x", 1, -3),
        "shared memory": lambda: call(29, 194, 0, 4096, 0o600),
        "a message queue": lambda: call(68, 186, 0, 0o600),
        "unshare": lambda: call(272, 97, 0x1000_0000),
        "mount": lambda: C.mount(b"none", b"/mnt", b"tmpfs", 0, None) == 0,
        "chroot": lambda: C.chroot(b"/") == 0,
        "change the account": lambda: call(105, 146, os.getuid()),
        "set the host's name": lambda: C.sethostname(b"x", 1) == 0,
        "one more filter": lambda: call(317, 277, 1, 0, place(none)),
        "new memory that executes": lambda: executable(1),
        "memory made to execute": lambda: executable(0),
    }


def attempt(deed: Callable[[], Any]) -> bool:
    """Return whether an action succeeds."""
    try:
        return bool(deed())
    except (OSError, RuntimeError, ValueError, AttributeError):
        return False


def misuse(how: str, code: mmap.mmap | None) -> None:
    """Make a system call for which the filter ends the process."""
    if how == "x32":
        C.syscall(ctypes.c_long(seccomp.X32 | 39))
    elif how == "execve":
        none = (ctypes.c_char_p * 1)()
        call(59, 221, b"/bin/true", place(none), place(none))
    elif code is not None:
        at = ctypes.addressof(ctypes.c_char.from_buffer(code))
        ctypes.CFUNCTYPE(ctypes.c_int)(at)()


def serve(facts: dict[str, Any], how: str) -> None:
    """Serve as the process that reads, and attack instead of reading."""
    restrictions = sandbox.enter_network_namespace()
    code = mmap.mmap(-1, 4096, prot=7) if how == "32-bit" else None
    if code is not None:
        code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, getpid; int 0x80; ret

    def read(data: bytes, name: str, channel: str) -> tuple[dict[str, Any], Any]:
        if how != "deeds":
            misuse(how, code)
            return {"survived": True}, isolated._NO_SAMPLES
        done = {}
        for name, deed in deeds(facts).items():
            os.closerange(0, 3)  # there are numbers for new descriptors from here on
            done[name] = attempt(deed)
        return done, isolated._NO_SAMPLES

    isolated._decode = read
    isolated.serve(restrictions)


def refuse_unshare() -> None:
    """Refuse ``unshare``, as the filter of a container's runtime does."""
    number = 272 if X86 else 97
    C.prctl(38, 1, 0, 0, 0)
    steps = [
        (0x20, 0, 0, 0),
        (0x15, 0, 1, number),
        (0x06, 0, 0, seccomp.DENY),
        (0x06, 0, 0, seccomp.ALLOW),
    ]
    assert seccomp.install(seccomp.pack_instructions(steps), 317 if X86 else 277)


def become(account: str) -> None:
    """Change the account, after loading everything that is loaded late."""
    isolated._warm_up()
    codecs.lookup("ascii")
    if account != "same":
        number = int(account)
        os.setgroups([])
        os.setresgid(number, number, number)
        os.setresuid(number, number, number)
        C.prctl(4, 1, 0, 0, 0)  # as a service that was started under this account


class Server:
    """Targets that a server offers: a port, a socket, files, and another process."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="emo-attacked-"))
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(str(self.folder / "socket"))
        self.unix.listen()
        self.secret, self.doomed = self.folder / "secret", self.folder / "doomed"
        self.secret.write_text("SECRET", encoding="utf-8")
        self.doomed.write_text("still here", encoding="utf-8")
        self.secret.chmod(0o600)
        self.heap = ctypes.create_string_buffer(b"the server's own", 16)
        self.victim = os.fork()
        if self.victim == 0:
            time.sleep(60)
            os._exit(0)

    def facts(self) -> dict[str, Any]:
        return {
            "server": os.getpid(),
            "port": self.listening.getsockname()[1],
            "unix": str(self.folder / "socket"),
            "secret": str(self.secret),
            "doomed": str(self.doomed),
            "heap": place(self.heap),
            "victim": self.victim,
        }

    def harm(self) -> list[str]:
        """Return which targets were harmed."""
        made = {path.name for path in self.folder.iterdir()}
        connected = False
        for one in (self.listening, self.unix):
            one.setblocking(False)
            try:
                one.accept()
                connected = True
            except BlockingIOError:
                pass
        harm = {
            "files": made != {"socket", "secret", "doomed"},
            "connection": connected,
            "memory": self.heap.raw != b"the server's own",
            "victim": os.waitpid(self.victim, os.WNOHANG) != (0, 0),
            "priority": os.getpriority(os.PRIO_PROCESS, 0) == 19,
        }
        return [name for name, is_so in harm.items() if is_so]

    def end(self) -> None:
        for deed in (lambda: os.kill(self.victim, signal.SIGKILL), self.listening.close):
            attempt(deed)
        for path in self.folder.iterdir():
            attempt(path.rmdir if path.is_dir() else path.unlink)
        attempt(self.folder.rmdir)


def attack(how: str) -> dict[str, Any]:
    """Return the answer of the process that reads, how it ended, and which targets were harmed."""
    server = Server()
    facts = server.facts()
    asks, answers = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(asks[0], 0)
        os.dup2(answers[1], 1)
        os.closerange(3, 4096)
        os.setsid()
        serve(facts, how)
        os._exit(0)
    os.close(asks[0])
    os.close(answers[1])
    data = signals.encoded(signals.tone(220.0, 1.0))
    with os.fdopen(asks[1], "wb", 0) as ask, os.fdopen(answers[0], "rb") as answer:
        restrictions = heard(answer)["restrictions"]
        ask.write(isolated._REQUEST.pack(1, 3, len(data)) + b"xmix" + data)
        said = heard(answer)
    status = os.waitpid(child, 0)[1]
    if os.WIFSTOPPED(status):  # it had itself traced, where it may
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
    outcome = {
        "restrictions": restrictions,
        "deeds": said,
        "ended": os.waitstatus_to_exitcode(status),
    }
    outcome["harm"] = server.harm()
    server.end()
    return outcome


def heard(pipe: Any) -> Any:
    """Return the JSON of an answer; empty where none came."""
    head = pipe.read(isolated._RESPONSE.size)
    if len(head) < isolated._RESPONSE.size:
        return {}
    return json.loads(pipe.read(isolated._RESPONSE.unpack(head)[0]))


def main(account: str, unshare: str, how_filtered: str, how: str = "deeds") -> None:
    clip.decode(signals.encoded(signals.voice()))
    if unshare == "refused":
        refuse_unshare()
    if how_filtered == "off":
        seccomp.restrict_system_calls = lambda: False
    become(account)
    print(json.dumps(attack(how)))


if __name__ == "__main__":
    main(*sys.argv[1:])
