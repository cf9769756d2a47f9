"""Draw the clips of a review: at random, or more of those that the models are unsure of.

A clip of size x gets the priority x / u with u from (0, 1), and those of the highest priority are
drawn (priority sampling: Ohlsson 1998; Duffield, Lund and Thorup 2007).  The first k clips are a
sample for any k, so a review that ends early has an estimate too.  Given the priority t of the next
clip, a clip was drawn with the probability min(1, x / t).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emo.errors import SettingError
from emo.review.clips import ReviewClip
from emo.review.settings import CONFIDENCE, RANDOM

MIN_SIZE = 0.05
"""Size of a clip that the models are sure of, where one that they are not sure of has 1."""


@dataclass(frozen=True)
class Draw:
    """The clips of a review in their order.

    Attributes
    ----------
    clips
        In the order in which they are played.
    choice, seed
        One of ``emo.review.settings.CHOICES``, and the number that it was drawn with.
    population
        Clips among which they were drawn.
    sizes, priorities : ndarray of float64
        Of the clips, and of the next one if there is one.
    """

    clips: tuple[ReviewClip, ...]
    choice: str
    seed: int
    population: int
    sizes: npt.NDArray[np.float64]
    priorities: npt.NDArray[np.float64]

    def inclusion(self, n: int) -> npt.NDArray[np.float64]:
        """Return the probabilities with which the first n clips are among the first n, (n,)."""
        if n >= len(self.priorities):
            return np.ones(n)
        return np.asarray(np.minimum(1.0, self.sizes[:n] / self.priorities[n]))


def draw_clips(clips: Sequence[ReviewClip], choice: str, take: int, seed: int) -> Draw:
    """Draw clips; the lot of a clip depends on the seed and its name, not on the others.

    Parameters
    ----------
    clips
        The clips that can be reviewed.
    choice
        One of ``emo.review.settings.CHOICES``.
    take
        How many, at least 1; all if there are fewer.
    seed
        Number of the draw.  Raters with the same number label the same clips.
    """
    lots = np.array([_lot(seed, clip) for clip in clips])
    sizes = np.array([_size(clip, choice) for clip in clips])
    priorities = sizes / lots
    order = np.argsort(-priorities, kind="stable")[: take + 1]
    drawn = tuple(clips[i] for i in order[:take])
    return Draw(drawn, choice, seed, len(clips), sizes[order], priorities[order])


def _size(clip: ReviewClip, choice: str) -> float:
    if choice == RANDOM:
        return 1.0
    doubt = 1 - clip.answer.confidence if choice == CONFIDENCE else clip.disagreement
    return max(MIN_SIZE, doubt)


def _lot(seed: int, clip: ReviewClip) -> float:
    """Return a number above 0 and below 1."""
    name = f"{seed}\n{clip.path}\n{clip.window}".encode("utf-8", "surrogatepass")
    bits = int.from_bytes(hashlib.sha256(name).digest()[:8], "big") >> 11
    return (bits + 0.5) / 2**53


def read_take(text: str, population: int) -> int:
    """Return how many clips a number such as "200", or a share such as "10%", stands for.

    Raises
    ------
    SettingError
        It is neither, or is not above 0.

    Examples
    --------
    >>> read_take("200", 1000), read_take("10%", 1000), read_take("200", 50)
    (200, 100, 50)
    """
    number = text.strip().removesuffix("%").strip()
    try:
        value = float(number)
    except ValueError:
        value = 0.0
    is_share = text.strip().endswith("%")
    if not 0 < value < 1e12 or (is_share and value > 100) or (not is_share and value % 1):
        raise SettingError(
            f"--take {text[:40]} is neither a number of clips nor a share of them. Give one such "
            "as 200 or 10%."
        )
    wanted = int(np.ceil(population * value / 100)) if is_share else int(value)
    return min(wanted, population)
