"""Make a clip audible without the regions of its spectrogram on which a network relies.

The explanation hides a region by giving it the value that says nothing (``Picture.hidden``).  Here
the sound is filtered until its own spectrogram has that value in the marked regions, so that what
is played is what the explanation hides, and the network can answer for it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import irfft, rfft

from emo.audio.activity import Floats, find_span, pad_with_zeros, prepare
from emo.audio.arrays import clip_from_array
from emo.audio.clip import RATE_HZ, Clip
from emo.classifiers.registry import CLASSIFIERS
from emo.features import encoder, frames
from emo.inference.loading import Models
from emo.inference.predictor import Answer, predict
from emo.inference.regions import Regions
from emo.labels import LABELS

MAX_S = 30.0
"""Longest clip that is made audible without regions."""

PEAK = 0.9
N_ROUNDS = 6  # of filtering; the error in hidden regions is below a decibel after them
MIN_GAIN_DB, MAX_GAIN_DB = -90.0, 40.0
_FULL_SCALE = 32_768


@dataclass(frozen=True, eq=False)
class Heard:
    """A clip without the marked regions, and the answer of the network to it.

    Attributes
    ----------
    samples : ndarray of int16, shape (n,)
        As loud as it can be.
    answer : Answer
        Of the network, to a file of these samples.
    before, after : ndarray of float32, shape (time, bands)
        Spectrogram of the network with and without the regions, in dB.
    """

    samples: npt.NDArray[np.int16]
    answer: Answer
    before: Floats
    after: Floats


@dataclass(frozen=True)
class _View:
    """A kind of spectrogram of the active span of a clip.

    Attributes
    ----------
    window : int
        Samples of a frame of the filter.
    weights : ndarray of float32, shape (bins, bands)
        Its bands.
    n_hops : int
        Frames of 10 ms in a frame of the spectrogram.
    level : float
        RMS of the loudest 200 ms of the span.
    measure : callable
        From the active span to its spectrogram in dB, float32 (time, bands).
    hidden : callable
        From that spectrogram to the value of a hidden region, for all bands or by band.
    """

    window: int
    weights: Floats
    n_hops: int
    level: float
    measure: Callable[[Floats], Floats]
    hidden: Callable[[Floats], Floats | np.float32]


def _measure_log_mel(active: Floats) -> Floats:
    mel = frames.power_spectrum(active) @ frames.mel_weights()
    n = frames.SPECTROGRAM_HOP_FRAMES
    whole = mel[: len(mel) // n * n]
    return frames.to_db(whole.reshape(-1, n, frames.N_MELS).mean(axis=1))


def _measure_encoder(active: Floats) -> Floats:
    padded = pad_with_zeros(active, encoder.MARGIN, encoder.MARGIN)
    windows = [encoder.encoder_spectrogram(part) for part in encoder.split_windows(padded)]
    inside = np.concatenate(windows)[encoder.MARGIN_FRAMES : -encoder.MARGIN_FRAMES]
    return np.asarray(40.0 * inside, np.float32)  # a unit is four decades of power


LOG_MEL = _View(
    frames.WINDOW,
    frames.mel_weights(),
    frames.SPECTROGRAM_HOP_FRAMES,
    1.0,
    _measure_log_mel,
    lambda picture: picture.mean(),  # 0, as the mean over the clip is subtracted
)
ENCODER = _View(
    encoder.WINDOW,
    encoder.band_weights(),
    1,
    encoder.LEVEL,
    _measure_encoder,
    lambda picture: picture.mean(axis=0),
)


def spectrogram_db(clip: Clip, key: str) -> Floats:
    """Return the spectrogram of the active span of a clip as a network takes it, in dB.

    Parameters
    ----------
    clip : Clip
    key : str
        Key of the network.

    Returns
    -------
    float32, (time, bands)
    """
    view = _view(key)
    return view.measure(_active(clip.samples, view))


def _view(key: str) -> _View:
    return ENCODER if CLASSIFIERS[key].takes == "embeddings" else LOG_MEL


def _active(samples: Floats, view: _View) -> Floats:
    return prepare(samples, find_span(samples)) * np.float32(view.level)


def without_regions(
    clip: Clip, key: str, regions: Regions, models: Models, among: tuple[str, ...] = LABELS
) -> Heard:
    """Return a clip without the marked regions of a network, and the network's answer to it.

    Parameters
    ----------
    clip : Clip
        The clip that was explained.
    key : str
        Key of the network.
    regions : Regions
        Its explanation.
    models : Models
    among : tuple of str
        The labels that can occur.

    Raises
    ------
    AudioError
        The clip is shorter than a recording may be.
    """
    view, span = _view(key), find_span(clip.samples)
    active = _active(clip.samples, view)
    before = view.measure(active)
    marked = regions.marked[: len(before)]
    target = np.broadcast_to(view.hidden(before), before.shape)
    filtered = _fill(active, view, np.where(marked, target, np.nan))
    samples = clip.samples.copy()
    start, stop = span.with_margins()
    first, last = max(0, start), min(stop, len(samples))
    samples[first:last] = filtered[first - start :][: last - first] * span.rms / view.level
    heard = to_16_bits(samples)
    answer = predict(clip_from_array(heard, RATE_HZ), models, among).answers[key]
    return Heard(heard, answer, before, view.measure(filtered))


def to_16_bits(samples: Floats) -> npt.NDArray[np.int16]:
    """Return samples at full level, int16 (n,)."""
    peak = float(np.abs(samples).max()) or 1.0
    return np.asarray(np.round(samples * (PEAK * _FULL_SCALE / peak)), np.int16)


def _fill(active: Floats, view: _View, target_db: Floats) -> Floats:
    """Return a sound whose spectrogram has the target where it is not NaN, float32 (n,)."""
    marked = ~np.isnan(target_db)
    weights = view.weights.astype(np.float64)
    share = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)  # of bands in a bin
    spectrum = _transform(active, view.window)
    gain_db = np.zeros(target_db.shape)
    filtered = active
    for _ in range(N_ROUNDS):
        missing = np.where(marked, target_db - view.measure(filtered), 0.0)
        gain_db = np.clip(gain_db + missing, MIN_GAIN_DB, MAX_GAIN_DB)
        by_bin = np.repeat(gain_db @ share.T, view.n_hops, axis=0)
        shape = np.ones(spectrum.shape)
        n = min(len(shape), len(by_bin))
        shape[:n] = 10.0 ** (by_bin[:n] / 20.0)
        filtered = _invert(spectrum * shape, view.window, len(active))
    return filtered


def _hann(width: int) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(width) / width)


def _transform(samples: Floats, width: int) -> np.ndarray:
    """Return the spectra of Hann windows centred on every hop, complex (1 + n // hop, bins)."""
    padded = pad_with_zeros(samples, width // 2, width // 2)
    return np.asarray(rfft(sliding_window_view(padded, width)[:: frames.HOP] * _hann(width)))


def _invert(spectrum: np.ndarray, width: int, n: int) -> Floats:
    """Return the sound whose spectra come closest to these (Griffin and Lim 1984), (n,)."""
    hann = _hann(width)
    pieces = irfft(spectrum, width) * hann
    length = n + 2 * (width // 2)
    total, weight = np.zeros(length), np.full(length, 1e-9)
    for i, piece in enumerate(pieces):
        place = slice(i * frames.HOP, i * frames.HOP + width)
        total[place] += piece
        weight[place] += hann**2
    return np.asarray((total / weight)[width // 2 :][:n], np.float32)
