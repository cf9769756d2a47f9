"""Frames of MP3, raw AAC (ADTS) and AMR: where each begins, and which bytes are none.

A frame is what its header says it is only if another one follows it: single sync words turn up in
anything.  Every search goes forward once, and gives up after so many candidates.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_CANDIDATES = 20_000
"""Sync words that are tried in one file where frames should be and are not."""

MAX_LEAD_BYTES = 2**20
"""Bytes before the first frame that are looked through, zeros at the beginning not counted."""

MAX_LOST_BYTES = 2**16
"""Bytes between frames of AMR that are passed over one by one."""

_ZEROS = re.compile(rb"\0*")
_CHAIN = 4  # frames in a row, by which a sync word is known to be one
_SYNC = {"MP3": re.compile(rb"\xff[\xe2-\xff]"), "AAC": re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")}
_MP3_RATES_HZ = (44_100, 48_000, 32_000)
_MP3_KBITS = {  # MPEG-1 layer II and III, MPEG-2 and 2.5 layer II and III (ISO 11172-3, 13818-3)
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_FULL = 0x40  # of the sort of a frame of MPEG-1
_AAC_RATES_HZ: tuple[int, ...] = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000)
_AAC_RATES_HZ += (12000, 11025, 8000, 7350)
_AMR_BYTES = (12, 13, 15, 17, 19, 20, 26, 31, 5, 6, 5, 5, -1, -1, -1, 0)  # RFC 4867, 3GPP 26.101
_AMR_WIDE_BYTES = (17, 23, 32, 36, 40, 46, 50, 58, 60, 5, -1, -1, -1, -1, 0, 0)  # 3GPP 26.201


class Header(NamedTuple):
    """What the header of one frame says; `sort` is equal in all frames of one recording."""

    n_bytes: int
    n_samples: int
    rate_hz: int
    sort: int


@dataclass
class FrameRun:
    """Frames that belong to one recording.

    Attributes
    ----------
    frames : list of (int, Header)
        Offset in the file and header of each.
    stated : int or None
        How many others a first frame of the kind Xing or Info states, -1 where it states none;
        None without such a frame.
    """

    frames: list[tuple[int, Header]] = field(default_factory=list)
    stated: int | None = None

    @property
    def rate_hz(self) -> int:
        """Sample rate of its frames."""
        return self.frames[0][1].rate_hz


@dataclass
class FrameScan:
    """The frames of a file, and how many bytes belong to none and to no tag.

    Attributes
    ----------
    lead, lost, tail : int
        Such bytes before the first frame, between frames, and after the last.
    is_cut : bool
        Whether those after the last are the beginning of another one.
    is_whole : bool
        Whether the end was reached; it is not where the recording is longer than was asked for.
    """

    runs: list[FrameRun]
    lead: int = 0
    lost: int = 0
    tail: int = 0
    is_cut: bool = False
    is_whole: bool = True


def mp3_header(data: bytes, at: int) -> Header | None:
    """Return what a frame of MPEG layer II or III at this place says, None where there is none."""
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
    """Return what a frame of ADTS at this place says, None where there is none."""
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
    """Return where the first of several frames in a row begins, None where there are none."""
    silence = _ZEROS.match(data)
    return _Finder(data, kind).next_chain(silence.end() if silence else 0, MAX_LEAD_BYTES)


class _Finder:
    """Looks for frames in one file, up to :data:`MAX_CANDIDATES` sync words."""

    def __init__(self, data: bytes, kind: str) -> None:
        self.data = data
        self.read = _HEADERS[kind]
        self._sync = _SYNC[kind]
        self._left = MAX_CANDIDATES

    def next_chain(self, start: int, n_bytes: int) -> int | None:
        """Return the first place from which frames follow each other, None where there is none."""
        for sync in self._sync.finditer(self.data, start, start + n_bytes):
            self._left -= 1
            if self._left < 0:
                return None
            if self.is_chain(sync.start()):
                return sync.start()
        return None

    def is_chain(self, at: int) -> bool:
        """Tell whether frames of one sort follow each other from here, to the end if it is near."""
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
    """Return the length of an ID3, APE or Lyrics3 tag at this place, 0 where there is none."""
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

    Another recording begins where the sort of the frames changes, and where a frame of MP3 states
    anew how many there are.
    """
    finder, found = _Finder(data, kind), FrameScan([])
    at, duration_s, usual = 0, 0.0, None
    while at < len(data) and duration_s <= max_s:
        if n_tag := tag_bytes(data, at):
            at += n_tag
            continue
        header = finder.read(data, at)
        end = at + header.n_bytes if header else 0
        if header is None or not (
            _is_followed(finder, end) if header.sort == usual else finder.is_chain(at)
        ):
            next_at = finder.next_chain(at + 1, len(data))
            if header is None or header.sort != usual or not end <= (next_at or len(data)):
                _skip(found, at, next_at, len(data))
                if header and header.sort == usual and end > len(data) and next_at is None:
                    found.is_cut = True
                at = len(data) if next_at is None else next_at
                continue
        usual = header.sort
        _add(found, data, at, header, kind)
        duration_s += header.n_samples / header.rate_hz
        at = end
    found.is_whole = at >= len(data)
    return found


def _is_followed(finder: _Finder, end: int) -> bool:
    data = finder.data
    return end == len(data) or finder.read(data, end) is not None or tag_bytes(data, end) > 0


def _skip(found: FrameScan, at: int, next_at: int | None, end: int) -> None:
    """Count bytes that belong to no frame."""
    if next_at is None:
        found.tail += end - at
    elif found.runs:
        found.lost += next_at - at
    else:
        found.lead += next_at - at


def _add(found: FrameScan, data: bytes, at: int, header: Header, kind: str) -> None:
    """Put a frame to the run that it belongs to."""
    run = found.runs[-1] if found.runs else None
    is_mp3 = kind == "MP3" and data[at + 1] & 6 == 2  # layer III
    stated = _stated_frames(data, at, header) if is_mp3 else None
    if run is None or run.frames[-1][1].sort != header.sort or stated is not None:
        run = FrameRun(stated=stated)
        found.runs.append(run)
    run.frames.append((at, header))


def info_at(header: Header, at: int) -> int:
    """Return where the mark of a frame of the kind Xing or Info begins (LAME's tag revision 1)."""
    is_full, is_mono = bool(header.sort & _FULL), bool(header.sort & 1)
    return at + 4 + ((17 if is_mono else 32) if is_full else (9 if is_mono else 17))


def _stated_frames(data: bytes, at: int, header: Header) -> int | None:
    """Return how many frames a first frame of MP3 states, -1 for none, None elsewhere."""
    mark = info_at(header, at)
    if data[mark : mark + 4] in (b"Xing", b"Info"):
        has_count = len(data) >= mark + 12 and data[mark + 7] & 1
        return int.from_bytes(data[mark + 8 : mark + 12], "big") if has_count else -1
    return -1 if data[at + 36 : at + 40] == b"VBRI" else None  # Fraunhofer's mark


def prepend_info_frame(data: bytes, n_samples: int) -> bytes:
    """Return an MP3 file behind a frame without sound that states how many frames follow."""
    at = find_first(data, "MP3") or 0
    usual = mp3_header(data, at)
    if usual is None:
        return data
    count = n_samples // usual.n_samples
    for kbit in range(1, 15):
        head = bytes([0xFF, data[at + 1] | 1, kbit << 4 | data[at + 2] & 0x0C, data[at + 3]])
        header, mark = mp3_header(head, 0) or usual, info_at(usual, 0)
        if header.n_bytes >= mark + 16:
            break
    stated = b"Info" + (1).to_bytes(4, "big") + count.to_bytes(4, "big")
    return (head + bytes(mark - 4) + stated).ljust(header.n_bytes, b"\0") + data[at:]


def amr_sizes(data: bytes) -> tuple[int, tuple[int, ...]]:
    """Return where the frames of an AMR file begin, and the bytes of each type behind its first."""
    if data.startswith(b"#!AMR-WB\n"):
        return 9, _AMR_WIDE_BYTES
    return 6, _AMR_BYTES


def amr_frames(data: bytes, max_frames: int) -> tuple[list[tuple[int, int]], int]:
    """Return offset and type of the frames of an AMR file, and the bytes that belong to none.

    A frame is one if the next begins as a frame can, or the file ends there (RFC 4867, 5.3).
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
