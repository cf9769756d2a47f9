"""What the classifiers measure in a voice: a log-mel spectrogram and a vector of functionals.

Both start from :func:`analyse`, which cuts the clip to the span that is not silent and scales it
to its own level, so that neither absolute loudness nor silence around the speech can matter.
librosa is the second implementation in the tests.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

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

FEATURES_VERSION = 1  # part of every cache key and model file; raise it when a number changes

HOP = RATE_HZ // 100  # 10 ms
FRAME_S = HOP / RATE_HZ
WINDOW = 512  # 32 ms Hann, for the spectrum
N_MELS = 64
MEL_RANGE_HZ = (50.0, 8000.0)
FLOOR_DB = -60.0  # added as power: hides recording noise, and keeps the logarithm finite


PITCH_WINDOW = 768  # 48 ms Hann: three periods of the lowest pitch
PITCH_RANGE_HZ = (65.0, 700.0)
PITCH_FFT = 1024
VOICED_STRENGTH = 0.45  # autocorrelation of a voiced frame, as in Boersma (1993)
OCTAVE_COST = 0.02  # off a peak for each doubling of its period (same source: 0.01)
VOICED_DB = -40.0  # a frame must be louder, relative to the loudest 200 ms, to be voiced

PAUSE_DB = -30.0  # a quieter frame belongs to a pause

LONG_FRAMES = 6_000  # a minute; longer clips are measured in pieces of this, to bound the memory
BLOCK_FRAMES = 64  # computed at once: what a block takes stays in the processor's cache

SPECTROGRAM_HOP_FRAMES = 2  # the CNN sees 20 ms frames
SPECTROGRAM_SCALE_DB = 20.0


@dataclass(frozen=True)
class Frames:
    """Everything measured per 10 ms frame of the active span, shared by all that look at a clip.

    Attributes
    ----------
    span : Span
        Where the frames come from.
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
    """Mel value of a frequency: ``2595 log10(1 + f / 700)`` (O'Shaughnessy 1987, as in HTK)."""
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(frequency_hz) / 700.0))


def mel_to_hz(mel: Doubles | float) -> Doubles:
    """Frequency in Hz of a mel value; the inverse of :func:`hz_to_mel`."""
    return np.asarray(700.0 * (10.0 ** (np.asarray(mel) / 2595.0) - 1.0))


def mel_centres_hz() -> Doubles:
    """Centre frequency of each mel band, float64 (64,), in Hz."""
    low, high = hz_to_mel(np.array(MEL_RANGE_HZ))
    return mel_to_hz(np.linspace(low, high, N_MELS + 2))[1:-1]


@lru_cache(maxsize=1)
def mel_weights() -> Floats:
    """Triangular mel filters of peak 1, float32 (257, 64): rows are FFT bins, columns bands."""
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
    """Hann-windowed frames centred on every hop, float32 (n, width), and which of all they are.

    All blocks together hold 1 + n_samples // hop frames; at once, those of four seconds would be
    fetched from main memory for every step of the work, which takes several times longer.
    """
    padded = pad_with_zeros(samples, width // 2, width // 2)
    frames = sliding_window_view(padded, width)[::HOP]
    for start in range(0, len(frames), BLOCK_FRAMES):
        block = slice(start, min(start + BLOCK_FRAMES, len(frames)))
        yield block, frames[block] * _hann(width)


@lru_cache(maxsize=1)
def _power_scale() -> Floats:
    """What squared magnitudes are divided by to be one-sided power, float32 (257,)."""
    whole = np.float32(WINDOW * float(np.sum(_hann(WINDOW) ** 2)))
    scale = np.full(WINDOW // 2 + 1, whole / 2)
    scale[[0, -1]] = whole
    return scale


def power_spectrum(samples: Floats) -> Floats:
    """One-sided power, scaled so that the bins of a frame add up to its windowed mean power."""
    power = np.empty((_count_frames(len(samples)), WINDOW // 2 + 1), np.float32)
    for block, frames in _blocks(samples, WINDOW):
        power[block] = _squared(rfft(frames, overwrite_x=True)) / _power_scale()
    return power


def _squared(spectrum: npt.NDArray[np.complexfloating]) -> Floats:
    squared: Floats = spectrum.real**2 + spectrum.imag**2
    return squared


def to_db(power: Floats) -> Floats:
    """``10 log10`` of power with the floor of ``FLOOR_DB`` added, float32."""
    level: Floats = (10.0 * np.log10(power + 10 ** (FLOOR_DB / 10))).astype(np.float32)
    return level


def _at_own_level(samples: Floats) -> Floats:
    scale = loudest_rms(samples)
    return (samples / scale if scale > 0.0 else samples).astype(np.float32)


def pieces(n_frames: int) -> Iterator[slice]:
    """Stretches of at most ``LONG_FRAMES`` frames; a clip of up to a minute is one."""
    for start in range(0, n_frames, LONG_FRAMES):
        yield slice(start, min(start + LONG_FRAMES, n_frames))


def power_pieces(samples: Floats) -> Iterator[tuple[slice, Floats]]:
    """The rows of :func:`power_spectrum` piece by piece, and which frames they are.

    All of ten minutes would take 60 MB at once.
    """
    reach = -(-WINDOW // (2 * HOP))  # hops that a frame reaches to either side
    for piece in pieces(_count_frames(len(samples))):
        first = max(0, piece.start - reach)
        around = samples[first * HOP : (piece.stop + reach) * HOP]
        yield piece, power_spectrum(around)[piece.start - first :][: piece.stop - piece.start]


def spectrograms_db(samples: Floats) -> tuple[Floats, Floats]:
    """Log spectrograms of the whole clip for display, in dB relative to its own level.

    Returns
    -------
    linear : float32, (n_frames, 257)
    mel : float32, (n_frames, 64)
    """
    n_frames = _count_frames(len(samples))
    linear = np.empty((n_frames, WINDOW // 2 + 1), np.float32)
    mel = np.empty((n_frames, N_MELS), np.float32)
    for piece, power in power_pieces(_at_own_level(samples)):
        linear[piece], mel[piece] = to_db(power), to_db(power @ mel_weights())
    return linear, mel


def contours(samples: Floats) -> tuple[Floats, Floats]:
    """Pitch in Hz, NaN where unvoiced, and level in dB of the whole clip, float32 (n_frames,) each.

    For display: frames of 10 ms from the start of the clip, levels relative to its loudest 200 ms.
    """
    scaled = _at_own_level(samples)
    level = np.empty(_count_frames(len(samples)), np.float32)
    for piece, power in power_pieces(scaled):
        level[piece] = to_db(power.sum(axis=1))
    pitch, strength = track_pitch(scaled)
    return _voiced(pitch, strength, level), level


@lru_cache(maxsize=1)
def _window_autocorrelation() -> Floats:
    spectrum = np.fft.rfft(_hann(PITCH_WINDOW), PITCH_FFT)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)
    ratio: Floats = (correlation / correlation[0]).astype(np.float32)
    return ratio


def track_pitch(samples: Floats) -> tuple[Floats, Floats]:
    """Fundamental frequency and its strength per frame, by autocorrelation.

    The autocorrelation of each windowed frame is divided by that of the window, and the highest
    peak wins, less a cost per octave (after Boersma 1993); a running median of five removes jumps.

    Returns
    -------
    pitch_hz : float32, (n_frames,)
        A value for every frame; ``strength`` tells whether to trust it.
    strength : float32, (n_frames,), 0 to 1
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
    """The highest peak of each frame's normalised autocorrelation, five arrays (n,).

    Its lag, whether it is a peak at all, and the values before, at and after it.  Overwrites the
    frames.
    """
    frames -= frames.mean(axis=1, keepdims=True)
    power = _squared(rfft(frames, PITCH_FFT))
    # The cosine transform is the inverse Fourier transform of what is real and even.
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
    """The pitch of voiced frames, NaN in the others, float32 (n_frames,)."""
    voiced = (strength > VOICED_STRENGTH) & (level_db > VOICED_DB)
    return np.where(voiced, pitch_hz, np.nan).astype(np.float32)


def analyse(samples: Floats) -> Frames:
    """Frames of a clip's active span, measured once for all classifiers.

    Parameters
    ----------
    samples : float32, (n,), mono at 16 kHz
    """
    span = find_span(samples)
    active = prepare(samples, span)
    power = power_spectrum(active)
    mel = power @ mel_weights()
    level = to_db(power.sum(axis=1))
    pitch, strength = track_pitch(active)
    return Frames(
        span=span,
        power=power,
        mel=mel,
        mel_db=to_db(mel),
        level_db=level,
        pitch_hz=_voiced(pitch, strength, level),
        strength=strength,
    )


def log_mel_spectrogram(frames: Frames) -> Floats:
    """The CNN's view: log-mel at 20 ms, its own mean taken out, float32 (time, 64).

    Multiply by ``SPECTROGRAM_SCALE_DB`` to get dB relative to the clip's mean.
    """
    pairs = len(frames.mel) // SPECTROGRAM_HOP_FRAMES
    mel = (
        frames.mel[: pairs * SPECTROGRAM_HOP_FRAMES]
        .reshape(pairs, SPECTROGRAM_HOP_FRAMES, N_MELS)
        .mean(axis=1)
    )
    decibel = to_db(mel)
    view: Floats = (decibel - decibel.mean()) / np.float32(SPECTROGRAM_SCALE_DB)
    return view
