"""Read a corpus of somebody's own: a manifest, a folder an emotion, or a pattern of file names."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emo.corpora.catalogue import (
    CORPORA,
    EXTENSIONS,
    Recording,
    Skipped,
    content_problem,
    walk_files,
)
from emo.corpora.own.pattern import EXAMPLE, Pattern, compile_pattern
from emo.corpora.spellings import SPELLINGS, read_label_map
from emo.errors import CorpusError
from emo.formatting import listed
from emo.labels import MAX_LABELS, MIN_LABELS, in_order
from emo.system.lists import resolve
from emo.system.tables import PATH_COLUMNS, SPEAKER_COLUMNS, SURPLUS, cell, normalise, read_table

EMOTION_COLUMNS = ("emotion", "label", "emotionlabel", "emotionname", "class", "category", "target")
"""Names of the column of labels; the first present is used.  Case, blanks, - and _ are ignored."""

CORPUS_COLUMNS = ("corpus", "dataset", "source")
"""Names of the optional column with the corpus of a row."""

MANIFESTS = (".csv", ".tsv", ".txt")

LABEL = re.compile(r"[^\W_][\w-]{0,29}")
"""A label: letters, digits, - and _, up to 30; it begins with a letter or digit."""

LEFT_OUT = "its label '{}' is left out by --labels"

_TAKEN = {corpus.key.partition("-")[0] for corpus in CORPORA}
_SHOWN = 3  # examples in a sentence


@dataclass(frozen=True)
class OwnCorpora:
    """The clips of one or more own corpora.

    Attributes
    ----------
    recordings : tuple of Recording
        By corpus and path.  ``stem`` is the path as stated; ``speaker`` is the name of the corpus,
        ``-`` and the name of the speaker, empty where none is stated.
    skipped : tuple of Skipped
        The files that are not used, each with its reason.
    spelled : dict of str to str
        Labels that were read as others: what the files state, and what it means.
    """

    recordings: tuple[Recording, ...]
    skipped: tuple[Skipped, ...] = ()
    spelled: Mapping[str, str] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the clips in their order (``emo.labels.in_order``)."""
        return in_order(recording.emotion for recording in self.recordings)

    @property
    def corpora(self) -> tuple[str, ...]:
        """Names of the corpora."""
        return tuple(sorted({recording.corpus for recording in self.recordings}))


@dataclass(frozen=True)
class _Stated:
    """Labels that are stated for a file."""

    path: Path
    name: str
    emotion: str
    speaker: str
    corpus: str


def read_own(
    sources: Sequence[Path], pattern: str | None = None, label_map: Path | None = None
) -> OwnCorpora:
    """Return the clips of own corpora; no file is decoded.

    Parameters
    ----------
    sources
        Each a manifest (CSV with the columns path, emotion and speaker, and corpus if there are
        several), or a folder.  In a folder, `pattern` gives the emotion and the speaker; without
        one, the first folder below it is the emotion, and a folder below that the speaker.
    pattern
        As for ``pattern.compile_pattern``.
    label_map
        Table with the columns own and emo: what a label of the files means; an empty cell leaves
        the clips out.

    Raises
    ------
    CorpusError
        A source is missing or is no such thing, no clip is left, a label cannot be one, or there
        are fewer than two labels or more than twelve.
    """
    compiled = compile_pattern(pattern) if pattern else None
    spellings = read_map(label_map) if label_map else {}
    kept: dict[tuple[str, str], Recording] = {}
    skipped: list[Skipped] = []
    spelled: dict[str, str] = {}
    for source in sources:
        for stated in _read_source(source, compiled):
            if isinstance(stated, Skipped):
                skipped.append(stated)
                continue
            label = _label_of(stated.emotion, spellings)
            if not label:
                skipped.append(Skipped(stated.path, LEFT_OUT.format(stated.emotion.strip())))
                continue
            if label != stated.emotion.strip():
                spelled[stated.emotion.strip()] = label
            recording = _to_recording(stated, label)
            problem = _problem(recording, kept.get((recording.corpus, recording.stem)))
            if problem:
                skipped.append(Skipped(stated.path, problem))
            else:
                kept[recording.corpus, recording.stem] = recording
    if not kept:
        raise CorpusError(_nothing_left(sources, skipped))
    recordings = sorted(kept.values(), key=lambda row: (row.corpus, row.stem))
    own = OwnCorpora(tuple(recordings), tuple(skipped), spelled)
    check_labels(own.labels)
    return own


def check_labels(labels: Sequence[str]) -> None:
    """Raise unless there are two to twelve labels.

    Raises
    ------
    CorpusError
        There are fewer or more.
    """
    if len(labels) < MIN_LABELS:
        raise CorpusError(
            f"All clips have the label {labels[0]}, and at least {MIN_LABELS} labels are needed to "
            "tell one from another. Add clips of another."
        )
    if len(labels) > MAX_LABELS:
        raise CorpusError(
            f"The clips have {len(labels)} labels ({', '.join(labels)[:200]}), and models have "
            f"{MAX_LABELS} at most. Join some of them, or leave some out, with --labels MAP.csv."
        )


def read_map(path: Path) -> dict[str, str]:
    """Return what labels of files mean, by normalised spelling (``spellings.read_label_map``)."""
    return read_label_map(
        path,
        lambda text: SPELLINGS.get(normalise(text)) or _as_label(text),
        "A label has up to 30 letters, digits, - and _",
    )


def _as_label(text: str) -> str:
    """Return a text as a label, in lower case and with - for blanks; "" if it cannot be one."""
    label = re.sub(r"\s+", "-", text.strip()).casefold()
    return label if LABEL.fullmatch(label) else ""


def _label_of(text: str, spellings: Mapping[str, str]) -> str:
    """Return the label that a text means; "" if the map leaves it out.

    Raises
    ------
    CorpusError
        The text cannot be a label.
    """
    normalised = normalise(text)
    if normalised in spellings:
        return spellings[normalised]
    label = SPELLINGS.get(normalised) or _as_label(text)
    if not label:
        raise CorpusError(
            f"'{text.strip()[:60]}' cannot be a label, which has up to 30 letters, digits, - and "
            "_. Say what it means with --labels MAP.csv, in a line such as: own label,emo label"
        )
    return label


def corpus_name(text: str) -> str:
    """Return a name of a corpus: lower-case letters, digits and _, and none of the four's.

    Examples
    --------
    >>> corpus_name("My Clips-2"), corpus_name("CREMAD")
    ('my_clips_2', 'own_cremad')
    """
    name = re.sub(r"[\W]+", "_", text.strip().casefold().replace("-", "_")).strip("_") or "own"
    return f"own_{name}"[:40] if name in _TAKEN else name[:40]


def _to_recording(stated: _Stated, label: str) -> Recording:
    corpus = corpus_name(stated.corpus)
    speaker = re.sub(r"\s+", " ", stated.speaker.strip())[:60]
    return Recording(stated.path, corpus, stated.name, f"{corpus}-{speaker}", label)


def speaker_is_stated(recording: Recording) -> bool:
    """Return whether the speaker of an own clip is stated."""
    return bool(recording.speaker.partition("-")[2])


def _problem(recording: Recording, first: Recording | None) -> str:
    """Return why a clip is not used; "" if it is."""
    if first is not None:
        if first.emotion != recording.emotion:
            raise CorpusError(
                f"{recording.stem} is listed twice, as {first.emotion} and as {recording.emotion}. "
                "Keep one of the two."
            )
        return "it is listed twice"
    if not recording.path.exists():
        return "there is no such file"
    if recording.path.suffix.lower() not in EXTENSIONS:
        return f"not an audio file ({recording.path.suffix or 'no ending'})"
    return content_problem(recording.path) or ""


# --- Sources -------------------------------------------------------------------------------------


def _read_source(source: Path, pattern: Pattern | None) -> Iterator[_Stated | Skipped]:
    if source.is_dir():
        return _read_folder(source, pattern)
    if not source.exists():
        raise CorpusError(
            f"There is no file or folder {source}. Give a manifest (CSV with path, emotion and "
            "speaker), or a folder of clips."
        )
    if source.suffix.lower() not in MANIFESTS:
        raise CorpusError(
            f"{source} is neither a folder nor a manifest, whose name ends in {listed(MANIFESTS)}."
        )
    return _read_manifest(source)


def _read_manifest(path: Path) -> Iterator[_Stated | Skipped]:
    table = read_table(path, "manifest", (PATH_COLUMNS, EMOTION_COLUMNS))
    places = (PATH_COLUMNS, EMOTION_COLUMNS, SPEAKER_COLUMNS, CORPUS_COLUMNS)
    at_path, at_emotion, at_speaker, at_corpus = map(table.position, places)
    if at_path is None or at_emotion is None or not table.rows:
        raise CorpusError(
            f"The manifest {path} has no rows with the columns path and emotion. Its first line "
            "must name the columns, such as: path,emotion,speaker"
        )
    for line, cells in table.rows:
        name, emotion = cell(cells, at_path).strip(), cell(cells, at_emotion)
        file = Path(resolve(name, (str(path.parent),))) if name else path
        if not name or table.has_surplus(cells) or not emotion.strip():
            reason = SURPLUS if name and emotion.strip() else "no path" if not name else "no label"
            yield Skipped(file, f"line {line}: {reason}")
            continue
        corpus = cell(cells, at_corpus).strip() or path.stem
        yield _Stated(file, name, emotion, cell(cells, at_speaker), corpus)


def _read_folder(top: Path, pattern: Pattern | None) -> Iterator[_Stated | Skipped]:
    n_files, n_read = 0, 0
    example = ""
    for path in sorted(walk_files(top)):
        if path.name.startswith(".") or path.suffix.lower() not in EXTENSIONS:
            yield Skipped(path, "not an audio file" if path.suffix else "not an audio file, hidden")
            continue
        name = path.relative_to(top).as_posix()
        n_files, example = n_files + 1, example or name
        fields = pattern.read(name) if pattern else _read_folders(name)
        if fields is None:
            where = f"the pattern '{pattern.text}'" if pattern else "a folder with an emotion"
            yield Skipped(path, f"its name does not follow {where}")
            continue
        n_read += 1
        corpus = fields.get("corpus", "") or top.resolve().name
        yield _Stated(path, name, fields["emotion"], fields.get("speaker", ""), corpus)
    if not n_read:
        raise CorpusError(_nothing_read(top, n_files, example, pattern))


def _read_folders(name: str) -> dict[str, str] | None:
    """Return the emotion, and the speaker if there is one, of a path in a folder an emotion."""
    folders = name.split("/")[:-1]
    if not folders:
        return None
    return {"emotion": folders[0], "speaker": folders[1] if len(folders) > 1 else ""}


def _nothing_read(top: Path, n_files: int, example: str, pattern: Pattern | None) -> str:
    if not n_files:
        return f"{top} holds no audio files. Give the folder that holds the clips."
    if pattern:
        return (
            f"None of the {n_files:,} audio files in {top}, such as {example}, follows the pattern "
            f"'{pattern.text}'. Parts are {{emotion}}, {{speaker}}, * and ?; .* is any ending."
        )
    return (
        f"The {n_files:,} audio files in {top}, such as {example}, are in no folder with the name "
        f"of an emotion. Say where their names state it, such as: {EXAMPLE}"
    )


def _nothing_left(sources: Sequence[Path], skipped: Sequence[Skipped]) -> str:
    places = listed([str(source) for source in sources])
    if not skipped:
        return f"There is no clip in {places}."
    reason, n = Counter(skip.reason for skip in skipped).most_common(1)[0]
    first = next(skip.path for skip in skipped if skip.reason == reason)
    return f"No clip of {places} can be used; {n:,} files, the first {first}: {reason}."


def examples(names: Sequence[str]) -> str:
    """Return some names as text, such as ``a.wav, b.wav and 4 more``.

    Examples
    --------
    >>> examples(["a", "b"]), examples(["a", "b", "c", "d", "e"])
    ('a and b', 'a, b, c and 2 more')
    """
    if len(names) <= _SHOWN:
        return listed(list(names))
    return f"{', '.join(names[:_SHOWN])} and {len(names) - _SHOWN:,} more"
