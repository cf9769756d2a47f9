"""Measure properties of a sound that distinguish a voice from music, noise and signals.

They are computed from the frames of ``frames.analyse`` and do not depend on the level.  Their
limits are in ``emo.features.speech`` and ``emo.features.likeness``.
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
LOUD_DB = -25.0  # quieter frames are more of the room than of the voice
TIMBRE_DB = -40.0  # quieter bands are, too, so that a dry recording changes no faster than others
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
    """Properties of a window of sound; NaN where there is too little to measure.

    Attributes
    ----------
    duration_s : float
    steady : float, 0 to 1
        Share of voiced frames whose pitch is the same 50 ms later, within 0.05 semitones.  Most
        instruments hold their pitch; a voice glides and trembles.
    held : float, 0 to 1
        Share of voiced frames whose pitch is the same 50 ms later within 0.1 semitones and whose
        mel bands move by less than 3 dB.  A note holds both; a monotonous voice still changes its
        timbre.
    change_db : float
        Mean absolute change of a mel band in 100 ms, relative to the mean of all bands.  The
        timbre of speech never stands still.
    voiced_s : float
        Duration of the longest voiced run of frames.
    pitch_hz : float
        Median pitch.  A pitch above the range of the tracker is measured as a fraction of it.
    low : float, 0 to 1
        Share of the power below 200 Hz, where hum, engines, bass and drums are strong.
    jumps : float, 0 to 1
        Share of 10 ms steps between voiced frames that move the pitch by more than 1.5 semitones,
        as with several sources, or with noise.
    tonal : float, 0 to 1
        Mean share of a frame's power in its four strongest bins, together 125 Hz.  It is high for
        a single sine and lower for the harmonics of a voice.
    flicker : float
        Change of the timbre in 10 ms divided by that in 100 ms.  In noise, frames are independent
        of each other; a mouth moves slowly.  Bands 40 dB below the loudest 200 ms do not count.
    abrupt : float
        Change of the timbre in 50 ms divided by that in 200 ms, high for drums and switched
        signals.
    glide_s : float
        Duration of the longest voiced run in which every 10 ms step is below a semitone.
    unclear, clear : float, 0 to 1
        25th and 95th percentile of the periodicity of loud frames
        (``emo.features.frames.Frames.strength``).  Speech has both vowels and hisses.
    swing_db : float
        Standard deviation of the level of loud frames.
    even_db : float, 0 or less
        90th percentile over loud frames of the spectral flatness (geometric over arithmetic mean of
        the mel bands).  The hisses of speech are flat; a string is not.
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
    """Yield the start and stop (half-open) of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _mean(values: npt.NDArray[Any], where: Flags) -> float:
    """Return the mean of the marked values; NaN where fewer than ``MIN_FRAMES`` are marked."""
    return float(values[where].mean()) if where.sum() >= MIN_FRAMES else math.nan


def _moved(values: npt.NDArray[Any], step: int) -> npt.NDArray[Any]:
    """Return the change of curves in `step` frames."""
    return np.asarray(values[step:] - values[:-step])


def measure(frames: Frames) -> Measures:
    """Return the measurements of one window, which must have more than ten frames."""
    voiced = ~np.isnan(frames.pitch_hz)
    semitones = 12.0 * np.log2(np.where(voiced, frames.pitch_hz, 1.0))
    unbroken = np.asarray(sliding_window_view(voiced, STEADY_FRAMES + 1).all(axis=1))
    drift = np.abs(_moved(semitones, STEADY_FRAMES))
    step = np.abs(_moved(semitones, 1))
    both = voiced[1:] & voiced[:-1]
    loud = frames.level_db > LOUD_DB
    if not loud.any():  # digital silence, in which all frames are equally loud
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


def _change(shape: Floats, loud: Flags, step: int, min_pairs: int) -> float:
    """Return the mean absolute change of a band in `step` frames; NaN for too few loud pairs."""
    both = loud[step:] & loud[:-step]
    if both.sum() < min_pairs:
        return math.nan
    return float(np.abs(_moved(shape, step)[both]).mean())


def _changes(mel: Floats, loud: Flags) -> dict[int, float]:
    """Return the mean change of the timbre of loud frames, in dB, in 10, 50, 100 and 200 ms."""
    level = 10.0 * np.log10(mel + np.float32(10 ** (TIMBRE_DB / 10)))
    shape = level - level.mean(axis=1, keepdims=True)
    # A change of exactly 0 cannot be a divisor.
    return {k: _change(shape, loud, k, MIN_PAIRS) or math.nan for k in (1, 5, 10, 20)}


def _evenness_db(mel: Floats, mel_db: Floats) -> float:
    """Return the 90th percentile of the spectral flatness."""
    flatness = mel_db.mean(axis=1) - to_db(mel.mean(axis=1))
    return float(np.percentile(flatness, EVEN_SHARE))


def _strongest(power: Floats) -> Floats:
    """Return the summed power of the ``TONAL_BINS`` strongest bins of each frame, float32 (n,).

    The maximum is taken repeatedly, which is faster than a sort or partition of the bins.
    """
    remaining, rows = power.copy(), np.arange(len(power))
    total = np.zeros(len(power), np.float32)
    for _ in range(TONAL_BINS):
        strongest = remaining.argmax(axis=1)
        total += remaining[rows, strongest]
        remaining[rows, strongest] = 0.0
    return total


def part(frames: Frames, start: int, stop: int) -> Frames:
    """Return a window of frames, scaled to the level of its own loudest 200 ms.

    A window below the threshold of voicing is scaled by that threshold instead.
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
