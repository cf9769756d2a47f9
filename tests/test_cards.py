import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emo.cards import (
    BEGIN,
    END,
    TITLES,
    documents,
    results_table,
    stale_documents,
    write_cards,
)
from emo.errors import ModelError
from emo.labels import LABELS
from emo.metrics import Predictions, protocol_metrics

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "models"


def block(right: int) -> dict[str, Any]:
    """A protocol of 14 clips, two of each label, of which the first `right` are answered right."""
    emotions = [*LABELS, *LABELS]
    said = [i if n < right else (i + 1) % 7 for n, i in enumerate([*range(7), *range(7)])]
    made = Predictions(
        clips=tuple(f"clip{i}" for i in range(14)),
        corpora=("cremad",) * 7 + ("tess",) * 7,
        speakers=("a",) * 14,
        folds=(1,) * 14,
        emotions=tuple(emotions),
        probabilities=np.eye(7)[said],
    )
    source = {"command": "python -m emo evaluate …", "commit": "abc123", "seed": 1}
    return protocol_metrics(made) | source


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    for n, key in enumerate(TITLES):
        (folder / key).mkdir(parents=True)
        protocols = {"clips": block(7 + n), "voices": block(3 + n)}
        write(folder / key / "metrics.json", {"key": key, "protocols": protocols})
        if key != "vote":
            write(folder / key / "model.json", model(key))
    return folder


def model(key: str) -> dict[str, Any]:
    return {
        "key": key,
        "description": f"A {key} of the test.",
        "n_parameters": 12_345,
        "trained_on": {"corpora": ["cremad", "tess"], "clips": 12_797, "speakers": 121},
        "seed": 1,
        "commit": "abc123",
        "command": "python -m emo train all",
        "files": {"weights.npz": {"sha256": "f00d", "bytes": 1_000_000}},
    }


def write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def test_the_table_holds_the_measured_rates_of_all_four(models: Path) -> None:
    lines = results_table(models).splitlines()
    assert lines[0] == (
        "| Model | Random clips: accuracy | UAR | macro-F1 "
        "| Unseen voices: accuracy | UAR | macro-F1 |"
    )
    assert len({line.count("|") for line in lines[:6]}) == 1
    assert lines[2].startswith("| Decision tree | 50.0 % | 50.0 % |")
    assert lines[5].startswith("| Vote | 71.4 % | 71.4 % |")
    assert "- **Unseen voices** (fold 1 of 6, 14 clips tested): every clip of a tested speaker" in (
        "\n".join(lines)
    )


def test_a_protocol_that_was_not_measured_is_left_out(models: Path) -> None:
    for key in TITLES:
        path = models / key / "metrics.json"
        content = json.loads(path.read_text())
        del content["protocols"]["voices"]
        write(path, content)
    write_cards(models)
    assert "Unseen voices" not in (models / "README.md").read_text()
    assert results_table(models).splitlines()[0].count("|") == 5


def test_a_model_that_was_not_measured_so_has_a_dash(models: Path) -> None:
    path = models / "tree" / "metrics.json"
    content = json.loads(path.read_text())
    del content["protocols"]["clips"]
    write(path, content)
    assert results_table(models).splitlines()[2].startswith("| Decision tree | – | – | – |")


@pytest.mark.parametrize("key", TITLES)
def test_a_card_says_what_for_how_good_and_how_made(models: Path, key: str) -> None:
    write_cards(models)
    card = (models / key / "CARD.md").read_text()
    for heading in (
        f"# {TITLES[key]}",
        "## What it is for",
        "## What it is not for",
        "## Results",
        "## Training data and licences",
        "## Limits",
        "## Train it again",
    ):
        assert f"\n{heading}\n" in card
    assert "Article 5(1)(f)" in card
    assert "| Random clips | 14 |" in card
    assert "12,797 clips of 121 speakers" in card
    assert "CC BY-NC-ND 4.0" in card
    assert "SAVEE" not in card  # the models of this test were not trained on it
    assert ("`f00d`" in card) == (key != "vote")


def test_documents_are_sound_markdown(models: Path) -> None:
    for path, text in documents(models).items():
        assert text.endswith("\n")
        assert not re.search(r"[ \t]$", text, re.MULTILINE), path
        assert "None" not in text
        assert "{" not in text
        assert "\n\n\n" not in text


def test_every_table_is_as_wide_as_its_header(models: Path) -> None:
    for text in documents(models).values():
        for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            assert len({row.count("|") for row in table.splitlines()}) == 1


def test_documents_go_stale_with_the_numbers_and_are_made_anew(models: Path) -> None:
    readme = models.parent / "README.md"
    readme.write_text(f"# Emo\n\n{BEGIN}\nold\n{END}\n\nMore.\n")
    assert len(stale_documents(models, readme)) == 6
    assert set(write_cards(models, readme)) == {
        *(models / key / "CARD.md" for key in TITLES),
        models / "README.md",
        readme,
    }
    assert stale_documents(models, readme) == ()
    assert write_cards(models, readme) == ()
    assert readme.read_text() == (
        f"# Emo\n\n{BEGIN}\n\n{results_table(models)}\n\n{END}\n\nMore.\n"
    )
    write(models / "cnn/metrics.json", {"key": "cnn", "protocols": {"clips": block(14)}})
    assert set(stale_documents(models, readme)) == {
        models / "cnn/CARD.md",
        models / "README.md",
        readme,
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


def test_clips_that_could_not_be_tested_are_named(models: Path) -> None:
    left_out = [{"clip": "1076_MTI_SAD_XX", "reason": "It is silent."}]
    content = {"key": "cnn", "protocols": {"clips": block(14) | {"left_out": left_out}}}
    write(models / "cnn/metrics.json", content)
    write_cards(models)
    card = (models / "cnn/CARD.md").read_text()
    assert "\nNot tested: 1076_MTI_SAD_XX (It is silent.)\n" in card


def test_a_missing_readme_is_refused(models: Path) -> None:
    with pytest.raises(ModelError, match=r"README\.md needs the line"):
        stale_documents(models, models.parent / "README.md")


def test_missing_numbers_say_what_makes_them(models: Path) -> None:
    (models / "mlp/metrics.json").unlink()
    with pytest.raises(ModelError, match=r"There is no .*mlp.*emo evaluate"):
        write_cards(models)


@pytest.mark.parametrize("text", ["", "[", "{}", "[]", '{"protocols": {"clips": {}}}'])
def test_damaged_numbers_are_refused(models: Path, text: str) -> None:
    (models / "mlp/metrics.json").write_text(text)
    with pytest.raises(ModelError, match=r"metrics\.json"):
        write_cards(models)


def test_the_documents_of_this_project_are_up_to_date() -> None:
    if not (MODELS / "vote" / "metrics.json").exists():
        pytest.skip("the models were not measured yet")
    stale = [
        path.relative_to(ROOT).as_posix() for path in stale_documents(MODELS, ROOT / "README.md")
    ]
    assert stale == [], "run: python -m emo cards"
