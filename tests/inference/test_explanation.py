"""Test explanations of clips by all classifiers, and the command that prints them."""

import json
import time
from dataclasses import replace
from pathlib import Path as File
from typing import Any

import numpy as np
import pytest

from emo.audio.clip import Clip, decode, load
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.storage import empty_features
from emo.cli.main import main
from emo.features import encoder
from emo.features.encoder import load_encoder
from emo.features.frames import analyse
from emo.inference import explanation as ex
from emo.inference.loading import Models, load_models
from emo.inference.predictor import predict
from emo.labels import INDEX, LABELS, TRAINED_LABELS
from emo.system.paths import MODELS_DIR
from tests.support.imports import needless_imports
from tests.support.signals import encoded, padded, silence, voice

ROOT = File(__file__).resolve().parents[2]
SAMPLES = sorted(path for path in (ROOT / "samples").iterdir() if path.suffix in (".flac", ".opus"))
REGIONS_KEYS = [key for key, row in CLASSIFIERS.items() if row.explained_by == "regions"]


@pytest.fixture(scope="module")
def models(tiny_models):
    return load_models(tiny_models)


@pytest.fixture
def spoken(tmp_path):
    path = tmp_path / "spoken.wav"
    path.write_bytes(encoded(voice(duration_s=1.0)))
    return str(path)


# --- all classifiers -----------------------------------------------------------------------------


def clip_of(samples):
    return decode(encoded(samples, subtype="FLOAT"))


def why(clip: Clip, models: Models) -> dict[str, Any]:
    """Return the explanations of a clip by classifier, of any kind."""
    return dict(ex.explain(clip, models).why)


@pytest.mark.slow
def test_explain_explains_the_label_of_each_answer(models):
    clip = clip_of(voice(duration_s=1.5))
    found, expected = ex.explain(clip, models), predict(clip, models)
    assert list(found.why) == [key for key, row in CLASSIFIERS.items() if row.explained_by]
    for key, reason in found.why.items():
        answer = found.prediction.answers[key]
        assert reason.label == answer.label == expected.answers[key].label
        if not isinstance(reason, ex.TreePath):
            odds = np.log(answer.confidence / (1 - answer.confidence))
            assert reason.log_odds == pytest.approx(odds, abs=1e-4)
    tree = why(clip, models)["tree"]
    last = tree.steps[-1].share if tree.steps else tree.share
    assert last == pytest.approx(found.prediction.answers["tree"].confidence)
    assert tree.leaf[tree.label] == max(tree.leaf[label] for label in LABELS)


def test_explain_among_some_labels_explains_the_confidence_among_them(models):
    some = ("happy", "neutral", "surprised")
    found = ex.explain(decode(encoded(voice(duration_s=1.0))), models, some)
    answers = found.prediction.answers
    reasons: dict[str, Any] = dict(found.why)
    assert reasons["tree"].steps[-1].share == pytest.approx(answers["tree"].confidence, abs=1e-5)
    for key in reasons.keys() - {"tree"}:
        share = answers[key].confidence
        assert reasons[key].label == answers[key].label
        assert reasons[key].log_odds == pytest.approx(np.log(share / (1 - share)), abs=1e-3)
    assert found.to_dict()["among"] == list(some)


@pytest.mark.parametrize("key", REGIONS_KEYS)
def test_explain_places_the_regions_in_the_clip(models, key):
    spoken = voice(duration_s=1.0)
    early = why(clip_of(padded(spoken, 0.2, 0.5)), models)[key]
    late = why(clip_of(padded(spoken, 0.7, 0.1)), models)[key]
    assert late.start_s - early.start_s == pytest.approx(0.5, abs=1e-6)
    assert 0.1 < early.start_s < 0.3
    assert early.patches[0].start_s == pytest.approx(early.start_s)
    stop_s = early.start_s + early.frame_s * len(early.drops)
    assert early.patches[-1].stop_s == pytest.approx(stop_s)
    assert 1.1 < stop_s < 1.4
    np.testing.assert_allclose(late.drops, early.drops, atol=1e-3)


trained = pytest.mark.skipif(not (MODELS_DIR / "cnn" / "model.json").exists(), reason="no models")


@pytest.fixture(scope="module")
def shipped():
    return load_models()


@trained
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
@pytest.mark.slow
def test_explain_works_for_the_shipped_models(shipped, path):
    found = ex.explain(load(path), shipped)
    reasons: dict[str, Any] = dict(found.why)
    mlp, tree = reasons["mlp"], reasons["tree"]
    moved = sum(part.amount for part in mlp.parts)
    assert moved == pytest.approx(mlp.log_odds - mlp.typical, abs=1e-9)
    points = sum(part.amount for part in mlp.points)
    assert points == pytest.approx(mlp.share - mlp.typical_share, abs=1e-9)
    assert mlp.share == pytest.approx(found.prediction.answers["mlp"].confidence, abs=1e-6)
    assert tree.label == max(LABELS, key=lambda label: tree.leaf[label])
    answer = found.prediction.answers["tree"]
    assert tree.steps[-1].share == pytest.approx(answer.confidence)
    assert answer.calm == pytest.approx(tree.leaf["calm"])
    assert sum(tree.leaf.values()) == pytest.approx(1.0)
    assert len(tree.steps) >= 1
    # What is marked carries the answer: without it the network doubts it, without as much of the
    # rest it does so less.
    for key in REGIONS_KEYS:
        assert reasons[key].marked.any()
        assert reasons[key].marked_drop > reasons[key].unmarked_drop


@trained
@pytest.mark.slow
def test_explain_hides_parts_of_the_encoders_own_spectrogram(shipped):
    """Compare the drop of one patch with a pass of the encoder by hand."""
    clip = load(SAMPLES[0])
    found = why(clip, shipped)["pretrained"]
    (spectrogram,) = encoder.encoder_spectrograms(clip.samples)
    active = spectrogram[encoder.MARGIN_FRAMES : -encoder.MARGIN_FRAMES]
    assert found.drops.shape == active.shape
    strongest = max(found.patches, key=lambda patch: patch.drop)
    hidden = found.drops == np.float32(strongest.drop)
    assert hidden.sum() == pytest.approx(active.size / len(found.patches), rel=0.2)
    altered = spectrogram.copy()
    altered[encoder.MARGIN_FRAMES : -encoder.MARGIN_FRAMES][hidden] = np.broadcast_to(
        active.mean(axis=0), active.shape
    )[hidden]
    temperature = shipped.calibration.temperature_of(
        "pretrained", predict(clip, shipped).strangeness
    )

    def odds(shown):
        embedding = encoder.load_encoder().pool([shown])[None]
        features = replace(empty_features(), embeddings=embedding)
        raw = shipped.classifiers["pretrained"].probabilities(features)
        return ex.log_odds(raw, found.label, temperature)[0]

    assert odds(spectrogram) == pytest.approx(found.log_odds, abs=1e-4)
    assert odds(spectrogram) - odds(altered) == pytest.approx(strongest.drop, abs=1e-4)


@trained
@pytest.mark.slow
def test_explain_finds_the_regions_of_a_clip_of_several_windows(shipped):
    clip = clip_of(np.tile(voice(duration_s=6.0), 3))
    found = why(clip, shipped)["pretrained"]
    assert found.patches[-1].stop_s == pytest.approx(clip.duration_s, abs=0.3)
    assert found.log_odds == pytest.approx(
        log_odds_of_answer(found.label, predict(clip, shipped)), abs=1e-3
    )
    assert found.drops.any()


def log_odds_of_answer(label, prediction):
    share = prediction.answers["pretrained"].probabilities[INDEX[label]]
    return np.log(share / (1 - share))


@trained
@pytest.mark.slow
def test_explain_runs_the_encoder_at_most_fifty_times(shipped):
    """Counted in runs of it in the same process, as seconds depend on what runs beside the test."""
    clip = clip_of(voice(duration_s=4.0))
    model, answers = shipped.classifiers["pretrained"], predict(clip, shipped).answers
    evidence = ex._Evidence(clip, analyse(clip.samples), empty_features())
    start_s = time.process_time()
    for _ in range(5):
        load_encoder().embed(clip.samples)
    run_s = (time.process_time() - start_s) / 5
    start_s = time.process_time()
    found = ex._regions(
        model, evidence, ex._Question(answers["pretrained"].label, 1.0, LABELS, TRAINED_LABELS)
    )
    took_s = time.process_time() - start_s
    assert took_s < 50 * run_s, f"{took_s / run_s:.1f} runs"
    assert 24 <= len(found.patches) <= 36


# --- the command line ----------------------------------------------------------------------------


def run(capsys, folder, *arguments):
    status = main(["explain", "--models", str(folder), *arguments])
    return status, capsys.readouterr().out


def json_of(capsys, arguments):
    """Return what a command prints as JSON."""
    assert main([*arguments, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_explain_prints_json_with_every_field(capsys, tiny_models, spoken):
    status, out = run(capsys, tiny_models, "--format", "json", spoken)
    (found,) = json.loads(out)
    assert status == 0
    (answers,) = json_of(capsys, ["predict", "--models", str(tiny_models), spoken])
    assert list(found) == [*answers, "why"]
    why = found["why"]
    assert list(why) == [key for key, row in CLASSIFIERS.items() if row.explained_by]
    assert all(why[key]["label"] == found["models"][key]["label"] for key in why)
    assert [part["group"] for part in why["mlp"]["parts"]] == list(ex.GROUPS)
    for key in REGIONS_KEYS:
        patch = why[key]["patches"][0]
        assert list(patch) == ["start_s", "stop_s", "low_hz", "high_hz", "drop", "marked"]
    assert set(why["tree"]["steps"][0]) >= {"axis", "value", "limit", "above", "parts", "strongest"}


def test_explain_prints_narrow_ascii_text(capsys, tiny_models, spoken):
    status, out = run(capsys, tiny_models, spoken)
    lines = out.splitlines()
    assert status == 0
    assert lines[0] == spoken
    for title in ("Ensemble", *(row.title for row in CLASSIFIERS.values())):
        assert any(line.startswith(f"{title}: ") for line in lines)
    assert out.isascii()
    assert max(map(len, lines[1:])) <= 100


def test_explain_reports_a_bad_file_and_explains_the_others(capsys, tiny_models, spoken, tmp_path):
    quiet = tmp_path / "a\x1bb.wav"
    quiet.write_bytes(encoded(silence(1.0)))
    status, out = run(capsys, tiny_models, str(quiet), spoken, "gone.wav")
    assert status == 1
    assert "a\\x1bb.wav: " in out.splitlines()[0]
    assert "silent" in out.splitlines()[0]
    assert f"\n{spoken}\n" in out
    assert out.splitlines()[-1].startswith("gone.wav: There is no file")
    status, out = run(capsys, tiny_models, "--format", "json", str(quiet), spoken)
    assert status == 1
    assert [set(row) == {"path", "error"} for row in json.loads(out)] == [True, False]


@pytest.mark.parametrize("arguments", [["explain"], ["explain", "--format", "csv", "a.wav"]])
def test_wrong_usage_exits_with_two(capsys, arguments):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_explain_reports_missing_models(capsys, tmp_path, spoken):
    assert main(["explain", "--models", str(tmp_path), spoken]) == 1
    assert "There is no model in" in capsys.readouterr().err


@pytest.mark.slow
def test_explain_imports_no_training_library(tiny_models, spoken):
    assert needless_imports(["explain", "--models", str(tiny_models), spoken]) == set()
