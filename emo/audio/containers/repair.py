"""Repair recordings that a decoder rejects, by leaving out their damaged packets.

One invalid packet would make the whole recording unreadable.  It is found by bisection, left out
and reported.  In AMR the pauses that a telephone did not send are such packets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from emo.audio.containers import frames, mp4
from emo.audio.limits import MAX_DURATION_S, MIN_DURATION_S

Reads = Callable[[bytes], bool]
"""Function that returns whether a decoder reads a whole file."""

_MAX_TRIES = 3000
_SPAN = 64  # packets that are tried together
_AMR_FRAME_S = 0.02
_AMR_SILENT = b"\x04" + bytes(12)  # decodes to 120 dB below full scale
_AMR_WIDE_SILENT = b"\x7c"
_MAX_AMR_FRAMES = int(MAX_DURATION_S / _AMR_FRAME_S) + 100


@dataclass(frozen=True)
class RepairedFile:
    """File that a decoder reads.

    Attributes
    ----------
    kind : str
        Container.
    data : bytes
        Bytes for the decoder.
    notes : tuple of str
        Sentences on what was left out.
    """

    kind: str
    data: bytes
    notes: tuple[str, ...]


def repair_file(data: bytes, kind: str, reads: Reads) -> RepairedFile | None:
    """Return a recording without its damaged packets; None if too little is left of it."""
    if kind == "AAC":
        return _without_aac(data, reads)
    if kind == "AMR":
        return _without_pauses(data)
    if kind == "MP4":
        return _without_packets(data, reads)
    return None


def _readable(count: int, reads: Callable[[Sequence[int]], bool]) -> tuple[list[int], bool]:
    """Return the numbers of the packets that can be read, and whether all were tried.

    A span that cannot be read is halved, down to single packets.
    """
    spans = [range(first, min(first + _SPAN, count)) for first in range(0, count, _SPAN)]
    spans.reverse()
    good: list[int] = []
    for _ in range(_MAX_TRIES):
        if not spans:
            break
        span = spans.pop()
        if reads(span):
            good += span
        elif len(span) > 1:
            spans += [span[len(span) // 2 :], span[: len(span) // 2]]
    return good, not spans


def _damaged_packets(bad: int, count: int, left_s: float, total_s: float, tried: bool) -> str:
    verb = "is" if bad == 1 else "are"
    return (
        f"Of {count:,} packets {bad:,} {verb} damaged or cut off"
        f"{'' if tried else ', or were not tried after so many'}; {left_s:.2f} s of "
        f"{total_s:.2f} s could be read, the rest was left out."
    )


def _without_aac(data: bytes, reads: Reads) -> RepairedFile | None:
    scan = frames.scan_frames(data, "AAC", MAX_DURATION_S + 5)
    if not scan.runs or any(h.n_samples != 1024 for run in scan.runs for _, h in run.frames):
        return None
    packets = [(at, header.n_bytes) for run in scan.runs for at, header in run.frames]
    second, third = data[packets[0][0] + 2], data[packets[0][0] + 3]
    bare = [(at + n, size - n) for at, size in packets for n in (7 if data[at + 1] & 1 else 9,)]
    codes = second >> 6, second >> 2 & 15, (second & 1) << 2 | third >> 6
    track = mp4.aac_track(*codes, bare)
    good, tried = _readable(len(bare), lambda span: reads(mp4.write_track(data, track, span)))
    rate_hz = scan.runs[0].rate_hz
    total_s, left_s = (1024 * n / rate_hz for n in (len(packets), len(good)))
    if left_s < MIN_DURATION_S:
        return None
    sound = b"".join(data[packets[n][0] : sum(packets[n])] for n in good)
    bad = len(packets) - len(good)
    notes = (_damaged_packets(bad, len(packets), left_s, total_s, tried),) if bad else ()
    return RepairedFile("AAC", sound, notes)


def _without_packets(data: bytes, reads: Reads) -> RepairedFile | None:
    """Return an unfragmented MP4 file of the packets that can be read."""
    track = mp4.read_track(data)
    if track is None or not track.packets or not track.timescale:
        return None
    if track.codec in (b"samr", b"sawb"):
        magic = b"#!AMR\n" if track.codec == b"samr" else b"#!AMR-WB\n"
        return _without_pauses(magic + b"".join(data[at : at + n] for at, n, _ in track.packets))
    complete = [
        n for n, (at, size, _) in enumerate(track.packets) if size and at + size <= len(data)
    ]

    unskipped = replace(track, skipped=0)  # else the first packet alone would have no sound

    def reads_span(span: Sequence[int]) -> bool:
        return reads(mp4.write_track(data, unskipped, [complete[n] for n in span]))

    readable, tried = _readable(len(complete), reads_span)
    good = [complete[n] for n in readable]
    count = len(track.packets)
    total_s, left_s = (
        (sum(track.packets[n][2] for n in numbers) - track.skipped) / track.timescale
        for numbers in (range(count), good)
    )
    if left_s < MIN_DURATION_S:
        return None
    bad = count - len(good)
    notes = (_damaged_packets(bad, count, left_s, total_s, tried),) if bad else ()
    return RepairedFile("MP4", mp4.write_track(data, track, good), notes)


def _without_pauses(data: bytes) -> RepairedFile | None:
    """Return an AMR file with silent frames for those that were not sent, without those at its end.

    In pauses, telephones send a description of the noise, or no frames (3GPP TS 26.093); codecpod
    supports neither.
    """
    start, sizes = frames.amr_sizes(data)
    amr_frames, lost = frames.amr_frames(data, _MAX_AMR_FRAMES)
    is_wide = start == 9
    n_speech_kinds = 9 if is_wide else 8
    count = len(amr_frames)
    while amr_frames and amr_frames[-1][1] >= n_speech_kinds:
        amr_frames.pop()
    after_s = (count - len(amr_frames)) * _AMR_FRAME_S
    duration_s = len(amr_frames) * _AMR_FRAME_S
    if duration_s < MIN_DURATION_S:
        return None
    silent = _AMR_WIDE_SILENT if is_wide else _AMR_SILENT
    sound = b"".join(
        data[at : at + 1 + sizes[kind]] if kind < n_speech_kinds else silent
        for at, kind in amr_frames
    )
    notes = []
    if pauses := sum(kind >= n_speech_kinds for _, kind in amr_frames):
        notes.append(
            f"Of {duration_s:.2f} s, {pauses * _AMR_FRAME_S:.2f} s are pauses that the telephone "
            "did not send; they were read as silence."
        )
    if after_s:
        notes.append(f"A pause of {after_s:.2f} s at the end was not sent; it was left out.")
    if lost:
        notes.append(f"Between the frames {lost:,} bytes are no frame of AMR; they were left out.")
    return RepairedFile("AMR", data[:start] + sound, tuple(notes))
