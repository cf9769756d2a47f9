"""Check own clips before any work: sounds stored twice, labels of one speaker, class balance."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from emo.corpora.catalogue import Recording, Skipped
from emo.corpora.own.reading import OwnCorpora, examples, speaker_is_stated
from emo.corpora.protocols import CROSS_CORPUS, SPEAKERS
from emo.corpora.splits import Progress, content_keys
from emo.errors import CorpusError
from emo.formatting import listed, percent

MIN_PER_LABEL = 2
UNBALANCED = 3.0
"""Number of times that the largest label may have the clips of the smallest without a remark."""


@dataclass(frozen=True)
class Checked:
    """Own clips without doubles, and what to say of them.

    Attributes
    ----------
    own : OwnCorpora
    keys : tuple of str
        One text for each recording; equal texts mean the same audio.
    notes : tuple of str
        Sentences for people, before the work.
    """

    own: OwnCorpora
    keys: tuple[str, ...]
    notes: tuple[str, ...]


def check_clips(own: OwnCorpora, progress: Progress | None = None) -> Checked:
    """Return the clips that can be used, each sound once, with sentences on the rest.

    A sound under two labels or of two speakers has no right answer, or would be both in training
    and in a test; none of its clips is used.

    Parameters
    ----------
    own
    progress
        Called with the number of clips done and of all clips.

    Raises
    ------
    CorpusError
        Fewer than two labels are left, or a label has one clip alone.
    """
    keys = content_keys(own.recordings, progress)
    groups: dict[str, list[int]] = defaultdict(list)
    for i, key in enumerate(keys):
        groups[key].append(i)
    used: list[int] = []
    repeats: list[Skipped] = []
    disputed: list[Skipped] = []
    for group in groups.values():
        clips = [own.recordings[i] for i in group]
        if reason := _dispute(clips):
            disputed += [Skipped(clip.path, reason) for clip in clips]
        else:
            used.append(group[0])
            reason = f"the same sound as {clips[0].stem}"
            repeats += [Skipped(clip.path, reason) for clip in clips[1:]]
    used.sort()
    left = OwnCorpora(
        tuple(own.recordings[i] for i in used), (*own.skipped, *repeats, *disputed), own.spelled
    )
    _check_counts(left.recordings)
    notes = [*_skip_notes(own.skipped), *_double_notes(repeats, disputed)]
    notes += [*_spelling_notes(own), *_speaker_notes(left.recordings), balance(left.recordings)]
    return Checked(left, tuple(keys[i] for i in used), tuple(notes))


def _dispute(clips: Sequence[Recording]) -> str:
    """Return why clips of one sound contradict each other; "" if they do not."""
    names = listed([clip.stem for clip in clips[:3]])
    if len({clip.emotion for clip in clips}) > 1:
        return f"one sound under two labels: {names}"
    if len({clip.speaker for clip in clips}) > 1:
        return f"one sound of two speakers: {names}"
    return ""


def _check_counts(recordings: Sequence[Recording]) -> None:
    counts = Counter(recording.emotion for recording in recordings)
    if len(counts) < 2:
        raise CorpusError(
            f"Clips of {len(counts)} label are left ({', '.join(counts)}), and at least 2 are "
            "needed to tell one from another."
        )
    few = sorted(label for label, n in counts.items() if n < MIN_PER_LABEL)
    if few:
        raise CorpusError(
            f"The label {few[0]} has 1 clip, and at least {MIN_PER_LABEL} are needed. Add clips, "
            f"or leave it out with --labels MAP.csv, in the line: {few[0]},"
        )


def _skip_notes(skipped: Sequence[Skipped]) -> list[str]:
    """Return a sentence for each kind of file that was not used."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for skip in skipped:
        by_reason[skip.reason.partition(": ")[2] or skip.reason].append(skip.path.name)
    notes = []
    for reason, names in by_reason.items():
        if reason.startswith("not an audio file"):
            continue  # lists, pictures and texts beside the clips; the audit names each
        verb = "file is" if len(names) == 1 else "files are"
        notes.append(f"{len(names):,} {verb} not used ({examples(names)}): {reason}.")
    return notes


def _double_notes(repeats: Sequence[Skipped], disputed: Sequence[Skipped]) -> list[str]:
    notes = []
    if repeats:
        names = examples([skip.path.name for skip in repeats])
        verb = "repeats" if len(repeats) == 1 else "repeat"
        what = "1 file" if len(repeats) == 1 else f"{len(repeats):,} files"
        notes.append(f"{what} {verb} the sound of another and count once ({names}).")
    if disputed:
        n = len(disputed)
        notes.append(f"{n:,} files are not used, for instance {disputed[0].reason}.")
    return notes


def _spelling_notes(own: OwnCorpora) -> list[str]:
    if not own.spelled:
        return []
    pairs = [f"{text} as {label}" for text, label in sorted(own.spelled.items())]
    return [f"Labels are read so: {', '.join(pairs)}."]


def _speaker_notes(recordings: Sequence[Recording]) -> list[str]:
    unknown = [clip.stem for clip in recordings if not speaker_is_stated(clip)]
    if unknown:
        return [
            f"The speaker of {len(unknown):,} of {len(recordings):,} clips is not stated "
            f"({examples(unknown)}), so these cannot be tested on new speakers. State it in the "
            "column speaker of a manifest, or in a pattern with {speaker}."
        ]
    alone = labels_of_one_speaker(recordings)
    return [
        f"All clips of {label} are of one speaker, {speaker}, so a model may know the voice "
        f"rather than the emotion."
        for label, speaker in alone.items()
    ]


def labels_of_one_speaker(recordings: Sequence[Recording]) -> dict[str, str]:
    """Return each label whose clips are all of one speaker, with the name of that speaker."""
    speakers: dict[str, set[str]] = defaultdict(set)
    for recording in recordings:
        speakers[recording.emotion].add(recording.speaker.partition("-")[2])
    return {
        label: next(iter(names)) for label, names in sorted(speakers.items()) if len(names) == 1
    }


def balance(recordings: Sequence[Recording]) -> str:
    """Return how many clips and speakers each label has, and whether they are balanced."""
    counts = Counter(recording.emotion for recording in recordings)
    speakers: dict[str, set[str]] = defaultdict(set)
    for recording in recordings:
        speakers[recording.emotion].add(recording.speaker)
    n = len(recordings)
    stated = all(speaker_is_stated(recording) for recording in recordings)
    n_speakers = len({recording.speaker for recording in recordings})
    rows = [
        f"{label} {k:,} ({percent(k / n)}"
        + (f", {_speakers(len(speakers[label]))})" if stated else ")")
        for label, k in counts.most_common()
    ]
    (_, most), (least_label, least) = counts.most_common()[0], counts.most_common()[-1]
    whose = f" of {_speakers(n_speakers)}" if stated else ""
    text = f"{n:,} clips{whose}: {', '.join(rows)}."
    if most > UNBALANCED * least:
        text += (
            f" The labels are unbalanced: {most / least:.1f} times as many clips of "
            f"{counts.most_common()[0][0]} as of {least_label}. Training weighs each label more "
            "evenly; read the UAR, which counts each label alike, beside the accuracy."
        )
    return text


def _speakers(n: int) -> str:
    return "1 speaker" if n == 1 else f"{n:,} speakers"


def check_protocol(protocol: str, recordings: Sequence[Recording]) -> None:
    """Raise unless clips can be tested by a protocol.

    Raises
    ------
    CorpusError
        A speaker is not stated, there are too few speakers, all clips of a label are of one
        speaker; or there is one corpus alone.
    """
    if protocol == CROSS_CORPUS.key:
        _check_corpora(recordings)
    if protocol != SPEAKERS.key:
        return
    unknown = [clip.stem for clip in recordings if not speaker_is_stated(clip)]
    if unknown:
        raise CorpusError(
            f"Protocol '{protocol}' tests new speakers, and the speaker of {len(unknown):,} clips "
            f"is not stated ({examples(unknown)}). State it in the column speaker of a manifest or "
            "by --pattern with {speaker}; or run --protocol random, whose figures flatter."
        )
    speakers = {recording.speaker for recording in recordings}
    if len(speakers) < 2:
        raise CorpusError(
            f"Protocol '{protocol}' tests new speakers, and all clips are of one speaker. Add "
            "clips of another; or run --protocol random, whose figures flatter."
        )
    for label, speaker in labels_of_one_speaker(recordings).items():
        raise CorpusError(
            f"All clips of {label} are of one speaker, {speaker}, so it cannot be tested on a new "
            f"speaker. Add clips of {label} by another speaker, or leave it out with "
            f"--labels MAP.csv, in the line: {label},"
        )


def _check_corpora(recordings: Sequence[Recording]) -> None:
    corpora: dict[str, set[str]] = defaultdict(set)
    for recording in recordings:
        corpora[recording.speaker.partition("-")[0]].add(recording.emotion)
    if len(corpora) < 2:
        raise CorpusError(
            f"Protocol '{CROSS_CORPUS.key}' tests a corpus that is not in training, and all clips "
            f"are of one, {next(iter(corpora))}. Name another with --corpus or --data, or in the "
            "column corpus of the manifest."
        )
    for corpus, labels in corpora.items():
        others = set().union(*(own for name, own in corpora.items() if name != corpus))
        if lacking := sorted(labels - others):
            raise CorpusError(
                f"The label {lacking[0]} is in the corpus {corpus} alone, so it cannot be tested "
                "on a corpus that is not in training. Leave it out with --labels MAP.csv, in the "
                f"line: {lacking[0]},"
            )
