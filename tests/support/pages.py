"""Run the pages in Streamlit's test runner with made-up models, figures and samples."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from emo import labels
from emo.app.text import MODEL_NAMES
from emo.audio.clip import Clip
from emo.classifiers.calibration import read_calibration
from emo.classifiers.storage import read_model_info, write_model_info
from emo.features.quality import Quality
from emo.features.speech import SpeechWarning
from emo.formatting import in_words
from emo.inference import loading, predictor
from emo.labels import INDEX, LABELS
from emo.system import paths
from tests.support import signals
from tests.support.predictions import copy_models

ROOT = Path(__file__).parents[2]
APP = str(ROOT / "streamlit_app.py")
ANALYSE, COMPARE, MATRICES, ABOUT = (
    f"pages/{name}.py" for name in ("analyse", "compare", "confusion_matrices", "about")
)
QUALITY = Quality(2.0, 16_000, 1, -3.0, -20.0, 0.0, 40.0, 0.9, 8000.0)
"""A recording without fault."""

ANSWERS = {key: "angry" if key == "cnn" else "sad" for key in loading.MODEL_KEYS}
AGREEMENT = (
    f"{in_words(len(ANSWERS) - 1).capitalize()} of {in_words(len(ANSWERS))} say sad; the CNN says "
    "angry."
)


def tone(duration_s: float = 1.0, pitch_hz: float = 220.0) -> bytes:
    return signals.encoded(signals.tone(pitch_hz, duration_s))


def answer(
    label: str, confidence: float = 0.58, second: str = "happy", unsure: bool = False
) -> predictor.Answer:
    """Return an answer whose second label has half of the remaining probability."""
    shares = np.full(len(LABELS), (1 - confidence) / 2 / (len(LABELS) - 2))
    shares[INDEX[label]], shares[INDEX[second]] = confidence, (1 - confidence) / 2
    return predictor.Answer(label, confidence, second, unsure, shares)


def prediction(
    duration_s: float = 1.0,
    warnings: tuple[str, ...] = (),
    unsure: tuple[str, ...] = (),
    concerns: tuple[SpeechWarning, ...] = (),
) -> predictor.Prediction:
    """Return answers of all models and the ensemble; those named are unsure."""
    answers = {
        key: answer(label, 0.34 if key in unsure else 0.58, unsure=key in unsure)
        for key, label in ANSWERS.items()
    }
    answers["ensemble"] = answer("sad", 0.4, "fearful", "ensemble" in unsure)
    return predictor.Prediction(duration_s, warnings, answers, QUALITY, concerns)


def made_up(clip: Clip, models: object, among: Sequence[str] = LABELS) -> predictor.Prediction:
    return prediction(clip.duration_s, clip.warnings)


def write_samples(directory: Path) -> None:
    directory.mkdir()
    gallery = []
    for i, emotion in enumerate(reversed(LABELS)):
        (directory / f"{emotion}.wav").write_bytes(tone(0.8, 150 + 20 * i))
        is_surprised = emotion == "surprised"
        gallery.append(
            {
                "file": f"{emotion}.wav",
                "emotion": emotion,
                "text": "It is *eleven* o'clock.",
                "synthetic": False,
                "corpus": "ravdess" if is_surprised else "cremad",
                "actor": "02" if is_surprised else "1009",
                "sex": "woman",
                "age": None if is_surprised else 24,
                "votes": None if is_surprised else {emotion: 7, "calm": 0, "neutral": 3},
            }
        )
    (directory / "minute.wav").write_bytes(tone(6.0))
    minute = {"file": "minute.wav", "emotion": "all", "text": "It is *eleven* o'clock. " * 20}
    terms = {"citation": "", "url": "", "licence_url": "", "changes": "", "commercial_use": False}
    sources = {
        "cremad": {"title": "CREMA-D", "credit": "Cao *et al.* 2014", "licence": "ODbL", **terms},
        "ravdess": {"title": "RAVDESS", "credit": "Livingstone", "licence": "CC BY-NC-SA", **terms},
    }
    content = {
        "format": 1,
        "sources": sources,
        "gallery": gallery,
        "minute": minute | {"synthetic": True},
    }
    (directory / "samples.json").write_text(json.dumps(content))


def hold_out(models: Path, *speakers: str) -> None:
    """Have every model say that it was trained without some speakers."""
    for key in loading.MODEL_KEYS:
        info = read_model_info(models / key)
        info["trained_on"]["held_out"] = {"clips": 1, "speakers": list(speakers)}
        write_model_info(models / key, info)


def write_curves(models: Path) -> None:
    rows = [{"epoch": e, "loss": 2 / e, "accuracy": 0.1 * e} for e in (1, 2, 3)]
    curves = {"random-1": rows, "speakers-1": rows, "speakers-2": rows[:2], "all": rows}
    (models / "cnn" / "curves.json").write_text(json.dumps(curves))


def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install made-up models that were measured under every protocol, and return their folder."""
    models = copy_models(tmp_path)
    write_curves(models)
    write_samples(tmp_path / "samples")
    monkeypatch.setattr(paths, "MODELS_DIR", models)
    loaded = loading.Models({}, read_calibration(models, loading.MODEL_KEYS))
    monkeypatch.setattr(loading, "load_models", lambda directory: loaded)
    monkeypatch.setattr(predictor, "predict", made_up)
    monkeypatch.setattr(paths, "SAMPLES_DIR", tmp_path / "samples")
    st.cache_resource.clear()
    st.cache_data.clear()
    return models


def run() -> AppTest:
    return check(AppTest.from_file(APP, default_timeout=30).run())


def open_matrices(**address: str) -> AppTest:
    """Open the page of matrices with the parameters of an address."""
    at = run()
    for name, value in address.items():
        at.query_params[name] = value
    return check(at.switch_page(MATRICES).run())


def address(at: AppTest) -> dict[str, str]:
    """Return the parameters of the address of a page."""
    return {
        name: value if isinstance(value, str) else value[0]
        for name, value in dict(at.query_params).items()
    }


def check(at: AppTest) -> AppTest:
    """Return the test run; fail on a traceback."""
    assert not at.exception, at.exception
    return at


def upload(at: AppTest, name: str, data: bytes) -> AppTest:
    return check(at.file_uploader(key="up").set_value((name, data, "audio/wav")).run())


def html(at: AppTest) -> str:
    """Return all HTML of a page without its style sheet."""
    return "\n".join(e.value for e in at.html if not e.value.startswith("<style>"))


def rates(at: AppTest) -> dict[str, list[list[str]]]:
    """Return by key how often each model is right: the figures of the table at its answer."""
    found = {}
    for one in at.html:
        table = re.search(
            r'<div class="emo-trust"><table class="emo-rates">(.*?)</table>', one.value
        )
        if table is None:
            continue
        name = re.search(r'<h3 class="emo-model">(.*?)</h3>', one.value)
        key = next((k for k, v in MODEL_NAMES.items() if name and v == name[1]), labels.ENSEMBLE)
        rows = re.findall(r"<tr><th scope=.row.>.*?</tr>", table[1])
        found[key] = [re.findall(r"<td>(.*?)</td>", row) for row in rows]
    return found


def grids(at: AppTest) -> list[dict[str, Any]]:
    """Return the data of the matrices of a page: of the listeners, of the models, others.

    The page shows one of them large, and first; here the models have their usual order.
    """
    order = ["chart-listeners", *(f"chart-{key}" for key in MODEL_NAMES)]
    found = []
    for one in at.get("bidi_component"):
        for data in json.loads(one.proto.json or "[]"):
            if "sentences" in data:
                key = str(one.key)
                found.append((order.index(key) if key in order else len(order), data))
    return [data for _, data in sorted(found, key=lambda pair: pair[0])]


def counted(grid: dict[str, Any]) -> np.ndarray:
    """Return the figures in a matrix, float64 (k, k); NaN where a row has none."""
    read = [[text.replace(",", "").replace("\u2212", "-") for text in row] for row in grid["texts"]]
    return np.array([[np.nan if text == "–" else float(text) for text in row] for row in read])


def drawn(at: AppTest, i: int) -> dict[str, Any]:
    """Return the first trace of a chart."""
    spec = json.loads(at.get("plotly_chart")[i].proto.spec)
    trace: dict[str, Any] = spec["data"][0]
    return trace


def protocols(models: Path, key: str) -> dict[str, Any]:
    """Return the protocols of a model's ``metrics.json``."""
    stored: dict[str, Any] = json.loads((models / key / "metrics.json").read_text())["protocols"]
    return stored


def change(models: Path, key: str, change: Any) -> None:
    """Change the stored protocols of a model by a function."""
    path = models / key / "metrics.json"
    stored = json.loads(path.read_text())
    change(stored["protocols"])
    path.write_text(json.dumps(stored))
