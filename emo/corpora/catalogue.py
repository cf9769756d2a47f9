"""Four corpora of acted speech: which clips a folder holds, whose voice, which emotion.

Label and speaker come from the file name alone (for SAVEE's own download, where the file is called
``a01.wav``, the speaker is the name of the folder).  The folders of the official downloads work as
they are, and so does one flat folder per corpus, whatever the audio format.  The splits into
training and test are made in :mod:`emo.corpora.splits`.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emo.errors import CorpusError
from emo.labels import CALM


@dataclass(frozen=True)
class Recording:
    """One clip of a corpus; ``stem`` is its official name, in the official spelling."""

    path: Path
    corpus: str
    stem: str
    speaker: str
    emotion: str


@dataclass(frozen=True)
class Skipped:
    """A file that was not taken, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Collection:
    """The recordings of a folder in the order of :data:`CORPORA` and stem, and the files left."""

    directory: Path
    recordings: tuple[Recording, ...]
    skipped: tuple[Skipped, ...]

    def counts(self) -> dict[str, int]:
        """Clips found of each corpus, in the order of :data:`CORPORA`, absent ones with 0."""
        found = Counter(recording.corpus for recording in self.recordings)
        return {corpus.key: found[corpus.key] for corpus in CORPORA}


@dataclass(frozen=True)
class Name:
    """What a file name tells; ``code`` is how it spells the emotion, in lower case."""

    stem: str
    speaker: str
    emotion: str
    code: str


@dataclass(frozen=True)
class Corpus:
    """One entry of :data:`CORPORA`.

    ``pattern`` must match the whole file stem, in either case; ``parse`` gets the match and the
    name of the folder, and returns None where they still do not tell speaker and emotion.
    """

    key: str
    title: str
    folders: tuple[str, ...]
    pattern: str
    example: str
    parse: Callable[[re.Match[str], str], Name | None]
    n_clips: int
    n_speakers: int
    citation: str
    licence: str
    url: str


# --- What the names mean -------------------------------------------------------------------------

CREMAD_EMOTIONS = {
    "ANG": "angry",
    "DIS": "disgusted",
    "FEA": "fearful",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
RAVDESS_EMOTIONS = {
    "01": "neutral",
    "02": CALM,
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgusted",
    "08": "surprised",
}
TESS_EMOTIONS = {
    "angry": "angry",
    "disgust": "disgusted",
    "fear": "fearful",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "surprised",  # pleasant surprise
    "sad": "sad",
}
SAVEE_EMOTIONS = {
    "a": "angry",
    "d": "disgusted",
    "f": "fearful",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprised",
}
SAVEE_SPEAKERS = ("DC", "JE", "JK", "KL")


def _parse_cremad(match: re.Match[str], _folder: str) -> Name:
    actor, sentence, emotion, level = (field.upper() for field in match.groups())
    # 1040_ITH_SAD_X is how the older downloads spell 1040_ITH_SAD_XX (CREMA-D, issue 6).
    level = "XX" if level == "X" else level
    stem = f"{actor}_{sentence}_{emotion}_{level}"
    return Name(stem, f"cremad-{actor}", CREMAD_EMOTIONS[emotion], emotion.lower())


def _parse_ravdess(match: re.Match[str], _folder: str) -> Name:
    emotion, actor = match["emotion"], match["actor"]
    return Name(match[0], f"ravdess-{actor}", RAVDESS_EMOTIONS[emotion], emotion)


def _parse_tess(match: re.Match[str], _folder: str) -> Name:
    voice, word, emotion = match[1].upper(), match[2].lower(), match[3].lower()
    # The download holds OA_bite_neutral where it means OAF_bite_neutral.
    voice = f"{voice[0]}AF"
    return Name(f"{voice}_{word}_{emotion}", f"tess-{voice}", TESS_EMOTIONS[emotion], emotion)


def _parse_savee(match: re.Match[str], folder: str) -> Name | None:
    speaker = (match[1] or folder).upper()
    if speaker not in SAVEE_SPEAKERS:
        return None
    emotion = match[2].lower()
    stem = f"{speaker}_{emotion}{match[3]}"
    return Name(stem, f"savee-{speaker}", SAVEE_EMOTIONS[emotion], emotion)


_RAVDESS_CITATION = (
    "S. R. Livingstone, F. A. Russo: The Ryerson Audio-Visual Database of Emotional Speech and "
    "Song (RAVDESS). PLoS ONE 13(5), e0196391, 2018. doi:10.1371/journal.pone.0196391"
)
_RAVDESS_FIELDS = r"(?P<emotion>0[1-8])-0[12]-0[12]-0[12]-(?P<actor>0[1-9]|1[0-9]|2[0-4])"

CORPORA: tuple[Corpus, ...] = (
    Corpus(
        key="cremad",
        title="CREMA-D",
        folders=("AudioWAV", "cremad"),
        pattern=r"(10[0-8][0-9]|109[01])_([A-Z]{3})_(ANG|DIS|FEA|HAP|NEU|SAD)_(XX?|LO|MD|HI)",
        example="1001_DFA_ANG_XX.wav",
        parse=_parse_cremad,
        n_clips=7442,
        n_speakers=91,
        citation=(
            "H. Cao, D. G. Cooper, M. K. Keutmann, R. C. Gur, A. Nenkova, R. Verma: CREMA-D: "
            "Crowd-sourced Emotional Multimodal Actors Dataset. IEEE Transactions on Affective "
            "Computing 5(4), 377-390, 2014. doi:10.1109/TAFFC.2014.2336244"
        ),
        licence="ODbL 1.0",
        url="https://github.com/CheyneyComputerScience/CREMA-D",
    ),
    Corpus(
        key="ravdess",
        title="RAVDESS speech",
        folders=("Audio_Speech_Actors_01-24", "ravdess"),
        pattern=r"03-01-" + _RAVDESS_FIELDS,
        example="03-01-05-02-01-01-12.wav",
        parse=_parse_ravdess,
        n_clips=1440,
        n_speakers=24,
        citation=_RAVDESS_CITATION,
        licence="CC BY-NC-SA 4.0",
        url="https://zenodo.org/records/1188976",
    ),
    Corpus(
        key="ravdess-song",
        title="RAVDESS song",
        folders=("Audio_Song_Actors_01-24", "ravdess-song"),
        pattern=r"03-02-" + _RAVDESS_FIELDS,
        example="03-02-05-02-01-01-12.wav",
        parse=_parse_ravdess,
        n_clips=1012,
        n_speakers=23,
        citation=_RAVDESS_CITATION,
        licence="CC BY-NC-SA 4.0",
        url="https://zenodo.org/records/1188976",
    ),
    Corpus(
        key="tess",
        title="TESS",
        folders=("TESS Toronto emotional speech set data", "tess"),
        pattern=r"(OAF|YAF|OA|YA)_([a-z]+)_(angry|disgust|fear|happy|neutral|ps|sad)",
        example="OAF_back_angry.wav",
        parse=_parse_tess,
        n_clips=2800,
        n_speakers=2,
        citation=(
            "M. K. Pichora-Fuller, K. Dupuis: Toronto emotional speech set (TESS). Borealis, 2020. "
            "doi:10.5683/SP2/E8H2MF"
        ),
        licence="CC BY-NC-ND 4.0",
        url="https://doi.org/10.5683/SP2/E8H2MF",
    ),
    Corpus(
        key="savee",
        title="SAVEE",
        folders=("AudioData", "savee"),
        pattern=r"(?:(DC|JE|JK|KL)_)?(sa|su|a|d|f|h|n)([0-3][0-9])",
        example="DC/a01.wav",
        parse=_parse_savee,
        n_clips=480,
        n_speakers=4,
        citation=(
            "S. Haq, P. J. B. Jackson: Multimodal emotion recognition. In W. Wang (ed.): Machine "
            "Audition: Principles, Algorithms and Systems, IGI Global, 398-423, 2010."
        ),
        licence="free for research, after registration",
        url="http://kahlan.eps.surrey.ac.uk/savee/",
    ),
)
"""The corpora, in the order of every list and split made from them."""

CORPUS = {corpus.key: corpus for corpus in CORPORA}
"""Each entry of :data:`CORPORA` by its key."""

_PATTERNS = tuple((corpus, re.compile(corpus.pattern, re.IGNORECASE)) for corpus in CORPORA)
_POSITION = {corpus.key: position for position, corpus in enumerate(CORPORA)}

LOSSLESS = (".wav", ".flac", ".aiff", ".aif", ".aifc", ".au", ".snd", ".caf")
COMPRESSED = (".opus", ".ogg", ".oga", ".mp3", ".m4a", ".aac", ".mp4", ".webm", ".mka")
EXTENSIONS = LOSSLESS + COMPRESSED
"""File endings taken for audio, in either case."""

MAX_FILES = 200_000
"""A folder with more files than this is not a folder of corpora (they hold 13,174 clips)."""


# --- Finding the clips ---------------------------------------------------------------------------


def default_directory() -> Path | None:
    """Return the folder of the corpora that ``EMO_DATA`` names; None where it names none."""
    given = os.environ.get("EMO_DATA")
    return Path(given) if given else None


def find(directory: str | os.PathLike[str]) -> Collection:
    """Every clip of the corpora under a folder, and every other file with the reason it was left.

    Of clips that are there twice (copies of the same corpus, or the same clip in two formats) the
    lossless one is kept, then the one in the outermost folder.  No file is opened, except to see
    whether a very small one is a Git LFS pointer.

    Raises
    ------
    CorpusError
        The folder is missing, or holds no clip of these corpora, or far too many files.
    """
    top = Path(directory)
    if not top.exists():
        raise CorpusError(f"There is no folder {top}. Give the folder that holds the corpora.")
    if not top.is_dir():
        raise CorpusError(f"{top} is a file. Give the folder that holds the corpora.")
    kept: dict[tuple[str, str], Recording] = {}
    skipped: list[Skipped] = []
    n_files = 0
    for path in sorted(_walk(top), key=lambda path: _preference(path, top)):
        n_files += 1
        found = _read_name(path)
        if isinstance(found, Skipped):
            skipped.append(found)
        elif first := kept.get((found.corpus, found.stem)):
            reason = f"the same clip as {first.path.relative_to(top)}"
            skipped.append(Skipped(path, reason))
        else:
            kept[found.corpus, found.stem] = found
    if not kept:
        raise CorpusError(_nothing_found(top, n_files, skipped))
    recordings = sorted(kept.values(), key=order)
    return Collection(top, tuple(recordings), tuple(sorted(skipped, key=lambda s: s.path)))


def coverage(collection: Collection) -> tuple[str, ...]:
    """One line per corpus: how many of its clips are there."""
    return tuple(
        f"{CORPUS[key].title}: {n:,} of {CORPUS[key].n_clips:,} clips"
        for key, n in collection.counts().items()
    )


def order(recording: Recording) -> tuple[int, str]:
    """Sorting key of every list and split: place of the corpus in :data:`CORPORA`, then stem."""
    return _POSITION[recording.corpus], recording.stem


def _walk(top: Path) -> Iterator[Path]:
    """Files under ``top``, through linked folders too, each folder once; hidden ones unopened."""
    visited = set()
    n_files = 0
    for folder, subfolders, files in os.walk(top, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:
            subfolders.clear()
            continue
        visited.add(real)
        hidden = [name for name in subfolders if name.startswith(".")]
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        files += hidden  # a clone's .git holds everything once more under other names
        n_files += len(files)
        if n_files > MAX_FILES:
            raise CorpusError(
                f"{top} holds more than {MAX_FILES:,} files, so it is not a folder of these "
                "corpora alone. Give the folder that holds the corpora."
            )
        yield from (Path(folder, file) for file in files)


def _preference(path: Path, top: Path) -> tuple[bool, int, str]:
    return path.suffix.lower() not in LOSSLESS, len(path.relative_to(top).parts), str(path)


def _read_name(path: Path) -> Recording | Skipped:
    if path.name.startswith("."):
        return Skipped(path, "hidden")
    if path.suffix.lower() not in EXTENSIONS:
        return Skipped(path, f"not an audio file ({path.suffix or 'no ending'})")
    if clip := read_stem(path):
        corpus, name = clip
        if problem := _content_problem(path):
            return Skipped(path, problem)
        return Recording(path, corpus.key, name.stem, name.speaker, name.emotion)
    for corpus, pattern in _PATTERNS:
        if pattern.fullmatch(path.stem):
            speakers = ", ".join(SAVEE_SPEAKERS)
            return Skipped(path, f"a {corpus.title} name outside a speaker's folder {speakers}")
    if re.fullmatch(r"0[12](-\d\d){6}", path.stem):
        return Skipped(path, "a RAVDESS video (its name begins with 01 or 02; sound alone is 03)")
    return Skipped(path, "its name follows none of the corpora, so it tells no emotion")


def read_stem(path: Path) -> tuple[Corpus, Name] | None:
    """Return which clip of the corpora a path is named as, None where it is named as none."""
    for corpus, pattern in _PATTERNS:
        if match := pattern.fullmatch(path.stem):
            name = corpus.parse(match, path.parent.name)
            return None if name is None else (corpus, name)
    return None


def _content_problem(path: Path) -> str | None:
    try:
        n_bytes = path.stat().st_size
        if n_bytes == 0:
            return "an empty file"
        if n_bytes < 1024 and path.read_bytes().startswith(b"version https://git-lfs"):
            return "a Git LFS pointer, not the sound itself; 'git lfs pull' fetches it"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None


def _nothing_found(top: Path, n_files: int, skipped: Sequence[Skipped]) -> str:
    if n_files == 0:
        return f"{top} is empty. Give the folder that holds the corpora."
    reasons = Counter(skip.reason for skip in skipped).most_common(1)[0]
    examples = ", ".join(f"{corpus.example} ({corpus.title})" for corpus in CORPORA)
    return (
        f"None of the {n_files:,} files in {top} is a clip of the corpora; "
        f"{reasons[1]:,} of them: {reasons[0]}. Names looked for: {examples}."
    )


@dataclass(frozen=True)
class ClipIndex:
    """Path of each clip under a folder, by corpus and stem."""

    directory: Path
    paths: Mapping[tuple[str, str], Path]


def index_clips(directory: Path) -> ClipIndex:
    """The clips under a folder; no file is decoded.

    Raises
    ------
    CorpusError
        The folder is missing, or holds no clip of the corpora.
    """
    recordings = find(directory).recordings
    return ClipIndex(directory, {(one.corpus, one.stem): one.path for one in recordings})


def locate_clip(shelf: ClipIndex, corpus: str, stem: str) -> tuple[str, Path]:
    """Name of a clip within the folder, and its path.

    Raises
    ------
    CorpusError
        The clip is not there, or lies outside the folder, where a link leads to it.
    """
    path = shelf.paths.get((corpus, stem))
    if path is None:
        raise CorpusError(f"The clip {stem} is not in the folder of the corpora.")
    if not path.resolve().is_relative_to(shelf.directory.resolve()):
        raise CorpusError(
            f"The clip {stem} lies outside the folder of the corpora; a link leads to it. "
            "Put the clip itself into the folder."
        )
    return path.relative_to(shelf.directory).as_posix(), path
