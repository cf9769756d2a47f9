"""Compute every stored figure from the stored raw predictions.

``models/<key>/predictions/`` holds the raw predictions of each classifier for clips that it was
not fitted to, and ``models/<key>/calibration/`` those for the validation clips.  All figures, and
the stored predictions of the ensembles, are computed from these files, so they can be computed
again without training and, but for the votes of listeners and the groups of actors, without the
recordings.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from emo.classifiers.calibration import Calibration
from emo.classifiers.ensembles import ENSEMBLES
from emo.classifiers.registry import CLASSIFIERS
from emo.corpora.metadata import LISTENER_LABELS, read_votes
from emo.corpora.protocols import CROSS_CORPUS, PROTOCOLS, SPEAKERS
from emo.corpora.protocols import EMOBOX as EMOBOX_PROTOCOL
from emo.corpora.protocols import LISTENERS as LISTENERS_PROTOCOL
from emo.evaluation.figures import differences, groups, operating_points
from emo.evaluation.figures.benchmark import EMOBOX
from emo.evaluation.metrics import (
    protocol_metrics,
    score_predictions,
    speaker_intervals,
    uar_of_folds,
)
from emo.evaluation.predictions import (
    SURROGATE_OF,
    Predictions,
    calibrated_predictions,
    fold_calibrations,
    predictions_file,
    read_predictions,
    surrogate_file,
    write_predictions,
)
from emo.evaluation.served import add_cross_corpus_selection, add_selective, write_served
from emo.evaluation.stored import (
    LISTENERS,
    CorpusFigures,
    FoldCalibration,
    LeftOut,
    ModelFigures,
    ProtocolFigures,
    Run,
    SurrogateFigures,
    read_metrics,
    write_json,
    write_metrics,
)
from emo.labels import ENSEMBLE, LABELS

MODELS = (*CLASSIFIERS, *ENSEMBLES)
"""Keys of all that have a ``metrics.json``, in the order of every table."""


class Provenance(TypedDict, total=False):
    """Runs that made the predictions of a protocol, and clips that were left out."""

    runs: list[Run]
    left_out: list[LeftOut]


# --- Figures -------------------------------------------------------------------------------------


def summarise(
    models: Path,
    protocol: str,
    directory: Path | None,
    provenance: Mapping[str, Provenance],
    is_last: bool = True,
) -> None:
    """Compute the figures of a protocol and write every ``metrics.json`` once.

    The predictions of the ensembles are written too, calibrated with the validation clips of each
    fold, so that their figures can be counted from one file.

    Parameters
    ----------
    models
        Folder of the models.
    protocol
        One whose predictions are stored.
    directory
        Folder of the corpora, for the tables beside the recordings; without it the figures that
        need them stay as they are.
    provenance
        By classifier and ensemble.
    is_last
        Whether the served calibration is written too, which rests on several protocols.

    Raises
    ------
    CorpusError
        Predictions are missing or damaged.
    ModelError
        A ``metrics.json`` is damaged.
    """
    calibrations = fold_calibrations(models, protocol)
    tables = calibrated_predictions(models, protocol, calibrations=calibrations)
    figures = {key: read_metrics(models, key) for key in MODELS}
    for key, predictions in tables.items():
        block: ProtocolFigures = {**provenance.get(key, {})}  # type: ignore[typeddict-item]
        if protocol != EMOBOX_PROTOCOL.key:
            block.update(protocol_metrics(predictions))  # type: ignore[typeddict-item]
        block["calibration"] = _calibration_of(key, calibrations)
        if protocol == CROSS_CORPUS.key:
            block["uar"], block["intervals"]["uar"] = uar_of_folds(predictions.among(LABELS))
        earlier = figures[key]["protocols"].get(protocol, {})
        if protocol == SPEAKERS.key:
            by_group = groups.fairness(predictions, directory)
            block["fairness"] = by_group or earlier.get("fairness", {})
        figures[key]["protocols"][protocol] = block
        if key in ENSEMBLES:
            write_predictions(predictions_file(models, key, protocol), predictions)
    if protocol != EMOBOX_PROTOCOL.key:
        parts = {key: predictions.among(LABELS) for key, predictions in tables.items()}
        figures[ENSEMBLE]["protocols"][protocol]["differences"] = differences.paired_differences(
            parts, by_fold=protocol == CROSS_CORPUS.key
        )
    if protocol == SPEAKERS.key:
        add_selective(figures, tables)
        _add_surrogate(models, figures, tables)
        _add_listeners(models, figures, tables, directory)
    if protocol in (SPEAKERS.key, EMOBOX_PROTOCOL.key):
        _add_emobox(models, figures)
    if protocol in (SPEAKERS.key, CROSS_CORPUS.key):
        add_cross_corpus_selection(models, figures)
        if is_last:
            write_served(models)
    for content in figures.values():
        content["operating_points"] = operating_points.operating_points(content["protocols"])
        write_metrics(models, content)


def summarise_all(models: Path, directory: Path | None) -> None:
    """Compute the figures of every protocol that was run, and write them (see ``summarise``).

    Nothing is trained.  What is stored of the runs stays.

    Raises
    ------
    CorpusError
        Predictions are missing or damaged.
    ModelError
        A ``metrics.json`` is damaged.
    """
    for protocol in PROTOCOLS:
        if any(predictions_file(models, key, protocol).exists() for key in CLASSIFIERS):
            provenance = {key: stored_provenance(models, key, protocol) for key in CLASSIFIERS}
            for key, ensemble in ENSEMBLES.items():
                provenance[key] = joined([provenance[own] for own in ensemble.members])
            summarise(models, protocol, directory, provenance, is_last=False)
    write_served(models)


def stored_provenance(models: Path, key: str, protocol: str) -> Provenance:
    """Return the stored runs of a classifier under a protocol, and its clips that were left out."""
    block = read_metrics(models, key)["protocols"].get(protocol, {})
    return {"runs": block.get("runs", []), "left_out": block.get("left_out", [])}


def joined(parts: Sequence[Provenance]) -> Provenance:
    """Return the runs and the clips left out of all classifiers, each once, fold by fold."""
    runs: list[Run] = []
    left_out: list[LeftOut] = []
    for part in parts:
        runs += [row for row in part["runs"] if row not in runs]
        left_out += [row for row in part["left_out"] if row not in left_out]
    return {
        "runs": sorted(runs, key=lambda row: row["fold"]),
        "left_out": sorted(left_out, key=lambda row: row["fold"]),
    }


def _calibration_of(key: str, calibrations: Mapping[int, Calibration]) -> list[FoldCalibration]:
    rows: list[FoldCalibration] = []
    for fold, calibration in calibrations.items():
        row: FoldCalibration = {"fold": fold}
        if key in ENSEMBLES:
            row["weights"] = calibration.weights_of(key)
        else:
            row["temperature"] = calibration.temperatures[key]
        if (own := calibration.strangers) is not None:
            row["strangers"] = {
                "centre": own.centre,
                "width": own.width,
                "temperature": own.temperatures[key],
            }
        rows.append(row)
    return rows


def _add_surrogate(
    models: Path, figures: Mapping[str, ModelFigures], tables: Mapping[str, Predictions]
) -> None:
    """Add the figures of the surrogate tree, if it was run on all clips that the tree tested."""
    path = surrogate_file(models, SPEAKERS.key)
    if not path.exists():
        return
    surrogate, tree = read_predictions(path), tables[SURROGATE_OF]
    if np.array_equal(surrogate.clips, tree.clips):
        block = figures[SURROGATE_OF]["protocols"][SPEAKERS.key]
        block["surrogate"] = surrogate_scores(surrogate, tree)


def surrogate_scores(surrogate: Predictions, tree: Predictions) -> SurrogateFigures:
    """Return the figures of the surrogate tree, and how often it agrees with the tree."""
    part = surrogate.among(LABELS)
    scores = score_predictions(part)
    return {
        "n": scores.n,
        "accuracy": scores.accuracy,
        "uar": scores.uar,
        "intervals": speaker_intervals(part),
        "agreement": float((part.predicted() == tree.among(LABELS).predicted()).mean()),
    }


def _add_emobox(models: Path, figures: Mapping[str, ModelFigures]) -> None:
    """Add UAR, accuracy and macro-F1 per corpus of EmoBox: means over its folds."""
    tables = {
        protocol: calibrated_predictions(models, protocol)
        for protocol in sorted({protocol for protocol, _ in EMOBOX.values()})
        if all(predictions_file(models, key, protocol).exists() for key in CLASSIFIERS)
    }
    for key, content in figures.items():
        block = content["protocols"].setdefault(EMOBOX_PROTOCOL.key, {})
        own = {protocol: by_key[key] for protocol, by_key in tables.items()}
        block["per_corpus"] = emobox_figures(own)


def emobox_figures(tables: Mapping[str, Predictions]) -> dict[str, CorpusFigures]:
    """Return the figures of one model on each corpus of EmoBox that it tested with all its labels.

    Parameters
    ----------
    tables
        Predictions of the model by protocol.
    """
    per_corpus: dict[str, CorpusFigures] = {}
    for corpus, (protocol, labels) in EMOBOX.items():
        if protocol not in tables:
            continue
        predictions = tables[protocol]
        part = predictions.take(predictions.corpora == corpus)
        if len(part):
            per_corpus[corpus] = _emobox_scores(part, protocol, labels)
    return per_corpus


def _emobox_scores(predictions: Predictions, protocol: str, labels: Sequence[str]) -> CorpusFigures:
    block = protocol_metrics(predictions, labels)

    def mean(name: str) -> float:
        return float(np.mean([fold[name] for fold in block["folds"]]))

    return {
        "protocol": protocol,
        "labels": list(labels),
        "n": block["n"],
        "accuracy": mean("accuracy"),
        "uar": mean("uar"),
        "macro_f1": mean("macro_f1"),
        "intervals": block["intervals"],
        "confusion": block["confusion"],
    }


# --- Listeners -----------------------------------------------------------------------------------


def _add_listeners(
    models: Path,
    figures: Mapping[str, ModelFigures],
    tables: Mapping[str, Predictions],
    directory: Path | None,
) -> None:
    """Add the comparison with the listeners of CREMA-D, and write their own figures."""
    votes = read_votes(directory) if directory is not None else {}
    if not votes:
        return
    for key, predictions in tables.items():
        voted = _voted(predictions, votes)
        if voted is None:
            return
        part, counts = voted
        figures[key]["protocols"][LISTENERS_PROTOCOL.key] = _against_listeners(part, counts)
    write_json(models / LISTENERS, listener_figures(part.emotions.tolist(), counts))


def against_listeners(
    predictions: Predictions, votes: Mapping[str, np.ndarray]
) -> ProtocolFigures | None:
    """Return the figures of a model beside the listeners of CREMA-D; None without their votes.

    Parameters
    ----------
    predictions
        Under ``speakers``.
    votes
        Counts by clip, as ``metadata.read_votes`` returns them.
    """
    voted = _voted(predictions, votes)
    return None if voted is None else _against_listeners(*voted)


def _voted(
    predictions: Predictions, votes: Mapping[str, np.ndarray]
) -> tuple[Predictions, np.ndarray] | None:
    """Return the clips that listeners voted on, and the counts (n, 6); None without such clips."""
    is_voted = [
        corpus == "cremad" and clip in votes and votes[clip].sum() > 0
        for corpus, clip in zip(
            predictions.corpora.tolist(), predictions.clips.tolist(), strict=True
        )
    ]
    if not any(is_voted):
        return None
    part = predictions.take(np.array(is_voted)).among(LISTENER_LABELS)
    return part, np.stack([votes[clip] for clip in part.clips.tolist()])


def _distance(left: np.ndarray, right: np.ndarray) -> float:
    """Return the mean total variation distance of rows of probabilities, 0 (equal) to 1."""
    return float(0.5 * np.abs(left - right).sum(axis=1).mean())


def _against_listeners(predictions: Predictions, counts: np.ndarray) -> ProtocolFigures:
    shares = counts / counts.sum(axis=1, keepdims=True)
    scores = score_predictions(predictions)
    predicted = predictions.predicted()
    most = counts == counts.max(axis=1, keepdims=True)
    agreement = most[np.arange(len(predicted)), predicted] / most.sum(axis=1)
    return {
        "labels": list(LISTENER_LABELS),
        "n": scores.n,
        "accuracy": scores.accuracy,
        "uar": scores.uar,
        "macro_f1": scores.macro_f1,
        "confusion": scores.confusion.tolist(),
        "intervals": speaker_intervals(predictions),
        "distance_from_votes": _distance(predictions.probabilities, shares),
        "agreement_with_plurality": float(agreement.mean()),
    }


def listener_figures(emotions: Sequence[str], counts: np.ndarray) -> dict[str, Any]:
    """Return the figures of single listeners and of their plurality against the acted label.

    Parameters
    ----------
    emotions
        Acted label of each of n clips.
    counts : ndarray of float64, shape (n, 6)
        Votes on each clip, in the order of ``LISTENER_LABELS``; at least one vote a clip.

    Returns
    -------
    dict
        The content of ``listeners.json``.  A tie of the plurality counts in equal shares.
    """
    targets = np.array([LISTENER_LABELS.index(emotion) for emotion in emotions])
    shares = counts / counts.sum(axis=1, keepdims=True)
    most = counts == counts.max(axis=1, keepdims=True)
    plurality = most / most.sum(axis=1, keepdims=True)
    rows = np.arange(len(targets))
    confusion = np.zeros((len(LISTENER_LABELS), len(LISTENER_LABELS)))
    np.add.at(confusion, targets, counts)
    recalls = [row[i] / row.sum() for i, row in enumerate(confusion) if row.any()]
    return {
        "labels": list(LISTENER_LABELS),
        "n": len(targets),
        "votes": int(counts.sum()),
        "single_accuracy": float(counts[rows, targets].sum() / counts.sum()),
        "single_uar": float(np.mean(recalls)),
        "plurality_accuracy": float(plurality[rows, targets].mean()),
        "confusion": confusion.astype(int).tolist(),
        "distance_of_acted_label": _distance(np.eye(len(LISTENER_LABELS))[targets], shares),
        "distance_of_equal_shares": _distance(np.full_like(shares, 1 / shares.shape[1]), shares),
        "distance_of_mean_votes": _distance(
            np.broadcast_to(shares.mean(axis=0), shares.shape), shares
        ),
    }
