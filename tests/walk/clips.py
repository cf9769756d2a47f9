"""The files of a walk: synthetic voices, samples, and files that cannot be analysed."""

from collections.abc import Mapping
from functools import cache

import numpy as np

from emo.app.samples import read_gallery
from emo.system import paths
from tests.support import signals

N_VOICES = 8


@cache
def clips() -> Mapping[str, bytes]:
    """Return synthetic voices by name, with different pitches, lengths and containers."""
    files = {}
    for i in range(N_VOICES):
        samples = signals.voice(
            (140.0 + 23 * i, 100.0 + 13 * i), 0.9 + 0.25 * i, syllables_per_s=3.0 + 0.4 * i
        )
        container, ending = (("WAV", "wav"), ("FLAC", "flac"), ("OGG", "ogg"))[i % 3]
        files[f"voice {i}.{ending}"] = signals.encoded(samples, container=container)
    sides = signals.voice(130.0, 2.0), signals.voice(230.0, 2.0, seed=3)
    for ending, n_sides in (("call.wav", 2), ("three.wav", 3)):
        files[ending] = signals.encoded(np.stack((*sides, 0.5 * sides[0])[:n_sides], axis=1))
    files["minute.wav"] = signals.encoded(signals.voice((210.0, 130.0), 6.0))
    files["tone.wav"] = signals.encoded(signals.tone(440.0, 1.5))
    return files


@cache
def short_voices(n: int, seed: int) -> Mapping[str, bytes]:
    """Return ``n`` short voices by name, different for each seed."""
    rng = np.random.default_rng(seed)
    return {
        f"clip {seed}-{i}.wav": signals.encoded(
            signals.voice(
                tuple(rng.uniform(90, 320, 2)),
                float(rng.uniform(0.8, 2.4)),
                syllables_per_s=float(rng.uniform(2.5, 6.0)),
                level_db=float(rng.uniform(-30, -14)),
            ),
            subtype="PCM_16",
        )
        for i in range(n)
    }


@cache
def wrong_files() -> Mapping[str, bytes]:
    """Return files that cannot be analysed, by name."""
    return {
        "letter.wav": b"Dear Sir or Madam",
        "empty.wav": b"",
        "moment.wav": signals.encoded(signals.tone(200.0, 0.05)),
        "silence.wav": signals.encoded(signals.silence(1.0)),
        "cut.flac": signals.encoded(signals.voice(150.0, 1.0), container="FLAC")[:40],
    }


@cache
def samples() -> Mapping[str, tuple[str, bytes]]:
    """Return name and bytes of every sample by the stem of its file."""
    files = [paths.SAMPLES_DIR / sample.file for sample in read_gallery(paths.SAMPLES_DIR)]
    return {path.stem: (path.name, path.read_bytes()) for path in files}


@cache
def every_file() -> Mapping[str, bytes]:
    """Return all files by name."""
    return {**clips(), **wrong_files()}
