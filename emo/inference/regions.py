"""Explain the answer of a network by occlusion of regions of the spectrogram."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from emo.audio.activity import Doubles, Floats
from emo.features.frames import (
    FRAME_S,
    MEL_RANGE_HZ,
    N_MELS,
    SPECTROGRAM_HOP_FRAMES,
    hz_to_mel,
    mel_to_hz,
)

PATCH_FRAMES = 10  # 200 ms: the finest patch, in frames of 20 ms
PATCH_ROWS = 8  # patches from the lowest to the highest band; half as many of a long clip
PATCH_BUDGET = 25_600  # frames passed through the network in all: 4 s in 128 patches
MIN_PATCHES = 16
MARKED_ONE_IN = 8  # at most one patch in so many is marked
CHECK_DRAWS = 8
CHECK_SEED = 1

Score = Callable[[Floats], float]
"""From a spectrogram, float32 of shape (time, 64), to the log-odds of a label."""


@dataclass(frozen=True)
class Patch:
    """A rectangle of the spectrogram, and the drop in log-odds when it is hidden."""

    start_s: float
    stop_s: float
    low_hz: float
    high_hz: float
    drop: float
    marked: bool


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions of the spectrogram on which the network's answer depends.

    Attributes
    ----------
    label : str
        The network's answer.
    log_odds : float
        Log-odds of that label.
    start_s : float
        Time in the clip at which the first frame of `drops` begins; slightly negative where it
        begins before the clip.  A frame lasts 20 ms.
    drops : ndarray of float32, shape (time, 64)
        Drop in log-odds when the patch at that point is hidden.
    marked : ndarray of bool, shape (time, 64)
        Patches with the largest drops.
    patches : tuple of Patch
        Ordered by time, then by frequency.
    marked_drop, unmarked_drop : float
        Drop in log-odds when all marked patches are hidden at once; and when as many others are,
        the mean over random choices.
    """

    label: str
    log_odds: float
    start_s: float
    drops: Floats
    marked: np.ndarray
    patches: tuple[Patch, ...]
    marked_drop: float
    unmarked_drop: float


def patch_grid(n_frames: int) -> tuple[int, int]:
    """Return the numbers of patches over time and over bands, fewer for longer clips."""
    wanted = max(MIN_PATCHES, PATCH_BUDGET // n_frames)
    rows = PATCH_ROWS if wanted >= PATCH_ROWS**2 else PATCH_ROWS // 2
    return min(wanted // rows, -(-n_frames // PATCH_FRAMES)), rows


def explain_network(score: Score, spectrogram: Floats, label: str, start_s: float = 0.0) -> Regions:
    """Return the regions on which an answer depends, by occlusion (Zeiler and Fergus 2014).

    Hidden patches are set to 0, the mean of the spectrogram.  Training masks stretches of time and
    bands in the same way (``augmentation.mask``), so that such input is not new to the network.
    """
    columns, rows = patch_grid(len(spectrogram))
    times = np.round(np.linspace(0, len(spectrogram), columns + 1)).astype(int)
    bands = np.round(np.linspace(0, N_MELS, rows + 1)).astype(int)
    place = np.add.outer(
        np.repeat(np.arange(columns), np.diff(times)) * rows,
        np.repeat(np.arange(rows), np.diff(bands)),
    )  # number of the patch at every point of the spectrogram
    whole = score(spectrogram)

    def drop(patches: np.ndarray | list[int]) -> float:
        return whole - score(np.where(np.isin(place, patches), np.float32(0), spectrogram))

    drops = np.array([drop([i]) for i in range(columns * rows)])
    marked = mark(drops)
    marked_drop, unmarked_drop = compare_hidden(drop, marked)
    time_s = start_s + times * SPECTROGRAM_HOP_FRAMES * FRAME_S
    edges_hz = _band_edges_hz(bands)
    patches = tuple(
        Patch(
            start_s=float(time_s[column]),
            stop_s=float(time_s[column + 1]),
            low_hz=float(edges_hz[row]),
            high_hz=float(edges_hz[row + 1]),
            drop=float(drops[column * rows + row]),
            marked=bool(marked[column * rows + row]),
        )
        for column in range(columns)
        for row in range(rows)
    )
    return Regions(
        label=label,
        log_odds=whole,
        start_s=start_s,
        drops=drops.astype(np.float32)[place],
        marked=marked[place],
        patches=patches,
        marked_drop=marked_drop,
        unmarked_drop=unmarked_drop,
    )


def mark(drops: Doubles) -> np.ndarray:
    """Return a mask, bool (n,), of the eighth of the patches with the highest positive drops."""
    marked = np.zeros(len(drops), bool)
    best = np.argsort(-drops, kind="stable")[: len(drops) // MARKED_ONE_IN]
    marked[best] = drops[best] > 0
    return marked


def compare_hidden(drop: Callable[[np.ndarray], float], marked: np.ndarray) -> tuple[float, float]:
    """Return the drop in log-odds without the marked patches, and without as many unmarked ones.

    The second is the mean over eight random choices with a fixed seed.  If the answer depends on
    the marked patches, the first is larger.

    Parameters
    ----------
    drop : callable
        From indices of patches to the drop when all of them are hidden.
    marked : ndarray of bool, shape (n,)
        Whether each patch is marked.
    """
    inside, outside = np.flatnonzero(marked), np.flatnonzero(~marked)
    if not len(inside):
        return 0.0, 0.0
    rng = np.random.default_rng(CHECK_SEED)
    draws = [rng.choice(outside, len(inside), replace=False) for _ in range(CHECK_DRAWS)]
    return drop(inside), float(np.mean([drop(chosen) for chosen in draws]))


def _band_edges_hz(bands: np.ndarray) -> Doubles:
    """Return the frequencies midway, in mel, between each band's centre and the one below."""
    low, high = hz_to_mel(np.array(MEL_RANGE_HZ))
    return mel_to_hz(low + (bands + 0.5) * (high - low) / (N_MELS + 1))
