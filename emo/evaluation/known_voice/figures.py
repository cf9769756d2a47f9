"""Count what knowing the voice gives, from stored predictions, and store the figures."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import NotRequired, TypedDict, cast

import numpy as np

from emo.classifiers.calibration import reaches
from emo.classifiers.voice import VOICE, VoiceCalibration
from emo.corpora.protocols import CROSS_CORPUS, SPEAKERS
from emo.corpora.splits import HELD_OUT_SPEAKERS
from emo.errors import ModelError
from emo.evaluation.known_voice.calibrating import KnownTable, fit_known_voice, pooled, read_known
from emo.evaluation.known_voice.groups import SIZES, VOICE_PROTOCOLS, known_file
from emo.evaluation.metrics import (
    calibration_error,
    score_predictions,
    speaker_intervals,
    uar_of_folds,
)
from emo.evaluation.predictions import Predictions, calibrated_predictions, fold_calibrations
from emo.evaluation.selective import Selection, coverage_and_accuracy, select_abroad, selections
from emo.evaluation.stored import METRICS, SCHEMA, Interval, Run, problem, read_json, write_json
from emo.labels import ENSEMBLE, LABELS


class KnownScores(TypedDict):
    """Figures of one way to answer; coverage for the ways that have thresholds."""

    accuracy: float
    uar: float
    ece: float
    intervals: dict[str, Interval]
    coverage: NotRequired[float]
    selective_accuracy: NotRequired[float]


class KnownFigures(TypedDict):
    """Figures of clips in groups whose voice is known.

    Attributes
    ----------
    n
        Clips that are scored.
    groups
        Their groups.
    refused
        Share of the groups in which the check finds the emotions alike.
    plain
        Of the ensemble, without the voice.
    alone
        Of the classifier that knows the voice, uncalibrated.
    pooled
        Of both, with the check: what is served.
    unchecked
        Of both, without the check.
    """

    n: int
    groups: int
    refused: float
    plain: KnownScores
    alone: KnownScores
    pooled: KnownScores
    unchecked: KnownScores


class FoldVoiceCalibration(TypedDict):
    """``VoiceCalibration`` of a fold, fitted without the speakers that it tests."""

    fold: int
    weights: dict[str, float]
    weights_strange: dict[str, float]
    min_variation: float
    min_variation_strange: float
    threshold: float
    threshold_strange: float


class VoiceProtocolFigures(TypedDict):
    """Figures under one protocol, by the names of ``SIZES`` and ``ONE``."""

    runs: NotRequired[list[Run]]
    calibration: NotRequired[list[FoldVoiceCalibration]]
    known: NotRequired[dict[str, KnownFigures]]


class VoiceFigures(TypedDict):
    """The content of ``models/voice/metrics.json``."""

    schema: int
    key: str
    protocols: dict[str, VoiceProtocolFigures]


# --- Counting ------------------------------------------------------------------------------------


def count_known(
    models: Path,
) -> tuple[dict[str, VoiceProtocolFigures], VoiceCalibration | None]:
    """Return the figures by protocol, and the calibration that is served.

    That of a fold is fitted without the speakers that the fold tests, and the served one without
    ``splits.HELD_OUT_SPEAKERS``.

    Parameters
    ----------
    models
        Folder of the models.

    Returns
    -------
    figures : dict
        Empty where no protocol was run with the voice known.
    calibration : VoiceCalibration or None
        None there.

    Raises
    ------
    CorpusError
        Predictions are missing or damaged.
    """
    tables: dict[str, dict[str, KnownTable]] = {name: {} for name in VOICE_PROTOCOLS}
    accepted: dict[str, dict[tuple[str, int], bool]] = {}
    for protocol in VOICE_PROTOCOLS:
        if not any(known_file(models, protocol, name).exists() for name in SIZES):
            continue
        calibrations = fold_calibrations(models, protocol)
        calibrated = calibrated_predictions(models, protocol, calibrations=calibrations)
        tables[protocol] = read_known(models, protocol, calibrated[ENSEMBLE], calibrations)
        accepted[protocol] = _accepted(protocol, calibrated)
    near, far = tables[SPEAKERS.key], tables[CROSS_CORPUS.key]
    figures = {}
    for protocol, rows in accepted.items():
        fitted: dict[int, VoiceCalibration] = {}
        every = next(iter(tables[protocol].values())).raw
        for fold in np.unique(every.folds).tolist():
            tested = np.unique(every.speakers[every.folds == fold]).tolist()
            if (calibration := fit_known_voice(near, far, tested)) is not None:
                fitted[fold] = calibration
        if fitted:
            by_fold = protocol == CROSS_CORPUS.key
            figures[protocol] = VoiceProtocolFigures(
                calibration=[
                    cast(FoldVoiceCalibration, {"fold": fold} | asdict(own))
                    for fold, own in fitted.items()
                ],
                known={
                    name: _figures(table, fitted, rows, by_fold)
                    for name, table in tables[protocol].items()
                    if np.isin(table.raw.folds, list(fitted)).any()
                },
            )
    return figures, fit_known_voice(near, far, HELD_OUT_SPEAKERS)


def _accepted(protocol: str, calibrated: Mapping[str, Predictions]) -> dict[tuple[str, int], bool]:
    """Return whether the plain answer for a clip is sure, with cross-fitted thresholds."""
    part = calibrated[ENSEMBLE].among(LABELS)
    chosen: Selection = (
        select_abroad(part) if protocol == CROSS_CORPUS.key else selections(calibrated)[ENSEMBLE]
    )
    pairs = zip(part.clips.tolist(), part.folds.tolist(), strict=True)
    return dict(zip(pairs, chosen.accepted_cross_fitted.tolist(), strict=True))


def _figures(
    table: KnownTable,
    fitted: Mapping[int, VoiceCalibration],
    accepted: Mapping[tuple[str, int], bool],
    by_fold: bool,
) -> KnownFigures:
    """Return the figures of a table with the calibration of each fold.

    Parameters
    ----------
    accepted
        Whether the plain answer is sure, by clip and fold.
    by_fold
        UAR is the mean over the folds.
    """
    table = table.take(np.isin(table.raw.folds, list(fitted)))
    folds, n = table.raw.folds, len(table.raw)
    answers, unchecked = np.empty_like(table.ensemble), np.empty_like(table.ensemble)
    limits, used = np.zeros(n), np.zeros(n, bool)
    for fold in np.unique(folds).tolist():
        own, calibration = folds == fold, fitted[fold]
        part = table.take(own)
        answers[own] = pooled(part, calibration)
        unchecked[own] = pooled(
            part, replace(calibration, min_variation=0.0, min_variation_strange=0.0)
        )
        limits[own] = calibration.thresholds(part.strange)
        used[own] = part.used(calibration)
    _, first = np.unique(table.groups, return_index=True)
    scored = table.scored
    raw = table.raw.take(scored)
    pairs = zip(raw.clips.tolist(), raw.folds.tolist(), strict=True)
    sure = np.array([accepted[pair] for pair in pairs], bool)
    rows, limits = used[scored], limits[scored]
    sure_known = {
        name: np.where(rows | (name == "unchecked"), reaches(own.max(axis=1), limits), sure)
        for name, own in (("pooled", answers[scored]), ("unchecked", unchecked[scored]))
    }
    return {
        "n": len(raw),
        "groups": len(first),
        "refused": float(1.0 - used[first].mean()),
        "plain": _scores(raw, table.ensemble[scored], by_fold, sure),
        "alone": _scores(raw, raw.probabilities, by_fold),
        "pooled": _scores(raw, answers[scored], by_fold, sure_known["pooled"]),
        "unchecked": _scores(raw, unchecked[scored], by_fold, sure_known["unchecked"]),
    }


def _scores(
    raw: Predictions,
    answers: np.ndarray,
    by_fold: bool,
    accepted: np.ndarray | None = None,
) -> KnownScores:
    predictions = replace(raw, probabilities=answers)
    scores, intervals = score_predictions(predictions), speaker_intervals(predictions)
    uar = scores.uar
    if by_fold:
        uar, intervals["uar"] = uar_of_folds(predictions)
    result = KnownScores(
        accuracy=scores.accuracy,
        uar=uar,
        ece=calibration_error(predictions.targets(), answers),
        intervals=intervals,
    )
    if accepted is not None:
        hits = predictions.predicted() == predictions.targets()
        result.update(coverage_and_accuracy(hits, accepted))  # type: ignore[typeddict-item]
    return result


# --- Storing -------------------------------------------------------------------------------------


def read_voice_metrics(models: Path) -> VoiceFigures:
    """Return the stored figures; no protocols if there is no file.

    Raises
    ------
    ModelError
        The file is damaged, of another version, or does not follow the schema.
    """
    path = models / VOICE / METRICS
    content = read_json(path) or {"schema": SCHEMA, "key": VOICE, "protocols": {}}
    fault = problem(content, VoiceFigures)
    if not fault and content["schema"] != SCHEMA:
        fault = f"its schema is {content['schema']}, and this program reads {SCHEMA}"
    if fault:
        raise ModelError(f"{path} cannot be read: {fault}. Remove it and evaluate again.")
    return cast(VoiceFigures, content)


def write_voice_metrics(models: Path, figures: Mapping[str, VoiceProtocolFigures]) -> None:
    """Write figures by protocol; what is stored of the runs stays.

    Nothing is written where there are neither.
    """
    runs = {protocol: voice_runs(models, protocol) for protocol in VOICE_PROTOCOLS}
    _write(models, figures, runs)


def voice_runs(models: Path, protocol: str) -> list[Run]:
    """Return the stored runs of a protocol with the voice known."""
    return read_voice_metrics(models)["protocols"].get(protocol, {}).get("runs", [])


def write_voice_runs(models: Path, protocol: str, runs: list[Run]) -> None:
    """Write the runs of a protocol; the stored figures stay."""
    figures = read_voice_metrics(models)["protocols"]
    stored = {name: block.get("runs", []) for name, block in figures.items()}
    _write(models, figures, {**stored, protocol: runs})


def _write(
    models: Path,
    figures: Mapping[str, VoiceProtocolFigures],
    runs: Mapping[str, list[Run]],
) -> None:
    protocols: dict[str, VoiceProtocolFigures] = {}
    for protocol in VOICE_PROTOCOLS:
        block = VoiceProtocolFigures(**figures.get(protocol, {}))
        if runs.get(protocol):
            block["runs"] = runs[protocol]
        if block:
            protocols[protocol] = block
    if protocols:
        content = VoiceFigures(schema=SCHEMA, key=VOICE, protocols=protocols)
        write_json(models / VOICE / METRICS, content)
