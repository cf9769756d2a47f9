"""Test the filter, the clips in a cell, the diagnostics and the address of the page."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from emo import formatting
from emo.app import text as app_text
from emo.app.analyse import text as analyse_text
from emo.app.matrices import cell as matrices_cell
from emo.app.matrices import grid as matrices_grid
from emo.app.matrices import text as matrices_text
from emo.app.matrices import text as words
from emo.corpora.metadata import LISTENER_LABELS
from emo.evaluation import metrics, selective, subsets
from emo.inference import loading
from emo.labels import LABELS
from tests.support import pages, predictions, signals
from tests.support.pages import (
    MATRICES,
    check,
    counted,
    drawn,
    grids,
    html,
    protocols,
    tone,
    upload,
)


@pytest.fixture
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install models with every protocol measured, and the tables of the corpora without clips."""
    predictions.write_tables(tmp_path / "corpora")
    monkeypatch.setenv("EMO_DATA", str(tmp_path / "corpora"))
    return pages.install(tmp_path, monkeypatch)


def open_page(**address: str) -> AppTest:
    at = pages.run()
    for name, value in address.items():
        at.query_params[name] = value
    return check(at.switch_page(MATRICES).run())


@pytest.fixture
def matrices(models_dir: Path) -> AppTest:
    return open_page()


def expected_predictions(
    models: Path, sex: str = subsets.ALL, corpus: str = subsets.ALL
) -> subsets.Tables:
    """Return the predictions that the page should show, computed independently of it."""
    actors = {
        f"cremad-{name}": ("women" if i % 2 else "men", 30)
        for i, name in enumerate(predictions.SPEAKERS["cremad"])
    }
    return subsets.filter_clips(
        subsets.read_tables(models, "speakers"), LABELS, corpus, sex, actors
    )


def shown_counts(at: AppTest, place: int) -> np.ndarray:
    """Return the numbers in a matrix that shows counts."""
    return counted(grids(at)[place])


def address(at: AppTest) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else value[0]
        for name, value in dict(at.query_params).items()
    }


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


# --- Cells ---------------------------------------------------------------------------------------


def select_cell(at: AppTest, key: str, acted: str, answer: str) -> AppTest:
    at.selectbox(key="cell-model").set_value(key)
    at.selectbox(key="cell-acted").set_value(acted)
    return check(at.selectbox(key="cell-answer").set_value(answer).run())


def clip_names(at: AppTest) -> list[str]:
    """Return the names of the listed clips from their buttons."""
    return [
        button.label.replace("\\", "") for button in at.button if str(button.key)[:5] == "play-"
    ]


def test_cell_lists_its_clips_with_all_answers(matrices: AppTest, models_dir: Path) -> None:
    tables = expected_predictions(models_dir)
    expected = tables["cnn"]
    rows = subsets.clips_in_cell(expected, "angry", "angry")
    select_cell(matrices, "cnn", "angry", "angry")
    assert clip_names(matrices) == expected.clips[rows][: matrices_cell.N_ROWS].tolist()
    n_acted = int((expected.emotions == "angry").sum())
    sentence = words.cell_sentence("angry", "angry", len(rows), n_acted, False)
    assert sentence in [text.value for text in matrices.text]
    shares = tables["tree"].probabilities[rows[0]]
    answers = html(matrices).split('class="emo-whose"')[1]
    label = LABELS[int(shares.argmax())]
    assert f"{label} <span" in answers
    assert formatting.percent(float(shares.max())) in answers
    assert answers.count("<li") == len(app_text.MODEL_NAMES)


@pytest.mark.slow
def test_clips_can_be_paged_and_sorted_by_confidence(matrices: AppTest, models_dir: Path) -> None:
    tables = expected_predictions(models_dir)
    expected = tables["cnn"]
    rows = subsets.clips_in_cell(expected, "angry", "angry")
    assert len(rows) > matrices_cell.N_ROWS
    select_cell(matrices, "cnn", "angry", "angry")
    later = f"page-{words.LATER}"
    check(matrices.button(key=later).click().run())
    assert (
        clip_names(matrices)
        == expected.clips[rows][matrices_cell.N_ROWS : 2 * matrices_cell.N_ROWS].tolist()
    )
    check(matrices.segmented_control(key="cell-order").set_value("doubtful").run())
    assert clip_names(matrices) == expected.clips[rows][::-1][: matrices_cell.N_ROWS].tolist()
    assert matrices.button(key=f"page-{words.EARLIER}").disabled


@pytest.mark.slow
def test_cell_follows_the_filter(matrices: AppTest, models_dir: Path) -> None:
    select_cell(matrices, "ensemble", "happy", "happy")
    check(matrices.segmented_control(key="voices").set_value("men").run())
    check(matrices.select_slider(key="above").set_value(45).run())
    men = expected_predictions(models_dir, "men")["ensemble"]
    rows = subsets.clips_in_cell(men, "happy", "happy", 0.45)
    assert clip_names(matrices) == men.clips[rows][: matrices_cell.N_ROWS].tolist()


def test_cell_that_a_protocol_lacks_is_cleared(matrices: AppTest) -> None:
    select_cell(matrices, "cnn", "surprised", "happy")
    check(matrices.segmented_control(key="protocol").set_value("listeners").run())
    assert matrices.selectbox(key="cell-acted").value is None
    assert matrices.selectbox(key="cell-acted").options == list(LISTENER_LABELS)
    assert "cell" not in address(matrices)


@pytest.mark.slow
def test_cell_of_the_listeners_lists_clips_with_such_votes(matrices: AppTest) -> None:
    check(matrices.segmented_control(key="protocol").set_value("listeners").run())
    select_cell(matrices, "listeners", "angry", "sad")
    n = sum(row[1] == "cremad" and row[4] == "angry" for row in predictions.rows("speakers"))
    sentence = words.cell_sentence("angry", "sad", n, 8 * n, True)
    assert sentence in [text.value for text in matrices.text]
    assert words.votes_for("sad", 1, 8) in html(matrices)


def test_second_click_on_a_cell_clears_the_selection(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", state)

    def click(key: str, cell: Any) -> tuple[Any, ...]:
        state[f"chart-{key}"] = {"cell": cell}
        matrices_cell.toggle_cell(key, f"chart-{key}")
        return tuple(state.get(f"cell-{name}") for name in ("model", "acted", "answer"))

    assert click("cnn", ["angry", "sad"]) == ("cnn", "angry", "sad")
    for invalid in (None, "angry", ["angry"], ["angry", 1]):
        assert click("cnn", invalid) == ("cnn", "angry", "sad")
    assert click("mlp", ["angry", "sad"]) == ("mlp", "angry", "sad")
    assert click("mlp", ["angry", "sad"]) == ("mlp", None, None)


def test_selected_cell_is_framed_in_its_own_matrix(matrices: AppTest) -> None:
    select_cell(matrices, "cnn", "angry", "sad")
    framed = [grid["selected"] for grid in grids(matrices)]
    assert framed == [
        [LABELS.index("angry"), LABELS.index("sad")] if key == "cnn" else None
        for key in app_text.MODEL_NAMES
    ]


@pytest.mark.parametrize(
    ("n", "n_row", "text"),
    [
        (0, 0, "There is no clip that was acted sad."),
        (1, 8, "Of 8 clips acted sad, 1 (12 %) was answered happy."),
        (2000, 4000, "Of 4,000 clips acted sad, 2,000 (50 %) were answered happy."),
    ],
)
def test_cell_sentence_counts_clips(n: int, n_row: int, text: str) -> None:
    assert (
        words.cell_sentence("sad", "happy", n, n_row, False).replace(formatting.NBSP, " ") == text
    )


def test_cell_sentence_of_the_diagonal_and_of_votes() -> None:
    assert words.cell_sentence("sad", "sad", 4, 8, False).endswith(
        "were answered sad, which is right."
    )
    assert words.cell_sentence("sad", "sad", 4, 8, True).startswith(
        "Of 8 votes on clips acted sad, 4 ("
    )


# --- Playing the clips ---------------------------------------------------------------------------


def write_clip(tmp_path: Path, name: str) -> Path:
    """Write a clip to the folder of the corpora, under a name of CREMA-D."""
    path = tmp_path / "corpora" / "cremad" / f"{name}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(signals.encoded(signals.voice()))
    return path


REAL = "1001_DFA_ANG_XX"


def rename_a_clip(models: Path, at_place: int = 0) -> None:
    """Give the first listed clip of the fixture the name of a clip of CREMA-D."""
    from emo.evaluation.predictions import read_predictions, write_predictions

    ensemble = expected_predictions(models)["ensemble"]
    old = str(ensemble.clips[subsets.clips_in_cell(ensemble, "angry", "angry")[at_place]])
    for key in loading.MODEL_KEYS:
        path = models / key / "predictions" / "speakers.csv.gz"
        stored = read_predictions(path)
        is_renamed = stored.clips == old
        renamed = replace(
            stored,
            clips=np.where(is_renamed, REAL, stored.clips),
            corpora=np.where(is_renamed, "cremad", stored.corpora),
            speakers=np.where(is_renamed, "cremad-1001", stored.speakers),
        )
        write_predictions(path, renamed)


@pytest.mark.slow
def test_clip_on_disk_is_played_with_its_relative_path(models_dir: Path, tmp_path: Path) -> None:
    rename_a_clip(models_dir)
    write_clip(tmp_path, REAL)
    at = open_page(cell="ensemble.angry.angry")
    assert clip_names(at)[0] == REAL
    check(at.button(key=f"play-cremad-{REAL}").click().run())
    assert len(at.get("audio")) == 1
    shown = [text.value for text in at.text]
    assert f"cremad/{REAL}.wav" in shown
    assert str(tmp_path) not in "".join(shown) + html(at)
    assert at.button(key="open-in-analyse").label == words.OPEN


@pytest.mark.slow
@pytest.mark.parametrize("is_held_out", [False, True])
def test_clip_opened_from_a_cell_is_marked_as_training_clip(
    models_dir: Path, tmp_path: Path, is_held_out: bool
) -> None:
    rename_a_clip(models_dir)
    if is_held_out:
        pages.hold_out(models_dir, "cremad-1001")
    write_clip(tmp_path, REAL)
    at = open_page(cell="ensemble.angry.angry", corpus="cremad")
    check(at.button(key=f"play-cremad-{REAL}").click().run())
    check(at.button(key="open-in-analyse").click().run())
    notice = (analyse_text.held_out if is_held_out else analyse_text.trained_on)("CREMA-D", "angry")
    assert [info.value.replace("\\", "") for info in at.info] == [notice]
    (back,) = [
        link.proto for link in at.get("page_link") if link.proto.label == analyse_text.BACK_TO_CELL
    ]
    params = dict(pair.split("=") for pair in back.query_string.split("&"))
    assert params["cell"] == "ensemble.angry.angry"
    assert params["corpus"] == "cremad"
    upload(at, "own.wav", tone())  # a visitor's own clip is no training clip
    assert not at.info


def test_missing_clip_shows_a_warning(models_dir: Path, tmp_path: Path) -> None:
    write_clip(tmp_path, REAL)
    at = open_page(cell="ensemble.angry.angry")
    check(next(b for b in at.button if str(b.key)[:5] == "play-").click().run())
    assert len(at.get("audio")) == 0
    assert "not in the folder of the corpora" in at.warning[0].value
    assert str(tmp_path) not in at.warning[0].value


@pytest.mark.parametrize("damage", ["link", "text", "nothing"])
@pytest.mark.slow
def test_damaged_clip_shows_a_warning_without_a_path(
    models_dir: Path, tmp_path: Path, damage: str
) -> None:
    rename_a_clip(models_dir)
    path = write_clip(tmp_path, REAL)
    if damage == "link":
        outside = tmp_path / "outside.wav"
        path.rename(outside)
        path.symlink_to(outside)
    elif damage == "text":
        path.write_text("not a sound, but text " * 100)
    else:
        path.unlink()
    at = open_page(cell="ensemble.angry.angry")
    check(at.button(key=f"play-cremad-{REAL}").click().run())
    assert len(at.get("audio")) == 0
    assert len(at.warning) == 1
    assert str(tmp_path) not in at.warning[0].value


def test_page_explains_how_to_play_clips_without_corpora(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrices_cell, "default_directory", lambda: None)
    at = open_page(cell="ensemble.angry.angry")
    assert words.HOW_TO_PLAY in [caption.value for caption in at.caption]
    assert clip_names(at) == []
    assert "kept" not in html(at)


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
