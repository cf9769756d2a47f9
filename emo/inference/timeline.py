"""Predict labels over the course of a recording.

Overlapping windows lie over the speech that ``emo.features.speech`` finds in the clip as a whole;
pauses, and stretches unlike speech, have none.  Each window is then measured from its own samples:
its answers are those that ``predictor.predict`` returns for the same stretch as a clip of its own.
Cutting features that were measured once would be faster, but the frames would lie elsewhere and
reach beyond the edges of the window.
"""

from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from emo.audio.activity import Floats
from emo.audio.clip import Clip, centre
from emo.classifiers.calibration import Calibration, reweight
from emo.classifiers.storage import strangeness
from emo.classifiers.voice import VOICE, voice_numbers
from emo.errors import ModelFaultError
from emo.features.frames import FRAME_S, HOP, analyse
from emo.features.measures import Flags, stretches
from emo.features.speech import SpeechWarning, find_speech
from emo.inference.known_voice import UNUSABLE, VoiceClip, know_voice
from emo.inference.loading import Models
from emo.inference.outputs import compute_features, raw_outputs
from emo.inference.predictor import Answer, answer, calibrated, to_answers, voice_fields
from emo.labels import ENSEMBLE, LABELS

WINDOW_S = 3.0  # as long as the training clips, and those of the calibration: 2 to 4 s
HOP_S = 1.0  # at most, so that three windows cover each moment; five minutes have 300 windows
LONG_S = 300.0  # a longer clip has windows at steps of LONG_HOP_S, so that it takes half the time
LONG_HOP_S = 2.0
PAUSE_S = 0.8  # without a pitch; shorter ones are consonants, and breaths between words
MARGIN_S = 0.2  # kept before the first and after the last pitch, for consonants
VOICED_S = 0.1  # of pitch, at least, between two pauses; less is a knock and no syllable
THREADS = 2  # one recording must not take a whole server
CHUNK = 20  # windows from one timeline to the next
NO_NUMBERS = np.zeros((0, 0), np.float32)

Span = tuple[int, int]
"""First and last (half-open) hundredth of a second of the clip."""


@dataclass(frozen=True)
class Cue:
    """A stretch of speech in which one answer stays the likeliest, as sure or unsure as it is."""

    start_s: float
    stop_s: float
    answer: Answer


@dataclass(frozen=True, eq=False)
class Timeline:
    """The answers over time, as far as they are computed.

    Attributes
    ----------
    duration_s : float
        Length of the clip.
    total : int
        Number of windows over the speech of the clip; the first n of them are answered.
    windows_s : ndarray of float64, shape (n, 2)
        Start and stop of each window in seconds.  Windows overlap, and never reach across a pause.
    segments_s : ndarray of float64, shape (n, 2)
        Start and stop of the part of each window that is nearer to its centre than to that of any
        other.  These parts do not overlap; together they cover the speech, and leave out pauses.
    probabilities : dict of ndarray of float64, each of shape (n, labels)
        Calibrated, by classifier and ``ensemble``, in the order of ``labels``; and
        by ``voice`` where the voice is known.
    thresholds : dict of ndarray of float64, shape () or (n,), by the same keys
        Confidence below which an answer is unsure; without a threshold it never is.
    warnings : tuple of str
        Sentences about the recording (``Clip.warnings``).
    speech_warnings : tuple of SpeechWarning
        Why the clip as a whole may not be speech.
    faults : mapping of str, by key
        Errors of the classifiers that returned values that are not finite, and are left out.
    among : tuple of str
        The labels that can occur; the probabilities of the others are 0.
    raw : dict of ndarray of float64, each of shape (n, trained labels)
        Raw probabilities by classifier, from which ``choose_among`` computes other answers.
    strangeness : ndarray of float64, shape (n,), or None
        Distance of each window from the training clips; None where no classifier measures it.
    strange : ndarray of bool, shape (n,), or None
        Windows unlike the training clips; None where that is not known.
    voice_clips : int
        Windows that differ, where all are stated to be of one speaker; 0 otherwise.
    voice_note : str
        Sentence on whether the voice is known, once all windows are answered; empty where no
        speaker is stated.
    numbers : ndarray of float32, shape (n, f)
        Embedding and functionals of each window, from which ``know_windows`` computes the answers
        with the voice known; f is 0 where no classifier takes embeddings.
    labels : tuple of str
        Labels of the models' answers.
    """

    duration_s: float
    total: int
    windows_s: npt.NDArray[np.float64]
    segments_s: npt.NDArray[np.float64]
    probabilities: dict[str, npt.NDArray[np.float64]]
    thresholds: dict[str, npt.NDArray[np.float64]]
    warnings: tuple[str, ...] = ()
    speech_warnings: tuple[SpeechWarning, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)
    among: tuple[str, ...] = LABELS
    raw: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    strangeness: npt.NDArray[np.float64] | None = None
    strange: npt.NDArray[np.bool_] | None = None
    voice_clips: int = 0
    voice_note: str = ""
    numbers: npt.NDArray[np.float32] = field(default_factory=lambda: NO_NUMBERS)
    labels: tuple[str, ...] = LABELS

    def __repr__(self) -> str:
        return f"<Timeline of {self.duration_s:.2f} s: {self.done} of {self.total} windows>"

    def _repr_html_(self) -> str:
        from emo.inference.notebook import timeline_html

        rows = [(cue.start_s, cue.stop_s, cue.answer.to_dict()) for cue in self.cues()]
        return timeline_html(self.to_dict(), rows)

    @property
    def done(self) -> int:
        """Number of windows that are answered, n."""
        return len(self.windows_s)

    @property
    def served(self) -> str:
        """Key of the answers that are shown first: with the voice known, or the ensemble's."""
        return VOICE if VOICE in self.probabilities else ENSEMBLE

    def answers(self) -> list[dict[str, Answer]]:
        """Return the answers of each window, by classifier and ensemble, as ``predict`` does."""
        return self._answers

    @cached_property
    def _answers(self) -> list[dict[str, Answer]]:
        return to_answers(self.probabilities, self.thresholds, self.strange, self.labels)

    def cues(self, key: str | None = None) -> list[Cue]:
        """Return the runs of windows with the same answer, by default of those shown first.

        A run ends where the likeliest label changes, where the answer becomes unsure or sure, and
        at each pause.  Its answer is that of the mean probabilities over its time.
        """
        key = key or self.served
        segments_s, rows = self.segments_s, self.probabilities[key]
        answers = [row[key] for row in self.answers()]
        starts = [
            i
            for i in range(len(answers))
            if i == 0
            or segments_s[i, 0] != segments_s[i - 1, 1]
            or answers[i].label != answers[i - 1].label
            or answers[i].unsure != answers[i - 1].unsure
        ]
        runs = []
        for i, j in pairwise([*starts, len(answers)]):
            durations_s = segments_s[i:j, 1] - segments_s[i:j, 0]
            mean = np.average(rows[i:j], axis=0, weights=durations_s)
            # An ensemble is unsure by the other answers too, so that is taken from the windows.
            whole = answer(mean, answers[i].threshold, self.labels)
            run = replace(whole, unsure=answers[i].unsure)
            runs.append(Cue(float(segments_s[i, 0]), float(segments_s[j - 1, 1]), run))
        return runs

    def to_dict(self) -> dict[str, Any]:
        """Return the timeline as values for JSON: what ``emo timeline --format json`` prints."""
        spans = np.hstack([self.windows_s, self.segments_s]).tolist()
        names = ("start_s", "stop_s", "segment_start_s", "segment_end_s")
        known = VOICE in self.probabilities
        voice = voice_fields(self.voice_clips, known, self.voice_note)
        return {
            "duration_s": round(self.duration_s, 3),
            "warnings": list(self.warnings),
            "speech_warnings": [asdict(warning) for warning in self.speech_warnings],
            "among": list(self.among),
            **({VOICE: voice} if self.voice_note else {}),
            "windows": [
                dict(zip(names, span, strict=True))
                | {"models": {key: answer.to_dict() for key, answer in answers.items()}}
                for span, answers in zip(spans, self.answers(), strict=True)
            ],
        }


def choose_among(timeline: Timeline, among: Sequence[str], calibration: Calibration) -> Timeline:
    """Return a timeline with the plain answers that are chosen among some labels.

    Parameters
    ----------
    timeline : Timeline
        Of the models of `calibration`, or of some of them.
    among : sequence of str
        The labels that can occur, in the order of ``timeline.labels``.
    calibration : Calibration
    """
    if tuple(among) == timeline.among:
        return timeline
    if set(timeline.raw) != set(calibration.weights):
        calibration = reweight(calibration, tuple(timeline.raw))
    return replace(
        timeline,
        probabilities=_calibrated(
            timeline.raw, calibration, among, timeline.strangeness, timeline.labels
        ),
        thresholds=calibration.thresholds_of(among, timeline.strangeness),
        among=tuple(among),
        voice_clips=0,
        voice_note="",
    )


def _calibrated(
    raw: Mapping[str, np.ndarray],
    calibration: Calibration,
    among: Sequence[str],
    distances: np.ndarray | None,
    labels: Sequence[str],
) -> dict[str, npt.NDArray[np.float64]]:
    """Return the probabilities of all labels by classifier and of the served ensemble."""
    tables = calibrated(raw, calibration, among, distances, labels)
    return {key: tables[key] for key in (*raw, ENSEMBLE)}


def iter_timeline(
    clip: Clip,
    models: Models,
    threads: int = THREADS,
    among: Sequence[str] | None = None,
    *,
    same_speaker: bool = False,
) -> Generator[Timeline, None, None]:
    """Yield timelines of a clip, each with more of the windows answered; the last has all of them.

    The first comes as soon as the windows are placed, and has no answer yet.  A caller may stop
    anywhere; when the generator is closed, windows that have not begun are dropped.  Where a
    classifier returns values that are not finite, the timeline begins again without it.

    Parameters
    ----------
    clip : Clip
    models : Models
    threads : int
        Windows that are answered at the same time.
    among : sequence of str, optional
        The labels that can occur, in the order of ``models.labels``; by default all of these.
    same_speaker : bool
        Whether all windows are stated to be of one speaker; the last timeline then has the answers
        with the voice known, or says why it has none.

    Raises
    ------
    ModelFaultError
        No classifier returns finite values.
    """
    among = models.labels if among is None else among
    try:
        yield from _iter_timeline(clip, models, threads, among, same_speaker)
    except ModelFaultError as fault:
        for timeline in iter_timeline(
            clip, models.without(fault), threads, among, same_speaker=same_speaker
        ):
            faults = {fault.key: str(fault), **timeline.faults}
            warnings = (str(fault), *timeline.warnings)
            yield replace(timeline, faults=faults, warnings=warnings)


@dataclass(frozen=True)
class _Window:
    """Raw probabilities of a window, (1, k) by classifier, with its strangeness and numbers."""

    raw: dict[str, np.ndarray]
    strangeness: np.ndarray | None
    numbers: npt.NDArray[np.float32]


def _iter_timeline(
    clip: Clip, models: Models, threads: int, among: Sequence[str], same_speaker: bool
) -> Generator[Timeline, None, None]:
    segments, warnings = find_segments(clip.samples)
    hop_s = HOP_S if clip.duration_s <= LONG_S else LONG_HOP_S
    placed = [pair for segment in segments for pair in place_windows(*segment, hop_s)]
    rows: list[_Window] = []
    embeds = same_speaker and models.voice is not None

    def timeline() -> Timeline:
        n = len(rows)
        blank = np.empty((0, len(models.model_set.trained_labels)))
        raw = {
            key: np.concatenate([blank, *(row.raw[key] for row in rows)])
            for key in models.classifiers
        }
        known = [row.strangeness for row in rows if row.strangeness is not None]
        distances = np.concatenate(known) if known else None
        plain = Timeline(
            clip.duration_s,
            len(placed),
            _in_seconds([window for window, _ in placed[:n]]),
            _in_seconds([segment for _, segment in placed[:n]]),
            _calibrated(raw, models.calibration, among, distances, models.labels),
            models.calibration.thresholds_of(among, distances),
            clip.warnings,
            warnings,
            among=tuple(among),
            raw=raw,
            strangeness=distances,
            strange=models.calibration.strange_shares(distances, n) > 0.5,
            numbers=np.stack([row.numbers for row in rows]) if rows else NO_NUMBERS,
            labels=models.labels,
        )
        return know_windows(plain, models) if same_speaker else plain

    def predict_window(pair: tuple[Span, tuple[float, float]]) -> _Window:
        start, stop = pair[0]
        samples = centre(clip.samples[start * HOP : stop * HOP])
        features = compute_features(samples, analyse(samples), models.classifiers, embeds)
        raw, _ = raw_outputs(features, models.classifiers)
        has_numbers = len(features.embeddings) > 0
        numbers = voice_numbers(features)[0] if has_numbers else NO_NUMBERS[:, 0]
        return _Window(raw, strangeness(models.classifiers.values(), features), numbers)

    yield timeline()
    with ThreadPoolExecutor(threads) as pool:  # closed early, `map` drops what has not begun
        for row in pool.map(predict_window, placed):
            rows.append(row)
            if len(rows) % CHUNK == 0 or len(rows) == len(placed):
                yield timeline()


def know_windows(timeline: Timeline, models: Models) -> Timeline:
    """Return a timeline with its windows as the clips of one voice, if all of them are answered.

    It has the answers with the voice known, or the sentence that says why it has none.  A timeline
    that is not complete is returned as it is.

    Parameters
    ----------
    timeline : Timeline
        Plain answers, all stated to be of one speaker.
    models : Models
        Those of the plain answers.
    """
    if timeline.done < timeline.total:
        return timeline
    plain = choose_among(timeline, timeline.labels, models.calibration).probabilities[ENSEMBLE]
    shares = models.calibration.strange_shares(timeline.strangeness, timeline.done)
    clips = [
        VoiceClip(*row, timeline.among)
        for row in zip(timeline.numbers, plain, shares.tolist(), strict=True)
    ]
    voice = know_voice(clips, models, "window")
    answers = [said for said in voice.answers if said is not None]
    if not answers or len(answers) < len(clips):
        note = voice.note if voice.reason else UNUSABLE.format("a window")
        return replace(timeline, voice_clips=voice.clips, voice_note=note)
    return replace(
        timeline,
        voice_clips=voice.clips,
        voice_note=voice.note,
        probabilities=timeline.probabilities
        | {VOICE: np.stack([said.probabilities for said in answers])},
        thresholds=timeline.thresholds | {VOICE: np.array([said.threshold for said in answers])},
    )


def _in_seconds(spans: list[Any]) -> npt.NDArray[np.float64]:
    """Return spans in hundredths of a second as float64 (n, 2) in seconds, to the millisecond."""
    return np.round(np.array(spans, np.float64).reshape(-1, 2) * FRAME_S, 3)


def find_segments(samples: Floats) -> tuple[list[Span], tuple[SpeechWarning, ...]]:
    """Return the segments of speech between pauses, and why the clip may not be speech."""
    frames = analyse(samples)
    speech, warnings = find_speech(frames)
    segments = join_speech(speech, frames.span.with_margins()[0] // HOP, len(samples) // HOP)
    # A gap inside the clip has no window, so there is no answer to warn of.
    return segments, tuple(warning for warning in warnings if warning.kind != "gap")


def join_speech(speech: Flags, first: int, last: int) -> list[Span]:
    """Return the segments of a clip that are speech, margins included, in order and disjoint.

    Parameters
    ----------
    speech : ndarray of bool, shape (n,)
        Frames in which someone speaks with a pitch.
    first : int
        Place of the first frame, in hundredths of a second of the clip; negative if before it.
    last : int
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


def place_windows(
    start: int, stop: int, hop_s: float = HOP_S
) -> list[tuple[Span, tuple[float, float]]]:
    """Return each window of a segment of speech, and the part of the segment it answers for.

    A segment of up to three seconds is one window.  A longer one has windows of three seconds from
    its start to its end, at equal steps.

    Parameters
    ----------
    start, stop : int
        In hundredths of a second, as what is returned.
    hop_s : float
        Most that a step may be, in seconds.
    """
    width = min(round(WINDOW_S / FRAME_S), stop - start)
    count = 1 + -(-(stop - start - width) // round(hop_s / FRAME_S))
    starts = np.linspace(start, stop - width, count).round().astype(int).tolist()
    between = [(a + b + width) / 2 for a, b in pairwise(starts)]
    edges = [float(start), *between, float(stop)]
    return [((a, a + width), part) for a, part in zip(starts, pairwise(edges), strict=True)]
