"""The command ``emo review`` without its page, which tests/browser/pages/test_review.py opens."""

import json

import pytest

from emo.cli.main import main
from emo.review.session import Review, ReviewConfig
from tests.support.batches import spread, write_batch


@pytest.fixture
def rows(tmp_path):
    return write_batch(tmp_path, spread(10), name="rows.csv")


def review(rows, *options):
    return main(["review", str(rows), "--clips", str(rows.parent), *options])


def test_results_are_printed_and_written(rows, tmp_path, capsys):
    assert review(rows, "--results") == 0
    assert capsys.readouterr().out == "Nobody has labelled a clip yet.\n"
    out, theirs = tmp_path / "rows.labels.csv", tmp_path / "ben.csv"
    for rater, path in (("Anna", out), ("Ben", theirs)):
        one = Review(ReviewConfig(str(rows), str(tmp_path), str(path)))
        for place in range(4):
            one.answer(rater, place, one.clips[place].answer.label)
    report = tmp_path / "results.json"
    assert review(rows, "--results", "--with", str(theirs), "--json", str(report)) == 0
    printed = capsys.readouterr()
    assert "Anna: 4 clips with one emotion; the batch has 10 clips." in printed.out
    assert "Agreement of the 2 raters on 4 clips: alpha 1.00" in printed.out
    assert "not for review: 1 have no answer." in printed.err
    written = json.loads(report.read_text())
    assert [one["rater"] for one in written["raters"]] == ["Anna", "Ben"]
    assert written["raters"][0]["accuracy"]["answer"]["share"] == 1.0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--out", "labels.txt"), "--out must end in .csv"),
        (("--choose", "best"), "invalid choice"),
        (("--rater", "x" * 70), "--rater: Please give a name of at most 60 letters."),
        (("--port", "0"), "the number must be at least 1"),
    ],
)
def test_wrong_usage_is_named(rows, capsys, options, reason):
    with pytest.raises(SystemExit) as stopped:
        review(rows, *options)
    assert stopped.value.code == 2
    assert reason in capsys.readouterr().err


def test_errors_are_sentences(rows, tmp_path, capsys):
    for options, reason in (
        (("--take", "none"), "--take none is neither a number of clips nor a share"),
        (("--with", str(tmp_path / "no.csv")), "There is no file"),
        (("--run", "beef"), "has no rows of the run beef"),
        (("--out", str(tmp_path / "no" / "labels.csv")), "There is no folder"),
    ):
        assert review(rows, "--results", *options) == 1
        assert reason in capsys.readouterr().err
