"""Degrade recordings as rooms, microphones and codecs do.

``random_degradation`` makes the altered copies that train beside the clips, and the table of
robustness is measured under ``CONDITIONS``.  Every random function takes an explicit generator.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from emo.audio.activity import Floats
from emo.audio.effects import (
    MP3_BIT_RATES,
    add_babble,
    add_noise,
    amplify,
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


@dataclass(frozen=True)
class Condition:
    """A row of ``CONDITIONS``: a degradation of a fixed strength, with its title."""

    title: str
    apply: Callable[[Floats, Generator], Floats]


CONDITIONS: dict[str, Condition] = {
    "noise-20": Condition("pink noise 20 dB below the voice", lambda x, r: add_noise(x, 20.0, r)),
    "noise-10": Condition("pink noise 10 dB below the voice", lambda x, r: add_noise(x, 10.0, r)),
    "noise-5": Condition("pink noise 5 dB below the voice", lambda x, r: add_noise(x, 5.0, r)),
    "noise-0": Condition("pink noise as loud as the voice", lambda x, r: add_noise(x, 0.0, r)),
    "telephone": Condition("telephone band, 300 to 3400 Hz", lambda x, r: telephone(x)),
    "mp3": Condition("MP3 at 32 kbit/s", lambda x, r: recode_mp3(x)),
    "room": Condition("reverberation of 0.5 s", lambda x, r: reverberate(x, 0.5, 0.0, r)),
    "quiet": Condition("20 dB softer", lambda x, r: amplify(x, -20.0)),
    "clipped": Condition("12 dB over full scale, cut off", lambda x, r: clip_loud(x, 12.0)),
    "excerpt-1": Condition("an excerpt of 1 s", lambda x, r: excerpt(x, 1.0, r)),
    "excerpt-0.5": Condition("an excerpt of 0.5 s", lambda x, r: excerpt(x, 0.5, r)),
}
"""The rows of the table of robustness, beside the clips as recorded."""
