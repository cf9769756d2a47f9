"""Which clips train and which test, and the guard that nothing tested is heard in training."""

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

RANDOM_TEST_SHARE = 0.2
RANDOM_SEED = 1
N_SPEAKERS_FOLDS = 6
CALIBRATION_ONE_IN = 12  # of the training speakers of a corpus, or of the training clips
CALIBRATION_SEED = 7
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
_OTHER_SPEAKERS = {
    "savee-JE": 1,
    "savee-KL": 2,
    "savee-DC": 3,
    "savee-JK": 4,
    "tess-OAF": 1,
    "tess-YAF": 2,
}
_FAMILIES = ("cremad", "ravdess", "tess", "savee")  # a corpus and its songs are one


@dataclass(frozen=True, eq=False)
class Fold:
    """One split into three; int64 (n,) positions in a list of recordings.

    Attributes
    ----------
    train
        What the classifiers are fitted to.
    calibrate
        What their confidence and the weights of the vote are fitted to: clips of speakers (under
        ``random`` and ``emobox``: clips) that neither train nor are tested.
    test
        What is predicted.
    """

    protocol: str
    number: int
    train: npt.NDArray[np.int64]
    calibrate: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


def family(recording: Recording) -> str:
    """Corpus of a recording, the songs of RAVDESS being part of RAVDESS."""
    return recording.speaker.split("-")[0]


def speakers_fold(recording: Recording) -> int:
    """Fold, 1 to 6, in which the speaker of a recording is tested; one for speech and song."""
    _, actor = recording.speaker.split("-")
    if family(recording) == "cremad":
        block = (int(actor) - 1001) // _CREMAD_ACTORS_PER_FOLD + 1
        return min(block, 5)  # the last block has one actor more: 1073 to 1091
    if family(recording) == "ravdess":
        return next(fold for fold, actors in _RAVDESS_ACTORS.items() if actor in actors)
    return _OTHER_SPEAKERS[recording.speaker]


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
        One of ``protocols.PROTOCOLS``.
    recordings
        In any order; the folds do not depend on it.
    keys
        One text per recording, equal where the audio is the same; made by :func:`content_keys`
        if not given, which takes seconds.
    directory
        Where the clip lists of ``emobox`` are looked for (:func:`read_emobox`).

    Raises
    ------
    CorpusError
        The protocol is unknown, there are too few recordings to split, lists are missing, or a
        speaker or identical audio would stand on both sides (:func:`check_fold`).
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
    made = tuple(
        _make_fold(protocol, number, used, test, recordings, keys)
        for number, test in sorted(tests.items())
        if 0 < len(test) < len(used)  # a folder with some of the corpora lacks some folds
    )
    if not made:
        raise CorpusError(
            f"The {len(recordings):,} recordings cannot be split for protocol '{protocol}', which "
            f"tests {PROTOCOLS[protocol].tests}: too few, or all of one kind."
        )
    for fold in made:
        check_fold(fold, recordings, keys)
    return made


def check_fold(fold: Fold, recordings: Sequence[Recording], keys: Sequence[str]) -> None:
    """Raise if anything that is tested is also in training or validation.

    Raises
    ------
    CorpusError
        A recording or identical audio is tested and also in training or validation; or, under
        ``speakers`` and ``cross-corpus``, a speaker; or, under ``cross-corpus``, a corpus.
    """
    sides = {"training": fold.train, "calibration": fold.calibrate}
    for side, rows in sides.items():
        where = f"Fold {fold.number} of protocol '{fold.protocol}'"
        heard = {keys[i]: recordings[i].stem for i in rows}
        for i in fold.test:
            if keys[i] in heard:
                raise CorpusError(
                    f"{where} tests {recordings[i].stem}, whose audio is also in {side} as "
                    f"{heard[keys[i]]}. Remove one of the two from the folder."
                )
        if _by_speaker(fold.protocol):
            speakers = {recordings[i].speaker for i in rows}
            both = sorted(speakers & {recordings[i].speaker for i in fold.test})
            if both:
                raise CorpusError(f"{where} has speakers of its test in {side}: {', '.join(both)}.")
        if fold.protocol == "cross-corpus":
            both = sorted(
                {family(recordings[i]) for i in rows} & {family(recordings[i]) for i in fold.test}
            )
            if both:
                raise CorpusError(f"{where} has corpora of its test in {side}: {', '.join(both)}.")


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
    # No answer to audio that stands under two labels is right, so it is not asked for.
    # The lists of EmoBox are taken as published.
    tested = [i for i in test if len(labels[keys[i]]) == 1] if protocol == "random" else test
    # The same sound is in the corpora twice under one label too (RAVDESS 03-01-03-01-02-01-07 and
    # 03-01-03-01-02-02-07): where one is tested, the other does not train.
    asked = {keys[i] for i in test}
    held = set(test)
    rest = [i for i in used if i not in held and keys[i] not in asked]
    calibrate = _calibration(protocol, number, rest, recordings, keys)
    train = sorted(set(rest) - calibrate)
    return Fold(protocol, number, _positions(train), _positions(calibrate), _positions(tested))


def _calibration(
    protocol: str,
    number: int,
    rest: Sequence[int],
    recordings: Sequence[Recording],
    keys: Sequence[str],
) -> set[int]:
    """Positions kept from training: one in twelve speakers of each large corpus, or clips.

    Clips where the protocol is not about speakers, or where there are too few of them.
    """
    rng = np.random.default_rng([CALIBRATION_SEED, number])
    speakers: dict[str, set[str]] = defaultdict(set)
    if _by_speaker(protocol):
        for i in rest:
            speakers[family(recordings[i])].add(recordings[i].speaker)
    names: set[str] = set()
    for group in sorted(speakers):
        n = round(len(speakers[group]) / CALIBRATION_ONE_IN)
        names |= {str(name) for name in rng.permutation(sorted(speakers[group]))[:n]}
    if names:
        return {i for i in rest if recordings[i].speaker in names}
    sounds = list(dict.fromkeys(keys[i] for i in rest))
    chosen = rng.permutation(len(sounds))[: -(-len(sounds) // CALIBRATION_ONE_IN)]
    kept = {sounds[i] for i in chosen}
    return {i for i in rest if keys[i] in kept}


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
    """Test fold of each clip that EmoBox tests, by stem.

    Read from ``emobox_test_folds.csv`` (columns corpus, clip, test_fold), or from the lists
    ``…_test_fold_N.jsonl`` of a copy of the EmoBox repository anywhere under the folder.  They are
    third-party data and no part of this project.

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
        found = {}
        for path in lists:
            number = int(path.stem.rsplit("_", 1)[1])
            for line in path.read_text(encoding="utf-8").splitlines():
                found[Path(json.loads(line)["wav"]).stem] = number
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise CorpusError(f"The clip lists of EmoBox cannot be read: {error!r}.") from error
    if not found:
        raise CorpusError(
            f"Protocol 'emobox' needs the clip lists of EmoBox in {directory}: {EMOBOX_LIST}, or "
            "a copy of the repository github.com/emo-box/EmoBox."
        )
    return found


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
