"""Augmentations against cases with a known result, and their invariants on any clip."""

import numpy as np
import pytest

from emo.classifiers import augmentation
from emo.features.frames import N_MELS, SPECTROGRAM_SCALE_DB


def batch(n=4, length=40, seed=0):
    values = np.random.default_rng(seed).normal(0, 0.5, (n, length, N_MELS))
    return values.astype(np.float32)


def test_resample_time_interpolates_linearly():
    ramp = np.repeat(np.arange(10, dtype=np.float32)[:, None], N_MELS, axis=1)
    double = augmentation.resample_time(ramp, 19, 0.5)
    np.testing.assert_allclose(double[:, 0], np.arange(19) / 2)


def test_stretch_to_brings_whole_clips_to_a_common_length():
    spectrograms = [
        np.full((length, N_MELS), i, np.float32) for i, length in enumerate((30, 40, 55))
    ]
    stretched = augmentation.stretch_to(spectrograms, 42)
    assert stretched.shape == (3, 42, N_MELS)
    np.testing.assert_array_equal(stretched.mean(axis=(1, 2)), [0, 1, 2])


def test_warp_bands_keeps_a_flat_spectrum_flat():
    flat = np.ones((3, 5, N_MELS), np.float32)
    warped = augmentation.warp_bands(flat, np.random.default_rng(0))
    np.testing.assert_allclose(warped, 1.0, atol=1e-5)


def test_warp_bands_moves_a_peak_within_its_limits():
    peak = np.zeros((50, 1, N_MELS), np.float32)
    peak[:, 0, 30] = 1.0
    places = augmentation.warp_bands(peak, np.random.default_rng(0))[:, 0].argmax(axis=1)
    limit = augmentation.SHIFT_BANDS + augmentation.WARP * 30 + 1
    assert len(set(places)) > 3
    assert np.abs(places - 30).max() <= limit


def test_equalise_adds_one_curve_per_clip():
    clips = batch()
    change = augmentation.equalise(clips, np.random.default_rng(0)) - clips
    np.testing.assert_allclose(change, np.broadcast_to(change[:, :1], change.shape), atol=1e-5)
    assert change.std() > 0.01


def test_add_noise_never_lowers_power():
    clips = batch(n=64)
    noisy = augmentation.add_noise(clips, np.random.default_rng(0))
    assert (noisy >= clips - 1e-4).all()
    changed = (np.abs(noisy - clips).max(axis=(1, 2)) > 1e-3).mean()
    assert changed == pytest.approx(augmentation.NOISE_SHARE, abs=0.2)


def test_equal_powers_add_three_decibels(monkeypatch):
    monkeypatch.setattr(augmentation, "NOISE_RANGE_DB", (0.0, 0.0))
    monkeypatch.setattr(augmentation, "NOISE_GRAIN_DB", 0.0)
    monkeypatch.setattr(augmentation, "NOISE_SHARE", 1.1)
    flat = np.zeros((1, 6, N_MELS), np.float32)
    noisy = augmentation.add_noise(flat, np.random.default_rng(0))[0, 0, 0]  # the tilt begins at 0
    assert noisy * SPECTROGRAM_SCALE_DB == pytest.approx(10 * np.log10(2), abs=1e-3)


def test_mask_hides_at_most_its_limits():
    ones = np.ones((32, 100, N_MELS), np.float32)
    hidden = augmentation.mask(ones, np.random.default_rng(0)) == 0
    most_time = augmentation.TIME_MASKS * (augmentation.TIME_MASK_SHARE * 100 + 1)
    most_bands = augmentation.BAND_MASKS * (augmentation.BAND_MASK_WIDTH + 1)
    assert hidden.any()
    assert hidden.all(axis=2).sum(axis=1).max() <= most_time
    assert hidden.all(axis=1).sum(axis=1).max() <= most_bands


def test_mix_mixes_inputs_and_targets_alike():
    inputs = np.eye(16, dtype=np.float32)
    mixed, targets = augmentation.mix(inputs, inputs.copy(), 0.5, np.random.default_rng(0))
    np.testing.assert_allclose(mixed, targets, atol=1e-6)
    np.testing.assert_allclose(targets.sum(axis=1), 1.0, atol=1e-6)
    assert (targets.diagonal() >= 0.5).all()
    assert (targets.diagonal() < 1).any()


def test_augment_spectrograms_is_centred_and_repeats_from_its_seed():
    spectrograms = [batch(1, length)[0] for length in (38, 40, 44)]
    first, second = (
        augmentation.augment_spectrograms(spectrograms, 40, np.random.default_rng(7))
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.float32
    assert np.abs(first.mean(axis=(1, 2))).max() < 0.1
