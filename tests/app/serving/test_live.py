"""Live at the running server, over the network."""

import asyncio
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import InvalidStatus

import emo
from emo.labels import ENSEMBLE
from emo.system.paths import sample_path
from tests.support.clients import streamlit_client
from tests.support.clients.live_client import RATE_HZ, Pcm, open_microphone
from tests.support.clients.streamlit_client import Served

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(sys.platform != "linux", reason="each client has an address of its own"),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with streamlit_client.serve(tmp_path_factory.mktemp("live") / "log.txt") as served:
        yield served


def speech() -> Pcm:
    parts = [emo.load(sample_path(name)).samples for name in ("angry", "sad")]
    samples = np.concatenate([np.zeros(RATE_HZ // 2), *parts])
    return np.array(np.round(32767 * np.clip(samples, -1, 1)), np.int16)


def test_live_answers_and_leaves_nothing_behind(served):
    sound = speech()

    async def talk() -> list[dict[str, Any]]:
        async with (
            streamlit_client.visit(served.port) as visitor,
            open_microphone(visitor) as microphone,
        ):
            await microphone.wait_for("ready")
            await microphone.speak(sound)
            await microphone.wait_for("answer")
            return microphone.answers

    answers = asyncio.run(talk())
    assert answers
    for answer in answers:
        first, last = answer["window"]
        expected = emo.predict(sound[first:last], RATE_HZ)
        assert {key: said["named"] for key, said in answer["answers"].items()} == {
            key: list(said.named) for key, said in expected.answers.items()
        }
        assert answer["answers"][ENSEMBLE]["share"] == expected.ensemble.confidence
    assert "ScriptRunContext" not in served.log
    assert "Traceback" not in served.log


@pytest.mark.parametrize(
    ("start", "headers", "code", "reason"),
    [
        ({"token": "2|a|b|3"}, {}, 1008, "token"),
        ({}, {"Cookie": "a=b"}, 1008, "token"),
        ({"session": "00000000-0000-0000-0000-000000000000"}, {}, 1008, "session"),
        ({"rate_hz": 8000}, {}, 1003, "rate"),
        ({"among": "happy"}, {}, 1008, "setting"),
    ],
)
def test_live_needs_the_token_and_session_of_a_page(served, start, headers, code, reason):
    async def talk() -> tuple[dict[str, Any], int]:
        async with streamlit_client.visit(served.port) as visitor:
            async with open_microphone(visitor, start, **headers) as microphone:
                end = await microphone.wait_for("end")
                await asyncio.sleep(0.1)
            return end, microphone.close_code

    end, closed = asyncio.run(talk())
    assert (closed, end["reason"]) == (code, reason)
    assert end["sentence"].endswith(".")


def test_live_of_another_site_is_not_opened(served):
    async def talk() -> None:
        async with (
            streamlit_client.visit(served.port) as visitor,
            open_microphone(visitor, Origin="https://evil.example"),
        ):
            pass

    with pytest.raises(InvalidStatus) as refused:
        asyncio.run(talk())
    assert refused.value.response.status_code == 403


def test_worklet_is_a_script_of_this_server(served):
    status, fields, script = served.get("/live/worklet.js")
    assert (status, fields["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert fields["x-content-type-options"] == "nosniff"
    assert "registerProcessor" in script


def test_a_page_has_one_microphone(served):
    async def talk() -> tuple[dict[str, Any], int]:
        async with streamlit_client.visit(served.port) as visitor:
            async with open_microphone(visitor) as first:
                await first.wait_for("ready")
                async with open_microphone(visitor) as second:
                    await second.wait_for("ready")
                    end = await first.wait_for("end")
                    await second.send(bytes(3200))
            return end, second.close_code

    end, closed = asyncio.run(talk())
    assert end["reason"] == "replaced"
    assert closed in (0, 1000)


def test_an_address_has_a_limited_number_of_microphones(tmp_path):
    async def talk(port: int) -> tuple[dict[str, Any], dict[str, Any]]:
        async with (
            streamlit_client.visit(port) as visitor,
            streamlit_client.visit(port) as other,
            streamlit_client.visit(port, source="127.0.0.2") as elsewhere,
            open_microphone(visitor) as first,
            open_microphone(other) as second,
            open_microphone(elsewhere, source="127.0.0.2") as third,
        ):
            await first.wait_for("ready")
            return await second.wait_for("end"), await third.wait_for("ready")

    environ = {"EMO_ADDRESS_LIVE": "1"}
    with streamlit_client.serve(tmp_path / "log.txt", environ) as served:
        end, _ = asyncio.run(talk(served.port))
    assert end["reason"] == "address_live"
    assert "Please try again in" in end["sentence"]


def test_a_stopping_server_ends_live(tmp_path):
    async def talk(served: Served) -> tuple[dict[str, Any], float]:
        async with (
            streamlit_client.visit(served.port) as visitor,
            open_microphone(visitor) as microphone,
        ):
            await microphone.wait_for("ready")
            speaking = asyncio.create_task(microphone.speak(np.tile(speech(), 20)))
            await microphone.wait_for("answer")
            stopped_s = time.monotonic()
            served.process.terminate()
            end = await microphone.wait_for("end")
            speaking.cancel()
            await asyncio.to_thread(served.process.wait, 30)
            return end, time.monotonic() - stopped_s

    with streamlit_client.serve(tmp_path / "log.txt") as served:
        end, _ = asyncio.run(talk(served))
        assert served.process.returncode == -signal.SIGTERM
    assert end["reason"] == "stopping"
    assert "Traceback" not in served.log
