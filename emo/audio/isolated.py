"""Decode uploads in sandboxed processes, which may crash without affecting the server.

Each process has no access to the network, files and other processes (``emo.audio.sandbox``), is
limited in memory and computing time for each recording, and is replaced when it ends.  Requests
and responses pass through two pipes, as JSON and plain samples.  Responses are validated, since an
attacker who exploits a decoder controls them.
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
"""Decoding processes, one more than cores; further recordings wait for a free one."""

LOG = logging.getLogger("emo")

_CODE = (
    "from emo.audio.sandbox import enter_network_namespace as enter; "
    "restrictions = enter(); "
    "from emo.audio.isolated import serve; serve(restrictions)"
)
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMP", "TEMP", "LANG", "TZ")
_REQUEST = struct.Struct("<IIQ")  # bytes of the name, of the channel's, and of the recording
_RESPONSE = struct.Struct("<IQ")  # bytes of JSON, number of samples
_MAX_JSON = 2**16
_MAX_SAMPLES = int((MAX_DURATION_S + 1) * RATE_HZ)
_PIPE_BYTES = 2**20
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ, fcntl.h of Linux
_MAX_USES = 500  # recordings, after which the process is replaced, since libraries may leak
_SIGKILL = 9  # which the module signal lacks on Windows
_NO_SAMPLES: Samples = np.empty(0, np.float32)
_ERROR_TYPES = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, AudioError)
}


# --- In the sandboxed process --------------------------------------------------------------------


def serve(restrictions: list[str]) -> None:
    """Decode recordings until the pipe of requests is closed, as a sandboxed process.

    Parameters
    ----------
    restrictions
        Names of the restrictions that are in force already.
    """
    requests, responses = _take_pipes()
    _warm_up()
    highest_descriptor = max(requests.fileno(), responses.fileno())
    restrictions += sandbox.restrict_process(DECODE_MEMORY_BYTES, highest_descriptor)
    _send(responses, {"restrictions": restrictions}, _NO_SAMPLES)
    while head := requests.read(_REQUEST.size):
        sizes = _REQUEST.unpack(head)
        name, channel, data = (requests.read(size) for size in sizes)
        sandbox.limit_computing(DECODE_CPU_S)
        response, samples = _decode(data, name.decode("utf-8", "replace"), channel.decode())
        sandbox.limit_computing(0)
        _send(responses, response, samples)
        del data, samples


def _take_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return the pipes under new descriptors, so that libraries that print cannot write to them."""
    requests, responses = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)
    return os.fdopen(requests, "rb", _PIPE_BYTES), os.fdopen(responses, "wb", 0)


def _warm_up() -> None:
    """Load all that decoding needs, since no file can be opened later."""
    file = io.BytesIO()
    wave = np.sin(np.arange(8000) / 9)
    soundfile.write(file, np.stack([wave, -wave], axis=1), 8000, format="WAV")
    for data in (file.getvalue(), b"\x00\x00\x00\x18ftypM4A " + bytes(16)):
        with contextlib.suppress(AudioError):
            audio_clip.decode(data)


def _decode(data: bytes, name: str, channel: str) -> tuple[dict[str, Any], Samples]:
    """Return the response to a recording: the fields of its clip, or of its error, and samples."""
    try:
        clip = audio_clip.decode(data, name, channel)
    except AudioError as error:
        return {"error": type(error).__name__, "text": str(error)}, _NO_SAMPLES
    except MemoryError:
        return {"error": "DecoderError", "text": _too_much_memory()}, _NO_SAMPLES
    except Exception as error:
        place = error.__traceback__
        while place and place.tb_next:
            place = place.tb_next
        line = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else ""
        fault = f"{type(error).__name__} at {line}"  # without its text, which may quote the content
        response = {"error": "DecoderError", "text": _unreadable("failed on"), "fault": fault}
        return response, _NO_SAMPLES
    fields = {
        "source_rate_hz": clip.source_rate_hz,
        "source_channels": clip.source_channels,
        "warnings": list(clip.warnings),
        "clipped": clip.clipped,
    }
    return fields, clip.samples


def _send(pipe: IO[bytes], response: dict[str, Any], samples: Samples) -> None:
    text = json.dumps(response).encode()
    _write(pipe, _RESPONSE.pack(len(text), len(samples)) + text)
    if len(samples):
        _write(pipe, np.ascontiguousarray(samples).data.cast("B"))


# --- In the server -------------------------------------------------------------------------------


class _KilledError(DecoderError):
    """The process was killed, as by a system that is out of memory, and not at its limits."""


@dataclass(eq=False)
class _Worker:
    """Sandboxed process, its restrictions, and the number of its recordings."""

    process: subprocess.Popen[bytes]
    restrictions: tuple[str, ...]
    n_uses: int = 0

    def decode(self, data: bytes, name: str, channel: str) -> Clip:
        """Return the clip of a recording or raise its error; end the process at the time limit."""
        self.n_uses += 1
        try:
            with _time_limit(self.process, DECODE_WALL_S) as is_late:
                response, samples = self._exchange(data, name, channel)
        except (OSError, EOFError) as error:
            self.end()
            was_killed = not is_late.is_set() and self.process.returncode == -_SIGKILL
            reason = self._describe_end(is_late.is_set())
            raise (_KilledError if was_killed else DecoderError)(reason) from error
        except BaseException:  # a part of the response may be left in the pipe
            self.end()
            raise
        return _parse(response, samples, data)

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def _exchange(self, data: bytes, name: str, channel: str) -> tuple[dict[str, Any], Samples]:
        pipe = self.process.stdin
        assert pipe is not None
        name_bytes, channel_bytes = name.encode("utf-8", "replace")[:1000], channel.encode()
        head = _REQUEST.pack(len(name_bytes), len(channel_bytes), len(data))
        _write(pipe, head + name_bytes + channel_bytes)
        _write(pipe, data)
        return _receive(self.process)

    def _describe_end(self, is_late: bool) -> str:
        code = self.process.returncode
        if is_late or code == -sandbox.SIGNAL:
            return (
                f"Unpacking this file takes more than the limit of {DECODE_CPU_S} s of computing. "
                "Cut it, or export it again as WAV or FLAC."
            )
        LOG.error("a sandboxed decoder ended with status %s", code)
        return _unreadable("crashed on")

    def end(self) -> None:
        """Kill the process and wait for its end."""
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr] # both are pipes
        self.process.wait()


@contextlib.contextmanager
def _time_limit(process: "subprocess.Popen[bytes]", seconds: float) -> Iterator[threading.Event]:
    """Kill the process after some seconds, which ends waiting for its pipe, and set an event."""
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        process.kill()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield is_late
    finally:
        timer.cancel()


def _unreadable(what: str) -> str:
    return (
        f"The decoder {what} this file, which is damaged or was made to cause that. Try it again, "
        "or export it again as WAV, FLAC or MP3."
    )


def _too_much_memory() -> str:
    return (
        f"Unpacking this file takes more than the limit of {DECODE_MEMORY_BYTES // 2**20} MB of "
        "memory. Cut it, or export it again as mono."
    )


def _write(pipe: IO[bytes], data: bytes | memoryview) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[pipe.write(rest) :]


def _receive(process: subprocess.Popen[bytes]) -> tuple[dict[str, Any], Samples]:
    pipe = process.stdout
    assert pipe is not None
    n_json, n_samples = _RESPONSE.unpack(_fill(pipe, bytearray(_RESPONSE.size)))
    if n_json > _MAX_JSON or n_samples > _MAX_SAMPLES:
        raise EOFError("a response of an impossible size")
    try:
        response = json.loads(_fill(pipe, bytearray(n_json)))
    except (ValueError, RecursionError) as error:
        raise EOFError("an invalid response") from error
    samples = np.empty(n_samples, np.float32)
    _fill(pipe, samples)
    return response, samples


def _fill(pipe: IO[bytes], buffer: Any) -> Any:
    """Fill a buffer from a pipe, and return it."""
    rest = memoryview(buffer).cast("B") if len(buffer) else memoryview(b"")
    while rest:
        count = pipe.readinto(rest)  # type: ignore[attr-defined] # it is a raw file
        if not count:
            raise EOFError("the process ended")
        rest = rest[count:]
    return buffer


def _parse(response: Any, samples: Samples, data: bytes) -> Clip:
    """Return the clip of a response, or raise its error; an invalid response is an error too."""
    try:
        if "error" in response:
            if "fault" in response:
                LOG.error("a recording could not be decoded: %.200s", response["fault"])
            raise _ERROR_TYPES[response["error"]](str(response["text"]))
        if not np.isfinite(samples).all() or not len(samples):
            raise ValueError("invalid samples")
        samples.flags.writeable = False
        return Clip(
            samples,
            int(response["source_rate_hz"]),
            int(response["source_channels"]),
            hashlib.sha256(data).hexdigest(),
            tuple(str(sentence) for sentence in response["warnings"]),
            float(response["clipped"]),
        )
    except (LookupError, TypeError, ValueError) as error:
        LOG.error("a sandboxed decoder sent an invalid response")
        raise DecoderError(_unreadable("failed on")) from error


class IsolatedDecoder:
    """Pool of sandboxed processes that decode; each is kept, and replaced when it ends.

    Parameters
    ----------
    processes
        Number of processes, and so of recordings that are decoded at once.
    """

    def __init__(self, processes: int = PROCESSES) -> None:
        self._processes = processes
        self._ready: queue.LifoQueue[_Worker | None] = queue.LifoQueue()  # None: a failed start
        self._workers: set[_Worker] = set()
        self._lock = threading.Lock()
        self._started = False

    def start(self) -> None:
        """Start the processes in the background, unless that was done before."""
        with self._lock:
            n_new = 0 if self._started else self._processes
            self._started = True
        for _ in range(n_new):
            self._launch()

    def decode(self, data: bytes, name: str = "", channel: str = MIX) -> Clip:
        """Return the clip of a recording or of one channel, as ``emo.audio.clip.decode`` does.

        Raises
        ------
        AudioError
            As ``emo.audio.clip.decode``; ``DecoderError`` if the process crashed, or was ended at
            its limits.
        """
        if not 0 < len(data) <= MAX_BYTES:
            return audio_clip.decode(data, name, channel)  # raises the error for this size
        self.start()
        try:
            return self._decode(data, name, channel)
        except _KilledError:  # from outside, perhaps before the request: not caused by this file
            return self._decode(data, name, channel)

    def _decode(self, data: bytes, name: str, channel: str) -> Clip:
        worker = self._take()
        try:
            return worker.decode(data, name, channel)
        finally:
            if worker.is_alive() and worker.n_uses < _MAX_USES:
                self._ready.put(worker)
            else:
                self._replace(worker)

    def restrictions(self) -> dict[int, tuple[str, ...]]:
        """Return the restrictions of each running process, by process id."""
        with self._lock:
            return {worker.process.pid: worker.restrictions for worker in self._workers}

    def missing_restrictions(self) -> dict[str, int]:
        """Return the number of running processes without each restriction."""
        missing = [sandbox.missing_restrictions(names) for names in self.restrictions().values()]
        return {name: sum(name in names for names in missing) for name in sandbox.RESTRICTIONS}

    def stop(self) -> None:
        """End the processes, which start again when they are needed."""
        with self._lock:
            workers, self._workers, self._started = self._workers, set(), False
            self._ready = queue.LifoQueue()
        for worker in workers:
            worker.end()

    def _take(self) -> _Worker:
        """Return a free worker."""
        while True:
            try:
                worker = self._ready.get(timeout=DECODE_WALL_S)
            except queue.Empty:
                raise DecoderError(
                    "Too many recordings wait to be decoded. Try it again in a minute."
                ) from None
            if worker is None:
                self._launch()
                raise DecoderError(
                    "The decoder cannot be started on this computer. Try it again in a minute."
                )
            if worker.is_alive():
                return worker
            self._replace(worker)

    def _replace(self, worker: _Worker) -> None:
        worker.end()
        with self._lock:
            is_known = worker in self._workers
            self._workers.discard(worker)
        if is_known:
            self._launch()

    def _launch(self) -> None:
        threading.Thread(target=self._add_worker, args=(self._ready,), daemon=True).start()

    def _add_worker(self, ready: "queue.LifoQueue[_Worker | None]") -> None:
        try:
            worker = _start_worker()
        except (OSError, EOFError):
            LOG.exception("a sandboxed decoder did not start")
            ready.put(None)
            return
        with self._lock:
            is_needed = ready is self._ready  # else all were stopped in the meantime
            if is_needed:
                self._workers.add(worker)
        if is_needed:
            _log_missing(sandbox.missing_restrictions(worker.restrictions))
            ready.put(worker)
        else:
            worker.end()


@functools.cache
def _log_missing(names: tuple[str, ...]) -> None:
    """Log, once for each set of names, the restrictions that this system does not support."""
    if names:
        LOG.warning("sandboxed decoders lack these restrictions: %s", ", ".join(names))


def _start_worker() -> _Worker:
    """Start a process, and return it when it is ready."""
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", _CODE],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=paths.PACKAGE_DIR.parent,
        env=environment
        | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(paths.PACKAGE_DIR.parent)},
        start_new_session=True,  # Ctrl-C ends the server, which closes the pipe
    )
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(ImportError, AttributeError, OSError):
            import fcntl

            fcntl.fcntl(pipe, _SET_PIPE_SIZE, _PIPE_BYTES)  # type: ignore[arg-type] # both are pipes
    worker = _Worker(process, ())
    try:
        with _time_limit(process, DECODE_WALL_S):
            greeting, _ = _receive(process)
    except BaseException:
        worker.end()
        raise
    return _Worker(process, tuple(greeting["restrictions"]))


@functools.cache
def shared_decoder() -> IsolatedDecoder:
    """Return the decoder of this process for all its sessions; its processes end with this one."""
    decoder = IsolatedDecoder()
    atexit.register(decoder.stop)
    return decoder
