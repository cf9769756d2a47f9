"""The explanation on the page *Analyse*, in Streamlit's test runner."""

import dataclasses
import io
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from emo.app.analyse import tabs
from emo.app.analyse import text as analyse_text
from emo.app.analyse.why import explanation as analyse_explanation
from emo.app.analyse.why import text as why_text
from emo.audio.clip import Clip
from emo.classifiers.registry import CLASSIFIERS
from emo.inference import explanation, regions
from emo.inference.reasons.without_regions import Heard
from emo.labels import TRAINED_LABELS
from tests.support import pages
from tests.support.pages import check, html, tone, upload

MAP = np.zeros((2, 64), np.float32)
PATCHES = (
    regions.Patch(0.1, 0.3, 100.0, 400.0, 2.0, True),
    regions.Patch(0.3, 0.5, 100.0, 400.0, -1.0, False),
    regions.Patch(0.5, 0.7, 100.0, 400.0, 0.5, False),
)
REGIONS = regions.Regions("angry", 1.0, 0.0, MAP, MAP > 0, PATCHES, 2.0, 0.1)
OTHER_MAP = np.zeros((2, 80), np.float32)
OTHER_REGIONS = regions.Regions("sad", 2.0, 0.0, OTHER_MAP, OTHER_MAP > 0, PATCHES[:1], 2.0, 0.1)

PLAIN = explanation.SurrogateStep("pitch, median", "semitones", 12.5, 9.25, True)


def explain(clip: Clip, models: Any, among: tuple[str, ...]) -> explanation.Explanation:
    parts = tuple(explanation.Part(group, 0.25) for group in explanation.GROUPS)
    leaf = dict.fromkeys(TRAINED_LABELS, 1 / len(TRAINED_LABELS))
    reasons: dict[str, explanation.Reason] = {
        "path": explanation.TreePath(
            "sad", 0.2, (), leaf, explanation.SurrogatePath((PLAIN,), leaf)
        ),
        "shifts": explanation.Shift("sad", -2.0, -0.75, parts, 0.1, 0.3, parts),
    }
    why = {
        key: OTHER_REGIONS if row.is_pretrained else reasons.get(str(row.explained_by), REGIONS)
        for key, row in CLASSIFIERS.items()
    }
    return explanation.Explanation(pages.prediction(clip.duration_s), why)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    pages.install(tmp_path, monkeypatch)
    monkeypatch.setattr(analyse_explanation, "explain", explain)
    return pages.run()


def open_why(app: AppTest) -> None:
    app.session_state["stage-open-tab"] = tabs.WHY
    check(app.run())


@pytest.mark.slow
def test_explanation_is_shown_on_demand(app: AppTest) -> None:
    upload(app, "clip.wav", tone())
    assert "emo-because" not in html(app)
    open_why(app)
    page = html(app)
    assert page.count('class="emo-because"') == len(CLASSIFIERS)
    assert page.count('class="emo-shift"') == len(explanation.GROUPS)
    assert "Log-odds of angry: +1.00." in page
    assert f"<summary>{analyse_text.READABLE_TREE}</summary>" in page
    assert "1. Pitch, median above 9.25\u00a0semitones? Yes, 12.5\u00a0semitones." in page
    pictures = [one.key for one in app.get("bidi_component") if "why-picture" in str(one.key)]
    assert pictures == [
        f"why-picture-{key}" for key, row in CLASSIFIERS.items() if row.explained_by == "regions"
    ]


def unpack(block: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the header and the parts of a block."""
    length = int.from_bytes(block[:4], "little")
    header = json.loads(block[4 : 4 + length])
    rest = block[4 + length :]
    return header, {
        name: rest[start : start + size] for name, (start, size) in header["parts"].items()
    }


def test_block_holds_both_pictures_and_both_sounds() -> None:
    samples = (np.sin(np.arange(16_000) / 10) / 4).astype(np.float32)
    part = Clip(samples, 16_000, 1, "")
    before = np.linspace(-80, 0, 20, dtype=np.float32).reshape(4, 5)
    marked = np.arange(20).reshape(4, 5) > 15
    shown = dataclasses.replace(REGIONS, marked=marked, start_s=-0.05, frame_s=0.25)
    answer = pages.answer("sad", 0.4)
    heard = Heard(np.full(16_000, 7, np.int16), answer, before, before - 10)
    header, parts = unpack(analyse_explanation.pack(part, 1.5, shown, before, heard))
    assert (header["columns"], header["bands"], header["offset_s"]) == (4, 5, 1.5)
    assert header["picture_s"] == pytest.approx([-0.05, 0.95])
    levels = np.frombuffer(zlib.decompress(parts["before"]), np.uint8)
    assert (levels[0], levels[-1]) == (0, 255)
    after = np.frombuffer(zlib.decompress(parts["after"]), np.uint8)
    assert after[-1] == round(255 * 50 / 60)
    drawn = np.frombuffer(zlib.decompress(parts["marked"]), np.uint8)
    assert drawn.reshape(4, 5).tolist() == marked.astype(int).tolist()
    sound, _ = soundfile.read(io.BytesIO(parts["sound"]), dtype="float32")
    assert np.abs(sound).max() == pytest.approx(0.9, abs=1e-3)
    without, _ = soundfile.read(io.BytesIO(parts["without"]), dtype="int16")
    assert set(without) == {7}
    assert header["words"]["told"] == why_text.without(answer)


@pytest.mark.parametrize(
    ("duration_s", "is_marked", "reason"),
    [(1.0, False, "No part is framed"), (40.0, True, "at most 30"), (0.2, True, "too short")],
)
def test_block_without_the_second_sound_says_why(
    duration_s: float, is_marked: bool, reason: str
) -> None:
    part = Clip(np.full(round(16_000 * duration_s), 0.25, np.float32), 16_000, 1, "")
    shown = dataclasses.replace(REGIONS, marked=np.full((4, 5), is_marked))
    picture = np.zeros((4, 5), np.float32)
    header, parts = unpack(analyse_explanation.pack(part, 0.0, shown, picture, None))
    assert set(parts) == {"before", "marked", "sound"}
    assert reason in header["words"]["told"]
