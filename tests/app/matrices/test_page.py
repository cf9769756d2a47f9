"""Test the page of confusion matrices: protocols, tables beside them, and missing files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from emo import formatting
from emo.app import text as app_text
from emo.app.matrices import grid as matrices_grid
from emo.app.matrices import references
from emo.app.matrices import text as words
from emo.app.matrices.grid import colour_at
from emo.classifiers.ensembles import ENSEMBLES
from emo.classifiers.registry import CLASSIFIERS
from emo.corpora.catalogue import Recording
from emo.corpora.metadata import LISTENER_LABELS
from emo.corpora.splits import folds
from emo.evaluation.figures.benchmark import EMOBOX, PUBLISHED
from emo.labels import TRAINED_LABELS
from tests.support import pages
from tests.support.pages import ANALYSE, MATRICES, check, drawn, grids, html, protocols

KEYS = tuple(app_text.MODEL_NAMES)


@pytest.fixture
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return pages.install(tmp_path, monkeypatch)


@pytest.fixture
def matrices(models_dir: Path) -> AppTest:
    return check(pages.run().switch_page(MATRICES).run())


def choose(at: AppTest, protocol: str, corpus: str = "") -> AppTest:
    check(at.segmented_control(key="protocol").set_value(protocol).run())
    return check(at.selectbox(key=f"corpus-{protocol}").set_value(corpus).run()) if corpus else at


def tenths(share: float) -> str:
    return f"{100 * share:.1f}{formatting.NBSP}%"


def table_row(at: AppTest, name: str) -> list[str]:
    """Return the texts of the cells of the first row of a name, without the name."""
    row = html(at).split(f'<th scope="row">{name}</th>')[1].split("</tr>")[0]
    return [cell.split(">")[1] for cell in row.split("</td>")[:-1]]


# --- Every test ----------------------------------------------------------------------------------


def test_page_shows_every_model_and_the_ensemble(matrices: AppTest) -> None:
    first, *others = [s.value for s in matrices.subheader]
    assert first == app_text.MODEL_NAMES["ensemble"]
    assert others == [name for name in app_text.MODEL_NAMES.values() if name != first]
    assert len(grids(matrices)) == len(KEYS)
    assert html(matrices).count("<dt>Accuracy</dt>") == len(KEYS)
    assert html(matrices).count('<th scope="row">surprised</th>') == len(KEYS)


def test_headlines_show_intervals_calibration_folds_and_commit(
    matrices: AppTest, models_dir: Path
) -> None:
    for key in KEYS:
        scores = protocols(models_dir, key)["speakers"]
        low, high = scores["intervals"]["uar"]
        assert (
            f"<dt>UAR</dt><dd>{tenths(scores['uar'])}</dd>"
            f'<dd class="emo-interval">{100 * low:.1f} to {100 * high:.1f}</dd>'
        ) in html(matrices)
        assert f"<dd>{100 * scores['ece']:.1f}{formatting.NBSP}points</dd>" in html(matrices)
    n = protocols(models_dir, "ensemble")["speakers"]["n"]
    assert matrices.text[0].value == f"{n} test clips · 6 folds · commit abc123"


@pytest.mark.parametrize("protocol", words.PROTOCOL_NAMES)
def test_every_protocol_shows_its_own_confusions(
    matrices: AppTest, models_dir: Path, protocol: str
) -> None:
    choose(matrices, protocol)
    assert words.PROTOCOL_MEANINGS[protocol] in matrices.markdown[0].value
    check(matrices.segmented_control(key="numbers").set_value("counts").run())
    block = protocols(models_dir, "tree")[protocol]
    block = block["per_corpus"]["cremad"] if protocol == "emobox" else block
    place = 1 if protocol == "listeners" else 0
    assert grids(matrices)[place]["texts"][0][0] == str(block["confusion"][0][0])
    assert grids(matrices)[place]["labels"] == block["labels"]


def colours(counts: Any, top: float) -> list[list[str]]:
    """Return the colours of a matrix whose strongest colour is that of ``top``."""
    light, dark = matrices_grid.palettes("sequential")
    return [
        [f"{colour_at(light, n / top)},{colour_at(dark, n / top)}" for n in row] for row in counts
    ]


def test_matrices_share_one_colour_scale(matrices: AppTest, models_dir: Path) -> None:
    stored = [np.array(protocols(models_dir, key)["speakers"]["confusion"]) for key in KEYS]
    for grid, counts in zip(grids(matrices), stored, strict=True):
        assert grid["colours"] == colours(counts / counts.sum(axis=1, keepdims=True), 1.0)
    check(matrices.segmented_control(key="numbers").set_value("counts").run())
    top = float(np.max(stored))
    for grid, counts in zip(grids(matrices), stored, strict=True):
        assert grid["colours"] == colours(counts, top)


def test_corpus_has_its_own_scores_and_intervals(matrices: AppTest, models_dir: Path) -> None:
    assert matrices.selectbox(key="corpus-speakers").options == [
        "All corpora", "CREMA-D", "RAVDESS speech", "RAVDESS song", "TESS", "SAVEE"
    ]  # fmt: skip
    choose(matrices, "speakers", "savee")
    stored = protocols(models_dir, "ensemble")["speakers"]
    low, high = stored["fairness"]["corpus"]["savee"]["intervals"]["accuracy"]
    assert f"{100 * low:.1f} to {100 * high:.1f}" in html(matrices)
    assert f"{stored['per_corpus']['savee']['n']} test clips of SAVEE" in matrices.text[0].value
    assert "too narrow" in " ".join(caption.value for caption in matrices.caption)


def test_cross_corpus_table_has_each_corpus_and_the_mean(
    matrices: AppTest, models_dir: Path
) -> None:
    choose(matrices, "cross-corpus")
    scores = protocols(models_dir, "mlp")["cross-corpus"]
    expected = [tenths(fold["uar"]) for fold in scores["folds"]]
    matrix = next(
        element.value for element in matrices.html if tenths(scores["accuracy"]) in element.value
    )
    assert f"<dt>UAR</dt><dd>{tenths(scores['uar'])}</dd>" in matrix
    assert table_row(matrices, "MLP") == [*expected, tenths(scores["uar"])]


def test_cross_corpus_folds_have_the_names_of_their_corpora() -> None:
    speakers = {"cremad": "1001", "ravdess": "01", "tess": "OAF", "savee": "DC"}
    recordings = [
        Recording(Path(f"{corpus}-{i}.wav"), corpus, f"{corpus}-{i}", f"{corpus}-{name}", "sad")
        for corpus, name in speakers.items()
        for i in range(2)
    ]
    all_folds = folds("cross-corpus", recordings, [recording.stem for recording in recordings])
    for fold in all_folds:
        (corpus,) = {recordings[i].corpus for i in fold.test}
        name = words.CROSS_CORPUS_FOLDS[fold.number].replace("\u2011", "-").upper()
        assert name.replace("-", "").startswith(corpus.upper())


# --- EmoBox --------------------------------------------------------------------------------------


@pytest.mark.parametrize("corpus", EMOBOX)
@pytest.mark.slow
def test_emobox_ranks_models_with_published_ones(
    matrices: AppTest, models_dir: Path, corpus: str
) -> None:
    choose(matrices, "emobox", corpus)
    labels = list(EMOBOX[corpus][1])
    assert grids(matrices)[0]["labels"] == labels
    page = html(matrices)
    for row in PUBLISHED:
        assert (f">{row.model}</th>" in page) == any(
            row.model == published.model and published.corpus == corpus for published in PUBLISHED
        )
    for key in KEYS:
        uar = protocols(models_dir, key)["emobox"]["per_corpus"][corpus]["uar"]
        assert f'<td class="emo-share">{tenths(uar)}</td>' in page
    note = " ".join(caption.value for caption in matrices.caption)
    assert words.EMOBOX_SPLITS[EMOBOX[corpus][0]] in note.replace("\\", "")
    assert "arXiv 2406" in note.replace("\\", "")


def test_emobox_has_no_total(matrices: AppTest) -> None:
    choose(matrices, "emobox")
    assert matrices.selectbox(key="corpus-emobox").options == [
        "CREMA-D", "RAVDESS speech", "SAVEE", "TESS"
    ]  # fmt: skip
    assert "Calibration error" not in html(matrices)


def test_ranking_is_sorted_and_marks_our_models() -> None:
    shown: dict[str, app_text.Scores] = {
        "tree": {"uar": 0.5},
        "ensemble": {"uar": 0.72, "intervals": {"uar": [0.7, 0.741]}},
    }
    rows = references.ranking_rows(shown, "cremad")
    assert [row.name for row in rows] == [
        "Whisper large v3",
        "WavLM large",
        "Emo: Ensemble",
        "HuBERT base",
        "WavLM base",
        "wav2vec 2.0 base",
        "Emo: Decision tree",
    ]
    assert [row.name for row in rows if row.is_ours] == ["Emo: Ensemble", "Emo: Decision tree"]
    assert rows[2].small == "70.0 to 74.1"
    assert [row.text.replace(formatting.NBSP, " ") for row in rows[:2]] == ["76.8 %", "74.5 %"]


def test_calm_is_an_eighth_label_of_ravdess(matrices: AppTest) -> None:
    choose(matrices, "emobox", "ravdess")
    assert grids(matrices)[3]["labels"] == list(TRAINED_LABELS)
    assert html(matrices).count('<th scope="row">calm</th>') == len(KEYS)


# --- Listeners -----------------------------------------------------------------------------------


def test_listeners_are_shown_beside_the_ensemble(matrices: AppTest, models_dir: Path) -> None:
    choose(matrices, "listeners")
    names = [s.value for s in matrices.subheader]
    assert names == [
        words.LISTENERS_TITLE,
        ENSEMBLES["ensemble"].title,
        "Listeners",
        *(row.title for key, row in ENSEMBLES.items() if key != "ensemble"),
        *(row.name for row in CLASSIFIERS.values()),
    ]
    grid = grids(matrices)[0]
    assert grid["labels"] == list(LISTENER_LABELS)
    # In the fixture each clip has three votes for the acted emotion, and one for every other.
    assert grid["texts"][0] == ["38", *["12"] * 5]
    assert table_row(matrices, words.SINGLE_LISTENER)[:2] == [tenths(3 / 8)] * 2
    assert table_row(matrices, words.PLURALITY)[0] == tenths(1.0)
    scores = protocols(models_dir, "cnn")["listeners"]
    rates = [tenths(scores[name]) for name in ("accuracy", "uar", "agreement_with_plurality")]
    assert table_row(matrices, "CNN") == [*rates, f"{scores['distance_from_votes']:.3f}"]


def test_distances_have_baselines(matrices: AppTest) -> None:
    choose(matrices, "listeners")
    shares = np.array([3, 1, 1, 1, 1, 1]) / 8
    certain = 0.5 * np.abs(np.eye(6)[0] - shares).sum()
    alike = 0.5 * np.abs(np.full(6, 1 / 6) - shares).sum()
    for name, distance in (
        ("distance_of_acted_label", certain),
        ("distance_of_equal_shares", alike),
    ):
        assert table_row(matrices, words.BASELINES[name])[-1] == f"{distance:.3f}"


def test_votes_have_their_own_colour_scale(matrices: AppTest, models_dir: Path) -> None:
    choose(matrices, "listeners")
    check(matrices.segmented_control(key="numbers").set_value("counts").run())
    first, *others = grids(matrices)
    votes = pages.counted(first)
    assert first["colours"] == colours(votes, votes.max())
    assert "votes" in first["sentences"][0][0]
    top = max(np.max(protocols(models_dir, key)["listeners"]["confusion"]) for key in KEYS)
    assert len(others) == len(KEYS)
    for grid in others:
        assert grid["colours"] == colours(pages.counted(grid), float(top))


@pytest.mark.parametrize("text", [None, "{"])
def test_models_are_shown_without_the_listeners(
    matrices: AppTest, models_dir: Path, text: str | None
) -> None:
    path = models_dir / "listeners.json"
    path.unlink() if text is None else path.write_text(text)
    choose(matrices, "listeners")
    assert words.NO_LISTENERS in [info.value for info in matrices.info]
    assert len(grids(matrices)) == len(KEYS)


# --- What is missing -----------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", words.PROTOCOL_NAMES)
def test_protocol_that_was_not_run_shows_its_command(
    matrices: AppTest, models_dir: Path, protocol: str
) -> None:
    for key in KEYS:
        pages.change(models_dir, key, lambda stored: stored.pop(protocol))
    choose(matrices, protocol)
    assert [info.value for info in matrices.info] == [words.not_tested(protocol)]
    assert f"--protocol {protocol}" in words.not_tested(protocol)


def test_benchmark_offers_only_tested_corpora(matrices: AppTest, models_dir: Path) -> None:
    def without_tess(stored: dict[str, Any]) -> None:
        del stored["emobox"]["per_corpus"]["tess"]

    for key in KEYS:
        pages.change(models_dir, key, without_tess)
    choose(matrices, "emobox")
    assert matrices.selectbox(key="corpus-emobox").options == ["CREMA-D", "RAVDESS speech", "SAVEE"]


def test_model_that_was_not_tested_is_named(matrices: AppTest, models_dir: Path) -> None:
    pages.change(models_dir, "cnn", lambda stored: stored.pop("speakers"))
    (models_dir / "cnn" / "curves.json").unlink()
    choose(matrices, "speakers")
    assert {s.value for s in matrices.subheader} == {
        name for key, name in app_text.MODEL_NAMES.items() if key != "cnn"
    }
    assert [info.value for info in matrices.info] == ["The CNN has no figures here."]


def test_scores_without_intervals_are_shown(matrices: AppTest, models_dir: Path) -> None:
    def strip(stored: dict[str, Any]) -> None:
        for name in ("intervals", "ece", "runs", "labels", "fairness", "left_out"):
            del stored["speakers"][name]

    for key in KEYS:
        pages.change(models_dir, key, strip)
    choose(matrices, "speakers")
    assert html(matrices).count("<dt>Accuracy</dt>") == len(KEYS)
    assert "emo-interval" not in html(matrices)


def test_clips_that_were_left_out_are_reported(matrices: AppTest, models_dir: Path) -> None:
    def leave(stored: dict[str, Any]) -> None:
        stored["speakers"]["left_out"] = [{"fold": 1, "clip": "a", "reason": "silent"}]

    for key in KEYS:
        pages.change(models_dir, key, leave)
    choose(matrices, "speakers")
    assert words.left_out(1) in [caption.value for caption in matrices.caption]


def test_page_without_scores_shows_a_warning(matrices: AppTest, models_dir: Path) -> None:
    for path in models_dir.glob("*/metrics.json"):
        path.unlink()
    check(matrices.run())
    assert [warning.value for warning in matrices.warning] == [app_text.NO_METRICS]


@pytest.mark.parametrize("text", ["{", "[]", '{"protocols": 3}'])
def test_damaged_scores_show_an_error(matrices: AppTest, models_dir: Path, text: str) -> None:
    (models_dir / "cnn" / "metrics.json").write_text(text)
    check(matrices.run())
    assert len(matrices.error) == 1
    assert "cannot be read" in matrices.error[0].value
    check(matrices.switch_page(ANALYSE).run())


# --- Tables, curves, provenance ------------------------------------------------------------------


def look(at: AppTest, part: str) -> AppTest:
    return check(at.segmented_control(key="look").set_value(part).run())


def test_fold_of_the_learning_curves_can_be_chosen(matrices: AppTest) -> None:
    look(matrices, "learning")
    fold = matrices.selectbox(key="run-speakers")
    assert fold.options == ["Fold 1", "Fold 2"]
    check(fold.set_value("speakers-2").run())
    assert len(drawn(matrices, 0)["x"]) == 2


@pytest.mark.slow
def test_listeners_and_part_of_emobox_use_runs_of_unseen_speakers(matrices: AppTest) -> None:
    look(matrices, "learning")
    for protocol, corpus in (("listeners", ""), ("emobox", "ravdess")):
        choose(matrices, protocol, corpus)
        assert matrices.selectbox(key="run-speakers").options == ["Fold 1", "Fold 2"]
        (line,) = [m.value for m in matrices.markdown if "seed" in m.value]
        assert "`python -m emo evaluate --protocol speakers`" in line


def test_provenance_names_command_commit_seed_and_folds(
    matrices: AppTest, models_dir: Path
) -> None:
    def anew(stored: dict[str, Any]) -> None:
        stored["speakers"]["runs"][2]["commit"] = "f" * 40 + "-dirty"

    pages.change(models_dir, "ensemble", anew)
    check(matrices.run())
    others = ", ".join(name for key, name in app_text.MODEL_NAMES.items() if key != "ensemble")
    same = "`python -m emo evaluate --protocol speakers`, commit"
    assert [m.value for m in matrices.markdown if "seed" in m.value] == [
        f"**{others}.** {same} `abc123`, seed 1, folds 1, 2, 3, 4, 5, 6.",
        f"**Ensemble.** {same} `abc123`, seed 1, folds 1, 2, 4, 5, 6.",
        f"**Ensemble.** {same} `{'f' * 40}-dirty`, seed 1, fold 3.",
    ]


def test_commits_are_shortened_and_keep_their_suffix() -> None:
    runs = [{"commit": "0123456789" * 4}, {"commit": "0123456789" * 4 + "-dirty"}, {}]
    assert words.tested_on(1200, "all", runs) == (
        "1,200 test clips · 3 folds · commits 0123456789, 0123456789-dirty, ?"
    )


@pytest.mark.slow
def test_learning_curves_follow_the_registry(
    matrices: AppTest, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(matrices, "learning")
    assert len(matrices.get("plotly_chart")) == 2
    curves = (models_dir / "cnn" / "curves.json").read_text()
    (models_dir / "mlp" / "curves.json").write_text(curves)
    monkeypatch.setitem(CLASSIFIERS, "mlp", replace(CLASSIFIERS["mlp"], shows_learning=True))
    check(matrices.run())
    assert len(matrices.get("plotly_chart")) == 4
