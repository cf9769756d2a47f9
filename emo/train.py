"""Fitting the classifiers on recordings, with checkpoints that an interrupted run goes on from."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tqdm import tqdm

from emo import augment, classifiers, epochs
from emo.bundle import Origin, save_model
from emo.classifiers import CLASSIFIERS, Batch, Fitted
from emo.corpora import Recording, coverage, find
from emo.epochs import Curve
from emo.errors import CorpusError
from emo.features import FEATURES_VERSION
from emo.labels import INDEX, LABELS
from emo.store import Features, cache_directory, load_features

SEED = 1
CURVES = "curves.json"
WATCHED = 400  # clips scored after each epoch for the learning curve


@dataclass(frozen=True)
class Dataset:
    """Recordings with one of the seven labels, and their features, row by row."""

    recordings: tuple[Recording, ...]
    features: Features
    targets: np.ndarray

    def batch(self, rows: np.ndarray) -> Batch:
        """Features and targets of some rows, those of unusable recordings left out."""
        rows = rows[self.features.usable[rows]]
        part = self.features.take(rows)
        return Batch(part.vectors, part.views, self.targets[rows])


def load_dataset(directory: Path, jobs: int = 2) -> Dataset:
    """All recordings in a folder that carry one of the seven labels, with features.

    Raises
    ------
    CorpusError
        The folder holds no clips of the corpora, or all of one emotion.
    """
    collection = find(directory)
    print("\n".join(coverage(collection)), file=sys.stderr)
    if collection.skipped:
        print(
            f"{len(collection.skipped):,} other files; 'python -m emo corpora' names each.",
            file=sys.stderr,
        )
    recordings = tuple(r for r in collection.recordings if r.emotion in INDEX)
    if len({r.emotion for r in recordings}) < 2:
        raise CorpusError(
            f"{directory} has clips of fewer than two of the emotions {', '.join(LABELS)}, so "
            "nothing can be learnt from it."
        )
    targets = np.array([INDEX[r.emotion] for r in recordings])
    return Dataset(recordings, load_features(recordings, jobs), targets)


def fit(key: str, run: str, train: Batch, seed: int = SEED, watch: Batch | None = None) -> Fitted:
    """A classifier fitted to a batch, from the checkpoint of the same run if there is one.

    Parameters
    ----------
    key
        One of ``tree``, ``mlp``, ``cnn``.
    run
        Name of the run for the progress bar and the checkpoint, such as ``voices-1``.
    watch
        Clips of which some are scored after each epoch; they choose nothing.
    """
    classifier = CLASSIFIERS[key]
    checkpoint = cache_directory() / "checkpoints" / f"{key}-{run}-{_fingerprint(key, train, seed)}"
    if watch is not None:
        watch = _some(watch, np.random.default_rng(seed))
    with tqdm(desc=f"{key} {run}", unit="epoch") as bar:

        def progress(done: int, total: int, row: dict[str, float]) -> None:
            bar.total = total
            bar.update(done - bar.n)
            bar.set_postfix({k: f"{v:.3f}" for k, v in row.items() if k != "epoch"})

        return classifier.fit(
            train, seed=seed, watch=watch, checkpoint=checkpoint, progress=progress
        )


def _some(batch: Batch, rng: np.random.Generator) -> Batch:
    rows = np.sort(rng.permutation(len(batch.targets))[:WATCHED])
    return Batch(batch.vectors[rows], tuple(batch.views[i] for i in rows), batch.targets[rows])


def _fingerprint(key: str, train: Batch, seed: int) -> str:
    """Twelve characters that change with the code, the settings, the seed or the training clips."""
    settings = {
        name: value
        for name, value in vars(classifiers).items()
        if name.startswith(f"{key.upper()}_") and isinstance(value, int | float | tuple)
    }
    keras = version("keras")
    text = json.dumps([settings, seed, FEATURES_VERSION, keras], sort_keys=True)
    digest = hashlib.sha256(text.encode())
    for module in (augment, epochs, classifiers):
        digest.update(Path(str(module.__file__)).read_bytes())
    for array in (train.vectors, train.targets, *train.views):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:12]


def commit() -> str:
    """The commit of this code, ``-dirty`` added where files differ; ``unknown`` outside git."""
    here = Path(__file__).resolve().parent
    try:
        name = _git(here, "rev-parse", "HEAD")
        changed = _git(here, "status", "--porcelain", "--untracked-files=no", "--", ".")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{name}-dirty" if changed else name


def _git(directory: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(directory), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def train_models(
    keys: Sequence[str], dataset: Dataset, models: Path, command: str, seed: int = SEED
) -> None:
    """Fit classifiers on every clip and write them to ``models/<key>/``."""
    batch = dataset.batch(np.arange(len(dataset.recordings)))
    used = [r for r, ok in zip(dataset.recordings, dataset.features.usable, strict=True) if ok]
    for recording, reason in zip(dataset.recordings, dataset.features.reasons, strict=True):
        if reason:
            print(f"{recording.path.name} is left out: {reason}", file=sys.stderr)
    origin = Origin(
        corpora=tuple(sorted({r.corpus for r in used})),
        clips=len(batch.targets),
        speakers=len({r.speaker for r in used}),
        seed=seed,
        commit=commit(),
        command=command,
    )
    for key in keys:
        fitted = fit(key, "all", batch, seed)
        save_model(models / key, key, fitted, origin)
        write_curve(models / key, "all", fitted.curve)


def write_curve(directory: Path, run: str, curve: Curve) -> None:
    """Nothing; keeps the learning curve of a run in ``curves.json``, beside those of other runs."""
    if not curve:
        return
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / CURVES
    stored = json.loads(path.read_text()) if path.exists() else {}
    stored[run] = [{name: round(value, 5) for name, value in row.items()} for row in curve]
    path.write_text(json.dumps(dict(sorted(stored.items())), indent=1) + "\n")
