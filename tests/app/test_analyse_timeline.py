"""The timeline on the page *Analyse*, in Streamlit's test runner."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from emo.app import text
from emo.app.analyse import text as analyse_text
from emo.app.analyse import timeline
from emo.audio.clip import Clip
from emo.inference.loading import ANSWER_KEYS
from emo.inference.timeline import Timeline
from emo.labels import INDEX
from tests.support import pages
from tests.support.pages import check, html, tone, upload

SPOKEN_S = [[0.0, 2.0], [2.0, 3.0], [6.0, 8.0]]  # a pause between the second and the third
SAID = ["sad", "happy", "happy"]


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


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    pages.install(tmp_path, monkeypatch)
    monkeypatch.setattr(timeline, "iter_timeline", follow)
    return pages.run()


def test_timeline_is_absent_for_a_short_clip(app: AppTest) -> None:
    upload(app, "clip.wav", tone(timeline.MIN_DURATION_S))
    assert "emo-timeline" not in html(app)


def test_timeline_has_a_lane_for_each_model_and_blank_pauses(app: AppTest) -> None:
    upload(app, "clip.wav", tone(8.0))
    page = html(app)
    assert page.count('class="emo-timeline"') == 1
    assert page.count('class="emo-lane"') == len(ANSWER_KEYS)
    for name in text.SHORT_NAMES.values():
        assert f"<span>{name}</span>" in page
    assert page.count("clip-path:polygon") == 2 * 7  # seven areas on each side of the pause
    assert page.count('emo-faint" style') == 3  # the CNN is unsure in each of its stretches
    assert "The ensemble over time: 0 to 2 s sad; 2 to 3 s happy; 6 to 8 s happy." in page
    assert analyse_text.TIMELINE_NOTE in [caption.value for caption in app.caption]
    labels = [button.proto.label for button in app.get("download_button")]
    assert set(analyse_text.TIMELINE_FILES.values()) <= set(labels)


def test_timeline_is_cached(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(app, "clip.wav", tone(8.0))
    before = html(app)
    monkeypatch.setattr(timeline, "iter_timeline", None)  # calling it would fail
    check(app.run())
    assert html(app) == before


def test_timeline_without_speech_has_a_note(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "iter_timeline", silent)
    upload(app, "clip.wav", tone(8.0))
    assert "Timeline: no speech so far." in html(app)
