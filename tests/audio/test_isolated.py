"""The processes that read uploads: they answer as the decoder does, and may die without harm."""

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

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux holds it")


@pytest.fixture(scope="module")
def reads() -> Iterator[IsolatedDecoder]:
    found = IsolatedDecoder(1)
    yield found
    found.stop()


def clip(duration_s: float = 1.0) -> bytes:
    return signals.encoded(signals.tone(220.0, duration_s))


def outcome(read: Callable[..., audio_clip.Clip], data: bytes, name: str) -> tuple[Any, ...]:
    try:
        found = read(data, name)
    except AudioError as error:
        return type(error), str(error)
    facts = found.source_rate_hz, found.source_channels, found.sha256, found.warnings
    return found.samples.tobytes(), found.clipped, *facts


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


def test_a_process_answers_as_the_decoder_does(
    reads: IsolatedDecoder, formats: dict[str, bytes]
) -> None:
    for name, data in formats.items():
        assert outcome(reads.decode, data, name) == outcome(audio_clip.decode, data, name), name


def test_whatever_is_refused_is_refused_in_the_same_words(reads: IsolatedDecoder) -> None:
    reads.decode(clip())
    before = reads.restrictions()
    for bad in malformed():
        found = outcome(reads.decode, bad.data, bad.name)
        assert found == outcome(audio_clip.decode, bad.data, bad.name), bad.name
    assert reads.restrictions() == before  # none of them took the process along


def test_samples_cannot_be_changed(reads: IsolatedDecoder) -> None:
    assert not reads.decode(clip()).samples.flags.writeable


@pytest.mark.parametrize("size", [0, MAX_BYTES + 1])
def test_what_is_empty_or_too_large_is_not_even_sent(size: int) -> None:
    with pytest.raises((NotAudioError, LimitError)):
        IsolatedDecoder(0).decode(bytes(size))


@LINUX
def test_the_process_has_given_up_all_that_it_does_not_need(reads: IsolatedDecoder) -> None:
    reads.decode(clip())
    (restrictions,) = reads.restrictions().values()
    assert {"descriptors", "written bytes", "core", "processes", "memory"} <= set(restrictions)
    (pid,) = reads.restrictions()
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        limits = {line[:25].strip(): line[26:47].split()[0] for line in list(file)[1:]}
    open_now = len(os.listdir(f"/proc/{pid}/fd"))
    assert int(limits["Max open files"]) <= open_now
    assert limits["Max file size"] == limits["Max processes"] == "0"
    if "network namespace" in restrictions:
        assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")


TRIES = """
import ctypes, os, resource, socket, sys
from emo.audio.sandbox import restrict_process, enter_network_namespace
enter_network_namespace()
restrict_process(100 * 2**20, 2)
for name, deed in {
    "socket": lambda: socket.socket(),
    "file": lambda: open("/etc/hostname"),
    "pipe": os.pipe,
    "more descriptors": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99)),
    "memory": lambda: bytearray(200 * 2**20),
    "duplicate": lambda: os.dup(0),
}.items():
    try:
        deed()
        print(name)
    except (OSError, MemoryError, ValueError):
        pass
print(ctypes.CDLL(None).socket(2, 1, 0))
"""


@LINUX
def test_a_closed_process_opens_nothing_not_even_in_c() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", TRIES], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout.split() == ["-1"]


def test_computing_ends_at_its_limit() -> None:
    code = "from emo.audio.sandbox import limit_computing\nlimit_computing(0.2)\nwhile True: pass"
    start_s = time.monotonic()
    ran = subprocess.run([sys.executable, "-c", code], timeout=60, check=False)
    assert ran.returncode == -signal.SIGPROF
    assert time.monotonic() - start_s < 20


def sent_while(reads: IsolatedDecoder, deed: signal.Signals) -> list[tuple[Any, ...]]:
    """What became of a recording whose process got a signal over it."""
    found: list[tuple[Any, ...]] = []
    (pid,) = reads.restrictions()
    os.kill(pid, signal.SIGSTOP)  # so that it is hit in the middle of its work

    def ask() -> None:
        found.append(outcome(reads.decode, clip(60.0), "a.wav"))

    asking = threading.Thread(target=ask)
    asking.start()
    while reads._ready.qsize():  # until it has been handed out
        time.sleep(0.01)
    os.kill(pid, deed)
    os.kill(pid, signal.SIGCONT)
    asking.join(60)
    return found


@pytest.mark.parametrize("deed", [signal.SIGSEGV, signal.SIGABRT])
def test_a_decoder_killed_over_a_recording_is_one_error_in_words(
    reads: IsolatedDecoder, deed: signal.Signals
) -> None:
    reads.decode(clip())
    (before,) = reads.restrictions()
    ((kind, text),) = sent_while(reads, deed)
    assert kind is DecoderError
    assert "The decoder ended over this file" in str(text)
    assert reads.decode(clip()).duration_s == pytest.approx(1)
    (after,) = reads.restrictions()
    assert after != before


def test_of_a_decoder_killed_by_somebody_else_the_next_one_takes_over(
    reads: IsolatedDecoder,
) -> None:
    reads.decode(clip())
    ((samples, *_),) = sent_while(reads, signal.SIGKILL)
    assert len(samples) == 4 * 60 * audio_clip.RATE_HZ


def test_a_recording_that_computes_too_long_is_told_so(reads: IsolatedDecoder) -> None:
    reads.decode(clip())
    ((kind, text),) = sent_while(reads, signal.SIGPROF)
    assert kind is DecoderError
    assert "more than 10 s of computing" in str(text)


def test_a_decoder_killed_while_it_waits_is_not_even_noticed(reads: IsolatedDecoder) -> None:
    reads.decode(clip())
    (pid,) = reads.restrictions()
    os.kill(pid, signal.SIGKILL)
    assert reads.decode(clip()).duration_s == pytest.approx(1)


def test_a_decoder_that_hangs_is_ended(
    reads: IsolatedDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads.decode(clip())
    monkeypatch.setattr(isolated, "DECODE_WALL_S", 0.5)
    (pid,) = reads.restrictions()
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(DecoderError, match="more than 10 s of computing"):
        reads.decode(clip(600.0))
    monkeypatch.undo()
    assert reads.decode(clip()).duration_s == pytest.approx(1)


def test_a_decoder_that_cannot_start_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(isolated, "_CODE", "raise SystemExit(3)")
    broken = IsolatedDecoder(1)
    with pytest.raises(DecoderError, match="cannot be started"):
        broken.decode(clip())
    broken.stop()
    assert "did not start" in caplog.text


ANSWERS = {
    "no JSON": b"{",
    "a list": b"[]",
    "nothing": b"{}",
    "an error that is none": b'{"error": "SystemExit", "text": "x"}',
    "an error of another kind": b'{"error": "ModelError", "text": "x"}',
    "texts for numbers": b'{"source_rate_hz": "x", "source_channels": 1, "warnings": []}',
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_what_a_process_answers_is_checked(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it would after someone found a way into a decoder."""
    lying = (
        "import os, struct, sys; hello = b'{\"restrictions\": []}'; say = sys.stdout.buffer.write; "
        "say(struct.pack('<IQ', len(hello), 0) + hello); sys.stdout.flush(); "
        f"sys.stdin.buffer.read(12 + 32044); answer = {answer!r}; "
        "say(struct.pack('<IQ', len(answer), 1) + answer + b'\\0\\0\\xc0\\x7f')"
    )
    monkeypatch.setattr(isolated, "_CODE", lying)
    found = IsolatedDecoder(1)
    with pytest.raises(DecoderError, match=r"The decoder (ended|stumbled)"):
        found.decode(clip())
    found.stop()


def test_two_at_once_get_their_own(formats: dict[str, bytes]) -> None:
    both = IsolatedDecoder(2)
    expected = {name: outcome(audio_clip.decode, data, name) for name, data in formats.items()}
    wrong: list[str] = []

    def ask(names: list[str]) -> None:
        wrong.extend(n for n in names if outcome(both.decode, formats[n], n) != expected[n])

    orders = [list(formats), list(reversed(formats))] * 2
    threads = [threading.Thread(target=ask, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert len(both.restrictions()) == 2
    both.stop()
    assert both.restrictions() == {}


def test_the_processes_end_with_the_one_that_asks() -> None:
    code = (
        "import os, sys; from emo.audio.isolated import shared_decoder\n"
        "from tests.audio.test_isolated import clip\n"
        "decoder = shared_decoder(); decoder.decode(clip())\n"
        "print(*decoder.restrictions(), flush=True); os._exit(0)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    for pid in ran.stdout.split():
        for _ in range(500):
            if not os.path.exists(f"/proc/{pid}"):
                break
            time.sleep(0.01)
        assert not os.path.exists(f"/proc/{pid}")
