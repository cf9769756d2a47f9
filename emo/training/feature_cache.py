"""Features of recordings, computed once and kept on disk under the content they came from."""

import hashlib
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from emo.audio.clip import SAMPLES_VERSION, centre, decode
from emo.corpora.catalogue import Recording
from emo.errors import AudioError
from emo.features.frames import FEATURES_VERSION, N_MELS, analyse, log_mel_spectrogram
from emo.features.functionals import compute_functionals, functional_names
from emo.system.files import naming
from emo.system.paths import cache_directory
from emo.system.spawn import WorkerContext
from emo.training.degradation import ALTERATIONS_VERSION, CONDITIONS, random_degradation

CHUNK = 32  # clips that a worker gets at a time

_ZIP_LENGTHS, _ZIP_HEADER = 26, 30  # bytes into a member of a ZIP, and of its fixed header
_COPIED_BYTES = 2**20

Row = tuple[str, np.ndarray, np.ndarray, str]
"""Hash of a clip's bytes, its functionals, the CNN's view of it, and why not if not."""


@dataclass(frozen=True)
class Features:
    """Features of some recordings, row by row.

    Attributes
    ----------
    vectors : float32, (n, n_functionals)
    views : tuple of float32 arrays, each (time, 64), the CNN's input; they lie on disk
    usable : bool, (n,); False where the recording could not be used (its row is zeros)
    reasons : tuple of str, why not; empty where usable
    """

    vectors: np.ndarray
    views: tuple[np.ndarray, ...]
    usable: np.ndarray
    reasons: tuple[str, ...]

    def take(self, rows: np.ndarray) -> "Features":
        """The features of some rows, in the order given."""
        return Features(
            self.vectors[rows],
            tuple(self.views[i] for i in rows),
            self.usable[rows],
            tuple(self.reasons[i] for i in rows),
        )


def degrade(samples: np.ndarray, alteration: str, digest: str) -> np.ndarray:
    """The clip under an alteration, by a chance that depends on its content and the name alone."""
    name = int.from_bytes(hashlib.sha256(alteration.encode()).digest()[:8])
    rng = np.random.default_rng([name, int(digest[:16], 16)])
    if alteration in CONDITIONS:
        return centre(CONDITIONS[alteration].apply(samples, rng))
    return centre(random_degradation(samples, rng))


def _compute(paths: Sequence[Path], alteration: str) -> list[Row]:
    """The row of each path."""
    rows = []
    for path in paths:
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        try:
            samples = decode(data, path.name).samples
            if alteration:
                samples = degrade(samples, alteration, digest)
            frames = analyse(samples)
            rows.append((digest, compute_functionals(frames), log_mel_spectrogram(frames), ""))
        except AudioError as error:
            empty = np.zeros(len(functional_names()), np.float32)
            rows.append((digest, empty, np.zeros((1, N_MELS), np.float32), str(error)))
    return rows


@dataclass(frozen=True)
class _Shard:
    """One corpus on disk: arrays of the same names in a .npz without pickles.

    ``frames``, the views of all clips one after the other, stay there: the system reads those that
    are used, and may drop them again.
    """

    digests: np.ndarray
    vectors: np.ndarray
    lengths: np.ndarray
    frames: np.ndarray
    reasons: np.ndarray

    @staticmethod
    def load(path: Path) -> "_Shard":
        names = [name for name in _Shard.__dataclass_fields__ if name != "frames"]
        with np.load(path, allow_pickle=False) as arrays:
            held = {name: arrays[name] for name in names}
        return _Shard(frames=_map_array(path, "frames"), **held)

    def rows(self) -> Iterator[Row]:
        ends = np.cumsum(self.lengths)
        for i, (digest, length, end) in enumerate(
            zip(self.digests, self.lengths, ends, strict=True)
        ):
            view = self.frames[end - length : end]
            yield str(digest), self.vectors[i], view, str(self.reasons[i])


def _map_array(path: Path, name: str) -> np.ndarray:
    """An array of a .npz that is not compressed, as it lies on disk."""
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo(f"{name}.npy").header_offset
    with path.open("rb") as file:
        file.seek(start + _ZIP_LENGTHS)  # of the member's name and of what else is said of it
        file.seek(start + _ZIP_HEADER + sum(struct.unpack("<HH", file.read(4))))
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        place = file.tell()
    return np.memmap(path, dtype, "r", place, shape).view(np.ndarray)


def _write_shard(path: Path, rows: Iterable[Row]) -> None:
    """Nothing; writes rows as they come, so that the views of few are in memory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    digests, vectors, lengths, reasons = [], [], [], []
    with tempfile.TemporaryFile(dir=path.parent) as spool:
        for digest, vector, view, reason in rows:
            spool.write(np.ascontiguousarray(view, "<f4").tobytes())
            digests.append(digest)
            vectors.append(vector)
            lengths.append(len(view))
            reasons.append(reason)
        spool.seek(0)
        shape = (sum(lengths), N_MELS)
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:  # as np.savez does
            with archive.open("frames.npy", "w", force_zip64=True) as member:
                header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(member, header)
                shutil.copyfileobj(spool, member, _COPIED_BYTES)
            columns = {"digests": digests, "vectors": vectors, "lengths": lengths}
            for name, values in (columns | {"reasons": reasons}).items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.array(values), allow_pickle=False)
    partial.replace(path)


def load_features(
    recordings: Sequence[Recording],
    jobs: int = 2,
    cache: Path | None = None,
    alteration: str = "",
) -> Features:
    """Features of the recordings, from the cache where their content is known.

    A corpus is written to the cache as soon as it is complete, so that an interrupted run goes on.

    Parameters
    ----------
    recordings
        In the order of the rows returned.
    jobs
        Worker processes for what is not cached; they start when something is not.
    cache
        Folder; :func:`cache_directory` by default.
    alteration
        Nothing for the clips as they are; a key of ``degradation.CONDITIONS``; or any other
        name for copies that :func:`emo.training.degradation.random_degradation` makes, others for
        every name.
    """
    directory = (cache or cache_directory()) / f"features-v{FEATURES_VERSION}.{SAMPLES_VERSION}"
    suffix = f".{alteration}-v{ALTERATIONS_VERSION}" if alteration else ""
    digests = [hashlib.sha256(r.path.read_bytes()).hexdigest() for r in recordings]
    known: dict[str, list[Any]] = {}
    with ExitStack() as stack:
        each: Each = map
        if jobs > 1:
            pool = ProcessPoolExecutor(jobs, mp_context=WorkerContext())
            each = stack.enter_context(pool).map
        for corpus in sorted({r.corpus for r in recordings}):
            shard = directory / f"{corpus}{suffix}.npz"
            before = list(_Shard.load(shard).rows()) if shard.exists() else []
            there = {digest for digest, *_ in before}
            missing = {
                d: r.path
                for d, r in zip(digests, recordings, strict=True)
                if r.corpus == corpus and d not in there
            }
            if missing:
                title = f"{alteration or 'features'} of {corpus}"
                more = _compute_all(list(missing.values()), alteration, each, title)
                with naming(shard):
                    _write_shard(shard, chain(before, more))
                before = list(_Shard.load(shard).rows())
            known |= {digest: row for digest, *row in before}
    vectors, views, reasons = zip(*(known[d] for d in digests), strict=True)
    usable = np.array([not reason for reason in reasons])
    return Features(np.stack(vectors), tuple(views), usable, tuple(reasons))


Each = Callable[..., Iterator[list[Row]]]
"""The ``map`` of Python or that of a pool of processes, which start at its first use."""


def _compute_all(paths: list[Path], alteration: str, each: Each, title: str) -> Iterator[Row]:
    chunks = [paths[i : i + CHUNK] for i in range(0, len(paths), CHUNK)]
    with tqdm(total=len(paths), desc=title, unit="clip", mininterval=1) as bar:
        for done in each(_compute, chunks, repeat(alteration)):
            yield from done
            bar.update(len(done))
