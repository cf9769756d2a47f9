"""Explain the answer of a network by occlusion of regions of its spectrogram."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from emo.audio.activity import Doubles, Floats
from emo.features.encoder import band_edges_hz as encoder_edges_hz
from emo.features.frames import (
    FRAME_S,
    MEL_RANGE_HZ,
    N_MELS,
    SPECTROGRAM_HOP_FRAMES,
    hz_to_mel,
    mel_to_hz,
)

PATCH_S = 0.2  # the finest patch
PATCH_ROWS = 8  # patches from the lowest to the highest band; half as many where few are possible
MIN_PATCHES = 16
MARKED_ONE_IN = 8  # at most one patch in so many is marked
CHECK_DRAWS = 8
CHECK_SEED = 1

Score = Callable[[Floats], float]
"""From a spectrogram, float32 of shape (time, bands), to the log-odds of a label."""


@dataclass(frozen=True)
class Picture:
    """A kind of spectrogram, and how it is divided into patches.

    Attributes
    ----------
    frame_s : float
        Duration of a frame.
    budget : int
        Frames that may be passed through the network in all, if there are more than
        ``MIN_PATCHES`` patches.
    edges_hz : callable
        Returns the frequencies between the bands, float64 (bands + 1,), from low to high.
    hidden : callable
        From a spectrogram to the values of a hidden patch, by band or for all bands.
    """

    frame_s: float
    budget: int
    edges_hz: Callable[[], Doubles]
    hidden: Callable[[Floats], Floats | np.float32]


def band_edges_hz() -> Doubles:
    """Return the frequencies midway, in mel, between each band's centre and the one below."""
    low, high = hz_to_mel(np.array(MEL_RANGE_HZ))
    return mel_to_hz(low + (np.arange(N_MELS + 1) + 0.5) * (high - low) / (N_MELS + 1))


LOG_MEL = Picture(
    frame_s=SPECTROGRAM_HOP_FRAMES * FRAME_S,
    budget=25_600,  # 4 s in 128 patches
    edges_hz=band_edges_hz,
    # The mean of the spectrogram.  Training masks stretches of time and bands in the same way
    # (``augmentation.mask``), so that such input is not new to the network.
    hidden=lambda spectrogram: np.float32(0),
)
"""The spectrogram of ``emo.features.frames``."""

ENCODER_PICTURE = Picture(
    frame_s=0.01,
    budget=12_800,  # 4 s in 32 patches: a pass takes several times as long
    edges_hz=encoder_edges_hz,
    hidden=partial(np.mean, axis=0),
)
"""The input of the pre-trained encoder.  A hidden patch has the mean of each band over the clip."""


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
    """The regions of its spectrogram on which a network's answer depends.

    Attributes
    ----------
    label : str
        The network's answer.
    log_odds : float
        Log-odds of that label.
    start_s : float
        Time in the clip at which the first frame of `drops` begins; slightly negative where it
        begins before the clip.
    drops : ndarray of float32, shape (time, bands)
        Drop in log-odds when the patch at that point is hidden.
    marked : ndarray of bool, shape (time, bands)
        Patches with the largest drops.
    patches : tuple of Patch
        Ordered by time, then by frequency.
    marked_drop, unmarked_drop : float
        Drop in log-odds when all marked patches are hidden at once; and when as many others are,
        the mean over random choices.
    frame_s : float
        Duration of a frame.
    """

    label: str
    log_odds: float
    start_s: float
    drops: Floats
    marked: np.ndarray
    patches: tuple[Patch, ...]
    marked_drop: float
    unmarked_drop: float
    frame_s: float = LOG_MEL.frame_s

    def to_dict(self) -> dict[str, Any]:
        """Return the patches and drops as values for JSON."""
        return {
            "label": self.label,
            "log_odds": self.log_odds,
            "marked_drop": self.marked_drop,
            "unmarked_drop": self.unmarked_drop,
            "patches": [asdict(patch) for patch in self.patches],
        }


def patch_grid(n_frames: int, picture: Picture = LOG_MEL) -> tuple[int, int]:
    """Return the numbers of patches over time and over bands, fewer for longer clips."""
    wanted = max(MIN_PATCHES, picture.budget // n_frames)
    rows = PATCH_ROWS if wanted >= PATCH_ROWS**2 else PATCH_ROWS // 2
    return min(wanted // rows, -(-n_frames // round(PATCH_S / picture.frame_s))), rows


def explain_network(
    score: Score,
    spectrogram: Floats,
    label: str,
    start_s: float = 0.0,
    picture: Picture = LOG_MEL,
) -> Regions:
    """Return the regions on which an answer depends, by occlusion (Zeiler and Fergus 2014).

    Parameters
    ----------
    score : callable
        Computes the log-odds of the label.
    spectrogram : float32, (time, bands)
    label : str
        The network's answer.
    start_s : float
        Time in the clip at which the first frame begins.
    picture : Picture
        The kind of spectrogram.
    """
    columns, rows = patch_grid(len(spectrogram), picture)
    edges_hz = picture.edges_hz()
    n_bands = len(edges_hz) - 1
    times = np.round(np.linspace(0, len(spectrogram), columns + 1)).astype(int)
    bands = np.round(np.linspace(0, n_bands, rows + 1)).astype(int)
    place = np.add.outer(
        np.repeat(np.arange(columns), np.diff(times)) * rows,
        np.repeat(np.arange(rows), np.diff(bands)),
    )  # number of the patch at every point of the spectrogram
    whole, hidden = score(spectrogram), picture.hidden(spectrogram)

    def drop(patches: np.ndarray | list[int]) -> float:
        return whole - score(np.where(np.isin(place, patches), hidden, spectrogram))

    drops = np.array([drop([i]) for i in range(columns * rows)])
    marked = mark(drops)
    marked_drop, unmarked_drop = compare_hidden(drop, marked)
    time_s = start_s + times * picture.frame_s
    patches = tuple(
        Patch(
            start_s=float(time_s[column]),
            stop_s=float(time_s[column + 1]),
            low_hz=float(edges_hz[bands[row]]),
            high_hz=float(edges_hz[bands[row + 1]]),
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
        frame_s=picture.frame_s,
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
