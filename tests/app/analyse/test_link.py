"""Reading and writing the address of the page *Analyse*."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.app.analyse.link import (
    EMPTY,
    GAINS_DB,
    NOISES_DB,
    SEMITONES,
    SETTINGS,
    Link,
    read_link,
    read_settings,
    write_link,
    write_settings,
)
from emo.audio.alteration import NEUTRAL, Alteration

SAMPLES = ("sad", "happy", "minute")
places = st.integers(0, 100_000).map(lambda n: n / 100_000)
parts = st.tuples(places, places).filter(lambda pair: pair[0] < pair[1])
altered = st.sampled_from((NEUTRAL, Alteration(20, 0.75, -3, True, 6)))
links = st.builds(Link, st.sampled_from(SAMPLES), st.none() | parts, st.booleans(), altered)


@given(links)
@pytest.mark.slow
def test_read_link_inverts_write_link(link: Link) -> None:
    assert read_link(write_link(link), SAMPLES) == link


def test_write_link_is_short_and_plain() -> None:
    link = Link("sad", (0.5, 0.87654), True)
    assert write_link(link) == {"sample": "sad", "part": "0.50000-0.87654", "why": "1"}
    assert write_link(Link("sad")) == {"sample": "sad"}
    assert write_link(Link("sad", settings=Alteration(speed=0.5))) == {
        "sample": "sad",
        "speed": "0.5",
    }


def test_link_without_sample_is_empty() -> None:
    assert write_link(Link("", (0.5, 1.0), True)) == {}
    assert read_link({"part": "0.5-1", "why": "1"}, SAMPLES) == EMPTY


@pytest.mark.parametrize("sample", ["", "SAD", "sad.opus", "../sad", "<b>", "no such"])
def test_read_link_ignores_unknown_samples(sample: str) -> None:
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
def test_read_link_ignores_invalid_parts(part: str) -> None:
    assert read_link({"sample": "sad", "part": part, "why": "yes"}, SAMPLES) == Link("sad")


alterations = st.builds(
    Alteration,
    st.sampled_from(NOISES_DB),
    st.integers(10, 40).map(lambda n: round(n / 20, 2)),
    st.integers(*SEMITONES[:2]),
    st.booleans(),
    st.integers(*GAINS_DB[:2]),
)


@given(alterations)
def test_read_settings_inverts_write_settings(settings: Alteration) -> None:
    params = write_settings(settings)
    assert read_settings(params) == settings
    assert set(params) <= set(SETTINGS)
    assert (params == {}) == (settings == NEUTRAL)


def test_write_settings_is_short_and_plain() -> None:
    assert write_settings(Alteration(20, 0.75, -3, True, 6)) == {
        "noise": "20", "speed": "0.75", "pitch": "-3", "telephone": "1", "gain": "6"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("noise", "7"),
        ("noise", "None"),
        ("speed", "0.751"),
        ("speed", "nan"),
        ("speed", "1e0"),
        ("pitch", "13"),
        ("pitch", "٣"),
        ("gain", "1000"),
        ("gain", "+1"),
        ("telephone", "yes"),
    ],
)
def test_read_settings_ignores_invalid_values(name: str, value: str) -> None:
    assert read_settings({name: value}) == NEUTRAL
