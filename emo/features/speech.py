"""Whether a clip sounds like the speech that the classifiers were made for.

They give a label to anything, a violin too.  Measurements (``features.measures``) tell a voice from
music, noise and signals: most have a limit of their own, a little beyond what speech and song of
the corpora reach, clean or altered as in ``training.degradation``, and
``features.likeness`` weighs them together.  ``docs/non-speech.md`` has how often speech and each
kind of other sound is flagged.
What passes is not proved to be speech: coughs, breathing, bells and drums often pass.
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

PRESENCE_VERSION = 2  # part of the stored figures; raise it when a measurement or a limit changes

TONAL_SHARE = 0.85  # something else being odd: a signal rather than an instrument
TONAL_CLEAR = 0.8  # of the same: not the deepest bins of noise
NOISE_FLICKER = 0.6  # the same: noise rather than an instrument
FAINT_DB = -55.0  # loudest 200 ms, of full scale: the microphone heard nothing

WHOLE_S = 6.0  # a longer clip is looked at in windows
WINDOW_S = 4.0
WINDOW_HOP_S = 1.0
WHOLE_SHARE = 0.8  # of the windows out of place: the clip is, and not a stretch of it
GAP_S = 3.0  # without voicing; the longest in the corpora has 1.2 s, in noise at 5 dB 2.5 s
WINDOWS_IN_A_ROW = 3  # unlike speech in any way: a gap, of at least 4 s
VOICED_FRAMES = 3  # a shorter voiced stretch does not end a gap

LIKE = {
    "noise": "sounds like noise, not like speech",
    "tone": "sounds like a tone or a signal, not like speech",
    "music": "sounds like music, not like speech",
    "other": "does not sound like speech",
}
LISTED_GAPS = 3


@dataclass(frozen=True)
class SpeechWarning:
    """Why a clip, or a stretch of it, may not be speech.

    Attributes
    ----------
    kind : ``silence``, ``noise``, ``tone``, ``music``, ``other`` or ``gap``
        The likeliest cause; ``gap`` is a stretch inside a clip that is otherwise as it should be.
    sentence : str
        What was found, with the value, and what would work.
    """

    kind: str
    sentence: str


@dataclass(frozen=True)
class Unit:
    """How a measurement is written: times ``scale``, to so many decimals, with a sign behind it."""

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
    """A row of :data:`LIMITS`: what speech stays within, and what to say where a sound does not.

    ``words`` have a place for the value.  At most one of ``lowest`` and ``highest`` is finite, and
    it can be written in ``unit`` as it is.
    """

    words: str
    unit: Unit
    lowest: float = -math.inf
    highest: float = math.inf
    shortest_s: float = 0.8  # of frames; in less, one consonant or vowel may be all there is

    def holds(self, value: float) -> bool:
        """Return whether a value lies within, as does NaN, which could not be measured."""
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
"""What a window is held against; the first that is broken gives the words."""


def unusual_measures(measures: Measures) -> dict[str, str]:
    """Return what is unlike speech in a window, by measurement, in the order of LIMITS."""
    odd = {}
    for name, limit in LIMITS.items():
        value = likeness(measures) if name == "likeness" else float(getattr(measures, name))
        if not limit.holds(value) and measures.duration_s >= limit.shortest_s:
            odd[name] = limit.sentence(value)
    return odd


def _windows(n: int) -> list[tuple[int, int]]:
    """First and last frame (half-open) of the windows in which ``n`` frames are looked at."""
    if n * FRAME_S <= WHOLE_S:
        return [(0, n)]
    width, hop = round(WINDOW_S / FRAME_S), round(WINDOW_HOP_S / FRAME_S)
    return [
        (min(start, n - width), min(start + width, n)) for start in range(0, n - width + hop, hop)
    ]


def speech_warnings(frames: Frames) -> tuple[SpeechWarning, ...]:
    """Why a clip may not be speech; empty where nothing speaks against it.

    A clip that is out of place as a whole has one concern, and so has one with stretches of several
    seconds without speech inside it.  Silence before and after does not count.

    Parameters
    ----------
    frames : what :func:`emo.features.frames.analyse` measured in the clip
    """
    return find_speech(frames)[1]


def find_speech(frames: Frames) -> tuple[Flags, tuple[SpeechWarning, ...]]:
    """Frames in which someone speaks with a pitch, bool (n,), and the concerns of the clip.

    Consonants without a pitch and the pauses between words are no such frames, nor is what is
    voiced in a stretch that is unlike speech.  Takes what :func:`speech_warnings` takes.
    """
    windows = _windows(len(frames.pitch_hz))
    several = len(windows) > 1  # made one by one: all of ten minutes together are 300 MB
    looked_at = (part(frames, *window) if several else frames for window in windows)
    odd = [unusual_measures(measure(window)) for window in looked_at]
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
    """Return frames of which most windows are unlike speech, several in a row or the only one.

    A window that is half music and half speech is unlike speech too; those around it decide which
    half is which.  Bool (n,).
    """
    inside, against = np.zeros(n), np.zeros(n)
    for start, stop in windows:
        inside[start:stop] += 1
    for first, last in stretches(np.array([bool(reasons) for reasons in odd])):
        if last - first >= min(WINDOWS_IN_A_ROW, len(windows)):
            for start, stop in windows[first:last]:
                against[start:stop] += 1
    return np.asarray(2 * against > inside)


def _inside(frames: Frames, gaps: Sequence[tuple[int, int]]) -> SpeechWarning:
    """The concern of stretches without speech, given in frames."""
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


def _whole(frames: Frames, odd: Sequence[dict[str, str]]) -> SpeechWarning:
    """The concern of a clip that is unlike speech from start to end."""
    level_db = 20.0 * math.log10(max(frames.span.rms, 1e-6))
    if level_db < FAINT_DB:
        return SpeechWarning(
            "silence",
            f"No voice was found, and the loudest moment is as faint as {level_db:.0f} dB of full "
            "scale. Record again, closer to the microphone and with its level raised.",
        )
    counts = Counter(name for found in odd for name in found)
    common = {name for name, count in counts.items() if 2 * count > max(counts.values())}
    kind = _kind(common, measure(frames))
    name = next(name for name in LIMITS if name in common)
    reason = next(found[name] for found in odd if name in found)
    return SpeechWarning(
        kind,
        f"This {LIKE[kind]}: {reason}. Use a recording of one person speaking.",
    )


def _kind(odd: set[str], measures: Measures) -> str:
    """Return the likeliest cause of what is odd."""
    if "voiced_s" in odd:
        return "noise"
    if measures.tonal > TONAL_SHARE and measures.clear > TONAL_CLEAR:
        return "tone"
    if odd == {"likeness"}:
        return "noise" if measures.flicker > NOISE_FLICKER else "other"
    is_music = "flicker" not in odd and bool(odd & {"steady", "held", "jumps", "pitch_hz"})
    return "music" if is_music else "noise"
