"""The sound of a clip on a card, and the block that a card gets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emo.app import theme
from emo.app.player_data import PEAK, encode_sound, envelope, join_parts
from emo.audio.clip import Clip
from emo.labels import LABELS

N_BARS = 96
"""Bars of the waveform."""


@dataclass(frozen=True)
class Sound:
    """A clip for the browser, without a name.

    Attributes
    ----------
    data, mime
        A sound file and its media type.
    duration_s
        Length in seconds.
    loudness
        Largest deflection of each of ``N_BARS`` parts, 0 to 100.
    """

    data: bytes
    mime: str
    duration_s: float
    loudness: tuple[int, ...]


def make_sound(clip: Clip) -> Sound:
    """Return the sound of a clip; all have the same peak."""
    peak = float(np.abs(clip.samples).max()) or 1.0
    data, mime = encode_sound(clip.samples * (PEAK / peak))
    low, high = envelope(clip.samples / peak, N_BARS)
    loudness = np.round(100 * np.maximum(-low, high)).clip(0, 100).astype(int)
    return Sound(data, mime, clip.duration_s, tuple(loudness.tolist()))


def pack_sounds(header: Mapping[str, Any], sounds: Sequence[Sound]) -> bytes:
    """Return what a card shows as a block: header (JSON) and sounds, as the player's."""
    described = [
        {"mime": sound.mime, "duration_s": sound.duration_s, "loudness": sound.loudness}
        for sound in sounds
    ]
    parts = {str(i): sound.data for i, sound in enumerate(sounds)}
    return join_parts({**header, "sounds": described}, parts)


def label_signs() -> dict[str, list[str]]:
    """Return the colours, light and dark, and the shape of each emotion's sign."""
    return {label: [*theme.EMOTION_COLOURS[label], theme.mask_css(label)] for label in LABELS}
