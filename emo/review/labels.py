"""The file of the labels: CSV with a row for each clip and rater, written after each answer."""

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from emo.batch.results.reading import without_apostrophe
from emo.errors import EmoError
from emo.inference.export import in_a_cell
from emo.labels import LABELS
from emo.review.clips import Key
from emo.system.files import check_output, naming

SEVERAL, NONE, SKIPPED = "(several)", "(none)", "(skipped)"
"""Answers that are no single label: several of them, none of them, and no answer."""

OTHERS = (SEVERAL, NONE, SKIPPED)

MAX_RATER = 60
"""Longest name of a rater."""


@dataclass(frozen=True)
class Label:
    """The label that a rater gave to a clip.

    Attributes
    ----------
    path, window
        Key of the clip.
    label
        A label of the models, or one of ``OTHERS``; empty while the rater has taken it back.
    rater
        Name of the rater.
    time
        When it was given, in UTC, such as ``2026-11-30T09:15:00Z``.
    first_label
        Label before the answers of the models were shown, where it was changed afterwards.
    choice, seed
        How the clip was drawn.
    run
        Digest of the models and settings that answered the clip.
    """

    path: str
    window: int
    label: str
    rater: str
    time: str
    first_label: str
    choice: str
    seed: int
    run: str

    @property
    def key(self) -> Key:
        """Name of the clip: its path and window."""
        return self.path, self.window


COLUMNS = ("path", "window", "label", "rater", "time", "first_label", "choice", "seed", "run")

Place = tuple[str, Key]
"""Key of a row of the file: rater and clip."""


class LabelFile:
    """Labels in a CSV file.

    Every change replaces the file at once, after the new one is on the disk, so that a kill leaves
    the old or the new file.  Rows that another program added in between are kept.

    Parameters
    ----------
    path
        File to read and write; it need not exist.
    allowed
        Labels of the models.

    Raises
    ------
    EmoError
        It holds something else, or nothing can be written there.
    """

    def __init__(self, path: Path, allowed: Sequence[str] = LABELS) -> None:
        self._path, self._allowed = path, tuple(allowed)
        check_output(path)
        self._labels: dict[Place, Label] = {}
        self._state = self._stat()
        if self._state is not None:
            self._labels = _by_place(read_labels(path, allowed))

    def labels(self, rater: str | None = None) -> list[Label]:
        """Return the labels in the order of the file, all or those of a rater."""
        return [one for one in self._labels.values() if rater in (None, one.rater)]

    def find(self, rater: str, key: Key) -> Label | None:
        """Return the row of a rater for a clip."""
        return self._labels.get((rater, key))

    def put(self, label: Label) -> None:
        """Write a label in the place of an earlier one of the same rater for the same clip.

        Raises
        ------
        OSError
            The file cannot be written; the labels stay as they were.
        EmoError
            Another program has written something else into it.
        """
        labels = self._labels
        if self._stat() != self._state and self._stat() is not None:
            labels = labels | _by_place(read_labels(self._path, self._allowed))
        labels = labels | {(label.rater, label.key): label}
        with naming(self._path):
            _write(self._path, labels.values())
        self._labels, self._state = labels, self._stat()

    def take_back(self, rater: str, key: Key, is_shown: bool) -> None:
        """Remove the label of a clip, so that it waits for another one.

        Parameters
        ----------
        rater, key
            Whose label, and of which clip.
        is_shown
            Whether the rater has seen the answers of the models to it.  The first label is then
            kept beside the next one.
        """
        label = self.find(rater, key)
        if label is not None and label.label:
            first = label.first_label or (label.label if is_shown else "")
            self.put(replace(label, label="", first_label=first))

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _by_place(labels: Iterable[Label]) -> dict[Place, Label]:
    return {(label.rater, label.key): label for label in labels}


def read_labels(path: Path, allowed: Sequence[str] = LABELS) -> list[Label]:
    """Read the labels in a file.

    Parameters
    ----------
    path
    allowed
        Labels of the models.

    Raises
    ------
    EmoError
        The file is missing, or holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise EmoError(f"There is no file {path}. Check how it is spelt.") from None
    except UnicodeDecodeError:
        raise _not_labels(path, "it is no text in UTF-8") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        if not set(COLUMNS) <= set(reader.fieldnames or ()):
            raise _not_labels(path, f"its first line is not {','.join(COLUMNS)}")
        values = (*allowed, *OTHERS)
        return [_read_label(path, reader.line_num, row, values) for row in reader]
    except csv.Error as error:
        raise _not_labels(path, f"line {reader.line_num}: {error}") from error


def _read_label(path: Path, line: int, row: Mapping[str, str], values: Sequence[str]) -> Label:
    for column in ("label", "first_label"):
        if row[column] not in (*values, ""):
            raise _not_labels(
                path, f"line {line} has the {column} {row[column]!r}, not {', '.join(values)}"
            )
    cells = {name: without_apostrophe(row[name] or "") for name in COLUMNS}
    try:
        numbers = {"window": int(cells["window"] or 0), "seed": int(cells["seed"] or 0)}
    except ValueError:
        raise _not_labels(path, f"line {line} has no numbers as window and seed") from None
    if not cells["path"] or not cells["rater"]:
        raise _not_labels(path, f"line {line} has no path and rater")
    return Label(**{**cells, **numbers})  # type: ignore[arg-type]


def _not_labels(path: Path, reason: str) -> EmoError:
    return EmoError(
        f"{path} is no file of labels of emo review: {reason}. Name another file with --out."
    )


def _write(path: Path, labels: Iterable[Label]) -> None:
    """Replace a file by one with these labels, in one step."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for label in labels:
        writer.writerow(
            [
                in_a_cell(value) if isinstance(value := getattr(label, name), str) else value or ""
                for name in COLUMNS
            ]
        )
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        file.write(text.getvalue())
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def check_rater(name: str) -> str:
    """Return why a text cannot be the name of a rater; "" if it can."""
    if not name.strip():
        return "Please give a name or initials, by which your labels are found again."
    if len(name) > MAX_RATER or not name.isprintable():
        return f"Please give a name of at most {MAX_RATER} letters."
    return ""


def answers_of(labels: Sequence[Label], rater: str) -> dict[Key, Label]:
    """Return the labels of a rater by clip, without those that were taken back."""
    return {one.key: one for one in labels if one.rater == rater and one.label}
