"""A small folder of recordings with the rows of a made-up batch, for reviews and joins."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from emo.audio.clip import decode
from emo.batch.rows import (
    Result,
    convert_rows,
    error_result,
    prediction_result,
    write_csv,
    write_parquet,
)
from emo.inference.predictor import Prediction
from emo.labels import LABELS
from tests.support import pages, signals

RUN = "0123456789ab"
WRITERS = {".csv": write_csv, ".parquet": write_parquet}

Answers = Sequence[tuple[str, float]]
"""Label and confidence of the ensemble for each recording."""


def answered(label: str, confidence: float) -> Prediction:
    """Return made-up answers of which the ensemble's is given."""
    made = pages.prediction()
    second = "neutral" if label != "neutral" else "sad"
    ensemble = pages.answer(label, confidence, second)
    return replace(made, answers={**made.answers, "ensemble": ensemble})


def write_batch(folder: Path, answers: Answers, run: str = RUN, name: str = "rows.jsonl") -> Path:
    """Write the recordings ``clips/000.wav`` … and their rows, and return the file of the rows.

    The last row is of a recording that could not be read.
    """
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    for i, (label, confidence) in enumerate(answers):
        path = folder / "clips" / f"{i:03}.wav"
        if not path.exists():
            pitch_hz = 150.0 + 2 * i
            path.write_bytes(signals.encoded(signals.tone(pitch_hz, 0.8), subtype="PCM_16"))
        clip = decode(path.read_bytes())
        made = prediction_result(f"clips/{path.name}", run, clip, answered(label, confidence))
        results.append(made)
    results.append(error_result("clips/broken.wav", run, "Why."))
    jsonl = folder / f"{Path(name).stem}.jsonl"
    jsonl.write_bytes(b"".join(result.lines for result in results))
    out = folder / name
    if out != jsonl:
        convert_rows(jsonl, out, WRITERS[out.suffix])
    return out


def spread(n: int) -> list[tuple[str, float]]:
    """Return answers of n recordings: all labels, with confidences from 0.3 to 0.9."""
    return [(LABELS[i % len(LABELS)], 0.3 + 0.6 * i / max(n - 1, 1)) for i in range(n)]
