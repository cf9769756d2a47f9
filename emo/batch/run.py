"""Answers to any number of recordings, in a file that the next run goes on from."""

import errno
import glob
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

from emo.audio.channels import EACH, MIX
from emo.audio.clip import SAMPLES_VERSION, Clip
from emo.batch.dask import run as run_on_cluster
from emo.batch.inputs import (
    STANDARD_INPUT,
    Source,
    count_items,
    find_items,
    is_address,
    load_channels,
    load_item,
)
from emo.batch.journal import Journal
from emo.batch.pool import LIMIT_S
from emo.batch.pool import run as run_here
from emo.batch.rows import (
    ALL,
    ROWS_FORMAT,
    Channel,
    Result,
    answered,
    convert,
    followed,
    joined,
    refused,
    write_csv,
    write_parquet,
)
from emo.batch.skips import NOT_READ, SkipLog
from emo.classifiers.calibration import CALIBRATION
from emo.classifiers.storage import CARD
from emo.errors import AudioError, EmoError, ModelError
from emo.features.frames import FEATURES_VERSION
from emo.formatting import clock
from emo.inference.predictor import MODEL_KEYS, Models, load_models, predict_many
from emo.inference.timeline import HOP_S, WINDOW_S, iter_timeline
from emo.system.files import check_output
from emo.system.packages import check_batch
from emo.system.paths import MODELS_DIR

FORMATS = {".jsonl": None, ".csv": write_csv, ".parquet": write_parquet}
"""Extensions of what a batch can write, and how the rows become that at the end."""

GROUP = 16  # recordings that a process gets at a time
CLUSTER_GROUP = 32  # more, since each group costs the scheduler a millisecond
GROUP_BYTES = 2 * 2**20  # of files: long recordings go alone, so that rows come as they are done
TOGETHER_S = 120.0  # of sound, answered in one call: enough to pay, little in memory
TIMELINE_LIMIT_S = 10 * LIMIT_S

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TOLD_S, _TOLD_ON_A_TERMINAL_S = 10.0, 0.5


@dataclass(frozen=True)
class RunConfig:
    """How a batch answers.

    Attributes
    ----------
    models : folder, empty for the one that lies beside the code, wherever the worker has it
    timeline : whether each recording has a row a window
    channel : which channel is answered, one of :data:`emo.audio.channels.CHANNELS`
    run : digest of the models and all that decides on the answers
    """

    models: str
    timeline: bool
    run: str
    channel: str = MIX


@dataclass(frozen=True)
class Tally:
    """What a run did.

    Attributes
    ----------
    before, done : recordings whose rows were there, and that were added
    failed : of both, those that could not be read
    took_s : for those that were added
    """

    before: int
    done: int
    failed: int
    took_s: float


def make_run_config(
    models: Path = MODELS_DIR, timeline: bool = False, channel: str = MIX
) -> RunConfig:
    """The recipe for a folder of models as it is now.

    Raises
    ------
    ModelError
        A model is missing.
    """
    versions = (ROWS_FORMAT, SAMPLES_VERSION, FEATURES_VERSION)
    parts: list[object] = [*versions, timeline and (WINDOW_S, HOP_S)]
    parts += [] if channel == MIX else [channel]
    for key in MODEL_KEYS:
        try:
            card = json.loads((models / key / CARD).read_text(encoding="utf-8"))
            parts.append(sorted((name, facts["sha256"]) for name, facts in card["files"].items()))
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            load_models(models)  # says what is wrong
            raise
    calibration = models / CALIBRATION
    parts.append(calibration.read_text(encoding="utf-8") if calibration.is_file() else None)
    run = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
    here = models.resolve() == MODELS_DIR
    return RunConfig("" if here else str(models.resolve()), timeline, run, channel)


# --- in a worker ---------------------------------------------------------------------------------

_loaded: dict[RunConfig, Models] = {}
_loading = threading.Lock()


def models_of(recipe: RunConfig) -> Models:
    """The models of a recipe, loaded once a process.

    Raises
    ------
    ModelError
        They are missing here, or not those that the run was begun with.
    """
    with _loading:
        if recipe not in _loaded:
            folder = Path(recipe.models) if recipe.models else MODELS_DIR
            found = make_run_config(folder, recipe.timeline, recipe.channel).run
            if found != recipe.run:
                raise ModelError(
                    f"A worker has other models in {folder} (run {found}, this is {recipe.run}). "
                    "Put the same ones on every machine."
                )
            _loaded.clear()
            _loaded[recipe] = load_models(folder)
        return _loaded[recipe]


@dataclass(frozen=True)
class Part:
    """What has rows of its own: a recording, or one of its channels."""

    item: Source
    channel: Channel

    def refuse(self, recipe: RunConfig, reason: str) -> Result:
        """The row that says why there is no answer."""
        return refused(self.item.name, recipe.run, reason, self.channel)

    def fail(self, recipe: RunConfig, error: Exception) -> Result:
        """The same for an error that has no sentence of its own."""
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return self.refuse(
            recipe, f"This recording could not be answered ({what}). Convert it to WAV."
        )


def answer_items(recipe: RunConfig, items: Sequence[Source]) -> list[Result]:
    """The rows of some recordings; a recording that cannot be read is a row that says why."""
    models = models_of(recipe)
    done: list[list[Result | None]] = []
    waiting: list[tuple[list[Result | None], int, Part, Clip]] = []

    def answer_waiting() -> None:
        found = _answer([(part, clip) for _, _, part, clip in waiting], recipe, models)
        for (rows, place, _, _), answer in zip(waiting, found, strict=True):
            rows[place] = answer
        waiting.clear()

    for item in items:
        parts = _load(item, recipe)
        rows: list[Result | None] = [None] * len(parts)  # channels keep their order
        done.append(rows)
        for place, (part, clip) in enumerate(parts):
            if isinstance(clip, Result):
                rows[place] = clip
            else:
                waiting.append((rows, place, part, clip))
        if sum(clip.duration_s for *_, clip in waiting) > TOGETHER_S:
            answer_waiting()
    answer_waiting()
    return [
        joined(item.name, [row for row in rows if row is not None])
        for item, rows in zip(items, done, strict=True)
    ]


def _load(item: Source, recipe: RunConfig) -> list[tuple[Part, Clip | Result]]:
    """The clips of a recording, or the rows that say why there are none, channel by channel."""
    whole = Part(item, ALL if recipe.channel == EACH else Channel(recipe.channel))
    try:
        if recipe.channel != EACH:
            return [(whole, load_item(item, recipe.channel))]
        clips = load_channels(item)
    except EmoError as error:
        return [(whole, whole.refuse(recipe, str(error)))]
    except Exception as error:  # of a library, on one file: the others must not wait for it
        return [(whole, whole.fail(recipe, error))]
    found: list[tuple[Part, Clip | Result]] = []
    for name, clip in clips.items():
        part = Part(item, Channel(name, len(clips)))
        found.append((part, clip if isinstance(clip, Clip) else part.refuse(recipe, str(clip))))
    return found


def _answer(pairs: Sequence[tuple[Part, Clip]], recipe: RunConfig, models: Models) -> list[Result]:
    """The rows of clips, measured together; one by one where that fails."""
    if not pairs:
        return []
    if recipe.timeline:
        return [_attempt(_follow, part, clip, recipe, models) for part, clip in pairs]
    try:
        found = predict_many([clip for _, clip in pairs], models)
    except Exception:  # one of them is the cause
        return [_attempt(_predict, part, clip, recipe, models) for part, clip in pairs]
    return [
        answered(part.item.name, recipe.run, clip, prediction, part.channel)
        for (part, clip), prediction in zip(pairs, found, strict=True)
    ]


def _attempt(
    answer: Callable[[Part, Clip, RunConfig, Models], Result],
    part: Part,
    clip: Clip,
    recipe: RunConfig,
    models: Models,
) -> Result:
    try:
        return answer(part, clip, recipe, models)
    except AudioError as error:
        return part.refuse(recipe, str(error))
    except Exception as error:  # as above
        return part.fail(recipe, error)


def _predict(part: Part, clip: Clip, recipe: RunConfig, models: Models) -> Result:
    prediction = predict_many([clip], models)[0]
    return answered(part.item.name, recipe.run, clip, prediction, part.channel)


def _follow(part: Part, clip: Clip, recipe: RunConfig, models: Models) -> Result:
    *_, timeline = iter_timeline(clip, models, threads=1)
    return followed(part.item.name, recipe.run, clip, timeline, part.channel)


# --- over all ------------------------------------------------------------------------------------


def run_batch(
    given: Sequence[str],
    out: Path,
    recipe: RunConfig,
    jobs: int,
    dask: str = "",
    lines: Iterable[str] = (),
    told: TextIO | None = None,
    skips: SkipLog | None = None,
) -> Tally:
    """What was done; writes a row a recording, or a window, to ``out``.

    Where rows are there from an earlier run, this one adds what is missing.

    Parameters
    ----------
    given, lines
        What :func:`emo.batch.inputs.find_items` takes.
    out
        JSON Lines, which grow as answers come; or CSV or Parquet, made at the end from JSON Lines
        that lie beside it until then.
    jobs
        Worker processes.
    dask
        Address of a Dask cluster, or ``local``, to work on instead.
    told
        Where progress is written.
    skips
        Counts what is passed over, and notes what cannot be read.

    Raises
    ------
    EmoError
        The file is there and cannot be gone on with, or is lost while it is written; the disk is
        full; the run cannot start; or there is no recording.
    """
    skips = skips or SkipLog()
    write, rows = FORMATS[out.suffix.lower()], rows_file(out)
    check_output(out)
    for sentence in check_batch(given, out, dask):
        if told is not None:
            print(f"emo: {sentence}", file=told, flush=True)
    if write is not None and out.exists() and not rows.exists():
        raise EmoError(f"{out} is there and complete. Remove it, or name another file with --out.")
    was_there = rows.exists()
    if not was_there:
        _check_given(given)
    try:
        tally = _fill(given, rows, recipe, jobs, dask, lines, told, skips)
        if not tally.before + tally.done:
            if not was_there:
                rows.unlink()
            raise EmoError(_nothing_found(given, skips))
        if write is not None:
            convert(rows, out, write)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise EmoError(
            f"{error.filename}: {error.strerror}. What was answered before is kept in {rows}. Make "
            "room, and run the same command again to go on."
        ) from error
    return tally


def rows_file(out: Path) -> Path:
    """Return the file of JSON Lines that rows are written to as they come."""
    if FORMATS[out.suffix.lower()] is None:
        return out
    return out.with_name(f"{out.name}.rows.jsonl")


def _fill(
    given: Sequence[str],
    rows: Path,
    recipe: RunConfig,
    jobs: int,
    dask: str,
    lines: Iterable[str],
    told: TextIO | None,
    skips: SkipLog,
) -> Tally:
    """Answer all recordings that have no row, and append theirs."""
    work = partial(answer_items, recipe)
    give_up = partial(_gave_up, recipe)
    with Journal(rows, recipe.run, partial(skips.note, NOT_READ)) as journal:
        before = len(journal.names)
        items = find_items(given, journal.names.add, lines, skips.skip)
        size = 1 if recipe.timeline else CLUSTER_GROUP if dask else GROUP
        if dask:
            found = run_on_cluster(grouped(items, size), work, dask, jobs, give_up)
        else:
            limit_s = TIMELINE_LIMIT_S if recipe.timeline else LIMIT_S
            found = run_here(grouped(items, size), work, jobs, give_up, limit_s)
        progress = Progress(given, told, before)
        with closing(found):  # whatever ends this, the workers end too
            for some in found:
                journal.append(some)
                progress.tell(len(some), journal.failed)
        journal.check()
        progress.end()
        return Tally(before, progress.done, journal.failed, progress.elapsed_s())


def _nothing_found(given: Sequence[str], skips: SkipLog) -> str:
    where = given[0] if len(given) == 1 else f"these {len(given)} inputs"
    where = "the list from standard input" if where == STANDARD_INPUT else where
    passed = skips.summary()
    return f"There is no recording in {where}: {passed or 'nothing is there to be read'}."


def _check_given(given: Sequence[str]) -> None:
    """Refuse to begin where nothing is at any path that was given, as when it is misspelt."""
    if any(os.path.lexists(text) or text == STANDARD_INPUT or is_address(text) for text in given):
        return
    if not any(glob.has_magic(text) for text in given):
        paths = " or ".join(given[:3])
        raise EmoError(f"There is nothing at {paths}. Check how it is spelt.")


def _gave_up(recipe: RunConfig, item: Source, reason: str) -> Result:
    return Part(item, ALL if recipe.channel == EACH else Channel(recipe.channel)).refuse(
        recipe,
        f"{reason}, and again when it had this file alone; the file may be damaged in a way that "
        "its decoder does not survive, or take more memory than there is. Convert it to WAV.",
    )


def grouped(items: Iterable[Source], size: int) -> Iterator[list[Source]]:
    """Yield the recordings in groups of at most this size, smaller where their files are large.

    The rows of a group come together, and those of one that is stopped are to be done again.
    """
    group: list[Source] = []
    held = 0
    for item in items:
        group.append(item)
        held += _size_of(item)
        if len(group) == size or held > GROUP_BYTES:
            yield group
            group, held = [], 0
    if group:
        yield group


def _size_of(item: Source) -> int:
    """Return the bytes of a file; 0 where that is not known before it is read."""
    if item.data is not None:
        return len(item.data)
    try:
        return os.stat(item.place).st_size if item.place else 0
    except (OSError, ValueError):  # it has no size: an address, or gone
        return 0


class Progress:
    """One line on how far a run is, in place on a terminal, now and then elsewhere."""

    def __init__(self, given: Sequence[str], out: TextIO | None, before: int) -> None:
        self.done = 0
        self._out = out
        self._before = before
        self._failed = 0
        self._total: int | None = None
        self._in_place = out is not None and out.isatty()
        self._began_s = self._told_s = time.monotonic()
        if out is not None:
            threading.Thread(target=self._count, args=(given,), daemon=True).start()

    def elapsed_s(self) -> float:
        """Since the start."""
        return time.monotonic() - self._began_s

    def tell(self, more: int, failed: int) -> None:
        """Nothing; writes the line where it is time to."""
        self.done += more
        self._failed = failed
        due_s = _TOLD_ON_A_TERMINAL_S if self._in_place else _TOLD_S
        if self._out is not None and time.monotonic() - self._told_s >= due_s:
            self._told_s = time.monotonic()
            start, stop = ("\r", "\x1b[K") if self._in_place else ("", "\n")
            self._print(f"{start}{self._line()}{stop}")

    def end(self) -> None:
        """Nothing; ends the line on a terminal, so that what comes next has its own."""
        if self._in_place:
            self._print("\r\x1b[K")

    def _print(self, text: str) -> None:
        if self._out is not None:
            try:
                print(text, end="", file=self._out, flush=True)
            except OSError:  # nobody looks any more; the rows are what counts
                self._out = None

    def _count(self, given: Sequence[str]) -> None:
        self._total = count_items(given)

    def _line(self) -> str:
        done = self._before + self.done
        rate = self.done / max(self.elapsed_s(), 1e-3)
        line = f"{done:,}" if self._total is None else f"{done:,} of {self._total:,}"
        line += f" recordings, {rate:,.1f} a second"
        if self._failed:
            line += f", {self._failed:,} not readable"
        if self._total is not None and rate > 0:
            line += f", about {clock(max(0, self._total - done) / rate)} left"
        return line


def summary(tally: Tally, out: Path, skips: SkipLog) -> str:
    """Return what was done, in a line."""
    rate = tally.done / max(tally.took_s, 1e-3)
    plural = "s" * (tally.done != 1)
    line = f"{tally.done:,} recording{plural} in {clock(tally.took_s)}, {rate:,.1f} a second"
    if tally.before:
        line += f"; {tally.before:,} were done before"
    if tally.failed:
        line += f"; {tally.failed:,} could not be read, their rows say why"
    if passed := skips.summary():
        line += f"; {passed}"
    return f"{line}. {os.fspath(out)}"
