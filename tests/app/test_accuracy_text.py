"""The headline, the threshold and the figures of an answer agree with each other.

The oracle reads the numbers from the text and the HTML, as a visitor does.
"""

import io
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo import formatting
from emo.app import accuracy_text
from emo.app import html as app_html
from emo.app import text as words
from emo.app.analyse import ensemble_text as ensemble_words
from emo.classifiers.calibration import Calibration, calibrate, reaches, read_calibration
from emo.inference import export, predictor
from emo.inference.loading import MODEL_KEYS
from emo.inference.predictor import Answer, answer, to_answers
from emo.labels import ENSEMBLE, LABELS
from tests.support.pages import prediction

MODELS = Path(__file__).parents[2] / "models"
NUMBER = re.compile(r"(<?\d+)\u00a0%")

shares = st.lists(st.floats(1e-6, 1.0), min_size=7, max_size=7).map(
    lambda row: np.array(row) ** 4 / np.sum(np.array(row) ** 4)
)
limits = st.floats(0.01, 1.0)


@st.composite
def near(draw: st.DrawFn) -> tuple[np.ndarray, float]:
    """Shares whose greatest lies within a per cent of a limit, where rounding decides."""
    limit = draw(st.floats(0.3, 0.99))
    top = min(max(limit + draw(st.floats(-0.01, 0.01)), 0.2), 0.999)
    rest = draw(st.lists(st.floats(0.1, 1.0), min_size=6, max_size=6))
    row = [top, *((1 - top) * part / sum(rest) for part in rest)]
    return np.array(draw(st.permutations(row))), limit


def per_cents(text: str) -> list[int]:
    return [0 if one.startswith("<") else int(one) for one in NUMBER.findall(text)]


def text_of(html: str) -> str:
    return re.sub(r"<[^>]*>", "", html)


def check_consistent(said: Answer) -> None:
    """Check the headline, the bars and the reason of an unsure answer against each other."""
    card = app_html.card("MLP", "", said, app_html.Trust([words.why_unsure(said)]))
    bars = [int(n.removeprefix("<")) for n in re.findall(r'emo-share">(<?\d+)', card)]
    headline = per_cents(text_of(app_html.verdict(said, 2)))
    (limit,) = per_cents(formatting.percent(said.threshold))
    assert f'emo-confidence">{formatting.percent(said.confidence)}<' in card
    assert max(bars) == headline[0]
    assert said.unsure == (headline[0] < limit)  # as a visitor reads them
    assert ("Unsure" in card) == said.unsure


@given(near())
@pytest.mark.slow
def test_headline_agrees_with_the_threshold(drawn: tuple[np.ndarray, float]) -> None:
    check_consistent(answer(*drawn))


@given(shares, limits)
def test_answer_agrees_with_its_threshold(row: np.ndarray, limit: float) -> None:
    said = answer(row, limit)
    if said.confidence >= 0.005:
        check_consistent(said)


@given(near())
def test_command_line_shows_the_same_percentage(drawn: tuple[np.ndarray, float]) -> None:
    row, limit = drawn
    found = prediction()
    said = answer(row, limit)
    out = io.StringIO()
    export.write_table(
        [("a", predictor.Prediction(1.0, (), dict.fromkeys(found.answers, said), found.quality))],
        out,
    )
    shown = int(re.findall(r"(\d+)%", out.getvalue().splitlines()[1])[0])
    assert shown == per_cents(formatting.percent(said.confidence))[0]
    assert ("?" in out.getvalue().splitlines()[1]) == (shown < round(100 * limit))


@given(shares, limits)
def test_runner_up_is_named_and_marked_only_where_it_is_close(
    row: np.ndarray, limit: float
) -> None:
    said = answer(row, limit)
    first, second = sorted(row, reverse=True)[:2]
    is_close = said.unsure and second >= first / 2
    assert " or " not in words.in_short(said)
    assert ("unsure" in words.in_short(said)) == said.unsure
    assert " or " not in text_of(app_html.verdict(said, 3))
    marked = app_html.card("", "", said, app_html.Trust()).count("class=emo-top")
    assert marked == (2 if is_close else 1)


def test_runner_up_at_6_of_82_percent_is_not_named() -> None:
    row = np.full(7, 0.12 / 5)
    row[0], row[1] = 0.82, 0.06
    said = answer(row, 0.9)
    assert said.named == ("angry",)
    text = text_of(app_html.verdict(said, 2))
    assert per_cents(text) == [82, 90, 6]
    assert "disgusted" not in text.split("then")[0]


# --- The ensemble --------------------------------------------------------------------------------

N = len(MODEL_KEYS)
raw_rows = st.lists(
    st.lists(st.floats(1e-5, 1.0), min_size=8, max_size=8), min_size=N, max_size=N
).map(lambda rows: np.array(rows) / np.sum(rows, axis=1, keepdims=True))
weights = st.lists(st.floats(0.0, 1.5), min_size=N, max_size=N)
temperatures = st.lists(st.floats(0.5, 2.0), min_size=N, max_size=N)


def ensemble_of(rows: np.ndarray, calibration: Calibration) -> dict[str, Answer]:
    raw = {key: rows[i][None] for i, key in enumerate(MODEL_KEYS)}
    return to_answers(calibrate(raw, calibration), calibration.thresholds)[0]


def calibration_of(w: list[float], t: list[float], limits: dict[str, float]) -> Calibration:
    by_key = (dict(zip(MODEL_KEYS, values, strict=True)) for values in (t, w))
    return Calibration(next(by_key), next(by_key), limits)


@given(raw_rows, weights, temperatures)
@pytest.mark.slow
def test_factors_multiply_to_the_ensemble(rows: np.ndarray, w: list[float], t: list[float]) -> None:
    calibration = calibration_of(w, t, {})
    said = ensemble_of(rows, calibration)
    factors = predictor.ensemble_factors(said, calibration)
    ensemble = said[ENSEMBLE]
    ratio = ensemble.confidence / ensemble.probabilities[LABELS.index(ensemble.runner_up)]
    assert math.prod(factors.values()) == pytest.approx(ratio, rel=1e-6)
    table = ensemble_words.rows(calibration.weights, factors, ratio)
    assert [row[1][0] for row in table[:-1]] == [f"{weight:.2f}" for weight in w]


@given(raw_rows, st.floats(0.3, 0.95), st.floats(0.0, 0.6))
def test_ensemble_is_unsure_where_every_model_is(
    rows: np.ndarray, limit: float, low: float
) -> None:
    limits = dict.fromkeys(MODEL_KEYS, limit) | {ENSEMBLE: low}
    said = ensemble_of(rows, calibration_of([1.0] * N, [1.0] * N, limits))
    is_any_sure = any(not said[key].unsure for key in MODEL_KEYS)
    reached = bool(reaches(said[ENSEMBLE].confidence, low))
    assert said[ENSEMBLE].unsure == (not (is_any_sure and reached))
    why = per_cents(words.why_unsure(said[ENSEMBLE]))
    shown = per_cents(formatting.percent(said[ENSEMBLE].confidence))
    if said[ENSEMBLE].unsure and why:  # a limit is told only where it is the reason
        assert shown[0] < why[0]


def test_ensemble_of_one_model_is_as_sure_as_the_model() -> None:
    row = np.full((1, 7), 0.05)
    row[0, 2] = 0.7
    (said,) = to_answers({"mlp": row, ENSEMBLE: row}, {"mlp": 0.6, ENSEMBLE: 0.5})
    assert not said[ENSEMBLE].unsure
    (said,) = to_answers({"mlp": row, ENSEMBLE: row}, {"mlp": 0.8, ENSEMBLE: 0.5})
    assert said[ENSEMBLE].unsure


# --- How often it is right -----------------------------------------------------------------------


def blocks(key: str) -> dict[str, dict[str, Any]]:
    """Return the stored figures of a model, by protocol."""
    stored = json.loads((MODELS / key / "metrics.json").read_text())
    found: dict[str, dict[str, Any]] = stored["protocols"]
    return found


def test_in_short_shows_the_stored_figures() -> None:
    short = per_cents(accuracy_text.in_short(blocks(ENSEMBLE)))
    assert short == [round(100 * blocks(ENSEMBLE)["cross-corpus"]["accuracy"]), round(100 / 7)]
    assert accuracy_text.in_short({}) == ""


@pytest.mark.parametrize("key", [ENSEMBLE, *MODEL_KEYS])
def test_commitment_shows_the_stored_figures_of_its_threshold(key: str) -> None:
    for protocol in ("speakers", "cross-corpus"):
        kept = blocks(key)[protocol]["selective"]
        figures = [
            kept["threshold"],
            kept["coverage_cross_fitted"],
            kept["selective_accuracy_cross_fitted"],
        ]
        sentence = accuracy_text.commitment(blocks(key), kept["threshold"])
        assert per_cents(sentence) == per_cents(" ".join(map(formatting.percent, figures)))
    assert accuracy_text.commitment(blocks(key), 0.123) == ""
    assert accuracy_text.commitment({}, 0.9) == ""


@pytest.mark.parametrize("key", [ENSEMBLE, *MODEL_KEYS])
def test_right_when_unsure_completes_the_accuracy(key: str) -> None:
    for protocol in ("cross-corpus", "speakers"):
        block = blocks(key)[protocol]
        kept = block["selective"]
        share = kept.get("coverage_cross_fitted", kept["coverage"])
        right = kept.get("selective_accuracy_cross_fitted", kept["selective_accuracy"])
        unsure = accuracy_text.right_when_unsure(block)
        assert unsure is not None
        assert share * right + (1 - share) * unsure == pytest.approx(block["accuracy"])
        if share > 0.01:  # of a few sure answers nothing is to be expected
            assert unsure < block["accuracy"] < right


@given(st.sets(st.sampled_from(["cross-corpus", "speakers"])), st.booleans(), st.booleans())
def test_for_answer_leaves_out_missing_figures(gone: set[str], unsure: bool, own: bool) -> None:
    kept = {name: block for name, block in blocks("mlp").items() if name not in gone}
    rows = accuracy_text.for_answer(kept, "sad", unsure, own)
    assert len(rows) == (0 if len(gone) == 2 else 3 - len(gone))
    bare = {name: {"accuracy": block["accuracy"]} for name, block in kept.items() if "n" in block}
    for _, (in_all, such) in accuracy_text.for_answer(bare, "sad", unsure, own)[:-1]:
        assert per_cents(in_all)
        assert such == accuracy_text.NOT_MEASURED


def test_calibration_text_shows_the_stored_errors() -> None:
    models = {key: blocks(key) for key in (ENSEMBLE, *MODEL_KEYS)}
    text = accuracy_text.calibration_text(models)
    numbers = [float(number) for number in re.findall(r"\d+\.\d", text)]
    stored = [
        round(100 * models[key][protocol]["ece"], 1)
        for protocol in ("cross-corpus", "speakers")
        for key in models
    ]
    assert numbers == stored
    assert accuracy_text.calibration_text({}) == words.UNCALIBRATED


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_is_too_high_only_for_overconfidence(confidence: float, accuracy: float) -> None:
    block = {"confidence": confidence, "accuracy": accuracy, "ece": abs(confidence - accuracy)}
    assert accuracy_text.is_too_high(block) == (confidence > accuracy)
    assert not accuracy_text.is_too_high({"ece": 0.2, "accuracy": 0.4})


def test_thresholds_in_use_are_those_evaluated() -> None:
    calibration = read_calibration(MODELS, MODEL_KEYS)
    strange = calibration.strangers.thresholds if calibration.strangers else {}
    for key, limit in calibration.thresholds.items():
        assert blocks(key)["speakers"]["selective"]["threshold"] == limit
        abroad = max(limit, strange.get(key, 0.0))
        assert blocks(key)["cross-corpus"]["selective"]["threshold"] == abroad
        for shown in (limit, abroad):
            assert 100 * shown == pytest.approx(round(100 * shown))
