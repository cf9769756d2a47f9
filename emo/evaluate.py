"""How often each classifier and the vote are right: by protocol, or on a list of files."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from emo.audio import Clip, load
from emo.bundle import Network, network_bytes
from emo.classifiers import CLASSIFIERS, Batch, Fitted
from emo.corpora import Recording
from emo.epochs import softmax
from emo.errors import AudioError, CorpusError, ModelError
from emo.folds import Fold, folds
from emo.labels import LABELS
from emo.metrics import Predictions, protocol_metrics, read_predictions, score, write_predictions
from emo.predict import ANSWER_KEYS, MODEL_KEYS, VOTE, Models, average, predict_many
from emo.train import SEED, Dataset, commit, fit, write_curve

METRICS = "metrics.json"
MANIFEST_COLUMNS = ("path", "emotion")
MANIFEST_CHUNK = 32


@dataclass(frozen=True)
class Run:
    """What a protocol was run with, as it is written beside the figures."""

    protocol: str
    command: str
    commit: str
    seed: int


def probabilities(key: str, fitted: Fitted, batch: Batch) -> np.ndarray:
    """Probabilities, float64 (n, 7), from a classifier as it would be served."""
    predict = CLASSIFIERS[key].predict
    if predict is not None:
        return predict(fitted.arrays, batch.vectors)
    network = Network(network_bytes(fitted))
    return softmax(np.stack([network.logits(view) for view in batch.views]))


def evaluate_protocol(
    protocol: str,
    keys: Sequence[str],
    dataset: Dataset,
    models: Path,
    command: str,
    only: Sequence[int] = (),
    seed: int = SEED,
) -> dict[str, dict[str, Any]]:
    """Fit on each fold's training clips, predict its test clips, and write what came out.

    Writes ``models/<key>/predictions/<protocol>.csv.gz``, the block of the protocol in
    ``models/<key>/metrics.json``, the learning curves, and the same for the vote as soon as all
    three classifiers have predictions of the same clips.

    Parameters
    ----------
    only
        Numbers of the folds to run; all of them if empty.

    Returns
    -------
    dict
        The block of the protocol by classifier, and of the vote if it could be counted.
    """
    chosen = [f for f in folds(protocol, dataset.recordings) if not only or f.number in only]
    if not chosen:
        raise CorpusError(f"Protocol '{protocol}' has no fold {', '.join(map(str, only))} here.")
    run = Run(protocol, command, commit(), seed)
    left_out = _left_out(dataset, chosen)
    blocks = {}
    for key in keys:
        parts = []
        for fold in chosen:
            fitted, part = _run_fold(key, fold, dataset, seed)
            parts.append(part)
            write_curve(models / key, f"{protocol}-{fold.number}", fitted.curve)
        blocks[key] = _write_results(models / key, run, _join(parts), left_out)
    vote = evaluate_vote(models, run, left_out)
    return blocks | ({VOTE: vote} if vote else {})


def _run_fold(key: str, fold: Fold, dataset: Dataset, seed: int) -> tuple[Fitted, Predictions]:
    test_rows = fold.test[dataset.features.usable[fold.test]]
    test = dataset.batch(test_rows)
    name = f"{fold.protocol}-{fold.number}"
    fitted = fit(key, name, dataset.batch(fold.train), seed, watch=test)
    recordings = [dataset.recordings[i] for i in test_rows]
    return fitted, _predictions(recordings, fold.number, probabilities(key, fitted, test))


def _predictions(recordings: Sequence[Recording], fold: int, rows: np.ndarray) -> Predictions:
    return Predictions(
        clips=tuple(r.stem for r in recordings),
        corpora=tuple(r.corpus for r in recordings),
        speakers=tuple(r.speaker for r in recordings),
        folds=(fold,) * len(recordings),
        emotions=tuple(r.emotion for r in recordings),
        probabilities=rows,
    )


def _join(parts: Sequence[Predictions]) -> Predictions:
    return Predictions(
        clips=tuple(c for p in parts for c in p.clips),
        corpora=tuple(c for p in parts for c in p.corpora),
        speakers=tuple(s for p in parts for s in p.speakers),
        folds=tuple(f for p in parts for f in p.folds),
        emotions=tuple(e for p in parts for e in p.emotions),
        probabilities=np.concatenate([p.probabilities for p in parts]),
    )


def _left_out(dataset: Dataset, chosen: Sequence[Fold]) -> list[dict[str, str]]:
    """Test clips that no classifier can use, with the reason."""
    return [
        {"clip": dataset.recordings[i].stem, "reason": dataset.features.reasons[i]}
        for fold in chosen
        for i in fold.test
        if not dataset.features.usable[i]
    ]


def evaluate_vote(models: Path, run: Run, left_out: list[dict[str, str]]) -> dict[str, Any] | None:
    """The vote's block, also written; None unless the three tested the same with one seed."""
    files = [_predictions_file(models / key, run.protocol) for key in MODEL_KEYS]
    if not all(path.exists() for path in files):
        return None
    stored = [read_predictions(path) for path in files]
    first = stored[0]
    tested = (first.corpora, first.clips, first.folds)
    if any((p.corpora, p.clips, p.folds) != tested for p in stored):
        return None
    seeds = {_read_metrics(models / key)["protocols"][run.protocol]["seed"] for key in MODEL_KEYS}
    if seeds != {run.seed}:
        return None
    vote = average([p.probabilities for p in stored])
    return _write_results(models / VOTE, run, replace(first, probabilities=vote), left_out)


def _predictions_file(directory: Path, protocol: str) -> Path:
    return directory / "predictions" / f"{protocol}.csv.gz"


def _write_results(
    directory: Path, run: Run, predictions: Predictions, left_out: list[dict[str, str]]
) -> dict[str, Any]:
    """The block of a protocol, written to ``metrics.json`` beside those of other protocols."""
    write_predictions(_predictions_file(directory, run.protocol), predictions)
    stored = _read_metrics(directory)
    block = protocol_metrics(predictions) | {
        "left_out": left_out,
        "command": run.command,
        "commit": run.commit,
        "seed": run.seed,
    }
    blocks = stored.get("protocols", {}) | {run.protocol: block}
    stored["protocols"] = dict(sorted(blocks.items()))
    (directory / METRICS).write_text(json.dumps(stored, indent=1) + "\n")
    return block


def _read_metrics(directory: Path) -> dict[str, Any]:
    path = directory / METRICS
    if not path.exists():
        return {"key": directory.name, "protocols": {}}
    try:
        stored: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise ModelError(
            f"{path} cannot be read: {error}. Remove it and evaluate again."
        ) from error
    return stored


# --- A list of one's own -------------------------------------------------------------------------


@dataclass(frozen=True)
class Listed:
    """A row of a manifest: a file, relative paths resolved, and its true label."""

    path: Path
    emotion: str


def read_manifest(path: Path) -> list[Listed]:
    """The rows of a CSV with the columns ``path`` and ``emotion``.

    Paths are relative to the file; ``speaker`` and ``corpus`` may stand beside them.

    Raises
    ------
    CorpusError
        The file is missing, is not such a list, is empty, or has an unknown emotion.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise CorpusError(f"The manifest {path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"The manifest {path} is not text. Save it as CSV in UTF-8.") from error
    missing = [c for c in MANIFEST_COLUMNS if not rows or c not in rows[0][1]]
    if missing:
        raise CorpusError(
            f"The manifest {path} has no rows with the columns {' and '.join(MANIFEST_COLUMNS)}. "
            "Its first line must name the columns, such as: path,emotion"
        )
    listed = []
    for line, row in rows:
        if row["emotion"] is None:
            raise CorpusError(f"Line {line} of {path} has no emotion.")
        if row["emotion"] not in LABELS:
            raise CorpusError(
                f"Line {line} of {path} has the emotion '{row['emotion']}'. "
                f"The emotions are {', '.join(LABELS)}."
            )
        if not row["path"]:
            raise CorpusError(f"Line {line} of {path} has no path.")
        listed.append(Listed(path.parent / row["path"], row["emotion"]))
    return listed


def evaluate_manifest(listed: Sequence[Listed], models: Models) -> dict[str, Any]:
    """Figures of each classifier and the vote on listed files, each from the likeliest label.

    Returns
    -------
    dict
        ``n``, ``errors`` (``path`` and ``error`` of each file that could not be used) and
        ``models``: by key ``n``, ``accuracy``, ``uar``, ``macro_f1`` and the 7x7 ``confusion``.

    Raises
    ------
    CorpusError
        Not one of the files can be used.
    """
    emotions: list[str] = []
    rows: dict[str, list[np.ndarray]] = {key: [] for key in ANSWER_KEYS}
    errors: list[dict[str, str]] = []
    for part in _chunks(listed):
        clips: list[Clip] = []
        for item in part:
            try:
                clips.append(load(item.path))
                emotions.append(item.emotion)
            except AudioError as error:
                errors.append({"path": str(item.path), "error": str(error)})
        for prediction in predict_many(clips, models):
            for key, given in prediction.answers.items():
                rows[key].append(given.probabilities)
    if not emotions:
        raise CorpusError(
            f"None of the {len(listed):,} listed files can be used; the first: {errors[0]['error']}"
        )
    names = ("n", "accuracy", "uar", "macro_f1", "confusion")
    scores = {key: score(emotions, np.stack(p)).as_dict() for key, p in rows.items()}
    return {
        "n": len(emotions),
        "errors": errors,
        "models": {key: {name: s[name] for name in names} for key, s in scores.items()},
    }


def _chunks(listed: Sequence[Listed]) -> Iterator[Sequence[Listed]]:
    with tqdm(total=len(listed), desc="manifest", unit="clip") as bar:
        for i in range(0, len(listed), MANIFEST_CHUNK):
            part = listed[i : i + MANIFEST_CHUNK]
            yield part
            bar.update(len(part))
