"""The subsets of the labels among which an answer can be chosen."""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from emo.errors import SettingError
from emo.formatting import in_words as number_in_words
from emo.formatting import listed
from emo.labels import LABELS

MIN_LABELS = 2
"""Fewest labels among which there is anything to choose."""


def read_subset(
    labels: str | Iterable[str] | None, all_labels: Sequence[str] = LABELS
) -> tuple[str, ...]:
    """Return labels that were named, in the order of all labels; all of them for None.

    Parameters
    ----------
    labels
        At least two different ones of all labels; or a text with commas, semicolons or blanks
        between them. Upper and lower case are the same.
    all_labels
        Labels of the models' answers (``ModelSet.labels``).

    Raises
    ------
    SettingError
        A label is unknown or repeated, or there are fewer than two.

    Examples
    --------
    >>> read_subset("sad, angry")
    ('angry', 'sad')
    """
    if labels is None:
        return tuple(all_labels)
    parts = re.split(r"[\s,;]+", labels) if isinstance(labels, str) else labels
    named = [str(part).strip().casefold() for part in parts if str(part).strip()]
    for i, label in enumerate(named):
        if label not in all_labels:
            raise SettingError(
                f"'{label[:40]}' is none of the emotions that can be chosen among. They are "
                f"{listed(all_labels)}."
            )
        if label in named[:i]:
            raise SettingError(
                f"'{label}' is named twice among the emotions that can occur "
                f"({', '.join(named)}). Name each once."
            )
    if len(named) < MIN_LABELS:
        count = f"1 was named ({named[0]})" if named else "none was named"
        raise SettingError(
            f"At least {MIN_LABELS} emotions must remain to choose among, and {count}. Name "
            f"{'another' if named else 'some'} of {listed(all_labels)}."
        )
    return tuple(label for label in all_labels if label in named)


def in_words(labels: Sequence[str], all_labels: Sequence[str] = LABELS) -> str:
    """Return among which labels an answer is chosen, such as ``among angry and happy``."""
    every = f"all {number_in_words(len(all_labels))}"
    return f"among {listed(labels) if len(labels) < len(all_labels) else every}"


def subset_key(labels: Sequence[str]) -> str:
    """Return a subset as one text, such as ``angry happy``, which ``read_subset`` reads."""
    return " ".join(labels)


def proper_subsets() -> Iterator[tuple[str, ...]]:
    """Yield every subset of two to six labels, by size and then in the order of ``LABELS``."""
    for size in range(MIN_LABELS, len(LABELS)):
        yield from itertools.combinations(LABELS, size)
