"""Test the public functions on every form of a recording."""

import io
import os
from dataclasses import replace

import numpy as np
import pytest
import soundfile

import emo
from emo.errors import (
    AudioError,
    LimitError,
    ModelError,
    ModelFaultError,
    NotFiniteError,
    TooShortError,
)
from emo.inference import api
from emo.system.paths import MODELS_DIR, sample_path
from tests.support.signals import encoded, tone

SAMPLE = sample_path("angry")
SAMPLES, RATE_HZ = soundfile.read(SAMPLE, dtype="float32")


def forms() -> dict[str, emo.Clip]:
    """Return the clip of one recording, loaded from each form that a recording can have."""
    integers = (SAMPLES * 2**15).astype(np.int16)
    data = SAMPLE.read_bytes()
    with open(SAMPLE, "rb") as file:
        return {
            "path": emo.load(SAMPLE),
            "text": emo.load(str(SAMPLE)),
            "bytes": emo.load(data),
            "bytearray": emo.load(bytearray(data)),
            "memoryview": emo.load(memoryview(data)),
            "file": emo.load(file),
            "stream": emo.load(io.BytesIO(data)),
            "float32": emo.load(SAMPLES, RATE_HZ),
            "float64": emo.load(SAMPLES.astype(np.float64), RATE_HZ),
            "int16": emo.load(integers, RATE_HZ),
            "int32": emo.load(integers.astype(np.int32) << 16, RATE_HZ),
            "list": emo.load(SAMPLES.tolist(), RATE_HZ),
            "one channel": emo.load(SAMPLES[:, None], RATE_HZ),
            "clip": emo.load(emo.load(SAMPLE)),
        }


def test_load_reads_every_form_of_a_recording_alike() -> None:
    expected = emo.load(SAMPLE)
    for form, clip in forms().items():
        np.testing.assert_array_equal(clip.samples, expected.samples, err_msg=form)
        assert (clip.warnings, clip.source_rate_hz) == (expected.warnings, RATE_HZ), form


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000])
def test_load_of_samples_is_that_of_a_file(rate_hz: int) -> None:
    samples = np.stack(
        [tone(duration_s=2.0, rate_hz=rate_hz), 0.5 * tone(duration_s=2.0, rate_hz=rate_hz)], axis=1
    )
    file = emo.load(encoded(samples, rate_hz=rate_hz, subtype="FLOAT"), channel="right")
    array = emo.load(samples, rate_hz, channel="right")
    np.testing.assert_array_equal(array.samples, file.samples)
    assert array.source_channels == file.source_channels == 2


def test_load_scales_unsigned_bytes() -> None:
    samples = tone(duration_s=0.5)
    clip = emo.load(np.round(samples * 127 + 128).astype(np.uint8), 16_000)
    assert np.abs(clip.samples - samples).max() < 0.01


@pytest.mark.parametrize(
    ("source", "rate_hz", "error", "message"),
    [
        (SAMPLES, None, AudioError, "need their sample rate"),
        ([0.0, 0.1], None, AudioError, "need their sample rate"),
        (SAMPLE, 16_000, AudioError, "states its own rate"),
        (np.zeros((2, 2, 2)), 16_000, AudioError, r"the shape \(2, 2, 2\)"),
        (np.zeros((2, 16_000)), 16_000, AudioError, "transposing"),
        (np.zeros(0), 16_000, TooShortError, "0 samples"),
        (np.zeros(100), 16_000, TooShortError, "0.006 s"),
        (np.zeros(16_000, bool), 16_000, AudioError, "of type bool"),
        (np.zeros(16_000, complex), 16_000, AudioError, "of type complex128"),
        (np.zeros(16_000, np.uint16), 16_000, AudioError, "of type uint16"),
        (SAMPLES, 16_000.5, AudioError, "whole number of Hz"),
        (SAMPLES, float("nan"), AudioError, "whole number of Hz"),
        (SAMPLES, 10, LimitError, "10 Hz"),
        (np.full(16_000, np.nan), 16_000, NotFiniteError, "NaN"),
        (io.StringIO("text"), None, AudioError, "returns str"),
        ("missing.wav", None, AudioError, "no file"),
    ],
)
def test_load_rejects_in_a_sentence(source, rate_hz, error, message) -> None:
    with pytest.raises(error, match=message) as caught:
        emo.load(source, rate_hz)
    assert isinstance(caught.value, emo.EmoError)
    assert str(caught.value).endswith(".")


def test_predict_many_is_predict_of_each_in_more_than_one_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(api, "GROUP", 2)
    sources = [sample_path(name) for name in ("sad", "happy", "angry")]
    predictions = emo.predict_many(sources)
    for source, prediction in zip(sources, predictions, strict=True):
        expected = emo.predict(source)
        assert prediction.ensemble.label == expected.ensemble.label
        assert prediction.answers.keys() == expected.answers.keys()
        np.testing.assert_allclose(
            prediction.ensemble.probabilities, expected.ensemble.probabilities, atol=1e-6
        )


def test_predict_many_names_the_recording_of_an_error() -> None:
    with pytest.raises(emo.EmoError) as caught:
        emo.predict_many([SAMPLE, "missing.wav"])
    assert caught.value.__notes__ == ["This is recording 2: missing.wav"]


def test_models_are_loaded_once_and_may_be_given(tmp_path) -> None:
    models = emo.load_models()
    assert emo.load_models(f"{MODELS_DIR}{os.sep}") is models
    with pytest.raises(ModelError):
        emo.load_models(tmp_path)
    for key in models.classifiers.keys() - {"tree"}:
        models = models.without(ModelFaultError(key, ""))
    assert list(emo.predict(SAMPLE, models=models).answers) == ["tree", "ensemble"]


def test_timeline_and_explain_have_the_answers_of_predict() -> None:
    prediction = emo.predict(SAMPLE)
    assert emo.explain(SAMPLE).prediction.ensemble.label == prediction.ensemble.label
    timeline = emo.timeline(SAMPLE)
    assert timeline.done == timeline.total == 1
    assert timeline.to_dict()["windows"][0]["models"].keys() == prediction.answers.keys()


def test_answers_are_shown_in_a_notebook() -> None:
    music = replace(
        emo.predict(SAMPLE), warnings=("A <b>warning</b>.",), faults={"x": "A & fault."}
    )
    html = music._repr_html_()
    assert "A &lt;b&gt;warning&lt;/b&gt;." in html
    assert "A &amp; fault." in html
    assert all(label in html for label in emo.LABELS)
    assert html.count("<tr>") == 1 + len(music.answers)
    timeline = emo.timeline(sample_path("happy"))
    assert timeline._repr_html_().count("<tr>") == 1 + len(timeline.cues())


def test_answers_are_short_as_text() -> None:
    prediction = emo.predict(SAMPLE)
    sure = replace(prediction.ensemble, label="angry", confidence=0.91, unsure=False)
    assert str(sure) == "angry 91%"
    assert str(replace(sure, unsure=True, runner_up="sad")).startswith("angry")
    answers = ", ".join(f"{key} {answer}" for key, answer in prediction.answers.items())
    assert repr(prediction) == f"<Prediction for 2.14 s: {answers}>"
    explained = emo.explain(SAMPLE)
    assert repr(explained) == f"<Explanation of {prediction.ensemble}: tree, cnn, mlp, pretrained>"
    assert repr(emo.timeline(SAMPLE)) == "<Timeline of 2.14 s: 1 of 1 windows>"
