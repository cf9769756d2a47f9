"""Filters, cells and the clips behind them, a closer look, and the address that keeps it all."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from emo import formatting
from emo.app.analyse import text as analyse_text
from emo.app.matrices import cell as matrices_cell
from emo.app.matrices import grid as matrices_grid
from emo.app.matrices import text as matrices_text
from emo.app.matrices import text as words
from emo.corpora.metadata import LISTENER_LABELS
from emo.evaluation import subsets
from emo.inference import predictor
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
    """Models with every protocol measured; the tables of the corpora are there, their clips not."""
    predictions.write_tables(tmp_path / "corpora")
    monkeypatch.setenv("EMO_DATA", str(tmp_path / "corpora"))
    return pages.install(tmp_path, monkeypatch)


def opened(**address: str) -> AppTest:
    at = pages.run()
    for name, value in address.items():
        at.query_params[name] = value
    return check(at.switch_page(MATRICES).run())


@pytest.fixture
def matrices(models_dir: Path) -> AppTest:
    return opened()


def part(models: Path, sex: str = subsets.ALL, corpus: str = subsets.ALL) -> subsets.Answers:
    """What the page should show, counted apart from it."""
    actors = {
        f"cremad-{name}": ("women" if i % 2 else "men", 30)
        for i, name in enumerate(predictions.SPEAKERS["cremad"])
    }
    return subsets.filter_clips(
        subsets.read_answers(models, "speakers", actors), LABELS, corpus, sex
    )


def seen_counts(at: AppTest, place: int) -> np.ndarray:
    """The numbers in a matrix that shows counts."""
    return counted(grids(at)[place])


def address(at: AppTest) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else value[0]
        for name, value in dict(at.query_params).items()
    }


# --- Filters -------------------------------------------------------------------------------------


def test_a_sex_is_counted_anew(matrices: AppTest, models_dir: Path) -> None:
    check(matrices.segmented_control(key="voices").set_value("women").run())
    check(matrices.segmented_control(key="numbers").set_value("counts").run())
    for place, key in enumerate(("tree", "cnn", "mlp", "vote")):
        found = subsets.scores(part(models_dir, "women"), key)
        assert seen_counts(matrices, place).tolist() == found["confusion"]
        assert f"<dd>{formatting.tenths(found['uar'])}</dd>" in html(matrices)
    assert f"<dt>{words.COVERAGE}</dt>" not in html(matrices)
    stored = protocols(models_dir, "vote")["speakers"]["fairness"]["sex"]["women"]
    assert matrices.text[0].value.startswith(f"{stored['n']} test clips")


def test_answers_below_a_threshold_are_left_out_and_the_rest_is_counted(
    matrices: AppTest, models_dir: Path
) -> None:
    check(matrices.segmented_control(key="numbers").set_value("counts").run())
    check(matrices.select_slider(key="above").set_value(50).run())
    whole = part(models_dir)
    for place, key in enumerate(("tree", "cnn", "mlp", "vote")):
        sure = whole.shares[key].max(axis=1) >= 0.5
        assert np.sum(seen_counts(matrices, place)) == sure.sum()
        assert formatting.tenths(float(sure.mean())) in html(matrices)
        assert words.coverage_counts(int(sure.sum()), len(whole)) in html(matrices)


def test_nothing_is_left_above_every_answer(matrices: AppTest) -> None:
    check(matrices.select_slider(key="above").set_value(95).run())
    check(matrices.segmented_control(key="voices").set_value("men").run())
    shown = [info.value for info in matrices.info]
    assert words.NONE_LEFT in shown or "<dt>Answered</dt>" in html(matrices)


def test_speakers_of_unknown_sex_are_counted(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "corpora" / "cremad_actors.csv").unlink()
    st.cache_resource.clear()
    at = opened(voices="women")
    n = sum(row[1] == "cremad" for row in predictions.rows("speakers"))
    assert words.unknown_sexes(n) in [caption.value for caption in at.caption]


@pytest.mark.parametrize("protocol", ["speakers", "random", "cross-corpus", "emobox", "listeners"])
def test_every_test_can_be_filtered(matrices: AppTest, protocol: str) -> None:
    check(matrices.segmented_control(key="protocol").set_value(protocol).run())
    whole = np.nansum(seen_counts(matrices, 1))
    check(matrices.segmented_control(key="numbers").set_value("counts").run())
    check(matrices.segmented_control(key="voices").set_value("men").run())
    check(matrices.select_slider(key="above").set_value(40).run())
    assert len(grids(matrices)) == (5 if protocol == "listeners" else 4)
    assert whole > 0
    assert not matrices.warning


def test_listeners_are_filtered_by_sex_and_not_by_confidence(
    matrices: AppTest, models_dir: Path, tmp_path: Path
) -> None:
    check(matrices.segmented_control(key="protocol").set_value("listeners").run())
    check(matrices.segmented_control(key="numbers").set_value("counts").run())
    check(matrices.select_slider(key="above").set_value(90).run())
    n = sum(row[1] == "cremad" for row in predictions.rows("speakers"))
    assert np.sum(seen_counts(matrices, 0)) == 8 * n  # eight votes on each clip
    check(matrices.segmented_control(key="voices").set_value("women").run())
    assert np.sum(seen_counts(matrices, 0)) == 8 * n / 2
    (tmp_path / "corpora" / "cremad_listener_votes.csv").unlink()
    st.cache_resource.clear()
    check(matrices.run())
    assert words.NO_VOTES in [info.value for info in matrices.info]


def test_without_the_single_answers_the_stored_figures_stand(
    matrices: AppTest, models_dir: Path
) -> None:
    (models_dir / "cnn" / "predictions" / "speakers.csv.gz").write_bytes(b"no")
    check(matrices.run())
    assert len(grids(matrices)) == 4
    check(matrices.segmented_control(key="voices").set_value("women").run())
    warnings = [warning.value for warning in matrices.warning]
    assert words.NO_PREDICTIONS in warnings
    assert str(models_dir) not in html(matrices) + "".join(warnings)


# --- The address ---------------------------------------------------------------------------------


def test_an_address_opens_what_was_seen(matrices: AppTest) -> None:
    assert address(matrices) == {}
    for key, value in {"protocol": "random", "numbers": "counts", "voices": "women"}.items():
        check(matrices.segmented_control(key=key).set_value(value).run())
    check(matrices.selectbox(key="corpus-random").set_value("ravdess").run())
    check(matrices.select_slider(key="above").set_value(30).run())
    check(matrices.segmented_control(key="look").set_value("roc").run())
    matrices.selectbox(key="cell-model").set_value("cnn")
    matrices.selectbox(key="cell-acted").set_value("sad")
    check(matrices.selectbox(key="cell-answer").set_value("happy").run())
    kept = address(matrices)
    assert kept == {
        "protocol": "random", "numbers": "counts", "voices": "women", "corpus": "ravdess",
        "above": "30", "look": "roc", "cell": "cnn.sad.happy",
    }  # fmt: skip
    again = opened(**kept)
    assert address(again) == kept
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
def test_what_is_wrong_in_an_address_is_ignored(models_dir: Path, bad: dict[str, str]) -> None:
    at = opened(**bad)
    assert address(at) == {}
    assert len(grids(at)) == 4
    assert at.selectbox(key="cell-acted").value is None


# --- Cells ---------------------------------------------------------------------------------------


def pick(at: AppTest, key: str, acted: str, answer: str) -> AppTest:
    at.selectbox(key="cell-model").set_value(key)
    at.selectbox(key="cell-acted").set_value(acted)
    return check(at.selectbox(key="cell-answer").set_value(answer).run())


def names(at: AppTest) -> list[str]:
    """Names of the clips in sight, as they stand on their buttons."""
    return [
        button.label.replace("\\", "") for button in at.button if str(button.key)[:5] == "hear-"
    ]


def test_a_cell_lists_its_clips_with_all_answers(matrices: AppTest, models_dir: Path) -> None:
    whole = part(models_dir)
    rows = subsets.clips_in_cell(whole, "cnn", "angry", "angry")
    pick(matrices, "cnn", "angry", "angry")
    assert names(matrices) == whole.clips[rows][: matrices_cell.N_ROWS].tolist()
    n_acted = int((whole.emotions == "angry").sum())
    sentence = words.cell_sentence("angry", "angry", len(rows), n_acted, False)
    assert sentence in [text.value for text in matrices.text]
    shares = whole.shares["tree"][rows[0]]
    said = html(matrices).split('class="emo-whose"')[1]
    label = LABELS[int(shares.argmax())]
    assert f"{label} <span" in said
    assert formatting.percent(float(shares.max())) in said
    assert said.count("<li") == 4


def test_the_least_sure_come_first_when_asked_and_pages_turn(
    matrices: AppTest, models_dir: Path
) -> None:
    whole = part(models_dir)
    rows = subsets.clips_in_cell(whole, "cnn", "angry", "angry")
    assert len(rows) > matrices_cell.N_ROWS
    pick(matrices, "cnn", "angry", "angry")
    later = f"page-{words.LATER}"
    check(matrices.button(key=later).click().run())
    assert (
        names(matrices)
        == whole.clips[rows][matrices_cell.N_ROWS : 2 * matrices_cell.N_ROWS].tolist()
    )
    check(matrices.segmented_control(key="cell-order").set_value("doubtful").run())
    assert names(matrices) == whole.clips[rows][::-1][: matrices_cell.N_ROWS].tolist()
    assert matrices.button(key=f"page-{words.EARLIER}").disabled


def test_a_cell_follows_the_filters(matrices: AppTest, models_dir: Path) -> None:
    pick(matrices, "vote", "happy", "happy")
    check(matrices.segmented_control(key="voices").set_value("men").run())
    check(matrices.select_slider(key="above").set_value(45).run())
    rows = subsets.clips_in_cell(part(models_dir, "men"), "vote", "happy", "happy", 0.45)
    assert names(matrices) == part(models_dir, "men").clips[rows][: matrices_cell.N_ROWS].tolist()


def test_a_cell_of_another_test_is_let_go(matrices: AppTest) -> None:
    pick(matrices, "cnn", "surprised", "happy")
    check(matrices.segmented_control(key="protocol").set_value("listeners").run())
    assert matrices.selectbox(key="cell-acted").value is None
    assert matrices.selectbox(key="cell-acted").options == list(LISTENER_LABELS)
    assert "cell" not in address(matrices)


def test_a_cell_of_the_listeners_lists_who_was_named_so(matrices: AppTest) -> None:
    check(matrices.segmented_control(key="protocol").set_value("listeners").run())
    pick(matrices, "listeners", "angry", "sad")
    n = sum(row[1] == "cremad" and row[4] == "angry" for row in predictions.rows("speakers"))
    sentence = words.cell_sentence("angry", "sad", n, 8 * n, True)
    assert sentence in [text.value for text in matrices.text]
    assert words.votes_for("sad", 1, 8) in html(matrices)


def test_a_click_takes_a_cell_and_a_second_lets_go(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", state)

    def click(key: str, cell: Any) -> tuple[Any, ...]:
        state[f"chart-{key}"] = {"cell": cell}
        matrices_cell.toggle_cell(key, f"chart-{key}")
        return tuple(state.get(f"cell-{name}") for name in ("model", "acted", "answer"))

    assert click("cnn", ["angry", "sad"]) == ("cnn", "angry", "sad")
    for nothing in (None, "angry", ["angry"], ["angry", 1]):  # what a page may send
        assert click("cnn", nothing) == ("cnn", "angry", "sad")
    assert click("mlp", ["angry", "sad"]) == ("mlp", "angry", "sad")
    assert click("mlp", ["angry", "sad"]) == ("mlp", None, None)


def test_the_chosen_cell_is_framed_in_its_own_matrix(matrices: AppTest) -> None:
    pick(matrices, "cnn", "angry", "sad")
    framed = [grid["selected"] for grid in grids(matrices)]
    assert framed == [None, [LABELS.index("angry"), LABELS.index("sad")], None, None]


@pytest.mark.parametrize(
    ("n", "n_row", "text"),
    [
        (0, 0, "There is no clip that was acted sad."),
        (1, 8, "Of 8 clips acted sad, 1 (12 %) was called happy."),
        (2000, 4000, "Of 4,000 clips acted sad, 2,000 (50 %) were called happy."),
    ],
)
def test_a_cell_in_words(n: int, n_row: int, text: str) -> None:
    assert (
        words.cell_sentence("sad", "happy", n, n_row, False).replace(formatting.NBSP, " ") == text
    )


def test_a_right_cell_and_votes_in_words() -> None:
    assert words.cell_sentence("sad", "sad", 4, 8, False).endswith(
        "were called sad, which is right."
    )
    assert words.cell_sentence("sad", "sad", 4, 8, True).startswith(
        "Of 8 votes on clips acted sad, 4 ("
    )


# --- Hearing the clips ---------------------------------------------------------------------------


def put_clip(tmp_path: Path, name: str) -> Path:
    """A clip where the page looks for it, under a name that the corpora have."""
    path = tmp_path / "corpora" / "cremad" / f"{name}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(signals.encoded(signals.voice()))
    return path


REAL = "1001_DFA_ANG_XX"


def rename_a_clip(models: Path, at_place: int = 0) -> None:
    """Give the first listed clip of the fixture a name that a corpus has."""
    from emo.evaluation.predictions import Predictions, read_predictions, write_predictions

    old = str(
        part(models).clips[subsets.clips_in_cell(part(models), "vote", "angry", "angry")[at_place]]
    )
    for key in predictor.MODEL_KEYS:
        path = models / key / "predictions" / "speakers.csv.gz"
        given = read_predictions(path)
        clips = tuple(REAL if clip == old else clip for clip in given.clips)
        corpora = tuple(
            "cremad" if clip == old else c
            for clip, c in zip(given.clips, given.corpora, strict=True)
        )
        write_predictions(
            path,
            Predictions(
                clips, corpora, given.speakers, given.folds, given.emotions, given.probabilities
            ),
        )


def test_a_clip_on_disk_is_played_and_named_within_its_folder(
    models_dir: Path, tmp_path: Path
) -> None:
    rename_a_clip(models_dir)
    put_clip(tmp_path, REAL)
    at = opened(cell="vote.angry.angry")
    assert names(at)[0] == REAL
    check(at.button(key=f"hear-cremad-{REAL}").click().run())
    assert len(at.get("audio")) == 1
    shown = [text.value for text in at.text]
    assert f"cremad/{REAL}.wav" in shown
    assert str(tmp_path) not in "".join(shown) + html(at)
    assert at.button(key="open-in-analyse").label == words.OPEN


def test_a_clip_opened_from_a_cell_says_that_it_was_trained_on(
    models_dir: Path, tmp_path: Path
) -> None:
    rename_a_clip(models_dir)
    put_clip(tmp_path, REAL)
    at = opened(cell="vote.angry.angry", corpus="cremad")
    check(at.button(key=f"hear-cremad-{REAL}").click().run())
    check(at.button(key="open-in-analyse").click().run())
    told = analyse_text.trained_on("CREMA-D", "angry")
    assert [one.value.replace("\\", "") for one in at.info] == [told]
    (back,) = [
        one.proto for one in at.get("page_link") if one.proto.label == analyse_text.BACK_TO_CELL
    ]
    asked = dict(pair.split("=") for pair in back.query_string.split("&"))
    assert asked["cell"] == "vote.angry.angry"
    assert asked["corpus"] == "cremad"
    upload(at, "own.wav", tone())  # a clip of one's own is no longer that
    assert not at.info


def test_a_clip_that_is_not_on_disk_is_a_sentence(models_dir: Path, tmp_path: Path) -> None:
    put_clip(tmp_path, REAL)
    at = opened(cell="vote.angry.angry")
    check(next(b for b in at.button if str(b.key)[:5] == "hear-").click().run())
    assert len(at.get("audio")) == 0
    assert "not in the folder of the corpora" in at.warning[0].value
    assert str(tmp_path) not in at.warning[0].value


@pytest.mark.parametrize("damage", ["link", "text", "nothing"])
def test_what_cannot_be_played_is_a_sentence_without_a_path(
    models_dir: Path, tmp_path: Path, damage: str
) -> None:
    rename_a_clip(models_dir)
    path = put_clip(tmp_path, REAL)
    if damage == "link":
        outside = tmp_path / "outside.wav"
        path.rename(outside)
        path.symlink_to(outside)
    elif damage == "text":
        path.write_text("not a sound, but text " * 100)
    else:
        path.unlink()
    at = opened(cell="vote.angry.angry")
    check(at.button(key=f"hear-cremad-{REAL}").click().run())
    assert len(at.get("audio")) == 0
    assert len(at.warning) == 1
    assert str(tmp_path) not in at.warning[0].value


def test_without_the_corpora_the_page_says_what_is_needed(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrices_cell, "default_directory", lambda: None)
    at = opened(cell="vote.angry.angry")
    assert words.HOW_TO_PLAY in [caption.value for caption in at.caption]
    assert names(at) == []
    assert "kept" not in html(at)


# --- A closer look -------------------------------------------------------------------------------


def look(at: AppTest, name: str) -> AppTest:
    return check(at.segmented_control(key="look").set_value(name).run())


def test_the_reliability_diagram_shows_the_bins_of_the_model(
    matrices: AppTest, models_dir: Path
) -> None:
    look(matrices, "reliability")
    check(matrices.segmented_control(key="model-of-reliability").set_value("mlp").run())
    bins = subsets.reliability(part(models_dir), "mlp")
    curve = drawn(matrices, 0)
    assert curve["y"] == pytest.approx([one.accuracy for one in bins if one.n])
    error = protocols(models_dir, "mlp")["speakers"]["ece"]
    shown = [text.value for text in matrices.text]
    assert any(f"{100 * error:.1f}{formatting.NBSP}points" in text for text in shown)
    assert html(matrices).count('<tr><th scope="row">') >= 15


def test_the_roc_shows_each_emotion_and_the_areas_of_all(
    matrices: AppTest, models_dir: Path
) -> None:
    look(matrices, "roc")
    spec = json.loads(matrices.get("plotly_chart")[0].proto.spec)
    assert [trace["name"] for trace in spec["data"]] == list(LABELS)
    for key in ("tree", "cnn", "mlp", "vote"):
        for curve in subsets.roc(part(models_dir), key):
            assert formatting.tenths(curve.area) in html(matrices)
    check(matrices.segmented_control(key="voices").set_value("women").run())
    area = subsets.roc(part(models_dir, "women"), "vote")[0].area
    assert formatting.tenths(area) in html(matrices)


def test_the_difference_of_two_is_that_of_their_rows(matrices: AppTest, models_dir: Path) -> None:
    look(matrices, "difference")
    check(matrices.selectbox(key="difference-first").set_value("mlp").run())
    check(matrices.selectbox(key="difference-second").set_value("cnn").run())
    shares = []
    for key in ("mlp", "cnn"):
        counts = np.array(protocols(models_dir, key)["speakers"]["confusion"], dtype=float)
        shares.append(counts / counts.sum(axis=1, keepdims=True))
    shown = grids(matrices)[4]
    expected = shares[0] - shares[1]
    np.testing.assert_allclose(counted(shown), 100 * expected, atol=0.5)
    assert not shown["selectable"]
    light, _ = matrices_grid.palettes("diverging")
    most = np.abs(expected).argmax()
    end = shown["colours"][most // len(LABELS)][most % len(LABELS)].split(",")[0]
    assert end == (light[-1] if expected.ravel()[most] > 0 else light[0])
    check(matrices.selectbox(key="difference-first").set_value("cnn").run())
    assert matrices_text.SAME in [info.value for info in matrices.info]
