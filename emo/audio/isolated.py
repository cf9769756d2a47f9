"""Recordings of strangers, read in processes of their own that may crash without harm.

Such a process has given up network, files and other processes (``audio.sandbox``), has so much
memory and computing time for each recording, and is replaced when it ends.  It is asked and
answers through two pipes, in JSON and plain samples; what it answers is checked, for whoever finds
a way into a decoder may answer anything.
"""

import atexit
import contextlib
import functools
import hashlib
import io
import json
import logging
import os
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import soundfile

from emo import errors
from emo.audio import clip as audio_clip
from emo.audio import sandbox
from emo.audio.channels import MIX
from emo.audio.clip import RATE_HZ, Clip
from emo.audio.decoders import Samples
from emo.audio.limits import (
    DECODE_CPU_S,
    DECODE_MEMORY_BYTES,
    DECODE_WALL_S,
    MAX_BYTES,
    MAX_DURATION_S,
)
from emo.errors import AudioError, DecoderError
from emo.system import paths

PROCESSES = min(4, os.cpu_count() or 1) + 1
"""Recordings that are read at once, one for each core and one to spare; others wait for these."""

LOG = logging.getLogger("emo")

_CODE = (
    "from emo.audio.sandbox import enter_network_namespace as enter; "
    "restrictions = enter(); "
    "from emo.audio.isolated import serve; serve(restrictions)"
)
_KEPT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMP", "TEMP", "LANG", "TZ")
_ASKED = struct.Struct("<IIQ")  # bytes of the name, of the channel's, and of the recording
_ANSWERED = struct.Struct("<IQ")  # bytes of JSON, number of samples
_MOST_JSON = 2**16
_MOST_SAMPLES = int((MAX_DURATION_S + 1) * RATE_HZ)
_PIPE_BYTES = 2**20
_PIPE_SIZE = 1031  # F_SETPIPE_SZ, fcntl.h of Linux
_LAST_USE = 500  # recordings; a fresh process has lost nothing to leaks
_KILLED = 9  # no signal of Windows
_NOTHING: Samples = np.empty(0, np.float32)
_TYPES = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, AudioError)
}


# --- The process that reads ----------------------------------------------------------------------


def serve(restrictions: list[str]) -> None:
    """Nothing; answers until the pipe that asks is closed.  Runs in a process of its own."""
    asks, answers = _take_pipes()
    _warm_up()
    highest_descriptor = max(asks.fileno(), answers.fileno())
    restrictions += sandbox.restrict_process(DECODE_MEMORY_BYTES, highest_descriptor)
    _send(answers, {"restrictions": restrictions}, _NOTHING)
    while head := asks.read(_ASKED.size):
        sizes = _ASKED.unpack(head)
        name, channel, data = (asks.read(size) for size in sizes)
        sandbox.limit_computing(DECODE_CPU_S)
        answer, samples = _read(data, name.decode("utf-8", "replace"), channel.decode())
        sandbox.limit_computing(0)
        _send(answers, answer, samples)
        del data, samples


def _take_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """The pipes, out of reach of a library that prints."""
    asks, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)
    return os.fdopen(asks, "rb", _PIPE_BYTES), os.fdopen(answers, "wb", 0)


def _warm_up() -> None:
    """Nothing; loads all that reading needs, for later no file can be opened."""
    file = io.BytesIO()
    wave = np.sin(np.arange(8000) / 9)
    soundfile.write(file, np.stack([wave, -wave], axis=1), 8000, format="WAV")
    for data in (file.getvalue(), b"\x00\x00\x00\x18ftypM4A " + bytes(16)):
        with contextlib.suppress(AudioError):
            audio_clip.decode(data)


def _read(data: bytes, name: str, channel: str) -> tuple[dict[str, Any], Samples]:
    """The answer to one recording, as plain values, and its samples."""
    try:
        clip = audio_clip.decode(data, name, channel)
    except AudioError as error:
        return {"error": type(error).__name__, "text": str(error)}, _NOTHING
    except MemoryError:
        return {"error": "DecoderError", "text": _too_much_memory()}, _NOTHING
    except Exception as error:
        place = error.__traceback__
        while place and place.tb_next:
            place = place.tb_next
        line = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else ""
        fault = f"{type(error).__name__} at {line}"  # its text may quote the recording
        return {"error": "DecoderError", "text": _unreadable("stumbled"), "fault": fault}, _NOTHING
    facts = {
        "source_rate_hz": clip.source_rate_hz,
        "source_channels": clip.source_channels,
        "warnings": list(clip.warnings),
        "clipped": clip.clipped,
    }
    return facts, clip.samples


def _send(pipe: IO[bytes], answer: dict[str, Any], samples: Samples) -> None:
    text = json.dumps(answer).encode()
    _write(pipe, _ANSWERED.pack(len(text), len(samples)) + text)
    if len(samples):
        _write(pipe, np.ascontiguousarray(samples).data.cast("B"))


# --- The process that asks -----------------------------------------------------------------------


class _KilledError(DecoderError):
    """The process was killed, as the system does for want of memory, and not at its limits."""


@dataclass(eq=False)
class _Reader:
    """A process that reads, and how many recordings it was given."""

    process: subprocess.Popen[bytes]
    restrictions: tuple[str, ...]
    n_read: int = 0

    def ask(self, data: bytes, name: str, channel: str) -> Clip:
        """The clip, or the error that the process names; it is ended at the limit of time."""
        self.n_read += 1
        try:
            with _in_time(self.process, DECODE_WALL_S) as late:
                answer, samples = self._exchange(data, name, channel)
        except (OSError, EOFError) as error:
            self.end()
            killed = not late.is_set() and self.process.returncode == -_KILLED
            raise (_KilledError if killed else DecoderError)(self._ended(late.is_set())) from error
        except BaseException:  # half an answer may wait in the pipe
            self.end()
            raise
        return _checked(answer, samples, data)

    def alive(self) -> bool:
        return self.process.poll() is None

    def _exchange(self, data: bytes, name: str, channel: str) -> tuple[dict[str, Any], Samples]:
        pipe = self.process.stdin
        assert pipe is not None
        title, which = name.encode("utf-8", "replace")[:1000], channel.encode()
        _write(pipe, _ASKED.pack(len(title), len(which), len(data)) + title + which)
        _write(pipe, data)
        return _receive(self.process)

    def _ended(self, late: bool) -> str:
        code = self.process.returncode
        if late or code == -sandbox.SIGNAL:
            return (
                f"Unpacking this file takes more than {DECODE_CPU_S} s of computing, which is the "
                "most. Cut it, or export it again as WAV or FLAC."
            )
        LOG.error("a process that reads recordings ended with status %s", code)
        return _unreadable("ended")

    def end(self) -> None:
        """Nothing; the process is gone after it."""
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr] # both are pipes
        self.process.wait()


@contextlib.contextmanager
def _in_time(process: "subprocess.Popen[bytes]", seconds: float) -> Iterator[threading.Event]:
    """Whether time ran out, upon which the process is ended: that frees who waits for its pipe."""
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _unreadable(what: str) -> str:
    return (
        f"The decoder {what} over this file, which is damaged or was made to do that. Try it once "
        "more, or export it again as WAV, FLAC or MP3."
    )


def _too_much_memory() -> str:
    return (
        f"Unpacking this file takes more than {DECODE_MEMORY_BYTES // 2**20} MB of memory, which "
        "is the most. Cut it, or export it again as mono."
    )


def _write(pipe: IO[bytes], data: bytes | memoryview) -> None:
    left = memoryview(data)
    while left:
        left = left[pipe.write(left) :]


def _receive(process: subprocess.Popen[bytes]) -> tuple[dict[str, Any], Samples]:
    pipe = process.stdout
    assert pipe is not None
    n_json, n_samples = _ANSWERED.unpack(_fill(pipe, bytearray(_ANSWERED.size)))
    if n_json > _MOST_JSON or n_samples > _MOST_SAMPLES:
        raise EOFError("an answer of an impossible size")
    try:
        answer = json.loads(_fill(pipe, bytearray(n_json)))
    except (ValueError, RecursionError) as error:
        raise EOFError("an answer that is none") from error
    samples = np.empty(n_samples, np.float32)
    _fill(pipe, samples)
    return answer, samples


def _fill(pipe: IO[bytes], buffer: Any) -> Any:
    """The buffer, filled from the pipe."""
    left = memoryview(buffer).cast("B") if len(buffer) else memoryview(b"")
    while left:
        count = pipe.readinto(left)  # type: ignore[attr-defined] # it is a raw file
        if not count:
            raise EOFError("the process ended")
        left = left[count:]
    return buffer


def _checked(answer: Any, samples: Samples, data: bytes) -> Clip:
    """The clip of an answer, or its error raised; an answer that is neither is an error too."""
    try:
        if "error" in answer:
            if "fault" in answer:
                LOG.error("a recording could not be read: %.200s", answer["fault"])
            raise _TYPES[answer["error"]](str(answer["text"]))
        if not np.isfinite(samples).all() or not len(samples):
            raise ValueError("the samples are none")
        samples.flags.writeable = False
        return Clip(
            samples,
            int(answer["source_rate_hz"]),
            int(answer["source_channels"]),
            hashlib.sha256(data).hexdigest(),
            tuple(str(sentence) for sentence in answer["warnings"]),
            float(answer["clipped"]),
        )
    except (LookupError, TypeError, ValueError) as error:
        LOG.error("a process that reads recordings gave an answer that is none")
        raise DecoderError(_unreadable("stumbled")) from error


class IsolatedDecoder:
    """Processes that read recordings; each is started once, kept, and replaced when it ends."""

    def __init__(self, processes: int = PROCESSES) -> None:
        self._processes = processes
        self._ready: queue.LifoQueue[_Reader | None] = queue.LifoQueue()  # None: it did not start
        self._all: set[_Reader] = set()
        self._lock = threading.Lock()
        self._started = False

    def start(self) -> None:
        """Nothing; has the processes start in the background, if that was not done yet."""
        with self._lock:
            missing = 0 if self._started else self._processes
            self._started = True
        for _ in range(missing):
            self._launch()

    def decode(self, data: bytes, name: str = "", channel: str = MIX) -> Clip:
        """The clip that a recording or a channel of it holds, as ``clip.decode`` gives it.

        Raises
        ------
        AudioError
            What ``clip.decode`` raises, and ``DecoderError`` where the process that read
            it ended, or was ended at its limits.
        """
        if not 0 < len(data) <= MAX_BYTES:
            return audio_clip.decode(
                data, name, channel
            )  # raises: its size is all that it looks at
        self.start()
        try:
            return self._ask_one(data, name, channel)
        except _KilledError:  # by somebody else, perhaps before it was asked: not this one's fault
            return self._ask_one(data, name, channel)

    def _ask_one(self, data: bytes, name: str, channel: str) -> Clip:
        reader = self._take()
        try:
            return reader.ask(data, name, channel)
        finally:
            if reader.alive() and reader.n_read < _LAST_USE:
                self._ready.put(reader)
            else:
                self._replace(reader)

    def restrictions(self) -> dict[int, tuple[str, ...]]:
        """By process id, what each process that reads has given up."""
        with self._lock:
            return {reader.process.pid: reader.restrictions for reader in self._all}

    def missing_restrictions(self) -> dict[str, int]:
        """Return by restriction the number of running processes that could not be held to it."""
        missing = [sandbox.missing_restrictions(names) for names in self.restrictions().values()]
        return {name: sum(name in names for names in missing) for name in sandbox.RESTRICTIONS}

    def stop(self) -> None:
        """Nothing; ends the processes, which start again when they are needed."""
        with self._lock:
            readers, self._all, self._started = self._all, set(), False
            self._ready = queue.LifoQueue()
        for reader in readers:
            reader.end()

    def _take(self) -> _Reader:
        """A process that waits for a recording."""
        while True:
            try:
                reader = self._ready.get(timeout=DECODE_WALL_S)
            except queue.Empty:
                raise DecoderError(
                    "Too many recordings wait to be read. Try it again in a minute."
                ) from None
            if reader is None:
                self._launch()
                raise DecoderError(
                    "The decoder cannot be started on this computer. Try it again in a minute."
                )
            if reader.alive():
                return reader
            self._replace(reader)

    def _replace(self, reader: _Reader) -> None:
        reader.end()
        with self._lock:
            known = reader in self._all
            self._all.discard(reader)
        if known:
            self._launch()

    def _launch(self) -> None:
        threading.Thread(target=self._start_one, args=(self._ready,), daemon=True).start()

    def _start_one(self, ready: "queue.LifoQueue[_Reader | None]") -> None:
        try:
            reader = _start_reader()
        except (OSError, EOFError):
            LOG.exception("a process that reads recordings did not start")
            ready.put(None)
            return
        with self._lock:
            wanted = ready is self._ready  # else all were stopped meanwhile
            if wanted:
                self._all.add(reader)
        if wanted:
            _note_missing(sandbox.missing_restrictions(reader.restrictions))
            ready.put(reader)
        else:
            reader.end()


@functools.cache
def _note_missing(names: tuple[str, ...]) -> None:
    """Log once what processes that read recordings cannot be held to on this system."""
    if names:
        LOG.warning("processes that read recordings are not held to: %s", ", ".join(names))


def _start_reader() -> _Reader:
    """A process that is ready to read."""
    settings = {name: os.environ[name] for name in _KEPT if name in os.environ}
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", _CODE],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=paths.PACKAGE_DIR.parent,
        env=settings | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(paths.PACKAGE_DIR.parent)},
        start_new_session=True,  # Ctrl-C is for the server, whose end closes the pipe
    )
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(ImportError, AttributeError, OSError):
            import fcntl

            fcntl.fcntl(pipe, _PIPE_SIZE, _PIPE_BYTES)  # type: ignore[arg-type] # both are pipes
    reader = _Reader(process, ())
    try:
        with _in_time(process, DECODE_WALL_S):
            greeting, _ = _receive(process)
    except BaseException:
        reader.end()
        raise
    return _Reader(process, tuple(greeting["restrictions"]))


@functools.cache
def shared_decoder() -> IsolatedDecoder:
    """The decoder of this process, for all its sessions; its processes end with it."""
    decoder = IsolatedDecoder()
    atexit.register(decoder.stop)
    return decoder
