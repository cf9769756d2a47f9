"""Answer the rows of a batch with the voices of their speakers known, once all rows are there.

The rows of clips with a speaker carry the numbers that this takes, 15 kB each, in the file of rows
that a batch continues from.  Voice by voice they are read again, so that no more than one part of
a voice (``known_voice.MAX_CLIPS``) is in memory.
"""

import base64
import json
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from emo.batch.rows import Row, answer_head, rounded_answer
from emo.classifiers.voice import VOICE
from emo.formatting import listed
from emo.inference.known_voice import (
    ALIKE,
    FEW,
    VoiceClip,
    divide,
    know_voice,
    note_for,
    to_clip,
)
from emo.inference.loading import Models
from emo.inference.predictor import Prediction, voice_fields
from emo.labels import LABELS

NUMBERS = "numbers"
"""Field of the rows from which a batch continues; the output has none."""

MAX_NAMES = 10
"""Names of speakers that are listed on one line."""

_HEAD = len(LABELS) + 1  # numbers of 8 bytes before those of 4
_DIGEST_BYTES = 8


@dataclass(frozen=True)
class VoiceCount:
    """A speaker of a batch.

    Attributes
    ----------
    speaker : str
        Name.
    recordings : int
        Recordings that are stated to be of the speaker.
    clips : int
        Different clips among those that were answered.
    reason : str
        Why plain answers are kept, or "".
    """

    speaker: str
    recordings: int
    clips: int
    reason: str


# --- Rows to continue from -----------------------------------------------------------------------


def stated_fields(speaker: str, prediction: Prediction, models: Models) -> Row:
    """Return the fields that a row has where its speaker is stated, else none.

    Parameters
    ----------
    speaker
        Name of the speaker, or "".
    prediction
        Plain prediction for the clip.
    models
        Those of the prediction.
    """
    if not speaker:
        return {}
    clip = to_clip(prediction, models.calibration)
    head = np.append(clip.plain, clip.strange_share).astype("<f8")
    packed = head.tobytes() + clip.numbers.astype("<f4").tobytes()
    return {"speaker": speaker, NUMBERS: base64.b64encode(packed).decode()}


def _unpack(row: Row) -> VoiceClip:
    """Return the clip of a row, and remove its numbers from the row."""
    packed = base64.b64decode(row.pop(NUMBERS))
    head = np.frombuffer(packed, "<f8", _HEAD)
    numbers = np.frombuffer(packed, "<f4", offset=head.nbytes).astype(np.float32)
    return VoiceClip(numbers, head[:-1], float(head[-1]), tuple(row["among"]))


# --- The answers ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Places:
    """Where the rows of a speaker start in the file, and the digests of their clips."""

    offsets: "array[int]"
    digests: bytearray
    errors: "array[int]"


class VoiceRows:
    """Rows with the voices of their speakers known.

    Parameters
    ----------
    models
        Those of the plain answers.

    Attributes
    ----------
    voices : list of VoiceCount
        The speakers in the order of their names; filled by ``read``.
    unnamed : int
        Recordings without a speaker; filled by ``read``.
    """

    def __init__(self, models: Models) -> None:
        self.voices: list[VoiceCount] = []
        self.unnamed = 0
        self._models = models

    def read(self, path: Path) -> Iterator[Row]:
        """Yield the rows of a complete file of JSON Lines, those of each speaker together.

        Speakers come in the order of their names, and the rows of each (of each part of a large
        voice) in the order of their paths, those with an error last.  Rows without a speaker are
        at the end, in the order of the file.

        Parameters
        ----------
        path
            File whose rows have ``stated_fields``.
        """
        self.voices, self.unnamed = [], 0
        with path.open("rb") as file:
            speakers, others = _find_rows(file)
            for name in sorted(speakers):
                yield from self._rows_of(name, speakers[name], file)
            for offset in others:
                self.unnamed += 1
                yield _row_at(file, offset)

    def _rows_of(self, speaker: str, places: _Places, file: BinaryIO) -> Iterator[Row]:
        digests = [
            bytes(places.digests[i : i + _DIGEST_BYTES])
            for i in range(0, len(places.digests), _DIGEST_BYTES)
        ]
        clips, reasons = 0, set()
        for part in divide(digests):
            rows = [_row_at(file, places.offsets[i]) for i in part]
            voice = know_voice([_unpack(row) for row in rows], self._models)
            clips += voice.clips
            reasons.add(voice.reason)
            for row, said in zip(rows, voice.answers, strict=True):
                if said is not None:
                    answer = rounded_answer(said)
                    row |= answer_head(answer)
                    row["models"][VOICE] = answer
                row[VOICE] = voice_fields(voice.clips, said is not None, note_for(voice, said))
            yield from sorted(rows, key=lambda row: str(row["path"]))
        yield from sorted(
            (_row_at(file, offset) for offset in places.errors), key=lambda row: str(row["path"])
        )
        recordings = len(places.offsets) + len(places.errors)
        reason = "" if "" in reasons else max(reasons, default=FEW)
        self.voices.append(VoiceCount(speaker, recordings, clips, reason))


def _find_rows(file: BinaryIO) -> "tuple[dict[str, _Places], array[int]]":
    """Return the places of the rows of each speaker, and those of rows without a speaker."""
    speakers: dict[str, _Places] = defaultdict(lambda: _Places(array("Q"), bytearray(), array("Q")))
    others = array("Q")
    offset = 0
    for line in file:
        row = json.loads(line)
        places = speakers[row["speaker"]] if "speaker" in row else None
        if places is None:
            others.append(offset)
        elif NUMBERS in row:
            places.offsets.append(offset)
            places.digests.extend(_unpack(row).digest)
        else:
            places.errors.append(offset)
        offset += len(line)
    return speakers, others


def _row_at(file: BinaryIO, offset: int) -> Row:
    file.seek(offset)
    row: Row = json.loads(file.readline())
    return row


# --- The summary ---------------------------------------------------------------------------------


def format_voices(voices: Sequence[VoiceCount], unnamed: int) -> list[str]:
    """Return lines on the speakers that were found, and on those whose plain answers are kept."""
    lines = [f"{_plural(len(voices), 'speaker')} named{_names(voices)}"]
    known = sum(not voice.reason for voice in voices)
    lines.append(f"the voice was known for {known:,} of {len(voices):,}")
    for reason in (FEW, ALIKE):
        if refused := [voice for voice in voices if voice.reason == reason]:
            lines.append(f"plain answers were kept for {reason}{_names(refused, clips=True)}")
    if unnamed:
        lines.append(f"{_plural(unnamed, 'recording')} without a speaker")
    return lines


def _plural(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'s' * (n != 1)}"


def _names(voices: Sequence[VoiceCount], clips: bool = False) -> str:
    shown = [
        f"{voice.speaker} ({voice.clips if clips else voice.recordings:,})"
        for voice in voices[:MAX_NAMES]
    ]
    more = len(voices) - len(shown)
    shown += [f"{more:,} more"] if more else []
    return f": {listed(shown)}" if shown else ""
