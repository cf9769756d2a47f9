"""Malformed recordings made by formula, each with the expected outcome.

They go through `emo.audio.clip`, through the command line and through the page.
"""

import functools
import importlib.util
import io
import itertools
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import soundfile

from emo.errors import (
    EmoError,
    LimitError,
    NotAudioError,
    NotFiniteError,
    SilentError,
    TooLongError,
    TooShortError,
)
from tests.support import damaged, signals

Expected = type[EmoError] | Literal["warning"]

OPUS_HEAD = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 312, 48_000, 0, 0)
OPUS_NOTHING = b"\x18"
"""SILK, narrow band, 60 ms, mono, one empty frame (RFC 6716, section 3.1)."""


@dataclass(frozen=True)
class Malformed:
    """A file, the error class that it must lead to (or "warning"), and words of the sentence."""

    name: str
    data: bytes
    expected: Expected
    words: str


@functools.cache
def malformed() -> tuple[Malformed, ...]:
    """Return all malformed files; the same ones every time."""
    parts = _strangers(), _headers_alone(), _cut_off(), _lying(), _out_of_limits(), _bad_sound()
    return tuple(itertools.chain.from_iterable(parts))


def _strangers() -> list[Malformed]:
    """Return files that are no sound."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("clip.wav", b"RIFF")
    random = np.random.default_rng(7).bytes(20_000)
    rows = (
        ("empty.wav", b"", "empty"),
        ("text.wav", b"To be, or not to be, that is the question.\n" * 50, "text"),
        ("wide-text.mp3", "RIFF and WAVE are words here.".encode("utf-16"), "text"),
        ("page.wav", b"\n<!DOCTYPE html><html><body>404 Not Found</body></html>", "web page"),
        ("feed.xml", b'<?xml version="1.0"?><rss/>', "XML"),
        ("archive.mp3", archive.getvalue(), "ZIP"),
        ("picture.wav", _png(), "PNG"),
        ("photo.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF" + random, "JPEG"),
        ("document.pdf", b"%PDF-1.7\n" + random, "PDF"),
        ("score.mid", b"MThd" + struct.pack(">IHHH", 6, 0, 1, 96), "MIDI"),
        ("call.sdp", _sdp(), "SDP"),
        ("call.aac", b"\xff\xf1\x50\x80" + _sdp(), "damaged"),
        (
            "list.m3u8",
            b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://[::1]/a.ts\n",
            "playlist",
        ),
        ("random.wav", random, "no known format of sound"),
        ("zeros.wav", bytes(50_000), "zero bytes"),
        ("random.mp3", b"\xff\xfb\x90\x64" + random, "MP3"),
        ("random.flac", b"fLaC" + random, "FLAC"),
        ("random.ogg", b"OggS" + random, "OGG"),
        ("random.m4a", b"\x00\x00\x00\x18ftypM4A " + random, "MP4"),
        ("tag.mp3", b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10), "MP3"),
    )
    return [Malformed(name, data, NotAudioError, words) for name, data, words in rows]


def _png() -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    size = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(9) * 8)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def _sdp() -> bytes:
    """Return a session description, for which a careless decoder opens a socket and waits."""
    lines = ("v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=x", "c=IN IP4 127.0.0.1", "t=0 0")
    return "\r\n".join((*lines, "m=audio 50004 RTP/AVP 0", "")).encode()


def _headers_alone() -> list[Malformed]:
    """Return files that end where the sound should begin."""
    voice = _voice()
    rows: list[tuple[str, bytes, Expected, str]] = [
        ("header.wav", signals.encoded(voice)[:44], TooShortError, "header"),
        ("header.aiff", signals.encoded(voice, container="AIFF")[:54], TooShortError, "header"),
        ("header.au", signals.encoded(voice, container="AU")[:24], TooShortError, "header"),
        ("header.caf", signals.encoded(voice, container="CAF")[:64], NotAudioError, "CAF"),
        ("header.flac", signals.encoded(voice, container="FLAC")[:86], TooShortError, "header"),
        ("header.ogg", signals.encoded(voice, container="OGG")[:58], NotAudioError, "OGG"),
        (
            "header.opus",
            signals.encoded(voice, container="OGG", subtype="OPUS")[:47],
            NotAudioError,
            "",
        ),
        ("header.mp3", signals.encoded(voice, container="MP3")[:48], NotAudioError, "MP3"),
        ("header.m4a", b"\x00\x00\x00\x18ftypM4A \x00\x00\x02\x00M4A isom", NotAudioError, "MP4"),
        ("header.webm", signals.webm_video()[:47], NotAudioError, "WebM"),
        ("header.aac", b"\xff\xf1\x50\x80\x02\x1f\xfc", NotAudioError, "AAC"),
        ("video.webm", signals.webm_video(), NotAudioError, "video without a sound track"),
    ]
    return [Malformed(*row) for row in rows]


def _cut_off() -> list[Malformed]:
    """Return files that end in the middle, and files that promise what they do not hold."""
    voice = _voice()
    wav = signals.encoded(voice)
    flac = signals.encoded(voice, container="FLAC")
    vorbis = signals.encoded(voice, container="OGG")
    rows: list[tuple[str, bytes, Expected, str]] = [
        ("half.wav", wav[: len(wav) // 2], "warning", "breaks off"),
        ("half.flac", flac[: len(flac) // 2], "warning", "breaks off"),
        ("half.mp3", _half(signals.encoded(voice, container="MP3")), "warning", "breaks off"),
        ("half.aiff", _half(signals.encoded(voice, container="AIFF")), "warning", "breaks off"),
        ("half.au", _half(signals.encoded(voice, container="AU")), "warning", "breaks off"),
        ("start.ogg", vorbis[:3000], NotAudioError, "OGG"),
        ("lying.wav", wav[:40] + struct.pack("<I", 2**30) + wav[44:], "warning", "breaks off"),
        ("lying.flac", flac_stating(flac, 16_000 * 3600), TooLongError, "60 minutes"),
        ("lying.ogg", _ogg_claiming(vorbis, 16_000 * 86_400), TooLongError, "1,440 minutes"),
        ("hour.flac", _hour_flac(), TooLongError, "60 minutes"),
        ("hour.opus", _hour_opus(), TooLongError, "60 minutes"),
        ("hour.webm", _hour_webm(), TooLongError, "10 minutes"),
    ]
    return [Malformed(*row) for row in rows]


def _lying() -> list[Malformed]:
    """Return files with wrong headers: all but two are read.

    The kinds are tested one by one in `tests/test_parts.py` and `tests/test_repair.py`.
    """
    voice = _voice()
    wav, mp3 = signals.encoded(voice), signals.encoded(voice, container="MP3")
    ogg = signals.encoded(voice, container="OGG")
    rows: list[tuple[str, bytes, Expected, str]] = [
        ("crashed.wav", damaged.with_size(wav, "WAV", 0), "warning", "states no length"),
        ("stated.wav", damaged.with_size(wav, "WAV", 0.5), "warning", "1.00 s follow"),
        ("joined.ogg", ogg + ogg, "warning", "2 recordings in a row"),
        ("middle.mp3", mp3[1111:], "warning", "are no frame of MP3"),
        ("foreign.wv", b"wvpk" + bytes(500), NotAudioError, "Convert it to WAV"),
    ]
    if importlib.util.find_spec("codecpod"):
        aac, m4a = damaged.adts_frames(signals.adts(voice)), signals.m4a(voice)
        pauses = damaged.amr_frames([3] * 40 + [8] + [15] * 20 + [3] * 20)
        cut, amr = b"".join(aac[:30]) + aac[30][:60], b"#!AMR\n" + b"".join(pauses)
        rows += [
            ("cut.aac", cut, "warning", "breaks off in its last frame"),
            ("packet.m4a", damaged.spoil_packets(m4a, [9]), "warning", "packets 1 is damaged"),
            ("pauses.amr", amr, "warning", "Of 1.62 s, 0.42 s are pauses"),
            ("unfinished.m4a", m4a[: m4a.index(b"moov") - 4], NotAudioError, "no index"),
        ]
    return [Malformed(*row) for row in rows]


def _out_of_limits() -> list[Malformed]:
    """Return WAV files whose header states what no recorder makes."""
    voice = _voice()
    few = voice[:8000]
    rows: list[tuple[str, bytes, Expected, str]] = [
        ("rate-0.wav", wav(few, rate_hz=0), LimitError, "sample rate of 0 Hz"),
        ("rate-1.wav", wav(few, rate_hz=1), LimitError, "sample rate of 1 Hz"),
        ("rate-4-billion.wav", wav(few, rate_hz=4_000_000_000), LimitError, "sample rate"),
        ("channels-0.wav", wav(few, channels=0), LimitError, "0 channels"),
        ("channels-1024.wav", wav(np.tile(few, 64), channels=1024), LimitError, "1,024 channels"),
        ("bits-0.wav", wav(few, bits=0), NotAudioError, "WAV"),
        ("codec.wav", wav(few, codec=0x4D4D), NotAudioError, "WAV"),
        ("frames-0.wav", wav(few[:0]), TooShortError, "no sound after it"),
        ("frames-1.wav", wav(few[:1]), TooShortError, "at least 0.3 s"),
        ("short.wav", wav(few[:1600]), TooShortError, "lasts 0.100 s"),
    ]
    return [Malformed(*row) for row in rows]


def _bad_sound() -> list[Malformed]:
    """Return intact files whose samples are the trouble."""
    voice = _voice().astype(np.float64)
    nan, infinite = voice.copy(), voice.copy()
    nan[4000], infinite[-1] = np.nan, -np.inf
    dither = np.random.default_rng(3).integers(-1, 2, 32_000).astype(np.int16)
    rows: list[tuple[str, bytes, Expected, str]] = [
        ("nan.wav", _floats(nan), NotFiniteError, "NaN"),
        ("all-nan.wav", _floats(np.full(16_000, np.nan)), NotFiniteError, "NaN"),
        ("infinite.wav", _floats(infinite), NotFiniteError, "infinity"),
        (
            "double.wav",
            signals.encoded(voice * 1e300, subtype="DOUBLE"),
            NotFiniteError,
            "infinity",
        ),
        ("huge.wav", _floats(voice * 1e35), "warning", "times full scale"),
        ("integers.wav", _floats(voice * 32_768), "warning", "times full scale"),
        (
            "silence.wav",
            signals.encoded(signals.silence(2.0)),
            SilentError,
            "all samples are equal",
        ),
        ("dither.wav", signals.encoded(dither), SilentError, "dBFS"),
        ("constant.wav", _floats(np.full(32_000, 0.5)), SilentError, "silent"),
        ("offset.wav", _floats(voice + 0.5), "warning", "constant offset"),
        ("quiet.wav", _floats(signals.at_level(voice, -60.0)), "warning", "very quiet"),
        ("clipped.wav", signals.encoded(np.clip(voice * 20, -1, 1)), "warning", "clipped"),
        ("phase.wav", _floats(np.stack([voice, -voice], axis=1)), "warning", "opposite phase"),
        (
            "telephone.wav",
            signals.encoded(signals.voice(rate_hz=8000), 8000),
            "warning",
            "8,000 Hz",
        ),
        ("cinema.wav", _floats(np.tile(voice[:, None], 6)), "warning", "6 channels"),
        ("really-wav.mp3", signals.encoded(voice), "warning", "name says MP3, the content is WAV"),
    ]
    return [Malformed(*row) for row in rows]


def _voice() -> signals.Samples:
    return signals.voice(130.0, 2.0, seed=5)


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _floats(samples: npt.ArrayLike) -> bytes:
    return signals.encoded(np.asarray(samples, dtype=np.float32), subtype="FLOAT")


def wav(
    samples: signals.Samples,
    rate_hz: int = signals.RATE_HZ,
    channels: int = 1,
    bits: int = 16,
    codec: int = 1,
) -> bytes:
    """Return a 16-bit WAV file whose header states whatever is wanted."""
    content = (samples * 32_767).astype("<i2").tobytes()
    align = channels * bits // 8
    head = struct.pack(
        "<HHIIHH", codec, channels, rate_hz, rate_hz * align % 2**32, align % 2**16, bits
    )
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head
    body += b"data" + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(body)) + body


def flac_stating(flac: bytes, frames: int) -> bytes:
    """Return the file with `frames` stated in its STREAMINFO (RFC 9639, section 8.2)."""
    stated = bytes([flac[21] & 0xF0 | frames >> 32]) + struct.pack(">I", frames & 2**32 - 1)
    return flac[:21] + stated + flac[26:]


def _hour_flac() -> bytes:
    """Return an hour of digital silence at 16 kHz in about 200 KB."""
    file = io.BytesIO()
    minute = np.zeros(16_000 * 60, dtype=np.int16)
    with soundfile.SoundFile(file, "w", 16_000, 1, format="FLAC", subtype="PCM_16") as out:
        for _ in range(60):
            out.write(minute)
    return file.getvalue()


def _hour_opus() -> bytes:
    """Return an hour of Opus in about 130 KB: each packet says "nothing was sent"."""
    tags = b"OpusTags" + struct.pack("<I", 3) + b"emo" + bytes(4)
    pages = [_ogg_page([OPUS_HEAD], 0, 0, 2), _ogg_page([tags], 0, 1, 0)]
    frames, total = 0, 48_000 * 3600
    while frames < total:
        count = min(250, (total - frames) // 2880)
        frames += count * 2880
        last = 4 if frames == total else 0
        pages.append(_ogg_page([OPUS_NOTHING] * count, frames, len(pages), last))
    return b"".join(pages)


def _hour_webm() -> bytes:
    """Return the same hour in WebM, where the header does not tell the length, in about 360 KB."""
    return signals.webm(signals.opus_track(OPUS_HEAD), [OPUS_NOTHING] * (3_600_000 // 60), 60)


def _ogg_claiming(data: bytes, frames: int) -> bytes:
    """Return an Ogg file whose last page states that it ends after `frames`."""
    start = data.rindex(b"OggS")
    page = bytearray(data[start:])
    page[6:14] = struct.pack("<q", frames)
    page[22:26] = bytes(4)
    page[22:26] = struct.pack("<I", ogg_checksum(bytes(page)))
    return data[:start] + bytes(page)


def _ogg_page(packets: list[bytes], frames: int, number: int, flags: int) -> bytes:
    """Return one page of whole packets shorter than 255 bytes (RFC 3533, section 6)."""
    lacing = bytes(len(packet) for packet in packets)
    head = b"OggS" + struct.pack("<BBqIIIB", 0, flags, frames, 1, number, 0, len(packets))
    page = bytearray(head + lacing + b"".join(packets))
    page[22:26] = struct.pack("<I", ogg_checksum(bytes(page)))
    return bytes(page)


@functools.cache
def _ogg_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        value <<= 24
        for _ in range(8):
            value = value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return tuple(table)


def ogg_checksum(page: bytes) -> int:
    checksum, table = 0, _ogg_table()
    for byte in page:
        checksum = (checksum << 8 & 0xFFFFFFFF) ^ table[checksum >> 24 ^ byte]
    return checksum
