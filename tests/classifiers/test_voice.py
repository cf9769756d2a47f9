"""The classifier that knows the voice: fitting, the check, pooling and storage."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.classifiers.batches import Batch, Features
from emo.classifiers.calibration import Calibration, read_calibration
from emo.classifiers.storage import WEIGHTS, empty_features
from emo.classifiers.voice import (
    MIN_CLIPS,
    VOICE,
    VoiceCalibration,
    clip_weights,
    corrected_variation,
    draw_groups,
    fit_voice,
    predict_voice,
    relative_numbers,
    variation,
    voice_numbers,
    within_voices,
)
from emo.classifiers.voice.storage import load_voice, save_voice
from emo.errors import ModelError
from emo.inference.loading import load_models, load_usable
from emo.labels import LABELS
from tests.support.models import ORIGIN

N_LABELS, N_NUMBERS = 4, 12


def made_up(n_speakers: int, seed: int, scale: float = 20.0) -> Batch:
    """Return clips whose numbers are far apart by speaker and little apart by label."""
    rng = np.random.default_rng(seed)
    directions = 2.0 * np.eye(N_LABELS, N_NUMBERS)
    numbers, targets, speakers = [], [], []
    for speaker in range(n_speakers):
        voice = rng.normal(0, scale, N_NUMBERS)
        own = np.tile(np.arange(N_LABELS), 10)
        numbers.append(voice + directions[own] + rng.normal(0, 0.5, (len(own), N_NUMBERS)))
        targets.append(own)
        speakers += [f"s{speaker}"] * len(own)
    table = np.concatenate(numbers).astype(np.float32)
    features = Features(
        table[:, :5], (np.zeros((1, 64), np.float32),) * len(table), (), table[:, 5:]
    )
    return Batch(features, np.concatenate(targets), speakers=tuple(speakers))


@pytest.fixture(scope="module")
def fitted() -> dict[str, np.ndarray]:
    return fit_voice(made_up(12, seed=1), seed=1)


def own_clips(batch: Batch, speaker: str) -> np.ndarray:
    return np.asarray(voice_numbers(batch.features)[np.array(batch.speakers) == speaker])


# --- Numbers relative to the voice ---------------------------------------------------------------


def test_relative_numbers_by_hand() -> None:
    numbers = np.array([[0, 7], [4, 7], [8, 7], [4, 7], [4, 7]], np.float32)
    result = relative_numbers(numbers, np.array([2.0, 1.0], np.float32))
    # The variance of the first is 32 / 5, and is shrunk to half of it plus half of 2 squared.
    step = 4 / np.sqrt((6.4 + 4) / 2)
    expected = [[-step, 0], [0, 0], [step, 0], [0, 0], [0, 0]]
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_relative_numbers_are_limited() -> None:
    numbers = np.zeros((100, 1), np.float32)
    numbers[0] = 1000
    assert relative_numbers(numbers, np.ones(1, np.float32))[0, 0] == 6.0


def test_within_voices_leaves_out_differences_between_voices() -> None:
    numbers = np.array([[0], [2], [100], [104]], np.float32)
    result = within_voices(numbers, ["a", "a", "b", "b"])
    np.testing.assert_allclose(result, [np.sqrt((2 * 1 + 2 * 4) / 4)], rtol=1e-5)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=120), st.sampled_from([2, 5, 10, None]))
def test_groups_are_a_partition_by_speaker(speakers: list[int], size: int | None) -> None:
    names = np.array([f"s{number}" for number in speakers])
    groups = list(draw_groups(names.tolist(), size, np.random.default_rng(0)))
    np.testing.assert_array_equal(np.sort(np.concatenate(groups)), np.arange(len(names)))
    for group in groups:
        (speaker,) = set(names[group])
        total = int((names == speaker).sum())
        assert (
            len(group) == total if size is None or total < size else size <= len(group) < 2 * size
        )


# --- Fitting -------------------------------------------------------------------------------------


def test_voices_never_fitted_to_are_recognised_apart_from_their_offset(fitted) -> None:
    test = made_up(6, seed=99)
    right = [
        predict_voice(fitted, own_clips(test, speaker)).argmax(axis=1)
        == test.targets[np.array(test.speakers) == speaker]
        for speaker in sorted(set(test.speakers))
    ]
    assert np.mean(right) > 0.95
    # Alone among clips of other speakers, the offset hides what little differs by label.
    mixed = voice_numbers(test.features)
    assert np.mean(predict_voice(fitted, mixed).argmax(axis=1) == test.targets) < 0.6


def test_a_shift_of_all_clips_of_a_voice_changes_nothing(fitted) -> None:
    numbers = own_clips(made_up(1, seed=5), "s0")
    shift = np.random.default_rng(0).normal(0, 10, N_NUMBERS).astype(np.float32)
    np.testing.assert_allclose(
        predict_voice(fitted, numbers + shift), predict_voice(fitted, numbers), atol=1e-4
    )


def test_the_order_of_clips_changes_nothing(fitted) -> None:
    numbers = own_clips(made_up(1, seed=5), "s0")
    order = np.random.default_rng(0).permutation(len(numbers))
    np.testing.assert_allclose(
        predict_voice(fitted, numbers[order]), predict_voice(fitted, numbers)[order], atol=1e-5
    )


def test_the_same_seed_fits_the_same(fitted) -> None:
    again = fit_voice(made_up(12, seed=1), seed=1)
    for name, array in fitted.items():
        np.testing.assert_array_equal(again[name], array)


def test_labels_weigh_the_same_and_small_corpora_more() -> None:
    features = empty_features(8)
    batch = Batch(features, np.array([0, 0, 0, 1, 0, 0, 0, 1]), corpora=("a",) * 7 + ("b",))
    weights = clip_weights(batch)
    assert weights[0] == pytest.approx(weights[1])
    assert weights[3] / weights[0] == pytest.approx(3)  # three times as many clips of label 0
    assert weights[7] / weights[3] == pytest.approx(7**0.5)
    without = clip_weights(replace(batch, corpora=()))
    assert without[without.argmin()] * 6 == pytest.approx(without[3] * 2)


def test_copies_are_fitted_too() -> None:
    """Blank clips have nothing to fit to; their copies have."""
    batch = made_up(8, seed=3)
    blank = replace(batch.features, functionals=batch.features.functionals * 0)
    blank = replace(blank, embeddings=blank.embeddings * 0)
    test = own_clips(made_up(1, seed=8), "s0")
    targets = np.tile(np.arange(N_LABELS), 10)
    alone = fit_voice(replace(batch, features=blank), seed=1)
    both = fit_voice(replace(batch, features=blank, copies=(batch.features,)), seed=1)
    assert np.mean(predict_voice(alone, test).argmax(axis=1) == targets) < 0.5
    assert np.mean(predict_voice(both, test).argmax(axis=1) == targets) > 0.9


# --- The check -----------------------------------------------------------------------------------


def test_variation_of_equal_answers_is_0() -> None:
    assert variation(np.tile([0.5, 0.3, 0.2], (6, 1))) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("k", [2, 5, 7])
def test_variation_of_certain_different_answers_is_log_k(k: int) -> None:
    assert variation(np.eye(k)) == pytest.approx(np.log(k))
    assert corrected_variation(np.eye(k)) == pytest.approx(np.log(k) * k / (k - 1))


def test_corrected_variation_does_not_depend_on_the_number_of_clips() -> None:
    rng = np.random.default_rng(0)
    logits = 0.3 * rng.normal(size=(40_000, 7))
    answers = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    few = np.mean([corrected_variation(part) for part in answers.reshape(-1, 5, 7)])
    many = np.mean([corrected_variation(part) for part in answers.reshape(-1, 50, 7)])
    assert few == pytest.approx(many, rel=0.02)
    plain = np.mean([variation(part) for part in answers.reshape(-1, 5, 7)])
    assert plain < 0.85 * many


def test_strange_clips_need_another_variation() -> None:
    calibration = VoiceCalibration({}, {}, min_variation=0.8, min_variation_strange=0.2)
    answers = np.array([[0.9, 0.1]] * 3 + [[0.1, 0.9]] * 3)
    assert 0.2 < corrected_variation(answers) < 0.5
    assert not calibration.looks_mixed(answers, np.zeros(6))
    assert calibration.looks_mixed(answers, np.ones(6))
    assert calibration.least_variation(0.5) == pytest.approx(0.5)


# --- Pooling -------------------------------------------------------------------------------------

CALIBRATION = VoiceCalibration(
    {"voice": 1.0, "ensemble": 0.5},
    {"voice": 0.5, "ensemble": 0.0},
    threshold=0.4,
    threshold_strange=0.6,
)


def test_pool_by_hand() -> None:
    raw, ensemble = np.array([[0.64, 0.36]] * 3), np.array([[0.2, 0.8]] * 3)
    result = CALIBRATION.pool(raw, ensemble, np.array([0.0, 1.0, 0.5]))
    ratios = [0.64 / 0.36 * (0.2 / 0.8) ** 0.5, 8 / 6, (0.64 / 0.36) ** 0.75 * 0.25**0.25]
    np.testing.assert_allclose(result[:, 0] / result[:, 1], ratios)
    np.testing.assert_allclose(result.sum(axis=1), 1)


def test_thresholds_switch_where_a_clip_is_more_strange_than_not() -> None:
    np.testing.assert_array_equal(
        CALIBRATION.thresholds(np.array([0.2, 0.5, 0.51])), [0.4, 0.4, 0.6]
    )
    lower = replace(CALIBRATION, threshold_strange=0.1)
    np.testing.assert_array_equal(lower.thresholds(np.ones(1)), [0.4])


def write_calibration(directory: Path, voice: object) -> Path:
    stored = asdict(Calibration({"tree": 1.0}, {"tree": 1.0}, {})) | {"voice": voice}
    (directory / "calibration.json").write_text(json.dumps(stored))
    return directory


def test_stored_calibration_is_read(tmp_path: Path) -> None:
    stored = replace(CALIBRATION, min_variation=0.7, min_variation_strange=0.1)
    folder = write_calibration(tmp_path, asdict(stored))
    assert read_calibration(folder, ["tree"]).voice == stored


def test_without_the_block_there_is_no_calibration_for_known_voices(tmp_path: Path) -> None:
    assert read_calibration(write_calibration(tmp_path, None), ["tree"]).voice is None


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": -0.1},
        {"min_variation": float("nan")},
        {"weights": {"voice": 1.0}},
        {"weights_strange": {"voice": 1.0, "ensemble": "much"}},
        {"min_variation_strange": None},
    ],
)
def test_a_damaged_block_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    folder = write_calibration(tmp_path, asdict(CALIBRATION) | change)
    with pytest.raises(ModelError, match=r"calibration\.json cannot be read"):
        read_calibration(folder, ["tree"])


# --- Storage -------------------------------------------------------------------------------------


def real_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    n = voice_numbers(empty_features()).shape[1]
    rng = np.random.default_rng(seed)
    return {
        "deviation": np.ones(n, np.float32),
        "weights": rng.normal(0, 0.01, (n, 8)).astype(np.float32),
        "bias": np.zeros(8, np.float32),
    }


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_voice(tmp_path / VOICE, real_arrays(), ORIGIN)
    return tmp_path / VOICE


def test_saved_voice_is_loaded_unchanged(saved: Path) -> None:
    model, arrays = load_voice(saved), real_arrays()
    for name, array in arrays.items():
        np.testing.assert_array_equal(model.arrays[name], array)
    rng = np.random.default_rng(3)
    features = empty_features(MIN_CLIPS)
    features = replace(
        features,
        functionals=rng.normal(size=features.functionals.shape).astype(np.float32),
        embeddings=rng.normal(size=features.embeddings.shape).astype(np.float32),
    )
    expected = predict_voice(arrays, voice_numbers(features))
    np.testing.assert_array_equal(model.probabilities(features), expected)
    assert model.info["trained_on"]["clips"] == ORIGIN.clips


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"weights": np.zeros((3, 8), np.float32)}, "weights"),
        ({"bias": np.full(8, np.nan, np.float32)}, "not finite"),
        ({"deviation": np.zeros(1, np.float32)}, "deviation"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path: Path, arrays, reason: str) -> None:
    save_voice(tmp_path / VOICE, real_arrays() | arrays, ORIGIN)
    with pytest.raises(ModelError, match=reason):
        load_voice(tmp_path / VOICE)


def test_altered_weights_are_refused(saved: Path) -> None:
    content = bytearray((saved / WEIGHTS).read_bytes())
    content[len(content) // 2] ^= 1
    (saved / WEIGHTS).write_bytes(content)
    with pytest.raises(ModelError, match="was altered"):
        load_voice(saved)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"key": "tree"}, "holds the model 'tree'"),
        ({"labels": ["angry"]}, "has the labels angry"),
        ({"features": {"version": 0, "takes": "", "sha256": ""}}, "version 0 of the features"),
        ({"served_file": "network.tflite"}, "served from"),
    ],
)
def test_a_voice_made_for_others_is_refused(saved: Path, change, reason: str) -> None:
    info = json.loads((saved / "model.json").read_text())
    (saved / "model.json").write_text(json.dumps(info | change))
    with pytest.raises(ModelError, match=reason):
        load_voice(saved)


def test_other_models_answer_without_the_voice(tiny_models: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_models, tmp_path / "models")
    for models in (load_models(folder), load_usable(folder)):
        assert models.voice is None
        assert "There is no model in" in models.voice_fault
        assert not models.faults
        assert models.classifiers
    save_voice(folder / VOICE, real_arrays(), ORIGIN)
    models = load_models(folder)
    assert models.voice is not None
    assert models.voice_fault == ""
    (folder / VOICE / WEIGHTS).unlink()
    assert "lacks its file" in load_models(folder).voice_fault


def test_shipped_voice_was_not_fitted_to_held_out_speakers() -> None:
    from emo.corpora.splits import HELD_OUT_SPEAKERS
    from emo.system.paths import MODELS_DIR

    info = load_voice(MODELS_DIR / VOICE).info
    assert set(info["trained_on"]["held_out"]["speakers"]) == set(HELD_OUT_SPEAKERS)
    assert len(info["labels"]) == len(LABELS) + 1
