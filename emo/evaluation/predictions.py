"""Predictions with their labels, speakers and folds, and the files that hold them."""

import csv
import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emo.classifiers.calibration import (
    Calibration,
    calibrate,
    fit_calibration,
    fit_temperature,
    renormalise,
)
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.strangers import StrangerCalibration, fit_switch
from emo.corpora.protocols import CROSS_CORPUS, SPEAKERS
from emo.errors import CorpusError
from emo.labels import LABELS, TRAINED_LABELS
from emo.system.files import naming

DECIMALS = 6
"""Decimals of a stored probability."""

SURROGATE_OF = next(key for key, row in CLASSIFIERS.items() if row.surrogate)
"""The classifier with a readable surrogate, of which the registry has one."""

Stamps = tuple[tuple[str, int, int], ...]
"""Path, time in nanoseconds and size of each file; fits to these files are kept under them."""

Rows = npt.NDArray[np.int64] | npt.NDArray[np.bool_] | Sequence[int]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Probabilities of n test clips that one model was not fitted to, a row per clip.

    Attributes
    ----------
    clips, corpora, speakers, emotions : ndarray of str, shape (n,)
        Stem, key of the corpus, speaker and true label.
    folds : ndarray of int64, shape (n,)
        Number of the fold that tested the clip.
    probabilities : ndarray of float64, shape (n, k)
        A column for each of ``labels``.
    labels : tuple of str
        The k labels that could be predicted.
    strangeness : ndarray of float64, shape (n,), or None
        Distance of each clip from the training clips; None where the classifier has no measure.
    """

    clips: npt.NDArray[np.str_]
    corpora: npt.NDArray[np.str_]
    speakers: npt.NDArray[np.str_]
    folds: npt.NDArray[np.int64]
    emotions: npt.NDArray[np.str_]
    probabilities: npt.NDArray[np.float64]
    labels: tuple[str, ...] = TRAINED_LABELS
    strangeness: npt.NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.clips)

    def take(self, rows: Rows) -> "Predictions":
        """Return some rows, by their numbers in the wanted order or by a mask."""
        index = np.asarray(rows)
        index = index if index.dtype == bool else index.astype(np.int64)
        return Predictions(
            clips=self.clips[index],
            corpora=self.corpora[index],
            speakers=self.speakers[index],
            folds=self.folds[index],
            emotions=self.emotions[index],
            probabilities=self.probabilities[index],
            labels=self.labels,
            strangeness=None if self.strangeness is None else self.strangeness[index],
        )

    def among(self, labels: Sequence[str]) -> "Predictions":
        """Return the clips of some labels, the probabilities of these alone adding up to 1."""
        part = self.take(np.isin(self.emotions, list(labels)))
        columns = [self.labels.index(label) for label in labels]
        probabilities = renormalise(part.probabilities, columns)
        return replace(part, probabilities=probabilities, labels=tuple(labels))

    def targets(self) -> npt.NDArray[np.int64]:
        """Return the place of each clip's true label among ``labels``, int64 (n,)."""
        matches = np.stack([self.emotions == label for label in self.labels], axis=1)
        if not matches.any(axis=1).all():
            other = self.emotions[~matches.any(axis=1)][0]
            raise ValueError(f"'{other}' is none of the labels {', '.join(self.labels)}")
        return np.asarray(matches.argmax(axis=1), dtype=np.int64)

    def predicted(self) -> npt.NDArray[np.int64]:
        """Return the place of each clip's likeliest label among ``labels``, int64 (n,)."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)


def make_predictions(
    clips: Sequence[str],
    corpora: Sequence[str],
    speakers: Sequence[str],
    folds: Sequence[int],
    emotions: Sequence[str],
    probabilities: npt.NDArray[np.float64],
    labels: Sequence[str] = TRAINED_LABELS,
    strangeness: npt.NDArray[np.float64] | None = None,
) -> Predictions:
    """Return predictions from columns of any kind of sequence."""
    return Predictions(
        clips=np.array(clips, dtype=np.str_),
        corpora=np.array(corpora, dtype=np.str_),
        speakers=np.array(speakers, dtype=np.str_),
        folds=np.array(folds, dtype=np.int64),
        emotions=np.array(emotions, dtype=np.str_),
        probabilities=probabilities,
        labels=tuple(labels),
        strangeness=strangeness,
    )


def join(parts: Sequence[Predictions]) -> Predictions:
    """Return the rows of several tables of the same labels, one table after the other."""
    return Predictions(
        clips=np.concatenate([part.clips for part in parts]),
        corpora=np.concatenate([part.corpora for part in parts]),
        speakers=np.concatenate([part.speakers for part in parts]),
        folds=np.concatenate([part.folds for part in parts]),
        emotions=np.concatenate([part.emotions for part in parts]),
        probabilities=np.concatenate([part.probabilities for part in parts]),
        labels=parts[0].labels,
        strangeness=_join_strangeness(parts),
    )


def is_same(left: Predictions, right: Predictions, tolerance: float) -> bool:
    """Return whether two tables have the same rows, and probabilities within a tolerance."""
    columns = ("clips", "corpora", "speakers", "folds", "emotions")
    return all(np.array_equal(getattr(left, name), getattr(right, name)) for name in columns) and (
        bool(np.allclose(left.probabilities, right.probabilities, rtol=0, atol=tolerance))
    )


def _join_strangeness(parts: Sequence[Predictions]) -> npt.NDArray[np.float64] | None:
    known = [part.strangeness for part in parts if part.strangeness is not None]
    return np.concatenate(known) if len(known) == len(parts) else None


# --- Files ---------------------------------------------------------------------------------------

_FACTS = ("clip", "corpus", "speaker", "fold", "emotion")


def _columns(labels: Sequence[str]) -> tuple[str, ...]:
    return (*_FACTS, *(f"p_{label}" for label in labels))


_STRANGENESS = "strangeness"  # a further column, of a classifier that measures it


def predictions_file(models: Path, key: str, protocol: str, variant: str = "") -> Path:
    """Return the file of predictions of a protocol's test clips.

    Parameters
    ----------
    models
        Folder of the models.
    key
        Key of a classifier, whose file holds raw predictions; or of an ensemble, whose file holds
        calibrated ones and exists for no variant.
    protocol
        Key of a protocol.
    variant
        Name of further predictions of the same clips, such as those of another seed.
    """
    name = f"{protocol}.{variant}" if variant else protocol
    return models / key / "predictions" / f"{name}.csv.gz"


def surrogate_file(models: Path, protocol: str) -> Path:
    """Return the file of the surrogate tree's predictions of a protocol's test clips."""
    return predictions_file(models, SURROGATE_OF, protocol, "surrogate")


def calibration_file(models: Path, key: str, protocol: str) -> Path:
    """Return the file of raw predictions of a protocol's validation clips."""
    return models / key / "calibration" / f"{protocol}.csv.gz"


def write_predictions(path: str | os.PathLike[str], predictions: Predictions) -> None:
    """Write a gzipped CSV with a row per clip; the same predictions give the same bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    distances = predictions.strangeness
    names = _columns(predictions.labels)
    writer.writerow(names if distances is None else (*names, _STRANGENESS))
    columns = zip(
        predictions.clips.tolist(),
        predictions.corpora.tolist(),
        predictions.speakers.tolist(),
        predictions.folds.tolist(),
        predictions.emotions.tolist(),
        predictions.probabilities.tolist()
        if distances is None
        else np.column_stack([predictions.probabilities, distances]).tolist(),
        strict=True,
    )
    writer.writerows([*row[:-1], *(f"{p:.{DECIMALS}f}" for p in row[-1])] for row in columns)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # A gzip header carries a time, which would change the bytes.
    with naming(target):
        target.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


def read_predictions(
    path: str | os.PathLike[str], labels: Sequence[str] = TRAINED_LABELS
) -> Predictions:
    """Return the predictions that ``write_predictions`` stored.

    Parameters
    ----------
    path
    labels
        That the file must have.

    Raises
    ------
    CorpusError
        The file is missing or is not such a list.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        names = _columns(labels)
        if not rows or tuple(rows[0]) not in (names, (*names, _STRANGENESS)):
            raise ValueError("its columns are others")
        body = rows[1:]
        n_labels, n_numbers = len(labels), len(rows[0]) - len(_FACTS)
        numbers = np.array([[float(text) for text in row[5:]] for row in body], np.float64)
        numbers = numbers.reshape(-1, n_numbers)
        return make_predictions(
            clips=[row[0] for row in body],
            corpora=[row[1] for row in body],
            speakers=[row[2] for row in body],
            folds=[int(row[3]) for row in body],
            emotions=[row[4] for row in body],
            probabilities=numbers[:, :n_labels],
            labels=labels,
            strangeness=numbers[:, n_labels] if n_numbers > n_labels else None,
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


# --- Calibrated predictions ----------------------------------------------------------------------


def _read_all(path: Callable[[str], Path]) -> dict[str, Predictions]:
    """Return the predictions of every classifier, of the same clips in the same order.

    They are of the folds that all classifiers were run on.
    """
    tables = {key: read_predictions(path(key)) for key in CLASSIFIERS}
    folds = [set(table.folds.tolist()) for table in tables.values()]
    common = sorted(set.intersection(*folds))
    if any(own != set(common) for own in folds):
        tables = {key: table.take(np.isin(table.folds, common)) for key, table in tables.items()}
    first = next(iter(tables.values()))
    for key, table in tables.items():
        for name in ("corpora", "clips", "folds"):
            if not np.array_equal(getattr(table, name), getattr(first, name)):
                raise CorpusError(
                    f"{path(key)} is of other clips than those of the other classifiers. "
                    "Evaluate all classifiers again."
                )
    return tables


def fold_calibrations(
    models: Path, protocol: str, left_out: Sequence[str] = ()
) -> dict[int, Calibration]:
    """Return the calibration of each fold, by number of the fold.

    Temperatures and weights are fitted to the validation clips of the fold.  How answers for
    strange clips are changed is fitted to the predictions for other corpora under
    ``cross-corpus``, without the clips, speakers or corpora that the fold tests; it is left out
    before that protocol was run.

    Parameters
    ----------
    models
        Folder of the models.
    protocol
        Key of a protocol that was run.
    left_out
        Speakers whose clips are not used; a fold without other validation clips has no calibration.

    Raises
    ------
    CorpusError
        A file is missing, damaged, or of other clips than the rest.
    """
    stamps = _stamps_of(models, protocol) + _stamps_of(models, CROSS_CORPUS.key)
    return dict(_fit_folds(models, protocol, tuple(left_out), stamps))


def _stamps_of(models: Path, protocol: str) -> Stamps:
    """Return the stamps of the predictions and of the validation predictions of a protocol."""
    files = [
        file(models, key, protocol)
        for file in (predictions_file, calibration_file)
        for key in CLASSIFIERS
    ]
    states = [(path, path.stat()) for path in files if path.exists()]
    return tuple((str(path), state.st_mtime_ns, state.st_size) for path, state in states)


@lru_cache(maxsize=8)
def _fit_folds(
    models: Path, protocol: str, left_out: tuple[str, ...], stamps: Stamps
) -> dict[int, Calibration]:
    """Return the calibration of each fold (see ``fold_calibrations``), kept for these files."""
    calibrations, distances = _familiar_calibrations(models, protocol, left_out)
    abroad = _predictions_abroad(models, left_out)
    if abroad is None:
        return calibrations
    tested = read_predictions(predictions_file(models, next(iter(CLASSIFIERS)), protocol))
    return {
        fold: replace(
            calibration,
            strangers=_fit_strangers(
                distances[fold], abroad, tested.take(tested.folds == fold), protocol
            ),
        )
        for fold, calibration in calibrations.items()
    }


def served_strangers(
    models: Path, calibrations: Iterable[Calibration], left_out: Sequence[str] = ()
) -> StrangerCalibration | None:
    """Return how answers for strange clips are changed when serving, without thresholds.

    It is fitted to all predictions for other corpora; the switch is the mean of that of the folds
    of ``speakers``.

    Parameters
    ----------
    calibrations
        Of the folds of ``speakers``.
    left_out
        Speakers whose clips are not used.
    """
    abroad = _predictions_abroad(models, left_out)
    switches = [row.strangers for row in calibrations if row.strangers is not None]
    if abroad is None or not switches:
        return None
    return StrangerCalibration(
        float(np.mean([row.centre for row in switches])),
        float(np.mean([row.width for row in switches])),
        _temperatures_abroad(abroad),
    )


def _predictions_abroad(models: Path, left_out: Sequence[str]) -> dict[str, Predictions] | None:
    """Return the predictions for other corpora, calibrated as for new speakers of the own ones.

    None before ``cross-corpus`` was run, and without a classifier that measures strangeness.
    """
    return _calibrate_abroad(models, tuple(left_out), _stamps_of(models, CROSS_CORPUS.key))


@lru_cache(maxsize=2)
def _calibrate_abroad(
    models: Path, left_out: tuple[str, ...], stamps: Stamps
) -> dict[str, Predictions] | None:
    """Return what ``_predictions_abroad`` returns, kept for these files."""
    files = [predictions_file(models, key, CROSS_CORPUS.key) for key in CLASSIFIERS]
    if not all(path.exists() for path in files):
        return None
    calibrations, _ = _familiar_calibrations(models, CROSS_CORPUS.key, left_out)
    tables = calibrated_predictions(models, CROSS_CORPUS.key, calibrations=calibrations)
    first = next(iter(tables.values()))
    if first.strangeness is None:
        return None
    used = ~np.isin(first.speakers, list(left_out))
    return {key: table.take(used).among(LABELS) for key, table in tables.items()}


def _fit_strangers(
    familiar: np.ndarray, abroad: Mapping[str, Predictions], tested: Predictions, protocol: str
) -> StrangerCalibration | None:
    """Fit the calibration for strange clips without what a fold tests."""
    first = next(iter(abroad.values()))
    if protocol in (SPEAKERS.key, CROSS_CORPUS.key):
        used = ~np.isin(first.speakers, tested.speakers)
    else:
        used = ~np.isin(first.clips, tested.clips)
    strange = None if first.strangeness is None else first.strangeness[used]
    if strange is None or not len(strange) or not len(familiar):
        return None
    own = {key: table.take(used) for key, table in abroad.items()}
    return StrangerCalibration(*fit_switch(familiar, strange), _temperatures_abroad(own))


def _temperatures_abroad(abroad: Mapping[str, Predictions]) -> dict[str, float]:
    targets = next(iter(abroad.values())).targets()
    return {key: fit_temperature(table.probabilities, targets) for key, table in abroad.items()}


def _familiar_calibrations(
    models: Path, protocol: str, left_out: Sequence[str]
) -> tuple[dict[int, Calibration], dict[int, np.ndarray]]:
    """Return calibrations fitted to validation clips, and the strangeness of these, by fold."""
    tables = _read_all(lambda key: calibration_file(models, key, protocol))
    used = ~np.isin(next(iter(tables.values())).speakers, list(left_out))
    tables = {key: table.take(used) for key, table in tables.items()}
    numbers = np.unique(next(iter(tables.values())).folds).tolist()
    calibrations: dict[int, Calibration] = {}
    distances: dict[int, np.ndarray] = {}
    for fold in numbers:
        own = {key: table.take(table.folds == fold).among(LABELS) for key, table in tables.items()}
        targets = next(iter(own.values())).targets()
        probabilities = {key: table.probabilities for key, table in own.items()}
        calibrations[int(fold)] = fit_calibration(probabilities, targets)
        distances[int(fold)] = _strangeness_of(own)
    return calibrations, distances


def _strangeness_of(tables: Mapping[str, Predictions]) -> npt.NDArray[np.float64]:
    """Return the strangeness of the clips by the first classifier with a measure, else (0,)."""
    known = [table.strangeness for table in tables.values() if table.strangeness is not None]
    return known[0] if known else np.zeros(0)


def calibrated_predictions(
    models: Path,
    protocol: str,
    calibrations: Mapping[int, Calibration] | None = None,
) -> dict[str, Predictions]:
    """Return the calibrated predictions of every classifier and of the ensemble, by key.

    Parameters
    ----------
    models
        Folder of the models.
    protocol
        Key of a protocol that was run.
    calibrations
        By fold; fitted by ``fold_calibrations`` if not given.

    Raises
    ------
    CorpusError
        A file is missing, damaged, or of other clips than the rest; or a fold has no calibration.
    """
    calibrations = calibrations or fold_calibrations(models, protocol)
    raw = _read_all(lambda key: predictions_file(models, key, protocol))
    first = next(iter(raw.values()))
    if lacking := sorted(set(first.folds.tolist()) - set(calibrations)):
        raise CorpusError(
            f"Fold {lacking[0]} of protocol '{protocol}' has no clips to calibrate with. Run: "
            f"python -m emo evaluate --protocol {protocol} --fold {lacking[0]}"
        )
    distances = _strangeness_of(raw)
    known = distances if len(distances) else None
    calibrated: dict[str, npt.NDArray[np.float64]] = {}
    for fold, calibration in calibrations.items():
        rows = np.flatnonzero(first.folds == fold)
        own = {key: table.probabilities[rows] for key, table in raw.items()}
        strangeness = None if known is None else known[rows]
        for key, probabilities in calibrate(own, calibration, TRAINED_LABELS, strangeness).items():
            table = calibrated.setdefault(key, np.empty_like(first.probabilities))
            table[rows] = probabilities
    return {
        key: replace(first, probabilities=rows, strangeness=known)
        for key, rows in calibrated.items()
    }
