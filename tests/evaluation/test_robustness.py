"""Conditions against their definitions; shares, losses and intervals against counts by hand."""

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emo.audio.clip import RATE_HZ, Clip
from emo.cli.main import main
from emo.corpora.catalogue import Recording
from emo.corpora.splits import HELD_OUT_SPEAKERS
from emo.errors import CorpusError, ModelError
from emo.evaluation.robustness import conditions, measuring
from emo.evaluation.robustness.conditions import CLEAN, CONDITIONS, add_coughs, alter, tilt
from emo.evaluation.robustness.figures import Answers, figures
from emo.evaluation.robustness.measuring import MODEL_KEYS, check_models, held_out, measure
from emo.evaluation.robustness.storage import (
    ROBUSTNESS,
    RobustnessFigures,
    read_robustness,
    write_robustness,
)
from emo.evaluation.stored import SCHEMA
from emo.inference.loading import load_models
from emo.inference.predictor import predict
from emo.labels import ENSEMBLE
from emo.system.paths import MODELS_DIR
from tests.support.signals import encoded, silence, tone, voice

DIGEST = "5e" * 32
SHIPPED = MODELS_DIR / ROBUSTNESS


def answers(labels: Sequence[str], unsure: Sequence[bool] | None = None) -> Answers:
    return Answers(
        np.array(labels), np.array(unsure if unsure is not None else [False] * len(labels))
    )


def counted(*arguments: Any) -> RobustnessFigures:
    row = figures(*arguments)
    assert row is not None
    return row


# --- Conditions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONDITIONS)
def test_condition_is_finite_and_repeats_from_its_seed(name: str) -> None:
    samples = voice(duration_s=1.2)
    first, second = (alter(samples, name, DIGEST) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert len(first) >= RATE_HZ // 2
    assert not np.array_equal(first[: len(samples)], samples[: len(first)])


def test_a_random_condition_depends_on_seed_clip_and_condition() -> None:
    samples = voice(duration_s=1.2)
    drawn = [
        alter(samples, name, digest, seed) - samples
        for name, digest, seed in product(("pink-5", "pink-0"), (DIGEST, "1f" * 32), (1, 2))
    ]
    alike = np.abs(np.corrcoef(drawn)[np.triu_indices(len(drawn), 1)])
    assert alike.max() < 0.5  # of eight draws, no two are the same noise at two levels


def test_as_recorded_nothing_is_changed() -> None:
    samples = voice(duration_s=1.2)
    assert alter(samples, CLEAN, DIGEST) is samples


@pytest.mark.parametrize("snr_db", conditions.SNRS_DB)
@pytest.mark.parametrize("kind", ["white", "pink", "babble"])
def test_noise_has_the_ratio_of_its_title(kind: str, snr_db: int) -> None:
    samples = tone(duration_s=2.0)
    added = CONDITIONS[f"{kind}-{snr_db}"].apply(samples, np.random.default_rng(2)) - samples
    ratio = np.mean(samples.astype(float) ** 2) / np.mean(added.astype(float) ** 2)
    assert 10 * np.log10(ratio) == pytest.approx(snr_db, abs=0.01)
    assert f"at an SNR of {snr_db} dB" in CONDITIONS[f"{kind}-{snr_db}"].title


@pytest.mark.parametrize("slope_db", [3.0, -3.0])
def test_tilt_turns_the_level_of_tones_about_one_kilohertz(slope_db: float) -> None:
    for octaves in (-3, -1, 0, 1, 2):
        samples = tone(1000.0 * 2**octaves, duration_s=1.0)
        inner = slice(2000, -2000)
        gain = np.std(tilt(samples, slope_db)[inner]) / np.std(samples[inner])
        assert 20 * np.log10(gain) == pytest.approx(slope_db * octaves, abs=0.1)


def test_coughs_come_and_go_at_the_ratio_to_the_speech() -> None:
    samples = tone(duration_s=4.0)
    added = add_coughs(samples, 10.0, np.random.default_rng(3)) - samples
    windows = np.mean(added.astype(float).reshape(-1, RATE_HZ // 40) ** 2, axis=1)
    is_loud = windows > windows.max() / 1000
    assert 0.2 < is_loud.mean() < 0.95
    level_db = 10 * np.log10(np.mean(samples.astype(float) ** 2))
    assert level_db - 10 * np.log10(windows[is_loud].mean()) == pytest.approx(10.0, abs=1.0)


# --- Figures -------------------------------------------------------------------------------------

EMOTIONS = ["angry", "angry", "sad", "sad", "happy", "happy"]
SPEAKERS = ["cremad-1009", "cremad-1009", "cremad-1020", "cremad-1020", "ravdess-02", "ravdess-03"]


def test_shares_are_those_counted_by_hand() -> None:
    clean = answers(["angry", "sad", "sad", "sad", "happy", "happy"])  # five right
    altered = answers(
        ["angry", "sad", "angry", "", "angry", "happy"],  # two of five right
        [False, True, False, True, True, False],
    )
    row = counted(EMOTIONS, SPEAKERS, clean, altered)
    assert row["n"] == 5
    assert row["accuracy"] == pytest.approx(2 / 5)
    assert row["uar"] == pytest.approx((1 / 2 + 0 + 1 / 2) / 3)
    assert row["loss"] == pytest.approx(4 / 5 - 2 / 5)  # as recorded, four of the same five
    assert row["unchanged"] == pytest.approx(3 / 5)
    assert row["coverage"] == pytest.approx(3 / 5)


def test_a_condition_that_changes_nothing_loses_nothing() -> None:
    clean = answers(["angry", "sad", "sad", "sad", "happy", "sad"], [True, False] * 3)
    row = counted(EMOTIONS, SPEAKERS, clean, clean)
    assert (row["loss"], row["loss_interval"], row["unchanged"]) == (0.0, [0.0, 0.0], 1.0)
    assert row["accuracy"] == pytest.approx(4 / 6)
    assert row["coverage"] == 0.5


def test_the_interval_is_that_of_every_draw_of_two_speakers() -> None:
    # Of a corpus with two speakers, four draws are alike: each twice, and each order of both.
    names = ["cremad-1009"] * 2 + ["cremad-1020"] * 2
    clean, altered = answers(["angry"] * 4), answers(["angry", "angry", "angry", "sad"])
    lost = {"cremad-1009": 0.0, "cremad-1020": 0.5}
    draws = [np.mean([lost[name] for name in pair]) for pair in product(lost, lost)]
    row = counted(["angry"] * 4, names, clean, altered)
    assert row["loss"] == np.mean(draws)
    low, high = np.percentile(np.repeat(draws, 500), (2.5, 97.5))
    assert row["loss_interval"] == pytest.approx([low, high])


def test_clips_and_their_altered_copies_are_paired() -> None:
    # Speakers differ much, and each loses as much: the loss does not vary, though accuracies do.
    names = ["cremad-1009"] * 4 + ["cremad-1020"] * 4
    clean = answers(["angry"] * 4 + ["angry", "sad", "sad", "sad"])
    altered = answers(["angry", "angry", "angry", "sad"] + ["sad"] * 4)
    row = counted(["angry"] * 8, names, clean, altered)
    assert row["loss_interval"] == pytest.approx([0.25, 0.25])


def test_without_a_usable_clip_there_are_no_figures() -> None:
    assert figures(["sad"], ["cremad-1009"], answers(["sad"]), answers([""])) is None


# --- Clips and models ----------------------------------------------------------------------------


def recording(speaker: str, emotion: str) -> Recording:
    corpus = speaker.split("-")[0]
    return Recording(Path(f"{speaker}.wav"), corpus, "clip", speaker, emotion)


def test_only_the_held_out_speakers_are_tested_and_no_calm_clip() -> None:
    strangers = ("cremad-1001", "ravdess-01", "tess-OAF", "savee-JE")
    every = [
        recording(speaker, emotion)
        for speaker in (*HELD_OUT_SPEAKERS, *strangers)
        for emotion in ("sad", "calm")
    ]
    tested = held_out(every, Path("somewhere"))
    assert [(clip.speaker, clip.emotion) for clip in tested] == [
        (speaker, "sad") for speaker in HELD_OUT_SPEAKERS
    ]
    with pytest.raises(CorpusError, match="somewhere has no clip of the speakers cremad-1009"):
        held_out([recording(speaker, "sad") for speaker in strangers], Path("somewhere"))


def test_models_that_were_trained_on_the_speakers_are_refused() -> None:
    models = load_models(MODELS_DIR)
    check_models(models, MODELS_DIR)
    model = models.classifiers["mlp"]
    info = deepcopy(model.info)
    info["trained_on"]["held_out"] = {"clips": 1, "speakers": ["ravdess-02"]}
    other = replace(model, info=info)
    with pytest.raises(ModelError, match=r"were trained on cremad-1009, .*, ravdess-03, on"):
        check_models(replace(models, classifiers=models.classifiers | {"mlp": other}), MODELS_DIR)


def test_answers_are_those_that_people_get() -> None:
    models = load_models(MODELS_DIR)
    samples = voice((180.0, 120.0), 1.5)
    clip = Clip(samples, RATE_HZ, 1, "0" * 64)
    prediction = predict(clip, models)
    expected = {**prediction.answers, **prediction.ensembles}
    said = measuring.answer_altered(clip, samples, models)
    assert list(said) == list(MODEL_KEYS)
    for key, (label, is_unsure) in said.items():
        assert (label, is_unsure) == (expected[key].label, expected[key].unsure)
    assert measuring.answer_altered(clip, samples[:4000], models) == {}  # too short
    assert measuring.answer_altered(clip, silence(1.0), models) == {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of corpora: three clips of held-out speakers, one silent, one of another."""
    folder = tmp_path_factory.mktemp("corpora")
    (folder / "cremad").mkdir()
    for name, samples in {
        "1009_IEO_SAD_HI": voice((180.0, 120.0), 1.0),
        "1020_IEO_ANG_HI": voice((240.0, 300.0), 1.0),
        "1020_IEO_HAP_HI": silence(1.0),
        "1001_IEO_HAP_HI": voice((240.0, 200.0), 1.0),
    }.items():
        (folder / "cremad" / f"{name}.wav").write_bytes(encoded(samples))
    return folder


@pytest.mark.slow
def test_measure_stores_the_same_figures_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        measuring, "write_robustness", lambda _, table: write_robustness(tmp_path, table)
    )
    tables = [
        measure(folder, MODELS_DIR, "a command", jobs=jobs, conditions=("pink-0", "quiet"))
        for jobs in (1, 2)
    ]
    assert tables[0] == tables[1]
    stored = read_robustness(tmp_path)
    assert stored is not None
    assert (stored["clips"], stored["speakers"]) == (2, ["cremad-1009", "cremad-1020"])
    assert (stored["command"], stored["seed"], stored["schema"]) == ("a command", 1, SCHEMA)
    assert list(stored["conditions"]) == [CLEAN, "pink-0", "quiet"]
    for block in stored["conditions"].values():
        assert list(block["models"]) == list(MODEL_KEYS)
        assert block["unusable"] == 0
    clean = stored["conditions"][CLEAN]["models"][ENSEMBLE]
    assert (clean["loss"], clean["unchanged"]) == (0.0, 1.0)
    quiet = stored["conditions"]["quiet"]["models"][ENSEMBLE]
    assert quiet["unchanged"] == 1.0  # the models get every clip at one level


def test_clips_that_cannot_be_used_are_counted() -> None:
    said = dict.fromkeys(MODEL_KEYS, ("sad", False))
    clips = [recording("cremad-1009", "sad"), recording("cremad-1020", "sad")]
    answered: list[measuring.Altered] = [{CLEAN: said, "mp3": said}, {CLEAN: said, "mp3": {}}]
    table = measuring.tabulate(clips, answered, ["mp3"])
    assert [block["unusable"] for block in table.values()] == [0, 1]
    assert table["mp3"]["models"][ENSEMBLE]["n"] == 1
    assert table[CLEAN]["models"][ENSEMBLE]["n"] == 2


def test_evaluate_names_the_speakers_that_a_folder_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tess").mkdir()
    (tmp_path / "tess" / "OAF_bite_happy.wav").write_bytes(encoded(voice()))
    assert main(["evaluate", "--protocol", "robustness", "--data", str(tmp_path)]) == 1
    assert "has no clip of the speakers cremad-1009" in capsys.readouterr().err


# --- The stored figures --------------------------------------------------------------------------


def test_the_shipped_figures_are_complete_and_consistent() -> None:
    table = read_robustness(MODELS_DIR)
    assert table is not None
    assert table["speakers"] == sorted(HELD_OUT_SPEAKERS)
    assert list(table["conditions"]) == [CLEAN, *CONDITIONS]
    clean = table["conditions"][CLEAN]["models"]
    for block in table["conditions"].values():
        assert list(block["models"]) == list(MODEL_KEYS)
        for key, row in block["models"].items():
            assert row["n"] == table["clips"] - block["unusable"]
            low, high = row["loss_interval"]
            assert low <= row["loss"] <= high
            if not block["unusable"]:
                expected = clean[key]["accuracy"] - row["accuracy"]
                assert row["loss"] == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (("conditions", "mp3", "models", "cnn", "n"), 0.5, "conditions.mp3.models.cnn.n is 0.5"),
        (
            ("conditions", "mp3", "unusable"),
            None,
            "conditions.mp3.unusable is null and not a",
        ),
        (("seed",), "one", 'seed is "one" and not a whole number'),
        (("more",), 1, "it has the unknown field 'more'"),
        (("schema",), SCHEMA - 1, f"its schema is {SCHEMA - 1}, and this program reads {SCHEMA}"),
    ],
)
def test_damaged_figures_are_refused(
    place: tuple[str, ...], value: Any, sentence: str, tmp_path: Path
) -> None:
    content = json.loads(SHIPPED.read_text(encoding="utf-8"))
    inner = content
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    path = tmp_path / ROBUSTNESS
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        read_robustness(tmp_path)
    assert str(caught.value).startswith(f"{path} cannot be read: {sentence}")
    assert str(caught.value).endswith("Remove it and evaluate again.")


def test_a_folder_without_the_file_has_no_figures(tmp_path: Path) -> None:
    assert read_robustness(tmp_path) is None
