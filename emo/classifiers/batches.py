"""The clips that classifiers are fitted to: features, targets, and their preparation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emo.classifiers.fitting import Curve
from emo.features.encoder import EMBEDDING_SIZE
from emo.labels import TRAINED_LABELS

N_OUTPUTS = len(TRAINED_LABELS)
MAX_DEVIATIONS = 5.0  # scaled functionals beyond are set to this

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Features:
    """Features of n clips, row by row.

    Attributes
    ----------
    functionals : float32, (n, f)
    spectrograms : tuple of float32 arrays, each (time, 64)
    reasons : tuple of str
        Why a clip cannot be used, empty where it can; an empty tuple where all can be used.  The
        features of a clip that cannot be used are zeros.
    embeddings : float32, (n, 2048) or (0, 2048)
        By the pre-trained encoder (``emo.features.encoder``); none where they are not needed.
    """

    functionals: np.ndarray
    spectrograms: tuple[np.ndarray, ...]
    reasons: tuple[str, ...] = ()
    embeddings: np.ndarray = field(
        default_factory=lambda: np.zeros((0, EMBEDDING_SIZE), np.float32)
    )

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.spectrograms)

    @property
    def inputs(self) -> dict[str, np.ndarray]:
        """The features that classifiers take as rows of numbers, by ``Classifier.takes``."""
        return {"functionals": self.functionals, "embeddings": self.embeddings}

    @property
    def usable(self) -> np.ndarray:
        """Rows of clips that can be used, bool (n,)."""
        reasons = self.reasons or ("",) * len(self.spectrograms)
        return np.array([not reason for reason in reasons], bool)

    def take(self, rows: np.ndarray) -> "Features":
        """Return the features of some rows, in the order given."""
        return Features(
            self.functionals[rows],
            tuple(self.spectrograms[i] for i in rows),
            tuple(self.reasons[i] for i in rows) if self.reasons else (),
            self.embeddings[rows] if len(self.embeddings) else self.embeddings,
        )

    def filled(self, clips: "Features") -> "Features":
        """Return these features with the rows that cannot be used taken from other ones."""
        usable = self.usable
        pairs = zip(usable, self.spectrograms, clips.spectrograms, strict=True)
        embeddings = self.embeddings
        if len(embeddings):
            embeddings = np.where(usable[:, None], embeddings, clips.embeddings)
        return Features(
            np.where(usable[:, None], self.functionals, clips.functionals),
            tuple(altered if is_usable else clip for is_usable, altered, clip in pairs),
            embeddings=embeddings,
        )


def join_features(parts: Sequence[Features]) -> Features:
    """Return the features of several lists of clips, one after the other."""
    return Features(
        np.concatenate([part.functionals for part in parts]),
        tuple(spectrogram for part in parts for spectrogram in part.spectrograms),
        tuple(reason for part in parts for reason in part.reasons),
        np.concatenate([part.embeddings for part in parts]),
    )


@dataclass(frozen=True)
class Batch:
    """Clips to fit on or to score.

    Attributes
    ----------
    features : Features
        Of the clips as they are.
    targets : int64, (n,)
        Position of the acted emotion in ``TRAINED_LABELS``.
    copies : tuple of Features
        Of altered copies of the same clips, row by row; used in training alone.
    corpora : tuple of str
        Corpus of each clip; empty where it does not matter.
    speakers : tuple of str
        Speaker of each clip; empty where it does not matter.
    n_outputs : int
        Number of labels, k, where the classifiers are trained on others than ``TRAINED_LABELS``.
    listener_labels : float32, (n, 8) or (0, 8)
        Shares of the listeners' votes; zeros for clips that no listener rated.
    """

    features: Features
    targets: np.ndarray
    copies: tuple[Features, ...] = ()
    listener_labels: np.ndarray = field(
        default_factory=lambda: np.zeros((0, N_OUTPUTS), np.float32)
    )
    corpora: tuple[str, ...] = ()
    speakers: tuple[str, ...] = ()
    n_outputs: int = N_OUTPUTS

    def take(self, rows: np.ndarray) -> "Batch":
        """Return some rows, those of unusable clips left out; unusable copies become the clips."""
        rows = rows[self.features.usable[rows]]
        features = self.features.take(rows)
        copies = tuple(copy.take(rows).filled(features) for copy in self.copies)
        listeners = self.listener_labels
        return Batch(
            features,
            self.targets[rows],
            copies,
            listeners[rows] if len(listeners) else listeners,
            tuple(self.corpora[i] for i in rows) if self.corpora else (),
            tuple(self.speakers[i] for i in rows) if self.speakers else (),
            self.n_outputs,
        )

    def functionals(self, numbers: np.ndarray) -> np.ndarray:
        """Return each clip's functionals (0) or those of its copy of that number, float32 (n, f).

        Parameters
        ----------
        numbers : int, (n,)
            0 for the clip itself, else the number of a copy, from 1.
        """
        sources = np.stack([self.features.functionals, *(c.functionals for c in self.copies)])
        return np.asarray(sources[numbers, np.arange(len(numbers))])

    def spectrograms(self, numbers: np.ndarray) -> list[np.ndarray]:
        """Return each clip's spectrogram (0) or that of its copy of that number."""
        sources = (self.features.spectrograms, *(copy.spectrograms for copy in self.copies))
        return [sources[number][row] for row, number in enumerate(numbers)]


@dataclass(frozen=True)
class Fitted:
    """A fitted classifier.

    Attributes
    ----------
    arrays : dict of str to array
        The weights by name, as they are stored.
    curve : list of dict
        The learning curve; empty for a classifier that is not fitted in epochs.
    model
        The Keras network, for a classifier that a runtime serves.
    """

    arrays: Arrays
    curve: Curve
    model: Any = None


def choose_copies(batch: Batch, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return 0 for each clip or, with probability `share`, the number of a copy, int (n,)."""
    n = len(batch.targets)
    if not batch.copies:
        return np.zeros(n, int)
    numbers = rng.integers(1, 1 + len(batch.copies), n)
    return np.where(rng.random(n) < share, numbers, 0)


def class_weights(targets: np.ndarray, n_outputs: int = N_OUTPUTS) -> np.ndarray:
    """Return the weight of each label, float64 (k,): the inverse of the root of its count.

    Parameters
    ----------
    targets : int, (n,)
        The weights of these average to 1.
    n_outputs
        Number of labels, k.
    """
    counts = np.bincount(targets, minlength=n_outputs)
    weights = 1.0 / np.sqrt(np.maximum(counts, 1))
    return np.asarray(weights * counts.sum() / np.sum(weights * counts))


def soft_targets(batch: Batch, smoothing: float, listener_share: float) -> np.ndarray:
    """Return the probabilities that a network is fitted to, float32 (n, k); rows add up to 1.

    Parameters
    ----------
    smoothing
        Share that is spread evenly over the labels that occur in the batch (label smoothing,
        Szegedy et al. 2016).
    listener_share
        Share of the rest that goes to the listeners' votes, for clips that have some; what remains
        is the acted emotion's.
    """
    n = len(batch.targets)
    rows = np.zeros((n, batch.n_outputs), np.float32)
    rows[np.arange(n), batch.targets] = 1.0
    if len(batch.listener_labels):
        rated = batch.listener_labels.sum(axis=1) > 0
        votes = batch.listener_labels[rated]
        rows[rated] = (1 - listener_share) * rows[rated] + listener_share * votes
    occurs = np.bincount(batch.targets, minlength=batch.n_outputs) > 0
    rows = (1 - smoothing) * rows + smoothing * occurs / occurs.sum()
    return np.asarray(rows, np.float32)


def distil(targets: np.ndarray, teacher: np.ndarray, share: float) -> np.ndarray:
    """Return soft targets with a share of a teacher's probabilities, float32 (n, k).

    Parameters
    ----------
    targets, teacher : (n, k)
        Probabilities.
    share
        Of the teacher's, from 0 to 1.
    """
    return np.asarray((1 - share) * targets + share * teacher, np.float32)


def standardise(functionals: Sequence[np.ndarray]) -> Arrays:
    """Return ``mean`` and ``deviation`` of each column over all rows, float32 (f,) each.

    Parameters
    ----------
    functionals : sequence of float32 arrays, each (n, f)
        Functionals, or embeddings.
    """
    rows = np.concatenate(list(functionals))
    mean, deviation = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    deviation = np.where(deviation > 1e-6, deviation, 1.0)  # a constant would divide by 0
    return {"mean": mean.astype(np.float32), "deviation": deviation.astype(np.float32)}


def apply_scaling(functionals: np.ndarray, arrays: Arrays) -> np.ndarray:
    """Return rows in standard deviations from the training mean, from -5 to 5, (n, f)."""
    scaled = (functionals - arrays["mean"]) / arrays["deviation"]
    return np.clip(scaled, -MAX_DEVIATIONS, MAX_DEVIATIONS)


def check_arrays(
    arrays: Arrays, shapes: Mapping[str, tuple[int, ...]], integers: Sequence[str] = ()
) -> None:
    """Raise an error unless the arrays are exactly these, finite, and of these shapes.

    Parameters
    ----------
    integers
        Names of the arrays that hold integers; all others hold floats.

    Raises
    ------
    ValueError
        An array is missing, unknown, or of another kind or shape, or holds a value out of range.
    """
    if arrays.keys() != shapes.keys():
        wrong = sorted(arrays.keys() ^ shapes.keys())
        raise ValueError(f"the arrays {', '.join(wrong)[:200]} are missing, or too many")
    for name, values in arrays.items():
        if values.dtype.kind != ("i" if name in integers else "f"):
            raise ValueError(f"'{name}' holds values of the kind {values.dtype}")
        if values.shape != shapes[name]:
            raise ValueError(f"'{name}' has the shape {values.shape}, not {shapes[name]}")
        if not np.isfinite(values).all():
            raise ValueError(f"there are values that are not finite in {name}")
    if (arrays["deviation"] <= 0).any():
        raise ValueError("a deviation is not above zero")
