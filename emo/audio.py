"""A recording, whatever its format, as 16 kHz mono samples, or a sentence that says why not.

The content decides what a file is, never its name.  WAV, AIFF, AU, CAF, FLAC, MP3 and Ogg
(Vorbis, Opus, FLAC) are read by libsndfile; MP4 (M4A, 3GP, QuickTime), raw AAC, WebM and AMR by
codecpod, an FFmpeg under the LGPL that was built without any network.  The header is held against
the limits before a sample is decoded, and decoding goes in blocks that stop at the same limits.
"""

import contextlib
import hashlib
import io
import math
import re
import stat
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from emo.containers import READS, named_kind, recognise
from emo.errors import (
    AudioError,
    DecoderMissingError,
    LimitError,
    NotAudioError,
    NotFiniteError,
    SilentError,
    TooLongError,
    TooShortError,
)
from emo.limits import (
    MAX_BYTES,
    MAX_CHANNELS,
    MAX_DURATION_S,
    MAX_RATE_HZ,
    MAX_SAMPLES,
    MIN_DURATION_S,
    MIN_RATE_HZ,
)

Samples = npt.NDArray[np.float32]

RATE_HZ = 16_000
"""Sample rate of every clip, whatever the recording had."""

SILENT_BELOW_DB = -70.0
"""Loudest 50 ms; a silent 16-bit file with dither has -92, the quietest speech more than -60."""
QUIET_BELOW_DB = -50.0
CLIPPED_ABOVE = 0.001
"""Share of frames stuck at full scale from which a person is told."""

_BLOCK_FRAMES = 2**16
_LAST_FRAMES = 256  # steps up to the place where a damaged file breaks off
_LEVEL_FRAMES = RATE_HZ // 20
_FULL_SCALE = 0.98
# Lossy decoders overshoot full scale a little; only integers stored as floats go this far.
_WILD_PEAK = 4.0
_CANCELS_BELOW = 0.1  # power of the mix over that of unrelated channels of the same levels
_OFFSET_ABOVE = 0.1  # of the standard deviation
_WHOLE_SAMPLES = 12_000_000  # 48 MB, decoded at once
_OPUS_NARROW_HZ = 24_000
_LONG_RATE_HZ = 20_000  # FFmpeg's resampler leaves 8 kHz and below as they are
_BY_CODECPOD = ("MP4", "AAC", "WebM", "AMR")
_UNKNOWN_FRAMES = 2**62  # libsndfile declares 2**63 - 1 where a stream does not say its length
_PLACEHOLDER_BYTES = 0x7FFF_0000  # written from here on where a stream does not know its length
_CUT_OFF = re.compile(r"(?:data|SSND|Data Size) *: (\d+) \(should be (\d+)\)")


@dataclass(frozen=True, eq=False)
class Clip:
    """Sound ready for the models, and what a person should know about the recording.

    Attributes
    ----------
    samples : ndarray of float32, shape (n,)
        Mono at 16 kHz, full scale at ±1, silence and level as recorded; read-only.
    source_rate_hz, source_channels : int
        What the recording had.
    sha256 : str
        Of the recording's bytes.
    clipped : float, 0 to 1
        Share of the recording's frames that stood still at full scale, before any resampling.
    warnings : tuple of str
        Sentences on what may make the answers less sure.
    """

    samples: Samples
    source_rate_hz: int
    source_channels: int
    sha256: str
    warnings: tuple[str, ...] = ()
    clipped: float = 0.0

    @property
    def duration_s(self) -> float:
        """Length of the clip, silence included."""
        return len(self.samples) / RATE_HZ


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
class _Stream:
    """An opened recording: what its header says, and its samples in blocks."""

    rate_hz: int
    channels: int
    frames: int
    promised: int | None
    is_float: bool
    blocks: Callable[[], Iterator[Samples]]
    recorded_rate_hz: int = 0  # where that is another one


@dataclass(frozen=True)
class _Mix:
    """One channel at 16 kHz, and what was measured on the way there."""

    samples: Samples
    frames: int
    peak: float
    clipped: float
    cancelled: float
    loudest: int


def load(path: str | Path) -> Clip:
    """Return the clip that the file at `path` holds.

    Raises
    ------
    AudioError
        The file cannot be opened, or `decode` refuses its content.
    """
    path = Path(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise AudioError(f"This path is {what}; give the path of one recording.")
        _check_bytes(status.st_size)
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise AudioError("There is no file at this path; check how it is spelt.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise AudioError(f"This file cannot be opened ({reason}); check the path.") from error
    return decode(data, path.name)


@np.errstate(over="ignore", invalid="ignore")  # `_check_decoded` refuses what comes of it
def decode(data: bytes, name: str = "") -> Clip:
    """Return the clip that `data`, the bytes of a whole recording, holds.

    Parameters
    ----------
    data : bytes
        Any of the formats in :data:`emo.containers.READS`.
    name : str, optional
        Name of the file.  It only serves to warn where it contradicts the content.

    Raises
    ------
    NotAudioError
        No decoder finds sound in the bytes.
    LimitError, TooShortError, TooLongError
        Size, rate, channels or duration lie outside :mod:`emo.limits`.
    SilentError, NotFiniteError
        There is nothing to hear, or the samples are no numbers.
    DecoderMissingError
        The format needs a package that is not installed.
    """
    data = bytes(data)
    _check_bytes(len(data))
    kind = recognise(data)
    stream = _open(data, kind)
    _check_header(stream.rate_hz, stream.channels, stream.frames)
    mix = _mix(stream, np.full(stream.channels, 1 / stream.channels, dtype=np.float32))
    cancels = mix.cancelled < _CANCELS_BELOW
    if cancels:
        mix = _mix(stream, np.eye(stream.channels, dtype=np.float32)[mix.loudest])
    _check_decoded(stream, mix)
    samples, offset = _centre(mix)
    level_db = _level_db(samples)
    if level_db < SILENT_BELOW_DB:
        raise SilentError(_silence(level_db))
    warnings = [*_warn_of_source(stream, mix, kind, name), *_warn_of_sound(mix, level_db, offset)]
    if cancels:
        warnings.append(
            "The channels cancel each other when mixed (opposite phase); the loudest one was used."
        )
    samples.flags.writeable = False
    return Clip(
        samples=samples,
        source_rate_hz=stream.recorded_rate_hz or stream.rate_hz,
        source_channels=stream.channels,
        sha256=hashlib.sha256(data).hexdigest(),
        warnings=tuple(warnings),
        clipped=mix.clipped,
    )


def _is_full_band_opus(data: bytes) -> bool:
    """Tell whether libsndfile too would decode this Opus in Ogg at 48 kHz.

    Where the header names an original rate of 24 kHz or less, libsndfile decodes at that rate, as
    it did for what the models were trained on; codecpod does not, and the answers differ.
    """
    if data[28:36] != b"OpusHead":
        return False
    original_rate_hz = int.from_bytes(data[40:44], "little")  # RFC 7845, section 5.1
    return original_rate_hz > _OPUS_NARROW_HZ


def _open(data: bytes, kind: str) -> _Stream:
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


def _open_soundfile(data: bytes, kind: str) -> _Stream:
    try:
        with soundfile.SoundFile(_Bytes(data)) as file:
            rate_hz, channels, frames = file.samplerate, file.channels, file.frames
            is_float = file.subtype in ("FLOAT", "DOUBLE")
            promised = _promised(frames, file.extra_info)
    except Exception as error:
        if kind == "WAV" and data[12:16] == b"fmt ":  # libsndfile does not say what was wrong
            channels, rate_hz = struct.unpack_from("<HI", data.ljust(28), 22)
            _check_header(rate_hz, channels, None)
        raise NotAudioError(_damaged(kind)) from error
    if not 0 <= frames < _UNKNOWN_FRAMES:  # libsndfile could not seek in such a file
        raise NotAudioError(_damaged(kind))

    def blocks() -> Iterator[Samples]:
        start = 0
        for step in (_BLOCK_FRAMES, _LAST_FRAMES):
            broken = contextlib.suppress(Exception)  # what was read before still counts
            with broken, soundfile.SoundFile(_Bytes(data)) as file:
                if start:
                    file.seek(start)
                # Else soundfile seeks to where it is after each block, and Ogg is decoded anew.
                file.seekable = lambda: False
                while len(block := file.read(step, dtype="float32", always_2d=True)):
                    start += len(block)
                    yield block
                return

    return _Stream(rate_hz, channels, frames, promised, is_float, blocks)


def _promised(frames: int, log: str) -> int:
    """Return how many frames the header promised before libsndfile cut that to the file's size."""
    found = _CUT_OFF.search(log)
    if found is None:
        return frames
    stated, held = int(found[1]), int(found[2])
    return frames * stated // held if 0 < held < stated < _PLACEHOLDER_BYTES else frames


def _open_codecpod(data: bytes, kind: str) -> _Stream:
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
        _check_header(info.sample_rate, info.channels, frames)
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
        for start in range(0, len(samples), _BLOCK_FRAMES):
            yield samples[start : start + _BLOCK_FRAMES]

    rate_hz = sound.sample_rate
    if rate_hz == info.sample_rate:
        _check_header(rate_hz, sound.channels, min(len(samples), limit + 1))
    promised = frames and frames * rate_hz // info.sample_rate
    return _Stream(rate_hz, sound.channels, len(samples), promised, False, blocks, info.sample_rate)


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


def _check_bytes(size: int) -> None:
    if size == 0:
        raise NotAudioError("The file is empty (0 bytes); record or export it again.")
    if size > MAX_BYTES:
        raise LimitError(
            f"The file has {size / 2**20:,.0f} MB; at most {MAX_BYTES // 2**20} MB are read. "
            "Cut it, or save it as FLAC, MP3 or OGG."
        )


def _check_header(rate_hz: int, channels: int, frames: int | None) -> None:
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
            f"The recording lasts {_minutes(frames / rate_hz)} or more; at most "
            f"{_minutes(MAX_DURATION_S)} are read. Cut out the part with the voice."
        )
    if frames is not None and frames * channels > MAX_SAMPLES:
        raise TooLongError(
            f"The recording holds more than {MAX_SAMPLES:,} samples ({channels} channels at "
            f"{rate_hz:,} Hz). Cut it, or export it as mono at 16,000 Hz."
        )


def _minutes(duration_s: float) -> str:
    """Return a duration in words: the seconds of a short one, the minutes of a long one."""
    if duration_s < 100:
        return f"{duration_s:.3g} s"
    return f"{duration_s / 60:,.4g} minutes"


def _times(factor: float) -> str:
    return f"{factor:,.0f}" if factor < 1e6 else f"{factor:.0e}"


def _mix(stream: _Stream, weights: Samples) -> _Mix:
    """Return the weighted sum of the channels at 16 kHz, measuring each block as it passes."""
    resampler = None
    if stream.rate_hz != RATE_HZ:
        resampler = soxr.ResampleStream(stream.rate_hz, RATE_HZ, 1, dtype="float32", quality="HQ")
    parts = bytearray()  # it grows in place, where a list of arrays would be there twice
    frames, peak, clipped, mixed = 0, 0.0, 0, 0.0
    power = np.zeros(stream.channels)
    for block in stream.blocks():
        if not np.isfinite(highest := max(float(block.max()), -float(block.min()))):
            raise NotFiniteError(_not_finite(block, frames, stream.rate_hz))
        frames += len(block)
        _check_header(stream.rate_hz, stream.channels, frames)
        peak = max(peak, highest)
        clipped += _count_clipped(block, stream.is_float) if highest >= _FULL_SCALE else 0
        mono = block[:, 0] if stream.channels == 1 else block @ weights
        if stream.channels > 1:
            power += np.einsum("ij,ij->j", block, block, dtype=np.float64)
            mixed += float(np.einsum("i,i", mono, mono, dtype=np.float64))
        mono = mono if resampler is None else resampler.resample_chunk(mono)
        parts += np.ascontiguousarray(mono).data
    if resampler is not None and frames:
        parts += resampler.resample_chunk(np.empty(0, dtype=np.float32), last=True).data
    unrelated = float(power.sum()) / stream.channels**2
    return _Mix(
        samples=np.frombuffer(parts, dtype=np.float32),
        frames=frames,
        peak=peak,
        clipped=clipped / max(frames, 1),
        cancelled=mixed / unrelated if unrelated else 1.0,
        loudest=int(power.argmax()),
    )


def _not_finite(block: Samples, start: int, rate_hz: int) -> str:
    wrong = ~np.isfinite(block).all(axis=1)
    what = "NaN (not a number)" if np.isnan(block).any() else "infinity"
    return (
        f"Some samples are {what}, the first of them at {(start + wrong.argmax()) / rate_hz:.2f} s;"
        " the program that wrote the file failed. Export it again as 16-bit WAV or FLAC."
    )


def _count_clipped(block: Samples, is_float: bool) -> int:
    """Return how many frames of the worst channel stand still at full scale, or go beyond it."""
    loud = np.abs(block) >= _FULL_SCALE
    held = (block[2:] == block[1:-1]) & (block[1:-1] == block[:-2]) & loud[1:-1]
    count = int(held.sum(axis=0).max(initial=0))
    if is_float:
        return count
    return max(count, int((np.abs(block) > 1).sum(axis=0).max(initial=0)))


def _check_decoded(stream: _Stream, mix: _Mix) -> None:
    duration_s = mix.frames / stream.rate_hz
    if mix.frames == 0:
        raise TooShortError(
            "The file has a header but no sound after it; it is cut off or was never finished. "
            "Record or export it again."
        )
    if duration_s < MIN_DURATION_S:
        raise TooShortError(
            f"The recording lasts {duration_s:.3f} s; at least {MIN_DURATION_S} s are needed, "
            "and two or three seconds of speech serve best."
        )
    if not np.isfinite(max(mix.samples.max(), -mix.samples.min())):
        raise NotFiniteError(
            f"The samples are as large as {_times(mix.peak)} times full scale; the program that "
            "wrote the file failed. Export it again as 16-bit WAV or FLAC."
        )


def _centre(mix: _Mix) -> tuple[Samples, float]:
    """Return the samples without a wild scale or a constant offset, and that offset."""
    samples = mix.samples
    if mix.peak > _WILD_PEAK:
        samples = samples / np.float32(mix.peak)
    offset = float(samples.mean(dtype=np.float64))
    power = float(np.einsum("i,i", samples, samples, dtype=np.float64)) / len(samples)
    if abs(offset) <= _OFFSET_ABOVE * math.sqrt(max(power - offset**2, 0.0)):  # std would copy all
        return samples, 0.0
    return samples - np.float32(offset), offset


def _level_db(samples: Samples) -> float:
    """Return the root mean square of the loudest 50 ms, in dB relative to full scale."""
    n = len(samples) // _LEVEL_FRAMES * _LEVEL_FRAMES
    frames = samples[:n].reshape(-1, _LEVEL_FRAMES)
    power = np.einsum("ij,ij->i", frames, frames, dtype=np.float64).max() / _LEVEL_FRAMES
    return 10 * math.log10(power) if power > 0 else -math.inf


def _silence(level_db: float) -> str:
    heard = f"it has {level_db:.0f} dBFS where it is loudest"
    return (
        f"The recording is silent: {'all samples are equal' if level_db == -math.inf else heard}. "
        "Check that the microphone is not muted, then record again."
    )


def _warn_of_source(stream: _Stream, mix: _Mix, kind: str, name: str) -> list[str]:
    """Return what the file itself leaves to be desired."""
    warnings = []
    named = named_kind(name)
    if named not in (None, kind):
        warnings.append(f"The name says {named}, the content is {kind}; it was read as {kind}.")
    promised = stream.promised or 0
    if mix.frames < 0.95 * promised:
        warnings.append(
            f"The recording breaks off: its header promises {_minutes(promised / stream.rate_hz)}, "
            f"{_minutes(mix.frames / stream.rate_hz)} could be read."
        )
    if stream.rate_hz < RATE_HZ:
        warnings.append(
            f"Sampled at {stream.rate_hz:,} Hz, the recording holds nothing above "
            f"{stream.rate_hz // 2:,} Hz; the models listen up to {RATE_HZ // 2:,} Hz and may be "
            "less sure."
        )
    if stream.channels > 2:
        warnings.append(f"The {stream.channels} channels were mixed down to one.")
    return warnings


def _warn_of_sound(mix: _Mix, level_db: float, offset: float) -> list[str]:
    """Return what makes the sound itself hard to judge."""
    warnings = []
    if mix.peak > _WILD_PEAK:
        warnings.append(
            f"The samples go up to {_times(mix.peak)} times full scale; they were scaled down."
        )
    elif mix.clipped > CLIPPED_ABOVE:
        warnings.append(
            f"The recording is clipped ({mix.clipped:.1%} of it stands at full scale); record "
            "further from the microphone or with less gain."
        )
    if level_db < QUIET_BELOW_DB:
        warnings.append(
            f"The recording is very quiet ({level_db:.0f} dBFS where it is loudest); noise may "
            "colour the answers."
        )
    if offset:
        warnings.append(f"A constant offset of {offset:.2g} of full scale was taken out.")
    return warnings
