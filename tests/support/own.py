"""Made-up clips of own corpora, whose emotions differ in pitch and tempo."""

from collections.abc import Sequence
from pathlib import Path

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
