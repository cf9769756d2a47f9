"""Predictions with their labels, speakers and folds, and the files that hold them."""

import csv
import gzip
import io
import json
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emo.classifiers.calibration import (
    Calibration,
    apply_temperature,
    fit_calibration,
    log_opinion_pool,
    renormalise,
)
from emo.classifiers.registry import CLASSIFIERS
from emo.errors import CorpusError, ModelError
from emo.labels import LABELS, TRAINED_LABELS, VOTE
from emo.system.files import naming

DECIMALS = 6
"""Decimals of a stored probability."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Probabilities of clips that the model had not heard, one row per clip.

    Attributes
    ----------
    clips, corpora, speakers, emotions : tuple of str
        Stem, key of the corpus, speaker and true label.
    folds : tuple of int
        Number of the fold that tested the clip.
    probabilities : ndarray of float64, shape (n, 8)
        In the order of TRAINED_LABELS; as the classifier gives them, before calibration.
    """

    clips: tuple[str, ...]
    corpora: tuple[str, ...]
    speakers: tuple[str, ...]
    folds: tuple[int, ...]
    emotions: tuple[str, ...]
    probabilities: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.clips)

    def take(self, rows: npt.NDArray[np.int64] | Sequence[int]) -> "Predictions":
        """Some rows, in the order given."""
        return Predictions(
            clips=tuple(self.clips[i] for i in rows),
            corpora=tuple(self.corpora[i] for i in rows),
            speakers=tuple(self.speakers[i] for i in rows),
            folds=tuple(self.folds[i] for i in rows),
            emotions=tuple(self.emotions[i] for i in rows),
            probabilities=self.probabilities[list(rows)],
        )

    def among(self, labels: Sequence[str]) -> "Predictions":
        """The clips of some labels, with the probabilities of these alone, adding up to 1."""
        part = self.take([i for i, emotion in enumerate(self.emotions) if emotion in labels])
        columns = [TRAINED_LABELS.index(label) for label in labels]
        return replace(part, probabilities=renormalise(part.probabilities, columns))


def join(parts: Sequence[Predictions]) -> Predictions:
    """The rows of several, one after the other."""
    return Predictions(
        clips=tuple(c for p in parts for c in p.clips),
        corpora=tuple(c for p in parts for c in p.corpora),
        speakers=tuple(s for p in parts for s in p.speakers),
        folds=tuple(f for p in parts for f in p.folds),
        emotions=tuple(e for p in parts for e in p.emotions),
        probabilities=np.concatenate([p.probabilities for p in parts]),
    )


# --- Files ---------------------------------------------------------------------------------------

_COLUMNS = (
    "clip",
    "corpus",
    "speaker",
    "fold",
    "emotion",
    *(f"p_{label}" for label in TRAINED_LABELS),
)


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
    with naming(target):
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
            probabilities=np.array(probabilities, dtype=np.float64).reshape(
                -1, len(TRAINED_LABELS)
            ),
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


METRICS = "metrics.json"


SURROGATE_OF = next(key for key, row in CLASSIFIERS.items() if row.surrogate)
"""The classifier with a readable surrogate, of which the registry has one."""
_DIGITS = 6


# --- Files ---------------------------------------------------------------------------------------


def predictions_file(models: Path, key: str, protocol: str, condition: str = "") -> Path:
    """Raw predictions of a protocol's test clips, as recorded or under a condition."""
    name = f"{protocol}.{condition}" if condition else protocol
    return models / key / "predictions" / f"{name}.csv.gz"


def surrogate_file(models: Path, protocol: str) -> Path:
    """Raw predictions of the readable tree on a protocol's test clips."""
    return predictions_file(models, SURROGATE_OF, protocol, "surrogate")


def calibration_file(models: Path, key: str, protocol: str) -> Path:
    """Raw predictions of the clips that a protocol keeps for calibration."""
    return models / key / "calibration" / f"{protocol}.csv.gz"


def read_metrics(models: Path, key: str) -> dict[str, Any]:
    """What ``metrics.json`` says of a classifier or the vote; no protocols if there is none.

    Raises
    ------
    ModelError
        The file is damaged.
    """
    return read_json(models / key / METRICS) or {"key": key, "protocols": {}}


def read_json(path: Path) -> dict[str, Any]:
    """An object from a file, an empty one if there is no such file.

    Raises
    ------
    ModelError
        The file is damaged.
    """
    if not path.exists():
        return {}
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(stored, dict):
            raise ValueError("it is not an object")
    except ValueError as error:
        raise ModelError(
            f"{path} cannot be read: {error}. Remove it and evaluate again."
        ) from error
    return stored


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Nothing; writes an object whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with naming(partial):
        partial.write_text(json.dumps(_rounded(content), indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value


# --- Calibrated answers --------------------------------------------------------------------------


def _read_all(path: Callable[[str], Path]) -> dict[str, Predictions]:
    """Predictions of all three classifiers, of the same clips in the same order."""
    read = {key: read_predictions(path(key)) for key in CLASSIFIERS}
    first = next(iter(read.values()))
    for key, one in read.items():
        if (one.corpora, one.clips, one.folds) != (first.corpora, first.clips, first.folds):
            raise CorpusError(
                f"{path(key)} is of other clips than those of the other classifiers. "
                "Evaluate all classifiers again."
            )
    return read


def fold_calibrations(models: Path, protocol: str) -> dict[int, Calibration]:
    """For each fold, what was fitted to its calibration clips.

    Raises
    ------
    CorpusError
        A file is missing, damaged, or of other clips than the rest.
    """
    kept = _read_all(lambda key: calibration_file(models, key, protocol))
    first = next(iter(kept.values()))
    calibrations = {}
    for fold in sorted(set(first.folds)):
        rows = [i for i, one in enumerate(first.folds) if one == fold]
        asked = {key: one.take(rows).among(LABELS) for key, one in kept.items()}
        emotions = next(iter(asked.values())).emotions
        targets = np.array([LABELS.index(emotion) for emotion in emotions])
        calibrations[fold] = fit_calibration(
            {key: one.probabilities for key, one in asked.items()}, targets
        )
    return calibrations


def calibrated_predictions(
    models: Path,
    protocol: str,
    condition: str = "",
    calibrations: Mapping[int, Calibration] | None = None,
) -> dict[str, Predictions]:
    """Calibrated probabilities of the three classifiers and of the vote, by key.

    Each fold's clips are calibrated by what that fold's own calibration clips gave
    (:func:`fold_calibrations`, made if not given).

    Raises
    ------
    CorpusError
        A file is missing, damaged, or of other clips than the rest.
    """
    calibrations = calibrations or fold_calibrations(models, protocol)
    raw = _read_all(lambda key: predictions_file(models, key, protocol, condition))
    first = next(iter(raw.values()))
    if lacking := sorted(set(first.folds) - set(calibrations)):
        raise CorpusError(
            f"Fold {lacking[0]} of protocol '{protocol}' has no clips to calibrate with. Run: "
            f"python -m emo evaluate --protocol {protocol} --fold {lacking[0]}"
        )
    folds = np.array(first.folds)
    made = {key: one.probabilities.copy() for key, one in raw.items()}
    made[VOTE] = np.empty_like(first.probabilities)
    for fold, calibration in calibrations.items():
        rows = np.flatnonzero(folds == fold)
        own = {key: one.probabilities[rows] for key, one in raw.items()}
        for key in raw:
            made[key][rows] = apply_temperature(own[key], calibration.temperatures[key])
        made[VOTE][rows] = log_opinion_pool(own, calibration.weights)
    return {key: replace(first, probabilities=rows) for key, rows in made.items()}
