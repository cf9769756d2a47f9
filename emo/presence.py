"""Whether a clip sounds like the speech that the classifiers were made for.

They give a label to anything, a violin too.  Nine measurements, each with one limit, tell a voice
from music, noise and signals.  The limits were set by hand, a little beyond what speech and song of
the corpora reach, clean or altered as in :mod:`emo.degrade`, and so that most of the sounds in
``DESIGN`` of ``tests/sounds.py`` lie outside.  What passes is not proved to be speech: drums,
clicks, water and several instruments at once often pass.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from emo.audio import RATE_HZ
from emo.features import (
    FRAME_S,
    VOICED_DB,
    WINDOW,
    Floats,
    Frames,
    to_db,
)

STEADY_FRAMES = 5
STEADY_SEMITONES = 0.05
HELD_SEMITONES = 0.1
HELD_DB = 3.0
CHANGE_FRAMES = 10
JUMP_SEMITONES = 1.5
LOUD_DB = -25.0  # quieter frames are the room's, not the voice's
LOW_BINS = 1 + 200 * WINDOW // RATE_HZ  # up to 200 Hz
TONAL_BINS = 4
TONAL_SHARE = 0.85  # something else being odd: a signal rather than an instrument
FAINT_DB = -55.0  # loudest 200 ms, of full scale: the microphone heard nothing

FEWEST_FRAMES = 25  # in a mean

WHOLE_S = 6.0  # a longer clip is looked at in windows
WINDOW_S = 4.0
WINDOW_HOP_S = 1.0
WHOLE_SHARE = 0.8  # of the windows out of place: the clip is, and not a stretch of it
GAP_S = 3.0  # without voicing; the longest in the corpora has 1.2 s, in noise at 5 dB 2.5 s
LEVEL_FRAMES = 20  # 200 ms, to which levels are relative
WINDOWS_IN_A_ROW = 3  # unlike speech in any way: a gap, of at least 6 s
VOICED_FRAMES = 3  # a shorter voiced stretch does not end a gap

LIKE = {"noise": "noise", "tone": "a tone or a signal", "music": "music"}
LISTED_GAPS = 3

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Concern:
    """Why a clip, or a stretch of it, may not be speech.

    Attributes
    ----------
    kind : ``silence``, ``noise``, ``tone``, ``music`` or ``gap``
        The likeliest cause; ``gap`` is a stretch inside a clip that is otherwise as it should be.
    sentence : str
        What was found, with the value, and what would work.
    """

    kind: str
    sentence: str


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
    quick_db : float
        The same in 50 ms: a mouth has weight, a drum or a switched signal has none.
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
    """

    duration_s: float
    steady: float
    held: float
    change_db: float
    quick_db: float
    voiced_s: float
    pitch_hz: float
    low: float
    jumps: float
    tonal: float


@dataclass(frozen=True)
class Limit:
    """A row of :data:`LIMITS`: what speech stays within, and what to say where a sound does not."""

    words: str
    lowest: float = 0.0
    highest: float = math.inf
    shortest_s: float = 0.8  # of frames; in less, one consonant or vowel may be all there is


LIMITS = {
    # Noise alone has voiced stretches of 0.03 s by chance.
    "voiced_s": Limit(
        "its longest stretch with a pitch lasts {0:.2f} s (in speech at least {1} s)", lowest=0.05
    ),
    # Speech and song come to 0.38; the most monotonous speaker, in a room, to 0.5.
    "steady": Limit(
        "its pitch stands still for {0:.0%} of the time (in speech at most {2:.0%})", highest=0.45
    ),
    # The same speaker comes to 0.41, in noise rarely to 0.5; all others stay below 0.3.
    "held": Limit(
        "its pitch and timbre stand still for {0:.0%} of the time (in speech at most {2:.0%})",
        highest=0.42,
    ),
    # Speech in noise 5 dB below it comes to 0.27.
    "jumps": Limit(
        "its pitch jumps at {0:.0%} of all steps (in speech at most {2:.0%})", highest=0.28
    ),
    # The purest vowels have 0.94.
    "tonal": Limit(
        "{0:.0%} of its power lies at one frequency (in speech at most {2:.0%})", highest=0.96
    ),
    # Speech in noise comes down to 3.2.
    "change_db": Limit(
        "its timbre changes by {0:.1f} dB in a tenth of a second (in speech at least {1:.0f} dB)",
        lowest=3.0,
        shortest_s=0.55,
    ),
    # Speech comes to 9.0, song to 8.3.
    "quick_db": Limit(
        "its timbre changes by {0:.1f} dB in a twentieth of a second (in speech at most {2} dB)",
        highest=9.2,
    ),
    # Half of speech stays below 190 Hz, 99 in 100 clips below 490; a rare scream has 670.
    "pitch_hz": Limit("its pitch is {0:.0f} Hz (in speech at most {2:.0f} Hz)", highest=620.0),
    # Low voices have 0.65; a microphone may add 6 dB to the bass.
    "low": Limit("{0:.0%} of its power lies below 200 Hz (in speech at most {2:.0%})", highest=0.7),
}
"""What a window is held against; the first that is broken gives the words."""


def stretches(flags: Flags) -> Iterator[tuple[int, int]]:
    """First and last index (half-open) of every stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _mean(values: npt.NDArray[Any], where: Flags) -> float:
    """Mean of the values where told to look; NaN where that is hardly anywhere."""
    return float(values[where].mean()) if where.sum() >= FEWEST_FRAMES else math.nan


def _moved(values: npt.NDArray[Any], step: int) -> npt.NDArray[Any]:
    """What a curve, or each of several, changes by in so many frames."""
    return np.asarray(values[step:] - values[:-step])


def measure(frames: Frames) -> Measures:
    """The measurements of one window of frames, of which there must be more than ten."""
    voiced = ~np.isnan(frames.pitch_hz)
    semitones = 12.0 * np.log2(np.where(voiced, frames.pitch_hz, 1.0))
    unbroken = np.asarray(sliding_window_view(voiced, STEADY_FRAMES + 1).all(axis=1))
    drift = np.abs(_moved(semitones, STEADY_FRAMES))
    loud = frames.level_db > LOUD_DB
    shape = frames.mel_db - frames.mel_db.mean(axis=1, keepdims=True)
    quick = np.abs(_moved(shape, STEADY_FRAMES)).mean(axis=1)
    slow = np.abs(_moved(shape, CHANGE_FRAMES)).mean(axis=1)
    power = frames.power[loud]
    total = power.sum(axis=1) + np.float32(1e-9)
    top = _strongest(power)
    return Measures(
        duration_s=len(voiced) * FRAME_S,
        steady=_mean(drift < STEADY_SEMITONES, unbroken),
        held=_mean((drift < HELD_SEMITONES) & (quick < HELD_DB), unbroken),
        change_db=_mean(slow, loud[CHANGE_FRAMES:] & loud[:-CHANGE_FRAMES]),
        quick_db=_mean(quick, loud[STEADY_FRAMES:] & loud[:-STEADY_FRAMES]),
        voiced_s=max((stop - start for start, stop in stretches(voiced)), default=0) * FRAME_S,
        pitch_hz=float(np.median(frames.pitch_hz[voiced])) if voiced.any() else math.nan,
        low=float(power[:, :LOW_BINS].sum() / (total.sum() + 1e-9)),
        jumps=_mean(np.abs(np.diff(semitones)) > JUMP_SEMITONES, voiced[1:] & voiced[:-1]),
        tonal=_mean(top / total, np.ones(len(top), bool)),
    )


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


def oddities(found: Measures) -> dict[str, str]:
    """What is unlike speech in a window, by the name of the measurement, in the order of LIMITS."""
    odd = {}
    for name, limit in LIMITS.items():
        value = getattr(found, name)
        broken = value < limit.lowest or value > limit.highest
        if broken and found.duration_s >= limit.shortest_s:
            odd[name] = limit.words.format(value, limit.lowest, limit.highest)
    return odd


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


def _windows(n: int) -> list[tuple[int, int]]:
    """First and last frame (half-open) of the windows in which ``n`` frames are looked at."""
    if n * FRAME_S <= WHOLE_S:
        return [(0, n)]
    width, hop = round(WINDOW_S / FRAME_S), round(WINDOW_HOP_S / FRAME_S)
    return [
        (min(start, n - width), min(start + width, n)) for start in range(0, n - width + hop, hop)
    ]


def concerns(frames: Frames) -> tuple[Concern, ...]:
    """Why a clip may not be speech; empty where nothing speaks against it.

    A clip that is out of place as a whole has one concern, and so has one with stretches of several
    seconds without speech inside it.  Silence before and after does not count.

    Parameters
    ----------
    frames : what :func:`emo.features.analyse` measured in the clip
    """
    return find_speech(frames)[1]


def find_speech(frames: Frames) -> tuple[Flags, tuple[Concern, ...]]:
    """Frames in which someone speaks with a pitch, bool (n,), and the concerns of the clip.

    Consonants without a pitch and the pauses between words are no such frames, nor is what is
    voiced in a stretch that is unlike speech.  Takes what :func:`concerns` takes.
    """
    windows = _windows(len(frames.pitch_hz))
    several = len(windows) > 1  # made one by one: all of ten minutes together are 300 MB
    looked_at = (part(frames, *window) if several else frames for window in windows)
    odd = [oddities(measure(window)) for window in looked_at]
    quiet = without_voice(frames) | _out_of_place(len(frames.pitch_hz), windows, odd)
    if np.mean([bool(found) for found in odd]) >= WHOLE_SHARE:
        return ~quiet, (_whole(frames, odd),)
    gaps = [gap for gap in stretches(quiet) if (gap[1] - gap[0]) * FRAME_S >= GAP_S]
    return ~quiet, (_inside(frames, gaps),) if gaps else ()


def without_voice(frames: Frames) -> Flags:
    """Frames outside voiced stretches, those too short to be a voice's left out, bool (n,)."""
    outside = np.ones(len(frames.pitch_hz), bool)
    for start, stop in stretches(~np.isnan(frames.pitch_hz)):
        outside[start:stop] = stop - start < VOICED_FRAMES
    return outside


def _out_of_place(
    n: int, windows: Sequence[tuple[int, int]], odd: Sequence[dict[str, str]]
) -> Flags:
    """Frames in several windows in a row, or the only one, that are unlike speech, bool (n,)."""
    inside = np.zeros(n, bool)
    for first, last in stretches(np.array([bool(found) for found in odd])):
        if last - first >= min(WINDOWS_IN_A_ROW, len(windows)):
            inside[windows[first][0] : windows[last - 1][1]] = True
    return inside


def _inside(frames: Frames, gaps: Sequence[tuple[int, int]]) -> Concern:
    """The concern of stretches without speech, given in frames."""
    offset_s = frames.span.with_margins()[0] / RATE_HZ
    places = [
        f"from {max(0.0, offset_s + start * FRAME_S):.1f} s to {offset_s + stop * FRAME_S:.1f} s"
        for start, stop in gaps
    ]
    more = f" and {len(places) - LISTED_GAPS} more times" if len(places) > LISTED_GAPS else ""
    return Concern(
        "gap",
        f"No speech was found {', '.join(places[:LISTED_GAPS])}{more}, and the answers are for all "
        "of the clip. Use the part in which someone speaks.",
    )


def _whole(frames: Frames, odd: Sequence[dict[str, str]]) -> Concern:
    """The concern of a clip that is unlike speech from start to end."""
    level_db = 20.0 * math.log10(max(frames.span.rms, 1e-6))
    if level_db < FAINT_DB:
        return Concern(
            "silence",
            f"No voice was found, and the loudest moment is as faint as {level_db:.0f} dB of full "
            "scale. Record again, closer to the microphone and with its level raised.",
        )
    counts = Counter(name for found in odd for name in found)
    common = {name for name, count in counts.items() if 2 * count > max(counts.values())}
    kind = _kind(common, measure(frames).tonal)
    name = next(name for name in LIMITS if name in common)
    reason = next(found[name] for found in odd if name in found)
    return Concern(
        kind,
        f"This sounds like {LIKE[kind]}, not like speech: {reason}. "
        "Use a recording of one person speaking.",
    )


def _kind(odd: set[str], tonal: float) -> str:
    """The likeliest cause of what is odd."""
    if "voiced_s" in odd:
        return "noise"
    if tonal > TONAL_SHARE:
        return "tone"
    return "music" if odd & {"steady", "held", "jumps", "quick_db", "pitch_hz"} else "noise"
