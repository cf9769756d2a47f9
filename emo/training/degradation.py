"""Degrade recordings as rooms, microphones and codecs do, for the copies that train beside them."""

import numpy as np
from numpy.random import Generator

from emo.audio.activity import Floats
from emo.audio.effects import (
    MP3_BIT_RATES,
    add_babble,
    add_noise,
    change_speed,
    clip_loud,
    equalise,
    excerpt,
    recode_mp3,
    reverberate,
    telephone,
)

ALTERATIONS_VERSION = 2  # part of cache names; raise it when an alteration changes

SPEED = (0.85, 1.15)
NOISE_DB = (0.0, 25.0)  # signal-to-noise ratio
REVERBERATION_S = (0.2, 0.8)  # time to fall by 60 dB
DIRECT_DB = (-3.0, 9.0)  # direct sound over reverberation
EQUALISER_DB = 5.0
EXCERPT_S = (0.6, 1.6)
CLIPPING_DB = (3.0, 15.0)


def random_degradation(samples: Floats, rng: Generator) -> Floats:
    """Return a copy of a clip for training, degraded in several random ways.

    Each of excerpt, speed, reverberation, equaliser, noise or babble, telephone band, MP3 and
    clipping is applied with a probability and a strength of its own.

    Parameters
    ----------
    samples : float32, (n,), mono at 16 kHz

    Returns
    -------
    float32, (m,)
        Of another length after a change of speed or an excerpt.
    """
    x = samples
    if rng.random() < 0.15:
        x = excerpt(x, rng.uniform(*EXCERPT_S), rng)
    if rng.random() < 0.5:
        x = change_speed(x, rng.uniform(*SPEED))
    if rng.random() < 0.35:
        x = reverberate(x, rng.uniform(*REVERBERATION_S), rng.uniform(*DIRECT_DB), rng)
    if rng.random() < 0.5:
        x = equalise(x, rng.normal(0.0, EQUALISER_DB, 8).astype(np.float32))
    kind = rng.random()
    if kind < 0.4:
        x = add_noise(x, rng.uniform(*NOISE_DB), rng, rng.uniform(0.0, 0.9))
    elif kind < 0.6:
        x = add_babble(x, rng.uniform(*NOISE_DB), rng)
    if rng.random() < 0.12:
        x = telephone(x)
    if rng.random() < 0.25:
        x = recode_mp3(x, int(rng.choice(MP3_BIT_RATES)))
    if rng.random() < 0.12:
        x = clip_loud(x, rng.uniform(*CLIPPING_DB))
    return x
