"""Krippendorff's alpha equals published values, and those of its definition by pairs."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emo.review.agreement import alpha, alpha_interval, units_of

# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", examples A, B and C; the last
# is the example of Hayes's and others' descriptions of the coefficient with three coders.
PUBLISHED = {
    "two observers, binary": (("0100000010", "1110010000"), 0.095),
    "two observers, nominal": (("aabbdcccedda", "babbbcccEddd".lower()), 0.692),
    "four observers, missing data": (
        ("123321412...", "1233224125.3", ".3332342251.", "12332441251."),
        0.743,
    ),
    "three coders, missing data": (
        (".....34121133.3", "1.213343.......", "..21344.21133.4"),
        0.691,
    ),
}


def units(rows):
    return [[value for value in column if value != "."] for column in zip(*rows, strict=True)]


@pytest.mark.parametrize(("rows", "expected"), PUBLISHED.values(), ids=PUBLISHED)
def test_alpha_equals_published_examples(rows, expected):
    assert round(alpha(units(rows)), 3) == expected


def by_pairs(clips):
    """Return alpha from all ordered pairs of values, as its definition has them."""
    paired = [unit for unit in clips if len(unit) > 1]
    values = [value for unit in paired for value in unit]
    observed = sum(
        sum(a != b for a, b in permutations(unit, 2)) / (len(unit) - 1) for unit in paired
    ) / max(len(values), 1)
    pairs = list(permutations(values, 2))
    expected = sum(a != b for a, b in pairs) / max(len(pairs), 1)
    return 1 - observed / expected if expected else math.nan


@settings(max_examples=40)
@given(st.lists(st.lists(st.sampled_from("abc"), max_size=4), max_size=8))
def test_alpha_equals_its_definition(clips):
    assert np.isclose(alpha(clips), by_pairs(clips), equal_nan=True)


def test_alpha_is_not_defined_without_two_values_or_a_difference():
    assert math.isnan(alpha([]))
    assert math.isnan(alpha([["a"], ["b"]]))
    assert math.isnan(alpha([["a", "a"], ["a", "a"]]))
    assert alpha_interval([["a", "b"], ["a", "a"]] * 4) is None  # too few
    assert alpha_interval([["a", "a"]] * 20) is None


def test_alpha_interval_holds_alpha_and_narrows_with_more_clips():
    clips = units(PUBLISHED["two observers, nominal"][0])
    few, many = alpha_interval(clips), alpha_interval(clips * 20)
    assert few is not None
    assert many is not None
    assert few[0] < alpha(clips) < few[1]
    assert many[1] - many[0] < 0.4 * (few[1] - few[0])


def test_units_of_leaves_out_what_a_rater_has_not_labelled():
    found = units_of([{"x": "sad", "y": "angry"}, {"y": "happy", "z": "sad"}])
    assert found == [["sad"], ["angry", "happy"], ["sad"]]
