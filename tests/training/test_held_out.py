"""The clips of the held-out speakers train no model that ships."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emo.classifiers.batches import Batch, Features
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.storage import read_model_info
from emo.corpora.catalogue import Recording, default_directory, find_recordings
from emo.corpora.metadata import read_sexes_and_ages, sex_of
from emo.corpora.splits import HELD_OUT_SPEAKERS, is_held_out
from emo.errors import CorpusError
from emo.evaluation.non_speech.false_alarms import halves
from emo.features.functionals import functional_names
from emo.labels import TRAINED_INDEX
from emo.system.paths import MODELS_DIR
from emo.training import fit
from emo.training.dataset import Dataset
from tests.support.models import fitted

DATA = default_directory()
with_corpora = pytest.mark.skipif(DATA is None, reason="the corpora are not on this machine")

OTHERS = ("cremad-1001", "cremad-1010", "ravdess-12", "tess-OAF")


def dataset_of(speakers: tuple[str, ...]) -> Dataset:
    """Return two clips of each speaker, the first functional of each its own number."""
    recordings = tuple(
        Recording(Path("nowhere"), speaker.split("-")[0], f"{speaker}-{emotion}", speaker, emotion)
        for speaker in speakers
        for emotion in ("angry", "sad")
    )
    n = len(recordings)
    functionals = np.zeros((n, len(functional_names())), np.float32)
    functionals[:, 0] = np.arange(n)
    spectrograms = tuple(np.zeros((60, 64), np.float32) for _ in range(n))
    features = Features(functionals, spectrograms, ("",) * n)
    targets = np.array([TRAINED_INDEX[recording.emotion] for recording in recordings])
    return Dataset(Path("nowhere"), recordings, Batch(features, targets, (features,)))


def record_batches(monkeypatch: pytest.MonkeyPatch) -> list[Batch]:
    """Have the tree saved as it is in tests, and return the batches that it should be fitted to."""
    batches: list[Batch] = []

    def fit_all(keys: Any, _run: str, batch: Batch, _seed: int) -> Any:
        batches.append(batch)
        yield from ((key, fitted(key)) for key in keys)

    monkeypatch.setattr(fit, "fit_all", fit_all)
    return batches


def test_train_models_drops_the_clips_of_held_out_speakers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    batches = record_batches(monkeypatch)
    order = (OTHERS[0], HELD_OUT_SPEAKERS[4], OTHERS[1], HELD_OUT_SPEAKERS[0], *OTHERS[2:])
    fit.train_models(["tree"], dataset_of(order), tmp_path, "python -m emo train tree")
    (batch,) = batches
    for features in (batch.features, *batch.copies):
        assert features.functionals[:, 0].tolist() == [0, 1, 4, 5, 8, 9, 10, 11]
    assert read_model_info(tmp_path / "tree")["trained_on"] == {
        "corpora": ["cremad", "ravdess", "tess"],
        "clips": 8,
        "speakers": 4,
        "held_out": {"clips": 4, "speakers": ["cremad-1009", "ravdess-02"]},
    }
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("4 clips of cremad-1009, ravdess-02 are left out of the models")


def test_train_models_says_nothing_where_nobody_is_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    batches = record_batches(monkeypatch)
    fit.train_models(["tree"], dataset_of(OTHERS), tmp_path, "")
    assert len(batches[0].targets) == 8
    assert capsys.readouterr().err == ""


def test_train_models_refuses_held_out_speakers_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = record_batches(monkeypatch)
    with pytest.raises(CorpusError, match=r"0 usable clips are left.*Clips of other speakers"):
        fit.train_models(["tree"], dataset_of(HELD_OUT_SPEAKERS), tmp_path, "")
    assert not batches


def test_is_held_out_marks_the_speakers() -> None:
    assert is_held_out([*HELD_OUT_SPEAKERS, *OTHERS]).tolist() == [True] * 6 + [False] * 4
    assert is_held_out([]).tolist() == []


@pytest.mark.parametrize("key", CLASSIFIERS)
def test_shipped_models_count_the_clips_held_out(key: str) -> None:
    trained_on = read_model_info(MODELS_DIR / key)["trained_on"]
    if "held_out" in trained_on:
        assert trained_on["held_out"]["speakers"] == list(HELD_OUT_SPEAKERS)
        assert trained_on["speakers"] == 121 - len(HELD_OUT_SPEAKERS)
        assert trained_on["clips"] + trained_on["held_out"]["clips"] in (13_173, 13_174)


@with_corpora
def test_held_out_speakers_are_of_both_sexes_and_of_different_ages() -> None:
    assert DATA is not None
    actors = read_sexes_and_ages(DATA)
    for corpus, n in (("cremad", 2), ("ravdess", 1)):
        own = [speaker for speaker in HELD_OUT_SPEAKERS if speaker.startswith(corpus)]
        assert (
            sorted(sex_of(speaker, actors) or "" for speaker in own) == ["men"] * n + ["women"] * n
        )
    ages = sorted(actors[speaker][1] for speaker in HELD_OUT_SPEAKERS if speaker in actors)
    assert len(set(ages)) == 4
    assert ages[1] < 30 < 50 <= ages[2]


@with_corpora
def test_the_check_for_speech_was_not_fitted_to_held_out_speakers() -> None:
    assert DATA is not None
    was_fitted = halves(recording.speaker for recording in find_recordings(DATA).recordings)
    assert not any(was_fitted[speaker] for speaker in HELD_OUT_SPEAKERS)
    assert sorted(HELD_OUT_SPEAKERS) == list(HELD_OUT_SPEAKERS)
