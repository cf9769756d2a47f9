"""Models on disk: what is saved is loaded, and what was altered is refused in words."""

import hashlib
import io
import json
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from emo.classifiers import runtime, storage
from emo.classifiers.numerics import softmax
from emo.classifiers.tree import SURROGATE
from emo.errors import ModelError
from emo.inference.predictor import MODEL_KEYS
from emo.system.paths import MODELS_DIR
from tests.support.models import ORIGIN, fitted, view

pytest.importorskip("keras")


@pytest.fixture
def models(tiny_models, tmp_path):
    return shutil.copytree(tiny_models, tmp_path / "models")


@pytest.mark.parametrize("key", ["tree", "mlp"])
def test_saved_arrays_come_back(models, key):
    expected = fitted(key).arrays
    found = storage.load_model(models / key).arrays
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("length", [20, 60, 157, 800])
def test_the_runtime_answers_as_keras_does(models, length):
    model = storage.load_model(models / "cnn")
    expected = softmax(fitted("cnn").model.predict_on_batch(view(length)[None]))
    found = model.probabilities(np.zeros((1, 0)), (view(length),))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.skipif(not (MODELS_DIR / "cnn" / "model.json").exists(), reason="no trained models")
@pytest.mark.parametrize("length", [31, 120, 500])
def test_the_shipped_network_answers_as_its_keras_weights_do(length):
    from emo.classifiers.cnn import build_cnn

    model = storage.load_model(MODELS_DIR / "cnn")
    network = build_cnn(seed=0)
    with np.load(MODELS_DIR / "cnn" / storage.WEIGHTS) as stored:
        network.set_weights([stored[name] for name in sorted(stored.files)])
    expected = softmax(network.predict_on_batch(view(length)[None]))
    found = model.probabilities(np.zeros((1, 0)), (view(length),))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("length", [20, 157])
def test_the_runtime_gives_what_the_last_layer_reads(models, length):
    import keras

    model = storage.load_model(models / "cnn")
    network = fitted("cnn").model
    inner = keras.Model(network.inputs, network.layers[-1].input)
    expected = np.asarray(inner.predict_on_batch(view(length)[None]))
    probabilities, hidden = model.run(np.zeros((1, 0)), (view(length),))
    np.testing.assert_allclose(hidden, expected, atol=1e-4)
    weights, bias = network.layers[-1].get_weights()
    np.testing.assert_allclose(softmax(hidden @ weights + bias), probabilities, atol=1e-5)


def test_the_perceptrons_give_what_their_last_layers_read(models):
    model = storage.load_model(models / "mlp")
    vectors = np.random.default_rng(4).normal(0, 50, (3, len(model.arrays["mean"])))
    probabilities, hidden = model.run(vectors, ())
    expected = softmax(hidden @ model.arrays["member0_2"] + model.arrays["member0_3"])
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)


def test_the_tree_has_no_layer(models):
    model = storage.load_model(models / "tree")
    assert model.run(np.zeros((3, len(model.arrays["mean"]))), ())[1].shape == (3, 0)


def test_a_network_without_the_inner_layer_is_refused(models, tmp_path):
    fitted("cnn").model.export(str(tmp_path / "old.tflite"), format="litert", verbose=False)
    with pytest.raises(ModelError, match="outputs of the widths 8, not the 8 logits and the layer"):
        runtime.Network((tmp_path / "old.tflite").read_bytes())


def test_threads_answer_alike(models):
    model = storage.load_model(models / "cnn")
    views = [view(20 + 10 * i, seed=i) for i in range(12)]
    alone = [model.probabilities(np.zeros((1, 0)), (v,)) for v in views]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda v: model.probabilities(np.zeros((1, 0)), (v,)), views))
    np.testing.assert_array_equal(together, alone)


def test_a_tree_that_leads_back_is_refused(models):
    with np.load(models / "tree" / storage.WEIGHTS) as stored:
        left = stored["left"]
    change_arrays(models / "tree", left=np.where(left > 0, 0, left).astype(np.int32))
    with pytest.raises(ModelError, match="a branch leads back"):
        storage.load_model(models / "tree")


def test_a_readable_tree_that_asks_about_no_functional_is_refused(models):
    with np.load(models / "tree" / storage.WEIGHTS) as stored:
        axis = stored[SURROGATE + "axis"]
    change_arrays(models / "tree", **{SURROGATE + "axis": np.where(axis >= 0, 10**6, axis)})
    with pytest.raises(ModelError, match="an axis that is not there"):
        storage.load_model(models / "tree")


def test_perceptrons_that_do_not_fit_together_are_refused(models):
    change_arrays(models / "mlp", member0_0=np.zeros((3, 5), np.float32))
    with pytest.raises(ModelError, match="has the shape"):
        storage.load_model(models / "mlp")


def test_weights_that_overflow_are_refused(models):
    with np.load(models / "mlp" / storage.WEIGHTS) as stored:
        huge = {name: np.full_like(stored[name], 3e38) for name in stored.files if "_" in name}
    change_arrays(models / "mlp", **huge)
    with pytest.raises(ModelError, match="not finite"):
        storage.load_model(models / "mlp")


def test_the_card_says_what_it_was_made_from(models):
    card = storage.load_model(models / "tree").info
    assert card["trained_on"] == {"corpora": ["savee"], "clips": 7, "speakers": 4}
    assert card["seed"] == ORIGIN.seed
    assert (
        card["files"][storage.WEIGHTS]["bytes"]
        == (models / "tree" / storage.WEIGHTS).stat().st_size
    )


def change_card(directory, **changes):
    path = directory / storage.MODEL_INFO
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def rewrite(directory, content):
    """Other weights with a card that fits them."""
    (directory / storage.WEIGHTS).write_bytes(content)
    facts = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    change_card(directory, files={storage.WEIGHTS: facts})


def change_arrays(directory, **changes):
    """The weights with other arrays, or without them, and a card that fits."""
    with np.load(directory / storage.WEIGHTS) as stored:
        arrays = {name: stored[name] for name in stored.files} | changes
    file = io.BytesIO()
    np.savez(file, **{name: values for name, values in arrays.items() if values is not None})
    rewrite(directory, file.getvalue())


def bomb():
    """Half a gigabyte of zeros in half a megabyte."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out, out.open("mean.npy", "w") as one:
        for _ in range(512):
            one.write(bytes(2**20))
    return file.getvalue()


def lie(kind="<f8"):
    """An array that promises eighty gigabytes, or objects, and holds sixty-four bytes."""
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': (10000000000,), }}\n".encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        size = len(head).to_bytes(2, "little")
        out.writestr("mean.npy", b"\x93NUMPY\x01\x00" + size + head + bytes(64))
    return file.getvalue()


DAMAGE = {
    "no folder": (lambda d: shutil.rmtree(d), "There is no model"),
    "no card": (lambda d: (d / storage.MODEL_INFO).unlink(), "There is no model"),
    "card of text": (lambda d: (d / storage.MODEL_INFO).write_text("hello"), "cannot be read"),
    "card of a list": (lambda d: (d / storage.MODEL_INFO).write_text("[]"), "cannot be read"),
    "later format": (lambda d: change_card(d, format=99), "has format 99"),
    "other labels": (lambda d: change_card(d, labels=["sad", "glad"]), "has the labels sad, glad"),
    "other model": (lambda d: change_card(d, key="mlp"), "holds the model 'mlp'"),
    "other features": (
        lambda d: change_card(d, features={"version": 99, "sha256": "", "takes": "vectors"}),
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
        lambda d: change_card(d, files={"../mlp/weights.npz": {"sha256": "", "bytes": 1}}),
        "lacks its file",
    ),
    "files a list": (lambda d: change_card(d, files=[]), "cannot be read"),
    "facts a text": (lambda d: change_card(d, files={storage.WEIGHTS: "x"}), "cannot be read"),
    "facts empty": (lambda d: change_card(d, files={storage.WEIGHTS: {}}), "cannot be read|lacks"),
    "features a number": (lambda d: change_card(d, features=1), "cannot be read"),
    "labels of numbers": (lambda d: change_card(d, labels=[1]), "cannot be read"),
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
    "more than fits": (lambda d: rewrite(d, bomb()), "have more than 100 MB"),
    "a header that lies": (lambda d: rewrite(d, lie()), "not what its header says"),
    "an array that runs code": (lambda d: rewrite(d, lie("|O")), "not what its header says"),
    "no files": (lambda d: change_card(d, files={}), "lacks its file weights.npz"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_model_is_refused_in_words(models, name):
    damage, words = DAMAGE[name]
    damage(models / "tree")
    with pytest.raises(ModelError, match=words):
        storage.load_model(models / "tree")


def test_a_network_without_its_file_is_refused(models):
    change_card(models / "cnn", files={})
    with pytest.raises(ModelError, match=r"lacks its file network\.tflite"):
        storage.load_model(models / "cnn")


def test_weights_that_are_not_finite_are_refused(tmp_path):
    broken = fitted("tree")
    broken.arrays["projection"][0, 0] = np.nan
    storage.save_model(tmp_path / "tree", "tree", broken, ORIGIN)
    with pytest.raises(ModelError, match="not finite in projection"):
        storage.load_model(tmp_path / "tree")


@pytest.mark.skipif(not (MODELS_DIR / "tree" / "model.json").exists(), reason="no trained models")
def test_the_shipped_models_load_and_are_small():
    total = 0
    for key in MODEL_KEYS:
        card = storage.load_model(MODELS_DIR / key).info
        total += sum(facts["bytes"] for facts in card["files"].values())
    assert total < 25e6
