"""Measurements of a stretch of sound that tell a voice from music, noise and signals.

They rest on what ``frames.analyse`` gives, and depend on no level.  What is held against
them stands in :mod:`emo.features.speech` and :mod:`emo.features.likeness`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from emo.audio.activity import Floats
from emo.audio.clip import RATE_HZ
from emo.features.frames import FRAME_S, VOICED_DB, WINDOW, Frames, to_db

STEADY_FRAMES = 5
STEADY_SEMITONES = 0.05
HELD_SEMITONES = 0.1
HELD_DB = 3.0
CHANGE_FRAMES = 10
JUMP_SEMITONES = 1.5
GLIDE_SEMITONES = 1.0
LOUD_DB = -25.0  # quieter frames are the room's, not the voice's
TIMBRE_DB = -40.0  # quieter bands are the room's too: a dry recording changes no faster than others
LOW_BINS = 1 + 200 * WINDOW // RATE_HZ  # up to 200 Hz
TONAL_BINS = 4
CLEAR_SHARE = 95.0  # per cent of the frames
UNCLEAR_SHARE = 25.0
EVEN_SHARE = 90.0

MIN_FRAMES = 25  # in a mean
MIN_PAIRS = 5  # in a mean of changes over longer times, which short clips have few of
LEVEL_FRAMES = 20  # 200 ms, to which levels are relative

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Measures:
    """What tells a voice from other sound in a window; NaN where there is too little to measure.

    Attributes
    ----------
    duration_s : float
    steady : float, 0 to 1
        Share of voiced frames whose pitch is the same 50 ms later, within 0.05 semitones: most
        instruments hold it, a voice glides and trembles.
    held : float, 0 to 1
        Share of voiced frames whose pitch is the same within 0.1 semitones, and whose mel bands
        move by less than 3 dB: a note holds both, but a monotonous voice goes on to other sounds.
    change_db : float
        Mean absolute change of a mel band's level in 100 ms, the overall level taken out: a mouth
        is always on its way to the next sound.
    voiced_s : float
        Longest stretch with a pitch.
    pitch_hz : float
        Median pitch; what lies above the range of the tracker counts as a fraction of it.
    low : float, 0 to 1
        Share of the power below 200 Hz: hum, engines, bass and drums.
    jumps : float, 0 to 1
        Share of 10 ms steps inside voiced stretches that move the pitch by more than 1.5 semitones:
        several sources, or none that has a pitch.
    tonal : float, 0 to 1
        Mean share of a frame's power in its four strongest bins, together 125 Hz: a voice has
        harmonics.
    flicker : float
        Change of the timbre in 10 ms as a share of that in 100 ms, what lies 40 dB below the
        loudest 200 ms left out: noise is new at every moment, a mouth moves on.
    abrupt : float
        The same, of 50 ms in 200 ms: a drum or a switched signal has no weight.
    glide_s : float
        Longest stretch in which the pitch never moves by a semitone or more in 10 ms.
    unclear, clear : float, 0 to 1
        Lower quartile, and the value that one frame in twenty passes, of how periodic loud frames
        are (:attr:`emo.features.frames.Frames.strength`): speech is now a vowel and now a hiss.
    swing_db : float
        Standard deviation of the level of loud frames.
    even_db : float, 0 or less
        Spectral flatness over mel bands (geometric over arithmetic mean) that one loud frame in ten
        passes: the hisses of speech are flat, a string is not.
    """

    duration_s: float
    steady: float
    held: float
    change_db: float
    voiced_s: float
    pitch_hz: float
    low: float
    jumps: float
    tonal: float
    flicker: float
    abrupt: float
    glide_s: float
    unclear: float
    clear: float
    swing_db: float
    even_db: float


def stretches(flags: Flags) -> Iterator[tuple[int, int]]:
    """First and last index (half-open) of every stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _mean(values: npt.NDArray[Any], where: Flags) -> float:
    """Mean of the values where told to look; NaN where that is hardly anywhere."""
    return float(values[where].mean()) if where.sum() >= MIN_FRAMES else math.nan


def _moved(values: npt.NDArray[Any], step: int) -> npt.NDArray[Any]:
    """What a curve, or each of several, changes by in so many frames."""
    return np.asarray(values[step:] - values[:-step])


def measure(frames: Frames) -> Measures:
    """Return the measurements of one window of frames, of which there must be more than ten."""
    voiced = ~np.isnan(frames.pitch_hz)
    semitones = 12.0 * np.log2(np.where(voiced, frames.pitch_hz, 1.0))
    unbroken = np.asarray(sliding_window_view(voiced, STEADY_FRAMES + 1).all(axis=1))
    drift = np.abs(_moved(semitones, STEADY_FRAMES))
    step = np.abs(_moved(semitones, 1))
    both = voiced[1:] & voiced[:-1]
    loud = frames.level_db > LOUD_DB
    if not loud.any():  # digital silence, of which everything is equally loud
        loud[:] = True
    shape = frames.mel_db - frames.mel_db.mean(axis=1, keepdims=True)
    quick = np.abs(_moved(shape, STEADY_FRAMES)).mean(axis=1)
    power = frames.power[loud]
    total = power.sum(axis=1) + np.float32(1e-9)
    strength = np.percentile(frames.strength[loud], [UNCLEAR_SHARE, CLEAR_SHARE])
    changes = _changes(frames.mel, loud)
    return Measures(
        duration_s=len(voiced) * FRAME_S,
        steady=_mean(drift < STEADY_SEMITONES, unbroken),
        held=_mean((drift < HELD_SEMITONES) & (quick < HELD_DB), unbroken),
        change_db=_change(shape, loud, CHANGE_FRAMES, MIN_FRAMES),
        voiced_s=_longest_s(voiced),
        pitch_hz=float(np.median(frames.pitch_hz[voiced])) if voiced.any() else math.nan,
        low=float(power[:, :LOW_BINS].sum() / (total.sum() + 1e-9)),
        jumps=_mean(step > JUMP_SEMITONES, both),
        tonal=_mean(_strongest(power) / total, np.ones(len(power), bool)),
        flicker=changes[1] / changes[10],
        abrupt=changes[5] / changes[20],
        glide_s=_longest_s(both & (step < GLIDE_SEMITONES)),
        unclear=float(strength[0]),
        clear=float(strength[1]),
        swing_db=float(frames.level_db[loud].std()),
        even_db=_evenness_db(frames.mel[loud], frames.mel_db[loud]),
    )


def _longest_s(flags: Flags) -> float:
    return max((stop - start for start, stop in stretches(flags)), default=0) * FRAME_S


def _change(shape: Floats, loud: Flags, step: int, fewest: int) -> float:
    """Return the mean absolute change of a band in so many frames; NaN where there are too few."""
    both = loud[step:] & loud[:-step]
    if both.sum() < fewest:
        return math.nan
    return float(np.abs(_moved(shape, step)[both]).mean())


def _changes(mel: Floats, loud: Flags) -> dict[int, float]:
    """Return how much the timbre of loud frames changes, in dB, in 10, 50, 100 and 200 ms."""
    level = 10.0 * np.log10(mel + np.float32(10 ** (TIMBRE_DB / 10)))
    shape = level - level.mean(axis=1, keepdims=True)
    # Sound that never changes, not even by what a float32 can hold, has no share of a change.
    return {k: _change(shape, loud, k, MIN_PAIRS) or math.nan for k in (1, 5, 10, 20)}


def _evenness_db(mel: Floats, mel_db: Floats) -> float:
    """Return the flatness that one frame in ten passes."""
    flatness = mel_db.mean(axis=1) - to_db(mel.mean(axis=1))
    return float(np.percentile(flatness, EVEN_SHARE))


def _strongest(power: Floats) -> Floats:
    """Power of the strongest bins of each frame together, float32 (n,).

    Takes out the strongest so many times, since a sort or partition of the bins takes longer.
    """
    left, rows = power.copy(), np.arange(len(power))
    total = np.zeros(len(power), np.float32)
    for _ in range(TONAL_BINS):
        strongest = left.argmax(axis=1)
        total += left[rows, strongest]
        left[rows, strongest] = 0.0
    return total


def part(frames: Frames, start: int, stop: int) -> Frames:
    """A window of frames, brought to its own level as the clip was to that of its loudest part.

    What is quieter than the threshold of voicing stays as it is.
    """
    power = frames.power[start:stop]
    loudest = np.convolve(power.sum(axis=1), np.full(LEVEL_FRAMES, 1 / LEVEL_FRAMES), "same").max()
    gain = np.float32(1.0 / max(loudest, 10 ** (VOICED_DB / 10)))
    mel = frames.mel[start:stop] * gain
    return Frames(
        span=frames.span,
        power=power * gain,
        mel=mel,
        mel_db=to_db(mel),
        level_db=to_db(power.sum(axis=1) * gain),
        pitch_hz=frames.pitch_hz[start:stop],
        strength=frames.strength[start:stop],
    )
