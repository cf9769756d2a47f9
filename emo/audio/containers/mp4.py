"""Read the sound packets of MP4, M4A, 3GP and QuickTime files, and write a file of some of them.

A decoder rejects a whole file for one damaged packet.  With ``read_track`` and ``write_track`` the
other packets can be decoded, also those of fragmented files (ISO/IEC 14496-12).
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAX_PACKETS = 100_000
"""Highest number of packets, more than ten minutes have in any codec."""

_MAX_BOXES = 100_000


@dataclass(frozen=True)
class Track:
    """Sound track of a file.

    Attributes
    ----------
    entry : bytes
        The box ``stsd``, which describes the codec.
    timescale : int
        Units of time in a second.
    skipped : int
        Units at the start that are not played.
    packets : tuple of (int, int, int)
        Offset, bytes and duration in units of each packet, as stated.
    """

    entry: bytes
    timescale: int
    skipped: int
    packets: tuple[tuple[int, int, int], ...]

    @property
    def codec(self) -> bytes:
        """Return the four-character code of the codec."""
        return self.entry[20:24]


@dataclass(frozen=True)
class _Box:
    name: bytes
    start: int
    body: int
    stop: int


def boxes(data: bytes, start: int, stop: int) -> Iterator[_Box]:
    """Yield the boxes in a range of bytes; the last may be cut off."""
    at = start
    for _ in range(_MAX_BOXES):
        if at + 8 > stop:
            return
        size, name = struct.unpack_from(">I4s", data, at)
        body = at + 8
        if size == 1 and at + 16 <= stop:
            size, body = struct.unpack_from(">Q", data, at + 8)[0], at + 16
        end = stop if size == 0 else at + size
        if end < body:
            return
        yield _Box(name, at, body, min(end, stop))
        at = end


def _inside(data: bytes, outer: _Box | None, *names: bytes) -> _Box | None:
    """Return the box at a path of names below another box; None if one is missing."""
    for name in names:
        if outer is None:
            return None
        outer = next((box for box in boxes(data, outer.body, outer.stop) if box.name == name), None)
    return outer


def has_index(data: bytes) -> bool:
    """Return whether the file has an index of its packets, which an unfinished file lacks."""
    return any(box.name == b"moov" for box in boxes(data, 0, len(data)))


def read_track(data: bytes) -> Track | None:
    """Return the first sound track; None if the file has none that can be read."""
    top = list(boxes(data, 0, len(data)))
    moov = next((box for box in top if box.name == b"moov"), None)
    try:
        for box in boxes(data, moov.body, moov.stop) if moov else ():
            media = _inside(data, box, b"mdia") if box.name == b"trak" else None
            handler = _inside(data, media, b"hdlr")
            if handler and data[handler.body + 8 : handler.body + 12] == b"soun":
                return _track(data, top, moov, box, media)
    except (struct.error, OverflowError):  # a table that is cut off
        return None
    return None


def _track(
    data: bytes, top: list[_Box], moov: _Box | None, trak: _Box, media: _Box | None
) -> Track | None:
    table = _inside(data, media, b"minf", b"stbl")
    entry, header = _inside(data, table, b"stsd"), _inside(data, media, b"mdhd")
    if entry is None or header is None:
        return None
    timescale = struct.unpack_from(">I", data, header.body + (20 if data[header.body] else 12))[0]
    packets = _tabled(data, table)
    if _inside(data, moov, b"mvex"):
        packets += _fragmented(data, top, moov, _track_id(data, trak))
    n_bytes = sum(size for at, size, _ in packets if at + size <= len(data))
    if n_bytes > 2 * len(data):  # the packets overlap
        return None
    edits = _inside(data, trak, b"edts", b"elst")
    return Track(data[entry.start : entry.stop], timescale, _skipped(data, edits), tuple(packets))


def _track_id(data: bytes, trak: _Box) -> int:
    head = _inside(data, trak, b"tkhd")
    if head is None:
        return 0
    number: int = struct.unpack_from(">I", data, head.body + (20 if data[head.body] else 12))[0]
    return number


def _skipped(data: bytes, edits: _Box | None) -> int:
    """Return the start of the first edit that is not empty, in units."""
    if edits is None:
        return 0
    form = ">Qq" if data[edits.body] else ">Ii"
    count = min(struct.unpack_from(">I", data, edits.body + 4)[0], 100)
    for n in range(count):
        at = edits.body + 8 + n * (struct.calcsize(form) + 4)
        if at + struct.calcsize(form) > edits.stop:
            break
        start: int = struct.unpack_from(form, data, at)[1]
        if start >= 0:
            return start
    return 0


def _numbers(data: bytes, box: _Box | None, form: str, at: int = 4) -> list[tuple[int, ...]]:
    """Return the rows of a table, at most as many as it states and contains."""
    if box is None:
        return []
    step = struct.calcsize(form)
    first = box.body + at + 4
    stated = struct.unpack_from(">I", data, box.body + at)[0]
    count = max(min(stated, (box.stop - first) // step, MAX_PACKETS), 0)
    return list(struct.iter_unpack(form, data[first : first + count * step]))


def _tabled(data: bytes, table: _Box | None) -> list[tuple[int, int, int]]:
    """Return the packets in the sample tables of the file."""
    sized = _inside(data, table, b"stsz")
    if sized is None:
        return []
    common_size, count = struct.unpack_from(">II", data, sized.body + 4)
    sizes = [common_size] * min(count, MAX_PACKETS)
    if not common_size:
        sizes = [size for (size,) in _numbers(data, sized, ">I", 8)]
    starts = [row[0] for row in _numbers(data, _inside(data, table, b"stco"), ">I")]
    starts += [row[0] for row in _numbers(data, _inside(data, table, b"co64"), ">Q")]
    runs = _numbers(data, _inside(data, table, b"stsc"), ">III")
    units: list[int] = []
    for count, duration in _numbers(data, _inside(data, table, b"stts"), ">II"):
        units += [duration] * min(count, MAX_PACKETS - len(units))
    units += [units[-1] if units else 0] * (len(sizes) - len(units))
    packets: list[tuple[int, int, int]] = []
    for n, run in enumerate(runs):
        last = runs[n + 1][0] - 1 if n + 1 < len(runs) else len(starts)
        for chunk in range(max(run[0], 1) - 1, min(last, len(starts))):
            at = starts[chunk]
            for _ in range(min(run[1], len(sizes) - len(packets))):
                k = len(packets)
                packets.append((at, sizes[k], units[k]))
                at += sizes[k]
    return packets


def _fragmented(
    data: bytes, top: list[_Box], moov: _Box | None, number: int
) -> list[tuple[int, int, int]]:
    """Return the packets in the fragments of the file."""
    defaults = (0, 0)
    for box in boxes(data, *_range(_inside(data, moov, b"mvex"))):
        if box.name == b"trex" and struct.unpack_from(">I", data, box.body + 4)[0] == number:
            defaults = struct.unpack_from(">II", data, box.body + 12)
    packets: list[tuple[int, int, int]] = []
    for moof in (box for box in top if box.name == b"moof"):
        for traf in boxes(data, moof.body, moof.stop):
            head = _inside(data, traf, b"tfhd") if traf.name == b"traf" else None
            if head and struct.unpack_from(">I", data, head.body + 4)[0] == number:
                _add_fragment(data, moof, traf, head, defaults, packets)
    return packets


def _range(box: _Box | None) -> tuple[int, int]:
    return (box.body, box.stop) if box else (0, 0)


def _add_fragment(
    data: bytes,
    moof: _Box,
    traf: _Box,
    head: _Box,
    defaults: tuple[int, ...],
    packets: list[tuple[int, int, int]],
) -> None:
    """Append the packets of a fragment (its boxes ``tfhd`` and ``trun``) to ``packets``."""
    flags, at = int.from_bytes(data[head.body + 1 : head.body + 4], "big"), head.body + 8
    base, duration, size = moof.start, defaults[0], defaults[1]
    if flags & 1:
        base, at = struct.unpack_from(">Q", data, at)[0], at + 8
    at += 4 if flags & 2 else 0
    if flags & 8:
        duration, at = struct.unpack_from(">I", data, at)[0], at + 4
    if flags & 16:
        size = struct.unpack_from(">I", data, at)[0]
    place = base
    for run in boxes(data, traf.body, traf.stop):
        if run.name != b"trun":
            continue
        flags, count = struct.unpack_from(">II", data, run.body)
        at = run.body + 8
        if flags & 1:
            place, at = base + struct.unpack_from(">i", data, at)[0], at + 4
        at += 4 if flags & 4 else 0
        fields = [flag for flag in (0x100, 0x200, 0x400, 0x800) if flags & flag]
        for _ in range(min(count, MAX_PACKETS - len(packets))):
            if at + 4 * len(fields) > run.stop:
                break
            row = dict(zip(fields, struct.unpack_from(f">{len(fields)}I", data, at), strict=True))
            at += 4 * len(fields)
            packets.append((place, row.get(0x200, size), row.get(0x100, duration)))
            place += packets[-1][1]


def write_track(data: bytes, track: Track, chosen: Sequence[int]) -> bytes:
    """Return an MP4 file of chosen packets of a track."""
    packets = [track.packets[n] for n in chosen]
    sound = b"".join(data[at : at + size] for at, size, _ in packets)
    kind = _box(b"ftyp", b"M4A \0\0\2\0isomiso2")
    units = min(sum(packet[2] for packet in packets), 2**32 - 1)
    skipped = min(track.skipped, units) if chosen and chosen[0] == 0 else 0
    table = track.entry + _box(b"stts", _rows([(1, each) for _, _, each in packets]))
    table += _box(b"stsc", _rows([(1, len(packets), 1)]))
    table += _box(b"stsz", bytes(4) + _rows([(size,) for _, size, _ in packets]))
    table += _box(b"stco", _rows([(len(kind) + 8,)]))
    here = _box(b"dref", bytes(4) + _numbered(1) + _box(b"url ", _numbered(1)))
    info = _box(b"smhd", bytes(8)) + _box(b"dinf", here) + _box(b"stbl", table)
    media = _box(b"mdhd", _numbered(0, 0, 0, track.timescale, units, 0x55C4_0000))
    media += _box(b"hdlr", bytes(8) + b"soun" + bytes(13)) + _box(b"minf", info)
    edits = _box(b"edts", _box(b"elst", _rows([(units - skipped, skipped, 0x10000)])))
    square = _numbered(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000)
    head = _numbered(7, 0, 0, 1, 0, units) + bytes(16) + square + bytes(8)
    trak = _box(b"trak", _box(b"tkhd", head) + edits + _box(b"mdia", media))
    movie = _numbered(0, 0, 0, track.timescale, units, 0x10000, 0x100_0000) + bytes(8)
    movie = _box(b"mvhd", movie + square + bytes(24) + _numbered(2))
    return kind + _box(b"mdat", sound) + _box(b"moov", movie + trak)


def aac_track(profile: int, rate: int, channels: int, packets: Sequence[tuple[int, int]]) -> Track:
    """Return a track for AAC packets that are in no MP4 file.

    Parameters
    ----------
    profile, rate, channels
        Codes of an ADTS header (ISO/IEC 14496-3, 1.A.2).
    packets
        Offset and bytes of each.
    """
    config = ((profile + 1) << 11 | rate << 7 | channels << 3).to_bytes(2, "big")
    codec = bytes([4, 17, 0x40, 0x15]) + bytes(11) + bytes([5, 2]) + config
    described = bytes(4) + bytes([3, len(codec) + 6, 0, 1, 0]) + codec + b"\6\1\2"
    sound = bytes(7) + b"\1" + bytes(8) + b"\0\2\0\x10" + bytes(8)
    entry = _box(b"mp4a", sound + _box(b"esds", described))
    rows = tuple((at, size, 1024) for at, size in packets)
    return Track(_box(b"stsd", bytes(4) + _numbered(1) + entry), 16_000, 0, rows)


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, name) + body


def _numbered(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *(min(number, 2**32 - 1) for number in numbers))


def _rows(rows: Sequence[tuple[int, ...]]) -> bytes:
    return bytes(4) + _numbered(len(rows)) + b"".join(_numbered(*row) for row in rows)
