"""Test answers with the voice known, against a direct computation from the samples."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import emo
from emo.audio.clip import Clip, decode, load
from emo.classifiers.voice import MIN_CLIPS, VOICE, corrected_variation, predict_voice
from emo.errors import SettingError
from emo.features.encoder import load_encoder
from emo.features.frames import analyse
from emo.features.functionals import compute_functionals
from emo.inference import known_voice
from emo.inference.known_voice import divide, know_speakers, read_speakers, to_clip
from emo.inference.loading import Models, load_models
from emo.inference.predictor import Prediction, choose_among, predict, predict_many
from emo.labels import ENSEMBLE, LABELS
from emo.system.paths import SAMPLES_DIR, sample_path
from tests.support.models import save_with_voice
from tests.support.signals import encoded, voice

ANNA = sorted((SAMPLES_DIR / "game").glob("1009_*"))
BERT = sorted((SAMPLES_DIR / "game").glob("03-*-02.opus"))
SOME = ("angry", "happy", "sad")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return load_models(save_with_voice(tmp_path_factory.mktemp("models")))


@pytest.fixture(scope="module")
def anna(models: Models) -> list[Prediction]:
    return predict_many([load(path) for path in ANNA], models)


@pytest.fixture(scope="module")
def bert(models: Models) -> list[Prediction]:
    return predict_many([load(path) for path in BERT], models)


def shares(prediction: Prediction) -> np.ndarray:
    return prediction.answers[VOICE].probabilities


def direct(clips: list[Clip], models: Models, among: tuple[str, ...]) -> np.ndarray:
    """Return the answers for clips of one voice, by the fitted numbers and nothing else."""
    calibration = models.calibration.voice
    assert models.voice is not None
    assert calibration is not None
    numbers = [
        np.concatenate(
            [load_encoder().embed(clip.samples), compute_functionals(analyse(clip.samples))]
        )
        for clip in clips
    ]
    raw = predict_voice(models.voice.arrays, np.stack(numbers))
    columns = [LABELS.index(label) for label in among]
    own = raw[:, columns] / raw[:, columns].sum(axis=1, keepdims=True)
    plain = [predict(clip, models, among) for clip in clips]
    ensemble = np.stack([said.answers[ENSEMBLE].probabilities[columns] for said in plain])
    table = np.zeros((len(clips), len(LABELS)))
    strange = np.array([said.strange_share for said in plain])
    table[:, columns] = calibration.pool(own, ensemble, strange)
    return table


@pytest.mark.parametrize("among", [LABELS, SOME])
def test_predict_many_with_speakers_equals_a_direct_computation(models, among):
    clips = [load(path) for path in ANNA[:7]]
    found = emo.predict_many(clips, models=models, among=among, speakers=["anna"] * 7)
    expected = direct(clips, models, among)
    np.testing.assert_allclose(np.stack([shares(said) for said in found]), expected, atol=1e-6)
    for said, row in zip(found, expected, strict=True):
        answer = said.answers[VOICE]
        assert list(said.answers)[-2:] == [ENSEMBLE, VOICE]
        assert said.served is answer
        assert answer.label == LABELS[int(row.argmax())]
        limit = 0.6 if said.strange_share > 0.5 else 0.35
        assert answer.threshold == limit
        assert answer.unsure == (round(100 * answer.confidence) < 100 * limit)
        assert said.voice_clips == 7
        assert said.voice_note.startswith("7 different clips are stated to be of this speaker; ")


def test_predict_many_keeps_the_plain_answers_beside_the_known_voice(models, anna):
    found = know_speakers(anna, ["anna"] * len(anna), models)
    for plain, said in zip(anna, found, strict=True):
        assert {key: said.answers[key] for key in plain.answers} == plain.answers
        content = said.to_dict()
        assert content.pop("voice") == {"clips": 10, "used": True, "note": said.voice_note}
        assert content["models"].pop(VOICE)["label"] == said.served.label
        assert content == plain.to_dict()
    json.dumps(found[0].to_dict())


def test_known_voice_is_shown_in_a_notebook(models, anna):
    (said, *_) = know_speakers(anna, ["anna"] * len(anna), models)
    shown = said._repr_html_()
    assert "Known voice" in shown
    assert "10 different clips are stated to be of this speaker" in shown
    assert "Known voice" not in anna[0]._repr_html_()
    minute = sample_path("minute")
    with_voice = emo.timeline(minute, models=models, same_speaker=True)
    assert "Known voice over 1:01" in with_voice._repr_html_()
    assert "different windows are stated to be of this speaker" in with_voice._repr_html_()
    assert "Ensemble over 1:01" in replace(with_voice, voice_note="")._repr_html_()


def test_know_speakers_adds_nothing_without_a_speaker(models, anna, bert):
    found = know_speakers([*anna, bert[0]], ["anna"] * len(anna) + [""], models)
    assert found[-1] is bert[0]
    assert "voice" not in bert[0].to_dict()
    assert bert[0].served is bert[0].ensemble


def test_know_speakers_does_not_depend_on_the_order(models, anna):
    rows = np.random.default_rng(3).permutation(len(anna))
    straight = know_speakers(anna, ["anna"] * len(anna), models)
    mixed = know_speakers([anna[i] for i in rows], ["anna"] * len(anna), models)
    for place, i in enumerate(rows):
        np.testing.assert_array_equal(shares(mixed[place]), shares(straight[i]))
    assert mixed[0].voice_note == straight[0].voice_note


def test_know_speakers_keeps_interleaved_speakers_apart(models, anna, bert):
    both = [said for pair in zip(anna, bert, strict=True) for said in pair]
    found = know_speakers(both, ["anna", "bert"] * len(anna), models)
    alone = know_speakers(anna, ["a"] * len(anna), models)
    others = know_speakers(bert, ["b"] * len(bert), models)
    for pair, one, other in zip(zip(*[iter(found)] * 2, strict=True), alone, others, strict=True):
        np.testing.assert_array_equal(shares(pair[0]), shares(one))
        np.testing.assert_array_equal(shares(pair[1]), shares(other))
    together = know_speakers(both, ["one"] * len(both), models)
    assert not np.allclose(shares(together[0]), shares(found[0]), atol=1e-3)


def test_know_speakers_counts_equal_sound_once(models, anna):
    samples = (voice(duration_s=1.5) * 32_767).astype(np.int16)
    wave, packed = (encoded(samples, container=form) for form in ("WAV", "FLAC"))
    own = [predict(decode(wave), models), *anna[1:6]]
    again = predict(decode(packed), models)
    once = know_speakers(own, ["anna"] * 6, models)
    twice = know_speakers([again, *own, own[3]], ["anna"] * 8, models)
    assert {said.voice_clips for said in twice} == {6}
    for said, expected in zip(twice, [once[0], *once, once[3]], strict=True):
        np.testing.assert_array_equal(shares(said), shares(expected))


@pytest.mark.parametrize(("places", "count"), [([0, 1, 2, 3], 4), ([0, 1, 2, 3, 3, 0], 4)])
def test_know_speakers_needs_five_different_clips(models, anna, places, count):
    own = [anna[i] for i in places]
    for said, plain in zip(know_speakers(own, ["x"] * len(own), models), own, strict=True):
        assert said.answers == plain.answers
        assert said.voice_clips == count
        assert said.voice_note == (
            "4 different clips are stated to be of this speaker, and at least 5 different clips "
            "are needed, so the plain answer is kept."
        )
        assert said.to_dict()["voice"]["used"] is False


def test_know_speakers_keeps_the_plain_answers_for_equal_clips(models, anna):
    (said, *_) = know_speakers([anna[0]] * 8, ["x"] * 8, models)
    assert VOICE not in said.answers
    assert said.voice_note.startswith("1 clip is stated to be of this speaker, and at least 5")


def with_limit(models: Models, limit: float) -> Models:
    assert models.calibration.voice is not None
    voice = replace(models.calibration.voice, min_variation=limit, min_variation_strange=limit / 2)
    return replace(models, calibration=replace(models.calibration, voice=voice))


@pytest.mark.parametrize("among", [LABELS, SOME])
def test_know_speakers_keeps_the_plain_answers_where_clips_look_alike(models, anna, among):
    """The check is by the answers among all labels, whichever can occur."""
    differ = corrected_variation(np.stack([said.ensemble.probabilities for said in anna]))
    share = np.mean([said.strange_share for said in anna])
    limit = differ / (1 - share / 2)  # a strange clip needs half as much
    chosen = [choose_among(said, among, models.calibration) for said in anna]
    names = ["anna"] * len(anna)
    used = know_speakers(chosen, names, with_limit(models, limit - 1e-9))
    kept = know_speakers(chosen, names, with_limit(models, limit + 1e-9))
    assert all(VOICE in said.answers for said in used)
    assert not any(VOICE in said.answers for said in kept)
    assert "look alike in emotion" in kept[0].voice_note
    assert f"{differ:.3f} nats" in kept[0].voice_note


def test_know_speakers_leaves_out_a_clip_without_finite_numbers(models, anna):
    broken = replace(anna[0], numbers=np.full_like(anna[0].numbers, np.nan))
    found = know_speakers([broken, *anna[1:]], ["anna"] * len(anna), models)
    alone = know_speakers(anna[1:], ["anna"] * (len(anna) - 1), models)
    assert VOICE not in found[0].answers
    assert "not finite" in found[0].voice_note
    for said, expected in zip(found[1:], alone, strict=True):
        np.testing.assert_array_equal(shares(said), shares(expected))
        assert said.voice_clips == len(anna) - 1


def test_know_speakers_says_where_no_model_knows_a_voice(models, anna):
    for lacking in (replace(models, voice=None), with_no_calibration(models)):
        (said, *_) = know_speakers(anna, ["anna"] * len(anna), lacking)
        assert VOICE not in said.answers
        assert said.voice_note.startswith("There is no model for a known voice here")


def with_no_calibration(models: Models) -> Models:
    return replace(models, calibration=replace(models.calibration, voice=None))


def test_choose_among_gives_plain_answers(models, anna):
    (said, *_) = know_speakers(anna, ["anna"] * len(anna), models)
    chosen = choose_among(said, SOME, models.calibration)
    assert VOICE not in chosen.answers
    assert (chosen.voice_clips, chosen.voice_note) == (0, "")


def test_predict_many_gives_the_digits_of_any_other_grouping(models, anna):
    """So that rows of a batch that was stopped and continued are the same bytes."""
    clips = [load(path) for path in ANNA]
    regrouped = predict_many(clips[:3], models) + predict_many(clips[3:], models)
    for said, other in zip(anna, regrouped, strict=True):
        for key, row in said.raw.items():
            np.testing.assert_array_equal(row, other.raw[key])
        assert said.strangeness == other.strangeness
        np.testing.assert_array_equal(said.numbers, other.numbers)


# --- large voices --------------------------------------------------------------------------------


def test_divide_gives_equal_parts_with_equal_sound_together(monkeypatch):
    monkeypatch.setattr(known_voice, "MAX_CLIPS", 4)
    digests = [bytes([i]) for i in (5, 3, 9, 1, 1, 7, 2, 8, 4, 0, 3)]
    parts = divide(digests)
    assert sorted(i for part in parts for i in part) == list(range(len(digests)))
    by_part = [{digests[i] for i in part} for part in parts]
    assert [len(own) for own in by_part] == [3, 3, 3]
    assert sorted(b"".join(sorted(own)) for own in by_part) == [
        b"\0\1\2",
        b"\3\4\5",
        b"\7\x08\x09",
    ]
    assert divide(digests[:4]) == [[3, 1, 0, 2]]
    assert divide([]) == [[]]


def test_know_speakers_divides_a_large_voice(models, anna, monkeypatch):
    monkeypatch.setattr(known_voice, "MAX_CLIPS", MIN_CLIPS)
    found = know_speakers(anna, ["anna"] * 10, models)
    order = sorted(range(10), key=lambda i: to_clip(anna[i], models.calibration).digest)
    for half in (order[:5], order[5:]):
        alone = know_speakers([anna[i] for i in half], ["half"] * 5, models)
        for i, expected in zip(half, alone, strict=True):
            np.testing.assert_array_equal(shares(found[i]), shares(expected))
            assert found[i].voice_clips == 5


# --- names ---------------------------------------------------------------------------------------


def test_read_speakers_takes_texts_and_whole_numbers():
    number: Any = np.int64(7)
    assert read_speakers([" a", number, None, ""], 4) == ["a", "7", "", ""]


@pytest.mark.parametrize(
    ("names", "n", "message"),
    [
        (["a", "b"], 3, r"There are 2 speakers for 3 recordings\. Give one name for each"),
        (["a", "b"], 1, r"There are 2 speakers for 1 recordings"),
        ("anna", 4, r"speakers='anna' is one text\. Give a list"),
        (["a", float("nan")], 2, r"speakers\[1\] is nan, of type float\. Give a text, or None"),
    ],
)
def test_read_speakers_rejects_other_names(names, n, message):
    with pytest.raises(SettingError, match=message):
        read_speakers(names, n)


def test_predict_many_rejects_speakers_before_it_reads():
    with pytest.raises(SettingError, match="There are 1 speakers for 2 recordings"):
        emo.predict_many(["gone.wav", "gone.wav"], speakers=["a"])
