"""Cross-validation: fit and predict the folds of a protocol, and store the predictions."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import parent_process
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np

from emo.classifiers.batches import N_OUTPUTS, Batch, Fitted
from emo.classifiers.ensembles import ENSEMBLES
from emo.classifiers.numerics import softmax
from emo.classifiers.registry import CLASSIFIERS, Takes
from emo.classifiers.runtime import Network, can_write_network, network_bytes
from emo.classifiers.voice import VOICE
from emo.corpora.catalogue import Recording
from emo.corpora.protocols import SPEAKERS
from emo.corpora.splits import Fold, folds
from emo.errors import CorpusError
from emo.evaluation.known_voice.figures import voice_runs, write_voice_runs
from emo.evaluation.known_voice.folds import run_known_voice
from emo.evaluation.known_voice.groups import known_file
from emo.evaluation.metrics import score_predictions
from emo.evaluation.predictions import (
    DECIMALS,
    SURROGATE_OF,
    Predictions,
    calibration_file,
    join,
    make_predictions,
    predictions_file,
    read_predictions,
    surrogate_file,
    write_predictions,
)
from emo.evaluation.served import write_served
from emo.evaluation.stored import LeftOut, Run
from emo.evaluation.summary import joined, stored_provenance, summarise
from emo.inference.loading import MODEL_KEYS
from emo.labels import LABELS
from emo.system.spawn import WorkerContext
from emo.training.dataset import Dataset, load_dataset, takes_of
from emo.training.fit import SEED, commit, fit_all, write_curve


@dataclass(frozen=True)
class Job:
    """A fold to run; small enough to be sent to another process."""

    directory: Path
    protocol: str
    number: int
    seed: int
    keys: tuple[str, ...] = tuple(MODEL_KEYS)


@dataclass(frozen=True)
class Outcome:
    """Raw predictions of one fold, of every classifier that was run.

    Attributes
    ----------
    job : Job
    calibration, tests : dict of Predictions
        Of the validation and the test clips, by classifier.
    surrogate : Predictions or None
        Of the test clips by the surrogate tree; None under every protocol but ``speakers``.
    curves : dict of list
        Learning curve by classifier.
    left_out : list of dict
        ``clip`` and ``reason`` of the test clips that no classifier can use.
    known : dict of Predictions
        Of the test clips with the voice known, by the number of clips known of it
        (``known_voice.groups.SIZES``); empty under protocols that do not measure it.
    """

    job: Job
    calibration: dict[str, Predictions]
    tests: dict[str, Predictions]
    surrogate: Predictions | None
    curves: dict[str, list[dict[str, float]]]
    left_out: list[dict[str, str]]
    known: dict[str, Predictions] = field(default_factory=dict)


def serving_predictor(
    key: str, fitted: Fitted, n_outputs: int = N_OUTPUTS
) -> Callable[[Batch], np.ndarray]:
    """Return a function from a batch to raw probabilities, float64 (n, k), as they are served."""
    row = CLASSIFIERS[key]
    predict = row.predict
    if predict is not None:
        return lambda batch: predict(fitted.arrays, batch.features.inputs[row.takes])
    if can_write_network():
        network = Network(network_bytes(fitted), n_outputs)
        return lambda batch: softmax(
            np.stack([network.run(s)[0] for s in batch.features.spectrograms])
        )
    run = fitted.model.predict_on_batch  # on another backend: Keras itself computes the same
    return lambda batch: softmax(
        np.concatenate([run(s[None]) for s in batch.features.spectrograms])
    )


def run_fold(job: Job, dataset: Dataset, fold: Fold, place: int = 0) -> Outcome:
    """Fit classifiers on a fold's training clips and predict its validation and test clips.

    Parameters
    ----------
    job
    dataset
    fold
        Of the job's protocol and number.
    place
        Number of the worker, which is the line of its progress bar.
    """
    train = dataset.training_batch(fold.train)
    validation_rows, test_rows = dataset.usable(fold.validation), dataset.usable(fold.test)
    classifiers = [key for key in job.keys if key != VOICE]
    calibration, tests, curves = {}, {}, {}
    surrogate = None

    def as_predictions(rows: np.ndarray, key: str, fitted: Fitted, batch: Batch) -> Predictions:
        recordings = [dataset.recordings[i] for i in rows]
        probabilities = serving_predictor(key, fitted)(batch)
        return predictions_of(
            recordings, fold.number, probabilities, strangeness_of(key, fitted, batch)
        )

    name = f"{fold.protocol}-{fold.number}"
    for key, fitted in fit_all(classifiers, name, train, job.seed, place):
        curves[key] = fitted.curve
        validation, test = dataset.batch(validation_rows), dataset.batch(test_rows)
        calibration[key] = as_predictions(validation_rows, key, fitted, validation)
        tests[key] = as_predictions(test_rows, key, fitted, test)
        predict_surrogate = CLASSIFIERS[key].surrogate
        if predict_surrogate is not None and fold.protocol == SPEAKERS.key:
            functionals = dataset.batch(test_rows).features.functionals
            recordings = [dataset.recordings[i] for i in test_rows]
            shares = predict_surrogate(fitted.arrays, functionals)
            surrogate = predictions_of(recordings, fold.number, shares)
    left_out = [
        {"clip": dataset.recordings[i].stem, "reason": dataset.reasons[i]}
        for i in fold.test
        if dataset.reasons[i]
    ]
    known = {}
    if VOICE in job.keys:
        known = run_known_voice(dataset, fold, train, test_rows, job.seed)
    return Outcome(job, calibration, tests, surrogate, curves, left_out, known)


def strangeness_of(key: str, fitted: Fitted, batch: Batch) -> np.ndarray | None:
    """Return how far clips are from the training clips, float64 (n,); None without a measure."""
    row = CLASSIFIERS[key]
    if row.strangeness is None:
        return None
    return row.strangeness(fitted.arrays, batch.features.inputs[row.takes])


def predictions_of(
    recordings: Sequence[Recording],
    fold: int,
    rows: np.ndarray,
    strangeness: np.ndarray | None = None,
) -> Predictions:
    """Return probabilities of clips as they are stored.

    Parameters
    ----------
    recordings
        The n clips.
    fold
        Number of the fold that tests them.
    rows : ndarray, shape (n, 8)
        Raw probabilities.
    strangeness : ndarray, shape (n,), or None
        Distance of each clip from the training clips, where the classifier measures it.
    """
    return make_predictions(
        clips=[recording.stem for recording in recordings],
        corpora=[recording.corpus for recording in recordings],
        speakers=[recording.speaker for recording in recordings],
        folds=[fold] * len(recordings),
        emotions=[recording.emotion for recording in recordings],
        probabilities=np.round(rows, DECIMALS),  # as they are stored
        strangeness=None if strangeness is None else np.round(strangeness, DECIMALS),
    )


# --- Running folds -------------------------------------------------------------------------------

_loaded: dict[str, Any] = {}
"""Contents of a worker process: its place, the dataset, and the folds by protocol."""


def _start_worker(directory: Path, takes: tuple[Takes, ...], jobs: int, places: Any) -> None:
    """Load the dataset in a worker, and give the worker one core.

    Two networks on a core each train faster than one network on both.
    """
    Thread(target=_end_with_parent, daemon=True).start()
    _loaded["place"] = places.get()
    if jobs > 1:
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
            os.environ[name] = "1"
    _loaded["dataset"] = load_dataset(directory, takes=takes)
    _loaded["folds"] = {}


def _end_with_parent() -> None:
    """End this worker when the command is killed; it would run to the end of its fold."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(job: Job) -> Outcome:
    dataset: Dataset = _loaded["dataset"]
    if job.protocol not in _loaded["folds"]:
        every = folds(job.protocol, dataset.recordings, directory=job.directory)
        _loaded["folds"][job.protocol] = {fold.number: fold for fold in every}
    return run_fold(job, dataset, _loaded["folds"][job.protocol][job.number], _loaded["place"])


def run_jobs(todo: Sequence[Job], jobs: int) -> Iterator[Outcome]:
    """Yield the outcomes of folds as they finish, ``jobs`` at a time, each on its own core."""
    context = WorkerContext()
    places = context.Manager().Queue()
    for place in range(jobs):
        places.put(place)
    arguments = (todo[0].directory, takes_of(todo[0].keys), jobs, places)
    with ProcessPoolExecutor(jobs, context, _start_worker, arguments) as workers:
        for done in as_completed([workers.submit(_work, job) for job in todo]):
            yield done.result()


# --- Protocols -----------------------------------------------------------------------------------


def evaluate_protocols(
    protocols: Sequence[str],
    directory: Path,
    models: Path,
    command: str,
    only: Sequence[int] = (),
    seed: int = SEED,
    jobs: int = 1,
    keys: Sequence[str] = MODEL_KEYS,
) -> None:
    """Fit on each fold's training clips, predict its test clips, and store the results.

    The raw predictions of the test and the validation clips, the learning curves and the figures
    (``summary.summarise``) are written when a fold is finished, so that an interrupted run keeps
    its finished folds.  The served calibration and the figures with the voice known follow after
    the last fold.  Folds that were run before are kept beside those that are run now.

    Parameters
    ----------
    protocols
        Keys of ``protocols.PROTOCOLS``.
    directory
        Folder of the corpora.
    models
        Folder of the models.
    command
        Command line, which is stored beside the figures.
    only
        Numbers of the folds to run; all of them if empty.
    seed
        Seed of the training.
    jobs
        Number of folds to run at the same time.
    keys
        Classifiers to run, and ``VOICE``.  The stored predictions of the others are kept.

    Raises
    ------
    CorpusError
        There is no such fold, or a classifier that is not run has no stored predictions of it.
    """
    takes = takes_of(keys)
    dataset = load_dataset(directory, jobs, takes=takes)
    todo: list[Job] = []
    for protocol in protocols:
        every = folds(protocol, dataset.recordings, directory=directory)
        chosen = [fold for fold in every if not only or fold.number in only]
        numbers = [fold.number for fold in chosen]
        if not numbers:
            raise CorpusError(
                f"Protocol '{protocol}' has no fold {', '.join(map(str, only))} here, only "
                f"{', '.join(str(fold.number) for fold in every)}."
            )
        _check_others(models, protocol, numbers, keys)
        # The largest first, so that the cores finish together.
        todo += [
            Job(directory, protocol, fold.number, seed, tuple(keys))
            for fold in sorted(chosen, key=lambda fold: -len(fold.train))
        ]
    made_by = {"commit": commit(), "command": command, "seed": seed}
    if jobs == 1:
        for job in todo:
            fold = _find_fold(job, dataset)
            write_outcome(models, run_fold(job, dataset, fold), made_by, job is todo[-1])
        return
    del dataset  # the workers load their own
    for done, outcome in enumerate(run_jobs(todo, jobs), 1):
        write_outcome(models, outcome, made_by, done == len(todo))


def _find_fold(job: Job, dataset: Dataset) -> Fold:
    every = folds(job.protocol, dataset.recordings, directory=job.directory)
    return next(fold for fold in every if fold.number == job.number)


def _check_others(models: Path, protocol: str, numbers: Sequence[int], keys: Sequence[str]) -> None:
    """Raise if a classifier that is not run has no stored predictions of one of the folds."""
    for key in MODEL_KEYS:
        if key in keys:
            continue
        path = predictions_file(models, key, protocol)
        stored = set(read_predictions(path).folds.tolist()) if path.exists() else set()
        if lacking := sorted(set(numbers) - stored):
            raise CorpusError(
                f"Fold {lacking[0]} of protocol '{protocol}' was not run with the classifier "
                f"'{key}', whose answers the ensemble needs. Run all: leave out --classifier."
            )


def write_outcome(
    models: Path, outcome: Outcome, made_by: Mapping[str, Any], is_last: bool = True
) -> None:
    """Store a fold's predictions beside those of other folds, and compute the figures anew.

    Folds that were run with another seed are dropped.

    Parameters
    ----------
    models
        Folder of the models.
    outcome
    made_by
        ``commit``, ``command`` and ``seed`` of the run.
    is_last
        Whether what rests on several folds and protocols is written too (``summarise``).
    """
    protocol, number, seed = outcome.job.protocol, outcome.job.number, outcome.job.seed
    provenance = {key: stored_provenance(models, key, protocol) for key in MODEL_KEYS}
    run: Run = {
        "fold": number,
        "commit": made_by["commit"],
        "command": made_by["command"],
        "seed": made_by["seed"],
    }
    left_out: list[LeftOut] = [
        {"fold": number, "clip": row["clip"], "reason": row["reason"]} for row in outcome.left_out
    ]
    for key, tested in outcome.tests.items():
        runs = [row for row in provenance[key]["runs"] if row["seed"] == seed]
        kept = {row["fold"] for row in runs} - {number}
        merge_folds(calibration_file(models, key, protocol), outcome.calibration[key], kept)
        merge_folds(predictions_file(models, key, protocol), tested, kept)
        if key == SURROGATE_OF and outcome.surrogate is not None:
            merge_folds(surrogate_file(models, protocol), outcome.surrogate, kept)
        write_curve(models / key, f"{protocol}-{number}", outcome.curves[key])
        earlier = [row for row in provenance[key]["left_out"] if row["fold"] in kept]
        provenance[key] = {
            "runs": sorted(
                [*(row for row in runs if row["fold"] in kept), run], key=lambda row: row["fold"]
            ),
            "left_out": sorted([*earlier, *left_out], key=lambda row: row["fold"]),
        }
    if outcome.known:
        runs = [row for row in voice_runs(models, protocol) if row["seed"] == seed]
        runs = [*(row for row in runs if row["fold"] != number), run]
        for name, known in outcome.known.items():
            merge_folds(
                known_file(models, protocol, name), known, {row["fold"] for row in runs[:-1]}
            )
        write_voice_runs(models, protocol, sorted(runs, key=lambda row: row["fold"]))
    for key, ensemble in ENSEMBLES.items():
        provenance[key] = joined([provenance[own] for own in ensemble.members])
    if outcome.tests:
        summarise(models, protocol, outcome.job.directory, provenance, is_last)
    elif is_last:
        write_served(models)


def merge_folds(path: Path, new: Predictions, kept: set[int]) -> None:
    """Write new rows and those stored rows whose folds are kept, fold by fold."""
    parts = {int(fold): new.take(new.folds == fold) for fold in np.unique(new.folds)}
    if kept and path.exists():
        stored = read_predictions(path)
        for fold in np.unique(stored.folds):
            if int(fold) in kept:
                parts[int(fold)] = stored.take(stored.folds == fold)
    write_predictions(path, join([parts[fold] for fold in sorted(parts)]))


def compare(again: Path, models: Path, protocol: str) -> dict[str, dict[str, float]]:
    """Compare the predictions of a second run with the stored ones, clip by clip.

    Parameters
    ----------
    again
        Folder of the models of the second run.
    models
        Folder of the models.
    protocol
        One that both have run.

    Returns
    -------
    dict
        By classifier ``n``, ``largest_difference`` (of a probability), ``accuracy`` and ``stored``
        (the accuracy of the stored run on the same clips).

    Raises
    ------
    CorpusError
        A run is missing, or has tested a clip that the stored one has not.
    """
    table = {}
    for key in MODEL_KEYS:
        new = read_predictions(predictions_file(again, key, protocol))
        stored = read_predictions(predictions_file(models, key, protocol))
        place = {row: i for i, row in enumerate(_clips_and_folds(stored))}
        try:
            same = stored.take([place[row] for row in _clips_and_folds(new)])
        except KeyError as error:
            raise CorpusError(f"The stored run has not tested {error.args[0][0]}.") from error
        table[key] = {
            "n": len(new),
            "largest_difference": float(np.abs(new.probabilities - same.probabilities).max()),
            "accuracy": score_predictions(new.among(LABELS)).accuracy,
            "stored": score_predictions(same.among(LABELS)).accuracy,
        }
    return table


def _clips_and_folds(predictions: Predictions) -> list[tuple[str, int]]:
    return list(zip(predictions.clips.tolist(), predictions.folds.tolist(), strict=True))
