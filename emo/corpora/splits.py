"""Splits of the corpora into training, validation and test sets, and the check for leakage."""

import csv
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emo.corpora.catalogue import Recording, order
from emo.corpora.protocols import PROTOCOLS
from emo.errors import CorpusError
from emo.labels import CALM

Progress = Callable[[int, int], None]
"""Called with the number of clips done and the number of all clips."""


# --- Held-out speakers ---------------------------------------------------------------------------

HELD_OUT_SPEAKERS = (
    "cremad-1009",
    "cremad-1020",
    "cremad-1038",
    "cremad-1039",
    "ravdess-02",
    "ravdess-03",
)
"""Actors whose clips, spoken and sung, are left out of everything that ships.

The sample clips are theirs, so that no sample was trained on.  The folds of the protocols do not
depend on them.  The rule of the choice, which looks at no model, is in ``samples/choose.py``.
"""


def is_held_out(speakers: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return whether each speaker is one of ``HELD_OUT_SPEAKERS``, bool (n,)."""
    return np.isin(np.asarray(speakers, dtype=np.str_), HELD_OUT_SPEAKERS)


# --- Same audio ----------------------------------------------------------------------------------


def content_hash(recording: Recording) -> str:
    """Return the SHA-256 of a clip's decoded samples, as hexadecimal text.

    The bytes of the file are hashed only if soundfile cannot decode it, because an Ogg file carries
    a random serial number: two files with the same sound differ.
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
    """Return one text per recording; equal texts mean the same audio.

    Only clips that share file size, length and rate with another are decoded and hashed (seconds
    instead of minutes), so the same sound stored in two formats counts as two; the audit decodes
    every clip and compares those too.

    Parameters
    ----------
    recordings
    progress
        Called with the number of clips done and the number of all clips.
    """
    properties = []
    for done, recording in enumerate(recordings, 1):
        properties.append(_file_properties(recording))
        if progress:
            progress(done, len(recordings))
    n_alike = Counter(properties)
    return tuple(
        text if n_alike[text] == 1 else content_hash(recording)
        for text, recording in zip(properties, recordings, strict=True)
    )


def _file_properties(recording: Recording) -> str:
    import soundfile

    n_bytes = recording.path.stat().st_size
    try:
        header = soundfile.info(recording.path)
    except soundfile.LibsndfileError:
        return f"{n_bytes} bytes"
    return f"{n_bytes} bytes, {header.frames} frames at {header.samplerate} Hz"


# --- Folds ---------------------------------------------------------------------------------------

RANDOM_TEST_SHARE = 0.2
RANDOM_SEED = 1
N_SPEAKERS_FOLDS = 6
VALIDATION_ONE_IN = 12  # of the speakers of a corpus that are not tested, or of the clips
VALIDATION_SEED = 7
EMOBOX_CORPORA = ("cremad", "tess")  # those of RAVDESS and SAVEE are tested by ``speakers``
_CREMAD_ACTORS_PER_FOLD = 18
_RAVDESS_ACTORS = {  # the folds of EmoBox (arXiv 2406.07162)
    1: ("01", "11", "20", "21"),
    2: ("04", "10", "12", "14"),
    3: ("08", "09", "19", "23"),
    4: ("03", "05", "07", "24"),
    5: ("02", "15", "16", "18"),
    6: ("06", "13", "17", "22"),
}
_FOLD_OF_SPEAKER = {
    "savee-JE": 1,
    "savee-KL": 2,
    "savee-DC": 3,
    "savee-JK": 4,
    "tess-OAF": 1,
    "tess-YAF": 2,
}
_FAMILIES = ("cremad", "ravdess", "tess", "savee")  # speech and song count as one corpus


@dataclass(frozen=True, eq=False)
class Fold:
    """One split of a list of recordings into three sets.

    Attributes
    ----------
    protocol : str
    number : int
    train : ndarray of int64, shape (n,)
        Positions of the training set, to which the classifiers are fitted.
    validation : ndarray of int64, shape (n,)
        Positions of the validation set, to which temperatures, the weights of the ensemble and the
        thresholds are fitted.  Its speakers (under ``random`` and ``emobox``: its clips) are in no
        other set.
    test : ndarray of int64, shape (n,)
        Positions of the test set.
    """

    protocol: str
    number: int
    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


def family(recording: Recording) -> str:
    """Return the corpus of a recording; speech and song of RAVDESS are one corpus."""
    return recording.speaker.split("-")[0]


def speakers_fold(recording: Recording) -> int:
    """Return the fold, 1 to 6, that tests the speaker of a recording, in speech and in song."""
    _, actor = recording.speaker.split("-")
    if family(recording) == "cremad":
        block = (int(actor) - 1001) // _CREMAD_ACTORS_PER_FOLD + 1
        return min(block, 5)  # the last block has 19 actors: 1073 to 1091
    if family(recording) == "ravdess":
        return next(fold for fold, actors in _RAVDESS_ACTORS.items() if actor in actors)
    return _FOLD_OF_SPEAKER[recording.speaker]


def folds(
    protocol: str,
    recordings: Sequence[Recording],
    keys: Sequence[str] | None = None,
    directory: Path | None = None,
) -> tuple[Fold, ...]:
    """Return the folds of a protocol over a list of recordings.

    Calm clips take part under ``speakers``, ``emobox`` and ``cross-corpus``, not under ``random``.

    Parameters
    ----------
    protocol
        Key of one of ``protocols.PROTOCOLS``.
    recordings
        In any order; the folds do not depend on it.
    keys
        One text per recording, equal where the audio is the same; computed by
        ``content_keys`` if not given, which takes seconds.
    directory
        Folder with the clip lists of ``emobox`` (``read_emobox``).

    Raises
    ------
    CorpusError
        The protocol is unknown, there are too few recordings to split, lists are missing, or a
        speaker or identical audio is in two sets (``check_fold``).
    """
    if protocol not in PROTOCOLS:
        raise CorpusError(
            f"There is no protocol '{protocol}'. The protocols are {', '.join(PROTOCOLS)}."
        )
    if keys is None:
        keys = content_keys(recordings)
    everything = sorted(range(len(recordings)), key=lambda i: order(recordings[i]))
    if protocol == "random":
        used = [i for i in everything if recordings[i].emotion != CALM]
        tests = {1: _random_test(used)}
    elif protocol == "speakers":
        used = everything
        tests = _grouped({i: speakers_fold(recordings[i]) for i in used})
    elif protocol == "emobox":
        used = everything
        tests = _emobox_tests(recordings, directory)
    else:
        used = everything
        tests = _grouped({i: _FAMILIES.index(family(recordings[i])) + 1 for i in used})
    result = tuple(
        _make_fold(protocol, number, used, test, recordings, keys)
        for number, test in sorted(tests.items())
        if 0 < len(test) < len(used)  # a folder with some of the corpora lacks some folds
    )
    if not result:
        raise CorpusError(
            f"The {len(recordings):,} recordings cannot be split for protocol '{protocol}', which "
            f"tests {PROTOCOLS[protocol].tests}: too few, or all of one kind."
        )
    for fold in result:
        check_fold(fold, recordings, keys)
    return result


def check_fold(fold: Fold, recordings: Sequence[Recording], keys: Sequence[str]) -> None:
    """Raise if anything that is tested is also in training or validation.

    Raises
    ------
    CorpusError
        A recording or identical audio is tested and also in training or validation; or, under
        ``speakers`` and ``cross-corpus``, a speaker; or, under ``cross-corpus``, a corpus.
    """
    sets = {"training": fold.train, "validation": fold.validation}
    for name, rows in sets.items():
        where = f"Fold {fold.number} of protocol '{fold.protocol}'"
        stems = {keys[i]: recordings[i].stem for i in rows}
        for i in fold.test:
            if keys[i] in stems:
                raise CorpusError(
                    f"{where} tests {recordings[i].stem}, whose audio is also in {name} as "
                    f"{stems[keys[i]]}. Remove one of the two from the folder."
                )
        if _by_speaker(fold.protocol):
            speakers = {recordings[i].speaker for i in rows}
            both = sorted(speakers & {recordings[i].speaker for i in fold.test})
            if both:
                raise CorpusError(f"{where} has speakers of its test in {name}: {', '.join(both)}.")
        if fold.protocol == "cross-corpus":
            both = sorted(
                {family(recordings[i]) for i in rows} & {family(recordings[i]) for i in fold.test}
            )
            if both:
                raise CorpusError(f"{where} has corpora of its test in {name}: {', '.join(both)}.")


def _by_speaker(protocol: str) -> bool:
    return protocol in ("speakers", "cross-corpus")


def _grouped(number: dict[int, int]) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = defaultdict(list)
    for i, fold in number.items():
        groups[fold].append(i)
    return dict(groups)


def _make_fold(
    protocol: str,
    number: int,
    used: Sequence[int],
    test: Sequence[int],
    recordings: Sequence[Recording],
    keys: Sequence[str],
) -> Fold:
    labels = defaultdict(set)
    for i in used:
        labels[keys[i]].add(recordings[i].emotion)
    # Audio that is stored under two labels has no right answer, so it is not tested.
    # The lists of EmoBox are taken as published.
    tested = [i for i in test if len(labels[keys[i]]) == 1] if protocol == "random" else test
    # Some audio is stored twice under one label (RAVDESS 03-01-03-01-02-01-07 and
    # 03-01-03-01-02-02-07): if one clip is tested, the other is not in training.
    tested_keys = {keys[i] for i in test}
    test_set = set(test)
    rest = [i for i in used if i not in test_set and keys[i] not in tested_keys]
    validation = _validation(protocol, number, rest, recordings, keys)
    train = sorted(set(rest) - validation)
    return Fold(protocol, number, _positions(train), _positions(validation), _positions(tested))


def _validation(
    protocol: str,
    number: int,
    rest: Sequence[int],
    recordings: Sequence[Recording],
    keys: Sequence[str],
) -> set[int]:
    """Return the positions of the validation set: one in twelve speakers of each large corpus.

    One in twelve clips where the protocol does not separate speakers, or there are too few.
    """
    rng = np.random.default_rng([VALIDATION_SEED, number])
    speakers: dict[str, set[str]] = defaultdict(set)
    if _by_speaker(protocol):
        for i in rest:
            speakers[family(recordings[i])].add(recordings[i].speaker)
    names: set[str] = set()
    for group in sorted(speakers):
        n = round(len(speakers[group]) / VALIDATION_ONE_IN)
        names |= {str(name) for name in rng.permutation(sorted(speakers[group]))[:n]}
    if names:
        return {i for i in rest if recordings[i].speaker in names}
    sounds = list(dict.fromkeys(keys[i] for i in rest))
    chosen = rng.permutation(len(sounds))[: -(-len(sounds) // VALIDATION_ONE_IN)]
    chosen_keys = {sounds[i] for i in chosen}
    return {i for i in rest if keys[i] in chosen_keys}


def _random_test(used: Sequence[int]) -> list[int]:
    from sklearn.model_selection import train_test_split

    if len(used) < 2:
        raise CorpusError(f"{len(used)} clips cannot be split into training and test.")
    _, test = train_test_split(used, test_size=RANDOM_TEST_SHARE, random_state=RANDOM_SEED)
    return list(test)


def _positions(indices: Sequence[int] | set[int]) -> npt.NDArray[np.int64]:
    return np.array(sorted(indices), dtype=np.int64)


# --- The lists of EmoBox -------------------------------------------------------------------------

EMOBOX_LIST = "emobox_test_folds.csv"
EMOBOX_PATTERN = "*_test_fold_*.jsonl"


def read_emobox(directory: Path) -> dict[str, int]:
    """Return the test fold of each clip that EmoBox tests, by stem.

    The lists are read from ``emobox_test_folds.csv`` (columns corpus, clip, test_fold), or from
    ``…_test_fold_N.jsonl`` in a copy of the EmoBox repository anywhere under the folder.  They are
    data of others and not part of this project.

    Raises
    ------
    CorpusError
        There are no such lists, or one cannot be read.
    """
    table = directory / EMOBOX_LIST
    lists = [] if table.exists() else sorted(directory.rglob(EMOBOX_PATTERN))
    try:
        if table.exists():
            with table.open(newline="", encoding="utf-8-sig") as file:
                return {row["clip"]: int(row["test_fold"]) for row in csv.DictReader(file)}
        number_of: dict[str, int] = {}
        for path in lists:
            number = int(path.stem.rsplit("_", 1)[1])
            for line in path.read_text(encoding="utf-8").splitlines():
                number_of[Path(json.loads(line)["wav"]).stem] = number
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise CorpusError(f"The clip lists of EmoBox cannot be read: {error!r}.") from error
    if not number_of:
        raise CorpusError(
            f"Protocol 'emobox' needs the clip lists of EmoBox in {directory}: {EMOBOX_LIST}, or "
            "a copy of the repository github.com/emo-box/EmoBox."
        )
    return number_of


def _emobox_tests(recordings: Sequence[Recording], directory: Path | None) -> dict[int, list[int]]:
    if directory is None:
        raise CorpusError("Protocol 'emobox' needs the folder that holds the lists of EmoBox.")
    listed = read_emobox(directory)
    number = {
        i: listed[recording.stem]
        for i, recording in enumerate(recordings)
        if recording.corpus in EMOBOX_CORPORA and recording.stem in listed
    }
    return _grouped(number)
