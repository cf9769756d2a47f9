"""Compute the features of a clip, and the raw outputs of the classifiers."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from emo.audio.activity import Floats
from emo.classifiers.batches import Features
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.storage import Model
from emo.errors import ModelFaultError
from emo.features.encoder import load_encoder
from emo.features.frames import Frames, log_mel_spectrogram
from emo.features.functionals import compute_functionals


def raw_outputs(
    features: Features, classifiers: Mapping[str, Model]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the classifiers' raw probabilities, (n, k) each, and hidden activations, (n, h).

    Parameters
    ----------
    features : Features
        Of n clips (``compute_features``).
    classifiers : mapping of Model
        By key.

    Raises
    ------
    ModelFaultError
        A classifier returns values that are not finite.
    """
    outputs = {key: model.run(features) for key, model in classifiers.items()}
    for key, parts in outputs.items():
        if not all(np.isfinite(part).all() for part in parts):
            raise ModelFaultError(key, CLASSIFIERS[key].title)
    raw = {key: rows for key, (rows, _) in outputs.items()}
    return raw, np.concatenate([hidden for _, hidden in outputs.values()], axis=1)


def compute_features(
    samples: Floats, frames: Frames, keys: Iterable[str], embeds: bool = False
) -> Features:
    """Return the features of one clip that classifiers take.

    Parameters
    ----------
    samples : float32, (n,), mono at 16 kHz
    frames : Frames
        Result of ``analyse`` for these samples.
    keys : iterable of str
        Keys of the classifiers.
    embeds : bool
        Whether embeddings are needed even if none of the classifiers takes them.
    """
    features = Features(compute_functionals(frames)[None], (log_mel_spectrogram(frames),))
    if embeds or any(CLASSIFIERS[key].takes == "embeddings" for key in keys):
        return replace(features, embeddings=load_encoder().embed(samples)[None])
    return features
