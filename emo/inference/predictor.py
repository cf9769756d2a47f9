"""From a recording to what each classifier and their vote say of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from emo.audio.alteration import NEUTRAL, Alteration, alter_clip
from emo.audio.clip import Clip
from emo.classifiers.calibration import (
    Calibration,
    apply_temperature,
    log_opinion_pool,
    reaches,
    read_calibration,
    renormalise,
    reweight,
)
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.storage import Model, load_model
from emo.errors import ModelError, ModelFaultError
from emo.features.frames import analyse, log_mel_spectrogram
from emo.features.functionals import compute_functionals
from emo.features.quality import Quality, compare_altered, measure_quality
from emo.features.speech import SpeechWarning, speech_warnings
from emo.labels import CALM, LABELS, TRAINED_INDEX, VOTE
from emo.system.paths import MODELS_DIR

MODEL_KEYS = tuple(CLASSIFIERS)
ANSWER_KEYS = (*MODEL_KEYS, VOTE)

CLOSE = 0.5
"""Share of the likeliest label from which on the second is named beside it in an unsure answer."""

_SERVED = range(len(LABELS))  # columns of the labels that are given as answers


@dataclass(frozen=True)
class Models:
    """The classifiers, by key, and how their probabilities become answers.

    ``faults`` says by key what is wrong with those that could not be loaded (:func:`load_usable`).
    """

    classifiers: dict[str, Model]
    calibration: Calibration
    faults: Mapping[str, str] = field(default_factory=dict)

    def without(self, fault: ModelFaultError) -> "Models":
        """Return the others, whose vote it then is.

        Raises
        ------
        ModelFaultError
            There are no others.
        """
        left = {key: model for key, model in self.classifiers.items() if key != fault.key}
        if not left:
            raise fault
        return Models(left, reweight(self.calibration, tuple(left)), self.faults)


@dataclass(frozen=True)
class Answer:
    """What one classifier, or the vote, says.

    Attributes
    ----------
    label : the likeliest of the seven
    confidence : its calibrated probability, 0 to 1
    runner_up : the label that is likeliest after it
    unsure : whether the confidence is below what answers of new voices need to be right 80 % of
        the time; and of the vote, whether all classifiers are unsure
    probabilities : float64, (7,), in the order of ``LABELS``, adding up to 1
    threshold : confidence that a sure answer needs (``calibration.reaches``), 0 if none
    calm : share of calm, the trained label that is no answer, before it was left out; 0 of the vote
    """

    label: str
    confidence: float
    runner_up: str
    unsure: bool
    probabilities: np.ndarray
    threshold: float = 0.0
    calm: float = 0.0

    @property
    def named(self) -> tuple[str, ...]:
        """The labels that the answer names: the second too where it is unsure and that is close."""
        is_close = self.probabilities[LABELS.index(self.runner_up)] >= CLOSE * self.confidence
        return (self.label, self.runner_up) if self.unsure and is_close else (self.label,)

    @property
    def is_below(self) -> bool:
        """Whether the confidence is below the threshold; an unsure vote may be above it."""
        return not reaches(self.confidence, self.threshold)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values, the probabilities by label."""
        return {
            "label": self.label,
            "confidence": self.confidence,
            "runner_up": self.runner_up,
            "unsure": self.unsure,
            "probabilities": dict(zip(LABELS, self.probabilities.tolist(), strict=True)),
        }


@dataclass(frozen=True)
class Prediction:
    """The answers to one clip: ``tree``, ``cnn``, ``mlp`` and ``vote``, in this order.

    One of the three is not there where it could not be loaded, or where it gave no numbers for this
    clip, which ``faults`` says by key.

    ``speech_warnings`` say why the clip may not be the speech that the answers are made for;
    ``hidden``, float32 (h,), is what the last layers of the networks read, side by side.
    """

    duration_s: float
    warnings: tuple[str, ...]
    answers: dict[str, Answer]
    quality: Quality
    speech_warnings: tuple[SpeechWarning, ...] = ()
    hidden: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32), compare=False)
    faults: Mapping[str, str] = field(default_factory=dict)

    @property
    def unsure(self) -> tuple[str, ...]:
        """Keys of the answers that are unsure."""
        return tuple(key for key, answer in self.answers.items() if answer.unsure)

    def to_dict(self) -> dict[str, Any]:
        """The object that ``predict --format json`` prints, without its path."""
        return {
            "duration_s": round(self.duration_s, 3),
            "warnings": list(self.warnings),
            "speech_warnings": [asdict(warning) for warning in self.speech_warnings],
            "quality": self.quality.to_dict(),
            "models": {key: answer.to_dict() for key, answer in self.answers.items()},
        } | ({"faults": dict(self.faults)} if self.faults else {})


def load_models(directory: Path = MODELS_DIR) -> Models:
    """The three classifiers, each checked at load, and their calibration.

    Raises
    ------
    ModelError
        One is missing, damaged, or made for other labels or features.
    """
    classifiers = {key: load_model(directory / key) for key in MODEL_KEYS}
    return Models(classifiers, read_calibration(directory, MODEL_KEYS))


def load_usable(directory: Path = MODELS_DIR) -> Models:
    """Those of the three classifiers that can be loaded; the vote is then theirs.

    Raises
    ------
    ModelError
        None can be loaded, or their calibration is damaged.
    """
    classifiers: dict[str, Model] = {}
    faults: dict[str, str] = {}
    for key in MODEL_KEYS:
        try:
            classifiers[key] = load_model(directory / key)
        except ModelError as error:
            faults[key] = str(error)
    if not classifiers:
        raise ModelError(next(iter(faults.values())))
    calibration = read_calibration(directory, MODEL_KEYS)
    return Models(classifiers, reweight(calibration, tuple(classifiers)), faults)


def calibrated(raw: Mapping[str, np.ndarray], calibration: Calibration) -> dict[str, np.ndarray]:
    """Probabilities of the seven labels by each classifier and the vote, float64 (n, 7) each.

    Parameters
    ----------
    raw
        By classifier, (n, 8), in the order of ``TRAINED_LABELS``.
    """
    served = {key: renormalise(rows, _SERVED) for key, rows in raw.items()}
    rows = {
        key: apply_temperature(one, calibration.temperatures[key]) for key, one in served.items()
    }
    return rows | {VOTE: log_opinion_pool(served, calibration.weights)}


def answer(probabilities: np.ndarray, threshold: float = 0.0) -> Answer:
    """The likeliest label and its probability, from probabilities (7,)."""
    best, second = (int(i) for i in np.argsort(-probabilities, kind="stable")[:2])
    confidence = float(probabilities[best])
    is_unsure = not reaches(confidence, threshold)
    return Answer(
        LABELS[best], confidence, LABELS[second], is_unsure, probabilities, float(threshold)
    )


def to_answers(
    rows: Mapping[str, np.ndarray], thresholds: Mapping[str, float]
) -> list[dict[str, Answer]]:
    """The answers to n clips, by classifier and vote, from their probabilities (n, 7) each.

    The vote abstains where every classifier does: being a product, it can be sure of what none of
    them is, and is then right less often than it promises.
    """
    given = {
        key: [answer(row, thresholds.get(key, 0.0)) for row in one] for key, one in rows.items()
    }
    by_clip = [dict(zip(given, row, strict=True)) for row in zip(*given.values(), strict=True)]
    for row in by_clip:
        others = [one.unsure for key, one in row.items() if key != VOTE]
        if VOTE in row and others and all(others):
            row[VOTE] = replace(row[VOTE], unsure=True)
    return by_clip


def vote_factors(given: Mapping[str, Answer], calibration: Calibration) -> dict[str, float]:
    """Return how many times likelier each classifier makes the vote's label than its second.

    The product of all is how many times likelier the vote itself has it: its ratio is that of the
    classifiers' probabilities, each to the power of the weight.  The weights act on probabilities
    before these are softened, which the temperature undoes here.
    """
    vote = given[VOTE]
    first, second = LABELS.index(vote.label), LABELS.index(vote.runner_up)
    factors = {}
    for key, weight in calibration.weights.items():
        if key in given:
            shares = np.maximum(given[key].probabilities, np.finfo(float).tiny)
            power = weight * calibration.temperatures[key]
            factors[key] = float((shares[first] / shares[second]) ** power)
    return factors


def probabilities(
    measured: Sequence[tuple[np.ndarray, np.ndarray]], models: Models
) -> dict[str, np.ndarray]:
    """Calibrated probabilities of n clips by each classifier and the vote, float64 (n, 7) each.

    Parameters
    ----------
    measured
        Of each clip the functionals, float32 (f,), and the CNN's view, float32 (time, 64).
    """
    return predict_raw(measured, models)[0]


def predict_raw(
    measured: Sequence[tuple[np.ndarray, np.ndarray]], models: Models
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The same, and what the last layers of the networks read, side by side, float32 (n, h)."""
    raw, hidden = raw_outputs(measured, models)
    return calibrated(raw, models.calibration), hidden


def raw_outputs(
    measured: Sequence[tuple[np.ndarray, np.ndarray]], models: Models
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return what the classifiers give, (n, 8) each, and what the last layers read, (n, h).

    Raises
    ------
    ModelFaultError
        A classifier gives values that are not finite.
    """
    vectors = np.stack([vector for vector, _ in measured])
    views = tuple(view for _, view in measured)
    ran = {key: one.run(vectors, views) for key, one in models.classifiers.items()}
    raw = {key: rows for key, (rows, _) in ran.items()}
    for key, parts in ran.items():
        if not all(np.isfinite(part).all() for part in parts):
            raise ModelFaultError(key, CLASSIFIERS[key].title)
    return raw, np.concatenate([inner for _, inner in ran.values()], axis=1)


def measure(
    clip: Clip,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[SpeechWarning, ...], Quality]:
    """The features of a clip, its concerns and its quality; its frames, 93 MB of 600 s, go."""
    frames = analyse(clip.samples)
    doubt, quality = speech_warnings(frames), measure_quality(clip, frames)
    return (compute_functionals(frames), log_mel_spectrogram(frames)), doubt, quality


def predict_many(clips: Sequence[Clip], models: Models) -> list[Prediction]:
    """The answers to clips, in their order; features are measured once for all classifiers.

    Raises
    ------
    ModelFaultError
        None of the classifiers gives numbers for a clip.
    """
    if not clips:
        return []
    try:
        return _predict_many(clips, models)
    except ModelFaultError as fault:
        if len(clips) > 1:
            return [predict(clip, models) for clip in clips]
        (rest,) = predict_many(clips, models.without(fault))
        faults = {fault.key: str(fault), **rest.faults}
        return [replace(rest, faults=faults, hidden=np.zeros(0, np.float32))]


def _predict_many(clips: Sequence[Clip], models: Models) -> list[Prediction]:
    measured, doubts, qualities = [], [], []
    for clip in clips:
        features, doubt, quality = measure(clip)
        measured.append(features)
        doubts.append(doubt)
        qualities.append(quality)
    raw, hidden = raw_outputs(measured, models)
    rows = calibrated(raw, models.calibration)
    given = to_answers(rows, models.calibration.thresholds)
    for i, said in enumerate(given):
        for key, shares in raw.items():
            said[key] = replace(said[key], calm=float(shares[i, TRAINED_INDEX[CALM]]))
    return [
        Prediction(clip.duration_s, clip.warnings, said, quality, doubt, inner)
        for clip, said, quality, doubt, inner in zip(
            clips, given, qualities, doubts, hidden, strict=True
        )
    ]


def predict(clip: Clip, models: Models) -> Prediction:
    """The answers to one clip."""
    return predict_many([clip], models)[0]


def predict_altered(clip: Clip, settings: Alteration, models: Models) -> Prediction:
    """Return the answers to a clip as altered; its quality says what only that brought about.

    Raises
    ------
    TooShortError, TooLongError, SilentError
        What comes out cannot be judged (:func:`emo.audio.alteration.alter_clip`).
    """
    prediction = predict(alter_clip(clip, settings), models)
    if settings == NEUTRAL:
        return prediction
    quality = compare_altered(prediction.quality, measure_quality(clip))
    return replace(prediction, quality=quality)
