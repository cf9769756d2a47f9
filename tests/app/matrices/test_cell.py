"""Test the clips in a cell: their list, its sentence, and playing them."""

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
from emo.app.matrices import text as words
from emo.corpora.metadata import LISTENER_LABELS
from emo.evaluation import subsets
from emo.inference import loading
from emo.labels import LABELS
from tests.support import pages, predictions, signals
from tests.support.pages import address, check, grids, html, tone, upload
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
