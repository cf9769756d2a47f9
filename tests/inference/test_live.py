"""Test the answers for the last speech of a sound that is still arriving."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import emo
from emo.features.speech import SpeechWarning
from emo.inference import live
from emo.inference.live import LiveAnswer, Pcm, Recent, RecentSound
from emo.inference.loading import Models
from emo.inference.predictor import Prediction, predict
from emo.system.paths import sample_path
from tests.support import signals

RATE_HZ = 16_000
STEP = RATE_HZ // 2


@pytest.fixture(scope="module")
def models() -> Models:
    return emo.load_models()


def pcm(samples: npt.ArrayLike) -> Pcm:
    values = np.asarray(samples, np.float64)
    return np.round(32767 * np.clip(values, -1, 1)).astype(np.int16)


def pause(duration_s: float) -> Pcm:
    rng = np.random.default_rng(7)
    return pcm(0.0005 * rng.standard_normal(round(duration_s * RATE_HZ)))


def speech(name: str) -> Pcm:
    return pcm(emo.load(sample_path(name)).samples)


def run(sound: Pcm, models: Models, **more: object) -> list[LiveAnswer]:
    """Return the answer after each half second of a sound."""
    recent, answers, answered = RecentSound(), [], 0
    for start in range(0, len(sound) - STEP + 1, STEP):
        recent.add(sound[start : start + STEP])
        answer = live.answer_recent(recent.latest(), models, answered=answered, **more)  # type: ignore[arg-type]
        answered = answer.window[1] if answer.window else answered
        answers.append(answer)
    return answers


@pytest.fixture(scope="module")
def sound() -> Pcm:
    parts = [pause(1.0), speech("angry"), speech("happy"), pause(3.0), speech("sad"), pause(2.0)]
    return np.concatenate(parts)


@pytest.fixture(scope="module")
def answers(sound: Pcm, models: Models) -> list[LiveAnswer]:
    return run(sound, models)


def test_answer_recent_says_what_predict_says_of_the_same_samples(sound, answers):
    windows = [answer for answer in answers if answer.window]
    assert len(windows) >= 8
    for answer in windows:
        start, stop = answer.window
        expected = emo.predict(sound[start:stop], RATE_HZ)
        assert answer.prediction.to_dict() == expected.to_dict()


def test_windows_hold_one_to_three_seconds_and_end_with_the_speech(answers):
    for answer in answers:
        if answer.window:
            start, stop = answer.window
            assert 1.0 * RATE_HZ <= stop - start <= 3.0 * RATE_HZ
            assert stop <= answer.stop
            assert answer.is_speech == (answer.stop - stop < 0.3 * RATE_HZ)
    ends = [answer.window[1] for answer in answers if answer.window]
    assert all(np.diff(ends) >= 0.1 * RATE_HZ)


def test_windows_do_not_reach_across_a_pause(sound, answers):
    start = len(pause(1.0)) + len(speech("angry")) + len(speech("happy"))
    middle = start + RATE_HZ * 3 // 2
    windows = [answer.window for answer in answers if answer.window]
    assert [window for window in windows if window[0] < middle < window[1]] == []
    assert [window for window in windows if window[0] >= middle]
    assert [window for window in windows if window[1] <= middle]


def test_a_pause_has_no_new_answer(answers):
    last_s = (answers[-1].stop - 2 * RATE_HZ) / RATE_HZ
    late = [answer for answer in answers if answer.stop / RATE_HZ > last_s + 1.0]
    assert late
    assert [(answer.window, answer.is_speech) for answer in late] == [(None, False)] * len(late)


@pytest.mark.parametrize("level", [0.0, 0.0005])
def test_silence_has_no_answer(models, level):
    rng = np.random.default_rng(1)
    answers = run(pcm(level * rng.standard_normal(4 * RATE_HZ)), models)
    assert {(answer.window, answer.is_speech) for answer in answers} == {(None, False)}


@pytest.mark.parametrize("kind", ["tone", "noise"])
def test_sound_that_is_no_speech_has_a_warning_and_no_answer(models, kind):
    rng = np.random.default_rng(1)
    noise = 0.1 * rng.standard_normal(4 * RATE_HZ)
    sound = signals.tone(440.0, 4.0, RATE_HZ) if kind == "tone" else noise
    answers = run(pcm(sound), models)
    assert {answer.window for answer in answers} == {None}
    assert answers[-1].warning is not None
    assert answers[-1].warning.kind == kind


def test_a_window_that_is_no_speech_by_itself_has_no_answer(models, monkeypatch):
    """As where music follows speech: the sound as a whole counts as speech, its end does not."""
    warning = SpeechWarning("music", "This sounds like music.")

    def predict_music(*arguments: Any) -> Prediction:
        return replace(predict(*arguments), speech_warnings=(warning,))

    monkeypatch.setattr(live, "predict", predict_music)
    sound = speech("angry")
    answer = live.answer_recent(Recent(sound, len(sound)), models)
    assert (answer.window, answer.prediction, answer.warning) == (None, None, warning)


def test_speech_of_less_than_a_second_has_no_answer_yet(models):
    sound = np.concatenate([pause(0.5), speech("angry")[: round(0.6 * RATE_HZ)]])
    answer = live.answer_recent(Recent(sound, len(sound)), models)
    assert answer.window is None
    assert answer.is_speech


def test_answer_recent_chooses_among_the_emotions_that_can_occur(models):
    among = ("happy", "sad")
    sound = speech("angry")
    answer = live.answer_recent(Recent(sound, len(sound)), models, among)
    assert answer.window is not None
    assert answer.prediction is not None
    start, stop = answer.window
    expected = emo.predict(sound[start:stop], RATE_HZ, among=among)
    assert answer.prediction.ensemble.to_dict() == expected.ensemble.to_dict()
    assert answer.prediction.ensemble.label in among


def test_recent_sound_keeps_four_seconds_and_counts_all():
    sound = np.arange(100_000).astype(np.int16)
    recent = RecentSound()
    for piece in np.array_split(sound, 37):
        recent.add(piece)
    latest = recent.latest()
    assert latest.stop == 100_000
    assert np.array_equal(latest.samples, sound[-4 * RATE_HZ :])
