"""Sandboxed decoders: equal to the decoder in this process, restricted, and replaced on a crash."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from emo.audio import clip as audio_clip
from emo.audio import isolated
from emo.audio.isolated import IsolatedDecoder
from emo.audio.limits import MAX_BYTES
from emo.errors import AudioError, DecoderError, LimitError, NotAudioError
from tests.support import signals
from tests.support.malformed import malformed

LINUX = pytest.mark.skipif(
    sys.platform != "linux", reason="the restrictions need the kernel of Linux"
)


@pytest.fixture(scope="module")
def isolated_decoder() -> Iterator[IsolatedDecoder]:
    decoder = IsolatedDecoder(1)
    yield decoder
    decoder.stop()


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for what another thread or process does, which takes seconds on a busy machine."""
    end_s = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end_s, "it did not happen within a minute"
        time.sleep(0.01)


def clip(duration_s: float = 1.0) -> bytes:
    return signals.encoded(signals.tone(220.0, duration_s))


def outcome(decode: Callable[..., audio_clip.Clip], data: bytes, name: str) -> tuple[Any, ...]:
    try:
        decoded = decode(data, name)
    except AudioError as error:
        return type(error), str(error)
    facts = decoded.source_rate_hz, decoded.source_channels, decoded.sha256, decoded.warnings
    return decoded.samples.tobytes(), decoded.clipped, *facts


@pytest.fixture(scope="module")
def formats() -> dict[str, bytes]:
    voice = signals.voice()
    stereo = np.stack([voice, -voice], axis=1)
    return {
        "a.wav": signals.encoded(stereo),
        "a.flac": signals.encoded(voice, container="FLAC"),
        "a.mp3": signals.encoded(voice, container="MP3"),
        "a.ogg": signals.encoded(voice, container="OGG"),
        "a.opus": signals.encoded(voice, container="OGG", subtype="OPUS"),
        "a.aiff": signals.encoded(voice, container="AIFF"),
        "a.m4a": signals.m4a(voice),
        "a.aac": signals.adts(voice),
        "a.webm": signals.webm_opus(voice),
        "a.alac": signals.encoded(signals.voice(rate_hz=44_100), 44_100, "CAF", "ALAC_16"),
    }


@pytest.mark.slow
def test_decode_equals_the_decoder_in_this_process(
    isolated_decoder: IsolatedDecoder, formats: dict[str, bytes]
) -> None:
    for name, data in formats.items():
        assert outcome(isolated_decoder.decode, data, name) == outcome(
            audio_clip.decode, data, name
        ), name


@pytest.mark.slow
def test_decode_rejects_malformed_files_with_the_same_sentence(
    isolated_decoder: IsolatedDecoder,
) -> None:
    isolated_decoder.decode(clip())
    before = isolated_decoder.restrictions()
    for bad in malformed():
        response = outcome(isolated_decoder.decode, bad.data, bad.name)
        assert response == outcome(audio_clip.decode, bad.data, bad.name), bad.name
    assert isolated_decoder.restrictions() == before  # none of them ended the process


def test_decode_returns_read_only_samples(isolated_decoder: IsolatedDecoder) -> None:
    assert not isolated_decoder.decode(clip()).samples.flags.writeable


@pytest.mark.parametrize("size", [0, MAX_BYTES + 1])
def test_decode_starts_no_process_for_an_empty_or_too_large_file(size: int) -> None:
    with pytest.raises((NotAudioError, LimitError)):
        IsolatedDecoder(0).decode(bytes(size))


@LINUX
def test_process_has_all_restrictions(isolated_decoder: IsolatedDecoder) -> None:
    isolated_decoder.decode(clip())
    (restrictions,) = isolated_decoder.restrictions().values()
    assert {"descriptors", "written bytes", "core", "processes", "memory"} <= set(restrictions)
    (pid,) = isolated_decoder.restrictions()
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        limits = {line[:25].strip(): line[26:47].split()[0] for line in list(file)[1:]}
    open_now = len(os.listdir(f"/proc/{pid}/fd"))
    assert int(limits["Max open files"]) <= open_now
    assert limits["Max file size"] == limits["Max processes"] == "0"
    if "network namespace" in restrictions:
        assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")


ATTEMPTS = """
import ctypes, os, resource, socket, sys
from emo.audio.sandbox import restrict_process, enter_network_namespace
enter_network_namespace()
restrict_process(100 * 2**20, 2)
for name, action in {
    "socket": lambda: socket.socket(),
    "file": lambda: open("/etc/hostname"),
    "pipe": os.pipe,
    "more descriptors": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99)),
    "memory": lambda: bytearray(200 * 2**20),
    "duplicate": lambda: os.dup(0),
}.items():
    try:
        action()
        print(name)
    except (OSError, MemoryError, ValueError):
        pass
print(ctypes.CDLL(None).socket(2, 1, 0))
"""


@LINUX
def test_restricted_process_cannot_open_anything() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ATTEMPTS], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout.split() == ["-1"]


def test_limit_computing_ends_the_process() -> None:
    code = "from emo.audio.sandbox import limit_computing\nlimit_computing(0.2)\nwhile True: pass"
    start_s = time.monotonic()
    ran = subprocess.run([sys.executable, "-c", code], timeout=60, check=False)
    assert ran.returncode == -signal.SIGPROF
    assert time.monotonic() - start_s < 20


def outcome_of_signal(
    isolated_decoder: IsolatedDecoder, number: signal.Signals
) -> list[tuple[Any, ...]]:
    """Return the outcome of a recording during which its process gets a signal."""
    outcomes: list[tuple[Any, ...]] = []
    (worker,) = isolated_decoder._workers
    pid, n_uses = worker.process.pid, worker.n_uses
    os.kill(pid, signal.SIGSTOP)  # the signal comes while the recording is decoded

    def decode() -> None:
        outcomes.append(outcome(isolated_decoder.decode, clip(60.0), "a.wav"))

    decoding = threading.Thread(target=decode)
    decoding.start()
    wait_until(lambda: worker.n_uses > n_uses)  # else an ended process is not chosen
    os.kill(pid, number)
    os.kill(pid, signal.SIGCONT)
    decoding.join(60)
    return outcomes


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_decode_reports_a_crash_and_replaces_the_process(
    isolated_decoder: IsolatedDecoder, number: signal.Signals
) -> None:
    isolated_decoder.decode(clip())
    (before,) = isolated_decoder.restrictions()
    ((kind, text),) = outcome_of_signal(isolated_decoder, number)
    assert kind is DecoderError
    assert "The decoder crashed on this file" in str(text)
    assert isolated_decoder.decode(clip()).duration_s == pytest.approx(1)
    (after,) = isolated_decoder.restrictions()
    assert after != before


def test_decode_tries_again_when_its_process_was_killed_from_outside(
    isolated_decoder: IsolatedDecoder,
) -> None:
    isolated_decoder.decode(clip())
    ((samples, *_),) = outcome_of_signal(isolated_decoder, signal.SIGKILL)
    assert len(samples) == 4 * 60 * audio_clip.RATE_HZ


def test_decode_names_the_limit_of_computing(isolated_decoder: IsolatedDecoder) -> None:
    isolated_decoder.decode(clip())
    ((kind, text),) = outcome_of_signal(isolated_decoder, signal.SIGPROF)
    assert kind is DecoderError
    assert "limit of 10 s of computing" in str(text)


def test_decode_replaces_a_process_that_was_killed_while_idle(
    isolated_decoder: IsolatedDecoder,
) -> None:
    isolated_decoder.decode(clip())
    (pid,) = isolated_decoder.restrictions()
    os.kill(pid, signal.SIGKILL)
    assert isolated_decoder.decode(clip()).duration_s == pytest.approx(1)


@pytest.mark.slow
def test_decode_ends_a_process_that_hangs(
    isolated_decoder: IsolatedDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    isolated_decoder.decode(clip())
    (pid,) = isolated_decoder.restrictions()
    time_limit = isolated._time_limit

    def limit(process: "subprocess.Popen[bytes]", seconds: float) -> Any:
        return time_limit(process, seconds / 100 if process.pid == pid else seconds)

    monkeypatch.setattr(isolated, "_time_limit", limit)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(DecoderError, match="limit of 10 s of computing"):
        isolated_decoder.decode(clip(600.0))
    assert isolated_decoder.decode(clip()).duration_s == pytest.approx(1)


def test_decode_reports_a_process_that_cannot_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(isolated, "_CODE", "raise SystemExit(3)")
    broken = IsolatedDecoder(1)
    with pytest.raises(DecoderError, match="cannot be started"):
        broken.decode(clip())
    broken.stop()
    assert "did not start" in caplog.text


RESPONSES = {
    "no JSON": b"{",
    "a list": b"[]",
    "an empty object": b"{}",
    "an unknown error": b'{"error": "SystemExit", "text": "x"}',
    "an error of another kind": b'{"error": "ModelError", "text": "x"}',
    "texts for numbers": b'{"source_rate_hz": "x", "source_channels": 1, "warnings": []}',
}


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
def test_decode_rejects_an_invalid_response(
    response: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attacker who exploits a decoder can send any response."""
    program = (
        "import os, struct, sys; hello = b'{\"restrictions\": []}'; say = sys.stdout.buffer.write; "
        "say(struct.pack('<IQ', len(hello), 0) + hello); sys.stdout.flush(); "
        f"sys.stdin.buffer.read(12 + 32044); response = {response!r}; "
        "say(struct.pack('<IQ', len(response), 1) + response + b'\\0\\0\\xc0\\x7f')"
    )
    monkeypatch.setattr(isolated, "_CODE", program)
    decoder = IsolatedDecoder(1)
    with pytest.raises(DecoderError, match=r"The decoder (crashed|failed) on this file"):
        decoder.decode(clip())
    decoder.stop()


@pytest.mark.slow
def test_decode_keeps_simultaneous_recordings_apart(formats: dict[str, bytes]) -> None:
    both = IsolatedDecoder(2)
    expected = {name: outcome(audio_clip.decode, data, name) for name, data in formats.items()}
    wrong: list[str] = []

    def decode(names: list[str]) -> None:
        wrong.extend(n for n in names if outcome(both.decode, formats[n], n) != expected[n])

    orders = [list(formats), list(reversed(formats))] * 2
    threads = [threading.Thread(target=decode, args=(order,)) for order in orders]
    both.start()
    wait_until(lambda: len(both.restrictions()) == 2)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert len(both.restrictions()) == 2
    both.stop()
    assert both.restrictions() == {}


@pytest.mark.slow
def test_processes_end_with_their_parent() -> None:
    code = (
        "import os, sys; from emo.audio.isolated import shared_decoder\n"
        "from tests.audio.test_isolated import clip\n"
        "decoder = shared_decoder(); decoder.decode(clip())\n"
        "print(*decoder.restrictions(), flush=True); os._exit(0)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in ran.stdout.split()))
