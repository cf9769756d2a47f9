"""Compare the files of ``emo export --onnx`` with what is served, on all sample clips.

``python bench/models/exported.py`` prints, for each part, by how much any of its numbers differs.
"""

import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from unittest.mock import patch

import numpy as np
import onnxruntime as ort

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import emo
from emo.inference.portable.files import encoder_file, export_onnx
from emo.inference.portable.translation import Translator
from emo.system.paths import SAMPLES_DIR

UNROUNDED = "encoder without rounding"

NOISE = 1e-7
"""Relative change of each sample, about half of the last bit of a float32."""


def main() -> None:
    models = emo.load_models()
    differences: dict[str, list[float]] = defaultdict(list)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        sessions = {
            file.path.stem: ort.InferenceSession(file.path, providers=["CPUExecutionProvider"])
            for file in export_onnx(models, Path(folder))
            if file.path.suffix == ".onnx"
        }

    with patch.object(Translator, "_rounded", lambda self, value, axes: (value, "")):
        content = encoder_file().SerializeToString()
        sessions[UNROUNDED] = ort.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(key: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        names = [output.name for output in sessions[key].get_outputs()]
        return dict(zip(names, sessions[key].run(names, inputs), strict=True))

    def note(part: str, values: np.ndarray, expected: np.ndarray) -> None:
        differences[part].append(float(np.abs(values - expected).max()))

    paths = [path for path in SAMPLES_DIR.rglob("*") if path.suffix in (".opus", ".flac")]
    for path in sorted(paths):
        clip = emo.load(path)
        prediction = emo.predict(clip, models=models)
        layers = emo.embed(clip, models=models, layers="encoder,functionals")
        served = {key: answer.probabilities for key, answer in prediction.answers.items()}
        strangeness = np.array([prediction.strangeness], np.float32)
        cnn = run("cnn", samples=clip.samples, strangeness=strangeness)
        note("cnn.onnx", cnn["probabilities"][0], served["cnn"])
        functionals = layers["functionals"][None]
        mlp = run("mlp", functionals=functionals, strangeness=strangeness)
        note("mlp.onnx", mlp["probabilities"][0], served["mlp"])
        head = run("pretrained", embedding=layers["encoder"][None])
        note("pretrained.onnx", head["probabilities"][0], served["pretrained"])
        embedding = run("encoder", samples=clip.samples)["embedding"]
        head = run("pretrained", embedding=embedding)
        note("encoder.onnx + pretrained.onnx", head["probabilities"][0], served["pretrained"])
        embedding = run(UNROUNDED, samples=clip.samples)["embedding"]
        head = run("pretrained", embedding=embedding)
        note("8-bit weights, no rounding", head["probabilities"][0], served["pretrained"])
        noisy = clip.samples * (1 + NOISE * rng.standard_normal(len(clip.samples)))
        again = emo.predict(noisy.astype(np.float32), 16_000, models=models)
        note(
            "served, last bit changed",
            again.answers["pretrained"].probabilities,
            served["pretrained"],
        )
    print(f"{'clips':<32}{len(paths):>10}")
    print(f"{'largest difference':<32}{'median':>10}{'95 %':>10}{'largest':>10}")
    for part, values in differences.items():
        numbers = (np.median(values), np.quantile(values, 0.95), max(values))
        print(f"{part:<32}" + "".join(f"{number:>10.1e}" for number in numbers))


if __name__ == "__main__":
    main()
