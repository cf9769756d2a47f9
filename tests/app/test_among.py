"""Test the choice of the emotions that can occur: kept on all pages, never fewer than two."""

import pytest
import streamlit as st

from emo.app import among
from emo.app.compare import text as compare_words
from emo.app.samples import read_gallery
from emo.app.text import too_few
from emo.labels import LABELS
from emo.system import paths
from tests.walk.clips import clips, samples
from tests.walk.tab import Tab
from tests.walk.visit import (
    Visit,
    add_compared,
    check,
    open_page,
    read_page,
    toggle_emotion,
    upload_clip,
)


@pytest.fixture(autouse=True, scope="module")
def _clear_caches() -> None:
    """Clear the models that other tests left in the cache of this process."""
    st.cache_resource.clear()
    st.cache_data.clear()


def toggle(visit: Visit, *emotions: str) -> None:
    for emotion in emotions:
        toggle_emotion(visit, LABELS.index(emotion))


@pytest.mark.slow
def test_answers_are_chosen_among_what_stays_ticked_on_every_page() -> None:
    visit = Visit(Tab())
    name, data = next(iter(clips().items()))
    upload_clip(visit, "up", name, data, "upload", False)
    toggle(visit, "angry", "disgusted", "fearful", "happy", "neutral")
    assert read_page(visit.tab).among == ("sad", "surprised")
    zero = [share for label, share in read_page(visit.tab).answers.bars["tree"][:5]]
    assert zero == ["0\u00a0%"] * 5
    toggle(visit, "sad")  # one would be left
    assert read_page(visit.tab).among == ("sad", "surprised")
    warnings = [warning.value.replace("\\", "") for warning in visit.tab.at.warning]
    assert too_few(["surprised"]) in warnings
    open_page(visit, "compare")
    visit.tab.press(compare_words.SAMPLES_LABEL)
    for sample in read_gallery(paths.SAMPLES_DIR):
        if sample.emotion in LABELS:
            add_compared(visit, *samples()[sample.stem])
    check(visit)
    toggle(visit, "angry")
    assert visit.address == ("compare", {"among": "angry,sad,surprised"})
    open_page(visit, "analyse")
    toggle(visit, "happy")
    open_page(visit, "compare")
    assert visit.tab.controls()["among-compare"] == ["angry", "happy", "sad", "surprised"]


@pytest.mark.slow
def test_link_sets_the_emotions_and_takes_precedence_over_another_page() -> None:
    query = {"sample": "sad", "among": "angry,happy"}
    visit = Visit(Tab(query))
    visit.open_link(query)
    check(visit)
    assert visit.among == ("angry", "happy")
    open_page(visit, "compare")
    visit.tab.press(compare_words.SAMPLES_LABEL)
    for sample in read_gallery(paths.SAMPLES_DIR):
        if sample.emotion in LABELS:
            add_compared(visit, *samples()[sample.stem])
    toggle(visit, "sad")
    visit.page = "analyse"
    visit.tab.open("pages/analyse.py", query)
    visit.open_link(query)
    check(visit)
    assert visit.among == ("angry", "happy")


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("sad,angry", ("angry", "sad")),
        ("sad", None),
        ("sad,bored", None),
        ("sad,sad", None),
        ("", None),
        (None, None),
    ],
)
def test_read_param_ignores_what_cannot_be_used(
    text: str | None, labels: tuple[str, ...] | None
) -> None:
    assert among.read_param(text) == labels
    if labels:
        assert among.read_param(among.write_param(labels)) == labels


def test_write_param_is_empty_for_all() -> None:
    assert among.write_param(LABELS) == ""
