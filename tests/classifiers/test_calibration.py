"""Calibration against probabilities of known temperature and weights."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from emo.classifiers import calibration
from emo.classifiers.calibration import (
    CALIBRATION,
    TEMPERATURES,
    Calibration,
    apply_temperature,
    fit_calibration,
    fit_temperature,
    fit_weights,
    log_loss,
    log_opinion_pool,
    read_calibration,
    renormalise,
    threshold,
)
from emo.errors import ModelError
from emo.labels import LABELS

N_CLIPS = 4000


def shares(logits: np.ndarray) -> np.ndarray:
    """Return the softmax by its definition."""
    return np.asarray(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))


def drawn(seed: int = 0, n: int = N_CLIPS) -> tuple[np.ndarray, np.ndarray]:
    """Return logits, and targets drawn from their probabilities."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 1.5, (n, 4))
    place = rng.random((n, 1))
    return logits, (shares(logits).cumsum(axis=1) < place).sum(axis=1)


probability_rows = hnp.arrays(
    np.float64, (5, 4), elements=st.floats(0.01, 1.0), fill=st.nothing()
).map(lambda rows: rows / rows.sum(axis=1, keepdims=True))


# --- Temperature ---------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.8])
def test_fit_temperature_recovers_the_true_one(temperature: float) -> None:
    logits, targets = drawn()
    # Multiplied by the temperature, the logits are too sure by just that much.
    assert fit_temperature(shares(logits * temperature), targets) == pytest.approx(
        temperature, rel=0.06
    )


def test_fit_temperature_stays_within_its_limits() -> None:
    logits, targets = drawn(n=200)
    low, high = TEMPERATURES
    assert fit_temperature(shares(logits), logits.argmax(axis=1)) == pytest.approx(low, rel=0.01)
    wrong = (logits.argmax(axis=1) + 1) % 4
    assert fit_temperature(shares(logits * 3), wrong) == pytest.approx(high, rel=0.01)
    assert len(targets) == 200


@given(probability_rows, st.floats(0.3, 3.0))
def test_apply_temperature_divides_the_logits(rows: np.ndarray, temperature: float) -> None:
    expected = shares(np.log(rows) / temperature)
    assert apply_temperature(rows, temperature) == pytest.approx(expected)
    assert apply_temperature(rows, 1.0) == pytest.approx(rows)


@given(probability_rows, st.floats(0.3, 3.0))
def test_apply_temperature_keeps_the_likeliest_label(rows: np.ndarray, temperature: float) -> None:
    softened = apply_temperature(rows, temperature)
    chosen = rows.argmax(axis=1)
    best = softened.max(axis=1)
    assert softened[np.arange(len(rows)), chosen] == pytest.approx(best)


@given(probability_rows, st.floats(0.3, 3.0))
@pytest.mark.slow
def test_apply_temperature_and_renormalise_commute(rows: np.ndarray, temperature: float) -> None:
    first = apply_temperature(renormalise(rows, [0, 2, 3]), temperature)
    second = renormalise(apply_temperature(rows, temperature), [0, 2, 3])
    assert first == pytest.approx(second)


def test_renormalise_divides_by_the_sum_of_the_rest() -> None:
    rows = np.array([[0.5, 0.3, 0.2], [0.0, 0.4, 0.6]])
    assert renormalise(rows, [0, 1]) == pytest.approx(np.array([[5 / 8, 3 / 8], [0, 1]]), abs=1e-6)
    assert renormalise(rows, [2, 0])[0] == pytest.approx([2 / 7, 5 / 7])


def test_probabilities_of_zero_and_one_stay_finite() -> None:
    sure = np.array([[1.0, 0.0, 0.0]])
    for rows in (
        apply_temperature(sure, 2.0),
        renormalise(sure, [0, 1]),
        log_opinion_pool({"a": sure}, {"a": 1.0}),
    ):
        assert np.isfinite(rows).all()
        assert rows.sum() == pytest.approx(1.0)
        assert rows.argmax() == 0
    # All that is left was ruled out: nothing is known of it.
    assert renormalise(sure, [1, 2]) == pytest.approx(np.array([[0.5, 0.5]]))


# --- The ensemble --------------------------------------------------------------------------------


@given(probability_rows)
@pytest.mark.slow
def test_log_opinion_pool_of_one_with_weight_one_is_unchanged(rows: np.ndarray) -> None:
    assert log_opinion_pool({"tree": rows}, {"tree": 1.0}) == pytest.approx(rows)


@given(probability_rows, st.floats(0.3, 3.0))
@pytest.mark.slow
def test_log_opinion_pool_of_one_has_its_weight_as_temperature(
    rows: np.ndarray, weight: float
) -> None:
    assert log_opinion_pool({"tree": rows}, {"tree": weight}) == pytest.approx(
        apply_temperature(rows, 1 / weight)
    )


@given(probability_rows, probability_rows)
@pytest.mark.slow
def test_log_opinion_pool_is_the_weighted_product(first: np.ndarray, second: np.ndarray) -> None:
    product = first**0.5 * second**2.0
    expected = product / product.sum(axis=1, keepdims=True)
    result = log_opinion_pool({"tree": first, "cnn": second}, {"cnn": 2.0, "tree": 0.5})
    assert result == pytest.approx(expected)


def test_log_opinion_pool_ignores_a_weight_of_zero() -> None:
    logits, _ = drawn(n=5)
    rows, second = shares(logits), shares(-logits)
    assert log_opinion_pool(
        {"tree": rows, "cnn": second}, {"tree": 1.0, "cnn": 0.0}
    ) == pytest.approx(rows)


def test_fit_weights_recovers_the_true_ones() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(0.0, 1.5, (2, N_CLIPS, 4))
    truth = shares(0.4 * first + 1.2 * second)
    targets = (truth.cumsum(axis=1) < rng.random((N_CLIPS, 1))).sum(axis=1)
    result = fit_weights({"tree": shares(first), "cnn": shares(second)}, targets)
    assert result["tree"] == pytest.approx(0.4, abs=0.06)
    assert result["cnn"] == pytest.approx(1.2, abs=0.1)


def test_fit_weights_gives_a_misleading_classifier_none() -> None:
    logits, targets = drawn()
    result = fit_weights({"tree": shares(logits), "cnn": shares(-logits)}, targets)
    assert result["cnn"] >= 0.0
    assert result["tree"] - result["cnn"] == pytest.approx(1.0, abs=0.06)


def test_fit_weights_gives_noise_hardly_any() -> None:
    logits, targets = drawn()
    noise = np.random.default_rng(9).normal(0.0, 1.5, logits.shape)
    result = fit_weights({"tree": shares(logits), "cnn": shares(noise)}, targets)
    assert result["cnn"] < 0.05


def test_log_loss_by_hand() -> None:
    rows = np.array([[0.5, 0.5], [0.25, 0.75]])
    assert log_loss(rows, np.array([0, 1])) == pytest.approx(-(np.log(0.5) + np.log(0.75)) / 2)
    assert np.isfinite(log_loss(np.array([[1.0, 0.0]]), np.array([1])))


def test_fit_calibration_returns_temperatures_and_weights() -> None:
    logits, targets = drawn()
    result = fit_calibration({"tree": shares(logits), "cnn": shares(2 * logits)}, targets)
    assert result.temperatures["tree"] == pytest.approx(1.0, rel=0.06)
    assert result.temperatures["cnn"] == pytest.approx(2.0, rel=0.06)
    # They say the same but for its scale, so that only the sum of both is known.
    assert result.weights["tree"] + 2 * result.weights["cnn"] == pytest.approx(1.0, rel=0.06)
    assert result.thresholds == {}


# --- Unsure --------------------------------------------------------------------------------------


def brute_threshold(confidence: np.ndarray, right: np.ndarray, accuracy: float) -> float:
    """Return the threshold of the largest coverage by trying every confidence."""
    result = 1.0
    for limit in sorted(set(confidence.tolist()), reverse=True):
        if right[confidence >= limit].mean() >= accuracy:
            result = limit
    return result


@given(
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=30),
    st.sampled_from([0.5, 0.75, 0.8, 1.0]),
)
def test_threshold_equals_that_of_trying_all(
    answers: list[tuple[int, bool]], accuracy: float
) -> None:
    confidence = np.array([tenths / 10 for tenths, _ in answers])
    right = np.array([first for _, first in answers])
    expected = brute_threshold(confidence, right, accuracy)
    assert threshold(confidence, right, accuracy) == expected


def test_threshold_is_one_where_no_accuracy_suffices() -> None:
    assert threshold(np.array([0.9, 0.8]), np.array([False, True]), 0.8) == 1.0


def test_threshold_keeps_ties_together() -> None:
    confidence, right = np.array([0.9, 0.6, 0.6]), np.array([True, True, False])
    assert threshold(confidence, right, 0.8) == 0.9


# --- The file ------------------------------------------------------------------------------------


def stored(directory: Path, **changed: object) -> None:
    content: dict[str, object] = {
        "temperatures": {"tree": 1.5, "cnn": 0.5},
        "weights": {"tree": 0.0, "cnn": 2.0},
        "thresholds": {"tree": 0.6, "ensemble": 0.7},
    }
    (directory / CALIBRATION).write_text(json.dumps(content | changed))


def test_read_calibration_returns_the_stored_numbers(tmp_path: Path) -> None:
    stored(tmp_path)
    assert read_calibration(tmp_path, ("tree", "cnn")) == Calibration(
        {"tree": 1.5, "cnn": 0.5}, {"tree": 0.0, "cnn": 2.0}, {"tree": 0.6, "ensemble": 0.7}
    )


def test_thresholds_of_a_subset_are_read_and_used(tmp_path: Path) -> None:
    stored(tmp_path, thresholds_among={"angry sad": {"tree": 0.55, "ensemble": 0.5}})
    result = read_calibration(tmp_path, ("tree", "cnn"))
    assert result.thresholds_for(LABELS) == {"tree": 0.6, "ensemble": 0.7}
    assert result.thresholds_for(("angry", "sad")) == {"tree": 0.55, "ensemble": 0.5}
    assert result.thresholds_for(("happy", "sad")) == result.thresholds
    fewer = calibration.reweight(result, ("cnn",))
    assert fewer.thresholds_for(("angry", "sad")) == result.thresholds_for(("angry", "sad"))


def test_read_calibration_without_a_file_changes_nothing(tmp_path: Path) -> None:
    result = read_calibration(tmp_path, ("tree", "cnn"))
    assert result == Calibration({"tree": 1.0, "cnn": 1.0}, {"tree": 0.5, "cnn": 0.5}, {})


@pytest.mark.parametrize(
    "changed",
    [
        {"temperatures": {"tree": 1.5}},
        {"temperatures": {"tree": 0.0, "cnn": 1.0}},
        {"temperatures": None},
        {"weights": {"tree": -0.1, "cnn": 1.0}},
        {"weights": {"tree": "much", "cnn": 1.0}},
        {"thresholds": [0.5]},
        {"thresholds_among": {"angry": {"tree": 0.5}}},
        {"thresholds_among": {"angry bored": {"tree": 0.5}}},
        {"thresholds_among": {"angry sad": {"tree": float("nan")}}},
    ],
)
def test_damaged_calibration_is_rejected(tmp_path: Path, changed: dict[str, object]) -> None:
    stored(tmp_path, **changed)
    with pytest.raises(ModelError, match=r"calibration\.json cannot be read.*emo evaluate"):
        read_calibration(tmp_path, ("tree", "cnn"))


@pytest.mark.parametrize("text", ["", "[", "[]", "7"])
def test_other_content_is_rejected(tmp_path: Path, text: str) -> None:
    (tmp_path / CALIBRATION).write_text(text)
    with pytest.raises(ModelError, match=r"calibration\.json cannot be read"):
        read_calibration(tmp_path, ("tree", "cnn"))


def test_fitted_numbers_do_not_depend_on_the_last_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(4)
    targets = rng.integers(0, 4, 500)
    logits = {key: rng.normal(size=(500, 4)) + np.eye(4)[targets] for key in ("tree", "cnn")}
    given = {key: shares(1.7 * rows) for key, rows in logits.items()}
    result = fit_calibration(given, targets)
    exact = calibration._log

    def on_another_processor(rows: np.ndarray) -> np.ndarray:
        return np.asarray(exact(rows) * (1 + 1e-13 * rng.standard_normal(rows.shape)))

    monkeypatch.setattr(calibration, "_log", on_another_processor)
    assert fit_calibration(given, targets) == result
