"""What the classifiers are fitted to: features of clips and of copies, and what to say of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emo.classifiers.fitting import Curve
from emo.labels import TRAINED_LABELS

N_OUTPUTS = len(TRAINED_LABELS)
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Inputs:
    """Features of n clips: functionals, float32 (n, f), and n views, float32 (time, 64) each."""

    vectors: np.ndarray
    views: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Batch:
    """Clips to fit on or to score.

    Attributes
    ----------
    clips : features of the clips as they are
    targets : int64 (n,), position of the label in ``TRAINED_LABELS``
    copies : features of altered copies, row by row the same clips; empty where nothing trains
    listeners : float32 (n, 8), shares of the listeners' votes; rows of zeros where there are none
    """

    clips: Inputs
    targets: np.ndarray
    copies: tuple[Inputs, ...] = ()
    listeners: np.ndarray = field(default_factory=lambda: np.zeros((0, N_OUTPUTS), np.float32))

    def vectors(self, chosen: np.ndarray) -> np.ndarray:
        """Functionals of each clip (0) or of its copy of that number, float32 (n, f)."""
        sources = np.stack([self.clips.vectors, *(c.vectors for c in self.copies)])
        return np.asarray(sources[chosen, np.arange(len(chosen))])

    def views(self, chosen: np.ndarray) -> list[np.ndarray]:
        """Views of each clip (0) or of its copy of that number."""
        sources = (self.clips.views, *(copy.views for copy in self.copies))
        return [sources[number][row] for row, number in enumerate(chosen)]


@dataclass(frozen=True)
class Fitted:
    """What fitting gives: arrays by name, the network where a runtime serves it, the curve."""

    arrays: Arrays
    curve: Curve
    model: Any = None


def choose_copies(batch: Batch, share: float, rng: np.random.Generator) -> np.ndarray:
    """For each clip 0 for itself, or with probability ``share`` the number of a copy, int (n,)."""
    n = len(batch.targets)
    if not batch.copies:
        return np.zeros(n, int)
    numbers = rng.integers(1, 1 + len(batch.copies), n)
    return np.where(rng.random(n) < share, numbers, 0)


def class_weights(targets: np.ndarray) -> np.ndarray:
    """Weight of each label, float64 (8,): the root of how rare it is, one on average over clips."""
    counts = np.bincount(targets, minlength=N_OUTPUTS)
    weights = 1.0 / np.sqrt(np.maximum(counts, 1))
    return np.asarray(weights * counts.sum() / np.sum(weights * counts))


def soft_targets(batch: Batch, smoothing: float, listeners_share: float) -> np.ndarray:
    """What the classifier should say of each clip, float32 (n, 8).

    The acted label, less ``listeners_share`` that goes to what listeners heard where they were
    asked; of that, ``smoothing`` is spread over the labels that occur.
    """
    n = len(batch.targets)
    rows = np.zeros((n, N_OUTPUTS), np.float32)
    rows[np.arange(n), batch.targets] = 1.0
    if len(batch.listeners):
        asked = batch.listeners.sum(axis=1) > 0
        rows[asked] = (1 - listeners_share) * rows[asked] + listeners_share * batch.listeners[asked]
    occurs = np.bincount(batch.targets, minlength=N_OUTPUTS) > 0
    rows = (1 - smoothing) * rows + smoothing * occurs / occurs.sum()
    return np.asarray(rows, np.float32)


def standardise(vectors: Sequence[np.ndarray]) -> Arrays:
    """``mean`` and ``deviation`` of each functional over all rows, float32 (f,) each."""
    rows = np.concatenate(list(vectors))
    mean, deviation = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    deviation = np.where(deviation > 1e-6, deviation, 1.0)  # a constant is no reason to divide by 0
    return {"mean": mean.astype(np.float32), "deviation": deviation.astype(np.float32)}


def check_arrays(
    arrays: Arrays, shapes: Mapping[str, tuple[int, ...]], whole: Sequence[str] = ()
) -> None:
    """Nothing where the arrays are these alone, finite numbers, of these shapes.

    Parameters
    ----------
    whole
        Those that hold whole numbers; all others hold floats.

    Raises
    ------
    ValueError
        They are not.
    """
    if arrays.keys() != shapes.keys():
        wrong = sorted(arrays.keys() ^ shapes.keys())
        raise ValueError(f"the arrays {', '.join(wrong)[:200]} are missing, or too many")
    for name, values in arrays.items():
        if values.dtype.kind != ("i" if name in whole else "f"):
            raise ValueError(f"'{name}' holds values of the kind {values.dtype}")
        if values.shape != shapes[name]:
            raise ValueError(f"'{name}' has the shape {values.shape}, not {shapes[name]}")
        if not np.isfinite(values).all():
            raise ValueError(f"there are values that are not finite in {name}")
    if (arrays["deviation"] <= 0).any():
        raise ValueError("a deviation is not above zero")


def apply_scaling(vectors: np.ndarray, arrays: Arrays) -> np.ndarray:
    """Functionals in standard deviations from the training mean, held within ±5."""
    return np.clip((vectors - arrays["mean"]) / arrays["deviation"], -5.0, 5.0)
