"""Rows of answers: as lines of JSON, and as columns of CSV and Parquet."""

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

from emo.audio.channels import MIX, channel_names, name_with_channel
from emo.audio.clip import Clip
from emo.classifiers.voice import VOICE
from emo.features.quality import Quality
from emo.inference.export import in_a_cell
from emo.inference.loading import ANSWER_KEYS
from emo.inference.predictor import Answer, Prediction
from emo.inference.timeline import Timeline
from emo.labels import ENSEMBLE, LABELS
from emo.system.files import check_output, naming

ROWS_FORMAT = 4
"""Version of the rows and columns; raise it when one is added, renamed or changes its meaning."""

DECIMALS = 7
"""Decimals of probabilities; single clips, batches and clusters agree to 1e-6."""

ROWS_PER_WRITE = 1000
"""Rows in memory while they are converted to Parquet."""

Row = dict[str, Any]

_ANSWER_COLUMNS = {"label": "text", "confidence": "number", "runner_up": "text", "unsure": "flag"}
_NUMBERS = (int, float, float | None)


def columns(labels: Sequence[str] = LABELS, keys: Sequence[str] = ANSWER_KEYS) -> dict[str, str]:
    """Return the columns of CSV and Parquet, and the kind of their values.

    A row may leave any of them empty.

    Parameters
    ----------
    labels
        Of the models' answers.
    keys
        Of the classifiers and the ensemble.
    """
    answer = _ANSWER_COLUMNS | dict.fromkeys(labels, "number")
    return {
        "path": "text",
        "speaker": "text",
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
        **{f"{key}_{name}": kind for key in (*keys, VOICE) for name, kind in answer.items()},
        "voice_clips": "count",
        "voice_used": "flag",
        "voice_note": "text",
        "among": "texts",
        "speech_warnings": "texts",
        "warnings": "texts",
        "quality_warnings": "texts",
        **{
            f.name: "number"
            for f in fields(Quality)
            if f.type in _NUMBERS and f.name != "duration_s"
        },
        "sha256": "text",
        "error": "text",
        "run": "text",
        "format": "count",
    }


COLUMNS = columns()
"""Columns of the answers of the models that ship."""


@dataclass(frozen=True)
class Channel:
    """Channel of a row.

    Attributes
    ----------
    name : str
        Name of the channel, or ``mix``.
    count : int
        Channels of the recording that have rows of their own; 0 if it has only one row.
    """

    name: str = MIX
    count: int = 0

    def to_dict(self) -> Row:
        """Return the fields of a row for this channel."""
        named: Row = {} if self.name == MIX else {"channel": self.name}
        return named | ({"channels": self.count} if self.count else {})


MIXED = Channel()
"""Channel of a row that is for the mix of all channels."""


@dataclass(frozen=True)
class Result:
    """Rows of a recording.

    Attributes
    ----------
    name : str
        Name of the recording.
    failed : bool
        Whether there is an error in any of them.
    lines : bytes
        Rows as lines of JSON, each with its line break.
    """

    name: str
    failed: bool
    lines: bytes


def prediction_result(
    name: str,
    run: str,
    clip: Clip,
    prediction: Prediction,
    channel: Channel = MIXED,
    stated: Row | None = None,
) -> Result:
    """Return the row of a clip: the ensemble's answer, then the object that ``predict`` prints.

    If a classifier gave no numbers, the row has its fault beside the answers of the others.

    Parameters
    ----------
    stated
        Further fields, where the speaker is stated (``emo.batch.voices.stated_fields``).
    """
    row = prediction.to_dict() | {"models": _rounded_answers(prediction.answers)}
    if prediction.ensembles:
        row["ensembles"] = _rounded_answers(prediction.ensembles)
    head = _head(name, run, channel) | (stated or {}) | _ensemble(prediction.answers)
    faults = row.pop("faults", {})
    error = {"error": " ".join(faults.values())} if faults else {}
    return Result(name, bool(faults), _lines([head | row | {"sha256": clip.sha256} | error]))


def timeline_result(
    name: str, run: str, clip: Clip, timeline: Timeline, channel: Channel = MIXED
) -> Result:
    """Return the rows of a recording, one for each window; without speech a row with no answer."""
    shared = timeline.to_dict() | {"sha256": clip.sha256}
    spans = shared.pop("windows")
    head = _head(name, run, channel)
    rows = [
        head
        | {"window": number, "windows": len(spans)}
        | _ensemble(answers)
        | {place: span[place] for place in span if place != "models"}
        | shared
        | {"models": _rounded_answers(answers)}
        for number, (span, answers) in enumerate(zip(spans, timeline.answers(), strict=True), 1)
    ]
    if not rows:
        rows = [head | {"window": 0, "windows": 0} | shared]
    error = {"error": " ".join(timeline.faults.values())} if timeline.faults else {}
    return Result(name, bool(error), _lines([row | error for row in rows]))


def error_result(
    name: str, run: str, reason: str, channel: Channel = MIXED, speaker: str = ""
) -> Result:
    """Return the row of a recording that could not be read."""
    stated: Row = {"speaker": speaker} if speaker else {}
    return Result(name, True, _lines([_head(name, run, channel) | stated | {"error": reason}]))


def join_results(name: str, parts: Sequence[Result]) -> Result:
    """Return the rows of all channels of a recording as one result."""
    return Result(name, any(part.failed for part in parts), b"".join(part.lines for part in parts))


def _head(name: str, run: str, channel: Channel) -> Row:
    head: Row = {"path": name_with_channel(name, channel.name), "run": run, "format": ROWS_FORMAT}
    return head | channel.to_dict()


def is_last_row(row: Row) -> bool:
    """Return whether a row is the last of its recording."""
    channels = channel_names(row.get("channels", 0))
    is_last_channel = not channels or row.get("channel") == channels[-1]
    return is_last_channel and row.get("window", 0) == row.get("windows", 0)


def recording_name(row: Row) -> str:
    """Return the name of the recording that a row belongs to, without the channel."""
    path: str = row["path"]
    return path.removesuffix(name_with_channel("", row["channel"])) if "channel" in row else path


def _lines(rows: Iterable[Row]) -> bytes:
    # In ASCII: the name of a file may have surrogates, which UTF-8 does not allow.
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def _ensemble(answers: Mapping[str, Answer]) -> Row:
    return answer_head(rounded_answer(answers[ENSEMBLE]))


def answer_head(answer: Row) -> Row:
    """Return the fields of an answer that stand at the head of a row, in their order."""
    return {name: answer[name] for name in _ANSWER_COLUMNS}


def _rounded_answers(answers: Mapping[str, Answer]) -> dict[str, Row]:
    return {key: rounded_answer(answer) for key, answer in answers.items()}


def rounded_answer(answer: Answer) -> Row:
    """Return the fields of an answer, its probabilities with ``DECIMALS``."""
    probabilities = {
        label: round(float(p), DECIMALS)
        for label, p in zip(answer.labels, answer.probabilities, strict=True)
    }
    return answer.to_dict() | {
        "confidence": round(answer.confidence, DECIMALS),
        "probabilities": probabilities,
    }


# --- columns -------------------------------------------------------------------------------------


def flatten(row: Row, columns: Mapping[str, str] = COLUMNS) -> Row:
    """Return the values of a row by the names of columns (``columns``)."""
    flat = {name: row[name] for name in row.keys() & columns.keys()}
    for key, answer in row.get("models", {}).items():
        flat |= {f"{key}_{name}": answer[name] for name in _ANSWER_COLUMNS}
        flat |= {f"{key}_{label}": p for label, p in answer["probabilities"].items()}
    flat |= {f"{VOICE}_{name}": value for name, value in row.get(VOICE, {}).items()}
    quality = row.get("quality", {})
    flat |= {name: quality[name] for name in quality.keys() & columns.keys() if name not in flat}
    if "speech_warnings" in row:
        flat["speech_warnings"] = [concern["sentence"] for concern in row["speech_warnings"]]
    return flat


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file of JSON Lines."""
    with path.open("rb") as file:
        for line in file:
            yield json.loads(line)


def write_jsonl(rows: Iterable[Row], target: Path, columns: Mapping[str, str] = COLUMNS) -> None:
    """Write rows as JSON Lines, each with all of its fields."""
    with target.open("wb") as file:
        for row in rows:
            file.write(_lines([row]))


def write_csv(rows: Iterable[Row], target: Path, columns: Mapping[str, str] = COLUMNS) -> None:
    """Write rows as CSV with some columns (``columns``)."""
    with target.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.DictWriter(file, tuple(columns), restval="", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _cell(value) for name, value in flatten(row, columns).items()})


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        value = " ".join(value)
    return in_a_cell(value) if isinstance(value, str) else value


def write_parquet(rows: Iterable[Row], target: Path, columns: Mapping[str, str] = COLUMNS) -> None:
    """Write rows as Parquet with some columns, ``ROWS_PER_WRITE`` at a time."""
    import pyarrow as pa
    from pyarrow import parquet

    types = {
        "text": pa.string(),
        "texts": pa.list_(pa.string()),
        "number": pa.float64(),
        "count": pa.int64(),
        "flag": pa.bool_(),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    left = iter(rows)
    with parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        while group := [flatten(row, columns) for row in islice(left, ROWS_PER_WRITE)]:
            for row in group:  # Parquet stores UTF-8 only
                for name in row.keys() & {"path", "speaker"}:
                    row[name] = row[name].encode("utf-8", "backslashreplace").decode()
            writer.write_table(pa.Table.from_pylist(group, schema))


def convert_rows(
    source: Path,
    target: Path,
    write: Callable[[Iterable[Row], Path], None],
    read: Callable[[Path], Iterable[Row]] = read_rows,
) -> None:
    """Write a target file completely or not at all, and then remove the source.

    Parameters
    ----------
    source
        File of JSON Lines.
    target
    write
        Function that writes rows to a file.
    read
        Function that returns the rows to write.
    """
    write_whole(read(source), target, write)
    source.unlink()


def write_whole(
    rows: Iterable[Row], target: Path, write: Callable[[Iterable[Row], Path], None]
) -> None:
    """Write rows to a file that is complete or not there at all.

    Parameters
    ----------
    rows
    target
    write
        Function that writes rows to a file.
    """
    partial = target.with_name(f"{target.name}.partial")
    check_output(partial)
    try:
        with naming(partial):
            write(rows, partial)
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):  # an incomplete file is of no use, and takes space
            partial.unlink()
        raise
    partial.replace(target)
