"""Fit how an answer with the voice known is made of the classifier's and the ensemble's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from emo.classifiers.calibration import DIGITS, Calibration, renormalise
from emo.classifiers.strangers import MIN_PROBABILITY
from emo.classifiers.voice import VOICE, VoiceCalibration, corrected_variation
from emo.evaluation.known_voice.groups import ONE, SIZES, groups_of, known_file
from emo.evaluation.predictions import Predictions, read_predictions
from emo.evaluation.selective import (
    MARGIN,
    STRANGER_ACCURACY,
    STRANGER_MARGIN,
    TARGET_ACCURACY,
    choose_limit,
)
from emo.labels import ENSEMBLE, LABELS

REFUSED_SHARE = 0.05
"""Share of the groups of mixed emotions that the check refuses."""

CHECKED_SIZES = ("5",)
"""Groups on which the check is chosen: those of few clips, of which it refuses most."""


@dataclass(frozen=True, eq=False)
class KnownTable:
    """Predictions of n clips in groups whose voice is known.

    Attributes
    ----------
    raw : Predictions
        Of the classifier that knows the voice, renormalised to ``LABELS``; the clips may be of
        further emotions, which are not scored.
    ensemble : float64, (n, 7)
        Plain calibrated answers.
    strange : float64, (n,)
        How strange the clips count, 0 to 1.
    groups : int64, (n,)
        Number of the group of each clip.
    variations, strangers : float64, (groups,)
        ``corrected_variation`` of each group, and how strange its clips count on average.
    """

    raw: Predictions
    ensemble: np.ndarray
    strange: np.ndarray
    groups: np.ndarray
    variations: np.ndarray
    strangers: np.ndarray

    def take(self, rows: np.ndarray) -> "KnownTable":
        """Return some clips, by a mask; the groups keep their numbers."""
        return KnownTable(
            self.raw.take(rows),
            self.ensemble[rows],
            self.strange[rows],
            self.groups[rows],
            self.variations,
            self.strangers,
        )

    @property
    def scored(self) -> np.ndarray:
        """Clips that are acted with one of ``LABELS``, bool (n,)."""
        return np.isin(self.raw.emotions, LABELS)

    def used(self, calibration: VoiceCalibration) -> np.ndarray:
        """Clips of groups that pass the check, bool (n,)."""
        least = np.array([calibration.least_variation(x) for x in self.strangers.tolist()])
        return np.asarray((self.variations >= least)[self.groups], bool)


def read_known(
    models: Path,
    protocol: str,
    plain: Predictions,
    calibrations: Mapping[int, Calibration],
) -> dict[str, KnownTable]:
    """Return the stored predictions of a protocol with the voice known, by ``SIZES`` and ``ONE``.

    Parameters
    ----------
    models
        Folder of the models.
    protocol
        One of ``VOICE_PROTOCOLS``.
    plain
        Calibrated predictions of the ensemble under the protocol.
    calibrations
        Of the folds.

    Raises
    ------
    CorpusError
        A file is damaged, or holds a clip that the ensemble has not tested.
    """
    columns = [plain.labels.index(label) for label in LABELS]
    shares = np.zeros(len(plain))
    for fold, calibration in calibrations.items():
        own = plain.folds == fold
        known = None if plain.strangeness is None else plain.strangeness[own]
        shares[own] = calibration.strange_shares(known, int(own.sum()))
    place = {
        row: i for i, row in enumerate(zip(plain.clips.tolist(), plain.folds.tolist(), strict=True))
    }
    tables = {}
    for name in (*SIZES, ONE):
        path = known_file(models, protocol, name)
        if not path.exists():
            continue
        stored = read_predictions(path)
        pairs = list(zip(stored.clips.tolist(), stored.folds.tolist(), strict=True))
        stored = stored.take([pair in place for pair in pairs])
        rows = np.array([place[pair] for pair in pairs if pair in place], np.int64)
        raw_columns = [stored.labels.index(label) for label in LABELS]
        raw = replace(
            stored, probabilities=renormalise(stored.probabilities, raw_columns), labels=LABELS
        )
        ensemble = renormalise(plain.probabilities[rows], columns)
        groups = np.zeros(len(raw), np.int64)
        drawn = groups_of(raw, name)
        for number, group in enumerate(drawn):
            groups[group] = number
        variations = np.array([corrected_variation(ensemble[group]) for group in drawn])
        strange = shares[rows]
        strangers = np.array([strange[group].mean() for group in drawn])
        tables[name] = KnownTable(raw, ensemble, strange, groups, variations, strangers)
    return tables


def fit_exponents(tables: Sequence[Sequence[KnownTable]]) -> VoiceCalibration:
    """Return the exponents of lowest log-loss, without a check and thresholds.

    Parameters
    ----------
    tables
        Tables by protocol; each protocol weighs the same, and so do its tables and their corpora.
    """
    from scipy.optimize import minimize

    blocks = []
    for group in tables:
        for table in group:
            own = table.take(table.scored)
            logs = [
                np.log(np.maximum(shares, MIN_PROBABILITY))
                for shares in (own.raw.probabilities, own.ensemble)
            ]
            weights = _corpus_weights(own.raw) / len(group)
            blocks.append((logs, own.strange, own.raw.targets(), weights))

    def loss(powers: np.ndarray) -> tuple[float, np.ndarray]:
        near, far = powers[:2], powers[2:]
        total, gradient = 0.0, np.zeros(4)
        for logs, strange, targets, weights in blocks:
            rows = np.arange(len(targets))
            mixed = [
                ((1 - strange) * near[i] + strange * far[i])[:, None] * logs[i] for i in (0, 1)
            ]
            sums = mixed[0] + mixed[1]
            sums -= sums.max(axis=1, keepdims=True)
            sums -= np.log(np.exp(sums).sum(axis=1, keepdims=True))
            total -= float(weights @ sums[rows, targets])
            for i, log in enumerate(logs):
                slope = (np.exp(sums) * log).sum(axis=1) - log[rows, targets]
                gradient[i] += float((weights * (1 - strange)) @ slope)
                gradient[2 + i] += float((weights * strange) @ slope)
        return total, gradient

    start = np.array([0.5, 0.5, 0.5, 0.5])
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, 4.0)] * 4).x
    powers = [round(float(power), DIGITS) for power in best]
    return VoiceCalibration(
        {VOICE: powers[0], ENSEMBLE: powers[1]}, {VOICE: powers[2], ENSEMBLE: powers[3]}
    )


def _corpus_weights(predictions: Predictions) -> np.ndarray:
    """Return a weight for each clip, float64 (n,), the same for each corpus, adding up to 1.

    Speech and song of RAVDESS are one corpus, as its speakers are.
    """
    families = [speaker.split("-")[0] for speaker in predictions.speakers.tolist()]
    _, numbers, counts = np.unique(families, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / (counts[numbers] * len(counts)))


def pooled(table: KnownTable, calibration: VoiceCalibration) -> np.ndarray:
    """Return the answers with the voice known, float64 (n, 7); plain ones where it is refused."""
    answers = calibration.pool(table.raw.probabilities, table.ensemble, table.strange)
    return np.where(table.used(calibration)[:, None], answers, table.ensemble)


def fit_known_voice(
    near: Mapping[str, KnownTable],
    far: Mapping[str, KnownTable],
    left_out: Sequence[str] = (),
) -> VoiceCalibration | None:
    """Fit exponents, the check and thresholds to clips of other speakers than those left out.

    Parameters
    ----------
    near, far
        Tables of ``speakers`` and of ``cross-corpus``, by ``SIZES``; one of them may be empty.
    left_out
        Speakers whose clips are not used.

    Returns
    -------
    VoiceCalibration or None
        None where no clips are left.
    """
    kept = [
        {
            name: table.take(~np.isin(table.raw.speakers, list(left_out)))
            for name, table in tables.items()
            if name in SIZES
        }
        for tables in (near, far)
    ]
    kept = [
        {name: table for name, table in tables.items() if table.scored.any()} for tables in kept
    ]
    filled = [tables for tables in kept if tables]
    if not filled:
        return None
    fitted = fit_exponents([list(tables.values()) for tables in filled])
    near_variation, far_variation = fit_check(filled)
    fitted = replace(fitted, min_variation=near_variation, min_variation_strange=far_variation)
    near_limit = _limit(kept[0], fitted, TARGET_ACCURACY, "size")
    far_accuracy = STRANGER_ACCURACY + STRANGER_MARGIN - MARGIN
    far_limit = _limit(kept[1], fitted, far_accuracy, "fold")
    return replace(fitted, threshold=near_limit, threshold_strange=far_limit)


def fit_check(tables: Sequence[Mapping[str, KnownTable]]) -> tuple[float, float]:
    """Return the least variation of clips as in training and of strange ones.

    Between them it is linear in how strange the clips are on average.  It is the line that
    ``REFUSED_SHARE`` of the groups of few clips lie below (quantile regression, Koenker and Bassett
    1978), each protocol weighing the same.

    Parameters
    ----------
    tables
        Tables by name, of each protocol.
    """
    from scipy.optimize import minimize

    groups = [
        (table.variations[own], table.strangers[own])
        for part in tables
        for name, table in part.items()
        if name in CHECKED_SIZES
        for own in [np.unique(table.groups)]
    ]
    if not groups:
        return 0.0, 0.0

    def loss(line: np.ndarray) -> float:
        total = 0.0
        for variations, strange in groups:
            above = variations - (1 - strange) * line[0] - strange * line[1]
            total += float(np.maximum(REFUSED_SHARE * above, (REFUSED_SHARE - 1) * above).mean())
        return total

    start = np.quantile(np.concatenate([variations for variations, _ in groups]), REFUSED_SHARE)
    options = {"xatol": 1e-6, "fatol": 1e-12, "maxiter": 2000}
    best = minimize(loss, np.full(2, start), method="Nelder-Mead", options=options).x
    near, far = (round(max(0.0, float(value)), DIGITS) for value in best)
    return near, far


def _limit(
    tables: Mapping[str, KnownTable],
    calibration: VoiceCalibration,
    accuracy: float,
    part: Literal["size", "fold"],
) -> float:
    """Return the threshold that answers with the voice known need, 0 without tables.

    It is the highest of those that the parts of the answers need each.

    Parameters
    ----------
    tables
        By number of known clips.
    calibration
        With exponents and check.
    accuracy
        Selective accuracy to reach in each part.
    part
        ``size``: the answers of one table; ``fold``: those of one fold in all tables.
    """
    confidence, hits, parts = [], [], []
    for number, table in enumerate(tables.values()):
        own = table.take(table.scored & table.used(calibration))
        answers = pooled(own, calibration)
        confidence.append(answers.max(axis=1))
        hits.append(answers.argmax(axis=1) == own.raw.targets())
        parts.append(own.raw.folds if part == "fold" else np.full(len(answers), number))
    if not parts:
        return 0.0
    shown, right, numbers = (np.concatenate(column) for column in (confidence, hits, parts))
    limits = [
        choose_limit(shown[numbers == number], right[numbers == number], accuracy)
        for number in np.unique(numbers)
    ]
    return max(limits, default=0.0)
