"""The page *Listen* in Streamlit's test runner, with the shipped models and samples."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

from emo.app.listen import page, rounds, text
from emo.app.samples import Sample, read_game
from emo.app.text import NO_MODELS
from emo.audio import clip as audio_clip
from emo.errors import ModelError
from emo.formatting import percent
from emo.inference import loading
from emo.inference.predictor import predict
from emo.labels import LABELS
from emo.system import paths
from tests.support import pages
from tests.walk.tab import Tab

pytestmark = pytest.mark.slow

LISTEN = "pages/listen.py"
SEED = 48210


@pytest.fixture(autouse=True)
def _clear_caches() -> None:
    """Clear the models that other tests left in the cache of this process."""
    st.cache_resource.clear()
    st.cache_data.clear()


def drawn(seed: int = SEED) -> list[Sample]:
    return rounds.draw_clips(seed, read_game(paths.SAMPLES_DIR))


def opened(query: Mapping[str, str] | None = None) -> Tab:
    tab = Tab()
    tab.open(LISTEN, {page.PARAM: str(SEED)} if query is None else query)
    assert not tab.at.exception
    return tab


def card(tab: Tab) -> tuple[dict[str, Any], bytes]:
    """Return the header and the sounds that the browser gets."""
    block = tab.node(page.KEY).proto.bytes
    (length,) = struct.unpack_from("<I", block)
    return json.loads(block[4 : 4 + length]), block[4 + length :]


def address(tab: Tab) -> str:
    value = tab.at.query_params[page.PARAM]
    return str(value[0] if isinstance(value, list) else value)


def guess(tab: Tab, place: int, label: str) -> dict[str, Any]:
    tab.trigger_component(page.KEY, "guess", [place, label])
    return card(tab)[0]


def step(tab: Tab, place: int) -> dict[str, Any]:
    tab.trigger_component(page.KEY, "step", place)
    return card(tab)[0]


def test_before_the_guess_the_block_holds_nothing_of_the_answer() -> None:
    header, sound = card(opened())
    assert header["phase"] == rounds.GUESS
    clip = drawn()[0]
    told = json.dumps({name: value for name, value in header.items() if name != "words"})
    for secret in (clip.stem, clip.text, clip.actor, "opus", "votes"):
        assert secret not in told
        assert secret.encode() not in sound
    # The labels are there once, in the order of all answers, and as the names of the signs.
    assert told.count(f'"{clip.emotion}"') == 2
    assert header["labels"] == list(header["signs"]) == list(LABELS)
    assert header["scores"][0]["text"] == "–"


def test_answers_are_those_of_emo_predict() -> None:
    tab, clips = opened(), drawn()
    for place in range(2):
        answer = guess(tab, place, "sad")["answer"]
        expected = predict(
            audio_clip.load(paths.SAMPLES_DIR / clips[place].file), loading.load_models()
        ).answers
        said = {
            one["key"]: (label, one["share"])
            for label, ones in answer["said"].items()
            for one in ones
        }
        assert said.pop(rounds.YOU) == ("sad", "")
        assert said == {
            key: (one.label, f"{percent(one.confidence)}{' ?' * one.unsure}")
            for key, one in expected.items()
        }
        assert answer["acted"] == clips[place].emotion
        assert answer["votes"] == (dict(clips[place].votes) or None)
        step(tab, place)


def test_round_is_kept_on_other_pages_and_started_again_by_its_address() -> None:
    tab = opened()
    guess(tab, 0, "sad")
    step(tab, 0)
    before = card(tab)
    tab.open("pages/about.py")
    tab.open(LISTEN)
    assert card(tab) == before
    assert address(tab) == str(SEED)
    fresh, sound = card(opened())
    assert (fresh["seed"], fresh["place"], fresh["right"]) == (SEED, 0, [])
    assert sound != before[1]


def test_without_or_with_a_wrong_number_a_round_is_drawn_and_stands_in_the_address() -> None:
    for query in ({}, {page.PARAM: "seven"}):
        tab = opened(query)
        seed = card(tab)[0]["seed"]
        assert address(tab) == str(seed)
        assert len(str(seed)) == 5
        tab.send()
        assert card(tab)[0]["seed"] == seed


def test_new_round_has_another_number_and_a_step_back_leads_to_the_old_one() -> None:
    tab = opened()
    guess(tab, 0, "sad")
    tab.trigger_component(page.KEY, "again", True)
    new = card(tab)[0]
    assert new["seed"] != SEED
    assert (new["phase"], new["right"]) == (rounds.GUESS, [])
    assert address(tab) == str(new["seed"])
    tab.at.query_params = {page.PARAM: str(SEED)}
    tab.send()
    back = card(tab)[0]
    assert (back["seed"], back["phase"]) == (SEED, rounds.ANSWER)


@pytest.mark.parametrize(
    ("event", "value"),
    [
        ("guess", [0, "calm"]),
        ("guess", [3, "sad"]),
        ("guess", ["0", "sad"]),
        ("guess", "sad"),
        ("guess", None),
        ("step", 0),
        ("step", True),
        ("step", "x"),
    ],
)
def test_wrong_messages_change_nothing(event: str, value: Any) -> None:
    tab = opened()
    before = card(tab)
    tab.trigger_component(page.KEY, event, value)
    assert not tab.at.exception
    assert card(tab) == before


def test_summary_counts_the_round() -> None:
    tab, clips = opened(), drawn()
    guesses = [clip.emotion if i % 2 else "neutral" for i, clip in enumerate(clips)]
    for place, label in enumerate(guesses):
        guess(tab, place, label)
        header = step(tab, place)
    assert header["phase"] == rounds.SUMMARY
    n_right = sum(clip.emotion == label for clip, label in zip(clips, guesses, strict=True))
    assert header["result"] == f"You named {n_right} of 10 clips as they were acted."
    voted = [clip for clip in clips if clip.votes]
    scores = {score["key"]: score["text"] for score in header["scores"]}
    assert scores[rounds.YOU] == f"{n_right} of 10"
    assert scores[rounds.CROWD] == f"{sum(map(rounds.crowd_is_right, voted))} of {len(voted)}"
    assert list(scores) == [rounds.YOU, rounds.CROWD, "ensemble", *loading.MODEL_KEYS]
    for key, matrix in header["matrices"].items():
        right = sum(matrix["counts"][i][i] for i in range(7))
        assert scores[key].startswith(f"{right} of ")
    assert [clip["acted"] for clip in header["clips"]] == [clip.emotion for clip in clips]
    assert len(header["sounds"]) == rounds.N_CLIPS


def test_without_the_clips_the_page_says_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages.install(tmp_path, monkeypatch)  # its samples have no game
    tab = opened()
    assert [info.value for info in tab.at.info] == [text.NO_CLIPS]


def test_without_models_listeners_answer_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(directory: Path) -> loading.Models:
        raise ModelError("none")

    monkeypatch.setattr(loading, "load_models", missing)
    monkeypatch.setattr(loading, "load_usable", missing)
    tab = opened()
    assert not tab.at.warning
    header = guess(tab, 0, "sad")
    assert [warning.value for warning in tab.at.warning] == [NO_MODELS]
    assert [score["key"] for score in header["scores"]] == [rounds.YOU, rounds.CROWD]
