"""The four corpora of acted speech, and the clips of them that a folder holds.

Label and speaker are read from the file name alone (in SAVEE's own download, whose files are called
``a01.wav``, the speaker is the name of the folder).  The folders of the official downloads can be
used as they are, and so can one flat folder per corpus, in any audio format.  ``corpora.splits``
divides the clips into training, validation and test sets.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

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
    """A file that is not used, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Collection:
    """The recordings of a folder, in the order of ``CORPORA`` and stem, and the files not used."""

    directory: Path
    recordings: tuple[Recording, ...]
    skipped: tuple[Skipped, ...]

    def counts(self) -> dict[str, int]:
        """Return the number of clips of each corpus, in the order of ``CORPORA``."""
        counts = Counter(recording.corpus for recording in self.recordings)
        return {corpus.key: counts[corpus.key] for corpus in CORPORA}


@dataclass(frozen=True)
class Name:
    """Parts of a file name; ``code`` is its spelling of the emotion, in lower case."""

    stem: str
    speaker: str
    emotion: str
    code: str


@dataclass(frozen=True)
class Corpus:
    """One entry of ``CORPORA``.

    ``pattern`` must match the whole file stem, in either case; ``parse`` gets the match and the
    name of the folder, and returns None if they do not give speaker and emotion.
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
"""The corpora, in the order of every list and split."""

CORPUS = {corpus.key: corpus for corpus in CORPORA}
"""Each entry of ``CORPORA`` by its key."""

_PATTERNS = tuple((corpus, re.compile(corpus.pattern, re.IGNORECASE)) for corpus in CORPORA)
_POSITION = {corpus.key: position for position, corpus in enumerate(CORPORA)}

LOSSLESS = (".wav", ".flac", ".aiff", ".aif", ".aifc", ".au", ".snd", ".caf")
COMPRESSED = (".opus", ".ogg", ".oga", ".mp3", ".m4a", ".aac", ".mp4", ".webm", ".mka")
EXTENSIONS = LOSSLESS + COMPRESSED
"""File endings taken for audio, in either case."""

MAX_FILES = 200_000
"""Limit on the files in a folder of corpora, which hold 13,174 clips."""


# --- Finding the clips ---------------------------------------------------------------------------


def default_directory() -> Path | None:
    """Return the folder of the corpora that ``EMO_DATA`` names; None if it is not set."""
    directory = os.environ.get("EMO_DATA")
    return Path(directory) if directory else None


def find_recordings(directory: str | os.PathLike[str]) -> Collection:
    """Return every clip of the corpora under a folder, and every other file with a reason.

    Of a clip that is stored twice (two copies of a corpus, or two formats) the lossless file is
    used, then the one in the outermost folder.  Only very small files are opened, to detect a
    pointer of Git LFS.

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
    for path in sorted(walk_files(top), key=lambda path: _preference(path, top)):
        n_files += 1
        entry = _read_name(path)
        if isinstance(entry, Skipped):
            skipped.append(entry)
        elif first := kept.get((entry.corpus, entry.stem)):
            reason = f"the same clip as {first.path.relative_to(top)}"
            skipped.append(Skipped(path, reason))
        else:
            kept[entry.corpus, entry.stem] = entry
    if not kept:
        raise CorpusError(_nothing_found(top, n_files, skipped))
    recordings = sorted(kept.values(), key=order)
    return Collection(top, tuple(recordings), tuple(sorted(skipped, key=lambda s: s.path)))


def coverage(collection: Collection) -> tuple[str, ...]:
    """Return a line per corpus with the number of its clips."""
    return tuple(
        f"{CORPUS[key].title}: {n:,} of {CORPUS[key].n_clips:,} clips"
        for key, n in collection.counts().items()
    )


def order(recording: Recording) -> tuple[int, str]:
    """Return the sorting key of every list and split: place of the corpus, then stem."""
    return _POSITION[recording.corpus], recording.stem


def walk_files(top: Path) -> Iterator[Path]:
    """Yield the files under a folder, through links too, each folder once; skip hidden folders.

    Raises
    ------
    CorpusError
        There are far too many files.
    """
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
        files += hidden  # listed, but not entered: a clone's .git holds copies of the files
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
        if problem := content_problem(path):
            return Skipped(path, problem)
        return Recording(path, corpus.key, name.stem, name.speaker, name.emotion)
    for corpus, pattern in _PATTERNS:
        if pattern.fullmatch(path.stem):
            speakers = ", ".join(SAVEE_SPEAKERS)
            return Skipped(path, f"a {corpus.title} name outside a speaker's folder {speakers}")
    if re.fullmatch(r"0[12](-\d\d){6}", path.stem):
        return Skipped(path, "a RAVDESS video (its name begins with 01 or 02; sound alone is 03)")
    return Skipped(path, "its name follows the pattern of no corpus, so its emotion is not known")


def read_stem(path: PurePath) -> tuple[Corpus, Name] | None:
    """Return the corpus and the parts of the name of a clip; None for any other name."""
    for corpus, pattern in _PATTERNS:
        if match := pattern.fullmatch(path.stem):
            name = corpus.parse(match, path.parent.name)
            return None if name is None else (corpus, name)
    return None


def content_problem(path: Path) -> str | None:
    """Return why a file holds no sound, without decoding it; None if it may hold some."""
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
    """Return the paths of the clips under a folder; no file is decoded.

    Raises
    ------
    CorpusError
        The folder is missing, or holds no clip of the corpora.
    """
    recordings = find_recordings(directory).recordings
    return ClipIndex(directory, {(clip.corpus, clip.stem): clip.path for clip in recordings})


def locate_clip(index: ClipIndex, corpus: str, stem: str) -> tuple[str, Path]:
    """Return the path of a clip relative to the folder, and its full path.

    Raises
    ------
    CorpusError
        The clip is missing, or is a link to a file outside the folder.
    """
    path = index.paths.get((corpus, stem))
    if path is None:
        raise CorpusError(f"The clip {stem} is not in the folder of the corpora.")
    if not path.resolve().is_relative_to(index.directory.resolve()):
        raise CorpusError(
            f"The clip {stem} lies outside the folder of the corpora; a link leads to it. "
            "Put the clip itself into the folder."
        )
    return path.relative_to(index.directory).as_posix(), path
