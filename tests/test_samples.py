"""Test the sample clips: one for each emotion, readable, and marked as synthetic."""

import importlib.util
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from emo.audio.clip import RATE_HZ, load
from emo.features.frames import analyse
from emo.inference.timeline import iter_timeline
from emo.labels import LABELS
from tests.support.signals import voice

SAMPLES = Path(__file__).resolve().parent.parent / "samples"


@pytest.fixture(scope="module")
def make():
    spec = importlib.util.spec_from_file_location("make_samples", SAMPLES / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_list():
    return json.loads((SAMPLES / "samples.json").read_text(encoding="utf-8"))


def test_there_is_one_readable_clip_for_each_emotion():
    *listed, _ = read_list()
    assert [row["emotion"] for row in listed] == list(LABELS)
    for row in listed:
        clip = load(SAMPLES / row["file"])
        assert row["synthetic"] is True
        assert row["text"]
        assert clip.warnings == ()
        assert 1.0 < clip.duration_s < 8.0
        assert clip.source_rate_hz == RATE_HZ


def test_a_minute_has_every_emotion_with_pauses_between(make):
    row = read_list()[-1]
    path = SAMPLES / row["file"]
    clip = load(path)
    assert row["emotion"] == "all"
    assert row["synthetic"] is True
    assert clip.warnings == ()
    assert 60 <= clip.duration_s <= 120
    assert path.stat().st_size <= 1_500_000
    parts = row["parts"]
    assert [part["emotion"] for part in parts] == list(make.STORY)
    assert {part["emotion"] for part in parts} == set(LABELS)
    assert row["text"] == " … ".join(part["text"] for part in parts)
    assert parts[0]["start_s"] == 0.0
    assert parts[-1]["stop_s"] == pytest.approx(clip.duration_s, abs=0.02)
    for before, after in itertools.pairwise(parts):
        assert after["start_s"] - before["stop_s"] == pytest.approx(make.PAUSE_S, abs=0.02)
        pause = slice(*(round(t * RATE_HZ) for t in (before["stop_s"], after["start_s"])))
        assert np.abs(clip.samples[pause][200:-200]).max() == 0.0
        assert np.abs(clip.samples[pause.stop : pause.stop + RATE_HZ * 2]).max() > 0.05


@pytest.mark.slow
def test_the_ensemble_hears_most_of_the_minute_as_it_is_meant(make):
    row = read_list()[-1]
    models = make.load_models()
    clip = load(SAMPLES / row["file"])
    *_, found = iter_timeline(clip, models)
    meant = [
        next(p["emotion"] for p in row["parts"] if p["start_s"] <= middle_s <= p["stop_s"])
        for middle_s in found.windows_s.mean(axis=1)
    ]
    said = [LABELS[i] for i in found.probabilities["ensemble"].argmax(axis=1)]
    right = [a == b for a, b in zip(meant, said, strict=True)]
    assert np.mean(right) >= 0.65
    assert len({a for a, b in zip(meant, said, strict=True) if a == b}) == len(LABELS)


def test_the_list_says_what_the_shipped_models_answer(make):
    models = make.load_models()
    for row in read_list()[:-1]:
        found = make.answered(SAMPLES / row["file"], row["emotion"], models)
        assert found["ensemble"] == pytest.approx(row["ensemble"], abs=0.002)
        assert {name: row[name] for name in found if name != "ensemble"} == {
            name: value for name, value in found.items() if name != "ensemble"
        }


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
