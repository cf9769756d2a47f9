"""What the classifiers and their vote hear as a recording goes on.

Overlapping windows lie over the speech that ``features.speech`` finds in the clip as a whole;
pauses, and what is unlike speech, stay blank.  Each window is then measured by itself, from its own
samples: level and active span are those of the window, so that its answers are the very ones that
``predictor.predict`` gives for this stretch as a clip.  Slices of features measured once
would be cheaper, but not the same: frames would lie elsewhere, and hear beyond the window's edges.
"""

from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from emo.audio.activity import Floats
from emo.audio.clip import Clip, centre
from emo.errors import ModelFaultError
from emo.features.frames import FRAME_S, HOP, analyse, log_mel_spectrogram
from emo.features.functionals import compute_functionals
from emo.features.measures import Flags, stretches
from emo.features.speech import SpeechWarning, find_speech
from emo.inference.predictor import Answer, Models, answer, probabilities, to_answers
from emo.labels import VOTE

WINDOW_S = 3.0  # as the clips of which the classifiers learnt, and their confidence: 2 to 4 s
HOP_S = 1.0  # at most; three windows hear each moment, and ten minutes are 600 windows
PAUSE_S = 0.8  # without a pitch; shorter ones are consonants, and breaths between words
MARGIN_S = 0.2  # kept before the first and after the last pitch, for consonants
VOICED_S = 0.1  # of pitch, at least, between two pauses; less is a knock and no syllable
THREADS = 2  # one recording must not take a whole server
CHUNK = 20  # windows heard between one timeline and the next

Span = tuple[int, int]
"""First and last (half-open) hundredth of a second of the clip."""


@dataclass(frozen=True, eq=False)
class Timeline:
    """The answers over time, as far as they are known.

    Attributes
    ----------
    duration_s : of the clip
    total : windows that lie over the speech of the clip; n of them, from the first, are answered
    windows_s : float64, (n, 2)
        Start and stop of each window.  Windows overlap, and never reach across a pause.
    segments_s : float64, (n, 2)
        Start and stop of the part of each window that is nearer to its centre than to that of any
        other.  These parts do not overlap; together they cover the speech, and leave out pauses.
    probabilities : float64, (n, 7) each
        Calibrated, by ``tree``, ``cnn``, ``mlp`` and ``vote``, in the order of ``LABELS``.
    thresholds : confidence below which a classifier or the vote is unsure; without one it never is
    warnings : what :mod:`emo.audio.clip` says of the recording
    speech_warnings : why the clip as a whole may not be speech
    faults : by key, of classifiers that gave no numbers and are left out
    """

    duration_s: float
    total: int
    windows_s: npt.NDArray[np.float64]
    segments_s: npt.NDArray[np.float64]
    probabilities: dict[str, npt.NDArray[np.float64]]
    thresholds: dict[str, float]
    warnings: tuple[str, ...] = ()
    speech_warnings: tuple[SpeechWarning, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """How many of the windows are answered: n."""
        return len(self.windows_s)

    def answers(self) -> list[dict[str, Answer]]:
        """The answers of each window, by classifier and vote, as ``predict`` gives them."""
        return to_answers(self.probabilities, self.thresholds)

    def to_dict(self) -> dict[str, Any]:
        """The object that ``timeline --format json`` prints, without its path."""
        spans = np.hstack([self.windows_s, self.segments_s]).tolist()
        names = ("start_s", "stop_s", "segment_start_s", "segment_end_s")
        return {
            "duration_s": round(self.duration_s, 3),
            "warnings": list(self.warnings),
            "speech_warnings": [asdict(warning) for warning in self.speech_warnings],
            "windows": [
                dict(zip(names, span, strict=True))
                | {"models": {key: given.to_dict() for key, given in row.items()}}
                for span, row in zip(spans, self.answers(), strict=True)
            ],
        }


@dataclass(frozen=True)
class Cue:
    """A stretch of speech in which one answer stays the likeliest, as sure or unsure as it is."""

    start_s: float
    stop_s: float
    answer: Answer


def iter_timeline(
    clip: Clip, models: Models, threads: int = THREADS
) -> Generator[Timeline, None, None]:
    """Timelines of a clip, each with more of the windows answered; the last has all of them.

    The first comes as soon as the windows are known, and has no answer yet.  A caller may stop
    anywhere; what was still to be heard is dropped when the generator is closed.  Where a
    classifier gives no numbers, all begins again without it.

    Raises
    ------
    ModelFaultError
        None of the classifiers gives numbers.
    """
    try:
        yield from _follow(clip, models, threads)
    except ModelFaultError as fault:
        for timeline in iter_timeline(clip, models.without(fault), threads):
            faults = {fault.key: str(fault), **timeline.faults}
            warnings = (str(fault), *timeline.warnings)
            yield replace(timeline, faults=faults, warnings=warnings)


def _follow(clip: Clip, models: Models, threads: int) -> Generator[Timeline, None, None]:
    segments, concerns = _find_segments(clip.samples)
    placed = [pair for segment in segments for pair in place_windows(*segment)]
    rows: list[dict[str, np.ndarray]] = []

    def so_far() -> Timeline:
        n = len(rows)
        blank = np.empty((0, 7))
        return Timeline(
            clip.duration_s,
            len(placed),
            _in_seconds([heard for heard, _ in placed[:n]]),
            _in_seconds([shown for _, shown in placed[:n]]),
            {
                key: np.concatenate([blank, *(row[key] for row in rows)])
                for key in (*models.classifiers, VOTE)
            },
            models.calibration.thresholds,
            clip.warnings,
            concerns,
        )

    def hear(pair: tuple[Span, tuple[float, float]]) -> dict[str, np.ndarray]:
        start, stop = pair[0]
        frames = analyse(centre(clip.samples[start * HOP : stop * HOP]))
        return probabilities([(compute_functionals(frames), log_mel_spectrogram(frames))], models)

    yield so_far()
    with ThreadPoolExecutor(threads) as pool:  # closed early, `map` drops what has not begun
        for row in pool.map(hear, placed):
            rows.append(row)
            if len(rows) % CHUNK == 0 or len(rows) == len(placed):
                yield so_far()


def _in_seconds(spans: list[Any]) -> npt.NDArray[np.float64]:
    """Spans in hundredths of a second as float64 (n, 2) in seconds, exact to the millisecond."""
    return np.round(np.array(spans, np.float64).reshape(-1, 2) * FRAME_S, 3)


def _find_segments(samples: Floats) -> tuple[list[Span], tuple[SpeechWarning, ...]]:
    """Segments of speech between pauses, and why the clip as a whole may not be speech."""
    frames = analyse(samples)
    speech, concerns = find_speech(frames)
    segments = join_speech(speech, frames.span.with_margins()[0] // HOP, len(samples) // HOP)
    # A gap inside the clip is blank here, and answered by nothing: no reason to be concerned.
    return segments, tuple(concern for concern in concerns if concern.kind != "gap")


def join_speech(speech: Flags, first: int, last: int) -> list[Span]:
    """Segments of a clip that are speech, margins included, in order and apart from each other.

    Parameters
    ----------
    speech : bool, (n,)
        Frames in which someone speaks with a pitch.
    first
        Where the first of the frames lies, in hundredths of a second of the clip; below zero if
        before it.
    last
        End of the clip in hundredths of a second.
    """
    joined: list[tuple[int, int, int]] = []  # start, stop, voiced frames between
    for start, stop in stretches(speech):
        if joined and (start - joined[-1][1]) * FRAME_S < PAUSE_S:
            before = joined.pop()
            joined.append((before[0], stop, before[2] + stop - start))
        else:
            joined.append((start, stop, stop - start))
    margin = round(MARGIN_S / FRAME_S)
    return [
        (max(0, first + start - margin), min(last, first + stop + margin))
        for start, stop, voiced in joined
        if voiced >= round(VOICED_S / FRAME_S)
    ]


def place_windows(start: int, stop: int) -> list[tuple[Span, tuple[float, float]]]:
    """What each window of a segment hears, and which part of the segment it is shown for.

    A segment of up to three seconds is one window.  A longer one has windows of three seconds from
    its start to its end, at equal steps of at most a second.  All in hundredths of a second.
    """
    width = min(round(WINDOW_S / FRAME_S), stop - start)
    count = 1 + -(-(stop - start - width) // round(HOP_S / FRAME_S))
    starts = np.linspace(start, stop - width, count).round().astype(int).tolist()
    between = [(a + b + width) / 2 for a, b in pairwise(starts)]
    edges = [float(start), *between, float(stop)]
    return [((a, a + width), shown) for a, shown in zip(starts, pairwise(edges), strict=True)]


def cues(timeline: Timeline, key: str = VOTE) -> list[Cue]:
    """Runs of windows with the same answer by one classifier or the vote, in order.

    A run ends where the likeliest label changes, where the answer becomes unsure or sure, and at
    each pause.  Its answer is that of the mean probabilities over its time.
    """
    shown_s, rows = timeline.segments_s, timeline.probabilities[key]
    given = [row[key] for row in timeline.answers()]
    starts = [
        i
        for i in range(len(given))
        if i == 0
        or shown_s[i, 0] != shown_s[i - 1, 1]
        or (given[i].label, given[i].unsure) != (given[i - 1].label, given[i - 1].unsure)
    ]
    found = []
    for i, j in pairwise([*starts, len(given)]):
        lasting_s = shown_s[i:j, 1] - shown_s[i:j, 0]
        mean = np.average(rows[i:j], axis=0, weights=lasting_s)
        # Whether it is unsure rests on the other answers too, so that is taken from the windows.
        lasting = replace(answer(mean, given[i].threshold), unsure=given[i].unsure)
        found.append(Cue(float(shown_s[i, 0]), float(shown_s[j - 1, 1]), lasting))
    return found
