"""Audit of a folder of corpora: counts, damaged and silent clips, and audio stored twice."""

import hashlib
import os
import textwrap
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emo.audio import clip as audio_clip
from emo.corpora.catalogue import CORPORA, CORPUS, Collection, Recording, find_recordings
from emo.errors import AudioError, SilentError
from emo.labels import CALM, LABELS

Progress = Callable[[int, int], None]
"""Called with the number of clips done and the number of all clips."""

N_THREADS = 2
"""Decoding releases the interpreter lock, so two threads use two cores."""

EMOTIONS = (*LABELS, CALM)


@dataclass(frozen=True)
class CorpusCount:
    """Number of clips of one corpus; ``n_expected`` is the number in the official download."""

    corpus: str
    title: str
    n: int
    n_expected: int
    duration_s: float
    emotions: dict[str, int]
    speakers: dict[str, int]


@dataclass(frozen=True)
class File:
    """A file, relative to the folder, and why it is listed."""

    path: str
    reason: str


@dataclass(frozen=True)
class SameAudio:
    """Clips with the same decoded samples; ``emotions`` are their labels, in the same order."""

    paths: tuple[str, ...]
    emotions: tuple[str, ...]


@dataclass(frozen=True)
class Audit:
    """Result of ``audit``; paths are relative to ``directory``."""

    directory: str
    corpora: tuple[CorpusCount, ...]
    silent: tuple[str, ...]
    unreadable: tuple[File, ...]
    same_audio_two_labels: tuple[SameAudio, ...]
    same_audio_one_label: tuple[SameAudio, ...]
    skipped: tuple[File, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the audit as plain dicts, lists, texts and numbers, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Decoded:
    """Digest and duration of one decoded clip, or why it has neither."""

    sha256: str | None
    duration_s: float
    silent: bool
    problem: str | None


def audit(directory: str | os.PathLike[str], progress: Progress | None = None) -> Audit:
    """Decode every clip in a folder of corpora and return what the folder holds.

    Parameters
    ----------
    directory
        Folder of the corpora.
    progress
        Called after each clip.

    Raises
    ------
    CorpusError
        The folder is missing, is empty, or holds no clip (``catalogue.find_recordings``).
    """
    collection = find_recordings(directory)
    recordings = collection.recordings
    decoded = decode_all(recordings, progress)
    paths = [_relative(recording.path, collection) for recording in recordings]
    groups = same_audio(recordings, decoded, paths)
    two_labels = tuple(group for group in groups if len(set(group.emotions)) > 1)
    return Audit(
        directory=str(directory),
        corpora=_count(recordings, decoded),
        silent=tuple(path for path, clip in zip(paths, decoded, strict=True) if clip.silent),
        unreadable=tuple(
            File(path, clip.problem)
            for path, clip in zip(paths, decoded, strict=True)
            if clip.problem
        ),
        same_audio_two_labels=two_labels,
        same_audio_one_label=tuple(group for group in groups if group not in two_labels),
        skipped=tuple(
            File(_relative(skip.path, collection), skip.reason) for skip in collection.skipped
        ),
    )


def decode_all(recordings: Sequence[Recording], progress: Progress | None) -> list[Decoded]:
    """Return the digest and duration of each clip, or why it has neither."""
    decoded = []
    with ThreadPoolExecutor(N_THREADS) as pool:
        for done, clip in enumerate(pool.map(_decode_clip, recordings), 1):
            decoded.append(clip)
            if progress:
                progress(done, len(recordings))
    return decoded


def _decode_clip(recording: Recording) -> Decoded:
    try:
        clip = audio_clip.load(recording.path)
    except SilentError:
        return Decoded(None, 0.0, silent=True, problem=None)
    except AudioError as error:
        return Decoded(None, 0.0, silent=False, problem=str(error))
    sha256 = hashlib.sha256(clip.samples.tobytes()).hexdigest()
    return Decoded(sha256, clip.duration_s, silent=False, problem=None)


def same_audio(
    recordings: Sequence[Recording], decoded: Sequence[Decoded], paths: Sequence[str]
) -> list[SameAudio]:
    """Return the groups of clips with the same decoded samples."""
    groups = defaultdict(list)
    for i, clip in enumerate(decoded):
        if clip.sha256:
            groups[clip.sha256].append(i)
    return [
        SameAudio(tuple(paths[i] for i in group), tuple(recordings[i].emotion for i in group))
        for group in groups.values()
        if len(group) > 1
    ]


def _count(recordings: Sequence[Recording], decoded: Sequence[Decoded]) -> tuple[CorpusCount, ...]:
    counts = []
    for corpus in CORPORA:
        own = [i for i, recording in enumerate(recordings) if recording.corpus == corpus.key]
        emotions = Counter(recordings[i].emotion for i in own)
        speakers = Counter(recordings[i].speaker for i in own)
        counts.append(
            CorpusCount(
                corpus=corpus.key,
                title=corpus.title,
                n=len(own),
                n_expected=corpus.n_clips,
                duration_s=round(sum(decoded[i].duration_s for i in own), 3),
                emotions={emotion: emotions[emotion] for emotion in EMOTIONS},
                speakers=dict(sorted(speakers.items())),
            )
        )
    return tuple(counts)


def _relative(path: Path, collection: Collection) -> str:
    return path.relative_to(collection.directory).as_posix()


# --- As text -------------------------------------------------------------------------------------

_WIDTH = 100


def format_audit(audit: Audit) -> str:
    """Return the audit as text: a table of counts, the speakers, then every file with a fault."""
    parts = [
        _title(audit),
        _counts_table(audit),
        _speakers(audit),
        format_list("Silent clips", audit.silent),
        format_list(
            "Clips that cannot be read",
            (f"{file.path}: {file.reason}" for file in audit.unreadable),
        ),
        format_list(
            "The same audio under two labels", map(_group_line, audit.same_audio_two_labels)
        ),
        format_list(
            "The same audio twice under one label", map(_group_line, audit.same_audio_one_label)
        ),
        format_list("Files not taken", (f"{file.path}: {file.reason}" for file in audit.skipped)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _title(audit: Audit) -> str:
    n = sum(row.n for row in audit.corpora)
    n_expected = sum(row.n_expected for row in audit.corpora)
    hours = sum(row.duration_s for row in audit.corpora) / 3600
    return f"{audit.directory}: {n:,} of {n_expected:,} clips, {hours:.1f} hours of sound"


def _counts_table(audit: Audit) -> str:
    numbers = [
        (row.n, row.n_expected, len(row.speakers), *row.emotions.values()) for row in audit.corpora
    ]
    total = [sum(column) for column in zip(*numbers, strict=True)]
    # An actor of RAVDESS who speaks and sings is one speaker.
    total[2] = len({speaker for row in audit.corpora for speaker in row.speakers})
    titles = ["corpus", *(row.title for row in audit.corpora), "all"]
    columns = [["clips", "of", "speakers", *EMOTIONS]]
    columns += [[f"{n:,}" for n in row] for row in (*numbers, total)]
    widths = [max(map(len, column)) for column in zip(*columns, strict=True)]
    first = max(map(len, titles))
    lines = [
        "  ".join([title.ljust(first), *map(str.rjust, row, widths)])
        for title, row in zip(titles, columns, strict=True)
    ]
    missing = [
        f"{row.title}: {row.n_expected - row.n:,} clips are missing; the official download is "
        f"{CORPUS[row.corpus].url}"
        for row in audit.corpora
        if row.n < row.n_expected
    ]
    return "\n".join([*lines, "", *missing]) if missing else "\n".join(lines)


def _speakers(audit: Audit) -> str:
    lines = ["Clips by speaker"]
    for row in audit.corpora:
        alike = defaultdict(list)
        for name, n in row.speakers.items():
            alike[n].append(name.split("-")[1])
        lines += [
            textwrap.fill(
                f"{row.title}, {n:,} each: {', '.join(names)}",
                _WIDTH,
                initial_indent="  ",
                subsequent_indent="    ",
            )
            for n, names in sorted(alike.items(), reverse=True)
        ]
    return "\n".join(lines)


def format_list(title: str, lines: Iterable[str]) -> str:
    """Return a title with a number, and an indented line for each item below it."""
    lines = list(lines)
    if not lines:
        return f"{title}: none"
    return "\n".join([f"{title}: {len(lines):,}", *(f"  {line}" for line in lines)])


def _group_line(group: SameAudio) -> str:
    return " = ".join(
        f"{path} ({emotion})" for path, emotion in zip(group.paths, group.emotions, strict=True)
    )
