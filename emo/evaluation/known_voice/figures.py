"""Count what knowing the voice gives, from stored predictions, and store the figures."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NotRequired, TypedDict, cast

import numpy as np

from emo.classifiers.calibration import reaches
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.voice import VOICE, VoiceCalibration
from emo.corpora.protocols import CROSS_CORPUS, SPEAKERS
from emo.corpora.splits import HELD_OUT_SPEAKERS
from emo.errors import ModelError
from emo.evaluation.bootstrap import interval
from emo.evaluation.known_voice.calibrating import KnownTable, fit_known_voice, pooled, read_known
from emo.evaluation.known_voice.groups import SIZES, VOICE_PROTOCOLS, known_file
from emo.evaluation.metrics import (
    resampled_uar_of_folds,
    score_predictions,
    speaker_intervals,
)
from emo.evaluation.predictions import (
    Predictions,
    calibrated_predictions,
    calibration_file,
    fold_calibrations,
    predictions_file,
)
from emo.evaluation.selective import Selection, coverage_and_accuracy, select_abroad, selections
from emo.evaluation.stored import METRICS, SCHEMA, Interval, Run, problem, read_json, write_json
from emo.labels import ENSEMBLE, LABELS


class KnownScores(TypedDict):
    """Figures of one way to answer; coverage for the ways that have thresholds.

    Intervals are left out for answers without the check, which are not served.
    """

    accuracy: float
    uar: float
    ece: float
    intervals: NotRequired[dict[str, Interval]]
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
    fitted = fit_known(models)
    figures = {}
    for protocol, calibrations in fitted.by_fold.items():
        figures[protocol] = VoiceProtocolFigures(
            calibration=[
                cast(FoldVoiceCalibration, {"fold": fold} | asdict(own))
                for fold, own in calibrations.items()
            ],
            known={
                name: _figures(
                    table, calibrations, fitted.accepted[protocol], protocol == CROSS_CORPUS.key
                )
                for name, table in fitted.tables[protocol].items()
                if np.isin(table.raw.folds, list(calibrations)).any()
            },
        )
    return figures, fitted.served


@dataclass(frozen=True, eq=False)
class Fitted:
    """Tables and calibrations from which figures are counted.

    Attributes
    ----------
    tables
        By protocol and number of known clips.
    accepted
        Whether the plain answer for a clip of a fold is sure, by protocol.
    by_fold
        The calibration of each fold by protocol; without folds that cannot be calibrated.
    served
        The calibration that is served; None without predictions.
    """

    tables: dict[str, dict[str, KnownTable]]
    accepted: dict[str, dict[tuple[str, int], bool]]
    by_fold: dict[str, dict[int, VoiceCalibration]]
    served: VoiceCalibration | None


def fit_known(models: Path) -> Fitted:
    """Read the stored predictions and fit the calibrations (see ``count_known``).

    Raises
    ------
    CorpusError
        Predictions are missing or damaged.
    """
    tables: dict[str, dict[str, KnownTable]] = {name: {} for name in VOICE_PROTOCOLS}
    accepted: dict[str, dict[tuple[str, int], bool]] = {}
    for protocol in VOICE_PROTOCOLS:
        if not _has_run(models, protocol):
            continue
        calibrations = fold_calibrations(models, protocol)
        calibrated = calibrated_predictions(models, protocol, calibrations=calibrations)
        tables[protocol] = read_known(models, protocol, calibrated[ENSEMBLE], calibrations)
        accepted[protocol] = _accepted(protocol, calibrated)
    near, far = tables[SPEAKERS.key], tables[CROSS_CORPUS.key]
    by_fold: dict[str, dict[int, VoiceCalibration]] = {}
    for protocol in accepted:
        every = next(iter(tables[protocol].values())).raw
        for fold in np.unique(every.folds).tolist():
            tested = np.unique(every.speakers[every.folds == fold]).tolist()
            if (calibration := fit_known_voice(near, far, tested)) is not None:
                by_fold.setdefault(protocol, {})[fold] = calibration
    return Fitted(tables, accepted, by_fold, fit_known_voice(near, far, HELD_OUT_SPEAKERS))


def _has_run(models: Path, protocol: str) -> bool:
    """Return whether the voice and every classifier have predictions of a protocol."""
    plain = [
        file(models, key, protocol)
        for file in (predictions_file, calibration_file)
        for key in CLASSIFIERS
    ]
    known = [known_file(models, protocol, name) for name in SIZES]
    return all(path.exists() for path in plain) and any(path.exists() for path in known)


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
        "unchecked": _scores(raw, unchecked[scored], by_fold, sure_known["unchecked"], False),
    }


def _scores(
    raw: Predictions,
    answers: np.ndarray,
    by_fold: bool,
    accepted: np.ndarray | None = None,
    has_intervals: bool = True,
) -> KnownScores:
    predictions = replace(raw, probabilities=answers)
    scores, uar = score_predictions(predictions), 0.0
    if by_fold:
        folds = [predictions.take(predictions.folds == fold) for fold in np.unique(raw.folds)]
        uar = float(np.mean([score_predictions(own).uar for own in folds]))
    result = KnownScores(
        accuracy=scores.accuracy, uar=uar if by_fold else scores.uar, ece=scores.ece
    )
    if has_intervals:
        result["intervals"] = speaker_intervals(predictions)
        if by_fold:
            result["intervals"]["uar"] = interval(resampled_uar_of_folds(predictions))
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
