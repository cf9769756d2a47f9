"""Made-up clips of own corpora, whose emotions differ in pitch and tempo."""

from collections.abc import Sequence
from pathlib import Path

from emo.classifiers.own.model_set import add_to_model_set
from emo.classifiers.storage import Origin, save_model
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
