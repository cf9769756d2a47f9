"""Test that names become text that can be encoded."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.system.filenames import MAX_CHARACTERS, clean

ANY = st.text(st.characters(codec=None, exclude_categories=()))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("voice.wav", "voice.wav"),
        ("Gruß 😀.wav", "Gruß 😀.wav"),
        ("\ud800x", "\ufffdx"),
        ("x\udfff", "x\ufffd"),
        ("\ud83d\ude00", "😀"),
        ("", ""),
        ("a" * 300, "a" * MAX_CHARACTERS),
    ],
)
def test_clean_replaces_lone_surrogates_alone(name, text):
    assert clean(name) == text


@given(ANY)
def test_clean_returns_names_that_can_be_encoded(name):
    text = clean(name)
    assert json.loads(json.dumps(text, ensure_ascii=False).encode()) == text
    assert clean(text) == text
