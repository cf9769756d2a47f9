"""Test filters and their figures against the stored figures and scikit-learn."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as oracle

from emo.classifiers.registry import CLASSIFIERS
from emo.corpora.catalogue import default_directory
from emo.corpora.metadata import LISTENER_LABELS, read_sexes_and_ages, read_votes
from emo.errors import CorpusError, ModelError
from emo.evaluation import metrics, subsets
from emo.evaluation.figures.benchmark import EMOBOX
from emo.evaluation.predictions import Predictions, make_predictions
from emo.evaluation.stored import read_metrics
from emo.inference.explanation_text import PLAIN_TREE
from emo.labels import ENSEMBLE, LABELS, TRAINED_LABELS
from tests.support.predictions import copy_models, write_tables

KEYS = (*CLASSIFIERS, ENSEMBLE)
SHIPPED = Path(__file__).resolve().parents[2] / "models"
CLOSE = 2e-6  # the stored figures have six decimals


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def tables(models: Path) -> subsets.Tables:
    return subsets.read_tables(models, "speakers")


ACTORS = {f"cremad-{1001 + 18 * i}": ("women" if i % 2 else "men", 30) for i in range(3)}


def random_predictions(n: int = 400, k: int = 5, seed: int = 3) -> Predictions:
    """Return predictions whose probabilities lie on a coarse grid, so that many are equal."""
    rng = np.random.default_rng(seed)
    probabilities = np.round(rng.dirichlet(np.ones(k), n), 1)
    labels = LABELS[:k]
    return make_predictions(
        clips=[f"clip {i}" for i in range(n)],
        corpora=["cremad"] * n,
        speakers=[f"cremad-{1001 + i % 7}" for i in range(n)],
        folds=[i % 3 for i in range(n)],
        emotions=rng.choice(np.array(labels), n).tolist(),
        probabilities=probabilities,
        labels=labels,
    )


# --- Unfiltered figures --------------------------------------------------


def check_stored(models: Path, protocol: str) -> int:
    """Compare matrices with those in ``metrics.json``, and return how many were compared."""
    given, n_compared = subsets.read_tables(models, protocol), 0
    for key in KEYS:
        block = read_metrics(models, key)["protocols"][protocol]
        for corpus in (subsets.ALL, *block["per_corpus"]):
            if corpus == subsets.ALL and protocol == "emobox":
                continue
            stored = block if corpus == subsets.ALL else block["per_corpus"][corpus]
            if stored.get("protocol", protocol) != protocol:
                continue
            part = subsets.filter_clips(given, stored.get("labels", LABELS), corpus)
            found = subsets.scores(part[key])
            if protocol == "emobox":
                found |= subsets.fold_means(part[key])
            if protocol == "cross-corpus" and corpus == subsets.ALL:
                mean = subsets.uar_of_folds(part[key])
                assert mean is not None
                found["uar"], found["intervals"]["uar"] = mean
            assert found["confusion"] == stored["confusion"], (key, corpus)
            for name in ("n", "accuracy", "uar", "macro_f1", "ece"):
                if name in stored:
                    assert found[name] == pytest.approx(stored[name], abs=CLOSE), (key, name)
            for name, interval in stored.get("intervals", {}).items():
                assert found["intervals"][name] == pytest.approx(interval, abs=CLOSE)
            assert found["coverage"] == 1.0
            n_compared += 1
    return n_compared


@pytest.mark.parametrize("protocol", ["speakers", "random", "cross-corpus", "emobox"])
def test_unfiltered_scores_equal_the_stored_figures(models: Path, protocol: str) -> None:
    assert check_stored(models, protocol) >= 8


@pytest.mark.parametrize("protocol", ["speakers", "random", "cross-corpus", "emobox"])
@pytest.mark.slow
def test_shipped_predictions_give_the_shipped_figures(protocol: str) -> None:
    if protocol not in read_metrics(SHIPPED, ENSEMBLE)["protocols"]:
        pytest.skip(f"{protocol} was not run")
    assert check_stored(SHIPPED, protocol) >= 8


def test_shipped_surrogate_is_less_accurate_than_the_tree() -> None:
    assert "right less often" in PLAIN_TREE
    block = read_metrics(SHIPPED, "tree")["protocols"]["speakers"]
    assert block["surrogate"]["n"] == block["n"]
    assert block["surrogate"]["intervals"]["accuracy"][1] < block["intervals"]["accuracy"][0]


@pytest.mark.parametrize("corpus", [name for name, row in EMOBOX.items() if row[0] == "speakers"])
def test_emobox_scores_of_unseen_speakers_equal_the_stored_figures(
    models: Path, corpus: str
) -> None:
    given = subsets.read_tables(models, "speakers")
    for key in KEYS:
        stored = read_metrics(models, key)["protocols"]["emobox"]["per_corpus"][corpus]
        part = subsets.filter_clips(given, EMOBOX[corpus][1], corpus)
        assert subsets.scores(part[key])["confusion"] == stored["confusion"]
        assert subsets.fold_means(part[key])["uar"] == pytest.approx(stored["uar"], abs=CLOSE)


@pytest.mark.parametrize("shipped", [False, True])
@pytest.mark.slow
def test_listener_figures_equal_the_stored_ones(models: Path, shipped: bool) -> None:
    folder = default_directory() if shipped else models.parent / "corpora"
    if not shipped:
        write_tables(models.parent / "corpora")
    if folder is None or not (votes := read_votes(folder)):
        pytest.skip("the votes of the listeners are not here")
    here = SHIPPED if shipped else models
    named = subsets.filter_clips(subsets.read_tables(here, "speakers"), LISTENER_LABELS, "cremad")
    heard_of = [clip in votes and votes[clip].sum() > 0 for clip in named[ENSEMBLE].clips.tolist()]
    for key in KEYS:
        stored = read_metrics(here, key)["protocols"]["listeners"]
        found = subsets.scores(named[key].take(np.array(heard_of)))
        assert found["confusion"] == stored["confusion"]
    human = json.loads((here / "listeners.json").read_text())
    heard = subsets.add_votes(named, votes)
    found = subsets.listeners(heard)
    assert tuple(found.pop("labels")) == LISTENER_LABELS
    for name, value in found.items():
        np.testing.assert_allclose(value, human[name], atol=CLOSE, err_msg=name)
    for acted in LISTENER_LABELS[:2]:
        rows = subsets.clips_voted(heard[subsets.LISTENERS], acted, "sad")
        assert heard[subsets.LISTENERS].probabilities[rows][:, 5].min() > 0
        total = sum(heard[subsets.LISTENERS].probabilities[rows][:, 5])
        assert total == human["confusion"][LISTENER_LABELS.index(acted)][5]


# --- Filters -------------------------------------------------------------------------------------


def test_filter_clips_by_sex_and_corpus(tables: subsets.Tables) -> None:
    women = subsets.filter_clips(tables, LABELS, sex="women", actors=ACTORS)[ENSEMBLE]
    assert {str(one) for one in women.speakers} == {
        "cremad-1019", "ravdess-04", "ravdess-08", "ravdess-02", "ravdess-06", "tess-OAF",
        "tess-YAF",
    }  # fmt: skip
    men = subsets.filter_clips(tables, LABELS, "ravdess", "men", ACTORS)[ENSEMBLE]
    assert {str(one) for one in men.speakers} == {"ravdess-01", "ravdess-03"}
    assert set(men.corpora.tolist()) == {"ravdess"}
    whole = tables[ENSEMBLE]
    unknown = whole.speakers[subsets.sexes_of(whole, ACTORS) == ""].tolist()
    assert {name.split("-")[0] for name in unknown} == {"cremad"}
    assert "cremad-1055" in unknown


def test_filtered_probabilities_add_up_to_one(tables: subsets.Tables) -> None:
    part = subsets.filter_clips(tables, LISTENER_LABELS)
    for table in part.values():
        assert set(table.emotions.tolist()) == set(LISTENER_LABELS)
        assert table.probabilities.shape == (len(table), 6)
        assert np.allclose(table.probabilities.sum(axis=1), 1)
    assert tables[ENSEMBLE].labels == TRAINED_LABELS


def test_scores_leave_out_predictions_below_the_threshold() -> None:
    given = random_predictions()
    sure = given.probabilities.max(axis=1) >= 0.5
    found = subsets.scores(given, 0.5)
    assert found["coverage"] == sure.mean()
    assert found["n"] == sure.sum()
    chosen = np.array(given.labels)[given.probabilities[sure].argmax(axis=1)]
    expected = oracle.confusion_matrix(given.emotions[sure], chosen, labels=list(given.labels))
    assert found["confusion"] == expected.tolist()
    assert found["accuracy"] == oracle.accuracy_score(given.emotions[sure], chosen)
    assert found["uar"] == pytest.approx(
        oracle.balanced_accuracy_score(given.emotions[sure], chosen)
    )


def test_scores_above_every_confidence_are_empty() -> None:
    found = subsets.scores(random_predictions(), 1.1)
    assert (found["n"], found["coverage"]) == (0, 0.0)
    assert np.array(found["confusion"]).tolist() == np.zeros((5, 5)).tolist()
    assert "accuracy" not in found
    assert subsets.fold_means(random_predictions(), 1.1) == {}
    nobody = random_predictions().take(np.array([], dtype=np.int64))
    assert subsets.scores(nobody)["coverage"] == 0.0
    assert metrics.roc(nobody) == ()
    assert metrics.expected_error(nobody) is None


def test_clips_in_cell_partition_the_clips() -> None:
    given = random_predictions()
    confusion = subsets.scores(given, 0.4)["confusion"]
    seen: list[int] = []
    for i, acted in enumerate(given.labels):
        for j, answer in enumerate(given.labels):
            rows = subsets.clips_in_cell(given, acted, answer, 0.4)
            assert len(rows) == confusion[i][j]
            assert set(given.emotions[rows].tolist()) <= {acted}
            confidence = given.probabilities[rows].max(axis=1)
            assert (np.diff(confidence) <= 0).all()
            assert (confidence >= 0.4).all()
            seen += rows.tolist()
    assert len(seen) == len(set(seen))


# --- Reliability and ROC -------------------------------------------------------------------------


def test_reliability_bins_give_the_calibration_error() -> None:
    given = random_predictions()
    bins = metrics.reliability(given)
    assert sum(one.n for one in bins) == len(given)
    gaps = np.abs(metrics.calibration_gaps(given.targets(), given.probabilities).sum(axis=0))
    weighed = 0.0
    for one, gap in zip(bins, gaps, strict=True):
        if one.accuracy is None or one.confidence is None:
            assert one.n == 0
            assert gap == 0
            continue
        assert one.n * abs(one.accuracy - one.confidence) == pytest.approx(gap)
        assert one.low - 1e-9 <= one.confidence <= one.high + 1e-9
        weighed += one.n * abs(one.accuracy - one.confidence) / len(given)
    assert weighed == pytest.approx(metrics.expected_error(given))


def test_reliability_bins_by_hand() -> None:
    given = random_predictions(3, 2)
    shares = np.array([[0.95, 0.05], [0.1, 0.9], [1.0, 0.0]])
    given = replace(given, emotions=np.array(["angry"] * 3), probabilities=shares)
    bins = metrics.reliability(given)
    assert [one.n for one in bins] == [0] * 13 + [1, 2]  # 0.9 lies in the last but one
    assert bins[14].confidence == pytest.approx(0.975)
    assert bins[14].accuracy == 1.0
    assert bins[13].confidence == pytest.approx(0.9)
    assert bins[13].accuracy == 0.0


def test_roc_is_that_of_scikit_learn() -> None:
    given = random_predictions()
    curves = metrics.roc(given, points=None)
    assert [one.label for one in curves] == list(given.labels)
    for i, curve in enumerate(curves):
        own = given.emotions == curve.label
        shares = given.probabilities[:, i]
        alarms, found, limits = oracle.roc_curve(own, shares, drop_intermediate=False)
        np.testing.assert_allclose(curve.false_positive_rates, alarms)
        np.testing.assert_allclose(curve.true_positive_rates, found)
        np.testing.assert_allclose(curve.thresholds, limits)
        assert curve.area == pytest.approx(oracle.roc_auc_score(own, shares))
        assert curve.n == own.sum()


def test_a_drawn_roc_keeps_its_ends_and_its_area() -> None:
    rng = np.random.default_rng(5)
    given = random_predictions(6000)
    given = replace(given, probabilities=rng.dirichlet(np.ones(5), 6000))
    for drawn, whole in zip(metrics.roc(given), metrics.roc(given, points=None), strict=True):
        assert (
            len(drawn.true_positive_rates) <= metrics.N_ROC_POINTS < len(whole.true_positive_rates)
        )
        assert (drawn.false_positive_rates[0], drawn.true_positive_rates[0]) == (0, 0)
        assert (drawn.false_positive_rates[-1], drawn.true_positive_rates[-1]) == (1, 1)
        assert drawn.area == whole.area
        assert np.trapezoid(drawn.true_positive_rates, drawn.false_positive_rates) == pytest.approx(
            whole.area, abs=0.01
        )


def test_a_label_that_no_clip_or_every_clip_has_gets_no_roc() -> None:
    given = random_predictions()
    one = given.take(given.emotions == "angry")
    assert metrics.roc(one) == ()
    two = given.take(np.isin(given.emotions, ["angry", "happy"]))
    assert [curve.label for curve in metrics.roc(two)] == ["angry", "happy"]


# --- What is missing -----------------------------------------------------------------------------


def test_read_tables_names_what_is_missing(tmp_path: Path) -> None:
    models = copy_models(tmp_path)
    (models / "cnn" / "predictions" / "random.csv.gz").unlink()
    with pytest.raises(CorpusError, match="no predictions"):
        subsets.read_tables(models, "random")
    path = models / ENSEMBLE / "metrics.json"
    stored = json.loads(path.read_text())
    del stored["protocols"]["speakers"]["calibration"]
    path.write_text(json.dumps(stored))
    with pytest.raises(ModelError, match="how the answers were calibrated"):
        subsets.read_tables(models, "speakers")


@pytest.mark.slow
def test_the_shipped_sexes_are_known_where_the_table_is() -> None:
    folder = default_directory()
    if folder is None or not (actors := read_sexes_and_ages(folder)):
        pytest.skip("the table of actors is not here")
    given = subsets.read_tables(SHIPPED, "speakers")
    assert (subsets.sexes_of(given[ENSEMBLE], actors) != "").all()
    stored = read_metrics(SHIPPED, ENSEMBLE)["protocols"]["speakers"]["fairness"]["sex"]
    for sex in subsets.SEXES:
        part = subsets.filter_clips(given, LABELS, sex=sex, actors=actors)
        found = subsets.scores(part[ENSEMBLE])
        assert found["n"] == stored[sex]["n"]
        assert found["uar"] == pytest.approx(stored[sex]["uar"], abs=CLOSE)
        assert found["intervals"]["uar"] == pytest.approx(
            stored[sex]["intervals"]["uar"], abs=CLOSE
        )
