"""Clips without the regions on which a network relies: what is heard has the answer told."""

import io

import numpy as np
import pytest
import soundfile

from emo.audio import clip as audio
from emo.audio.activity import find_span
from emo.errors import TooShortError
from emo.features.frames import analyse, log_mel_spectrogram
from emo.inference.explanation import explain
from emo.inference.loading import load_models
from emo.inference.predictor import predict
from emo.inference.reasons import without_regions as wr
from emo.inference.regions import Regions
from emo.labels import INDEX, LABELS
from emo.system.paths import MODELS_DIR, SAMPLES_DIR
from tests.support.signals import voice

pytestmark = pytest.mark.skipif(
    not (MODELS_DIR / "cnn" / "model.json").exists(), reason="no models"
)
SAMPLES = [SAMPLES_DIR / f"{label}.opus" for label in LABELS]
NETWORKS = ("cnn", "pretrained")


@pytest.fixture(scope="module")
def models():
    return load_models()


def to_file(samples):
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format="FLAC", subtype="PCM_16")
    return file.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_answer_to_what_is_heard_is_the_answer_told(models, path):
    clip = audio.load(path)
    why = explain(clip, models).why
    for key in NETWORKS:
        regions = why[key]
        assert isinstance(regions, Regions)
        heard = wr.without_regions(clip, key, regions, models)
        # `emo predict` of a file of the samples that are played says the same.
        again = predict(audio.decode(to_file(heard.samples)), models).answers[key]
        np.testing.assert_array_equal(again.probabilities, heard.answer.probabilities)
        # In the framed regions the sound has the value by which the explanation hides them.
        view = wr.ENCODER if key == "pretrained" else wr.LOG_MEL
        target = np.broadcast_to(view.hidden(heard.before), heard.before.shape)
        marked = regions.marked[: len(heard.before)]
        assert np.abs(heard.after - target)[marked].mean() < 3
        assert (
            np.abs(heard.before - target)[marked].mean()
            > 3 * np.abs(heard.after - target)[marked].mean()
        )
        assert np.abs(heard.after - heard.before)[~marked].mean() < 1
        # So the answer is about that to the spectrogram with these regions hidden.
        share = heard.answer.probabilities[INDEX[regions.label]]
        odds = float(np.log(share / (1 - share)))
        masked = regions.log_odds - regions.marked_drop
        assert odds == pytest.approx(masked, abs=1.2)
        assert odds < regions.log_odds - 0.5


@pytest.mark.slow
def test_silence_around_the_voice_stays(models):
    clip = audio.decode(to_file(np.round(20_000 * padded()).astype(np.int16)))
    regions = explain(clip, models).why["cnn"]
    assert isinstance(regions, Regions)
    heard = wr.without_regions(clip, "cnn", regions, models)
    start, stop = find_span(clip.samples).with_margins()
    scale = np.abs(heard.samples).max() / (32_768 * wr.PEAK)
    assert scale == pytest.approx(1, abs=1e-3)
    assert np.abs(heard.samples[: start - 1]).max() <= 1
    assert np.abs(heard.samples[stop + 1 :]).max() <= 1
    assert len(heard.samples) == len(clip.samples)


def padded():
    spoken = voice(duration_s=1.0)
    return np.concatenate([np.zeros(8_000), spoken / np.abs(spoken).max(), np.zeros(4_000)])


def test_nothing_changes_without_a_target(models):
    active = voice(duration_s=1.0).astype(np.float32)
    shape = wr.LOG_MEL.measure(active).shape
    kept = wr._fill(active, wr.LOG_MEL, np.full(shape, np.nan))
    np.testing.assert_allclose(kept, active, atol=1e-5)


def test_spectrogram_is_the_one_that_the_network_takes(models):
    clip = audio.load(SAMPLES[0])
    shown = wr.spectrogram_db(clip, "cnn")
    taken = log_mel_spectrogram(analyse(clip.samples))
    np.testing.assert_allclose((shown - shown.mean()) / 20, taken, atol=1e-5)


def test_a_part_that_is_too_short_for_a_recording_is_refused(models):
    clip = audio.load(SAMPLES[0])
    part = audio.cut(clip, 16_000, 16_000 + 3_200)
    regions = explain(part, models).why["cnn"]
    assert isinstance(regions, Regions)
    with pytest.raises(TooShortError):
        wr.without_regions(part, "cnn", regions, models)
