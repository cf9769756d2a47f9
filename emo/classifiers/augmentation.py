"""Augment training spectrograms in the ways that voices, rooms and microphones differ.

The functions take the spectrograms of ``frames.log_mel_spectrogram`` and an explicit generator.
Only training clips are augmented, after the split.
"""

from collections.abc import Sequence

import numpy as np

from emo.audio.activity import Floats
from emo.features.frames import N_MELS, SPECTROGRAM_SCALE_DB

STRETCH = (0.85, 1.18)
SHIFT_BANDS = 3.5
WARP = 0.09
EQUALISER_DB = 9.0
NOISE_SHARE = 0.45
NOISE_RANGE_DB = (5.0, 40.0)  # below the loudest frame
NOISE_GRAIN_DB = 2.0
TIME_MASKS, TIME_MASK_SHARE = 2, 0.12
BAND_MASKS, BAND_MASK_WIDTH = 2, 8
MIXUP_ALPHA = 0.4


def resample_time(spectrogram: Floats, length: int, step: float) -> Floats:
    """Return frames ``0, step, 2 step, …`` by linear interpolation, float32 (length, 64)."""
    places = np.clip(step * np.arange(length), 0, len(spectrogram) - 1)
    below = places.astype(int)
    above = np.minimum(below + 1, len(spectrogram) - 1)
    part = (places - below).astype(np.float32)[:, None]
    resampled: Floats = spectrogram[below] * (1 - part) + spectrogram[above] * part
    return resampled


def stretch_to(spectrograms: Sequence[Floats], length: int) -> Floats:
    """Return a batch of clips stretched to `length` frames, float32 (n, length, 64)."""
    batch = np.empty((len(spectrograms), length, N_MELS), np.float32)
    for i, spectrogram in enumerate(spectrograms):
        batch[i] = resample_time(spectrogram, length, len(spectrogram) / length)
    return batch


def warp_bands(batch: Floats, rng: np.random.Generator) -> Floats:
    """Return spectra shifted and scaled along the mel axis, as by another vocal tract.

    Vocal tract length perturbation (Jaitly and Hinton 2013) on mel bands.
    """
    n = len(batch)
    shift = rng.uniform(-SHIFT_BANDS, SHIFT_BANDS, (n, 1))
    scale = 1 + rng.uniform(-WARP, WARP, (n, 1))
    places = np.clip(np.arange(N_MELS)[None] * scale + shift, 0, N_MELS - 1)
    bands = np.arange(N_MELS)[None, :, None]
    weights = np.maximum(0.0, 1.0 - np.abs(bands - places[:, None]))  # linear interpolation
    return batch @ weights.astype(np.float32)


def equalise(batch: Floats, rng: np.random.Generator) -> Floats:
    """Return spectra with a smooth random gain over the bands, as of another microphone."""
    waves = np.cos(np.pi * np.arange(1, 5)[:, None] * (np.arange(N_MELS) + 0.5) / N_MELS)
    weights = rng.normal(0, EQUALISER_DB / 2, (len(batch), 4)) / np.arange(1, 5)
    return batch + (weights @ waves / SPECTROGRAM_SCALE_DB).astype(np.float32)[:, None]


def add_noise(batch: Floats, rng: np.random.Generator) -> Floats:
    """Return spectra with steady noise of a random tilt added, as power, to some of the clips."""
    n = len(batch)
    noisy = np.flatnonzero(rng.random(n) < NOISE_SHARE)
    loud = batch[noisy].mean(axis=2).max(axis=1)
    below = rng.uniform(*NOISE_RANGE_DB, len(noisy)) / SPECTROGRAM_SCALE_DB
    tilt = rng.uniform(-0.6, 0.3, (len(noisy), 1)) * np.linspace(0, 1, N_MELS)
    steady = ((loud - below)[:, None] + tilt).astype(np.float32)[:, None]
    grain = rng.standard_normal(batch[noisy].shape, np.float32)
    noise = steady + grain * np.float32(NOISE_GRAIN_DB / SPECTROGRAM_SCALE_DB)
    factor = np.float32(
        SPECTROGRAM_SCALE_DB / 10 * np.log(10)
    )  # from spectrograms to the logarithm of power
    result = batch.copy()
    result[noisy] = np.log(np.exp(batch[noisy] * factor) + np.exp(noise * factor)) / factor
    return result


def mask(batch: Floats, rng: np.random.Generator) -> Floats:
    """Return spectra with spans of time and of bands set to 0 (SpecAugment, Park et al. 2019)."""
    n, length, _ = batch.shape
    frames, bands = np.arange(length)[None], np.arange(N_MELS)[None]
    hidden = np.zeros((n, length, N_MELS), bool)
    for _ in range(TIME_MASKS):
        width = rng.uniform(0, TIME_MASK_SHARE * length, (n, 1))
        start = rng.uniform(0, length - width)
        hidden |= ((frames >= start) & (frames < start + width))[:, :, None]
    for _ in range(BAND_MASKS):
        width = rng.uniform(0, BAND_MASK_WIDTH, (n, 1))
        start = rng.uniform(0, N_MELS - width)
        hidden |= ((bands >= start) & (bands < start + width))[:, None]
    return np.where(hidden, np.float32(0), batch)


def mix(
    inputs: Floats, targets: Floats, share: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return rows, some of them mixed with another row, and their targets (Zhang et al. 2018).

    Parameters
    ----------
    inputs : float32, (n, ...)
    targets : float32, (n, 8)
    share
        Probability of a row to be mixed (mixup).
    """
    n = len(inputs)
    weight = np.maximum(*(w := rng.beta(MIXUP_ALPHA, MIXUP_ALPHA, n), 1 - w))
    weight = np.where(rng.random(n) < share, weight, 1.0).astype(np.float32)
    partner = rng.permutation(n)
    shaped = weight.reshape(n, *([1] * (inputs.ndim - 1)))
    mixed = inputs * shaped + inputs[partner] * (1 - shaped)
    return mixed, targets * weight[:, None] + targets[partner] * (1 - weight[:, None])


def augment_spectrograms(
    spectrograms: Sequence[Floats], length: int, rng: np.random.Generator
) -> Floats:
    """Return a training batch, float32 (n, length, 64), in which the mean of each clip is 0.

    Parameters
    ----------
    spectrograms : arrays, float32 (time, 64) each
    length
        Number of frames that all are stretched to.
    """
    batch = equalise(warp_bands(stretch_to(spectrograms, length), rng), rng)
    batch = add_noise(batch, rng)
    batch = batch - batch.mean(axis=(1, 2), keepdims=True)
    return mask(batch, rng)
