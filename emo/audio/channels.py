"""Name the channels of a recording, and detect different speakers on them.

Telephone systems often record each end of a call on a channel of its own, and interviews each
microphone.  The mix of two people gets one answer; so such a recording is distinguished from music
and from one voice in stereo by how often a single channel is active.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from emo.audio.limits import MAX_CHANNELS
from emo.errors import ChannelError

MIX, EACH, LEFT, RIGHT = "mix", "each", "left", "right"

SIDES = (LEFT, RIGHT)
"""Names of two channels; more channels have numbers."""

CHANNELS = (MIX, EACH, *SIDES, *(str(number) for number in range(1, MAX_CHANNELS + 1)))
"""Values of the option ``--channel``: a channel, the mix of all, or each separately."""

FRAME_S = 0.1
ACTIVE_DB = 30.0
"""Range of active frames below the loudest half second of the channel."""

AUDIBLE_DB = 45.0
"""Range of active frames below the loudest half second of the loudest channel."""

STEADY_DB = 10.0
"""Range of the levels of a channel below which it is never active: it has steady noise."""

ABOVE_FLOOR_DB = 10.0
"""Least distance of an active frame from the floor, the 10th percentile of the channel's levels."""

SURELY_DB = 15.0
"""Range below the loudest half second in which a frame is active whatever the floor."""

SOLO_DB = 12.0
"""Distance of a channel from all others, each relative to its own loudest half second."""

MIN_SOLO_SHARE = 0.05
"""Share of the active frames in which a second channel must be active alone."""

MIN_FRAMES = 3
MIN_SOLO_TOTAL = 0.5
"""Share of the active frames with one channel alone; people who take turns reach 0.6 and more."""

MIN_SOLO_TOTAL_UNCORRELATED, MAX_CORRELATION = 0.25, 0.1
"""Lower limit of that share where the levels of the channels have at most this correlation."""

_SUFFIX = "#channel="  # in the manner of a media fragment (W3C, 2012)
_LOUDEST_FRAMES = 5
_MIN_POWER = 1e-12  # -120 dB relative to full scale


def channel_names(count: int) -> tuple[str, ...]:
    """Return the names of ``count`` channels: left and right, or numbers from 1."""
    return SIDES if count == len(SIDES) else tuple(str(i + 1) for i in range(count))


def channel_index(channel: str, count: int) -> int:
    """Return the index, from 0, of a channel among ``count``.

    Raises
    ------
    ChannelError
        There is no channel of this name.
    """
    names = channel_names(count)
    if channel in names:
        return names.index(channel)
    if channel.isdecimal() and 1 <= int(channel) <= count:
        return int(channel) - 1
    if count == 1:
        available = "one channel, which is number 1"
    elif count == len(SIDES):
        available = "two channels, left and right"
    else:
        available = f"{count} channels, which are numbered 1 to {count}"
    raise ChannelError(
        f"There is no channel '{channel}' in this recording: it has {available}. Name one of "
        "these, or take the mix of all."
    )


def parse_channel(name: str) -> str:
    """Return the channel in a name from ``name_with_channel``; empty for the mix."""
    return name.rpartition(_SUFFIX)[2] if _SUFFIX in name else ""


def name_with_channel(name: str, channel: str) -> str:
    """Return the name of a recording with a suffix for the channel; the mix has none."""
    return name if channel == MIX else f"{name}{_SUFFIX}{channel}"


@dataclass(frozen=True)
class SoloActivity:
    """Frames in which a single channel is active.

    Attributes
    ----------
    n_active : int
        Frames of 100 ms in which any channel is active.
    shares : tuple of float
        Share of these frames in which each channel is the only active one, 0 to 1.
    correlation : float
        Correlation of the levels of the two channels that are most often active alone, -1 to 1: 1
        for one voice on both, below 0 for two people who take turns.
    """

    n_active: int
    shares: tuple[float, ...]
    correlation: float = 1.0

    @property
    def total(self) -> float:
        """Return the share of the active frames with a single active channel, 0 to 1."""
        return sum(self.shares)

    @property
    def has_different_speakers(self) -> bool:
        """Return whether different people seem to speak on the channels.

        The limits were set on synthetic calls (alternating, leaking, noisy, overlapping), rooms,
        music and single voices in stereo; ``docs/experiments.md`` has the rates of detection.
        """
        second = sorted(self.shares)[-2] if len(self.shares) > 1 else 0.0
        is_uncorrelated = self.correlation <= MAX_CORRELATION
        min_total = MIN_SOLO_TOTAL_UNCORRELATED if is_uncorrelated else MIN_SOLO_TOTAL
        takes_part = second >= MIN_SOLO_SHARE and round(second * self.n_active) >= MIN_FRAMES
        return takes_part and self.total >= min_total


@dataclass
class ChannelLevels:
    """Power of each channel in frames of 100 ms, measured block by block."""

    rate_hz: int
    n_channels: int
    _frames: list[npt.NDArray[np.float64]] = field(default_factory=list)
    _rest: npt.NDArray[np.float32] | None = None

    def add(self, block: npt.NDArray[np.float32]) -> None:
        """Measure the next samples, float32 (n, n_channels)."""
        if self._rest is not None and len(self._rest):
            block = np.concatenate([self._rest, block])
        width = round(self.rate_hz * FRAME_S)
        whole = len(block) // width * width
        frames = block[:whole].reshape(-1, width, self.n_channels)
        power = np.einsum("ijk,ijk->ik", frames, frames, dtype=np.float64) / width
        offset = frames.mean(axis=1, dtype=np.float64)
        self._frames.append(np.maximum(power - offset**2, 0.0))
        self._rest = block[whole:].copy()

    def solo_activity(self) -> SoloActivity:
        """Return how often a single channel was active so far."""
        power = np.concatenate([np.empty((0, self.n_channels)), *self._frames])
        return measure_solo_activity(power)


def measure_solo_activity(power: npt.NDArray[np.float64]) -> SoloActivity:
    """Return how often a single channel is active, from the power of frames.

    A channel is active in a frame within 30 dB of its own loudest half second, above its own floor
    and within 45 dB of the loudest channel; a channel with steady noise never is.  It is the only
    active one where all others are 12 dB further below their own loudest half seconds: so one
    voice on two channels of different gain is on both, and a voice that the microphone across the
    table picks up faintly is on one.

    Parameters
    ----------
    power : float64, (n_frames, n_channels)
        Mean square of each frame.
    """
    n_frames, n_channels = power.shape
    if n_frames < _LOUDEST_FRAMES or n_channels < 2:
        return SoloActivity(0, (0.0,) * n_channels)
    level_db = 10 * np.log10(np.maximum(power, _MIN_POWER))
    loudest = np.sort(power, axis=0)[-_LOUDEST_FRAMES:].mean(axis=0)
    loudest_db = 10 * np.log10(np.maximum(loudest, _MIN_POWER))
    floor_db = np.percentile(level_db, 10, axis=0)
    threshold_db = np.minimum(floor_db + ABOVE_FLOOR_DB, loudest_db - SURELY_DB)
    threshold_db = np.maximum(threshold_db, loudest_db - ACTIVE_DB)
    threshold_db = np.maximum(threshold_db, loudest_db.max() - AUDIBLE_DB)
    is_active = (level_db > threshold_db) & (loudest_db - floor_db > STEADY_DB)
    relative_db = level_db - loudest_db
    others_db = np.stack(
        [np.delete(relative_db, i, axis=1).max(axis=1) for i in range(n_channels)], axis=1
    )
    is_solo = is_active & (relative_db - others_db > SOLO_DB)
    any_active = is_active.any(axis=1)
    n_active = int(any_active.sum())
    shares = is_solo.sum(axis=0) / max(n_active, 1)
    correlation = _correlation(relative_db[any_active], shares)
    return SoloActivity(n_active, tuple(shares.tolist()), correlation)


def _correlation(level_db: npt.NDArray[np.float64], shares: npt.NDArray[np.float64]) -> float:
    """Return the correlation of the levels of the two channels that are most often alone."""
    pair = np.maximum(level_db[:, np.argsort(-shares, kind="stable")[:2]], -ACTIVE_DB)
    if len(pair) < 2 or not pair.std(axis=0).all():
        return 1.0
    return float(np.corrcoef(pair.T)[0, 1])
