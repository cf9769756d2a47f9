"""Write the networks as ONNX files, each with all that a stranger needs to use it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from emo import __version__
from emo.audio.clip import RATE_HZ
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.storage import Model
from emo.errors import ModelError
from emo.features.encoder import EMBEDDING_SIZE, ENCODER_SHA256, load_encoder
from emo.features.functionals import functional_names
from emo.inference.loading import Models
from emo.inference.portable import preprocessing
from emo.inference.portable.builder import FLOAT, Builder, make_model, value_info
from emo.inference.portable.heads import calibrated, perceptrons, pretrained_head
from emo.inference.portable.litert import read_graph
from emo.inference.portable.output import Written, make_folder, write
from emo.inference.portable.translation import translate
from emo.labels import ENSEMBLE

ENCODER = "encoder"
EXAMPLE = "example.py"
"""Name of the program that is written beside the files, and reads a WAV file with them."""

ONNX_FORMAT = 1
"""Version of the names of inputs, outputs and metadata; raise it when one changes its meaning."""

LICENCE = (
    "The code is under the MIT licence. The weights were computed from corpora of which two permit "
    "no commercial use and one permits research only: use them for research and teaching, and name "
    "the corpora (CREMA-D, RAVDESS, TESS, SAVEE). NOTICE of Emo has the terms."
)
ENCODER_LICENCE = """\
The first part of the encoder of Whisper base (Radford et al. 2022), its weights rounded to 8 bits.

MIT License

Copyright (c) 2022 OpenAI

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""
PURPOSE = (
    "Matches a voice with acted expressions. It does not measure what a person feels. For teaching "
    "and research."
)
_STRANGENESS = "strangeness"


def export_onnx(models: Models, folder: Path) -> list[Written]:
    """Write an ONNX file for each network and for the encoder, and an example that uses them.

    Parameters
    ----------
    models : Models
    folder : Path
        Made if needed; files of the same names are replaced.

    Returns
    -------
    list of Written

    Raises
    ------
    ModelError
        A network could not be loaded, or has a part that has no form in ONNX.
    OSError
        A file cannot be written.
    """
    files: dict[str, onnx.ModelProto] = {}
    for key, row in CLASSIFIERS.items():
        if row.explained_by == "path" or key not in models.model_set.classifiers:
            continue  # a tree, which `export_tree` writes; or own models without this one
        if key not in models.classifiers:
            raise ModelError(models.faults.get(key, f"There is no model '{key}'."))
        model = models.classifiers[key]
        if row.has_runtime:
            files[key] = _network_file(model, models)
        elif row.takes == "embeddings":
            files[ENCODER] = encoder_file()
            files[key] = _head_file(model, models)
        else:
            files[key] = _perceptron_file(model, models)
    make_folder(folder)
    contents = {
        f"{name}.onnx": file.SerializeToString(deterministic=True) for name, file in files.items()
    }
    contents[EXAMPLE] = (Path(__file__).parent / EXAMPLE).read_bytes()
    return [write(folder / name, content) for name, content in contents.items()]


# --- the files -----------------------------------------------------------------------------------


def _network_file(model: Model, models: Models) -> onnx.ModelProto:
    """Return a network on the spectrogram: from samples to probabilities."""
    assert model.network is not None
    graph = read_graph(model.network.content)
    b = Builder()
    spectrogram = preprocessing.log_mel(b, preprocessing.active_samples(b, "samples"))
    outputs = translate(b, graph, spectrogram)
    widths = [graph.tensors[number].shape[-1] for number in graph.outputs]
    place = widths.index(len(models.model_set.trained_labels))
    logits, hidden = outputs[place], outputs[1 - place]
    b.rename(b.add("Softmax", logits, axis=1), "raw_probabilities")
    b.rename(hidden, "hidden")
    b.rename(_served(b, model.key, models), "probabilities")
    steps = [
        *preprocessing.SPAN_STEPS,
        *preprocessing.LOG_MEL_STEPS,
    ]
    return _make(
        b,
        model,
        models,
        {"samples": ["n"], _STRANGENESS: [1]},
        _probabilities(models, 1) | {"hidden": [1, widths[1 - place]]},
        _calibrated_preprocessing("samples", steps),
    )


def _perceptron_file(model: Model, models: Models) -> onnx.ModelProto:
    """Return the perceptrons: from functionals to probabilities."""
    b = Builder()
    raw, hidden = perceptrons(b, "functionals", model.arrays)
    b.rename(raw, "raw_probabilities")
    b.rename(hidden, "hidden")
    b.rename(_served(b, model.key, models), "probabilities")
    names = functional_names()
    width = sum(
        len(values)
        for name, values in model.arrays.items()
        if name.endswith(f"_{_last_hidden(model.arrays)}")
    )
    note = (
        "functionals are measurements of a clip, in the order and the units of "
        "'functional_names'; 'emo embed --layers functionals' writes them"
    )
    about = _calibrated_preprocessing("functionals", [note]) | {"functional_names": list(names)}
    return _make(
        b,
        model,
        models,
        {"functionals": ["n", len(names)], _STRANGENESS: ["n_or_1"]},
        _probabilities(models, "n") | {"hidden": ["n", width]},
        about,
    )


def _last_hidden(arrays: Mapping[str, np.ndarray]) -> int:
    """Return the number of the bias of the last hidden layer of each perceptron."""
    return len([name for name in arrays if name.startswith("member0_")]) - 3


def encoder_file() -> onnx.ModelProto:
    """Return the frozen speech encoder: from samples to an embedding."""
    graph = read_graph(load_encoder().content)
    b = Builder()

    def moments(body: Builder, spectrogram: str) -> str:
        (result,) = translate(body, graph, spectrogram)
        return result

    active = preprocessing.active_samples(b, "samples")
    b.rename(preprocessing.encoder_embedding(b, active, moments), "embedding")
    steps = [*preprocessing.SPAN_STEPS, *preprocessing.ENCODER_STEPS]
    properties = _properties(
        ENCODER,
        "Frozen speech encoder",
        _preprocessing("samples", steps),
        {"weights_sha256": ENCODER_SHA256, "weights": "8 bits; inputs are rounded to 8 bits too"},
        ENCODER_LICENCE,
    )
    return make_model(
        b,
        ENCODER,
        [value_info("samples", FLOAT, ["n"])],
        [value_info("embedding", FLOAT, [1, EMBEDDING_SIZE])],
        "Frozen speech encoder of Emo: from samples to an embedding.",
        properties,
        __version__,
    )


def _head_file(model: Model, models: Models) -> onnx.ModelProto:
    """Return the classifier on embeddings: to probabilities and to the strangeness of clips."""
    b = Builder()
    raw, strangeness = pretrained_head(b, "embedding", model.arrays)
    b.rename(raw, "raw_probabilities")
    b.rename(strangeness, _STRANGENESS)
    b.rename(_served(b, model.key, models), "probabilities")
    shapes = _probabilities(models, "n") | {_STRANGENESS: ["n"]}
    note = f"embedding is the output of {ENCODER}.onnx"
    about = _preprocessing("embedding", [note])
    return _make(b, model, models, {"embedding": ["n", EMBEDDING_SIZE]}, shapes, about)


def _served(b: Builder, key: str, models: Models) -> str:
    trained = models.model_set.trained_labels
    columns = [trained.index(label) for label in models.labels]
    return calibrated(b, key, "raw_probabilities", columns, models.calibration, _STRANGENESS)


def _probabilities(models: Models, n: int | str) -> dict[str, list[Any]]:
    """Return the shapes of the outputs that every classifier has."""
    n_raw = len(models.model_set.trained_labels)
    return {"probabilities": [n, len(models.labels)], "raw_probabilities": [n, n_raw]}


def _make(
    b: Builder,
    model: Model,
    models: Models,
    inputs: Mapping[str, list[Any]],
    outputs: Mapping[str, list[Any]],
    preprocess: dict[str, Any],
) -> onnx.ModelProto:
    row, info = CLASSIFIERS[model.key], model.info
    training: dict[str, Any] = {"trained_on": info["trained_on"], "commit": info["commit"]}
    training |= {"seed": info["seed"], "sha256": info["files"][info["served_file"]]["sha256"]}
    properties = _properties(model.key, row.title, preprocess, training, LICENCE)
    properties |= {
        "labels": json.dumps(models.labels),
        "trained_labels": json.dumps(models.model_set.trained_labels),
        "calibration": json.dumps(_calibration(model.key, models)),
    }
    return make_model(
        b,
        model.key,
        [value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [value_info(name, FLOAT, shape) for name, shape in outputs.items()],
        f"{row.title} of Emo: {row.description} {PURPOSE}",
        properties,
        __version__,
    )


def _properties(
    key: str, title: str, preprocess: dict[str, Any], model: dict[str, Any], licence: str
) -> dict[str, str]:
    return {
        "format": str(ONNX_FORMAT),
        "emo_version": __version__,
        "key": key,
        "title": title,
        "rate_hz": str(RATE_HZ),
        "preprocessing": json.dumps(preprocess),
        "model": json.dumps(model),
        "purpose": PURPOSE,
        "licence": licence,
    }


def _preprocessing(name: str, steps: list[str]) -> dict[str, Any]:
    about: dict[str, Any] = {"input": name, "rate_hz": RATE_HZ, "steps": steps}
    return about | (preprocessing.SAMPLES if name == "samples" else {})


def _calibrated_preprocessing(name: str, steps: list[str]) -> dict[str, Any]:
    """Return the preprocessing of a file that takes the strangeness of a clip too."""
    note = f"output of {_head_key()}.onnx for the same clip, or 0 where it is not known"
    return _preprocessing(name, steps) | {_STRANGENESS: note}


def _head_key() -> str:
    return next(key for key, row in CLASSIFIERS.items() if row.strangeness is not None)


def _calibration(key: str, models: Models) -> dict[str, Any]:
    """Return the numbers by which raw probabilities become those that are served."""
    calibration = models.calibration
    about: dict[str, Any] = {
        "applied_to": "probabilities; raw_probabilities are without it",
        "temperature": calibration.temperatures[key],
        "threshold": calibration.thresholds.get(key),
        "weight_in_the_ensemble": calibration.weights_of(ENSEMBLE).get(key),
    }
    strangers = calibration.strangers
    if strangers is not None:
        about[_STRANGENESS] = {
            "centre": strangers.centre,
            "width": strangers.width,
            "temperature": strangers.temperatures.get(key),
            "threshold": strangers.thresholds.get(key),
        }
    return about
