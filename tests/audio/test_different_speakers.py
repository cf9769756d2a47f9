"""Detecting different speakers on the channels of a recording."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from emo.audio.channels import ChannelLevels, SoloActivity
from emo.audio.clip import Clip, decode
from emo.evaluation.sounds.generators import sound
from emo.evaluation.sounds.music import bowed, melody, piano
from tests.support import signals
from tests.support.signals import RATE_HZ, Samples, call, encoded, hiss, turns, voice

Stereo = npt.NDArray[np.float32]


def has_speaker_warning(clip: Clip) -> bool:
    """Return whether a warning says that different people speak on the channels."""
    return any("Different people" in sentence for sentence in clip.warnings)


def at_once(seed: int) -> Stereo:
    """Return two people who talk over each other all the time."""
    tracks = [
        signals.padded(
            voice(
                pitch * 2 ** (k / 24),
                0.7 + 0.1 * ((3 * k + side) % 5),
                level_db=-14.0 - 8 * ((k + 2 * side) % 3),
                seed=seed + k,
            ),
            0.0,
            0.12 + 0.05 * ((k + side) % 3),
        )
        for side, pitch in enumerate((115.0, 240.0))
        for k in range(6)
    ]
    left, right = np.concatenate(tracks[:6]), np.concatenate(tracks[6:])
    n = min(len(left), len(right))
    return np.stack([left[:n], np.roll(right, 7000)[:n]], axis=1)


CALLS: dict[str, Callable[[int], Stereo]] = {
    "plain": call,
    "quiet far end": lambda seed: call(seed, gain_db=-18.0),
    "noisy line": lambda seed: call(seed, floor_db=-45.0),
    "leaking": lambda seed: call(seed, leak_db=-20.0),
    "interrupting": lambda seed: call(seed, gap_s=0.6),
    "over each other": at_once,
}


def in_room(seed: int, apart_db: float) -> Stereo:
    """Return one voice by two microphones in a room, each with reverberation of its own."""
    rng = np.random.default_rng(seed)
    here, there = turns(seed, (0.0, 0.5))
    both = here + there
    t = np.arange(round(0.5 * RATE_HZ)) / RATE_HZ
    heard = []
    for side in range(2):
        tail = rng.standard_normal(len(t)) * 10 ** (-3 * t / 0.5)
        tail /= np.sqrt((tail**2).sum())
        tail[rng.integers(40)] += 1.0
        size = len(both) + len(tail)
        wave = np.fft.irfft(np.fft.rfft(both, size) * np.fft.rfft(tail, size), size)[: len(both)]
        heard.append(wave * 10 ** (-apart_db * side / 20) + hiss(len(both), -60.0, seed + side))
    return np.stack(heard, axis=1).astype(np.float32)


def beside(seed: int, other: Callable[[Samples, int], npt.ArrayLike]) -> Stereo:
    """Return a conversation on the left, and on the right what `other` makes of it."""
    here, there = turns(seed, (0.0, 0.5))
    both = here + there + hiss(len(here), -60.0, seed)
    return np.stack([both, np.asarray(other(both, seed), np.float32)], axis=1)


def panned(seed: int) -> Stereo:
    """Return two instruments, each hard on its side."""
    left = sound(melody(piano, -12, 12), 8.0, seed)
    return np.stack([left, sound(melody(bowed, -24, 0), 8.0, seed + 1)[: len(left)]], axis=1)


NO_CALLS: dict[str, Callable[[int], Stereo]] = {
    "dual mono": lambda seed: beside(seed, lambda both, _: both),
    "softer on the right": lambda seed: beside(seed, lambda both, _: both * 0.05),
    "silent right": lambda seed: beside(seed, lambda both, _: np.zeros_like(both)),
    "hiss on the right": lambda seed: beside(seed, lambda both, s: hiss(len(both), -35.0, s + 7)),
    "hum on the right": lambda seed: beside(
        seed, lambda both, _: 0.02 * np.sin(np.arange(len(both)) * 2 * np.pi * 50 / RATE_HZ)
    ),
    "room": lambda seed: in_room(seed, 4.0),
    "room, far to one side": lambda seed: in_room(seed, 10.0),
    "music": panned,
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", CALLS)
def test_decode_detects_different_speakers_on_two_channels(kind: str, seed: int) -> None:
    clip = decode(encoded(CALLS[kind](seed)))
    assert has_speaker_warning(clip)
    (sentence,) = [s for s in clip.warnings if "Different people" in s]
    assert "left or right" in sentence


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", NO_CALLS)
@pytest.mark.slow
def test_decode_detects_no_different_speakers_in_other_stereo(kind: str, seed: int) -> None:
    assert not has_speaker_warning(decode(encoded(NO_CALLS[kind](seed))))


def test_solo_activity_depends_on_neither_offset_nor_blocks() -> None:
    stereo = call(3)
    whole = ChannelLevels(RATE_HZ, 2)
    whole.add(stereo)
    parts = ChannelLevels(RATE_HZ, 2)
    for start in range(0, len(stereo), 1237):
        parts.add(stereo[start : start + 1237] + np.array([0.3, -0.2], np.float32))
    assert parts.solo_activity().shares == pytest.approx(whole.solo_activity().shares, abs=0.02)
    assert whole.solo_activity().has_different_speakers
    assert parts.solo_activity().has_different_speakers


def test_solo_activity_equals_a_count_by_hand() -> None:
    loud, soft = 0.1, 1e-9
    left = [loud] * 10 + [soft] * 10 + [loud] * 2
    right = [soft] * 10 + [loud] * 10 + [loud] * 2
    frames = np.repeat(np.sqrt(np.array([left, right]).T), 100, axis=0)
    frames *= np.tile([1.0, -1.0], len(frames) // 2)[:, None]
    levels = ChannelLevels(1000, 2)
    levels.add(frames.astype(np.float32))
    solo = levels.solo_activity()
    assert solo.n_active == 22
    assert solo.shares == pytest.approx((10 / 22, 10 / 22))
    assert solo.correlation < -0.5


def test_different_speakers_need_a_second_channel_with_enough_activity() -> None:
    assert SoloActivity(100, (0.6, 0.06)).has_different_speakers
    assert not SoloActivity(100, (0.9, 0.04)).has_different_speakers
    assert not SoloActivity(20, (0.9, 0.1)).has_different_speakers
    assert not SoloActivity(100, (0.3, 0.1), correlation=0.9).has_different_speakers
    assert SoloActivity(100, (0.3, 0.1), correlation=0.0).has_different_speakers
