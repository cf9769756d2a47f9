"""Split a file into its recordings, and correct what keeps a decoder from reading them.

Files may be joined end to end, headers may state too small a size, and sound may begin in the
middle of a frame.  A file without such faults stays the same, byte for byte.
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
"""Recordings of one file that are read."""

_CHUNKED = ("WAV", "AIFF", "AU", "CAF")
_MAX_ROUGHNESS = 1.2  # power of the differences of samples over that of the samples; 2 for noise
_MIN_REST_S = 0.02
_JUNK_BYTES = 2881  # size of the largest MP3 frame; fewer bytes are a frame that was cut off
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
    kind : str
        Container.
    data : bytes
        Bytes for the decoder.
    notes : tuple of str
        Sentences on what was repaired or left out.
    stated_frames : int or None
        Samples of each channel that a header states, if the decoder does not return them.
    counted : int or None
        Samples of each channel by a count of the frames, if no header states them.
    """

    kind: str
    data: bytes
    notes: tuple[str, ...] = ()
    stated_frames: int | None = None
    counted: int | None = None


def split_recordings(data: bytes, kind: str) -> list[Part]:
    """Return the recordings in a file; an undamaged one is unchanged."""
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
    """Return the parts between offsets, at most ``MAX_PARTS + 1``."""
    places = [0, *places[:MAX_PARTS], len(data)]
    return [Part(kind, data[a:b]) for a, b in pairwise(places)]


def _ogg_links(data: bytes) -> list[int]:
    """Return the offsets of further links of a chained Ogg file (RFC 3533, 4)."""
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
    """Return the offsets of further MP4 files behind a complete one."""
    places: list[int] = []
    seen: set[bytes] = set()
    for box in mp4.boxes(data, 0, len(data)):
        if box.name == b"ftyp" and b"moov" in seen:
            places.append(box.start)
            seen = set()
        seen.add(box.name)
    return places


def _counted(part: Part) -> Part:
    """Return a SPHERE recording with the length that its header states."""
    match = _COUNT.search(part.data, 0, 1024)
    if match is None:
        return part
    stated = int(match[1])
    actual, rate_hz = _count_frames(part.data)
    notes = (_describe_rest(stated, actual, rate_hz),) if stated < actual else ()
    return replace(part, notes=notes, stated_frames=max(stated, actual))


def _count_frames(data: bytes) -> tuple[int, int]:
    """Return the frames in a file as libsndfile counts them, and the sample rate."""
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            return file.frames, file.samplerate
    except Exception:
        return 0, 1


def _describe_rest(stated: int, actual: int, rate_hz: int) -> str:
    if stated <= 0:
        return (
            "The header states no length, as if the recorder had stopped early; all "
            f"{actual / rate_hz:.2f} s up to the end of the file were read."
        )
    return (
        f"Another {(actual - stated) / rate_hz:.2f} s follow the end that the header states "
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
    """Return the first recording, and the offset where another may begin."""
    extent = chunks.find_extent(data)
    if extent is None or (extent.stop == len(data) and not extent.is_open):
        return Part(kind, data), len(data)
    if extent.stop > len(data) or extent.is_open:
        end = chunks.find_next_file(data, extent.start)
        if end < len(data) or (kind == "CAF" and extent.is_open):
            return Part(kind, extent.until(data, end)), end
        return Part(kind, data), end
    end = extent.chunks_stop
    if end > extent.stop or match_signature(data[end : end + 64]):
        return Part(kind, data[:end] if match_signature(data[end : end + 64]) else data), end
    end = chunks.find_next_file(data, extent.stop)
    whole = extent.until(data, end)
    return Part(kind, *_extended(data[:end], whole, extent)), end


def _extended(data: bytes, whole: bytes, extent: chunks.Extent) -> tuple[bytes, tuple[str, ...]]:
    """Return the file with the bytes behind its stated end if they are sound, and a note."""
    n_rest = len(data) - extent.stop
    if data.count(0, extent.stop) == n_rest:
        return data, ()
    share = (extent.stop - extent.start) / (len(whole) - extent.start)
    actual, rate_hz = _count_frames(whole)
    stated = math.floor(actual * share)
    if actual - stated < _MIN_REST_S * rate_hz:
        return data, ()
    if not stated or _is_sound(whole, stated):
        return whole, (_describe_rest(stated, actual, rate_hz),)
    return data, (
        f"Another {n_rest:,} bytes follow the end that the header states; they do not look like "
        "sound and were not read.",
    )


def _is_sound(data: bytes, start: int) -> bool:
    """Return whether neighbouring samples are similar, as in all sound but noise."""
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
    return float((np.diff(samples, axis=0) ** 2).mean()) < _MAX_ROUGHNESS * power


# --- Frames --------------------------------------------------------------------------------------


def _framed(data: bytes, kind: str) -> list[Part]:
    scan = frames.scan_frames(data, kind, MAX_DURATION_S + 5)
    if not scan.runs:
        return [Part(kind, data)]
    notes = _skipped(data, scan, kind)
    is_clean = len(scan.runs) == 1 and not scan.lead and not scan.lost
    if kind == "AAC":  # unlike that of MP3, its decoder rejects an incomplete frame
        is_clean = is_clean and not scan.is_cut
    parts = [
        _aac_part(data, run, is_clean)
        if kind == "AAC"
        else _mp3_part(data, run, is_clean, scan.is_whole)
        for run in scan.runs[: MAX_PARTS + 1]
        if len(run.frames) > (run.stated is not None)
    ]
    if not parts:
        return [Part(kind, data)]
    return [replace(parts[0], notes=notes), *parts[1:]]


def _skipped(data: bytes, scan: frames.FrameScan, kind: str) -> tuple[str, ...]:
    """Return sentences on the bytes that belong to no frame."""
    notes = []
    if scan.lead:
        notes.append(
            f"The first {scan.lead:,} bytes are no frame of {kind}; the recording was read from "
            "there on."
        )
    if scan.lost:
        notes.append(
            f"Between the frames {scan.lost:,} bytes are no frame of {kind}; they were left out."
        )
    if scan.is_cut and (scan.runs[-1].stated or -1) < 0:  # else a warning names the length
        notes.append("The recording breaks off in its last frame; all before that was read.")
    elif scan.tail > _JUNK_BYTES and data[-scan.tail :].count(0) != scan.tail:
        notes.append(f"The last {scan.tail:,} bytes are no frame of {kind}; they were not read.")
    return tuple(notes)


def _join(data: bytes, frame_list: list[tuple[int, frames.Header]]) -> bytes:
    return b"".join(data[at : at + header.n_bytes] for at, header in frame_list)


def _aac_part(data: bytes, run: frames.FrameRun, is_clean: bool) -> Part:
    return Part("AAC", data if is_clean else _join(data, run.frames))


def _mp3_part(data: bytes, run: frames.FrameRun, is_clean: bool, is_whole: bool) -> Part:
    """Return an MP3 recording, with the number of its frames corrected or counted."""
    sound = run.frames if run.stated is None else run.frames[1:]
    count, stated = len(sound), -1 if run.stated is None else run.stated
    at, header = run.frames[0]
    n_samples = count * header.n_samples
    if stated < 0:
        whole = is_clean and run.stated is None
        return Part("MP3", data if whole else _join(data, sound), counted=n_samples)
    is_long = is_whole and stated * header.n_samples > MAX_DURATION_S * header.rate_hz
    if abs(stated - count) <= 1 or (is_clean and stated > count and not is_long):
        return Part("MP3", data if is_clean else _join(data, run.frames))
    mark = frames.info_at(header, at) + 8
    first = data[at:mark] + count.to_bytes(4, "big") + data[mark + 4 : at + header.n_bytes]
    stated_frames = stated * header.n_samples if stated > count else None
    return Part("MP3", first + _join(data, sound), stated_frames=stated_frames)
