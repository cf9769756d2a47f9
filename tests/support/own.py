"""Made-up clips of own corpora, whose emotions differ in pitch and tempo."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emo.classifiers.own.model_set import add_to_model_set, read_model_set
from emo.classifiers.storage import Origin, save_model
from emo.evaluation.own.cross_validation import own_figures
from emo.evaluation.predictions import make_predictions
from emo.evaluation.stored import read_metrics, write_metrics
from emo.labels import in_order, trained_labels
from tests.support.models import fitted
from tests.support.signals import encoded, voice

LABELS = ("bored", "happy", "sad")


def write_clips(
    directory: Path,
    labels: Sequence[str] = LABELS,
    speakers: Sequence[str] = ("ann", "ben", "cas"),
    takes: int = 2,
) -> Path:
    """Write clips of 0.7 s named ``speaker_label_take.wav`` into a folder."""
    directory.mkdir(parents=True, exist_ok=True)
    for s, speaker in enumerate(speakers):
        for e, label in enumerate(labels):
            for take in range(1, takes + 1):
                samples = voice(
                    90.0 + 30 * e + 7 * s,
                    duration_s=0.7,
                    syllables_per_s=2.0 + 2 * e,
                    seed=100 * s + 10 * e + take,
                )
                (directory / f"{speaker}_{label}_{take}.wav").write_bytes(encoded(samples))
    return directory


def write_manifest(path: Path, rows: Sequence[Sequence[str]], head: str = "") -> Path:
    """Write a manifest with the columns path, emotion and speaker, or others."""
    lines = [head or "path,emotion,speaker", *(",".join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def save_own_models(
    directory: Path, labels: Sequence[str] = LABELS, keys: Sequence[str] = ("pretrained",)
) -> Path:
    """Save own models with classifiers of noise, as training would."""
    ordered = in_order(labels)
    trained = trained_labels(ordered)
    origin = Origin(
        corpora=("mine",),
        clips=18,
        speakers=3,
        seed=1,
        commit="none",
        command="python -m emo train head",
        labels=trained,
    )
    add_to_model_set(directory, ordered, keys, ["mine"])
    for key in keys:
        save_model(directory / key, key, fitted(key, 3, len(trained)), origin)
    return directory


def with_figures(models: Path) -> Path:
    """Store the figures of made-up predictions of 60 clips of six speakers beside own models."""
    labels = read_model_set(models).labels
    k = len(labels)
    rng = np.random.default_rng(5)
    shares = rng.dirichlet(np.ones(k), 60) + 1.5 * np.eye(k)[np.arange(60) % k]
    raw = make_predictions(
        clips=[f"{i}.wav" for i in range(60)],
        corpora=["mine"] * 60,
        speakers=[f"mine-{i // 10}" for i in range(60)],
        folds=[i // 20 + 1 for i in range(60)],
        emotions=[labels[i % k] for i in range(60)],
        probabilities=shares / shares.sum(axis=1, keepdims=True),
        labels=labels,
    )
    made_by = {"commit": "abc", "command": "emo evaluate /secret", "seed": 1}
    for key, block in own_figures("speakers", {"pretrained": raw}, labels, made_by).items():
        stored = read_metrics(models, key)
        stored["protocols"]["speakers"] = block
        write_metrics(models, stored)
    return models
