"""Compare all stored figures and some answers with a stored list."""

import gzip
import json

import pytest

from tests.support import equality


@pytest.mark.slow
def test_stored_figures_and_answers_are_those_of_the_list() -> None:
    before = json.loads(gzip.decompress(equality.STORED.read_bytes()))
    assert {part: len(values) > 100 for part, values in before.items()} == {
        "figures": True,
        "predictions": True,
        "answers": True,
    }
    now = equality.measure()
    answers = {"answers": before.pop("answers")}
    assert equality.differences(before, now) == []
    # The networks run in single precision, whose last digits depend on the processor.
    assert equality.differences(answers, now, tolerance=1e-3) == []


def test_a_difference_is_found() -> None:
    before = {"figures": {"a": 0.5, "b": 1}}
    assert equality.differences(before, {"figures": {"a": 0.5 + 1e-10, "b": 1}}) == []
    assert len(equality.differences(before, {"figures": {"a": 0.5 + 1e-8, "b": 1}})) == 1
    assert len(equality.differences(before, {"figures": {"a": 0.5}})) == 1
