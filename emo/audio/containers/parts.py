"""The recordings that a file holds, each whole enough for a decoder, and what was mended for that.

Files are joined end to end, headers state less than there is, and sound begins in the middle of a
frame.  A file in which nothing of that is found stays as it is, byte for byte.
"""

import io
import math
import re
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import soundfile

from emo.audio.containers import chunks, frames, mp4
from emo.audio.containers.formats import match_signature
from emo.audio.limits import MAX_DURATION_S

MAX_PARTS = 100
"""Recordings in one file that are read."""

_CHUNKED = ("WAV", "AIFF", "AU", "CAF")
_ROUGH = 1.2  # power of the steps from sample to sample over that of the samples; of noise it is 2
_MIN_REST_S = 0.02
_JUNK_BYTES = 2881  # the largest frame of MP3: less than that was cut off
_MARKS = {
    "FLAC": re.compile(rb"fLaC\0\0\0\x22"),
    "AMR": re.compile(rb"#!AMR(?:-WB)?\n"),
    "SPHERE": re.compile(rb"NIST_1A\n +\d+\n"),
    "WebM": re.compile(rb"\x1a\x45\xdf\xa3.{0,60}?(?:webm|matroska)", re.DOTALL),
}
_COUNT = re.compile(rb"\nsample_count -i (\d{1,12})\s")


@dataclass(frozen=True)
class Part:
    """One recording of a file.

    Attributes
    ----------
    notes : tuple of str
        Sentences on what was mended or passed over.
    promised : int or None
        Samples of each channel that a header states, where the decoder does not say so itself.
    counted : int or None
        The same as counted from frame to frame, where no header states it: a decoder would guess.
    """

    kind: str
    data: bytes
    notes: tuple[str, ...] = ()
    promised: int | None = None
    counted: int | None = None


def split_recordings(data: bytes, kind: str) -> list[Part]:
    """Return the recordings in a file, one after the other; an undamaged one is unchanged."""
    if kind in _CHUNKED:
        return _chunked(data, kind)
    if kind in ("MP3", "AAC"):
        return _framed(data, kind)
    if kind == "OGG":
        return _cut(data, kind, _ogg_links(data))
    if kind == "MP4":
        return _cut(data, kind, _movies(data))
    if kind in _MARKS:
        parts = _cut(data, kind, [mark.start() for mark in _MARKS[kind].finditer(data, 1)])
        return [_counted(part) for part in parts] if kind == "SPHERE" else parts
    return [Part(kind, data)]


def _cut(data: bytes, kind: str, places: list[int]) -> list[Part]:
    """Return the parts between some places; one more than is read, where there are more."""
    places = [0, *places[:MAX_PARTS], len(data)]
    return [Part(kind, data[a:b]) for a, b in pairwise(places)]


def _ogg_links(data: bytes) -> list[int]:
    """Return where a chain goes on: the first pages behind pages that are none (RFC 3533)."""
    places, at, was_first = [], 0, True
    while at >= 0 and at + 27 <= len(data):
        is_first = bool(data[at + 5] & 2)
        if is_first and not was_first:
            places.append(at)
        was_first = is_first
        n_lacing = data[at + 26]
        end = at + 27 + n_lacing + sum(data[at + 27 : at + 27 + n_lacing])
        at = end if data.startswith(b"OggS", end) else data.find(b"OggS", at + 4)
    return places


def _movies(data: bytes) -> list[int]:
    """Return where another MP4 file begins behind a whole one."""
    places: list[int] = []
    seen: set[bytes] = set()
    for box in mp4.boxes(data, 0, len(data)):
        if box.name == b"ftyp" and b"moov" in seen:
            places.append(box.start)
            seen = set()
        seen.add(box.name)
    return places


def _counted(part: Part) -> Part:
    """Return a part in SPHERE with what its header promises, or with how much follows that."""
    found = _COUNT.search(part.data, 0, 1024)
    if found is None:
        return part
    stated = int(found[1])
    frames_there, rate_hz = _frames(part.data)
    notes = (_follows(stated, frames_there, rate_hz),) if stated < frames_there else ()
    return replace(part, notes=notes, promised=max(stated, frames_there))


def _frames(data: bytes) -> tuple[int, int]:
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            return file.frames, file.samplerate
    except Exception:
        return 0, 1


def _follows(stated: int, there: int, rate_hz: int) -> str:
    if stated <= 0:
        return (
            "The header states no length, as one does that was never finished; all "
            f"{there / rate_hz:.2f} s up to the end of the file were read."
        )
    return (
        f"Another {(there - stated) / rate_hz:.2f} s follow the end that the header states "
        f"({stated / rate_hz:.2f} s); they were read too."
    )


# --- Sizes in headers ----------------------------------------------------------------------------


def _chunked(data: bytes, kind: str) -> list[Part]:
    parts: list[Part] = []
    while data and len(parts) <= MAX_PARTS:
        part, end = _first_chunked(data, kind)
        parts.append(part)
        data = data[end:]
        kind = match_signature(data)
        if data and kind not in _CHUNKED:
            return [*parts, *(split_recordings(data, kind) if kind else ())]
    return parts


def _first_chunked(data: bytes, kind: str) -> tuple[Part, int]:
    """Return the first recording, and where another may begin."""
    extent = chunks.find_extent(data)
    if extent is None or (extent.stop == len(data) and not extent.is_open):
        return Part(kind, data), len(data)
    if extent.stop > len(data) or extent.is_open:
        end = chunks.find_next_file(data, extent.start)
        if end < len(data) or (kind == "CAF" and extent.is_open):
            return Part(kind, extent.until(data, end)), end
        return Part(kind, data), end
    if extent.ends > extent.stop or match_signature(data[extent.ends : extent.ends + 64]):
        end = extent.ends
        return Part(kind, data[:end] if match_signature(data[end : end + 64]) else data), end
    end = chunks.find_next_file(data, extent.stop)
    whole = extent.until(data, end)
    return Part(kind, *_extended(data[:end], whole, extent)), end


def _extended(data: bytes, whole: bytes, extent: chunks.Extent) -> tuple[bytes, tuple[str, ...]]:
    """Return the file with all of its sound, or as it is if what follows is none, and a note."""
    n_rest = len(data) - extent.stop
    if data.count(0, extent.stop) == n_rest:
        return data, ()
    share = (extent.stop - extent.start) / (len(whole) - extent.start)
    there, rate_hz = _frames(whole)
    stated = math.floor(there * share)
    if there - stated < _MIN_REST_S * rate_hz:
        return data, ()
    if not stated or _is_sound(whole, stated):
        return whole, (_follows(stated, there, rate_hz),)
    return data, (
        f"Another {n_rest:,} bytes follow the end that the header states; they do not look like "
        "sound and were not read.",
    )


def _is_sound(data: bytes, start: int) -> bool:
    """Tell whether neighbouring samples are alike, as they are in all but noise."""
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            file.seek(start)
            samples = file.read(4 * file.samplerate, dtype="float64", always_2d=True)
    except Exception:
        return False
    if len(samples) < 2 or not np.isfinite(samples).all():
        return False
    samples -= samples.mean(axis=0)
    power = float((samples**2).mean())
    return float((np.diff(samples, axis=0) ** 2).mean()) < _ROUGH * power


# --- Frames --------------------------------------------------------------------------------------


def _framed(data: bytes, kind: str) -> list[Part]:
    walk = frames.scan_frames(data, kind, MAX_DURATION_S + 5)
    if not walk.runs:
        return [Part(kind, data)]
    notes = _skipped(data, walk, kind)
    is_clean = len(walk.runs) == 1 and not walk.lead and not walk.lost
    if kind == "AAC":  # its decoder refuses the rest of a frame, that of MP3 does not
        is_clean = is_clean and not walk.is_cut
    parts = [
        _aac_part(data, run, is_clean)
        if kind == "AAC"
        else _mp3_part(data, run, is_clean, walk.is_whole)
        for run in walk.runs[: MAX_PARTS + 1]
        if len(run.frames) > (run.stated is not None)
    ]
    if not parts:
        return [Part(kind, data)]
    return [replace(parts[0], notes=notes), *parts[1:]]


def _skipped(data: bytes, walk: frames.FrameScan, kind: str) -> tuple[str, ...]:
    """Return what is to be said of bytes that belong to no frame."""
    notes = []
    if walk.lead:
        notes.append(
            f"The first {walk.lead:,} bytes are no frame of {kind}; the recording was read from "
            "there on."
        )
    if walk.lost:
        notes.append(
            f"Between the frames {walk.lost:,} bytes are no frame of {kind}; they were left out."
        )
    if walk.is_cut and (walk.runs[-1].stated or -1) < 0:  # else the length itself tells it
        notes.append("The recording breaks off in its last frame; all before that was read.")
    elif walk.tail > _JUNK_BYTES and data[-walk.tail :].count(0) != walk.tail:
        notes.append(f"The last {walk.tail:,} bytes are no frame of {kind}; they were not read.")
    return tuple(notes)


def _joined(data: bytes, found: list[tuple[int, frames.Header]]) -> bytes:
    return b"".join(data[at : at + header.n_bytes] for at, header in found)


def _aac_part(data: bytes, run: frames.FrameRun, is_clean: bool) -> Part:
    return Part("AAC", data if is_clean else _joined(data, run.frames))


def _mp3_part(data: bytes, run: frames.FrameRun, is_clean: bool, is_whole: bool) -> Part:
    """Return the recording, with the number of its frames set right or counted."""
    sound = run.frames if run.stated is None else run.frames[1:]
    count, stated = len(sound), -1 if run.stated is None else run.stated
    at, header = run.frames[0]
    n_samples = count * header.n_samples
    if stated < 0:
        whole = is_clean and run.stated is None
        return Part("MP3", data if whole else _joined(data, sound), counted=n_samples)
    is_long = is_whole and stated * header.n_samples > MAX_DURATION_S * header.rate_hz
    if abs(stated - count) <= 1 or (is_clean and stated > count and not is_long):
        return Part("MP3", data if is_clean else _joined(data, run.frames))
    mark = frames.info_at(header, at) + 8
    first = data[at:mark] + count.to_bytes(4, "big") + data[mark + 4 : at + header.n_bytes]
    promised = stated * header.n_samples if stated > count else None
    return Part("MP3", first + _joined(data, sound), promised=promised)
