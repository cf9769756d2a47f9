"""What a person teaches with clips of their own: a small head that goes on from the vote.

Nothing is trained anew.  The networks' inner layers, as they are computed for every answer, are
what the head reads, and the vote is where it starts: without evidence it says what the vote says.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emo.classifiers.calibration import MIN_PROBABILITY, renormalise
from emo.classifiers.numerics import softmax
from emo.errors import AdaptationError
from emo.features.frames import N_MELS
from emo.features.functionals import functional_names
from emo.inference.predictor import Answer, Models, Prediction, answer, predict_raw
from emo.labels import INDEX, LABELS, VOTE
from emo.system.filenames import clean

YOURS = "yours"
"""Key of the answer that was taught, beside those of the models and the vote."""

MIN_EMOTIONS = 2
MIN_CLIPS = 2  # of an emotion, so that one can be answered by what the others taught
MAX_CLIPS = 200
FOLDS = 50

RIDGE = 0.1
"""How strongly the head is held to the vote; ``docs/experiments.md`` says how it was chosen."""

FLOOR = 0.1  # added to the deviation of every inner value, in parts of the mean deviation
STEPS = 1000
TOLERANCE = 1e-5  # of a probability

FORMAT = "emo-examples"
VERSION = 2
MAX_FILE_BYTES = 8 * 2**20
MAX_NAME = 200


@dataclass(frozen=True, eq=False)
class Example:
    """A clip that a person gave as an example; its sound is not kept.

    Attributes
    ----------
    name : of the clip
    emotion : one of ``LABELS``, as the person says
    vote : float64 (7,), what the vote made of it
    hidden : float32 (h,), what the last layers of the networks read
    """

    name: str
    emotion: str
    vote: np.ndarray
    hidden: np.ndarray


@dataclass(frozen=True, eq=False)
class AdaptedHead:
    """What was learned: log-odds that are added to those of the vote.

    Attributes
    ----------
    labels : the emotions that were taught, in the order of ``LABELS``; it knows no other
    centre, scale : float64 (h,), of the inner values of the clips that were taught
    weights : float64 (h, labels)
    bias : float64 (labels,)
    """

    labels: tuple[str, ...]
    centre: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """How the head did on clips that it had not heard, beside the vote on the same clips.

    Attributes
    ----------
    labels : the emotions that were taught, in the order of ``LABELS``
    folds : parts that were left out in turn; as many as clips where each was left out alone
    vote_right : clips that the vote, free to say any of the seven, names right
    restricted_right : the same where the vote may only choose among ``labels``
    counts : int (labels, labels), clips of each emotion (row) by the head's answer (column)
    """

    labels: tuple[str, ...]
    folds: int
    vote_right: int
    restricted_right: int
    counts: np.ndarray

    @property
    def clips(self) -> int:
        """Number of clips."""
        return int(self.counts.sum())

    @property
    def head_right(self) -> int:
        """Clips that the head names right."""
        return int(np.trace(self.counts))


# --- Lessons -------------------------------------------------------------------------------------


def to_example(name: str, emotion: str, prediction: Prediction) -> Example:
    """An example from a clip's answers."""
    vote = prediction.answers[VOTE].probabilities
    return Example(name[:MAX_NAME], emotion, vote, prediction.hidden)


def add_example(lessons: Sequence[Example], new: Example) -> tuple[Example, ...]:
    """The lessons and a new one; of the same sound taught twice, the later word counts.

    Raises
    ------
    LessonError
        There are as many clips as can be taught.
    """
    others = [one for one in lessons if not np.array_equal(one.hidden, new.hidden)]
    if len(others) >= MAX_CLIPS:
        raise AdaptationError(
            f"{MAX_CLIPS} clips are taught already, which is the most. Remove some to add others."
        )
    return (*others, new)


def usable(lessons: Sequence[Example]) -> tuple[Example, ...]:
    """The lessons of emotions with two clips or more; none where these are fewer than two."""
    counts = Counter(lesson.emotion for lesson in lessons)
    enough = {emotion for emotion, n in counts.items() if n >= MIN_CLIPS}
    if len(enough) < MIN_EMOTIONS:
        return ()
    return tuple(lesson for lesson in lessons if lesson.emotion in enough)


def example_labels(lessons: Sequence[Example]) -> tuple[str, ...]:
    """The emotions that occur, in the order of ``LABELS``."""
    there = {lesson.emotion for lesson in lessons}
    return tuple(label for label in LABELS if label in there)


# --- The head ------------------------------------------------------------------------------------


def fit_head(lessons: Sequence[Example]) -> AdaptedHead:
    r"""The head that the lessons teach.

    Multinomial logistic regression on the standardised inner values :math:`z`, with the vote as
    its offset, so that the probability of an emotion :math:`c` among those taught is

    .. math:: p_c \propto v_c \exp(w_c^T z + b_c),

    where :math:`w` and :math:`b` minimise
    :math:`-\sum_i a_i \log p_{y_i} + \frac{\lambda}{2} (h \lVert w \rVert^2 + \lVert b \rVert^2)`
    (:data:`RIDGE`; h inner values).  The clips' weights :math:`a` are one on average and add up to
    the same for every emotion, so that many clips of one do not speak for it.  With few clips and
    many values, the sum over the values is taken once, into the n by n matrix of the clips' inner
    products (the dual form).

    Raises
    ------
    LessonError
        Fewer than two emotions.
    """
    labels = example_labels(lessons)
    if len(labels) < MIN_EMOTIONS:
        raise AdaptationError(
            f"There are clips of {len(labels)} emotions. A head needs {MIN_EMOTIONS} to tell "
            "apart: teach another."
        )
    hidden = np.stack([lesson.hidden for lesson in lessons]).astype(np.float64)
    centre, spread = hidden.mean(axis=0), hidden.std(axis=0)
    scale = spread + FLOOR * spread.mean()
    scale[scale == 0] = 1.0  # all clips alike
    inner = (hidden - centre) / scale / math.sqrt(hidden.shape[1])
    targets = np.eye(len(labels))[[labels.index(lesson.emotion) for lesson in lessons]]
    worths = targets @ (len(lessons) / len(labels) / targets.sum(axis=0))
    starts = _log_restricted(np.stack([lesson.vote for lesson in lessons]), labels)
    amounts = fit_dual(inner @ inner.T + 1.0, starts, targets, worths, RIDGE)
    weights = inner.T @ amounts / math.sqrt(hidden.shape[1])
    return AdaptedHead(labels, centre, scale, weights, amounts.sum(axis=0))


def fit_dual(
    products: np.ndarray,
    starts: np.ndarray,
    targets: np.ndarray,
    worths: np.ndarray,
    ridge: float,
) -> np.ndarray:
    """The weight of each clip in each class's sum, float64 (n, c): those of lowest loss.

    Newton's method with Böhning's bound on the curvature (1992), which is the same in every step,
    so that one matrix is inverted; with Nesterov's momentum, dropped where it leads uphill
    (O'Donoghue and Candès 2015).

    Parameters
    ----------
    products : (n, n), inner products of the clips
    starts : (n, c), log-probabilities to which ``products @ amounts`` is added
    targets : (n, c), 1 for the class of the clip, else 0
    worths : (n,), weight of the clip in the loss
    ridge : weight of the penalty
    """
    amounts = ahead = np.zeros_like(targets)
    step = np.linalg.inv(0.5 * worths[:, None] * products + ridge * np.eye(len(products)))
    momentum = 1.0
    for _ in range(STEPS):
        missed = softmax(starts + products @ ahead) - targets
        slope = worths[:, None] * missed + ridge * ahead
        if np.abs(slope).max() < TOLERANCE:
            break
        reached = ahead - step @ slope
        if np.sum((reached - amounts) * (products @ slope)) > 0:
            momentum = 1.0
        longer = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead = reached + (momentum - 1) / longer * (reached - amounts)
        amounts, momentum = reached, longer
    return ahead


def _log_restricted(votes: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Log-probabilities of the vote (n, 7) where only some labels are allowed, (n, labels)."""
    allowed = renormalise(votes, [INDEX[label] for label in labels])
    return np.asarray(np.log(np.maximum(allowed, MIN_PROBABILITY)))


def shares_of(head: AdaptedHead, votes: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Probabilities by the head, float64 (n, 7); zero for what was not taught.

    Parameters
    ----------
    votes : (n, 7), of the vote
    hidden : (n, h), what the last layers of the networks read
    """
    inner = (hidden - head.centre) / head.scale
    logits = _log_restricted(votes, head.labels) + inner @ head.weights + head.bias
    shares = np.zeros((len(votes), len(LABELS)))
    shares[:, [INDEX[label] for label in head.labels]] = softmax(logits)
    return shares


def adapted_answer(head: AdaptedHead, prediction: Prediction, threshold: float = 0.0) -> Answer:
    """The head's answer to a clip, from the clip's other answers."""
    vote = prediction.answers[VOTE].probabilities
    return answer(shares_of(head, vote[None], prediction.hidden[None])[0], threshold)


# --- How good it is ------------------------------------------------------------------------------


def cross_validate(lessons: Sequence[Example]) -> CrossValidation:
    """How heads do on the clips that were left out when they were taught.

    One clip is left out after another; of more than fifty, one in fifty at once, of all emotions.

    Raises
    ------
    LessonError
        An emotion has a single clip, or there are fewer than two emotions.
    """
    labels = example_labels(lessons)
    counts = Counter(lesson.emotion for lesson in lessons)
    if len(labels) < MIN_EMOTIONS or min(counts.values()) < MIN_CLIPS:
        raise AdaptationError(
            f"To be tested, a head needs {MIN_EMOTIONS} emotions with {MIN_CLIPS} clips each."
        )
    ordered = sorted(lessons, key=lambda lesson: INDEX[lesson.emotion])
    n_folds = min(FOLDS, len(ordered))
    parts = np.arange(len(ordered)) % n_folds  # in turn: no emotion lies in one part alone
    truth = np.array([INDEX[lesson.emotion] for lesson in ordered])
    votes = np.stack([lesson.vote for lesson in ordered])
    hidden = np.stack([lesson.hidden for lesson in ordered])
    said = np.zeros(len(ordered), int)
    for part in range(n_folds):
        left_out = parts == part
        head = fit_head([one for one, out in zip(ordered, left_out, strict=True) if not out])
        said[left_out] = shares_of(head, votes[left_out], hidden[left_out]).argmax(axis=1)
    columns = [INDEX[label] for label in labels]
    table = np.zeros((len(LABELS), len(LABELS)), int)
    np.add.at(table, (truth, said), 1)
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
    """SHA-256 of all that the vote and the inner layers depend on."""
    files = {key: one.info["files"] for key, one in models.classifiers.items()}
    facts = [files, models.calibration.weights]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def count_hidden(models: Models) -> int:
    """Number of inner values that the models give of a clip."""
    vector = np.zeros(len(functional_names()), np.float32)
    return int(predict_raw([(vector, np.zeros((N_MELS, N_MELS), np.float32))], models)[1].shape[1])


def write_examples(lessons: Sequence[Example], digest: str) -> str:
    """The lessons as JSON: names, emotions, votes and inner values, and no sound.

    The head is not in it: it is learned again, in a moment, from what is.
    """
    clips = [
        {
            "name": lesson.name,
            "emotion": lesson.emotion,
            "vote": lesson.vote.tolist(),
            "hidden": lesson.hidden.astype(str).astype(float).tolist(),  # the shortest digits
        }
        for lesson in lessons
    ]
    head = {"format": FORMAT, "version": VERSION, "models": digest, "labels": list(LABELS)}
    return json.dumps(head | {"clips": clips}, allow_nan=False)


def read_examples(data: bytes, digest: str, n_hidden: int) -> tuple[Example, ...]:
    """The lessons in a file.

    Parameters
    ----------
    data : the file
    digest, n_hidden : of the models that run here (:func:`models_digest`, :func:`count_hidden`)

    Raises
    ------
    LessonError
        It is too large, no file of lessons, of another version or other models, or damaged.
    """
    if len(data) > MAX_FILE_BYTES:
        raise AdaptationError(
            f"The file has {len(data) / 2**20:.1f} MB; files of taught clips have at most "
            f"{MAX_FILE_BYTES / 2**20:.0f} MB. Choose the file that was downloaded here."
        )
    stored = _parse(data)
    if stored.get("version") != VERSION or isinstance(stored["version"], bool):
        raise AdaptationError(
            f"The file has version {_shown(stored.get('version'))} of the format, and version "
            f"{VERSION} is read here. Teach the clips again."
        )
    if stored.get("labels") != list(LABELS):
        raise AdaptationError(
            "The file was made for other emotions than the seven known here. Teach the clips again."
        )
    if stored.get("models") != digest:
        raise AdaptationError(
            "The file was taught on other models than those that run here, whose inner values mean "
            "something else. Teach the clips again."
        )
    return _read_clips(stored, n_hidden)


def _parse(data: bytes) -> dict[str, Any]:
    try:
        stored = json.loads(data.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise AdaptationError(
            f"The file is no JSON that can be read ({type(error).__name__}). Choose the file that "
            "was downloaded here."
        ) from error
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        raise AdaptationError(
            "The file holds no taught clips. Choose the file that was downloaded here."
        )
    return stored


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _read_clips(stored: dict[str, Any], n_hidden: int) -> tuple[Example, ...]:
    clips = stored.get("clips")
    if not isinstance(clips, list) or not 0 < len(clips) <= MAX_CLIPS:
        n = len(clips) if isinstance(clips, list) else 0
        raise AdaptationError(
            f"The file has {n} taught clips; from 1 to {MAX_CLIPS} can be read. Choose another."
        )
    lessons = []
    for number, clip in enumerate(clips, 1):
        try:
            lessons.append(_read_clip(clip, n_hidden))
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            raise AdaptationError(
                f"Clip {number} in the file is damaged: {error}. Download the file again, or teach "
                "the clips again."
            ) from error
    return tuple(lessons)


def _read_clip(clip: Any, n_hidden: int) -> Example:
    if not isinstance(clip, dict):
        raise ValueError("it is no object")
    name, emotion = clip.get("name"), clip.get("emotion")
    if not isinstance(name, str) or len(name) > MAX_NAME:
        raise ValueError(f"its name is no text of up to {MAX_NAME} characters")
    if not isinstance(emotion, str) or emotion not in INDEX:
        raise ValueError(f"its emotion is {_shown(emotion)}")
    vote = _numbers(clip.get("vote"), len(LABELS), "vote")
    if vote.min() < 0 or abs(vote.sum() - 1) > 1e-3:
        raise ValueError("the shares of its vote do not add up to 1")
    hidden = _numbers(clip.get("hidden"), n_hidden, "hidden")
    if np.abs(hidden).max() > np.finfo(np.float32).max / 1e6:
        raise ValueError("an inner value is too large")
    return Example(clean(name), emotion, vote, hidden.astype(np.float32))


def _numbers(values: Any, size: int, name: str) -> np.ndarray:
    """A list of that many finite numbers, float64."""
    if not isinstance(values, list) or len(values) != size:
        raise ValueError(f"'{name}' is no list of {size} numbers")
    if not all(type(value) in (int, float) for value in values):
        raise ValueError(f"'{name}' holds something that is no number")
    numbers = np.array([float(value) for value in values])
    if not np.isfinite(numbers).all():
        raise ValueError(f"'{name}' holds a number that is not finite")
    return numbers


def _shown(value: Any) -> str:
    """A value from a file, short enough for a sentence."""
    text = repr(value) if isinstance(value, str | int | float | None) else type(value).__name__
    return text if len(text) <= 40 else f"{text[:40]}…"
