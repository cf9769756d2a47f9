"""Find the frames of MP3, raw AAC (ADTS) and AMR, and the bytes that belong to none.

A header counts as that of a frame only if another frame follows it, for single sync words occur in
any data.  Every search goes through the data once and is limited in its number of candidates.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_CANDIDATES = 20_000
"""Sync words that are tried in one file in search of frames."""

MAX_LEAD_BYTES = 2**20
"""Bytes in which the first frame is searched for, zeros at the beginning not counted."""

MAX_LOST_BYTES = 2**16
"""Bytes between frames of AMR that are skipped one by one."""

_ZEROS = re.compile(rb"\0*")
_CHAIN = 4  # consecutive frames that confirm a sync word
_SYNC = {"MP3": re.compile(rb"\xff[\xe2-\xff]"), "AAC": re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")}
_MP3_RATES_HZ = (44_100, 48_000, 32_000)
_MP3_KBITS = {  # MPEG-1 layer II and III, MPEG-2 and 2.5 layer II and III (ISO 11172-3, 13818-3)
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_FULL = 0x40  # in ``Header.sort`` of a frame of MPEG-1
_AAC_RATES_HZ: tuple[int, ...] = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000)
_AAC_RATES_HZ += (12000, 11025, 8000, 7350)
_AMR_BYTES = (12, 13, 15, 17, 19, 20, 26, 31, 5, 6, 5, 5, -1, -1, -1, 0)  # RFC 4867, 3GPP 26.101
_AMR_WIDE_BYTES = (17, 23, 32, 36, 40, 46, 50, 58, 60, 5, -1, -1, -1, -1, 0, 0)  # 3GPP 26.201


class Header(NamedTuple):
    """Facts of the header of a frame; ``sort`` is equal in all frames of one recording."""

    n_bytes: int
    n_samples: int
    rate_hz: int
    sort: int


@dataclass
class FrameRun:
    """Frames of one recording.

    Attributes
    ----------
    frames : list of (int, Header)
        Offset and header of each frame.
    stated : int or None
        Number of further frames that a first Xing or Info frame states, -1 if it states none; None
        without such a frame.
    """

    frames: list[tuple[int, Header]] = field(default_factory=list)
    stated: int | None = None

    @property
    def rate_hz(self) -> int:
        """Return the sample rate of the frames."""
        return self.frames[0][1].rate_hz


@dataclass
class FrameScan:
    """Frames of a file, and the number of bytes that belong to no frame and no tag.

    Attributes
    ----------
    runs : list of FrameRun
        Recordings.
    lead, lost, tail : int
        Such bytes before the first frame, between frames, and after the last.
    is_cut : bool
        Whether the last bytes are the beginning of a frame.
    is_whole : bool
        Whether the scan reached the end of the file and not the maximum duration before.
    """

    runs: list[FrameRun]
    lead: int = 0
    lost: int = 0
    tail: int = 0
    is_cut: bool = False
    is_whole: bool = True


def mp3_header(data: bytes, at: int) -> Header | None:
    """Return the header of a frame of MPEG layer II or III at an offset; None if it is invalid."""
    if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] & 0xE0 != 0xE0:
        return None
    version, layer = data[at + 1] >> 3 & 3, 4 - (data[at + 1] >> 1 & 3)
    kbit, rate = data[at + 2] >> 4, data[at + 2] >> 2 & 3
    if version == 1 or layer not in (2, 3) or kbit in (0, 15) or rate == 3:
        return None
    rate_hz = _MP3_RATES_HZ[rate] >> (3 - version if version else 2)
    full = version == 3
    n_samples = 1152 if full or layer == 2 else 576
    kbits = _MP3_KBITS[1 if full else 2, layer][kbit - 1]
    n_bytes = n_samples // 8 * kbits * 1000 // rate_hz + (data[at + 2] >> 1 & 1)
    is_mono = data[at + 3] >> 6 == 3
    return Header(n_bytes, n_samples, rate_hz, (data[at + 1] & 0x1E) << 3 | rate << 1 | is_mono)


def aac_header(data: bytes, at: int) -> Header | None:
    """Return the header of an ADTS frame at an offset; None if it is invalid."""
    if at + 7 > len(data) or data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0:
        return None
    rate = data[at + 2] >> 2 & 15
    n_bytes = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    if rate >= len(_AAC_RATES_HZ) or n_bytes < 8:
        return None
    n_samples = 1024 * ((data[at + 6] & 3) + 1)
    sort = data[at + 1] & 8 | (data[at + 2] & 0xFD) << 4 | (data[at + 3] & 0xC0) << 8
    return Header(n_bytes, n_samples, _AAC_RATES_HZ[rate], sort)


_HEADERS: dict[str, Callable[[bytes, int], Header | None]] = {"MP3": mp3_header, "AAC": aac_header}


def find_first(data: bytes, kind: str) -> int | None:
    """Return the offset of the first of several consecutive frames; None if there are none."""
    silence = _ZEROS.match(data)
    return _Finder(data, kind).next_chain(silence.end() if silence else 0, MAX_LEAD_BYTES)


class _Finder:
    """Search for frames in one file, limited to ``MAX_CANDIDATES`` sync words."""

    def __init__(self, data: bytes, kind: str) -> None:
        self.data = data
        self.read = _HEADERS[kind]
        self._sync = _SYNC[kind]
        self._left = MAX_CANDIDATES

    def next_chain(self, start: int, n_bytes: int) -> int | None:
        """Return the first offset at which consecutive frames begin; None if there is none."""
        for sync in self._sync.finditer(self.data, start, start + n_bytes):
            self._left -= 1
            if self._left < 0:
                return None
            if self.is_chain(sync.start()):
                return sync.start()
        return None

    def is_chain(self, at: int) -> bool:
        """Return whether ``_CHAIN`` frames of one sort begin here, fewer at the end of the file."""
        sort = None
        for n in range(_CHAIN):
            if n > 1 and (at == len(self.data) or tag_bytes(self.data, at)):
                return True
            header = self.read(self.data, at)
            if header is None or sort not in (None, header.sort):
                return False
            sort = header.sort
            at += header.n_bytes
            if at > len(self.data):
                return n > 1
        return True


def tag_bytes(data: bytes, at: int) -> int:
    """Return the length of an ID3, APE or Lyrics3 tag at an offset; 0 if there is none."""
    if data.startswith(b"ID3", at) and at + 10 <= len(data):
        size = 0
        for byte in data[at + 6 : at + 10]:
            size = size << 7 | byte & 0x7F
        return 10 + size + (10 if data[at + 5] & 0x10 else 0)
    if data.startswith(b"TAG", at) and len(data) - at >= 128:
        return 128
    if data.startswith(b"APETAGEX", at) and at + 32 <= len(data):
        is_head = data[at + 23] & 0x20
        return int.from_bytes(data[at + 12 : at + 16], "little") + 32 if is_head else 32
    if data.startswith(b"LYRICSBEGIN", at):
        end = data.find(b"LYRICS200", at, at + 2**20)
        return end + 9 - at if end > 0 else 0
    return 0


def scan_frames(data: bytes, kind: str, max_s: float) -> FrameScan:
    """Return the frames of a file of MP3 or raw AAC, up to a duration.

    Another recording begins where the sort of the frames changes, and at an MP3 frame that states a
    number of frames.
    """
    finder, scan = _Finder(data, kind), FrameScan([])
    at, duration_s, sort = 0, 0.0, None
    while at < len(data) and duration_s <= max_s:
        if n_tag := tag_bytes(data, at):
            at += n_tag
            continue
        header = finder.read(data, at)
        end = at + header.n_bytes if header else 0
        if header is None or not (
            _is_followed(finder, end) if header.sort == sort else finder.is_chain(at)
        ):
            next_at = finder.next_chain(at + 1, len(data))
            if header is None or header.sort != sort or not end <= (next_at or len(data)):
                _skip(scan, at, next_at, len(data))
                if header and header.sort == sort and end > len(data) and next_at is None:
                    scan.is_cut = True
                at = len(data) if next_at is None else next_at
                continue
        sort = header.sort
        _add(scan, data, at, header, kind)
        duration_s += header.n_samples / header.rate_hz
        at = end
    scan.is_whole = at >= len(data)
    return scan


def _is_followed(finder: _Finder, end: int) -> bool:
    data = finder.data
    return end == len(data) or finder.read(data, end) is not None or tag_bytes(data, end) > 0


def _skip(scan: FrameScan, at: int, next_at: int | None, end: int) -> None:
    """Count bytes that belong to no frame."""
    if next_at is None:
        scan.tail += end - at
    elif scan.runs:
        scan.lost += next_at - at
    else:
        scan.lead += next_at - at


def _add(scan: FrameScan, data: bytes, at: int, header: Header, kind: str) -> None:
    """Append a frame to the run that it belongs to."""
    run = scan.runs[-1] if scan.runs else None
    is_mp3 = kind == "MP3" and data[at + 1] & 6 == 2  # layer III
    stated = _stated_frames(data, at, header) if is_mp3 else None
    if run is None or run.frames[-1][1].sort != header.sort or stated is not None:
        run = FrameRun(stated=stated)
        scan.runs.append(run)
    run.frames.append((at, header))


def info_at(header: Header, at: int) -> int:
    """Return the offset of the mark of a Xing or Info frame (LAME tag, revision 1)."""
    is_full, is_mono = bool(header.sort & _FULL), bool(header.sort & 1)
    return at + 4 + ((17 if is_mono else 32) if is_full else (9 if is_mono else 17))


def _stated_frames(data: bytes, at: int, header: Header) -> int | None:
    """Return the number of frames that an MP3 frame states, -1 for none; None without a mark."""
    mark = info_at(header, at)
    if data[mark : mark + 4] in (b"Xing", b"Info"):
        has_count = len(data) >= mark + 12 and data[mark + 7] & 1
        return int.from_bytes(data[mark + 8 : mark + 12], "big") if has_count else -1
    return -1 if data[at + 36 : at + 40] == b"VBRI" else None  # Fraunhofer's mark


def prepend_info_frame(data: bytes, n_samples: int) -> bytes:
    """Return an MP3 file with an Info frame before it, which states the number of frames."""
    at = find_first(data, "MP3") or 0
    first = mp3_header(data, at)
    if first is None:
        return data
    count = n_samples // first.n_samples
    for kbit in range(1, 15):
        head = bytes([0xFF, data[at + 1] | 1, kbit << 4 | data[at + 2] & 0x0C, data[at + 3]])
        header, mark = mp3_header(head, 0) or first, info_at(first, 0)
        if header.n_bytes >= mark + 16:
            break
    stated = b"Info" + (1).to_bytes(4, "big") + count.to_bytes(4, "big")
    return (head + bytes(mark - 4) + stated).ljust(header.n_bytes, b"\0") + data[at:]


def amr_sizes(data: bytes) -> tuple[int, tuple[int, ...]]:
    """Return the offset of the first frame of an AMR file, and the bytes of each frame type."""
    if data.startswith(b"#!AMR-WB\n"):
        return 9, _AMR_WIDE_BYTES
    return 6, _AMR_BYTES


def amr_frames(data: bytes, max_frames: int) -> tuple[list[tuple[int, int]], int]:
    """Return offset and type of the frames of an AMR file, and the bytes that belong to none.

    A frame is valid if a valid header follows it, or the end of the file (RFC 4867, 5.3).
    """
    at, sizes = amr_sizes(data)
    frames: list[tuple[int, int]] = []
    lost = 0
    while at < len(data) and len(frames) < max_frames and lost < MAX_LOST_BYTES:
        kind = data[at] >> 3 & 15
        end = at + 1 + sizes[kind]
        if _begins_amr(data, at, sizes) and (end == len(data) or _begins_amr(data, end, sizes)):
            frames.append((at, kind))
            at = end
        else:
            lost += 1
            at += 1
    return frames, lost + (len(data) - at if len(frames) < max_frames else 0)


def _begins_amr(data: bytes, at: int, sizes: tuple[int, ...]) -> bool:
    return at < len(data) and not data[at] & 0x83 and sizes[data[at] >> 3 & 15] >= 0
