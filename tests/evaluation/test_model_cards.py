import json
import re
from pathlib import Path
from typing import Any

import pytest

from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.storage import read_model_info, save_model, write_model_info
from emo.errors import CorpusError, ModelError
from emo.evaluation.guests import leaderboard
from emo.evaluation.model_cards import BEGIN, END, RESULTS, documents, stale_documents, write_cards
from emo.evaluation.stored import SCHEMA
from emo.evaluation.tables import (
    TITLES,
    numbers,
    percent,
    points,
    published,
    results_table,
    summary_table,
)
from emo.evaluation.targets import report
from emo.inference.explanation_text import surrogate_outline
from emo.labels import LABELS
from tests.support.models import ORIGIN, fitted
from tests.support.predictions import copy_models

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of models that no test changes."""
    return copy_models(tmp_path_factory.mktemp("measured"))


@pytest.fixture(scope="module")
def cards(measured: Path) -> dict[str, str]:
    """Return the card of each model."""
    made = documents(measured)
    return {key: made[measured / key / "CARD.md"] for key in TITLES}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return copy_models(tmp_path)


def read(models: Path, key: str) -> dict[str, Any]:
    content = json.loads((models / key / "metrics.json").read_text())["protocols"]
    assert isinstance(content, dict)
    return content


def write(models: Path, key: str, protocols: dict[str, Any]) -> None:
    content = json.dumps({"schema": SCHEMA, "key": key, "protocols": protocols})
    (models / key / "metrics.json").write_text(content)


def drop(models: Path, *names: str) -> None:
    """Forget protocols that were measured."""
    for key in TITLES:
        write(models, key, {n: b for n, b in read(models, key).items() if n not in names})


def cell(block: dict[str, Any], name: str) -> str:
    """Return a rate with its interval as a table should state it."""
    low, high = (f"{100 * end:.1f}" for end in block["intervals"][name])
    return f"{100 * block[name]:.1f} % ({low}–{high})"


def row(text: str, start: str) -> list[str]:
    """Cells after the first of the only table row that starts so."""
    (found,) = re.findall(rf"^\| {re.escape(start)} \|(.*)\|$", text, re.MULTILINE)
    return [part.strip() for part in str(found).split("|")]


# --- Cells ---------------------------------------------------------------------------------------


def test_numbers_in_words() -> None:
    assert numbers([3, 1, 2, 6]) == "1 to 3, 6"
    assert numbers([4]) == "4"
    assert percent(0.7034) == "70.3 %"
    assert percent(0.7034, [0.69, 0.715]) == "70.3 % (69.0–71.5)"
    assert percent(None) == "–"
    assert points(-0.0321) == "−3.2"
    assert points(0.0321) == "+3.2"
    assert points(-0.0001) == "0.0"
    assert (published(0.72), published(0.9996), published(0.996)) == ("72.0", "99.96", "99.6")


# --- The tables of the README --------------------------------------------------------------------


def test_the_table_holds_the_measured_rates_of_all_four(measured: Path) -> None:
    text = results_table(measured)
    said, _, *lines = text.splitlines()
    for protocol in ("cross-corpus", "speakers"):
        assert f"**{percent(read(measured, 'ensemble')[protocol]['accuracy'])}**" in said
    assert f"**{percent(1 / len(LABELS))}**" in said
    assert lines[0] == (
        "| Model | Random clips: accuracy | UAR | Unseen speakers: accuracy | UAR "
        "| Cross-corpus: accuracy | UAR |"
    )
    assert len({line.count("|") for line in lines[:6]}) == 1
    for key, title in TITLES.items():
        protocols = read(measured, key)
        assert row(text, title) == [
            cell(protocols["random"], "accuracy"),
            cell(protocols["random"], "uar"),
            cell(protocols["speakers"], "accuracy"),
            cell(protocols["speakers"], "uar"),
            cell(protocols["cross-corpus"], "accuracy"),
            cell(protocols["cross-corpus"], "uar"),
        ]
    assert "- **Unseen speakers** (all 6 folds, 290 clips tested): Every clip of a tested" in text
    assert "- **Cross-corpus** (all 4 folds, 290 clips tested): Three corpora train" in text


def test_ours_stand_over_the_published_rows(measured: Path) -> None:
    text = results_table(measured)
    assert "| EmoBox: UAR | CREMA-D | RAVDESS | SAVEE | TESS |" in text
    block = read(measured, "ensemble")["emobox"]["per_corpus"]
    corpora = ("cremad", "ravdess", "savee", "tess")
    assert row(text, "**Ensemble**") == [cell(block[corpus], "uar") for corpus in corpora]
    assert row(text, "Whisper large v3") == ["76.8 %", "75.3 %", "74.1 %", "99.96 %"]
    assert row(text, "LSTM from scratch, 47k parameters") == ["–", "62.3 %", "–", "–"]
    assert text.index("**Ensemble**") < text.index("| WavLM base |")


def test_cards_name_the_speakers_that_were_held_out(models: Path) -> None:
    before = documents(models)[models / "mlp" / "CARD.md"]
    assert "The shipped models are trained on all clips. The measured" in " ".join(before.split())
    for key in CLASSIFIERS:
        info = read_model_info(models / key)
        info["trained_on"]["held_out"] = {"clips": 1234, "speakers": ["cremad-1009", "ravdess-02"]}
        write_model_info(models / key, info)
    for key in TITLES:
        card = " ".join(documents(models)[models / key / "CARD.md"].split())
        assert "The shipped models are trained on all clips but 1,234: all those" in card
        assert "cremad-1009, ravdess-02, by whom the sample clips are" in card


def test_the_card_of_the_tree_shows_the_readable_one_and_how_often_it_is_right(
    models: Path,
) -> None:
    assert "### In plain questions" not in documents(models)[models / "tree" / "CARD.md"]
    save_model(models / "tree", "tree", fitted("tree"), ORIGIN)
    made = documents(models)
    text = " ".join(made[models / "tree" / "CARD.md"].split())
    block = read(models, "tree")["speakers"]["surrogate"]
    assert (
        f"Of {block['n']:,} clips of unseen speakers it is right for {percent(block['accuracy'])}"
        in text
    )
    assert f"agrees with the decision tree on {percent(block['agreement'])}." in text
    assert surrogate_outline(fitted("tree").arrays) in made[models / "tree" / "CARD.md"]
    assert "### In plain questions" not in made[models / "mlp" / "CARD.md"]


def test_a_protocol_that_was_not_measured_is_left_out(models: Path) -> None:
    drop(models, "speakers", "emobox", "listeners")
    made = documents(models)
    for text in made.values():
        assert "Unseen speakers: " not in text
        assert "### EmoBox" not in text
        assert "| EmoBox" not in text
        assert "**unsure**" not in text
    assert results_table(models).splitlines()[2].count("|") == 6


def test_a_model_that_was_not_measured_so_has_a_dash(models: Path) -> None:
    protocols = read(models, "tree")
    del protocols["random"]
    write(models, "tree", protocols)
    assert row(results_table(models), "Decision tree")[:2] == ["–", "–"]


def test_a_part_of_the_folds_is_named(models: Path) -> None:
    for key in TITLES:
        protocols = read(models, key)
        protocols["speakers"]["folds"] = protocols["speakers"]["folds"][:1]
        write(models, key, protocols)
    assert "- **Unseen speakers** (fold 1 of 6, 290 clips tested)" in results_table(models)


# --- Cards ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", TITLES)
def test_a_card_says_what_for_how_good_and_how_made(cards: dict[str, str], key: str) -> None:
    for heading in (
        f"# {TITLES[key]}",
        "## What it is for",
        "## What it is not for",
        "## Results",
        "### Random clips",
        "### Unseen speakers",
        "### Cross-corpus",
        "### EmoBox",
        "### Altered sound",
        "### By sex, age and corpus",
        "### Beside listeners",
        "## What the confidence means",
        "## Training data and licences",
        "## Limits",
        "## Train it again",
    ):
        assert f"\n{heading}\n" in cards[key]
    assert "Article 5(1)(f)" in cards[key]
    assert "13,173 clips of 121 speakers" in cards[key]
    assert "CC BY-NC-ND 4.0" in cards[key]
    assert "surrey.ac.uk" not in cards[key]  # the models of this test were not trained on SAVEE
    assert ("`f00d`" in cards[key]) == (key in CLASSIFIERS)
    assert (
        "Made: folds 1 to 6 by `python -m emo evaluate --protocol speakers`, commit `abc123`, "
        "seed 1." in cards[key]
    )


@pytest.mark.parametrize("key", TITLES)
def test_a_card_holds_the_figures_of_its_model(
    measured: Path, cards: dict[str, str], key: str
) -> None:
    protocols, text = read(measured, key), cards[key]
    voices = protocols["speakers"]
    assert row(text, "Unseen speakers") == [
        "290",
        cell(voices, "accuracy"),
        cell(voices, "uar"),
        f"{100 * voices['macro_f1']:.1f} %",
        f"{100 * voices['ece']:.1f} %",
        f"{100 * voices['risk_coverage']['aurc']:.1f} %",
    ]
    altered = json.loads((measured / "robustness.json").read_text())["conditions"]
    worse = altered["mp3"]["models"][key]
    assert row(text, "MP3 at 32 kbit/s") == [
        percent(worse["accuracy"]),
        "20.0 (16.0 to 26.0)",
        *(percent(worse[name]) for name in ("uar", "unchanged", "coverage")),
    ]
    assert row(text, "as recorded")[0] == percent(altered["clean"]["models"][key]["accuracy"])
    assert "an excerpt of 0.5 s" not in text  # was not measured
    women = voices["fairness"]["sex"]["women"]
    assert row(text, "women") == [
        str(women["speakers"]),
        str(women["n"]),
        cell(women, "accuracy"),
        cell(women, "uar"),
    ]
    ravdess = protocols["emobox"]["per_corpus"]["ravdess"]
    assert f"| RAVDESS | 8 | {ravdess['n']} | {cell(ravdess, 'uar')} |" in text
    assert row(text, "One listener") == ["37.5 %", "37.5 %"]
    assert (
        f"{100 * voices['selective']['threshold']:.1f} %"
        in text.split("the answer is **unsure**")[0]
    )
    elsewhere = protocols["cross-corpus"]
    for share in (*elsewhere["selective"].values(), elsewhere["ece"], elsewhere["confidence"]):
        assert percent(share) in text


def test_the_ensemble_is_told_as_the_weighted_product_that_it_is(
    measured: Path, cards: dict[str, str]
) -> None:
    assert "(a logarithmic opinion pool)" in " ".join(cards["ensemble"].split())
    assert "mean of the probabilities" not in cards["ensemble"]
    shipped = json.loads((measured / "calibration.json").read_text())
    folds = [row["weights"]["cnn"] for row in read(measured, "ensemble")["speakers"]["calibration"]]
    assert row(cards["ensemble"], "Weight: convolutional network") == [
        f"{shipped['weights']['cnn']:.2f}",
        f"{min(folds):.2f}",
        f"{max(folds):.2f}",
    ]
    assert row(cards["mlp"], "Temperature")[0] == f"{shipped['temperatures']['mlp']:.2f}"
    assert "Temperature" not in cards["ensemble"]


def test_a_card_without_what_may_be_lacking(models: Path) -> None:
    (models / "calibration.json").unlink()
    (models / "listeners.json").unlink()
    (models / "robustness.json").unlink()
    for key in TITLES:
        protocols = read(models, key)
        protocols["speakers"]["fairness"] = {}
        write(models, key, protocols)
    for key in TITLES:
        text = documents(models)[models / key / "CARD.md"]
        assert "By sex" not in text
        assert "Beside listeners" not in text
        assert "Altered sound" not in text
        assert "| shipped |" not in text


@pytest.mark.slow
def test_a_card_counts_the_speech_taken_for_something_else(models: Path) -> None:
    assert "false alarm" not in documents(models)[models / "mlp" / "CARD.md"]
    found = {
        "corpora": {"cremad": {"n": 900, "flagged": 9}, "tess": {"n": 100, "flagged": 0}},
        "conditions": {"pink-0": {"n": 50, "flagged": 20}, "gone": {"n": 5, "flagged": 5}},
        "commit": "abc123",
        "command": "python -m emo evaluate --protocol non-speech",
    }
    (models / "non_speech.json").write_text(json.dumps(found))
    for key in TITLES:
        text = documents(models)[models / key / "CARD.md"]
        flat = " ".join(text.split())
        assert "every flagged one is a false alarm: 9 of 1,000, 0.9 %." in flat
        after = text.split("### Speech mistaken for other sound")[1].split("### By sex")[0]
        assert row(after, "CREMA-D") == ["900", "9", "1.0 %"]
        assert row(after, "pink noise at an SNR of 0 dB") == ["50", "20", "40.0 %"]


def test_documents_are_sound_markdown(measured: Path) -> None:
    for path, text in documents(measured).items():
        assert text.endswith("\n")
        assert not re.search(r"[ \t]$", text, re.MULTILINE), path
        assert "None" not in text
        assert "{" not in text
        assert "nan" not in text
        assert "\n\n\n" not in text


def test_every_table_is_as_wide_as_its_header(measured: Path) -> None:
    for text in documents(measured).values():
        for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            assert len({line.count("|") for line in table.splitlines()}) == 1


def test_links_lead_to_files(measured: Path) -> None:
    text = documents(measured)[measured / "README.md"]
    found = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "CARD" not in link]
    assert len(found) == 4 * len(CLASSIFIERS) + 1  # of each protocol; the figures of subsets
    assert [link for link in found if not (measured / link).exists()] == []


def test_clips_that_could_not_be_tested_are_named(models: Path) -> None:
    protocols = read(models, "cnn")
    protocols["random"]["left_out"] = [
        {"fold": 1, "clip": "1076_MTI_SAD_XX", "reason": "It is silent."}
    ]
    write(models, "cnn", protocols)
    card = documents(models)[models / "cnn/CARD.md"]
    assert "\nNot tested: 1076_MTI_SAD_XX (It is silent.)\n" in card


# --- Up to date ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_documents_go_stale_with_the_numbers_and_are_made_anew(models: Path) -> None:
    readme = models.parent / "README.md"
    readme.write_text(f"# Emo\n\n{BEGIN}\nold\n{END}\n\nMore.\n")
    results = models.parent / RESULTS
    board = models.parent / leaderboard.PAGE
    assert set(write_cards(models, readme)) == {
        *(models / key / "CARD.md" for key in TITLES),
        models / "README.md",
        readme,
        results,
        board,
        models / "guests" / leaderboard.SCHEMA_FILE,
    }
    assert stale_documents(models, readme) == ()
    assert write_cards(models, readme) == ()
    assert readme.read_text() == (
        f"# Emo\n\n{BEGIN}\n\n{summary_table(models)}\n\n{END}\n\nMore.\n"
    )
    assert results.read_text().endswith(report(models))
    protocols = read(models, "cnn")
    protocols["random"]["accuracy"] = 0.123
    write(models, "cnn", protocols)
    # The report counts for itself and is not misled.
    assert set(stale_documents(models, readme)) == {
        models / "cnn/CARD.md",
        models / "README.md",
        readme,
        board,
    }


@pytest.mark.parametrize(
    "text", ["# Emo\n", f"{BEGIN}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}{END}{END}"]
)
def test_a_readme_without_the_marks_is_refused(models: Path, text: str) -> None:
    readme = models.parent / "README.md"
    readme.write_text(text)
    with pytest.raises(ModelError, match="needs the line <!-- results:begin -->"):
        stale_documents(models, readme)
    assert readme.read_text() == text


def test_a_missing_readme_is_refused(models: Path) -> None:
    with pytest.raises(ModelError, match=r"README\.md needs the line"):
        stale_documents(models, models.parent / "README.md")


def test_missing_numbers_say_what_makes_them(models: Path) -> None:
    (models / "mlp/metrics.json").unlink()
    with pytest.raises(ModelError, match=r"no figures in .*mlp.*emo evaluate"):
        write_cards(models)
    (models / "tree/model.json").unlink()
    with pytest.raises(ModelError, match=r"There is no .*tree.*emo train"):
        write_cards(models)


@pytest.mark.parametrize("text", ["", "[", "{}", "[]", '{"protocols": {"random": {}}}'])
def test_damaged_numbers_are_refused(models: Path, text: str) -> None:
    (models / "mlp/metrics.json").write_text(text)
    with pytest.raises(ModelError, match=r"metrics\.json"):
        write_cards(models)


def test_damaged_predictions_are_refused(models: Path) -> None:
    (models / "tree/predictions/speakers.csv.gz").write_bytes(b"none")
    readme = models.parent / "README.md"
    readme.write_text(f"{BEGIN}\n{END}\n")
    with pytest.raises(CorpusError, match="is not a list of predictions"):
        stale_documents(models, readme)


@pytest.mark.slow
def test_the_documents_of_this_project_are_up_to_date() -> None:
    if not (MODELS / "ensemble" / "metrics.json").exists():
        pytest.skip("the models were not measured yet")
    stale = [
        path.relative_to(ROOT).as_posix() for path in stale_documents(MODELS, ROOT / "README.md")
    ]
    assert stale == [], "run: python -m emo docs"
