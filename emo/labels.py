"""Define the seven labels, their order in every file and interface, and those of own models."""

from collections.abc import Iterable, Sequence

LABELS = ("angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised")
"""Order of every vector of probabilities, and of the rows and columns of every matrix."""

INDEX = {label: i for i, label in enumerate(LABELS)}
"""Position of each label in ``LABELS``."""

CALM = "calm"
"""A label of RAVDESS alone, which the classifiers are trained on and never answer with."""

TRAINED_LABELS = (*LABELS, CALM)
"""Labels that the classifiers are trained on; without calm they are ``LABELS`` in order."""

ENSEMBLE = "ensemble"
"""Key of the answer of the ensemble, beside the keys of the classifiers."""

TRAINED_INDEX = {label: i for i, label in enumerate(TRAINED_LABELS)}
"""Position of each label in ``TRAINED_LABELS``."""

MIN_LABELS, MAX_LABELS = 2, 12
"""Fewest and most labels of models that somebody trained on recordings of their own."""


def trained_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels of the raw outputs of classifiers that answer with some labels.

    Those that answer with ``LABELS`` are trained on calm too; others on their labels alone.
    """
    return TRAINED_LABELS if tuple(labels) == LABELS else tuple(labels)


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Return different labels in the order of models that answer with them.

    Those of ``LABELS`` come first, in that order; the others follow by the alphabet.

    Examples
    --------
    >>> in_order(["sad", "bored", "angry", "bored"])
    ('angry', 'sad', 'bored')
    """
    return tuple(sorted(set(labels), key=lambda label: (INDEX.get(label, len(LABELS)), label)))
