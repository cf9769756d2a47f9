"""Predict labels while somebody speaks: for the last seconds of a sound that is still arriving.

A window is the last stretch of speech, of at most three seconds.  As in ``timeline``, it never
reaches across a pause: its answers are those of ``predictor.predict`` for the same samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emo.audio.arrays import clip_from_array
from emo.audio.clip import RATE_HZ
from emo.errors import AudioError
from emo.features.frames import HOP
from emo.features.speech import SpeechWarning
from emo.inference.loading import Models
from emo.inference.predictor import Prediction, predict
from emo.inference.timeline import PAUSE_S, WINDOW_S, find_segments

Pcm = npt.NDArray[np.int16]

SEARCHED_S = 4.0  # a window, and a second more; the check for speech measures as much at once
MIN_SPEECH_S = 1.0  # shorter windows are answered wrongly too often
MIN_STEP_S = 0.1  # of new speech; less changes no answer
MIN_LATE_STEP_S = 0.5  # in a pause, where the end of the speech may only be found elsewhere
NOW_S = 0.3  # speech that ended before is a pause: it ends with a margin of 0.2 s


@dataclass(frozen=True, eq=False)
class Recent:
    """The last samples of a sound.

    Attributes
    ----------
    samples : ndarray of int16, shape (n,)
        Mono at 16 kHz.
    stop : int
        Number of samples since the beginning of the sound.
    """

    samples: Pcm
    stop: int


class RecentSound:
    """The last seconds of a sound that arrives piece by piece."""

    def __init__(self) -> None:
        self._recent = Recent(np.zeros(0, np.int16), 0)

    def add(self, samples: Pcm) -> None:
        """Append samples, and drop those that are no longer needed.

        Parameters
        ----------
        samples : ndarray of int16, shape (n,)
            Mono at 16 kHz.
        """
        joined = np.concatenate([self._recent.samples, samples])
        kept = joined[-round(SEARCHED_S * RATE_HZ) :]
        self._recent = Recent(kept, self._recent.stop + len(samples))

    def latest(self) -> Recent:
        """Return the last four seconds, or all that arrived.

        Another thread than the one that adds may call it.
        """
        return self._recent


@dataclass(frozen=True, eq=False)
class LiveAnswer:
    """The answers for the last speech of a sound, or why there are none.

    Attributes
    ----------
    stop : int
        Number of samples of the sound that had arrived.
    window : (int, int) or None
        First and last (half-open) sample of the window since the beginning of the sound; None where
        there is no new speech.
    prediction : Prediction or None
        Answers for the window; None where there is no new speech.
    is_speech : bool
        Whether someone speaks at the end of the sound.
    warning : SpeechWarning or None
        Why the sound may not be speech.
    """

    stop: int
    window: tuple[int, int] | None = None
    prediction: Prediction | None = None
    is_speech: bool = False
    warning: SpeechWarning | None = None


def answer_recent(
    recent: Recent, models: Models, among: Sequence[str] | None = None, answered: int = 0
) -> LiveAnswer:
    """Return the answers for the last speech of a sound.

    Parameters
    ----------
    recent : Recent
    models : Models
    among : sequence of str, optional
        The labels that can occur, in the order of ``models.labels``; by default all of these.
    answered : int
        End of the last window that was answered, in samples since the beginning of the sound;
        without new speech since then there is no prediction.

    Raises
    ------
    ModelFaultError
        No classifier returns finite values.
    """
    try:
        clip = clip_from_array(recent.samples, RATE_HZ)
    except AudioError:  # too short, or silent
        return LiveAnswer(recent.stop)
    segments, warnings = find_segments(clip.samples)
    if not segments:
        return LiveAnswer(recent.stop, warning=warnings[0] if warnings else None)
    first, last = (place * HOP for place in segments[-1])
    first = max(first, last - round(WINDOW_S * RATE_HZ))
    offset = recent.stop - len(recent.samples)
    since_s = (len(recent.samples) - last) / RATE_HZ
    is_speech = since_s < NOW_S
    min_step_s = MIN_STEP_S if since_s < PAUSE_S else MIN_LATE_STEP_S
    is_new = offset + last - answered >= min_step_s * RATE_HZ
    if last - first < MIN_SPEECH_S * RATE_HZ or not is_new:
        return LiveAnswer(recent.stop, is_speech=is_speech)
    try:
        window = clip_from_array(recent.samples[first:last], RATE_HZ)
    except AudioError:  # silent by itself
        return LiveAnswer(recent.stop)
    prediction = predict(window, models, among)
    if prediction.speech_warnings:
        return LiveAnswer(recent.stop, warning=prediction.speech_warnings[0])
    return LiveAnswer(recent.stop, (offset + first, offset + last), prediction, is_speech)
