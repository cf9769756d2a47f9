"""Answer any number of recordings into a file; a run that was stopped can be continued."""

import errno
import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TextIO

from emo.batch.addresses import is_address
from emo.batch.dask import run as run_on_cluster
from emo.batch.inputs import STANDARD_INPUT, find_sources
from emo.batch.journal import Journal
from emo.batch.labelling import RunConfig, Track, label_sources, load_run_models
from emo.batch.pool import TIMEOUT_S
from emo.batch.pool import run as run_here
from emo.batch.progress import ProgressLine, RunSummary
from emo.batch.rows import (
    Result,
    columns,
    convert_rows,
    read_rows,
    write_csv,
    write_jsonl,
    write_parquet,
)
from emo.batch.skips import NOT_ANSWERED, SkipLog
from emo.batch.sources import Source
from emo.batch.speakers import COLUMN, read_rule
from emo.batch.voices import VoiceRows
from emo.errors import EmoError, ModelError
from emo.labels import ENSEMBLE
from emo.system.files import check_output
from emo.system.packages import check_batch

FORMATS = {".jsonl": write_jsonl, ".csv": write_csv, ".parquet": write_parquet}
"""Extensions of the output, and the function that writes rows in that format."""

GROWING = ".jsonl"
"""Extension of an output to which rows are appended as they come, unless voices are known."""

GROUP_SIZE = 16
"""Recordings that a process gets at a time."""

CLUSTER_GROUP_SIZE = 32
"""Recordings that a worker of a cluster gets; each group costs the scheduler a millisecond."""

GROUP_BYTES = 2 * 2**20
"""Bytes of files in a group; a long recording forms a group alone, so that its row is early."""

TIMELINE_TIMEOUT_S = 10 * TIMEOUT_S

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def run_batch(
    inputs: Sequence[str],
    out: Path,
    config: RunConfig,
    jobs: int,
    dask: str = "",
    lines: Iterable[str] = (),
    messages: TextIO | None = None,
    skips: SkipLog | None = None,
) -> RunSummary:
    """Write the row of each recording, or of each window, to a file.

    Recordings that have their rows from an earlier run are not answered again.

    Parameters
    ----------
    inputs, lines
        As for ``emo.batch.inputs.find_sources``.
    out
        File of JSON Lines, which grows as answers come; or of CSV or Parquet, written at the end
        from a file of JSON Lines beside it.  Where voices are known, each is written at the end.
    config
        Models and settings.
    jobs
        Number of worker processes.
    dask
        Address of a Dask cluster to work on instead, or ``local``.
    messages
        Stream for the progress, or None.
    skips
        Log of skipped files and of recordings that cannot be read.

    Returns
    -------
    RunSummary
        Counts and duration.

    Raises
    ------
    EmoError
        The output exists and cannot be continued, or is lost while it is written; the disk is
        full; the run cannot start; or there is no recording.
    """
    skips = skips or SkipLog()
    rows = rows_file(out, bool(config.speakers))
    voices = _voice_rows(config)
    check_output(out)
    for sentence in check_batch(inputs, out, dask):
        if messages is not None:
            print(f"emo: {sentence}", file=messages, flush=True)
    if rows != out and out.exists() and not rows.exists():
        raise EmoError(f"{out} exists and is complete. Remove it, or name another file with --out.")
    has_rows = rows.exists()
    if not has_rows:
        check_inputs(inputs)
    try:
        summary = _fill(inputs, rows, config, jobs, dask, lines, messages, skips)
        if not summary.earlier + summary.added:
            if not has_rows:
                rows.unlink()
            raise EmoError(no_recording(inputs, skips))
        if rows != out:
            read = voices.read if voices else read_rows
            names = columns(config.labels, (*config.keys, ENSEMBLE))
            write = partial(FORMATS[out.suffix.lower()], columns=names)
            convert_rows(rows, out, write, read)
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        raise EmoError(
            f"{error.filename}: {error.strerror}. The answers so far are kept in {rows}. Free some "
            "space, and run the same command again to continue."
        ) from error
    if voices:
        return replace(summary, voices=tuple(voices.voices), unnamed=voices.unnamed)
    return summary


def rows_file(out: Path, with_voices: bool = False) -> Path:
    """Return the file of JSON Lines to which rows are written as they come."""
    if out.suffix.lower() == GROWING and not with_voices:
        return out
    return out.with_name(f"{out.name}.rows.jsonl")


def group_sources(sources: Iterable[Source], size: int) -> Iterator[list[Source]]:
    """Yield recordings in groups of at most this size, smaller where their files are large.

    The rows of a group are written together; a group that is interrupted is answered again.
    """
    group: list[Source] = []
    n_bytes = 0
    for source in sources:
        group.append(source)
        n_bytes += _size_of(source)
        if len(group) == size or n_bytes > GROUP_BYTES:
            yield group
            group, n_bytes = [], 0
    if group:
        yield group


def _voice_rows(config: RunConfig) -> VoiceRows | None:
    """Return the reader that adds answers with voices known; checked before a run begins."""
    if not config.speakers:
        return None
    models = load_run_models(config)
    if models.model_set.is_own:
        raise ModelError(
            "Own models have no classifier that knows a voice. Leave out --speaker-from."
        )
    if models.voice is None:
        raise ModelError(models.voice_fault)
    if models.calibration.voice is None:
        raise ModelError(
            "The calibration of these models has no part for known voices. Leave out "
            "--speaker-from, or fetch the folder models/ again."
        )
    return VoiceRows(models)


def _fill(
    inputs: Sequence[str],
    rows: Path,
    config: RunConfig,
    jobs: int,
    dask: str,
    lines: Iterable[str],
    messages: TextIO | None,
    skips: SkipLog,
) -> RunSummary:
    """Answer all recordings that have no row yet, and append their rows."""
    work = partial(label_sources, config)
    crash_result = partial(_crash_result, config)
    with Journal(rows, config.run, partial(skips.note, NOT_ANSWERED)) as journal:
        earlier = journal.count
        sources = _find(inputs, journal, config, lines, skips)
        size = 1 if config.timeline else CLUSTER_GROUP_SIZE if dask else GROUP_SIZE
        groups = group_sources(sources, size)
        if dask:
            batches = run_on_cluster(groups, work, dask, jobs, crash_result)
        else:
            timeout_s = TIMELINE_TIMEOUT_S if config.timeline else TIMEOUT_S
            batches = run_here(groups, work, jobs, crash_result, timeout_s)
        progress = ProgressLine(inputs, messages, earlier, COLUMN in config.speakers)
        with closing(batches):  # on any error, end the workers too
            for results in batches:
                journal.append(results)
                progress.update(len(results), journal.failed)
        journal.check()
        progress.end()
        return RunSummary(earlier, progress.added, journal.failed, progress.elapsed_s())


def _find(
    inputs: Sequence[str],
    journal: Journal,
    config: RunConfig,
    lines: Iterable[str],
    skips: SkipLog,
) -> Iterator[Source]:
    """Yield the recordings that have no row yet, with their speakers where these are known."""
    rule = config.speakers[0] if config.speakers else ""
    sources = find_sources(inputs, journal.add_name, lines, skips.skip, rule == COLUMN)
    if rule in ("", COLUMN):
        return sources
    speaker_of = read_rule(rule)
    return (replace(source, speaker=speaker_of(source.name)) for source in sources)


def no_recording(inputs: Sequence[str], skips: SkipLog) -> str:
    """Return the sentence for inputs that hold no recording."""
    where = inputs[0] if len(inputs) == 1 else f"these {len(inputs)} inputs"
    where = "the list from standard input" if where == STANDARD_INPUT else where
    return f"There is no recording in {where}: {skips.summary() or 'it has no files'}."


def check_inputs(inputs: Sequence[str]) -> None:
    """Check that any of the paths exists, before an output is created for misspelt ones.

    Raises
    ------
    EmoError
        None of them exists.
    """
    if any(os.path.lexists(text) or text == STANDARD_INPUT or is_address(text) for text in inputs):
        return
    if not any(glob.has_magic(text) for text in inputs):
        paths = " or ".join(inputs[:3])
        raise EmoError(f"There is nothing at {paths}. Check how it is spelt.")


def _crash_result(config: RunConfig, source: Source, reason: str) -> Result:
    return Track(source, config.default_channel, config).reject(
        f"{reason}, and again when it read this file alone. The file may be damaged in a way that "
        "crashes its decoder, or need more memory than there is. Convert it to WAV."
    )


def _size_of(source: Source) -> int:
    """Return the bytes of a file; 0 where they are not known before it is read."""
    if source.data is not None:
        return len(source.data)
    try:
        return os.stat(source.location).st_size if source.location else 0
    except (OSError, ValueError):  # an address, or a file that was removed
        return 0
