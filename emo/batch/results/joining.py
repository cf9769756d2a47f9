"""Join the rows of several runs into one file, and say what does not fit together."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emo.batch.results.reading import answer_keys, answer_labels, read_flat_rows
from emo.batch.rows import (
    Row,
    columns,
    read_rows,
    recording_name,
    write_csv,
    write_jsonl,
    write_parquet,
    write_whole,
)
from emo.classifiers.voice import VOICE
from emo.errors import EmoError
from emo.formatting import listed
from emo.inference.loading import ANSWER_KEYS
from emo.labels import ENSEMBLE, in_order
from emo.system.files import check_output

JSONL = ".jsonl"
WRITERS: dict[str, Callable[..., None]] = {
    JSONL: write_jsonl,
    ".csv": write_csv,
    ".parquet": write_parquet,
}

_DIGEST_BYTES = 16  # among 10^12 names, two are alike with a probability of 10^-15


@dataclass
class _Run:
    """Rows of a run, and what can be seen of its settings."""

    files: Counter[str] = field(default_factory=Counter)
    formats: set[int] = field(default_factory=set)
    among: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    labels: set[tuple[str, ...]] = field(default_factory=set)
    has: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class JoinSummary:
    """Counts of joined rows.

    Attributes
    ----------
    files
        Number of rows by file.
    written
        Rows of the joined file.
    duplicates
        Rows that stood in several files, or several times in one; each was written once.
    replaced
        Rows with an error whose recording has an answer of the same run elsewhere.
    renamed
        Names that stand for different recordings (by SHA-256); all their rows are kept.
    shared
        Names that were answered by several runs; all their rows are kept.
    runs
        A sentence part for each run, where there are several: its digest, its rows by file.
    differences
        In which of the visible settings the runs differ.
    """

    files: Mapping[str, int]
    written: int
    duplicates: int
    replaced: int
    renamed: int
    shared: int
    runs: tuple[str, ...]
    differences: tuple[str, ...]


class _Census:
    """First reading: which rows there are."""

    def __init__(self) -> None:
        self.files: dict[str, int] = {}
        self.runs: dict[str, _Run] = {}
        self.answered: set[bytes] = set()
        self._contents: dict[bytes, bytes] = {}
        self._run_of: dict[bytes, str] = {}
        self._renamed: set[bytes] = set()
        self._shared: set[bytes] = set()

    def add(self, file: Path, row: Row) -> None:
        self.files[str(file)] = self.files.get(str(file), 0) + 1
        run = self.runs.setdefault(row["run"], _Run())
        run.files[str(file)] += 1
        _note_settings(run, row)
        name, content = _digest(row["path"]), _digest(row.get("sha256", ""))
        if self._run_of.setdefault(name, row["run"]) != row["run"]:
            self._shared.add(name)
        if "sha256" in row and self._contents.setdefault(name, content) != content:
            self._renamed.add(name)
        if "error" not in row:
            self.answered.add(_digest(row["run"], row["path"]))
            self.answered.add(_digest(row["run"], recording_name(row), ""))

    def is_replaced(self, row: Row) -> bool:
        """Return whether a row is an error for which another file has an answer."""
        if "error" not in row:
            return False
        is_whole = "channel" not in row and "window" not in row
        return _digest(row["run"], row["path"]) in self.answered or (
            is_whole and _digest(row["run"], row["path"], "") in self.answered
        )

    @property
    def renamed(self) -> int:
        return len(self._renamed)

    @property
    def shared(self) -> int:
        return len(self._shared)


def _note_settings(run: _Run, row: Row) -> None:
    run.formats.add(row.get("format", 0))
    run.has |= {name for name in ("window", "channel", "speaker") if name in row}
    models = row.get("models")
    if models is not None:
        run.keys |= models.keys() - {VOICE}
        run.labels.add(tuple(next(iter(models.values()))["probabilities"]))
    elif keys := answer_keys(row):
        run.keys |= set(keys) - {VOICE}
        run.labels.add(in_order(answer_labels(row)))
    if "label" in row:
        run.among.add(" ".join(row.get("among", ())))


def _digest(*parts: str) -> bytes:
    """Return a digest of texts, of which some are as CSV and Parquet have them, others as JSON."""
    clean = [part.encode("utf-8", "backslashreplace").decode() for part in parts]
    return hashlib.blake2b(json.dumps(clean).encode(), digest_size=_DIGEST_BYTES).digest()


def join_files(inputs: Sequence[Path], out: Path) -> JoinSummary:
    """Write the rows of several files of ``emo batch`` into one, without losing any.

    Rows are alike if run, name, window and content (SHA-256) are.  An error is left out where the
    same run has an answer for the recording.  Rows of different runs are all kept.

    Parameters
    ----------
    inputs
        Files of JSON Lines, CSV or Parquet, at least one.
    out
        File to write; it is complete or not there.  JSON Lines hold more than the other formats, so
        they are made of JSON Lines alone.

    Raises
    ------
    EmoError
        A file is missing or no output of a batch, or ``out`` cannot be written.
    """
    _check(inputs, out)
    census = _Census()
    for path, row in _read(inputs, out):
        census.add(path, row)
    counts: Counter[str] = Counter()

    def rows() -> Iterator[Row]:
        seen: set[bytes] = set()
        for _, row in _read(inputs, out):
            window = str(row.get("window", ""))
            key = _digest(row["run"], row["path"], window, row.get("sha256", ""))
            if census.is_replaced(row):
                counts["replaced"] += 1
            elif key in seen:
                counts["duplicates"] += 1
            else:
                seen.add(key)
                counts["written"] += 1
                yield row

    runs = census.runs.values()
    labels = in_order({label for run in runs for own in run.labels for label in own})
    keys = sorted(
        {key for run in runs for key in run.keys}, key=lambda key: (key == ENSEMBLE, _order(key))
    )
    names = columns(labels, keys) if labels else columns()
    write = WRITERS[out.suffix.lower()]
    write_whole(rows(), out, lambda found, target: write(found, target, names))
    several = len(census.runs) > 1
    return JoinSummary(
        census.files,
        counts["written"],
        counts["duplicates"],
        counts["replaced"],
        census.renamed,
        census.shared if several else 0,
        tuple(_describe_run(name, run) for name, run in census.runs.items()) if several else (),
        _differences(list(runs)) if several else (),
    )


def _order(key: str) -> tuple[int, str]:
    return (ANSWER_KEYS.index(key) if key in ANSWER_KEYS else len(ANSWER_KEYS), key)


def _check(inputs: Sequence[Path], out: Path) -> None:
    check_output(out)
    if out.exists():
        raise EmoError(f"{out} exists. Remove it, or name another file with --out.")
    if out.suffix.lower() == JSONL:
        others = [str(path) for path in inputs if path.suffix.lower() != JSONL]
        if others:
            raise EmoError(
                f"JSON Lines hold more of an answer than {listed(others)}. Name a file that ends "
                "in .parquet or .csv with --out."
            )
    for path in inputs:
        if path.suffix.lower() == JSONL and path.is_file() and _is_cut(path):
            raise EmoError(
                f"{path} ends within a row, so its run is not finished. Finish it with the same "
                "emo batch command first."
            )


def _is_cut(path: Path) -> bool:
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def _read(inputs: Sequence[Path], out: Path) -> Iterator[tuple[Path, Row]]:
    """Yield the rows of all files: as they are for JSON Lines, else by their columns."""
    for path in inputs:
        flat = read_flat_rows(path)
        if out.suffix.lower() == JSONL:
            for checked, row in zip(flat, read_rows(path), strict=True):
                assert checked["path"] == row["path"]
                yield path, row
        else:
            for row in flat:
                yield path, _with_sentences(row)


def _with_sentences(row: Row) -> Row:
    """Return a flat row with its speech warnings as ``emo.batch.rows.flatten`` takes them."""
    if "speech_warnings" not in row:
        return row
    return row | {"speech_warnings": [{"sentence": text} for text in row["speech_warnings"]]}


# --- In sentences --------------------------------------------------------------------------------


def _describe_run(name: str, run: _Run) -> str:
    files = listed([f"{count:,} rows of {file}" for file, count in run.files.items()])
    return f"run {name}: {files}"


def _differences(runs: Sequence[_Run]) -> tuple[str, ...]:
    """Return in which settings runs differ, as far as their rows show it."""
    views: dict[str, Iterable[object]] = {
        "the classifiers": [frozenset(run.keys) for run in runs],
        "the labels": [frozenset(run.labels) for run in runs],
        "the emotions that can occur": [frozenset(run.among) for run in runs],
        "windows or whole recordings": ["window" in run.has for run in runs],
        "channels": ["channel" in run.has for run in runs],
        "known speakers": ["speaker" in run.has for run in runs],
        "the format of the rows": [frozenset(run.formats) for run in runs],
    }
    return tuple(name for name, values in views.items() if len(set(values)) > 1)


def format_join(summary: JoinSummary, out: Path) -> list[str]:
    """Return what was joined as sentences."""
    files = listed([f"{count:,} of {path}" for path, count in summary.files.items()])
    lines = [f"{summary.written:,} rows in {out}, from {files}."]
    if summary.duplicates:
        lines.append(f"{summary.duplicates:,} rows stood there more than once; each is kept once.")
    if summary.replaced:
        lines.append(
            f"{summary.replaced:,} rows with an error are left out, since the same run has an "
            "answer for their recording in another row."
        )
    if summary.renamed:
        lines.append(
            f"{summary.renamed:,} names stand for recordings of different content; all their rows "
            "are kept, and the column sha256 tells them apart."
        )
    if summary.runs:
        seen = listed(summary.differences) if summary.differences else ""
        where = f"They differ in {seen}." if seen else "Their rows show the same settings."
        lines.append(
            f"The rows are of {len(summary.runs)} runs, with other models, settings or versions of "
            f"Emo, so do not compare their answers. {where} The column run tells them apart."
        )
        lines += [f"  {run}" for run in summary.runs]
    if summary.shared:
        lines.append(f"{summary.shared:,} names have rows of more than one run; all are kept.")
    return lines
