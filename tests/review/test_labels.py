"""The file of the labels survives kills, other programs and other files."""

import csv
import os
from dataclasses import replace
from pathlib import Path

import pytest

from emo.errors import EmoError
from emo.review.labels import COLUMNS, Label, LabelFile, check_rater, read_labels

LABEL = Label("a/=1.wav", 0, "sad", "=Anna", "2026-11-30T09:15:00Z", "", "random", 1, "r1")


def test_labels_come_back_as_they_were(tmp_path):
    path = tmp_path / "labels.csv"
    file = LabelFile(path)
    second = replace(LABEL, window=3, label="(several)", rater="Ünal, B.")
    for label in (LABEL, second):
        file.put(label)
        assert read_labels(path)[-1] == label
    file.put(replace(LABEL, label="angry"))
    assert LabelFile(path).labels() == [replace(LABEL, label="angry"), second]
    assert LabelFile(path).labels("Ünal, B.") == [second]
    rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    assert rows[0] == list(COLUMNS)
    assert rows[1][:4] == ["a/=1.wav", "", "angry", "'=Anna"]  # no spreadsheet runs it


def test_a_label_that_is_taken_back_leaves_the_first_one_if_answers_were_shown(tmp_path):
    file = LabelFile(tmp_path / "labels.csv")
    file.put(LABEL)
    file.take_back("=Anna", LABEL.key, is_shown=False)
    assert file.labels() == [replace(LABEL, label="")]
    file.put(LABEL)
    file.take_back("=Anna", LABEL.key, is_shown=True)
    file.take_back("=Anna", LABEL.key, is_shown=True)
    assert LabelFile(tmp_path / "labels.csv").labels() == [
        replace(LABEL, label="", first_label="sad")
    ]
    file.take_back("nobody", LABEL.key, is_shown=True)
    assert len(file.labels()) == 1


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_kill_or_a_full_disk_leaves_the_labels_before(tmp_path, monkeypatch, name):
    path = tmp_path / "labels.csv"
    file = LabelFile(path)
    file.put(LABEL)
    before = path.read_bytes()

    def fail(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os if name == "fsync" else Path, name, fail)
        with pytest.raises(OSError, match="No space"):
            file.put(replace(LABEL, label="angry"))
    assert path.read_bytes() == before
    assert file.labels() == [LABEL]
    file.put(replace(LABEL, label="happy"))
    assert read_labels(path) == [replace(LABEL, label="happy")]


def test_rows_of_another_program_are_kept(tmp_path):
    path = tmp_path / "labels.csv"
    anna, ben = LabelFile(path), LabelFile(path)
    anna.put(LABEL)
    theirs = replace(LABEL, rater="Ben", label="happy")
    ben.put(theirs)
    anna.put(replace(LABEL, path="b.wav"))
    assert set(read_labels(path)) == {LABEL, theirs, replace(LABEL, path="b.wav")}


WRONG = {
    "other columns": "path,label\na.wav,sad\n",
    "another label": ",".join(COLUMNS) + "\na.wav,,bored,A,t,,random,1,r\n",
    "no number": ",".join(COLUMNS) + "\na.wav,x,sad,A,t,,random,1,r\n",
    "no rater": ",".join(COLUMNS) + "\na.wav,,sad,,t,,random,1,r\n",
    "empty": "",
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_another_file_is_neither_read_nor_replaced(tmp_path, content):
    path = tmp_path / "labels.csv"
    path.write_text(content)
    with pytest.raises(EmoError, match="is no file of labels"):
        LabelFile(path)
    assert path.read_text() == content


def test_unusable_paths_are_named(tmp_path):
    with pytest.raises(EmoError, match="There is no folder"):
        LabelFile(tmp_path / "no" / "labels.csv")
    with pytest.raises(EmoError, match="There is no file"):
        read_labels(tmp_path / "no.csv")
    (tmp_path / "latin.csv").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(EmoError, match="no text in UTF-8"):
        read_labels(tmp_path / "latin.csv")


def test_rater_has_a_name_of_one_line():
    assert check_rater("Anna") == ""
    for name in ("", "  ", "a\nb", "x" * 61):
        assert check_rater(name)
