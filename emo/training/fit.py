"""Fit the classifiers on recordings, with checkpoints that an interrupted run goes on from."""

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
from emo.classifiers import augmentation, batches, fitting, registry
from emo.classifiers.batches import Batch, Fitted
from emo.classifiers.fitting import Curve
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.storage import Origin, save_model
from emo.classifiers.voice import VOICE, fit_voice
from emo.classifiers.voice.storage import save_voice
from emo.corpora.splits import is_held_out
from emo.errors import CorpusError
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
    """Fit classifiers to a batch, one after the other, teachers first.

    A teacher is fitted without a teacher of its own.  A network goes on from the checkpoint of the
    same run if there is one.

    Parameters
    ----------
    keys
        Of ``CLASSIFIERS``; a teacher of one of them is fitted even if it is not among them.
    run
        Name of the run for the progress bar and the checkpoint, such as ``speakers-1``.
    train
        Clips with their copies.
    seed
        Of every random choice.
    place
        Line of the progress bar, where several are shown at once.

    Yields
    ------
    key, fitted
        Of each of the `keys`.
    """
    plain: dict[str, Fitted] = {}
    for teacher in sorted({teacher for key in keys if (teacher := CLASSIFIERS[key].teacher)}):
        name = f"{run}-teacher" if CLASSIFIERS[teacher].teacher else run
        plain[teacher] = _fit(teacher, name, train, seed, place)
    for key in keys:
        teacher = CLASSIFIERS[key].teacher or ""
        if key in plain and not teacher:
            yield key, plain[key]
            continue
        targets = _training_probabilities(teacher, plain[teacher], train) if teacher else ()
        yield key, _fit(key, run, train, seed, place, targets)


def _training_probabilities(key: str, fitted: Fitted, train: Batch) -> list[np.ndarray]:
    """Return the probabilities of the training clips, then of each of their copies, (n, k) each."""
    row = CLASSIFIERS[key]
    if row.predict is None:
        raise ValueError(f"{key} is served by a runtime, so it cannot be a teacher")
    sources = (train.features, *train.copies)
    return [row.predict(fitted.arrays, source.inputs[row.takes]) for source in sources]


def _fit(
    key: str,
    run: str,
    train: Batch,
    seed: int,
    place: int,
    teacher: Sequence[np.ndarray] = (),
) -> Fitted:
    name = f"{key}-{run}-{_fingerprint(key, train, seed)}"
    checkpoint = cache_directory() / "checkpoints" / name
    options = {"teacher": teacher} if teacher else {}
    with tqdm(desc=f"{key} {run}", unit="epoch", position=place, mininterval=5) as bar:

        def progress(done: int, total: int, row: dict[str, float]) -> None:
            bar.total = total
            bar.update(done - bar.n)
            bar.set_postfix({k: f"{v:.3f}" for k, v in row.items() if k != "epoch"})

        return CLASSIFIERS[key].fit(
            train, seed=seed, checkpoint=checkpoint, progress=progress, **options
        )


def _fingerprint(key: str, train: Batch, seed: int) -> str:
    """Return twelve digits that change with the code, settings, seed and training clips."""
    row = CLASSIFIERS[key]
    modules = [row.module, *([CLASSIFIERS[row.teacher].module] if row.teacher else ())]
    settings = {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, int | float | tuple)
    }
    versions = [SAMPLES_VERSION, FEATURES_VERSION, ALTERATIONS_VERSION, version("keras")]
    digest = hashlib.sha256(json.dumps([settings, seed, versions], sort_keys=True).encode())
    for source in (augmentation, fitting, batches, registry, *modules):
        digest.update(Path(str(source.__file__)).read_bytes())
    for features in (train.features, *train.copies):
        for array in (features.functionals, *features.spectrograms, features.embeddings):
            digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(train.targets.tobytes() + train.listener_labels.tobytes())
    return digest.hexdigest()[:12]


def commit() -> str:
    """Return the commit of this code, with ``-dirty`` if files differ; ``unknown`` outside git."""
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
    """Fit classifiers on the usable clips and write them to ``models/<key>/``.

    The clips of ``splits.HELD_OUT_SPEAKERS`` are left out.

    Parameters
    ----------
    keys
        Of ``CLASSIFIERS``, and ``VOICE`` for the classifier that knows the voice.
    command
        The command line that the models are fitted by, stored beside them.

    Raises
    ------
    CorpusError
        Without these speakers, clips of fewer than two emotions are left.
    """
    held_out = is_held_out([recording.speaker for recording in dataset.recordings])
    rows, held_out_rows = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    used = [dataset.recordings[i] for i in dataset.usable(rows)]
    held_out_speakers = sorted({dataset.recordings[i].speaker for i in held_out_rows})
    if held_out_speakers:
        print(
            f"{len(held_out_rows):,} clips of {', '.join(held_out_speakers)} are left out of the "
            "models: the sample clips are by these speakers.",
            file=sys.stderr,
        )
    if len({recording.emotion for recording in used}) < 2:
        raise CorpusError(
            f"{len(used):,} usable clips are left, of fewer than two emotions, which is too few to "
            "fit a classifier. Clips of other speakers are needed."
        )
    for recording, reason in zip(dataset.recordings, dataset.reasons, strict=True):
        if reason:
            print(f"{recording.path.name} is left out: {reason}", file=sys.stderr)
    origin = Origin(
        corpora=tuple(sorted({r.corpus for r in used})),
        clips=len(used),
        speakers=len({r.speaker for r in used}),
        seed=seed,
        commit=commit(),
        command=command,
        held_out_speakers=tuple(held_out_speakers),
        held_out_clips=len(held_out_rows),
    )
    train = dataset.training_batch(rows)
    if VOICE in keys:
        save_voice(models / VOICE, fit_voice(train, seed), origin)
    keys = [key for key in keys if key != VOICE]
    for key, fitted in fit_all(keys, "all", train, seed):
        save_model(models / key, key, fitted, origin)
        write_curve(models / key, "all", fitted.curve)


def write_curve(directory: Path, run: str, curve: Curve) -> None:
    """Write the learning curve of a run into ``curves.json``, beside those of other runs.

    An empty curve is not written.
    """
    if not curve:
        return
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / CURVES
    stored = json.loads(path.read_text()) if path.exists() else {}
    stored[run] = [{name: round(value, 5) for name, value in row.items()} for row in curve]
    with naming(path):
        path.write_text(json.dumps(dict(sorted(stored.items())), indent=1) + "\n")
