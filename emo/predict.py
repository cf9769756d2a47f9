"""From a recording to what each classifier and their vote say of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emo.audio import Clip
from emo.bundle import Model, load_model
from emo.classifiers import CLASSIFIERS
from emo.features import analyse, cnn_input
from emo.functionals import functionals
from emo.labels import LABELS

MODELS_DIR = Path(__file__).resolve().parent.parent / "models"
MODEL_KEYS = tuple(CLASSIFIERS)
VOTE = "vote"
ANSWER_KEYS = (*MODEL_KEYS, VOTE)

Models = dict[str, Model]


@dataclass(frozen=True)
class Answer:
    """What one classifier, or the vote, says.

    Attributes
    ----------
    label : the likeliest of the seven
    confidence : its probability, 0 to 1
    probabilities : float64, (7,), in the order of ``LABELS``, adding up to 1
    """

    label: str
    confidence: float
    probabilities: np.ndarray

    def as_dict(self) -> dict[str, Any]:
        """Label, confidence and probabilities by label, as plain numbers."""
        return {
            "label": self.label,
            "confidence": self.confidence,
            "probabilities": dict(zip(LABELS, self.probabilities.tolist(), strict=True)),
        }


@dataclass(frozen=True)
class Prediction:
    """The answers to one clip: ``tree``, ``cnn``, ``mlp`` and ``vote``, in this order."""

    duration_s: float
    warnings: tuple[str, ...]
    answers: dict[str, Answer]

    def as_dict(self) -> dict[str, Any]:
        """The object that ``predict --format json`` prints, without its path."""
        return {
            "duration_s": round(self.duration_s, 3),
            "warnings": list(self.warnings),
            "models": {key: answer.as_dict() for key, answer in self.answers.items()},
        }


def load_models(directory: Path = MODELS_DIR) -> Models:
    """The three classifiers, each checked at load.

    Raises
    ------
    ModelError
        One is missing, damaged, or made for other labels or features.
    """
    return {key: load_model(directory / key) for key in MODEL_KEYS}


def average(probabilities: Sequence[np.ndarray]) -> np.ndarray:
    """The vote: the mean of the classifiers' probabilities, same shape as each."""
    return np.asarray(np.mean(np.stack(probabilities), axis=0))


def answer(probabilities: np.ndarray) -> Answer:
    """The likeliest label and its probability, from probabilities (7,)."""
    best = int(probabilities.argmax())
    return Answer(LABELS[best], float(probabilities[best]), probabilities)


def predict_many(clips: Sequence[Clip], models: Models) -> list[Prediction]:
    """The answers to clips, in their order; features are measured once for all classifiers."""
    if not clips:
        return []
    vectors, views = [], []
    for clip in clips:
        frames = analyse(clip.samples)
        vectors.append(functionals(frames))
        views.append(cnn_input(frames))
    stacked, all_views = np.stack(vectors), tuple(views)
    rows = {key: model.probabilities(stacked, all_views) for key, model in models.items()}
    rows[VOTE] = average(list(rows.values()))
    return [
        Prediction(clip.duration_s, clip.warnings, {key: answer(p[i]) for key, p in rows.items()})
        for i, clip in enumerate(clips)
    ]


def predict(clip: Clip, models: Models) -> Prediction:
    """The answers to one clip."""
    return predict_many([clip], models)[0]
