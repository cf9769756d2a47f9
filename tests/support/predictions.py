"""Made-up predictions of a few speakers, and a folder of models measured on them.

No number here comes from a classifier or a recording.
"""

import atexit
import csv
import functools
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emo.classifiers.ensembles import ENSEMBLES
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.storage import FORMAT, ModelInfo, write_model_info
from emo.corpora.metadata import LISTENER_LABELS
from emo.evaluation import subsets
from emo.evaluation.predictions import (
    SURROGATE_OF,
    Predictions,
    calibration_file,
    make_predictions,
    predictions_file,
    surrogate_file,
    write_predictions,
)
from emo.evaluation.robustness.conditions import CLEAN
from emo.evaluation.robustness.storage import ConditionFigures, write_robustness
from emo.evaluation.stored import SCHEMA, Run
from emo.evaluation.summary import Provenance, summarise
from emo.features.frames import FEATURES_VERSION
from emo.labels import CALM, LABELS, TRAINED_INDEX, TRAINED_LABELS

SPEAKERS = {
    "cremad": ("1001", "1019", "1037", "1055", "1073", "1091"),
    "ravdess": ("01", "04", "08", "03", "02", "06"),
    "ravdess-song": ("01", "04", "08", "03", "02"),
    "tess": ("OAF", "YAF"),
    "savee": ("JE", "KL", "DC", "JK"),
}
"""By corpus, in the order of the folds of ``speakers``."""

SPOKEN = {
    "cremad": LISTENER_LABELS,
    "ravdess": TRAINED_LABELS,
    "ravdess-song": ("neutral", CALM, "happy", "sad", "angry", "fearful"),
    "tess": LABELS,
    "savee": LABELS,
}
TAKES = 2
SKILL = {"tree": 0.8, "cnn": 1.5, "mlp": 1.2}
"""By how much the logit of the true label is raised."""

KEYS = (*CLASSIFIERS, *ENSEMBLES)

Row = tuple[str, str, str, int, str]


def rows(protocol: str) -> list[Row]:
    """Return clip, corpus, speaker, fold and emotion of every tested clip of a protocol."""
    found = []
    for corpus, names in SPEAKERS.items():
        for place, name in enumerate(names, 1):
            family = corpus.split("-")[0]
            fold = {
                "speakers": place,
                "cross-corpus": ["cremad", "ravdess", "tess", "savee"].index(family) + 1,
            }.get(protocol, 1)
            for emotion in SPOKEN[corpus]:
                for take in range(TAKES):
                    clip = f"{corpus}-{name}-{emotion}-{take}"
                    found.append((clip, corpus, f"{family}-{name}", fold, emotion))
    if protocol == "random":
        return [row for row in found[::5] if row[4] != CALM]
    if protocol == "emobox":
        return [row for row in found[::2] if row[1] in ("cremad", "tess")]
    return found


def as_predictions(rows: Sequence[Row], probabilities: np.ndarray) -> Predictions:
    """Return rows and their probabilities as predictions."""
    columns: Iterable[Any] = zip(*rows, strict=True)
    clips, corpora, speakers, folds, emotions = columns
    return make_predictions(clips, corpora, speakers, folds, emotions, probabilities)


def guesses(rows: Sequence[Row], skill: float, seed: int) -> np.ndarray:
    """Return probabilities (n, 8) of a classifier with a given skill."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 1.0, (len(rows), len(TRAINED_LABELS)))
    logits[np.arange(len(rows)), [TRAINED_INDEX[row[4]] for row in rows]] += skill
    shares = np.exp(logits)
    return np.asarray(np.round(shares / shares.sum(axis=1, keepdims=True), 6))


def write_tables(directory: Path) -> None:
    """Write the tables beside the recordings: the actors of CREMA-D and the listeners' votes."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "cremad_actors.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["speaker", "age", "sex"])
        for i, name in enumerate(SPEAKERS["cremad"]):
            writer.writerow([name, 20 + 10 * i, "Female" if i % 2 else "Male"])
    with (directory / "cremad_listener_votes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", *LISTENER_LABELS])
        for clip, corpus, _, _, emotion in rows("speakers"):
            if corpus == "cremad":
                writer.writerow(
                    [clip, *(3 if label == emotion else 1 for label in LISTENER_LABELS)]
                )


def write_protocol(
    models: Path, protocol: str, directory: Path | None = None, is_last: bool = True
) -> None:
    """Write raw predictions of one protocol by all classifiers, and their figures.

    The served calibration is written with the last protocol alone.
    """
    tested = rows(protocol)
    folds = sorted({row[3] for row in tested})
    kept = [(f"kept {row[0]}", *row[1:3], fold, row[4]) for fold in folds for row in tested[::3]]
    for n, key in enumerate(CLASSIFIERS):
        skill = SKILL.get(key, 1.0)
        found = as_predictions(kept, guesses(kept, skill, 10 * n))
        write_predictions(calibration_file(models, key, protocol), found)
        found = as_predictions(tested, guesses(tested, skill, 10 * n + 1))
        write_predictions(predictions_file(models, key, protocol), found)
        if protocol == "speakers" and key == SURROGATE_OF:
            found = as_predictions(tested, guesses(tested, skill - 0.2, 10 * n + 3))
            write_predictions(surrogate_file(models, protocol), found)
    command = f"python -m emo evaluate --protocol {protocol}"
    runs: list[Run] = [
        {"fold": fold, "commit": "abc123", "command": command, "seed": 1} for fold in folds
    ]
    provenance: Provenance = {"runs": runs, "left_out": []}
    provenances = dict.fromkeys((*CLASSIFIERS, *ENSEMBLES), provenance)
    summarise(models, protocol, directory, provenances, is_last)


def write_altered(models: Path) -> None:
    """Write figures of robustness under three conditions; one clip cannot be used under one."""
    conditions: dict[str, ConditionFigures] = {}
    for place, name in enumerate((CLEAN, "pink-5", "mp3")):
        shares = {key: 0.7 - 0.03 * i - 0.1 * place for i, key in enumerate(KEYS)}
        conditions[name] = {
            "unusable": int(name == "mp3"),
            "models": {
                key: {
                    "n": 40 - int(name == "mp3"),
                    "accuracy": share,
                    "uar": share - 0.05,
                    "loss": 0.1 * place,
                    "loss_interval": [0.08 * place, 0.13 * place],
                    "unchanged": 1 - 0.2 * place,
                    "coverage": 0.6 - 0.1 * place,
                }
                for key, share in shares.items()
            },
        }
    command = "python -m emo evaluate --protocol robustness"
    speakers = ["cremad-1009", "ravdess-02"]
    write_robustness(
        models,
        {
            "schema": SCHEMA,
            "command": command,
            "commit": "abc123",
            "seed": 1,
            "clips": 40,
            "speakers": speakers,
            "conditions": conditions,
        },
    )


def write_model(models: Path, key: str) -> None:
    """Write the ``model.json`` of a classifier, without weights."""
    (models / key).mkdir(parents=True, exist_ok=True)
    info = ModelInfo(
        format=FORMAT,
        key=key,
        name=CLASSIFIERS[key].title,
        description=f"A {key} of the test.",
        labels=list(TRAINED_LABELS),
        features={"version": FEATURES_VERSION, "takes": CLASSIFIERS[key].takes, "sha256": ""},
        n_parameters=12_345,
        trained_on={"corpora": ["cremad", "tess"], "clips": 13_173, "speakers": 121},
        seed=1,
        commit="abc123",
        command="python -m emo train all",
        served_file="weights.npz",
        files={"weights.npz": {"sha256": "f00d", "bytes": 1_000_000}},
    )
    write_model_info(models / key, info)


@functools.cache
def _everything() -> Path:
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_tables(folder / "corpora")
    for key in CLASSIFIERS:
        write_model(folder / "models", key)
    for protocol in ("random", "speakers", "emobox", "cross-corpus"):
        is_last = protocol == "cross-corpus"
        write_protocol(folder / "models", protocol, folder / "corpora", is_last)
    write_altered(folder / "models")
    return folder / "models"


def copy_models(directory: Path) -> Path:
    """Copy a folder of models measured under every protocol, which is made once."""
    return Path(shutil.copytree(_everything(), directory / "models"))


def expected_predictions(
    models: Path, sex: str = subsets.ALL, corpus: str = subsets.ALL
) -> subsets.Tables:
    """Return what the page of matrices should show, computed independently of it."""
    actors = {
        f"cremad-{name}": ("women" if i % 2 else "men", 30)
        for i, name in enumerate(SPEAKERS["cremad"])
    }
    return subsets.filter_clips(
        subsets.read_tables(models, "speakers"), LABELS, corpus, sex, actors
    )


def rounded(value: Any) -> Any:
    """Return values of JSON with numbers to nine decimals: sums differ in the last digit."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 9) if isinstance(value, float) else value
