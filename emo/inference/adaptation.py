"""Adapt the ensemble to a few examples: a small head that starts from the ensemble.

The models stay as they are.  The head is a regularised logistic regression on the activations of
the networks' last hidden layers, with the ensemble as its offset, so that without evidence its
answer is that of the ensemble.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emo.classifiers.calibration import renormalise
from emo.classifiers.numerics import softmax
from emo.classifiers.storage import empty_features
from emo.classifiers.strangers import MIN_PROBABILITY
from emo.errors import AdaptationError
from emo.inference.loading import Models
from emo.inference.outputs import raw_outputs
from emo.inference.predictor import Answer, Prediction, answer
from emo.labels import ENSEMBLE, INDEX, LABELS
from emo.system.filenames import clean

YOURS = "yours"
"""Key of the adapted answer, beside those of the models and the ensemble."""

MIN_EMOTIONS = 2
MIN_CLIPS = 2  # of an emotion, so that one can be left out for testing
MAX_CLIPS = 200
FOLDS = 50

RIDGE = 0.1
"""Weight of the penalty; ``docs/experiments.md`` says how it was chosen."""

FLOOR = 0.1  # added to the deviation of every activation, as a share of the mean deviation
STEPS = 1000
TOLERANCE = 1e-5  # of a probability

FORMAT = "emo-examples"
VERSION = 2
MAX_FILE_BYTES = 8 * 2**20
MAX_NAME = 200


@dataclass(frozen=True, eq=False)
class Example:
    """A labelled clip, without its samples.

    Attributes
    ----------
    name : str
        Name of the clip.
    emotion : str
        Its label, one of ``LABELS``.
    ensemble : ndarray of float64, shape (7,)
        Probabilities of the ensemble.
    hidden : ndarray of float32, shape (h,)
        Activations of the networks' last hidden layers (``Prediction.hidden``).
    """

    name: str
    emotion: str
    ensemble: np.ndarray
    hidden: np.ndarray


@dataclass(frozen=True, eq=False)
class AdaptedHead:
    """A fitted head: log-odds that are added to those of the ensemble.

    Attributes
    ----------
    labels : tuple of str
        Emotions of the examples, in the order of ``LABELS``; the head answers with no other.
    centre, scale : ndarray of float64, shape (h,)
        Of the examples' hidden activations.
    weights : ndarray of float64, shape (h, labels)
    bias : ndarray of float64, shape (labels,)
    """

    labels: tuple[str, ...]
    centre: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """The cross-validated accuracy of a head, beside that of the ensemble on the same clips.

    Attributes
    ----------
    labels : tuple of str
        Emotions of the examples, in the order of ``LABELS``.
    folds : int
        Number of folds; as many as clips where each was left out alone.
    ensemble_right : int
        Clips for which the ensemble, among all seven labels, is right.
    restricted_right : int
        Clips for which the ensemble, among `labels`, is right.
    counts : ndarray of int, shape (labels, labels)
        Confusion matrix of the head: clips by emotion (row) and answer (column).
    """

    labels: tuple[str, ...]
    folds: int
    ensemble_right: int
    restricted_right: int
    counts: np.ndarray

    @property
    def clips(self) -> int:
        """Number of clips."""
        return int(self.counts.sum())

    @property
    def head_right(self) -> int:
        """Number of clips for which the head is right."""
        return int(np.trace(self.counts))


# --- Examples ------------------------------------------------------------------------------------


def to_example(name: str, emotion: str, prediction: Prediction) -> Example:
    """Return a clip as an example, from its prediction."""
    ensemble = prediction.answers[ENSEMBLE].probabilities
    return Example(name[:MAX_NAME], emotion, ensemble, prediction.hidden)


def add_example(examples: Sequence[Example], new: Example) -> tuple[Example, ...]:
    """Return the examples and a new one, which replaces an example of the same sound.

    Raises
    ------
    AdaptationError
        There are ``MAX_CLIPS`` examples already.
    """
    kept = [example for example in examples if not np.array_equal(example.hidden, new.hidden)]
    if len(kept) >= MAX_CLIPS:
        raise AdaptationError(
            f"There are {MAX_CLIPS} examples, which is the limit. Remove some to add others."
        )
    return (*kept, new)


def usable(examples: Sequence[Example]) -> tuple[Example, ...]:
    """Return the examples of emotions with two clips or more; none if these are fewer than two."""
    counts = Counter(example.emotion for example in examples)
    enough = {emotion for emotion, n in counts.items() if n >= MIN_CLIPS}
    if len(enough) < MIN_EMOTIONS:
        return ()
    return tuple(example for example in examples if example.emotion in enough)


def example_labels(examples: Sequence[Example]) -> tuple[str, ...]:
    """Return the emotions of examples, in the order of ``LABELS``."""
    emotions = {example.emotion for example in examples}
    return tuple(label for label in LABELS if label in emotions)


# --- The head ------------------------------------------------------------------------------------


def fit_head(examples: Sequence[Example]) -> AdaptedHead:
    r"""Fit a head to examples.

    It is a multinomial logistic regression on the standardised activations :math:`z`, with the
    ensemble :math:`v` as offset, so that the probability of an emotion :math:`c` is

    .. math:: p_c \propto v_c \exp(w_c^T z + b_c),

    where :math:`w` and :math:`b` minimise
    :math:`-\sum_i a_i \log p_{y_i} + \frac{\lambda}{2} (h \lVert w \rVert^2 + \lVert b \rVert^2)`
    for h activations and :math:`\lambda` = ``RIDGE``.  The clips' weights :math:`a` are one on
    average and have the same sum for every emotion.  Since clips are few and activations many, the
    dual form is solved, on the n by n matrix of inner products of the clips.

    Raises
    ------
    AdaptationError
        The examples are of fewer than two emotions.
    """
    labels = example_labels(examples)
    if len(labels) < MIN_EMOTIONS:
        raise AdaptationError(
            f"The examples are of {len(labels)} emotions, and at least {MIN_EMOTIONS} are needed. "
            "Add examples of another emotion."
        )
    hidden = np.stack([example.hidden for example in examples]).astype(np.float64)
    centre, spread = hidden.mean(axis=0), hidden.std(axis=0)
    scale = spread + FLOOR * spread.mean()
    scale[scale == 0] = 1.0  # all clips alike
    inner = (hidden - centre) / scale / math.sqrt(hidden.shape[1])
    targets = np.eye(len(labels))[[labels.index(example.emotion) for example in examples]]
    clip_weights = targets @ (len(examples) / len(labels) / targets.sum(axis=0))
    offsets = _log_restricted(np.stack([example.ensemble for example in examples]), labels)
    coefficients = fit_dual(inner @ inner.T + 1.0, offsets, targets, clip_weights, RIDGE)
    weights = inner.T @ coefficients / math.sqrt(hidden.shape[1])
    return AdaptedHead(labels, centre, scale, weights, coefficients.sum(axis=0))


def fit_dual(
    products: np.ndarray,
    offsets: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    ridge: float,
) -> np.ndarray:
    """Return the dual coefficients of lowest loss, float64 of shape (n, c).

    The solver is Newton's method with the bound on the curvature of Böhning (1992), which is the
    same in every step, so that one matrix is inverted; with Nesterov's momentum, restarted where it
    leads uphill (O'Donoghue and Candès 2015).

    Parameters
    ----------
    products : ndarray, shape (n, n)
        Inner products of the clips.
    offsets : ndarray, shape (n, c)
        Log-probabilities to which ``products @ coefficients`` is added.
    targets : ndarray, shape (n, c)
        1 for the class of the clip, else 0.
    weights : ndarray, shape (n,)
        Weight of the clip in the loss.
    ridge : float
        Weight of the penalty.
    """
    coefficients = ahead = np.zeros_like(targets)
    step = np.linalg.inv(0.5 * weights[:, None] * products + ridge * np.eye(len(products)))
    momentum = 1.0
    for _ in range(STEPS):
        residuals = softmax(offsets + products @ ahead) - targets
        gradient = weights[:, None] * residuals + ridge * ahead
        if np.abs(gradient).max() < TOLERANCE:
            break
        next_point = ahead - step @ gradient
        if np.sum((next_point - coefficients) * (products @ gradient)) > 0:
            momentum = 1.0
        next_momentum = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead = next_point + (momentum - 1) / next_momentum * (next_point - coefficients)
        coefficients, momentum = next_point, next_momentum
    return ahead


def _log_restricted(votes: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Return log-probabilities of the ensemble (n, 7) restricted to some labels, (n, labels)."""
    allowed = renormalise(votes, [INDEX[label] for label in labels])
    return np.asarray(np.log(np.maximum(allowed, MIN_PROBABILITY)))


def predict_head(head: AdaptedHead, votes: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Return the probabilities of a head, float64 of shape (n, 7); 0 for labels without examples.

    Parameters
    ----------
    head : AdaptedHead
    votes : ndarray, shape (n, 7)
        Probabilities of the ensemble.
    hidden : ndarray, shape (n, h)
        Activations of the networks' last hidden layers.
    """
    inner = (hidden - head.centre) / head.scale
    logits = _log_restricted(votes, head.labels) + inner @ head.weights + head.bias
    shares = np.zeros((len(votes), len(LABELS)))
    shares[:, [INDEX[label] for label in head.labels]] = softmax(logits)
    return shares


def adapted_answer(
    head: AdaptedHead, prediction: Prediction, threshold: float = 0.0
) -> Answer | None:
    """Return the answer of a head for a clip, from the clip's prediction.

    It is chosen among the emotions of the examples that can occur; None where these are fewer than
    two.
    """
    columns = [INDEX[label] for label in head.labels if label in prediction.among]
    if len(columns) < MIN_EMOTIONS:
        return None
    ensemble = prediction.answers[ENSEMBLE].probabilities
    shares = np.zeros(len(LABELS))
    all_shares = predict_head(head, ensemble[None], prediction.hidden[None])[0]
    shares[columns] = renormalise(all_shares, columns)
    return answer(shares, threshold)


# --- Cross-validation ----------------------------------------------------------------------------


def cross_validate(examples: Sequence[Example]) -> CrossValidation:
    """Return the accuracy of heads on examples that were left out of their fit.

    Up to fifty clips are left out one by one; more are split into fifty folds.

    Raises
    ------
    AdaptationError
        An emotion has a single clip, or there are fewer than two emotions.
    """
    labels = example_labels(examples)
    counts = Counter(example.emotion for example in examples)
    if len(labels) < MIN_EMOTIONS or min(counts.values()) < MIN_CLIPS:
        raise AdaptationError(
            f"Cross-validation needs {MIN_EMOTIONS} emotions with {MIN_CLIPS} clips each. Add "
            "examples."
        )
    ordered = sorted(examples, key=lambda example: INDEX[example.emotion])
    n_folds = min(FOLDS, len(ordered))
    folds = np.arange(len(ordered)) % n_folds  # in turn, so that no emotion is in one fold alone
    truth = np.array([INDEX[example.emotion] for example in ordered])
    votes = np.stack([example.ensemble for example in ordered])
    hidden = np.stack([example.hidden for example in ordered])
    predicted = np.zeros(len(ordered), int)
    for fold in range(n_folds):
        left_out = folds == fold
        head = fit_head([ordered[i] for i in np.flatnonzero(~left_out)])
        predicted[left_out] = predict_head(head, votes[left_out], hidden[left_out]).argmax(axis=1)
    columns = [INDEX[label] for label in labels]
    table = np.zeros((len(LABELS), len(LABELS)), int)
    np.add.at(table, (truth, predicted), 1)
    restricted = np.array(columns)[votes[:, columns].argmax(axis=1)]
    return CrossValidation(
        labels,
        n_folds,
        int((votes.argmax(axis=1) == truth).sum()),
        int((restricted == truth).sum()),
        table[np.ix_(columns, columns)],
    )


# --- The file ------------------------------------------------------------------------------------


def models_digest(models: Models) -> str:
    """Return the SHA-256 of all on which the ensemble and the hidden activations depend."""
    files = {key: model.info["files"] for key, model in models.classifiers.items()}
    facts = [files, models.calibration.weights]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def count_hidden(models: Models) -> int:
    """Return the number of hidden activations that the models compute for a clip."""
    return int(raw_outputs(empty_features(), models.classifiers)[1].shape[1])


def write_examples(examples: Sequence[Example], digest: str) -> str:
    """Return examples as JSON: names, emotions, votes and activations, and no sound.

    The head is not in it, since it can be fitted again in a moment.
    """
    clips = [
        {
            "name": example.name,
            "emotion": example.emotion,
            "ensemble": example.ensemble.tolist(),
            "hidden": example.hidden.astype(str).astype(float).tolist(),  # the shortest digits
        }
        for example in examples
    ]
    head = {"format": FORMAT, "version": VERSION, "models": digest, "labels": list(LABELS)}
    return json.dumps(head | {"clips": clips}, allow_nan=False)


def read_examples(data: bytes, digest: str, n_hidden: int) -> tuple[Example, ...]:
    """Read examples from a file.

    Parameters
    ----------
    data : bytes
        Content of the file.
    digest, n_hidden : str, int
        Of the loaded models (``models_digest``, ``count_hidden``).

    Raises
    ------
    AdaptationError
        The file is too large, damaged, no file of examples, or of another version or other models.
    """
    if len(data) > MAX_FILE_BYTES:
        raise AdaptationError(
            f"The file has {len(data) / 2**20:.1f} MB; files of examples have at most "
            f"{MAX_FILE_BYTES / 2**20:.0f} MB. Choose a file that was downloaded here."
        )
    stored = _parse(data)
    if stored.get("version") != VERSION or isinstance(stored["version"], bool):
        raise AdaptationError(
            f"The file has version {_shown(stored.get('version'))} of the format, and version "
            f"{VERSION} is read here. Add the clips again."
        )
    if stored.get("labels") != list(LABELS):
        raise AdaptationError(
            "The file was made for other labels than the seven of these models. Add the clips "
            "again."
        )
    if stored.get("models") != digest:
        raise AdaptationError(
            "The file was made with other models than those that run here, so that its activations "
            "mean something else. Add the clips again."
        )
    return _read_clips(stored, n_hidden)


def _parse(data: bytes) -> dict[str, Any]:
    try:
        stored = json.loads(data.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise AdaptationError(
            f"The file is not valid JSON ({type(error).__name__}). Choose a file that was "
            "downloaded here."
        ) from error
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        raise AdaptationError(
            "The file is not a file of examples. Choose a file that was downloaded here."
        )
    return stored


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _read_clips(stored: dict[str, Any], n_hidden: int) -> tuple[Example, ...]:
    clips = stored.get("clips")
    if not isinstance(clips, list) or not 0 < len(clips) <= MAX_CLIPS:
        n = len(clips) if isinstance(clips, list) else 0
        raise AdaptationError(
            f"The file has {n} examples; from 1 to {MAX_CLIPS} can be read. Choose another file."
        )
    examples = []
    for number, clip in enumerate(clips, 1):
        try:
            examples.append(_read_clip(clip, n_hidden))
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            raise AdaptationError(
                f"Example {number} in the file is damaged: {error}. Download the file again, or "
                "add the clips again."
            ) from error
    return tuple(examples)


def _read_clip(clip: Any, n_hidden: int) -> Example:
    if not isinstance(clip, dict):
        raise ValueError("it is not an object")
    name, emotion = clip.get("name"), clip.get("emotion")
    if not isinstance(name, str) or len(name) > MAX_NAME:
        raise ValueError(f"its name is not a text of up to {MAX_NAME} characters")
    if not isinstance(emotion, str) or emotion not in INDEX:
        raise ValueError(f"its emotion is {_shown(emotion)}")
    ensemble = _numbers(clip.get("ensemble"), len(LABELS), "ensemble")
    if ensemble.min() < 0 or abs(ensemble.sum() - 1) > 1e-3:
        raise ValueError("the probabilities of its ensemble do not add up to 1")
    hidden = _numbers(clip.get("hidden"), n_hidden, "hidden")
    if np.abs(hidden).max() > np.finfo(np.float32).max / 1e6:
        raise ValueError("an activation is too large")
    return Example(clean(name), emotion, ensemble, hidden.astype(np.float32))


def _numbers(values: Any, size: int, name: str) -> np.ndarray:
    """Return a list of that many finite numbers as float64."""
    if not isinstance(values, list) or len(values) != size:
        raise ValueError(f"'{name}' is not a list of {size} numbers")
    if not all(type(value) in (int, float) for value in values):
        raise ValueError(f"'{name}' holds a value that is not a number")
    numbers = np.array([float(value) for value in values])
    if not np.isfinite(numbers).all():
        raise ValueError(f"'{name}' holds a value that is not finite")
    return numbers


def _shown(value: Any) -> str:
    """Return a value from a file, short enough for a sentence."""
    text = repr(value) if isinstance(value, str | int | float | None) else type(value).__name__
    return text if len(text) <= 40 else f"{text[:40]}…"
