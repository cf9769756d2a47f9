"""Test the filter, the address and the diagnostics of the page."""

import json
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from emo import formatting
from emo.app import text as app_text
from emo.app.matrices import grid as matrices_grid
from emo.app.matrices import text as matrices_text
from emo.app.matrices import text as words
from emo.evaluation import metrics, selective, subsets
from emo.inference import loading
from emo.labels import LABELS
from tests.support import pages, predictions
from tests.support.pages import address, check, counted, drawn, grids, html, protocols
from tests.support.pages import open_matrices as open_page
from tests.support.predictions import expected_predictions


@pytest.fixture
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install models with every protocol measured, and the tables of the corpora without clips."""
    predictions.write_tables(tmp_path / "corpora")
    monkeypatch.setenv("EMO_DATA", str(tmp_path / "corpora"))
    return pages.install(tmp_path, monkeypatch)


@pytest.fixture
def matrices(models_dir: Path) -> AppTest:
    return open_page()


def shown_counts(at: AppTest, place: int) -> np.ndarray:
    """Return the numbers in a matrix that shows counts."""
    return counted(grids(at)[place])


# --- Filters -------------------------------------------------------------------------------------


def test_filter_of_sex_recomputes_the_scores(matrices: AppTest, models_dir: Path) -> None:
    check(matrices.segmented_control(key="voices").set_value("women").run())
    check(matrices.segmented_control(key="numbers").set_value("counts").run())
    for place, key in enumerate(app_text.MODEL_NAMES):
        scores = subsets.scores(expected_predictions(models_dir, "women")[key])
        assert shown_counts(matrices, place).tolist() == scores["confusion"]
        assert f"<dd>{formatting.tenths(scores['uar'])}</dd>" in html(matrices)
    assert f"<dt>{words.COVERAGE}</dt>" not in html(matrices)
    stored = protocols(models_dir, "ensemble")["speakers"]["fairness"]["sex"]["women"]
    assert matrices.text[0].value.startswith(f"{stored['n']} test clips")


def test_threshold_leaves_out_less_confident_answers(matrices: AppTest, models_dir: Path) -> None:
    check(matrices.segmented_control(key="numbers").set_value("counts").run())
    check(matrices.select_slider(key="above").set_value(50).run())
    expected = expected_predictions(models_dir)
    for place, key in enumerate(app_text.MODEL_NAMES):
        is_above = expected[key].probabilities.max(axis=1) >= 0.5
        assert np.sum(shown_counts(matrices, place)) == is_above.sum()
        assert formatting.tenths(float(is_above.mean())) in html(matrices)
        assert words.coverage_counts(int(is_above.sum()), len(is_above)) in html(matrices)


def test_threshold_above_every_answer_shows_a_notice(matrices: AppTest) -> None:
    check(matrices.select_slider(key="above").set_value(95).run())
    check(matrices.segmented_control(key="voices").set_value("men").run())
    shown = [info.value for info in matrices.info]
    assert words.NONE_LEFT in shown or "<dt>Answered</dt>" in html(matrices)


def test_speakers_of_unknown_sex_are_reported(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "corpora" / "cremad_actors.csv").unlink()
    st.cache_resource.clear()
    at = open_page(voices="women")
    n = sum(row[1] == "cremad" for row in predictions.rows("speakers"))
    assert words.unknown_sexes(n) in [caption.value for caption in at.caption]


@pytest.mark.parametrize("protocol", ["speakers", "random", "cross-corpus", "emobox", "listeners"])
@pytest.mark.slow
def test_every_protocol_can_be_filtered(matrices: AppTest, protocol: str) -> None:
    check(matrices.segmented_control(key="protocol").set_value(protocol).run())
    total = np.nansum(shown_counts(matrices, 1))
    check(matrices.segmented_control(key="numbers").set_value("counts").run())
    check(matrices.segmented_control(key="voices").set_value("men").run())
    check(matrices.select_slider(key="above").set_value(40).run())
    assert len(grids(matrices)) == len(app_text.MODEL_NAMES) + (protocol == "listeners")
    assert total > 0
    assert not matrices.warning


@pytest.mark.slow
def test_filter_of_listeners_uses_sex_but_not_confidence(
    matrices: AppTest, models_dir: Path, tmp_path: Path
) -> None:
    check(matrices.segmented_control(key="protocol").set_value("listeners").run())
    check(matrices.segmented_control(key="numbers").set_value("counts").run())
    check(matrices.select_slider(key="above").set_value(90).run())
    n = sum(row[1] == "cremad" for row in predictions.rows("speakers"))
    assert np.sum(shown_counts(matrices, 0)) == 8 * n  # eight votes on each clip
    check(matrices.segmented_control(key="voices").set_value("women").run())
    assert np.sum(shown_counts(matrices, 0)) == 8 * n / 2
    (tmp_path / "corpora" / "cremad_listener_votes.csv").unlink()
    st.cache_resource.clear()
    check(matrices.run())
    assert words.NO_VOTES in [info.value for info in matrices.info]


def test_stored_scores_are_shown_without_the_predictions(
    matrices: AppTest, models_dir: Path
) -> None:
    (models_dir / "cnn" / "predictions" / "speakers.csv.gz").write_bytes(b"no")
    check(matrices.run())
    assert len(grids(matrices)) == len(app_text.MODEL_NAMES)
    check(matrices.segmented_control(key="voices").set_value("women").run())
    warnings = [warning.value for warning in matrices.warning]
    assert words.NO_PREDICTIONS in warnings
    assert str(models_dir) not in html(matrices) + "".join(warnings)


# --- The address ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_address_restores_the_page(matrices: AppTest) -> None:
    assert address(matrices) == {}
    for key, value in {"protocol": "random", "numbers": "counts", "voices": "women"}.items():
        check(matrices.segmented_control(key=key).set_value(value).run())
    check(matrices.selectbox(key="corpus-random").set_value("ravdess").run())
    check(matrices.select_slider(key="above").set_value(30).run())
    check(matrices.segmented_control(key="look").set_value("roc").run())
    matrices.selectbox(key="cell-model").set_value("cnn")
    matrices.selectbox(key="cell-acted").set_value("sad")
    check(matrices.selectbox(key="cell-answer").set_value("happy").run())
    params = address(matrices)
    assert params == {
        "protocol": "random", "numbers": "counts", "voices": "women", "corpus": "ravdess",
        "above": "30", "look": "roc", "cell": "cnn.sad.happy",
    }  # fmt: skip
    again = open_page(**params)
    assert address(again) == params
    assert grids(again) == grids(matrices)
    assert [text.value for text in again.text] == [text.value for text in matrices.text]


@pytest.mark.parametrize(
    "bad",
    [
        {"protocol": "nonsense", "above": "37", "voices": "<b>", "cell": "cnn.sad"},
        {"corpus": "../..", "numbers": "", "cell": "cnn.sad.nonsense", "look": "x"},
        {"above": "-5", "cell": "..", "protocol": "speakers"},
        {"above": "1e9", "corpus": "emobox", "cell": "listeners.sad.sad"},
    ],
)
def test_invalid_parameters_of_the_address_are_ignored(
    models_dir: Path, bad: dict[str, str]
) -> None:
    at = open_page(**bad)
    assert address(at) == {}
    assert len(grids(at)) == len(app_text.MODEL_NAMES)
    assert at.selectbox(key="cell-acted").value is None


# --- Diagnostics ---------------------------------------------------------------------------------


def look(at: AppTest, name: str) -> AppTest:
    return check(at.segmented_control(key="look").set_value(name).run())


def test_reliability_diagram_shows_the_bins_of_the_model(
    matrices: AppTest, models_dir: Path
) -> None:
    look(matrices, "reliability")
    check(matrices.segmented_control(key="model-of-reliability").set_value("mlp").run())
    bins = metrics.reliability(expected_predictions(models_dir)["mlp"])
    curve = drawn(matrices, 0)
    assert curve["y"] == pytest.approx([row.accuracy for row in bins if row.n])
    error = protocols(models_dir, "mlp")["speakers"]["ece"]
    shown = [text.value for text in matrices.text]
    assert any(f"{100 * error:.1f}{formatting.NBSP}points" in text for text in shown)
    assert html(matrices).count('<tr><th scope="row">') >= 15


def test_risk_coverage_curve_equals_the_stored_one(matrices: AppTest, models_dir: Path) -> None:
    look(matrices, "risk")
    check(matrices.segmented_control(key="model-of-risk").set_value("mlp").run())
    stored = protocols(models_dir, "mlp")["speakers"]["risk_coverage"]
    curve = drawn(matrices, 0)
    assert curve["x"] == pytest.approx(stored["coverages"], abs=1e-4)
    assert curve["y"] == pytest.approx(stored["risks"], abs=1e-4)
    for key in loading.ANSWER_KEYS:
        area = protocols(models_dir, key)["speakers"]["risk_coverage"]["aurc"]
        assert formatting.tenths(area) in html(matrices)
    check(matrices.segmented_control(key="voices").set_value("women").run())
    women = selective.risk_coverage(expected_predictions(models_dir, "women")["mlp"])
    assert drawn(matrices, 0)["y"] == pytest.approx(women.risks, abs=1e-4)


@pytest.mark.slow
def test_roc_shows_each_emotion_and_the_areas_of_all_models(
    matrices: AppTest, models_dir: Path
) -> None:
    look(matrices, "roc")
    spec = json.loads(matrices.get("plotly_chart")[0].proto.spec)
    assert [trace["name"] for trace in spec["data"]] == list(LABELS)
    for key in loading.ANSWER_KEYS:
        for curve in metrics.roc(expected_predictions(models_dir)[key]):
            assert formatting.tenths(curve.area) in html(matrices)
    check(matrices.segmented_control(key="voices").set_value("women").run())
    area = metrics.roc(expected_predictions(models_dir, "women")["ensemble"])[0].area
    assert formatting.tenths(area) in html(matrices)


def test_difference_is_that_of_the_row_shares(matrices: AppTest, models_dir: Path) -> None:
    look(matrices, "difference")
    check(matrices.selectbox(key="difference-first").set_value("mlp").run())
    check(matrices.selectbox(key="difference-second").set_value("cnn").run())
    shares = []
    for key in ("mlp", "cnn"):
        counts = np.array(protocols(models_dir, key)["speakers"]["confusion"], dtype=float)
        shares.append(counts / counts.sum(axis=1, keepdims=True))
    shown = grids(matrices)[len(app_text.MODEL_NAMES)]
    expected = shares[0] - shares[1]
    np.testing.assert_allclose(counted(shown), 100 * expected, atol=0.5)
    assert not shown["selectable"]
    light, _ = matrices_grid.palettes("diverging")
    most = np.abs(expected).argmax()
    end = shown["colours"][most // len(LABELS)][most % len(LABELS)].split(",")[0]
    assert end == (light[-1] if expected.ravel()[most] > 0 else light[0])
    check(matrices.selectbox(key="difference-first").set_value("cnn").run())
    assert matrices_text.SAME in [info.value for info in matrices.info]
