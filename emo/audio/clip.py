"""A recording, whatever its format, as 16 kHz mono samples, or a sentence that says why not.

The content decides what a file is, never its name.  ``audio.decoders`` opens it; what it gives is
mixed to one channel and resampled block by block.
"""

import hashlib
import math
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from emo.audio.channels import MIX, ChannelLevels, SoloActivity, channel_index, channel_names
from emo.audio.containers.formats import format_from_name, sniff
from emo.audio.decoders import Samples, Stream, check_header, format_duration, open_stream
from emo.audio.limits import MAX_BYTES, MIN_DURATION_S
from emo.errors import (
    AudioError,
    LimitError,
    NotAudioError,
    NotFiniteError,
    SilentError,
    TooShortError,
)

RATE_HZ = 16_000
"""Sample rate of every clip, whatever the recording had."""

SAMPLES_VERSION = 2
"""Part of every cache key; raise it when the same recording becomes other samples."""

SILENT_BELOW_DB = -70.0
"""Loudest 50 ms; a silent 16-bit file with dither has -92, the quietest speech more than -60."""
QUIET_BELOW_DB = -50.0
CLIPPED_ABOVE = 0.001
"""Share of frames stuck at full scale from which a person is told."""
MAX_MISSING_S = 0.1
"""What may be missing of the length that a header states before a person is told, at most.

Five per cent are allowed too, and alone in WebM, which states the length of the picture.
"""

_LEVEL_FRAMES = RATE_HZ // 20
_FULL_SCALE = 0.98
# Lossy decoders overshoot full scale a little; only integers stored as floats go this far.
_WILD_PEAK = 4.0
_CANCELS_BELOW = 0.1  # power of the mix over that of unrelated channels of the same levels
_OFFSET_ABOVE = 0.1  # of the standard deviation: worth naming
_STILL = 1e-7  # from one sample to the next; resampling leaves no exact zeros beside sound
_SILENT_BLOCK = RATE_HZ // 80  # half of the shortest digital silence
_SILENT_WITHIN = 0.5  # deviations from the mean; the flat tops of a clipped voice lie beyond


@dataclass(frozen=True, eq=False)
class Clip:
    """Sound ready for the models, and what a person should know about the recording.

    Attributes
    ----------
    samples : ndarray of float32, shape (n,)
        Mono at 16 kHz, full scale at ±1, silence and level as recorded, without a constant offset;
        read-only.
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


@dataclass(frozen=True)
class _Mix:
    """One channel at 16 kHz, and what was measured on the way there."""

    samples: Samples
    frames: int
    peak: float
    clipped: float
    cancelled: float
    loudest: int
    alone: SoloActivity


def load(path: str | Path, channel: str = MIX) -> Clip:
    """Return the clip that the file at `path` holds: its mix, or one channel.

    Raises
    ------
    AudioError
        The file cannot be opened, or `decode` refuses its content.
    """
    return decode(read_file(path), Path(path).name, channel)


def read_file(path: str | Path) -> bytes:
    """Return the bytes of a recording.

    Raises
    ------
    AudioError
        The file cannot be opened, is none, or is too large.
    """
    path = Path(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise AudioError(f"This path is {what}; give the path of one recording.")
        _check_bytes(status.st_size)
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise AudioError("There is no file at this path; check how it is spelt.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise AudioError(f"This file cannot be opened ({reason}); check the path.") from error


def decode(data: bytes, name: str = "", channel: str = MIX) -> Clip:
    """Return the clip that `data`, the bytes of a whole recording, holds.

    Parameters
    ----------
    data : bytes
        Any of the formats in :data:`emo.audio.containers.formats.SUPPORTED_FORMATS`.
    name : str, optional
        Name of the file.  It only serves to warn where it contradicts the content.
    channel : str, optional
        ``mix`` of all channels; or ``left``, ``right`` or a number from 1.

    Raises
    ------
    NotAudioError
        No decoder finds sound in the bytes.
    ChannelError
        The recording has no such channel.
    LimitError, TooShortError, TooLongError
        Size, rate, channels or duration lie outside :mod:`emo.audio.limits`.
    SilentError, NotFiniteError
        There is nothing to hear, or the samples are no numbers.
    DecoderMissingError
        The format needs a package that is not installed.
    """
    data = bytes(data)
    kind, stream = _open(data)
    return clip_of_stream(data, name, kind, stream, channel)


def decode_channels(data: bytes, name: str = "") -> dict[str, Clip | AudioError]:
    """Return the clip of each channel by its name, or the error that says why there is none.

    Raises
    ------
    AudioError
        As for :func:`decode`, where there is no telling what the channels are.
    """
    data = bytes(data)
    kind, stream = _open(data)
    clips: dict[str, Clip | AudioError] = {}
    for channel in channel_names(stream.channels):
        try:
            clips[channel] = clip_of_stream(data, name, kind, stream, channel)
        except AudioError as error:
            clips[channel] = error
    return clips


def _open(data: bytes) -> tuple[str, Stream]:
    """Return the container of a recording and its stream, held against the limits."""
    _check_bytes(len(data))
    kind = sniff(data)
    stream = open_stream(data, kind)
    check_header(stream.rate_hz, stream.channels, stream.frames)
    return kind, stream


@np.errstate(over="ignore", invalid="ignore")  # `_check_decoded` refuses what comes of it
def clip_of_stream(data: bytes, name: str, kind: str, stream: Stream, channel: str) -> Clip:
    """Return the mix or one channel of an opened recording, as ``decode`` does."""
    cancels = False
    if channel == MIX:
        mix = _mix(stream, np.full(stream.channels, 1 / stream.channels, dtype=np.float32))
        cancels = mix.cancelled < _CANCELS_BELOW
        if cancels:
            mix = _mix(stream, np.eye(stream.channels, dtype=np.float32)[mix.loudest])
    else:
        alone = _only(stream, channel_index(channel, stream.channels))
        mix = _mix(alone, np.ones(1, dtype=np.float32))
    _check_decoded(stream, mix)
    samples, offset = _level(mix)
    level_db = _level_db(samples)
    if level_db < SILENT_BELOW_DB:
        raise SilentError(_silence(level_db))
    warnings = [*_warn_of_source(stream, mix, kind, name), *_warn_of_sound(mix, level_db, offset)]
    if channel == MIX:
        warnings += _warn_of_channels(stream.channels, mix.alone, cancels)
    samples.flags.writeable = False
    return Clip(
        samples=samples,
        source_rate_hz=stream.recorded_rate_hz or stream.rate_hz,
        source_channels=stream.channels,
        sha256=hashlib.sha256(data).hexdigest(),
        warnings=tuple(warnings),
        clipped=mix.clipped,
    )


def _check_bytes(size: int) -> None:
    if size == 0:
        raise NotAudioError("The file is empty (0 bytes); record or export it again.")
    if size > MAX_BYTES:
        raise LimitError(
            f"The file has {size / 2**20:,.0f} MB; at most {MAX_BYTES // 2**20} MB are read. "
            "Cut it, or save it as FLAC, MP3 or OGG."
        )


def _only(stream: Stream, place: int) -> Stream:
    """Return the stream as if it had but this channel: what is wrong with others is not its own."""

    def blocks() -> Iterator[Samples]:
        for block in stream.blocks():
            yield np.ascontiguousarray(block[:, place : place + 1])

    return replace(stream, channels=1, blocks=blocks)


def _times(factor: float) -> str:
    return f"{factor:,.0f}" if factor < 1e6 else f"{factor:.0e}"


def _mix(stream: Stream, weights: Samples) -> _Mix:
    """Return the weighted sum of the channels at 16 kHz, measuring each block as it passes."""
    resampler = None
    if stream.rate_hz != RATE_HZ:
        resampler = soxr.ResampleStream(stream.rate_hz, RATE_HZ, 1, dtype="float32", quality="HQ")
    parts = bytearray()  # it grows in place, where a list of arrays would be there twice
    frames, peak, clipped, mixed = 0, 0.0, 0, 0.0
    power = np.zeros(stream.channels)
    activity = ChannelLevels(stream.rate_hz, stream.channels)
    for block in stream.blocks():
        if not np.isfinite(highest := max(float(block.max()), -float(block.min()))):
            raise NotFiniteError(_not_finite(block, frames, stream.rate_hz))
        frames += len(block)
        check_header(stream.rate_hz, stream.channels, frames)
        peak = max(peak, highest)
        clipped += _count_clipped(block, stream.is_float) if highest >= _FULL_SCALE else 0
        mono = block[:, 0] if stream.channels == 1 else block @ weights
        if stream.channels > 1:
            power += np.einsum("ij,ij->j", block, block, dtype=np.float64)
            mixed += float(np.einsum("i,i", mono, mono, dtype=np.float64))
            activity.add(block)
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
        alone=activity.alone(),
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


def _check_decoded(stream: Stream, mix: _Mix) -> None:
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


def cut(clip: Clip, start: int, stop: int) -> Clip:
    """Return the samples from `start` up to `stop` of a clip as a clip of their own."""
    samples = centre(clip.samples[start:stop])
    samples.flags.writeable = False
    return replace(clip, samples=samples)


def centre(samples: Samples) -> Samples:
    """Return the samples without their constant offset, in a new array.

    Level, pauses and pitch are measured from the power of the samples, which an offset adds to; so
    whatever is measured was centred here first, be it a clip, a part of one or an altered one.
    """
    centred = samples.copy()
    _take_out_offset(centred)
    return centred


def _take_out_offset(samples: Samples) -> float:
    """Take the mean out of samples, in place, and return it.

    Digital silence around or between the sound has no part in the mean and becomes zero, so that
    more of it changes nothing.
    """
    silent = _digital_silence(samples)
    offset = np.float32(samples.mean(dtype=np.float64, where=~silent))
    samples -= offset
    samples[silent] = 0.0
    return float(offset)


def _digital_silence(samples: Samples) -> npt.NDArray[np.bool_]:
    """Return where the samples stand still, but for what does so far from their mean."""
    silent = np.zeros(len(samples), bool)
    blocks = samples[: len(samples) // _SILENT_BLOCK * _SILENT_BLOCK].reshape(-1, _SILENT_BLOCK)
    if (
        not len(blocks) or not (np.ptp(blocks, axis=1) < _STILL).any()
    ):  # as in most clips, which is soon seen
        return silent
    still = np.concatenate([[False], np.abs(np.diff(samples)) < _STILL, [False]])
    edges = np.flatnonzero(still[1:] != still[:-1]).reshape(-1, 2)
    for start, stop in edges[edges[:, 1] - edges[:, 0] >= 2 * _SILENT_BLOCK].tolist():
        silent[start : stop + 1] = True
    if silent.all():
        return np.zeros_like(silent)
    sound = samples[~silent]
    mean = sound.mean(dtype=np.float64)
    power = float(np.einsum("i,i", sound, sound, dtype=np.float64)) / len(sound)
    most = np.float32(_SILENT_WITHIN * math.sqrt(max(power - mean**2, 0.0)))
    silent &= np.abs(samples - np.float32(mean)) < most
    return silent


def _level(mix: _Mix) -> tuple[Samples, float]:
    """Return the samples without a wild scale or a constant offset, and the offset worth naming."""
    samples = mix.samples
    if mix.peak > _WILD_PEAK:
        samples = samples / np.float32(mix.peak)
    offset = _take_out_offset(samples)  # in place: of ten minutes a second copy takes 38 MB
    power = float(np.einsum("i,i", samples, samples, dtype=np.float64)) / len(samples)
    return samples, offset if abs(offset) > _OFFSET_ABOVE * math.sqrt(power) else 0.0


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


def _warn_of_source(stream: Stream, mix: _Mix, kind: str, name: str) -> list[str]:
    """Return what the file itself leaves to be desired."""
    warnings = []
    named = format_from_name(name)
    if named not in (None, kind):
        warnings.append(f"The name says {named}, the content is {kind}; it was read as {kind}.")
    warnings += stream.notes
    promised = stream.promised or 0
    slack = 0.05 * promised
    if kind != "WebM":
        slack = min(slack, MAX_MISSING_S * stream.rate_hz)
    if mix.frames < promised - slack:
        stated, read = (format_duration(n / stream.rate_hz) for n in (promised, mix.frames))
        warnings.append(
            f"The recording breaks off: its header promises {stated}, {read} could be read."
        )
    if stream.rate_hz < RATE_HZ:
        warnings.append(
            f"Sampled at {stream.rate_hz:,} Hz, the recording holds nothing above "
            f"{stream.rate_hz // 2:,} Hz; the models listen up to {RATE_HZ // 2:,} Hz and may be "
            "less sure."
        )
    return warnings


def _warn_of_channels(channels: int, alone: SoloActivity, cancels: bool) -> list[str]:
    """Return what is lost where several channels become one."""
    warnings = []
    if channels > 2:
        warnings.append(f"The {channels} channels were mixed down to one.")
    if alone.differ:
        *names, last = channel_names(channels)
        warnings.append(
            f"Different people seem to speak on the channels (in {100 * alone.total:.0f} % of the "
            "speech only one channel is active), and the answers are for the mix of all. Choose "
            f"one channel: {', '.join(names)} or {last}."
        )
    if cancels:
        warnings.append(
            "The channels cancel each other when mixed (opposite phase); the loudest one was used."
        )
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
            f"The recording is clipped ({100 * mix.clipped:.1f} % of it stands at full scale); "
            "record further from the microphone or with less gain."
        )
    if level_db < QUIET_BELOW_DB:
        warnings.append(
            f"The recording is very quiet ({level_db:.0f} dBFS where it is loudest); noise may "
            "colour the answers."
        )
    if offset:
        warnings.append(f"A constant offset of {offset:.2g} of full scale was taken out.")
    return warnings
