"""Figures by race and ethnicity, from a made-up copy of CREMA-D's table of actors."""

from pathlib import Path

import numpy as np
import pytest

from emo.corpora.metadata import (
    DEMOGRAPHICS,
    find_demographics,
    read_races_and_ethnicities,
    read_sexes_and_ages,
)
from emo.errors import CorpusError
from emo.evaluation.figures.groups import fairness
from emo.evaluation.predictions import Predictions, make_predictions
from emo.evaluation.tables import fairness_tables
from emo.labels import TRAINED_LABELS

TABLE = """ActorID,Age,Sex,Race,Ethnicity
1001,51,Male,Caucasian,Not Hispanic
1002,21,Female,African American,Not Hispanic
1003,33,Female,Unknown,Hispanic
1004,42,Male,,
"""


def angry(right: list[bool], speakers: list[str]) -> Predictions:
    """Return predictions of clips acted angry."""
    rows = np.full((len(right), len(TRAINED_LABELS)), 0.05)
    rows[np.arange(len(right)), [0 if is_right else 1 for is_right in right]] = 0.65
    return make_predictions(
        [f"clip{i}" for i in range(len(right))],
        [name.split("-")[0] for name in speakers],
        speakers,
        [1] * len(right),
        ["angry"] * len(right),
        rows,
    )


@pytest.mark.parametrize("place", ["", "CREMA-D", "corpora/CREMA-D"])
def test_table_is_found_in_the_folder_or_a_checkout_in_it(tmp_path: Path, place: str) -> None:
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DEMOGRAPHICS).write_text(TABLE)
    assert find_demographics(tmp_path) == folder / DEMOGRAPHICS
    assert read_races_and_ethnicities(tmp_path)["cremad-1002"] == (
        "African American",
        "Not Hispanic",
    )


def test_figures_by_race_and_ethnicity(tmp_path: Path) -> None:
    (tmp_path / DEMOGRAPHICS).write_text(TABLE)
    speakers = ["cremad-1001", "cremad-1001", "cremad-1002", "cremad-1003", "cremad-1004"]
    found = fairness(
        angry([True, False, True, False, True, True], [*speakers, "tess-OAF"]), tmp_path
    )
    assert list(found) == ["sex", "age", "race", "ethnicity", "corpus"]
    races = {name: (row["n"], row["accuracy"]) for name, row in found["race"].items()}
    assert races == {"African American": (1, 1.0), "Caucasian": (2, 0.5), "Unknown": (1, 0.0)}
    assert found["ethnicity"]["Not Hispanic"]["n"] == 3
    assert found["ethnicity"]["Not Hispanic"]["speakers"] == 2
    assert found["ethnicity"]["Hispanic"]["accuracy"] == 0.0
    text = "\n".join(fairness_tables(found))
    assert "| Race, actors of CREMA-D |" in text
    assert "| Ethnicity, actors of CREMA-D |" in text
    # Sex and age are read from it too, where there is no other table.
    assert found["sex"]["women"]["n"] == 3
    assert found["age"]["45 to 59"]["n"] == 2


def test_without_the_table_there_are_no_such_rows(tmp_path: Path) -> None:
    assert list(fairness(angry([True], ["cremad-1001"]), tmp_path)) == ["sex", "age", "corpus"]
    assert read_races_and_ethnicities(tmp_path) == {}


def test_table_of_actors_takes_precedence_for_sex_and_age(tmp_path: Path) -> None:
    (tmp_path / DEMOGRAPHICS).write_text(TABLE)
    (tmp_path / "cremad_actors.csv").write_text("speaker,age,sex\n1001,30,Female\n")
    assert read_sexes_and_ages(tmp_path) == {"cremad-1001": ("women", 30)}


@pytest.mark.parametrize("text", ["ActorID,Age,Sex\n1001,51,Male\n", "a;b\n1;2\n"])
def test_other_columns_are_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / DEMOGRAPHICS).write_text(text)
    with pytest.raises(CorpusError, match="columns ActorID, Race and Ethnicity"):
        read_races_and_ethnicities(tmp_path)
