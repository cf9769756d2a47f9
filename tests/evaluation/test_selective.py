"""The risk-coverage curve against values counted by hand and by its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.evaluation.predictions import Predictions, make_predictions
from emo.evaluation.selective import N_CURVE_POINTS, risk_coverage

NAMES = ("angry", "sad")


def predictions(confidence: list[float], wrong: list[bool]) -> Predictions:
    """Return predictions of two labels with known confidences of 0.5 and more, and outcomes."""
    n = len(confidence)
    return make_predictions(
        [f"clip{i}" for i in range(n)],
        ["cremad"] * n,
        ["cremad-1001"] * n,
        [1] * n,
        ["sad" if is_wrong else "angry" for is_wrong in wrong],
        np.array([[share, 1 - share] for share in confidence]),
        NAMES,
    )


def test_curve_by_hand() -> None:
    made = predictions([0.9, 0.6, 0.8, 0.7], [False, True, True, False])
    curve = risk_coverage(made, points=4)
    assert curve.coverages.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve.risks.tolist() == [0.0, 1 / 2, 1 / 3, 2 / 4]
    assert curve.area == pytest.approx((0 + 1 / 2 + 1 / 3 + 2 / 4) / 4)


def test_equal_confidences_are_accepted_together() -> None:
    # Whichever of the two at 0.8 stands first, their threshold accepts both.
    for wrong in ([False, True, False], [False, False, True]):
        curve = risk_coverage(predictions([0.9, 0.8, 0.8], wrong), points=3)
        assert curve.coverages.tolist() == [1 / 3, 1.0, 1.0]
        assert curve.risks.tolist() == [0.0, 1 / 3, 1 / 3]
        assert curve.area == pytest.approx((0 + 1 / 3 + 1 / 3) / 3)


@given(
    st.lists(
        st.tuples(st.sampled_from([0.55, 0.6, 0.7, 0.75, 0.9, 0.99]), st.booleans()),
        min_size=1,
        max_size=40,
    )
)
def test_area_is_the_mean_over_the_thresholds_of_all_clips(rows: list[tuple[float, bool]]) -> None:
    confidence, wrong = [row[0] for row in rows], [row[1] for row in rows]
    risks = []
    for threshold in confidence:
        kept = [w for c, w in zip(confidence, wrong, strict=True) if c >= threshold]
        risks.append(sum(kept) / len(kept))
    curve = risk_coverage(predictions(confidence, wrong))
    assert curve.area == pytest.approx(np.mean(risks))
    assert len(curve.risks) == len(curve.coverages) == N_CURVE_POINTS
    assert curve.risks[-1] == pytest.approx(np.mean(wrong))
    assert (np.diff(curve.coverages) >= 0).all()
    wanted = np.arange(1, N_CURVE_POINTS + 1) / N_CURVE_POINTS
    assert (curve.coverages >= wanted - 1e-12).all()
