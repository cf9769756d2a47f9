"""Test that names become text that can be encoded."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.system.filenames import (
    MAX_CHARACTERS,
    MAX_STEM_CHARACTERS,
    clean,
    download_stem,
    without_ending,
)

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


@given(st.lists(ANY, max_size=4))
def test_download_stem_is_safe_on_every_system(parts):
    stem = download_stem("analyse", *parts)
    assert stem.startswith("analyse")
    assert len(stem) <= MAX_STEM_CHARACTERS
    assert not set(stem) & set('/\\:*?"<>|\0\r\n\u202e ')
    assert ".." not in stem
    assert not stem.endswith((".", "-"))
    assert len(stem.encode()) + len(".TextGrid") <= 255 or any(ord(c) > 0xFFFF for c in stem)


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a/b\\my clip.wav", "my clip"), (".wav", ".wav"), ("call.wav#channel=left", "call")],
)
def test_without_ending_keeps_the_name_alone(name, stem):
    assert without_ending(name) == stem
