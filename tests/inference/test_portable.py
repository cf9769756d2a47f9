"""Test the exported models with other runtimes against what is served."""

import json
import struct
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import soundfile
from ai_edge_litert.interpreter import Interpreter

import emo
from emo.classifiers.storage import empty_features
from emo.classifiers.tree import axis_values, predict_tree
from emo.cli.main import main
from emo.errors import ModelError
from emo.features.encoder import encoder_spectrograms, load_encoder
from emo.features.frames import analyse
from emo.features.functionals import compute_functionals
from emo.inference.loading import load_models
from emo.inference.portable.builder import FLOAT, Builder, make_model, value_info
from emo.inference.portable.files import export_onnx
from emo.inference.portable.litert import read_graph
from emo.inference.portable.translation import translate
from emo.inference.portable.trees import export_tree
from emo.labels import LABELS, TRAINED_LABELS
from emo.system.paths import SAMPLES_DIR, sample_path
from tests.support.own import save_own_models
from tests.support.signals import voice

CLIPS = ["angry.opus", "game/03-01-08-01-01-01-03.opus", "game/1009_IEO_SAD_MD.opus"]


@pytest.fixture(scope="module")
def models():
    return load_models()


@pytest.fixture(scope="module")
def folder(models, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported")
    export_onnx(models, path)
    export_tree(models, path)
    return path


def run(path, **inputs):
    """Return the outputs of a file by their names."""
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


@pytest.fixture(scope="module", params=CLIPS)
def clip(request):
    return emo.load(SAMPLES_DIR / request.param)


@pytest.fixture(scope="module")
def prediction(clip, models):
    return emo.predict(clip, models=models)


def strangeness(prediction):
    return np.array([prediction.strangeness], np.float32)


def test_cnn_file_answers_samples_as_served(folder, clip, prediction):
    outputs = run(folder / "cnn.onnx", samples=clip.samples, strangeness=strangeness(prediction))
    served = prediction.answers["cnn"].probabilities
    assert outputs["probabilities"][0] == pytest.approx(served, abs=1e-4)
    assert outputs["raw_probabilities"][0] == pytest.approx(prediction.raw["cnn"], abs=1e-4)
    assert outputs["hidden"][0] == pytest.approx(emo.embed(clip, layers="cnn")["cnn"], abs=1e-4)


def test_mlp_file_answers_functionals_as_served(folder, clip, prediction):
    layers = emo.embed(clip, layers="functionals,mlp")
    functionals = np.stack([layers["functionals"]] * 2)
    inputs = {"functionals": functionals, "strangeness": strangeness(prediction)}
    outputs = run(folder / "mlp.onnx", **inputs)
    served = prediction.answers["mlp"].probabilities
    assert outputs["probabilities"][1] == pytest.approx(served, abs=1e-4)
    assert outputs["hidden"][1] == pytest.approx(layers["mlp"], abs=1e-4)
    assert np.array_equal(layers["functionals"], compute_functionals(analyse(clip.samples)))


def test_pretrained_file_answers_embeddings_as_served(folder, clip, prediction):
    embedding = emo.embed(clip, layers="encoder")["encoder"][None]
    outputs = run(folder / "pretrained.onnx", embedding=embedding)
    served = prediction.answers["pretrained"].probabilities
    assert outputs["probabilities"][0] == pytest.approx(served, abs=1e-4)
    assert outputs["strangeness"] == pytest.approx(strangeness(prediction), abs=1e-5)


def test_encoder_file_answers_as_served_but_for_rounding_to_8_bits(folder, clip, prediction):
    """The served encoder itself moves by as much when the last bit of a sample changes."""
    embedding = run(folder / "encoder.onnx", samples=clip.samples)["embedding"]
    served = emo.embed(clip, layers="encoder")["encoder"]
    assert np.abs(embedding[0] - served).mean() < 5e-3
    answer = run(folder / "pretrained.onnx", embedding=embedding)["probabilities"][0]
    assert answer == pytest.approx(prediction.answers["pretrained"].probabilities, abs=0.03)


def test_encoder_file_pools_several_windows(folder):
    samples = voice(duration_s=12.5)
    embedding = run(folder / "encoder.onnx", samples=samples)["embedding"][0]
    served = load_encoder().embed(samples)
    assert np.abs(embedding - served).mean() < 5e-3
    assert np.corrcoef(embedding, served)[0, 1] > 0.9999


def test_translated_encoder_rounds_to_the_same_steps():
    """Up to the first attention no sum differs enough to end in another step of 8 bits."""
    content, graph = load_encoder().content, read_graph(load_encoder().content)
    product = next(op for op in graph.operators if op.name == "FULLY_CONNECTED")
    b = Builder()
    (value,) = translate(b, replace(graph, outputs=product.outputs), "x")
    b.rename(value, "y")
    ends = [value_info("x", FLOAT, [1, "time", 80])], [value_info("y", FLOAT, [1, "t", "w"])]
    model = make_model(b, "part", *ends, "", {}, "1")
    spectrogram = encoder_spectrograms(emo.load(sample_path("angry")).samples)[0][None]
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": spectrogram})
    expected = litert_output(content, product.outputs[0], spectrogram)
    differences = np.abs(found - expected)
    assert (differences > 1e-4).mean() < 0.02
    assert differences.max() < 0.02


def litert_output(content, number, spectrogram):
    """Return a tensor inside the graph of a LiteRT file, by making it the output."""
    end = read_graph(content).outputs[0]
    old, new = (struct.pack("<Ii", 1, n) for n in (end, number))
    place, patched = -1, content
    while read_graph(patched).outputs != (number,):
        place = content.index(old, place + 1)
        patched = content[:place] + new + content[place + len(old) :]
    interpreter = Interpreter(model_content=patched, num_threads=1)
    at = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(at, spectrogram.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(at, spectrogram)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def test_files_are_valid_and_say_what_they_are(folder):
    files = sorted(folder.glob("*.onnx"))
    assert [file.stem for file in files] == ["cnn", "encoder", "mlp", "pretrained"]
    for file in files:
        onnx.checker.check_model(file, full_check=True)
        about = {prop.key: prop.value for prop in onnx.load(file).metadata_props}
        assert about["emo_version"] == emo.__version__
        assert about["rate_hz"] == "16000"
        assert json.loads(about["preprocessing"])["steps"]
        assert "research" in about["licence"] or "MIT" in about["licence"]
        if file.stem != "encoder":
            assert tuple(json.loads(about["labels"])) == LABELS
            assert json.loads(about["calibration"])["temperature"] > 0
            assert len(json.loads(about["model"])["sha256"]) == 64


def test_example_goes_from_a_wav_file_to_probabilities_without_emo(folder, tmp_path, models):
    clip = emo.load(sample_path("angry"))
    path = tmp_path / "voice.wav"
    soundfile.write(path, clip.samples, 16_000, subtype="PCM_24")
    command = [sys.executable, "-I", str(folder / "example.py"), str(path)]
    printed = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    prediction = emo.predict(path, models=models)
    for key, probabilities in json.loads(printed.stdout).items():
        served = prediction.answers[key].probabilities
        assert list(probabilities) == list(LABELS)
        assert list(probabilities.values()) == pytest.approx(served, abs=0.03)


def test_example_imports_numpy_and_onnxruntime_alone(folder):
    lines = (folder / "example.py").read_text(encoding="utf-8").splitlines()
    imported = {line.split()[1].partition(".")[0] for line in lines if "import " in line[:8]}
    imported |= {line.split()[1] for line in lines if line.startswith("from ")}
    assert imported - set(sys.stdlib_module_names) == {"numpy", "onnxruntime"}


def test_tree_json_gives_the_answers_of_the_tree(folder, models):
    tree = json.loads((folder / "tree.json").read_text(encoding="utf-8"))
    arrays = models.classifiers["tree"].arrays
    for name in CLIPS:
        functionals = emo.embed(SAMPLES_DIR / name, layers="functionals")["functionals"]
        mean, deviation, centre = (np.array(tree[key]) for key in ("mean", "deviation", "centre"))
        scaled = np.clip((functionals - mean) / deviation, -tree["limit"], tree["limit"])
        point = dict(
            zip(tree["trained_labels"], (scaled - centre) @ tree["projection"], strict=True)
        )
        node = tree["nodes"][0]
        while "axis" in node:
            side = "left" if point[node["axis"]] <= node["threshold"] else "right"
            node = tree["nodes"][node[side]]
        assert node["probabilities"] == pytest.approx(predict_tree(arrays, functionals[None])[0])
        by_label = axis_values(arrays, functionals[None])[0]
        assert list(point.values()) == pytest.approx(by_label, abs=1e-3)


def test_tree_text_leads_to_the_likeliest_label(folder, models):
    lines = (folder / "tree.txt").read_text(encoding="utf-8").splitlines()
    arrays = models.classifiers["tree"].arrays
    leaves = [line for line in lines if "%" in line and "<=" not in line and ">" not in line]
    assert len(leaves) == (arrays["left"] < 0).sum() + (arrays["plain_left"] < 0).sum()
    functionals = emo.embed(sample_path("sad"), layers="functionals")["functionals"]
    point = axis_values(arrays, functionals[None])[0]
    depth, at = 0, next(i for i, line in enumerate(lines) if line.startswith("axis"))
    while "%" not in lines[at]:
        _, label, sign, limit = lines[at].replace("|", " ").replace("\u2212", "-").split()
        is_below = point[TRAINED_LABELS.index(label)] <= float(limit)
        if is_below == (sign == "<="):
            depth, at = depth + 1, at + 1
        else:
            other = lines[at].replace("<=", ">")
            at = next(i for i in range(at + 1, len(lines)) if lines[i] == other)
    assert lines[at].count("|") == depth
    best = TRAINED_LABELS[int(predict_tree(arrays, functionals[None])[0].argmax())]
    assert lines[at].replace("|", "").split()[0] == best


def test_networks_of_other_sizes_are_exported_too(tiny_models, tmp_path, capsys):
    assert main(["export", "--onnx", str(tmp_path), "--models", str(tiny_models)]) == 0
    assert "cnn.onnx (" in capsys.readouterr().out
    clip, models = emo.load(sample_path("angry")), load_models(tiny_models)
    prediction = emo.predict(clip, models=models)
    at = np.array([prediction.strangeness or 0.0], np.float32)
    outputs = run(tmp_path / "cnn.onnx", samples=clip.samples, strangeness=at)
    served = prediction.answers["cnn"].probabilities
    assert outputs["probabilities"][0] == pytest.approx(served, abs=1e-4)


def test_own_models_are_exported_with_their_labels(tmp_path, capsys):
    models = load_models(save_own_models(tmp_path / "own"))
    (written,) = [file for file in export_onnx(models, tmp_path) if "pretrained" in file.path.name]
    clip = emo.load(sample_path("angry"))
    layers = emo.embed(clip, models=models)
    assert list(layers) == ["encoder"]
    outputs = run(written.path, embedding=layers["encoder"][None])
    served = emo.predict(clip, models=models).answers["pretrained"].probabilities
    assert outputs["probabilities"][0] == pytest.approx(served, abs=1e-4)
    about = {prop.key: prop.value for prop in onnx.load(written.path).metadata_props}
    assert json.loads(about["labels"]) == ["happy", "sad", "bored"]
    assert main(["export", "--tree", str(tmp_path), "--models", str(tmp_path / "own")]) == 1
    assert "no decision tree among the models" in capsys.readouterr().err


def test_export_writes_the_tree_where_onnx_is_missing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("emo.system.packages.missing", lambda modules: ("onnx",))
    assert main(["export", "--onnx", str(tmp_path / "x")]) == 1
    assert "needs the package onnx: run 'pip install onnx'" in capsys.readouterr().err
    assert main(["export", "--tree", str(tmp_path / "tree")]) == 0
    assert {path.name for path in (tmp_path / "tree").iterdir()} == {"tree.txt", "tree.json"}


def test_export_needs_a_format(capsys):
    with pytest.raises(SystemExit) as exit_request:
        main(["export"])
    assert exit_request.value.code == 2
    assert "name a folder with --onnx or --tree" in capsys.readouterr().err


def test_export_into_a_file_is_an_error(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["export", "--tree", str(tmp_path / "file")]) == 1
    assert "cannot be made" in capsys.readouterr().err


@pytest.mark.parametrize("damage", [b"", b"\0" * 64, b"\xff" * 4096])
def test_a_damaged_graph_is_an_error(damage):
    with pytest.raises(ModelError, match="graph of the network cannot be read"):
        read_graph(damage)


def test_an_unknown_operator_is_an_error():
    graph = read_graph(load_encoder().content)
    operators = tuple(
        replace(op, name="FFT") if op.name == "GELU" else op for op in graph.operators
    )
    with pytest.raises(ModelError, match="The operator FFT of the network"):
        translate(Builder(), replace(graph, operators=operators), "x")


def test_raw_probabilities_of_zeros_are_finite(folder):
    zeros = empty_features()
    outputs = run(folder / "pretrained.onnx", embedding=zeros.embeddings)
    assert np.isfinite(outputs["probabilities"]).all()
