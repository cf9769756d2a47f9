"""Compute the answers to requests, in the slots of the limiter and in the sandboxed decoder."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from emo.api.options import Request
from emo.api.problems import ProblemError
from emo.audio.clip import Clip
from emo.audio.isolated import shared_decoder
from emo.classifiers.label_subset import read_subset
from emo.errors import AudioError, GuestError
from emo.inference import export
from emo.inference.embeddings import (
    ENCODER,
    Embedding,
    Layer,
    describe_layers,
    embed_clip,
    embedding_of,
    layer_names,
)
from emo.inference.explanation import Explanation, explain
from emo.inference.guest.model import GUEST, Guest, with_guest
from emo.inference.known_voice import know_speakers
from emo.inference.loading import Models
from emo.inference.predictor import Prediction, predict
from emo.inference.timeline import Timeline, iter_timeline
from emo.server import memory
from emo.server.concurrency import SPARE_SLOTS, limiter
from emo.server.settings import read_settings
from emo.server.telemetry import TELEMETRY

T = TypeVar("T")

LOG = logging.getLogger("emo.server")

NO_GUEST = "This server has no guest. EMO_GUEST names the file of one."
CLIENT_GONE = "The client left before all recordings were answered."

SPEAKER = "the same"
"""Name of the speaker of whom all recordings of a request are stated to be."""


@dataclass(frozen=True)
class Recording:
    """The name and the bytes of a recording."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Outcome:
    """Results for one recording.

    Attributes
    ----------
    result
        The prediction, its explanation, or the error of the recording.
    timeline, embedding
        None where they were not asked for.
    """

    result: Prediction | Explanation | AudioError
    timeline: Timeline | None = None
    embedding: Embedding | None = None

    @property
    def prediction(self) -> Prediction | None:
        """The prediction; None where the recording cannot be used."""
        if isinstance(self.result, Explanation):
            return self.result.prediction
        return self.result if isinstance(self.result, Prediction) else None

    def with_prediction(self, prediction: Prediction) -> "Outcome":
        """Return the outcome with another prediction for the same recording."""
        if isinstance(self.result, Explanation):
            return replace(self, result=replace(self.result, prediction=prediction))
        return replace(self, result=prediction)

    def to_dict(self, name: str) -> dict[str, Any]:
        """Return values for JSON: an entry of the list of ``emo predict --format json``."""
        result = str(self.result) if isinstance(self.result, AudioError) else self.result
        return export.to_entry(name, result, self.timeline, self.embedding)


class Engine:
    """Answers requests with the models of the pages.

    Parameters
    ----------
    models
        Returns the models; the first call loads them.
    budget
        Returns the memory in which tasks reserve theirs.
    report
        Called with each prediction, to log the models that failed on it.
    guest
        Returns the guest of the server, or None.
    """

    def __init__(
        self,
        models: Callable[[], Models],
        budget: Callable[[], memory.MemoryBudget],
        report: Callable[[Prediction], None] = lambda _: None,
        guest: Callable[[], Guest | None] = lambda: None,
    ) -> None:
        self.models = models
        self.guest = guest
        self._budget = budget
        self._report = report
        self._layers: tuple[Models, tuple[Layer, ...]] | None = None
        n_slots = limiter().n_slots + SPARE_SLOTS
        n_waiting = int(read_settings().queue_size) + n_slots
        # A thread for each task that runs or waits, and one more, which finds that the queue is
        # full.  Only as many answer as there are slots: each has interpreters of its own.
        self._waiting = ThreadPoolExecutor(n_waiting + 1, "api-wait")
        self._computing = ThreadPoolExecutor(n_slots, "api")

    def layers(self, models: Models) -> tuple[Layer, ...]:
        """Return the layers of embeddings, described once for the same models."""
        if self._layers is None or self._layers[0] is not models:
            own = [name for name in layer_names() if name in (ENCODER, *models.classifiers)]
            self._layers = models, describe_layers(models, own)
        return self._layers[1]

    async def answer(
        self,
        recordings: Sequence[Recording],
        request: Request,
        address: str,
        is_gone: Callable[[], Awaitable[bool]],
    ) -> list[Outcome]:
        """Return the outcome for each recording, in their order.

        Parameters
        ----------
        recordings
        request
            The options, which hold for all recordings.
        address
            Address group of the client, for its turn among all tasks.
        is_gone
            Returns whether the client has left, so that nobody needs the rest.

        Raises
        ------
        BusyError
            The queue is full, or there is not enough memory.
        SettingError
            ``request.among`` names other emotions than those of the models, or too few.
        ModelError
            The models cannot be loaded, or none returns finite values.
        ProblemError
            The client has left, or the guest is asked for and there is none.
        """
        models = await self._wait(self.models)
        read_subset(request.among or None, models.labels)  # once, and not for each recording
        if request.guest and self.guest() is None:
            raise ProblemError(422, NO_GUEST, "no_guest")
        turns = asyncio.Semaphore(limiter().n_slots)

        async def answer_one(recording: Recording) -> Outcome:
            async with turns:
                if len(recordings) > 1 and await is_gone():
                    raise ProblemError(400, CLIENT_GONE, "gone")
                return await self._wait(self._answer, recording, request, models, address)

        tasks = [asyncio.ensure_future(answer_one(recording)) for recording in recordings]
        try:
            outcomes = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        if request.same_speaker:
            outcomes = await self._wait(self._know_speaker, outcomes, models, address)
        return outcomes

    async def _wait(self, function: Callable[..., T], *arguments: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._waiting, function, *arguments)

    def _answer(
        self, recording: Recording, request: Request, models: Models, address: str
    ) -> Outcome:
        try:
            with limiter().slot(address), TELEMETRY.task("api"):
                with self._budget().reserve(memory.DECODE_BYTES):
                    data, name = recording.data, recording.name
                    clip = shared_decoder().decode(data, name, request.channel)
                with self._budget().reserve(memory.predict_bytes(clip.duration_s)):
                    outcome = self._compute(_compute, clip, request, models, self.layers)
                    if request.guest:
                        outcome = self._compute(self._beside_guest, outcome, clip, request, models)
        except AudioError as error:
            return Outcome(error)
        if outcome.prediction is not None:
            self._report(outcome.prediction)
        if request.timeline:
            timeline = self._compute_timeline(clip, request, models, address)
            return replace(outcome, timeline=timeline)
        return outcome

    def _beside_guest(
        self, outcome: Outcome, clip: Clip, request: Request, models: Models
    ) -> Outcome:
        """Return an outcome with the answer of the guest; without it where the guest fails."""
        guest, prediction = self.guest(), outcome.prediction
        if guest is None or prediction is None:
            return outcome
        try:
            answer = guest.answer(clip)
        except GuestError as error:
            LOG.error("%s", error)  # it may name folders of the server
            TELEMETRY.errors.labels("model", GUEST).inc()
            return outcome
        among = read_subset(request.among or None, models.labels)
        return outcome.with_prediction(with_guest(prediction, answer, among))

    def _compute_timeline(
        self, clip: Clip, request: Request, models: Models, address: str
    ) -> Timeline:
        """Return the timeline of a clip, each step of which is computed in a slot of its own."""
        among = read_subset(request.among or None, models.labels)
        steps = iter_timeline(clip, models, 1, among, same_speaker=request.same_speaker)
        timeline: Timeline | None = None
        with ExitStack() as stack:
            stack.callback(steps.close)
            while True:
                with limiter().slot(address), TELEMETRY.task("api"):
                    step = self._compute(next, steps, None)
                if step is None:
                    break
                timeline = step
        assert timeline is not None  # the first step has the windows, and no answers yet
        return timeline

    def _know_speaker(
        self, outcomes: Sequence[Outcome], models: Models, address: str
    ) -> list[Outcome]:
        """Return outcomes with the voice known for all recordings that could be used."""
        plain = [outcome.prediction for outcome in outcomes if outcome.prediction is not None]
        with limiter().slot(address), TELEMETRY.task("api"):
            names = [SPEAKER] * len(plain)
            known = iter(self._compute(know_speakers, plain, names, models))
        return [
            outcome if outcome.prediction is None else outcome.with_prediction(next(known))
            for outcome in outcomes
        ]

    def _compute(self, function: Callable[..., T], *arguments: Any) -> T:
        return self._computing.submit(function, *arguments).result()


def _compute(
    clip: Clip, request: Request, models: Models, layers: Callable[[Models], tuple[Layer, ...]]
) -> Outcome:
    """Return the outcome for a clip without its timeline."""
    result: Prediction | Explanation
    among = read_subset(request.among or None, models.labels)
    if request.explain:
        result = explain(clip, models, among)
        prediction = result.prediction
    else:
        result = prediction = predict(clip, models, among)
    if not request.embeddings:
        return Outcome(result)
    own = layers(models)
    embedding = embedding_of(prediction, own) or embed_clip(clip, models, [one.name for one in own])
    return Outcome(result, embedding=embedding)
