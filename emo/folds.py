"""Which clips train and which test, and the guard that nothing tested is heard in training."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emo.corpora import Recording, order
from emo.errors import CorpusError
from emo.labels import CALM

Progress = Callable[[int, int], None]
"""Called with how many clips are done, and of how many."""


# --- Same audio ----------------------------------------------------------------------------------


def content_hash(recording: Recording) -> str:
    """SHA-256 of the clip's decoded samples, or of its bytes where soundfile cannot decode it.

    Not of the bytes in general: an Ogg file carries a random serial number, so that two files with
    the same sound differ.
    """
    import soundfile

    try:
        samples, rate_hz = soundfile.read(recording.path, dtype="int16", always_2d=True)
    except soundfile.LibsndfileError:
        return hashlib.sha256(recording.path.read_bytes()).hexdigest()
    digest = hashlib.sha256(f"{rate_hz} {samples.shape}".encode())
    digest.update(samples.tobytes())
    return digest.hexdigest()


def content_keys(
    recordings: Sequence[Recording], progress: Progress | None = None
) -> tuple[str, ...]:
    """One text per recording; equal texts mean the same audio.

    Only clips that share file size, length and rate with another are decoded and hashed (seconds
    instead of minutes), so the same sound stored in two formats counts as two; the audit, which
    decodes everything, compares those as well.
    """
    shapes = []
    for done, recording in enumerate(recordings, 1):
        shapes.append(_shape(recording))
        if progress:
            progress(done, len(recordings))
    n_alike = Counter(shapes)
    return tuple(
        shape if n_alike[shape] == 1 else content_hash(recording)
        for shape, recording in zip(shapes, recordings, strict=True)
    )


def _shape(recording: Recording) -> str:
    import soundfile

    n_bytes = recording.path.stat().st_size
    try:
        header = soundfile.info(recording.path)
    except soundfile.LibsndfileError:
        return f"{n_bytes} bytes"
    return f"{n_bytes} bytes, {header.frames} frames at {header.samplerate} Hz"


# --- Folds ---------------------------------------------------------------------------------------

PROTOCOLS = ("clips", "voices")
"""``clips``: a random fifth of the clips is the test.  ``voices``: unseen speakers are the test."""

N_VOICES_FOLDS = 6
CLIPS_TEST_SHARE = 0.2
CLIPS_SEED = 1
_CREMAD_ACTORS_PER_FOLD = 18
_RAVDESS_ACTORS = {  # the folds of EmoBox (arXiv 2406.07162)
    1: ("01", "11", "20", "21"),
    2: ("04", "10", "12", "14"),
    3: ("08", "09", "19", "23"),
    4: ("03", "05", "07", "24"),
    5: ("02", "15", "16", "18"),
    6: ("06", "13", "17", "22"),
}
_OTHER_SPEAKERS = {
    "savee-JE": 1,
    "savee-KL": 2,
    "savee-DC": 3,
    "savee-JK": 4,
    "tess-OAF": 1,
    "tess-YAF": 2,
}


@dataclass(frozen=True, eq=False)
class Fold:
    """One train and test split; ``train`` and ``test`` are int64 (n,) positions in a list."""

    protocol: str
    number: int
    train: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


def voices_fold(recording: Recording) -> int:
    """Fold, 1 to 6, in which the speaker of a recording is tested; one for speech and song."""
    family, actor = recording.speaker.split("-")
    if family == "cremad":
        block = (int(actor) - 1001) // _CREMAD_ACTORS_PER_FOLD + 1
        return min(block, 5)  # the last block has one actor more: 1073 to 1091
    if family == "ravdess":
        return next(fold for fold, actors in _RAVDESS_ACTORS.items() if actor in actors)
    return _OTHER_SPEAKERS[recording.speaker]


def folds(
    protocol: str, recordings: Sequence[Recording], keys: Sequence[str] | None = None
) -> tuple[Fold, ...]:
    """The folds of a protocol over a list of recordings; calm is in neither side.

    Parameters
    ----------
    protocol
        One of :data:`PROTOCOLS`.
    recordings
        In any order; the folds do not depend on it.
    keys
        One text per recording, equal where the audio is the same; made by :func:`content_keys`
        if not given, which takes seconds.

    Raises
    ------
    CorpusError
        The protocol is unknown, there are too few recordings to split, or a speaker or identical
        audio would stand on both sides (:func:`check_fold`).
    """
    if keys is None:
        keys = content_keys(recordings)
    if protocol == "clips":
        made: tuple[Fold, ...] = (_clips_fold(recordings, keys),)
    elif protocol == "voices":
        made = _voices_folds(recordings)
    else:
        names = " and ".join(PROTOCOLS)
        raise CorpusError(f"There is no protocol '{protocol}'. The protocols are {names}.")
    for fold in made:
        check_fold(fold, recordings, keys)
    return made


def check_fold(fold: Fold, recordings: Sequence[Recording], keys: Sequence[str]) -> None:
    """Nothing; raises if training hears what is tested.

    Raises
    ------
    CorpusError
        A recording or identical audio is on both sides, or, under ``voices``, a speaker.
    """
    where = f"Fold {fold.number} of protocol '{fold.protocol}'"
    heard = {keys[i]: recordings[i].stem for i in fold.train}
    for i in fold.test:
        if keys[i] in heard:
            raise CorpusError(
                f"{where} tests {recordings[i].stem}, whose audio is also in training as "
                f"{heard[keys[i]]}. Remove one of the two from the folder."
            )
    if fold.protocol == "voices":
        trained = {recordings[i].speaker for i in fold.train}
        both = sorted(trained & {recordings[i].speaker for i in fold.test})
        if both:
            raise CorpusError(f"{where} trains on the speakers that it tests: {', '.join(both)}.")


def _usable(recordings: Sequence[Recording]) -> list[int]:
    """Positions of what is trained or tested, in the order of corpus and stem."""
    used = [i for i, recording in enumerate(recordings) if recording.emotion != CALM]
    return sorted(used, key=lambda i: order(recordings[i]))


def _clips_fold(recordings: Sequence[Recording], keys: Sequence[str]) -> Fold:
    from sklearn.model_selection import train_test_split

    used = _usable(recordings)
    if len(used) < 2:
        raise CorpusError(f"{len(used)} clips cannot be split into training and test.")
    train, test = train_test_split(used, test_size=CLIPS_TEST_SHARE, random_state=CLIPS_SEED)
    labels = defaultdict(set)
    for i in used:
        labels[keys[i]].add(recordings[i].emotion)
    # No answer to audio that stands under two labels is right, so it is not asked for.
    tested = [i for i in test if len(labels[keys[i]]) == 1]
    # The same sound is in the corpora twice under one label too (RAVDESS 03-01-03-01-02-01-07 and
    # 03-01-03-01-02-02-07): where one is tested, the other does not train.
    asked = {keys[i] for i in tested}
    trained = [i for i in train if keys[i] not in asked]
    return Fold("clips", 1, _positions(trained), _positions(tested))


def _voices_folds(recordings: Sequence[Recording]) -> tuple[Fold, ...]:
    used = _usable(recordings)
    number = {i: voices_fold(recordings[i]) for i in used}
    made = []
    for fold in range(1, N_VOICES_FOLDS + 1):
        train = [i for i in used if number[i] != fold]
        test = [i for i in used if number[i] == fold]
        if train and test:  # a folder with some of the corpora has no speaker for some folds
            made.append(Fold("voices", fold, _positions(train), _positions(test)))
    if not made:
        raise CorpusError("The recordings are of too few speakers to test on unseen voices.")
    return tuple(made)


def _positions(indices: Sequence[int]) -> npt.NDArray[np.int64]:
    return np.array(sorted(indices), dtype=np.int64)
