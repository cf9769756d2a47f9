import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from emo.classifiers.calibration import (
    apply_temperature,
    fit_temperature,
    fit_weights,
    log_opinion_pool,
    reaches,
)
from emo.classifiers.ensembles import ENSEMBLES
from emo.classifiers.registry import CLASSIFIERS
from emo.corpora.metadata import LISTENER_LABELS, VOTES
from emo.corpora.splits import HELD_OUT_SPEAKERS, N_SPEAKERS_FOLDS
from emo.errors import CorpusError, ModelError
from emo.evaluation.figures.benchmark import EMOBOX
from emo.evaluation.figures.groups import fairness
from emo.evaluation.predictions import (
    Predictions,
    calibrated_predictions,
    calibration_file,
    fold_calibrations,
    make_predictions,
    predictions_file,
    read_predictions,
    write_predictions,
)
from emo.evaluation.selective import (
    MARGIN,
    NEVER,
    TARGET_ACCURACY,
    choose_limit,
    select,
    selections,
)
from emo.evaluation.stored import SCHEMA, read_json, read_metrics, write_json
from emo.evaluation.summary import Provenance, summarise
from emo.labels import CALM, LABELS, TRAINED_LABELS
from tests.support.predictions import copy_models, rows, write_tables

ENSEMBLE = "ensemble"
KEYS = (*CLASSIFIERS, ENSEMBLE)
NO_PROVENANCE: dict[str, Provenance] = {key: {"runs": [], "left_out": []} for key in KEYS}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of models that no test changes."""
    return copy_models(tmp_path_factory.mktemp("measured"))


@pytest.fixture(scope="module")
def voices(measured: Path) -> dict[str, Predictions]:
    return calibrated_predictions(measured, "speakers")


def stored(models: Path, key: str, protocol: str) -> dict[str, Any]:
    """Return the block of a protocol in ``metrics.json``."""
    block = json.loads((models / key / "metrics.json").read_text())["protocols"][protocol]
    assert isinstance(block, dict)
    return block


def said(
    true: Sequence[str],
    guessed: Sequence[str],
    speakers: Sequence[str],
    folds: Sequence[int] | None = None,
    confidence: Sequence[float] | float = 0.9,
) -> Predictions:
    """Return predictions of known likeliest labels and confidences."""
    n = len(true)
    sure = np.broadcast_to(confidence, n)
    table = np.repeat((1 - sure)[:, None] / 6, 8, axis=1)
    table[:, TRAINED_LABELS.index(CALM)] = 0.0
    table[np.arange(n), [LABELS.index(label) for label in guessed]] = sure
    return make_predictions(
        tuple(f"clip{i}" for i in range(n)),
        tuple(speaker.split("-")[0] for speaker in speakers),
        tuple(speakers),
        tuple(folds or [1] * n),
        tuple(true),
        table,
    )


def share_right(predictions: Predictions, labels: Sequence[str], clips: set[str]) -> float:
    """Accuracy counted clip by clip, other labels' columns and clips left out."""
    right = []
    columns = [TRAINED_LABELS.index(label) for label in labels]
    for clip, emotion, row in zip(
        predictions.clips, predictions.emotions, predictions.probabilities, strict=True
    ):
        if clip in clips and emotion in labels:
            best = max(columns, key=lambda column: row[column])
            right.append(bool(TRAINED_LABELS[best] == emotion))
    return sum(right) / len(right)


# --- Answers -------------------------------------------------------------------------------------


def test_each_fold_is_calibrated_by_its_own_clips(
    measured: Path, voices: dict[str, Predictions]
) -> None:
    fold = 2
    kept, raw = {}, {}
    for key in CLASSIFIERS:
        whole = read_predictions(calibration_file(measured, key, "speakers"))
        kept[key] = whole.take([i for i, f in enumerate(whole.folds) if f == fold]).among(LABELS)
        raw[key] = read_predictions(predictions_file(measured, key, "speakers"))
    targets = kept["tree"].targets()
    own = np.flatnonzero(raw["tree"].folds == fold)
    weights = fit_weights({key: one.probabilities for key, one in kept.items()}, targets)
    for key in CLASSIFIERS:
        temperature = fit_temperature(kept[key].probabilities, targets)
        expected = apply_temperature(raw[key].probabilities[own], temperature)
        assert voices[key].probabilities[own] == pytest.approx(expected)
    expected = log_opinion_pool({key: one.probabilities[own] for key, one in raw.items()}, weights)
    assert voices["ensemble"].probabilities[own] == pytest.approx(expected)


def test_calibrated_predictions_have_the_clips_of_the_file(
    measured: Path, voices: dict[str, Predictions]
) -> None:
    raw = read_predictions(predictions_file(measured, "tree", "speakers"))
    assert list(voices) == [*CLASSIFIERS, *ENSEMBLES]
    for one in voices.values():
        for name in ("clips", "folds", "emotions"):
            assert getattr(one, name).tolist() == getattr(raw, name).tolist()
        assert one.probabilities.sum(axis=1) == pytest.approx(np.ones(len(raw)))


def test_files_of_other_clips_are_refused(tmp_path: Path) -> None:
    models = copy_models(tmp_path)
    path = predictions_file(models, "mlp", "random")
    write_predictions(path, read_predictions(path).take(range(5)))
    with pytest.raises(CorpusError, match=r"mlp.*is of other clips than those of the other"):
        calibrated_predictions(models, "random")


def test_a_fold_without_calibration_is_refused(tmp_path: Path) -> None:
    models = copy_models(tmp_path)
    for key in CLASSIFIERS:
        path = calibration_file(models, key, "cross-corpus")
        whole = read_predictions(path)
        write_predictions(path, whole.take([i for i, f in enumerate(whole.folds) if f != 3]))
    with pytest.raises(
        CorpusError, match=r"Fold 3 of protocol 'cross-corpus' has no clips to calib"
    ):
        calibrated_predictions(models, "cross-corpus")


def test_served_calibration_is_the_mean_over_the_folds(measured: Path) -> None:
    shipped = read_json(measured / "calibration.json")
    folds = fold_calibrations(measured, "speakers", HELD_OUT_SPEAKERS)
    assert sorted(folds) == list(range(1, N_SPEAKERS_FOLDS + 1))
    for key in CLASSIFIERS:
        means = np.mean([[f.temperatures[key], f.weights[key]] for f in folds.values()], axis=0)
        found = shipped["temperatures"][key], shipped["weights"][key]
        assert found == pytest.approx(tuple(means), abs=1e-5)
    for key in KEYS:
        limit = stored(measured, key, "speakers")["selective"]["threshold"]
        assert shipped["thresholds"][key] == limit


def test_fold_calibrations_use_no_clip_of_a_speaker_left_out(tmp_path: Path) -> None:
    models = copy_models(tmp_path)
    expected = fold_calibrations(models, "speakers", ["ravdess-02", "cremad-1001"])
    assert expected != fold_calibrations(models, "speakers")
    for key in CLASSIFIERS:
        path = calibration_file(models, key, "speakers")
        whole = read_predictions(path)
        kept = ~np.isin(whole.speakers, ["ravdess-02", "cremad-1001"])
        write_predictions(path, whole.take(np.flatnonzero(kept)))
    assert fold_calibrations(models, "speakers") == expected


# --- Unsure --------------------------------------------------------------------------------------


def test_selective_figures_by_hand() -> None:
    # Five of six right from 0.55 up, which is enough; from 0.5 up five of seven, which is not.
    true = ["angry"] * 7
    guessed = ["angry", "angry", "sad", "angry", "angry", "angry", "sad"]
    made = said(
        true, guessed, ["cremad-1001"] * 7, confidence=[0.9, 0.8, 0.75, 0.7, 0.6, 0.55, 0.5]
    )
    found = select(made.among(LABELS)).to_dict()
    assert found["threshold"] == pytest.approx(0.55)
    assert found["coverage"] == pytest.approx(6 / 7)
    assert found["selective_accuracy"] == pytest.approx(5 / 6)
    assert found["coverage_cross_fitted"] == 0  # there is no other fold to choose on


def test_the_served_limit_is_chosen_without_held_out_speakers() -> None:
    true = ["angry"] * 8
    guessed = ["angry"] * 5 + ["sad"] * 3
    speakers = ["cremad-1001"] * 5 + [HELD_OUT_SPEAKERS[0]] * 3
    folds = [1, 2, 1, 2, 1, 2, 1, 2]
    confidence = [0.9, 0.8, 0.7, 0.6, 0.5, 0.95, 0.85, 0.75]
    found = select(said(true, guessed, speakers, folds, confidence).among(LABELS)).to_dict()
    assert found["threshold"] == 0.5
    assert found["selective_accuracy"] == pytest.approx(5 / 8)  # and counted with them
    everybody = said(true, guessed, ["cremad-1001"] * 8, folds, confidence)
    same = select(everybody.among(LABELS)).to_dict()
    assert same["threshold"] == NEVER
    for name in ("coverage_cross_fitted", "selective_accuracy_cross_fitted"):
        assert found[name] == same[name]  # the figures of the folds do not depend on who they are


def test_choose_limit_keeps_a_margin() -> None:
    # 80 of 100 right is what is promised, and not enough to promise it of others.
    confidence = np.linspace(0.9, 0.5, 100)
    right = np.ones(100, bool)
    right[-20:] = False
    assert right.mean() == TARGET_ACCURACY
    limit = choose_limit(confidence, right)
    assert TARGET_ACCURACY + MARGIN <= right[reaches(confidence, limit)].mean() < 0.82


@drawn(st.integers(0, 10_000))
def test_choose_limit_is_the_lowest_whole_per_cent(seed: int) -> None:
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.3, 1.0, 60)
    right = rng.random(60) < confidence**0.5
    wanted = TARGET_ACCURACY + MARGIN

    def is_enough(per_cent: int) -> bool:
        kept = right[[round(100 * c) >= per_cent for c in confidence]]
        return bool(len(kept)) and bool(kept.mean() >= wanted)

    expected = next((n for n in range(101) if is_enough(n)), None)
    limit = choose_limit(confidence, right)
    if expected is None:
        assert limit == NEVER
        assert not reaches(confidence, limit).any()
        return
    kept = reaches(confidence, limit)
    assert kept.tolist() == [round(100 * c) >= expected for c in confidence]


def test_the_ensemble_abstains_where_every_classifier_does() -> None:
    # The ensemble names all right; the classifiers are sure of the first two clips alone.
    true = ["angry"] * 4
    names = ["cremad-1001"] * 4
    given = {
        key: said(true, ["angry", "angry", "sad", "sad"], names, [1, 1, 2, 2], [0.9, 0.9, 0.4, 0.4])
        for key in CLASSIFIERS
    }
    for key in ENSEMBLES:
        given[key] = said(true, ["angry"] * 4, names, [1, 1, 2, 2], [0.9, 0.6, 0.9, 0.9])
    found = selections(given)
    assert found["tree"].accepted.tolist() == [True, True, False, False]
    assert found[ENSEMBLE].accepted.tolist() == [True, True, False, False]
    assert found[ENSEMBLE].limit == 0.6


def test_cross_corpus_selection_uses_the_served_thresholds(measured: Path) -> None:
    limits = read_json(measured / "calibration.json")["thresholds"]
    given = {
        key: one.among(LABELS)
        for key, one in calibrated_predictions(measured, "cross-corpus").items()
    }
    sure = {
        key: [round(100 * p) >= round(100 * limits[key]) for p in one.probabilities.max(axis=1)]
        for key, one in given.items()
    }
    for ensemble, row in ENSEMBLES.items():
        sure[ensemble] = [
            own and any(sure[key][i] for key in row.members) for i, own in enumerate(sure[ensemble])
        ]
    for key, one in given.items():
        right = [
            LABELS[row.argmax()] == emotion
            for row, emotion in zip(one.probabilities, one.emotions, strict=True)
        ]
        block = stored(measured, key, "cross-corpus")["selective"]
        kept = [r for r, s in zip(right, sure[key], strict=True) if s]
        assert block["threshold"] == limits[key]
        assert block["coverage"] == pytest.approx(np.mean(sure[key]), abs=1e-5)
        assert block["selective_accuracy"] == pytest.approx(
            np.mean(kept) if kept else 0.0, abs=1e-5
        )


def test_cross_fitted_thresholds_are_chosen_on_other_folds() -> None:
    # Fold 1 is right from 0.6 up, fold 2 from 0.8 up, so that each gets the other's limit.
    true, guessed = ["angry"] * 4, ["angry", "sad", "angry", "sad"]
    made = said(true, guessed, ["cremad-1001"] * 4, [1, 1, 2, 2], [0.6, 0.5, 0.8, 0.7])
    found = select(made.among(LABELS))
    assert found.hits.tolist() == [True, False, True, False]
    assert found.accepted_cross_fitted.tolist() == [False, False, True, True]
    assert found.to_dict()["selective_accuracy_cross_fitted"] == 1 / 2


# --- Tables --------------------------------------------------------------------------------------


def test_fairness_counted_by_hand(tmp_path: Path) -> None:
    (tmp_path / "cremad_actors.csv").write_text(
        "speaker,age,sex\n1001,51,Male\n1002,21,Female\n1003,22,Female\n"
    )
    speakers = ["cremad-1001", "cremad-1001", "cremad-1002", "cremad-1003", "tess-OAF", "savee-DC"]
    true = ["angry", "sad", "angry", "angry", "surprised", "angry"]
    guessed = ["angry", "angry", "angry", "sad", "surprised", "sad"]
    found = fairness(said(true, guessed, speakers), tmp_path)
    counted = {
        kind: {name: (one["n"], one["speakers"], one["accuracy"]) for name, one in groups.items()}
        for kind, groups in found.items()
    }
    assert counted == {
        "sex": {"men": (3, 2, 1 / 3), "women": (3, 3, 2 / 3)},
        "age": {"18 to 29": (2, 2, 1 / 2), "45 to 59": (2, 1, 1 / 2)},
        "corpus": {"cremad": (4, 3, 1 / 2), "tess": (1, 1, 1.0), "savee": (1, 1, 0.0)},
    }
    assert found["sex"]["men"]["uar"] == pytest.approx((1 / 2 + 0) / 2)
    # One actor: every resample is the same.
    assert found["age"]["45 to 59"]["intervals"]["accuracy"] == [0.5, 0.5]
    # Of two women drawn from the two young ones, both, one or none is the one who is right.
    assert found["age"]["18 to 29"]["intervals"]["accuracy"] == [0.0, 1.0]


def test_without_the_recordings_there_is_no_new_table_of_fairness() -> None:
    assert fairness(said(["angry"], ["angry"], ["cremad-1001"]), None) == {}


@pytest.mark.parametrize("corpus", EMOBOX)
def test_emobox_is_the_mean_over_folds_of_the_mean_recall(measured: Path, corpus: str) -> None:
    protocol, labels = EMOBOX[corpus]
    given = calibrated_predictions(measured, protocol)["ensemble"]
    found = stored(measured, "ensemble", "emobox")["per_corpus"][corpus]
    recalls, shares = [], []
    for fold in sorted({f for f, c in zip(given.folds, given.corpora, strict=True) if c == corpus}):
        own = [
            (clip, emotion)
            for clip, c, f, emotion in zip(
                given.clips, given.corpora, given.folds, given.emotions, strict=True
            )
            if (c, f) == (corpus, fold) and emotion in labels
        ]
        present = [label for label in labels if label in {emotion for _, emotion in own}]
        by_label = [
            share_right(given, labels, {clip for clip, emotion in own if emotion == label})
            for label in present
        ]
        recalls.append(np.mean(by_label))
        shares.append(share_right(given, labels, {clip for clip, _ in own}))
    assert found["uar"] == pytest.approx(np.mean(recalls), abs=1e-5)
    assert found["accuracy"] == pytest.approx(np.mean(shares), abs=1e-5)
    assert found["labels"] == list(labels)
    assert len(found["labels"]) == {"cremad": 6, "ravdess": 8}.get(corpus, 7)
    tested = [row for row in rows(protocol) if row[1] == corpus and row[4] in labels]
    assert found["n"] == len(tested) == np.sum(found["confusion"])


def test_the_mean_over_corpora_takes_songs_with_speech(measured: Path) -> None:
    block = stored(measured, "cnn", "cross-corpus")
    assert len(block["folds"]) == 4
    assert len(block["per_corpus"]) == 5
    expected = np.mean([fold["uar"] for fold in block["folds"]])
    assert block["uar"] == pytest.approx(expected, abs=1e-5)
    low, high = block["intervals"]["uar"]
    assert low < block["uar"] < high


# --- Listeners -----------------------------------------------------------------------------------


def test_listeners_counted_by_hand(measured: Path) -> None:
    # Of each clip's eight votes three are for the acted label and one for each other.
    n = sum(row[1] == "cremad" for row in rows("speakers"))
    human = read_json(measured / "listeners.json")
    each = n // 6
    assert (human["n"], human["votes"]) == (n, 8 * n)
    assert human["single_accuracy"] == human["single_uar"] == 3 / 8
    assert human["plurality_accuracy"] == 1
    assert human["confusion"] == (each * (np.ones((6, 6), int) + 2 * np.eye(6, dtype=int))).tolist()
    assert human["distance_of_acted_label"] == pytest.approx(5 / 8)
    assert human["distance_of_equal_shares"] == pytest.approx(3 / 8 - 1 / 6, abs=1e-6)
    assert human["distance_of_mean_votes"] == pytest.approx(3 / 8 - 1 / 6, abs=1e-6)


def test_predictions_are_compared_with_the_votes(
    measured: Path, voices: dict[str, Predictions]
) -> None:
    found = stored(measured, "cnn", "listeners")
    clips = {row[0] for row in rows("speakers") if row[1] == "cremad"}
    assert found["n"] == len(clips)
    expected = share_right(voices["cnn"], LISTENER_LABELS, clips)
    assert found["accuracy"] == pytest.approx(expected, abs=1e-5)
    # The acted label has most votes for every clip.
    assert found["agreement_with_plurality"] == pytest.approx(expected, abs=1e-5)
    distances = []
    for clip, emotion, row in zip(
        voices["cnn"].clips, voices["cnn"].emotions, voices["cnn"].probabilities, strict=True
    ):
        if clip in clips:
            own = np.array([row[TRAINED_LABELS.index(label)] for label in LISTENER_LABELS])
            votes = np.array([3 / 8 if label == emotion else 1 / 8 for label in LISTENER_LABELS])
            distances.append(np.abs(own / own.sum() - votes).sum() / 2)
    assert found["distance_from_votes"] == pytest.approx(np.mean(distances), abs=1e-5)


@pytest.mark.slow
def test_listener_figures_share_ties_and_leave_out_clips_without_votes(tmp_path: Path) -> None:
    models, directory = copy_models(tmp_path), tmp_path / "corpora"
    write_tables(directory)
    path = directory / VOTES
    header, first, second, *_ = path.read_text().splitlines()
    tied = first.split(",")[0] + ",5,0,0,0,0,5"  # acted angry; as many heard it as sad
    unheard = second.split(",")[0] + ",0,0,0,0,0,0"
    path.write_text("\n".join([header, tied, unheard]) + "\n")
    summarise(models, "speakers", directory, NO_PROVENANCE)
    human = read_json(models / "listeners.json")
    assert human["n"] == 1
    assert human["plurality_accuracy"] == human["single_accuracy"] == 1 / 2


# --- Files ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_summarise_keeps_figures_that_need_the_recordings(tmp_path: Path) -> None:
    models = copy_models(tmp_path)
    before = {key: read_metrics(models, key)["protocols"] for key in KEYS}
    summarise(models, "speakers", None, NO_PROVENANCE)
    for key in KEYS:
        after = read_metrics(models, key)["protocols"]
        assert after["speakers"]["fairness"] == before[key]["speakers"]["fairness"] != {}
        assert after["listeners"] == before[key]["listeners"]
        assert after["speakers"]["runs"] == []
        assert after["random"] == before[key]["random"]


def test_summarise_serves_the_mean_of_the_folds_that_were_run(tmp_path: Path) -> None:
    models = copy_models(tmp_path)
    (models / "calibration.json").unlink()
    for key in CLASSIFIERS:
        for path in (
            predictions_file(models, key, "speakers"),
            calibration_file(models, key, "speakers"),
        ):
            whole = read_predictions(path)
            write_predictions(path, whole.take([i for i, f in enumerate(whole.folds) if f == 1]))
    summarise(models, "speakers", None, NO_PROVENANCE)
    shipped = read_json(models / "calibration.json")
    (only,) = fold_calibrations(models, "speakers", HELD_OUT_SPEAKERS).values()
    assert shipped["temperatures"] == pytest.approx(only.temperatures, abs=1e-6)
    assert shipped["weights"] == pytest.approx(only.weights, abs=1e-6)
    block = stored(models, "ensemble", "speakers")
    assert [fold["fold"] for fold in block["folds"]] == [1]


def test_calibrations_are_stored_by_fold(measured: Path) -> None:
    folds = fold_calibrations(measured, "speakers")
    found = stored(measured, "mlp", "speakers")["calibration"]
    assert [row["fold"] for row in found] == list(folds)
    assert found[2]["temperature"] == pytest.approx(folds[3].temperatures["mlp"], abs=1e-5)
    found = stored(measured, "ensemble", "speakers")["calibration"]
    assert found[2]["weights"] == pytest.approx(folds[3].weights, abs=1e-5)


def test_write_json_rounds_to_six_decimals(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x.json"
    write_json(path, {"a": 1 / 3, "b": [2 / 3, {"c": 1e-9}], "n": 7, "t": "text", "l": (1, 2)})
    expected = {"a": 0.333333, "b": [0.666667, {"c": 0.0}], "n": 7, "t": "text", "l": [1, 2]}
    assert read_json(path) == expected
    assert [one.name for one in path.parent.iterdir()] == ["x.json"]


def test_read_metrics_without_a_file_has_no_protocols(tmp_path: Path) -> None:
    assert read_metrics(tmp_path, "cnn") == {"schema": SCHEMA, "key": "cnn", "protocols": {}}


@pytest.mark.parametrize("text", ["", "[]", "{", "7"])
def test_a_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ModelError, match=r"x\.json cannot be read: .*evaluate again"):
        read_json(path)
