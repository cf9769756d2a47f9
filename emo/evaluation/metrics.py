"""How well probabilities name the emotions: counts, rates, calibration, and the files of both.

Every rate is taken from the likeliest label of each clip.  "Present" means that at least one clip
has the label as its true one; a corpus without surprise is not marked down for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emo.corpora.catalogue import CORPUS
from emo.errors import CorpusError
from emo.evaluation.predictions import Predictions
from emo.labels import LABELS

N_ECE_BINS = 15


@dataclass(frozen=True)
class ClassScores:
    """One label: ``n`` clips have it; rates in 0..1, None where nothing defines them."""

    n: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, eq=False)
class Scores:
    """What :func:`score` counts.

    Attributes
    ----------
    n : int
        Clips.
    accuracy : float
        Share of clips whose likeliest label is the true one.
    uar : float
        Unweighted average recall: mean of the recalls of the labels present (Schuller, Steidl,
        Batliner: The INTERSPEECH 2009 Emotion Challenge).
    macro_f1 : float
        Mean of the F1 of the labels present (a label never guessed has F1 0).
    ece : float
        Expected calibration error over 15 equally wide bins of confidence: mean over clips of
        the distance between the accuracy and the mean confidence of the clip's bin (Naeini,
        Cooper, Hauskrecht 2015; Guo et al.: On calibration of modern neural networks, 2017).
    confidence : float
        Mean probability of the likeliest label; above the accuracy, the probabilities are too high.
    confusion : ndarray of int64, shape (labels, labels)
        Clips by true label (row) and likeliest label (column).
    per_class : dict
        :class:`ClassScores` of every label.
    """

    n: int
    accuracy: float
    uar: float
    macro_f1: float
    ece: float
    confidence: float
    confusion: npt.NDArray[np.int64]
    per_class: dict[str, ClassScores]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain dicts, lists and numbers, for ``metrics.json``."""
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "uar": self.uar,
            "macro_f1": self.macro_f1,
            "ece": self.ece,
            "confidence": self.confidence,
            "confusion": self.confusion.tolist(),
            "per_class": {
                label: {"n": one.n, "precision": one.precision, "recall": one.recall, "f1": one.f1}
                for label, one in self.per_class.items()
            },
        }


# --- Scores --------------------------------------------------------------------------------------


def confusion_matrix(
    emotions: Sequence[str],
    probabilities: npt.NDArray[np.floating[Any]],
    labels: Sequence[str] = LABELS,
) -> npt.NDArray[np.int64]:
    """Clips by true label (row) and likeliest label (column), int64 (labels, labels).

    Of equally likely labels the first counts.

    Raises
    ------
    CorpusError
        An emotion is not one of the labels.
    ValueError
        The probabilities are not finite numbers of shape (clips, labels).
    """
    unknown = sorted(set(emotions) - set(labels))
    if unknown:
        raise CorpusError(
            f"'{unknown[0]}' is not one of the emotions scored. They are {', '.join(labels)}."
        )
    expected = (len(emotions), len(labels))
    if probabilities.shape != expected:
        raise ValueError(f"probabilities have shape {probabilities.shape}, expected {expected}")
    if not np.isfinite(probabilities).all():
        raise ValueError("probabilities hold NaN or infinity")
    matrix = np.zeros((len(labels), len(labels)), dtype=np.int64)
    index = {label: i for i, label in enumerate(labels)}
    rows = np.array([index[emotion] for emotion in emotions], dtype=np.int64)
    np.add.at(matrix, (rows, probabilities.argmax(axis=1)), 1)
    return matrix


def score(
    emotions: Sequence[str],
    probabilities: npt.NDArray[np.floating[Any]],
    labels: Sequence[str] = LABELS,
) -> Scores:
    """Scores of the likeliest labels against the true ones; definitions in :class:`Scores`.

    Parameters
    ----------
    emotions
        True label of each clip.
    probabilities
        Shape (n, labels).
    labels
        Names of the columns.

    Raises
    ------
    CorpusError
        There is no clip, or an emotion is not one of the labels.
    ValueError
        The probabilities are not finite numbers of shape (clips, labels).
    """
    if not len(emotions):
        raise CorpusError("There are no clips to score.")
    matrix = confusion_matrix(emotions, probabilities, labels)
    per_class = class_scores(matrix, labels)
    true = np.array([list(labels).index(emotion) for emotion in emotions])
    return Scores(
        n=int(matrix.sum()),
        accuracy=float(matrix.trace() / matrix.sum()),
        uar=float(np.mean([one.recall for one in per_class.values() if one.recall is not None])),
        macro_f1=float(np.mean([one.f1 for one in per_class.values() if one.f1 is not None])),
        ece=calibration_error(true, probabilities),
        confidence=float(probabilities.max(axis=1).mean()),
        confusion=matrix,
        per_class=per_class,
    )


def class_scores(matrix: npt.NDArray[np.int64], labels: Sequence[str]) -> dict[str, ClassScores]:
    """Return precision, recall and F1 of each label of a confusion matrix (rows are true)."""
    return {label: _class_scores(matrix, i) for i, label in enumerate(labels)}


def _class_scores(matrix: npt.NDArray[np.int64], i: int) -> ClassScores:
    right, n, n_guessed = int(matrix[i, i]), int(matrix[i].sum()), int(matrix[:, i].sum())
    return ClassScores(
        n=n,
        precision=right / n_guessed if n_guessed else None,
        recall=right / n if n else None,
        f1=2 * right / (n + n_guessed) if n else None,
    )


def calibration_error(
    targets: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating[Any]]
) -> float:
    """Expected calibration error in 0..1, of the likeliest labels (see :class:`Scores`)."""
    gaps = calibration_gaps(targets, probabilities).sum(axis=0)
    return float(np.abs(gaps).sum() / len(targets))


def calibration_gaps(
    targets: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating[Any]]
) -> npt.NDArray[np.float64]:
    """How far each clip lies from its confidence, in the column of its bin, float64 (n, 15).

    One less the confidence where the likeliest label is right, the confidence below zero where not.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == targets
    bins = calibration_bins(confidence)
    return np.asarray(np.eye(N_ECE_BINS)[bins] * (right - confidence)[:, None])


def calibration_bins(confidence: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int64]:
    """Bin of each confidence, 0 to 14, int64 (n,)."""
    # Bins are closed above, as in Guo et al.: a confidence of 1 belongs to the last one.
    bins = np.ceil(confidence * N_ECE_BINS).astype(np.int64) - 1
    return np.asarray(np.clip(bins, 0, N_ECE_BINS - 1))


N_RESAMPLES = 2000
INTERVAL = (2.5, 97.5)  # percentiles
_BOOTSTRAP_SEED = 20


def draw_speakers(speakers: Sequence[str]) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Names of the speakers, and how often each is drawn in each resample, (2000, speakers).

    With replacement, as many of each corpus as it has; the same every time.
    """
    names = sorted(set(speakers))
    rng = np.random.default_rng(_BOOTSTRAP_SEED)
    drawn = np.zeros((N_RESAMPLES, len(names)))
    families = np.array([name.split("-")[0] for name in names])
    for family in sorted(set(families)):
        own = np.flatnonzero(families == family)
        drawn[:, own] = rng.multinomial(len(own), np.full(len(own), 1 / len(own)), N_RESAMPLES)
    return names, drawn


def speaker_intervals(
    predictions: Predictions, labels: Sequence[str] = LABELS
) -> dict[str, list[float]]:
    """95 % intervals of ``accuracy`` and ``uar`` by bootstrap over speakers: [low, high].

    Clips of a speaker stand or fall together, so speakers are drawn with replacement, as many of
    each corpus as it has (percentile bootstrap, Efron 1979; cluster and stratum).  With the two
    speakers of TESS and the four of SAVEE the intervals are too narrow for those two.
    """
    accuracy, uar = _drawn_rates(predictions, labels)
    return {
        "accuracy": [float(v) for v in np.percentile(accuracy, INTERVAL)],
        "uar": [float(v) for v in np.percentile(uar, INTERVAL)],
    }


def _drawn_rates(
    predictions: Predictions, labels: Sequence[str]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Accuracy and UAR of each resample of the speakers, float64 (2000,) each."""
    names, drawn = draw_speakers(predictions.speakers)
    counts = np.zeros((len(names), len(labels), len(labels)))
    place = {name: i for i, name in enumerate(names)}
    index = {label: i for i, label in enumerate(labels)}
    rows = [place[speaker] for speaker in predictions.speakers]
    true = [index[emotion] for emotion in predictions.emotions]
    np.add.at(counts, (rows, true, predictions.probabilities.argmax(axis=1)), 1)
    matrices = np.tensordot(drawn, counts, axes=1)
    hits = np.diagonal(matrices, axis1=1, axis2=2)
    totals = matrices.sum(axis=2)
    accuracy = hits.sum(axis=1) / totals.sum(axis=1)
    with np.errstate(invalid="ignore"):
        recalls = np.where(totals > 0, hits / totals, np.nan)
    return np.asarray(accuracy), np.asarray(np.nanmean(recalls, axis=1))


def uar_of_folds(asked: Predictions, labels: Sequence[str] = LABELS) -> tuple[float, list[float]]:
    """Return the mean over the folds of the UAR of each, and its 95 % interval [low, high].

    The UAR of ``cross-corpus``: each fold is a corpus that was kept out of training, and each
    counts alike, however many clips it has.  Speakers are drawn as in :func:`speaker_intervals`.
    """
    values, resampled = [], []
    for fold in sorted(set(asked.folds)):
        own = asked.take([i for i, one in enumerate(asked.folds) if one == fold])
        values.append(score(own.emotions, own.probabilities, labels).uar)
        resampled.append(_drawn_rates(own, labels)[1])
    low, high = np.percentile(np.mean(resampled, axis=0), INTERVAL)
    return float(np.mean(values)), [float(low), float(high)]


_SHORT = ("n", "accuracy", "uar", "macro_f1", "ece")


def protocol_metrics(predictions: Predictions, labels: Sequence[str] = LABELS) -> dict[str, Any]:
    """The block of one protocol in ``metrics.json``: all clips, per corpus, per fold, intervals.

    Parameters
    ----------
    predictions
        With the probabilities of ``TRAINED_LABELS``; clips of other labels than those asked for
        are left out, and so are their probabilities.
    """
    asked = predictions.among(labels)
    block = score(asked.emotions, asked.probabilities, labels).to_dict()
    block["labels"] = list(labels)
    block["intervals"] = speaker_intervals(asked, labels)
    named = dict.fromkeys([*CORPUS, *asked.corpora])
    per_corpus = _by_group(asked, asked.corpora, labels)
    block["per_corpus"] = {
        corpus: {name: per_corpus[corpus][name] for name in (*_SHORT, "confusion")}
        for corpus in named
        if corpus in per_corpus
    }
    per_fold = _by_group(asked, asked.folds, labels)
    block["folds"] = [
        {"fold": fold} | {name: per_fold[fold][name] for name in _SHORT}
        for fold in sorted(per_fold)
    ]
    return block


def _by_group(
    predictions: Predictions, groups: Sequence[Any], labels: Sequence[str]
) -> dict[Any, dict[str, Any]]:
    scores = {}
    for group in dict.fromkeys(groups):
        own = predictions.take([i for i, one in enumerate(groups) if one == group])
        scores[group] = score(own.emotions, own.probabilities, labels).to_dict()
    return scores
