"""The address of the page: what it says is read back, and what is no part of it is left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.app.analyse.link import EMPTY, Link, read_link, write_link
from emo.audio.alteration import NEUTRAL, Alteration

SAMPLES = ("sad", "happy", "minute")
places = st.integers(0, 100_000).map(lambda n: n / 100_000)
parts = st.tuples(places, places).filter(lambda pair: pair[0] < pair[1])
altered = st.sampled_from((NEUTRAL, Alteration(20, 0.75, -3, True, 6)))
links = st.builds(Link, st.sampled_from(SAMPLES), st.none() | parts, st.booleans(), altered)


@given(links)
def test_what_is_written_is_read_back(link: Link) -> None:
    assert read_link(write_link(link), SAMPLES) == link


def test_an_address_is_short_and_plain() -> None:
    link = Link("sad", (0.5, 0.87654), True)
    assert write_link(link) == {"sample": "sad", "part": "0.50000-0.87654", "why": "1"}
    assert write_link(Link("sad")) == {"sample": "sad"}
    assert write_link(Link("sad", settings=Alteration(speed=0.5))) == {
        "sample": "sad",
        "speed": "0.5",
    }


def test_without_a_sample_there_is_no_address() -> None:
    assert write_link(Link("", (0.5, 1.0), True)) == {}
    assert read_link({"part": "0.5-1", "why": "1"}, SAMPLES) == EMPTY


@pytest.mark.parametrize("sample", ["", "SAD", "sad.flac", "../sad", "<b>", "no such"])
def test_what_is_no_sample_asks_for_nothing(sample: str) -> None:
    assert read_link({"sample": sample, "part": "0.5-1.0"}, SAMPLES) == EMPTY


@pytest.mark.parametrize(
    "part",
    [
        "",
        "1",
        "1-",
        "-0.1-1",
        "1-0",
        "1-1",
        "a-b",
        "nan-inf",
        "0-1e0",
        "0.1-0.2-0.3",
        "0-2",
        "0-٠.٥",
    ],
)
def test_what_is_no_part_leaves_the_whole_clip(part: str) -> None:
    assert read_link({"sample": "sad", "part": part, "why": "yes"}, SAMPLES) == Link("sad")
