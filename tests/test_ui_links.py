"""The address of the page: what it says is read back, and what is no part of it is left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.ui_links import EMPTY, Link, read_link, write_link

SAMPLES = ("sad", "happy", "minute")
hundredths = st.integers(0, 60_000).map(lambda n: n / 100)
parts = st.tuples(hundredths, hundredths).filter(lambda pair: pair[0] < pair[1])
links = st.builds(Link, st.sampled_from(SAMPLES), st.none() | parts, st.booleans())


@given(links)
def test_what_is_written_is_read_back(link: Link) -> None:
    assert read_link(write_link(link), SAMPLES) == link


@given(st.floats(0, 600), st.floats(0.1, 600))
def test_a_part_is_rounded_outwards(start_s: float, length_s: float) -> None:
    found = read_link(write_link(Link("sad", (start_s, start_s + length_s))), SAMPLES).region_s
    assert found is not None
    assert start_s - 0.0101 < found[0] <= start_s + 1e-6
    assert start_s + length_s - 1e-6 <= found[1] < start_s + length_s + 0.0101


def test_an_address_is_short_and_plain() -> None:
    link = Link("sad", (0.5, 1.234), True)
    assert write_link(link) == {"sample": "sad", "part": "0.50-1.24", "why": "1"}
    assert write_link(Link("sad")) == {"sample": "sad"}


def test_without_a_sample_there_is_no_address() -> None:
    assert write_link(Link("", (0.5, 1.0), True)) == {}
    assert read_link({"part": "0.5-1", "why": "1"}, SAMPLES) == EMPTY


@pytest.mark.parametrize("sample", ["", "SAD", "sad.flac", "../sad", "<b>", "no such"])
def test_what_is_no_sample_asks_for_nothing(sample: str) -> None:
    assert read_link({"sample": sample, "part": "0.5-1.0"}, SAMPLES) == EMPTY


@pytest.mark.parametrize(
    "part", ["", "1", "1-", "-1-2", "2-1", "1-1", "a-b", "nan-inf", "1e3-2e3", "0.5-1.0-2.0", "٣-٤"]
)
def test_what_is_no_part_leaves_the_whole_clip(part: str) -> None:
    assert read_link({"sample": "sad", "part": part, "why": "yes"}, SAMPLES) == Link("sad")
