"""Predict the clips of the held-out speakers, as recorded and altered, by the models that ship.

The answers are those that people get: the path from samples to answers is that of ``emo predict``,
with its calibration, thresholds and ensembles.  Nothing is trained.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from emo.audio.activity import Floats, loudest_rms
from emo.audio.clip import RATE_HZ, SILENT_BELOW_DB, Clip, decode
from emo.audio.limits import MIN_DURATION_S
from emo.classifiers.ensembles import ENSEMBLES
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.storage import held_out_speakers
from emo.corpora.catalogue import Recording, find_recordings
from emo.corpora.splits import HELD_OUT_SPEAKERS, is_held_out
from emo.errors import AudioError, CorpusError, ModelError
from emo.evaluation.robustness.conditions import CLEAN, CONDITIONS, alter
from emo.evaluation.robustness.figures import Answers, figures
from emo.evaluation.robustness.storage import ConditionFigures, RobustnessTables, write_robustness
from emo.evaluation.stored import SCHEMA
from emo.inference.loading import Models, load_models
from emo.inference.predictor import predict
from emo.labels import LABELS
from emo.system.spawn import WorkerContext
from emo.training.fit import commit

MODEL_KEYS = (*CLASSIFIERS, *ENSEMBLES)
"""Keys of the models that are measured, in the order of every table."""

Said = dict[str, tuple[str, bool]]
"""Label of each model's answer, by its key, and whether the answer is unsure."""

Altered = dict[str, Said]
"""Answers for a clip by condition, ``CLEAN`` first; none where it cannot be used."""


def measure(
    directory: Path,
    models: Path,
    command: str,
    seed: int = 1,
    jobs: int = 1,
    conditions: Sequence[str] = tuple(CONDITIONS),
) -> RobustnessTables:
    """Measure the models that ship under each condition, and store the figures.

    Parameters
    ----------
    directory
        Folder of the corpora.
    models
        Folder of the models, in which ``robustness.json`` is written.
    command
        Command line, which is stored beside the figures.
    seed
        Of the alterations that are drawn at random.
    jobs
        Processes; the figures do not depend on it.
    conditions
        Keys of ``CONDITIONS``.

    Raises
    ------
    CorpusError
        The folder has no clip of these speakers, or none can be used.
    ModelError
        A model is missing or damaged, or was trained on these speakers.
    """
    recordings = held_out(find_recordings(directory).recordings, directory)
    check_models(load_models(models), models)
    answered = list(_answer_all(recordings, models, (CLEAN, *conditions), seed, jobs))
    pairs = [pair for pair in zip(recordings, answered, strict=True) if pair[1][CLEAN]]
    if not pairs:
        raise CorpusError(f"None of the {len(recordings):,} clips in {directory} can be used.")
    used = [recording for recording, _ in pairs]
    table: RobustnessTables = {
        "schema": SCHEMA,
        "command": command,
        "commit": commit(),
        "seed": seed,
        "clips": len(used),
        "speakers": sorted({recording.speaker for recording in used}),
        "conditions": tabulate(used, [said for _, said in pairs], conditions),
    }
    write_robustness(models, table)
    return table


def held_out(recordings: Sequence[Recording], directory: Path) -> list[Recording]:
    """Return the clips of the speakers that are held out of the models that ship.

    Calm clips, whose label is no answer, are left out.

    Raises
    ------
    CorpusError
        There is none.
    """
    masks = is_held_out([recording.speaker for recording in recordings])
    own = [
        recording
        for recording, is_own in zip(recordings, masks, strict=True)
        if is_own and recording.emotion in LABELS
    ]
    if not own:
        raise CorpusError(
            f"{directory} has no clip of the speakers {', '.join(HELD_OUT_SPEAKERS)}, on whom "
            "robustness is measured. Name the folder that holds CREMA-D and RAVDESS."
        )
    return own


def check_models(models: Models, directory: Path) -> None:
    """Raise unless every classifier was trained without the speakers that are tested.

    Raises
    ------
    ModelError
        One was not.
    """
    kept_out = held_out_speakers(model.info for model in models.classifiers.values())
    if trained := sorted(set(HELD_OUT_SPEAKERS) - kept_out):
        raise ModelError(
            f"The models in {directory} were trained on {', '.join(trained)}, on whom robustness "
            "is measured. Train them again: python -m emo train all"
        )


def tabulate(
    recordings: Sequence[Recording], answered: Sequence[Altered], conditions: Iterable[str]
) -> dict[str, ConditionFigures]:
    """Return the figures of each model under each condition, as recorded first.

    Parameters
    ----------
    recordings
        Clips that can be used as recorded.
    answered
        Their answers.
    conditions
        Keys of ``CONDITIONS``.
    """
    emotions = [recording.emotion for recording in recordings]
    speakers = [recording.speaker for recording in recordings]
    table: dict[str, ConditionFigures] = {}
    for name in (CLEAN, *conditions):
        rows = {
            key: figures(
                emotions, speakers, _column(answered, CLEAN, key), _column(answered, name, key)
            )
            for key in MODEL_KEYS
        }
        table[name] = {
            "unusable": sum(not said[name] for said in answered),
            "models": {key: row for key, row in rows.items() if row is not None},
        }
    return table


def _column(answered: Sequence[Altered], condition: str, key: str) -> Answers:
    cells = [said[condition].get(key, ("", True)) for said in answered]
    return Answers(np.array([cell[0] for cell in cells]), np.array([cell[1] for cell in cells]))


def _answer_all(
    recordings: Sequence[Recording],
    models: Path,
    conditions: Sequence[str],
    seed: int,
    jobs: int,
) -> Iterator[Altered]:
    """Yield the answers for each clip, computed in processes that load the models once."""
    paths = [recording.path for recording in recordings]
    with (
        ProcessPoolExecutor(
            jobs, WorkerContext(), _start, (models, tuple(conditions), seed)
        ) as workers,
        tqdm(total=len(paths), desc="robustness", unit="clip", mininterval=1) as bar,
    ):
        for said in workers.map(_work, paths):
            yield said
            bar.update()


_loaded: dict[str, Any] = {}
"""Contents of a worker process: the models, the conditions and the seed."""


def _start(models: Path, conditions: tuple[str, ...], seed: int) -> None:
    _loaded.update(models=load_models(models), conditions=conditions, seed=seed)


def _work(path: Path) -> Altered:
    return answer(path, _loaded["models"], _loaded["conditions"], _loaded["seed"])


def answer(path: Path, models: Models, conditions: Iterable[str], seed: int) -> Altered:
    """Return the answers for one recording under some conditions, ``CLEAN`` among them."""
    data = path.read_bytes()
    try:
        clip = decode(data, path.name)
    except AudioError:
        return {name: {} for name in conditions}
    digest = hashlib.sha256(data).hexdigest()
    return {
        name: answer_altered(clip, alter(clip.samples, name, digest, seed), models)
        for name in conditions
    }


def answer_altered(clip: Clip, samples: Floats, models: Models) -> Said:
    """Return the answers for a clip with other samples; none where a recording of them is refused.

    Raises
    ------
    ModelError
        A classifier returns values that are not finite.
    """
    is_short = len(samples) < MIN_DURATION_S * RATE_HZ
    if is_short or loudest_rms(samples) < 10 ** (SILENT_BELOW_DB / 20):
        return {}
    prediction = predict(replace(clip, samples=samples), models)
    for fault in prediction.faults.values():
        raise ModelError(fault)
    said = {**prediction.answers, **prediction.ensembles}
    return {key: (said[key].label, said[key].unsure) for key in MODEL_KEYS}


def summary(table: Mapping[str, Any], key: str) -> str:
    """Return a line for each condition with the figures of one model, for a terminal."""
    lines = [
        f"{'condition':<14}{'accuracy':>10}{'loss':>8}{'UAR':>8}{'unchanged':>11}{'coverage':>10}"
    ]
    for name, block in table["conditions"].items():
        if row := block["models"].get(key):
            cells = f"{row['accuracy']:>10.1%}{100 * row['loss']:>8.1f}{row['uar']:>8.1%}"
            lines.append(f"{name:<14}{cells}{row['unchanged']:>11.1%}{row['coverage']:>10.1%}")
    return "\n".join(lines)
