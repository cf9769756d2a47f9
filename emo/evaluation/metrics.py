"""Rates, calibration, ROC curves and bootstrap intervals of predictions.

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
from emo.evaluation.bootstrap import interval, resampled_sums
from emo.evaluation.predictions import Predictions
from emo.evaluation.selective import risk_coverage
from emo.labels import LABELS

N_ECE_BINS = 15
N_ROC_POINTS = 200
"""About how many points of a ROC curve are kept to draw it; its area is computed from all."""

_SHORT = ("n", "accuracy", "uar", "macro_f1", "ece")


@dataclass(frozen=True)
class ClassScores:
    """Rates of one label, which ``n`` clips have; 0 to 1, None where a rate is not defined."""

    n: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, eq=False)
class Scores:
    """Figures of the likeliest labels against the true ones.

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
        Mean of the F1 of the labels present (a label that is never predicted has F1 0).
    ece : float
        Expected calibration error over 15 equally wide bins of confidence: mean over clips of
        the distance between the accuracy and the mean confidence of the clip's bin (Naeini,
        Cooper, Hauskrecht 2015; Guo et al.: On calibration of modern neural networks, 2017).
    confidence : float
        Mean probability of the likeliest label; above the accuracy, the probabilities are too high.
    confusion : ndarray of int64, shape (labels, labels)
        Clips by true label (row) and likeliest label (column).
    per_class : dict
        ``ClassScores`` of every label.
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
        """Return the scores as plain dicts, lists and numbers, for ``metrics.json``."""
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "uar": self.uar,
            "macro_f1": self.macro_f1,
            "ece": self.ece,
            "confidence": self.confidence,
            "confusion": self.confusion.tolist(),
            "per_class": {
                label: {
                    "n": rates.n,
                    "precision": rates.precision,
                    "recall": rates.recall,
                    "f1": rates.f1,
                }
                for label, rates in self.per_class.items()
            },
        }


# --- Scores --------------------------------------------------------------------------------------


def confusion_matrix(
    emotions: Sequence[str] | npt.NDArray[np.str_],
    probabilities: npt.NDArray[np.floating[Any]],
    labels: Sequence[str] = LABELS,
) -> npt.NDArray[np.int64]:
    """Return the clips by true label (row) and likeliest label (column).

    Of equally likely labels the first counts.

    Parameters
    ----------
    emotions
        True label of each of n clips.
    probabilities
        Shape (n, k).
    labels
        Names of the k columns.

    Returns
    -------
    ndarray of int64, shape (k, k)

    Raises
    ------
    CorpusError
        An emotion is not one of the labels.
    ValueError
        The probabilities are not finite numbers of shape (n, k).
    """
    true = [str(emotion) for emotion in emotions]
    unknown = sorted(set(true) - set(labels))
    if unknown:
        raise CorpusError(
            f"'{unknown[0]}' is not one of the emotions scored. They are {', '.join(labels)}."
        )
    expected = (len(true), len(labels))
    if probabilities.shape != expected:
        raise ValueError(f"probabilities have shape {probabilities.shape}, expected {expected}")
    if not np.isfinite(probabilities).all():
        raise ValueError("probabilities hold NaN or infinity")
    matrix = np.zeros((len(labels), len(labels)), dtype=np.int64)
    index = {label: i for i, label in enumerate(labels)}
    rows = np.array([index[emotion] for emotion in true], dtype=np.int64)
    np.add.at(matrix, (rows, probabilities.argmax(axis=1)), 1)
    return matrix


def score(
    emotions: Sequence[str] | npt.NDArray[np.str_],
    probabilities: npt.NDArray[np.floating[Any]],
    labels: Sequence[str] = LABELS,
) -> Scores:
    """Return the scores of the likeliest labels against the true ones.

    Parameters
    ----------
    emotions
        True label of each of n clips.
    probabilities
        Shape (n, k).
    labels
        Names of the k columns.

    Raises
    ------
    CorpusError
        There is no clip, or an emotion is not one of the labels.
    ValueError
        The probabilities are not finite numbers of shape (n, k).
    """
    if not len(emotions):
        raise CorpusError("There are no clips to score.")
    matrix = confusion_matrix(emotions, probabilities, labels)
    rates = class_scores(matrix, labels)
    index = {label: i for i, label in enumerate(labels)}
    targets = np.array([index[str(emotion)] for emotion in emotions], dtype=np.int64)
    return Scores(
        n=int(matrix.sum()),
        accuracy=float(matrix.trace() / matrix.sum()),
        uar=float(np.mean([row.recall for row in rates.values() if row.recall is not None])),
        macro_f1=float(np.mean([row.f1 for row in rates.values() if row.f1 is not None])),
        ece=calibration_error(targets, probabilities),
        confidence=float(probabilities.max(axis=1).mean()),
        confusion=matrix,
        per_class=rates,
    )


def class_scores(matrix: npt.NDArray[np.int64], labels: Sequence[str]) -> dict[str, ClassScores]:
    """Return precision, recall and F1 of each label, from a confusion matrix (k, k)."""
    rates = {}
    for i, label in enumerate(labels):
        hits, n, n_predicted = int(matrix[i, i]), int(matrix[i].sum()), int(matrix[:, i].sum())
        rates[label] = ClassScores(
            n=n,
            precision=hits / n_predicted if n_predicted else None,
            recall=hits / n if n else None,
            f1=2 * hits / (n + n_predicted) if n else None,
        )
    return rates


def score_predictions(predictions: Predictions) -> Scores:
    """Return the scores of predictions, all of whose clips have one of their labels."""
    return score(predictions.emotions, predictions.probabilities, predictions.labels)


# --- Calibration ---------------------------------------------------------------------------------


def calibration_error(
    targets: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating[Any]]
) -> float:
    """Return the expected calibration error of the likeliest labels, 0 to 1 (see ``Scores``)."""
    gaps = calibration_gaps(targets, probabilities).sum(axis=0)
    return float(np.abs(gaps).sum() / len(targets))


def expected_error(predictions: Predictions) -> float | None:
    """Return the expected calibration error of predictions, 0 to 1; None without clips."""
    if not len(predictions):
        return None
    return calibration_error(predictions.targets(), predictions.probabilities)


def calibration_gaps(
    targets: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating[Any]]
) -> npt.NDArray[np.float64]:
    """Return the gap of each clip, in the column of its bin, float64 (n, 15).

    The gap is 1 less the confidence where the likeliest label is the true one, and minus the
    confidence where it is not.
    """
    confidence = probabilities.max(axis=1)
    hits = probabilities.argmax(axis=1) == targets
    bins = calibration_bins(confidence)
    return np.asarray(np.eye(N_ECE_BINS)[bins] * (hits - confidence)[:, None])


def calibration_bins(confidence: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int64]:
    """Return the bin of each confidence, 0 to 14, int64 (n,)."""
    # Bins are closed above, as in Guo et al.: a confidence of 1 belongs to the last one.
    bins = np.ceil(confidence * N_ECE_BINS).astype(np.int64) - 1
    return np.asarray(np.clip(bins, 0, N_ECE_BINS - 1))


@dataclass(frozen=True)
class Bin:
    """Clips whose confidence lies above ``low`` and at most at ``high``; ``n`` of them.

    ``confidence`` is their mean confidence, ``accuracy`` the share of them whose likeliest label
    is the true one; None where the bin is empty.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


def reliability(predictions: Predictions) -> tuple[Bin, ...]:
    """Return the 15 bins of the calibration error, from low to high confidence."""
    confidence = predictions.probabilities.max(axis=1)
    hits = predictions.predicted() == predictions.targets()
    numbers = calibration_bins(confidence)
    bins = []
    for i in range(N_ECE_BINS):
        own = numbers == i
        n = int(own.sum())
        bins.append(
            Bin(
                i / N_ECE_BINS,
                (i + 1) / N_ECE_BINS,
                n,
                float(confidence[own].mean()) if n else None,
                float(hits[own].mean()) if n else None,
            )
        )
    return tuple(bins)


# --- ROC -----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Roc:
    """ROC curve of one label against all others, as the threshold falls from above 1 to 0.

    Attributes
    ----------
    label : str
    n : int
        Clips of the label.
    thresholds : ndarray of float64, shape (points,)
        The first is infinite.
    false_positive_rates, true_positive_rates : ndarray of float64, shape (points,)
        Share of the clips of other labels, and of this one, whose probability of the label
        reaches the threshold.
    area : float
        Area under the curve: how often a clip of the label has the greater probability, of a pair
        with a clip of another label (ties count half).
    """

    label: str
    n: int
    thresholds: npt.NDArray[np.float64]
    false_positive_rates: npt.NDArray[np.float64]
    true_positive_rates: npt.NDArray[np.float64]
    area: float


def roc(predictions: Predictions, points: int | None = N_ROC_POINTS) -> tuple[Roc, ...]:
    """Return the ROC curve of each label that some clips have and others have not.

    Parameters
    ----------
    predictions
    points
        About how many points to keep of each curve, evenly along it; None for all.
    """
    targets, curves = predictions.targets(), []
    for i, label in enumerate(predictions.labels):
        own = targets == i
        if not own.any() or own.all():
            continue
        shares = predictions.probabilities[:, i]
        order = np.argsort(-shares, kind="stable")
        last = np.append(np.diff(shares[order]) < 0, True)  # equal probabilities pass together
        hits = np.append(0.0, np.cumsum(own[order])[last] / own.sum())
        alarms = np.append(0.0, np.cumsum(~own[order])[last] / (~own).sum())
        thresholds = np.append(np.inf, shares[order][last])
        area = float(np.trapezoid(hits, alarms))
        kept = _evenly_along(alarms, hits, points)
        curves.append(Roc(label, int(own.sum()), thresholds[kept], alarms[kept], hits[kept], area))
    return tuple(curves)


def _evenly_along(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], points: int | None
) -> npt.NDArray[np.int64]:
    """Return places evenly along a rising curve, both ends among them."""
    if points is None or len(x) <= points:
        return np.arange(len(x))
    marks = np.linspace(0.0, x[-1] + y[-1], points)
    return np.unique(np.minimum(np.searchsorted(x + y, marks), len(x) - 1))


# --- Intervals -----------------------------------------------------------------------------------


def speaker_intervals(predictions: Predictions) -> dict[str, list[float]]:
    """Return the 95 % intervals of ``accuracy`` and ``uar`` by bootstrap over speakers.

    The clips of a speaker are not independent, so speakers are drawn with replacement, as many of
    each corpus as it has (percentile bootstrap, Efron 1979; clustered and stratified).  With the
    two speakers of TESS and the four of SAVEE the intervals are too narrow for those two.

    Returns
    -------
    dict
        ``accuracy`` and ``uar``, each [low, high].
    """
    accuracy, uar = resampled_rates(predictions)
    return {"accuracy": interval(accuracy), "uar": interval(uar)}


def resampled_rates(
    predictions: Predictions,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return accuracy and UAR of each resample of the speakers, float64 (2000,) each."""
    k = len(predictions.labels)
    counts = np.zeros((len(predictions), k, k))
    rows = np.arange(len(predictions))
    counts[rows, predictions.targets(), predictions.predicted()] = 1
    matrices = resampled_sums(predictions.speakers, counts)
    hits = np.diagonal(matrices, axis1=1, axis2=2)
    totals = matrices.sum(axis=2)
    accuracy = hits.sum(axis=1) / totals.sum(axis=1)
    with np.errstate(invalid="ignore"):
        recalls = np.where(totals > 0, hits / totals, np.nan)
    return np.asarray(accuracy), np.asarray(np.nanmean(recalls, axis=1))


def uar_of_folds(predictions: Predictions) -> tuple[float, list[float]]:
    """Return the mean over the folds of the UAR of each, and its 95 % interval [low, high].

    The UAR of ``cross-corpus``: each fold is a corpus that was kept out of training, and each
    counts alike, however many clips it has.  Speakers are drawn as in ``speaker_intervals``.
    """
    folds = [predictions.take(predictions.folds == fold) for fold in np.unique(predictions.folds)]
    mean = float(np.mean([score_predictions(own).uar for own in folds]))
    return mean, interval(resampled_uar_of_folds(predictions))


def resampled_uar_of_folds(predictions: Predictions) -> npt.NDArray[np.float64]:
    """Return the mean over the folds of their UAR in each resample, float64 (2000,)."""
    folds = [predictions.take(predictions.folds == fold) for fold in np.unique(predictions.folds)]
    return np.asarray(np.mean([resampled_rates(own)[1] for own in folds], axis=0))


# --- Figures of a protocol -----------------------------------------------------------------------


def protocol_metrics(predictions: Predictions, labels: Sequence[str] = LABELS) -> dict[str, Any]:
    """Return the figures of one protocol: of all clips, by corpus and by fold, with intervals.

    Parameters
    ----------
    predictions
    labels
        Clips of other labels are left out, and so are the probabilities of these.

    Returns
    -------
    dict
        A ``stored.ProtocolFigures``.
    """
    part = predictions.among(labels)
    block = score_predictions(part).to_dict()
    block["labels"] = list(labels)
    block["intervals"] = speaker_intervals(part)
    block["risk_coverage"] = risk_coverage(part).to_dict()
    per_corpus = _by_group(part, part.corpora)
    block["per_corpus"] = {
        corpus: {name: per_corpus[corpus][name] for name in (*_SHORT, "confusion")}
        for corpus in dict.fromkeys([*CORPUS, *part.corpora.tolist()])
        if corpus in per_corpus
    }
    per_fold = _by_group(part, part.folds)
    block["folds"] = [
        {"fold": fold} | {name: per_fold[fold][name] for name in _SHORT}
        for fold in sorted(per_fold)
    ]
    return block


def _by_group(
    predictions: Predictions, groups: npt.NDArray[np.str_] | npt.NDArray[np.int64]
) -> dict[Any, dict[str, Any]]:
    """Return the scores of each group of clips."""
    return {
        group: score_predictions(predictions.take(groups == group)).to_dict()
        for group in dict.fromkeys(groups.tolist())
    }
