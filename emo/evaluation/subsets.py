"""Stored answers, cut down to what a person asks for: a corpus, a sex, a confidence, one cell.

Everything is counted from ``models/<key>/predictions/`` with the temperatures and weights that
``metrics.json`` holds, so that nothing is fitted and what is cut from nothing equals what is
stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emo.classifiers.calibration import Calibration, renormalise
from emo.classifiers.registry import CLASSIFIERS
from emo.corpora.metadata import sex_of
from emo.errors import ModelError
from emo.evaluation import metrics
from emo.evaluation.metrics import (
    N_ECE_BINS,
    calibration_bins,
    calibration_error,
    score,
    speaker_intervals,
)
from emo.evaluation.predictions import Predictions, calibrated_predictions, read_metrics
from emo.evaluation.summary import listeners_alone
from emo.labels import TRAINED_LABELS, VOTE

ALL = "all"
SEXES = ("women", "men")
LISTENERS = "listeners"
CURVE_POINTS = 200
"""Of a drawn ROC curve, about: its area is measured on all of them."""

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Answers:
    """What the models and the vote answered for test clips that they had not heard.

    Attributes
    ----------
    clips, corpora, speakers, emotions : ndarray of str, shape (n,)
        Stem, key of the corpus, speaker and acted emotion.
    sexes : ndarray of str, shape (n,)
        One of ``SEXES``, or empty where it is not known.
    folds : ndarray of int64, shape (n,)
    labels : tuple of str
        The k answers that could be given.
    shares : dict of ndarray of float64, shape (n, k)
        Calibrated probabilities by key of the model.
    """

    clips: npt.NDArray[np.str_]
    corpora: npt.NDArray[np.str_]
    speakers: npt.NDArray[np.str_]
    emotions: npt.NDArray[np.str_]
    sexes: npt.NDArray[np.str_]
    folds: npt.NDArray[np.int64]
    labels: tuple[str, ...]
    shares: dict[str, npt.NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.clips)

    def take(self, rows: Rows | npt.NDArray[np.bool_]) -> "Answers":
        """Some rows, by their numbers or by a mask."""
        return Answers(
            self.clips[rows],
            self.corpora[rows],
            self.speakers[rows],
            self.emotions[rows],
            self.sexes[rows],
            self.folds[rows],
            self.labels,
            {key: shares[rows] for key, shares in self.shares.items()},
        )

    def targets(self) -> Rows:
        """Place of each clip's acted emotion among the labels, int64 (n,)."""
        place = {label: i for i, label in enumerate(self.labels)}
        return np.array([place[str(emotion)] for emotion in self.emotions], dtype=np.int64)


def stored_calibrations(models: Path, protocol: str) -> dict[int, Calibration]:
    """For each fold, the temperatures and weights that ``metrics.json`` holds.

    Raises
    ------
    ModelError
        They are missing or damaged.
    """
    blocks = {
        key: read_metrics(models, key)["protocols"].get(protocol, {})
        for key in (*CLASSIFIERS, VOTE)
    }
    try:
        temperatures = {
            key: {int(row["fold"]): float(row["temperature"]) for row in blocks[key]["calibration"]}
            for key in CLASSIFIERS
        }
        return {
            int(row["fold"]): Calibration(
                {key: temperatures[key][int(row["fold"])] for key in CLASSIFIERS},
                {key: float(row["weights"][key]) for key in CLASSIFIERS},
                {},
            )
            for row in blocks[VOTE]["calibration"]
        }
    except (LookupError, TypeError, ValueError) as error:
        raise ModelError(
            f"The figures of protocol '{protocol}' do not say how the answers were calibrated "
            f"({type(error).__name__}: {error}). Run: python -m emo evaluate --protocol {protocol}"
        ) from error


def read_answers(
    models: Path, protocol: str, actors: Mapping[str, tuple[str, int]] | None = None
) -> Answers:
    """All answers under a protocol, with the probabilities of ``TRAINED_LABELS``.

    Parameters
    ----------
    models
        Folder of the models.
    protocol
        One that was run.
    actors
        Sex and age of the actors of CREMA-D (``metadata.read_sexes_and_ages``); without it
        their sex is not known.

    Raises
    ------
    CorpusError
        Predictions are missing, damaged, or of other clips than those of the other models.
    ModelError
        A ``metrics.json`` is damaged.
    """
    given = calibrated_predictions(
        models, protocol, calibrations=stored_calibrations(models, protocol)
    )
    first = given[VOTE]
    table = dict(actors or {})
    sexes = {speaker: sex_of(speaker, table) or "" for speaker in set(first.speakers)}
    return Answers(
        np.array(first.clips),
        np.array(first.corpora),
        np.array(first.speakers),
        np.array(first.emotions),
        np.array([sexes[speaker] for speaker in first.speakers]),
        np.array(first.folds, dtype=np.int64),
        TRAINED_LABELS,
        {key: one.probabilities for key, one in given.items()},
    )


# --- Cutting -------------------------------------------------------------------------------------


def filter_clips(
    given: Answers, labels: Sequence[str], corpus: str = ALL, sex: str = ALL
) -> Answers:
    """The clips of some labels, of a corpus and of a sex, with the shares of these labels alone."""
    rows = np.isin(given.emotions, list(labels))
    if corpus != ALL:
        rows &= given.corpora == corpus
    if sex != ALL:
        rows &= given.sexes == sex
    part = given.take(rows)
    columns = [given.labels.index(label) for label in labels]
    shares = {key: renormalise(one, columns) for key, one in part.shares.items()}
    return replace(part, labels=tuple(labels), shares=shares)


def above_threshold(given: Answers, key: str, floor: float) -> npt.NDArray[np.bool_]:
    """Whether the likeliest answer of a model has at least a confidence of ``floor``; (n,)."""
    return np.asarray(given.shares[key].max(axis=1) >= floor)


def clips_in_cell(given: Answers, key: str, acted: str, answer: str, floor: float = 0.0) -> Rows:
    """Rows of the clips in one cell of a model's matrix, the surest answer first, int64."""
    chosen = given.shares[key].argmax(axis=1) == given.labels.index(answer)
    rows = np.flatnonzero(chosen & (given.emotions == acted) & above_threshold(given, key, floor))
    confidence = given.shares[key].max(axis=1)
    return np.asarray(rows[np.argsort(-confidence[rows], kind="stable")])


# --- Counting ------------------------------------------------------------------------------------


def scores(given: Answers, key: str, floor: float = 0.0) -> dict[str, Any]:
    """Figures of a model under the names of ``metrics.json``, of the answers that are kept.

    Returns
    -------
    dict
        ``n``, ``above_threshold`` (share of the clips), ``labels`` and ``confusion``; and where
        an answer is left ``accuracy``, ``uar``, ``macro_f1``, ``ece``, ``intervals``.
    """
    rows = np.flatnonzero(above_threshold(given, key, floor))
    share = len(rows) / len(given) if len(given) else 0.0
    block: dict[str, Any] = {"n": len(rows), "kept": share, "labels": list(given.labels)}
    if not len(rows):
        k = len(given.labels)
        return block | {"confusion": [[0] * k for _ in range(k)]}
    part = _predictions(given, key, rows)
    found = score(part.emotions, part.probabilities, given.labels).to_dict()
    named = ("accuracy", "uar", "macro_f1", "ece", "confusion")
    block |= {name: found[name] for name in named}
    return block | {"intervals": speaker_intervals(part, given.labels)}


def fold_means(given: Answers, key: str, floor: float = 0.0) -> dict[str, float]:
    """Means over the folds of accuracy, UAR and macro-F1, as EmoBox reports them; empty if none."""
    rows = np.flatnonzero(above_threshold(given, key, floor))
    found = []
    for fold in sorted(set(given.folds[rows].tolist())):
        part = _predictions(given, key, rows[given.folds[rows] == fold])
        found.append(score(part.emotions, part.probabilities, given.labels))
    names = ("accuracy", "uar", "macro_f1") if found else ()
    return {name: float(np.mean([getattr(one, name) for one in found])) for name in names}


def uar_of_folds(given: Answers, key: str, floor: float = 0.0) -> tuple[float, list[float]] | None:
    """Return the mean of the UAR of each fold and its interval; None where no answer is kept."""
    rows = np.flatnonzero(above_threshold(given, key, floor))
    return metrics.uar_of_folds(_predictions(given, key, rows), given.labels) if len(rows) else None


def _predictions(given: Answers, key: str, rows: Rows) -> Predictions:
    return Predictions(
        clips=tuple(given.clips[rows].tolist()),
        corpora=tuple(given.corpora[rows].tolist()),
        speakers=tuple(given.speakers[rows].tolist()),
        folds=tuple(given.folds[rows].tolist()),
        emotions=tuple(given.emotions[rows].tolist()),
        probabilities=given.shares[key][rows],
    )


# --- What listeners heard ------------------------------------------------------------------------


def votes_of(given: Answers, votes: Mapping[str, npt.NDArray[np.float64]]) -> Answers:
    """The clips that listeners named, with their votes beside the shares, under ``LISTENERS``.

    Parameters
    ----------
    given
        Clips of CREMA-D, cut to the labels that listeners could give.
    votes
        By clip (:func:`emo.corpora.metadata.read_votes`).
    """
    rows = np.array([clip in votes and votes[clip].sum() > 0 for clip in given.clips], dtype=bool)
    part = given.take(rows)
    counts = np.array([votes[clip] for clip in part.clips]).reshape(len(part), len(given.labels))
    return replace(part, shares=part.shares | {LISTENERS: counts})


def listeners(named: Answers) -> dict[str, Any]:
    """Figures of the listeners under the names of ``listeners.json``; of :func:`votes_of`."""
    return listeners_alone(named.emotions.tolist(), named.shares[LISTENERS])


def clips_voted(named: Answers, acted: str, answer: str) -> Rows:
    """Rows of the clips of one acted emotion that someone called so, the most votes first."""
    counts = named.shares[LISTENERS]
    shares = counts[:, named.labels.index(answer)] / counts.sum(axis=1)
    rows = np.flatnonzero((named.emotions == acted) & (shares > 0))
    return np.asarray(rows[np.argsort(-shares[rows], kind="stable")])


# --- Reliability and ROC -------------------------------------------------------------------------


@dataclass(frozen=True)
class Bin:
    """Answers of about one confidence: from ``low`` (left out) to ``high``, ``n`` of them.

    ``confidence`` is their mean, ``accuracy`` the share that is right; None where there is none.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


def reliability(given: Answers, key: str) -> tuple[Bin, ...]:
    """The 15 bins of the calibration error (``metrics.calibration_gaps``), low to high."""
    shares = given.shares[key]
    confidence = shares.max(axis=1)
    right = shares.argmax(axis=1) == given.targets()
    place = calibration_bins(confidence)
    bins = []
    for i in range(N_ECE_BINS):
        own = place == i
        n = int(own.sum())
        bins.append(
            Bin(
                i / N_ECE_BINS,
                (i + 1) / N_ECE_BINS,
                n,
                float(confidence[own].mean()) if n else None,
                float(right[own].mean()) if n else None,
            )
        )
    return tuple(bins)


def expected_error(given: Answers, key: str) -> float | None:
    """Expected calibration error of a model, 0 to 1; None without clips."""
    return calibration_error(given.targets(), given.shares[key]) if len(given) else None


@dataclass(frozen=True, eq=False)
class Roc:
    """One label against all others, as the share it needs falls from above 1 to 0.

    Attributes
    ----------
    label : str
    n : int, clips of the label
    thresholds, false_alarms, found : ndarray of float64, shape (points,)
        Called so are clips whose share reaches the threshold: of all others the share
        ``false_alarms``, of its own the share ``found``.  The first threshold is infinite.
    area : float
        Under the curve: how often a clip of the label has the greater share, of a pair with one
        of another (ties count half).
    """

    label: str
    n: int
    thresholds: npt.NDArray[np.float64]
    false_alarms: npt.NDArray[np.float64]
    found: npt.NDArray[np.float64]
    area: float


def roc(given: Answers, key: str, points: int | None = CURVE_POINTS) -> tuple[Roc, ...]:
    """The ROC of each label that some clips have and others have not.

    Parameters
    ----------
    points
        About how many to keep of each curve, evenly along it; None for all.
    """
    targets, curves = given.targets(), []
    for i, label in enumerate(given.labels):
        own = targets == i
        if not own.any() or own.all():
            continue
        shares = given.shares[key][:, i]
        order = np.argsort(-shares, kind="stable")
        last = np.append(np.diff(shares[order]) < 0, True)  # ties are called together
        hits = np.cumsum(own[order])[last] / own.sum()
        alarms = np.cumsum(~own[order])[last] / (~own).sum()
        found, false_alarms = np.append(0.0, hits), np.append(0.0, alarms)
        thresholds = np.append(np.inf, shares[order][last])
        area = float(np.trapezoid(found, false_alarms))
        some = _along(false_alarms, found, points)
        curves.append(
            Roc(label, int(own.sum()), thresholds[some], false_alarms[some], found[some], area)
        )
    return tuple(curves)


def _along(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], points: int | None
) -> npt.NDArray[np.int64]:
    """Places evenly along a rising curve, both ends among them."""
    if points is None or len(x) <= points:
        return np.arange(len(x))
    marks = np.linspace(0.0, x[-1] + y[-1], points)
    return np.unique(np.minimum(np.searchsorted(x + y, marks), len(x) - 1))
