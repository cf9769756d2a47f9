"""Check a list of the clips or speakers that a guest was trained on for what it is tested on."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from emo.corpora.catalogue import EXTENSIONS, read_stem
from emo.corpora.protocols import CROSS_CORPUS, SPEAKERS
from emo.errors import CorpusError
from emo.evaluation.guests.table import open_table
from emo.evaluation.predictions import Predictions

N_SHOWN = 3  # faults that a message names


@dataclass(frozen=True)
class _Trained:
    """A row of the list: a clip or a speaker, and the fold whose model it trained (0: of all)."""

    line: int
    clip: str
    speaker: str
    fold: int


def check_training_list(path: Path, protocol: str, tested: Predictions) -> int:
    """Raise if a model was trained on what its fold tests; return the number of rows checked.

    Parameters
    ----------
    path
        CSV, or gzipped CSV, with the column ``clip`` or ``speaker``, and ``fold`` where a model was
        fitted for each fold.  Without a fold a row holds for all folds.  Clips may be paths.
    protocol
        Key of the protocol.  Under ``speakers`` and ``cross-corpus`` no clip of a tested speaker
        may train, and under ``cross-corpus`` none of a tested corpus.
    tested
        The test clips of the protocol.

    Raises
    ------
    CorpusError
        The list cannot be read, or a tested clip, speaker or corpus is in it.
    """
    rows = _read_list(path)
    faults = [*_clip_faults(rows, tested), *_group_faults(rows, tested, protocol)]
    if faults:
        more = f" There are {len(faults) - N_SHOWN:,} more." if len(faults) > N_SHOWN else ""
        raise CorpusError(
            f"{path} names what is tested under '{protocol}'. {' '.join(faults[:N_SHOWN])}{more} "
            "Predict each fold by a model that was trained without what the fold tests."
        )
    return len(rows)


def _read_list(path: Path) -> list[_Trained]:
    table = open_table(path)
    if not {"clip", "speaker"} & table[0][1].keys():
        raise CorpusError(
            f"{path} has neither the column clip nor the column speaker. Its first line must name "
            "the columns, such as: fold,speaker"
        )
    rows = []
    for line, cells in table:
        fold = cells.get("fold", "") or "0"
        if not fold.isdecimal():
            raise CorpusError(f"Line {line} of {path} has the fold '{fold}', which is no number.")
        clip, speaker = cells.get("clip", ""), cells.get("speaker", "")
        if not clip and not speaker:
            raise CorpusError(f"Line {line} of {path} names neither a clip nor a speaker.")
        path_of_clip = PurePath(clip)
        if path_of_clip.suffix.lower() in EXTENSIONS:
            path_of_clip = path_of_clip.with_suffix("")
        known = read_stem(path_of_clip) if clip else None
        rows.append(
            _Trained(
                line,
                known[1].stem if known else path_of_clip.name,
                speaker or (known[1].speaker if known else ""),
                int(fold),
            )
        )
    return rows


def _clip_faults(rows: Sequence[_Trained], tested: Predictions) -> list[str]:
    fold_of = dict(zip(tested.clips.tolist(), tested.folds.tolist(), strict=True))
    return [
        f"Fold {fold_of[row.clip]} tests the clip {row.clip} of line {row.line}."
        for row in rows
        if row.clip in fold_of and row.fold in (0, fold_of[row.clip])
    ]


def _group_faults(rows: Sequence[_Trained], tested: Predictions, protocol: str) -> list[str]:
    """Return a sentence for each speaker, or corpus, that trains and is tested in one fold."""
    named = [row for row in rows if row.speaker] + _with_known_speakers(rows, tested)
    if not _by_speaker(protocol):
        return _speaker_list_fault(rows, protocol)
    faults = _faults_of("speaker", named, tested, lambda speaker: speaker)
    if protocol == CROSS_CORPUS.key:
        faults += _faults_of("corpus", named, tested, lambda speaker: speaker.split("-")[0])
    return faults


def _with_known_speakers(rows: Sequence[_Trained], tested: Predictions) -> list[_Trained]:
    """Return the rows of clips whose speaker the stored predictions alone name."""
    speaker_of = dict(zip(tested.clips.tolist(), tested.speakers.tolist(), strict=True))
    return [
        _Trained(row.line, row.clip, str(speaker_of[row.clip]), row.fold)
        for row in rows
        if not row.speaker and row.clip in speaker_of
    ]


def _speaker_list_fault(rows: Sequence[_Trained], protocol: str) -> list[str]:
    first = next((row for row in rows if not row.clip), None)
    if first is None:
        return []
    return [
        f"Line {first.line} names the speaker {first.speaker} alone, but '{protocol}' tests other "
        "clips of its training speakers; list the clips."
    ]


def _faults_of(
    what: str, rows: Sequence[_Trained], tested: Predictions, group: Callable[[str], str]
) -> list[str]:
    folds_of: dict[str, set[int]] = {}
    for speaker, fold in zip(tested.speakers.tolist(), tested.folds.tolist(), strict=True):
        folds_of.setdefault(group(str(speaker)), set()).add(int(fold))
    faults: dict[tuple[str, int], str] = {}
    for row in rows:
        name = group(row.speaker)
        for fold in sorted(folds_of.get(name, set()) if row.fold == 0 else {row.fold}):
            if fold in folds_of.get(name, ()) and (name, fold) not in faults:
                faults[name, fold] = f"Fold {fold} tests the {what} {name} of line {row.line}."
    return list(faults.values())


def compact_list(path: Path, protocol: str) -> str:
    """Return a list in fewer rows of the same meaning, as CSV.

    Under ``speakers`` and ``cross-corpus``, where speakers decide, it has folds and speakers alone.

    Raises
    ------
    CorpusError
        The list cannot be read.
    """
    rows = _read_list(path)
    by_speaker = _by_speaker(protocol) and all(row.speaker for row in rows)
    name = "speaker" if by_speaker else "clip"
    pairs = sorted({(row.fold, row.speaker if by_speaker else row.clip) for row in rows})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("fold", name))
    writer.writerows((fold or "", value) for fold, value in pairs)
    return text.getvalue()


def _by_speaker(protocol: str) -> bool:
    return protocol in (SPEAKERS.key, CROSS_CORPUS.key)
