"""Audit of own clips: counts by label and speaker, faults, and sounds that are stored twice."""

import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from emo.corpora.audit import File, Progress, SameAudio, decode_all, format_list, same_audio
from emo.corpora.own.checks import balance
from emo.corpora.own.reading import OwnCorpora

_WIDTH = 100


@dataclass(frozen=True)
class OwnCount:
    """Clips of one own corpus; a speaker that is not stated counts as ``""``."""

    corpus: str
    n: int
    duration_s: float
    emotions: dict[str, int]
    speakers: dict[str, int]


@dataclass(frozen=True)
class OwnAudit:
    """Result of ``audit_own``; paths are as the manifest states them, or relative to the folder."""

    corpora: tuple[OwnCount, ...]
    labels: tuple[str, ...]
    balance: str
    silent: tuple[str, ...]
    unreadable: tuple[File, ...]
    same_audio_two_labels: tuple[SameAudio, ...]
    same_audio_two_speakers: tuple[SameAudio, ...]
    same_audio_one_label: tuple[SameAudio, ...]
    skipped: tuple[File, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the audit as plain dicts, lists, texts and numbers, for JSON."""
        return asdict(self)


def audit_own(own: OwnCorpora, progress: Progress | None = None) -> OwnAudit:
    """Decode every clip of own corpora and return what they hold.

    Parameters
    ----------
    own
    progress
        Called after each clip.
    """
    recordings = own.recordings
    decoded = decode_all(recordings, progress)
    paths = [recording.stem for recording in recordings]
    speaker_of = {recording.stem: recording.speaker for recording in recordings}
    groups = same_audio(recordings, decoded, paths)
    labels = [group for group in groups if len(set(group.emotions)) > 1]
    rest = [group for group in groups if group not in labels]
    speakers = [group for group in rest if len({speaker_of[path] for path in group.paths}) > 1]
    counts = []
    for corpus in own.corpora:
        rows = [i for i, recording in enumerate(recordings) if recording.corpus == corpus]
        emotions = Counter(recordings[i].emotion for i in rows)
        names = Counter(recordings[i].speaker.partition("-")[2] for i in rows)
        duration_s = round(sum(decoded[i].duration_s for i in rows), 3)
        by_label = {label: emotions[label] for label in own.labels}
        counts.append(
            OwnCount(corpus, len(rows), duration_s, by_label, dict(sorted(names.items())))
        )
    pairs = list(zip(paths, decoded, strict=True))
    return OwnAudit(
        tuple(counts),
        own.labels,
        balance(recordings),
        tuple(path for path, clip in pairs if clip.silent),
        tuple(File(path, clip.problem) for path, clip in pairs if clip.problem),
        tuple(labels),
        tuple(speakers),
        tuple(group for group in rest if group not in speakers),
        tuple(File(str(skip.path), skip.reason) for skip in own.skipped),
    )


def format_own_audit(audit: OwnAudit) -> str:
    """Return the audit as text: a table of counts, the speakers, then every file with a fault."""
    alike = "The same audio"
    parts = [
        _table(audit),
        textwrap.fill(audit.balance, _WIDTH),
        _speakers(audit.corpora),
        format_list("Silent clips", audit.silent),
        format_list(
            "Clips that cannot be read",
            [f"{file.path}: {file.reason}" for file in audit.unreadable],
        ),
        format_list(f"{alike} under two labels", map(_line, audit.same_audio_two_labels)),
        format_list(f"{alike} of two speakers", map(_line, audit.same_audio_two_speakers)),
        format_list(f"{alike} twice under one label", map(_line, audit.same_audio_one_label)),
        format_list("Files not taken", [f"{file.path}: {file.reason}" for file in audit.skipped]),
    ]
    return "\n\n".join(parts) + "\n"


def _table(audit: OwnAudit) -> str:
    heads = ["corpus", "clips", "minutes", "speakers", *audit.labels]
    rows = [
        [
            count.corpus,
            f"{count.n:,}",
            f"{count.duration_s / 60:.1f}",
            f"{len(count.speakers):,}",
            *(f"{n:,}" for n in count.emotions.values()),
        ]
        for count in audit.corpora
    ]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
        for row in [heads, *rows]
    )


def _speakers(counts: Sequence[OwnCount]) -> str:
    lines = ["Clips by speaker"]
    for count in counts:
        names = [f"{name or 'not stated'} {n:,}" for name, n in count.speakers.items()]
        text = f"{count.corpus}: {', '.join(names)}"
        lines.append(textwrap.fill(text, _WIDTH, initial_indent="  ", subsequent_indent="    "))
    return "\n".join(lines)


def _line(group: SameAudio) -> str:
    pairs = zip(group.paths, group.emotions, strict=True)
    return " = ".join(f"{path} ({emotion})" for path, emotion in pairs)
