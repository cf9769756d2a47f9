from pathlib import Path

import numpy as np
import pytest

from emo.corpora.catalogue import Recording, default_directory
from emo.corpora.metadata import (
    ACTORS,
    LISTENER_COLUMNS,
    LISTENER_LABELS,
    VOTES,
    age_band_of,
    listener_soft_labels,
    read_sexes_and_ages,
    read_votes,
    sex_of,
)
from emo.errors import CorpusError
from emo.labels import LABELS, TRAINED_INDEX

DATA = default_directory()
HEADER = "clip,angry,disgusted,fearful,happy,neutral,sad"


def recording(stem: str, corpus: str = "cremad") -> Recording:
    return Recording(Path("nowhere"), corpus, stem, "cremad-1001", "angry")


def test_read_votes_are_in_the_order_of_the_labels(tmp_path: Path) -> None:
    (tmp_path / VOTES).write_text(f"{HEADER}\nA,1,2,3,4,5,6\nB,0,0,0,0,0,0\n")
    found = read_votes(tmp_path)
    assert found["A"].tolist() == [1, 2, 3, 4, 5, 6]
    assert LISTENER_LABELS == ("angry", "disgusted", "fearful", "happy", "neutral", "sad")
    assert [LABELS[i] for i in LISTENER_COLUMNS] == list(LISTENER_LABELS)


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    (tmp_path / VOTES).write_text("sad,neutral,happy,fearful,disgusted,angry,clip\n6,5,4,3,2,1,A\n")
    assert read_votes(tmp_path)["A"].tolist() == [1, 2, 3, 4, 5, 6]


def test_read_votes_without_a_table_is_empty(tmp_path: Path) -> None:
    assert read_votes(tmp_path) == {}
    assert read_sexes_and_ages(tmp_path) == {}
    assert not listener_soft_labels((recording("A"),), tmp_path).any()


@pytest.mark.parametrize("text", ["clip,angry\nA,1\n", f"{HEADER}\nA,1,2,3,4,5,many\n"])
def test_read_votes_rejects_another_table(tmp_path: Path, text: str) -> None:
    (tmp_path / VOTES).write_text(text)
    with pytest.raises(CorpusError, match=r"is not a table of votes with the columns clip, angry"):
        read_votes(tmp_path)


def test_a_short_row_is_refused(tmp_path: Path) -> None:
    (tmp_path / VOTES).write_text(f"{HEADER}\nA,1,2\n")
    with pytest.raises(CorpusError, match="is not a table of votes"):
        read_votes(tmp_path)


def test_listener_soft_labels_add_up_to_one_where_there_are_votes(tmp_path: Path) -> None:
    (tmp_path / VOTES).write_text(f"{HEADER}\nA,3,0,1,0,0,0\nB,0,0,0,0,0,0\n")
    recordings = (recording("A"), recording("B"), recording("C"), recording("A", "savee"))
    found = listener_soft_labels(recordings, tmp_path)
    assert found.shape == (4, 8)
    assert found.dtype == np.float32
    assert found[0, TRAINED_INDEX["angry"]] == 0.75
    assert found[0, TRAINED_INDEX["fearful"]] == 0.25
    assert found.sum(axis=1).tolist() == [1, 0, 0, 0]


def test_actors_by_speaker(tmp_path: Path) -> None:
    (tmp_path / ACTORS).write_text("speaker,age,sex\n1001,51,Male\n1002,21,Female\n")
    actors = read_sexes_and_ages(tmp_path)
    assert actors == {"cremad-1001": ("men", 51), "cremad-1002": ("women", 21)}
    assert sex_of("cremad-1002", actors) == "women"
    assert sex_of("cremad-1003", actors) is None
    assert age_band_of("cremad-1001", actors) == "45 to 59"
    assert age_band_of("tess-OAF", actors) is None


@pytest.mark.parametrize(
    "text",
    ["speaker,age\n1001,51\n", "speaker,age,sex\n1001,old,Male\n", "speaker,age,sex\n1001,51,?\n"],
)
def test_read_sexes_and_ages_rejects_another_table(tmp_path: Path, text: str) -> None:
    (tmp_path / ACTORS).write_text(text)
    with pytest.raises(CorpusError, match="is not a table of actors with the columns speaker, age"):
        read_sexes_and_ages(tmp_path)


@pytest.mark.parametrize(
    ("speaker", "sex"),
    [
        ("ravdess-01", "men"),
        ("ravdess-24", "women"),
        ("tess-YAF", "women"),
        ("savee-DC", "men"),
        ("cremad-1001", None),
    ],
)
def test_sex_of_a_speaker(speaker: str, sex: str | None) -> None:
    assert sex_of(speaker, {}) == sex


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (17, None),
        (18, "18 to 29"),
        (29, "18 to 29"),
        (30, "30 to 44"),
        (45, "45 to 59"),
        (60, "60 and over"),
        (74, "60 and over"),
    ],
)
def test_age_band_of_a_speaker(age: int, band: str | None) -> None:
    assert age_band_of("cremad-1001", {"cremad-1001": ("men", age)}) == band


@pytest.mark.skipif(DATA is None, reason="the corpora are not on this machine")
def test_the_tables_beside_the_corpora() -> None:
    assert DATA is not None
    votes, actors = read_votes(DATA), read_sexes_and_ages(DATA)
    if not votes or not actors:
        pytest.skip("this copy of the corpora has no tables beside it")
    assert len(votes) == 7442
    assert len(actors) == 91
    assert sum(sex == "men" for sex, _ in actors.values()) == 48  # Cao et al. 2014
    assert {age_band_of(speaker, actors) for speaker in actors} == {
        "18 to 29",
        "30 to 44",
        "45 to 59",
        "60 and over",
    }
