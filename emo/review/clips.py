"""The clips of a batch that can be reviewed: their answers, and their files."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emo.audio.channels import MIX, name_with_channel
from emo.batch.addresses import is_address
from emo.batch.results.reading import answer_keys, answer_labels, read_flat_rows
from emo.classifiers.voice import VOICE
from emo.errors import AudioError, EmoError
from emo.inference.loading import ANSWER_KEYS
from emo.labels import ENSEMBLE

NO_ANSWER = "have no answer"
IN_ARCHIVE = "are in an archive or at an address; unpack or download them, and run the batch again"
OUTSIDE = "are outside the folder"
NOT_THERE = "are not in the folder"
_MEMBER = "!/"
_ORDER = (*ANSWER_KEYS, VOICE)

Key = tuple[str, int]
"""Name of a clip: its path as the batch wrote it, and the number of its window, 0 for all."""


@dataclass(frozen=True)
class Answered:
    """The answer of a model in a row."""

    label: str
    confidence: float
    unsure: bool


@dataclass(frozen=True)
class ReviewClip:
    """A recording, a channel of it or a window of it, with the answers of a batch.

    Attributes
    ----------
    path
        Name in the row, with its channel.
    window
        Number of the window, from 1; 0 for the whole recording.
    span_s
        Start and end of the window in seconds; None for the whole recording.
    channel
        Name of the channel, or ``mix``.
    sha256
        Digest of the recording's bytes when it was answered.
    answer
        Answer of the batch: that of the ensemble, or relative to a known voice.
    answers
        Answers of the models and the ensemble, by key.
    disagreement
        How far the models differ, 0 to 1 (``disagreement_of``).
    """

    path: str
    window: int
    span_s: tuple[float, float] | None
    channel: str
    sha256: str
    answer: Answered
    answers: Mapping[str, Answered]
    disagreement: float

    @property
    def key(self) -> Key:
        """Name of the clip: its path and window."""
        return self.path, self.window

    @property
    def recording(self) -> str:
        """Path of the file, without the channel."""
        return self.path.removesuffix(name_with_channel("", self.channel))


@dataclass(frozen=True)
class Batch:
    """The clips of a batch that can be reviewed.

    Attributes
    ----------
    clips
        In the order of the rows.
    labels
        Labels of the answers, in their order.
    run
        Digest of the models and settings that answered them.
    left_out
        Number of rows that cannot be reviewed, by reason.
    """

    clips: tuple[ReviewClip, ...]
    labels: tuple[str, ...]
    run: str
    left_out: Mapping[str, int]


def read_batch(rows: Path, folder: Path, run: str = "") -> Batch:
    """Read the clips that a file of rows names, and whose files are in a folder.

    Parameters
    ----------
    rows
        File of ``emo batch``: JSON Lines, CSV or Parquet.
    folder
        Relative paths start here, and no file outside it is opened.
    run
        Run whose rows are taken; empty where the file has those of one run.

    Raises
    ------
    EmoError
        The file is no output of a batch, holds rows of several runs, or no clip can be reviewed.
    """
    if not folder.is_dir():
        raise EmoError(f"There is no folder {folder}. Name that of the recordings with --clips.")
    root = Path(os.path.realpath(folder))
    runs: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    clips: dict[Key, ReviewClip] = {}
    labels: list[str] = []
    places: dict[str, str] = {}  # a recording has many windows
    for row in read_flat_rows(rows):
        if run and row["run"] != run:
            continue
        runs[row["run"]] += 1
        if "label" not in row or row.get("error"):
            left_out[NO_ANSWER] += 1
            continue
        labels = labels or answer_labels(row)
        clip = _read_clip(row, labels)
        if clip.recording not in places:
            places[clip.recording] = _why_not(root, clip.recording)
        if reason := places[clip.recording]:
            left_out[reason] += 1
        else:
            clips[clip.key] = clip
    if len(runs) > 1:
        named = ", ".join(f"{name} ({count:,} rows)" for name, count in runs.items())
        raise EmoError(
            f"{rows} holds rows of {len(runs)} runs with different models or settings: {named}. "
            f"Name one of them, such as --run {next(iter(runs))}."
        )
    if not runs:
        what = f"no rows of the run {run}" if run else "no rows"
        raise EmoError(f"{rows} has {what}, so there is nothing to review.")
    if not clips:
        raise EmoError(
            f"None of the {sum(left_out.values()):,} rows of {rows} can be reviewed: "
            f"{describe_left_out(left_out, folder)} Name the folder in which the batch was run "
            "with --clips."
        )
    return Batch(tuple(clips.values()), tuple(labels), next(iter(runs)), left_out)


def describe_left_out(left_out: Mapping[str, int], folder: Path) -> str:
    """Return which rows cannot be reviewed, and why, as a sentence; "" if all can."""
    parts = [
        f"{count:,} {reason}{f' {folder}' if reason in (OUTSIDE, NOT_THERE) else ''}"
        for reason, count in left_out.items()
        if count
    ]
    return f"{'; '.join(parts)}." if parts else ""


def _read_clip(row: Mapping[str, Any], labels: Iterable[str]) -> ReviewClip:
    keys = sorted(answer_keys(row), key=_ORDER.index)
    shares = [
        [float(row.get(f"{key}_{label}", 0.0)) for label in labels]
        for key in keys
        if key not in (ENSEMBLE, VOICE)
    ]
    span = (row["start_s"], row["stop_s"]) if row.get("window") and "stop_s" in row else None
    return ReviewClip(
        row["path"],
        int(row.get("window", 0)),
        span,
        row.get("channel", MIX),
        row.get("sha256", ""),
        Answered(row["label"], float(row["confidence"]), bool(row["unsure"])),
        {
            key: Answered(
                row[f"{key}_label"],
                float(row[f"{key}_confidence"]),
                bool(row.get(f"{key}_unsure", False)),
            )
            for key in keys
        },
        disagreement_of(shares),
    )


def disagreement_of(shares: Iterable[Iterable[float]]) -> float:
    """Return how far models differ: the Jensen–Shannon divergence of their probabilities.

    Parameters
    ----------
    shares
        For each of m models its probabilities.

    Returns
    -------
    float
        0 where all agree, 1 where each is certain of another emotion; 0 for fewer than two models.
    """
    table = np.asarray([list(row) for row in shares], np.float64)
    if len(table) < 2:
        return 0.0
    table = table / np.maximum(table.sum(axis=1, keepdims=True), 1e-12)

    def entropy(p: np.ndarray) -> np.ndarray:
        return np.asarray(-(p * np.log(np.maximum(p, 1e-12))).sum(axis=-1))

    most = np.log(min(len(table), table.shape[1]))
    return float(np.clip((entropy(table.mean(axis=0)) - entropy(table).mean()) / most, 0, 1))


# --- Files ---------------------------------------------------------------------------------------


def locate(root: Path, recording: str) -> Path:
    """Return the real path of a recording, which is in the folder.

    Raises
    ------
    AudioError
        It is outside, or is not there (any more).
    """
    if reason := _why_not(root, recording):
        raise AudioError(f"This clip cannot be played: such clips {reason}.")
    return Path(os.path.realpath(Path(root, recording)))


def _why_not(root: Path, recording: str) -> str:
    """Return why a recording cannot be played; "" if it can.  The root is a real path."""
    if is_address(recording) or _MEMBER in recording:
        return IN_ARCHIVE
    try:
        real = Path(os.path.realpath(root / recording))
        if not real.is_relative_to(root):
            return OUTSIDE
        return "" if real.is_file() else NOT_THERE
    except (OSError, ValueError):
        return NOT_THERE
