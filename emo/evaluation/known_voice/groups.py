"""Draw groups of test clips of one speaker, and predict them with the voice known."""

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emo.classifiers.batches import Arrays, Features
from emo.classifiers.voice import MIN_CLIPS, VOICE, draw_groups, predict_voice, voice_numbers
from emo.corpora.protocols import CROSS_CORPUS, SPEAKERS
from emo.evaluation.predictions import Predictions, predictions_file

VOICE_PROTOCOLS = (SPEAKERS.key, CROSS_CORPUS.key)
"""Protocols whose test clips are of speakers that no classifier was fitted to."""

SIZES: dict[str, int | None] = {"5": 5, "10": 10, "20": 20, "all": None}
"""Clips of a voice that are known, by name; None for all that the speaker has."""

ONE = "one"
"""Groups in which all clips are acted with the same emotion: here the voice is not known well."""

ONE_SIZE = 10  # clips of such a group

_SEED = 20


def known_file(models: Path, protocol: str, name: str) -> Path:
    """Return the file of raw predictions with the voice known.

    Parameters
    ----------
    models
        Folder of the models.
    protocol
        One of ``VOICE_PROTOCOLS``.
    name
        One of ``SIZES``, or ``ONE``.
    """
    return predictions_file(models, VOICE, f"{protocol}+known-{name}")


def group_clips(
    clips: Sequence[str], speakers: Sequence[str], emotions: Sequence[str], name: str
) -> list[np.ndarray]:
    """Return the rows of groups of clips, each of one speaker.

    They depend on nothing but the clips of the speaker, so that the same groups can be drawn from
    stored predictions.  Emotions are looked at for the groups of one emotion alone.

    Parameters
    ----------
    clips, speakers, emotions
        Of n test clips.
    name
        One of ``SIZES``, or ``ONE``.

    Returns
    -------
    list of int64 arrays
        Rows, none in two groups.  A group has at least ``MIN_CLIPS``; speakers with fewer clips
        are left out.
    """
    names = np.asarray(speakers, dtype=np.str_)
    if name == ONE:
        names = np.char.add(np.char.add(names, " "), np.asarray(emotions, dtype=np.str_))
    size = ONE_SIZE if name == ONE else SIZES[name]
    stems = np.asarray(clips, dtype=np.str_)
    groups = []
    for owner in np.unique(names).tolist():
        rows = np.flatnonzero(names == owner)
        rows = rows[np.argsort(stems[rows], kind="stable")]
        rng = np.random.default_rng([_SEED, size or 0, zlib.crc32(owner.encode())])
        drawn = draw_groups([owner] * len(rows), size, rng)
        groups += [np.sort(rows[group]) for group in drawn if len(group) >= MIN_CLIPS]
    return groups


def groups_of(predictions: Predictions, name: str) -> list[np.ndarray]:
    """Return the groups of the clips of a table (``group_clips``), those of each fold apart."""
    groups = []
    for fold in np.unique(predictions.folds):
        rows = np.flatnonzero(predictions.folds == fold)
        own = predictions.take(rows)
        drawn = group_clips(own.clips.tolist(), own.speakers.tolist(), own.emotions.tolist(), name)
        groups += [rows[group] for group in drawn]
    return groups


def predict_groups(
    arrays: Arrays, features: Features, groups: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of all groups, int64 (m,), rising, and their raw probabilities, (m, 8).

    Parameters
    ----------
    arrays
        As ``fit_voice`` returns them.
    features
        Of n clips.
    groups
        Rows of the clips whose voice is known together.
    """
    numbers = voice_numbers(features)
    rows = np.concatenate(groups)
    probabilities = np.concatenate([predict_voice(arrays, numbers[group]) for group in groups])
    order = np.argsort(rows, kind="stable")
    return rows[order], probabilities[order]
