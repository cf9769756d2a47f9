"""Models on disk: saved models load unchanged, and damaged ones are rejected with a reason."""

import hashlib
import io
import json
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from emo.classifiers import runtime, storage
from emo.classifiers.numerics import softmax
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.tree import SURROGATE
from emo.errors import ModelError
from emo.inference.loading import MODEL_KEYS
from emo.system.paths import MODELS_DIR
from tests.support.models import ORIGIN, fitted, needs_keras, random_spectrogram

pytestmark = needs_keras


@pytest.fixture
def models(tiny_models, tmp_path):
    return shutil.copytree(tiny_models, tmp_path / "models")


def features_of(spectrogram):
    """Return features of one clip, of which only the spectrogram is not zero."""
    return replace(storage.empty_features(), spectrograms=(spectrogram,))


@pytest.mark.parametrize("key", [key for key, row in CLASSIFIERS.items() if not row.has_runtime])
@pytest.mark.slow
def test_saved_arrays_are_loaded_unchanged(models, key):
    expected = fitted(key).arrays
    result = storage.load_model(models / key).arrays
    assert result.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(result[name], values)


@pytest.mark.parametrize("length", [20, 60, 157, 800])
@pytest.mark.slow
def test_runtime_predicts_as_keras_does(models, length):
    model = storage.load_model(models / "cnn")
    expected = softmax(fitted("cnn").model.predict_on_batch(random_spectrogram(length)[None]))
    result = model.probabilities(features_of(random_spectrogram(length)))
    np.testing.assert_allclose(result, expected, atol=1e-5)


@pytest.mark.skipif(not (MODELS_DIR / "cnn" / "model.json").exists(), reason="no trained models")
@pytest.mark.parametrize("length", [31, 120, 500])
@pytest.mark.slow
def test_shipped_network_predicts_as_its_keras_weights_do(length):
    from emo.classifiers.cnn import build_cnn

    model = storage.load_model(MODELS_DIR / "cnn")
    network = build_cnn(seed=0)
    with np.load(MODELS_DIR / "cnn" / storage.WEIGHTS) as arrays_of_file:
        network.set_weights([arrays_of_file[name] for name in sorted(arrays_of_file.files)])
    expected = softmax(network.predict_on_batch(random_spectrogram(length)[None]))
    result = model.probabilities(features_of(random_spectrogram(length)))
    np.testing.assert_allclose(result, expected, atol=1e-5)


@pytest.mark.parametrize("length", [20, 157])
@pytest.mark.slow
def test_runtime_returns_the_last_hidden_layer(models, length):
    import keras

    model = storage.load_model(models / "cnn")
    network = fitted("cnn").model
    inner = keras.Model(network.inputs, network.layers[-1].input)
    expected = np.asarray(inner.predict_on_batch(random_spectrogram(length)[None]))
    probabilities, hidden = model.run(features_of(random_spectrogram(length)))
    np.testing.assert_allclose(hidden, expected, atol=1e-4)
    weights, bias = network.layers[-1].get_weights()
    np.testing.assert_allclose(softmax(hidden @ weights + bias), probabilities, atol=1e-5)


def test_perceptrons_return_their_last_hidden_layers(models):
    model = storage.load_model(models / "mlp")
    functionals = np.random.default_rng(4).normal(0, 50, (3, len(model.arrays["mean"])))
    features = replace(storage.empty_features(3), functionals=functionals)
    probabilities, hidden = model.run(features)
    expected = softmax(hidden @ model.arrays["member0_2"] + model.arrays["member0_3"])
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)


def test_tree_has_no_hidden_layer(models):
    model = storage.load_model(models / "tree")
    assert model.run(storage.empty_features(3))[1].shape == (3, 0)


@pytest.mark.slow
def test_network_without_its_hidden_layer_is_rejected(models, tmp_path):
    fitted("cnn").model.export(str(tmp_path / "old.tflite"), format="litert", verbose=False)
    with pytest.raises(ModelError, match="outputs of the widths 8, not the 8 logits and the layer"):
        runtime.Network((tmp_path / "old.tflite").read_bytes())


def test_threads_return_equal_probabilities(models):
    model = storage.load_model(models / "cnn")
    spectrograms = [random_spectrogram(20 + 10 * i, seed=i) for i in range(12)]
    alone = [model.probabilities(features_of(v)) for v in spectrograms]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda v: model.probabilities(features_of(v)), spectrograms))
    np.testing.assert_array_equal(together, alone)


def test_tree_with_a_circle_is_rejected(models):
    with np.load(models / "tree" / storage.WEIGHTS) as arrays_of_file:
        left = arrays_of_file["left"]
    change_arrays(models / "tree", left=np.where(left > 0, 0, left).astype(np.int32))
    with pytest.raises(ModelError, match="a branch leads back"):
        storage.load_model(models / "tree")


def test_surrogate_with_an_unknown_functional_is_rejected(models):
    with np.load(models / "tree" / storage.WEIGHTS) as arrays_of_file:
        axis = arrays_of_file[SURROGATE + "axis"]
    change_arrays(models / "tree", **{SURROGATE + "axis": np.where(axis >= 0, 10**6, axis)})
    with pytest.raises(ModelError, match="an axis that is not there"):
        storage.load_model(models / "tree")


def test_perceptrons_of_other_shapes_are_rejected(models):
    change_arrays(models / "mlp", member0_0=np.zeros((3, 5), np.float32))
    with pytest.raises(ModelError, match="has the shape"):
        storage.load_model(models / "mlp")


def test_weights_that_overflow_are_rejected(models):
    with np.load(models / "mlp" / storage.WEIGHTS) as arrays_of_file:
        huge = {
            name: np.full_like(arrays_of_file[name], 3e38)
            for name in arrays_of_file.files
            if "_" in name
        }
    change_arrays(models / "mlp", **huge)
    with pytest.raises(ModelError, match="not finite"):
        storage.load_model(models / "mlp")


def test_info_describes_the_origin_and_the_files(models):
    info = storage.load_model(models / "tree").info
    assert info["trained_on"] == {
        "corpora": ["savee"],
        "clips": 7,
        "speakers": 4,
        "held_out": {"clips": 0, "speakers": []},
    }
    assert info["seed"] == ORIGIN.seed
    assert (
        info["files"][storage.WEIGHTS]["bytes"]
        == (models / "tree" / storage.WEIGHTS).stat().st_size
    )


def test_serving_opens_no_weights_of_a_network(models):
    (models / "cnn" / storage.WEIGHTS).unlink()
    assert storage.load_model(models / "cnn").network is not None


def change_info(directory, **changes):
    path = directory / storage.MODEL_INFO
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def remove_from_info(directory, name):
    path = directory / storage.MODEL_INFO
    info = json.loads(path.read_text())
    del info[name]
    path.write_text(json.dumps(info))


def rewrite(directory, content):
    """Write weights and a ``model.json`` with their hash."""
    (directory / storage.WEIGHTS).write_bytes(content)
    facts = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    change_info(directory, files={storage.WEIGHTS: facts})


def change_arrays(directory, **changes):
    """Change or remove (None) arrays of the weights, and write a ``model.json`` with their hash."""
    with np.load(directory / storage.WEIGHTS) as arrays_of_file:
        arrays = {name: arrays_of_file[name] for name in arrays_of_file.files} | changes
    file = io.BytesIO()
    np.savez(file, **{name: values for name, values in arrays.items() if values is not None})
    rewrite(directory, file.getvalue())


def zip_bomb():
    """Return half a gigabyte of zeros in half a megabyte."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out,
        out.open("mean.npy", "w") as member,
    ):
        for _ in range(512):
            member.write(bytes(2**20))
    return file.getvalue()


def false_header(kind="<f8"):
    """Return an array with a header of eighty gigabytes, or objects, and sixty-four bytes."""
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': (10000000000,), }}\n".encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        size = len(head).to_bytes(2, "little")
        out.writestr("mean.npy", b"\x93NUMPY\x01\x00" + size + head + bytes(64))
    return file.getvalue()


DAMAGE = {
    "no folder": (lambda d: shutil.rmtree(d), "There is no model"),
    "no info": (lambda d: (d / storage.MODEL_INFO).unlink(), "There is no model"),
    "info of text": (lambda d: (d / storage.MODEL_INFO).write_text("hello"), "cannot be read"),
    "info of a list": (lambda d: (d / storage.MODEL_INFO).write_text("[]"), "cannot be read"),
    "later format": (lambda d: change_info(d, format=99), "has format 99"),
    "other labels": (lambda d: change_info(d, labels=["sad", "glad"]), "has the labels sad, glad"),
    "other model": (lambda d: change_info(d, key="mlp"), "holds the model 'mlp'"),
    "other features": (
        lambda d: change_info(d, features={"version": 99, "sha256": "", "takes": "functionals"}),
        "version 99 of the features",
    ),
    "no weights": (lambda d: (d / storage.WEIGHTS).unlink(), "lacks its file weights.npz"),
    "half the weights": (
        lambda d: (d / storage.WEIGHTS).write_bytes((d / storage.WEIGHTS).read_bytes()[:999]),
        "has 999 bytes",
    ),
    "weights swapped": (
        lambda d: (d / storage.WEIGHTS).write_bytes(
            (d / storage.WEIGHTS).read_bytes()[:-1] + bytes([1])
        ),
        "was altered",
    ),
    "a path outside": (
        lambda d: change_info(d, files={"../mlp/weights.npz": {"sha256": "", "bytes": 1}}),
        "lacks its file",
    ),
    "files a list": (lambda d: change_info(d, files=[]), "cannot be read"),
    "facts a text": (lambda d: change_info(d, files={storage.WEIGHTS: "x"}), "cannot be read"),
    "facts empty": (lambda d: change_info(d, files={storage.WEIGHTS: {}}), "cannot be read|lacks"),
    "features a number": (lambda d: change_info(d, features=1), "cannot be read"),
    "labels of numbers": (
        lambda d: change_info(d, labels=[1]),
        "a value of 'labels' is of the type int, not str",
    ),
    "a seed of text": (lambda d: change_info(d, seed="1"), "'seed' is of the type str, not int"),
    "a size of true": (
        lambda d: change_info(d, files={storage.WEIGHTS: {"sha256": "", "bytes": True}}),
        "'bytes' is of the type bool, not int",
    ),
    "no commit": (lambda d: remove_from_info(d, "commit"), "model.json lacks 'commit'"),
    "another file to serve": (
        lambda d: change_info(d, served_file=runtime.NETWORK),
        r"served from 'network\.tflite', not weights\.npz",
    ),
    "nested without end": (
        lambda d: (d / storage.MODEL_INFO).write_text("[" * 9**6),
        "cannot be read",
    ),
    "not text": (lambda d: (d / storage.MODEL_INFO).write_bytes(b"\xff\xfe"), "cannot be read"),
    "weights that are no archive": (lambda d: rewrite(d, b"not a zip"), "cannot be read"),
    "weights in a broken archive": (lambda d: rewrite(d, b"PK\x03\x04broken"), "cannot be read"),
    "an array missing": (lambda d: change_arrays(d, centre=None), "centre are missing"),
    "an array of another shape": (
        lambda d: change_arrays(d, mean=np.zeros(3, np.float32)),
        "'mean' has the shape",
    ),
    "an array of text": (
        lambda d: change_arrays(d, mean=np.array(["a"])),
        "not what its header says: <U1",
    ),
    "floats for branches": (
        lambda d: change_arrays(d, left=np.zeros(1, np.float32)),
        "'left' holds values of the kind float32|has the shape",
    ),
    "more than fits": (lambda d: rewrite(d, zip_bomb()), "have more than 100 MB"),
    "a header that lies": (lambda d: rewrite(d, false_header()), "not what its header says"),
    "an array that runs code": (
        lambda d: rewrite(d, false_header("|O")),
        "not what its header says",
    ),
    "no files": (lambda d: change_info(d, files={}), "lacks its file weights.npz"),
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.slow
def test_damaged_model_is_rejected_with_a_reason(models, name):
    damage, words = DAMAGE[name]
    damage(models / "tree")
    with pytest.raises(ModelError, match=words):
        storage.load_model(models / "tree")


def test_network_without_its_file_is_rejected(models):
    change_info(models / "cnn", files={})
    with pytest.raises(ModelError, match=r"lacks its file network\.tflite"):
        storage.load_model(models / "cnn")


def test_weights_that_are_not_finite_are_rejected(tmp_path):
    broken = fitted("tree")
    broken.arrays["projection"][0, 0] = np.nan
    storage.save_model(tmp_path / "tree", "tree", broken, ORIGIN)
    with pytest.raises(ModelError, match="not finite in projection"):
        storage.load_model(tmp_path / "tree")


@pytest.mark.skipif(not (MODELS_DIR / "tree" / "model.json").exists(), reason="no trained models")
def test_shipped_models_load_and_are_small():
    total = 0
    for key in MODEL_KEYS:
        info = storage.load_model(MODELS_DIR / key).info
        total += sum(facts["bytes"] for facts in info["files"].values())
    assert total < 25e6
