import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from emo.classifiers.registry import CLASSIFIERS
from emo.cli.main import main
from emo.errors import CorpusError
from emo.evaluation.figures.benchmark import EMOBOX, PUBLISHED
from emo.evaluation.metrics import calibration_error
from emo.evaluation.predictions import (
    Predictions,
    calibrated_predictions,
    make_predictions,
    predictions_file,
    read_predictions,
    surrogate_file,
    write_predictions,
)
from emo.evaluation.robustness.storage import RobustnessFigures
from emo.evaluation.selective import select, selections
from emo.evaluation.targets import (
    MEASURES,
    TARGETS,
    Given,
    Measured,
    Target,
    calibration,
    corpora,
    disagreements,
    emobox,
    report,
    robustness,
    unsure,
    verdict,
)
from emo.labels import LABELS, TRAINED_INDEX, TRAINED_LABELS
from tests.support.predictions import copy_models

ANY = TARGETS[0]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of models that no test changes."""
    return copy_models(tmp_path_factory.mktemp("measured"))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return copy_models(tmp_path)


def said(
    true: Sequence[str],
    guessed: Sequence[str],
    speakers: Sequence[str],
    folds: Sequence[int] | None = None,
    confidence: float | Sequence[float] = 0.9,
) -> Predictions:
    """Return predictions of known likeliest labels."""
    n = len(true)
    sure = np.broadcast_to(confidence, n)
    rows = np.repeat((1 - sure)[:, None] / 6, len(TRAINED_LABELS), axis=1)
    rows[:, -1] = 0.0
    rows[np.arange(n), [TRAINED_INDEX[label] for label in guessed]] = sure
    return make_predictions(
        clips=tuple(f"clip{i}" for i in range(n)),
        corpora=tuple(speaker.split("-")[0] for speaker in speakers),
        speakers=tuple(speakers),
        folds=tuple(folds or [1] * n),
        emotions=tuple(true),
        probabilities=rows,
    )


def lines(text: str) -> dict[str, list[str]]:
    """Cells of the rows of the first table by what they are of."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return {cells[0]: cells[1:] for cells in rows[2 : 2 + len(TARGETS)]}


def change(path: Path, content: str, instead: str) -> None:
    text = path.read_text()
    assert content in text
    path.write_text(text.replace(content, instead, 1))


# --- Measures ------------------------------------------------------------------------------------


def test_the_mean_over_corpora_weighs_small_ones_as_much() -> None:
    true = ["angry"] * 8 + ["angry", "sad"]
    guessed = ["angry"] * 6 + ["sad"] * 2 + ["sad", "sad"]
    speakers = ["cremad-1001"] * 8 + ["tess-OAF"] * 2
    found = corpora(Given(said(true, guessed, speakers, [1] * 8 + [2] * 2)), ANY)
    assert found.value == pytest.approx((6 / 8 + 1 / 2) / 2)
    # One speaker of each is drawn every time.
    assert found.interval == pytest.approx((found.value, found.value))


def test_the_calibration_error_of_single_speakers_does_not_vary() -> None:
    true, guessed = ["angry"] * 4, ["angry", "angry", "angry", "sad"]
    given = said(true, guessed, ["cremad-1001"] * 4, confidence=0.6)
    found = calibration(Given(given), ANY)
    assert found.value == pytest.approx(3 / 4 - 0.6)
    assert found.interval == pytest.approx((found.value, found.value))


def test_the_calibration_error_varies_with_the_speakers_drawn() -> None:
    # One speaker always right, one never, at a confidence of one half: of two draws, both are of
    # the same speaker half of the time, and then the error is 1/2; else it is 0.
    given = said(["angry"] * 2, ["angry", "sad"], ["cremad-1001", "cremad-1002"], confidence=0.5)
    found = calibration(Given(given), ANY)
    assert found.value == pytest.approx(0.0)
    assert found.interval == pytest.approx((0.0, 0.5))


def test_the_loss_is_that_of_the_condition_of_the_target() -> None:
    row = RobustnessFigures(
        n=9,
        accuracy=0.5,
        uar=0.4,
        loss=0.125,
        loss_interval=[0.1, 0.15],
        unchanged=0.7,
        coverage=0.6,
    )
    target = Target("robustness", "ensemble", "robustness", 0.1, condition="pink-5")
    assert robustness({"pink-5": row, "mp3": row | {"loss": 0.2}}, target) == Measured(
        0.125, (0.1, 0.15)
    )
    assert robustness({"mp3": row}, target) is None
    assert robustness({}, target) is None


def test_what_is_kept_is_decided_on_the_other_fold() -> None:
    # In each fold answers from 0.9 on are right and those at 0.5 are wrong.
    true, guessed = ["angry"] * 4, ["angry", "sad"] * 2
    given = said(true, guessed, ["cremad-1001"] * 4, [1, 1, 2, 2], [0.9, 0.5, 0.9, 0.5])
    found = unsure(Given(given, select(given.among(LABELS))), ANY)
    assert found is not None
    assert (found.value, found.interval) == (1.0, (1.0, 1.0))
    assert found.note == "coverage 50.0 %"


def test_where_nothing_is_kept_it_says_so() -> None:
    given = said(["angry"] * 2, ["sad"] * 2, ["cremad-1001"] * 2, [1, 2])
    found = unsure(Given(given, select(given.among(LABELS))), ANY)
    assert found == Measured(0.0, (0.0, 0.0), "coverage 0 %")


def test_a_corpus_that_was_not_tested_has_no_figure() -> None:
    given = said(["angry"], ["angry"], ["tess-OAF"])
    assert emobox(Given(given), Target("emobox", "ensemble", "emobox", 0.7, None, "cremad")) is None


def test_measures_agree_with_the_figures_that_evaluation_stores(measured: Path) -> None:
    stored = json.loads((measured / "ensemble/metrics.json").read_text())["protocols"]
    given = {
        p: calibrated_predictions(measured, p)["ensemble"]
        for p in ("speakers", "emobox", "cross-corpus")
    }
    ensemble = selections(calibrated_predictions(measured, "speakers"))["ensemble"]
    for corpus, (protocol, _) in EMOBOX.items():
        found = emobox(Given(given[protocol]), Target("", "", "", 0, None, corpus))
        assert found is not None
        assert found.value == pytest.approx(stored["emobox"]["per_corpus"][corpus]["uar"], abs=1e-5)
    found = corpora(Given(given["cross-corpus"]), ANY)
    assert found.value == pytest.approx(stored["cross-corpus"]["uar"], abs=1e-5)
    assert found.interval[0] < found.value < found.interval[1]
    found = unsure(Given(given["speakers"], ensemble), ANY)
    assert found is not None
    assert found.value == pytest.approx(
        stored["speakers"]["selective"]["selective_accuracy_cross_fitted"], abs=1e-5
    )
    asked = given["speakers"].among(LABELS)
    true = np.array([LABELS.index(emotion) for emotion in asked.emotions])
    found = calibration(Given(given["speakers"]), ANY)
    assert found.value == pytest.approx(calibration_error(true, asked.probabilities))


# --- Verdicts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.6, "short by 10.0 points"),
        (0.69999, "short by 0.1 points"),
        (0.7, "reached; 5.0 points short of the aim"),
        (0.75, "reached, and the aim too"),
    ],
)
def test_a_gain_is_reached_from_its_limit_up(value: float, expected: str) -> None:
    target = Target("accuracy", "ensemble", "speakers", 0.7, 0.75)
    assert verdict(target, Measured(value, (0, 1))) == expected


@pytest.mark.parametrize(("value", "expected"), [(0.05, "reached"), (0.08, "over by 3.0 points")])
def test_a_loss_is_reached_up_to_its_limit(value: float, expected: str) -> None:
    target = Target("calibration", "ensemble", "speakers", 0.05)
    assert verdict(target, Measured(value, (0, 1))) == expected


# --- The report ----------------------------------------------------------------------------------


def test_every_target_has_its_row(measured: Path) -> None:
    found = lines(report(measured))
    assert len(found) == len(TARGETS)
    stored = {
        key: json.loads((measured / key / "metrics.json").read_text())["protocols"]
        for key in ("tree", "ensemble")
    }
    block = stored["tree"]["speakers"]
    low, high = block["intervals"]["accuracy"]
    goal, elsewhere, value, result, command = found["`speakers`, accuracy, decision tree"]
    assert (goal, elsewhere) == ("≥ 52.0", "–")
    assert value == f"**{100 * block['accuracy']:.1f}** ({100 * low:.1f}–{100 * high:.1f})"
    assert result.startswith("reached" if block["accuracy"] >= 0.52 else "short by ")
    assert command == "`python -m emo evaluate --protocol speakers`"
    goal, elsewhere, value, _, command = found["EmoBox CREMA-D, UAR, ensemble"]
    assert goal == "≥ 76.8"
    for row in PUBLISHED:
        assert (f"{row.model} {100 * row.uar:.1f}" in elsewhere) == (row.corpus == "cremad")
    uar = stored["ensemble"]["emobox"]["per_corpus"]["cremad"]["uar"]
    assert value.startswith(f"**{100 * uar:.1f}** (")
    assert command == "`python -m emo evaluate --protocol emobox`"


LOSS = "`robustness`, loss of accuracy, pink noise at an SNR of 5 dB, ensemble"


def test_the_loss_in_noise_is_that_of_the_stored_figures(measured: Path) -> None:
    stored = json.loads((measured / "robustness.json").read_text())["conditions"]
    row = stored["pink-5"]["models"]["ensemble"]
    low, high = row["loss_interval"]
    text = report(measured)
    assert lines(text)[LOSS] == [
        "≤ 9.0",
        "–",
        f"**{100 * row['loss']:.1f}** ({100 * low:.1f}–{100 * high:.1f})",
        "reached" if row["loss"] <= 0.09 else f"over by {100 * row['loss'] - 9:.1f} points",
        "`python -m emo evaluate --protocol robustness`",
    ]
    accuracy = stored["mp3"]["models"]["ensemble"]["accuracy"]
    assert f"| MP3 at 32 kbit/s | {100 * accuracy:.1f} %" in text
    (measured / "robustness.json").rename(measured / "elsewhere.json")
    try:
        assert lines(report(measured))[LOSS][2:4] == ["not run", "–"]
        assert "MP3 at 32 kbit/s" not in report(measured)
    finally:
        (measured / "elsewhere.json").rename(measured / "robustness.json")


def test_the_commits_are_named(measured: Path) -> None:
    text = report(measured)
    who = ", ".join(row.title.lower() for row in CLASSIFIERS.values())
    command = "`python -m emo evaluate --protocol speakers`"
    assert f"| speakers | {who} | 1 to 6 | {command} | `abc123` | 1 |" in text
    assert f"| emobox | {who} | 1 |" in text


@pytest.mark.slow
def test_a_protocol_that_was_not_run_says_what_runs_it(models: Path) -> None:
    for key in CLASSIFIERS:
        predictions_file(models, key, "cross-corpus").unlink()
    cells = lines(report(models))["UAR, mean of the four corpora, ensemble"]
    assert cells[2:] == ["not run", "–", "`python -m emo evaluate --protocol cross-corpus`"]
    assert "\n| corpora |" not in report(models)


def test_nothing_measured_is_a_table_of_targets(tmp_path: Path) -> None:
    found = lines(report(tmp_path))
    assert len(found) == len(TARGETS)
    assert {cells[2] for cells in found.values()} == {"not run"}


def test_a_part_of_the_folds_is_named(models: Path) -> None:
    for key in CLASSIFIERS:
        for part in ("predictions", "calibration"):
            path = models / key / part / "speakers.csv.gz"
            whole = read_predictions(path)
            write_predictions(path, whole.take([i for i, f in enumerate(whole.folds) if f < 3]))
    surrogate_file(models, "speakers").unlink()
    found = lines(report(models))
    assert found["`speakers`, accuracy, ensemble"][2].endswith("; only folds 1 to 2 of 6")


def test_measures_are_those_of_the_table() -> None:
    assert {target.measure for target in TARGETS} == set(MEASURES)
    assert all(0 < target.limit < 1 for target in TARGETS)


def test_damaged_predictions_are_an_error(models: Path) -> None:
    predictions_file(models, "cnn", "random").write_bytes(b"none")
    with pytest.raises(CorpusError, match="is not a list of predictions"):
        report(models)
    predictions_file(models, "cnn", "random").unlink()
    with pytest.raises(CorpusError, match="There are no predictions at"):
        report(models)


# --- Counting again ------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_evaluation_stored_is_what_is_counted(measured: Path) -> None:
    assert disagreements(measured) == ()


@pytest.mark.slow
def test_a_changed_figure_is_found(models: Path) -> None:
    path = models / "mlp/metrics.json"
    content = json.loads(path.read_text())
    content["protocols"]["random"]["accuracy"] += 0.001
    content["protocols"]["speakers"]["confusion"][0][0] += 1
    del content["protocols"]["cross-corpus"]["uar"]
    path.write_text(json.dumps(content))
    found = disagreements(models)
    assert len(found) == 3
    assert found[0] == "mlp/metrics.json protocols cross-corpus has no uar."
    assert found[1].startswith("mlp/metrics.json protocols random accuracy is 0.")
    assert found[2].startswith("mlp/metrics.json protocols speakers confusion 1 1 is ")


@pytest.mark.slow
def test_a_figure_without_predictions_is_found(models: Path) -> None:
    for key in CLASSIFIERS:
        predictions_file(models, key, "random").unlink()
    assert "cnn/metrics.json has random, of which no prediction is." in disagreements(models)


@pytest.mark.slow
def test_the_command_prints_the_table_and_fails_where_figures_disagree(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["results", "--models", str(models)]) == 0
    printed = capsys.readouterr()
    assert printed.out == report(models)
    assert printed.err == ""
    change(models / "calibration.json", '"tree": ', '"tree": 9')
    assert main(["results", "--models", str(models)]) == 1
    assert "emo: calibration.json temperatures tree is 9" in capsys.readouterr().err


def test_a_classifier_that_was_run_by_itself_has_a_row_of_its_own(tmp_path: Path) -> None:
    models = copy_models(tmp_path)
    path = models / "mlp" / "metrics.json"
    stored = json.loads(path.read_text())
    for run in stored["protocols"]["speakers"]["runs"]:
        run["commit"] = "def456"
    path.write_text(json.dumps(stored))
    command = "`python -m emo evaluate --protocol speakers`"
    text = report(models)
    who = ", ".join(row.title.lower() for key, row in CLASSIFIERS.items() if key != "mlp")
    assert f"| speakers | {who} | 1 to 6 | {command} | `abc123` | 1 |" in text
    assert f"| speakers | multilayer perceptron | 1 to 6 | {command} | `def456` | 1 |" in text
