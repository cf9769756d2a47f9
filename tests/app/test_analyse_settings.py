"""The settings of *What if* in the address: read back as written, and nothing else read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.app.analyse.link import (
    GAINS_DB,
    NAMES,
    NOISES_DB,
    SEMITONES,
    read_settings,
    write_settings,
)
from emo.audio.alteration import NEUTRAL, Alteration

settings_made = st.builds(
    Alteration,
    st.sampled_from(NOISES_DB),
    st.integers(10, 40).map(lambda n: round(n / 20, 2)),
    st.integers(*SEMITONES[:2]),
    st.booleans(),
    st.integers(*GAINS_DB[:2]),
)


@given(settings_made)
def test_what_is_written_is_read_back(settings: Alteration) -> None:
    params = write_settings(settings)
    assert read_settings(params) == settings
    assert set(params) <= set(NAMES)
    assert (params == {}) == (settings == NEUTRAL)


def test_an_address_is_short_and_plain() -> None:
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
def test_what_cannot_be_set_is_ignored(name: str, value: str) -> None:
    assert read_settings({name: value}) == NEUTRAL
