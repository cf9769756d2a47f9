"""Live: the stream of a microphone, what its component gets, and the clip that is kept."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit import config

import emo
from emo.app import common, current_clip, streamlit_internals
from emo.app.live import panel, routes, stream, text
from emo.errors import BusyError, ModelError
from emo.features.speech import LIKE, SpeechWarning
from emo.formatting import percent
from emo.inference.loading import Models
from emo.labels import ENSEMBLE, LABELS
from emo.server.live import RefusedError
from emo.system.paths import sample_path

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def models() -> Models:
    return emo.load_models()


@pytest.fixture(autouse=True)
def _models(monkeypatch: pytest.MonkeyPatch, models: Models) -> None:
    monkeypatch.setattr(common, "models", lambda: models)


def pcm(name: str) -> np.ndarray:
    samples = emo.load(sample_path(name)).samples
    return np.round(32767 * np.clip(samples, -1, 1)).astype("<i2")


async def feed(sound: np.ndarray, among: str = "") -> list[dict[str, Any]]:
    """Return the answers after each half second of a sound."""
    live = await stream.open_stream("127.0.0.1", among)
    answers = []
    for start in range(0, len(sound), RATE_HZ // 2):
        live.add(sound[start : start + RATE_HZ // 2].tobytes())
        answers.append(await live.answer())
    return answers


@pytest.mark.parametrize("among", ["", "angry,neutral,sad"])
def test_stream_answers_as_predict_does(among: str) -> None:
    sound = np.concatenate([np.zeros(RATE_HZ // 2, "<i2"), pcm("angry"), pcm("sad")])
    answers = asyncio.run(feed(sound, among))
    assert json.loads(json.dumps(answers)) == answers
    assert answers[0] == {"type": "none", "stop": 8000, "speech": False, "note": ""}
    found = [answer for answer in answers if answer["type"] == "answer"]
    assert len(found) >= 4
    for answer in found:
        start, stop = answer["window"]
        expected = emo.predict(sound[start:stop], RATE_HZ, among=among or None)
        assert list(answer["answers"]) == list(expected.answers)
        for key, said in answer["answers"].items():
            assert said["named"] == list(expected.answers[key].named)
            assert said["unsure"] == expected.answers[key].unsure
            assert said["share"] == expected.answers[key].confidence
            assert said["percent"] == percent(expected.answers[key].confidence)
        shares = expected.ensemble.probabilities
        assert answer["answers"][ENSEMBLE]["shares"] == pytest.approx(shares, abs=5e-5)


def test_stream_says_which_sound_is_no_speech() -> None:
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(3 * RATE_HZ) / RATE_HZ)).astype("<i2")
    last = asyncio.run(feed(tone))[-1]
    assert (last["type"], last["speech"]) == ("none", False)
    assert last["note"] == f"This {LIKE['tone']}."


def test_silence_needs_no_note() -> None:
    assert text.no_speech(SpeechWarning("silence", "No voice was found.")) == ""
    assert all(text.no_speech(SpeechWarning(kind, "")) for kind in LIKE)


def test_a_busy_server_leaves_an_answer_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        n_slots = 1

        def slot(self, address: str) -> Any:
            raise BusyError(7)

    sound = np.concatenate([pcm("angry"), pcm("angry")])
    with monkeypatch.context() as patch:
        patch.setattr(stream, "limiter", Full)
        answers = asyncio.run(feed(sound))
    assert {answer["type"] for answer in answers} == {"busy"}
    assert "7" in answers[0]["note"]


def test_the_sound_that_came_during_the_wait_for_a_slot_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sound = pcm("angry")

    async def talk() -> dict[str, Any]:
        live = await stream.open_stream("", "")
        live.add(sound[: RATE_HZ // 2].tobytes())

        class Slow:
            n_slots = 1

            @contextlib.contextmanager
            def slot(self, address: str) -> Iterator[None]:
                live.add(sound[RATE_HZ // 2 :].tobytes())
                yield

        monkeypatch.setattr(stream, "limiter", Slow)
        return await live.answer()

    answer = asyncio.run(talk())
    assert answer["stop"] == len(sound)
    assert answer["type"] == "answer"


def test_a_pause_after_speech_has_no_new_answer() -> None:
    answers = asyncio.run(feed(np.concatenate([pcm("angry"), np.zeros(2 * RATE_HZ, "<i2")])))
    windows = [answer["window"] for answer in answers if answer["type"] == "answer"]
    assert len(windows) == len({stop for _, stop in windows})
    assert [answer["type"] for answer in answers[-2:]] == ["none", "none"]


def test_stream_needs_known_emotions_and_models(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RefusedError, match="setting") as refused:
        asyncio.run(stream.open_stream("", "angry,bored"))
    assert "bored" in refused.value.sentence

    def fail() -> Models:
        raise ModelError("/secret/folder is damaged")

    monkeypatch.setattr(common, "models", fail)
    with pytest.raises(RefusedError, match="models") as refused:
        asyncio.run(stream.open_stream("", ""))
    assert refused.value.sentence == text.NO_MODELS


# --- The panel -----------------------------------------------------------------------------------


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the arguments of the component, and draw it outside of a page."""
    arguments: dict[str, Any] = {}
    monkeypatch.setattr(panel, "component", lambda *names: lambda **more: arguments.update(more))
    monkeypatch.setattr(streamlit_internals, "current_session", lambda: "a-session")
    monkeypatch.setattr(st, "session_state", {})
    return arguments


def test_panel_gets_the_session_and_a_row_for_each_model(drawn: dict[str, Any]) -> None:
    st.session_state["emotions-among"] = ("angry", "sad")
    panel.show_live()
    (data,) = drawn["data"]
    assert (data["session"], data["among"]) == ("a-session", "angry,sad")
    assert data["words"]["privacy"].endswith(" among angry and sad.")
    assert set(data["signs"]) == set(LABELS)
    assert list(data["models"]) == [ENSEMBLE, *emo.load_models().classifiers]
    assert (data["stream"], data["worklet"]) == ("/live/stream", "/live/worklet.js")


def test_addresses_lie_below_the_path_of_the_page(
    drawn: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streamlit_internals, "base_path", lambda: "/emo")
    panel.show_live()
    (data,) = drawn["data"]
    paths = [route.path for route in routes.live_routes(lambda: False)]  # type: ignore[attr-defined]
    assert (
        paths == [data["stream"], data["worklet"]] == ["/emo/live/stream", "/emo/live/worklet.js"]
    )
    assert data["upload"] == "/emo/_stcore/upload_file"


@pytest.mark.parametrize(
    ("path", "base"), [("", ""), ("/", ""), ("emo", "/emo"), ("/emo/app/", "/emo/app")]
)
def test_base_path_begins_with_a_slash_and_ends_with_none(path: str, base: str) -> None:
    before = st.get_option("server.baseUrlPath")
    try:
        config.set_option("server.baseUrlPath", path)
        assert streamlit_internals.base_path() == base
    finally:
        config.set_option("server.baseUrlPath", before)


@pytest.mark.parametrize(
    ("kept", "is_taken"), [("a-file", True), ("another", False), (None, False), (7, False)]
)
def test_what_was_uploaded_becomes_the_clip(
    drawn: dict[str, Any], monkeypatch: pytest.MonkeyPatch, kept: object, is_taken: bool
) -> None:
    files = {"a-session": {"a-file": b"sound"}, "other": {"another": b"secret"}}
    monkeypatch.setattr(
        streamlit_internals, "file_of", lambda session, file_id: files[session].get(file_id)
    )
    monkeypatch.setattr(
        streamlit_internals, "remove_file", lambda session, file_id: files[session].pop(file_id)
    )
    panel.show_live()
    st.session_state["live"] = {"kept": kept}
    drawn["on_kept_change"]()
    source = current_clip.get_source()
    assert (source is not None) == is_taken
    if source is not None:
        assert (source.name, source.data, source.is_own) == (text.CLIP_NAME, b"sound", True)
        assert files["a-session"] == {}
    assert files["other"] == {"another": b"secret"}
