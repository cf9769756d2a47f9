"""Test guests: models by others beside the classifiers."""

import json
from pathlib import Path

import numpy as np
import pytest

import emo
from emo.cli.main import main
from emo.errors import GuestError
from emo.inference.guest import model as guests
from emo.inference.guest.description import FrameSettings, read_description
from emo.inference.guest.model import GuestAnswer, load_guest, with_guest
from emo.inference.guest.spectrogram import log_mel
from emo.labels import LABELS
from emo.system.paths import sample_path
from tests.features.librosa_oracle import load_librosa
from tests.support.guests import SAMPLES, save_guest
from tests.support.signals import encoded, voice


@pytest.fixture
def clip():
    return emo.load(0.1 * voice(duration_s=1.0), rate_hz=16_000)


def shares(answer: GuestAnswer) -> dict[str, float]:
    return dict(zip(LABELS, answer.probabilities.tolist(), strict=True))


def test_guest_answers_with_the_labels_that_have_a_meaning(tmp_path, clip):
    answer = load_guest(save_guest(tmp_path / "g.onnx")).answer(clip)
    logits = np.array([20.0, 1.0]) * np.abs(clip.samples).mean()
    expected = np.exp(logits) / np.exp(logits).sum()
    assert shares(answer)["angry"] == pytest.approx(expected[0], abs=1e-6)
    assert shares(answer)["neutral"] == pytest.approx(expected[1], abs=1e-6)
    assert answer.probabilities.sum() == pytest.approx(1.0)
    assert np.count_nonzero(answer.probabilities) == 2
    assert (answer.label, answer.name, answer.unsure) == ("angry", "Loud is angry", False)


def test_labels_of_one_meaning_are_added(tmp_path, clip):
    about = SAMPLES | {"meaning": {"anger": "angry", "bored": "neutral"}, "output": "probabilities"}
    path = save_guest(tmp_path / "g.onnx", about, weights=(0, 0, 0), bias=(0.5, 0.2, 0.3))
    assert shares(load_guest(path).answer(clip)) == pytest.approx(
        dict.fromkeys(LABELS, 0.0) | {"angry": 0.5, "neutral": 0.5}
    )


def test_guest_takes_its_own_rate(tmp_path, clip):
    about = SAMPLES | {"rate_hz": 8000}
    path = save_guest(tmp_path / "g.onnx", about, shape=(4000,), weights=(100.0, 1.0, 0.0))
    answer = load_guest(path).answer(clip)
    middle = np.abs(clip.samples[4000:12000]).mean()  # 4000 samples at 8 kHz, of twice as many
    assert shares(answer)["angry"] == pytest.approx(1 / (1 + np.exp(-99 * middle)), abs=0.01)


@pytest.mark.parametrize(("normalise", "size"), [("none", 0.1), ("peak", 1.0), ("variance", None)])
def test_samples_are_normalised(tmp_path, normalise, size):
    samples = 0.1 * np.sign(np.sin(np.arange(16_000) / 7)).astype(np.float32)
    clip = emo.load(samples, rate_hz=16_000)
    about = SAMPLES | {"normalise": normalise}
    path = save_guest(tmp_path / "g.onnx", about, weights=(1.0, 0.0, 0.0))
    size = size or np.abs((clip.samples - clip.samples.mean()) / clip.samples.std()).mean()
    answer = load_guest(path).answer(clip)
    assert shares(answer)["angry"] == pytest.approx(1 / (1 + np.exp(-size)), abs=1e-3)


@pytest.mark.parametrize(
    "settings",
    [
        FrameSettings(400, 160, 80),
        FrameSettings(512, 256, 40, 50.0, 7600.0, "htk", "none", "db", 1e-8, "zeros"),
        FrameSettings(
            512, 128, 64, 0.0, 8000.0, "htk", "area", "log10", 1e-6, "none", "bands-time"
        ),
    ],
)
def test_spectrogram_is_that_of_librosa(settings):
    samples = voice(duration_s=1.0).astype(np.float32)
    power = load_librosa().feature.melspectrogram(
        y=samples,
        sr=16_000,
        n_fft=settings.window,
        hop_length=settings.hop,
        n_mels=settings.bands,
        fmin=settings.low_hz,
        fmax=settings.high_hz,
        htk=settings.scale == "htk",
        norm="slaney" if settings.norm == "area" else None,
        center=settings.pad != "none",
        pad_mode="reflect" if settings.pad == "reflect" else "constant",
    )
    level = np.log(np.maximum(power, settings.floor))
    if settings.log != "ln":
        level = level / np.log(10) * (10 if settings.log == "db" else 1)
    expected = level if settings.layout == "bands-time" else level.T
    found = log_mel(samples, 16_000, settings)
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    assert found == pytest.approx(expected, abs=2e-3)


def test_guest_takes_a_spectrogram(tmp_path, clip):
    frames = {"window": 400, "hop": 160, "bands": 40}
    about = SAMPLES | {"input": "log-mel", "frames": frames, "labels": ["angry", "sad", "x"]}
    about["meaning"] = {"x": None}
    path = save_guest(tmp_path / "g.onnx", about, (1, "t", 40), weights=(0.1, 0.0, 0.0))
    level = np.abs(log_mel(clip.samples, 16_000, FrameSettings(400, 160, 40))).mean()
    answer = load_guest(path).answer(clip)
    assert shares(answer)["angry"] == pytest.approx(1 / (1 + np.exp(-0.1 * level)), abs=1e-4)


def test_guest_has_no_part_in_the_ensemble(tmp_path):
    clip = emo.load(sample_path("sad"))
    prediction = emo.predict(clip)
    answer = load_guest(save_guest(tmp_path / "g.onnx")).answer(clip)
    beside = with_guest(prediction, answer)
    assert beside.ensemble is prediction.ensemble
    assert list(beside.answers) == [*prediction.answers, "guest"]
    assert beside.to_dict()["models"]["guest"]["name"] == "Loud is angry"


def test_guest_chooses_among_the_emotions_that_can_occur(tmp_path, clip):
    prediction = emo.predict(sample_path("sad"), among="neutral,sad")
    answer = load_guest(save_guest(tmp_path / "g.onnx")).answer(clip)
    chosen = with_guest(prediction, answer, ("neutral", "sad")).answers["guest"]
    assert (chosen.label, chosen.confidence) == ("neutral", 1.0)
    assert "guest" not in with_guest(prediction, answer, ("happy", "sad")).answers


FRAMES = {"window": 400, "hop": 160, "bands": 40}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": None}, "'name' must be a text, not None"),
        ({"name": "x" * 25}, "1 to 24 characters, not 25"),
        ({"rate_hz": 100}, "'rate_hz' is 100; it must be a whole number from 4000 to 48000"),
        ({"rate_hz": 16000.5}, "'rate_hz' is 16000.5; it must be a whole number"),
        ({"input": "mp3"}, "'input' is 'mp3'; it must be samples or log-mel"),
        ({"input": "log-mel"}, "needs 'frames', such as"),
        ({"frames": FRAMES}, "'frames' goes with the input 'log-mel' alone"),
        ({"input": "log-mel", "frames": FRAMES | {"hop": 0}}, "'hop' is 0; it must be a whole"),
        (
            {"input": "log-mel", "frames": FRAMES | {"mels": 3}},
            "'frames' has an unknown 'mels'; known",
        ),
        ({"input": "log-mel", "frames": FRAMES | {"log": "e"}}, "'log' is 'e'; it must be ln or"),
        ({"labels": "anger"}, "'labels' must be the names of the outputs in order"),
        ({"labels": ["anger", "anger"]}, "2 to 100 different names; there are 2, of which 1"),
        ({"meaning": []}, "'meaning' must say which emotion each label is"),
        ({"meaning": {"joy": "happy"}}, "'meaning' has 'joy', which is not among 'labels'"),
        (
            {"meaning": {"anger": "cross"}},
            "says that 'anger' is 'cross'; it must be null or one of",
        ),
        ({"meaning": {"anger": "angry"}}, "must say which emotion 'bored' is"),
        ({"meaning": {"anger": "neutral", "bored": None}}, "fewer than two of 'labels'"),
        ({"output": "scores"}, "'output' is 'scores'; it must be logits or probabilities"),
        ({"licence": "x"}, "'licence' is unknown; known are name, rate_hz"),
    ],
)
def test_a_wrong_description_is_a_sentence(tmp_path, change, sentence):
    path = tmp_path / "g.onnx"
    path.with_suffix(".json").write_text(json.dumps(SAMPLES | change))
    with pytest.raises(GuestError) as error:
        read_description(path)
    assert sentence in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "g.json"))


@pytest.mark.parametrize("text", ["", "[1]", "{", "\xff"])
def test_a_description_that_is_no_object_is_a_sentence(tmp_path, text):
    (tmp_path / "g.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(GuestError, match=r"g\.json"):
        read_description(tmp_path / "g.onnx")


def test_a_missing_file_or_package_is_a_sentence(tmp_path, monkeypatch):
    with pytest.raises(GuestError, match="There is no ONNX file at"):
        load_guest(tmp_path / "g.onnx")
    save_guest(tmp_path / "g.onnx").with_suffix(".json").unlink()
    with pytest.raises(GuestError, match=r"There is no description of g\.onnx at .*g\.json"):
        load_guest(tmp_path / "g.onnx")
    monkeypatch.setattr(guests, "missing", lambda modules: ("onnxruntime",))
    with pytest.raises(GuestError, match="run 'pip install onnxruntime'"):
        load_guest(tmp_path / "g.onnx")


@pytest.mark.parametrize(
    ("about", "shape", "sentence"),
    [
        ({"labels": ["angry", "sad"], "meaning": {}}, (1, "n"), "returns 3 numbers .* 2 labels"),
        ({}, (2, "n"), r"takes the shape \[2, 'n'\], which does not fit the input 'samples'"),
        ({}, (1, 1, 1, "n"), "does not fit the input 'samples'"),
        ({"input": "log-mel", "frames": FRAMES}, (1, "t", 64), "takes 64 bands, .* says 40"),
        ({"output": "probabilities"}, (1, "n"), "numbers below 0, which are no probabilities"),
    ],
)
def test_a_model_unlike_its_description_is_a_sentence(tmp_path, about, shape, sentence):
    weights = (-1.0, 0.0, 0.0)
    path = save_guest(tmp_path / "g.onnx", SAMPLES | about, shape, weights=weights)
    with pytest.raises(GuestError, match=sentence):
        load_guest(path)


def test_a_damaged_model_is_a_sentence(tmp_path):
    save_guest(tmp_path / "g.onnx").write_bytes(b"no model")
    with pytest.raises(GuestError, match="cannot be loaded by onnxruntime"):
        load_guest(tmp_path / "g.onnx")


def test_values_that_are_not_finite_are_a_sentence(tmp_path):
    path = save_guest(tmp_path / "g.onnx", weights=(float("inf"), 0.0, 0.0))
    with pytest.raises(GuestError, match="not finite"):
        load_guest(path)


def test_a_slow_guest_is_given_up(tmp_path, clip, monkeypatch):
    guest = load_guest(save_guest(tmp_path / "g.onnx"))

    def run_until_told(names, inputs, options):
        while not options.terminate:
            pass
        raise RuntimeError("terminated")

    class Slow:
        get_inputs, get_outputs = guest.session.get_inputs, guest.session.get_outputs
        run = staticmethod(run_until_told)

    monkeypatch.setattr(guests, "TIMEOUT_S", 0.01)
    with pytest.raises(GuestError, match=r"took longer than 0\.01 seconds for a clip"):
        guests.Guest(guest.about, Slow()).answer(clip)


def test_predict_prints_the_answer_of_a_guest(tmp_path, capsys):
    sound = tmp_path / "a.wav"
    sound.write_bytes(encoded(voice(duration_s=1.0)))
    path = save_guest(tmp_path / "g.onnx")
    command = ["predict", "--format", "json", "--gain", "-6", "--guest", str(path), str(sound)]
    assert main(command) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["models"]["guest"]["label"] == "angry"
    assert row["models"]["guest"]["name"] == "Loud is angry"
    assert main(["predict", "--gain", "-6", "--format", "json", str(sound)]) == 0
    (plain,) = json.loads(capsys.readouterr().out)
    assert plain["models"]["ensemble"] == row["models"]["ensemble"]
    assert main(["predict", "--guest", str(tmp_path / "none.onnx"), str(sound)]) == 1
    assert "There is no ONNX file at" in capsys.readouterr().err


def test_predict_answers_without_a_guest_that_fails(tmp_path, capsys, monkeypatch):
    sound, path = tmp_path / "a.wav", save_guest(tmp_path / "g.onnx")
    sound.write_bytes(encoded(voice(duration_s=1.0)))

    def fail(self: guests.Guest, clip: object) -> None:
        raise GuestError("It failed.")

    monkeypatch.setattr(guests.Guest, "answer", fail)
    assert main(["predict", "--guest", str(path), str(sound)]) == 1
    out, err = capsys.readouterr()
    assert "ensemble" in out
    assert "guest" not in out.replace(str(Path(path).parent), "")
    assert "emo: It failed." in err
