"""The timeline on the page *Analyse*, in Streamlit's test runner."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from emo.app import player_data, text
from emo.app.analyse import text as analyse_text
from emo.app.analyse import timeline
from emo.audio.clip import Clip
from emo.inference.loading import ANSWER_KEYS
from emo.inference.timeline import Timeline
from emo.labels import INDEX, LABELS
from tests.support import pages
from tests.support.pages import check, html, tone, upload
from tests.support.player import unpack_player

SPOKEN_S = [[0.0, 2.0], [2.0, 3.0], [6.0, 8.0]]  # a pause between the second and the third
SAID = ["sad", "happy", "happy"]
ALIKE = "3 different windows look alike."


def timeline_after(n: int) -> Timeline:
    """Return a timeline with ``n`` analysed windows, the same for all models."""
    rows = np.full((n, 7), 0.05)
    for i in range(n):
        rows[i, INDEX[SAID[i]]] = 0.7
    spans = np.array(SPOKEN_S[:n]).reshape(-1, 2)
    return Timeline(
        8.0, 3, spans, spans, dict.fromkeys(ANSWER_KEYS, rows), {"cnn": np.full(n, 0.9)}
    )


def follow(clip: Clip, models: Any) -> Iterator[Timeline]:
    yield from (timeline_after(0), timeline_after(2), timeline_after(3))


def silent(clip: Clip, models: Any) -> Iterator[Timeline]:
    none = np.empty((0, 2))
    yield Timeline(8.0, 0, none, none, dict.fromkeys(ANSWER_KEYS, np.empty((0, 7))), {})


def alike(shown: Timeline, models: Any) -> Timeline:
    return replace(shown, voice_clips=3, voice_note=ALIKE)


def lanes(app: AppTest) -> dict[str, Any]:
    """Return what the page sends to the player."""
    (found,) = re.findall(r'data-emo-lanes="([^"]*)"', html(app))
    read: dict[str, Any] = json.loads(unescape(found))
    return read


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    pages.install(tmp_path, monkeypatch)
    monkeypatch.setattr(timeline, "iter_timeline", follow)
    monkeypatch.setattr(timeline, "lane_names", lambda duration_s: list(text.SHORT_NAMES.values()))
    return pages.run()


def test_timeline_is_absent_for_a_short_clip(app: AppTest) -> None:
    upload(app, "clip.wav", tone(timeline.MIN_DURATION_S - 0.1))
    assert "data-emo-lanes" not in html(app)


def test_timeline_has_a_lane_for_each_model_and_a_gap_for_a_pause(app: AppTest) -> None:
    upload(app, "clip.wav", tone(8.0))
    sent = lanes(app)
    assert sent["names"] == list(text.SHORT_NAMES.values())
    assert sent["spans"] == SPOKEN_S
    assert sent["total"] == 3
    assert sent["shares"][0][INDEX["sad"]] == 70.0
    by_name = dict(zip(sent["names"], sent["answers"], strict=True))
    for name, answers in by_name.items():
        assert [LABELS[label] for label, _, _ in answers] == SAID
        assert [share for _, share, _ in answers] == ["70\u00a0%"] * 3
        assert [unsure for _, _, unsure in answers] == [int(name == "CNN")] * 3
    page = html(app)
    assert "The ensemble over time: 0 to 2 s sad; 2 to 3 s happy; 6 to 8 s happy." in page
    assert re.findall(r'data-emo-go="([^"]*)"', page) == ["0.0", "2.0", "6.0"]
    assert analyse_text.TIMELINE_NOTE in [caption.value for caption in app.caption]
    labels = [button.proto.label for button in app.get("download_button")]
    assert set(analyse_text.TIMELINE_FILES.values()) <= set(labels)


def test_player_finds_the_lanes_of_its_clip(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = []
    pack = player_data.pack_player

    def note(*arguments: Any, **settings: Any) -> bytes:
        block: bytes = pack(*arguments, **settings)
        headers.append(unpack_player(block)[0])
        return block

    monkeypatch.setattr(player_data, "pack_player", note)
    upload(app, "clip.wav", tone(8.0))
    assert [header["key"] for header in headers] == [lanes(app)["key"]]
    assert headers[0]["lanes"] == lanes(app)["names"]


def test_timeline_is_cached(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(app, "clip.wav", tone(8.0))
    before = html(app)
    monkeypatch.setattr(timeline, "iter_timeline", None)  # calling it would fail
    check(app.run())
    assert html(app) == before


def test_one_speaker_says_why_the_voice_is_not_known(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "know_windows", alike)
    upload(app, "clip.wav", tone(8.0))
    switch = next(one for one in app.toggle if one.label == analyse_text.ONE_SPEAKER_LABEL)
    assert not switch.value
    assert not app.info
    check(switch.set_value(True).run())
    assert [info.value for info in app.info] == [ALIKE.replace(".", "\\.")]


def test_timeline_without_speech_has_a_note(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "iter_timeline", silent)
    upload(app, "clip.wav", tone(8.0))
    assert "Timeline: no speech so far." in html(app)
