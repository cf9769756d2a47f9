"""Compute the rows of recordings, in a worker process of a batch."""

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emo.audio.channels import EACH, MIX
from emo.audio.clip import SAMPLES_VERSION, Clip
from emo.batch.rows import (
    MIXED,
    ROWS_FORMAT,
    Channel,
    Result,
    error_result,
    join_results,
    prediction_result,
    timeline_result,
)
from emo.batch.sources import Source, load_channels, load_source
from emo.batch.voices import stated_fields
from emo.classifiers.calibration import CALIBRATION
from emo.classifiers.own.model_set import read_model_set
from emo.classifiers.storage import read_model_info
from emo.classifiers.voice import VOICE
from emo.errors import AudioError, EmoError, ModelError
from emo.features.frames import FEATURES_VERSION
from emo.inference.loading import MODEL_KEYS, Models, load_models
from emo.inference.predictor import Prediction, predict_many
from emo.inference.timeline import HOP_S, LONG_HOP_S, LONG_S, WINDOW_S, iter_timeline
from emo.labels import LABELS
from emo.system.paths import MODELS_DIR

MAX_BATCH_S = 120.0
"""Seconds of sound that one call of the models gets: enough to be fast, and little memory."""


@dataclass(frozen=True)
class RunConfig:
    """Models and settings of a batch.

    Attributes
    ----------
    models : str
        Folder of the models; empty for the folder that a worker's own copy of Emo comes with.
    timeline : bool
        Whether a recording has a row for each window instead of one.
    run : str
        Digest of the models and of all settings that the answers depend on.
    channel : str
        Channel to answer, one of ``emo.audio.channels.CHANNELS``.
    among : tuple of str
        The labels that can occur.
    speakers : tuple of str
        Rule by which the speakers are known (``emo.batch.speakers``), and digest of the manifests
        that name them; empty where voices are not known.
    labels, keys : tuple of str
        Labels of the models' answers, and keys of the classifiers.
    """

    models: str
    timeline: bool
    run: str
    channel: str = MIX
    among: tuple[str, ...] = LABELS
    speakers: tuple[str, ...] = ()
    labels: tuple[str, ...] = LABELS
    keys: tuple[str, ...] = MODEL_KEYS

    @property
    def default_channel(self) -> Channel:
        """Channel of the row of a recording that cannot be opened."""
        return MIXED if self.channel == EACH else Channel(self.channel)


@dataclass(frozen=True)
class Track:
    """A recording, or one channel of it, that has rows of its own."""

    source: Source
    channel: Channel
    config: RunConfig

    def reject(self, reason: str) -> Result:
        """Return the row that says why there is no answer."""
        name, speaker = self.source.name, self.source.speaker
        return error_result(name, self.config.run, reason, self.channel, speaker)

    def accept(self, clip: Clip, prediction: Prediction, models: Models) -> Result:
        """Return the row with the plain answers."""
        stated = stated_fields(self.source.speaker, prediction, models)
        return prediction_result(
            self.source.name, self.config.run, clip, prediction, self.channel, stated
        )

    def fail(self, error: Exception) -> Result:
        """Return the row for an error of the code, which has no sentence for people."""
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return self.reject(f"This recording could not be answered ({what}). Convert it to WAV.")


def make_run_config(
    models: Path = MODELS_DIR,
    timeline: bool = False,
    channel: str = MIX,
    among: tuple[str, ...] | None = None,
    speakers: tuple[str, ...] = (),
) -> RunConfig:
    """Return the configuration for a folder of models as it is now.

    Raises
    ------
    ModelError
        A model is missing.
    """
    versions = (ROWS_FORMAT, SAMPLES_VERSION, FEATURES_VERSION)
    parts: list[object] = [*versions, timeline and (WINDOW_S, HOP_S, LONG_S, LONG_HOP_S)]
    parts += [] if channel == MIX else [channel]
    own = read_model_set(models)
    keys = own.classifiers if own.is_own else MODEL_KEYS
    among = own.labels if among is None else among
    parts += [] if among == own.labels else [among]
    parts += [speakers] if speakers else []
    for key in (*keys, *([VOICE] if speakers and not own.is_own else [])):
        files = read_model_info(models / key)["files"]
        parts.append(sorted((name, file["sha256"]) for name, file in files.items()))
    calibration = models / CALIBRATION
    parts.append(calibration.read_text(encoding="utf-8") if calibration.is_file() else None)
    run = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
    is_default = models.resolve() == MODELS_DIR
    folder = "" if is_default else str(models.resolve())
    return RunConfig(folder, timeline, run, channel, among, speakers, own.labels, keys)


_loaded: dict[RunConfig, Models] = {}
_loading = threading.Lock()


def load_run_models(config: RunConfig) -> Models:
    """Return the models of a configuration, loaded once in each process.

    Raises
    ------
    ModelError
        The models are missing here, or are not those with which the run was begun.
    """
    with _loading:
        if config not in _loaded:
            folder = Path(config.models) if config.models else MODELS_DIR
            run = make_run_config(
                folder, config.timeline, config.channel, config.among, config.speakers
            ).run
            if run != config.run:
                raise ModelError(
                    f"A worker has other models in {folder} (run {run}, this is {config.run}). "
                    "Put the same ones on every machine."
                )
            _loaded.clear()
            _loaded[config] = load_models(folder)
        return _loaded[config]


def label_sources(config: RunConfig, sources: Sequence[Source]) -> list[Result]:
    """Return the rows of recordings; one that cannot be read has a row with the reason."""
    models = load_run_models(config)
    results: list[list[Result | None]] = []
    waiting: list[tuple[list[Result | None], int, Track, Clip]] = []

    def answer_waiting() -> None:
        answers = _answer([(track, clip) for _, _, track, clip in waiting], models)
        for (rows, place, _, _), answer in zip(waiting, answers, strict=True):
            rows[place] = answer
        waiting.clear()

    for source in sources:
        tracks = _load(source, config)
        rows: list[Result | None] = [None] * len(tracks)  # channels keep their order
        results.append(rows)
        for place, (track, clip) in enumerate(tracks):
            if isinstance(clip, Result):
                rows[place] = clip
            else:
                waiting.append((rows, place, track, clip))
        if sum(clip.duration_s for *_, clip in waiting) > MAX_BATCH_S:
            answer_waiting()
    answer_waiting()
    return [
        join_results(source.name, [row for row in rows if row is not None])
        for source, rows in zip(sources, results, strict=True)
    ]


def _load(source: Source, config: RunConfig) -> list[tuple[Track, Clip | Result]]:
    """Return the tracks of a recording, each with its clip or the row of its error."""
    whole = Track(source, config.default_channel, config)
    try:
        if config.channel != EACH:
            return [(whole, load_source(source, config.channel))]
        clips = load_channels(source)
    except EmoError as error:
        return [(whole, whole.reject(str(error)))]
    except Exception as error:  # of a library, for one file: the others must be answered
        return [(whole, whole.fail(error))]
    tracks: list[tuple[Track, Clip | Result]] = []
    for name, clip in clips.items():
        track = Track(source, Channel(name, len(clips)), config)
        tracks.append((track, clip if isinstance(clip, Clip) else track.reject(str(clip))))
    return tracks


def _answer(pairs: Sequence[tuple[Track, Clip]], models: Models) -> list[Result]:
    """Return the rows of clips, computed together, or one by one where that fails."""
    if not pairs:
        return []
    config = pairs[0][0].config
    if config.timeline:
        return [_attempt(_timeline_rows, track, clip, models) for track, clip in pairs]
    try:
        predictions = predict_many([clip for _, clip in pairs], models, config.among)
    except Exception:  # caused by one of the clips
        return [_attempt(_prediction_row, track, clip, models) for track, clip in pairs]
    return [
        track.accept(clip, prediction, models)
        for (track, clip), prediction in zip(pairs, predictions, strict=True)
    ]


def _attempt(
    answer: Callable[[Track, Clip, Models], Result], track: Track, clip: Clip, models: Models
) -> Result:
    try:
        return answer(track, clip, models)
    except AudioError as error:
        return track.reject(str(error))
    except Exception as error:  # as above: the other recordings must be answered
        return track.fail(error)


def _prediction_row(track: Track, clip: Clip, models: Models) -> Result:
    return track.accept(clip, predict_many([clip], models, track.config.among)[0], models)


def _timeline_rows(track: Track, clip: Clip, models: Models) -> Result:
    *_, timeline = iter_timeline(clip, models, threads=1, among=track.config.among)
    run = track.config.run
    return timeline_result(track.source.name, run, clip, timeline, track.channel)
