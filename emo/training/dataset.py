"""Load the features of the training clips."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emo.classifiers.batches import Batch
from emo.classifiers.registry import CLASSIFIERS, Takes
from emo.classifiers.voice import VOICE
from emo.classifiers.voice.storage import VOICE_TAKES
from emo.corpora.catalogue import Recording, coverage, find_recordings
from emo.corpora.metadata import listener_soft_labels
from emo.corpora.splits import family
from emo.errors import CorpusError
from emo.labels import LABELS, TRAINED_INDEX
from emo.training.feature_cache import ALL_FEATURES, load_features

COPIES = ("copy-1", "copy-2")  # names of the altered copies of every clip that train beside it


@dataclass(frozen=True)
class Dataset:
    """Recordings of the corpora and all that is fitted or scored of them, row by row.

    Attributes
    ----------
    directory : Path
        Folder of the recordings and of the tables beside them.
    recordings : tuple of Recording
    clips : Batch
        Features, targets, copies and listeners' votes of the recordings, usable or not.
    takes : tuple of str
        The features that were loaded.
    """

    directory: Path
    recordings: tuple[Recording, ...]
    clips: Batch
    takes: tuple[Takes, ...] = ALL_FEATURES

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why each recording cannot be used; empty where it can."""
        return self.clips.features.reasons

    def usable(self, rows: np.ndarray) -> np.ndarray:
        """Return those of the rows whose recordings can be used."""
        return np.asarray(rows[self.clips.features.usable[rows]])

    def batch(self, rows: np.ndarray) -> Batch:
        """Return the usable clips among some rows, without copies, to be scored."""
        return Batch(self.clips.features, self.clips.targets).take(rows)

    def training_batch(self, rows: np.ndarray) -> Batch:
        """Return the usable clips among some rows, with copies and listeners' votes."""
        return self.clips.take(rows)


def takes_of(keys: Iterable[str]) -> tuple[Takes, ...]:
    """Return the features that classifiers, their teachers and ``VOICE`` take."""
    keys = list(keys)
    rows = [CLASSIFIERS[key] for key in keys if key != VOICE]
    rows += [CLASSIFIERS[row.teacher] for row in rows if row.teacher]
    of_voice = VOICE_TAKES if VOICE in keys else ()
    return tuple(dict.fromkeys((*(row.takes for row in rows), *of_voice)))


def load_dataset(
    directory: Path,
    jobs: int = 2,
    copies: Sequence[str] = COPIES,
    takes: tuple[Takes, ...] = ALL_FEATURES,
) -> Dataset:
    """Return all recordings in a folder, with their features and those of their copies.

    Parameters
    ----------
    directory
        Folder of the corpora as downloaded.
    jobs
        Worker processes that compute what the cache lacks.
    copies
        Names of the altered copies.
    takes
        The features that are needed (``takes_of``).

    Raises
    ------
    CorpusError
        The folder has clips of fewer than two emotions.
    """
    collection = find_recordings(directory)
    recordings = collection.recordings
    if len({r.emotion for r in recordings}) < 2:
        raise CorpusError(
            f"{directory} has clips of fewer than two of the emotions {', '.join(LABELS)}, which "
            "is too few to fit a classifier. Name the folder that holds the corpora."
        )
    clips = Batch(
        load_features(recordings, jobs, takes=takes),
        np.array([TRAINED_INDEX[r.emotion] for r in recordings]),
        tuple(load_features(recordings, jobs, alteration=name, takes=takes) for name in copies),
        listener_soft_labels(recordings, directory),
        tuple(family(recording) for recording in recordings),
        tuple(recording.speaker for recording in recordings),
    )
    return Dataset(directory, recordings, clips, takes)


def describe_folder(directory: Path) -> str:
    """Return the number of clips of each corpus in a folder, a line each."""
    collection = find_recordings(directory)
    lines = list(coverage(collection))
    if collection.skipped:
        n = len(collection.skipped)
        lines.append(f"{n:,} other files; 'python -m emo audit' names each.")
    return "\n".join(lines)
