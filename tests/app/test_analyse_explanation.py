"""The explanation on the page *Analyse*, in Streamlit's test runner."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from emo.app.analyse import explanation as analyse_explanation
from emo.app.analyse import tabs
from emo.app.analyse import text as analyse_text
from emo.audio.clip import Clip
from emo.classifiers.registry import CLASSIFIERS
from emo.inference import explanation, regions
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
OTHER_REGIONS = regions.Regions("sad", 2.0, 0.0, MAP, MAP > 0, PATCHES[:1], 2.0, 0.1)
NONE = regions.Regions("angry", 1.0, 0.0, MAP, MAP > 0, PATCHES[1:2], 0.0, 0.0)

PLAIN = explanation.SurrogateStep("pitch, median", "semitones", 12.5, 9.25, True)


def explain(clip: Clip, models: Any, among: tuple[str, ...]) -> explanation.Explanation:
    parts = tuple(explanation.Part(group, 0.25) for group in explanation.GROUPS)
    leaf = dict.fromkeys(TRAINED_LABELS, 1 / len(TRAINED_LABELS))
    reasons: dict[str, explanation.Reason] = {
        "path": explanation.TreePath(
            "sad", 0.2, (), leaf, explanation.SurrogatePath((PLAIN,), leaf)
        ),
        "shifts": explanation.Shift("sad", -2.0, -0.75, parts),
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
    assert "data-emo-patches" not in html(app)
    open_why(app)
    page = html(app)
    assert page.count('class="emo-why"') == len(CLASSIFIERS)
    assert page.count('class="emo-shift"') == len(explanation.GROUPS)
    assert "Log-odds of angry: +1.00." in page
    assert "data-emo-patches" in page
    assert f"<summary>{analyse_text.READABLE_TREE}</summary>" in page
    assert "1. Pitch, median above 9.25\u00a0semitones? Yes, 12.5\u00a0semitones." in page
    assert drawn(app) == REGIONS
    assert any(analyse_text.why_note("cnn") in caption.value for caption in app.caption)


@pytest.mark.slow
def test_regions_of_another_model_can_be_drawn(app: AppTest) -> None:
    upload(app, "clip.wav", tone())
    open_why(app)
    check(app.button_group(key="framed").set_value("pretrained").run())
    assert drawn(app) == OTHER_REGIONS
    assert any(analyse_text.why_note("pretrained") in caption.value for caption in app.caption)


def drawn(app: AppTest) -> regions.Regions:
    """Return the regions that the player draws."""
    (patches,) = re.findall(r"data-emo-patches=\"([^\"]*)\"", html(app))
    (found,) = (
        one
        for one in (REGIONS, OTHER_REGIONS)
        if analyse_explanation.patch_rows(one, 0.0) == json.loads(unescape(patches))
    )
    return found


def test_patch_rows_are_relative_to_the_strongest() -> None:
    rows = analyse_explanation.patch_rows(REGIONS, 1.5)
    assert rows == [
        [1.6, 1.8, 100, 400, 1.0, True],
        [1.8, 2.0, 100, 400, 0.0, False],
        [2.0, 2.2, 100, 400, 0.25, False],
    ]
    assert json.loads(json.dumps(rows)) == rows


def test_patch_rows_without_effect_are_zero() -> None:
    assert [row[4] for row in analyse_explanation.patch_rows(NONE, 0.0)] == [0.0]
