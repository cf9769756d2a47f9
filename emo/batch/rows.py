"""One recording's answers as a row: a line of JSON, or columns of CSV and Parquet."""

import csv
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

from emo.audio.channels import MIX, channel_names, name_with_channel
from emo.audio.clip import Clip
from emo.features.quality import Quality
from emo.inference.export import in_a_cell
from emo.inference.predictor import ANSWER_KEYS, Answer, Prediction
from emo.inference.timeline import Timeline
from emo.labels import LABELS, VOTE
from emo.system.files import check_output, naming

ROWS_FORMAT = 2
"""Version of the rows and columns; raise it when one is added, renamed or changes its meaning."""

DECIMALS = 7  # of probabilities: the paths through the code agree to 1e-6
ROWS_PER_WRITE = 1000  # rows in memory while they are written anew

Row = dict[str, Any]

_ANSWER_COLUMNS = {"label": "text", "confidence": "number", "runner_up": "text", "unsure": "flag"}
_NUMBERS = (int, float, float | None)
COLUMNS: dict[str, str] = {
    "path": "text",
    "channel": "text",
    "channels": "count",
    **_ANSWER_COLUMNS,
    "duration_s": "number",
    "window": "count",
    "windows": "count",
    "start_s": "number",
    "stop_s": "number",
    "segment_start_s": "number",
    "segment_end_s": "number",
    **{
        f"{key}_{name}": kind
        for key in ANSWER_KEYS
        for name, kind in (_ANSWER_COLUMNS | dict.fromkeys(LABELS, "number")).items()
    },
    "speech_warnings": "texts",
    "warnings": "texts",
    "quality_warnings": "texts",
    **{f.name: "number" for f in fields(Quality) if f.type in _NUMBERS and f.name != "duration_s"},
    "sha256": "text",
    "error": "text",
    "run": "text",
    "format": "count",
}
"""Columns of CSV and Parquet, and what is in them; a row leaves empty what it does not have."""


@dataclass(frozen=True)
class Channel:
    """Which channel of a recording a row is of, and how many have rows of their own (or 0)."""

    name: str = MIX
    count: int = 0

    def to_dict(self) -> Row:
        """What the row says of it."""
        named: Row = {} if self.name == MIX else {"channel": self.name}
        return named | ({"channels": self.count} if self.count else {})


MIXED = Channel()
"""The mix."""


@dataclass(frozen=True)
class Result:
    """What a recording gave: its rows as lines of JSON, with the line breaks."""

    name: str
    failed: bool
    lines: bytes


def prediction_result(
    name: str, run: str, clip: Clip, found: Prediction, channel: Channel = MIXED
) -> Result:
    """The row of a clip: the object that ``predict`` prints, the vote's answer before all.

    Where a classifier gave no numbers the row has its fault beside the others' answers.
    """
    row = found.to_dict() | {"models": _shortened(found.answers)}
    head = _head(name, run, channel) | _vote(found.answers)
    faults = row.pop("faults", {})
    error = {"error": " ".join(faults.values())} if faults else {}
    return Result(name, bool(faults), _lines([head | row | {"sha256": clip.sha256} | error]))


def timeline_result(
    name: str, run: str, clip: Clip, timeline: Timeline, channel: Channel = MIXED
) -> Result:
    """The rows of a long recording, one a window; without speech one row that has no answer."""
    shared = timeline.to_dict() | {"sha256": clip.sha256}
    spans = shared.pop("windows")
    head = _head(name, run, channel)
    rows = [
        head
        | {"window": number, "windows": len(spans)}
        | _vote(given)
        | {place: span[place] for place in span if place != "models"}
        | shared
        | {"models": _shortened(given)}
        for number, (span, given) in enumerate(zip(spans, timeline.answers(), strict=True), 1)
    ]
    if not rows:
        rows = [head | {"window": 0, "windows": 0} | shared]
    error = {"error": " ".join(timeline.faults.values())} if timeline.faults else {}
    return Result(name, bool(error), _lines([row | error for row in rows]))


def error_result(name: str, run: str, reason: str, channel: Channel = MIXED) -> Result:
    """The row of a recording that could not be read."""
    return Result(name, True, _lines([_head(name, run, channel) | {"error": reason}]))


def join_results(name: str, parts: Sequence[Result]) -> Result:
    """The rows of all channels of a recording."""
    return Result(name, any(part.failed for part in parts), b"".join(part.lines for part in parts))


def _head(name: str, run: str, channel: Channel) -> Row:
    head: Row = {"path": name_with_channel(name, channel.name), "run": run, "format": ROWS_FORMAT}
    return head | channel.to_dict()


def is_last_row(row: Row) -> bool:
    """Whether a row is the last of its recording."""
    channels = channel_names(row.get("channels", 0))
    is_last_channel = not channels or row.get("channel") == channels[-1]
    return is_last_channel and row.get("window", 0) == row.get("windows", 0)


def recording_name(row: Row) -> str:
    """The name of the recording that a row belongs to, without its channel."""
    path: str = row["path"]
    return path.removesuffix(name_with_channel("", row["channel"])) if "channel" in row else path


def _lines(rows: Sequence[Row]) -> bytes:
    # In ASCII: a name that is no text has surrogates, which UTF-8 does not allow.
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def _vote(given: Mapping[str, Answer]) -> Row:
    vote = _rounded(given[VOTE])
    return {name: vote[name] for name in _ANSWER_COLUMNS}


def _shortened(given: Mapping[str, Answer]) -> dict[str, Row]:
    return {key: _rounded(one) for key, one in given.items()}


def _rounded(given: Answer) -> Row:
    shares = {
        label: round(float(p), DECIMALS)
        for label, p in zip(LABELS, given.probabilities, strict=True)
    }
    return given.to_dict() | {
        "confidence": round(given.confidence, DECIMALS),
        "probabilities": shares,
    }


# --- columns -------------------------------------------------------------------------------------


def flatten(row: Row) -> Row:
    """The values of a row by the names of ``COLUMNS``."""
    flat = {name: row[name] for name in row.keys() & COLUMNS.keys()}
    for key, given in row.get("models", {}).items():
        flat |= {f"{key}_{name}": given[name] for name in _ANSWER_COLUMNS}
        flat |= {f"{key}_{label}": p for label, p in given["probabilities"].items()}
    quality = row.get("quality", {})
    flat |= {name: quality[name] for name in quality.keys() & COLUMNS.keys() if name not in flat}
    if "speech_warnings" in row:
        flat["speech_warnings"] = [concern["sentence"] for concern in row["speech_warnings"]]
    return flat


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file of JSON Lines, one after the other."""
    with path.open("rb") as file:
        for line in file:
            yield json.loads(line)


def write_csv(source: Path, target: Path) -> None:
    """Nothing; writes the rows of a file of JSON Lines as CSV."""
    with target.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.DictWriter(file, tuple(COLUMNS), restval="", lineterminator="\n")
        writer.writeheader()
        for row in read_rows(source):
            writer.writerow({name: _cell(value) for name, value in flatten(row).items()})


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        value = " ".join(value)
    return in_a_cell(value) if isinstance(value, str) else value


def write_parquet(source: Path, target: Path) -> None:
    """Nothing; writes the rows of a file of JSON Lines as Parquet, some at a time."""
    import pyarrow as pa
    from pyarrow import parquet

    types = {
        "text": pa.string(),
        "texts": pa.list_(pa.string()),
        "number": pa.float64(),
        "count": pa.int64(),
        "flag": pa.bool_(),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
    rows = read_rows(source)
    with parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        while some := [flatten(row) for row in islice(rows, ROWS_PER_WRITE)]:
            for row in some:  # Parquet has UTF-8 alone
                row["path"] = row["path"].encode("utf-8", "backslashreplace").decode()
            writer.write_table(pa.Table.from_pylist(some, schema))


def convert_rows(source: Path, target: Path, write: Callable[[Path, Path], None]) -> None:
    """Nothing; writes the target whole or not at all, and then removes the source."""
    partial = target.with_name(f"{target.name}.partial")
    check_output(partial)
    try:
        with naming(partial):
            write(source, partial)
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):  # what is there in part is of no use, and takes room
            partial.unlink()
        raise
    partial.replace(target)
    source.unlink()
