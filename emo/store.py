"""Features of recordings, computed once and kept on disk under the content they came from."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from tqdm import tqdm

from emo.audio import decode
from emo.corpora import Recording
from emo.degrade import ALTERATIONS_VERSION, CONDITIONS, vary
from emo.errors import AudioError
from emo.features import FEATURES_VERSION, N_MELS, analyse, cnn_input
from emo.functionals import functional_names, functionals

CACHE_ENV = "EMO_CACHE"
CHUNK = 32  # clips that a worker gets at a time


@dataclass(frozen=True)
class Features:
    """Features of some recordings, row by row.

    Attributes
    ----------
    vectors : float32, (n, n_functionals)
    views : tuple of float32 arrays, each (time, 64), the CNN's input
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


def cache_directory() -> Path:
    """Where features and checkpoints are kept: ``EMO_CACHE``, or ``.cache`` beside the code."""
    return Path(os.environ.get(CACHE_ENV) or Path(__file__).resolve().parent.parent / ".cache")


def alter(samples: np.ndarray, alteration: str, digest: str) -> np.ndarray:
    """The clip under an alteration, by a chance that depends on its content and the name alone."""
    name = int.from_bytes(hashlib.sha256(alteration.encode()).digest()[:8])
    rng = np.random.default_rng([name, int(digest[:16], 16)])
    if alteration in CONDITIONS:
        return CONDITIONS[alteration].apply(samples, rng)
    return vary(samples, rng)


def _compute(
    paths: Sequence[Path], alteration: str
) -> list[tuple[str, np.ndarray, np.ndarray, str]]:
    """For each path: hash of its bytes, functionals, the CNN's view, and why not if not."""
    rows = []
    for path in paths:
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        try:
            samples = decode(data, path.name).samples
            if alteration:
                samples = alter(samples, alteration, digest)
            frames = analyse(samples)
            rows.append((digest, functionals(frames), cnn_input(frames), ""))
        except AudioError as error:
            empty = np.zeros(len(functional_names()), np.float32)
            rows.append((digest, empty, np.zeros((1, N_MELS), np.float32), str(error)))
    return rows


@dataclass(frozen=True)
class _Shard:
    """One corpus on disk: arrays of the same names in a .npz without pickles."""

    digests: np.ndarray
    vectors: np.ndarray
    lengths: np.ndarray
    frames: np.ndarray
    reasons: np.ndarray

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, **self.__dict__)
        partial.replace(path)

    @staticmethod
    def load(path: Path) -> "_Shard":
        with np.load(path, allow_pickle=False) as arrays:
            return _Shard(**{name: arrays[name] for name in arrays.files})

    def rows(self) -> dict[str, tuple[np.ndarray, np.ndarray, str]]:
        ends = np.cumsum(self.lengths)
        return {
            str(digest): (self.vectors[i], self.frames[end - length : end], str(self.reasons[i]))
            for i, (digest, length, end) in enumerate(
                zip(self.digests, self.lengths, ends, strict=True)
            )
        }


def _pack(rows: dict[str, tuple[np.ndarray, np.ndarray, str]]) -> _Shard:
    vectors, views, reasons = zip(*rows.values(), strict=True)
    return _Shard(
        np.array(list(rows)),
        np.stack(vectors),
        np.array([len(v) for v in views]),
        np.concatenate(views),
        np.array(reasons),
    )


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
        Nothing for the clips as they are; a key of :data:`emo.degrade.CONDITIONS`; or any other
        name for copies that :func:`emo.degrade.vary` makes, others for every name.
    """
    directory = (cache or cache_directory()) / f"features-v{FEATURES_VERSION}"
    suffix = f".{alteration}-v{ALTERATIONS_VERSION}" if alteration else ""
    digests = [hashlib.sha256(r.path.read_bytes()).hexdigest() for r in recordings]
    known: dict[str, tuple[np.ndarray, np.ndarray, str]] = {}
    with ExitStack() as stack:
        each: Each = map
        if jobs > 1:
            pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
            each = stack.enter_context(pool).map
        for corpus in sorted({r.corpus for r in recordings}):
            shard = directory / f"{corpus}{suffix}.npz"
            rows = _Shard.load(shard).rows() if shard.exists() else {}
            missing = {
                d: r.path
                for d, r in zip(digests, recordings, strict=True)
                if r.corpus == corpus and d not in rows
            }
            if missing:
                title = f"{alteration or 'features'} of {corpus}"
                rows |= _compute_all(list(missing.values()), alteration, each, title)
                _pack(rows).save(shard)
            known |= rows
    vectors, views, reasons = zip(*(known[d] for d in digests), strict=True)
    usable = np.array([not reason for reason in reasons])
    return Features(np.stack(vectors), tuple(views), usable, tuple(reasons))


Each = Callable[..., Iterator[list[tuple[str, np.ndarray, np.ndarray, str]]]]
"""The ``map`` of Python or that of a pool of processes, which start at its first use."""


def _compute_all(
    paths: list[Path], alteration: str, each: Each, title: str
) -> dict[str, tuple[np.ndarray, np.ndarray, str]]:
    chunks = [paths[i : i + CHUNK] for i in range(0, len(paths), CHUNK)]
    rows: dict[str, tuple[np.ndarray, np.ndarray, str]] = {}
    with tqdm(total=len(paths), desc=title, unit="clip", mininterval=1) as bar:
        for done in each(_compute, chunks, repeat(alteration)):
            rows |= {digest: (vector, view, reason) for digest, vector, view, reason in done}
            bar.update(len(done))
    return rows
