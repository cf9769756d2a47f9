"""Find the frames of FLAC (RFC 9639), to continue behind a damaged one."""

import re
from collections.abc import Iterator

_SYNC = re.compile(rb"\xff[\xf8\xf9]")
_STREAMINFO_BYTES = 42  # with the signature and the header of the block
_MAX_STARTS = 100_000


def frame_starts(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the offset of each frame, and the number of its first sample."""
    if not data.startswith(b"fLaC\0\0\0\x22") and not data.startswith(b"fLaC\x80\0\0\x22"):
        return
    block_size = int.from_bytes(data[8:10], "big")
    for n, sync in enumerate(_SYNC.finditer(data, _STREAMINFO_BYTES)):
        if n == _MAX_STARTS:
            return
        at = sync.start()
        number, end = _coded_number(data, at + 4)
        end += {6: 1, 7: 2}.get(data[at + 2] >> 4, 0) if end else 0
        end += {12: 1, 13: 2, 14: 2}.get(data[at + 2] & 15, 0) if end else 0
        if end and end < len(data) and _crc8(data[at:end]) == data[end]:
            yield at, number if data[at + 1] & 1 else number * block_size


def resume_at_frame(data: bytes, at: int, n_samples: int) -> bytes:
    """Return a FLAC file that begins with the frame at an offset and states ``n_samples``."""
    info = bytearray(data[:_STREAMINFO_BYTES])
    info[4] |= 0x80  # no other block of metadata follows
    info[21] = info[21] & 0xF0 | n_samples >> 32 & 15
    info[22:26] = (n_samples & 2**32 - 1).to_bytes(4, "big")
    info[26:42] = bytes(16)  # the checksum of all samples is not known
    return bytes(info) + data[at:]


def _coded_number(data: bytes, at: int) -> tuple[int, int]:
    """Return a number coded like UTF-8, and the offset behind it; 0 and 0 if it is invalid."""
    if at >= len(data):
        return 0, 0
    first = data[at]
    more = next((n for n in range(8) if not first << n & 0x80), 8)
    if more == 0:
        return first, at + 1
    if more in (1, 8) or at + more > len(data):
        return 0, 0
    number = first & (0x7F >> more)
    for byte in data[at + 1 : at + more]:
        if byte & 0xC0 != 0x80:
            return 0, 0
        number = number << 6 | byte & 0x3F
    return number, at + more


def _crc8(data: bytes) -> int:
    """Return the CRC-8 of a frame's header (polynomial x^8 + x^2 + x + 1; RFC 9639, 9.1.8)."""
    checksum = 0
    for byte in data:
        checksum ^= byte
        for _ in range(8):
            checksum = checksum << 1 & 0xFF ^ (0x07 if checksum & 0x80 else 0)
    return checksum
