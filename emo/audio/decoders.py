"""An opened recording: what its header says, held against the limits, and its samples in blocks.

WAV, AIFF, AU, CAF, FLAC, MP3 and Ogg (Vorbis, FLAC) are read by libsndfile; Opus, MP4 (M4A, 3GP,
QuickTime), raw AAC, WebM and AMR by codecpod, an FFmpeg under the LGPL that was built without any
network.  The header is held against the limits before a sample is decoded, and decoding goes in
blocks that stop at the same limits.
"""

import contextlib
import io
import os
import re
import stat
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from emo.audio.containers.flac import frame_starts, resume_at_frame
from emo.audio.containers.formats import SUPPORTED_FORMATS
from emo.audio.containers.frames import prepend_info_frame
from emo.audio.containers.mp4 import has_index
from emo.audio.containers.parts import MAX_PARTS, Part, split_recordings
from emo.audio.containers.repair import repair_file
from emo.audio.limits import MAX_CHANNELS, MAX_DURATION_S, MAX_RATE_HZ, MAX_SAMPLES, MIN_RATE_HZ
from emo.errors import AudioError, DecoderMissingError, LimitError, NotAudioError, TooLongError

Samples = npt.NDArray[np.float32]

BLOCK_FRAMES = 2**16
"""Frames that are decoded at a time."""

_LAST_FRAMES = 256  # steps up to the place where a damaged file breaks off
_WHOLE_SAMPLES = 12_000_000  # 48 MB, decoded at once
_OPUS_NARROW_HZ = 24_000
_LONG_RATE_HZ = 20_000  # FFmpeg's resampler leaves 8 kHz and below as they are
_BY_CODECPOD = ("MP4", "AAC", "WebM", "AMR")
_STATING = ("OGG", "MP4", "WebM", "FLAC", "CAF")  # elsewhere FFmpeg guesses from a bit rate
_MAX_RESUMED = 50  # times that FLAC goes on behind a damaged frame
_SHORT = np.float32(2**-15)  # of full scale, a step of 16-bit samples
_UNKNOWN_FRAMES = 2**62  # libsndfile declares 2**63 - 1 where a stream does not say its length
_PLACEHOLDER_BYTES = 0x7FFF_0000  # written from here on where a stream does not know its length
_CUT_OFF = re.compile(r"(?:data|SSND|Data Size) *: (\d+) \(should be (\d+)\)")

_QUIET = threading.Lock()
_UNFINISHED = (
    "This MP4 file has no index (moov): the recorder stopped before it finished the file, so "
    "nothing says where the sound lies in it. A program that repairs such files (search for "
    "'repair MP4 moov') can write the index anew; then give the result."
)


class _Bytes(io.BytesIO):
    """Bytes that stay where they are when a damaged header sends libsndfile before their start.

    An exception there could not be caught: it would be printed from inside a C callback.
    """

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


@contextlib.contextmanager
def _silenced(kind: str) -> Iterator[None]:
    """Keep off standard error what mpg123, inside libsndfile, writes there on its own."""
    if kind != "MP3" or _is_nothing(2):
        yield
        return
    with _QUIET:
        sys.stderr.flush()
        saved, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nothing, 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            os.close(nothing)


def _is_nothing(descriptor: int) -> bool:
    """Tell whether what is written there goes nowhere, as in the processes that read uploads."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return True
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(1, 3)


@dataclass(frozen=True)
class Stream:
    """An opened recording: what its header says, and its samples in blocks."""

    rate_hz: int
    channels: int
    frames: int
    promised: int | None
    is_float: bool
    blocks: Callable[[], Iterator[Samples]]
    recorded_rate_hz: int = 0  # where that is another one
    notes: tuple[str, ...] = ()  # sentences on what was mended or passed over

    @property
    def duration_s(self) -> float:
        """Length by the header, 0 where that does not say it."""
        return self.frames / self.rate_hz


def open_stream(data: bytes, kind: str) -> Stream:
    """Return the recording, or all that a file holds one after the other.

    Raises
    ------
    AudioError
        Nothing can be read, or what the headers state is out of the limits.
    """
    parts = split_recordings(data, kind)
    if len(parts) == 1:
        return _open_part(parts[0])
    streams: list[Stream] = []
    notes: list[str] = []
    if len(parts) > MAX_PARTS:
        notes.append(f"At most {MAX_PARTS} recordings of one file are read; the others were not.")
    for n, part in enumerate(parts[:MAX_PARTS]):
        try:
            stream = _open_part(part)
        except NotAudioError:
            if n == len(parts[:MAX_PARTS]) - 1 and not streams:
                raise
            notes.append(f"Recording {n + 1} of the {len(parts)} in this file could not be read.")
            continue
        streams.append(stream)
        _check_all(streams)
    return join_streams(streams, notes)


def _check_all(streams: Sequence[Stream]) -> None:
    """Hold the length of several recordings together against the limits."""
    rate_hz = streams[0].rate_hz
    channels = max(stream.channels for stream in streams)
    check_header(rate_hz, channels, int(sum(stream.duration_s for stream in streams) * rate_hz))


def _open_part(part: Part) -> Stream:
    """Return a recording opened, without what no decoder takes if it is refused because of that."""
    try:
        stream = _open(part.data, part.kind) if part.counted is None else _open_counted(part)
    except NotAudioError:
        repaired = repair_file(part.data, part.kind, _reads)
        if repaired is None:
            if part.kind == "MP4" and not has_index(part.data):
                raise NotAudioError(_UNFINISHED) from None
            raise
        stream = _open(repaired.data, repaired.kind)
        stream = replace(stream, notes=repaired.notes, promised=None)
    if part.promised is not None:
        stream = replace(stream, promised=part.promised)
    return replace(stream, notes=(*part.notes, *stream.notes))


def _open_counted(part: Part) -> Stream:
    """Return a recording in MP3 whose length no header states.

    libsndfile guesses it from the first bit rate, and reads no further than it guessed.
    """
    counted = part.counted or 0
    stream = _open_soundfile(part.data, part.kind)
    if stream.frames >= counted:
        return replace(stream, frames=counted, promised=counted)
    check_header(stream.rate_hz, stream.channels, counted)
    with contextlib.suppress(NotAudioError, DecoderMissingError):
        return _open_codecpod(part.data, part.kind)
    return _open_soundfile(prepend_info_frame(part.data, counted), part.kind)


def _open(data: bytes, kind: str) -> Stream:
    """Return the recording opened by the first decoder that can read it."""
    if kind in _BY_CODECPOD:
        return _open_codecpod(data, kind)
    if _is_full_band_opus(data):  # codecpod is three times as fast, the samples are the same
        with contextlib.suppress(NotAudioError, DecoderMissingError):
            return _open_codecpod(data, kind)
    try:
        stream = _open_soundfile(data, kind)
        return _resumed(stream, data) if kind == "FLAC" else stream
    except NotAudioError as refusal:
        try:  # what libsndfile lacks in a container it knows: AAC in CAF, FLAC from a pipe
            return _open_codecpod(data, kind)
        except DecoderMissingError:
            raise refusal from None


def _reads(data: bytes) -> bool:
    """Tell whether codecpod reads a file to its end."""
    import codecpod

    try:
        sound: Any = codecpod.load(data, return_buffer=True)
        return bool(sound.frames)
    except BaseException as error:  # a panic in its Rust code derives from BaseException
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return False


def _is_full_band_opus(data: bytes) -> bool:
    """Tell whether libsndfile too would decode this Opus in Ogg at 48 kHz.

    Where the header names an original rate of 24 kHz or less, libsndfile decodes at that rate, as
    it did for what the models were trained on; codecpod does not, and the answers differ.
    """
    if data[28:36] != b"OpusHead":
        return False
    original_rate_hz = int.from_bytes(data[40:44], "little")  # RFC 7845, section 5.1
    return original_rate_hz > _OPUS_NARROW_HZ


def _open_soundfile(data: bytes, kind: str) -> Stream:
    try:
        with _silenced(kind), soundfile.SoundFile(_Bytes(data)) as file:
            rate_hz, channels, frames = file.samplerate, file.channels, file.frames
            is_float = file.subtype in ("FLOAT", "DOUBLE")
            promised = _promised(frames, file.extra_info)
    except Exception as error:
        if kind == "WAV" and data[12:16] == b"fmt ":  # libsndfile does not say what was wrong
            channels, rate_hz = struct.unpack_from("<HI", data.ljust(28), 22)
            check_header(rate_hz, channels, None)
        raise NotAudioError(_damaged(kind)) from error
    if not 0 <= frames < _UNKNOWN_FRAMES:  # libsndfile could not seek in such a file
        raise NotAudioError(_damaged(kind))

    def blocks() -> Iterator[Samples]:
        start = 0
        for step in (BLOCK_FRAMES, _LAST_FRAMES):
            broken = contextlib.suppress(Exception)  # what was read before still counts
            with broken, _opened(data, kind, start) as file:
                is_short = file.subtype == "PCM_16"  # converted here, in a third of the time
                kind_of_sample = "int16" if is_short else "float32"
                while len(block := _read(file, kind, step, kind_of_sample)):
                    start += len(block)
                    yield block * _SHORT if is_short else block
                return

    return Stream(rate_hz, channels, frames, promised, is_float, blocks)


@contextlib.contextmanager
def _opened(data: bytes, kind: str, start: int) -> Iterator[soundfile.SoundFile]:
    with _silenced(kind):
        file = soundfile.SoundFile(_Bytes(data))
    with file:
        if start:
            file.seek(start)
        # Else soundfile seeks to where it is after each block, and Ogg is decoded anew.
        file.seekable = lambda: False
        yield file


def _read(file: soundfile.SoundFile, kind: str, n_frames: int, kind_of_sample: str) -> Samples:
    with _silenced(kind):
        block: Samples = file.read(n_frames, dtype=kind_of_sample, always_2d=True)
    return block


def _resumed(stream: Stream, data: bytes) -> Stream:
    """Return a recording in FLAC that goes on behind frames that are damaged."""

    def blocks() -> Iterator[Samples]:
        position = 0
        for block in stream.blocks():
            position += len(block)
            yield block
        tries = _MAX_RESUMED
        for at, sample in frame_starts(data) if position < stream.frames else ():
            if position <= sample < stream.frames and tries:
                tries -= 1
                with contextlib.suppress(NotAudioError):
                    rest = _open_soundfile(
                        resume_at_frame(data, at, stream.frames - sample), "FLAC"
                    )
                    for block in rest.blocks():
                        sample += len(block)
                        yield block
                position = max(position, sample)

    return replace(stream, blocks=blocks)


def _promised(frames: int, log: str) -> int:
    """Return how many frames the header promised before libsndfile cut that to the file's size."""
    found = _CUT_OFF.search(log)
    if found is None:
        return frames
    stated, held = int(found[1]), int(found[2])
    return frames * stated // held if 0 < held < stated < _PLACEHOLDER_BYTES else frames


def _open_codecpod(data: bytes, kind: str) -> Stream:
    try:
        import codecpod
    except ImportError:
        raise DecoderMissingError(
            f"Reading {kind} needs the package codecpod, which is not installed: run "
            "'pip install codecpod', or convert the recording to WAV, FLAC, MP3 or OGG."
        ) from None
    try:
        info = codecpod.info(data)
        frames = info.frames if kind in _STATING else None
        if kind == "OGG" and frames:  # Opus warms up on some, which it counts
            frames -= int.from_bytes(data[38:40], "little")
        check_header(info.sample_rate, info.channels, frames)
        limit = int(min(MAX_DURATION_S * info.sample_rate, MAX_SAMPLES // info.channels))
        enough = limit + info.sample_rate  # it counts what a codec warms up with and throws away
        sound = _load_codecpod(data, info, enough)
    except AudioError:
        raise
    except BaseException as error:  # a panic in its Rust code derives from BaseException
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        if "no audio stream" in str(error):
            raise NotAudioError(
                f"No sound was found in this {kind} file: it is a video without a sound track, or "
                f"damaged. Give a recording in {SUPPORTED_FORMATS}."
            ) from error
        raise NotAudioError(_damaged(kind)) from error
    samples = sound.samples.reshape(-1, sound.channels)

    def blocks() -> Iterator[Samples]:
        for start in range(0, len(samples), BLOCK_FRAMES):
            yield samples[start : start + BLOCK_FRAMES]

    rate_hz = sound.sample_rate
    if rate_hz == info.sample_rate:
        check_header(rate_hz, sound.channels, min(len(samples), limit + 1))
    promised = frames and frames * rate_hz // info.sample_rate
    return Stream(rate_hz, sound.channels, len(samples), promised, False, blocks, info.sample_rate)


def _load_codecpod(data: bytes, info: Any, most_frames: int) -> Any:
    """Return the sound; a long one, which would fill the memory, at a rate just high enough."""
    import codecpod

    few = _WHOLE_SAMPLES // info.channels
    how: dict[str, Any] = {"channels_first": False, "return_buffer": True}
    if info.sample_rate <= _LONG_RATE_HZ or most_frames <= few + info.sample_rate:
        return codecpod.load(data, num_frames=most_frames, **how)
    if info.frames is None or info.frames <= few:
        sound: Any = codecpod.load(data, num_frames=few + info.sample_rate, **how)
        if sound.frames <= few:
            return sound
    return codecpod.load(data, num_frames=most_frames, sample_rate=_LONG_RATE_HZ, **how)


def _damaged(kind: str) -> str:
    return (
        f"This file begins like {kind}, but no sound can be read from it; it is damaged, cut off "
        "or holds an unusual codec. Export it again as WAV, FLAC or MP3."
    )


def check_header(rate_hz: int, channels: int, frames: int | None) -> None:
    """Refuse what the header already says is out of the limits."""
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise LimitError(
            f"The file states a sample rate of {rate_hz:,} Hz; rates from {MIN_RATE_HZ:,} to "
            f"{MAX_RATE_HZ:,} Hz are read. Export it again at 16,000 Hz or more."
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise LimitError(
            f"The file states {channels:,} channels; 1 to {MAX_CHANNELS} are read. Export it "
            "again as mono or stereo."
        )
    if frames is not None and frames > MAX_DURATION_S * rate_hz:
        raise TooLongError(
            f"The recording lasts {format_duration(frames / rate_hz)} or more; at most "
            f"{format_duration(MAX_DURATION_S)} are read. Cut out the part with the voice."
        )
    if frames is not None and frames * channels > MAX_SAMPLES:
        raise TooLongError(
            f"The recording holds more than {MAX_SAMPLES:,} samples ({channels} channels at "
            f"{rate_hz:,} Hz). Cut it, or export it as mono at 16,000 Hz."
        )


def join_streams(streams: Sequence[Stream], notes: Sequence[str]) -> Stream:
    """Return several recordings as one, at the rate and with the channels of the first."""
    first, n = streams[0], len(streams)
    lengths = " and ".join(format_duration(stream.duration_s) for stream in streams)
    told = f" ({lengths})" if n < 5 else ""
    if n > 1:
        notes = [f"The file holds {n} recordings one after the other{told}; all were read.", *notes]

    def blocks() -> Iterator[Samples]:
        for stream in streams:
            yield from _converted(stream, first.rate_hz, first.channels)

    def total(count: Callable[[Stream], int]) -> int:
        return sum(count(stream) * first.rate_hz // stream.rate_hz for stream in streams)

    return replace(
        first,
        frames=total(lambda stream: stream.frames),
        promised=total(lambda stream: stream.promised or stream.frames),
        is_float=all(stream.is_float for stream in streams),
        blocks=blocks,
        notes=(*notes, *(note for stream in streams for note in stream.notes)),
    )


def _converted(stream: Stream, rate_hz: int, channels: int) -> Iterator[Samples]:
    """Yield the blocks of a recording at another rate and with other channels, if they differ."""
    resampler = None
    if stream.rate_hz != rate_hz:
        resampler = soxr.ResampleStream(stream.rate_hz, rate_hz, channels, dtype="float32")
    for block in stream.blocks():
        if stream.channels != channels:
            mono = block.mean(axis=1, keepdims=True)
            block = np.repeat(mono, channels, axis=1)
        if resampler is not None:
            block = resampler.resample_chunk(block).reshape(-1, channels)
        if len(block):
            yield block
    if resampler is not None:
        rest = resampler.resample_chunk(np.empty((0, channels), np.float32), last=True)
        if len(rest):
            yield rest.reshape(-1, channels)


def format_duration(duration_s: float) -> str:
    """Return a duration in words: the seconds of a short one, the minutes of a long one."""
    if duration_s < 100:
        return f"{duration_s:.3g} s"
    return f"{duration_s / 60:,.4g} minutes"
