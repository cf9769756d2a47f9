"""From stored raw predictions to answers and figures: calibration, the vote, and every table.

``models/<key>/predictions/`` holds what each classifier said of clips that it had not heard, and
``models/<key>/calibration/`` what it said of the clips kept for calibration.  Everything here is
counted from those files, so that it can be counted again without training and, but for what
listeners heard and how old actors are, without the recordings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from emo.classifiers.calibration import CALIBRATION, Calibration, reaches
from emo.classifiers.registry import CLASSIFIERS
from emo.corpora.metadata import (
    LISTENER_LABELS,
    age_band_of,
    read_sexes_and_ages,
    read_votes,
    sex_of,
)
from emo.evaluation.benchmark import EMOBOX
from emo.evaluation.metrics import protocol_metrics, score, speaker_intervals, uar_of_folds
from emo.evaluation.predictions import (
    METRICS,
    SURROGATE_OF,
    Predictions,
    calibrated_predictions,
    fold_calibrations,
    predictions_file,
    read_metrics,
    read_predictions,
    surrogate_file,
    write_json,
)
from emo.evaluation.selective import coverage_and_accuracy, selections
from emo.labels import LABELS, VOTE
from emo.training.degradation import CONDITIONS

LISTENERS = "listeners.json"
PRESENCE = "non_speech.json"  # false alarms of what finds clips out of place


# --- Figures -------------------------------------------------------------------------------------


def summarise(
    models: Path,
    protocol: str,
    directory: Path | None,
    facts: Mapping[str, Mapping[str, Any]],
) -> None:
    """Nothing; counts the figures of a protocol and writes them to every ``metrics.json``.

    Parameters
    ----------
    directory
        Folder of the corpora, for the tables beside the recordings; without it the figures that
        need them stay as they are.
    facts
        What stands beside the figures, by classifier and vote: ``runs`` (for each fold its commit,
        command and seed) and ``left_out``.
    """
    calibrations = fold_calibrations(models, protocol)
    given = calibrated_predictions(models, protocol, calibrations=calibrations)
    chosen = selections(given) if protocol == "speakers" else {}
    for key, predictions in given.items():
        stored = read_metrics(models, key)
        block: dict[str, Any] = {**facts.get(key, {})}
        if protocol != "emobox":
            block |= protocol_metrics(predictions)
        block["calibration"] = _calibration_of(key, calibrations)
        if protocol == "cross-corpus":
            block["uar"], block["intervals"]["uar"] = uar_of_folds(predictions.among(LABELS))
        if protocol == "speakers":
            block["selective"] = chosen[key].to_dict()
            earlier = stored["protocols"].get(protocol, {})
            block["fairness"] = fairness(predictions, directory) or earlier.get("fairness", {})
            if key == SURROGATE_OF and (
                surrogate := _read_surrogate(models, protocol, predictions)
            ):
                block["surrogate"] = surrogate_scores(surrogate, predictions)
        stored["protocols"][protocol] = block
        _write_metrics(models, key, stored)
    if protocol == "speakers":
        _summarise_robustness(models, given, calibrations)
        _summarise_listeners(models, given, directory)
        limits = {key: selection.limit for key, selection in chosen.items()}
        _write_calibration(models, calibrations, limits)
    if protocol in ("speakers", "emobox"):
        _summarise_emobox(models)
    if protocol in ("speakers", "cross-corpus"):
        _summarise_elsewhere(models)


def _write_metrics(models: Path, key: str, stored: dict[str, Any]) -> None:
    stored["protocols"] = dict(sorted(stored["protocols"].items()))
    write_json(models / key / METRICS, stored)


def _calibration_of(key: str, calibrations: Mapping[int, Calibration]) -> list[dict[str, Any]]:
    if key == VOTE:
        return [{"fold": fold, "weights": one.weights} for fold, one in calibrations.items()]
    return [
        {"fold": fold, "temperature": one.temperatures[key]} for fold, one in calibrations.items()
    ]


def _write_calibration(
    models: Path, calibrations: Mapping[int, Calibration], thresholds: dict[str, float]
) -> None:
    """What the shipped models use: the mean over the folds of ``speakers`` that were run."""

    def mean(name: str) -> dict[str, float]:
        rows = [getattr(one, name) for one in calibrations.values()]
        return {key: float(np.mean([row[key] for row in rows])) for key in CLASSIFIERS}

    shipped = Calibration(mean("temperatures"), mean("weights"), thresholds)
    write_json(models / CALIBRATION, asdict(shipped))


def _summarise_elsewhere(models: Path) -> None:
    """How many answers to other recordings are sure by the limits that ship, and how often right.

    The limits are chosen on ``speakers``; nothing is counted before both protocols were run.
    """
    stored = {key: read_metrics(models, key) for key in (*CLASSIFIERS, VOTE)}
    blocks = {key: one["protocols"] for key, one in stored.items()}
    if not all(
        "cross-corpus" in one and "selective" in one.get("speakers", {}) for one in blocks.values()
    ):
        return
    kept: dict[str, np.ndarray] = {}
    for key, predictions in calibrated_predictions(models, "cross-corpus").items():
        asked = predictions.among(LABELS)
        limit = blocks[key]["speakers"]["selective"]["threshold"]
        kept[key] = reaches(asked.probabilities.max(axis=1), limit)
        if key == VOTE:
            kept[key] &= np.any([kept[one] for one in CLASSIFIERS], axis=0)
        chosen = np.array(LABELS)[asked.probabilities.argmax(axis=1)]
        right = np.array(asked.emotions) == chosen
        blocks[key]["cross-corpus"]["selective"] = {
            "threshold": limit,
            **coverage_and_accuracy(right, kept[key]),
        }
        _write_metrics(models, key, stored[key])


def _read_surrogate(models: Path, protocol: str, tree: Predictions) -> Predictions | None:
    """What the readable tree said of the clips that the tree tested; None if not of all."""
    path = surrogate_file(models, protocol)
    surrogate = read_predictions(path) if path.exists() else None
    return surrogate if surrogate is not None and surrogate.clips == tree.clips else None


def surrogate_scores(surrogate: Predictions, tree: Predictions) -> dict[str, Any]:
    """Figures of the readable tree, and for which share of the clips it says what the tree says."""
    asked = surrogate.among(LABELS)
    chosen = asked.probabilities.argmax(axis=1)
    same = chosen == tree.among(LABELS).probabilities.argmax(axis=1)
    scores = score(asked.emotions, asked.probabilities)
    return {
        "n": scores.n,
        "accuracy": scores.accuracy,
        "uar": scores.uar,
        "intervals": speaker_intervals(asked),
        "agreement": float(same.mean()),
    }


def fairness(predictions: Predictions, directory: Path | None) -> dict[str, Any]:
    """Figures by sex, by age band of the actors of CREMA-D, and by corpus; empty without a folder.

    Returns
    -------
    dict
        Kind of group → group → ``n``, ``speakers``, ``accuracy``, ``uar`` and ``intervals``.
    """
    if directory is None:
        return {}
    actors = read_sexes_and_ages(directory)
    asked = predictions.among(LABELS)
    kinds: dict[str, list[str | None]] = {
        "sex": [sex_of(speaker, actors) for speaker in asked.speakers],
        "age": [age_band_of(speaker, actors) for speaker in asked.speakers],
        "corpus": list(asked.corpora),
    }
    table: dict[str, Any] = {}
    for kind, groups in kinds.items():
        names = list(dict.fromkeys(sorted(group for group in groups if group)))
        if kind == "corpus":
            names = list(dict.fromkeys(asked.corpora))
        table[kind] = {
            name: _group_scores(asked, [i for i, group in enumerate(groups) if group == name])
            for name in names
        }
    return table


def _group_scores(asked: Predictions, rows: Sequence[int]) -> dict[str, Any]:
    own = asked.take(rows)
    scores = score(own.emotions, own.probabilities)
    return {
        "n": scores.n,
        "speakers": len(set(own.speakers)),
        "accuracy": scores.accuracy,
        "uar": scores.uar,
        "intervals": speaker_intervals(own),
    }


def _summarise_robustness(
    models: Path, clean: Mapping[str, Predictions], calibrations: Mapping[int, Calibration]
) -> None:
    """Accuracy under each condition, beside that of the same clips as recorded."""
    files = [
        predictions_file(models, key, "speakers", name)
        for key in CLASSIFIERS
        for name in CONDITIONS
    ]
    if not all(path.exists() for path in files):
        return
    place = {clip: i for i, clip in enumerate(clean[VOTE].clips)}
    tables: dict[str, dict[str, Any]] = {key: {} for key in clean}
    for name in CONDITIONS:
        for key, predictions in calibrated_predictions(
            models, "speakers", name, calibrations
        ).items():
            if "clean" not in tables[key]:
                same = clean[key].take([place[clip] for clip in predictions.clips])
                tables[key]["clean"] = _condition_scores(same)
            tables[key][name] = _condition_scores(predictions)
    for key, table in tables.items():
        stored = read_metrics(models, key)
        stored["protocols"]["speakers"]["robustness"] = table
        _write_metrics(models, key, stored)


def _condition_scores(predictions: Predictions) -> dict[str, float]:
    asked = predictions.among(LABELS)
    scores = score(asked.emotions, asked.probabilities)
    return {"n": scores.n, "accuracy": scores.accuracy, "uar": scores.uar, "ece": scores.ece}


def _summarise_emobox(models: Path) -> None:
    """UA, WA and macro-F1 per corpus, as the benchmark reports them: means over its folds."""
    sources = {protocol for protocol, _ in EMOBOX.values()}
    given = {}
    for protocol in sorted(sources):
        if predictions_file(models, VOTE, protocol).exists() or all(
            predictions_file(models, key, protocol).exists() for key in CLASSIFIERS
        ):
            given[protocol] = calibrated_predictions(models, protocol)
    for key in (*CLASSIFIERS, VOTE):
        per_corpus = {}
        for corpus, (protocol, labels) in EMOBOX.items():
            if protocol not in given:
                continue
            all_rows = given[protocol][key]
            rows = [i for i, one in enumerate(all_rows.corpora) if one == corpus]
            if not rows:
                continue
            block = protocol_metrics(all_rows.take(rows), labels)
            means = {
                name: float(np.mean([fold[name] for fold in block["folds"]]))
                for name in ("accuracy", "uar", "macro_f1")
            }
            per_corpus[corpus] = {
                "protocol": protocol,
                "labels": list(labels),
                "n": block["n"],
                **means,
                "intervals": block["intervals"],
                "confusion": block["confusion"],
            }
        stored = read_metrics(models, key)
        stored["protocols"].setdefault("emobox", {})["per_corpus"] = per_corpus
        _write_metrics(models, key, stored)


# --- What listeners heard ------------------------------------------------------------------------


def _summarise_listeners(
    models: Path, given: Mapping[str, Predictions], directory: Path | None
) -> None:
    """How the answers to CREMA-D's clips compare with those of people who heard the same."""
    votes = read_votes(directory) if directory is not None else {}
    if not votes:
        return
    human: dict[str, Any] = {}
    for key, predictions in given.items():
        rows = [
            i
            for i, (corpus, clip) in enumerate(
                zip(predictions.corpora, predictions.clips, strict=True)
            )
            if corpus == "cremad" and clip in votes and votes[clip].sum() > 0
        ]
        if not rows:
            return
        asked = predictions.take(rows).among(LISTENER_LABELS)
        counts = np.stack([votes[clip] for clip in asked.clips])
        stored = read_metrics(models, key)
        stored["protocols"]["listeners"] = _against_listeners(asked, counts)
        _write_metrics(models, key, stored)
        human = human or listeners_alone(asked.emotions, counts)
    write_json(models / LISTENERS, human)


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    """Mean total variation distance of rows of probabilities, 0 (the same) to 1."""
    return float(0.5 * np.abs(one - other).sum(axis=1).mean())


def _against_listeners(asked: Predictions, counts: np.ndarray) -> dict[str, Any]:
    shares = counts / counts.sum(axis=1, keepdims=True)
    scores = score(asked.emotions, asked.probabilities, LISTENER_LABELS).to_dict()
    chosen = asked.probabilities.argmax(axis=1)
    most = counts == counts.max(axis=1, keepdims=True)
    return {
        "labels": list(LISTENER_LABELS),
        **{name: scores[name] for name in ("n", "accuracy", "uar", "macro_f1", "confusion")},
        "intervals": speaker_intervals(asked, LISTENER_LABELS),
        "distance_from_votes": _distance(asked.probabilities, shares),
        "agreement_with_plurality": float(
            (most[np.arange(len(chosen)), chosen] / most.sum(axis=1)).mean()
        ),
    }


def listeners_alone(emotions: Sequence[str], counts: np.ndarray) -> dict[str, Any]:
    """Single listeners and their plurality against the acted label, ties shared.

    ``counts`` are the votes on each clip, float64 (n, 6), none without a vote.
    """
    true = np.array([LISTENER_LABELS.index(emotion) for emotion in emotions])
    shares = counts / counts.sum(axis=1, keepdims=True)
    most = counts == counts.max(axis=1, keepdims=True)
    plurality = most / most.sum(axis=1, keepdims=True)
    rows = np.arange(len(true))
    confusion = np.zeros((len(LISTENER_LABELS), len(LISTENER_LABELS)))
    np.add.at(confusion, true, counts)
    recalls = [row[i] / row.sum() for i, row in enumerate(confusion) if row.any()]
    return {
        "labels": list(LISTENER_LABELS),
        "n": len(true),
        "votes": int(counts.sum()),
        "single_accuracy": float(counts[rows, true].sum() / counts.sum()),
        "single_uar": float(np.mean(recalls)),
        "plurality_accuracy": float(plurality[rows, true].mean()),
        "confusion": confusion.astype(int).tolist(),
        "distance_of_acted_label": _distance(np.eye(len(LISTENER_LABELS))[true], shares),
        "distance_of_equal_shares": _distance(np.full_like(shares, 1 / shares.shape[1]), shares),
        "distance_of_mean_votes": _distance(
            np.broadcast_to(shares.mean(axis=0), shares.shape), shares
        ),
    }
