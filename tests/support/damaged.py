"""Damaged files as recorders, telephones and joining leave them."""

import struct
from collections.abc import Sequence

import numpy as np

from tests.support import signals

SIZES = {
    "WAV": (b"data", 4, "<I", 0),
    "RF64": (b"ds64", 16, "<Q", 0),
    "W64": (b"data", 16, "<Q", 24),
    "AIFF": (b"SSND", 4, ">I", 8),
    "AU": (b".snd", 8, ">I", 0),
    "CAF": (b"data", 4, ">Q", 4),
}
"""Mark, distance from it, form of the size of the sound, and what the size counts besides."""


def with_size(data: bytes, container: str, change: float) -> bytes:
    """Return the file with the stated size of its sound multiplied."""
    mark, distance, form, more = SIZES[container]
    at = data.index(mark) + distance
    size = struct.unpack_from(form, data, at)[0] - more
    stated = int(size * change) + more if change else 0
    return data[:at] + struct.pack(form, stated) + data[at + struct.calcsize(form) :]


def mp3_frames(data: bytes) -> list[bytes]:
    """Return the frames of an MP3 file of MPEG-1 or MPEG-2, layer III (ISO 11172-3, 2.4.2.3)."""
    first = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000)}
    kbits = {
        3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
        2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    }
    at = next(n for n in range(len(data)) if data[n] == 0xFF and data[n + 1] >> 5 == 7)
    frames = []
    while at + 4 <= len(data) and data[at] == 0xFF:
        version = data[at + 1] >> 3 & 3
        rate_hz = first[version][data[at + 2] >> 2 & 3]
        kbit = kbits[version][data[at + 2] >> 4]
        n_bytes = (144 if version == 3 else 72) * kbit * 1000 // rate_hz + (data[at + 2] >> 1 & 1)
        frames.append(data[at : at + n_bytes])
        at += n_bytes
    return frames


def adts_frames(data: bytes) -> list[bytes]:
    """Return the frames of raw AAC."""
    frames, at = [], 0
    while at < len(data):
        n_bytes = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        frames.append(data[at : at + n_bytes])
        at += n_bytes
    return frames


def packet_table(m4a: bytes) -> tuple[int, list[int]]:
    """Return where the first packet of a file by FFmpeg begins, and the bytes of each."""
    table = m4a.index(b"stsz") + 8
    (count,) = struct.unpack_from(">I", m4a, table + 4)
    return m4a.index(b"mdat") + 4, list(struct.unpack_from(f">{count}I", m4a, table + 8))


def spoil_packets(m4a: bytes, bad: Sequence[int], fill: bytes = b"\xff") -> bytes:
    """Return the file with packets of one byte alone: of ones for AAC, of zeros for ALAC."""
    at, sizes = packet_table(m4a)
    spoilt = bytearray(m4a)
    for n in bad:
        start = at + sum(sizes[:n])
        spoilt[start : start + sizes[n]] = fill * sizes[n]
    return bytes(spoilt)


def box(name: bytes, *parts: bytes) -> bytes:
    """Return one box of MP4."""
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, name) + body


def inner(data: bytes, name: bytes) -> bytes:
    """Return the first box of a name, wherever it lies."""
    at = data.index(name) - 4
    return data[at : at + struct.unpack_from(">I", data, at)[0]]


def movie(
    entry: bytes, rate_hz: int, packets: Sequence[bytes], units: int, per_fragment: int = 0
) -> bytes:
    """Return a QuickTime-like file with the index first, or in fragments as a browser records."""
    none = bytes(8)
    if per_fragment:
        stts, stsc = box(b"stts", none), box(b"stsc", none)
        sizes, places = box(b"stsz", bytes(12)), box(b"stco", none)
    else:
        n = len(packets)
        stts = box(b"stts", struct.pack(">IIII", 0, 1, n, units))
        stsc = box(b"stsc", struct.pack(">IIIII", 0, 1, 1, n, 1))
        sizes = box(b"stsz", struct.pack(f">III{n}I", 0, 0, n, *map(len, packets)))
        places = box(b"stco", struct.pack(">III", 0, 1, 0))
    reference = box(b"dref", struct.pack(">II", 0, 1), box(b"url ", struct.pack(">I", 1)))
    table = box(b"stbl", entry, stts, stsc, sizes, places)
    info = box(b"minf", box(b"smhd", none), box(b"dinf", reference), table)
    handler = box(b"hdlr", none, b"soun", bytes(13))
    length = 0 if per_fragment else units * len(packets)
    header = box(b"mdhd", struct.pack(">6I", 0, 0, 0, rate_hz, length, 0x55C4_0000))
    unit = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000)
    track = box(b"tkhd", struct.pack(">6I", 7, 0, 0, 1, 0, length), bytes(16), unit, none)
    trak = box(b"trak", track, box(b"mdia", header, handler, info))
    start = struct.pack(">7I", 0, 0, 0, rate_hz, length, 0x10000, 0x100_0000)
    parts = [box(b"mvhd", start, none, unit, bytes(24), struct.pack(">I", 2)), trak]
    kind = box(b"ftyp", b"isom\0\0\2\0isomiso5")
    if not per_fragment:
        moov = box(b"moov", *parts)
        at = moov.index(b"stco") + 12
        place = struct.pack(">I", len(kind) + len(moov) + 8)
        return kind + moov[:at] + place + moov[at + 4 :] + box(b"mdat", *packets)
    parts.append(box(b"mvex", box(b"trex", struct.pack(">6I", 0, 1, 1, units, 0, 0))))
    pieces = [kind, box(b"moov", *parts)]
    for number, first in enumerate(range(0, len(packets), per_fragment)):
        some = packets[first : first + per_fragment]
        pieces.append(_moof(number + 1, some, number * per_fragment * units))
        pieces.append(box(b"mdat", *some))
    return b"".join(pieces)


def _moof(number: int, packets: Sequence[bytes], start: int) -> bytes:
    head = box(b"tfhd", struct.pack(">II", 0x20000, 1))
    time = box(b"tfdt", struct.pack(">IQ", 1 << 24, start))

    def whole(offset: int) -> bytes:
        sizes = struct.pack(f">{len(packets)}I", *map(len, packets))
        run = box(b"trun", struct.pack(">IIi", 0x201, len(packets), offset), sizes)
        order = box(b"mfhd", struct.pack(">II", 0, number))
        return box(b"moof", order, box(b"traf", head, time, run))

    return whole(len(whole(0)) + 8)


AMR_BYTES = (12, 13, 15, 17, 19, 20, 26, 31, 5, 6, 5, 5, 0, 0, 0, 0)
AMR_WIDE_BYTES = (17, 23, 32, 36, 40, 46, 50, 58, 60, 5, 0, 0, 0, 0, 0, 0)


def amr_frames(types: Sequence[int], is_wide: bool = False, seed: int = 0) -> list[bytes]:
    """Return frames of AMR of these types, their parameters by chance: a babble that decodes."""
    rng, sizes = np.random.default_rng(seed), AMR_WIDE_BYTES if is_wide else AMR_BYTES
    return [bytes([kind << 3 | 4]) + rng.bytes(sizes[kind]) for kind in types]


def amr_entry(name: bytes = b"samr", rate_hz: int = 8000) -> bytes:
    """Return the description of AMR in 3GP (3GPP TS 26.244, 6.5)."""
    sound = bytes(6) + b"\0\1" + bytes(8) + b"\0\2\0\x10" + bytes(4)
    sound += struct.pack(">I", rate_hz << 16)
    special = box(b"damr", b"test\0\x81\xff\0\1")
    return box(b"stsd", struct.pack(">II", 0, 1), box(name, sound, special))


def sphere(samples: signals.Samples, coding: str = "pcm", stated: int | None = None) -> bytes:
    """Return 16-bit samples as NIST SPHERE, the format of TIMIT and other corpora of the LDC."""
    count = len(samples) if stated is None else stated
    lines = (
        "NIST_1A\n   1024\nchannel_count -i 1\nsample_rate -i 16000\nsample_n_bytes -i 2\n"
        f"sample_byte_format -s2 10\nsample_coding -s{len(coding)} {coding}\n"
        f"sample_sig_bits -i 16\nsample_count -i {count}\nend_head\n"
    )
    content = (samples * 32_767).astype(">i2").tobytes()
    return lines.encode().ljust(1024) + content
