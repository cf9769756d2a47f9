"""Fit the classifier that knows the voice on a fold, and predict the fold's test clips."""

import numpy as np

from emo.classifiers.batches import Batch
from emo.classifiers.voice import fit_voice
from emo.corpora.splits import Fold
from emo.evaluation.known_voice.groups import (
    ONE,
    SIZES,
    VOICE_PROTOCOLS,
    group_clips,
    predict_groups,
)
from emo.evaluation.predictions import DECIMALS, Predictions, make_predictions
from emo.training.dataset import Dataset


def run_known_voice(
    dataset: Dataset, fold: Fold, train: Batch, rows: np.ndarray, seed: int
) -> dict[str, Predictions]:
    """Return raw predictions of a fold's test clips, by the number of clips known of the voice.

    Parameters
    ----------
    dataset
    fold
        Under protocols other than ``VOICE_PROTOCOLS`` nothing is run.
    train
        Training clips of the fold, to which the other classifiers are fitted too.
    rows
        Usable test clips of the fold.
    seed
        By which the training clips are grouped.

    Returns
    -------
    dict of Predictions
        By the names of ``SIZES`` and ``ONE``, without those for which no speaker has enough clips.
    """
    if fold.protocol not in VOICE_PROTOCOLS:
        return {}
    arrays, features = fit_voice(train, seed), dataset.batch(rows).features
    recordings = [dataset.recordings[i] for i in rows]
    clips, speakers, emotions = (
        [getattr(recording, name) for recording in recordings]
        for name in ("stem", "speaker", "emotion")
    )
    known = {}
    for name in (*SIZES, ONE):
        if not (groups := group_clips(clips, speakers, emotions, name)):
            continue
        tested, probabilities = predict_groups(arrays, features, groups)
        own = [recordings[i] for i in tested]
        known[name] = make_predictions(
            [recording.stem for recording in own],
            [recording.corpus for recording in own],
            [recording.speaker for recording in own],
            [fold.number] * len(own),
            [recording.emotion for recording in own],
            np.round(probabilities, DECIMALS),  # as they are stored
        )
    return known
