"""Fit emo/features/likeness.json: how each measurement counts for and against speech.

    python bench/models/likeness.py [--clips 400] [--jobs 2]

Speech: clips of each corpus (EMO_DATA), drawn by a seed from the half of the speakers that
``false_alarms.halves`` gives for it, as they are and in copies altered as for training.  Other
sound: the kinds in ``DESIGN`` of ``generators``, of even seeds.  Each corpus and each kind
counts alike, and speech as much as other sound.
"""

import argparse
import hashlib
import json
import random
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from emo.audio.activity import Floats
from emo.audio.clip import decode
from emo.corpora.catalogue import default_directory, find_recordings
from emo.errors import AudioError
from emo.evaluation.non_speech.false_alarms import halves
from emo.evaluation.sounds.generators import DESIGN, sound
from emo.features.frames import analyse
from emo.features.likeness import MAX_SPREADS, OFFSETS, TABLE, straight
from emo.features.measures import Measures, measure
from emo.training.degradation import random_degradation
from emo.training.fit import commit

SEED = 5
COPIES = 2
CLIPS = 1000
DURATIONS_S = (0.9, 1.0, 1.5, 1.5, 2.0, 2.0, 2.5, 3.0, 4.0, 4.0, 4.0, 4.0)
MIN_DURATION_S = 0.8
PENALTY = 0.02
"""Of the squared coefficients' mean: what many clips would not bear out stays near zero."""

DIGITS = 4
Doubles = npt.NDArray[np.float64]
Row = tuple[str, list[float]]
"""Corpus or kind, and the measurements as the model takes them."""


def row(name: str, samples: Floats) -> list[Row]:
    """Return the row of a sound, none of one that is too short."""
    measures: Measures = measure(analyse(samples))
    if measures.duration_s < MIN_DURATION_S:
        return []
    return [(name, [straight(key, measures) for key in OFFSETS])]


def speech_rows(clips: Sequence[tuple[str, Path]]) -> list[Row]:
    """Return the rows of clips and of their altered copies, by corpus."""
    rows = []
    for corpus, path in clips:
        try:
            data = path.read_bytes()
            samples = decode(data, path.name).samples
        except AudioError:
            continue
        rng = np.random.default_rng([SEED, int(hashlib.sha256(data).hexdigest()[:16], 16)])
        rows += row(f"{corpus} as it is", samples)
        for _ in range(COPIES):
            rows += row(f"{corpus} altered", random_degradation(samples, rng))
    return rows


def other_rows(names: Sequence[str]) -> list[Row]:
    """Return the rows of sounds of each kind."""
    makers = {name: make for table in DESIGN.values() for name, make in table.items()}
    return [
        one
        for name in names
        for i, duration_s in enumerate(DURATIONS_S)
        for one in row(name, sound(makers[name], duration_s, 2 * i))
    ]


def draw(clips: int) -> list[tuple[str, Path]]:
    """Return clips of each corpus, drawn from the speakers that the limits are chosen with."""
    directory = default_directory()
    if directory is None:
        raise SystemExit("No corpora were found. Set EMO_DATA to the folder that holds them.")
    recordings = find_recordings(directory).recordings
    chosen_with = halves(recording.speaker for recording in recordings)
    drawn = []
    for corpus in dict.fromkeys(recording.corpus for recording in recordings):
        own = [r.path for r in recordings if r.corpus == corpus and chosen_with[r.speaker]]
        drawn += [(corpus, path) for path in random.Random(SEED).sample(own, min(clips, len(own)))]
    return drawn


def weights(names: Sequence[str]) -> Doubles:
    """Return what each row counts: rows of one name together as much as those of any other."""
    _, place, n = np.unique(names, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / n[place] / len(n))


def fit(speech: Sequence[Row], other: Sequence[Row]) -> dict[str, Any]:
    """Return the model that makes the labels likeliest, no parabola of it open upwards.

    Returns
    -------
    dict
        ``start``, and ``terms`` → measurement → ``centre``, ``spread``, ``slope`` and ``bend``.
    """
    values = np.array([row[1] for row in (*speech, *other)])
    centre = np.nanmedian(values[: len(speech)], axis=0)
    spread = np.nanstd(values[: len(speech)], axis=0)
    z = np.nan_to_num(np.clip((values - centre) / spread, -MAX_SPREADS, MAX_SPREADS))
    inputs = np.hstack([np.ones((len(z), 1)), z, z * z])
    signs = np.repeat([1.0, -1.0], [len(speech), len(other)])
    parts = [weights([row[0] for row in rows]) for rows in (speech, other)]
    counts, n = np.concatenate(parts), z.shape[1]

    def loss(coefficients: Doubles) -> tuple[float, Doubles]:
        margins = signs * (inputs @ coefficients)
        own = counts * np.logaddexp(0.0, -margins)
        slope = -signs * counts * np.exp(-np.logaddexp(0.0, margins))
        penalised = np.where(np.arange(2 * n + 1) > 0, coefficients, 0.0)
        penalty = 0.5 * PENALTY / n * float(penalised @ penalised)
        return float(own.sum()) + penalty, inputs.T @ slope + PENALTY / n * penalised

    bounds = [(None, None)] * (n + 1) + [(None, 0.0)] * n
    options = {"maxiter": 5000, "maxfun": 10000}
    result = minimize(
        loss, np.zeros(2 * n + 1), jac=True, method="L-BFGS-B", bounds=bounds, options=options
    )
    columns = np.stack([centre, spread, result.x[1 : n + 1], result.x[n + 1 :]], axis=1)
    names = ("centre", "spread", "slope", "bend")
    return {
        "start": round(float(result.x[0]), DIGITS),
        "terms": {
            key: dict(zip(names, (significant(x) for x in column), strict=True))
            for key, column in zip(OFFSETS, columns.tolist(), strict=True)
        },
    }


def significant(value: float) -> float:
    """Return a number with few significant digits, and zero for next to nothing."""
    return 0.0 if abs(value) < 1e-6 else float(f"{value:.{DIGITS}g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=CLIPS, help="of each corpus, at most")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    clips = draw(options.clips)
    kinds = [name for table in DESIGN.values() for name in table]
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as workers:
        speech = [row for part in workers.map(speech_rows, _parts(clips, 50)) for row in part]
        other = [row for part in workers.map(other_rows, _parts(kinds, 2)) for row in part]
    model = fit(speech, other)
    model |= {
        "speech": len(speech),
        "other": len(other),
        "seed": SEED,
        "command": f"python bench/models/likeness.py --clips {options.clips}",
        "commit": commit(),
    }
    TABLE.write_text(json.dumps(model, indent=1) + "\n", encoding="utf-8")
    print(f"{TABLE}: {len(speech):,} rows of speech, {len(other):,} of other sound")


def _parts(items: Sequence[Any], n: int) -> list[Sequence[Any]]:
    return [items[i : i + n] for i in range(0, len(items), n)]


if __name__ == "__main__":
    main()
