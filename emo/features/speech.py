"""Detect clips that are not the speech that the classifiers were fitted to.

The classifiers return a label for any sound, even a violin.  The measurements of
``features.measures`` distinguish a voice from music, noise and signals.  Most have a limit of their
own, a little beyond the values of speech and song in the corpora, clean or degraded as in
``training.degradation``, and ``features.likeness`` combines them.  ``docs/non-speech.md`` lists how
often speech and each kind of other sound is flagged.  A clip without a warning may still be no
speech: coughs, breathing, bells and drums often have none.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from emo.audio.clip import RATE_HZ
from emo.features.frames import FRAME_S, Frames
from emo.features.likeness import likeness
from emo.features.measures import Flags, Measures, measure, part, stretches

PRESENCE_VERSION = 2  # of the stored figures; raise it when a measurement or a limit changes

TONAL_SHARE = 0.85  # unusual sounds above it are signals rather than instruments
TONAL_CLEAR = 0.8  # if they are as periodic as this, unlike low noise
NOISE_FLICKER = 0.6  # unusual sounds above it are noise rather than instruments
FAINT_DB = -55.0  # loudest 200 ms, relative to full scale, of a recording without a signal

WHOLE_S = 6.0  # a longer clip is measured in windows
WINDOW_S = 4.0
WINDOW_HOP_S = 1.0
WHOLE_SHARE = 0.8  # share of unusual windows from which on the whole clip is no speech
GAP_S = 3.0  # without voicing; the longest in the corpora lasts 1.2 s, in noise at 5 dB 2.5 s
WINDOWS_IN_A_ROW = 3  # unusual windows that make a gap, of at least 4 s
VOICED_FRAMES = 3  # a shorter voiced run does not end a gap

LIKE = {
    "noise": "sounds like noise, not like speech",
    "tone": "sounds like a tone or a signal, not like speech",
    "music": "sounds like music, not like speech",
    "other": "does not sound like speech",
}
LISTED_GAPS = 3


@dataclass(frozen=True)
class SpeechWarning:
    """A warning that a clip, or a part of it, may not be speech.

    Attributes
    ----------
    kind : ``silence``, ``noise``, ``tone``, ``music``, ``other`` or ``gap``
        The likeliest cause; ``gap`` is a part without speech inside a clip of speech.
    sentence : str
        The reason, with the value, and what would work.
    """

    kind: str
    sentence: str


@dataclass(frozen=True)
class Unit:
    """The unit of a measurement: times ``scale``, to so many decimals, followed by ``sign``."""

    sign: str
    decimals: int
    scale: int = 1


SHARE = Unit("%", 0, 100)
SECONDS = Unit(" s", 2)
HERTZ = Unit(" Hz", 0)
DECIBEL = Unit(" dB", 1)
NUMBER = Unit("", 1)


@dataclass(frozen=True)
class Limit:
    """A row of ``LIMITS``: the range of a measurement in speech, and a text for other values.

    ``words`` have a place for the value.  At most one of ``lowest`` and ``highest`` is finite, and
    it needs no more decimals than ``unit`` has.
    """

    words: str
    unit: Unit
    lowest: float = -math.inf
    highest: float = math.inf
    shortest_s: float = 0.8  # of a window; a shorter one may be a single consonant or vowel

    def holds(self, value: float) -> bool:
        """Return whether a value is in the range, as is NaN, which could not be measured."""
        return not (value < self.lowest or value > self.highest)

    def sentence(self, value: float) -> str:
        """Return the words with the value and the limit that it breaks.

        Both are rounded alike, to more decimals than usual where they would read the same.
        """
        below = value < self.lowest
        limit = self.lowest if below else self.highest
        decimals = self.unit.decimals
        while _rounded(value, self.unit, decimals) == _rounded(limit, self.unit, decimals):
            decimals += 1
        stated, bound = (
            f"{_rounded(number, self.unit, places)}{self.unit.sign}"
            for number, places in ((value, decimals), (limit, self.unit.decimals))
        )
        return f"{self.words.format(stated)} (in speech at {'least' if below else 'most'} {bound})"


def _rounded(value: float, unit: Unit, decimals: int) -> Decimal:
    """Return a value in its unit, rounded without any error of binary fractions."""
    return round(Decimal(repr(value)) * unit.scale, decimals)


LIMITS = {
    # Noise alone has voiced stretches of 0.03 s by chance, a hoarse voice in noise 0.05.
    "voiced_s": Limit("its longest stretch with a pitch lasts {}", SECONDS, lowest=0.05),
    # Speech and song come to 0.32; the most monotonous speaker, in a room, to 0.47.
    "steady": Limit("its pitch stands still for {} of the time", SHARE, highest=0.5),
    # All but the same speaker stay below 0.3; that one comes to 0.42.
    "held": Limit("its pitch and timbre stand still for {} of the time", SHARE, highest=0.45),
    # Speech comes to 0.28, in noise 5 dB below it to 0.27.
    "jumps": Limit("its pitch jumps at {} of all steps", SHARE, highest=0.3),
    # The purest vowels have 0.92.
    "tonal": Limit("{} of its power lies at one frequency", SHARE, highest=0.96),
    # Noise has 0.77 to 0.83 whatever its colour; speech 0.64, in noise rarely 0.79.
    "flicker": Limit(
        "a hundredth of a second makes {} of the change of its timbre in a tenth",
        SHARE,
        highest=0.78,
        shortest_s=0.65,
    ),
    # Speech comes down to 3.2, in noise to 2.9.
    "change_db": Limit(
        "its timbre changes by {} in a tenth of a second", DECIBEL, lowest=2.8, shortest_s=0.55
    ),
    # Half of speech stays below 190 Hz, 99 in 100 clips below 490; a rare scream has 680.
    "pitch_hz": Limit("its pitch is {}", HERTZ, highest=700.0),
    # Low voices have 0.68, one clip with a thump 0.91; a microphone may add 6 dB to the bass.
    "low": Limit("{} of its power lies below 200 Hz", SHARE, highest=0.8),
    # One clip in three thousand has less; synthetic voices in 18 languages hardly any.
    "likeness": Limit(
        "all measurements together score {} for likeness to speech", NUMBER, lowest=-3.5
    ),
}
"""The limits of speech for each window; the first one exceeded gives the reason."""


def unusual_measures(measures: Measures) -> dict[str, str]:
    """Return a reason for each measurement outside its limits, in the order of LIMITS."""
    reasons = {}
    for name, limit in LIMITS.items():
        value = likeness(measures) if name == "likeness" else float(getattr(measures, name))
        if not limit.holds(value) and measures.duration_s >= limit.shortest_s:
            reasons[name] = limit.sentence(value)
    return reasons


def _windows(n: int) -> list[tuple[int, int]]:
    """Return the start and stop (half-open) of the windows in which `n` frames are measured."""
    if n * FRAME_S <= WHOLE_S:
        return [(0, n)]
    width, hop = round(WINDOW_S / FRAME_S), round(WINDOW_HOP_S / FRAME_S)
    return [
        (min(start, n - width), min(start + width, n)) for start in range(0, n - width + hop, hop)
    ]


def speech_warnings(frames: Frames) -> tuple[SpeechWarning, ...]:
    """Return warnings that a clip may not be speech; at most one, none for speech.

    The warning is of the whole clip, or of all gaps of several seconds without speech inside it.
    Silence before and after the speech does not count.

    Parameters
    ----------
    frames
        As ``emo.features.frames.analyse`` returns them.
    """
    return find_speech(frames)[1]


def find_speech(frames: Frames) -> tuple[Flags, tuple[SpeechWarning, ...]]:
    """Return the frames of voiced speech, and the warnings of the clip.

    Parameters
    ----------
    frames
        As ``emo.features.frames.analyse`` returns them.

    Returns
    -------
    voiced : bool, (n,)
        False also for unvoiced consonants, pauses between words, and voiced frames in a part that
        is unlike speech.
    warnings : tuple of SpeechWarning
        As ``speech_warnings`` returns them.
    """
    windows = _windows(len(frames.pitch_hz))
    several = len(windows) > 1  # one at a time: all windows of ten minutes take 300 MB
    parts = (part(frames, *window) if several else frames for window in windows)
    reasons = [unusual_measures(measure(window)) for window in parts]
    unvoiced = without_voice(frames) | _unlike_speech(len(frames.pitch_hz), windows, reasons)
    if np.mean([bool(names) for names in reasons]) >= WHOLE_SHARE:
        return ~unvoiced, (_warn_of_clip(frames, reasons),)
    gaps = [gap for gap in stretches(unvoiced) if (gap[1] - gap[0]) * FRAME_S >= GAP_S]
    return ~unvoiced, (_warn_of_gaps(frames, gaps),) if gaps else ()


def without_voice(frames: Frames) -> Flags:
    """Return the frames outside voiced runs of at least ``VOICED_FRAMES``, bool (n,)."""
    outside = np.ones(len(frames.pitch_hz), bool)
    for start, stop in stretches(~np.isnan(frames.pitch_hz)):
        outside[start:stop] = stop - start < VOICED_FRAMES
    return outside


def _unlike_speech(
    n: int, windows: Sequence[tuple[int, int]], reasons: Sequence[dict[str, str]]
) -> Flags:
    """Return the frames of which most windows are in a run of unusual windows, bool (n,).

    A window that is half music and half speech is unusual as a whole; the windows around it decide
    which half is speech.
    """
    inside, against = np.zeros(n), np.zeros(n)
    for start, stop in windows:
        inside[start:stop] += 1
    for first, last in stretches(np.array([bool(names) for names in reasons])):
        if last - first >= min(WINDOWS_IN_A_ROW, len(windows)):
            for start, stop in windows[first:last]:
                against[start:stop] += 1
    return np.asarray(2 * against > inside)


def _warn_of_gaps(frames: Frames, gaps: Sequence[tuple[int, int]]) -> SpeechWarning:
    """Return the warning of gaps without speech, which are given in frames."""
    offset_s = frames.span.with_margins()[0] / RATE_HZ
    places = [
        f"from {max(0.0, offset_s + start * FRAME_S):.1f} s to {offset_s + stop * FRAME_S:.1f} s"
        for start, stop in gaps
    ]
    more = f" and {len(places) - LISTED_GAPS} more times" if len(places) > LISTED_GAPS else ""
    return SpeechWarning(
        "gap",
        f"No speech was found {', '.join(places[:LISTED_GAPS])}{more}, and the answers are for all "
        "of the clip. Use the part in which someone speaks.",
    )


def _warn_of_clip(frames: Frames, reasons: Sequence[dict[str, str]]) -> SpeechWarning:
    """Return the warning of a clip that is unlike speech as a whole."""
    level_db = 20.0 * math.log10(max(frames.span.rms, 1e-6))
    if level_db < FAINT_DB:
        return SpeechWarning(
            "silence",
            f"No voice was found, and the loudest moment is as faint as {level_db:.0f} dB of full "
            "scale. Record again, closer to the microphone and with its level raised.",
        )
    counts = Counter(name for names in reasons for name in names)
    common = {name for name, count in counts.items() if 2 * count > max(counts.values())}
    kind = _kind(common, measure(frames))
    name = next(name for name in LIMITS if name in common)
    reason = next(names[name] for names in reasons if name in names)
    return SpeechWarning(
        kind,
        f"This {LIKE[kind]}: {reason}. Use a recording of one person speaking.",
    )


def _kind(unusual: set[str], measures: Measures) -> str:
    """Return the likeliest kind of a sound with these unusual measurements."""
    if "voiced_s" in unusual:
        return "noise"
    if measures.tonal > TONAL_SHARE and measures.clear > TONAL_CLEAR:
        return "tone"
    if unusual == {"likeness"}:
        return "noise" if measures.flicker > NOISE_FLICKER else "other"
    is_music = "flicker" not in unusual and bool(unusual & {"steady", "held", "jumps", "pitch_hz"})
    return "music" if is_music else "noise"
