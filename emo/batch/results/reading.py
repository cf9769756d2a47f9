"""Read the rows that a batch has written as JSON Lines, CSV or Parquet."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from emo.batch.rows import COLUMNS, Row, flatten
from emo.errors import EmoError
from emo.labels import ENSEMBLE
from emo.system.files import check_input
from emo.system.packages import missing

_FLAGS = {"yes": True, "no": False}
_RUNNER_UP = "_runner_up"
_ROWS_PER_READ = 1000


def read_flat_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file of ``emo batch``, with the names of ``emo.batch.rows.columns``.

    A row has the columns that have a value, those of own models and their labels too.  A list of
    sentences in a cell of CSV is one sentence.

    Raises
    ------
    EmoError
        The file is missing, has another ending, or is not the output of a batch.
    """
    readers: dict[str, Callable[[Path], Iterator[Row]]] = {
        ".jsonl": _read_jsonl,
        ".csv": _read_csv,
        ".parquet": _read_parquet,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise EmoError(
            f"{path} does not end in {', '.join(readers)}. Name a file that emo batch wrote."
        )
    try:
        check_input(path)
    except FileNotFoundError:
        raise EmoError(f"There is no file {path}. Check how it is spelt.") from None
    for number, row in enumerate(reader(path), 1):
        if not isinstance(row.get("path"), str) or not isinstance(row.get("run"), str):
            raise _no_rows(path, f"row {number:,} has no path and run")
        yield row


def answer_keys(names: Iterable[str]) -> list[str]:
    """Return the keys of the models that have answers in a row or a header."""
    return [name.removesuffix(_RUNNER_UP) for name in names if name.endswith(_RUNNER_UP)]


def answer_labels(names: Iterable[str]) -> list[str]:
    """Return the labels of the answers in a row or a header, in their order."""
    start = f"{ENSEMBLE}_"
    own = [name.removeprefix(start) for name in names if name.startswith(start)]
    return [name for name in own if name not in ("label", "confidence", "runner_up", "unsure")]


def kind_of(name: str) -> str:
    """Return the kind of the values in a column, those of own models included."""
    if name in COLUMNS:
        return COLUMNS[name]
    ends = {"_label": "text", _RUNNER_UP: "text", "_unsure": "flag"}
    return next((kind for end, kind in ends.items() if name.endswith(end)), "number")


def _is_known(name: str, keys: Iterable[str]) -> bool:
    return name in COLUMNS or any(name.startswith(f"{key}_") for key in keys)


def _no_rows(path: Path, reason: str) -> EmoError:
    return EmoError(
        f"{path} holds no rows of emo batch ({reason}). Name a file that emo batch wrote."
    )


def _read_jsonl(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield flatten(json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                raise _no_rows(path, f"line {number:,} is not a row") from error


def _read_csv(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        try:
            keys = answer_keys(reader.fieldnames or ())
            known = {name for name in reader.fieldnames or () if _is_known(name, keys)}
            for cells in reader:
                yield {
                    name: _value(name, text)
                    for name, text in cells.items()
                    if text and name in known
                }
        except (csv.Error, UnicodeDecodeError, ValueError) as error:
            raise _no_rows(path, f"line {reader.line_num:,}: {error}") from error


def _value(name: str, text: str) -> Any:
    kind = kind_of(name)
    if kind == "number":
        return float(text)
    if kind == "count":
        return int(text)
    if kind == "flag":
        return _FLAGS[text] if text in _FLAGS else bool(int(text))
    text = without_apostrophe(text)
    return [text] if kind == "texts" else text


def without_apostrophe(text: str) -> str:
    """Return a cell as it was before ``in_a_cell`` kept a spreadsheet from running it."""
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@", "\t", "\r") else text


def _read_parquet(path: Path) -> Iterator[Row]:
    if missing(["pyarrow"]):
        raise EmoError(f"Reading {path} needs the package pyarrow: run 'pip install pyarrow'.")
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            keys = answer_keys(file.schema_arrow.names)
            names = [name for name in file.schema_arrow.names if _is_known(name, keys)]
            for batch in file.iter_batches(_ROWS_PER_READ, columns=names):
                for row in batch.to_pylist():
                    yield {name: value for name, value in row.items() if value is not None}
    except (pa.ArrowException, OSError) as error:
        raise _no_rows(path, str(error).splitlines()[0]) from error
