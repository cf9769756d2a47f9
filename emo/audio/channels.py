"""The channels of a recording: their names, and whether different people speak on them.

A telephone system often writes each end of a call to a channel of its own, and an interview each
microphone.  Mixed, two people get one answer; so such a recording is told from music and from one
voice in stereo by how often a single channel is active.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from emo.audio.limits import MAX_CHANNELS
from emo.errors import ChannelError

MIX, EACH, LEFT, RIGHT = "mix", "each", "left", "right"

SIDES = (LEFT, RIGHT)
"""Names of the channels where there are two; where there are more, they have numbers."""

CHANNELS = (MIX, EACH, *SIDES, *(str(number) for number in range(1, MAX_CHANNELS + 1)))
"""What can be asked for: a channel, all of them mixed, or each by itself."""

FRAME_S = 0.1
ACTIVE_DB = 30.0  # below the loudest half second of the channel
AUDIBLE_DB = 45.0  # below that of the loudest channel
STEADY_DB = 10.0  # a channel that moves by less holds noise or nothing
ABOVE_FLOOR_DB = 10.0
SURELY_DB = 15.0  # below its loudest half second a channel that moves is active, whatever its floor
SOLO_DB = 12.0  # between a channel and all others, each measured from its own loudest half second
MIN_SOLO_SHARE = 0.05
"""Share of the active frames in which a second channel must be active alone."""

MIN_FRAMES = 3
MIN_SOLO_TOTAL = 0.5
"""Share of the active frames with one channel alone: people who take turns come to 0.6 and more."""

MIN_SOLO_TOTAL_UNCORRELATED, MAX_CORRELATION = 0.25, 0.1
"""The same, and the correlation of the levels, of people who talk over each other."""

_NAMED = "#channel="  # as a media fragment (W3C, 2012) names a part in time
_LOUDEST_FRAMES = 5
_FAINT = 1e-12  # -120 dB of full scale


def channel_names(count: int) -> tuple[str, ...]:
    """Return the names of so many channels: left and right, or numbers from 1."""
    return SIDES if count == len(SIDES) else tuple(str(i + 1) for i in range(count))


def channel_index(channel: str, count: int) -> int:
    """Return the place, from 0, of a channel among so many.

    Raises
    ------
    ChannelError
        There is none of that name.
    """
    names = channel_names(count)
    if channel in names:
        return names.index(channel)
    if channel.isdecimal() and 1 <= int(channel) <= count:
        return int(channel) - 1
    if count == 1:
        there = "one channel, which is number 1"
    elif count == len(SIDES):
        there = "two channels, left and right"
    else:
        there = f"{count} channels, which are numbered 1 to {count}"
    raise ChannelError(
        f"There is no channel '{channel}' in this recording: it has {there}. Name one of these, or "
        "take the mix of all."
    )


def parse_channel(name: str) -> str:
    """Return the channel that :func:`name_with_channel` put into a name; empty if none."""
    return name.rpartition(_NAMED)[2] if _NAMED in name else ""


def name_with_channel(name: str, channel: str) -> str:
    """Return the name of a recording with that of the channel; the mix has none."""
    return name if channel == MIX else f"{name}{_NAMED}{channel}"


@dataclass(frozen=True)
class SoloActivity:
    """How often a single channel is active.

    Attributes
    ----------
    active : int
        Frames of 100 ms in which any channel is active.
    shares : tuple of float
        For each channel, the share of these in which it alone is active.
    in_step : float, -1 to 1
        Correlation of the levels of the two channels that are most often alone; 1 for one voice on
        both, below 0 for two people who take turns.
    """

    active: int
    shares: tuple[float, ...]
    in_step: float = 1.0

    @property
    def total(self) -> float:
        """Share of the active frames in which any channel is active alone, 0 to 1."""
        return sum(self.shares)

    @property
    def differ(self) -> bool:
        """Tell whether different people seem to speak on the channels.

        The limits were set on made calls (alternating, leaking, noisy, talked over), rooms, music
        and single voices in stereo; ``docs/experiments.md`` has how often each kind is told.
        """
        second = sorted(self.shares)[-2] if len(self.shares) > 1 else 0.0
        apart = self.total >= MIN_SOLO_TOTAL_UNCORRELATED and self.in_step <= MAX_CORRELATION
        takes_part = second >= MIN_SOLO_SHARE and round(second * self.active) >= MIN_FRAMES
        return takes_part and (apart or self.total >= MIN_SOLO_TOTAL)


@dataclass
class ChannelLevels:
    """The power of each channel in frames of 100 ms, added up block by block."""

    rate_hz: int
    channels: int
    _frames: list[npt.NDArray[np.float64]] = field(default_factory=list)
    _rest: npt.NDArray[np.float32] | None = None

    def add(self, block: npt.NDArray[np.float32]) -> None:
        """Take in the next samples, float32 (n, channels)."""
        if self._rest is not None and len(self._rest):
            block = np.concatenate([self._rest, block])
        width = round(self.rate_hz * FRAME_S)
        whole = len(block) // width * width
        frames = block[:whole].reshape(-1, width, self.channels)
        power = np.einsum("ijk,ijk->ik", frames, frames, dtype=np.float64) / width
        offset = frames.mean(axis=1, dtype=np.float64)
        self._frames.append(np.maximum(power - offset**2, 0.0))
        self._rest = block[whole:].copy()

    def alone(self) -> SoloActivity:
        """Return how often a single channel was active in what was taken in."""
        power = np.concatenate([np.empty((0, self.channels)), *self._frames])
        return measure_solo_activity(power)


def measure_solo_activity(power: npt.NDArray[np.float64]) -> SoloActivity:
    """Return how often a single channel is active, from the power of each frame.

    A channel is active within 30 dB of its own loudest half second, above its own floor and where
    it can be made out beside the loudest channel; one that only holds steady noise never is.  It is
    active alone where all others are 12 dB further below their own loudest half seconds, so that
    one voice on two channels of different gain is on both, and a voice that a microphone across
    the table picks up faintly is on one.

    Parameters
    ----------
    power : float64, (frames, channels)
    """
    frames, channels = power.shape
    if frames < _LOUDEST_FRAMES or channels < 2:
        return SoloActivity(0, (0.0,) * channels)
    level_db = 10 * np.log10(np.maximum(power, _FAINT))
    loudest = np.sort(power, axis=0)[-_LOUDEST_FRAMES:].mean(axis=0)
    loudest_db = 10 * np.log10(np.maximum(loudest, _FAINT))
    floor_db = np.percentile(level_db, 10, axis=0)
    least_db = np.minimum(floor_db + ABOVE_FLOOR_DB, loudest_db - SURELY_DB)
    least_db = np.maximum(least_db, loudest_db - ACTIVE_DB)
    least_db = np.maximum(least_db, loudest_db.max() - AUDIBLE_DB)
    active = (level_db > least_db) & (loudest_db - floor_db > STEADY_DB)
    own_db = level_db - loudest_db
    others_db = np.stack(
        [np.delete(own_db, place, axis=1).max(axis=1) for place in range(channels)], axis=1
    )
    alone = active & (own_db - others_db > SOLO_DB)
    some = active.any(axis=1)
    count = int(some.sum())
    shares = alone.sum(axis=0) / max(count, 1)
    return SoloActivity(count, tuple(shares.tolist()), _in_step(own_db[some], shares))


def _in_step(own_db: npt.NDArray[np.float64], shares: npt.NDArray[np.float64]) -> float:
    """Return the correlation of the levels of the two channels that are most often alone."""
    pair = np.maximum(own_db[:, np.argsort(-shares, kind="stable")[:2]], -ACTIVE_DB)
    if len(pair) < 2 or not pair.std(axis=0).all():
        return 1.0
    return float(np.corrcoef(pair.T)[0, 1])
