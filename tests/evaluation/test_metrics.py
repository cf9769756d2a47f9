import csv
import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import binom
from sklearn import metrics as sk

from emo.errors import CorpusError
from emo.evaluation.bootstrap import N_RESAMPLES, draw_speakers
from emo.evaluation.metrics import (
    calibration_error,
    confusion_matrix,
    protocol_metrics,
    score,
    speaker_intervals,
)
from emo.evaluation.predictions import (
    DECIMALS,
    Predictions,
    join,
    make_predictions,
    read_predictions,
    write_predictions,
)
from emo.labels import CALM, INDEX, LABELS, TRAINED_INDEX, TRAINED_LABELS

Probabilities = npt.NDArray[np.float64]


def sure(labels: Sequence[str], confidence: float = 1.0) -> Probabilities:
    """Probabilities with `confidence` on each label and the rest spread over the others."""
    probabilities = np.full((len(labels), 7), (1 - confidence) / 6)
    for row, label in enumerate(labels):
        probabilities[row, INDEX[label]] = confidence
    return probabilities


def predictions(emotions: Sequence[str], probabilities: Probabilities) -> Predictions:
    """Clips by two speakers in three corpora; probabilities (n, 7) or, with calm, (n, 8)."""
    n = len(emotions)
    without = len(TRAINED_LABELS) - probabilities.shape[1]
    probabilities = np.pad(probabilities, ((0, 0), (0, without)))
    return make_predictions(
        clips=tuple(f"clip{i}" for i in range(n)),
        corpora=tuple(("tess", "cremad", "own")[i % 3] for i in range(n)),
        speakers=tuple(f"tess-{i % 2}" for i in range(n)),
        folds=tuple(2 - i % 2 for i in range(n)),
        emotions=tuple(emotions),
        probabilities=probabilities,
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[str], Probabilities]:
    emotions = draw(st.lists(st.sampled_from(LABELS), min_size=1, max_size=40))
    weights = draw(
        hnp.arrays(np.float64, (len(emotions), 7), elements=st.floats(0.01, 1), fill=st.nothing())
    )
    return emotions, weights / weights.sum(axis=1, keepdims=True)


def test_four_clips_counted_by_hand() -> None:
    true = ["angry", "angry", "sad", "happy"]
    said = ["angry", "sad", "sad", "surprised"]
    scores = score(true, sure(said))
    expected = np.zeros((7, 7), dtype=int)
    expected[INDEX["angry"], INDEX["angry"]] = 1
    expected[INDEX["angry"], INDEX["sad"]] = 1
    expected[INDEX["sad"], INDEX["sad"]] = 1
    expected[INDEX["happy"], INDEX["surprised"]] = 1
    assert np.array_equal(scores.confusion, expected)
    assert scores.n == 4
    assert scores.accuracy == 2 / 4
    assert scores.uar == pytest.approx((1 / 2 + 1 + 0) / 3)
    # angry: precision 1, recall 1/2; sad: precision 1/2, recall 1; happy: never said.
    assert scores.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert scores.per_class["sad"].precision == 1 / 2
    assert scores.per_class["happy"].precision is None
    assert scores.per_class["happy"].recall == 0
    assert scores.per_class["surprised"].n == 0
    assert scores.per_class["surprised"].precision == 0
    assert scores.per_class["surprised"].recall is None
    assert scores.per_class["surprised"].f1 is None


def test_calibration_counted_by_hand() -> None:
    # Two bins: four clips at 0.9, of which three right; one at 0.5, right.
    true = np.array([INDEX[label] for label in ("angry", "angry", "angry", "sad", "happy")])
    probabilities = np.vstack([sure(["angry"] * 4, 0.9), sure(["happy"], 0.5)])
    expected = (4 * abs(3 / 4 - 0.9) + 1 * abs(1 - 0.5)) / 5
    assert calibration_error(true, probabilities) == pytest.approx(expected)


def test_certain_and_right_is_perfect() -> None:
    scores = score(LABELS, sure(LABELS))
    assert (scores.accuracy, scores.uar, scores.macro_f1, scores.ece) == (1, 1, 1, 0)


def test_absent_labels_are_not_counted_against_a_model() -> None:
    assert score(["angry", "sad"], sure(["angry", "sad"])).uar == 1


def test_of_equal_probabilities_the_first_label_counts() -> None:
    matrix = confusion_matrix(["sad"], np.full((1, 7), 1 / 7))
    assert matrix[INDEX["sad"], 0] == 1


@settings(deadline=None, max_examples=30)
@given(cases())
@pytest.mark.slow
def test_scikit_learn_counts_the_same(case: tuple[list[str], Probabilities]) -> None:
    emotions, probabilities = case
    said = [LABELS[i] for i in probabilities.argmax(axis=1)]
    present = [label for label in LABELS if label in emotions]
    scores = score(emotions, probabilities)
    matrix = sk.confusion_matrix(emotions, said, labels=LABELS)
    assert np.array_equal(scores.confusion, matrix)
    assert scores.accuracy == pytest.approx(sk.accuracy_score(emotions, said))
    options = {"labels": present, "average": "macro", "zero_division": 0}
    assert scores.uar == pytest.approx(sk.recall_score(emotions, said, **options))
    assert scores.macro_f1 == pytest.approx(sk.f1_score(emotions, said, **options))
    for label in present:
        one = scores.per_class[label]
        options = {"labels": [label], "average": "macro", "zero_division": 0}
        assert (one.precision or 0) == pytest.approx(sk.precision_score(emotions, said, **options))


@settings(deadline=None, max_examples=30)
@given(cases(), st.randoms())
def test_scores_do_not_depend_on_the_order_of_the_clips(
    case: tuple[list[str], Probabilities], random: Any
) -> None:
    emotions, probabilities = case
    order = list(range(len(emotions)))
    random.shuffle(order)
    a, b = score(emotions, probabilities), score([emotions[i] for i in order], probabilities[order])
    assert np.array_equal(a.confusion, b.confusion)
    assert a.ece == pytest.approx(b.ece)


@settings(deadline=None, max_examples=30)
@given(cases())
def test_rates_are_between_0_and_1_and_counts_add_up(
    case: tuple[list[str], Probabilities],
) -> None:
    emotions, probabilities = case
    scores = score(emotions, probabilities)
    assert scores.confusion.sum() == scores.n == len(emotions)
    assert sum(one.n for one in scores.per_class.values()) == scores.n
    assert all(0 <= x <= 1 for x in (scores.accuracy, scores.uar, scores.macro_f1, scores.ece))


@settings(deadline=None, max_examples=10)
@given(cases())
def test_stored_predictions_count_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[list[str], Probabilities]
) -> None:
    path = tmp_path_factory.mktemp("stored") / "deep" / "clips.csv.gz"
    emotions, probabilities = case
    made = predictions(emotions, np.round(probabilities, DECIMALS))  # as evaluation hands them over
    write_predictions(path, made)
    again = read_predictions(path)
    for name in ("clips", "corpora", "speakers", "folds", "emotions"):
        assert getattr(again, name).tolist() == getattr(made, name).tolist()
    assert np.array_equal(again.probabilities, made.probabilities)
    assert protocol_metrics(again) == protocol_metrics(made)


def test_a_file_has_the_stated_columns_and_the_same_bytes_again(tmp_path: Path) -> None:
    made = predictions(["sad", "happy"], sure(["sad", "angry"], 0.7))
    for name in ("a.csv.gz", "b.csv.gz"):
        write_predictions(tmp_path / name, made)
    data = (tmp_path / "a.csv.gz").read_bytes()
    assert data == (tmp_path / "b.csv.gz").read_bytes()
    assert data[3:8] == bytes(5)  # no name and no time in the header
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(data).decode())))
    assert list(rows[0])[:5] == ["clip", "corpus", "speaker", "fold", "emotion"]
    assert list(rows[0])[5:] == [f"p_{label}" for label in TRAINED_LABELS]
    assert rows[0]["p_sad"] == "0.700000"
    assert rows[1]["p_angry"] == "0.700000"


def test_protocol_metrics_of_all_clips_by_corpus_and_by_fold() -> None:
    emotions = ["angry", "sad", "happy", "happy"]
    block = protocol_metrics(predictions(emotions, sure(["angry", "sad", "happy", "sad"])))
    assert block["n"] == 4
    assert block["accuracy"] == 3 / 4
    assert list(block["per_class"]) == list(LABELS)
    assert list(block["per_corpus"]) == ["cremad", "tess", "own"]
    assert block["per_corpus"]["tess"]["n"] == 2
    assert block["per_corpus"]["tess"]["accuracy"] == 1 / 2
    assert (
        np.sum([c["confusion"] for c in block["per_corpus"].values()], axis=0).tolist()
        == (block["confusion"])
    )
    assert [(fold["fold"], fold["n"]) for fold in block["folds"]] == [(1, 2), (2, 2)]
    assert block["folds"][0]["accuracy"] == 1 / 2
    assert json.loads(json.dumps(block)) == block


# --- Labels asked for ----------------------------------------------------------------------------


def test_clips_of_other_labels_are_left_out_and_so_are_their_probabilities() -> None:
    rows = np.full((3, 8), 0.05)
    rows[0, TRAINED_INDEX[CALM]] = 0.65  # an angry clip that is taken for calm, else for sad
    rows[0, TRAINED_INDEX["sad"]] = 0.15
    made = predictions(["angry", CALM, "sad"], rows)
    asked = made.among(LABELS)
    assert asked.emotions.tolist() == ["angry", "sad"]
    assert asked.clips.tolist() == ["clip0", "clip2"]
    assert asked.probabilities.shape == (2, 7)
    assert asked.probabilities.sum(axis=1) == pytest.approx([1, 1])
    assert LABELS[asked.probabilities[0].argmax()] == "sad"
    ratio = asked.probabilities[0, INDEX["sad"]] / asked.probabilities[0, INDEX["angry"]]
    assert ratio == pytest.approx(0.15 / 0.05)


def test_protocol_metrics_of_fewer_labels_or_with_calm() -> None:
    rows = np.pad(sure(["angry", "sad", "happy"], 0.7), ((0, 0), (0, 1)))
    rows[2] = np.eye(8)[TRAINED_INDEX[CALM]]
    made = predictions(["angry", "sad", CALM], rows)
    six = protocol_metrics(made, ("angry", "sad"))
    assert (six["n"], six["labels"]) == (2, ["angry", "sad"])
    assert six["confusion"] == [[1, 0], [0, 1]]
    eight = protocol_metrics(made, TRAINED_LABELS)
    assert eight["n"] == 3
    assert eight["per_class"][CALM]["recall"] == 1
    assert protocol_metrics(made)["n"] == 2


def test_parts_join_to_the_whole() -> None:
    made = predictions(["angry", "sad", "happy"], sure(["angry", "sad", "sad"]))
    whole = join([made.take([2]), made.take([0, 1])])
    assert whole.clips.tolist() == ["clip2", "clip0", "clip1"]
    assert whole.emotions.tolist() == ["happy", "angry", "sad"]
    assert np.array_equal(whole.probabilities, made.probabilities[[2, 0, 1]])
    assert len(whole) == 3


# --- Intervals -----------------------------------------------------------------------------------


def spoken(n_speakers: int, n_right: int, n_clips: int = 1) -> Predictions:
    """Speakers of one corpus, all angry, of whom the first are always right and the rest never."""
    n = n_speakers * n_clips
    speakers = [f"cremad-{1001 + i % n_speakers}" for i in range(n)]
    right = [i % n_speakers < n_right for i in range(n)]
    return make_predictions(
        clips=tuple(f"clip{i}" for i in range(n)),
        corpora=("cremad",) * n,
        speakers=tuple(speakers),
        folds=(1,) * n,
        emotions=("angry",) * n,
        probabilities=sure(["angry" if one else "sad" for one in right]),
        labels=LABELS,
    )


@pytest.mark.parametrize("n_clips", [1, 20])
def test_an_interval_is_that_of_speakers_drawn_anew(n_clips: int) -> None:
    # How many of 50 draws are right is binomial with p = 0.8, however many clips each speaker has.
    low, high = binom.ppf([0.025, 0.975], 50, 0.8) / 50
    found = speaker_intervals(spoken(50, 40, n_clips))
    assert found["accuracy"] == pytest.approx([low, high], abs=0.0201)
    assert found["uar"] == found["accuracy"]  # there is one label


def test_interval_of_equal_speakers_has_no_width() -> None:
    made = spoken(10, 10)
    assert speaker_intervals(made) == {"accuracy": [1.0, 1.0], "uar": [1.0, 1.0]}


def test_the_interval_of_the_mean_recall_is_over_the_labels_present() -> None:
    one = spoken(1, 1, 9)
    two = make_predictions(
        ["x"], ["cremad"], ["cremad-1001"], [1], ["sad"], sure(["happy"]), LABELS
    )
    found = speaker_intervals(join([one, two]))
    assert found["accuracy"] == pytest.approx([0.9, 0.9])
    assert found["uar"] == pytest.approx([0.5, 0.5])


def test_as_many_speakers_of_each_corpus_are_drawn_as_it_has() -> None:
    speakers = ["tess-OAF", "tess-YAF", "savee-DC", "tess-OAF", "savee-JE", "savee-KL"]
    names, drawn = draw_speakers(speakers)
    assert names == ["savee-DC", "savee-JE", "savee-KL", "tess-OAF", "tess-YAF"]
    assert drawn.shape == (N_RESAMPLES, 5)
    assert (drawn[:, :3].sum(axis=1) == 3).all()
    assert (drawn[:, 3:].sum(axis=1) == 2).all()
    # Each of two is drawn once on average, and left out of a quarter of the resamples.
    assert drawn[:, 3].mean() == pytest.approx(1.0, abs=0.05)
    assert (drawn[:, 3] == 0).mean() == pytest.approx(0.25, abs=0.03)
    assert np.array_equal(draw_speakers(speakers)[1], drawn)


# --- What is refused -----------------------------------------------------------------------------


def test_score_rejects_no_clips() -> None:
    with pytest.raises(CorpusError, match="no clips"):
        score([], np.empty((0, 7)))


def test_an_emotion_outside_the_seven_is_refused() -> None:
    with pytest.raises(CorpusError, match="'calm' is not one of the emotions scored"):
        score(["calm"], sure(["sad"]))


def test_probabilities_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 6\), expected \(1, 7\)"):
        score(["sad"], np.full((1, 6), 1 / 6))


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        score(["sad"], np.full((1, 7), np.nan))


def test_read_predictions_names_the_command_for_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no predictions at .*emo evaluate"):
        read_predictions(tmp_path / "speakers.csv.gz")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"clip,corpus\n",
        gzip.compress(b"clip,corpus\n", mtime=0),
        gzip.compress(b"\xff\xfe\xfa", mtime=0),
        gzip.compress(b"x" * 1000, mtime=0)[:20],
        gzip.compress(bytes(range(256)) * 9, mtime=0)[:10] + b"\x07" + bytes(30),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "clips.csv.gz"
    path.write_bytes(data)
    with pytest.raises(CorpusError, match="is not a list of predictions"):
        read_predictions(path)


def test_a_damaged_row_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clips.csv.gz"
    write_predictions(path, predictions(["sad"], sure(["sad"])))
    text = gzip.decompress(path.read_bytes()).replace(b"1.000000", b"one")
    path.write_bytes(gzip.compress(text, mtime=0))
    with pytest.raises(CorpusError, match="is not a list of predictions"):
        read_predictions(path)
