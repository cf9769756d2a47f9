"""Guess the acted emotion of a clip from its name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.corpora.catalogue import default_directory, find_recordings
from emo.corpora.guess import guess_emotion
from emo.labels import CALM, LABELS


@pytest.mark.parametrize(
    ("name", "emotion"),
    [
        ("1001_DFA_ANG_XX.wav", "angry"),
        ("1040_ith_sad_x.opus", "sad"),
        ("03-01-05-02-01-01-12.wav", "angry"),
        ("03-02-08-01-01-01-03.mp3", "surprised"),
        ("DC_a01.wav", "angry"),
        ("AudioData/KL/sa11.wav", "sad"),
        ("OAF_back_angry.wav", "angry"),
        ("OA_bite_neutral.wav", "neutral"),
        ("YAF_happy_sad.wav", "sad"),
        ("YAF_back_ps.wav", "surprised"),
        ("1001_DFA_ANG_XX (1).wav", "angry"),
        ("angry.opus", "angry"),
        ("anna-angry-03.wav", "angry"),
        ("AnnaHappy2.wav", "happy"),
        ("ANGRY2.WAV", "angry"),
        ("Disgust.wav", "disgusted"),
        ("fear_02.m4a", "fearful"),
        ("voices/Surprise/anna 2.mp3", "surprised"),
        ("voices\\sadness\\2.wav", "sad"),
        ("sad/happy 1.wav", "happy"),
        ("wütend.wav", "angry"),
        ("wu\u0308tend.wav", "angry"),
        ("dégoût 1.wav", "disgusted"),
        ("clip.angry.final.wav", "angry"),
        ("SUR_01.wav", "surprised"),
    ],
)
def test_a_name_states_its_emotion(name: str, emotion: str) -> None:
    assert guess_emotion(name) == emotion


@pytest.mark.parametrize(
    "name",
    [
        "03-01-02-01-01-01-01.wav",  # calm
        "calm.wav",
        "recording 1.wav",
        "happy or sad.wav",
        "happy/angry or sad.wav",
        "a01.wav",  # of SAVEE only in a speaker's folder
        "saddle.wav",
        "dis-moi.wav",
        "ang lee.wav",
        "madrid/1.wav",
        "",
        "/",
    ],
)
def test_a_name_without_one_emotion_gives_none(name: str) -> None:
    assert guess_emotion(name) is None


@pytest.mark.slow
@given(st.text(max_size=60))
def test_every_name_gives_a_label_or_none(name: str) -> None:
    assert guess_emotion(name) in (None, *LABELS)


@pytest.mark.slow
def test_every_clip_of_the_corpora_is_guessed() -> None:
    directory = default_directory()
    if directory is None:
        pytest.skip("EMO_DATA names no folder of the corpora")
    recordings = find_recordings(directory).recordings
    assert len(recordings) > 10_000
    for recording in recordings:
        name = recording.path.relative_to(directory).as_posix()
        expected = None if recording.emotion == CALM else recording.emotion
        assert guess_emotion(name) == expected, name
