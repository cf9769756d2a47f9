"""Test that the remaining models answer where one is truncated, swapped or missing."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from emo import labels
from emo.app import common
from emo.app.analyse import answers
from emo.app.analyse import text as analyse_text
from emo.audio import clip as audio_clip
from emo.batch import rows
from emo.classifiers import runtime, storage
from emo.classifiers.calibration import Calibration, reweight
from emo.classifiers.registry import CLASSIFIERS
from emo.cli.main import main
from emo.errors import ModelError
from emo.features import encoder
from emo.inference import explanation, loading, predictor, timeline
from emo.system import paths
from tests.support import pages, signals

KEYS = loading.MODEL_KEYS
SHIPPED = paths.MODELS_DIR
pytestmark = pytest.mark.skipif(
    not (SHIPPED / "cnn" / runtime.NETWORK).exists(), reason="no trained models"
)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for key in KEYS:
        (tmp_path / key).mkdir()
        for name in (storage.MODEL_INFO, storage.WEIGHTS, runtime.NETWORK, "metrics.json"):
            if (SHIPPED / key / name).exists():
                shutil.copy(SHIPPED / key / name, tmp_path / key / name)
    (tmp_path / "ensemble").mkdir()
    shutil.copy(SHIPPED / "ensemble" / "metrics.json", tmp_path / "ensemble")
    for name in ("calibration.json", encoder.ENCODER_FILE):
        shutil.copy(SHIPPED / name, tmp_path)
    return tmp_path


@pytest.fixture
def page(models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of the models that the app uses."""
    monkeypatch.setattr(paths, "MODELS_DIR", models)
    st.cache_resource.clear()
    st.cache_data.clear()
    return models


def cut_in_half(folder: Path) -> None:
    name = runtime.NETWORK if folder.name == "cnn" else storage.WEIGHTS
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])


def alter(folder: Path) -> None:
    name = runtime.NETWORK if folder.name == "cnn" else storage.WEIGHTS
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)


def swap(folder: Path) -> None:
    """Put the files of another model in its place."""
    other = folder.parent / ("tree" if folder.name == "mlp" else "mlp")
    shutil.rmtree(folder)
    shutil.copytree(other, folder)


def mislabel(folder: Path) -> None:
    card = json.loads((folder / storage.MODEL_INFO).read_text())
    card["labels"] = card["labels"][::-1]
    (folder / storage.MODEL_INFO).write_text(json.dumps(card))


DAMAGE: dict[str, Callable[[Path], None]] = {
    "cut in half": cut_in_half,
    "altered": alter,
    "swapped": swap,
    "gone": shutil.rmtree,
    "labels in another order": mislabel,
}


def analyse(at: AppTest) -> AppTest:
    return pages.upload(at, "clip.wav", signals.encoded(signals.voice(duration_s=2.0)))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("damage", DAMAGE)
def test_load_usable_loads_the_undamaged_models(models: Path, key: str, damage: str) -> None:
    DAMAGE[damage](models / key)
    with pytest.raises(ModelError):
        loading.load_models(models)
    found = loading.load_usable(models)
    assert list(found.faults) == [key]
    assert list(found.classifiers) == [one for one in KEYS if one != key]


def test_load_usable_of_undamaged_models_is_load_models(models: Path) -> None:
    whole, usable = loading.load_models(models), loading.load_usable(models)
    assert usable.faults == {}
    assert usable.calibration.weights == pytest.approx(whole.calibration.weights)


def test_load_usable_raises_if_all_are_damaged(models: Path) -> None:
    for key in KEYS:
        cut_in_half(models / key)
    with pytest.raises(ModelError, match=r"has .* bytes, not"):
        loading.load_usable(models)


def test_reweight_gives_the_weight_to_the_remaining_models() -> None:
    given = Calibration({}, {"tree": 0.0, "cnn": 0.6, "mlp": 0.4}, {})
    assert reweight(given, ("tree", "mlp")).weights == pytest.approx({"tree": 0.0, "mlp": 1.0})
    assert reweight(given, ("tree",)).weights == pytest.approx({"tree": 1.0})
    assert reweight(given, ("cnn", "mlp")).weights == pytest.approx({"cnn": 0.6, "mlp": 0.4})


@pytest.mark.parametrize("key", KEYS)
def test_page_names_the_missing_model_and_shows_the_others(page: Path, key: str) -> None:
    cut_in_half(page / key)
    at = analyse(pages.run())
    assert not at.error
    shown = " ".join(w.value for w in at.warning).replace("\\", "")
    assert analyse_text.missing_models((key,)) in shown
    assert str(page) not in shown
    html = pages.html(at)
    assert html.count("emo-verdict-3") == len(KEYS) - 1
    assert html.count("emo-verdict-2") == 1
    at.session_state["stage-open-tab"] = "why"
    pages.check(at.run())
    assert analyse_text.WHY_NEEDS_ALL in [caption.value for caption in at.caption]


def test_page_has_no_figures_for_the_ensemble_of_two(page: Path) -> None:
    given = pages.prediction()
    left = {key: one for key, one in given.answers.items() if key != "tree"}
    of_two = replace(given, answers=left)
    figures = common.available_metrics()
    trust = answers._trust("ensemble", of_two, figures, True)
    assert (list(trust.sentences), list(trust.rows)) == ([analyse_text.UNMEASURED], [])
    assert answers._trust("ensemble", given, figures, True).rows
    assert answers._trust("cnn", of_two, figures, True) == answers._trust(
        "cnn", given, figures, True
    )


def test_page_answers_without_two_models(page: Path) -> None:
    cut_in_half(page / "cnn")
    shutil.rmtree(page / "mlp")
    at = analyse(pages.run())
    html = pages.html(at)
    assert html.count("emo-verdict-3") == len(KEYS) - 2
    assert analyse_text.missing_models(("cnn", "mlp")) in at.warning[0].value.replace("\\", "")


def test_other_pages_work_without_a_model(page: Path) -> None:
    cut_in_half(page / "cnn")
    at = pages.run()
    for other in ("compare", "teach", "about", "confusion_matrices"):
        pages.check(at.switch_page(f"pages/{other}.py").run())
        assert at.title[0].value
        assert not at.error


def test_compare_page_uses_the_remaining_models(page: Path) -> None:
    cut_in_half(page / "mlp")
    at = pages.run()
    pages.check(at.switch_page(pages.COMPARE).run())
    sounds = {f"{hz}.wav": signals.encoded(signals.voice(float(hz), 1.5)) for hz in (110, 220)}
    clips = [(name, data, "audio/wav") for name, data in sounds.items()]
    pages.check(at.file_uploader(key="comparison-up-0").set_value(clips).run())
    assert len(at.session_state["comparison"].results) == 2
    assert not at.error


@pytest.fixture
def clip(tmp_path: Path) -> str:
    path = tmp_path / "clip.wav"
    path.write_bytes(signals.encoded(signals.voice(duration_s=2.0)))
    return str(path)


def test_predict_command_reports_the_fault_and_answers(
    models: Path, clip: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cut_in_half(models / "cnn")
    assert main(["predict", "--format", "json", "--models", str(models), clip]) == 1
    said = capsys.readouterr()
    assert "the convolutional network has no answer and no part in the ensemble" in said.err
    (row,) = json.loads(said.out)
    assert list(row["models"]) == [*(key for key in KEYS if key != "cnn"), "ensemble"]
    oracle = predictor.predict(audio_clip.load(clip), loading.load_usable(models))
    assert row["models"]["ensemble"]["label"] == oracle.ensemble.label


def test_timeline_command_reports_the_fault_and_answers(
    models: Path, clip: str, capsys: pytest.CaptureFixture[str]
) -> None:
    swap(models / "tree")
    assert main(["timeline", "--format", "json", "--models", str(models), clip]) == 0
    assert "the decision tree has no answer" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["explain", "batch"])
@pytest.mark.slow
def test_commands_that_need_all_models_reject_a_fault(
    models: Path, clip: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cut_in_half(models / "mlp")
    out = ["--out", str(models / "rows.jsonl")] if command == "batch" else []
    assert main([command, "--models", str(models), clip, *out]) == 1
    assert "bytes, not" in capsys.readouterr().err


# --- A model that gives no numbers ---------------------------------------------------------------

SAMPLE = SHIPPED.parent / "samples" / "happy.opus"


def spoil(model: storage.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put NaN into a weight that the zeros of the check at load do not reach."""
    if model.network is not None:
        real = model.network.run
        monkeypatch.setattr(
            model.network,
            "run",
            lambda spectrogram: (real(spectrogram)[0] * np.nan, spectrogram[0]),
        )
        return
    for name, array in model.arrays.items():
        if array.dtype.kind == "f":
            model.arrays[name] = np.full_like(array, np.nan)


@pytest.fixture(scope="module")
def sound() -> audio_clip.Clip:
    return audio_clip.decode(signals.encoded(signals.voice()))


@pytest.mark.parametrize("key", KEYS)
def test_predict_leaves_out_a_model_with_values_that_are_not_finite(
    sound: audio_clip.Clip, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, spoilt = loading.load_models(), loading.load_models()
    spoil(spoilt.classifiers[key], monkeypatch)
    given = predictor.predict(sound, spoilt)
    rest = [one for one in KEYS if one != key]
    assert list(given.answers) == [*rest, labels.ENSEMBLE]
    assert list(given.faults) == list(given.to_dict()["faults"]) == [key]
    left = {one: whole.classifiers[one] for one in rest}
    oracle = predictor.predict(
        sound, loading.Models(left, reweight(whole.calibration, tuple(left)))
    )
    for one, answer in given.answers.items():
        np.testing.assert_array_equal(answer.probabilities, oracle.answers[one].probabilities)
    with pytest.raises(ModelError, match="not numbers"):
        explanation.explain(sound, spoilt)


def test_predict_many_excludes_the_model_from_the_clip_alone(
    sound: audio_clip.Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = loading.load_models()
    network = models.classifiers["cnn"].network
    assert network is not None
    real, n_frames = network.run, len(predictor.measure(sound, models)[0].spectrograms[0])

    def run(spectrogram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits, hidden = real(spectrogram)
        return logits * (np.nan if len(spectrogram) == n_frames else 1), hidden

    monkeypatch.setattr(network, "run", run)
    other = audio_clip.decode(signals.encoded(signals.voice(duration_s=1.5)))
    first, second, third = predictor.predict_many([other, sound, other], models)
    assert list(second.faults) == ["cnn"]
    assert first.faults == third.faults == {}
    assert list(first.answers) == [*KEYS, labels.ENSEMBLE]


@pytest.mark.parametrize("content", [None, b"altered"])
def test_load_usable_goes_on_without_the_encoder(
    sound: audio_clip.Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / encoder.ENCODER_FILE).write_bytes(content)
    monkeypatch.setattr(paths, "MODELS_DIR", tmp_path)
    models = loading.load_usable()
    taking = [key for key, row in CLASSIFIERS.items() if row.takes == "embeddings"]
    assert list(models.faults) == taking == ["pretrained"]
    said = "There is no pre-trained encoder" if content is None else "was altered"
    assert said in models.faults["pretrained"]
    assert list(predictor.predict(sound, models).answers) == [
        *(key for key in KEYS if key not in taking),
        labels.ENSEMBLE,
    ]


def test_predict_raises_if_no_model_has_finite_values(
    sound: audio_clip.Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = loading.load_models()
    for model in models.classifiers.values():
        spoil(model, monkeypatch)
    with pytest.raises(ModelError, match="not numbers"):
        predictor.predict(sound, models)


def test_timeline_leaves_out_a_model_with_values_that_are_not_finite(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clip = audio_clip.load(SAMPLE)
    models = loading.load_models()
    spoil(models.classifiers["mlp"], monkeypatch)
    *_, last = timeline.iter_timeline(clip, models)
    assert last.done == last.total > 0
    assert [key for key in last.probabilities if key in loading.ANSWER_KEYS] == [
        key for key in loading.ANSWER_KEYS if key != "mlp"
    ]
    assert list(last.faults) == ["mlp"]
    assert any("not numbers" in warning for warning in last.warnings)
    assert all(np.isfinite(values).all() for values in last.probabilities.values())


@pytest.fixture
def spoilt_mlp(monkeypatch: pytest.MonkeyPatch) -> loading.Models:
    """Return the models that both the command and the page load."""
    models = loading.load_models()
    spoil(models.classifiers["mlp"], monkeypatch)
    monkeypatch.setattr(loading, "load_models", lambda *_: models)
    monkeypatch.setattr(loading, "load_usable", lambda *_: models)
    st.cache_resource.clear()
    st.cache_data.clear()
    return models


@pytest.mark.parametrize("command", ["predict", "timeline"])
def test_command_names_the_fault_and_fails(
    spoilt_mlp: loading.Models, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command, str(SAMPLE)]) == 1
    said = capsys.readouterr()
    assert "multilayer perceptron" in said.err
    assert "nan" not in said.out.lower()


def test_batch_counts_the_clip_as_failed_and_names_the_fault(
    spoilt_mlp: loading.Models, sound: audio_clip.Clip
) -> None:
    (given,) = predictor.predict_many([sound], spoilt_mlp)
    done = rows.prediction_result("a.wav", "run", sound, given)
    row = json.loads(done.lines)
    assert done.failed
    assert "not numbers" in row["error"]
    assert set(row["models"]) == {*loading.ANSWER_KEYS} - {"mlp"}


def test_page_names_the_fault_and_shows_the_others(
    spoilt_mlp: loading.Models, caplog: pytest.LogCaptureFixture
) -> None:
    at = analyse(pages.run())
    shown = " ".join(w.value for w in at.warning).replace("\\", "")
    assert analyse_text.failed_models(("mlp",)) in shown
    assert "nan" not in pages.html(at).lower()
    assert "not numbers" in caplog.text
