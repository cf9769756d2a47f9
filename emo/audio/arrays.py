"""Make clips of samples that are in memory already."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from emo.audio.channels import MIX
from emo.audio.clip import Clip, clip_of_stream
from emo.audio.decoders import BLOCK_FRAMES, Samples, Stream, check_header
from emo.audio.limits import MAX_CHANNELS
from emo.errors import AudioError, TooShortError

KIND = "array"


def clip_from_array(samples: npt.ArrayLike, rate_hz: float, channel: str = MIX) -> Clip:
    """Return the clip of samples in memory.

    Parameters
    ----------
    samples : array_like, shape (n,) or (n, channels)
        Floating-point samples have full scale at ±1.  Signed integers are divided by 2 to the power
        of their bits less one; unsigned 8-bit integers are centred at 128, as in WAV files.
    rate_hz : float
        Sample rate, a whole number of Hz.
    channel : str, optional
        ``mix`` of all channels; or ``left``, ``right`` or a number from 1.

    Raises
    ------
    AudioError
        The shape, the type or the rate is not one of these, or the samples lie outside the limits
        of ``emo.audio.limits``.
    """
    values = np.asarray(samples)
    if values.ndim not in (1, 2) or (values.ndim == 2 and values.shape[1] == 0):
        raise AudioError(
            f"The array has the shape {values.shape}; give (samples,) or (samples, channels)."
        )
    if values.ndim == 2 and values.shape[0] <= MAX_CHANNELS < values.shape[1]:
        raise AudioError(
            f"The array has the shape {values.shape}, which would be {values.shape[1]:,} channels; "
            "give (samples, channels), for example by transposing it with .T."
        )
    if not len(values):
        raise TooShortError("The array is empty (0 samples); give the samples of a recording.")
    if not np.isfinite(rate_hz) or rate_hz != int(rate_hz):
        raise AudioError(f"The sample rate is {rate_hz!r}; give a whole number of Hz.")
    scaled = _full_scale_one(values).reshape(len(values), -1)
    frames, channels = scaled.shape
    check_header(int(rate_hz), channels, frames)

    def blocks() -> Iterator[Samples]:
        for start in range(0, frames, BLOCK_FRAMES):
            yield scaled[start : start + BLOCK_FRAMES]

    is_float = bool(np.issubdtype(values.dtype, np.floating))
    stream = Stream(int(rate_hz), channels, frames, None, is_float, blocks)
    return clip_of_stream(scaled.tobytes(), "", KIND, stream, channel)


def _full_scale_one(values: npt.NDArray[Any]) -> Samples:
    """Return samples as float32 with full scale at ±1."""
    kind, bits = values.dtype.kind, 8 * values.dtype.itemsize
    if kind == "f":
        with np.errstate(over="ignore"):  # the clip's check for finite samples names the place
            return np.ascontiguousarray(values, dtype=np.float32)
    if kind == "i":
        return np.ascontiguousarray(values / 2.0 ** (bits - 1), dtype=np.float32)
    if kind == "u" and bits == 8:
        return np.ascontiguousarray((values.astype(np.float32) - 128) / 128)
    raise AudioError(
        f"The array holds values of type {values.dtype}; give floating-point numbers, signed "
        "integers, or unsigned 8-bit integers."
    )
