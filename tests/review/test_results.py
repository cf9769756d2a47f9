"""Test the results of a review against counts by hand."""

import json
import math
from pathlib import Path

import pytest

from emo.errors import EmoError
from emo.review import report
from emo.review.labels import NONE, SEVERAL, SKIPPED
from emo.review.results import ANSWER
from emo.review.session import Review, ReviewConfig, read_config
from emo.review.settings import CONFIDENCE
from tests.support.batches import spread, write_batch


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("review")
    write_batch(folder, spread(30), name="rows.parquet")
    return folder


@pytest.fixture
def config(folder, tmp_path):
    rows, out = str(folder / "rows.parquet"), str(tmp_path / "labels.csv")
    return ReviewConfig(rows, str(folder), out, take="12")


def label_all(review, rater, values):
    for place, value in enumerate(values):
        own = review.clips[place].answer.label
        wrong = "angry" if own != "angry" else "sad"
        review.answer(rater, place, {"right": own, "wrong": wrong}.get(value, value))


def test_accuracy_is_of_the_clips_with_one_emotion(config):
    review = Review(config)
    values = ["right"] * 5 + ["wrong"] * 3 + [SEVERAL, NONE, SKIPPED, SKIPPED]
    label_all(review, "Anna", values)
    results = review.results()
    (rater,) = results.raters
    assert (rater.n_labelled, rater.n_several, rater.n_none, rater.n_skipped) == (8, 1, 1, 2)
    estimate = rater.accuracy[ANSWER]
    assert (estimate.share, estimate.n) == (5 / 8, 8)
    assert estimate.low < 5 / 8 < estimate.high
    assert rater.range == (5 / 10, 7 / 10)
    assert set(rater.accuracy) == {ANSWER, "tree", "cnn", "mlp", "pretrained"}
    given = [label.label for i in range(8) if (label := review.label("Anna", i))]
    assert rater.accuracy["cnn"].share == given.count("angry") / 8
    assert rater.alphas[ANSWER].n == 10
    assert results.alpha is None
    assert [label for _, label, _ in results.differing][3:] == [SEVERAL, NONE]
    assert len(results.differing) == 5
    json.dumps(results.to_dict(), allow_nan=False)
    lines = "\n".join(report.result_lines(results))
    assert "Anna: 8 clips with one emotion, 1 with several, 1 with none of them and 2" in lines
    assert "Answer of the batch       62.5 %" in lines
    assert "with all right 70.0 %" in lines


def test_two_raters_agree_as_alpha_says(config):
    review = Review(config)
    label_all(review, "Anna", ["right"] * 6)
    label_all(review, "Ben", ["right"] * 3 + ["wrong"] * 3)
    first = review.results()
    assert first.alpha is not None
    assert first.alpha.n == 6
    assert 0 < first.alpha.alpha < 1
    label_all(review, "Cem", [SKIPPED])
    results = review.results()
    assert results.alpha == first.alpha  # who skipped gave no value
    assert set(results.pairs) == {("Anna", "Ben"), ("Anna", "Cem"), ("Ben", "Cem")}
    assert math.isnan(results.pairs["Anna", "Cem"].alpha)
    assert results.raters[2].accuracy == {}
    assert "Agreement of the 3 raters on 6 clips: alpha 0." in report.raters_agree(results)[0]


def test_labels_changed_after_the_answers_are_told_apart(config):
    review = Review(config)
    label_all(review, "Anna", ["right", "wrong"])
    review.take_back("Anna", 2)
    assert review.place("Anna") == 1
    review.answer("Anna", 1, review.clips[1].answer.label)
    (rater,) = review.results().raters
    assert rater.n_changed == 1
    assert rater.accuracy[ANSWER].share == 1
    assert rater.first_accuracy is not None
    assert rater.first_accuracy.share == 1 / 2


def test_blind_labels_may_be_corrected(config):
    review = Review(read_config(config.to_json().replace('"is_blind": false', '"is_blind": true')))
    label_all(review, "Anna", ["right", "wrong"])
    review.take_back("Anna", 2)
    review.answer("Anna", 1, review.clips[1].answer.label)
    assert review.results().raters[0].n_changed == 0


def test_answers_to_other_places_change_nothing(config):
    review = Review(config)
    for place in (1, 12, -1):
        review.answer("Anna", place, "sad")
    review.take_back("Anna", 0)
    assert review.place("Anna") == 0
    label_all(review, "Anna", ["right"] * 12)
    review.answer("Anna", 12, "sad")
    assert review.place("Anna") == 12


def test_a_review_goes_on_with_the_same_settings_alone(config):
    label_all(Review(config), "Anna", ["right"] * 4)
    assert Review(config).place("Anna") == 4
    more = read_config(config.to_json().replace('"take": "12"', '"take": "20"'))
    assert Review(more).place("Anna") == 4  # the first clips of a larger draw
    for change in ({"choice": CONFIDENCE}, {"seed": 2}):
        other = ReviewConfig(config.rows, config.clips, config.out, **change)
        with pytest.raises(EmoError, match="was given in another review"):
            Review(other)


def test_labels_that_are_not_the_first_of_the_draw_are_no_estimate(config):
    review = Review(config)
    label_all(review, "Anna", ["right"] * 6)
    out = Path(config.out)
    rows = out.read_text(encoding="utf-8").splitlines(keepends=True)
    out.write_text("".join(rows[:3] + rows[4:]), encoding="utf-8")
    (rater,) = Review(config).results().raters
    assert (rater.accuracy[ANSWER].n, rater.n_elsewhere) == (2, 3)
    assert "3 clips labelled by Anna" in "\n".join(report.remarks(Review(config).results()))
