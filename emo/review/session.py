"""A review: its settings, its clips, and the labels that raters give."""

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from emo.errors import AudioError, EmoError
from emo.review.choice import Draw, draw_clips, read_take
from emo.review.clips import Batch, ReviewClip, locate, read_batch
from emo.review.labels import OTHERS, Label, LabelFile, answers_of, read_labels
from emo.review.results import Results, summarise
from emo.review.settings import DEFAULT_TAKE, RANDOM

CONFIG_ENV = "EMO_REVIEW"
"""Variable in which the command gives its settings to the server that it starts."""


@dataclass(frozen=True)
class ReviewConfig:
    """Settings of a review.

    Attributes
    ----------
    rows, clips, out
        File of the batch, folder of the recordings, and file of the labels.
    others
        Further files of labels, which are read for the agreement.
    choice, take, seed
        How clips are chosen, how many (such as ``200`` or ``10%``), and the number of the draw.
    run
        Run whose rows are taken; empty where the file has those of one run.
    rater
        Name that is filled in.
    is_blind
        Whether the models' answers are shown at the end only.
    key
        Secret that the address of the page must have.
    """

    rows: str
    clips: str
    out: str
    others: tuple[str, ...] = ()
    choice: str = RANDOM
    take: str = DEFAULT_TAKE
    seed: int = 1
    run: str = ""
    rater: str = ""
    is_blind: bool = False
    key: str = ""

    def to_json(self) -> str:
        """Return the settings as a text."""
        return json.dumps(asdict(self))


def read_config(text: str) -> ReviewConfig:
    """Return the settings in a text from ``ReviewConfig.to_json``."""
    values = json.loads(text)
    return ReviewConfig(**values | {"others": tuple(values["others"])})


class Review:
    """The clips of a review and its labels, for the pages of all raters on this computer.

    Parameters
    ----------
    config
        Its settings.

    Raises
    ------
    EmoError
        The rows, the folder or the labels cannot be used, or the labels were given to clips that
        were chosen in another way.
    """

    def __init__(self, config: ReviewConfig) -> None:
        self.config = config
        self.batch: Batch = read_batch(Path(config.rows), Path(config.clips), config.run)
        take = read_take(config.take, len(self.batch.clips))
        self.draw: Draw = draw_clips(self.batch.clips, config.choice, take, config.seed)
        labels = self.batch.labels
        self._file = LabelFile(Path(config.out), labels)
        self._others = [one for path in config.others for one in read_labels(Path(path), labels)]
        self._lock = threading.Lock()
        self._check()

    def _check(self) -> None:
        """Check that earlier labels belong to this draw, since others would spoil the estimates."""
        for label in [*self._file.labels(), *self._others]:
            drawn = label.choice, label.seed, label.run
            if drawn != (self.config.choice, self.config.seed, self.batch.run):
                raise EmoError(
                    f"The label of {label.rater} for {label.path} was given in another review: "
                    f"chosen by {label.choice} with the seed {label.seed} in the run {label.run}. "
                    f"This one chooses by {self.config.choice} with the seed {self.config.seed} in "
                    f"the run {self.batch.run}. Give the same settings, or name another file with "
                    "--out."
                )

    @property
    def clips(self) -> Sequence[ReviewClip]:
        """The clips in the order in which they are played."""
        return self.draw.clips

    def place(self, rater: str) -> int:
        """Return the place of the first clip without an answer of a rater; the number of clips."""
        given = answers_of(self._file.labels(rater), rater)
        return next(
            (i for i, clip in enumerate(self.clips) if clip.key not in given), len(self.clips)
        )

    def label(self, rater: str, place: int) -> Label | None:
        """Return the label of a rater for the clip at a place; None if there is none."""
        label = self._file.find(rater, self.clips[place].key)
        return label if label is not None and label.label else None

    def answer(self, rater: str, place: int, value: str) -> None:
        """Write the answer of a rater to the clip at a place; it is on the disk afterwards.

        A value that is no answer, or for a clip that does not wait for one, changes nothing.

        Raises
        ------
        OSError, EmoError
            The file cannot be written.
        """
        with self._lock:
            is_value = value in (*self.batch.labels, *OTHERS)
            if not is_value or place != self.place(rater) or place >= len(self.clips):
                return
            clip = self.clips[place]
            earlier = self._file.find(rater, clip.key)
            self._file.put(
                Label(
                    *clip.key,
                    value,
                    rater,
                    datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                    earlier.first_label if earlier else "",
                    self.config.choice,
                    self.config.seed,
                    self.batch.run,
                )
            )

    def take_back(self, rater: str, place: int) -> None:
        """Take the answer to the clip before a place back, if that is where the rater is.

        Raises
        ------
        OSError, EmoError
            The file cannot be written.
        """
        with self._lock:
            if place == self.place(rater) and place > 0:
                key = self.clips[place - 1].key
                self._file.take_back(rater, key, not self.config.is_blind)

    def results(self) -> Results:
        """Return what all labels so far say."""
        return summarise(self.draw, [*self._file.labels(), *self._others], self.batch.labels)

    def read_sound(self, clip: ReviewClip) -> tuple[bytes, str]:
        """Return the bytes of a clip's file and its name.

        Raises
        ------
        AudioError
            The file is outside the folder, was removed, or cannot be read.
        """
        path = locate(Path(os.path.realpath(self.config.clips)), clip.recording)
        try:
            return path.read_bytes(), path.name
        except OSError as error:
            raise AudioError(f"{path.name} cannot be read: {error.strerror}.") from error
