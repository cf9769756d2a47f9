"""Fit classifiers on clips of somebody's own, beside the four corpora or instead of them."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emo.classifiers.batches import Batch
from emo.classifiers.calibration import CALIBRATION, read_calibration
from emo.classifiers.own.model_set import add_to_model_set, check_target
from emo.classifiers.registry import Takes
from emo.classifiers.storage import Origin, save_model
from emo.corpora.catalogue import Recording, find_recordings
from emo.corpora.metadata import listener_soft_labels
from emo.corpora.own.checks import Checked, check_clips
from emo.corpora.own.reading import OwnCorpora, check_labels, read_map
from emo.corpora.splits import Progress, family, is_held_out
from emo.errors import CorpusError, ModelError
from emo.labels import CALM, LABELS, in_order, trained_labels
from emo.system.tables import normalise
from emo.training.dataset import COPIES, Dataset, takes_of
from emo.training.feature_cache import load_features
from emo.training.fit import commit, fit_all, write_curve

MIN_FAMILY = 10
"""Clips that a corpus needs to have a centre of its own, from which strangeness is measured."""


@dataclass(frozen=True)
class OwnDataset:
    """Own clips with their features, and the labels that models of them have.

    Attributes
    ----------
    data : Dataset
    labels : tuple of str
        Labels of the answers.
    keys : tuple of str
        One text for each recording; equal texts mean the same audio.
    """

    data: Dataset
    labels: tuple[str, ...]
    keys: tuple[str, ...]

    @property
    def trained_labels(self) -> tuple[str, ...]:
        """Labels of the raw outputs of the classifiers."""
        return trained_labels(self.labels)


def add_corpora(own: OwnCorpora, directory: Path, label_map: Path | None) -> OwnCorpora:
    """Return own clips with those of the four corpora in a folder beside them.

    The labels of the four are read by the same map.  Calm, which is no answer of models with the
    seven labels, is used beside these alone.

    Raises
    ------
    CorpusError
        The folder holds no clip of the corpora, or there are more than twelve labels together.
    """
    spellings = read_map(label_map) if label_map else {}
    clips: list[Recording] = []
    for clip in find_recordings(directory).recordings:
        label = spellings.get(normalise(clip.emotion), clip.emotion)
        if label:
            clips.append(Recording(clip.path, clip.corpus, clip.stem, clip.speaker, label))
    labels = in_order([*own.labels, *(clip.emotion for clip in clips if clip.emotion != CALM)])
    if labels != LABELS and CALM not in own.labels:
        clips = [clip for clip in clips if clip.emotion in labels]
    check_labels(labels)
    return OwnCorpora((*own.recordings, *clips), own.skipped, own.spelled)


def check_own(own: OwnCorpora, progress: Progress | None = None) -> Checked:
    """Return own clips that can be used (``checks.check_clips``)."""
    return check_clips(own, progress)


def answer_labels(recordings: Sequence[Recording]) -> tuple[str, ...]:
    """Return the labels of models of some clips: calm is none where the seven are."""
    labels = in_order(recording.emotion for recording in recordings)
    return LABELS if set(labels) == {*LABELS, CALM} else labels


def load_own(
    checked: Checked,
    keys: Sequence[str],
    jobs: int = 2,
    directory: Path | None = None,
    copies: Sequence[str] = COPIES,
) -> OwnDataset:
    """Return own clips with the features that classifiers take, without clips that none can use.

    Parameters
    ----------
    checked
    keys
        Of the classifiers.
    jobs
        Worker processes that compute what the cache lacks.
    directory
        Folder of the four corpora, whose listeners' votes are used where the labels are the seven.
    copies
        Names of the altered copies.

    Raises
    ------
    CorpusError
        Fewer than two labels are left, or a label has one clip alone.
    """
    takes: tuple[Takes, ...] = takes_of(keys)
    recordings = checked.own.recordings
    features = load_features(recordings, jobs, takes=takes)
    unusable = [
        (recording, reason)
        for recording, reason in zip(recordings, features.reasons, strict=True)
        if reason
    ]
    for recording, reason in unusable:
        print(f"emo: {recording.stem} is left out: {reason}", file=sys.stderr)
    if unusable:
        usable = np.flatnonzero(features.usable)
        recordings = tuple(recordings[i] for i in usable)
        features = features.take(usable)
        checked = Checked(checked.own, tuple(checked.keys[i] for i in usable), checked.notes)
    labels = answer_labels(recordings)
    _check_left(recordings)
    trained = trained_labels(labels)
    votes = np.zeros((0, len(trained)), np.float32)
    if directory is not None and labels == LABELS:
        votes = listener_soft_labels(recordings, directory)
    families = tuple(family(recording) for recording in recordings)
    is_large = min(Counter(families).values()) >= MIN_FAMILY
    altered = [load_features(recordings, jobs, alteration=name, takes=takes) for name in copies]
    clips = Batch(
        features,
        np.array([trained.index(recording.emotion) for recording in recordings]),
        tuple(altered),
        votes,
        families if is_large else (),
        tuple(recording.speaker for recording in recordings),
        len(trained),
    )
    data = Dataset(directory or Path(), recordings, clips, takes)
    return OwnDataset(data, labels, checked.keys)


def _check_left(recordings: Sequence[Recording]) -> None:
    counts = Counter(recording.emotion for recording in recordings)
    if len(counts) < 2 or min(counts.values()) < 2:
        raise CorpusError(
            f"{len(recordings):,} clips can be read ("
            + ", ".join(f"{label} {n:,}" for label, n in counts.items())
            + "), and two labels with two clips each are needed at least."
        )


def train_own(
    keys: Sequence[str], own: OwnDataset, models: Path, command: str, seed: int
) -> tuple[str, ...]:
    """Fit classifiers on own clips, and write them and ``own.json`` into a folder of own models.

    Clips of ``splits.HELD_OUT_SPEAKERS`` among the four corpora are left out.

    Parameters
    ----------
    keys
        Of ``CLASSIFIERS``.
    own
    models
        Folder of the models.
    command
        Command line, which is stored beside the models.
    seed

    Returns
    -------
    tuple of str
        Sentences on what is to be known of the folder.

    Raises
    ------
    ModelError
        The folder holds models that ship, or own ones with other labels.
    """
    check_target(models, own.labels)
    recordings = own.data.recordings
    held_out = is_held_out([recording.speaker for recording in recordings])
    rows, left = np.flatnonzero(~held_out), [recordings[i] for i in np.flatnonzero(held_out)]
    used = [recordings[i] for i in rows]
    origin = Origin(
        corpora=tuple(sorted({recording.corpus for recording in used})),
        clips=len(used),
        speakers=len({recording.speaker for recording in used}),
        seed=seed,
        commit=commit(),
        command=command,
        held_out_speakers=tuple(sorted({recording.speaker for recording in left})),
        held_out_clips=len(left),
        labels=own.trained_labels,
    )
    train = own.data.training_batch(rows)
    for key, fitted in fit_all(keys, f"own-{len(own.labels)}-all", train, seed):
        # First, so that a folder that an interruption leaves behind is known as one's own.
        folder = add_to_model_set(models, own.labels, [key], origin.corpora)
        save_model(models / key, key, fitted, origin)
        write_curve(models / key, "all", fitted.curve)
    return _drop_old_calibration(models, folder.classifiers, own.labels)


def _drop_old_calibration(
    models: Path, keys: Sequence[str], labels: Sequence[str]
) -> tuple[str, ...]:
    """Remove a calibration that lacks a classifier; say what the folder lacks then."""
    path = models / CALIBRATION
    if path.exists():
        try:
            read_calibration(models, keys, labels)
        except ModelError:
            path.unlink()
    if path.exists():
        return ()
    return (
        "The confidences of these models are not calibrated, and no answer is unsure, until they "
        f"are evaluated: emo evaluate --protocol speakers --corpus … --models {models}",
    )
