"""An opened recording: what its header says, held against the limits, and its samples in blocks.

WAV, AIFF, AU, CAF, FLAC, MP3 and Ogg (Vorbis, FLAC) are read by libsndfile; Opus, MP4 (M4A, 3GP,
QuickTime), raw AAC, WebM and AMR by codecpod, an FFmpeg under the LGPL that was built without any
network.  The header is held against the limits before a sample is decoded, and decoding goes in
blocks that stop at the same limits.
"""

import contextlib
import io
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from emo.containers import READS
from emo.errors import AudioError, DecoderMissingError, LimitError, NotAudioError, TooLongError
from emo.limits import (
    MAX_CHANNELS,
    MAX_DURATION_S,
    MAX_RATE_HZ,
    MAX_SAMPLES,
    MIN_RATE_HZ,
)

Samples = npt.NDArray[np.float32]

BLOCK_FRAMES = 2**16
"""Frames that are decoded at a time."""

_LAST_FRAMES = 256  # steps up to the place where a damaged file breaks off
_WHOLE_SAMPLES = 12_000_000  # 48 MB, decoded at once
_OPUS_NARROW_HZ = 24_000
_LONG_RATE_HZ = 20_000  # FFmpeg's resampler leaves 8 kHz and below as they are
_BY_CODECPOD = ("MP4", "AAC", "WebM", "AMR")
_SHORT = np.float32(2**-15)  # of full scale, a step of 16-bit samples
_UNKNOWN_FRAMES = 2**62  # libsndfile declares 2**63 - 1 where a stream does not say its length
_PLACEHOLDER_BYTES = 0x7FFF_0000  # written from here on where a stream does not know its length
_CUT_OFF = re.compile(r"(?:data|SSND|Data Size) *: (\d+) \(should be (\d+)\)")


class _Bytes(io.BytesIO):
    """Bytes that stay where they are when a damaged header sends libsndfile before their start.

    An exception there could not be caught: it would be printed from inside a C callback.
    """

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


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


def open_stream(data: bytes, kind: str) -> Stream:
    """Return the recording opened by the first decoder that can read it."""
    if kind in _BY_CODECPOD:
        return _open_codecpod(data, kind)
    if _is_full_band_opus(data):  # codecpod is three times as fast, the samples are the same
        with contextlib.suppress(NotAudioError, DecoderMissingError):
            return _open_codecpod(data, kind)
    try:
        return _open_soundfile(data, kind)
    except NotAudioError as refusal:
        try:  # what libsndfile lacks in a container it knows: AAC in CAF, FLAC from a pipe
            return _open_codecpod(data, kind)
        except DecoderMissingError:
            raise refusal from None


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
        with soundfile.SoundFile(_Bytes(data)) as file:
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
            with broken, soundfile.SoundFile(_Bytes(data)) as file:
                if start:
                    file.seek(start)
                # Else soundfile seeks to where it is after each block, and Ogg is decoded anew.
                file.seekable = lambda: False
                is_short = file.subtype == "PCM_16"  # converted here, in a third of the time
                kind_of_sample = "int16" if is_short else "float32"
                while len(block := file.read(step, dtype=kind_of_sample, always_2d=True)):
                    start += len(block)
                    yield block * _SHORT if is_short else block
                return

    return Stream(rate_hz, channels, frames, promised, is_float, blocks)


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
        frames = None if kind in ("AAC", "MP3") else info.frames  # guessed from the bit rate there
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
                f"damaged. Give a recording in {READS}."
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
            f"The recording lasts {minutes(frames / rate_hz)} or more; at most "
            f"{minutes(MAX_DURATION_S)} are read. Cut out the part with the voice."
        )
    if frames is not None and frames * channels > MAX_SAMPLES:
        raise TooLongError(
            f"The recording holds more than {MAX_SAMPLES:,} samples ({channels} channels at "
            f"{rate_hz:,} Hz). Cut it, or export it as mono at 16,000 Hz."
        )


def minutes(duration_s: float) -> str:
    """Return a duration in words: the seconds of a short one, the minutes of a long one."""
    if duration_s < 100:
        return f"{duration_s:.3g} s"
    return f"{duration_s / 60:,.4g} minutes"
