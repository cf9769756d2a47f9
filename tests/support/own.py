"""Made-up clips of own corpora, whose emotions differ in pitch and tempo."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emo.classifiers.batches import Fitted
from emo.classifiers.own.model_set import add_to_model_set
from emo.classifiers.storage import Origin, save_model
from emo.features.encoder import EMBEDDING_SIZE
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


def save_own_models(directory: Path, labels: Sequence[str] = LABELS) -> Path:
    """Save own models with a classifier of noise on the encoder, as training would."""
    ordered = in_order(labels)
    trained = trained_labels(ordered)
    rng = np.random.default_rng(3)
    n, k = EMBEDDING_SIZE, len(trained)
    shapes = {"weights": (n, k), "bias": (k,), "output_weights": (6, k), "output_bias": (k,)}
    arrays = fitted("pretrained").arrays | {
        name: rng.normal(0, shape[0] ** -0.5, shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    origin = Origin(
        ("mine",), 18, 3, seed=1, commit="none", command="python -m emo train head", labels=trained
    )
    add_to_model_set(directory, ordered, ["pretrained"], ["mine"])
    save_model(directory / "pretrained", "pretrained", Fitted(arrays, []), origin)
    return directory
