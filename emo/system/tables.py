"""Read tables with a header from text files: cells divided by commas, semicolons or tabs."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emo.errors import CorpusError
from emo.system.lists import read_text

PATH_COLUMNS = ("path", "file", "filename", "filepath", "audio", "audiopath", "wav", "clip", "name")
SPEAKER_COLUMNS = ("speaker", "speakerid", "speakername", "actor", "actorid", "spk")
"""Names of columns; the first present is used.  Case, blanks, - and _ are ignored."""

_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Table:
    """A table with a header.

    Attributes
    ----------
    columns : tuple of str
        Normalised names (``normalise``).
    rows : tuple of tuple
        Line number and cells of each row.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[int, list[str]], ...]

    def position(self, names: Sequence[str]) -> int | None:
        """Return the place of the first of some columns that the table has; None without any."""
        return next((self.columns.index(name) for name in names if name in self.columns), None)

    def has_surplus(self, cells: Sequence[str]) -> bool:
        """Return whether a row has more cells than there are columns, and any of these a text."""
        return any(map(str.strip, cells[len(self.columns) :]))


SURPLUS = "more cells than columns (a path with a comma needs quotes)"
"""Reason to leave out a row whose cells cannot be told apart (``Table.has_surplus``)."""


def cell(cells: Sequence[str], at: int | None) -> str:
    """Return the cell in a column, "" where the table or the row lacks it."""
    return cells[at] if at is not None and at < len(cells) else ""


def normalise(text: str) -> str:
    """Return a text without blanks, quotes, - and _, in lower case."""
    return re.sub(r"[\s_-]+", "", text.strip().strip("\"'")).casefold()


def read_table(
    path: Path, what: str, wanted: Sequence[Sequence[str]], may_lack: bool = False
) -> Table:
    """Return the cells of a file, split by the delimiter that gives the expected columns.

    Parameters
    ----------
    path
    what
        Name of the file in messages.
    wanted
        Names of each column that is expected.
    may_lack
        Return the widest table, rather than the one with commas, if no delimiter gives them.

    Raises
    ------
    CorpusError
        The file is missing, or is no table.
    """
    lines = read_text(path, what)
    start = next((n for n, line in enumerate(lines) if line.strip()), 0)
    delimiters: tuple[str, ...] = _DELIMITERS
    if start < len(lines) and (named := re.fullmatch(r"sep=(.)\s*", lines[start], re.IGNORECASE)):
        delimiters, start = (named[1],), start + 1  # Excel names the delimiter in this way
    try:
        tables = [_split(lines, start, delimiter) for delimiter in delimiters]
    except csv.Error as error:
        raise CorpusError(f"The {what} {path} is no table ({error}). Save it as CSV.") from error
    for table in tables:
        if all(table.position(names) is not None for names in wanted):
            return table
    if may_lack:
        return next((table for table in tables if len(table.columns) > 1), tables[0])
    return tables[0]


def _split(lines: Sequence[str], start: int, delimiter: str) -> Table:
    reader = csv.reader(lines[start:], delimiter=delimiter, skipinitialspace=True)
    rows = [(start + reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    if not rows:
        return Table((), ())
    return Table(tuple(normalise(text) for text in rows[0][1]), tuple(rows[1:]))
