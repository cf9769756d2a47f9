"""The pages with own models: their labels everywhere, or a sentence why a page is not there."""

import re
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import emo
from emo.app import theme
from emo.app.own import served, text
from emo.evaluation.stored import read_metrics
from emo.labels import LABELS
from emo.system.paths import sample_path
from tests.support import pages
from tests.support.own import save_own_models, with_figures

TWELVE = (*LABELS, "bored", "calm", "proud", "shy", "tired")


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Return a folder of own models with figures, and one with twelve labels without any."""
    folder = tmp_path_factory.mktemp("own")
    models = with_figures(save_own_models(folder / "three"))
    return models, save_own_models(folder / "twelve", TWELVE)


@pytest.fixture
def serve(monkeypatch):
    """Return a function that serves the pages with a folder of models."""

    def start(models: Path) -> AppTest:
        monkeypatch.setenv("EMO_MODELS", str(models))
        st.cache_resource.clear()
        st.cache_data.clear()
        return pages.run()

    yield start
    st.cache_resource.clear()


def test_the_page_answers_as_predict_does_with_own_labels(own, serve) -> None:
    models = own[0]
    at = serve(models)
    assert "three labels it resembles: happy, sad and bored" in pages.html(at)
    data = sample_path("happy").read_bytes()
    at = pages.upload(at, "voice.opus", data)
    said = emo.predict(data, models=emo.load_models(models)).ensemble
    shown = pages.html(at)
    assert re.search(rf"emo-sign-{said.label}\b", shown)
    assert f"{100 * said.confidence:.0f}\xa0%" in shown
    for label, share in zip(said.labels, said.probabilities, strict=True):
        assert label in shown
        assert f"{100 * share:.0f}\xa0%" in shown
    assert "All three" in shown
    assert text.ALONE in shown
    assert shown.count("in all") == 1  # figures of the model; there is no ensemble
    captions = "".join(element.value for element in at.caption)
    assert text.CALIBRATED in captions
    assert "ensemble" not in captions
    assert "surprised" not in captions
    assert not at.warning


def test_twelve_labels_have_signs_and_no_figures_are_made_up(own, serve) -> None:
    at = serve(own[1])
    assert [warning.value for warning in at.warning] == [text.UNMEASURED]
    at = pages.upload(at, "voice.opus", sample_path("sad").read_bytes())
    assert "All 12" in pages.html(at)
    assert len({theme.sign(label) for label in TWELVE}) == 12
    assert len({theme.colours(label) for label in TWELVE}) == 12
    assert "New speakers" not in pages.html(at)


def test_pages_that_need_the_seven_say_so_in_one_sentence(own, serve) -> None:
    at = serve(own[0])
    for page, sentence in (
        ("listen", text.NEEDS_SEVEN.format("Listen")),
        ("teach", text.NO_ADAPTATION),
    ):
        at = pages.check(at.switch_page(f"pages/{page}.py").run())
        assert [info.value for info in at.info] == [sentence]


def test_matrices_and_about_show_the_figures_of_own_models(own, serve) -> None:
    at = pages.check(serve(own[0]).switch_page("pages/confusion_matrices.py").run())
    block = read_metrics(own[0], "ensemble")["protocols"]["speakers"]
    shown = pages.html(at)
    assert f"{100 * block['accuracy']:.1f}\xa0%" in shown
    (grid,) = pages.grids(at)
    assert pages.counted(grid).tolist() == block["confusion"]
    assert "/secret" not in shown + "".join(caption.value for caption in at.caption)
    at = pages.check(at.switch_page("pages/about.py").run())
    assert "happy, sad and bored" in "".join(markdown.value for markdown in at.markdown)


def test_compare_expects_own_labels(own, serve) -> None:
    at = pages.check(serve(own[0]).switch_page("pages/compare.py").run())
    data = sample_path("happy").read_bytes()
    uploader = at.file_uploader(key="comparison-up-0")
    at = pages.check(uploader.set_value([("ann_bored_1.opus", data, "audio/ogg")]).run())
    entry = next(iter(at.session_state["comparison"].entries()))
    assert entry.expected == "bored"


def test_a_damaged_description_leaves_the_page_standing(own, serve, tmp_path) -> None:
    (tmp_path / "own.json").write_text("{")
    at = serve(tmp_path)
    assert served.labels() == LABELS
    at = pages.upload(at, "voice.opus", sample_path("sad").read_bytes())
    assert any("no trained models here" in warning.value for warning in at.warning)
