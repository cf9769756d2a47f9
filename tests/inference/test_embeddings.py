"""Test the embeddings against the answers that are computed from them."""

from dataclasses import replace

import numpy as np
import pytest

import emo
from emo.classifiers.numerics import softmax
from emo.classifiers.storage import empty_features, read_arrays
from emo.errors import ModelError, ModelFaultError, SettingError
from emo.inference.embeddings import describe_layers, embed_clip, embedding_of, layer_names
from emo.inference.loading import load_models
from emo.inference.predictor import predict
from emo.system.paths import MODELS_DIR, sample_path
from tests.support.signals import voice


@pytest.fixture(scope="module")
def models():
    return load_models()


@pytest.fixture(scope="module")
def clip():
    return emo.load(sample_path("angry"))


def test_embed_returns_layers_of_the_described_widths(models, clip):
    embedding = emo.embed(clip, models=models)
    widths = {layer.name: layer.width for layer in describe_layers(models)}
    assert {name: numbers.shape for name, numbers in embedding.items()} == {
        name: (width,) for name, width in widths.items()
    }
    assert widths == {"encoder": 2048, "cnn": 384, "mlp": 768}
    assert {numbers.dtype for numbers in embedding.values()} == {np.dtype(np.float32)}


def test_cnn_layer_gives_the_logits_by_the_last_weights(models, clip):
    stored = read_arrays((MODELS_DIR / "cnn" / "weights.npz").read_bytes())
    weights, bias = [stored[name] for name in sorted(stored)][-2:]
    answer = softmax((emo.embed(clip, models=models)["cnn"] @ weights + bias)[None])[0]
    assert answer == pytest.approx(predict(clip, models).raw["cnn"], abs=1e-6)


def test_mlp_layer_gives_the_answer_by_the_last_weights(models, clip):
    arrays = models.classifiers["mlp"].arrays
    parts = np.split(emo.embed(clip, models=models)["mlp"], 3)
    logits = [
        part @ arrays[f"member{i}_4"] + arrays[f"member{i}_5"] for i, part in enumerate(parts)
    ]
    mean = np.mean([softmax(row[None])[0] for row in logits], axis=0)
    assert mean == pytest.approx(predict(clip, models).raw["mlp"], abs=1e-6)


def test_encoder_layer_gives_the_answer_of_the_classifier_on_it(models, clip):
    encoded = emo.embed(clip, models=models, layers="encoder")["encoder"]
    classifier = models.classifiers["pretrained"]
    features = replace(empty_features(), embeddings=encoded[None])
    answer = classifier.probabilities(features)[0]
    assert answer == pytest.approx(predict(clip, models).raw["pretrained"], abs=1e-9)


@pytest.mark.parametrize("duration_s", [0.3, 13.0])
def test_embed_takes_short_and_long_clips(models, duration_s):
    embedding = emo.embed(voice(duration_s=duration_s), rate_hz=16_000, models=models)
    assert all(np.isfinite(numbers).all() for numbers in embedding.values())


def test_embedding_of_a_prediction_is_that_of_its_clip(models, clip):
    known = embedding_of(predict(clip, models), describe_layers(models))
    for name, numbers in embed_clip(clip, models).items():
        assert np.array_equal(known[name], numbers)


def test_embedding_of_a_prediction_without_all_layers_is_empty(models, clip):
    prediction = predict(clip, replace(models, voice=None))
    assert embedding_of(prediction, describe_layers(models)) == {}


def test_layers_are_chosen_by_name(models, clip):
    assert list(emo.embed(clip, models=models, layers="mlp, encoder")) == ["encoder", "mlp"]
    assert list(emo.embed(clip, models=models, layers=["cnn"])) == ["cnn"]
    with pytest.raises(SettingError, match="'CNN'; choose among encoder, cnn, mlp"):
        emo.embed(clip, models=models, layers="CNN")
    with pytest.raises(SettingError, match="No layer is named"):
        emo.embed(clip, models=models, layers=[])


def test_layer_of_a_model_that_is_not_loaded_is_an_error(models, clip):
    left = {key: model for key, model in models.classifiers.items() if key != "cnn"}
    without = replace(models, classifiers=left, faults={"cnn": "It was altered."})
    with pytest.raises(ModelError, match=r"no layer cnn without its model\. It was altered\."):
        emo.embed(clip, models=without)
    assert set(emo.embed(clip, models=without, layers="mlp")) == {"mlp"}


def test_layer_that_is_not_finite_is_an_error(models, clip):
    damaged = models.classifiers["mlp"]
    arrays = damaged.arrays | {"member0_1": np.full_like(damaged.arrays["member0_1"], np.nan)}
    broken = models.classifiers | {"mlp": replace(damaged, arrays=arrays)}
    with pytest.raises(ModelFaultError):
        emo.embed(clip, models=replace(models, classifiers=broken))


def test_every_layer_has_a_name_of_its_own():
    assert len(set(layer_names())) == len(layer_names())
