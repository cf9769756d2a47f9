"""The rounds of the page *Listen*: which clips are drawn, and who named them right."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from emo.app.samples import Sample
from emo.labels import INDEX, LABELS

N_CLIPS = 10
"""Clips of a round."""

MAX_SEED = 99_999
"""Largest number of a round; it is short, so that a teacher can read it out."""

YOU, CROWD = "you", "crowd"
"""Keys of the visitor and of the listeners, beside those of the models."""

GUESS, ANSWER, SUMMARY = "guess", "answer", "summary"
"""What a round shows: a clip without its answer, with its answer, or the result of all clips."""


@dataclass(frozen=True)
class Round:
    """The state of a round.

    Attributes
    ----------
    seed
        Number of the round, 1 to ``MAX_SEED``, by which its clips are drawn.
    guesses
        Labels that the visitor chose, one for each clip that has been answered.
    place
        Index of the clip that is shown; ``N_CLIPS`` for the summary.
    """

    seed: int
    guesses: tuple[str, ...] = ()
    place: int = 0

    @property
    def phase(self) -> str:
        """``GUESS``, ``ANSWER`` or ``SUMMARY``."""
        if self.place == N_CLIPS:
            return SUMMARY
        return ANSWER if self.place < len(self.guesses) else GUESS

    def guess(self, place: int, label: str) -> "Round":
        """Return the round after a guess; unchanged if that clip does not wait for one."""
        if self.phase != GUESS or place != self.place or label not in LABELS:
            return self
        return replace(self, guesses=(*self.guesses, label))

    def go_on(self, place: int) -> "Round":
        """Return the round after the answer to a clip; unchanged if that answer is not shown."""
        if self.phase != ANSWER or place != self.place:
            return self
        return replace(self, place=place + 1)


def read_seed(text: str | None) -> int | None:
    """Return the number of a round in an address; None if it is missing or no such number."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > len(str(MAX_SEED)):
        return None
    seed = int(text)
    return seed if seed and text == str(seed) else None


def draw_clips(seed: int, samples: Sequence[Sample]) -> list[Sample]:
    """Draw the clips of a round: each emotion once, then others, no emotion more than twice.

    The lot of a clip is a hash of the seed and its file name, so that a round has the same clips on
    every computer, in whatever order the samples are listed.

    Parameters
    ----------
    seed
        Number of the round.
    samples
        Clips to draw from.

    Returns
    -------
    list of Sample
        ``N_CLIPS`` clips; fewer if there are not enough.
    """
    by_lot = sorted(samples, key=lambda sample: _lot("clip", seed, sample.file))
    by_turn: list[tuple[int, Sample]] = []
    n_drawn = dict.fromkeys(LABELS, 0)
    for sample in by_lot:
        by_turn.append((n_drawn[sample.emotion], sample))
        n_drawn[sample.emotion] += 1
    # The sort is stable: the first clip of every emotion, then the second ones, each by lot.
    drawn = [sample for _, sample in sorted(by_turn, key=lambda pair: pair[0])][:N_CLIPS]
    return sorted(drawn, key=lambda sample: _lot("place", seed, sample.file))


def _lot(purpose: str, seed: int, file: str) -> bytes:
    return hashlib.sha256(f"{purpose} {seed} {file}".encode()).digest()


# --- Scores --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Score:
    """How many of the clips were named as they were acted; ``n_clips`` counts those with an answer.

    Attributes
    ----------
    key
        ``YOU``, ``CROWD``, or the key of a model.
    """

    key: str
    n_right: int
    n_clips: int


def crowd_labels(sample: Sample) -> tuple[str, ...]:
    """Return the label that most listeners chose, several after a tie; none without votes."""
    most = max((n for _, n in sample.votes), default=0)
    return tuple(label for label, n in sample.votes if n and n == most)


def crowd_is_right(sample: Sample) -> bool:
    """Return whether most listeners chose the acted label; a tie is not right."""
    return crowd_labels(sample) == (sample.emotion,)


def count_scores(
    clips: Sequence[Sample], guesses: Sequence[str], answers: Sequence[Mapping[str, str]]
) -> list[Score]:
    """Count who named the clips right: the visitor, the listeners, and each model.

    Parameters
    ----------
    clips
        The clips that were answered.
    guesses
        The visitor's label for each.
    answers
        The models' labels for each, by key; a model without an answer is not counted there.

    Returns
    -------
    list of Score
        The visitor's first, then the listeners', then those of the models in their order.
    """
    pairs = list(zip(clips, guesses, strict=True))
    voted = [clip for clip in clips if clip.votes]
    keys = dict.fromkeys(key for labels in answers for key in labels)
    scores = [
        Score(YOU, sum(clip.emotion == label for clip, label in pairs), len(pairs)),
        Score(CROWD, sum(map(crowd_is_right, voted)), len(voted)),
    ]
    for key in keys:
        rows = [
            (clip, labels[key])
            for clip, labels in zip(clips, answers, strict=True)
            if key in labels
        ]
        scores.append(Score(key, sum(clip.emotion == label for clip, label in rows), len(rows)))
    return scores


def confusion(acted: Sequence[str], answered: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the confusion matrix of a few clips.

    Parameters
    ----------
    acted, answered
        The label that was acted and the one that was answered, for each clip.

    Returns
    -------
    ndarray of int64, shape (7, 7)
        Clips by acted emotion (row) and answer (column), in the order of ``LABELS``.
    """
    counts = np.zeros((len(LABELS), len(LABELS)), np.int64)
    for row, column in zip(acted, answered, strict=True):
        counts[INDEX[row], INDEX[column]] += 1
    return counts
