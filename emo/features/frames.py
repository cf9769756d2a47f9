"""Spectra, levels and pitch of a clip, frame by frame, and the log-mel spectrogram.

All features start from ``analyse``, which cuts the clip to the span that is not silent and
scales it to its own level, so that they depend neither on absolute loudness nor on silence around
the speech.  The tests compare with librosa.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import dct, rfft  # several rows at once, two to five times as fast as numpy's

from emo.audio.activity import (
    Doubles,
    Floats,
    Span,
    find_span,
    loudest_rms,
    pad_with_zeros,
    prepare,
)
from emo.audio.clip import RATE_HZ

T = TypeVar("T")

FEATURES_VERSION = 1  # part of cache and model files; raise it when a number changes

HOP = RATE_HZ // 100  # 10 ms
FRAME_S = HOP / RATE_HZ
WINDOW = 512  # 32 ms Hann, for the spectrum
N_MELS = 64
MEL_RANGE_HZ = (50.0, 8000.0)
FLOOR_DB = -60.0  # added as power: hides recording noise, and keeps the logarithm finite


PITCH_WINDOW = 768  # 48 ms Hann: three periods of the lowest pitch
PITCH_RANGE_HZ = (65.0, 700.0)
PITCH_FFT = 1024
VOICED_STRENGTH = 0.45  # least autocorrelation of a voiced frame, as in Boersma (1993)
OCTAVE_COST = 0.02  # subtracted from a peak for each doubling of its period; Boersma has 0.01
VOICED_DB = -40.0  # a frame must be louder, relative to the loudest 200 ms, to be voiced

PAUSE_DB = -30.0  # a quieter frame belongs to a pause

LONG_FRAMES = 6_000  # a minute; longer clips are measured in pieces, to bound the memory
BLOCK_FRAMES = 64  # computed at once, so that a block fits into the processor's cache

SPECTROGRAM_HOP_FRAMES = 2  # of 10 ms, averaged to one of 20 ms
SPECTROGRAM_SCALE_DB = 20.0  # one unit of the spectrogram


@dataclass(frozen=True)
class Frames:
    """Measurements of each 10 ms frame of a clip's active span, from which all features follow.

    Attributes
    ----------
    span : Span
        Place of the frames in the clip.
    power : float32, (n, 257)
        Power spectrum; a clip scaled to unit RMS has a mean sum of about 1.
    mel : float32, (n, 64)
        Power in mel bands.
    mel_db : float32, (n, 64)
        ``10 log10(mel + floor)``, never below ``FLOOR_DB``.
    level_db : float32, (n,)
        Frame power relative to the loudest 200 ms, at least ``FLOOR_DB``.
    pitch_hz : float32, (n,)
        Fundamental frequency; NaN where unvoiced.
    strength : float32, (n,)
        Normalised autocorrelation at the chosen period, 0 to 1.
    """

    span: Span
    power: Floats
    mel: Floats
    mel_db: Floats
    level_db: Floats
    pitch_hz: Floats
    strength: Floats


def hz_to_mel(frequency_hz: Doubles | float) -> Doubles:
    """Return the mel value of a frequency, ``2595 log10(1 + f / 700)`` (O'Shaughnessy 1987)."""
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(frequency_hz) / 700.0))


def mel_to_hz(mel: Doubles | float) -> Doubles:
    """Return the frequency in Hz of a mel value; the inverse of ``hz_to_mel``."""
    return np.asarray(700.0 * (10.0 ** (np.asarray(mel) / 2595.0) - 1.0))


def mel_centres_hz() -> Doubles:
    """Return the centre frequency of each mel band, float64 (64,), in Hz."""
    low, high = hz_to_mel(np.array(MEL_RANGE_HZ))
    return mel_to_hz(np.linspace(low, high, N_MELS + 2))[1:-1]


@lru_cache(maxsize=1)
def mel_weights() -> Floats:
    """Return triangular mel filters of peak 1, float32 (257, 64): FFT bins by bands."""
    low, high = hz_to_mel(np.array(MEL_RANGE_HZ))
    edges = mel_to_hz(np.linspace(low, high, N_MELS + 2))
    bins = np.fft.rfftfreq(WINDOW, 1.0 / RATE_HZ)[:, None]
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights: Floats = np.maximum(0.0, np.minimum(rise, fall)).astype(np.float32)
    return weights


@lru_cache(maxsize=8)
def _hann(length: int) -> Floats:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


def _count_frames(n_samples: int) -> int:
    return 1 + n_samples // HOP


def _blocks(samples: Floats, width: int) -> Iterator[tuple[slice, Floats]]:
    """Yield Hann-windowed frames centred on every hop, float32 (n, width), and their places.

    All blocks together hold ``1 + n_samples // HOP`` frames.  All frames of four seconds at once
    would not fit into the processor's cache, and take several times longer.
    """
    padded = pad_with_zeros(samples, width // 2, width // 2)
    frames = sliding_window_view(padded, width)[::HOP]
    for start in range(0, len(frames), BLOCK_FRAMES):
        block = slice(start, min(start + BLOCK_FRAMES, len(frames)))
        yield block, frames[block] * _hann(width)


@lru_cache(maxsize=1)
def power_scale() -> Floats:
    """Return the divisors that turn squared magnitudes into one-sided power, float32 (257,)."""
    whole = np.float32(WINDOW * float(np.sum(_hann(WINDOW) ** 2)))
    scale = np.full(WINDOW // 2 + 1, whole / 2)
    scale[[0, -1]] = whole
    return scale


def power_spectrum(samples: Floats) -> Floats:
    """Return the one-sided power spectrum of every frame, float32 (n_frames, 257).

    The bins of a frame add up to the mean power of its windowed samples.

    Parameters
    ----------
    samples : float32, (n,), mono at 16 kHz
    """
    power = np.empty((_count_frames(len(samples)), WINDOW // 2 + 1), np.float32)
    for block, frames in _blocks(samples, WINDOW):
        power[block] = _squared(rfft(frames, overwrite_x=True)) / power_scale()
    return power


def _squared(spectrum: npt.NDArray[np.complexfloating]) -> Floats:
    squared: Floats = spectrum.real**2 + spectrum.imag**2
    return squared


def to_db(power: Floats) -> Floats:
    """Return ``10 log10(power + floor)``, float32, shape as given; the floor is ``FLOOR_DB``."""
    level: Floats = (10.0 * np.log10(power + 10 ** (FLOOR_DB / 10))).astype(np.float32)
    return level


def _at_own_level(samples: Floats) -> Floats:
    scale = loudest_rms(samples)
    return (samples / scale if scale > 0.0 else samples).astype(np.float32)


def pieces(n_frames: int) -> Iterator[slice]:
    """Yield slices of at most ``LONG_FRAMES`` frames; a clip of up to a minute is one."""
    for start in range(0, n_frames, LONG_FRAMES):
        yield slice(start, min(start + LONG_FRAMES, n_frames))


def power_pieces(samples: Floats) -> Iterator[tuple[slice, Floats]]:
    """Yield the rows of ``power_spectrum`` piece by piece, and their places.

    The spectra of ten minutes would take 60 MB at once.
    """
    reach = -(-WINDOW // (2 * HOP))  # hops that a frame extends to either side
    for piece in pieces(_count_frames(len(samples))):
        first = max(0, piece.start - reach)
        around = samples[first * HOP : (piece.stop + reach) * HOP]
        yield piece, power_spectrum(around)[piece.start - first :][: piece.stop - piece.start]


@dataclass(frozen=True)
class Pictures:
    """Measurements of a whole clip for display, in frames of 10 ms.

    Attributes
    ----------
    linear_db, mel_db : float32, (n_frames, 257) and (n_frames, 64)
        Spectrograms, relative to the clip's own level.
    pitch_hz : float32, (n_frames,)
        NaN where unvoiced.
    level_db : float32, (n_frames,)
        Relative to the loudest 200 ms of the clip.
    """

    linear_db: Floats
    mel_db: Floats
    pitch_hz: Floats
    level_db: Floats


def measure_pictures(samples: Floats) -> Pictures:
    """Return the spectrograms, the pitch and the level of the whole clip for display.

    Parameters
    ----------
    samples : float32, (n,), mono at 16 kHz
    """
    scaled = _at_own_level(samples)
    n_frames = _count_frames(len(samples))
    linear = np.empty((n_frames, WINDOW // 2 + 1), np.float32)
    mel = np.empty((n_frames, N_MELS), np.float32)
    level = np.empty(n_frames, np.float32)

    def fill() -> None:
        for piece, power in power_pieces(scaled):
            linear[piece], mel[piece] = to_db(power), to_db(power @ mel_weights())
            level[piece] = to_db(power.sum(axis=1))

    _, (pitch, strength) = _beside_pitch(scaled, fill)
    return Pictures(linear, mel, _voiced(pitch, strength, level), level)


def _beside_pitch(samples: Floats, work: Callable[[], T]) -> tuple[T, tuple[Floats, Floats]]:
    """Return the value of a function and ``track_pitch``, at the same time for a long clip."""
    if _count_frames(len(samples)) <= LONG_FRAMES:
        return work(), track_pitch(samples)
    with ThreadPoolExecutor(1) as pool:
        pitch = pool.submit(track_pitch, samples)
        return work(), pitch.result()


@lru_cache(maxsize=1)
def _window_autocorrelation() -> Floats:
    spectrum = np.fft.rfft(_hann(PITCH_WINDOW), PITCH_FFT)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)
    ratio: Floats = (correlation / correlation[0]).astype(np.float32)
    return ratio


def track_pitch(samples: Floats) -> tuple[Floats, Floats]:
    """Return the fundamental frequency of every frame and its strength, by autocorrelation.

    After Boersma 1993: the autocorrelation of each windowed frame is divided by that of the window,
    and the period is that of the highest peak, less a cost for each octave.  Unlike there, no path
    is searched over the frames; a running median of five frames removes jumps.

    Parameters
    ----------
    samples : float32, (n,), mono at 16 kHz

    Returns
    -------
    pitch_hz : float32, (n_frames,)
        From 65 to 700 Hz, also in frames without a pitch.
    strength : float32, (n_frames,), 0 to 1
        Normalised autocorrelation at that period; 0 where it has no peak.
    """
    peaks = np.empty((5, _count_frames(len(samples))), np.float32)
    for block, frames in _blocks(samples, PITCH_WINDOW):
        peaks[:, block] = _highest_peaks(frames)
    lag, is_peak, left, top, right = peaks
    bend = left - 2 * top + right
    shift = np.where(np.abs(bend) > 1e-9, 0.5 * (left - right) / np.where(bend == 0, 1, bend), 0.0)
    pitch = RATE_HZ / (lag + np.clip(shift, -0.5, 0.5))
    around = np.concatenate([pitch[:1], pitch[:1], pitch, pitch[-1:], pitch[-1:]])
    return np.sort(sliding_window_view(around, 5), axis=1)[:, 2], is_peak * np.clip(top, 0.0, 1.0)


def _highest_peaks(frames: Floats) -> tuple[Floats, ...]:
    """Return the highest peak of each frame's normalised autocorrelation, five arrays (n,).

    These are its lag, 1 for a true peak (else 0), and the values before, at and after it.  The
    frames are overwritten.
    """
    frames -= frames.mean(axis=1, keepdims=True)
    power = _squared(rfft(frames, PITCH_FFT))
    # The cosine transform is the inverse Fourier transform of a real and even spectrum.
    correlation = dct(power, 1, overwrite_x=True)
    low = int(RATE_HZ / PITCH_RANGE_HZ[1])
    high = int(np.ceil(RATE_HZ / PITCH_RANGE_HZ[0])) + 1
    searched = slice(low - 1, high + 1)
    energy = correlation[:, :1] + np.float32(1e-5 * PITCH_FFT)
    ratio = correlation[:, searched] / (energy * _window_autocorrelation()[searched])
    left, centre, right = ratio[:, :-2], ratio[:, 1:-1], ratio[:, 2:]
    lags = np.arange(low, high, dtype=np.float32)
    peak = (centre >= left) & (centre > right)
    score = np.where(peak, centre - OCTAVE_COST * np.log2(lags), np.float32(-9.0))
    best = score.argmax(axis=1)
    at = np.arange(len(best)), best
    return lags[best], peak[at], left[at], centre[at], right[at]


def _voiced(pitch_hz: Floats, strength: Floats, level_db: Floats) -> Floats:
    """Return the pitch of voiced frames, NaN in the others, float32 (n_frames,)."""
    voiced = (strength > VOICED_STRENGTH) & (level_db > VOICED_DB)
    return np.where(voiced, pitch_hz, np.nan).astype(np.float32)


def analyse(samples: Floats) -> Frames:
    """Return the frames of a clip's active span, measured once for all features.

    Parameters
    ----------
    samples : float32, (n,), mono at 16 kHz
    """
    span = find_span(samples)
    active = prepare(samples, span)

    def measure() -> tuple[Floats, Floats, Floats, Floats]:
        power = power_spectrum(active)
        mel = power @ mel_weights()
        return power, mel, to_db(mel), to_db(power.sum(axis=1))

    (power, mel, mel_db, level), (pitch, strength) = _beside_pitch(active, measure)
    return Frames(
        span=span,
        power=power,
        mel=mel,
        mel_db=mel_db,
        level_db=level,
        pitch_hz=_voiced(pitch, strength, level),
        strength=strength,
    )


def log_mel_spectrogram(frames: Frames) -> Floats:
    """Return the log-mel spectrogram that classifiers take, float32 (time, 64).

    Frames of 20 ms; one unit is ``SPECTROGRAM_SCALE_DB``, and the mean over the clip is 0.
    """
    pairs = len(frames.mel) // SPECTROGRAM_HOP_FRAMES
    mel = (
        frames.mel[: pairs * SPECTROGRAM_HOP_FRAMES]
        .reshape(pairs, SPECTROGRAM_HOP_FRAMES, N_MELS)
        .mean(axis=1)
    )
    decibel = to_db(mel)
    spectrogram: Floats = (decibel - decibel.mean()) / np.float32(SPECTROGRAM_SCALE_DB)
    return spectrogram
