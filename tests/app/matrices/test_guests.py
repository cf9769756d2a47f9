"""Test the page of matrices with a guest: its matrix, its figures, and folders that are damaged."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from emo.app import text as app_text
from emo.app.matrices import guest_text, text
from emo.evaluation.guests import folders
from emo.evaluation.guests.folders import Guest, save_guest
from emo.evaluation.guests.table import read_guest_predictions, read_references
from emo.evaluation.predictions import predictions_file
from emo.evaluation.stored import read_metrics
from emo.labels import CALM, ENSEMBLE
from tests.support import pages
from tests.support import predictions as made
from tests.support.pages import MATRICES, check, counted, grids, html

KEY, NAME = "a-guest", "A guest"
LISTED = [*app_text.MODEL_NAMES.values(), NAME]


@pytest.fixture
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of models with a guest without clips acted calm, under two protocols."""
    models = pages.install(tmp_path, monkeypatch)
    tables = {}
    for protocol, table in read_references(models, ("speakers", "cross-corpus")).items():
        part = table.take(table.emotions != CALM)
        rows = [row for row in made.rows(protocol) if row[-1] != CALM]
        tables[protocol] = made.as_predictions(rows, made.guesses(rows, 0.7, 4))
        assert tables[protocol].clips.tolist() == part.clips.tolist()
    guest = Guest(KEY, NAME, "It *guesses*", "Nothing", "Nobody", "CC0-1.0", tuple(tables))
    save_guest(models, guest, tables)
    return models


@pytest.fixture
def matrices(models_dir: Path) -> AppTest:
    return check(pages.run().switch_page(MATRICES).run())


def subheaders(at: AppTest) -> list[str]:
    return [header.value for header in at.subheader]


def confusion(models: Path, protocol: str) -> np.ndarray:
    block = read_metrics(models / folders.GUESTS, KEY)["protocols"][protocol]
    return np.array(block["confusion"])


def test_guest_is_one_more_matrix_with_its_stored_figures(
    matrices: AppTest, models_dir: Path
) -> None:
    assert subheaders(matrices)[-2:] == [
        guest_text.GUESTS_TITLE,
        f"{NAME} :gray-badge[{guest_text.GUEST}]",
    ]
    check(matrices.segmented_control(key="numbers").set_value("counts").run())
    assert len(grids(matrices)) == len(LISTED)
    assert (counted(grids(matrices)[-1]) == confusion(models_dir, "speakers")).all()
    assert guest_text.guests_note([NAME]) in [caption.value for caption in matrices.caption]
    sources = matrices.expander[0].markdown[-1].value
    assert sources.startswith(f"**{NAME}** (guest). It \\*guesses\\*. Trained on\\: Nothing.")


def test_guest_is_filtered_like_the_models(matrices: AppTest) -> None:
    check(matrices.segmented_control(key="numbers").set_value("counts").run())
    check(matrices.segmented_control(key="voices").set_value("women").run())
    totals = {int(counted(grid).sum()) for grid in grids(matrices)}
    assert len(grids(matrices)) == len(LISTED)
    assert len(totals) == 1


def test_guest_can_be_compared_and_its_cells_opened(matrices: AppTest, models_dir: Path) -> None:
    check(matrices.segmented_control(key="look").set_value("difference").run())
    assert matrices.selectbox(key="difference-first").options[-1] == NAME
    check(matrices.selectbox(key="difference-first").set_value(KEY).run())
    block = read_metrics(models_dir / folders.GUESTS, KEY)["protocols"]["speakers"]
    to_tree = next(row for row in block["differences"] if row["first"] == "tree")
    shown = f"{100 * to_tree['accuracy']:+.1f}".replace("-", "\u2212")
    assert f'<th scope="row">Accuracy</th><td>{shown}</td>' in html(matrices)
    matrices.selectbox(key="cell-model").set_value(KEY)
    matrices.selectbox(key="cell-acted").set_value("sad")
    check(matrices.selectbox(key="cell-answer").set_value("happy").run())
    counts = confusion(models_dir, "speakers")
    n, n_row = counts[5, 3], counts[5].sum()
    assert any(f"Of {n_row:,} clips acted sad, {n}" in text.value for text in matrices.text)
    assert html(matrices).count(f"{NAME} ") > 0
    assert subheaders(matrices)[0].startswith(NAME)  # its matrix is the large one


@pytest.mark.parametrize("protocol", ["random", "emobox", "listeners"])
def test_guest_is_left_out_where_it_was_not_tested(matrices: AppTest, protocol: str) -> None:
    check(matrices.segmented_control(key="protocol").set_value(protocol).run())
    assert not [title for title in subheaders(matrices) if title.startswith(NAME)]


def test_emobox_shows_a_guest_on_a_corpus_that_it_answered(matrices: AppTest) -> None:
    check(matrices.segmented_control(key="protocol").set_value("emobox").run())
    check(matrices.selectbox(key="corpus-emobox").set_value("savee").run())
    assert f"Guest: {NAME}" in html(matrices)
    check(matrices.segmented_control(key="voices").set_value("men").run())
    check(matrices.selectbox(key="corpus-emobox").set_value("ravdess").run())
    assert f"Guest: {NAME}" not in html(matrices)


@pytest.mark.parametrize("file", [folders.DESCRIPTION, "metrics.json", "predictions"])
def test_damaged_guest_is_left_out_and_logged(
    models_dir: Path, caplog: pytest.LogCaptureFixture, file: str
) -> None:
    folder = folders.guests_directory(models_dir)
    path = folder / KEY / file
    if file == "predictions":
        path = predictions_file(folder, KEY, "speakers")
    path.write_bytes(b"broken")
    at = check(pages.run().switch_page(MATRICES).run())
    assert len(grids(at)) == len(app_text.MODEL_NAMES)
    assert guest_text.GUESTS_TITLE not in subheaders(at)
    assert any(KEY in record.getMessage() for record in caplog.records)
    check(at.segmented_control(key="voices").set_value("women").run())


def test_guest_is_compared_with_listeners_where_their_votes_are(
    models_dir: Path, tmp_path: Path
) -> None:
    made.write_tables(tmp_path / "tables")
    _, table = read_guest_predictions(
        predictions_file(models_dir, ENSEMBLE, "speakers"), models_dir
    )
    guest = Guest("echo", "Echo", "It repeats", "Nothing", "Nobody", "CC0-1.0", ("speakers",))
    save_guest(models_dir, guest, {"speakers": table}, directory=tmp_path / "tables")
    own = read_metrics(models_dir / folders.GUESTS, "echo")["protocols"]["listeners"]
    stored = read_metrics(models_dir, ENSEMBLE)["protocols"]["listeners"]
    assert own["confusion"] == stored["confusion"]
    assert own["distance_from_votes"] == pytest.approx(stored["distance_from_votes"], abs=1e-5)
    assert own["agreement_with_plurality"] == stored["agreement_with_plurality"]
    folders.write_all_figures(models_dir)  # without the votes they stay
    assert read_metrics(models_dir / folders.GUESTS, "echo")["protocols"]["listeners"] == own
    assert folders.guest_faults(models_dir) == ()
    at = check(pages.run().switch_page(MATRICES).run())
    check(at.segmented_control(key="protocol").set_value("listeners").run())
    assert subheaders(at)[-1].startswith("Echo")
    assert '<th scope="row">Echo</th>' in html(at)


def test_installed_package_without_predictions_shows_the_stored_figures(models_dir: Path) -> None:
    for folder in [*models_dir.glob("*/predictions"), *models_dir.glob("guests/*/predictions")]:
        shutil.rmtree(folder)
    at = check(pages.run().switch_page(MATRICES).run())
    check(at.segmented_control(key="numbers").set_value("counts").run())
    assert (counted(grids(at)[-1]) == confusion(models_dir, "speakers")).all()
    check(at.segmented_control(key="voices").set_value("women").run())
    assert [warning.value for warning in at.warning] == [text.NO_PREDICTIONS]
