"""Answer the sound of a live microphone."""

import asyncio
import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from emo.app import clip_cache, common, streamlit_internals
from emo.app.live import text
from emo.classifiers.label_subset import read_subset
from emo.errors import BusyError, ModelError, SettingError
from emo.formatting import percent
from emo.inference.live import SEARCHED_S, LiveAnswer, RecentSound, answer_recent
from emo.inference.predictor import Answer, Prediction
from emo.labels import ENSEMBLE
from emo.server import memory
from emo.server.concurrency import SPARE_SLOTS, limiter
from emo.server.live import RefusedError
from emo.server.quotas import address_group
from emo.server.settings import read_settings
from emo.server.telemetry import TELEMETRY


@functools.cache
def _waiting() -> ThreadPoolExecutor:
    """Return the threads that wait for slots: one for each microphone."""
    return ThreadPoolExecutor(max(1, int(read_settings().max_live)), "live-wait")


@functools.cache
def _computing() -> ThreadPoolExecutor:
    """Return the threads that answer: one for each slot, as each has interpreters of its own."""
    return ThreadPoolExecutor(limiter().n_slots + SPARE_SLOTS, "live")


async def open_stream(address: str, among: str) -> "Stream":
    """Return a stream once the models are loaded.

    Parameters
    ----------
    address
        Address of the client.
    among
        Emotions that can occur, separated by commas; empty for all.

    Raises
    ------
    RefusedError
        The emotions are no valid choice, or there are no models.
    """
    streamlit_internals.allow_no_session()  # where the models are cached, a page shows a spinner
    try:
        labels = read_subset(among or None)
        await asyncio.get_running_loop().run_in_executor(_waiting(), common.models)
    except SettingError as error:
        raise RefusedError("setting", str(error)) from error
    except ModelError as error:
        common.LOG.error("%s", error)  # names folders of the server, which visitors must not see
        raise RefusedError("models", text.NO_MODELS) from error
    return Stream(address_group(address) if address else "", labels)


class Stream:
    """The sound of one microphone, and its answers.

    Parameters
    ----------
    address
        Address group of the client, for its turn among all tasks.
    among
        The emotions that can occur.
    """

    def __init__(self, address: str, among: Sequence[str]) -> None:
        self._address = address
        self._among = among
        self._sound = RecentSound()
        self._answered = 0  # end of the last window with an answer

    def add(self, data: bytes) -> None:
        """Append samples of 16 bits, the lower byte first."""
        self._sound.add(np.frombuffer(data, "<i2"))

    async def answer(self) -> dict[str, Any]:
        """Return the answer for the latest sound as values for JSON."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_waiting(), self._answer_in_slot)

    def _answer_in_slot(self) -> dict[str, Any]:
        size = memory.predict_bytes(SEARCHED_S)
        try:
            with (
                limiter().slot(self._address),
                clip_cache.memory_budget().reserve(size),
                TELEMETRY.task("live"),
            ):
                recent = self._sound.latest()  # only now: the sound went on during the wait
                task = _computing().submit(
                    answer_recent, recent, common.models(), self._among, self._answered
                )
                answer = task.result()
        except BusyError as busy:
            TELEMETRY.rejected.labels("busy").inc()
            stop = self._sound.latest().stop
            return {"type": "busy", "stop": stop, "note": text.busy(busy.wait_s)}
        if answer.window is not None:
            self._answered = answer.window[1]
        return to_message(answer)


def to_message(answer: LiveAnswer) -> dict[str, Any]:
    """Return an answer as values for JSON, with the texts that the page shows."""
    message: dict[str, Any] = {
        "type": "none",
        "stop": answer.stop,
        "speech": answer.is_speech,
        "note": text.no_speech(answer.warning) if answer.warning else "",
    }
    if answer.window is None or answer.prediction is None:
        return message
    common.report_faults(answer.prediction)
    return message | {
        "type": "answer",
        "window": list(answer.window),
        "agreement": common.agreement_text(answer.prediction),
        "answers": _answers(answer.prediction),
    }


def _answers(prediction: Prediction) -> dict[str, dict[str, Any]]:
    """Return the answer of the ensemble, with all shares, and those of the models."""
    shares = prediction.answers[ENSEMBLE].probabilities
    answers = {key: _answer(answer) for key, answer in prediction.answers.items()}
    answers[ENSEMBLE]["shares"] = [round(share, 4) for share in shares.tolist()]
    return answers


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "named": list(answer.named),
        "unsure": answer.unsure,
        "title": text.headline(answer.named, answer.unsure),
        "share": answer.confidence,
        "percent": percent(answer.confidence),
    }
