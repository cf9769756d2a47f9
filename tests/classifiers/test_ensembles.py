"""The table of ensembles: which classifiers are in which, and how the second is calibrated."""

from dataclasses import replace

import numpy as np
import pytest

from emo.classifiers.calibration import Calibration, calibrate, log_opinion_pool, reweight
from emo.classifiers.ensembles import ENSEMBLES, FROM_SCRATCH, ensembles_of
from emo.classifiers.registry import CLASSIFIERS, Classifier
from emo.labels import ENSEMBLE, TRAINED_LABELS

KEYS = ("a", "b", "c")


def table(*pretrained: str, keys: tuple[str, ...] = KEYS) -> dict[str, Classifier]:
    """Return a registry in which some classifiers are pre-trained."""
    row = next(iter(CLASSIFIERS.values()))
    return {
        key: replace(row, pretraining="By others." if key in pretrained else "") for key in keys
    }


def raw(n: int = 4) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {key: rng.dirichlet(np.ones(len(TRAINED_LABELS)), n) for key in KEYS}


def test_table_is_that_of_the_registry() -> None:
    assert ensembles_of(CLASSIFIERS) == ENSEMBLES
    assert next(iter(ENSEMBLES)) == ENSEMBLE
    assert ENSEMBLES[ENSEMBLE].members == tuple(CLASSIFIERS)


def test_second_ensemble_leaves_out_the_pretrained() -> None:
    ensembles = ensembles_of(table("b"))
    assert list(ensembles) == [ENSEMBLE, FROM_SCRATCH]
    assert ensembles[ENSEMBLE].members == KEYS
    assert ensembles[FROM_SCRATCH].members == ("a", "c")
    assert ensembles[FROM_SCRATCH].name_in_text == "the two trained from scratch alone"


@pytest.mark.parametrize("pretrained", [(), ("a", "b"), KEYS])
def test_no_second_ensemble_where_it_is_the_first_or_one_classifier(
    pretrained: tuple[str, ...],
) -> None:
    assert list(ensembles_of(table(*pretrained))) == [ENSEMBLE]


def test_calibrate_pools_the_members_of_each_ensemble() -> None:
    rows, own = raw(), {"a": 0.4, "c": 1.1}
    everyone = {"a": 0.2, "b": 0.9, "c": 0.1}
    given = Calibration(dict.fromkeys(KEYS, 1.0), everyone, {}, {FROM_SCRATCH: own})
    found = calibrate(rows, given, TRAINED_LABELS)
    assert list(found) == [*KEYS, ENSEMBLE, FROM_SCRATCH]
    product = rows["a"] ** 0.4 * rows["c"] ** 1.1
    expected = product / product.sum(axis=1, keepdims=True)
    assert found[FROM_SCRATCH] == pytest.approx(expected)
    assert found[ENSEMBLE] == pytest.approx(log_opinion_pool(rows, everyone))
    assert given.weights_of(ENSEMBLE) == everyone
    assert given.weights_of(FROM_SCRATCH) == own


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (("a", "b", "c"), {"a": 0.5, "c": 1.5}),
        (("a", "c"), None),  # it is the first ensemble now
        (("a", "b"), None),  # it is one classifier now
    ],
)
def test_reweight_drops_what_is_no_second_ensemble(
    left: tuple[str, ...], expected: dict[str, float] | None
) -> None:
    ensembles = {FROM_SCRATCH: {"a": 0.5, "c": 1.5}}
    given = Calibration({}, dict.fromkeys(KEYS, 1.0), {"a": 0.6}, ensembles)
    found = reweight(given, left)
    assert found.ensembles == ({} if expected is None else {FROM_SCRATCH: expected})
    assert sum(found.weights.values()) == pytest.approx(3.0)
    assert found.thresholds == {"a": 0.6}


def test_reweight_shares_the_weight_of_a_missing_member() -> None:
    ensembles = {FROM_SCRATCH: {"a": 0.5, "b": 1.0, "c": 0.5}}
    keys = (*KEYS, "d")
    given = Calibration({}, dict.fromkeys(keys, 1.0), {}, ensembles)
    found = reweight(given, ("a", "c", "d"))
    assert found.ensembles[FROM_SCRATCH] == pytest.approx({"a": 1.0, "c": 1.0})
