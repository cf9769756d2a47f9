"""Decode recordings of any supported format to 16 kHz mono samples.

The content of a file decides its format, never its name.  ``emo.audio.decoders`` opens it; its
blocks are mixed to one channel and resampled one after the other.
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
"""Sample rate of every clip, whatever that of its recording."""

SAMPLES_VERSION = 2
"""Part of every cache key; raise it when the same recording is decoded to other samples."""

SILENT_BELOW_DB = -70.0
"""Level of the loudest 50 ms, in dBFS, below which a recording is rejected.

A silent 16-bit file with dither has -92 dBFS, the quietest speech more than -60.
"""

QUIET_BELOW_DB = -50.0
"""Level of the loudest 50 ms, in dBFS, below which a clip has a warning."""

CLIPPED_ABOVE = 0.001
"""Share of frames at full scale above which a clip has a warning."""

MAX_MISSING_S = 0.1
"""Seconds that may be missing of the length in a header before a clip has a warning.

The limit is 5 % of the length where that is less, and always in WebM, whose header states the
length of the picture.
"""

_LEVEL_FRAMES = RATE_HZ // 20
_FULL_SCALE = 0.98
_MAX_PEAK = 4.0  # above it, integers were stored as floats; lossy decoders overshoot by less
_CANCELS_BELOW = 0.1  # power of the mix over that of unrelated channels of the same levels
_OFFSET_ABOVE = 0.1  # of the standard deviation, for a warning
_STILL = 1e-7  # from one sample to the next; resampling leaves no exact zeros beside sound
_SILENT_BLOCK = RATE_HZ // 80  # half of the shortest digital silence
_SILENT_WITHIN = 0.5  # standard deviations from the mean; clipped peaks lie beyond


@dataclass(frozen=True, eq=False)
class Clip:
    """Decoded sound for the models, and facts about its recording.

    Attributes
    ----------
    samples : ndarray of float32, shape (n,)
        Mono at 16 kHz, full scale at ±1, silence and level as recorded, without a constant offset;
        read-only.
    source_rate_hz, source_channels : int
        Sample rate and number of channels of the recording.
    sha256 : str
        Digest of the recording's bytes.
    warnings : tuple of str
        Sentences on properties of the recording that may affect the answers.
    clipped : float, 0 to 1
        Share of the recording's frames that stay at full scale, before resampling.
    """

    samples: Samples
    source_rate_hz: int
    source_channels: int
    sha256: str
    warnings: tuple[str, ...] = ()
    clipped: float = 0.0

    @property
    def duration_s(self) -> float:
        """Return the length of the clip in seconds, silence included."""
        return len(self.samples) / RATE_HZ


@dataclass(frozen=True)
class _Mix:
    """One channel at 16 kHz, and measurements of the blocks that it was mixed from."""

    samples: Samples
    frames: int
    peak: float
    clipped: float
    cancelled: float
    loudest: int
    solo: SoloActivity


def load(path: str | Path, channel: str = MIX) -> Clip:
    """Return the clip of a file: the mix of its channels, or one channel.

    Raises
    ------
    AudioError
        The file cannot be opened, or ``decode`` rejects its content.
    """
    return decode(read_file(path), Path(path).name, channel)


def read_file(path: str | Path) -> bytes:
    """Return the bytes of a recording.

    Raises
    ------
    AudioError
        The path is no file, or the file cannot be opened or is too large.
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
    """Return the clip of a recording: the mix of its channels, or one channel.

    Parameters
    ----------
    data : bytes
        Whole recording in one of ``emo.audio.containers.formats.SUPPORTED_FORMATS``.
    name : str, optional
        Name of the file, for a warning where it contradicts the content.
    channel : str, optional
        ``mix`` of all channels; or ``left``, ``right`` or a number from 1.

    Raises
    ------
    NotAudioError
        No decoder finds sound in the bytes.
    ChannelError
        The recording has no such channel.
    LimitError, TooShortError, TooLongError
        Size, rate, channels or duration lie outside the limits of ``emo.audio.limits``.
    SilentError, NotFiniteError
        The recording is silent, or a sample is NaN or infinite.
    DecoderMissingError
        The format needs a package that is not installed.
    """
    data = bytes(data)
    kind, stream = _open(data)
    return clip_of_stream(data, name, kind, stream, channel)


def decode_channels(data: bytes, name: str = "") -> dict[str, Clip | AudioError]:
    """Return the clip of each channel by the channel's name, or the error of that channel.

    Parameters
    ----------
    data, name
        As for ``decode``.

    Raises
    ------
    AudioError
        The recording cannot be opened, so that its channels are not known.
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
    """Return the container and the stream of a recording, checked against the limits."""
    _check_bytes(len(data))
    kind = sniff(data)
    stream = open_stream(data, kind)
    check_header(stream.rate_hz, stream.channels, stream.frames)
    return kind, stream


@np.errstate(over="ignore", invalid="ignore")  # ``_check_decoded`` rejects the result
def clip_of_stream(data: bytes, name: str, kind: str, stream: Stream, channel: str) -> Clip:
    """Return the mix or one channel of an opened recording, as ``decode`` does."""
    cancels = False
    if channel == MIX:
        mix = _mix(stream, np.full(stream.channels, 1 / stream.channels, dtype=np.float32))
        cancels = mix.cancelled < _CANCELS_BELOW
        if cancels:
            mix = _mix(stream, np.eye(stream.channels, dtype=np.float32)[mix.loudest])
    else:
        single = _only(stream, channel_index(channel, stream.channels))
        mix = _mix(single, np.ones(1, dtype=np.float32))
    _check_decoded(stream, mix)
    samples, offset = _level(mix)
    level_db = _level_db(samples)
    if level_db < SILENT_BELOW_DB:
        raise SilentError(_silence(level_db))
    warnings = [*_warn_of_source(stream, mix, kind, name), *_warn_of_sound(mix, level_db, offset)]
    if channel == MIX:
        warnings += _warn_of_channels(stream.channels, mix.solo, cancels)
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
    """Return the stream of one channel, so that faults of the others do not affect it."""

    def blocks() -> Iterator[Samples]:
        for block in stream.blocks():
            yield np.ascontiguousarray(block[:, place : place + 1])

    return replace(stream, channels=1, blocks=blocks)


def _times(factor: float) -> str:
    return f"{factor:,.0f}" if factor < 1e6 else f"{factor:.0e}"


def _mix(stream: Stream, weights: Samples) -> _Mix:
    """Return the weighted sum of the channels at 16 kHz, and measurements of all channels."""
    resampler = None
    if stream.rate_hz != RATE_HZ:
        resampler = soxr.ResampleStream(stream.rate_hz, RATE_HZ, 1, dtype="float32", quality="HQ")
    parts = bytearray()  # grows in place; joining a list of arrays would need twice the memory
    frames, peak, clipped, mixed = 0, 0.0, 0, 0.0
    power = np.zeros(stream.channels)
    levels = ChannelLevels(stream.rate_hz, stream.channels)
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
            levels.add(block)
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
        solo=levels.solo_activity(),
    )


def _not_finite(block: Samples, start: int, rate_hz: int) -> str:
    wrong = ~np.isfinite(block).all(axis=1)
    what = "NaN (not a number)" if np.isnan(block).any() else "infinity"
    return (
        f"Some samples are {what}, the first of them at {(start + wrong.argmax()) / rate_hz:.2f} s;"
        " the program that wrote the file failed. Export it again as 16-bit WAV or FLAC."
    )


def _count_clipped(block: Samples, is_float: bool) -> int:
    """Return the frames of the worst channel that stay at full scale, or exceed it."""
    loud = np.abs(block) >= _FULL_SCALE
    constant = (block[2:] == block[1:-1]) & (block[1:-1] == block[:-2]) & loud[1:-1]
    count = int(constant.sum(axis=0).max(initial=0))
    if is_float:
        return count
    return max(count, int((np.abs(block) > 1).sum(axis=0).max(initial=0)))


def _check_decoded(stream: Stream, mix: _Mix) -> None:
    duration_s = mix.frames / stream.rate_hz
    if mix.frames == 0:
        raise TooShortError(
            "The file has a header but no sound after it; it is cut off or incomplete. Record or "
            "export it again."
        )
    if duration_s < MIN_DURATION_S:
        raise TooShortError(
            f"The recording lasts {duration_s:.3f} s; at least {MIN_DURATION_S} s are needed, "
            "and two or three seconds of speech are best."
        )
    if not np.isfinite(max(mix.samples.max(), -mix.samples.min())):
        raise NotFiniteError(
            f"The samples are as large as {_times(mix.peak)} times full scale; the program that "
            "wrote the file failed. Export it again as 16-bit WAV or FLAC."
        )


def cut(clip: Clip, start: int, stop: int) -> Clip:
    """Return the samples of a clip from ``start`` up to ``stop`` as a new clip."""
    samples = centre(clip.samples[start:stop])
    samples.flags.writeable = False
    return replace(clip, samples=samples)


def centre(samples: Samples) -> Samples:
    """Return samples without their constant offset, in a new array.

    An offset would add to the power, from which level, pauses and pitch are measured; so clips,
    parts of clips and altered clips are all centred first.
    """
    centred = samples.copy()
    _remove_offset(centred)
    return centred


def _remove_offset(samples: Samples) -> float:
    """Subtract the mean of samples in place, and return it.

    Digital silence around or between the sound does not count in the mean and becomes zero, so
    that its length has no effect.
    """
    silent = _digital_silence(samples)
    offset = np.float32(samples.mean(dtype=np.float64, where=~silent))
    samples -= offset
    samples[silent] = 0.0
    return float(offset)


def _digital_silence(samples: Samples) -> npt.NDArray[np.bool_]:
    """Return where the samples are constant and close to their mean."""
    silent = np.zeros(len(samples), bool)
    blocks = samples[: len(samples) // _SILENT_BLOCK * _SILENT_BLOCK].reshape(-1, _SILENT_BLOCK)
    if (
        not len(blocks) or not (np.ptp(blocks, axis=1) < _STILL).any()
    ):  # a quick check, which settles most clips
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
    max_distance = np.float32(_SILENT_WITHIN * math.sqrt(max(power - mean**2, 0.0)))
    silent &= np.abs(samples - np.float32(mean)) < max_distance
    return silent


def _level(mix: _Mix) -> tuple[Samples, float]:
    """Return the samples scaled and centred, and their offset if it is large enough to report."""
    samples = mix.samples
    if mix.peak > _MAX_PEAK:
        samples = samples / np.float32(mix.peak)
    offset = _remove_offset(samples)  # in place: a copy of ten minutes would take 38 MB
    power = float(np.einsum("i,i", samples, samples, dtype=np.float64)) / len(samples)
    return samples, offset if abs(offset) > _OFFSET_ABOVE * math.sqrt(power) else 0.0


def _level_db(samples: Samples) -> float:
    """Return the root mean square of the loudest 50 ms, in dB relative to full scale."""
    n = len(samples) // _LEVEL_FRAMES * _LEVEL_FRAMES
    frames = samples[:n].reshape(-1, _LEVEL_FRAMES)
    power = np.einsum("ij,ij->i", frames, frames, dtype=np.float64).max() / _LEVEL_FRAMES
    return 10 * math.log10(power) if power > 0 else -math.inf


def _silence(level_db: float) -> str:
    reason = f"it has {level_db:.0f} dBFS where it is loudest"
    if level_db == -math.inf:
        reason = "all samples are equal"
    return (
        f"The recording is silent: {reason}. Check that the microphone is not muted, then record "
        "again."
    )


def _warn_of_source(stream: Stream, mix: _Mix, kind: str, name: str) -> list[str]:
    """Return warnings about the file: its name, its damage, its length and its rate."""
    warnings = []
    named = format_from_name(name)
    if named not in (None, kind):
        warnings.append(f"The name says {named}, the content is {kind}; it was read as {kind}.")
    warnings += stream.notes
    stated_frames = stream.stated_frames or 0
    slack = 0.05 * stated_frames
    if kind != "WebM":
        slack = min(slack, MAX_MISSING_S * stream.rate_hz)
    if mix.frames < stated_frames - slack:
        stated, read = (format_duration(n / stream.rate_hz) for n in (stated_frames, mix.frames))
        warnings.append(
            f"The recording breaks off: its header promises {stated}, {read} could be read."
        )
    if stream.rate_hz < RATE_HZ:
        warnings.append(
            f"Sampled at {stream.rate_hz:,} Hz, the recording holds nothing above "
            f"{stream.rate_hz // 2:,} Hz; the models use frequencies up to {RATE_HZ // 2:,} Hz and "
            "may be less sure."
        )
    return warnings


def _warn_of_channels(channels: int, solo: SoloActivity, cancels: bool) -> list[str]:
    """Return warnings about the mix of several channels."""
    warnings = []
    if channels > 2:
        warnings.append(f"The {channels} channels were mixed down to one.")
    if solo.has_different_speakers:
        *names, last = channel_names(channels)
        warnings.append(
            f"Different people seem to speak on the channels (in {100 * solo.total:.0f} % of the "
            "speech only one channel is active), and the answers are for the mix of all. Choose "
            f"one channel: {', '.join(names)} or {last}."
        )
    if cancels:
        warnings.append(
            "The channels cancel each other when mixed (opposite phase); the loudest one was used."
        )
    return warnings


def _warn_of_sound(mix: _Mix, level_db: float, offset: float) -> list[str]:
    """Return warnings about the sound: scale, clipping, level and offset."""
    warnings = []
    if mix.peak > _MAX_PEAK:
        warnings.append(
            f"The samples go up to {_times(mix.peak)} times full scale; they were scaled down."
        )
    elif mix.clipped > CLIPPED_ABOVE:
        warnings.append(
            f"The recording is clipped ({100 * mix.clipped:.1f} % of it is at full scale); "
            "record further from the microphone or with less gain."
        )
    if level_db < QUIET_BELOW_DB:
        warnings.append(
            f"The recording is very quiet ({level_db:.0f} dBFS where it is loudest); noise may "
            "affect the answers."
        )
    if offset:
        warnings.append(f"A constant offset of {offset:.2g} of full scale was removed.")
    return warnings
