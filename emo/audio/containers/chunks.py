"""Find the end of the sound in WAV, RF64, Wave64, AIFF, AU and CAF files, and correct their sizes.

A recorder that crashed may leave a size of 0, or one that is too small.  ``find_extent`` compares
the header with the file, ``Extent.until`` writes another size.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_MAX_CHUNKS = 1000
_PLACEHOLDER_BYTES = 0x7FFF_0000  # sizes from here on stand for an unknown length
_W64_TAIL = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"  # of every GUID but the first
_KNOWN = {  # chunks that may follow the sound, or be cut off behind it
    *(b"LIST", b"list", b"fact", b"cue ", b"smpl", b"inst", b"PEAK", b"bext", b"iXML", b"axml"),
    *(b"id3 ", b"ID3 ", b"JUNK", b"junk", b"PAD ", b"FLLR", b"_PMX", b"chna", b"acid", b"strc"),
    *(b"DISP", b"cart", b"umid", b"afsp", b"minf", b"elm1", b"regn", b"ovwf", b"levl", b"LGWV"),
    *(b"NAME", b"AUTH", b"ANNO", b"(c) ", b"COMT", b"MARK", b"INST", b"MIDI", b"APPL", b"AESD"),
    *(b"COMM", b"FVER", b"CHAN", b"uuid", b"info", b"strg", b"mark", b"peak", b"free", b"pakt"),
}
_Sizes = tuple[tuple[int, str, int], ...]
_PRINTABLE = re.compile(rb"[ -~]{4}")
_JOINED = re.compile(
    rb"RIFF....WAVE(?:fmt |bext|JUNK|LIST|junk|PAD )|RF64....WAVEds64|riff\x2e\x91\xcf\x11"
    rb"|FORM....AIF[FC](?:COMM|FVER)|caff\x00\x01\x00\x00desc",
    re.DOTALL,
)


@dataclass(frozen=True)
class Extent:
    """Place of the sound in a chunked file, by its header.

    Attributes
    ----------
    start, stop : int
        First byte of the sound, and the first behind it.
    chunks_stop : int
        First byte behind the sound and the chunks that follow it.
    sizes : tuple of (int, str, int)
        Sizes in the header: offset, format for ``struct``, and excess over the bytes of sound.
    is_open : bool
        Whether the header does not state a size, as in a file that was written into a pipe.
    """

    start: int
    stop: int
    chunks_stop: int
    sizes: _Sizes
    is_open: bool = False

    def until(self, data: bytes, end: int) -> bytes:
        """Return the file up to the byte ``end``, with sizes that state this."""
        head = bytearray(data[: self.start])
        for at, form, excess in self.sizes:
            size = end - self.start + excess
            max_size = 2 ** (8 * struct.calcsize(form)) - 1
            struct.pack_into(form, head, at, min(size, max_size))
        return bytes(head) + data[self.start : end]


def find_extent(data: bytes) -> Extent | None:
    """Return the place of the sound in a file; None for other containers and damaged headers."""
    match data[:4]:
        case b"RIFF" | b"RF64" | b"BW64":
            return _riff(data, "<I")
        case b"RIFX":
            return _riff(data, ">I")
        case b"FORM":
            return _aiff(data)
        case b"riff":
            return _w64(data)
        case b".snd" | b"dns.":
            return _au(data)
        case b"caff":
            return _caf(data)
    return None


def find_next_file(data: bytes, start: int) -> int:
    """Return the offset of the next chunked file from ``start`` on, or the length of the data."""
    places = [len(data)]
    for mark in (
        b"RIFF",
        b"RF64",
        b"riff",
        b"FORM",
        b"caff",
    ):  # much faster than searching for the expression
        at = data.find(mark, start)
        while at >= 0 and not _JOINED.match(data, at):
            at = data.find(mark, at + 1)
        places.append(at if at >= 0 else len(data))
    return min(places)


def _chunks(data: bytes, at: int, form: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and stated size of each chunk from an offset on."""
    head = 4 + struct.calcsize(form)
    for _ in range(_MAX_CHUNKS):
        if at + head > len(data):
            return
        name, size = data[at : at + 4], struct.unpack_from(form, data, at + 4)[0]
        yield name, at + head, size
        at += head + size + (size % 2 if head == 8 else 0)


def _behind(data: bytes, at: int, form: str) -> int:
    """Return the first byte behind the chunks that begin at an offset."""
    end = at
    for name, start, size in _chunks(data, at, form):
        if start + size > len(data):
            return len(data) if name in _KNOWN else end
        if name not in _KNOWN and not _PRINTABLE.fullmatch(name):
            return end
        if _JOINED.match(data, start - 8):
            return end
        end = start + size
    return end


def _extent(data: bytes, start: int, size: int, form: str, sizes: _Sizes) -> Extent:
    is_open = size >= _PLACEHOLDER_BYTES
    stop = len(data) if is_open else start + max(size, 0)
    if stop >= len(data):
        return Extent(start, stop, stop, sizes, is_open)
    for at in (stop + stop % 2, stop):  # many writers omit the padding byte
        if form and (chunks_stop := _behind(data, at, form)) > at:
            return Extent(start, stop, chunks_stop, sizes)
    return Extent(start, stop, stop, sizes)


def _riff(data: bytes, form: str) -> Extent | None:
    large = 0
    for name, start, size in _chunks(data, 12, form):
        if name == b"ds64" and start + 24 <= len(data):
            large = start
        if name == b"data":
            if large and size >= _PLACEHOLDER_BYTES:
                size = struct.unpack_from("<Q", data, large + 8)[0]
            sizes: _Sizes = ((4, form, start - 8), (start - 4, form, 0))
            if large:
                sizes = ((large, "<Q", start - 8), (large + 8, "<Q", 0), (start - 4, "<I", 2**32))
            return _extent(data, start, size, form, sizes)
    return None


def _aiff(data: bytes) -> Extent | None:
    for name, start, size in _chunks(data, 12, ">I"):
        if name == b"SSND":
            sizes = ((4, ">I", start), (start - 4, ">I", 8))
            return _extent(data, start + 8, size - 8, ">I", sizes)
    return None


def _w64(data: bytes) -> Extent | None:
    at = 40
    for _ in range(_MAX_CHUNKS):
        if at + 24 > len(data):
            return None
        size = int.from_bytes(data[at + 16 : at + 24], "little")
        if data.startswith(b"data" + _W64_TAIL, at):
            sizes = ((16, "<Q", at + 24), (at + 16, "<Q", 24))
            stop = at + max(size, 24)
            has_chunk = stop + 24 <= len(data) and data[stop + 4 : stop + 16] == _W64_TAIL
            extent = _extent(data, at + 24, size - 24, "", sizes)
            return Extent(extent.start, extent.stop, len(data), sizes) if has_chunk else extent
        if size < 24:
            return None
        at += size + -size % 8
    return None


def _au(data: bytes) -> Extent | None:
    if len(data) < 24:
        return None
    order = ">" if data.startswith(b".snd") else "<"
    start, size = struct.unpack_from(f"{order}II", data, 4)
    if not 24 <= start <= len(data):
        return None
    return _extent(data, start, size, "", ((8, f"{order}I", 0),))


def _caf(data: bytes) -> Extent | None:
    for name, start, size in _chunks(data, 8, ">Q"):
        if name == b"data":
            size = 2**62 if size >= 2**63 else size - 4
            return _extent(data, start + 4, size, ">Q", ((start - 8, ">Q", 4),))
    return None
