"""One speaker on the page *Compare clips*, with the shipped models and sample clips."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import emo
from emo.app.compare import page
from emo.app.compare import text as words
from emo.cli.main import main
from emo.formatting import percent
from emo.system.paths import SAMPLES_DIR
from tests.support.pages import APP, COMPARE, check

pytestmark = pytest.mark.slow

CLIPS = sorted((SAMPLES_DIR / "game").glob("1009_*"))[:6]
SPEAKER = "comparison-one-speaker"


@pytest.fixture
def app() -> AppTest:
    st.cache_resource.clear()
    st.cache_data.clear()
    at = check(AppTest.from_file(APP, default_timeout=120).run())
    return check(at.switch_page(COMPARE).run())


def give(app: AppTest, clips: list[Path]) -> AppTest:
    files = [(path.name, path.read_bytes(), "audio/ogg") for path in clips]
    return check(app.file_uploader[0].set_value(files).run())


def rows(app: AppTest) -> dict[str, Any]:
    """Return the rows of the table by the names of their clips."""
    data = [json.loads(one.proto.json)[0] for one in app.get("bidi_component") if one.proto.json]
    (table,) = (one for one in data if "rows" in one)
    return {row["name"]: row for row in table["rows"]}


def test_answers_are_those_of_the_command(app: AppTest, capsys: pytest.CaptureFixture[str]) -> None:
    give(app, CLIPS)
    assert all("voice" not in row["answers"] for row in rows(app).values())
    check(app.toggle(key=SPEAKER).set_value(True).run())
    capsys.readouterr()
    arguments = ["predict", "--same-speaker", "--format", "csv", *map(str, CLIPS)]
    assert main(arguments) == 0
    printed = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["model"] for row in printed} >= {"voice", "ensemble"}
    shown = rows(app)
    for row in printed:
        cell = shown[Path(row["path"]).name]["answers"][row["model"]]
        assert (cell["label"], cell["unsure"]) == (row["label"], row["unsure"] == "yes")
        assert cell["share"] == percent(float(row["confidence"]))
    assert words.voice_known(len(CLIPS)) in [one.value for one in app.caption]
    assert app.query_params["speaker"] == "same"
    written = list(csv.DictReader(io.StringIO(page.as_csv(entries(app)))))
    own = {(row["path"], row["model"]): row["confidence"] for row in written}
    assert own == {(Path(row["path"]).name, row["model"]): row["confidence"] for row in printed}


def entries(app: AppTest) -> list[Any]:
    """Return the clips as the page has them."""
    collection = app.session_state["comparison"]
    found = collection.entries()
    predictions = emo.predict_many([one.clip.data for one in found], speakers=["one"] * len(found))
    return [replace(one, result=result) for one, result in zip(found, predictions, strict=True)]


def test_refusal_is_a_sentence(app: AppTest) -> None:
    give(app, CLIPS[:3])
    check(app.toggle(key=SPEAKER).set_value(True).run())
    assert all("voice" not in row["answers"] for row in rows(app).values())
    refusals = [one.value for one in app.caption if "stated to be of this speaker" in one.value]
    assert len(refusals) == 1
    assert refusals[0].startswith(
        "3 different clips are stated to be of this speaker, and at least"
    )
