"""Test the answers for clips: complete, in order, and the same in any batch and thread."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from emo.audio.clip import decode
from emo.classifiers.calibration import Calibration, calibrate, reweight
from emo.classifiers.registry import CLASSIFIERS
from emo.inference.loading import ANSWER_KEYS, load_models
from emo.inference.predictor import answer, choose_among, predict, predict_many
from emo.labels import ENSEMBLE, INDEX, LABELS
from tests.support.models import needs_keras
from tests.support.signals import encoded, padded, tone, voice

pytestmark = needs_keras


@pytest.fixture(scope="module")
def models(tiny_models):
    return load_models(tiny_models)


def clip(samples):
    return decode(encoded(samples, subtype="FLOAT"))


def test_predict_has_four_answers_in_order(models):
    found = predict(clip(voice()), models)
    assert tuple(found.answers) == ANSWER_KEYS == (*CLASSIFIERS, ENSEMBLE)
    for given in found.answers.values():
        assert given.probabilities.shape == (len(LABELS),)
        assert given.probabilities.sum() == pytest.approx(1.0)
        assert given.label == LABELS[given.probabilities.argmax()]
        assert given.confidence == given.probabilities.max()


def test_calibrated_equals_probabilities_computed_by_hand():
    rows = np.zeros((1, 8))
    rows[0, :2], rows[0, 7] = (0.4, 0.1), 0.5
    other = np.zeros((1, 8))
    other[0, :2] = 0.5, 0.5
    raw = {"tree": rows, "cnn": other, "mlp": other}
    weights = {"tree": 2.0, "cnn": 1.0, "mlp": 0.0}
    found = calibrate(raw, Calibration({"tree": 0.5, "cnn": 1.0, "mlp": 1.0}, weights, {}))
    np.testing.assert_allclose(found["tree"][0, :2], [16 / 17, 1 / 17], atol=1e-5)  # calm is out
    np.testing.assert_allclose(found["ensemble"][0, :2], [16 / 17, 1 / 17], atol=1e-5)
    np.testing.assert_allclose(found["cnn"][0, :2], [0.5, 0.5], atol=1e-5)


SOME = ("angry", "neutral", "sad")


def test_predict_among_some_labels_renormalises_before_the_temperature(models):
    """The ratio of two labels is that of the raw probabilities, to the power of 1 / temperature."""
    temperatures = dict(zip(CLASSIFIERS, (0.5, 1.0, 2.0, 1.5), strict=True))
    calibration = replace(models.calibration, temperatures=temperatures)
    found = predict(clip(voice()), replace(models, calibration=calibration), SOME)
    assert found.among == SOME
    places = [INDEX[label] for label in SOME]
    for key, given in found.answers.items():
        assert given.label in SOME
        assert given.runner_up in SOME
        assert given.probabilities.sum() == pytest.approx(1.0)
        assert np.delete(given.probabilities, places).tolist() == [0.0] * 4
        if key != "ensemble":
            powers = found.raw[key][places] ** (1 / temperatures[key])
            np.testing.assert_allclose(
                given.probabilities[places], powers / powers.sum(), atol=1e-5
            )


def test_choose_among_equals_a_prediction_among_the_labels(models):
    spoken = clip(voice())
    found, everything = predict(spoken, models, SOME), predict(spoken, models)
    chosen = choose_among(everything, SOME, models.calibration)
    assert chosen.to_dict() == found.to_dict()
    assert choose_among(chosen, LABELS, models.calibration).to_dict() == everything.to_dict()


def test_choose_among_leaves_out_a_classifier_without_an_answer(models):
    """The ensemble is then that of the others, as for all labels."""
    left = {key: model for key, model in models.classifiers.items() if key != "mlp"}
    fewer = replace(models, classifiers=left, calibration=reweight(models.calibration, tuple(left)))
    spoken = clip(voice())
    chosen = choose_among(predict(spoken, fewer), SOME, models.calibration)
    assert chosen.to_dict() == predict(spoken, fewer, SOME).to_dict()


def test_thresholds_among_some_labels_are_those_of_the_subset(models):
    none, every = dict.fromkeys(ANSWER_KEYS, 0.0), dict.fromkeys(ANSWER_KEYS, 1.01)
    calibration = replace(
        models.calibration, thresholds=none, thresholds_among={"angry neutral sad": every}
    )
    limited, spoken = replace(models, calibration=calibration), clip(voice())
    assert predict(spoken, limited).unsure == ()
    assert predict(spoken, limited, SOME).unsure == ANSWER_KEYS
    assert predict(spoken, limited, ("angry", "sad")).unsure == ()


def test_answer_below_its_threshold_is_unsure_and_names_two_labels():
    rows = np.array([0.1, 0.0, 0.3, 0.0, 0.0, 0.6, 0.0])
    assert (answer(rows, 0.7).unsure, answer(rows, 0.6).unsure) == (True, False)
    assert (answer(rows).label, answer(rows).runner_up) == ("sad", "fearful")


def test_answer_of_equal_probabilities_is_the_first_label():
    given = answer(np.full(7, 1 / 7))
    assert (given.label, given.runner_up) == ("angry", "disgusted")


def test_predict_many_has_the_answers_of_predict(models):
    clips = [clip(voice(100.0 + 30 * i, duration_s=0.5 + 0.3 * i, seed=i)) for i in range(4)]
    together = predict_many(clips, models)
    for one, other in zip(together, (predict(c, models) for c in clips), strict=True):
        for key in ANSWER_KEYS:
            np.testing.assert_allclose(
                one.answers[key].probabilities, other.answers[key].probabilities, atol=1e-6
            )
    assert predict_many([], models) == []


@pytest.mark.slow
def test_predict_is_the_same_in_parallel_threads(models):
    clips = [clip(voice(100.0 + 30 * i, duration_s=0.5 + 0.1 * i, seed=i)) for i in range(8)]
    expected = predict_many(clips, models)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda one: predict(one, models), 4 * clips))
    for one, other in zip(found, 4 * expected, strict=True):
        assert one.quality == other.quality
        for key in ANSWER_KEYS:
            np.testing.assert_allclose(
                one.answers[key].probabilities, other.answers[key].probabilities, atol=1e-6
            )


def test_predict_is_independent_of_level_and_of_silence_around(models):
    spoken = voice(duration_s=1.0)
    one = predict(clip(spoken), models)
    other = predict(clip(padded(spoken, 0.4, 0.9) * np.float32(0.05)), models)
    for key in ANSWER_KEYS:
        np.testing.assert_allclose(
            one.answers[key].probabilities, other.answers[key].probabilities, atol=1e-3
        )


def test_to_dict_has_every_field(models):
    found = predict(clip(tone(duration_s=1.0)), models).to_dict()
    assert set(found) == {
        "duration_s",
        "warnings",
        "speech_warnings",
        "quality",
        "among",
        "models",
        "strange",
        "ensembles",
    }
    assert found["among"] == list(LABELS)
    assert [concern["kind"] for concern in found["speech_warnings"]] == ["tone"]
    assert found["duration_s"] == pytest.approx(1.0)
    assert isinstance(found["warnings"], list)
    assert found["quality"]["source_rate_hz"] == 16_000
    assert [one[:27] for one in found["quality"]["quality_warnings"]] == [
        "Short clip (1.0 s). Two or ",
        "There is next to nothing ab",
    ]
    assert list(found["models"]["ensemble"]["probabilities"]) == list(LABELS)


def test_unsure_lists_the_keys_of_unsure_answers(models):
    found = predict(clip(voice(duration_s=1.0)), models)
    given = answer(np.full(7, 1 / 7), 0.5)
    assert replace(
        found, answers={"tree": given, "ensemble": answer(np.eye(7)[2], 0.5)}
    ).unsure == ("tree",)


# --- Prediction sets -----------------------------------------------------------------------------


def test_answers_carry_their_prediction_sets(models):
    limits = {"tree": {"80": 0.3, "90": 0.1}, "ensemble": {"80": 0.0, "90": 0.0}}
    given = replace(models, calibration=replace(models.calibration, sets=limits))
    found = predict(clip(voice()), given)
    tree = found.answers["tree"]
    order = np.argsort(-tree.probabilities, kind="stable")
    for level, limit in limits["tree"].items():
        expected = [LABELS[i] for i in order if tree.probabilities[i] >= limit]
        assert list(tree.sets[level]) == (expected or [tree.label])
    assert set(found.ensemble.sets["80"]) == set(LABELS)
    assert found.answers["cnn"].sets == {}
    content = found.to_dict()["models"]
    assert content["tree"]["sets"] == {level: list(own) for level, own in tree.sets.items()}
    assert "sets" not in content["cnn"]


def test_sets_hold_no_label_that_cannot_occur(models):
    limits = {"tree": {"80": 0.0, "90": 0.0}}
    given = replace(models, calibration=replace(models.calibration, sets=limits))
    found = predict(clip(voice()), given, ("angry", "sad"))
    assert set(found.answers["tree"].sets["90"]) == {"angry", "sad"}


def test_fewer_labels_keep_what_a_set_held(models):
    limits = {"ensemble": {"80": 0.15}}
    given = replace(models, calibration=replace(models.calibration, sets=limits))
    among = ("angry", "happy", "neutral", "sad")
    whole = predict(clip(voice()), given).ensemble.sets["80"]
    assert set(whole) & set(among) <= set(predict(clip(voice()), given, among).ensemble.sets["80"])
