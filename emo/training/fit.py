"""Fitting the classifiers on recordings, with checkpoints that an interrupted run goes on from."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tqdm import tqdm

from emo.audio.clip import SAMPLES_VERSION
from emo.classifiers import augmentation, batches, cnn, fitting, mlp, registry, tree
from emo.classifiers.batches import Arrays, Batch, Fitted
from emo.classifiers.fitting import Curve
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.storage import Origin, save_model
from emo.features.frames import FEATURES_VERSION
from emo.system import paths
from emo.system.files import naming
from emo.system.paths import cache_directory
from emo.training.dataset import Dataset
from emo.training.degradation import ALTERATIONS_VERSION

SEED = 1
CURVES = "curves.json"


def fit_all(
    keys: Sequence[str], run: str, train: Batch, seed: int = SEED, place: int = 0
) -> Iterator[tuple[str, Fitted]]:
    """Classifiers fitted to a batch, one after the other, teachers first.

    A network goes on from the checkpoint of the same run if there is one.

    Parameters
    ----------
    keys
        Of ``tree``, ``mlp``, ``cnn``; a teacher that is not asked for is fitted all the same.
    run
        Name of the run for the progress bar and the checkpoint, such as ``speakers-1``.
    place
        Line of the progress bar, where several are shown at once.
    """
    teachers = {CLASSIFIERS[key].teacher for key in keys} - {None}
    taught: dict[str, Fitted] = {}
    for key in sorted({*keys, *teachers}, key=lambda key: (key not in teachers, str(key))):
        teacher = CLASSIFIERS[str(key)].teacher
        given = {} if teacher is None else {"teacher": taught[teacher].arrays}
        fitted = _fit(str(key), run, train, seed, place, given)
        if key in teachers:
            taught[str(key)] = fitted
        if key in keys:
            yield str(key), fitted


def _fit(
    key: str, run: str, train: Batch, seed: int, place: int, given: dict[str, Arrays]
) -> Fitted:
    classifier = CLASSIFIERS[key]
    checkpoint = cache_directory() / "checkpoints" / f"{key}-{run}-{_fingerprint(key, train, seed)}"
    with tqdm(desc=f"{key} {run}", unit="epoch", position=place, mininterval=5) as bar:

        def progress(done: int, total: int, row: dict[str, float]) -> None:
            bar.total = total
            bar.update(done - bar.n)
            bar.set_postfix({k: f"{v:.3f}" for k, v in row.items() if k != "epoch"})

        return classifier.fit(train, seed=seed, checkpoint=checkpoint, progress=progress, **given)


def _fingerprint(key: str, train: Batch, seed: int) -> str:
    """Twelve characters that change with the code, the settings, the seed or the training clips."""
    modules = (
        augmentation,
        fitting,
        batches,
        registry,
        {"tree": tree, "mlp": mlp, "cnn": cnn}[key],
    )
    settings = {
        name: value
        for name, value in vars(modules[-1]).items()
        if name.isupper() and isinstance(value, int | float | tuple)
    }
    versions = [SAMPLES_VERSION, FEATURES_VERSION, ALTERATIONS_VERSION, version("keras")]
    digest = hashlib.sha256(json.dumps([settings, seed, versions], sort_keys=True).encode())
    for module in modules:
        digest.update(Path(str(module.__file__)).read_bytes())
    for inputs in (train.clips, *train.copies):
        for array in (inputs.vectors, *inputs.views):
            digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(train.targets.tobytes() + train.listeners.tobytes())
    return digest.hexdigest()[:12]


def commit() -> str:
    """The commit of this code, ``-dirty`` added where files differ; ``unknown`` outside git."""
    here = paths.PACKAGE_DIR
    try:
        name = _git(here, "rev-parse", "HEAD")
        changed = _git(here, "status", "--porcelain", "--untracked-files=no", "--", ".")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{name}-dirty" if changed else name


def _git(directory: Path, *arguments: str) -> str:
    command = ["git", "-C", str(directory), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.strip()


def train_models(
    keys: Sequence[str], dataset: Dataset, models: Path, command: str, seed: int = SEED
) -> None:
    """Fit classifiers on every clip and write them to ``models/<key>/``."""
    rows = np.arange(len(dataset.recordings))
    used = [dataset.recordings[i] for i in dataset.usable(rows)]
    for recording, reason in zip(dataset.recordings, dataset.features.reasons, strict=True):
        if reason:
            print(f"{recording.path.name} is left out: {reason}", file=sys.stderr)
    origin = Origin(
        corpora=tuple(sorted({r.corpus for r in used})),
        clips=len(used),
        speakers=len({r.speaker for r in used}),
        seed=seed,
        commit=commit(),
        command=command,
    )
    for key, fitted in fit_all(keys, "all", dataset.training_batch(rows), seed):
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
    with naming(path):
        path.write_text(json.dumps(dict(sorted(stored.items())), indent=1) + "\n")
