"""Write the embeddings of recordings into a file: NumPy's NPZ, Parquet or CSV."""

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from emo import __version__
from emo.audio.channels import EACH, MIX, name_with_channel
from emo.audio.clip import RATE_HZ, Clip
from emo.batch.dask import run as run_on_cluster
from emo.batch.inputs import find_sources
from emo.batch.labelling import RunConfig, load_run_models
from emo.batch.progress import ProgressLine, RunSummary
from emo.batch.run import CLUSTER_GROUP_SIZE, check_inputs, group_sources, no_recording
from emo.batch.skips import NOT_ANSWERED, SkipLog
from emo.batch.sources import Source, load_channels, load_source
from emo.errors import EmoError
from emo.inference.embeddings import Embedding, Layer, embed_clip
from emo.inference.export import in_a_cell, printable
from emo.inference.loading import Models
from emo.system.files import check_output, naming
from emo.system.packages import check_batch

ROWS_PER_WRITE = 500
"""Rows in memory while Parquet is written."""

MAX_REASONS = 10
"""Recordings whose reasons are printed; all are in their rows, and in the report."""

ABOUT = "about"
"""Name of the text, as JSON, that says what a file holds: an array in NPZ, metadata in Parquet."""


@dataclass(frozen=True)
class EmbeddingRow:
    """Row of a recording, or of one of its channels.

    Attributes
    ----------
    path : str
        Name of the recording, with that of the channel.
    duration_s : float
        NaN for a recording that cannot be used.
    sha256 : str
        Of the file; empty for one that cannot be used.
    error : str
        Why it cannot be used; empty where it can.
    embedding : dict of ndarray of float32, each of shape (w,)
        By layer; empty for a recording that cannot be used.
    """

    path: str
    duration_s: float = float("nan")
    sha256: str = ""
    error: str = ""
    embedding: Embedding = field(default_factory=dict)


Write = Callable[[Iterable[EmbeddingRow], Sequence[Layer], str, Path], None]


def embed_into_file(
    inputs: Sequence[str],
    out: Path,
    models: Models,
    layers: Sequence[Layer],
    channel: str = MIX,
    lines: Iterable[str] = (),
    messages: TextIO | None = None,
    skips: SkipLog | None = None,
    cluster: "Cluster | None" = None,
) -> RunSummary:
    """Write the embedding of each recording to a file, which is complete or not there at all.

    Parameters
    ----------
    inputs, lines
        As for ``emo.batch.inputs.find_sources``.
    out
        Name that ends in one of ``WRITERS``.
    models
    layers
        Of ``describe_layers`` for these models.
    channel
        One of ``emo.audio.channels.CHANNELS``.
    messages
        Stream for the progress and for the reason of each recording that cannot be used, or None.
    skips
        Log of skipped files and of recordings that cannot be used.
    cluster
        Dask cluster that computes them, each row as soon as it is ready; None for this process.

    Returns
    -------
    RunSummary
        Counts and duration.

    Raises
    ------
    EmoError
        The output cannot be written, a package is missing, or there is no recording.
    """
    skips = skips or SkipLog()
    check_output(out)
    check_inputs(inputs)
    for sentence in check_batch(inputs, out, cluster.address if cluster else ""):
        if messages is not None:
            print(f"emo: {sentence}", file=messages, flush=True)
    progress = ProgressLine(inputs, messages, 0)
    reasons: list[str] = []
    failed = 0

    def rows() -> Iterator[EmbeddingRow]:
        nonlocal failed
        sources = find_sources(inputs, lambda name: True, lines, skips.skip)
        names = tuple(layer.name for layer in layers)
        for embedded in (
            (_embed_source(source, models, names, channel) for source in sources)
            if cluster is None
            else _embed_on(cluster, sources, names, channel)
        ):
            for row in embedded:
                if row.error:
                    failed += 1
                    if failed <= MAX_REASONS:
                        reasons.append(f"{row.path}: {row.error}")
                    skips.note(NOT_ANSWERED, row.path, row.error)
                yield row
            progress.update(1, failed)
        if not progress.added:
            raise EmoError(no_recording(inputs, skips))

    about = {"emo": __version__, "rate_hz": RATE_HZ, "channel": channel}
    text = json.dumps(about | {"layers": [asdict(layer) for layer in layers]})
    _write_whole(rows(), layers, text, out)
    progress.end()
    for reason in reasons:
        if messages is not None:
            print(printable(f"emo: {reason}"), file=messages)
    return RunSummary(0, progress.added, failed, progress.elapsed_s())


def _write_whole(
    rows: Iterable[EmbeddingRow], layers: Sequence[Layer], about: str, out: Path
) -> None:
    unfinished = out.with_name(f"{out.name}.partial")
    check_output(unfinished)
    try:
        with naming(unfinished):
            WRITERS[out.suffix.lower()](rows, layers, about, unfinished)
    except BaseException:  # an incomplete file is of no use, and takes space
        with suppress(OSError):
            unfinished.unlink()
        raise
    unfinished.replace(out)


@dataclass(frozen=True)
class Cluster:
    """A Dask cluster that computes embeddings.

    Attributes
    ----------
    address
        Of its scheduler, or ``local``.
    config
        Folder of the models, which every worker must have with the same content.
    jobs
        Workers of a local cluster.
    """

    address: str
    config: RunConfig
    jobs: int


def _embed_on(
    cluster: Cluster, sources: Iterable[Source], layers: Sequence[str], channel: str
) -> Iterator[list[EmbeddingRow]]:
    """Yield the rows of each recording as the workers of a cluster return them."""
    groups = group_sources(sources, CLUSTER_GROUP_SIZE)
    work = partial(embed_sources, cluster.config, tuple(layers), channel)
    for group in run_on_cluster(groups, work, cluster.address, cluster.jobs, _crashed):
        yield from group


def embed_sources(
    config: RunConfig, layers: Sequence[str], channel: str, sources: Sequence[Source]
) -> list[list[EmbeddingRow]]:
    """Return the rows of recordings, in a worker of a cluster.

    Raises
    ------
    ModelError
        The worker has no models, or other ones.
    """
    models = load_run_models(config)
    return [_embed_source(source, models, layers, channel) for source in sources]


def _crashed(source: Source, reason: str) -> list[EmbeddingRow]:
    error = f"{reason}, and again when it read this file alone. Convert it to WAV."
    return [EmbeddingRow(source.name, error=error)]


def _embed_source(
    source: Source, models: Models, layers: Sequence[str], channel: str
) -> list[EmbeddingRow]:
    """Return the row of a recording, or those of its channels."""
    name = source.name if channel == EACH else name_with_channel(source.name, channel)
    try:
        clips: dict[str, Clip | Any] = (
            load_channels(source) if channel == EACH else {channel: load_source(source, channel)}
        )
    except EmoError as error:
        return [EmbeddingRow(name, error=str(error))]
    except Exception as error:  # of a library, for one file: the others must have their rows
        return [EmbeddingRow(name, error=_fault(error))]
    return [
        _embed_clip(name_with_channel(source.name, key), clip, models, layers)
        for key, clip in clips.items()
    ]


def _embed_clip(
    name: str, clip: Clip | Exception, models: Models, layers: Sequence[str]
) -> EmbeddingRow:
    if isinstance(clip, Exception):
        return EmbeddingRow(name, error=str(clip))
    try:
        embedding = embed_clip(clip, models, layers)
    except EmoError as error:
        return EmbeddingRow(name, clip.duration_s, clip.sha256, str(error))
    except Exception as error:  # as above
        return EmbeddingRow(name, clip.duration_s, clip.sha256, _fault(error))
    return EmbeddingRow(name, clip.duration_s, clip.sha256, "", embedding)


def _fault(error: Exception) -> str:
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"This recording could not be embedded ({what}). Convert it to WAV."


# --- formats -------------------------------------------------------------------------------------


def write_npz(
    rows: Iterable[EmbeddingRow], layers: Sequence[Layer], about: str, target: Path
) -> None:
    """Write rows as arrays: a text or number for each, and float32 (n, w) for each layer.

    The numbers of a recording that cannot be used are NaN.
    """
    texts, durations = [], []
    numbers: dict[str, list[np.ndarray]] = {layer.name: [] for layer in layers}
    for row in rows:
        texts.append((row.path, row.sha256, row.error))
        durations.append(row.duration_s)
        for layer in layers:
            empty = np.full(layer.width, np.nan, np.float32)
            numbers[layer.name].append(row.embedding.get(layer.name, empty))
    arrays = {name: np.array([row[i] for row in texts]) for i, name in enumerate(_TEXTS)}
    arrays |= {"duration_s": np.array(durations, np.float64), ABOUT: np.array(about)}
    arrays |= {name: np.stack(own) for name, own in numbers.items()}
    with target.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def write_parquet(
    rows: Iterable[EmbeddingRow], layers: Sequence[Layer], about: str, target: Path
) -> None:
    """Write rows as Parquet: each layer is one column of lists, null where there is no answer."""
    import pyarrow as pa
    from pyarrow import parquet

    types = dict.fromkeys(_TEXTS, pa.string()) | {"duration_s": pa.float64()}
    types |= {layer.name: pa.list_(pa.float32(), layer.width) for layer in layers}
    schema = pa.schema(list(types.items()), metadata={ABOUT: about})
    left = iter(rows)
    with parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        while group := list(islice(left, ROWS_PER_WRITE)):
            table = [_values(row, layers) for row in group]
            writer.write_table(pa.Table.from_pylist(table, schema))


def _values(row: EmbeddingRow, layers: Sequence[Layer]) -> dict[str, Any]:
    """Return a row for Parquet, which stores UTF-8 only and knows no answer from NaN."""
    path = os.fspath(row.path).encode("utf-8", "backslashreplace").decode()
    values = {"path": path, "sha256": row.sha256, "error": row.error}
    duration_s = None if row.error and not row.sha256 else row.duration_s
    numbers = {layer.name: row.embedding.get(layer.name) for layer in layers}
    return values | {"duration_s": duration_s} | numbers


def write_csv(
    rows: Iterable[EmbeddingRow], layers: Sequence[Layer], about: str, target: Path
) -> None:
    """Write rows as CSV with a column for each number.

    They are ``cnn_0``, ``cnn_1`` and so on.  The cells of a recording that cannot be used are
    empty.
    """
    columns = [f"{layer.name}_{i}" for layer in layers for i in range(layer.width)]
    with target.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*_TEXTS, "duration_s", *columns])
        for row in rows:
            texts = [in_a_cell(row.path), row.sha256, row.error]
            if row.error:
                writer.writerow([*texts, *[""] * (1 + len(columns))])
                continue
            numbers = np.concatenate([row.embedding[layer.name] for layer in layers])
            writer.writerow([*texts, f"{row.duration_s:.3f}", *map(str, numbers)])


_TEXTS = ("path", "sha256", "error")

WRITERS: dict[str, Write] = {".npz": write_npz, ".parquet": write_parquet, ".csv": write_csv}
"""Extensions of the output, and the function that writes rows in that format."""
