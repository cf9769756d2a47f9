"""The sound of the examples, to hear them again while they are there.

It stays in the cache of the session, which counts towards the session's quota of memory.  Where
memory is short it is dropped before the example, which can then no longer be heard.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from emo.app import clip_cache
from emo.app.player_data import PEAK, encode_sound
from emo.audio.clip import RATE_HZ, Clip
from emo.inference.adaptation import Example

MAX_HEARD_S = 30
"""Length of the sound that is kept of a clip."""

_KIND = "example-sound"


@dataclass(frozen=True)
class ExampleSound:
    """A sound file that every browser plays, and its media type."""

    data: bytes
    mime: str


def key_of(example: Example) -> str:
    """Return a key of the clip that an example was made from, the same for every emotion."""
    return hashlib.sha256(example.hidden.tobytes()).hexdigest()[:16]


def keep_sound(example: Example, clip: Clip) -> None:
    """Keep the start of the clip that an example was made from."""
    samples = clip.samples[: MAX_HEARD_S * RATE_HZ]
    peak = float(np.abs(samples).max()) or 1.0
    sound = ExampleSound(*encode_sound(samples * np.float32(PEAK / peak)))
    clip_cache.put(_KIND, key_of(example), sound, len(sound.data))


def sound_of(example: Example) -> ExampleSound | None:
    """Return the sound of an example; None for one of a saved file, and where memory was short."""
    sound: ExampleSound | None = clip_cache.get(_KIND, key_of(example))
    return sound


def drop_sound(example: Example) -> None:
    """Drop the sound of an example."""
    clip_cache.drop(_KIND, key_of(example))


def drop_sounds() -> None:
    """Drop the sound of all examples of this session."""
    clip_cache.drop(_KIND)
