"""The sample clips: one for each emotion, readable, marked as synthetic; and how they were made."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from emo.audio import RATE_HZ, load
from emo.features import analyse
from emo.labels import LABELS
from tests.voices import voice

SAMPLES = Path(__file__).resolve().parent.parent / "samples"


@pytest.fixture(scope="module")
def make():
    spec = importlib.util.spec_from_file_location("make_samples", SAMPLES / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_is_one_readable_clip_for_each_emotion():
    listed = json.loads((SAMPLES / "samples.json").read_text())
    assert [row["emotion"] for row in listed] == list(LABELS)
    for row in listed:
        clip = load(SAMPLES / row["file"])
        assert row["synthetic"] is True
        assert row["text"]
        assert clip.warnings == ()
        assert 1.0 < clip.duration_s < 8.0
        assert clip.source_rate_hz == RATE_HZ


@pytest.mark.parametrize("glide", [-6.0, 0.0, 6.0])
def test_a_glide_bends_the_pitch_by_its_semitones(make, glide):
    steady = voice(150.0, duration_s=2.0).astype(float)
    pitch = analyse(make.bend_pitch(steady, glide, 0.0).astype(np.float32)).pitch_hz
    pitch = pitch[~np.isnan(pitch)]
    found = 12 * np.log2(np.median(pitch[-20:]) / np.median(pitch[:20]))
    assert found == pytest.approx(glide, abs=1.0)


def test_a_wav_on_a_pipe_with_a_wrong_length_is_read_whole(make):
    samples = (np.arange(-1000, 1000) * 8).astype("<i2")
    header = b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\1\0\1\0" + RATE_HZ.to_bytes(4, "little")
    header += (2 * RATE_HZ).to_bytes(4, "little") + b"\2\0\x10\0data\xff\xff\xff\x7f"
    np.testing.assert_allclose(make.read_wav(header + samples.tobytes()), samples / 32768)


def test_every_emotion_has_a_prosody(make):
    assert list(make.PROSODY) == list(LABELS)
