"""Compute the log-mel spectrogram that a guest takes."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import rfft

from emo.audio.activity import Floats
from emo.inference.guest.description import FrameSettings

BLOCK_FRAMES = 1000
"""Frames computed at once, which bounds the memory."""

_LINEAR_MELS, _HZ_PER_MEL = 15.0, 200.0 / 3.0  # of the scale of Slaney, up to 1 kHz
_LOG_STEP = np.log(6.4) / 27.0


def log_mel(samples: Floats, rate_hz: int, settings: FrameSettings) -> Floats:
    """Return a log-mel spectrogram, float32 (time, bands) or (bands, time).

    The power of frames with a periodic Hann window, in triangular bands, as librosa computes it.

    Parameters
    ----------
    samples : float32, (n,)
    rate_hz : int
        Their sample rate.
    settings : FrameSettings
    """
    window, reach = settings.window, settings.window // 2
    if settings.pad != "none":
        mode = "reflect" if settings.pad == "reflect" else "constant"
        samples = np.pad(samples, reach, mode=mode)  # type: ignore[call-overload]
    samples = np.pad(samples, (0, max(0, window - len(samples))))
    frames = sliding_window_view(samples, window)[:: settings.hop]
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)).astype(np.float32)
    weights = mel_weights(rate_hz, settings)
    parts = []
    for start in range(0, len(frames), BLOCK_FRAMES):
        spectrum = rfft(frames[start : start + BLOCK_FRAMES] * hann)
        parts.append((spectrum.real**2 + spectrum.imag**2) @ weights)
    power = np.maximum(np.concatenate(parts), np.float32(settings.floor))
    level = np.log(power) if settings.log == "ln" else np.log10(power)
    level *= np.float32(10.0 if settings.log == "db" else 1.0)
    return np.ascontiguousarray(level.T if settings.layout == "bands-time" else level, np.float32)


@lru_cache(maxsize=4)
def mel_weights(rate_hz: int, settings: FrameSettings) -> npt.NDArray[np.float32]:
    """Return the triangular filters, float32 (window // 2 + 1, bands): FFT bins by bands."""
    low, high = (_to_mel(hz, settings.scale) for hz in (settings.low_hz, settings.high_hz))
    edges_hz = _to_hz(np.linspace(low, high, settings.bands + 2), settings.scale)
    bins_hz = np.fft.rfftfreq(settings.window, 1.0 / rate_hz)[:, None]
    rise = (bins_hz - edges_hz[:-2]) / np.diff(edges_hz)[:-1]
    fall = (edges_hz[2:] - bins_hz) / np.diff(edges_hz)[1:]
    weights = np.maximum(0.0, np.minimum(rise, fall))
    if settings.norm == "area":
        weights = weights * 2.0 / (edges_hz[2:] - edges_hz[:-2])
    return weights.astype(np.float32)


def _to_mel(hz: float, scale: str) -> float:
    if scale == "htk":
        return float(2595.0 * np.log10(1.0 + hz / 700.0))
    if hz < 1000.0:
        return hz / _HZ_PER_MEL
    return float(_LINEAR_MELS + np.log(hz / 1000.0) / _LOG_STEP)


def _to_hz(mel: npt.NDArray[np.float64], scale: str) -> npt.NDArray[np.float64]:
    if scale == "htk":
        return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))
    logarithmic = 1000.0 * np.exp(_LOG_STEP * (mel - _LINEAR_MELS))
    return np.where(mel < _LINEAR_MELS, mel * _HZ_PER_MEL, logarithmic)
