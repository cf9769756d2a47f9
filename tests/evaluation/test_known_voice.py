"""Figures with the voice known: groups, what is fitted without what, and the recount."""

import shutil
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from emo.classifiers.batches import Batch, Features
from emo.classifiers.voice import MIN_CLIPS, VOICE, corrected_variation, fit_voice
from emo.corpora.catalogue import Recording
from emo.corpora.splits import HELD_OUT_SPEAKERS, Fold
from emo.errors import ModelError
from emo.evaluation.known_voice import folds as known_folds
from emo.evaluation.known_voice.calibrating import (
    REFUSED_SHARE,
    fit_check,
    fit_exponents,
    read_known,
)
from emo.evaluation.known_voice.figures import (
    count_known,
    fit_known,
    read_voice_metrics,
    voice_runs,
    write_voice_metrics,
    write_voice_runs,
)
from emo.evaluation.known_voice.groups import (
    ONE,
    SIZES,
    VOICE_PROTOCOLS,
    group_clips,
    groups_of,
    known_file,
)
from emo.evaluation.known_voice.report import card, known_tables, summary_rows
from emo.evaluation.predictions import (
    calibrated_predictions,
    fold_calibrations,
    read_predictions,
    write_predictions,
)
from emo.evaluation.served import write_served
from emo.evaluation.stored import Run
from emo.evaluation.targets import disagreements
from emo.labels import LABELS, TRAINED_INDEX
from emo.training.dataset import Dataset
from tests.support import predictions as support

TAKES = 6  # enough clips of each emotion for groups of one


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of models with made-up predictions under both protocols."""
    models = tmp_path_factory.mktemp("known") / "models"
    patch = pytest.MonkeyPatch()
    patch.setattr(support, "TAKES", TAKES)
    try:
        for protocol in VOICE_PROTOCOLS:
            tested = support.rows(protocol)
            for number, name in enumerate((*SIZES, ONE)):
                raw = support.as_predictions(
                    tested, support.guesses(tested, 1 + number / 2, number)
                )
                grouped = np.concatenate(groups_of(raw, name))
                write_predictions(known_file(models, protocol, name), raw.take(np.sort(grouped)))
        for protocol in VOICE_PROTOCOLS:
            support.write_protocol(models, protocol, is_last=False)
    finally:
        patch.undo()
    write_served(models)
    return models


@pytest.fixture
def models(measured: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(measured, tmp_path / "models"))


def shuffle_answers(models: Path, protocol: str, speakers: set[str]) -> None:
    """Give the clips of some speakers the answers for others of their clips."""
    rng = np.random.default_rng(0)
    for name in SIZES:
        path = known_file(models, protocol, name)
        table = read_predictions(path)
        rows = np.flatnonzero(np.isin(table.speakers, list(speakers)))
        shares = table.probabilities.copy()
        shares[rows] = shares[rng.permutation(rows)]
        write_predictions(path, replace(table, probabilities=shares))


# --- Groups --------------------------------------------------------------------------------------


def clips_of_speakers(n: int = 43) -> tuple[list[str], list[str], list[str]]:
    clips = [f"clip-{i:03d}" for i in range(n)]
    speakers = ["a" if i % 3 else "b" for i in range(n - 3)] + ["c"] * 3
    return clips, speakers, [LABELS[i % 2] for i in range(n)]


@pytest.mark.parametrize("name", [*SIZES, ONE])
def test_groups_are_drawn_again_from_the_clips_in_any_order(name: str) -> None:
    columns = clips_of_speakers()
    order = np.random.default_rng(1).permutation(len(columns[0]))
    clips, speakers, emotions = ([column[i] for i in order] for column in columns)
    first = {frozenset(columns[0][i] for i in group) for group in group_clips(*columns, name)}
    drawn = group_clips(clips, speakers, emotions, name)
    again = {frozenset(clips[i] for i in group) for group in drawn}
    assert first == again
    assert all(len(group) >= MIN_CLIPS for group in first)
    assert not any("clip-042" in group for group in first)  # of a speaker with three clips


def test_groups_do_not_depend_on_labels() -> None:
    clips, speakers, emotions = clips_of_speakers()
    for name in SIZES:
        drawn = group_clips(clips, speakers, emotions, name)
        same = group_clips(clips, speakers, ["happy"] * len(clips), name)
        np.testing.assert_array_equal(np.concatenate(drawn), np.concatenate(same))


def test_groups_of_one_emotion_have_one() -> None:
    clips, speakers, emotions = clips_of_speakers()
    groups = group_clips(clips, speakers, emotions, ONE)
    assert groups
    for group in groups:
        assert len({emotions[i] for i in group}) == len({speakers[i] for i in group}) == 1


# --- What is fitted without what -----------------------------------------------------------------


def test_a_fold_fits_its_training_clips_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    speakers = [f"s{i // 12}" for i in range(72)]
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(72, 9)).astype(np.float32)
    recordings = tuple(
        Recording(Path(f"{i}.wav"), "savee", f"clip-{i:02d}", speaker, LABELS[i % 7])
        for i, speaker in enumerate(speakers)
    )
    clips = Batch(
        Features(numbers[:, :4], (np.zeros((1, 64), np.float32),) * 72, embeddings=numbers[:, 4:]),
        np.array([TRAINED_INDEX[r.emotion] for r in recordings]),
        speakers=tuple(speakers),
    )
    dataset = Dataset(Path(), recordings, clips)
    fold = Fold("speakers", 2, np.arange(48), np.arange(48, 60), np.arange(60, 72))
    fitted_to: list[Batch] = []

    def record(train: Batch, seed: int) -> dict[str, np.ndarray]:
        fitted_to.append(train)
        return fit_voice(train, seed)

    monkeypatch.setattr(known_folds, "fit_voice", record)
    train = dataset.training_batch(fold.train)
    known = known_folds.run_known_voice(dataset, fold, train, fold.test, seed=1)
    (batch,) = fitted_to
    assert set(batch.speakers) == {"s0", "s1", "s2", "s3"}
    np.testing.assert_array_equal(batch.features.functionals, numbers[:48, :4])
    assert set(known) == set(SIZES)  # no speaker has five clips of one emotion
    for table in known.values():
        assert set(table.speakers.tolist()) == {"s5"}
        assert set(table.folds.tolist()) == {2}
    other = replace(fold, protocol="random")
    assert known_folds.run_known_voice(dataset, other, train, fold.test, seed=1) == {}


@pytest.mark.parametrize("protocol", VOICE_PROTOCOLS)
def test_a_fold_is_calibrated_without_the_speakers_that_it_tests(
    measured: Path, models: Path, protocol: str
) -> None:
    table = read_predictions(known_file(models, protocol, "10"))
    tested = set(table.speakers[table.folds == 1].tolist())
    for changed in VOICE_PROTOCOLS:
        shuffle_answers(models, changed, tested)
    before, after = (fit_known(folder).by_fold[protocol] for folder in (measured, models))
    assert after[1] == before[1]
    assert after[2] != before[2]


def test_the_served_calibration_is_fitted_without_held_out_speakers(
    measured: Path, models: Path
) -> None:
    table = read_predictions(known_file(models, "speakers", "10"))
    held_out = set(table.speakers.tolist()) & set(HELD_OUT_SPEAKERS)
    assert held_out
    shuffle_answers(models, "speakers", held_out)
    shuffle_answers(models, "cross-corpus", held_out)
    served = fit_known(measured).served
    assert fit_known(models).served == served
    shuffle_answers(models, "speakers", set(table.speakers.tolist()))
    assert fit_known(models).served != served


# --- Fitting the calibration ---------------------------------------------------------------------


def test_exponents_are_those_that_made_the_labels(measured: Path) -> None:
    """Labels drawn from a pool with known exponents give these exponents back."""
    protocol = "speakers"
    calibrations = fold_calibrations(measured, protocol)
    plain = calibrated_predictions(measured, protocol, calibrations=calibrations)["ensemble"]
    table = read_known(measured, protocol, plain, calibrations)["20"]
    rng = np.random.default_rng(0)
    n = 40_000
    rows = rng.integers(0, len(table.raw), n)
    big = replace(table.take(rows), strange=rng.random(n), raw=replace(table.raw.take(rows)))
    shares = big.raw.probabilities, big.ensemble
    near = (1 - big.strange)[:, None] * (0.9 * np.log(shares[0]) + 0.3 * np.log(shares[1]))
    far = big.strange[:, None] * (0.4 * np.log(shares[0]) + 0.7 * np.log(shares[1]))
    truth = np.exp(near + far)
    truth /= truth.sum(axis=1, keepdims=True)
    drawn = (truth.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    raw = replace(big.raw, emotions=np.array(LABELS)[drawn])
    result = fit_exponents([[replace(big, raw=raw)]])
    assert result.weights == pytest.approx({"voice": 0.9, "ensemble": 0.3}, abs=0.06)
    assert result.weights_strange == pytest.approx({"voice": 0.4, "ensemble": 0.7}, abs=0.06)


def test_the_check_refuses_its_share_of_the_groups(measured: Path) -> None:
    protocol = "speakers"
    calibrations = fold_calibrations(measured, protocol)
    plain = calibrated_predictions(measured, protocol, calibrations=calibrations)["ensemble"]
    table = read_known(measured, protocol, plain, calibrations)["5"]
    n, rng = 4000, np.random.default_rng(0)
    strangers = rng.random(n)
    made_up = replace(
        table.take(np.zeros(n, int)),
        groups=np.arange(n),
        strangers=strangers,
        variations=0.9 - 0.7 * strangers + rng.normal(0, 0.05, n),
    )
    near, far = fit_check([{"5": made_up}])
    shift = NormalDist(0, 0.05).inv_cdf(REFUSED_SHARE)
    assert (near, far) == pytest.approx((0.9 + shift, 0.2 + shift), abs=0.01)
    below = made_up.variations < (1 - strangers) * near + strangers * far
    assert below.mean() == pytest.approx(REFUSED_SHARE, abs=0.005)


# --- Figures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", VOICE_PROTOCOLS)
def test_figures_are_counted_by_hand(measured: Path, protocol: str) -> None:
    """Count one row of the table again, group by group and clip by clip."""
    block = read_voice_metrics(measured)["protocols"][protocol]
    calibration = {row["fold"]: row for row in block["calibration"]}
    folds = fold_calibrations(measured, protocol)
    plain = calibrated_predictions(measured, protocol, calibrations=folds)["ensemble"]
    place = {clip: i for i, clip in enumerate(plain.clips.tolist())}
    table = read_predictions(known_file(measured, protocol, "5"))
    right: dict[tuple[int, str], list[bool]] = {}
    refused = 0
    groups = groups_of(table, "5")
    for group in groups:
        fold = int(table.folds[group[0]])
        rows = [place[clip] for clip in table.clips[group].tolist()]
        ensemble = plain.probabilities[rows][:, :7]
        ensemble = ensemble / ensemble.sum(axis=1, keepdims=True)
        shares = folds[fold].strange_shares(
            None if plain.strangeness is None else plain.strangeness[rows], len(rows)
        )
        own = calibration[fold]
        strange = shares.mean()
        least = (1 - strange) * own["min_variation"] + strange * own["min_variation_strange"]
        if corrected_variation(ensemble) < least:
            refused += 1
            answers = ensemble
        else:
            powers = {
                key: (1 - shares) * own["weights"][key] + shares * own["weights_strange"][key]
                for key in (VOICE, "ensemble")
            }
            raw = table.probabilities[group][:, :7]
            answers = raw ** powers[VOICE][:, None] * ensemble ** powers["ensemble"][:, None]
        for emotion, row in zip(table.emotions[group].tolist(), answers, strict=True):
            if emotion in LABELS:
                part = fold if protocol == "cross-corpus" else 0
                right.setdefault((part, emotion), []).append(LABELS[row.argmax()] == emotion)
    recalls: dict[int, list[float]] = {}
    for (part, _), hits in right.items():
        recalls.setdefault(part, []).append(float(np.mean(hits)))
    figures = block["known"]["5"]
    assert figures["groups"] == len(groups)
    assert figures["n"] == sum(map(len, right.values()))
    assert figures["refused"] == pytest.approx(refused / len(groups), abs=1e-6)
    uar = np.mean([np.mean(own) for own in recalls.values()])
    assert figures["pooled"]["uar"] == pytest.approx(uar, abs=1e-6)
    low, high = figures["pooled"]["intervals"]["uar"]
    assert low < uar < high


def test_the_more_skilled_classifier_is_pooled_to_more(measured: Path) -> None:
    known = read_voice_metrics(measured)["protocols"]["speakers"]["known"]
    assert known["all"]["alone"]["uar"] > known["5"]["alone"]["uar"]
    assert known["all"]["pooled"]["uar"] > known["all"]["plain"]["uar"]
    assert set(known) == {*SIZES, ONE}


def test_the_served_calibration_is_written(measured: Path) -> None:
    from emo.classifiers.calibration import read_calibration
    from emo.classifiers.registry import CLASSIFIERS

    assert read_calibration(measured, tuple(CLASSIFIERS)).voice == fit_known(measured).served


def test_a_changed_figure_with_the_voice_known_is_found(models: Path) -> None:
    figures = read_voice_metrics(models)["protocols"]
    figures["speakers"]["known"]["10"]["pooled"]["uar"] += 0.01
    write_voice_metrics(models, figures)
    (found,) = [text for text in disagreements(models) if VOICE in text]
    assert found.startswith("voice/metrics.json protocols speakers known 10 pooled uar is 0.")


def test_runs_stay_where_figures_are_counted_anew(models: Path) -> None:
    run: Run = {"fold": 1, "commit": "abc", "command": "python -m emo evaluate", "seed": 1}
    figures = read_voice_metrics(models)["protocols"]
    write_voice_runs(models, "speakers", [run])
    assert voice_runs(models, "speakers") == [run]
    assert voice_runs(models, "cross-corpus") == []
    write_voice_metrics(models, figures)
    assert read_voice_metrics(models)["protocols"]["speakers"] == {
        **figures["speakers"],
        "runs": [run],
    }


def test_without_predictions_there_are_no_figures(tmp_path: Path) -> None:
    assert count_known(tmp_path) == ({}, None)
    write_voice_metrics(tmp_path, {})
    assert not (tmp_path / VOICE).exists()
    assert known_tables(tmp_path) == []
    assert summary_rows(tmp_path) == []
    assert card(tmp_path) == ""


def test_a_damaged_file_of_figures_is_refused(models: Path) -> None:
    path = models / VOICE / "metrics.json"
    path.write_text(path.read_text().replace('"refused"', '"refusal"', 1))
    with pytest.raises(ModelError, match="unknown field 'refusal'"):
        read_voice_metrics(models)


def test_tables_name_every_number_of_known_clips(measured: Path) -> None:
    (_, speakers), (_, corpora) = known_tables(measured)
    for table in (speakers, corpora):
        assert len(table.splitlines()) == 2 + len(SIZES) + 1
    known = read_voice_metrics(measured)["protocols"]["cross-corpus"]["known"]
    title, cell, *_ = summary_rows(measured)[1]
    assert title == "Know the voice: 10 clips"
    assert cell.startswith(f"{100 * known['10']['pooled']['accuracy']:.1f} %")
