"""Open recordings: check their headers against the limits, and decode their samples in blocks.

WAV, AIFF, AU, CAF, FLAC, MP3 and Ogg (Vorbis, FLAC) are decoded by libsndfile; Opus, MP4 (M4A, 3GP,
QuickTime), raw AAC, WebM and AMR by codecpod, an FFmpeg under the LGPL that was built without
network access.  The header is checked before a sample is decoded, and decoding stops at the same
limits.
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

_LAST_FRAMES = 256  # at a time, close to the place where a damaged file ends
_WHOLE_SAMPLES = 12_000_000  # decoded at once: 48 MB
_OPUS_NARROW_HZ = 24_000
_LONG_RATE_HZ = 20_000  # of long recordings; FFmpeg leaves frequencies up to 8 kHz as they are
_BY_CODECPOD = ("MP4", "AAC", "WebM", "AMR")
_STATES_LENGTH = ("OGG", "MP4", "WebM", "FLAC", "CAF")  # else FFmpeg guesses from a bit rate
_MAX_RESUMED = 50  # damaged frames of FLAC behind which decoding continues
_INT16_STEP = np.float32(2**-15)  # relative to full scale
_UNKNOWN_FRAMES = 2**62  # libsndfile returns 2**63 - 1 where a stream does not state its length
_PLACEHOLDER_BYTES = 0x7FFF_0000  # sizes from here on stand for an unknown length
_CUT_OFF = re.compile(r"(?:data|SSND|Data Size) *: (\d+) \(should be (\d+)\)")

_STDERR_LOCK = threading.Lock()
_NO_INDEX = (
    "This MP4 file has no index (moov): the recorder stopped before it finished the file, so the "
    "place of the sound in it is unknown. Programs that repair such files (search for 'repair MP4 "
    "moov') can write a new index."
)


class _Bytes(io.BytesIO):
    """Bytes that ignore a seek before their start, which a damaged header can cause.

    An exception could not be caught there: it would be printed from inside a C callback.
    """

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


@contextlib.contextmanager
def _silenced(kind: str) -> Iterator[None]:
    """Discard the messages that mpg123, inside libsndfile, writes to standard error."""
    if kind != "MP3" or _is_null_device(2):
        yield
        return
    with _STDERR_LOCK:
        sys.stderr.flush()
        saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            os.close(null)


def _is_null_device(descriptor: int) -> bool:
    """Return whether a descriptor is closed or the null device, as in the sandboxed processes."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return True
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(1, 3)


@dataclass(frozen=True)
class Stream:
    """Opened recording: facts from its header, and its samples in blocks.

    Attributes
    ----------
    rate_hz, channels, frames : int
        Sample rate, number of channels, and length in frames; 0 frames if it is unknown.
    stated_frames : int or None
        Length that the header states, where the file may be shorter.
    is_float : bool
        Whether samples may exceed full scale.
    blocks : callable
        Return an iterator over blocks of samples, float32 (n, channels).
    recorded_rate_hz : int
        Rate of the recording if it was decoded at another rate, else 0.
    notes : tuple of str
        Sentences on what was repaired or left out.
    """

    rate_hz: int
    channels: int
    frames: int
    stated_frames: int | None
    is_float: bool
    blocks: Callable[[], Iterator[Samples]]
    recorded_rate_hz: int = 0
    notes: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """Return the length by the header in seconds, 0 if it is unknown."""
        return self.frames / self.rate_hz


def open_stream(data: bytes, kind: str) -> Stream:
    """Return the recording in a file, or all recordings in it joined to one.

    Raises
    ------
    AudioError
        No recording can be read, or the headers exceed the limits.
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
    """Check the total length of several recordings against the limits."""
    rate_hz = streams[0].rate_hz
    channels = max(stream.channels for stream in streams)
    check_header(rate_hz, channels, int(sum(stream.duration_s for stream in streams) * rate_hz))


def _open_part(part: Part) -> Stream:
    """Return the stream of a recording, repaired if no decoder reads it as it is."""
    try:
        stream = _open(part.data, part.kind) if part.counted is None else _open_counted(part)
    except NotAudioError:
        repaired = repair_file(part.data, part.kind, _reads)
        if repaired is None:
            if part.kind == "MP4" and not has_index(part.data):
                raise NotAudioError(_NO_INDEX) from None
            raise
        stream = _open(repaired.data, repaired.kind)
        stream = replace(stream, notes=repaired.notes, stated_frames=None)
    if part.stated_frames is not None:
        stream = replace(stream, stated_frames=part.stated_frames)
    return replace(stream, notes=(*part.notes, *stream.notes))


def _open_counted(part: Part) -> Stream:
    """Return the stream of an MP3 recording whose length no header states.

    libsndfile estimates the length from the first bit rate, and reads no further than that.
    """
    counted = part.counted or 0
    stream = _open_soundfile(part.data, part.kind)
    if stream.frames >= counted:
        return replace(stream, frames=counted, stated_frames=counted)
    check_header(stream.rate_hz, stream.channels, counted)
    with contextlib.suppress(NotAudioError, DecoderMissingError):
        return _open_codecpod(part.data, part.kind)
    return _open_soundfile(prepend_info_frame(part.data, counted), part.kind)


def _open(data: bytes, kind: str) -> Stream:
    """Return the stream of the first decoder that can read a recording."""
    if kind in _BY_CODECPOD:
        return _open_codecpod(data, kind)
    if _is_full_band_opus(data):  # codecpod is three times as fast, the samples are the same
        with contextlib.suppress(NotAudioError, DecoderMissingError):
            return _open_codecpod(data, kind)
    try:
        stream = _open_soundfile(data, kind)
        return _resumed(stream, data) if kind == "FLAC" else stream
    except NotAudioError as rejection:
        try:  # libsndfile lacks some codecs of its containers: AAC in CAF, FLAC from a pipe
            return _open_codecpod(data, kind)
        except DecoderMissingError:
            raise rejection from None


def _reads(data: bytes) -> bool:
    """Return whether codecpod reads a file to its end."""
    import codecpod

    try:
        sound: Any = codecpod.load(data, return_buffer=True)
        return bool(sound.frames)
    except BaseException as error:  # a panic in its Rust code derives from BaseException
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return False


def _is_full_band_opus(data: bytes) -> bool:
    """Return whether libsndfile would decode this Opus in Ogg at 48 kHz, as codecpod does.

    If the header has an original rate of 24 kHz or less, libsndfile decodes at that rate, as it did
    for the training data; codecpod does not, and the answers would differ.
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
            stated_frames = _stated_frames(frames, file.extra_info)
    except Exception as error:
        if kind == "WAV" and data[12:16] == b"fmt ":  # libsndfile does not give the reason
            channels, rate_hz = struct.unpack_from("<HI", data.ljust(28), 22)
            check_header(rate_hz, channels, None)
        raise NotAudioError(_damaged(kind)) from error
    if not 0 <= frames < _UNKNOWN_FRAMES:  # libsndfile could not seek in such a file
        raise NotAudioError(_damaged(kind))

    def blocks() -> Iterator[Samples]:
        start = 0
        for step in (BLOCK_FRAMES, _LAST_FRAMES):
            ignore_errors = contextlib.suppress(Exception)  # keeps the blocks before the damage
            with ignore_errors, _opened(data, kind, start) as file:
                is_int16 = file.subtype == "PCM_16"  # converted here, in a third of the time
                dtype = "int16" if is_int16 else "float32"
                while len(block := _read(file, kind, step, dtype)):
                    start += len(block)
                    yield block * _INT16_STEP if is_int16 else block
                return

    return Stream(rate_hz, channels, frames, stated_frames, is_float, blocks)


@contextlib.contextmanager
def _opened(data: bytes, kind: str, start: int) -> Iterator[soundfile.SoundFile]:
    with _silenced(kind):
        file = soundfile.SoundFile(_Bytes(data))
    with file:
        if start:
            file.seek(start)
        # A seekable file is sought after each block, for which Ogg is decoded from its start.
        file.seekable = lambda: False
        yield file


def _read(file: soundfile.SoundFile, kind: str, n_frames: int, dtype: str) -> Samples:
    with _silenced(kind):
        block: Samples = file.read(n_frames, dtype=dtype, always_2d=True)
    return block


def _resumed(stream: Stream, data: bytes) -> Stream:
    """Return the stream of a FLAC recording that continues behind damaged frames."""

    def blocks() -> Iterator[Samples]:
        position = 0
        for block in stream.blocks():
            position += len(block)
            yield block
        tries_left = _MAX_RESUMED
        for at, sample in frame_starts(data) if position < stream.frames else ():
            if position <= sample < stream.frames and tries_left:
                tries_left -= 1
                with contextlib.suppress(NotAudioError):
                    rest = _open_soundfile(
                        resume_at_frame(data, at, stream.frames - sample), "FLAC"
                    )
                    for block in rest.blocks():
                        sample += len(block)
                        yield block
                position = max(position, sample)

    return replace(stream, blocks=blocks)


def _stated_frames(frames: int, log: str) -> int:
    """Return the frames that the header states, which libsndfile limits to the file's size."""
    match = _CUT_OFF.search(log)
    if match is None:
        return frames
    stated, actual = int(match[1]), int(match[2])
    return frames * stated // actual if 0 < actual < stated < _PLACEHOLDER_BYTES else frames


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
        frames = info.frames if kind in _STATES_LENGTH else None
        if kind == "OGG" and frames:  # without the pre-skip of Opus (RFC 7845, 4.2)
            frames -= int.from_bytes(data[38:40], "little")
        check_header(info.sample_rate, info.channels, frames)
        limit = int(min(MAX_DURATION_S * info.sample_rate, MAX_SAMPLES // info.channels))
        max_frames = limit + info.sample_rate  # they include the pre-skip of a codec
        sound = _load_codecpod(data, info, max_frames)
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
    stated = frames and frames * rate_hz // info.sample_rate
    return Stream(rate_hz, sound.channels, len(samples), stated, False, blocks, info.sample_rate)


def _load_codecpod(data: bytes, info: Any, max_frames: int) -> Any:
    """Return the decoded sound; a long one at a lower rate, to bound the memory."""
    import codecpod

    whole_frames = _WHOLE_SAMPLES // info.channels
    options: dict[str, Any] = {"channels_first": False, "return_buffer": True}
    if info.sample_rate <= _LONG_RATE_HZ or max_frames <= whole_frames + info.sample_rate:
        return codecpod.load(data, num_frames=max_frames, **options)
    if info.frames is None or info.frames <= whole_frames:
        sound: Any = codecpod.load(data, num_frames=whole_frames + info.sample_rate, **options)
        if sound.frames <= whole_frames:
            return sound
    return codecpod.load(data, num_frames=max_frames, sample_rate=_LONG_RATE_HZ, **options)


def _damaged(kind: str) -> str:
    return (
        f"This file begins like {kind}, but no sound can be read from it; it is damaged, cut off "
        "or holds an unusual codec. Export it again as WAV, FLAC or MP3."
    )


def check_header(rate_hz: int, channels: int, frames: int | None) -> None:
    """Check the facts of a header against the limits.

    Raises
    ------
    LimitError
        The sample rate or the number of channels is outside the limits.
    TooLongError
        There are too many frames.
    """
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
    """Return several recordings as one stream, with the rate and the channels of the first."""
    first, n = streams[0], len(streams)
    if n > 1:
        durations = " and ".join(format_duration(stream.duration_s) for stream in streams)
        lengths = f" ({durations})" if n < 5 else ""
        notes = [f"The file holds {n} recordings in a row{lengths}; all were read.", *notes]

    def blocks() -> Iterator[Samples]:
        for stream in streams:
            yield from _converted(stream, first.rate_hz, first.channels)

    def total(count: Callable[[Stream], int]) -> int:
        return sum(count(stream) * first.rate_hz // stream.rate_hz for stream in streams)

    return replace(
        first,
        frames=total(lambda stream: stream.frames),
        stated_frames=total(lambda stream: stream.stated_frames or stream.frames),
        is_float=all(stream.is_float for stream in streams),
        blocks=blocks,
        notes=(*notes, *(note for stream in streams for note in stream.notes)),
    )


def _converted(stream: Stream, rate_hz: int, channels: int) -> Iterator[Samples]:
    """Yield the blocks of a recording, converted to a rate and a number of channels."""
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
    """Return a duration as text: in seconds below 100 s, else in minutes."""
    if duration_s < 100:
        return f"{duration_s:.3g} s"
    return f"{duration_s / 60:,.4g} minutes"
