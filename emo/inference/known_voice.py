"""Answer for clips that are stated to be of one speaker, relative to what these have in common.

The plain predictions of all clips come first.  Where there are enough clips and they differ in
emotion, each gets one more answer, ``voice``; else it keeps the plain answers and says why.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from numbers import Integral

import numpy as np
import numpy.typing as npt

from emo.classifiers.calibration import Calibration, renormalise
from emo.classifiers.voice import (
    MIN_CLIPS,
    VOICE,
    VoiceCalibration,
    corrected_variation,
    predict_voice,
)
from emo.errors import SettingError
from emo.inference.loading import Models
from emo.inference.predictor import Answer, Prediction, answer, choose_among
from emo.labels import INDEX, LABELS, TRAINED_INDEX

MAX_CLIPS = 2_000
"""Clips of a voice that are known at once; a voice with more is divided into equal parts."""

FEW = f"fewer than {MIN_CLIPS} different clips"
ALIKE = "clips that look alike in emotion"
NO_MODEL = "no model for it"
"""Reasons why plain answers are kept."""

UNUSABLE = "The measurements of {} are not finite, so the plain answer is kept."

_DIGEST_BYTES = 8


@dataclass(frozen=True, eq=False)
class VoiceClip:
    """A clip, as far as the answer with its voice known depends on it.

    Attributes
    ----------
    numbers : ndarray of float32, shape (f,)
        Embedding and functionals (``Prediction.numbers``).
    plain : ndarray of float64, shape (7,)
        Calibrated answer of the ensemble among all labels, by which clips are checked to differ.
        Its part for the labels that can occur, renormalised, is the answer among these.
    strange_share : float, 0 to 1
    among : tuple of str
        The labels that can occur.
    """

    numbers: npt.NDArray[np.float32]
    plain: npt.NDArray[np.float64]
    strange_share: float
    among: tuple[str, ...] = LABELS

    @property
    def digest(self) -> bytes:
        """Digest of the numbers: clips of equal sound have the same."""
        return hashlib.blake2b(self.numbers.tobytes(), digest_size=_DIGEST_BYTES).digest()

    @property
    def is_usable(self) -> bool:
        """True if the clip has numbers, and all are finite."""
        return bool(len(self.numbers)) and bool(np.isfinite(self.numbers).all())


@dataclass(frozen=True, eq=False)
class KnownVoice:
    """The answers for clips of one voice.

    Attributes
    ----------
    clips : int
        Different clips of the voice.
    reason : str
        Why the plain answers are kept (``FEW``, ``ALIKE`` or ``NO_MODEL``), or "".
    note : str
        Sentence for people.
    answers : tuple of Answer or None
        By clip; None where the plain answer is kept.
    """

    clips: int
    reason: str
    note: str
    answers: tuple[Answer | None, ...]


# --- One voice -----------------------------------------------------------------------------------


def to_clip(prediction: Prediction, calibration: Calibration) -> VoiceClip:
    """Return what the answer with the voice known depends on, from a plain prediction."""
    plain = choose_among(prediction, prediction.labels, calibration)
    return VoiceClip(
        prediction.numbers,
        plain.ensemble.probabilities,
        prediction.strange_share,
        prediction.among,
    )


def know_voice(clips: Sequence[VoiceClip], models: Models, noun: str = "clip") -> KnownVoice:
    """Return the answers for clips that are stated to be of one speaker.

    They do not depend on the order of the clips, and clips of equal sound count once.

    Parameters
    ----------
    clips
        All clips of the voice, at most ``MAX_CLIPS`` different ones (``divide``).
    models
        Those of the plain answers.
    noun
        Word for a clip in the note.
    """
    rows: dict[bytes, list[int]] = defaultdict(list)
    for i, clip in enumerate(clips):
        if clip.is_usable:
            rows[clip.numbers.tobytes()].append(i)
    keys = sorted(rows)
    n, calibration = len(keys), models.calibration.voice
    none = (None,) * len(clips)
    count = f"1 {noun} is" if n == 1 else f"{n:,} different {noun}s are"
    stated = f"{count} stated to be of this speaker"
    if models.voice is None or calibration is None:
        note = "There is no model for a known voice here, so the plain answer is kept."
        return KnownVoice(n, NO_MODEL, note, none)
    if n < MIN_CLIPS:
        note = (
            f"{stated}, and at least {MIN_CLIPS} different {noun}s are needed, so the plain answer "
            "is kept."
        )
        return KnownVoice(n, FEW, note, none)
    different = [clips[rows[key][0]] for key in keys]
    plain = np.stack([clip.plain for clip in different])
    strange = np.array([clip.strange_share for clip in different])
    if not calibration.looks_mixed(plain, strange):
        least = calibration.least_variation(float(strange.mean()))
        note = (
            f"{stated}, and they look alike in emotion (their plain answers differ by "
            f"{corrected_variation(plain):.3f} nats, and {least:.3f} are needed), so the plain "
            "answer is kept."
        )
        return KnownVoice(n, ALIKE, note, none)
    raw = predict_voice(models.voice.arrays, np.stack([clip.numbers for clip in different]))
    answers: list[Answer | None] = [None] * len(clips)
    for key, shares in zip(keys, raw, strict=True):
        for i in rows[key]:
            answers[i] = _pooled(shares, clips[i], calibration)
    note = f"{stated}; the answer 'voice' is relative to what they have in common."
    return KnownVoice(n, "", note, tuple(answers))


def _pooled(raw: np.ndarray, clip: VoiceClip, calibration: VoiceCalibration) -> Answer:
    """Return the answer for a clip, chosen among the labels that can occur.

    Parameters
    ----------
    raw : float64, (8,)
        Raw probabilities of the classifier that knows the voice.
    """
    columns = [INDEX[label] for label in clip.among]
    strange = np.array([clip.strange_share])
    own = renormalise(raw[None], [TRAINED_INDEX[label] for label in clip.among])
    plain = renormalise(clip.plain[None], columns)
    shares = np.zeros(len(LABELS))
    (shares[columns],) = calibration.pool(own, plain, strange)
    return answer(shares, float(calibration.thresholds(strange)[0]))


def divide(digests: Sequence[bytes]) -> list[list[int]]:
    """Return the positions of the clips of each part of a voice, in the order of the digests.

    A voice of at most ``MAX_CLIPS`` different clips has one part.  Digests mix the clips evenly,
    and clips of equal sound are in the same part.

    Parameters
    ----------
    digests
        ``VoiceClip.digest`` of each clip.
    """
    rows: dict[bytes, list[int]] = defaultdict(list)
    for i, digest in enumerate(digests):
        rows[digest].append(i)
    keys = sorted(rows)
    n_parts = max(1, -(-len(keys) // MAX_CLIPS))
    edges = [round(i * len(keys) / n_parts) for i in range(n_parts + 1)]
    return [[i for key in keys[start:stop] for i in rows[key]] for start, stop in pairwise(edges)]


# --- Predictions ---------------------------------------------------------------------------------


def know_speakers(
    predictions: Sequence[Prediction], speakers: Sequence[str], models: Models
) -> list[Prediction]:
    """Return predictions with the voices of their speakers known, in their order.

    Parameters
    ----------
    predictions
        Plain predictions of `models`.
    speakers
        Name of the speaker of each clip; "" where it is not known.
    models
    """
    known = list(predictions)
    by_speaker: dict[str, list[int]] = defaultdict(list)
    for i, speaker in enumerate(speakers):
        if speaker:
            by_speaker[speaker].append(i)
    for rows in by_speaker.values():
        clips = [to_clip(predictions[i], models.calibration) for i in rows]
        for part in divide([clip.digest for clip in clips]):
            voice = know_voice([clips[place] for place in part], models)
            for place, said in zip(part, voice.answers, strict=True):
                known[rows[place]] = _with_voice(predictions[rows[place]], voice, said)
    return known


def _with_voice(prediction: Prediction, voice: KnownVoice, said: Answer | None) -> Prediction:
    answers = prediction.answers | ({} if said is None else {VOICE: said})
    return replace(
        prediction, answers=answers, voice_clips=voice.clips, voice_note=note_for(voice, said)
    )


def note_for(voice: KnownVoice, said: Answer | None) -> str:
    """Return the sentence for one clip of a voice, which may be unusable where the others are."""
    if said is None and not voice.reason:
        return UNUSABLE.format("this clip")
    return voice.note


def read_speakers(names: Iterable[str | int | None], n: int) -> list[str]:
    """Return the names of the speakers of n clips as texts, "" where a speaker is not known.

    Raises
    ------
    SettingError
        There are more or fewer names than clips, or one is neither a text nor a whole number.

    Examples
    --------
    >>> read_speakers(["anna ", 7, None], 3)
    ['anna', '7', '']
    """
    if isinstance(names, str):
        raise SettingError(
            f"speakers='{names[:40]}' is one text. Give a list with a name for each recording."
        )
    texts = []
    for i, name in enumerate(names):
        if name is not None and not isinstance(name, str | Integral):
            raise SettingError(
                f"speakers[{i}] is {name!r:.40}, of type {type(name).__name__}. Give a text, or "
                "None where the speaker is not known."
            )
        texts.append("" if name is None else str(name).strip())
    if len(texts) != n:
        raise SettingError(
            f"There are {len(texts):,} speakers for {n:,} recordings. Give one name for each "
            "recording, None where the speaker is not known."
        )
    return texts
