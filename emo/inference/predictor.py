"""Predict the label of a clip: the answer of each classifier, and that of their ensemble."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from emo.audio.alteration import NEUTRAL, Alteration, alter_clip
from emo.audio.clip import Clip
from emo.classifiers.batches import Features, join_features
from emo.classifiers.calibration import (
    Calibration,
    calibrate,
    reaches,
    reweight,
)
from emo.classifiers.conformal import prediction_sets
from emo.classifiers.ensembles import ENSEMBLES, OTHER_ENSEMBLES
from emo.classifiers.storage import strangeness
from emo.classifiers.voice import VOICE, voice_numbers
from emo.errors import ModelFaultError
from emo.features.frames import analyse
from emo.features.quality import Quality, compare_altered, measure_quality
from emo.features.speech import SpeechWarning, speech_warnings
from emo.inference.loading import Models
from emo.inference.outputs import compute_features, raw_outputs
from emo.labels import CALM, ENSEMBLE, LABELS, trained_labels

RUNNER_UP_SHARE = 0.5
"""Share of the confidence that the runner-up needs to be named beside an unsure label."""


@dataclass(frozen=True)
class Answer:
    """The answer of one classifier, or of the ensemble.

    Attributes
    ----------
    label : str
        The likeliest of ``labels``.
    confidence : float, 0 to 1
        Its calibrated probability.
    runner_up : str
        The second likeliest label.
    unsure : bool
        Whether the confidence is below the threshold above which answers for new speakers are right
        80 % of the time; and, for the ensemble, whether all classifiers are unsure.
    probabilities : ndarray of float64, shape (labels,)
        Calibrated, in the order of ``labels``, adding up to 1; 0 for a label that cannot occur.
    threshold : float, 0 to 1
        Confidence that a sure answer needs; 0 if there is no threshold.
    calm : float, 0 to 1
        Raw probability of calm, a trained label left out of the answers; 0 for the ensemble.
    sets : mapping of tuple of str
        Prediction sets by level, "80" and "90" per cent: the labels, likeliest first, among which
        the acted one is for new speakers so often (``emo.classifiers.conformal``); empty where no
        limits were fitted.
    labels : tuple of str
        Labels of the models: ``LABELS``, or those of own models.
    """

    label: str
    confidence: float
    runner_up: str
    unsure: bool
    probabilities: npt.NDArray[np.float64]
    threshold: float = 0.0
    calm: float = 0.0
    sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: tuple[str, ...] = LABELS

    def __repr__(self) -> str:
        return f"<Answer {self}>"

    def __str__(self) -> str:
        return f"{'/'.join(self.named)}{'?' * self.unsure} {self.confidence:.0%}"

    @property
    def named(self) -> tuple[str, ...]:
        """The labels to name: with the runner-up where the answer is unsure and it is close."""
        share = self.probabilities[self.labels.index(self.runner_up)]
        is_close = share >= RUNNER_UP_SHARE * self.confidence
        return (self.label, self.runner_up) if self.unsure and is_close else (self.label,)

    @property
    def is_below(self) -> bool:
        """True if the confidence is below the threshold, which an unsure ensemble may exceed."""
        return not reaches(self.confidence, self.threshold)

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as values for JSON, with the probabilities by label."""
        return {
            "label": self.label,
            "confidence": self.confidence,
            "runner_up": self.runner_up,
            "unsure": self.unsure,
            "probabilities": dict(zip(self.labels, self.probabilities.tolist(), strict=True)),
        } | ({"sets": {level: list(own) for level, own in self.sets.items()}} if self.sets else {})


@dataclass(frozen=True)
class Prediction:
    """The answers for one clip.

    Attributes
    ----------
    duration_s : float
        Length of the clip.
    warnings : tuple of str
        Sentences about the recording (``Clip.warnings``).
    answers : dict of Answer
        By ``tree``, ``cnn``, ``mlp`` and ``ensemble``, in this order, without the classifiers in
        `faults` and those that could not be loaded; then by ``voice`` where the voice is known.
    quality : Quality
        Measurements of the recording.
    speech_warnings : tuple of SpeechWarning
        Why the clip may not be speech, for which alone the classifiers were trained.
    ensembles : dict of Answer
        Answers of the ensembles that are shown beside the served one (``OTHER_ENSEMBLES``), such
        as that of the classifiers that are trained from scratch; empty where there is none.
    hidden : ndarray of float32, shape (h,)
        Activations of the last hidden layers of the networks, side by side.
    faults : mapping of str, by key
        Errors of the classifiers that returned values that are not finite.
    among : tuple of str
        The labels that can occur, among which the answers are chosen.
    raw : dict of ndarray of float64, each of shape (trained labels,)
        Raw probabilities by classifier, from which ``choose_among`` computes other answers.
    strangeness : float or None
        Distance of the clip from the training clips; None where no classifier measures it.
    strange_share : float, 0 to 1
        How strange the clip counts by that distance: 0 like the training clips, 1 like recordings
        of other corpora, for which the confidence is lower and the thresholds are others.
    numbers : ndarray of float32, shape (f,)
        Embedding and functionals, by which a voice is known (``emo.inference.known_voice``); none
        where the models know no voice.
    labels : tuple of str
        Labels of the models' answers, in the order of the probabilities.
    voice_clips : int
        Different clips that are stated to be of the same speaker; 0 where no speaker is stated.
    voice_note : str
        Sentence on whether the voice is known, or why the plain answers are kept; empty where no
        speaker is stated.
    """

    duration_s: float
    warnings: tuple[str, ...]
    answers: dict[str, Answer]
    quality: Quality
    speech_warnings: tuple[SpeechWarning, ...] = ()
    hidden: npt.NDArray[np.float32] = field(
        default_factory=lambda: np.zeros(0, np.float32), compare=False
    )
    faults: Mapping[str, str] = field(default_factory=dict)
    ensembles: Mapping[str, Answer] = field(default_factory=dict)
    among: tuple[str, ...] = LABELS
    raw: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict, compare=False)
    strangeness: float | None = field(default=None, compare=False)
    strange_share: float = 0.0
    numbers: npt.NDArray[np.float32] = field(
        default_factory=lambda: np.zeros(0, np.float32), compare=False
    )
    voice_clips: int = 0
    voice_note: str = ""
    labels: tuple[str, ...] = LABELS

    def __repr__(self) -> str:
        answers = ", ".join(f"{key} {answer}" for key, answer in self.answers.items())
        return f"<Prediction for {self.duration_s:.2f} s: {answers}>"

    def _repr_html_(self) -> str:
        from emo.inference.notebook import prediction_html

        return prediction_html(self.to_dict())

    @property
    def ensemble(self) -> Answer:
        """The answer of the ensemble."""
        return self.answers[ENSEMBLE]

    @property
    def served(self) -> Answer:
        """The answer that is shown first: with the voice known, or else that of the ensemble."""
        return self.answers.get(VOICE, self.ensemble)

    @property
    def unsure(self) -> tuple[str, ...]:
        """Keys of the answers that are unsure."""
        return tuple(key for key, answer in self.answers.items() if answer.unsure)

    def to_dict(self) -> dict[str, Any]:
        """Return the prediction as values for JSON: what ``emo predict --format json`` prints."""
        content = {
            "duration_s": round(self.duration_s, 3),
            "warnings": list(self.warnings),
            "speech_warnings": [asdict(warning) for warning in self.speech_warnings],
            "quality": self.quality.to_dict(),
            "among": list(self.among),
            "models": {key: answer.to_dict() for key, answer in self.answers.items()},
        }
        if self.strangeness is not None:
            content["strange"] = round(self.strange_share, 3)
        if self.ensembles:
            content["ensembles"] = {key: row.to_dict() for key, row in self.ensembles.items()}
        if self.voice_note:
            content[VOICE] = voice_fields(self.voice_clips, VOICE in self.answers, self.voice_note)
        return content | ({"faults": dict(self.faults)} if self.faults else {})


def voice_fields(clips: int, used: bool, note: str) -> dict[str, Any]:
    """Return the values for JSON that say whether a voice is known, and by how many clips."""
    return {"clips": clips, "used": used, "note": note}


def answer(
    probabilities: np.ndarray, threshold: float = 0.0, labels: Sequence[str] = LABELS
) -> Answer:
    """Return the answer that probabilities of shape (labels,) give."""
    best, second = (int(i) for i in np.argsort(-probabilities, kind="stable")[:2])
    confidence = float(probabilities[best])
    is_unsure, limit = not reaches(confidence, threshold), float(threshold)
    names = (labels[best], labels[second])
    said = Answer(names[0], confidence, names[1], is_unsure, probabilities, limit)
    return said if said.labels == labels else replace(said, labels=tuple(labels))


def to_answers(
    rows: Mapping[str, np.ndarray],
    thresholds: Mapping[str, np.ndarray | float],
    strange: np.ndarray | None = None,
    labels: Sequence[str] = LABELS,
) -> list[dict[str, Answer]]:
    """Return the answers for n clips, by classifier and ensemble.

    An ensemble is unsure where all of its classifiers are.  As a product of probabilities it can be
    confident where no classifier is, and is then right less often than its confidence says.

    Parameters
    ----------
    rows : mapping of ndarray, each of shape (n, labels)
        Calibrated probabilities by classifier and ensemble.
    thresholds : mapping of float or of ndarray, shape (n,)
        By the same keys; one for all clips or one for each.
    strange : ndarray of bool, shape (n,), or None
        Clips unlike the training clips, for which an ensemble has a temperature of its own and
        abstains by its own confidence alone.
    labels : sequence of str
        Of the columns.
    """
    columns = {}
    for key, shares in rows.items():
        limits = np.broadcast_to(thresholds.get(key, 0.0), len(shares)).tolist()
        columns[key] = [
            answer(row, limit, labels) for row, limit in zip(shares, limits, strict=True)
        ]
    by_clip = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    gated = np.ones(len(by_clip), bool) if strange is None else ~strange
    for answers in compress(by_clip, gated):
        for key in ENSEMBLES.keys() & answers.keys():
            unsure = [answers[own].unsure for own in ENSEMBLES[key].members if own in answers]
            if unsure and all(unsure):
                answers[key] = replace(answers[key], unsure=True)
    return by_clip


def ensemble_factors(
    answers: Mapping[str, Answer], calibration: Calibration, strangeness: float | None = None
) -> dict[str, float]:
    """Return by classifier how many times likelier it makes the answer than the runner-up.

    The product of the factors is the same ratio for the ensemble, since the ensemble multiplies the
    classifiers' probabilities, each to the power of its weight.  The weights apply to probabilities
    before temperature scaling, which is undone here, as is that for strange clips.
    """
    ensemble = answers[ENSEMBLE]
    first, second = (ensemble.labels.index(own) for own in (ensemble.label, ensemble.runner_up))
    factors = {}
    for key, weight in calibration.weights.items():
        if key in answers:
            shares = np.maximum(answers[key].probabilities, np.finfo(float).tiny)
            power = weight * calibration.temperatures[key]
            if calibration.strangers is not None and strangeness is not None:
                distance = np.array([strangeness])
                exponents = [calibration.strangers.exponents(k, distance) for k in (ENSEMBLE, key)]
                power *= float(exponents[0][0] / exponents[1][0])
            factors[key] = float((shares[first] / shares[second]) ** power)
    return factors


def calibrated(
    raw: Mapping[str, np.ndarray],
    calibration: Calibration,
    among: Sequence[str] = LABELS,
    strangeness: np.ndarray | None = None,
    labels: Sequence[str] = LABELS,
) -> dict[str, np.ndarray]:
    """Return the calibrated probabilities of all labels, 0 for those that cannot occur.

    Parameters
    ----------
    raw : mapping of ndarray, each of shape (n, trained labels)
        Raw probabilities by classifier.
    calibration : Calibration
    among : sequence of str
        Those of `labels` that can occur.
    strangeness : ndarray of float64, shape (n,), or None
        How far the clips are from the training clips; None where it is not known.
    labels : sequence of str
        Of the models' answers.

    Returns
    -------
    dict of ndarray of float64, each of shape (n, labels)
        By classifier and ensemble.
    """
    columns = [labels.index(label) for label in among]
    tables = {}
    for key, shares in calibrate(raw, calibration, among, strangeness, labels).items():
        tables[key] = np.zeros((len(shares), len(labels)))
        tables[key][:, columns] = shares
    return tables


def choose_among(
    prediction: Prediction, among: Sequence[str], calibration: Calibration
) -> Prediction:
    """Return a prediction with the plain answers that are chosen among some labels.

    Parameters
    ----------
    prediction : Prediction
        Of the models of `calibration`, or of some of them.
    among : sequence of str
        The labels that can occur, in the order of ``prediction.labels``.
    calibration : Calibration
    """
    if tuple(among) == prediction.among:
        return prediction
    if set(prediction.raw) != set(calibration.weights):
        calibration = reweight(calibration, tuple(prediction.raw))
    raw = {key: shares[None] for key, shares in prediction.raw.items()}
    strangeness = None if prediction.strangeness is None else np.array([prediction.strangeness])
    ((answers, beside),) = _raw_to_answers(raw, calibration, among, strangeness, prediction.labels)
    return replace(
        prediction,
        answers=answers,
        ensembles=beside,
        among=tuple(among),
        voice_clips=0,
        voice_note="",
    )


def _raw_to_answers(
    raw: Mapping[str, np.ndarray],
    calibration: Calibration,
    among: Sequence[str],
    strangeness: np.ndarray | None,
    labels: Sequence[str],
) -> list[tuple[dict[str, Answer], dict[str, Answer]]]:
    """Return the answers for n clips from raw probabilities, (n, k) by classifier.

    Those of ``OTHER_ENSEMBLES`` are apart.
    """
    rows = calibrated(raw, calibration, among, strangeness, labels)
    n = len(next(iter(raw.values())))
    strange = calibration.strange_shares(strangeness, n) > 0.5
    thresholds = calibration.thresholds_of(among, strangeness)
    by_clip = to_answers(rows, thresholds, strange, labels)
    trained = trained_labels(labels)
    for i, answers in enumerate(by_clip):
        for key, shares in raw.items() if CALM in set(trained) - set(labels) else ():
            answers[key] = replace(answers[key], calm=float(shares[i, trained.index(CALM)]))
        for key, said in answers.items():
            answers[key] = replace(said, sets=_sets_of(said, calibration.sets.get(key, {}), among))
    others = [
        {key: answers.pop(key) for key in OTHER_ENSEMBLES if key in answers} for answers in by_clip
    ]
    return list(zip(by_clip, others, strict=True))


def _sets_of(
    said: Answer, limits: Mapping[str, float], among: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return the prediction sets of an answer.

    Among some of the labels, the probabilities of these only grow, so that the limits for all of
    them give at least the same coverage of the clips that have one of these labels.
    """
    return prediction_sets(
        said.probabilities[[said.labels.index(label) for label in among]], among, limits
    )


def measure(clip: Clip, models: Models) -> tuple[Features, tuple[SpeechWarning, ...], Quality]:
    """Return the features of a clip, its speech warnings and its quality.

    The frames from which they are computed take 93 MB for ten minutes and are not kept.
    """
    frames = analyse(clip.samples)
    warnings, quality = speech_warnings(frames), measure_quality(clip, frames)
    features = compute_features(clip.samples, frames, models.classifiers, models.voice is not None)
    return features, warnings, quality


def predict_many(
    clips: Sequence[Clip], models: Models, among: Sequence[str] | None = None
) -> list[Prediction]:
    """Return the answers for clips, in their order.

    Parameters
    ----------
    clips : sequence of Clip
    models : Models
    among : sequence of str, optional
        The labels that can occur, in the order of ``models.labels``; by default all of these.

    Raises
    ------
    ModelFaultError
        No classifier returns finite values for a clip.
    """
    if not clips:
        return []
    among = models.labels if among is None else among
    try:
        return _predict_many(clips, models, among)
    except ModelFaultError as fault:
        if len(clips) > 1:
            return [predict(clip, models, among) for clip in clips]
        (prediction,) = predict_many(clips, models.without(fault), among)
        faults = {fault.key: str(fault), **prediction.faults}
        return [replace(prediction, faults=faults, hidden=np.zeros(0, np.float32))]


def _predict_many(clips: Sequence[Clip], models: Models, among: Sequence[str]) -> list[Prediction]:
    measured = [measure(clip, models) for clip in clips]
    features, warnings, qualities = zip(*measured, strict=True)
    joined = join_features(features)
    # One by one: the last digits of a product of matrices depend on the number of rows.
    outputs = [raw_outputs(own, models.classifiers) for own in features]
    raw = {key: np.concatenate([rows[key] for rows, _ in outputs]) for key in models.classifiers}
    hidden = np.concatenate([activations for _, activations in outputs])
    distances = _join_distances(strangeness(models.classifiers.values(), f) for f in features)
    numbers = np.zeros((len(clips), 0), np.float32)
    if models.voice is not None:
        numbers = voice_numbers(joined)
    by_clip = _raw_to_answers(raw, models.calibration, among, distances, models.labels)
    shares_strange = models.calibration.strange_shares(distances, len(clips))
    return [
        Prediction(
            clip.duration_s,
            clip.warnings,
            answers,
            quality,
            speech,
            activations,
            ensembles=beside,
            among=tuple(among),
            raw={key: shares[i] for key, shares in raw.items()},
            strangeness=None if distances is None else float(distances[i]),
            strange_share=float(shares_strange[i]),
            numbers=numbers[i],
            labels=models.labels,
        )
        for i, (clip, (answers, beside), quality, speech, activations) in enumerate(
            zip(clips, by_clip, qualities, warnings, hidden, strict=True)
        )
    ]


def _join_distances(distances: Iterable[np.ndarray | None]) -> np.ndarray | None:
    known = [distance for distance in distances if distance is not None]
    return np.concatenate(known) if known else None


def predict(clip: Clip, models: Models, among: Sequence[str] | None = None) -> Prediction:
    """Return the answers for one clip, chosen among the labels that can occur."""
    return predict_many([clip], models, among)[0]


def predict_altered(
    clip: Clip, alteration: Alteration, models: Models, among: Sequence[str] | None = None
) -> Prediction:
    """Return the answers for a clip after an alteration, and the quality that it caused.

    Raises
    ------
    TooShortError, TooLongError, SilentError
        The altered clip lies outside the limits (``emo.audio.alteration.alter_clip``).
    """
    prediction = predict(alter_clip(clip, alteration), models, among)
    if alteration == NEUTRAL:
        return prediction
    quality = compare_altered(prediction.quality, measure_quality(clip))
    return replace(prediction, quality=quality)
