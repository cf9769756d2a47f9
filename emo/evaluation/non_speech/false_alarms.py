"""Counts of speech that is flagged as no speech, and of other sound that is.

Counted on clips of the corpora, as recorded and altered, and on the kinds of ``generators``.
Speakers and seeds are divided in two halves: the model of ``features.likeness`` was fitted to one
half of each, and to none of the kinds in ``HELD_OUT``.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emo.audio.activity import Floats
from emo.audio.clip import centre, decode
from emo.corpora.catalogue import Recording, find_recordings
from emo.corpora.protocols import SPEAKERS
from emo.corpora.splits import Fold, folds
from emo.errors import AudioError
from emo.evaluation.robustness.conditions import CONDITIONS, alter
from emo.evaluation.sounds.generators import DESIGN, HELD_OUT, KINDS, sound
from emo.evaluation.stored import NON_SPEECH, read_json, write_json
from emo.features.frames import analyse
from emo.features.speech import PRESENCE_VERSION, speech_warnings
from emo.system.spawn import WorkerContext
from emo.training.feature_cache import degrade
from emo.training.fit import commit

_CHUNK = 32  # clips that a process gets at a time
_ALTERED_SEED = 3

ALTERED_ONE_IN = 6
"""One in so many test clips of ``speakers`` is counted altered too."""

VARIED = "varied"
"""Name of the random alteration that the copies for training have."""

DURATIONS_S = {0.3: 3, 0.6: 3, 1.0: 4, 2.0: 4, 4.0: 4, 10.0: 2, 60.0: 1}
"""Number of sounds of each kind, by duration."""

LONG_S = 1.0
"""Shortest duration that is counted by kind; a shorter sound may be a single consonant."""

LEVELS_DB = (-50.0, -20.0, -3.0)
"""Levels of the sounds in turn; the loudest are clipped at full scale."""

Counts = dict[str, Any]
Flags = list[bool | None]
Work = Callable[[Sequence[Any]], Flags]
Run = Callable[[Work, Sequence[Any]], Flags]


def halves(speakers: Iterable[str]) -> dict[str, bool]:
    """Return True for each speaker of the half to which the model was fitted.

    The speakers of a corpus are divided by the Thue-Morse sequence, so that both halves have both
    sexes even where these alternate.
    """
    ordered = sorted(set(speakers))
    corpora = [speaker.partition("-")[0] for speaker in ordered]
    places = [corpora[:i].count(corpus) for i, corpus in enumerate(corpora)]
    return {
        speaker: place.bit_count() % 2 == 0 for speaker, place in zip(ordered, places, strict=True)
    }


def false_alarms(
    directory: Path,
    models: Path,
    command: str,
    jobs: int = 1,
    durations_s: Mapping[float, int] = DURATIONS_S,
) -> Counts:
    """Count how often clips of the corpora and other sounds are flagged, and store the counts.

    All usable clips are counted as recorded, by corpus; a sixth of them also altered at random and
    under each condition; and sounds of every kind.  The counts are written
    to ``models/non_speech.json``, which keeps the counts of the limits before these.

    Returns
    -------
    dict
        ``corpora`` and ``varied`` → corpus, ``conditions`` → condition, ``kinds`` → kind and
        ``durations`` → seconds: ``n`` sounds and ``flagged`` among them.  Corpora have
        ``held_n`` and ``held_flagged`` too, of the speakers to whom no limit was fitted; kinds
        are counted from ``LONG_S`` on, with their ``family`` and whether they are of
        ``design``.  ``version``, ``commit``,
        ``command``, and ``before``: the counts of an earlier version.
    """
    recordings = find_recordings(directory).recordings
    altered = [
        recordings[i] for fold in folds(SPEAKERS.key, recordings) for i in altered_rows(fold)
    ]
    earlier = read_json(models / NON_SPEECH)
    with ProcessPoolExecutor(jobs, WorkerContext()) as workers:
        run = partial(_spread, workers)
        counts = {
            "corpora": _of_corpora(run, recordings, ""),
            "varied": _of_corpora(run, altered, VARIED),
            "conditions": _of_conditions(run, altered),
            **_of_kinds(run, durations_s),
            "version": PRESENCE_VERSION,
            "commit": commit(),
            "command": command,
        }
    if "synthetic" in earlier and earlier.get("version") == PRESENCE_VERSION:
        counts["synthetic"] = earlier["synthetic"]  # bench/models/languages.py counts these
    counts["before"] = before(earlier)
    write_json(models / NON_SPEECH, counts)
    return counts


def altered_rows(fold: Fold) -> npt.NDArray[np.int64]:
    """Return the test clips of a fold that are counted altered too, drawn at random, (n,)."""
    rng = np.random.default_rng([_ALTERED_SEED, fold.number])
    return np.sort(rng.permutation(fold.test)[: -(-len(fold.test) // ALTERED_ONE_IN)])


def summary(counts: Counts) -> str:
    """Return a line for each corpus, condition, family of sounds and duration, for a terminal."""
    families: Counts = {}
    for row in counts["kinds"].values():
        own = families.setdefault(row["family"], {"n": 0, "flagged": 0})
        own["n"] += row["n"]
        own["flagged"] += row["flagged"]
    lines = [f"{'flagged':<22}{'number':>8}{'share':>10}"]
    for title, rows in (
        ("", counts["corpora"]),
        ("altered ", counts["varied"]),
        ("", counts["conditions"]),
        ("", families),
        ("seconds: ", counts["durations"]),
    ):
        for name, row in rows.items():
            share = row["flagged"] / max(row["n"], 1)
            lines.append(f"{title + name:<22}{row['n']:>8,}{share:>10.2%}")
    return "\n".join(lines)


def before(earlier: Counts) -> Counts:
    """Return the counts of an earlier version from the stored counts."""
    if earlier.get("version", 1) == PRESENCE_VERSION:
        return dict(earlier.get("before", {}))
    return {name: value for name, value in earlier.items() if name != "before"}


def _spread(workers: ProcessPoolExecutor, work: Work, items: Sequence[Any]) -> Flags:
    """Return the flag of each item, computed in worker processes."""
    parts = [items[i : i + _CHUNK] for i in range(0, len(items), _CHUNK)]
    return [flag for part in workers.map(work, parts) for flag in part]


def count_flags(flags: Iterable[bool | None]) -> Counts:
    """Return the number of usable sounds and of the flagged ones."""
    usable = [flag for flag in flags if flag is not None]
    return {"n": len(usable), "flagged": sum(usable)}


def _of_corpora(run: Run, recordings: Sequence[Recording], condition: str) -> Counts:
    was_fitted = halves(recording.speaker for recording in recordings)
    counts = {}
    for corpus in dict.fromkeys(recording.corpus for recording in recordings):
        own = [recording for recording in recordings if recording.corpus == corpus]
        flags = run(partial(_flag_clips, condition=condition), [r.path for r in own])
        held = [f for r, f in zip(own, flags, strict=True) if not was_fitted[r.speaker]]
        counts[corpus] = count_flags(flags) | {
            f"held_{name}": count for name, count in count_flags(held).items()
        }
    return counts


def _of_conditions(run: Run, altered: Sequence[Recording]) -> Counts:
    paths = [recording.path for recording in altered]
    return {
        name: count_flags(run(partial(_flag_clips, condition=name), paths)) for name in CONDITIONS
    }


def _of_kinds(run: Run, durations_s: Mapping[float, int]) -> Counts:
    drawn = [(duration_s, i) for duration_s, n in durations_s.items() for i in range(n)]
    sounds = [
        (name, duration_s, 2 * place + 1, LEVELS_DB[place % len(LEVELS_DB)])
        for name, (place, (duration_s, _)) in product(KINDS, enumerate(drawn))
    ]
    flags = run(_flag_sounds, sounds)
    rows = list(zip(sounds, flags, strict=True))
    kinds = {
        name: {"family": family, "design": table is DESIGN}
        | count_flags(flag for row, flag in rows if row[0] == name and row[1] >= LONG_S)
        for table in (DESIGN, HELD_OUT)
        for family, own in table.items()
        for name in own
    }
    durations = {
        f"{duration_s:g}": count_flags(flag for row, flag in rows if row[1] == duration_s)
        for duration_s in durations_s
    }
    return {"kinds": kinds, "durations": durations}


def is_flagged(samples: Floats) -> bool:
    """Return True if a sound has a speech warning."""
    return bool(speech_warnings(analyse(centre(samples))))


def _flag_clips(paths: Sequence[Path], condition: str) -> Flags:
    """Return True for each flagged clip; None for clips that cannot be used."""
    flags: Flags = []
    for path in paths:
        try:
            data = path.read_bytes()
            samples = decode(data, path.name).samples
            digest = hashlib.sha256(data).hexdigest()
            if condition in CONDITIONS:
                samples = alter(samples, condition, digest)
            elif condition:
                samples = degrade(samples, condition, digest)
            flags.append(is_flagged(samples))
        except AudioError:
            flags.append(None)
    return flags


def _flag_sounds(sounds: Sequence[tuple[str, float, int, float]]) -> Flags:
    """Return True for each flagged sound, given by kind, duration, seed and level."""
    return [
        is_flagged(sound(KINDS[name], duration_s, seed, level_db))
        for name, duration_s, seed, level_db in sounds
    ]
