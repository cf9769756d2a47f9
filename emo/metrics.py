"""How well probabilities name the emotions: counts, rates, calibration, and the files of both.

Every rate is taken from the likeliest label of each clip.  "Present" means that at least one clip
has the label as its true one; a corpus without surprise is not marked down for it.
"""

import csv
import gzip
import io
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emo.corpora import CORPUS
from emo.errors import CorpusError
from emo.labels import INDEX, LABELS

N_ECE_BINS = 15
DECIMALS = 6
"""Decimals of a stored probability."""


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
    confusion : ndarray of int64, shape (7, 7)
        Clips by true label (row) and likeliest label (column), in the order of LABELS.
    per_class : dict
        :class:`ClassScores` of every label.
    """

    n: int
    accuracy: float
    uar: float
    macro_f1: float
    ece: float
    confusion: npt.NDArray[np.int64]
    per_class: dict[str, ClassScores]

    def as_dict(self) -> dict[str, Any]:
        """The same as plain dicts, lists and numbers, for ``metrics.json``."""
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "uar": self.uar,
            "macro_f1": self.macro_f1,
            "ece": self.ece,
            "confusion": self.confusion.tolist(),
            "per_class": {
                label: {"n": one.n, "precision": one.precision, "recall": one.recall, "f1": one.f1}
                for label, one in self.per_class.items()
            },
        }


@dataclass(frozen=True, eq=False)
class Predictions:
    """Probabilities of clips that the model had not heard, one row per clip.

    Attributes
    ----------
    clips, corpora, speakers, emotions : tuple of str
        Stem, key of the corpus, speaker and true label.
    folds : tuple of int
        Number of the fold that tested the clip.
    probabilities : ndarray of float64, shape (n, 7)
        In the order of LABELS.
    """

    clips: tuple[str, ...]
    corpora: tuple[str, ...]
    speakers: tuple[str, ...]
    folds: tuple[int, ...]
    emotions: tuple[str, ...]
    probabilities: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.clips)


# --- Scores --------------------------------------------------------------------------------------


def confusion_matrix(
    emotions: Sequence[str], probabilities: npt.NDArray[np.floating[Any]]
) -> npt.NDArray[np.int64]:
    """Clips by true label (row) and likeliest label (column), int64 (7, 7).

    Of equally likely labels the first counts.

    Raises
    ------
    CorpusError
        An emotion is not one of the seven.
    ValueError
        The probabilities are not finite numbers of shape (clips, 7).
    """
    unknown = sorted(set(emotions) - set(LABELS))
    if unknown:
        raise CorpusError(
            f"'{unknown[0]}' is not one of the emotions scored. They are {', '.join(LABELS)}."
        )
    expected = (len(emotions), len(LABELS))
    if probabilities.shape != expected:
        raise ValueError(f"probabilities have shape {probabilities.shape}, expected {expected}")
    if not np.isfinite(probabilities).all():
        raise ValueError("probabilities hold NaN or infinity")
    matrix = np.zeros((len(LABELS), len(LABELS)), dtype=np.int64)
    rows = np.array([INDEX[emotion] for emotion in emotions], dtype=np.int64)
    np.add.at(matrix, (rows, probabilities.argmax(axis=1)), 1)
    return matrix


def score(emotions: Sequence[str], probabilities: npt.NDArray[np.floating[Any]]) -> Scores:
    """Scores of the likeliest labels against the true ones; definitions in :class:`Scores`.

    Parameters
    ----------
    emotions
        True label of each clip.
    probabilities
        Shape (n, 7), in the order of LABELS.

    Raises
    ------
    CorpusError
        There is no clip, or an emotion is not one of the seven.
    ValueError
        The probabilities are not finite numbers of shape (clips, 7).
    """
    if not len(emotions):
        raise CorpusError("There are no clips to score.")
    matrix = confusion_matrix(emotions, probabilities)
    per_class = {label: _class_scores(matrix, i) for i, label in enumerate(LABELS)}
    present = [one for one in per_class.values() if one.n]
    return Scores(
        n=int(matrix.sum()),
        accuracy=float(matrix.trace() / matrix.sum()),
        uar=float(np.mean([one.recall for one in present])),
        macro_f1=float(np.mean([one.f1 for one in present])),
        ece=calibration_error(emotions, probabilities),
        confusion=matrix,
        per_class=per_class,
    )


def _class_scores(matrix: npt.NDArray[np.int64], i: int) -> ClassScores:
    right, n, n_guessed = int(matrix[i, i]), int(matrix[i].sum()), int(matrix[:, i].sum())
    return ClassScores(
        n=n,
        precision=right / n_guessed if n_guessed else None,
        recall=right / n if n else None,
        f1=2 * right / (n + n_guessed) if n else None,
    )


def calibration_error(
    emotions: Sequence[str], probabilities: npt.NDArray[np.floating[Any]]
) -> float:
    """Expected calibration error in 0..1, of the likeliest labels (see :class:`Scores`)."""
    confidence = probabilities.max(axis=1)
    true = np.array([INDEX[emotion] for emotion in emotions])
    right = probabilities.argmax(axis=1) == true
    # Bins are closed above, as in Guo et al.: a confidence of 1 belongs to the last one.
    bins = np.clip(np.ceil(confidence * N_ECE_BINS).astype(int) - 1, 0, N_ECE_BINS - 1)
    gaps = np.bincount(bins, weights=right - confidence, minlength=N_ECE_BINS)
    return float(np.abs(gaps).sum() / len(emotions))


def protocol_metrics(predictions: Predictions) -> dict[str, Any]:
    """The block of one protocol in ``metrics.json``: scores of all clips, per corpus and per fold.

    Counted from the probabilities as they are stored, with six decimals, so that a recount of
    the stored file gives the same figures to the last clip.
    """
    stored = np.array([[float(text) for text in row] for row in _as_text(predictions)]).reshape(
        len(predictions), len(LABELS)
    )
    block = score(predictions.emotions, stored).as_dict()
    named = dict.fromkeys([*CORPUS, *predictions.corpora])
    short = ("n", "accuracy", "uar", "macro_f1", "ece")
    per_corpus = _by_group(predictions, stored, predictions.corpora)
    per_fold = _by_group(predictions, stored, predictions.folds)
    block["per_corpus"] = {
        corpus: {name: per_corpus[corpus][name] for name in (*short, "confusion")}
        for corpus in named
        if corpus in per_corpus
    }
    block["folds"] = [
        {"fold": fold} | {name: per_fold[fold][name] for name in short} for fold in sorted(per_fold)
    ]
    return block


def _by_group(
    predictions: Predictions, stored: npt.NDArray[np.float64], groups: Sequence[Any]
) -> dict[Any, dict[str, Any]]:
    scores = {}
    for group in dict.fromkeys(groups):
        own = [i for i, one in enumerate(groups) if one == group]
        scores[group] = score([predictions.emotions[i] for i in own], stored[own]).as_dict()
    return scores


# --- Files ---------------------------------------------------------------------------------------

_COLUMNS = ("clip", "corpus", "speaker", "fold", "emotion", *(f"p_{label}" for label in LABELS))


def write_predictions(path: str | os.PathLike[str], predictions: Predictions) -> None:
    """Nothing; writes a gzipped CSV of one row per clip, the same bytes every time."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    columns = zip(
        predictions.clips,
        predictions.corpora,
        predictions.speakers,
        predictions.folds,
        predictions.emotions,
        _as_text(predictions),
        strict=True,
    )
    writer.writerows([*row[:-1], *row[-1]] for row in columns)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # A gzip header carries a time, which would change the bytes.
    target.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


def read_predictions(path: str | os.PathLike[str]) -> Predictions:
    """The predictions that :func:`write_predictions` stored.

    Raises
    ------
    CorpusError
        The file is missing or is not such a list.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        if not rows or tuple(rows[0]) != _COLUMNS:
            raise ValueError("its columns are others")
        body = rows[1:]
        probabilities = [[float(text) for text in row[5:]] for row in body]
        folds = tuple(int(row[3]) for row in body)
        return Predictions(
            clips=tuple(row[0] for row in body),
            corpora=tuple(row[1] for row in body),
            speakers=tuple(row[2] for row in body),
            folds=folds,
            emotions=tuple(row[4] for row in body),
            probabilities=np.array(probabilities, dtype=np.float64).reshape(-1, len(LABELS)),
        )
    except FileNotFoundError:
        raise CorpusError(
            f"There are no predictions at {path}. 'python -m emo evaluate' makes them."
        ) from None
    except (OSError, EOFError, zlib.error, ValueError, IndexError) as error:
        raise CorpusError(
            f"{path} is not a list of predictions ({error}). "
            "'python -m emo evaluate' makes it anew."
        ) from error


def _as_text(predictions: Predictions) -> list[list[str]]:
    return [[f"{p:.{DECIMALS}f}" for p in row] for row in predictions.probabilities.tolist()]
