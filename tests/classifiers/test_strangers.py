"""Tests of the calibration for clips unlike the training clips."""

import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.classifiers import calibration as c
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.strangers import FAMILIAR_WEIGHT, StrangerCalibration, fit_switch
from emo.errors import ModelError
from emo.inference.predictor import ensemble_factors, to_answers
from emo.labels import ENSEMBLE, LABELS

KEYS = tuple(CLASSIFIERS)
STRANGERS = StrangerCalibration(
    centre=0.6,
    width=0.02,
    temperatures=dict.fromkeys((*KEYS, ENSEMBLE), 2.0),
    thresholds=dict.fromkeys((*KEYS, ENSEMBLE), 0.7),
)


def calibration(strangers: StrangerCalibration | None = STRANGERS) -> c.Calibration:
    """Return a calibration of all classifiers with different temperatures and weights."""
    return c.Calibration(
        {key: 1.0 + 0.1 * i for i, key in enumerate(KEYS)},
        {key: 0.2 + 0.1 * i for i, key in enumerate(KEYS)},
        dict.fromkeys((*KEYS, ENSEMBLE), 0.5),
        strangers=strangers,
    )


def raw(n: int = 4, seed: int = 0) -> dict[str, np.ndarray]:
    """Return random raw probabilities by classifier, (n, 8)."""
    rng = np.random.default_rng(seed)
    return {key: rng.dirichlet(np.ones(8), n) for key in KEYS}


def test_shares_rise_from_nothing_to_all_around_the_centre():
    shares = STRANGERS.shares(np.array([0.0, 0.58, 0.6, 0.62, 9.0]))
    np.testing.assert_allclose(
        shares, [0, 1 / (1 + math.e), 0.5, math.e / (1 + math.e), 1], atol=1e-9
    )


def test_soften_takes_the_root_for_a_strange_clip_alone():
    rows = {ENSEMBLE: np.array([[0.64, 0.32, 0.04], [0.64, 0.32, 0.04]])}
    softened = STRANGERS.soften(rows, np.array([0.0, 5.0]))[ENSEMBLE]
    np.testing.assert_allclose(softened[0], rows[ENSEMBLE][0], atol=1e-9)
    roots = np.sqrt(rows[ENSEMBLE][1])
    np.testing.assert_allclose(softened[1], roots / roots.sum(), atol=1e-9)


@given(st.floats(0, 2), st.integers(0, 50))
def test_a_strange_clip_keeps_its_label_and_loses_confidence(distance, seed):
    plain = c.calibrate(raw(1, seed), calibration(None))
    softened = c.calibrate(raw(1, seed), calibration(), strangeness=np.array([distance]))
    for key, row in plain.items():
        assert row.argmax() == softened[key].argmax()
        assert softened[key].max() <= row.max() + 1e-12
        assert softened[key].sum() == pytest.approx(1)


def test_without_a_distance_nothing_changes():
    plain = c.calibrate(raw(), calibration(None))
    for key, rows in c.calibrate(raw(), calibration()).items():
        np.testing.assert_array_equal(rows, plain[key])
    assert calibration().strange_shares(None, 3).tolist() == [0, 0, 0]


def test_thresholds_are_those_of_strangers_for_strange_clips():
    limits = calibration().thresholds_of(LABELS, np.array([0.1, 0.9]))
    assert limits[ENSEMBLE].tolist() == [0.5, 0.7]
    assert calibration(None).thresholds_of(LABELS, np.array([0.9]))[ENSEMBLE] == 0.5


def test_an_answer_between_the_thresholds_is_unsure_for_a_stranger_alone():
    rows = {ENSEMBLE: np.array([[0.6, 0.4, 0, 0, 0, 0, 0]] * 2)}
    limits = calibration().thresholds_of(LABELS, np.array([0.1, 0.9]))
    assert [answers[ENSEMBLE].unsure for answers in to_answers(rows, limits)] == [False, True]


@pytest.mark.parametrize("distance", [None, 0.1, 0.6, 0.9])
def test_factors_multiply_to_the_ensemble_of_any_clip(distance):
    distances = None if distance is None else np.array([distance])
    rows = c.calibrate(raw(1, 3), calibration(), strangeness=distances)
    (answers,) = to_answers(rows, {})
    factors = ensemble_factors(answers, calibration(), distance)
    shares = answers[ENSEMBLE].probabilities
    first, second = np.sort(shares)[::-1][:2]
    assert np.prod(list(factors.values())) == pytest.approx(first / second, rel=1e-6)


def test_fit_switch_lies_between_two_groups_whatever_their_sizes():
    rng = np.random.default_rng(0)
    familiar, strange = rng.normal(0.5, 0.05, 400), rng.normal(0.7, 0.05, 9_000)
    centre, width = fit_switch(familiar, strange)
    # The logistic function of two normal distributions of equal deviation: s² / (m2 - m1).
    odds = FAMILIAR_WEIGHT / (1 - FAMILIAR_WEIGHT)
    assert centre == pytest.approx(0.6 + 0.05**2 / 0.2 * math.log(odds), abs=0.01)
    assert width == pytest.approx(0.05**2 / 0.2, rel=0.25)


def test_calibration_file_keeps_the_strangers(tmp_path):
    stored = asdict(calibration())
    (tmp_path / c.CALIBRATION).write_text(json.dumps(stored))
    assert c.read_calibration(tmp_path, KEYS) == calibration()


@pytest.mark.parametrize(
    "wrong", [{"width": 0.0}, {"centre": float("nan")}, {"temperatures": {ENSEMBLE: -1.0}}]
)
def test_calibration_file_with_impossible_strangers_is_rejected(tmp_path, wrong):
    stored = asdict(replace(calibration(), strangers=replace(STRANGERS, **wrong)))
    (tmp_path / c.CALIBRATION).write_text(json.dumps(stored))
    with pytest.raises(ModelError, match="cannot be read"):
        c.read_calibration(tmp_path, KEYS)
