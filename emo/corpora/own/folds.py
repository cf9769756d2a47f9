"""Divide own clips into folds: by speaker, by chance, or by corpus."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from emo.corpora.catalogue import Recording
from emo.corpora.own.checks import check_protocol
from emo.corpora.protocols import CROSS_CORPUS, RANDOM, SPEAKERS
from emo.corpora.splits import Fold, check_fold, family
from emo.errors import CorpusError

PROTOCOLS = (RANDOM.key, SPEAKERS.key, CROSS_CORPUS.key)
"""Protocols for own corpora, in the order of every table."""

N_FOLDS = 5
"""Folds of the speakers or of the clips; as many as there are speakers where these are fewer."""

_SEED = 22
_TRIES = 50


def own_folds(
    protocol: str, recordings: Sequence[Recording], keys: Sequence[str]
) -> tuple[Fold, ...]:
    """Return folds that each test other clips; together they test every clip once.

    The validation sets are empty: own models are calibrated on the tests of the other folds.

    Parameters
    ----------
    protocol
        ``speakers``: five folds of whole speakers with about as many clips each, or one for each
        speaker where no division leaves every label in training.  ``random``: five folds of clips
        by chance, each with about as many of a label.  ``cross-corpus``: a fold for each corpus.
    recordings
        Without doubles (``checks.check_clips``).
    keys
        One text for each, equal where the audio is the same.

    Raises
    ------
    CorpusError
        The clips cannot be tested so (``checks.check_protocol``), or a speaker or a sound is in
        training and in the test (``splits.check_fold``).
    """
    if protocol not in PROTOCOLS:
        raise CorpusError(
            f"There is no protocol '{protocol}' for own clips. The protocols are "
            f"{', '.join(PROTOCOLS)}."
        )
    check_protocol(protocol, recordings)
    if protocol == SPEAKERS.key:
        numbers = _by_speaker(recordings)
    elif protocol == RANDOM.key:
        numbers = _by_chance(recordings)
    else:
        names = sorted({family(recording) for recording in recordings})
        numbers = [names.index(family(recording)) + 1 for recording in recordings]
    folds = []
    for number in sorted(set(numbers)):
        test = np.flatnonzero(np.array(numbers) == number)
        train = np.flatnonzero(np.array(numbers) != number)
        fold = Fold(protocol, number, train, np.zeros(0, np.int64), test)
        check_fold(fold, recordings, keys)
        folds.append(fold)
    return tuple(folds)


def leak_test(folds: Sequence[Fold]) -> str:
    """Return what was checked of folds that ``own_folds`` made."""
    protocol = folds[0].protocol
    what = {
        SPEAKERS.key: "no speaker and no sound",
        CROSS_CORPUS.key: "no corpus, no speaker and no sound",
    }.get(protocol, "no sound")
    flatters = " Its speakers are, so the figures flatter." if protocol == RANDOM.key else ""
    return (
        f"Leak test of protocol '{protocol}', {len(folds)} folds: {what} of a test is in training."
        f"{flatters}"
    )


def _by_speaker(recordings: Sequence[Recording]) -> list[int]:
    """Return the fold of each clip, so that each label is in training in every fold."""
    clips = Counter(recording.speaker for recording in recordings)
    n_folds = min(N_FOLDS, len(clips))
    rng = np.random.default_rng(_SEED)
    for attempt in range(_TRIES):
        order = [str(name) for name in rng.permutation(sorted(clips))]
        if attempt == 0:
            order.sort(key=lambda name: (-clips[name], name))
        fold_of = _spread(order, clips, n_folds)
        if _trains_every_label(recordings, fold_of):
            break
    else:
        fold_of = {name: i for i, name in enumerate(sorted(clips), 1)}
    return [fold_of[recording.speaker] for recording in recordings]


def _spread(order: Sequence[str], clips: Mapping[str, int], n_folds: int) -> dict[str, int]:
    """Return the fold of each speaker: in order, each goes to the fold with the fewest clips."""
    totals = [0] * n_folds
    fold_of = {}
    for name in order:
        place = totals.index(min(totals))
        totals[place] += clips[name]
        fold_of[name] = place + 1
    return fold_of


def _trains_every_label(recordings: Sequence[Recording], fold_of: Mapping[str, int]) -> bool:
    folds: dict[Hashable, set[int]] = defaultdict(set)
    for recording in recordings:
        folds[recording.emotion].add(fold_of[recording.speaker])
    return all(len(own) > 1 for own in folds.values())


def _by_chance(recordings: Sequence[Recording]) -> list[int]:
    """Return the fold of each clip: the clips of each label, in random order, in turn."""
    rng = np.random.default_rng(_SEED)
    numbers = [0] * len(recordings)
    place = 0
    for label in sorted({recording.emotion for recording in recordings}):
        own = [i for i, recording in enumerate(recordings) if recording.emotion == label]
        for i in rng.permutation(own).tolist():
            numbers[i] = place % N_FOLDS + 1
            place += 1
    return numbers
