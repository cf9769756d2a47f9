"""Load the features of the training clips."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from emo.classifiers.batches import N_OUTPUTS, Batch, Inputs
from emo.corpora.catalogue import Recording, coverage, find
from emo.corpora.metadata import listener_soft_labels
from emo.errors import CorpusError
from emo.labels import LABELS, TRAINED_INDEX
from emo.training.feature_cache import Features, load_features

COPIES = ("copy-1", "copy-2")  # names of the altered copies of every clip that train beside it


@dataclass(frozen=True)
class Dataset:
    """Recordings of the corpora and their features, row by row.

    Attributes
    ----------
    directory : where the recordings and the tables beside them are
    targets : int64 (n,), position of the label in ``TRAINED_LABELS``
    copies : features of altered copies, used in training alone
    listeners : float32 (n, 8), shares of the listeners' votes; zeros where nobody was asked
    """

    directory: Path
    recordings: tuple[Recording, ...]
    features: Features
    targets: np.ndarray
    copies: tuple[Features, ...] = ()
    listeners: np.ndarray = field(default_factory=lambda: np.zeros((0, N_OUTPUTS), np.float32))

    def usable(self, rows: np.ndarray) -> np.ndarray:
        """Those of the rows whose recordings can be used."""
        return np.asarray(rows[self.features.usable[rows]])

    def batch(self, rows: np.ndarray) -> Batch:
        """Features and targets of some rows, those of unusable recordings left out."""
        rows = self.usable(rows)
        return Batch(_inputs(self.features, rows), self.targets[rows])

    def training_batch(self, rows: np.ndarray) -> Batch:
        """The same with the copies and what listeners heard."""
        rows = self.usable(rows)
        clips = _inputs(self.features, rows)
        copies = tuple(_inputs(copy, rows, clips) for copy in self.copies)
        listeners = self.listeners[rows] if len(self.listeners) else self.listeners
        return Batch(clips, self.targets[rows], copies, listeners)


def _inputs(features: Features, rows: np.ndarray, instead: Inputs | None = None) -> Inputs:
    """Features of some rows; where they cannot be used, those ``instead``."""
    part = features.take(rows)
    if instead is None or part.usable.all():
        return Inputs(part.vectors, part.views)
    vectors = np.where(part.usable[:, None], part.vectors, instead.vectors)
    pairs = zip(part.usable, part.views, instead.views, strict=True)
    return Inputs(vectors, tuple(own if good else other for good, own, other in pairs))


def load_dataset(directory: Path, jobs: int = 2, copies: Sequence[str] = COPIES) -> Dataset:
    """All recordings in a folder, with their features and those of their copies.

    Raises
    ------
    CorpusError
        The folder holds no clips of the corpora, or all of one emotion.
    """
    collection = find(directory)
    recordings = collection.recordings
    if len({r.emotion for r in recordings}) < 2:
        raise CorpusError(
            f"{directory} has clips of fewer than two of the emotions {', '.join(LABELS)}, so "
            "nothing can be learnt from it."
        )
    return Dataset(
        directory,
        recordings,
        load_features(recordings, jobs),
        np.array([TRAINED_INDEX[r.emotion] for r in recordings]),
        tuple(load_features(recordings, jobs, alteration=name) for name in copies),
        listener_soft_labels(recordings, directory),
    )


def describe_folder(directory: Path) -> str:
    """What a folder of recordings holds, a line for each corpus."""
    collection = find(directory)
    lines = list(coverage(collection))
    if collection.skipped:
        n = len(collection.skipped)
        lines.append(f"{n:,} other files; 'python -m emo audit' names each.")
    return "\n".join(lines)
