"""Compute features of recordings once and keep them on disk by the content of the recordings.

The cache of a corpus is two files: an index, which holds all but the spectrograms, and a ``.npy``
file of all spectrograms one after the other, which is mapped into memory.  The index is written
last and names the other file by its contents, so that an interruption leaves the files of before.
"""

import contextlib
import hashlib
import sys
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from itertools import chain, repeat
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from emo.audio.clip import SAMPLES_VERSION, centre, decode
from emo.classifiers.batches import Features
from emo.classifiers.registry import CLASSIFIERS, Takes
from emo.corpora.catalogue import Recording
from emo.errors import AudioError
from emo.features.encoder import EMBEDDING_SIZE, ENCODER_SHA256, load_encoder
from emo.features.frames import FEATURES_VERSION, N_MELS, analyse, log_mel_spectrogram
from emo.features.functionals import compute_functionals, functional_names
from emo.system.files import naming
from emo.system.paths import cache_directory
from emo.system.spawn import WorkerContext
from emo.training.degradation import ALTERATIONS_VERSION, random_degradation

CACHE_FORMAT = 2  # of the files; part of the folder's name
ALL_FEATURES = tuple(dict.fromkeys(row.takes for row in CLASSIFIERS.values()))
CHUNK = 32  # clips that a worker takes at a time

_DAMAGED = (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile, zlib.error)


class Row(NamedTuple):
    """Functionals and spectrogram of one recording.

    Attributes
    ----------
    digest : SHA-256 of the recording's bytes, hexadecimal
    functionals : float32, (f,)
    spectrogram : float32, (time, 64)
    reason : why the recording cannot be used; empty where it can
    """

    digest: str
    functionals: np.ndarray
    spectrogram: np.ndarray
    reason: str


class EmbeddingRow(NamedTuple):
    """Embedding of one recording, float32 (2048,); the rest as in ``Row``."""

    digest: str
    embedding: np.ndarray
    reason: str


Map = Callable[..., Iterator[list[Any]]]
"""The ``map`` of Python or that of a pool of processes, which start at its first use."""


def degrade(samples: np.ndarray, alteration: str, digest: str) -> np.ndarray:
    """Return a random degradation of a clip, drawn from a seed of its content and the name alone.

    Parameters
    ----------
    samples : float32, (n,), mono at 16 kHz
    alteration
        Any name, such as that of the copy.
    digest
        SHA-256 of the recording, hexadecimal.
    """
    name = int.from_bytes(hashlib.sha256(alteration.encode()).digest()[:8])
    rng = np.random.default_rng([name, int(digest[:16], 16)])
    return centre(random_degradation(samples, rng))


def _compute(paths: Sequence[Path], alteration: str) -> list[Row]:
    rows = []
    for digest, samples, reason in _load(paths, alteration):
        if reason:
            zeros = np.zeros(len(functional_names()), np.float32)
            rows.append(Row(digest, zeros, np.zeros((1, N_MELS), np.float32), reason))
        else:
            frames = analyse(samples)
            rows.append(Row(digest, compute_functionals(frames), log_mel_spectrogram(frames), ""))
    return rows


def _compute_embeddings(paths: Sequence[Path], alteration: str) -> list[EmbeddingRow]:
    encoder = load_encoder()
    rows = []
    for digest, samples, reason in _load(paths, alteration):
        zeros = np.zeros(EMBEDDING_SIZE, np.float32)
        rows.append(EmbeddingRow(digest, zeros if reason else encoder.embed(samples), reason))
    return rows


def _load(paths: Sequence[Path], alteration: str) -> Iterator[tuple[str, np.ndarray, str]]:
    """Yield digest and samples of each recording, and why it cannot be used."""
    for path in paths:
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        try:
            samples = decode(data, path.name).samples
            yield digest, degrade(samples, alteration, digest) if alteration else samples, ""
        except AudioError as error:
            yield digest, np.zeros(0, np.float32), str(error)


def _compute_all(
    compute: Callable[..., Any], paths: list[Path], alteration: str, each: Map, title: str
) -> Iterator[Any]:
    chunks = [paths[i : i + CHUNK] for i in range(0, len(paths), CHUNK)]
    with tqdm(total=len(paths), desc=title, unit="clip", mininterval=1) as bar:
        for rows in each(compute, chunks, repeat(alteration)):
            yield from rows
            bar.update(len(rows))


def _spectrograms_file(index: Path, digests: Sequence[str]) -> Path:
    name = hashlib.sha256("".join(digests).encode()).hexdigest()[:12]
    return index.with_name(f"{index.stem}-{name}.npy")


def _read(index: Path) -> list[Row]:
    """Return the rows of a corpus; none where a file is missing or damaged."""
    if not index.exists():
        return []
    try:
        with index.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            digests, reasons = arrays["digests"].tolist(), arrays["reasons"].tolist()
            functionals, lengths = arrays["functionals"], arrays["lengths"]
        # A plain array over the mapped file: slices of np.memmap are slower.
        frames = np.asarray(np.load(_spectrograms_file(index, digests), mmap_mode="r"))
        ends = np.cumsum(lengths)
        if frames.shape != (ends[-1], N_MELS):
            raise ValueError(f"spectrograms of the shape {frames.shape}, not {ends[-1], N_MELS}")
        spectrograms = [frames[end - n : end] for n, end in zip(lengths, ends, strict=True)]
        return list(map(Row._make, zip(digests, functionals, spectrograms, reasons, strict=True)))
    except _DAMAGED as error:
        print(f"{index} cannot be read and is computed again: {error}", file=sys.stderr)
        return []


def _write(index: Path, rows: Iterable[Row]) -> None:
    """Write rows as they come, so that few spectrograms are in memory at a time."""
    index.parent.mkdir(parents=True, exist_ok=True)
    columns = []
    with TemporaryFile(dir=index.parent) as spool:
        for row in rows:
            spool.write(np.ascontiguousarray(row.spectrogram, np.float32).tobytes())
            columns.append((row.digest, row.functionals, len(row.spectrogram), row.reason))
        spool.flush()
        digests, functionals, lengths, reasons = zip(*columns, strict=True)
        path = _spectrograms_file(index, digests)
        frames = np.memmap(spool, np.float32, "r", shape=(sum(lengths), N_MELS))
        with _replacing(path) as file:
            np.save(file, frames)
    with _replacing(index) as file:
        np.savez(file, digests=digests, functionals=functionals, lengths=lengths, reasons=reasons)
    for old in index.parent.glob(f"{index.stem}-*.npy"):
        if old != path:
            with contextlib.suppress(OSError):  # another process has it open on Windows
                old.unlink()


def _read_embeddings(path: Path) -> list[EmbeddingRow]:
    """Return the embeddings of a corpus; none where the file is missing or damaged."""
    if not path.exists():
        return []
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            columns = [arrays[name] for name in ("digests", "embeddings", "reasons")]
        digests, embeddings, reasons = columns[0].tolist(), columns[1], columns[2].tolist()
        if embeddings.shape != (len(digests), EMBEDDING_SIZE):
            raise ValueError(f"embeddings of the shape {embeddings.shape}")
        return list(map(EmbeddingRow._make, zip(digests, embeddings, reasons, strict=True)))
    except _DAMAGED as error:
        print(f"{path} cannot be read and is computed again: {error}", file=sys.stderr)
        return []


def _write_embeddings(path: Path, rows: Iterable[EmbeddingRow]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    digests, embeddings, reasons = zip(*rows, strict=True)
    with _replacing(path) as file:
        np.savez(file, digests=digests, embeddings=np.stack(embeddings), reasons=reasons)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Any]:
    """Open a file that takes the place of `path` once it is written whole."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load_features(
    recordings: Sequence[Recording],
    jobs: int = 2,
    cache: Path | None = None,
    alteration: str = "",
    takes: Collection[Takes] = ALL_FEATURES,
) -> Features:
    """Return the features of recordings, from the cache where their content is in it.

    A corpus is written to the cache as soon as it is complete, so that an interrupted run goes on
    with the next one.  Damaged files of the cache are computed again.

    Parameters
    ----------
    recordings
        In the order of the rows returned.
    jobs
        Worker processes for recordings that are not cached; none starts where all are.
    cache
        Folder; that of ``emo.system.paths.cache_directory`` by default.
    alteration
        An empty string for the clips as they are; or a name for copies by
        ``degradation.random_degradation``, whose seeds depend on it.
    takes
        The features that are needed (``Classifier.takes``); the others may be left empty.

    Returns
    -------
    Features
        Its spectrograms are read-only and lie in mapped files: the system reads the parts that are
        used, and may drop them again.
    """
    name = f"features-{FEATURES_VERSION}.{SAMPLES_VERSION}.{CACHE_FORMAT}"
    directory = (cache or cache_directory()) / name
    suffix = f".{alteration}-v{ALTERATIONS_VERSION}" if alteration else ""
    digests = [hashlib.sha256(r.path.read_bytes()).hexdigest() for r in recordings]
    with ExitStack() as stack:
        each: Map = map
        if jobs > 1:
            pool = ProcessPoolExecutor(jobs, mp_context=WorkerContext())
            each = stack.enter_context(pool).map
        rows: list[Row] = []
        embeddings: list[EmbeddingRow] = []
        if {"functionals", "spectrograms"} & set(takes):
            known = _complete(_FRAMES, recordings, digests, directory, suffix, each)
            rows = [known[digest] for digest in digests]
        if "embeddings" in takes:
            known = _complete(_EMBEDDINGS, recordings, digests, directory, suffix, each)
            embeddings = [known[digest] for digest in digests]
    n = len(recordings)
    return Features(
        np.stack([row.functionals for row in rows]) if rows else np.zeros((n, 0), np.float32),
        tuple(row.spectrogram for row in rows) or (np.zeros((1, N_MELS), np.float32),) * n,
        tuple(row.reason for row in rows or embeddings),
        _stack_embeddings(embeddings),
    )


class _Kind(NamedTuple):
    """A kind of cached features: its title, the end of its files' names, and its functions."""

    title: str
    ending: str
    compute: Callable[..., Any]
    read: Callable[[Path], list[Any]]
    write: Callable[[Path, Iterable[Any]], None]


_FRAMES = _Kind("features", "", _compute, _read, _write)
_EMBEDDINGS = _Kind(
    "embeddings",
    f".embeddings-{ENCODER_SHA256[:12]}",
    _compute_embeddings,
    _read_embeddings,
    _write_embeddings,
)


def _complete(
    kind: _Kind,
    recordings: Sequence[Recording],
    digests: Sequence[str],
    directory: Path,
    suffix: str,
    each: Map,
) -> dict[str, Any]:
    """Return the rows of a kind by digest, after computing and storing those that are missing."""
    known: dict[str, Any] = {}
    for corpus in sorted({r.corpus for r in recordings}):
        index = directory / f"{corpus}{suffix}{kind.ending}.npz"
        rows = kind.read(index)
        cached = {row.digest for row in rows}
        missing = {
            digest: recording.path
            for digest, recording in zip(digests, recordings, strict=True)
            if recording.corpus == corpus and digest not in cached
        }
        if missing:
            title = f"{kind.title}{suffix} of {corpus}"
            computed = _compute_all(
                kind.compute, list(missing.values()), suffix[1:].rpartition("-v")[0], each, title
            )
            with naming(index):
                kind.write(index, chain(rows, computed))
            rows = kind.read(index)
        known |= {row.digest: row for row in rows}
    return known


def _stack_embeddings(rows: Sequence[EmbeddingRow]) -> np.ndarray:
    if not rows:
        return np.zeros((0, EMBEDDING_SIZE), np.float32)
    return np.stack([row.embedding for row in rows])
